"""hemabalance: stain-normalised, balanced blood-cell image sets from laboratories, and classifiers on them.

The workflow is run by Snakemake, single steps by the command `hemabalance`, and in Python there are

    from hemabalance import Classifier, Generator, InputError, Normalizer, find_copies

which are loaded when they are used: `import hemabalance` loads neither PyTorch nor pandas. See `hemabalance.api`.
"""

import gc
import os

if "HEMABALANCE_JOB" in os.environ:
    # In a script of the workflow: collecting garbage takes up to a fifth of its imports. `stage` turns it on again.
    gc.disable()


# Fingerprints of rules leave out these two functions (see `bookkeeping.fingerprint`): no job uses them.
def __getattr__(name: str) -> object:
    """A public name (PEP 562).

    Raises:
        AttributeError: there is none of this name.
    """
    from importlib import import_module

    return import_module("hemabalance.api").public(name)


def __dir__() -> list[str]:
    from importlib import import_module

    return sorted({*globals(), *import_module("hemabalance.api").PUBLIC})
