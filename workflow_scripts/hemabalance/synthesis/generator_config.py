"""A generator as config has it: what classes it gets, and how its weights are opened."""

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
    """A generator in config."""

    spec: GeneratorSpec
    """Its method and settings."""
    serves: Serves
    """The classes it makes images of."""
    size: int
    """Side of its images in pixels."""

    def classes(self, split: pd.DataFrame, roles: RolesConfig) -> Classes:
        """What it trains on and serves, by the counts after cleaning; a method that learns to learn trains on the rich.

        Args:
            split: of all images after cleaning.
            roles: which class is rich or rare.

        Raises:
            InputError: there is no class for it to serve, or as `roles.assign`.
        """
        found = assign(counts(split), roles)
        made = served(found, self.serves)
        if not made:
            raise InputError(
                f"a generator of the method {self.spec.method}", f"has no class to serve: none is {self.serves}",
                "Set its `compare` in synthesis.generators to [], or move the thresholds in synthesis.roles",
            )  # fmt: skip
        return Classes(found.rich if self.spec.traits.meta_learned else made, made)

    def build(self, classes: Classes, runtime: Runtime) -> Generator:
        """It, untrained."""
        return self.spec.build(classes=classes, size=self.size, runtime=runtime)

    def open(self, classes: Classes, weights: Path, runtime: Runtime) -> Generator:
        """It, trained.

        Raises:
            InputError: the weights are missing, truncated, foreign, or of another method, setting, size or class list.
        """
        return _loaded(self.build(classes, runtime), weights)


def open_by_description(weights: Path, runtime: Runtime) -> Generator:
    """A trained generator by what its file says of itself.

    Raises:
        InputError: the weights are missing, truncated, foreign, of no generator, or of settings that it does not have.
    """
    described = read_description(weights)
    if described.get("method") not in method_names("synthesis"):
        problem = f"holds no generator, but {json.dumps(described.get('method') or described.get('kind'))}"
        raise InputError(weights, problem, "Give the weights.safetensors of a generator")
    classes = Classes(tuple(described["classes"]["trained"]), tuple(described["classes"]["served"]))
    spec = GeneratorSpec.from_description(described, weights)
    return _loaded(spec.build(classes=classes, size=described["size"], runtime=runtime), weights)


def _loaded(generator: Generator, weights: Path) -> Generator:
    generator.load(weights)
    return generator
