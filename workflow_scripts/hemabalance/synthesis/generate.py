"""Sample the images of one generator for the balanced set, gate them, and write them with their provenance."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hemabalance.config.draws import DrawsConfig
from hemabalance.config.gate import GateSettings
from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.seen_images import write_seen_images
from hemabalance.dataset.tables import write_table
from hemabalance.files import sha256_file, write_json
from hemabalance.section import Section
from hemabalance.synthesis.data import RealImageSource, counts
from hemabalance.synthesis.gate import Gate
from hemabalance.synthesis.gate_table import SCHEMA
from hemabalance.synthesis.generator_config import GeneratorConfig
from hemabalance.synthesis.judges import Judges
from hemabalance.synthesis.real_image_features import RealImageFeatures, write_features
from hemabalance.synthesis.real_image_measurement import copy_detector
from hemabalance.synthesis.rejection_sampling import (
    SampleProvenance,
    no_samples,
    sample_until_accepted,
    write_gated_samples,
)
from hemabalance.synthesis.sampling import sample
from hemabalance.training.device import Runtime


class ImageRequest(Section):
    """Number of images to sample, and the gate that they must pass."""

    draws: DrawsConfig
    """Number of images."""
    gate: GateSettings
    """Strictness of the gate."""


@dataclass(frozen=True)
class StoredGenerator:
    """A trained generator of the config.

    Attributes:
        name: name of the generator in the config.
        config: method, settings and role of the generator.
        roles: rules that make a class rich or rare.
        weights: weights file.
        runtime: device of the generator; its seed is the seed of the latents.
    """

    name: str
    config: GeneratorConfig
    roles: RolesConfig
    weights: Path
    runtime: Runtime


@dataclass(frozen=True)
class GeneratedPaths:
    """Files to write.

    Attributes:
        images, index: image set of all samples, ZIP and Parquet.
        gate: Parquet: the gate's result for each sample (`gate_table.SCHEMA`).
        summary: JSON: counts of the gate by class, and the settings.
        features: safetensors: Inception features of all samples.
        seen: Parquet (`dataset.seen_images`): the real images that the gate compares with.
    """

    images: Path
    index: Path
    gate: Path
    summary: Path
    features: Path
    seen: Path


def generate_images(
    stored: StoredGenerator,
    source: RealImageSource,
    real: RealImageFeatures,
    judges: Judges,
    request: ImageRequest,
    paths: GeneratedPaths,
) -> None:
    """Sample images of every served class until enough pass the gate, and write all of them; none without a class.

    Args:
        stored: the generator.
        source: the real images; the gate compares with those that training may see.
        real: features of the real images.
        judges: networks that judge the images.
        request: number of images, and the settings of the gate.
        paths: files to write.

    Raises:
        InputError: the weights belong to another generator, a class has no real training image, the files belong to
            different runs, or the disk is full.
    """
    runtime, config = stored.runtime, stored.config
    classes = config.classes(source.split, source.protocol, stored.roles)
    generator = config.open(classes, stored.weights, runtime)

    def sampler(label: str, indices: range) -> np.ndarray:
        return sample(generator, label, indices, seed=runtime.seed, device=runtime.device)

    if classes.served:
        gate = _gate(source, real, classes.served, config.size, judges, request.gate)
        real_counts = counts(source.training_rows(classes.served), classes.served)
        samples = sample_until_accepted(sampler, judges.inception, gate, real_counts, request.draws)
    else:
        samples = no_samples()
    provenance = SampleProvenance(stored.name, sha256_file(stored.weights), runtime.seed)
    write_gated_samples(samples, sampler, provenance, paths.images, paths.index, threads=source.threads)
    write_table(SCHEMA.validate(samples.table), paths.gate)
    # All references, also those of classes that are not served: they enter the copy thresholds of every class.
    references = real.table["reference"] & bool(classes.served)
    write_seen_images(source.split, source.protocol, real.table.loc[references, "image_id"], paths.seen)
    write_features(samples.features, paths.features)
    write_json({"classes": samples.summary, "settings": request.gate.plain | request.draws.plain}, paths.summary)


def _gate(
    source: RealImageSource,
    real: RealImageFeatures,
    labels: tuple[str, ...],
    size: int,
    judges: Judges,
    settings: GateSettings,
) -> Gate:
    copies = copy_detector(source, real, labels, size, judges.perceptual, quantile=settings.copy_quantile)
    features = {label: real.features_of(ids) for label, ids in copies.ids.items()}
    return Gate(copies, features, judges.classifier, settings)
