"""Results of one stain normaliser."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hemabalance.methods import traits_of


@dataclass(frozen=True)
class NormalizerResult:
    """Results of one normaliser under one protocol.

    Attributes:
        name: name in config.
        method: its method.
        metrics: content of `metrics.json`, see `stain.evaluate`.
        training: content of `training.json`, see `stain.fit`.
    """

    name: str
    method: str
    metrics: Mapping[str, Any]
    training: Mapping[str, Any]

    @property
    def untouched(self) -> bool:
        """Whether the method leaves images unchanged; its rows are the baseline."""
        return not traits_of("stain", self.method).changes_images

    def source_name(self, domain: str) -> str:
        """The source of a domain in tables, such as `A (north)`."""
        return f"{domain.upper()} ({self.metrics['pair'][domain]})"

    @property
    def label(self) -> str:
        """Name in tables and figures."""
        return f"{self.name} (untouched)" if self.untouched else self.name

    def row(self, table: str, **keys: str) -> Mapping[str, Any] | None:
        """The row of a table of `metrics` with these values; None if there is none."""
        rows: list[Mapping[str, Any]] = self.metrics[table]
        return next((row for row in rows if all(row[key] == value for key, value in keys.items())), None)
