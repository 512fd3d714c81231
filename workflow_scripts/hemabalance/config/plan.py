"""The plan of a validated config: which experiments run, what each page shows, and which models used real images.

The plan consists of names; the rules define the paths of the files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from hemabalance.config.across_plan import AcrossPlan
from hemabalance.config.balance import RecipeConfig
from hemabalance.config.classify import ExperimentConfig, ModelEntry
from hemabalance.config.draws import DrawsConfig
from hemabalance.config.entries import ComparedEntry
from hemabalance.config.run import Config
from hemabalance.config.scarcity_plan import ScarcityPlan
from hemabalance.methods import traits_of
from hemabalance.protocols import Protocol

MAIN, ALL = "", "experiments/"
"""Pages, each a folder of the run: the results of `snakemake`, and those of `snakemake experiments`."""


@dataclass(frozen=True)
class Plan:
    """Queries on a config by name; an unknown name raises a KeyError."""

    config: Config

    @cached_property
    def experiments(self) -> Mapping[str, ExperimentConfig]:
        """The experiments whose protocol is listed, by name."""
        experiments = self.config.classify.experiments
        return {name: entry for name, entry in experiments.items() if entry.protocol in self.config.protocols}

    @cached_property
    def averages(self) -> list[str]:
        """Names of the averages whose protocol is listed."""
        return [name for name in self.config.classify.averages if set(self.members_of(name)) <= set(self.experiments)]

    def members_of(self, average: str) -> tuple[str, ...]:
        """The experiments whose probabilities an average is the mean of; also of an average of `scarcity`."""
        return self.scarcity.averages.get(average) or self.config.classify.averages[average]

    def experiments_of(self, name: str) -> tuple[str, ...]:
        """The experiments whose models an experiment or an average of `classify` uses: itself, or its members."""
        return self.config.classify.averages.get(name, (name,))

    @property
    def recommendation(self) -> dict[str, str]:
        """Role -> name of `recommended` and of the `thesis`'s method that it is compared with; empty without it."""
        named = {"recommended": self.config.classify.recommended, "thesis": self.ablation_baseline}
        return {role: name for role, name in named.items() if name} if named["recommended"] else {}

    def is_on(self, page: str, name: str) -> bool:
        """Whether the experiment, or all experiments of the average, are on a page."""
        return set(self.experiments_of(name)) <= set(self.pages[page])

    @cached_property
    def scarcity(self) -> ScarcityPlan:
        """The trainings of the section `scarcity`, which no page lists."""
        return ScarcityPlan(self.config.scarcity)

    @cached_property
    def across(self) -> AcrossPlan:
        """The trainings and predictions of the section `across`, which no page lists."""
        return AcrossPlan(self.config.across, self.config.reference)

    @property
    def added_by_scarcity(self) -> list[tuple[Protocol, str, str]]:
        """First draw of each n, balanced set and generator of the synthetic images that the scarcity page shows."""
        return [
            (protocol, recipe, generator)
            for protocol in self.scarcity.first_draws
            for recipe in self.scarcity.synthesis_sets
            for generator in self.recipe(recipe).generators
        ]

    def entry_of(self, experiment: str) -> ExperimentConfig:
        """The experiment of this name, of the section `classify`, a recipe of `scarcity` or a model of `across`."""
        others = {**self.scarcity.experiments, **self.across.experiments}
        return others.get(experiment) or self.experiments[experiment]

    @cached_property
    def protocols(self) -> list[str]:
        """The protocols that have an experiment, sorted."""
        return sorted({entry.protocol for entry in self.experiments.values()})

    @cached_property
    def pages(self) -> Mapping[str, list[str]]:
        """The experiments on each page, in their order there."""
        shown = [name for name, entry in self.experiments.items() if entry.shown or self.config.show_all]
        return {MAIN: shown, ALL: list(self.experiments)}

    def normalizers_on(self, page: str, protocol: str) -> list[str]:
        """Names of the normalisers in the tables of a protocol on a page."""
        return self._compared(self.config.stain.normalizers, page, protocol)

    def generators_on(self, page: str, protocol: str) -> list[str]:
        """Names of the generators in the tables of a protocol on a page."""
        return self._compared(self.config.synthesis.generators, page, protocol)

    def draws(self, generator: str) -> DrawsConfig:
        """Number of images that a generator makes: `synthesis.draws`, or only its `least` if no recipe uses them."""
        draws = self.config.synthesis.draws
        if any(generator in recipe.generators for recipe in self.config.balance.recipes.values()):
            return draws
        return draws.model_copy(update={"target_per_class": 0})

    def recipe(self, name: str) -> RecipeConfig:
        """The recipe of this name."""
        return self.config.balance.recipes[name]

    def recipe_of(self, experiment: str) -> str:
        """Name of the recipe of an experiment."""
        return self.entry_of(experiment).recipe

    def model_of(self, experiment: str) -> ModelEntry:
        """The model of an experiment."""
        return self.config.classify.models[self.entry_of(experiment).model]

    def sets(self, recipe: str) -> list[str]:
        """Names of the image sets of a recipe: `real`, the normalised real images, and one of each generator."""
        return ["real", *self.recipe(recipe).generators]

    def size(self, recipe: str) -> int:
        """Side of the images of a recipe, in pixels."""
        return (self.config.images if self.recipe(recipe).size == "images" else self.config.synthesis).size

    def teachers(self, recipe: str) -> dict[str, str]:
        """Generator of a recipe -> its teacher; only generators that have one."""
        entries = {name: self.config.synthesis.generators[name] for name in self.recipe(recipe).generators}
        return {name: entry.teacher for name, entry in entries.items() if entry.teacher}

    def real_image_consumers(self, recipe: str) -> list[tuple[str, str]]:
        """Kind and name of everything in a recipe that used real images; each has a list of these images.

        Kinds are `normalizer` (first, one for each pair of sources, see `fitted_names`), `generator`, `gate` (with the
        name of the generator whose images it judged), `teacher`, and `judge` (with the name of the normaliser of its
        images).
        """
        entry = self.recipe(recipe)
        gated = entry.gate != "none"
        consumers = [("normalizer", name) for name in self.fitted_names(entry.normalizer).values()]
        for name in entry.generators:
            consumers += [("generator", name), *([("gate", name)] if gated else [])]
        consumers += [("teacher", name) for name in dict.fromkeys(self.teachers(recipe).values())]
        methods = (self.config.synthesis.generators[name].method for name in entry.generators)
        if entry.generators and (gated or any(traits_of("synthesis", method).asks_judge for method in methods)):
            consumers.append(("judge", entry.normalizer))
        return consumers

    def fitted_names(self, normalizer: str) -> dict[str, str]:
        """Source besides the reference -> name of the normaliser fitted to this pair, in lists and provenances."""
        others = self.config.other_sources
        return {source: normalizer if len(others) == 1 else f"{normalizer}/{source}" for source in others}

    def balanced_on(self, page: str) -> list[tuple[str, str]]:
        """Protocol and recipe of each balanced set that the experiments on a page use, without repetition."""
        experiments = (self.experiments[name] for name in self.pages[page])
        return list(dict.fromkeys((experiment.protocol, experiment.recipe) for experiment in experiments))

    def real_set(self, experiment: str) -> tuple[str, str]:
        """Protocol and normaliser of the real images of an experiment."""
        entry = self.experiments[experiment]
        return entry.protocol, self.recipe(entry.recipe).normalizer

    def real_sets_on(self, page: str) -> list[tuple[str, str]]:
        """`real_set` of the experiments on a page, without repetition."""
        return list(dict.fromkeys(map(self.real_set, self.pages[page])))

    def pairs_on(self, page: str) -> list[tuple[str, str]]:
        """The comparisons on a page: those of the config, and the ablation baseline with each ablation."""
        pairs = [(pair.a, pair.b) for pair in self.config.classify.comparisons]
        pairs += [(self.ablation_baseline, name) for name in self.config.classify.ablations.values()]
        shown = self.pages[page]
        return [(a, b) for a, b in dict.fromkeys(pairs) if a != b and a in shown and b in shown]

    def protocol_gain_on(self, page: str) -> list[str]:
        """The experiment with synthetic images that opens a page, then the same under `thesis`, if on the page.

        Empty if the comparison that opens the page has no leak-free experiment with synthetic images.
        """
        for name in next(iter(self.pairs_on(page)), ()):
            entry = self.experiments[name]
            if entry.protocol == "leak_free" and self.recipe(entry.recipe).generators:
                return [name, *self._under_thesis(entry, page)]
        return []

    def _under_thesis(self, entry: ExperimentConfig, page: str) -> list[str]:
        """Experiments on a page with the set and the model of another, under `thesis`."""
        same = {"recipe": entry.recipe, "model": entry.model, "protocol": "thesis"}
        shown = {name: self.experiments[name] for name in self.pages[page]}
        return [name for name, other in shown.items() if all(getattr(other, key) == same[key] for key in same)]

    @cached_property
    def ablation_baseline(self) -> str:
        """The experiment with the complete method: the first row of the ablation table; empty if there is none."""
        return next(iter(self.config.classify.ablations.values()), "")

    def ablations_on(self, page: str) -> dict[str, str]:
        """Experiment -> row of each ablation on a page; empty if the ablation baseline is not on the page."""
        shown, rows = self.pages[page], self.config.classify.ablations
        if self.ablation_baseline not in shown:
            return {}
        return {name: row for row, name in rows.items() if name in shown and name != self.ablation_baseline}

    def heading(self, experiment: str) -> str:
        """Heading for an experiment: its name, protocol and first seed, which is the one shown."""
        entry = self.experiments[experiment]
        return f"{experiment}, {entry.protocol}, seed {entry.seeds[0]}"

    def _compared(self, entries: Mapping[str, ComparedEntry], page: str, protocol: str) -> list[str]:
        all_shown = page == ALL or self.config.show_all
        return [name for name, entry in entries.items() if protocol in entry.compare and (entry.shown or all_shown)]
