"""A generator as config has it: what classes it gets, and how its weights are opened."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hemabalance.errors import InputError
from hemabalance.synthesis import METHODS, TAUGHT, method_module
from hemabalance.synthesis.data import counts
from hemabalance.synthesis.generator import Generator
from hemabalance.synthesis.roles import Classes, Serves, assign, served
from hemabalance.training.device import Runtime
from hemabalance.training.weights import read_description


@dataclass(frozen=True)
class Entry:
    """A generator in config.

    Attributes:
        method: one of `synthesis.METHODS`.
        serves: the classes it makes images of.
        own: the method's settings.
        size: side of its images in pixels.
    """

    method: str
    serves: Serves
    own: Mapping[str, Any]
    size: int

    def classes(self, split: pd.DataFrame, roles: Mapping[str, Any]) -> Classes:
        """What it trains on and serves, by the counts after cleaning; a method that learns to learn trains on the rich.

        Args:
            split: of all images after cleaning.
            roles: the config section `synthesis.roles`.

        Raises:
            InputError: there is no class for it to serve, or as `roles.assign`.
        """
        found = assign(counts(split), **roles)
        made = served(found, self.serves)
        if not made:
            raise InputError(
                f"a generator of the method {self.method}", f"has no class to serve: none is {self.serves}",
                "Take it out of synthesis.compare, or move the thresholds in synthesis.roles",
            )  # fmt: skip
        return Classes(found.rich if self.method in TAUGHT else made, made)

    def build(self, classes: Classes, runtime: Runtime) -> Generator:
        """It, untrained."""
        return method_module(self.method).build(self.own, classes=classes, size=self.size, runtime=runtime)

    def open(self, classes: Classes, weights: Path, runtime: Runtime) -> Generator:
        """It, trained.

        Raises:
            InputError: the weights are missing, truncated, foreign, or of another method, setting, size or class list.
        """
        generator = self.build(classes, runtime)
        generator.load(weights)
        return generator


def open_by_description(weights: Path, runtime: Runtime) -> Generator:
    """A trained generator by what its file says of itself.

    Raises:
        InputError: the weights are missing, truncated, foreign, or of no generator.
    """
    described = read_description(weights)
    if described.get("method") not in METHODS:
        problem = f"holds no generator, but {json.dumps(described.get('method') or described.get('kind'))}"
        raise InputError(weights, problem, "Give the weights.safetensors of a generator")
    classes = Classes(tuple(described["classes"]["trained"]), tuple(described["classes"]["served"]))
    return Entry(described["method"], "all", described["settings"], described["size"]).open(classes, weights, runtime)
