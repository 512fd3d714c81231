"""Readers behind `archives.open_archive`: one module per archive format, and their common checks."""
