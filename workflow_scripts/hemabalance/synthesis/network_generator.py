"""What all generators with trained networks share: messages about networks, snapshots, and the weights file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from torch import nn

from hemabalance.errors import InputError
from hemabalance.synthesis.method import GeneratorSettings
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.settings import SynthesisTraining
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.synthesis.training import describe
from hemabalance.training.device import Runtime
from hemabalance.training.weights import load_weights, save_weights

NetworkSettingsT = TypeVar("NetworkSettingsT", bound=GeneratorSettings)
BuiltT = TypeVar("BuiltT")


class NetworkGenerator(Generic[NetworkSettingsT]):
    """Base class of a `synthesis.generator.Generator` with networks.

    A subclass sets `networks` and `parameters`, and calls `finish` at the end of `fit`.

    Args:
        name: name of the method.
        settings: settings of the method.
        classes: trained and served classes.
        size: side of the square images in pixels.
        runtime: device of the networks.
    """

    networks: Mapping[str, nn.Module]
    """The networks that the weights file holds, by name, on the device and in evaluation mode."""
    parameters: Mapping[str, int]
    """Number of trainable parameters by network."""

    def __init__(self, name: str, settings: NetworkSettingsT, *, classes: Classes, size: int, runtime: Runtime) -> None:
        self.name, self.settings, self.classes, self.size, self.runtime = name, settings, classes, size, runtime
        self.snapshots: Snapshots | None = None
        self.description = describe(name, size, classes, settings)
        self._ready = False

    def built(self, build: Callable[[], BuiltT]) -> BuiltT:
        """The result of `build`, a function that builds networks.

        Raises:
            InputError: it raised a ValueError: the networks cannot be built for this size or these settings.
        """
        try:
            return build()
        except ValueError as error:
            remedy = "Choose another synthesis.size or width in the config, or leave the method out"
            raise InputError(f"generator method {self.name}", str(error), remedy) from error

    def require_trained_classes(self) -> None:
        """Refuse served classes that are not trained classes.

        Raises:
            InputError: there are some.
        """
        if untrained := [name for name in self.classes.served if name not in self.classes.trained]:
            raise InputError(
                f"generator method {self.name}",
                f"can generate trained classes only, and {', '.join(untrained)} is none of them",
                "Choose other classes, or use a meta-learned method for these classes",
            )

    def new_snapshots(self, steps: int) -> Snapshots:
        """Empty snapshots of the served classes, on the device, for a training of this many steps.

        Raises:
            TypeError: the settings are not those of a training.
        """
        settings = self.settings
        if not isinstance(settings, SynthesisTraining):
            raise TypeError(f"the settings of {self.name} say nothing about snapshots")
        return Snapshots(
            self.classes.served,
            points=settings.snapshots,
            images_per_class=settings.snapshot_images,
            size=self.size,
            steps=steps,
        ).to(self.runtime.device)

    def finish(self, snapshots: Snapshots) -> None:
        """Keep the snapshots of a finished training; from now on images can be generated."""
        self.snapshots, self._ready = snapshots, True

    def trained(self) -> Mapping[str, nn.Module]:
        """`networks`, if they are trained.

        Raises:
            RuntimeError: neither `fit` nor `load` was called.
        """
        if not self._ready:
            raise RuntimeError(f"{self.name} is neither fitted nor loaded")
        return self.networks

    def save(self, path: Path) -> None:
        """Write `networks`, with all arguments of `build` as the description."""
        save_weights(path, self.trained(), self.description)

    def load(self, path: Path) -> None:
        """Read weights that `save` wrote; nothing else is needed.

        Raises:
            InputError: the file is missing, truncated, not a weights file, or of another method, setting, size or
                class list.
        """
        load_weights(path, self.networks, self.description)
        self._ready = True
