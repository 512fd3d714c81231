"""Balanced sets: building them, auditing them for leaks of test images, and exporting them."""
