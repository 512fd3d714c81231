"""Prediction of classes and calibrated confidences for photographs, prepared like the model's training images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore

import numpy as np
import pandas as pd

from hemabalance.classify.image_origin import UNKNOWN, Origins, Square
from hemabalance.classify.inputs import InputImage
from hemabalance.classify.model import Model
from hemabalance.classify.model_schema import Frame
from hemabalance.classify.out_of_distribution import OutOfDistributionDetector
from hemabalance.classify.predictions import probability_columns
from hemabalance.dataset.tables import write_table
from hemabalance.dataset.working_size import reduced
from hemabalance.errors import InputError
from hemabalance.files import atomic_path, check_target
from hemabalance.metrics.calibration import tempered
from hemabalance.parallel import batched, threaded_map
from hemabalance.sources.decode import UnreadableImage, decode

BATCH = 64
"""Photographs per batch of the model."""

MAX_AT_ONCE = 4
"""Batches that go through the model at once, at most: each needs memory for its feature maps."""

GREY, OUT_OF_DISTRIBUTION, NOT_NORMALISED = "grey", "out_of_distribution", "not_normalised"
"""Flags: image without colour; differs from the training images; has too little contrast to be normalised."""

STAIN_MISMATCH = "stain_mismatch"
"""Flag: reaches the model in a stain that it was not trained on (`image_origin.Origins.mismatched`)."""

COLUMNS = ("path", "predicted", "confidence", "flag", "taken_for", "colour_distance", "error")
"""Columns of a table of predictions, followed by one column of probabilities for each class of the model."""

SIMILARITY = "similarity_"
"""Columns `similarity_1`, `similarity_2`, ...: similarity to the nearest training images, where these are asked for."""

SUFFIXES = (".csv", ".parquet")

Read = Square | str
"""A photograph made square, or the reason why it cannot be read."""


@dataclass(frozen=True)
class Predictor:
    """A model with its preprocessing and postprocessing.

    Attributes:
        model: trained model.
        detector: out-of-distribution detector of the model.
        temperature: divisor of the logits.
        frame: how a photograph is made square.
        origins: the sources that photographs may be taken for, with share of the frame and normaliser.
        at_once: batches that go through the model at once, each in a thread of its own.
        nearest: training images whose similarity to each photograph is in the table.
    """

    model: Model
    detector: OutOfDistributionDetector
    temperature: float
    frame: Frame
    origins: Origins
    at_once: int = 1
    nearest: int = 0

    @property
    def columns(self) -> list[str]:
        """`COLUMNS`, the columns of the probabilities `p_<class>`, and those of the similarities."""
        return [*COLUMNS, *probability_columns(self.model.classes), *self.similarity_columns]

    @property
    def similarity_columns(self) -> list[str]:
        """`similarity_1`, the highest, to `similarity_<nearest>`."""
        return [f"{SIMILARITY}{place + 1}" for place in range(self.nearest)]

    def predict(self, images: Sequence[InputImage], *, threads: int) -> Iterator[pd.DataFrame]:
        """Predict images in order, in batches, so that memory use does not grow with their number.

        Args:
            images: images to read.
            threads: images that are read at once.

        Yields:
            Tables with the columns `columns` and one row per image: `path`; `predicted`, missing if `error` gives a
            reason; `confidence` and the probabilities, calibrated float32, missing likewise; `flag`, warnings joined by
            `;`; `taken_for` and `colour_distance`, see `image_origin.Square`, missing likewise or if unknown.

        Raises:
            InputError: the model's logits are not finite.
        """
        yield from predict_mean([self], images, threads=threads)

    def square(self, photograph: InputImage) -> Read:
        """Read a photograph and make it square; thread-safe."""
        try:
            data = photograph.read()
            image, _ = decode(data, max_pixels=self.frame.max_pixels, min_side=self.frame.min_side)
        except UnreadableImage as error:
            return error.reason
        longer = max(image.shape[:2])
        if self.frame.fit == "pad" and longer**2 > self.frame.max_pixels:
            shape = f"{image.shape[1]}x{image.shape[0]} pixels"
            return f"{shape}, padded to a square, are more than the {self.frame.max_pixels} allowed"
        return self.origins.square(image, self.frame)

    def table(self, batch: Sequence[tuple[InputImage, Read]]) -> pd.DataFrame:
        """The table of one batch: images, each with its square or the reason why the photograph cannot be read."""
        results = [result for _, result in batch]
        readable = np.array([isinstance(result, Square) for result in results])
        probabilities = np.full((len(results), len(self.model.classes)), np.nan, np.float32)
        similarities = np.full((len(results), self.nearest), np.nan, np.float32)
        predicted, flags = np.full(len(results), None, object), np.full(len(results), "", object)
        if readable.any():
            squares = [result for result in results if isinstance(result, Square)]
            logits, flags[readable], similarities[readable] = self._outputs(squares)
            probabilities[readable] = tempered(logits, self.temperature)
            predicted[readable] = np.array(self.model.classes, object)[logits.argmax(1)]
        errors = [result if isinstance(result, str) else "" for result in results]
        sources = [UNKNOWN if isinstance(result, str) else result.source for result in results]
        texts = {"path": [_text(image.path) for image, _ in batch], "predicted": predicted, "taken_for": sources}
        table = pd.DataFrame(texts | {"flag": flags, "error": errors}).astype("str")
        table["predicted"] = table["predicted"].where(readable)
        table["taken_for"] = table["taken_for"].where(table["taken_for"] != UNKNOWN)
        distances = [np.nan if isinstance(result, str) else result.distance for result in results]
        table["colour_distance"] = np.array(distances, np.float32)
        table["confidence"] = probabilities.max(1)
        shares = pd.DataFrame(probabilities, columns=probability_columns(self.model.classes))
        nearest = pd.DataFrame(similarities, columns=self.similarity_columns)
        return pd.concat([table, shares, nearest], axis=1)[self.columns]

    def _outputs(self, squares: Sequence[Square]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Logits (n, classes), flags, str objects (n,), and similarities (n, nearest) of squares."""
        original = np.stack([square.pixels for square in squares])
        sources = np.array([square.source for square in squares])
        distances = np.array([square.distance for square in squares])
        normalised, unchanged = self.origins.normalised(original, sources)
        pixels = reduced(normalised, self.model.size, where="the prepared photographs")
        logits = self.model.logits(pixels)
        if not np.isfinite(logits).all():
            raise InputError("the model", "gives logits that are not finite numbers", "Train the model again")
        masks = {
            GREY: (original == original[..., :1]).all((1, 2, 3)),
            NOT_NORMALISED: unchanged,
            STAIN_MISMATCH: self.origins.mismatched(sources, distances),
            OUT_OF_DISTRIBUTION: self.detector.out_of_distribution(pixels, logits),
        }
        flags = [";".join(name for name, mask in masks.items() if mask[index]) for index in range(len(squares))]
        nearest = self.nearest
        similarities = self.detector.similarities(pixels, logits, nearest) if nearest else np.empty((len(pixels), 0))
        return logits, np.array(flags, object), similarities


