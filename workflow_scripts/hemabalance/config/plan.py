"""What a validated config amounts to: which experiments run, who is shown on which page, and who was given real images.

Names only: where the files are is the rules' business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from hemabalance.config.balance import RecipeConfig
from hemabalance.config.classify import ExperimentConfig, ModelEntry
from hemabalance.config.run import Config

MAIN, ALL = "", "experiments/"
"""Pages, each a folder of the run: what `snakemake` runs, and what `snakemake experiments` runs."""


@dataclass(frozen=True)
class Plan:
    """A config, asked by names; a name that it does not hold is a KeyError."""

    config: Config

    @cached_property
    def experiments(self) -> Mapping[str, ExperimentConfig]:
        """The experiments whose protocol is listed, by name."""
        every = self.config.classify.experiments
        return {name: entry for name, entry in every.items() if entry.protocol in self.config.protocols}

    @cached_property
    def protocols(self) -> list[str]:
        """Those with an experiment, sorted."""
        return sorted({entry.protocol for entry in self.experiments.values()})

    @cached_property
    def pages(self) -> Mapping[str, list[str]]:
        """By page the experiments on it, in their order there."""
        shown = [name for name, entry in self.experiments.items() if entry.shown]
        return {MAIN: shown, ALL: list(self.experiments)}

    def recipe(self, name: str) -> RecipeConfig:
        """A recipe by its name."""
        return self.config.balance.recipes[name]

    def recipe_of(self, experiment: str) -> str:
        """Name of the recipe of an experiment."""
        return self.experiments[experiment].recipe

    def model_of(self, experiment: str) -> ModelEntry:
        """The model of an experiment."""
        return self.config.classify.models[self.experiments[experiment].model]

    def sets(self, recipe: str) -> list[str]:
        """Names of the image sets of a recipe: the normalised real images, and what each generator drew."""
        return ["real", *self.recipe(recipe).generators]

    def size(self, recipe: str) -> int:
        """Side of the images of a recipe, in pixels."""
        return (self.config.images if self.recipe(recipe).size == "images" else self.config.synthesis).size

    def teachers(self, recipe: str) -> dict[str, str]:
        """Generator of a recipe -> the generator that it learned from, where there is one."""
        entries = {name: self.config.synthesis.generators[name] for name in self.recipe(recipe).generators}
        return {name: entry.teacher for name, entry in entries.items() if entry.teacher}

    def real_image_consumers(self, recipe: str) -> list[tuple[str, str]]:
        """Kind and name of everyone in a recipe who was given real images, and kept a list of them.

        Kinds are `normalizer`, `generator`, `gate` (with the name of the generator whose draws it judged), `teacher`,
        and `judge` (with the name of the normaliser of its images).
        """
        entry = self.recipe(recipe)
        gated = entry.gate != "none"
        found = [("normalizer", entry.normalizer)]
        for name in entry.generators:
            found += [("generator", name), *([("gate", name)] if gated else [])]
        found += [("teacher", name) for name in dict.fromkeys(self.teachers(recipe).values())]
        if entry.generators and gated:
            found.append(("judge", entry.normalizer))
        return found

    def balanced_on(self, page: str) -> list[tuple[str, str]]:
        """Protocol and recipe of each balanced set that a page stands on."""
        on_it = (self.experiments[name] for name in self.pages[page])
        return list(dict.fromkeys((entry.protocol, entry.recipe) for entry in on_it))

    def real_set(self, experiment: str) -> tuple[str, str]:
        """Protocol and normaliser of the real images of an experiment."""
        entry = self.experiments[experiment]
        return entry.protocol, self.recipe(entry.recipe).normalizer

    def real_sets_on(self, page: str) -> list[tuple[str, str]]:
        """The same of every experiment on a page, each once."""
        return list(dict.fromkeys(map(self.real_set, self.pages[page])))

    def pairs_on(self, page: str) -> list[tuple[str, str]]:
        """The comparisons on a page: those of config, and each ablation with what it is taken from."""
        pairs = [(pair.a, pair.b) for pair in self.config.classify.comparisons]
        pairs += [(self.ablation_baseline, name) for name in self.config.classify.ablations.values()]
        shown = self.pages[page]
        return [(a, b) for a, b in dict.fromkeys(pairs) if a != b and a in shown and b in shown]

    @cached_property
    def ablation_baseline(self) -> str:
        """The experiment that the ablations leave something out of: the first row of their table; empty for none."""
        return next(iter(self.config.classify.ablations.values()), "")

    def ablations_on(self, page: str) -> dict[str, str]:
        """Ablations on a page, by experiment the row; none where the whole is not on it."""
        shown, rows = self.pages[page], self.config.classify.ablations
        if self.ablation_baseline not in shown:
            return {}
        return {name: row for row, name in rows.items() if name in shown and name != self.ablation_baseline}

    def heading(self, experiment: str) -> str:
        """An experiment in headings, with its protocol and the seed that is shown."""
        entry = self.experiments[experiment]
        return f"{experiment}, {entry.protocol}, seed {entry.seeds[0]}"
