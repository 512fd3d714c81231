"""Checks of the section `across` against the rest of the config."""

from collections.abc import Collection

from hemabalance.config.across import PREFIX, AcrossConfig
from hemabalance.config.balance import BalanceConfig
from hemabalance.config.classify import ClassifyConfig
from hemabalance.config.references import require_entry
from hemabalance.config.stain import StainConfig
from hemabalance.methods import traits_of
from hemabalance.protocols import Rules

BASIS: Rules = "leak_free"
"""Protocol whose split that of the experiment follows."""


def check_across(
    across: AcrossConfig,
    reference: str,
    labelled: Collection[str],
    protocols: Collection[str],
    stain: StainConfig,
    balance: BalanceConfig,
    classify: ClassifyConfig,
) -> None:
    """Check the names of the section, and that the reference's images are untouched and its classes have a test.

    Args:
        across: the section.
        reference: source whose labels the trainings see.
        labelled: the sources with labels.
        protocols: protocols of the run.
        stain, balance, classify: the sections that its rows refer to.

    Raises:
        ValueError: a name is unknown or taken, leak_free is no protocol of the run, there is no other labelled source,
            the balanced set has synthetic or normalised images, or a normaliser changes no image, or those of the
            reference.
    """
    if not across.is_planned:
        return
    if BASIS not in protocols:
        raise ValueError(f"across needs the protocol {BASIS}, whose split it follows: add it to protocols")
    if reference not in labelled or len(labelled) < 2:
        raise ValueError(
            f"across needs labels of the reference ({reference}), to train on, and of another source, to test on; "
            f"sources with labels: {', '.join(labelled)}"
        )
    _check_set(across.recipe, stain, balance)
    for name, row in across.rows.items():
        if row.model is not None:
            require_entry(f"across.rows.{name}.model", row.model, "classify.models", classify.models)
        if row.normalizer is not None:
            _check_normalizer(f"across.rows.{name}.normalizer", row.normalizer, stain)
    taken = [name for name in (*classify.experiments, *classify.averages) if name.startswith(PREFIX)]
    if taken:
        raise ValueError(f"classify: the name {taken[0]} starts with {PREFIX!r}, which is kept for across.rows")


def _check_set(recipe: str, stain: StainConfig, balance: BalanceConfig) -> None:
    require_entry("across.recipe", recipe, "balance.recipes", balance.recipes)
    entry = balance.recipes[recipe]
    if entry.generators:
        raise ValueError(f"across.recipe is {recipe!r}, whose balanced set has a generator: name one without")
    if traits_of("stain", stain.normalizers[entry.normalizer].method).changes_images:
        raise ValueError(
            f"across.recipe is {recipe!r}, whose images are normalised by {entry.normalizer}: name one of untouched "
            "images; normalisers belong to the rows"
        )


def _check_normalizer(where: str, name: str, stain: StainConfig) -> None:
    require_entry(where, name, "stain.normalizers", stain.normalizers)
    entry = stain.normalizers[name]
    if not traits_of("stain", entry.method).changes_images:
        raise ValueError(f"{where} is {name!r}, which changes no image: leave the key out")
    if entry.direction != "to_a":
        raise ValueError(
            f"{where} is {name!r}, whose direction is {entry.direction!r}: it must bring other sources to the stain of "
            "the reference (to_a), because the models are trained on untouched images"
        )
