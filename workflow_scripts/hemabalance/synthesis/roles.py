"""Which class is rich, rare, or has images enough, by its count after cleaning (thesis §3.5, §3.6)."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hemabalance.config.roles import RolesConfig, Serves
from hemabalance.errors import InputError
from hemabalance.taxonomy import CLASSES

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Roles:
    """Classes by role, each in the order of `taxonomy.CLASSES`; a class without an image has none."""

    rich: tuple[str, ...]
    rare: tuple[str, ...]
    enough: tuple[str, ...]


@dataclass(frozen=True)
class Classes:
    """What a generator is built for.

    Attributes:
        trained: those whose real images its (meta-)training sees.
        served: those that it makes images of.
    """

    trained: tuple[str, ...]
    served: tuple[str, ...]


def assign(counts: Mapping[str, int], roles: RolesConfig) -> Roles:
    """Roles by count; with the full archives and the defaults the thesis's 8 + 3 + neutrophil.

    Args:
        counts: images after cleaning by class; classes without an image may be missing.
        roles: thresholds, and lists that a person set instead.

    Raises:
        InputError: a listed class has no image, or no class is rich.
    """
    set_by_hand: dict[str, Sequence[str] | None] = {"rich": roles.rich, "rare": roles.rare}
    have = {name: count for name, count in counts.items() if count}
    for kind, listed in set_by_hand.items():
        for name in listed or ():
            if name not in have:
                raise InputError(f"synthesis.roles.{kind}", f"lists {name}, of which there is no image", "Take it out")
    role = {name: _role(count, roles) for name, count in have.items()}
    for kind, listed in set_by_hand.items():
        if listed is not None:
            # Whoever is not on a person's list of rich classes does not become rich by its count.
            role = {name: "enough" if was == kind else was for name, was in role.items()}
            role |= dict.fromkeys(listed, kind)
    for name, count in have.items():
        if role[name] == "rich" and count < roles.rich_from:
            few = "%s has %d images, fewer than rich_from = %d: treated as rich all the same"
            log.info(few, name, count, roles.rich_from)
    found = {kind: tuple(c for c in CLASSES if role.get(c) == kind) for kind in ("rich", "rare", "enough")}
    if not found["rich"]:
        held = ", ".join(f"{name} {count}" for name, count in sorted(have.items())) or "no image at all"
        raise InputError(
            "synthesis.roles", f"leaves no class rich, so nothing can be learned from ({held})",
            f"Lower rare_below (now {roles.rare_below}) or raise enough_from (now {roles.enough_from}), or list rich "
            "classes",
        )  # fmt: skip
    return Roles(**found)


def _role(count: int, roles: RolesConfig) -> str:
    if count < roles.rare_below:
        return "rare"
    return "enough" if count >= roles.enough_from else "rich"


def served(roles: Roles, serves: Serves) -> tuple[str, ...]:
    """The classes that a generator makes images of, in the order of `taxonomy.CLASSES`."""
    requested = {"rich": roles.rich, "rare": roles.rare, "all": roles.rich + roles.rare}[serves]
    return tuple(name for name in CLASSES if name in requested)


def makers(roles: Roles, *, rich: str | None, rare: str | None) -> dict[str, str]:
    """Class -> the generator that fills it up; classes that have enough, or no generator, are missing.

    Args:
        roles: of the classes.
        rich, rare: generators of each role by name; None for none.
    """
    found = {label: name for labels, name in ((roles.rich, rich), (roles.rare, rare)) if name for label in labels}
    return {label: found[label] for label in CLASSES if label in found}
