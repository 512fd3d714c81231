"""Descriptions of the keys of the config: the strings below the fields of its models.

They are read from the source code when they are printed. Pydantic's option `use_attribute_docstrings` reads them when a
model is created, which takes a third of a dry run.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any, get_args

from pydantic import BaseModel


@cache
def field_descriptions(model: type[BaseModel]) -> dict[str, str]:
    """The description of each field of a model that has one, also of inherited fields."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found |= _strings_below_fields(base)
    return {name: found[name] for name in model.model_fields if name in found}


def described_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a model, with the descriptions of all fields."""
    schema = model.model_json_schema()
    models = {found.__name__: found for found in _models(model)}
    for name, part in [(model.__name__, schema), *schema.get("$defs", {}).items()]:
        for field, text in field_descriptions(models[name]).items() if name in models else ():
            part["properties"][field] = {"description": text, **part["properties"][field]}
    return schema


def _models(model: Any) -> Iterator[type[BaseModel]]:
    """A model and all models in the types of its fields."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        yield model
        for field in model.model_fields.values():
            yield from _models(field.annotation)
    else:
        for part in get_args(model):
            yield from _models(part)


def _strings_below_fields(model: type[BaseModel]) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(model))
    except (OSError, TypeError):  # a model of `create_model`
        return {}
    definition = ast.parse(source).body[0]
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }  # fmt: skip
