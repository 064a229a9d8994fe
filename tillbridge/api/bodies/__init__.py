"""Request bodies: their shapes, by noun, and how what is wrong with one becomes the name of a field and its mend."""
