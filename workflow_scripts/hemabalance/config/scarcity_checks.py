"""Checks of the section `scarcity` against the rest of the config."""

from collections.abc import Sequence

from hemabalance.config.balance import BalanceConfig
from hemabalance.config.classify import ClassifyConfig
from hemabalance.config.references import require_entry
from hemabalance.config.scarcity import PREFIX, ScarcityConfig
from hemabalance.config.scarcity_plan import WHOLE


def check_scarcity(
    scarcity: ScarcityConfig,
    classes: Sequence[str],
    protocols: Sequence[str],
    balance: BalanceConfig,
    classify: ClassifyConfig,
) -> None:
    """Check the names of the section, and that roles without synthetic images have none.

    Args:
        scarcity: the section.
        classes: classes of the run.
        protocols: protocols of the run.
        balance, classify: the sections that its recipes refer to.

    Raises:
        ValueError: a name is unknown or taken, leak_free is no protocol of the run, or a recipe has or lacks synthetic
            images against its role.
    """
    if not scarcity.classes:
        return
    for label in scarcity.classes:
        require_entry("scarcity.classes", label, "classes", classes)
    if WHOLE not in protocols:
        raise ValueError(f"scarcity needs the protocol {WHOLE}, whose split it cuts: add it to protocols")
    for name, entry in scarcity.recipes.items():
        if entry.recipe is not None and entry.model is not None:
            require_entry(f"scarcity.recipes.{name}.recipe", entry.recipe, "balance.recipes", balance.recipes)
            require_entry(f"scarcity.recipes.{name}.model", entry.model, "classify.models", classify.models)
    taken = [name for name in (*classify.experiments, *classify.averages) if name.startswith(PREFIX)]
    if taken:
        raise ValueError(f"classify: the name {taken[0]} starts with {PREFIX!r}, which is kept for scarcity.recipes")
    _check_roles(scarcity, balance)


def _check_roles(scarcity: ScarcityConfig, balance: BalanceConfig) -> None:
    for key, name in scarcity.roles.items():
        sets = [scarcity.recipes[member].recipe for member in scarcity.members(name)]
        synthetic = any(balance.recipes[recipe].generators for recipe in sets if recipe)
        if key.startswith("synthesis") and not synthetic:
            raise ValueError(f"scarcity.{key} names {name}, whose balanced set has no generator")
        if key in ("baseline", "line") and synthetic:
            raise ValueError(f"scarcity.{key} names {name}, whose balanced set has a generator: name one without")
