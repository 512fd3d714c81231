"""References from one section of the config to the entries of another."""

from collections.abc import Iterable


def require_entry(where: str, name: str, section: str, known: Iterable[str]) -> None:
    """Refuse a name that is not an entry of a section.

    Args:
        where: key that holds the name.
        name: the name.
        section: section that it must be in.
        known: names of the entries of the section.

    Raises:
        ValueError: the name is unknown; lists those that are there.
    """
    if name not in (entries := list(known)):
        raise ValueError(f"{where} names {name!r}, which is not in {section}: {', '.join(entries)}")
