"""Stain normalisation: the methods in `methods/`, and the code that fits, applies and evaluates them."""
