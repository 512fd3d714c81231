"""Classes, folders and sources of the preset `thesis`."""

from hemabalance.presets import preset

_SOURCES = preset("thesis")["sources"]
FOLDERS: dict[str, dict[str, str]] = {name: source["classes"] for name, source in _SOURCES.items()}
CLASSES = tuple(sorted({name for folders in FOLDERS.values() for name in folders.values()}))
PAIR = {"a": "mendeley", "b": "tcia"}
"""The two stain domains: a is the reference."""
SOURCE_OF = PAIR
