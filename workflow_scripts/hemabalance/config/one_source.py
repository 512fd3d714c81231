"""The config of a run with a single source: there is no other stain, so that every normaliser is `none`."""

from collections.abc import Mapping
from typing import Any

NORMALIZER = "none"


def without_normalizers(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a config with the normaliser `none` alone.

    Experiments that would repeat an earlier one (same recipe, model and protocol) are left out, with their ablations
    and comparisons.
    """
    values = {key: dict(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    values["stain"]["normalizers"] = {NORMALIZER: {"method": NORMALIZER}}
    values["synthesis"]["normalizer"] = NORMALIZER
    recipes = {name: {**entry, "normalizer": NORMALIZER} for name, entry in values["balance"]["recipes"].items()}
    values["balance"]["recipes"] = recipes
    classify = values["classify"]
    kept = _distinct(classify["experiments"], recipes)
    classify["experiments"] = kept
    classify["ablations"] = {row: name for row, name in classify.get("ablations", {}).items() if name in kept}
    classify["comparisons"] = [
        pair for pair in classify.get("comparisons", []) if pair["a"] in kept and pair["b"] in kept
    ]
    return values


def _distinct(experiments: Mapping[str, Any], recipes: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    found: list[dict[str, Any]] = []
    for name, entry in experiments.items():
        content = {**entry, "recipe": recipes.get(entry["recipe"]), "shown": None}
        if content not in found:
            found.append(content)
            kept[name] = entry
    return kept
