"""Kinds of differentiable augmentation; part of the settings, so PyTorch is not imported here."""

from typing import Literal

Kind = Literal["colour", "translation", "cutout"]
Policy = tuple[Kind, ...]
"""The kinds that are applied, in this order."""
