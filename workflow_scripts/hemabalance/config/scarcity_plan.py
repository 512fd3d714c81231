"""The trainings that the section `scarcity` expands to: recipes x n x draws x seeds, and those on the whole classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from hemabalance.config.classify import ExperimentConfig
from hemabalance.config.scarcity import PREFIX, ScarcityConfig, ScarcityRecipe
from hemabalance.protocols import Protocol, Rules, scarce_protocol

WHOLE: Rules = "leak_free"
"""Protocol of the trainings on the whole classes, whose split the scarce ones cut."""


@dataclass(frozen=True)
class ScarcityTraining:
    """One training, or average of trainings: recipe, its experiment, n and draw (None and 0: whole classes), seed."""

    recipe: str
    experiment: str
    n: int | None
    draw: int
    seed: int

    @property
    def protocol(self) -> Protocol:
        """The protocol under which it is trained."""
        return WHOLE if self.n is None else scarce_protocol(self.n, self.draw)


@dataclass(frozen=True)
class ScarcityPlan:
    """Queries on the section; all are empty where no class is named."""

    config: ScarcityConfig

    @property
    def is_planned(self) -> bool:
        """Whether the config names scarce classes."""
        return bool(self.config.classes)

    @cached_property
    def protocols(self) -> dict[Protocol, tuple[int, int]]:
        """Each scarce protocol -> n and draw."""
        cuts = product(self.config.n, range(1, self.config.draws + 1)) if self.is_planned else ()
        return {scarce_protocol(n, draw): (n, draw) for n, draw in cuts}

    @property
    def first_draws(self) -> list[Protocol]:
        """The protocol of the first draw of each n."""
        return [protocol for protocol, (_, draw) in self.protocols.items() if draw == 1]

    @property
    def synthesis_sets(self) -> list[str]:
        """Balanced sets of the recipes with synthetic images, each once; of an average those of its members."""
        names = self.config.synthesis if self.is_planned else ()
        sets = [self.config.recipes[member].recipe for name in names for member in self.config.members(name)]
        return list(dict.fromkeys(name for name in sets if name))

    @cached_property
    def experiments(self) -> Mapping[str, ExperimentConfig]:
        """Experiment -> set and model of each recipe that has a model of its own; protocols are the jobs' own."""
        return {
            experiment_of(name): ExperimentConfig(recipe=entry.recipe, model=entry.model, seeds=self.config.seeds)
            for name, entry in self._recipes.items()
            if entry.recipe and entry.model
        }

    @cached_property
    def averages(self) -> Mapping[str, tuple[str, ...]]:
        """Experiment of each average -> experiments of its members."""
        averages = {name: entry.average for name, entry in self._recipes.items() if entry.average}
        return {experiment_of(name): tuple(map(experiment_of, members)) for name, members in averages.items()}

    @cached_property
    def trainings(self) -> list[ScarcityTraining]:
        """All trainings and averages, in the order of the recipes; on the whole classes the ceiling, line, baseline."""
        cuts: list[tuple[int | None, int]] = list(self.protocols.values())
        whole = {self.config.ceiling, self.config.line, self.config.baseline}
        return [
            ScarcityTraining(name, experiment_of(name), n, draw, seed)
            for name in self._recipes
            for n, draw in [*cuts, *([(None, 0)] if name in whole else [])]
            for seed in self.config.seeds
        ]

    @property
    def _recipes(self) -> Mapping[str, ScarcityRecipe]:
        return self.config.recipes if self.is_planned else {}


def experiment_of(recipe: str) -> str:
    """Name of the experiment of a recipe, that of its folder."""
    return f"{PREFIX}{recipe}"
