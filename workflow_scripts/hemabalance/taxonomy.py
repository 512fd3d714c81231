"""Stand-in while the package moves to the classes and sources of the config: the classes and sources of the thesis."""

from hemabalance.presets import preset

_SOURCES = preset("thesis")["sources"]
CLASSES = tuple(sorted({name for source in _SOURCES.values() for name in source["classes"].values()}))
SOURCE_OF = {"a": "mendeley", "b": "tcia"}
FOLDERS: dict[str, dict[str, str]] = {name: source["classes"] for name, source in _SOURCES.items()}
REFINED: dict[tuple[str, str, str], str] = {("mendeley", "ig", "PMY"): "promyelocyte"}
Taxonomy = str


def label_of(source: str, folder: str, subtype: str | None, taxonomy: Taxonomy) -> str | None:
    """The class of an image, or None."""
    if taxonomy == "refined" and subtype is not None and (source, folder, subtype) in REFINED:
        return REFINED[source, folder, subtype]
    return FOLDERS[source].get(folder)
