"""Inception features of images, used by FID, KID and one of the probes."""

import logging
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hemabalance.metrics.feature_cache import hash_key, open_feature_cache
from hemabalance.metrics.full_precision import full_precision
from hemabalance.metrics.inception import build_without_weights
from hemabalance.metrics.inception_weights import WEIGHTS
from hemabalance.progress import progress

log = logging.getLogger(__name__)

WIDTH = 2048

_MODULES = ("inception.py", "inception_features.py", "full_precision.py")
"""Modules in this folder that decide the features."""

# Read now, because these modules have just been imported: later, the files may have been edited.
_CODE = hash_key(version("torch-fidelity"), *(Path(__file__).with_name(name).read_bytes() for name in _MODULES))
"""Digest of the code that prepares the images and runs the network."""


class InceptionFeatures:
    """The 2048 pool features of torch-fidelity's InceptionV3, in float32 independent of the process's precision.

    The features of an image depend, in their last bits, on the number of images in its batch and on the number of
    threads, but not on its place in the batch nor on the other images. They are kept in the `feature_cache` under all
    that they depend on: with and without the cache they have the same bits.
    """

    def __init__(self, weights: Path, device: str | torch.device, batch: int) -> None:
        """Load the network.

        Args:
            weights: file written by `inception_weights.WEIGHTS.fetch`.
            device: PyTorch device, such as `cpu` or `cuda`.
            batch: images per batch, at least 1; affects features by float32 rounding only.

        Raises:
            InputError: the file is missing, damaged, or holds other weights.
        """
        tensors = {name: torch.from_numpy(values) for name, values in WEIGHTS.load(weights).items()}
        self._network = build_without_weights()
        self._network.load_state_dict(tensors, assign=True)
        # Folding and channels_last make a CPU more than twice as fast; results agree to the last few bits.
        self._network.fold()
        self._network.to(device, memory_format=torch.channels_last)
        self._device, self._batch = torch.device(device), batch
        self._cache = open_feature_cache("inception", WIDTH)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features of RGB images.

        Args:
            images: uint8 (n, h, w, 3); resized to 299 pixels as FID defines it.

        Returns:
            float32 (n, 2048), non-negative.
        """
        keys = self._keys(images) if self._cache else [str(place).encode() for place in range(len(images))]
        rows = self._cache.read(keys) if self._cache else {}
        new = {key: place for place, key in reversed([*enumerate(keys)]) if key not in rows}  # the first place of each
        if len(new) < len(images):
            log.info("Inception features: %d of %d images from the cache", len(images) - len(new), len(images))
        if new:
            rows |= self._compute_new(images, dict(sorted(new.items(), key=lambda item: item[1])))
        features = np.empty((len(images), WIDTH), np.float32)
        for place, key in enumerate(keys):
            features[place] = rows[key]
        return features

    def _compute_new(self, images: np.ndarray, new: Mapping[bytes, int]) -> dict[bytes, np.ndarray]:
        """Features by key of the images that are not in the cache, from key -> place in ascending order."""
        rows: dict[bytes, np.ndarray] = {}
        computed = progress(self._compute(images, [*new.values()]), total=len(new), what="Inception features")
        for key, row in zip(new, computed, strict=True):
            rows[key] = row
            if self._cache:
                self._cache.add(key, row)
        if self._cache:
            self._cache.save()
        return rows

    def _batch_sizes(self, n: int) -> list[int]:
        """For each of n images, the size of the batch in which it is computed if none of them is known."""
        rest = n % self._batch
        return [self._batch] * (n - rest) + [rest] * rest

    def _keys(self, images: np.ndarray) -> list[bytes]:
        arithmetic = _arithmetic(self._device)
        sizes = self._batch_sizes(len(images))
        return [
            hash_key(WEIGHTS.sha256, _CODE, arithmetic, str(size), image)
            for size, image in zip(sizes, images, strict=True)
        ]

    def _compute(self, images: np.ndarray, places: Sequence[int]) -> Iterator[np.ndarray]:
        """Features of the images at some places, in ascending order, as if all images were computed."""
        sizes = self._batch_sizes(len(images))
        for size, group in groupby(places, key=lambda place: sizes[place]):
            members = list(group)
            for start in range(0, len(members), size):
                batch = members[start : start + size]
                # The size of the batch decides the last bits, so that a batch with fewer images is filled up.
                filled = batch + batch[:1] * (size - len(batch))
                # A copy, since torch warns about read-only memory maps.
                pixels = torch.tensor(images[filled], device=self._device)
                yield from self._forward(pixels.permute(0, 3, 1, 2)).cpu().numpy()[: len(batch)]

    @torch.inference_mode()
    def _forward(self, batch: Tensor) -> Tensor:
        with full_precision(self._device):
            features: Tensor = self._network(batch)[0]
        return features


def _arithmetic(device: torch.device) -> str:
    """The processor and libraries, whose last bits differ."""
    if device.type == "cpu":
        return f"{torch.get_num_threads()} threads of {_processor()}, {torch.__config__.show()}"
    return f"{torch.cuda.get_device_name(device)}, {torch.__config__.show()}"


@cache
def _processor() -> str:
    """Model of the processor; libraries choose their code by it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line
    return platform.processor()
