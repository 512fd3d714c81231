"""A generator of the config: the classes it is built for, and how its weights are opened."""

import json
from pathlib import Path

import pandas as pd

from hemabalance.config.roles import RolesConfig, Serves
from hemabalance.errors import InputError
from hemabalance.methods import method_names
from hemabalance.section import Section
from hemabalance.synthesis.data import counts
from hemabalance.synthesis.generator import Generator
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.roles import Classes, assign, served
from hemabalance.training.device import Runtime
from hemabalance.training.weights import read_description


class GeneratorConfig(Section):
    """A generator of the config."""

    spec: GeneratorSpec
    """Method and settings."""
    serves: Serves
    """Role of the classes that the generator fills up."""
    size: int
    """Side of the images in pixels."""

    def classes(self, split: pd.DataFrame, roles: RolesConfig) -> Classes:
        """Classes that the generator trains on and serves, by the class counts after cleaning.

        A meta-learned method trains on the rich classes, any other method on the classes that it serves.

        Args:
            split: split table of all images after cleaning.
            roles: rules that make a class rich or rare.

        Raises:
            InputError: there is no class to serve, or as `roles.assign`.
        """
        assigned = assign(counts(split), roles)
        served_classes = served(assigned, self.serves)
        if not served_classes:
            raise InputError(
                f"a generator of the method {self.spec.method}", f"has no class to serve: none is {self.serves}",
                "Set its `compare` in synthesis.generators to [], or move the thresholds in synthesis.roles",
            )  # fmt: skip
        return Classes(assigned.rich if self.spec.traits.meta_learned else served_classes, served_classes)

    def build(self, classes: Classes, runtime: Runtime) -> Generator:
        """The untrained generator."""
        return self.spec.build(classes=classes, size=self.size, runtime=runtime)

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
    classes = Classes(tuple(description["classes"]["trained"]), tuple(description["classes"]["served"]))
    spec = GeneratorSpec.from_description(description, weights)
    return _loaded(spec.build(classes=classes, size=description["size"], runtime=runtime), weights)


def _loaded(generator: Generator, weights: Path) -> Generator:
    generator.load(weights)
    return generator
