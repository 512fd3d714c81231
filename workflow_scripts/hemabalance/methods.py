"""Registry of the methods of each stage: every folder in `<stage>/methods/` is a method.

A method's folder contains
    __init__.py  one class whose name ends in `Settings`, a pydantic model of the method's settings, and `TRAITS`, the
                 properties that the workflow needs before the method runs. The Snakefile imports this module, so that
                 it must not import PyTorch.
    method.py    `build`, see the protocol in `<stage>/method.py`
Both are imported by name, so that the fingerprint of a rule covers the methods that it runs and no others.
"""

import importlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Self

from pydantic import SerializeAsAny, ValidationError, ValidationInfo, field_validator

from hemabalance.errors import InputError
from hemabalance.section import Section

PACKAGE = Path(__file__).resolve().parent
_SETTINGS = {
    "stain": "hemabalance.stain.method.NormalizerSettings",
    "synthesis": "hemabalance.synthesis.method.GeneratorSettings",
    "classify": "hemabalance.classify.method.ClassifierSettings",
}
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def method_names(stage: str) -> tuple[str, ...]:
    """The methods of a stage (`stain`, `synthesis` or `classify`), in alphabetical order.

    Raises:
        InputError: the name of a folder is not a valid method name.
    """
    names = sorted(path.parent.name for path in (PACKAGE / stage / "methods").glob("*/__init__.py"))
    for name in names:
        if not _NAME.fullmatch(name):
            problem = "is not a valid method name"
            raise InputError(
                _folder(stage, name), problem, "Rename it: lower-case letters, digits and _, first a letter"
            )
    return tuple(names)


def settings_class(stage: str, method: str) -> type[Section]:
    """The pydantic model of a method's settings.

    Raises:
        InputError: there is no such method, or its folder is incomplete.
    """
    package = _method_package(stage, method)
    defined = [
        value
        for name, value in vars(package).items()
        if isinstance(value, type) and name.endswith("Settings") and value.__module__ == package.__name__
    ]
    if len(defined) != 1 or not issubclass(defined[0], Section):
        raise _incomplete(stage, method, f"its settings: one subclass of {_SETTINGS[stage]} named <Method>Settings")
    return defined[0]


def traits_of(stage: str, method: str) -> Any:
    """The `TRAITS` of a method: the properties that the workflow needs before the method runs.

    Raises:
        InputError: there is no such method, or its folder is incomplete.
    """
    traits = getattr(_method_package(stage, method), "TRAITS", None)
    if traits is None:
        raise _incomplete(stage, method, f"`TRAITS`, see hemabalance/{stage}/method.py")
    return traits


def implementation(stage: str, method: str) -> ModuleType:
    """The module that provides `build`; it may import PyTorch.

    Raises:
        InputError: there is no such method.
    """
    _method_package(stage, method)
    return importlib.import_module(f"hemabalance.{stage}.methods.{method}.method")


def modules_of(stage: str, method: str) -> tuple[str, ...]:
    """Dotted names of all modules in a method's folder, for the fingerprint of a rule that runs the method."""
    folder = PACKAGE / stage / "methods" / method
    parts = (path.relative_to(PACKAGE.parent).with_suffix("").parts for path in sorted(folder.rglob("*.py")))
    return tuple(".".join(part for part in names if part != "__init__") for names in parts)


class MethodSpec(Section):
    """A method and its settings: the part of a config entry that is passed to a job."""

    STAGE: ClassVar[str]

    method: str
    """Its folder in `<stage>/methods`."""
    settings: SerializeAsAny[Section]
    """An object of the method's settings class."""

    @classmethod
    def from_description(cls, description: Mapping[str, Any], where: Path) -> Self:
        """Read method and settings from the description in a weights file or model file.

        Args:
            description: has the keys `method` and `settings`, and possibly others.
            where: the file, for error messages.

        Raises:
            InputError: there is no such method, or it does not accept these settings.
        """
        try:
            return cls.from_plain({name: description.get(name) for name in ("method", "settings")})
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            problem = f"records settings that the method {description.get('method')} does not accept ({problems})"
            remedy = "Use the version of hemabalance that wrote the file, or make the file again"
            raise InputError(where, problem, remedy) from error

    @field_validator("settings", mode="before")
    @classmethod
    def _parse_settings(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, Section):
            return value
        return settings_class(cls.STAGE, info.data["method"]).from_plain(value)


@cache
def _method_package(stage: str, method: str) -> ModuleType:
    if method not in method_names(stage):
        known = ", ".join(method_names(stage))
        raise InputError(f"method {method}", f"is not in hemabalance/{stage}/methods", f"Choose one of {known}")
    if not (PACKAGE / stage / "methods" / method / "method.py").exists():
        raise InputError(
            _folder(stage, method), "lacks method.py, which provides `build`", "Add it, or move the folder"
        )
    try:
        return importlib.import_module(f"hemabalance.{stage}.methods.{method}")
    except Exception as error:
        problem = f"cannot be imported: {type(error).__name__}: {error}"
        raise InputError(
            _folder(stage, method) / "__init__.py", problem, "Correct it, or move the folder away"
        ) from error


def _incomplete(stage: str, method: str, lacks: str) -> InputError:
    return InputError(
        _folder(stage, method) / "__init__.py", f"lacks {lacks}", "Add it; the other methods are examples"
    )


def _folder(stage: str, method: str) -> Path:
    return (PACKAGE / stage / "methods" / method).relative_to(PACKAGE.parent)
