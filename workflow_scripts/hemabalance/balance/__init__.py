"""Balanced sets: recipes, the audit of leaks, export."""
