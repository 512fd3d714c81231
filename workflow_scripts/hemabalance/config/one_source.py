"""The config of a run with a single source: there is no other stain, so that every normaliser is `none`."""

from collections.abc import Mapping
from typing import Any

NORMALIZER = "none"


def without_normalizers(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a config with the normaliser `none` alone.

    Experiments that would repeat an earlier one (same recipe, model and protocol) are left out, with their ablations
    and comparisons; the earlier one is recommended in place of one that is left out.
    """
    values = {key: dict(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    values["stain"]["normalizers"] = {NORMALIZER: {"method": NORMALIZER}}
    values["synthesis"]["normalizer"] = NORMALIZER
    recipes = {name: {**entry, "normalizer": NORMALIZER} for name, entry in values["balance"]["recipes"].items()}
    values["balance"]["recipes"] = recipes
    classify = values["classify"]
    repeated = _repeated(classify["experiments"], recipes)
    kept = {name: entry for name, entry in classify["experiments"].items() if name not in repeated}
    classify["experiments"] = kept
    classify["ablations"] = {row: name for row, name in classify.get("ablations", {}).items() if name in kept}
    classify["comparisons"] = [
        pair for pair in classify.get("comparisons", []) if pair["a"] in kept and pair["b"] in kept
    ]
    for name, earlier in repeated.items():
        if classify.get("recommended") == name:
            classify["recommended"] = earlier
    return values


def _repeated(experiments: Mapping[str, Any], recipes: Mapping[str, Any]) -> dict[str, str]:
    """Experiment that would repeat an earlier one -> this earlier one."""
    repeated: dict[str, str] = {}
    found: list[tuple[str, dict[str, Any]]] = []
    for name, entry in experiments.items():
        content = {**entry, "recipe": recipes.get(entry["recipe"]), "shown": None}
        earlier = next((other for other, known in found if known == content), None)
        if earlier is None:
            found.append((name, content))
        else:
            repeated[name] = earlier
    return repeated
