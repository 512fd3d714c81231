"""Classes, folders and sources of the preset `thesis`."""

from typing import Any

from hemabalance.config.sources import SourceConfig
from hemabalance.dataset.class_map import ClassMap, class_map
from hemabalance.presets import preset

_SOURCES = preset("thesis")["sources"]
FOLDERS: dict[str, dict[str, str]] = {name: source["classes"] for name, source in _SOURCES.items()}
CLASSES = tuple(sorted({name for folders in FOLDERS.values() for name in folders.values()}))
PAIR = {"a": "mendeley", "b": "tcia"}
"""The two stain domains: a is the reference."""
SOURCE_OF = PAIR
LABEL_SETTINGS: dict[str, dict[str, Any]] = {
    name: SourceConfig.from_plain(source).label_settings for name, source in _SOURCES.items()
}
"""What decides the labels of each source (`SourceConfig.label_settings`)."""


def class_maps(taxonomy: str = "thesis") -> dict[str, ClassMap]:
    """The maps of both sources under a taxonomy."""
    changes = preset("thesis")["taxonomies"][taxonomy].get("sources", {})
    return {name: class_map(LABEL_SETTINGS[name] | changes.get(name, {}), CLASSES) for name in LABEL_SETTINGS}
