"""Checks of a teacher whose network another generator starts from."""

from collections.abc import Mapping
from typing import Any

from hemabalance.errors import InputError
from hemabalance.synthesis.generator import Generator


def require_teacher(where: str, teacher: Generator | None, kind: str) -> Generator:
    """The teacher, if there is one.

    Args:
        where: the student, for the message.
        teacher: the teacher; None without one.
        kind: what it should be, for the message.

    Raises:
        InputError: there is none.
    """
    if teacher is None:
        raise InputError(where, "is missing", f"Name {kind} in the entry's `teacher`")
    return teacher


def require_equal(where: str, pairs: Mapping[str, tuple[Any, Any]]) -> None:
    """Refuse a teacher whose values differ from the student's.

    Args:
        where: the student, for the message.
        pairs: values of teacher and student, by name.

    Raises:
        InputError: two values differ.
    """
    for key, (given, needed) in pairs.items():
        if given != needed:
            raise InputError(where, f"has {key} {given}, but the student {needed}", "Set both to the same value")
