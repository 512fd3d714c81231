"""Text for `hemabalance config`: default, allowed values and description of each key."""

import difflib
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from hemabalance.config.descriptions import described_schema
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
    """Describe a key of the config: its value, or the keys of its section.

    Args:
        key: names joined by dots, such as `stain.normalizers.wcyclegan_gp.steps`; empty for the complete config.
        config: the model of the complete config.
        entries: the methods of the entries of a config file, by key. A method's name stands for an entry, too.
        width: of a line, in characters.

    Raises:
        InputError: there is no such key.
    """
    parent, model = _find_type(key, config, entries)
    if (entry := _entry_type(model)) is not None:
        return "\n".join(_describe_entries(key, entry, width))
    if _is_section(model):
        return "\n".join([*_wrap(model.__doc__, "", width), "", *_describe_section(key, model, width)])
    schema = described_schema(parent)
    return "\n".join(_describe_value(key, schema["properties"][key.rpartition(".")[2]], schema, width))


def schema_of(key: str, config: type[BaseModel], entries: Mapping[str, str]) -> str:
    """The JSON schema of the section at a key; arguments and errors as `describe_key`."""
    model = _find_type(key, config, entries)[1]
    if not _is_section(model):
        raise InputError(f"key {key}", "is a value, not a section of the config", "Choose the section that contains it")
    return json.dumps(described_schema(model), indent=2)


def _find_type(key: str, config: type[BaseModel], entries: Mapping[str, str]) -> tuple[Any, Any]:
    """The type of the parent of a key, and the type of the key itself."""
    parent: Any = None
    model: Any = config
    path = ""
    for part in key.split(".") if key else ():
        parent, entry = model, _entry_type(model)
        if entry is None:
            known = list(model.model_fields) if _is_section(model) else []
            model = model.model_fields[part].annotation if part in known else None
        else:
            by_method, full = union_members(entry), f"{path}.{part}"
            in_file = [name.rpartition(".")[2] for name in entries if name.rpartition(".")[0] == path]
            known = list(dict.fromkeys([*in_file, *by_method])) or [part]
            model = by_method.get(entries.get(full, part)) if by_method else entry
        if part not in known or model is None:
            near = difflib.get_close_matches(part, known, n=1)
            hint = f"did you mean {near[0]!r}" if near else f"allowed are {', '.join(known) or 'none'}"
            raise InputError(f"key {key}", f"{path or 'the config'} has no {part!r}, {hint}", "Choose another key")
        path = f"{path}.{part}" if path else part
    return parent, model


def _is_section(model: Any) -> bool:
    return isinstance(model, type) and issubclass(model, BaseModel)


def _entry_type(model: Any) -> Any:
    """The type of the entries of a section with user-defined names; None for any other section or value."""
    entry = get_args(model)[1] if get_origin(model) is dict else None
    return entry if union_members(entry) or _is_section(entry) else None


def _describe_entries(key: str, entry: Any, width: int) -> Iterator[str]:
    """The keys of every entry, and the methods to choose from."""
    by_method = union_members(entry)
    example = next(iter(by_method.values())) if by_method else entry
    schema = described_schema(example)
    fields = [set(model.model_fields) for model in by_method.values()]
    shared = set.intersection(*fields) if by_method else example.model_fields
    settings = " and the settings of its method" if by_method else ""
    yield from _wrap(f"Entries by name: {example.__doc__ if not by_method else ''}", "", width)
    yield f"Each has these keys{settings}:"
    yield ""
    for name in example.model_fields:
        if name in shared:
            values = schema["properties"][name]
            if by_method and name == "method":
                values = {"enum": list(by_method), "description": values["description"], "default": "its name"}
            yield from _describe_value(name, values, schema, width)
    if by_method:
        yield ""
        yield f"Methods; `hemabalance config {key}.NAME` prints the settings of a method:"
        yield ""
        for method, model in by_method.items():
            yield from _wrap(f"{method}: {model.__doc__}", "  ", width)


def _describe_section(key: str, model: type[BaseModel], width: int) -> Iterator[str]:
    schema = described_schema(model)
    for name, values in schema["properties"].items():
        full = f"{key}.{name}" if key else name
        section = _section(values, schema)
        if section is not None or "additionalProperties" in values:
            text = values.get("description") or (section or {}).get("description", "")
            yield from _wrap(f"{name}: {text.splitlines()[0] if text else ''}", "", width)
            yield f"    `hemabalance config {full}`"
        else:
            yield from _describe_value(name, values, schema, width)


def _describe_value(name: str, values: Schema, schema: Schema, width: int) -> Iterator[str]:
    default = json.dumps(values["default"], ensure_ascii=False) if "default" in values else "required"
    yield f"{name}: {default}   ({allowed(values, schema)})"
    yield from _wrap(values.get("description", ""), "    ", width)


def allowed(values: Schema, schema: Schema) -> str:
    """The values that a JSON schema allows, in words."""
    if "$ref" in values:
        return allowed(schema["$defs"][values["$ref"].rpartition("/")[2]], schema)
    if "enum" in values:
        return ", ".join(map(str, values["enum"]))
    if "const" in values:
        return str(values["const"])
    if "anyOf" in values:
        return " or ".join(allowed(option, schema) for option in values["anyOf"])
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
    """The section that a property refers to; None for a value."""
    if "$ref" not in values:
        return None
    definition: Schema = schema["$defs"][values["$ref"].rpartition("/")[2]]
    return definition if definition.get("type") == "object" else None


def _wrap(text: str | None, indent: str, width: int) -> Sequence[str]:
    return textwrap.wrap(" ".join((text or "").split()), width, initial_indent=indent, subsequent_indent=indent)
