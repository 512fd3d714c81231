"""Stain normalisers, one folder each; the listing is the registry (`hemabalance.methods`)."""
