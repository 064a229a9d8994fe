"""The backlog: orphans found, explained and repaired by void-and-reissue."""
