"""One generator's images for the balanced set: drawn, gated, written with where each came from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.seen import write_seen
from hemabalance.dataset.splits import Protocol, require_visible
from hemabalance.dataset.tables import write_table
from hemabalance.files import sha256_file, write_json
from hemabalance.synthesis.data import real_images, training_rows
from hemabalance.synthesis.draw import SCHEMA, DrawSettings, draw, write_drawn
from hemabalance.synthesis.entry import Entry
from hemabalance.synthesis.gate import Gate, GateSettings
from hemabalance.synthesis.judges import Judges
from hemabalance.synthesis.sampling import sample
from hemabalance.training.device import Runtime
from hemabalance.training.tensorfile import read_tensors, write_tensors

FEATURES = "features"


@dataclass(frozen=True)
class Paths:
    """What is written: an image set of all draws, the gate's word on each, its summary, Inception features, and the
    real images that the gate was given to compare with (`dataset.seen`)."""

    images: Path
    index: Path
    gate: Path
    summary: Path
    features: Path
    seen: Path


def make_images(
    name: str,
    entry: Entry,
    weights: Path,
    held: ImageSet,
    split: pd.DataFrame,
    protocol: Protocol,
    roles: Mapping[str, Any],
    judges: Judges,
    draws: DrawSettings,
    gating: GateSettings,
    paths: Paths,
    *,
    runtime: Runtime,
    threads: int,
) -> None:
    """Draw images of every class that a generator serves until enough pass the gate, and write all of them.

    Args:
        name: of the generator in config.
        entry: what it is.
        weights: of it.
        held: the normalised real images of both sources.
        split: of the protocol.
        protocol: decides which real images the gate compares with: those that training may see.
        roles: the config section `synthesis.roles`.
        judges: what images are judged with.
        draws: how many.
        gating: what they must pass.
        paths: what to write.
        runtime: where the generator runs; its seed is that of the latents.
        threads: decoders and encoders at once.

    Raises:
        InputError: the weights are others, a class has no real training image, or the disk is full.
    """
    classes = entry.classes(split, roles)
    generator = entry.open(classes, weights, runtime)
    rows = training_rows(split, protocol, classes.served)
    require_visible(split, rows["image_id"], protocol)
    references = real_images(held, rows, entry.size, threads=threads)
    ids = rows["image_id"].to_numpy(dtype=str)
    gate = Gate(references, ids, judges.classifier, judges.inception, judges.perceptual, gating, seed=runtime.seed)

    def sampler(label: str, indices: range) -> np.ndarray:
        return sample(generator, label, indices, seed=runtime.seed, device=runtime.device)

    real = {label: int((references.labels == label).sum()) for label in classes.served}
    drawn = draw(sampler, judges.inception, gate, real, draws)
    digest = sha256_file(weights)
    write_drawn(
        drawn, sampler, paths.images, paths.index, generator=name, weights=digest, seed=runtime.seed, threads=threads
    )
    write_table(SCHEMA.validate(drawn.table), paths.gate)
    write_seen(split, rows["image_id"], paths.seen)
    write_tensors(paths.features, {FEATURES: torch.from_numpy(drawn.features)}, FEATURES, {})
    write_json({"classes": drawn.summary, "settings": {**asdict(gating), **asdict(draws)}}, paths.summary)


def read_features(path: Path) -> np.ndarray:
    """Inception features of all draws, float32 (n, 2048), in the order of the image set.

    Raises:
        InputError: the file is missing, damaged or another one.
    """
    return read_tensors(path, FEATURES, "Delete it and run the workflow again")[1][FEATURES].numpy()
