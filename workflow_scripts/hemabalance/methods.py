"""The methods of a stage: each is a folder in `<stage>/methods/`, and the listing of these folders is the registry.

A method's folder provides
    __init__.py  one class whose name ends in `Settings`, a pydantic model of the method's own settings, and `TRAITS`,
                 what the workflow must know before the method runs; it must not import PyTorch: the Snakefile reads it
    method.py    `build`, as the protocol of its stage describes it
Both are imported by name, so that a fingerprint covers the methods that its rule runs and no other one.
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
        InputError: a folder has a name that no method can have.
    """
    names = sorted(path.parent.name for path in (PACKAGE / stage / "methods").glob("*/__init__.py"))
    for name in names:
        if not _NAME.fullmatch(name):
            problem = "is no name of a method"
            raise InputError(_folder(stage, name), problem, "Rename it: small letters, digits and _, a letter first")
    return tuple(names)


def settings_class(stage: str, method: str) -> type[Section]:
    """The pydantic model of a method's own settings.

    Raises:
        InputError: there is no such method, or its folder lacks a part.
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
    """What the workflow must know of a method before it runs: its `TRAITS`.

    Raises:
        InputError: there is no such method, or its folder lacks a part.
    """
    found = getattr(_method_package(stage, method), "TRAITS", None)
    if found is None:
        raise _incomplete(stage, method, f"`TRAITS`, see hemabalance/{stage}/method.py")
    return found


def implementation(stage: str, method: str) -> ModuleType:
    """The module that provides `build`; it may import PyTorch.

    Raises:
        InputError: there is no such method.
    """
    _method_package(stage, method)
    return importlib.import_module(f"hemabalance.{stage}.methods.{method}.method")


def modules_of(stage: str, method: str) -> tuple[str, ...]:
    """Dotted names of all modules in a method's folder: what the fingerprint of a rule that runs it must cover."""
    folder = PACKAGE / stage / "methods" / method
    parts = (path.relative_to(PACKAGE.parent).with_suffix("").parts for path in sorted(folder.rglob("*.py")))
    return tuple(".".join(part for part in names if part != "__init__") for names in parts)


class MethodSpec(Section):
    """A method and its own settings: what a job is given of an entry of the config."""

    STAGE: ClassVar[str]

    method: str
    """Its folder in `<stage>/methods`."""
    settings: SerializeAsAny[Section]
    """An object of the method's settings class."""

    @classmethod
    def from_description(cls, description: Mapping[str, Any], where: Path) -> Self:
        """The method and the settings that a file of weights, or of a model, records.

        Args:
            description: `method` and `settings`, among others.
            where: the file, for messages.

        Raises:
            InputError: there is no such method, or it has not these settings.
        """
        try:
            return cls.of({name: description.get(name) for name in ("method", "settings")})
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            problem = f"records settings that the method {description.get('method')} does not have here ({wrong})"
            remedy = "Use the version of hemabalance that it was made with, or make it again"
            raise InputError(where, problem, remedy) from error

    @field_validator("settings", mode="before")
    @classmethod
    def _of_the_method(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, Section):
            return value
        return settings_class(cls.STAGE, info.data["method"]).of(value)


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
        what = f"cannot be imported: {type(error).__name__}: {error}"
        raise InputError(_folder(stage, method) / "__init__.py", what, "Correct it, or move the folder away") from error


def _incomplete(stage: str, method: str, lacks: str) -> InputError:
    return InputError(_folder(stage, method) / "__init__.py", f"lacks {lacks}", "Add it, as the other methods have it")


def _folder(stage: str, method: str) -> Path:
    return (PACKAGE / stage / "methods" / method).relative_to(PACKAGE.parent)
