"""hemabalance: stain-normalised, balanced blood-cell image sets from two laboratories, and a classifier on them."""
