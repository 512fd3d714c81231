"""Results of one generator, and the values that the thesis reports for its method."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hemabalance.report.cells import NO_REASON
from hemabalance.report.reported import reported

ALL = "all"
"""Label of rows about all classes of a generator."""

COMPARED = {"generated": "generated", "floor": "floor: real images"}
"""Key of a row in `metrics.json` -> name of its images in tables."""

NO_CLASS = "no class has the role that this generator serves"
"""Text in the figures of a generator without a class."""

ROLES = ("rich", "rare", "all")
"""Values of `serves`, in the order of the tables."""

NOT_IN_RUN = "not in this run"
"""Reason for a row with values of the thesis only."""

ReportedTables = Mapping[str, str]
"""Role of classes (rich, rare) -> key of the table in `reported.yaml`."""


@dataclass(frozen=True)
class GeneratorResult:
    """Results of one generator under one protocol.

    Attributes:
        name: name in config.
        method: its method.
        serves: role of the classes that it generates, `rich`, `rare` or `all`.
        normalizer: name of the normaliser of its training images.
        metrics: content of `metrics.json`, see `synthesis.evaluate`; also has `memorisation` and `agreement_by_step`.
        training: content of `training.json`, see `synthesis.fit`.
        gate: content of `gate.json`: `classes` and `settings`.
        role: `rich` or `rare` for the results of a generator of all classes over the classes of this role only, see
            `parts`; None for the results over all its classes.
    """

    name: str
    method: str
    serves: str
    normalizer: str
    metrics: Mapping[str, Any]
    training: Mapping[str, Any]
    gate: Mapping[str, Any]
    role: str | None = None

    @property
    def parts(self) -> list["GeneratorResult"]:
        """The results over all its classes and, of a generator of all classes, over those of each role."""
        return [self, *(replace(self, role=role) for role in ROLES if role in self.metrics.get("roles", ()))]

    @property
    def tables(self) -> Mapping[str, Any]:
        """Tables of `metrics`; those of a role have only rows about all its classes."""
        tables: Mapping[str, Any] = self.metrics["roles"][self.role] if self.role else self.metrics
        return tables

    @property
    def classes(self) -> list[str]:
        """The classes that it generates, in alphabetical order; only those of the role, if there is one."""
        return sorted(self.tables["classes"] if self.role else self.training["classes"]["served"])

    @property
    def heading(self) -> str:
        """Name of the generator and its normaliser, for headings."""
        return f"{self.name} on images of {self.normalizer}"

    @property
    def key_cells(self) -> dict[str, str]:
        """The columns that identify the generator in a table."""
        return {"generator": self.name, "normaliser": self.normalizer, "classes": self.role or self.serves}

    def row(self, table: str, **keys: str) -> Mapping[str, Any]:
        """The row of one of the `tables` with these values.

        Raises:
            KeyError: there is no such row.
        """
        rows: list[Mapping[str, Any]] = self.tables[table]
        for row in rows:
            if all(row[key] == value for key, value in keys.items()):
                return row
        raise KeyError(f"{self.name} was not measured: {table}, {keys}")


def read_generator_results(
    generators: Sequence[Mapping[str, str]], metrics: Sequence[Path], training: Sequence[Path], gates: Sequence[Path]
) -> list[GeneratorResult]:
    """Read the results of generators.

    Args:
        generators: `name, method, serves, normalizer` of each.
        metrics: `metrics.json` of each, in the same order.
        training: `training.json` of each, in the same order.
        gates: `gate.json` of each, in the same order.
    """
    results = []
    for generator, *paths in zip(generators, metrics, training, gates, strict=True):
        measured, trained, gate = (json.loads(path.read_text("utf-8")) for path in paths)
        name, method, serves, normalizer = (generator[key] for key in ("name", "method", "serves", "normalizer"))
        results.append(GeneratorResult(name, method, serves, normalizer, measured, trained, gate))
    return results


def reported_for(result: GeneratorResult, tables: ReportedTables, preset: str) -> Any | None:
    """Values that the thesis reports for the generator's method and role; None if there are none.

    The thesis's methods serve one role, so there are none for a generator of all classes, also over one role.
    """
    return reported(tables[result.serves], preset).get(result.method) if result.serves in tables else None


def any_reported(tables: ReportedTables, preset: str) -> bool:
    """Whether the thesis's values belong to the run, so that tables have columns for them."""
    return any(reported(table, preset) for table in tables.values())


def only_reported(
    generators: Sequence[GeneratorResult], tables: ReportedTables, preset: str
) -> Iterator[tuple[dict[str, str], Any]]:
    """Methods that the thesis reports and this run lacks: key cells of the row, and reported values."""
    measured_methods = {(result.method, result.serves) for result in generators}
    for serves, table in tables.items():
        for method, figures in reported(table, preset).items():
            if (method, serves) not in measured_methods:
                key_cells = {"generator": method, "normaliser": NO_REASON, "classes": serves}
                yield key_cells, figures


def by_role(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort rows by role (rich, rare, all), keeping the order within a role."""
    return sorted(rows, key=lambda row: ROLES.index(row["classes"]))
