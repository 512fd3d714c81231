"""The typed config of a run: every key described, bounded and given its default.

`hemabalance config` prints them; `run` holds the whole, the other modules its sections.
"""
