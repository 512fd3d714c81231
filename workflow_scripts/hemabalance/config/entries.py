"""Entries of the config that select a method and its settings, such as those of `stain.normalizers`.

An entry contains both its own keys and the settings of its method; `method` determines which settings are allowed.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union

from pydantic import Field, create_model

from hemabalance.errors import InputError
from hemabalance.methods import method_names, settings_class
from hemabalance.protocols import Rules
from hemabalance.section import Section

METHOD_SECTIONS = (("stain", "normalizers"), ("synthesis", "generators"), ("classify", "models"))
"""Sections of entries under user-defined names, each of which selects a method of the stage."""
OTHER_ENTRIES = (
    ("balance", "recipes"),
    ("classify", "experiments"),
    ("classify", "averages"),
    ("classify", "ablations"),
    ("scarcity", "recipes"),
    ("across", "rows"),
)
"""Sections of entries under user-defined names that select no method."""


class MethodEntry(Section):
    """The keys of every entry that selects a method."""

    method: str
    """A folder in `<stage>/methods`; default: the entry's name."""
    like: str | None = None
    """Another entry, whose keys this entry inherits unless it sets them itself."""

    def method_settings(self, stage: str) -> Section:
        """The settings of the entry's method, an object of its settings class."""
        model = settings_class(stage, self.method)
        return model(**{name: getattr(self, name) for name in model.model_fields})


class ComparedEntry(MethodEntry):
    """An entry that is compared with others in tables."""

    compare: tuple[Rules, ...] = ("leak_free",)
    """Protocols under whose tables it is listed; under `thesis`, its training images include the test images."""
    shown: bool = True
    """`snakemake` runs the entry and lists it in the tables; false: only `snakemake experiments` does."""


def any_entry(stage: str, base: type[MethodEntry]) -> Any:
    """The type of an entry: a union over the methods of a stage of `base` with the method's settings, discriminated by
    `method`.

    Raises:
        InputError: a method's folder is incomplete, or one of its settings has the name of a key of `base`.
    """
    models = [
        create_model(
            f"{stage}_{name}",
            __base__=(_settings_beside(stage, name, base), base),
            __doc__=settings_class(stage, name).__doc__,
            method=(Literal[name], name),  # type: ignore[arg-type]
        )
        for name in method_names(stage)
    ]
    return Annotated[Union[tuple(models)], Field(discriminator="method")]  # noqa: UP007


def _settings_beside(stage: str, method: str, base: type[MethodEntry]) -> type[Section]:
    settings = settings_class(stage, method)
    for name in settings.model_fields:
        if name in base.model_fields:
            where, problem = f"method {method}", f"has a setting {name!r}, which is a key of every entry of the config"
            raise InputError(where, problem, f"Rename it in hemabalance/{stage}/methods/{method}/__init__.py")
    return settings


def resolve_entries(values: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the entries of a config: add the keys inherited through `like`, and the default of `method`.

    Entries that are null are removed, so that an overlay can remove an entry.

    Raises:
        ValueError: `like` does not name another entry, or is circular.
    """
    values = dict(values)
    for section, key in METHOD_SECTIONS + OTHER_ENTRIES:
        if (entries := _entries(values, section, key)) is not None:
            kept = {name: entry for name, entry in entries.items() if entry is not None}
            if (section, key) in METHOD_SECTIONS:
                kept = {name: _complete(f"{section}.{key}", name, kept) for name in kept}
            values[section] = {**values[section], key: kept}
    return values


def methods_of_entries(values: Mapping[str, Any]) -> dict[str, str]:
    """The method of every entry of a config, by key, such as `stain.normalizers.reinhard`.

    Raises:
        ValueError: as `resolve_entries`.
    """
    values = resolve_entries(values)
    return {
        f"{section}.{key}.{name}": str(entry["method"])
        for section, key in METHOD_SECTIONS
        for name, entry in (_entries(values, section, key) or {}).items()
        if isinstance(entry, Mapping)
    }


def _entries(values: Mapping[str, Any], section: str, key: str) -> Mapping[str, Any] | None:
    """The entries of a section; None if its value has another type, which the validation refuses with a message."""
    content = values.get(section)
    entries = content.get(key) if isinstance(content, Mapping) else None
    return entries if isinstance(entries, Mapping) else None


def _complete(where: str, name: str, entries: Mapping[str, Any]) -> Any:
    if not isinstance(entries[name], Mapping):
        return entries[name]
    keys: dict[str, Any] = {}
    chain = [name]
    while isinstance(entries.get(chain[-1]), Mapping):
        current = chain[-1]
        keys = {**entries[current], **keys}
        parent = entries[current].get("like")
        if parent is None:
            return {"method": current, **keys}
        if parent not in entries or parent in chain:
            others = ", ".join(other for other in entries if other != name)
            raise ValueError(f"{where}.{current}.like is {parent!r}, which is not one of the other entries: {others}")
        chain.append(parent)
    return keys
