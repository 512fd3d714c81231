"""Paired normalisers need the same cells in both stains, which the phantom renders for some pairs of sources only.

Where there are none, they are left out, and with them the normalisers that would learn from them.
"""

from collections.abc import Collection, Mapping
from typing import Any

from hemabalance.config.preset import NO_PRESET
from hemabalance.methods import method_names, traits_of
from hemabalance.presets import preset


def pairs_are_rendered(name: str, reference: str, origins: Collection[str]) -> bool:
    """Whether the phantom can render the same cells in both stains of every pair of sources.

    It can for laboratories that it renders itself, and for the two archives of a preset, which its first two looks
    resemble.

    Args:
        name: of the preset.
        reference: of the run.
        origins: of the sources.
    """
    if name != NO_PRESET:
        return len(origins) == 2 and reference == preset(name)["reference"]
    return all(origin == "phantom" for origin in origins)


def without_paired(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a config without the normalisers of paired methods, and without those with such a teacher.

    Raises:
        ValueError: a recipe, or the synthesis, uses one of them.
    """
    stain = _mapping(values.get("stain"))
    normalizers = _mapping(stain.get("normalizers"))
    paired = {name for name, entry in normalizers.items() if _is_paired(entry)}
    pupils = {name for name, entry in normalizers.items() if _mapping(entry).get("teacher") in paired}
    kept = {name: entry for name, entry in normalizers.items() if name not in paired | pupils}
    recipes = _mapping(_mapping(values.get("balance")).get("recipes"))
    used = {f"balance.recipes.{name}": entry for name, entry in recipes.items()}
    for where, entry in {"synthesis": values.get("synthesis"), **used}.items():
        name = _mapping(entry).get("normalizer")
        if name in normalizers and name not in kept:
            which = "method" if name in paired else "teacher"
            raise ValueError(
                f"{where}.normalizer is {name!r}, whose {which} needs the same cells in both stains, and there are no "
                f"such images of these sources: choose one of {', '.join(kept)}"
            )
    # Anything else than a mapping is left to the validation, which refuses it.
    return {**values, "stain": {**stain, "normalizers": kept}} if kept else dict(values)


def _is_paired(entry: Any) -> bool:
    method = _mapping(entry).get("method")
    return method in method_names("stain") and bool(traits_of("stain", str(method)).paired)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
