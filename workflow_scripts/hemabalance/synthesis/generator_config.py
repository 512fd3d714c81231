"""A generator of the config: the classes it is built for, and how its weights are opened."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from hemabalance.config.roles import RolesConfig, Serves
from hemabalance.errors import InputError
from hemabalance.methods import method_names
from hemabalance.protocols import Protocol
from hemabalance.section import Section
from hemabalance.synthesis.data import counts, roles_of, training_rows
from hemabalance.synthesis.empty import EmptyGenerator
from hemabalance.synthesis.generator import Generator
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.roles import Classes, served
from hemabalance.synthesis.tasks import MIN_SERVED_IMAGES
from hemabalance.training.device import Runtime
from hemabalance.training.weights import read_description

log = logging.getLogger(__name__)


class GeneratorConfig(Section):
    """A generator of the config."""

    spec: GeneratorSpec
    """Method and settings."""
    serves: Serves
    """Role of the classes that the generator fills up."""
    size: int
    """Side of the images in pixels."""
    run_classes: tuple[str, ...]
    """All classes of the run in alphabetical order."""

    def classes(self, split: pd.DataFrame, protocol: Protocol, roles: RolesConfig) -> Classes:
        """Classes that the generator trains on and serves, by the class counts after cleaning.

        A meta-learned method trains on the rich classes (if none is rich, on all classes; if it starts from a
        teacher's network, on none), any other method on the classes that it serves. A class with too few training
        images is not served, and the log says so.

        Args:
            split: split table of all images after cleaning.
            protocol: of the split; decides which images are training images.
            roles: rules that make a class rich or rare.
        """
        assigned = roles_of(split, self.run_classes, roles)
        trainable = counts(training_rows(split, protocol, self.run_classes), self.run_classes)
        served_classes = self._with_enough_images(served(assigned, self.serves), trainable)
        if not served_classes:
            log.warning(
                "a generator of the method %s has no class to generate (synthesis.roles: no class is %s, or too few "
                "training images): its image sets are empty",
                self.spec.method, "rich or rare" if self.serves == "all" else self.serves,
            )  # fmt: skip
            return Classes((), (), self.run_classes)
        if not self.spec.traits.meta_learned:
            return Classes(served_classes, served_classes, self.run_classes)
        tasks = tuple(name for name in assigned.rich if name in trainable)
        if not tasks and self.spec.traits.starts_from_teacher:
            message = "no class is rich (synthesis.roles): the method %s has no teacher, and its image sets are empty"
            log.warning(message, self.spec.method)
            return Classes((), (), self.run_classes)
        if not tasks:
            tasks = tuple(sorted(trainable))
            message = "no class is rich (synthesis.roles): the method %s learns from all classes instead, %s"
            log.warning(message, self.spec.method, ", ".join(tasks))
        return Classes(tasks, served_classes, self.run_classes)

    def _with_enough_images(self, names: tuple[str, ...], trainable: Mapping[str, int]) -> tuple[str, ...]:
        least = MIN_SERVED_IMAGES if self.spec.traits.meta_learned else 1
        for name in names:
            if (count := trainable.get(name, 0)) < least:
                message = "%s has %d training images, fewer than %d: a generator of the method %s generates none of it"
                log.warning(message, name, count, least, self.spec.method)
        return tuple(name for name in names if trainable.get(name, 0) >= least)

    def build(self, classes: Classes, runtime: Runtime) -> Generator:
        """The untrained generator."""
        return _built(self.spec, classes, self.size, runtime)

    def open(self, classes: Classes, weights: Path, runtime: Runtime) -> Generator:
        """The generator with trained weights.

        Raises:
            InputError: the weights are missing, truncated, not a weights file, or of another method, setting, size or
                class list.
        """
        return _loaded(self.build(classes, runtime), weights)


def open_by_description(weights: Path, runtime: Runtime) -> Generator:
    """A trained generator, built from the description in its weights file.

    Raises:
        InputError: the file is missing, truncated, holds no generator, or has settings unknown to the method.
    """
    description = read_description(weights)
    if description.get("method") not in method_names("synthesis"):
        problem = f"holds no generator, but {json.dumps(description.get('method') or description.get('kind'))}"
        raise InputError(weights, problem, "Give the weights.safetensors of a generator")
    if "run" not in (lists := description["classes"]):
        problem = "was written by an earlier version, without the classes of its run"
        raise InputError(weights, problem, "Train the generator again")
    classes = Classes(tuple(lists["trained"]), tuple(lists["served"]), tuple(lists["run"]))
    spec = GeneratorSpec.from_description(description, weights)
    return _loaded(_built(spec, classes, description["size"], runtime), weights)


def _built(spec: GeneratorSpec, classes: Classes, size: int, runtime: Runtime) -> Generator:
    if not classes.served:
        return EmptyGenerator(spec, classes, size)
    return spec.build(classes=classes, size=size, runtime=runtime)


def _loaded(generator: Generator, weights: Path) -> Generator:
    generator.load(weights)
    return generator