def predict_mean(
    predictors: Sequence[Predictor], images: Sequence[InputImage], *, threads: int
) -> Iterator[pd.DataFrame]:
    """Predict images by the mean of the calibrated probabilities of one or more models, like `average`.

    An image is read once, taken for the source that the first model finds, and has the flags that any of the models
    gives it.

    Args:
        predictors: models of the same classes, frame and shares of it.
        images, threads: see `Predictor.predict`.

    Yields:
        As `Predictor.predict`.

    Raises:
        InputError: the models have different classes or images of different size, or as `Predictor.predict`.
    """
    classes = predictors[0].model.classes
    for predictor in predictors[1:]:
        if predictor.model.classes != classes:
            problem = f"have different classes: {', '.join(classes)}; and {', '.join(predictor.model.classes)}"
            raise InputError("the models of the average", problem, "Train them again with one config")
        shared = sorted(set(predictors[0].origins.shares) & set(predictor.origins.shares))
        sides = [
            (one.frame.size, one.frame.fit, {source: one.origins.shares[source] for source in shared})
            for one in (predictors[0], predictor)
        ]
        if sides[0] != sides[1] or not shared:
            problem = f"have images of different size, fit and share of the frame: {sides[0]} and {sides[1]}"
            raise InputError("the models of the average", problem, "Train them again with one config")
    first = predictors[0]

    free = BoundedSemaphore(first.at_once)
    # A thread for each batch, from its files to its table: handing single images over costs a tenth of the time.
    # Several threads read a batch only if there are fewer batches than threads.
    readers = max(1, threads // max(1, -(-len(images) // BATCH)))

    def mean_table(batch: Sequence[InputImage]) -> pd.DataFrame:
        read = list(zip(batch, threaded_map(first.square, batch, threads=readers), strict=True))
        with free:  # other threads read their batches meanwhile
            tables = [predictor.table(read) for predictor in predictors]
        return tables[0] if len(tables) == 1 else _mean(tables, classes)

    yield from threaded_map(mean_table, batched(images, BATCH), threads=threads, ahead=2 * threads)


def _mean(tables: Sequence[pd.DataFrame], classes: Sequence[str]) -> pd.DataFrame:
    """The mean of several models' tables of the same images."""
    columns, mean = probability_columns(classes), tables[0].copy()
    shares = np.mean([table[columns].to_numpy(np.float64) for table in tables], axis=0)
    readable = (mean["error"] == "").to_numpy()
    named = pd.Series(np.array(classes, object)[shares.argmax(1)], mean.index).astype("str")
    flags = [_joined(row) for row in zip(*(table["flag"] for table in tables), strict=True)]
    mean["predicted"] = named.where(readable)
    mean["confidence"] = shares.max(1).astype(np.float32)
    mean["flag"] = pd.Series(flags, mean.index).astype("str")
    mean[columns] = shares.astype(np.float32)
    return mean


def _joined(flags: Sequence[str]) -> str:
    """Each flag of several cells, once."""
    return ";".join(dict.fromkeys(flag for cell in flags for flag in cell.split(";") if flag))


def check_out(path: Path) -> None:
    """Refuse an output path before the predictions are computed.

    Raises:
        InputError: the suffix is neither that of CSV nor of Parquet, or the file cannot be written there.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            path, "has neither the suffix of CSV nor of Parquet", f"Use a name that ends in {' or '.join(SUFFIXES)}"
        )
    check_target(path)


def write_predicted(table: pd.DataFrame, path: Path) -> None:
    """Write predictions atomically as CSV or Parquet, by the suffix; missing values are empty cells in CSV.

    Raises:
        InputError: as `check_out`, the disk is full, or the folder is not writable.
    """
    check_out(path)
    if path.suffix.lower() == ".parquet":
        write_table(table, path)
        return
    with atomic_path(path) as part:
        table.to_csv(part, index=False, float_format="%.7g", lineterminator="\n")


def _text(path: str) -> str:
    """The path as valid UTF-8; other bytes are escaped."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
