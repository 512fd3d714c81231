"""Classifiers, one folder each; `hemabalance.methods` lists the folders, there is no other registry."""
