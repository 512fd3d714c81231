"""The faults, one module per kind."""

from importlib import import_module

from drill.faults.fault import Fault

KINDS = (
    "kills",
    "checkpoints",
    "disks",
    "damage",
    "concurrency",
    "changes",
    "clocks",
    "archives",
    "weights",
    "versions",
)
"""Modules of this folder, in the order of the table."""


def all_faults() -> list[Fault]:
    """Return all faults of the drill."""
    return [fault for kind in KINDS for fault in import_module(f"drill.faults.{kind}").FAULTS]
