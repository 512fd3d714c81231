"""A trained classifier opened from its `model.json`, for `hemabalance predict` and for `api.classifier`."""

import logging
from collections.abc import Sequence

import numpy as np

from hemabalance.api.options import PredictionOptions
from hemabalance.api.runtime import inference_runtime
from hemabalance.classify.inputs import InputImage
from hemabalance.classify.model_file import DETECTOR, WEIGHTS, OpenedModelFile, check_file
from hemabalance.classify.open_model import open_classifier
from hemabalance.classify.out_of_distribution import read_detector
from hemabalance.classify.predict import BATCH, MAX_AT_ONCE, Normalise, Predictor
from hemabalance.classify.scale import estimated_field, log_estimate
from hemabalance.dataset.fields import AUTO
from hemabalance.errors import InputError
from hemabalance.stain.fit import open_normalizer
from hemabalance.stain.method import NormalizerSpec
from hemabalance.stain.normalizer import Domain, other_domain
from hemabalance.training.device import Runtime

log = logging.getLogger(__name__)


def open_predictor(
    model_file: OpenedModelFile, options: PredictionOptions, field: float, at_once: int = 1
) -> Predictor:
    """Open a model with its preprocessing and postprocessing.

    Args:
        model_file: the model's file.
        options: device, and the source from whose stain images are normalised.
        field: share of the frame that is used.
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
        source = options.normalize_from
        normalise = None if source is None else _normaliser(model_file, source, options, runtime)
    detector = read_detector(model_file.beside(DETECTOR))
    return Predictor(model, detector, content.temperature, content.frame, field, normalise, at_once)


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


def field_of(model_file: OpenedModelFile, images: Sequence[InputImage], options: PredictionOptions) -> float:
    """The share of the frame that is used, in (0, 1].

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
