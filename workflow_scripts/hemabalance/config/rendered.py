"""What the phantom renders: settings of the rules `phantom` and `pairs`."""

from typing import Any

from hemabalance.config.preset import NO_PRESET
from hemabalance.config.run import Config


def rendered_laboratory(config: Config, source: str) -> dict[str, Any] | None:
    """Look, labels, classes and numbers of images of a rendered source; None for one of a preset, in its own layout."""
    if config.preset != NO_PRESET:
        return None
    entry = config.sources[source]
    labels = entry.classes or {name: name for name in config.classes}
    counts = {label: entry.counts.get(label, config.phantom.min_images) for label, name in labels.items() if name}
    return {"look": _look(config, source), "labels": labels, "counts": counts, "patients": config.phantom.patients}


def pair_looks(config: Config, source: str) -> list[int]:
    """Looks of rendered pairs of the reference and another source; 0 and 1 unless both are rendered laboratories."""
    pair = (config.reference, source)
    rendered = all(config.sources[name].origin == "phantom" for name in pair)
    return [_look(config, name) for name in pair] if rendered and config.preset == NO_PRESET else [0, 1]


def _look(config: Config, source: str) -> int:
    look = config.sources[source].look
    return list(config.sources).index(source) if look is None else look
