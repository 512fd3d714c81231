"""Generators of synthetic images, one folder each; the folders are the registry (`hemabalance.methods`)."""
