"""What was measured of one generator, and which figures the thesis has of its method."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemabalance.methods import method_names
from hemabalance.report.cells import NO_REASON
from hemabalance.report.reported import reported
from hemabalance.taxonomy import CLASSES

ALL = "all"
"""In place of a class: the classes of a generator together."""

COMPARED = {"generated": "generated", "floor": "floor: real images"}
"""Key of a row in `metrics.json` -> what a table calls the images that it is about."""

ROLES = ("rich", "rare", "all")
"""What `serves` may be, in the order of the tables."""

ReportedTables = Mapping[str, str]
"""Role that the thesis's classes have (rich, rare) -> the key of its table in `reported.yaml`."""


@dataclass(frozen=True)
class GeneratorResult:
    """One generator under one protocol.

    Attributes:
        name: in config.
        method: behind the name.
        serves: the role of the classes that it makes, `rich`, `rare` or `all`.
        normalizer: whose images it learned from.
        metrics: as `synthesis.evaluate` gives them, with `memorisation` and `agreement_by_step`.
        training: as `synthesis.fit` writes it.
        gate: as `synthesis.draw` writes it, `classes` and `settings`.
    """

    name: str
    method: str
    serves: str
    normalizer: str
    metrics: Mapping[str, Any]
    training: Mapping[str, Any]
    gate: Mapping[str, Any]

    @property
    def classes(self) -> list[str]:
        """The classes that it makes, in the order of `taxonomy.CLASSES`."""
        return [label for label in CLASSES if label in self.training["classes"]["served"]]

    @property
    def heading(self) -> str:
        """The generator in headings."""
        return f"{self.name} on images of {self.normalizer}"

    @property
    def head(self) -> dict[str, str]:
        """The columns that say which generator a row is about."""
        return {"generator": self.name, "normaliser": self.normalizer, "classes": self.serves}

    def row(self, table: str, **keys: str) -> Mapping[str, Any]:
        """The row of a table of `metrics` that has these values.

        Raises:
            KeyError: it has none.
        """
        rows: list[Mapping[str, Any]] = self.metrics[table]
        for row in rows:
            if all(row[key] == value for key, value in keys.items()):
                return row
        raise KeyError(f"{self.name} was not measured: {table}, {keys}")


def read_generator_results(
    generators: Sequence[Mapping[str, str]], metrics: Sequence[Path], training: Sequence[Path], gates: Sequence[Path]
) -> list[GeneratorResult]:
    """What was measured of each generator.

    Args:
        generators: `name, method, serves, normalizer` of each.
        metrics: its `metrics.json`, in the same order.
        training: its `training.json`, in the same order.
        gates: its `gate.json`, in the same order.
    """
    found = []
    for known, *paths in zip(generators, metrics, training, gates, strict=True):
        read: list[Mapping[str, Any]] = [json.loads(path.read_text("utf-8")) for path in paths]
        found.append(GeneratorResult(known["name"], known["method"], known["serves"], known["normalizer"], *read))
    return found


def reported_for(one: GeneratorResult, tables: ReportedTables) -> Any | None:
    """What the thesis reports of a generator's method on classes of its role; None where it reports nothing."""
    return reported(tables[one.serves]).get(one.method) if one.serves in tables else None


def only_reported(
    generators: Sequence[GeneratorResult], tables: ReportedTables
) -> Iterator[tuple[dict[str, str], Any, str]]:
    """The methods that the thesis reports and nobody measured: head of the row, what is reported, and why not."""
    measured = {(one.method, one.serves) for one in generators}
    for serves, table in tables.items():
        for method, figures in reported(table).items():
            if (method, serves) not in measured:
                head = {"generator": method, "normaliser": NO_REASON, "classes": serves}
                yield head, figures, "not in this run" if method in method_names("synthesis") else "not built"


def by_role(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of rich classes first, then of rare ones, then of generators of both; else in their order."""
    return sorted(rows, key=lambda row: ROLES.index(row["classes"]))
