"""Entries of the config that name a method and carry its settings: `stain.normalizers`, and so on.

The keys of an entry and the settings of its method stand side by side; `method` tells which settings are allowed.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union

from pydantic import Field, create_model

from hemabalance.errors import InputError
from hemabalance.methods import method_names, settings_class
from hemabalance.protocols import Protocol
from hemabalance.section import Section

METHOD_SECTIONS = (("stain", "normalizers"), ("synthesis", "generators"), ("classify", "models"))
"""Sections whose keys are names that a person gives, and whose entries name a method of the stage."""
OTHER_ENTRIES = (("balance", "recipes"), ("classify", "experiments"), ("classify", "ablations"))
"""Sections whose keys are names, too, and whose entries name no method."""


class MethodEntry(Section):
    """What every entry has that names a method."""

    method: str
    """A folder in `<stage>/methods`; where not given, the entry's name."""
    like: str | None = None
    """Another entry, whose keys this one has where it gives none of its own."""

    def method_settings(self, stage: str) -> Section:
        """The settings of the entry's method, an object of its settings class."""
        own = settings_class(stage, self.method)
        return own(**{name: getattr(self, name) for name in own.model_fields})


class ComparedEntry(MethodEntry):
    """An entry that tables compare with others."""

    compare: tuple[Protocol, ...] = ("leak_free",)
    """Protocols under which it is in the tables; what is trained under `thesis` has seen the test images."""


def any_entry(stage: str, base: type[MethodEntry]) -> Any:
    """The type of an entry: for each method of a stage, `base` with the method's settings, told apart by `method`.

    Raises:
        InputError: a method's folder is incomplete, or a setting has the name of a key that every entry has.
    """
    models = [
        create_model(
            f"{stage}_{name}",
            __base__=(_settings_beside(stage, name, base), base),
            __doc__=settings_class(stage, name).__doc__,
            method=(Literal[name], Field(name, description=base.model_fields["method"].description)),  # type: ignore[arg-type]
        )
        for name in method_names(stage)
    ]
    return Annotated[Union[tuple(models)], Field(discriminator="method")]  # noqa: UP007


def _settings_beside(stage: str, method: str, base: type[MethodEntry]) -> type[Section]:
    own = settings_class(stage, method)
    for name in own.model_fields:
        if name in base.model_fields:
            where, problem = f"method {method}", f"has a setting {name!r}, which is a key of every entry of the config"
            raise InputError(where, problem, f"Rename it in hemabalance/{stage}/methods/{method}/__init__.py")
    return own


def resolve_entries(values: Mapping[str, Any]) -> dict[str, Any]:
    """A config as a person writes it, its entries complete: `like` is followed, and `method` is the name if not given.

    An entry that is null is left out, so that an overlay can take one away.

    Raises:
        ValueError: `like` names no other entry, or leads back to its own.
    """
    values = dict(values)
    for section, key in METHOD_SECTIONS + OTHER_ENTRIES:
        if (entries := _entries(values, section, key)) is not None:
            given = {name: entry for name, entry in entries.items() if entry is not None}
            if (section, key) in METHOD_SECTIONS:
                given = {name: _complete(f"{section}.{key}", name, given) for name in given}
            values[section] = {**values[section], key: given}
    return values


def methods_of_entries(values: Mapping[str, Any]) -> dict[str, str]:
    """By key, such as `stain.normalizers.reinhard`, the method of every entry of a config.

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
    """The entries there; None where there is something else, which is refused later, with what is wrong about it."""
    held = values.get(section)
    entries = held.get(key) if isinstance(held, Mapping) else None
    return entries if isinstance(entries, Mapping) else None


def _complete(where: str, name: str, entries: Mapping[str, Any]) -> Any:
    if not isinstance(entries[name], Mapping):
        return entries[name]
    keys: dict[str, Any] = {}
    at, passed = name, [name]
    while isinstance(entries.get(at), Mapping):
        keys = {**entries[at], **keys}
        following = entries[at].get("like")
        if following is None:
            return {"method": at, **keys}
        if following not in entries or following in passed:
            others = ", ".join(other for other in entries if other != name)
            raise ValueError(f"{where}.{at}.like is {following!r}, which is no other entry: {others}")
        at = following
        passed.append(at)
    return keys
