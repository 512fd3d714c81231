"""The keys of a config for a person to read: default, what is allowed, and what each means."""

import difflib
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from hemabalance.config.explain import union_members
from hemabalance.errors import InputError

Schema = Mapping[str, Any]

_NAMES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "null"}
_BOUNDS = {
    "minimum": ">=",
    "exclusiveMinimum": ">",
    "maximum": "<=",
    "exclusiveMaximum": "<",
    "multipleOf": "multiple of",
}


def describe_key(key: str, config: type[BaseModel], entries: Mapping[str, str], *, width: int) -> str:
    """What may stand at a key of the config, and below it.

    Args:
        key: parts joined by dots, such as `stain.normalizers.wcyclegan_gp.steps`; empty for the whole config.
        config: the model of the whole.
        entries: by key, the methods of entries that a config file has; an entry may also be called by a method's name.
        width: of a line, in characters.

    Raises:
        InputError: there is no such key.
    """
    parent, model = _found(key, config, entries)
    if (held := _held_by_name(model)) is not None:
        return "\n".join(_of_entries(key, held, width))
    if _is_section(model):
        return "\n".join([*_wrapped(model.__doc__, "", width), "", *_keys(key, model, width)])
    schema = parent.model_json_schema()
    return "\n".join(_one(key, schema["properties"][key.rpartition(".")[2]], schema, width))


def schema_of(key: str, config: type[BaseModel], entries: Mapping[str, str]) -> str:
    """The JSON schema of the section at a key; arguments and errors as `describe_key`."""
    model = _found(key, config, entries)[1]
    if not _is_section(model):
        raise InputError(f"key {key}", "is no section of the config", "Ask for the section that holds it")
    return json.dumps(model.model_json_schema(), indent=2)


def _found(key: str, config: type[BaseModel], entries: Mapping[str, str]) -> tuple[Any, Any]:
    """The type at a key, and the type that holds it."""
    parent: Any = None
    model: Any = config
    at = ""
    for part in key.split(".") if key else ():
        parent, held = model, _held_by_name(model)
        if held is None:
            known = list(model.model_fields) if _is_section(model) else []
            model = model.model_fields[part].annotation if part in known else None
        else:
            kinds, full = union_members(held), f"{at}.{part}"
            given = [name.rpartition(".")[2] for name in entries if name.rpartition(".")[0] == at]
            known = list(dict.fromkeys([*given, *kinds])) or [part]
            model = kinds.get(entries.get(full, part)) if kinds else held
        if part not in known or model is None:
            near = difflib.get_close_matches(part, known, n=1)
            hint = f"did you mean {near[0]!r}" if near else f"there are {', '.join(known) or 'none'}"
            raise InputError(f"key {key}", f"{at or 'the config'} has no {part!r}, {hint}", "Choose another")
        at = f"{at}.{part}" if at else part
    return parent, model


def _is_section(model: Any) -> bool:
    return isinstance(model, type) and issubclass(model, BaseModel)


def _held_by_name(model: Any) -> Any:
    """What a section holds under names that a person gives; None for a section of fixed keys, and for values."""
    held = get_args(model)[1] if get_origin(model) is dict else None
    return held if union_members(held) or _is_section(held) else None


def _of_entries(key: str, held: Any, width: int) -> Iterator[str]:
    """What every entry may hold, and the methods that entries may name."""
    kinds = union_members(held)
    one = next(iter(kinds.values())) if kinds else held
    schema = one.model_json_schema()
    shared = set.intersection(*(set(model.model_fields) for model in kinds.values())) if kinds else one.model_fields
    beside = ", and the settings of its method beside them" if kinds else ""
    yield from _wrapped(f"Entries by name: {one.__doc__ if not kinds else ''}", "", width)
    yield f"Each has these keys{beside}:"
    yield ""
    for name in one.model_fields:
        if name in shared:
            values = schema["properties"][name]
            if kinds and name == "method":
                values = {"enum": list(kinds), "description": values["description"], "default": "its name"}
            yield from _one(name, values, schema, width)
    if kinds:
        yield ""
        yield f"Methods; `hemabalance config {key}.NAME` prints the settings of one:"
        yield ""
        for method, model in kinds.items():
            yield from _wrapped(f"{method}: {model.__doc__}", "  ", width)


def _keys(key: str, model: type[BaseModel], width: int) -> Iterator[str]:
    schema = model.model_json_schema()
    for name, values in schema["properties"].items():
        full = f"{key}.{name}" if key else name
        section = _section(values, schema)
        if section is not None or "additionalProperties" in values:
            text = values.get("description") or (section or {}).get("description", "")
            yield from _wrapped(f"{name}: {text.splitlines()[0] if text else ''}", "", width)
            yield f"    `hemabalance config {full}`"
        else:
            yield from _one(name, values, schema, width)


def _one(name: str, values: Schema, schema: Schema, width: int) -> Iterator[str]:
    default = json.dumps(values["default"], ensure_ascii=False) if "default" in values else "required"
    yield f"{name}: {default}   ({allowed(values, schema)})"
    yield from _wrapped(values.get("description", ""), "    ", width)


def allowed(values: Schema, schema: Schema) -> str:
    """What a JSON schema allows, in words."""
    if "$ref" in values:
        return allowed(schema["$defs"][values["$ref"].rpartition("/")[2]], schema)
    if "enum" in values:
        return ", ".join(map(str, values["enum"]))
    if "const" in values:
        return str(values["const"])
    if "anyOf" in values:
        return " or ".join(allowed(one, schema) for one in values["anyOf"])
    if values.get("type") == "array":
        return _list(values, schema)
    bounds = " and ".join(f"{sign} {values[name]}" for name, sign in _BOUNDS.items() if name in values)
    pattern = f"matching {values['pattern']}" if "pattern" in values else ""
    return " ".join(filter(None, [_NAMES.get(str(values.get("type")), "section"), bounds, pattern]))


def _list(values: Schema, schema: Schema) -> str:
    if "prefixItems" in values:
        return f"list of {len(values['prefixItems'])}: {allowed(values['prefixItems'][0], schema)}"
    return f"list of: {allowed(values['items'], schema)}"


def _section(values: Schema, schema: Schema) -> Schema | None:
    """The section that a property refers to; None where it is a value."""
    if "$ref" not in values:
        return None
    found: Schema = schema["$defs"][values["$ref"].rpartition("/")[2]]
    return found if found.get("type") == "object" else None


def _wrapped(text: str | None, indent: str, width: int) -> Sequence[str]:
    return textwrap.wrap(" ".join((text or "").split()), width, initial_indent=indent, subsequent_indent=indent)
