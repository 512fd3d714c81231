"""Make one synthetic image again from where its row says it came from."""

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
    """An image made again.

    Attributes:
        pixels: RGB uint8 (size, size, 3).
        provenance: `generator, weights, seed, class, index`.
        sha256: of its PNG in the image set, to compare with.
    """

    pixels: np.ndarray
    provenance: dict[str, Any]
    sha256: str


def reproduce_image(index: Path, image_id: str, runtime: Runtime) -> ReproducedImage:
    """The image of a row, from the weights beside its image set.

    Args:
        index: `images.parquet` of a generator; `weights.safetensors` lies in the same folder.
        image_id: of the row.
        runtime: where the generator runs.

    Raises:
        InputError: no such row, a real image, or weights that are not those that made it.
    """
    rows = read_table(index, SCHEMA)
    found = rows[rows["image_id"] == image_id]
    if found.empty:
        some = ", ".join(rows["image_id"].head(3))
        raise InputError(index, f"has no image {image_id}", f"Its images have names such as {some}")
    row = found.iloc[0]
    if row["origin"] != "synthetic":
        raise InputError(f"{index}, image {image_id}", "is a photograph", "Only synthetic images can be made again")
    provenance: dict[str, Any] = json.loads(row["provenance"])
    weights = index.with_name(WEIGHTS)
    if not weights.is_file():
        raise InputError(weights, "is not there", "Put the weights beside the images that they made")
    if (digest := sha256_file(weights)) != provenance["weights"]:
        problem = f"did not make {image_id}: sha256 {digest}, not {provenance['weights']}"
        raise InputError(weights, problem, "Put the weights beside the images that they made")
    generator = open_by_description(weights, runtime)
    pixels = sample(
        generator, provenance["class"], [provenance["index"]], seed=provenance["seed"], device=runtime.device
    )[0]
    return ReproducedImage(pixels, provenance, row["sha256"])
