"""What was measured of one stain normaliser."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hemabalance.methods import traits_of
from hemabalance.taxonomy import SOURCE_OF

DOMAINS = tuple(SOURCE_OF)
SOURCE_NAME = {domain: f"{domain.upper()} ({source})" for domain, source in SOURCE_OF.items()}


@dataclass(frozen=True)
class NormalizerResult:
    """One normaliser under one protocol.

    Attributes:
        name: in config.
        method: behind the name.
        metrics: as `stain.evaluate` gives them.
        training: as `stain.fit` writes it.
    """

    name: str
    method: str
    metrics: Mapping[str, Any]
    training: Mapping[str, Any]

    @property
    def untouched(self) -> bool:
        """Whether it changes nothing: its rows are the baseline."""
        return not traits_of("stain", self.method).changes_images

    @property
    def label(self) -> str:
        """Its name in tables and figures."""
        return f"{self.name} (untouched)" if self.untouched else self.name

    def row(self, table: str, **keys: str) -> Mapping[str, Any] | None:
        """The row of a table of `metrics` that has these values; None if it has none."""
        rows: list[Mapping[str, Any]] = self.metrics[table]
        return next((row for row in rows if all(row[key] == value for key, value in keys.items())), None)
