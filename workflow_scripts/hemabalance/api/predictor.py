"""A trained classifier opened from its `model.json`, for `hemabalance predict` and for `api.classifier`."""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from hemabalance.api.options import PredictionOptions
from hemabalance.api.runtime import inference_runtime
from hemabalance.classify.image_origin import UNKNOWN, Normalise, Origins, mapped_sources
from hemabalance.classify.inputs import InputImage
from hemabalance.classify.model_file import DETECTOR, WEIGHTS, OpenedModelFile, check_file
from hemabalance.classify.model_schema import Stain
from hemabalance.classify.open_model import open_classifier
from hemabalance.classify.out_of_distribution import read_detector
from hemabalance.classify.predict import BATCH, MAX_AT_ONCE, STAIN_MISMATCH, Predictor
from hemabalance.classify.scale import estimated_field, log_estimate
from hemabalance.dataset.fields import AUTO
from hemabalance.errors import InputError
from hemabalance.stain.fit import open_normalizer
from hemabalance.stain.method import NormalizerSpec
from hemabalance.stain.normalizer import Domain, other_domain
from hemabalance.training.device import Runtime

log = logging.getLogger(__name__)


def open_predictor(
    model_file: OpenedModelFile, options: PredictionOptions, field: float | None, at_once: int = 1
) -> Predictor:
    """Open a model with its preprocessing and postprocessing.

    Args:
        model_file: the model's file.
        options: device, and how images are normalised.
        field: share of the frame that is used; None: that of the source that an image is taken for.
        at_once: see `batches_at_once`.

    Raises:
        InputError: a file of the model is missing, damaged or of another model; the device is missing; or the model
            was trained on images of `normalize_from` in their original stain.
    """
    content = model_file.content
    with inference_runtime(options.device, options.threads // at_once) as runtime:
        model = open_classifier(model_file.beside(WEIGHTS), runtime)
        if (model.classes, model.size) != (content.classes, content.size):
            raise InputError(
                model_file.path,
                "does not belong to the weights beside it",
                "Take both files from the same model folder",
            )
        origins = _origins(model_file, options, runtime)
    detector = read_detector(model_file.beside(DETECTOR))
    origins = origins if field is None else origins.with_share(field)
    return Predictor(model, detector, content.temperature, content.frame, origins, at_once)


def batches_at_once(images: int, options: PredictionOptions) -> int:
    """Batches of so many images that go through the model at once, each with its share of PyTorch's threads.

    Threads with a batch each classify more images a second than threads that share a batch, layer by layer.
    """
    return min(options.threads, -(-images // BATCH), MAX_AT_ONCE) if options.device == "cpu" else 1


def require_sources(model_file: OpenedModelFile, options: PredictionOptions) -> None:
    """Refuse a source of which the model has seen no image.

    Raises:
        InputError: there is one.
    """
    sources, named = model_file.content.frame.fields, options.named
    for option, source in (("source", options.source), ("normalize_from", options.normalize_from)):
        if source is not None and source not in sources:
            other = f", or use {named('field')}" if option == "source" else ""
            remedy = f"Give {named(option)} one of the model's sources: {', '.join(sources)}{other}"
            raise InputError(model_file.path, f"was not trained on images of {source}", remedy)


def field_of(model_file: OpenedModelFile, images: Sequence[InputImage], options: PredictionOptions) -> float | None:
    """The share of the frame that is used, in (0, 1]; None if it is that of the source that an image is taken for.

    Raises:
        InputError: the field is `auto`, and cannot be estimated.
    """
    content, named = model_file.content, options.named
    if options.field == AUTO:
        try:
            estimate = estimated_field(images, content.frame, threads=options.threads)
        except InputError as error:
            remedy = f"Give {named('field')} with a number, or {named('source')}"
            raise InputError(f"{named('field')} {AUTO}", error.problem, remedy) from error
        log_estimate(estimate)
        return estimate.field
    if options.field is not None:
        return float(options.field)
    if options.source is None and options.normalize_from is None and content.colours:
        return None
    source = options.source or options.normalize_from or content.usual
    share = content.frame.fields[source]
    if len(set(content.frame.fields.values())) > 1:
        log.info(
            "the central %.0f %% of each side of the frame is used, as for %s; see %s and %s",
            100 * share,
            source,
            named("source"),
            named("field"),
        )
    return share


def log_origins(table: pd.DataFrame, origins: Origins) -> None:
    """Log for which sources the images of a table of predictions were taken, and why; a warning if any mismatches."""
    if (summary := origins.summary(table)) is not None:
        mismatch = table["flag"].str.contains(STAIN_MISMATCH).any()
        log.log(logging.WARNING if mismatch else logging.INFO, "%s", summary)


def _origins(model_file: OpenedModelFile, options: PredictionOptions, runtime: Runtime) -> Origins:
    """The sources that images may be taken for: `normalize_from`, or those whose colours the model holds."""
    content, told = model_file.content, options.normalize_from
    mapped = mapped_sources(content.stain)
    sources: Sequence[str] = list(content.colours) if told is None else [told]
    if told is None and mapped and not sources:
        log.warning(
            "%s was written by an earlier version and does not hold the colours of its training images: images are "
            "not normalised, although those of %s were in training; see %s",
            model_file.path,
            ", ".join(sorted(mapped)),
            options.named("normalize_from"),
        )
    if told is not None:
        normalised = [told]
    else:
        normalised = [source for source in sources if source in mapped and options.normalize]
    return Origins(
        shares={source: content.frame.fields[source] for source in sources}
        or {UNKNOWN: content.frame.fields[content.usual]},
        colours={source: content.colours[source] for source in sources if source in content.colours},
        normalise={source: _normaliser(model_file, source, options, runtime) for source in normalised},
        mapped=mapped,
        target="" if content.stain is None else _target(content.stain),
    )


def _target(stain: Stain) -> str:
    if stain.direction == "to_a":
        return f"the stain of {stain.reference} by {stain.name}"
    return f"the stain of {' or '.join(stain.sources)} by {stain.name}" if stain.direction == "to_b" else stain.name


def _normaliser(model_file: OpenedModelFile, source: str, options: PredictionOptions, runtime: Runtime) -> Normalise:
    stain = model_file.content.stain
    domain: Domain = "b" if stain is not None and source in stain.sources else "a"
    if stain is None or stain.direction == f"to_{domain}":
        problem = f"was trained on images of {source} in their original stain"
        raise InputError(model_file.path, problem, f"Omit {options.named('normalize_from')}")
    if stain.direction == "per_class":
        log.warning(
            "in training, %s mapped only images of some classes; the classes of new images are unknown", stain.name
        )
    # Images of the reference are mapped only where there is one other source.
    entry = stain.sources[source] if domain == "b" else next(iter(stain.sources.values()))
    weights = model_file.beside(entry.weights)
    check_file(weights, entry.sha256)
    spec = NormalizerSpec.from_description({"method": stain.method, "settings": stain.settings}, model_file.path)
    normalizer = open_normalizer(spec, weights, size=model_file.content.frame.size, runtime=runtime)

    def normalise(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        result = normalizer.transform(pixels, to=other_domain(domain))
        return result.pixels, result.passed_through

    return normalise
