"""The trainings and predictions that the section `across` expands to."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hemabalance.config.across import PREFIX, AcrossConfig
from hemabalance.config.classify import ExperimentConfig
from hemabalance.protocols import Protocol, across_protocol


@dataclass(frozen=True)
class AcrossPlan:
    """Queries on the section; all are empty where it has no row.

    Attributes:
        config: the section.
        reference: the source whose labels the trainings see.
    """

    config: AcrossConfig
    reference: str

    @property
    def is_planned(self) -> bool:
        """Whether there is such an experiment."""
        return self.config.is_planned

    @property
    def protocols(self) -> list[Protocol]:
        """The protocol, or none."""
        return [across_protocol(self.reference)] if self.is_planned else []

    @cached_property
    def experiments(self) -> Mapping[str, ExperimentConfig]:
        """Experiment -> set, model and seeds of each model; rows with one model share its trainings."""
        seeds: dict[str, set[int]] = {}
        for row in self.config.rows.values():
            if row.model:
                seeds.setdefault(row.model, set()).update(row.seeds)
        return {
            experiment_of(model): ExperimentConfig(
                recipe=self.config.recipe, model=model, seeds=tuple(sorted(of_model))
            )
            for model, of_model in seeds.items()
        }

    @property
    def predicted(self) -> list[str]:
        """The rows with a model of their own."""
        return [name for name, row in self.config.rows.items() if row.model]

    @property
    def averages(self) -> list[str]:
        """The rows that are averages of others."""
        return [name for name, row in self.config.rows.items() if row.average]

    @property
    def seeded_rows(self) -> list[tuple[str, int]]:
        """Row and seed of all predictions, in the order of the rows."""
        return [(name, seed) for name, row in self.config.rows.items() for seed in row.seeds]

    def experiments_behind(self, row: str) -> list[str]:
        """The experiments whose networks a row consists of, each once."""
        models = (self.config.rows[member].model for member in self.config.members(row))
        return list(dict.fromkeys(experiment_of(model) for model in models if model))

    def description(self, row: str) -> dict[str, Any]:
        """What a row is, as JSON values; of an average only its members."""
        entry = self.config.rows[row]
        values = entry.model_dump(include={"normalizer", "poses", "zooms", "statistics"})
        return {"model": entry.model or "", **values, "members": entry.average}


def experiment_of(model: str) -> str:
    """Name of the experiment that trains a model of the rows, that of its folder."""
    return f"{PREFIX}{model}"
