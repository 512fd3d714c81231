"""The trainings and predictions that the section `across` expands to."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hemabalance.config.across import AcrossConfig
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
        """Experiment -> set, model and seeds; rows with one model, trained on the same images, share its trainings."""
        seeds: dict[tuple[str, str], set[int]] = {}
        for row in self.config.rows.values():
            if row.model:
                seeds.setdefault((row.experiment, row.model), set()).update(row.seeds)
        return {
            name: ExperimentConfig(recipe=self.config.recipe, model=model, seeds=tuple(sorted(of_model)))
            for (name, model), of_model in seeds.items()
        }

    @cached_property
    def teachers(self) -> Mapping[str, str]:
        """Experiment -> the row that labels the images of other sources which it is also trained on; most have none."""
        return {row.experiment: row.pseudo_labels for row in self.config.rows.values() if row.pseudo_labels is not None}

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

    @property
    def pseudo_labelled(self) -> list[tuple[str, int]]:
        """Row and seed of all predictions by models that were also trained on predicted labels."""
        return [(name, seed) for name, seed in self.seeded_rows if self.config.rows[name].pseudo_labels is not None]

    def experiments_behind(self, row: str) -> list[str]:
        """The experiments whose networks a row consists of, then those that labelled images for them, each once."""
        members = [self.config.rows[member] for member in self.config.members(row)]
        teachers = [self.config.rows[entry.pseudo_labels] for entry in members if entry.pseudo_labels is not None]
        return list(dict.fromkeys(entry.experiment for entry in [*members, *teachers]))

    def description(self, row: str) -> dict[str, Any]:
        """What a row is, as JSON values; of an average only its members. `pseudo_labels` only where it is set."""
        entry = self.config.rows[row]
        values = entry.model_dump(include={"normalizer", "poses", "zooms", "statistics"})
        values |= {} if entry.pseudo_labels is None else {"pseudo_labels": entry.pseudo_labels}
        return {"model": entry.model or "", **values, "members": entry.average}
