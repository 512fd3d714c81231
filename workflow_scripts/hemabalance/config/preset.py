"""Complete the values of a config by its preset, before they are validated."""

import difflib
from collections.abc import Mapping
from typing import Any

from hemabalance.presets import preset, preset_names

NO_PRESET = "none"


def with_preset(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a config over the defaults of its preset.

    Sources that are null are removed. A source that the preset does not know switches the preset off: the sources of
    the preset, its classes and its reported figures then do not belong to the run.

    Raises:
        ValueError: unknown preset or taxonomy.
    """
    values = dict(given)
    name = values.get("preset") or NO_PRESET
    if name not in (NO_PRESET, *preset_names()):
        raise ValueError(f"preset is {name!r}, but should be one of {', '.join((*preset_names(), NO_PRESET))}")
    sources = values.get("sources")
    sources = dict(sources) if isinstance(sources, Mapping) else {}
    packaged = set(preset(name)["sources"]) if name != NO_PRESET else set()
    if name != NO_PRESET and not set(sources) - packaged:
        values = _merged(_defaults(name, values), values)
        sources = values["sources"]
    else:
        values.pop("taxonomy", None)
        name, sources = NO_PRESET, _own(sources, packaged)
    if isinstance(values.get("sources"), Mapping):
        values["sources"] = {source: entry for source, entry in sources.items() if entry is not None}
    if name != NO_PRESET and values["reference"] not in values["sources"]:
        values["reference"] = None
    return {**values, "preset": name}


def near_source(name: str) -> str | None:
    """The source of a preset whose name resembles `name`, or None."""
    known = [source for each in preset_names() for source in preset(each)["sources"]]
    return next(iter(difflib.get_close_matches(name, known, n=1)), None)


def _defaults(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    content = dict(preset(name))
    taxonomies = content.pop("taxonomies")
    taxonomy = values.get("taxonomy") or next(iter(taxonomies))
    if taxonomy not in taxonomies:
        raise ValueError(f"taxonomy is {taxonomy!r}, but preset {name} has {', '.join(taxonomies)}")
    return {"taxonomy": taxonomy, **_merged(content, taxonomies[taxonomy])}


def _own(sources: Mapping[str, Any], packaged: set[str]) -> dict[str, Any]:
    """Sources without those of a preset that only an overlay mentions, such as `{origin: phantom}` of the demo."""
    packaged = packaged | {source for name in preset_names() for source in preset(name)["sources"]}
    complete = ("classes", "labels")
    own = {
        name: entry
        for name, entry in sources.items()
        if name not in packaged or (isinstance(entry, Mapping) and any(key in entry for key in complete))
    }
    return own or dict(sources)


def _merged(below: Any, above: Any) -> Any:
    """`above` over `below`, mapping by mapping; the classes of a source are replaced as a whole."""
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return above
    merged = {**below, **above}
    for key in below.keys() & above.keys():
        merged[key] = above[key] if key == "classes" else _merged(below[key], above[key])
    return merged
