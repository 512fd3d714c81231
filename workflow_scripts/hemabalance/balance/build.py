"""Build the balanced set of one recipe and audit it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hemabalance.balance.audit import AuditSettings, write_audit
from hemabalance.balance.balanced_set import REAL, BalanceSettings, accepted_images, balance, write_balanced
from hemabalance.balance.leaks import AuditInputs
from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.seen_images import SeenImages
from hemabalance.dataset.tables import read_table
from hemabalance.protocols import Protocol
from hemabalance.synthesis.data import roles_of
from hemabalance.synthesis.gate_table import SCHEMA as GATE_SCHEMA
from hemabalance.synthesis.roles import generators_by_class

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BalanceRecipe:
    """One recipe of `balance.recipes` in config.yaml, with what it follows from the rest of the config.

    Attributes:
        name: name in config.
        protocol: protocol of the split.
        rich, rare: names of the generators of the rich and of the rare classes; None for none.
        gated: whether synthetic images must pass the gate.
        teachers: generator -> the generator whose images it was also trained on; others are missing.
        roles: decides which class is rich or rare.
        classes: all classes of the run in alphabetical order; images with other labels are left out.
    """

    name: str
    protocol: Protocol
    rich: str | None
    rare: str | None
    gated: bool
    teachers: Mapping[str, str]
    roles: RolesConfig
    classes: Sequence[str]


@dataclass(frozen=True)
class BalanceInputs:
    """The data that a balanced set is built from.

    Attributes:
        sets: the normalised images of all sources as `real`, and the images of each generator under its name.
        gates: generator -> its `gate.parquet`.
        seen_images: for each training and each gate behind the recipe, the real images that it used.
        split: split of the protocol.
        manifest: manifest of all sources.
    """

    sets: Mapping[str, ImageSet]
    gates: Mapping[str, Path]
    seen_images: Sequence[SeenImages]
    split: pd.DataFrame
    manifest: pd.DataFrame


def build_balanced(
    recipe: BalanceRecipe,
    inputs: BalanceInputs,
    settings: BalanceSettings,
    audit_settings: AuditSettings,
    *,
    table: Path,
    audit: Path,
    seed: int,
    threads: int,
) -> None:
    """Build a balanced set, audit it, and write both; a set that fails the audit is not written.

    Args:
        recipe: the recipe.
        inputs: the data.
        settings: how many images each class gets.
        audit_settings: thresholds and sample sizes of the audit.
        table: Parquet to write (`balance.balanced_set.SCHEMA`).
        audit: JSON to write (`balance.audit.write_audit`).
        seed: seed of the split and of the audit's random numbers.
        threads: images that are processed at once.

    Raises:
        InputError: a test image leaked under `leak_free`, or an input is missing, damaged or of another run.
    """
    split = inputs.split[inputs.split["label"].isin(recipe.classes)].reset_index(drop=True)
    roles = roles_of(split, recipe.classes, recipe.roles)
    generators = generators_by_class(roles, rich=recipe.rich, rare=recipe.rare)
    generated = {
        name: accepted_images(inputs.sets[name].index, read_table(gate, GATE_SCHEMA) if recipe.gated else None)
        for name, gate in inputs.gates.items()
    }
    real = inputs.sets[REAL].index
    rows = balance(split, real, recipe.protocol, generators, generated, settings, seed=seed)
    audit_inputs = AuditInputs(
        recipe=recipe.name,
        protocol=recipe.protocol,
        rows=rows,
        split=split,
        classes=recipe.classes,
        manifest=inputs.manifest,
        seen_images=inputs.seen_images,
        teachers=recipe.teachers,
        gated=recipe.gated,
        sets=inputs.sets,
    )
    write_audit(audit_inputs, generators, settings.target_per_class, audit_settings, audit, seed=seed, threads=threads)
    write_balanced(rows, table)
    log.info("%s: %s", recipe.name, rows.groupby(["part", "origin"]).size().to_dict())
