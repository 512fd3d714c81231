"""Predict the classes of photographs with a trained classifier."""

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from hemabalance.api.devices import AUTO_DEVICE, resolve_device
from hemabalance.api.images import Given, open_images
from hemabalance.api.options import PredictionOptions, require_at_least
from hemabalance.api.predictor import batches_at_once, field_of, log_origins, open_predictor, require_sources
from hemabalance.api.runtime import threads_or_default, torch_threads
from hemabalance.classify.model_file import read_model_file
from hemabalance.classify.predictions import probabilities_of
from hemabalance.dataset.fields import AUTO
from hemabalance.errors import InputError


class Classifier(BaseEstimator):  # type: ignore[misc]
    """A trained classifier with its preparation of photographs, as `hemabalance predict` uses it.

    ```
    classifier = Classifier.load("results/full/leak_free/classifiers/balanced/seed-1")
    table = classifier.predict("images/")  # path, predicted, confidence, flag, taken_for, ..., p_<class>
    table[table["flag"] == ""]  # images that look like those of the training
    ```

    An estimator of scikit-learn, with `get_params`, `set_params`, `classes_` and `predict_proba`, and without `fit`:
    models are trained by the workflow. For research only; not a medical device.

    Args:
        folder: folder of a trained classifier, or its `model.json`.
        normalize: bring images to the stain that the model was trained on: each image by itself is taken for the source
            of the model that is nearest in colour, and normalised if its images were in training. False: leave their
            stain; images that would be normalised are flagged.
        normalize_from: take all images for images of this source of the model, and normalise them; None: see
            `normalize`.
        source: use the same share of the frame as for this source in training; None: that of the source that an image
            is taken for, or in models of earlier versions, of the source with most training images.
        field: share of the frame to use instead, in (0, 1]; `auto`: the share with which the cells of all images of a
            call together have the size of those in the training images.
        device: `cpu`, `cuda`, or `auto`: a GPU if there is one.
        threads: CPU threads of PyTorch in the whole process, and decoders that run at once; None: as many as PyTorch
            uses.

    Raises:
        InputError: the folder holds no model, a file of it is missing, damaged or of another model, the model has not
            seen such a source, `field` is out of range or given beside `source`, `normalize_from` beside
            `normalize=False`, or the device is missing.
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        *,
        normalize: bool = True,
        normalize_from: str | None = None,
        source: str | None = None,
        field: float | str | None = None,
        device: str = AUTO_DEVICE,
        threads: int | None = None,
    ) -> None:
        self.folder, self.normalize, self.normalize_from, self.source = folder, normalize, normalize_from, source
        self.field, self.device, self.threads = field, device, threads
        self._open()

    @classmethod
    def load(cls, folder: str | PathLike[str], **options: Any) -> "Classifier":
        """Open a trained classifier; arguments and errors as those of the class."""
        return cls(folder, **options)

    @property
    def classes_(self) -> np.ndarray:
        """The classes in the order of the probabilities, str (classes,)."""
        return np.array(self._file.content.classes)

    def set_params(self, **params: Any) -> "Classifier":
        """Change arguments of the class, and open the model again."""
        super().set_params(**params)
        self._open()
        return self

    def predict(self, images: Given, *, nearest: int = 0) -> pd.DataFrame:
        """Predict classes and calibrated confidences; equal to the table of `hemabalance predict`.

        Args:
            images: an array RGB uint8 (height, width, 3) or (n, height, width, 3), a file, folder or zip, or a list of
                these, of any size that the model's limits allow; prepared as in training.
            nearest: how many of the most similar training images to tell the similarity of.

        Returns:
            One row an image, in order: `path` (`images[0]` for an array); `predicted`; `confidence` in [0, 1], the
            calibrated probability of that class; `flag`, any of `grey`, `out_of_distribution` (do not trust the class),
            `not_normalised` (too little contrast) and `stain_mismatch` (a stain that the model was not trained on)
            joined by `;`; `taken_for`, the source of the model that the image was taken for, and `colour_distance`, its
            distance in colour to the training images of this source, over 1 if it is beyond 99 % of them, both missing
            in models of earlier versions; `error`, why an image cannot be read (its other values are then missing); and
            the probabilities of all classes `p_<class>`, float32, whose sum is 1. With `nearest`, also `similarity_1`,
            ..., float32 in [0, 1], see `OutOfDistributionDetector.similarities`, missing in models of earlier versions.

        Raises:
            InputError: there is no image, an array is not RGB uint8, a path does not exist, `nearest` is negative, or
                the field is `auto` and cannot be estimated. An unreadable file is no error, but a row.
        """
        require_at_least(0, nearest=nearest)
        options = self._options()
        with open_images(images, self._file.archive_limits()) as opened:
            field, at_once = field_of(self._file, opened, options), batches_at_once(len(opened), options)
            origins = self._predictor.origins
            origins = origins if field is None else origins.with_share(field)
            predictor = replace(self._predictor, origins=origins, at_once=at_once, nearest=nearest)
            with torch_threads(options.threads // at_once):
                table = pd.concat(predictor.predict(opened, threads=options.threads), ignore_index=True)
        log_origins(table, origins)
        return table

    def predict_proba(self, images: Given) -> np.ndarray:
        """The probabilities of `predict`, float32 (n, classes), in the order of `classes_`; NaN for unreadable files.

        Arguments and errors as those of `predict`.
        """
        return probabilities_of(self.predict(images))

    def _options(self) -> PredictionOptions:
        threads = threads_or_default(self.threads)
        return PredictionOptions(
            resolve_device(self.device), threads, self.normalize_from, self.source, self.field, self.normalize
        )

    def _open(self) -> None:
        _require_field(self.field, self.source)
        if self.normalize_from is not None and not self.normalize:
            problem = "is given beside normalize=False, which leaves the stain of images"
            raise InputError(f"normalize_from={self.normalize_from!r}", problem, "Give one of the two")
        options = self._options()
        self._file = read_model_file(Path(self.folder))
        require_sources(self._file, options)
        self._predictor = open_predictor(self._file, options, field=None)  # `predict` sets the field


def _require_field(field: float | str | None, source: str | None) -> None:
    if field is not None and source is not None:
        raise InputError(f"field={field!r}", "is given beside source, which has a field too", "Give one of the two")
    if not (field is None or field == AUTO or (not isinstance(field, str) and 0 < field <= 1)):
        raise InputError(f"field={field!r}", "is no share of the frame", f"Give a number over 0, up to 1, or {AUTO!r}")
