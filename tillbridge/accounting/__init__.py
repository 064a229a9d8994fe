"""Journals and reports: what the books say about every credit."""
