"""hemabalance: stain-normalised, balanced blood-cell image sets from two laboratories, and a classifier on them."""

import gc
import os

if "HEMABALANCE_JOB" in os.environ:
    # In a script of the workflow: collecting garbage takes up to a fifth of its imports. `stage` turns it on again.
    gc.disable()
