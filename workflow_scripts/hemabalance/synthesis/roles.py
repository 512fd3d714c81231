"""Roles of the classes: rich, rare or enough, by the number of images after cleaning (thesis §3.5, §3.6)."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hemabalance.config.roles import RolesConfig, Serves

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Roles:
    """Classes by role, each in alphabetical order; a class without images has no role."""

    rich: tuple[str, ...]
    rare: tuple[str, ...]
    enough: tuple[str, ...]


@dataclass(frozen=True)
class Classes:
    """Classes that a generator is built for.

    Attributes:
        trained: classes whose real images are used in the (meta-)training.
        served: classes that the generator can generate; if there is none, nothing is trained or generated.
        run: all classes of the run in alphabetical order; default: the trained and the served ones.
    """

    trained: tuple[str, ...]
    served: tuple[str, ...]
    run: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.run:
            object.__setattr__(self, "run", tuple(sorted({*self.trained, *self.served})))

    def index(self, label: str) -> int:
        """Index of a class among those of the run, which is part of the seed of its latents."""
        return self.run.index(label)


def assign(counts: Mapping[str, int], roles: RolesConfig, always_rare: Collection[str] = ()) -> Roles:
    """Roles by class count; the thesis's archives and the default thresholds give its 8 rich and 3 rare classes.

    Args:
        counts: number of images after cleaning by class; classes without images may be missing.
        roles: thresholds, and lists of classes that override them; a listed class without images has no role, and the
            log says so.
        always_rare: classes that are rare whatever their counts and the lists say.
    """
    listed_roles: dict[str, Sequence[str] | None] = {"rich": roles.rich, "rare": roles.rare}
    present = {name: count for name, count in counts.items() if count}
    for kind, listed in listed_roles.items():
        for name in listed or ():
            if name not in present:
                log.warning("synthesis.roles.%s lists %s, which has no image", kind, name)
    role = {name: _role(count, roles) for name, count in present.items()}
    for kind, listed in listed_roles.items():
        if listed is not None:
            # A list replaces the threshold: a class that is not listed does not get the role by its count.
            role = {name: "enough" if by_count == kind else by_count for name, by_count in role.items()}
            role |= {name: kind for name in listed if name in present}
    role |= {name: "rare" for name in always_rare if name in present}
    for name, count in present.items():
        if role[name] == "rich" and count < roles.rich_from:
            message = "%s has %d images, fewer than rich_from = %d; the class is still treated as rich"
            log.info(message, name, count, roles.rich_from)
    return Roles(
        **{kind: tuple(name for name in sorted(role) if role[name] == kind) for kind in ("rich", "rare", "enough")}
    )


def _role(count: int, roles: RolesConfig) -> str:
    if count < roles.rare_below:
        return "rare"
    return "enough" if count >= roles.enough_from else "rich"


def served(roles: Roles, serves: Serves) -> tuple[str, ...]:
    """Classes that a generator of this role generates, in alphabetical order; empty if no class has the role."""
    return tuple(sorted({"rich": roles.rich, "rare": roles.rare, "all": roles.rich + roles.rare}[serves]))


def generators_by_class(roles: Roles, *, rich: str | None, rare: str | None) -> dict[str, str]:
    """Class -> name of the generator that fills it up, without the classes with enough images or no generator.

    Args:
        roles: roles of the classes.
        rich, rare: name of the generator for the classes of this role; None without a generator.
    """
    generators = {label: name for labels, name in ((roles.rich, rich), (roles.rare, rare)) if name for label in labels}
    return dict(sorted(generators.items()))
