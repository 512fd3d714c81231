"""The typed config of a run: every key has a description, bounds and, where sensible, a default.

`hemabalance config` prints them. `run` defines the complete config, the other modules define its sections.
"""
