"""One generator's images for the balanced set: drawn, gated, written with where each came from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.config.draws import DrawsConfig
from hemabalance.config.gate import GateSettings
from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.seen_images import write_seen_images
from hemabalance.dataset.tables import write_table
from hemabalance.files import sha256_file, write_json
from hemabalance.protocols import Protocol
from hemabalance.section import Section
from hemabalance.synthesis.data import training_rows
from hemabalance.synthesis.gate import Gate
from hemabalance.synthesis.gate_table import SCHEMA
from hemabalance.synthesis.generator_config import GeneratorConfig
from hemabalance.synthesis.judges import Judges
from hemabalance.synthesis.real_image_features import RealImageFeatures, write_features
from hemabalance.synthesis.real_image_measurement import copy_detector
from hemabalance.synthesis.rejection_sampling import draw, write_gated_samples
from hemabalance.synthesis.sampling import sample
from hemabalance.training.device import Runtime


class ImageRequest(Section):
    """What is asked of a generator's images."""

    draws: DrawsConfig
    """How many there are to be."""
    gate: GateSettings
    """What they must pass."""


@dataclass(frozen=True)
class GeneratedPaths:
    """What is written: an image set of all draws, the gate's word on each, its summary, Inception features, and the
    real images that the gate was given to compare with (`dataset.seen`)."""

    images: Path
    index: Path
    gate: Path
    summary: Path
    features: Path
    seen: Path


def generate_images(
    name: str,
    generator_config: GeneratorConfig,
    weights: Path,
    held: ImageSet,
    split: pd.DataFrame,
    protocol: Protocol,
    roles: RolesConfig,
    real: RealImageFeatures,
    judges: Judges,
    request: ImageRequest,
    paths: GeneratedPaths,
    *,
    runtime: Runtime,
    threads: int,
) -> None:
    """Draw images of every class that a generator serves until enough pass the gate, and write all of them.

    Args:
        name: of the generator in config.
        generator_config: what it is.
        weights: of it.
        held: the normalised real images of both sources.
        split: of the protocol.
        protocol: decides which real images the gate compares with: those that training may see.
        roles: which class is rich or rare.
        real: what the judges saw in real images.
        judges: what images are judged with.
        request: how many, and what they must pass.
        paths: what to write.
        runtime: where the generator runs; its seed is that of the latents.
        threads: decoders and encoders at once.

    Raises:
        InputError: the weights are others, a class has no real training image, files are not of one run, or the disk
            is full.
    """
    classes = generator_config.classes(split, roles)
    generator = generator_config.open(classes, weights, runtime)
    copies = copy_detector(
        held, split, protocol, real, classes.served, generator_config.size, judges.perceptual,
        quantile=request.gate.copy_quantile, threads=threads,
    )  # fmt: skip
    seen = {label: real.seen(ids) for label, ids in copies.ids.items()}
    gate = Gate(copies, seen, judges.classifier, request.gate)

    def sampler(label: str, indices: range) -> np.ndarray:
        return sample(generator, label, indices, seed=runtime.seed, device=runtime.device)

    counted = training_rows(split, protocol, classes.served)["label"].value_counts()
    have = {label: int(counted.get(label, 0)) for label in classes.served}
    drawn = draw(sampler, judges.inception, gate, have, request.draws)
    digest = sha256_file(weights)
    write_gated_samples(
        drawn, sampler, paths.images, paths.index, generator=name, weights=digest, seed=runtime.seed, threads=threads
    )
    write_table(SCHEMA.validate(drawn.table), paths.gate)
    # Those of the classes it does not make as well: they have a say in what a copy is.
    write_seen_images(split, real.table.loc[real.table["reference"], "image_id"], paths.seen)
    write_features(drawn.features, paths.features)
    write_json({"classes": drawn.summary, "settings": request.gate.plain | request.draws.plain}, paths.summary)
