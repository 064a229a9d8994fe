"""Whether the book is whole: every row is read, every balance, total, seal and hash worked out again."""
