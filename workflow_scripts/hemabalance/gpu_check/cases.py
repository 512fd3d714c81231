"""The trainings of a run: each entry of the config that trains networks, and each method without an entry."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from hemabalance.classify.method import ModelSpec
from hemabalance.classify.model import ModelData
from hemabalance.config.roles import RolesConfig
from hemabalance.config.run import Config
from hemabalance.gpu_check.examples import ExampleJudge, ExampleTeacher, example_images, untrained_teacher
from hemabalance.methods import method_names, settings_class, traits_of
from hemabalance.report.reported import reported
from hemabalance.section import Section
from hemabalance.sources.phantom.species import CELL_TYPES
from hemabalance.stain.method import NormalizerSpec
from hemabalance.stain.normalizer import StainData
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.roles import Classes, Roles, assign, served
from hemabalance.training.classifier import Classifier, SmallClassifierTraining
from hemabalance.training.job import FitJob, Images
from hemabalance.training.trainable import Trainable

PER_CLASS = 16
"""Images of each class in the example data."""
STAGES = ("stain", "synthesis", "classify")


@dataclass(frozen=True)
class TrainingCase:
    """One training of the run.

    Attributes:
        rule: the rule of the workflow that runs it.
        name: name of the entry in the config, or of the method.
        method: its method; empty for the small classifiers that judge images.
        settings: all settings of the method.
        size: side of its training images in pixels.
        start: builds the training before its first step; None if the method trains no network.
        served: number of classes that the networks are adapted to after the meta-training; 0 without one.
    """

    rule: str
    name: str
    method: str
    settings: Section
    size: int
    start: Callable[[Section, int, FitJob], Trainable] | None
    served: int = 0

    def changed(self, values: Mapping[str, Any], size: int | None = None) -> "TrainingCase":
        """The case with other values of those settings that the method has, and another image size."""
        known = {name: value for name, value in values.items() if name in type(self.settings).model_fields}
        settings = type(self.settings).from_plain(self.settings.plain | known)
        return replace(self, settings=settings, size=size or self.size)

    def training(self, job: FitJob) -> Trainable:
        """The training before its first step, on example images.

        Raises:
            InputError: the networks cannot be built.
            TypeError: the method trains no network.
        """
        if self.start is None:
            raise TypeError(f"{self.name} trains no network")
        return self.start(self.settings, self.size, job)

    @property
    def steps(self) -> float:
        """Length of the whole training in steps like the first one, which for a few-shot method is an episode.

        An update of an adaptation counts as the part of an episode that it is.
        """
        plain = self.settings.plain
        if "episodes" not in plain:
            return float(plain["steps"])
        adaptation = plain["adapt_steps"] + plain["snapshots"] * plain["snapshot_adapt_steps"]
        return float(plain["episodes"] + self.served * adaptation / plain["inner_steps"])

    @property
    def key(self) -> tuple[str, str, str]:
        """Equal for trainings that differ only in their classes."""
        return self.rule, self.method, str(self.settings.plain)

    @property
    def batch_key(self) -> str:
        """The setting that determines the number of images of an update."""
        return "batch" if "batch" in type(self.settings).model_fields else "shots"

    @property
    def batch(self) -> int:
        """Number of images of an update."""
        return int(self.settings.plain[self.batch_key])


def distinct_cases(cases: Iterable[TrainingCase]) -> list[TrainingCase]:
    """The first training of those that differ only in their classes."""
    return list({case.key: case for case in reversed(list(cases))}.values())[::-1]


def training_cases(config: Config) -> list[TrainingCase]:
    """All trainings of a config by stage, first those of its entries, then those of methods without an entry.

    Classes are the cell types of the phantom, and their counts, which determine rich and rare classes, are those of
    the preset `thesis` (Table 6).

    Raises:
        InputError: a method is incomplete.
    """
    return [*_stain(config), *_synthesis(config), *_classify(config)]


def full_roles(roles: RolesConfig) -> Roles:
    """Rich and rare classes of the full archives of the preset `thesis`, by its class counts (Table 6).

    Lists of classes that name another class do not apply.
    """
    counts = {name: count for name, count in reported("table6_final").items() if name in CELL_TYPES}
    foreign = {*(roles.rich or ()), *(roles.rare or ())} - counts.keys()
    return assign(counts, roles.model_copy(update={"rich": None, "rare": None}) if foreign else roles)


def _entries(stage: str, entries: Mapping[str, Any]) -> Iterator[tuple[str, str, Section]]:
    """Name, method and settings of all entries of a stage, and of methods without an entry."""
    for name, entry in entries.items():
        yield name, entry.method, entry.method_settings(stage)
    used = {entry.method for entry in entries.values()}
    for method in method_names(stage):
        if method not in used:
            yield method, method, settings_class(stage, method)()


def _stain(config: Config) -> Iterator[TrainingCase]:
    for name, method, settings in _entries("stain", config.stain.normalizers):
        start = _normalizer_start(method) if traits_of("stain", method).trains_networks else None
        yield TrainingCase("stain_fit", name, method, settings, config.images.size, start)
    yield _small("source_classifier", config.stain.classifier, config.images.size)


def _normalizer_start(method: str) -> Callable[[Section, int, FitJob], Trainable]:
    def start(settings: Section, size: int, job: FitJob) -> Trainable:
        domain = example_images(CELL_TYPES, PER_CLASS, size, 1)
        data = StainData(domain, domain, (domain.pixels, domain.pixels), ExampleTeacher())
        spec = NormalizerSpec(method=method, settings=cast(Any, settings))
        normalizer: Any = spec.build(size=size, runtime=job.runtime)
        return cast(Trainable, normalizer.initialise_training(data, job))

    return start


def _synthesis(config: Config) -> Iterator[TrainingCase]:
    roles = full_roles(config.synthesis.roles)
    roles_by_entry = {name: entry.role for name, entry in config.synthesis.generators.items()}
    for name, method, settings in _entries("synthesis", config.synthesis.generators):
        traits = traits_of("synthesis", method)
        names = served(roles, roles_by_entry.get(name, traits.serves))
        classes = Classes(roles.rich if traits.meta_learned else names, names)
        start = _generator_start(method, classes) if traits.trains_networks else None
        adapted = len(names) if traits.meta_learned else 0
        yield TrainingCase("synthesis_fit", name, method, settings, config.synthesis.size, start, adapted)
    yield _small("synthesis_judge", config.synthesis.judge, config.synthesis.size)


def _generator_start(method: str, classes: Classes) -> Callable[[Section, int, FitJob], Trainable]:
    def start(settings: Section, size: int, job: FitJob) -> Trainable:
        names = tuple(dict.fromkeys(classes.trained + classes.served))
        real = example_images(names, PER_CLASS, size, 1)
        taught = example_images(classes.trained, PER_CLASS, size, 2)
        judge = cast(Classifier, ExampleJudge(classes.run))
        spec = GeneratorSpec(method=method, settings=cast(Any, settings))
        teacher = untrained_teacher(spec, classes, size, job.runtime)
        data = SynthesisData(real, Images(real.pixels[:0], real.labels[:0]), taught, teacher, judge)
        generator: Any = spec.build(classes=classes, size=size, runtime=job.runtime)
        return cast(Trainable, generator.initialise_training(data, job))

    return start


def _classify(config: Config) -> Iterator[TrainingCase]:
    for name, method, settings in _entries("classify", config.classify.models):
        start = _model_start(method) if traits_of("classify", method).trains_networks else None
        yield TrainingCase("classify_fit", name, method, settings, config.synthesis.size, start)


def _model_start(method: str) -> Callable[[Section, int, FitJob], Trainable]:
    def start(settings: Section, size: int, job: FitJob) -> Trainable:
        if traits_of("classify", method).frozen_features:  # the check has no ImageNet weights
            settings = settings.model_copy(update={"pretrained": False})
        images = example_images(CELL_TYPES, PER_CLASS, size, 1)
        spec = ModelSpec(method=method, settings=cast(Any, settings))
        model: Any = spec.build(classes=CELL_TYPES, size=size, runtime=job.runtime)
        return cast(Trainable, model.initialise_training(ModelData(images, images), job))

    return start


def _small(rule: str, settings: Section, size: int) -> TrainingCase:
    def start(settings: Section, size: int, job: FitJob) -> Trainable:
        images = example_images(CELL_TYPES, PER_CLASS, size, 1)
        return SmallClassifierTraining(images, 0.2, cast(Any, settings), job.runtime)

    return TrainingCase(rule, rule, "", settings, size, start)
