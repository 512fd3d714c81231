"""Generate one synthetic image again from its provenance."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hemabalance.dataset.imageset import SCHEMA
from hemabalance.dataset.tables import read_table
from hemabalance.errors import InputError
from hemabalance.files import sha256_file
from hemabalance.synthesis.generator_config import open_by_description
from hemabalance.synthesis.sampling import sample
from hemabalance.training.device import Runtime

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class ReproducedImage:
    """A synthetic image that was generated again.

    Attributes:
        pixels: RGB uint8 (size, size, 3).
        provenance: `generator, weights, seed, class, index`.
        sha256: sha256 of the PNG in the image set, for comparison.
    """

    pixels: np.ndarray
    provenance: dict[str, Any]
    sha256: str


def reproduce_image(index: Path, image_id: str, runtime: Runtime) -> ReproducedImage:
    """Generate the image of a row, with the weights in the folder of its image set.

    Args:
        index: `images.parquet` of a generator, in one folder with `weights.safetensors`.
        image_id: image id of the row.
        runtime: device of the generator.

    Raises:
        InputError: there is no such row, the image is real, or the weights are not those that generated it.
    """
    rows = read_table(index, SCHEMA)
    matches = rows[rows["image_id"] == image_id]
    if matches.empty:
        examples = ", ".join(rows["image_id"].head(3))
        raise InputError(index, f"has no image {image_id}", f"Give an image id such as {examples}")
    row = matches.iloc[0]
    if row["origin"] != "synthetic":
        raise InputError(f"{index}, image {image_id}", "is a real image", "Give the id of a synthetic image")
    provenance: dict[str, Any] = json.loads(row["provenance"])
    weights = index.with_name(WEIGHTS)
    if not weights.is_file():
        raise InputError(weights, "does not exist", "Put the weights that generated the images into this folder")
    if (digest := sha256_file(weights)) != provenance["weights"]:
        problem = f"did not generate {image_id}: its sha256 is {digest}, not {provenance['weights']}"
        raise InputError(weights, problem, "Put the weights that generated the images into this folder")
    generator = open_by_description(weights, runtime)
    pixels = sample(
        generator, provenance["class"], [provenance["index"]], seed=provenance["seed"], device=runtime.device
    )[0]
    return ReproducedImage(pixels, provenance, row["sha256"])
