"""Readable messages for validation errors of a config."""

import difflib
from collections.abc import Sequence
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hemabalance.config.descriptions import field_descriptions
from hemabalance.config.entries import METHOD_SECTIONS

Location = tuple[str | int, ...]


_NUMBER_OF_UNION = "constrained-float"
"""The last part of the location of a key that is a number or `auto`."""


def is_word_of_union(item: dict[str, Any]) -> bool:
    """Whether one of pydantic's errors only repeats that a number is not `auto`, which `explain` adds to the other."""
    return item["type"] == "literal_error" and str(item["loc"][-1]).startswith("literal[")


def explain(item: dict[str, Any], config: type[BaseModel]) -> str:
    """A message for one of pydantic's errors, with the allowed values."""
    loc: Location = item["loc"]
    if loc[-1:] == (_NUMBER_OF_UNION,):
        return f"{explain({**item, 'loc': loc[:-1]}, config)}, or auto"
    # In the location of an entry's key, pydantic inserts the entry's method as the discriminator of the union.
    key = ".".join(map(str, loc[:3] + loc[4:] if loc[:2] in METHOD_SECTIONS else loc))
    if item["type"] == "extra_forbidden":
        allowed = _keys_at(loc[:-1], config)
        near = difflib.get_close_matches(str(loc[-1]), allowed, n=1)
        hint = f", did you mean {near[0]!r}" if near else f"; allowed are {', '.join(allowed)}"
        return f"unknown key {key!r}{hint}"
    if item["type"] == "missing":
        section = field_at(loc[:-1], config)[1]
        descriptions = field_descriptions(section) if _is_model(section) else {}
        return f"{key!r} is missing: {descriptions.get(str(loc[-1]), 'see hemabalance config')}"
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    if item["type"] == "union_tag_invalid":
        return f"'{key}.method' is {item['ctx']['tag']!r} but should be one of {item['ctx']['expected_tags']}"
    expected = str(item["msg"]).partition(" should ")[2]
    allowed_range = range_of(field_at(loc, config)[0])
    return (
        f"{key!r} is {item['input']!r} but should {expected}{f' (allowed: {allowed_range})' if allowed_range else ''}"
    )


def field_at(loc: Sequence[str | int], config: type[BaseModel]) -> tuple[FieldInfo | None, Any]:
    """The field at a location in a config, and its type; in the location of an entry, the method follows the name."""
    model: Any = config
    field = None
    for part in loc:
        if _is_model(model) and part in model.model_fields:
            field = model.model_fields[str(part)]
            # pydantic strips `Annotated` from a field's type, except around a discriminated union.
            model = field.annotation
        elif (members := union_members(model)) and part in members:
            model = members[str(part)]
        elif get_args(model):
            model = get_args(model)[-1]
    return field, model


def union_members(model: Any) -> dict[str, type[BaseModel]]:
    """The models of a union of entries, by method; empty for any other type."""
    union = get_args(model)[0] if get_origin(model) is Annotated else model
    models = [member for member in get_args(union) if _is_model(member)]
    if not models or not all("method" in model.model_fields for model in models):
        return {}
    return {get_args(model.model_fields["method"].annotation)[0]: model for model in models}


def range_of(field: FieldInfo | None) -> str:
    """The bounds of a number, such as `>= 1 and <= 20`; empty for a field without bounds."""
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    return " and ".join(
        f"{sign} {getattr(part, name)}"
        for part in (field.metadata if field else ())
        for name, sign in signs.items()
        if getattr(part, name, None) is not None
    )


def _keys_at(loc: Location, config: type[BaseModel]) -> list[str]:
    model = field_at(loc, config)[1]
    return list(model.model_fields) if _is_model(model) else []


def _is_model(model: Any) -> bool:
    return isinstance(model, type) and issubclass(model, BaseModel)
