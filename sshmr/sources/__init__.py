"""One reader per kind of recording."""
