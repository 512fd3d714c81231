"""Make one balanced set and audit it: what a recipe in config becomes."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hemabalance.balance.audit import AuditSettings, write_audit
from hemabalance.balance.balanced_set import REAL, BalanceSettings, balance, candidates, write_balanced
from hemabalance.balance.leaks import AuditInputs
from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.seen_images import SeenImages
from hemabalance.dataset.tables import read_table
from hemabalance.protocols import Protocol
from hemabalance.synthesis.data import counts
from hemabalance.synthesis.gate_table import SCHEMA as GATE_SCHEMA
from hemabalance.synthesis.roles import assign, makers

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BalanceRecipe:
    """A recipe as config has it.

    Attributes:
        name: in config.
        protocol: who may see what.
        rich, rare: generators of the rich and of the rare classes by name; None for none.
        gated: whether synthetic images had to pass the gate.
        teachers: generator -> the generator that it learned from, for those that did.
        roles: which class is rich or rare.
    """

    name: str
    protocol: Protocol
    rich: str | None
    rare: str | None
    gated: bool
    teachers: Mapping[str, str]
    roles: RolesConfig


def build_balanced(
    recipe: BalanceRecipe,
    sets: Mapping[str, ImageSet],
    gates: Mapping[str, Path],
    seen: Sequence[SeenImages],
    split: pd.DataFrame,
    manifest: pd.DataFrame,
    settings: BalanceSettings,
    audit_settings: AuditSettings,
    *,
    table: Path,
    audit: Path,
    seed: int,
    threads: int,
) -> None:
    """Balance a set, audit it, and write both; nothing is written of a set that does not pass.

    Args:
        recipe: what to make.
        sets: the normalised images of both sources as `real`, and what each generator of the recipe drew.
        gates: generator -> its `gate.parquet`.
        seen: every list of real images behind the recipe.
        split: of the protocol.
        manifest: of all sources.
        settings: how many images of each class.
        audit_settings: how closely the audit looks.
        table: Parquet to write (`balance.balanced_set.SCHEMA`).
        audit: JSON to write (`balance.audit.write_audit`).
        seed: of the split, and of the audit's draws.
        threads: images at once.

    Raises:
        InputError: a test image leaked under `leak_free`, or an input is missing, damaged or of another run.
    """
    made_by = makers(assign(counts(split), recipe.roles), rich=recipe.rich, rare=recipe.rare)
    offered = {
        name: candidates(sets[name].index, read_table(gate, GATE_SCHEMA) if recipe.gated else None)
        for name, gate in gates.items()
    }
    rows = balance(split, sets[REAL].index, recipe.protocol, made_by, offered, settings, seed=seed)
    audit_inputs = AuditInputs(
        recipe.name, recipe.protocol, rows, split, manifest, seen, recipe.teachers, recipe.gated, sets
    )
    write_audit(audit_inputs, made_by, settings.target_per_class, audit_settings, audit, seed=seed, threads=threads)
    write_balanced(rows, table)
    log.info("%s: %s", recipe.name, rows.groupby(["part", "origin"]).size().to_dict())
