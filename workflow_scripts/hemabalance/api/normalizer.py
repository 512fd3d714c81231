"""Bring images to the stain of a reference."""

import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import groupby
from os import PathLike
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from pydantic import ValidationError
from sklearn.base import BaseEstimator

from hemabalance.api.images import Given, open_images, pixels_of
from hemabalance.api.options import require_at_least
from hemabalance.api.runtime import inference_runtime, threads_or_default
from hemabalance.api.weights import weights_in
from hemabalance.classes import UNLABELLED
from hemabalance.classify.model_file import WEIGHTS
from hemabalance.dataset.imageset import ImageSet
from hemabalance.errors import InputError
from hemabalance.methods import method_names
from hemabalance.parallel import batched, threaded_map
from hemabalance.stain import normalizer as stage
from hemabalance.stain.fit import open_normalizer
from hemabalance.stain.method import NormalizerSpec
from hemabalance.stain.translator import Translator
from hemabalance.training.job import FitJob, Images
from hemabalance.training.weights import read_description

log = logging.getLogger(__name__)

_BATCH = 64
_BATCH_PIXELS = 1 << 24
"""Pixels of a batch at most: photographs of a whole camera are mapped one by one."""
_BLANK = np.full((8, 8, 3), 255, np.uint8)
_ANY_SIZE = 0
"""In place of the side of the images in the weights of a method that maps images of any size."""


class Normalizer(BaseEstimator):  # type: ignore[misc]
    """A stain normaliser: `fit` a classical one, or `load` one of any method that the workflow has fitted.

    ```
    normalizer = Normalizer.fit("reinhard", reference="lab_a/")
    images = normalizer.transform("lab_b/")  # a list of arrays uint8 (height, width, 3)
    normalizer.save("reinhard_a")
    normalizer = Normalizer.load("reinhard_a")
    ```

    An estimator of scikit-learn with `get_params` and `transform`. Its `fit` makes a new, fitted one; as a step of a
    pipeline that is fitted, put it into `sklearn.frozen.FrozenEstimator`.

    Args:
        method: name of a method, such as `reinhard`.
        settings: its settings by name (`hemabalance config stain.normalizers.reinhard` prints them); None: defaults.
    """

    def __init__(self, method: str = "reinhard", settings: Mapping[str, Any] | None = None) -> None:
        self.method, self.settings = method, settings
        self._normalizer: stage.Normalizer | None = None

    @classmethod
    def fit(
        cls,
        method: str = "reinhard",
        *,
        reference: Given,
        images: Given | None = None,
        settings: Mapping[str, Any] | None = None,
        seed: int = 0,
        threads: int | None = None,
    ) -> "Normalizer":
        """Fit a classical method: `reinhard`, `macenko` or `vahadane`. All images given are used for it.

        Args:
            method: name of the method.
            reference: images in the stain that images are brought to: arrays RGB uint8, files, folders or zips (see
                `api.images`). The path of an `images.zip` of the workflow with its `images.parquet` beside it is an
                image set with labels: then all classes count alike, as in the workflow.
            images: images in the stain to be mapped, likewise; needed only if a setting has the value `domain`.
            settings: settings of the method by name; None: defaults.
            seed: of the choice of images, if there are more than the setting `fit_images`; 0 or more.
            threads: CPU threads of PyTorch in the whole process; None: unchanged.

        Files that cannot be read are named in the log, and left out.

        Raises:
            InputError: there is no such method, it trains networks, a setting or number is invalid, or images are
                missing, no RGB uint8, or all too blank for the method or unreadable.
        """
        spec = _spec(method, settings)
        _require_fit_here(spec, images)
        require_at_least(0, seed=seed)
        number = threads_or_default(threads)
        with ExitStack() as stack:
            runtime = stack.enter_context(inference_runtime("cpu", number))
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            a = stack.enter_context(_fit_images(reference))
            b = a if images is None else stack.enter_context(_fit_images(images))
            normalizer = spec.build(size=_ANY_SIZE, runtime=runtime)
            job = FitJob(runtime, scratch / "state", scratch / "history.jsonl", threads=number, seed=seed)
            normalizer.fit(stage.StainData(a, b, None), job)
        return cls._fitted(spec, normalizer)

    @classmethod
    def load(cls, folder: str | PathLike[str], *, device: str = "cpu", threads: int | None = None) -> "Normalizer":
        """Open a fitted normaliser, of any method.

        Args:
            folder: folder of `save`; `results/<run>/<protocol>/stain/<normalizer>/<source>` of a run, which maps images
                of that source to the stain of the run's reference; or the `weights.safetensors` in it.
            device: `cpu` or `cuda`.
            threads: CPU threads of PyTorch in the whole process; None: unchanged.

        Raises:
            InputError: there are no weights, they are damaged, of no normaliser or of another version, or the device is
                missing or `threads` under 1.
        """
        weights = weights_in(folder)
        description = read_description(weights)
        if "kind" in description or description.get("method") not in method_names("stain"):
            problem = f"holds no normaliser, but {description.get('method') or description.get('kind')}"
            raise InputError(weights, problem, f"Give the {WEIGHTS} of a normaliser")
        spec = NormalizerSpec.from_description(description, weights)
        with inference_runtime(device, threads_or_default(threads)) as runtime:
            return cls._fitted(spec, open_normalizer(spec, weights, size=description["size"], runtime=runtime))

    def transform(self, images: Given, *, return_unchanged: bool = False) -> Any:
        """Map images to the stain of the reference.

        Args:
            images: arrays RGB uint8, files, folders or zips (see `api.images`). Classical methods and `stainnet` map
                images of any size, other networks only the size of their run (`images: {size: …}` in its config).
            return_unchanged: return also which images were left as they are, because they show too little stain.

        Returns:
            RGB uint8 of the same sizes: an array if an array is given, of its shape; otherwise a list of arrays in the
            order given, a folder's images sorted by name. With `return_unchanged` a tuple of these and bool (n,).

        Raises:
            InputError: nothing was fitted or loaded, there is no image, or an image is unreadable, no RGB uint8 or of
                another size than the networks.
        """
        mapped: list[np.ndarray] = []
        unchanged: list[bool] = []
        with open_images(images) as opened:
            pixels = threaded_map(pixels_of, opened, threads=torch.get_num_threads())
            for image, is_unchanged in self.transform_each(pixels):
                mapped.append(image)
                unchanged.append(is_unchanged)
        if any(unchanged):
            log.warning("%d of %d images show too little stain and stay unchanged", sum(unchanged), len(unchanged))
        out: Any = mapped
        if isinstance(images, np.ndarray):
            out = np.stack(mapped) if images.ndim == 4 else mapped[0]
        return (out, np.array(unchanged)) if return_unchanged else out

    def transform_each(self, images: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, bool]]:
        """Map any number of images, of which only a batch is in memory; they are read as the results are taken.

        Args:
            images: RGB uint8 (height, width, 3) each, of any sizes; see `transform`.

        Yields:
            In order, the mapped image, of the same shape, and whether it was left as it is.

        Raises:
            InputError: nothing was fitted or loaded, or an image is of another size than the networks.
        """
        for (height, width, _), alike in groupby(images, key=np.shape):
            at_once = max(1, min(_BATCH, _BATCH_PIXELS // (height * width)))
            for batch in batched(alike, at_once):
                result = self._mapped(np.stack(batch))
                yield from zip(result.pixels, result.passed_through.tolist(), strict=True)

    def save(self, folder: str | PathLike[str]) -> None:
        """Write the fitted values into `weights.safetensors` in a folder, which is made if it is missing.

        Raises:
            InputError: nothing was fitted or loaded, the disk is full, or the folder cannot be written to.
        """
        self._ready().save(Path(folder) / WEIGHTS)

    @property
    def size(self) -> int | None:
        """Side in pixels of the square images that its networks map; None if it maps images of any size."""
        normalizer = self._ready()
        return normalizer.size if isinstance(normalizer, Translator) else None

    @classmethod
    def _fitted(cls, spec: NormalizerSpec, normalizer: stage.Normalizer) -> "Normalizer":
        made = cls(spec.method, spec.settings.plain)
        made._normalizer = normalizer
        return made

    def _ready(self) -> stage.Normalizer:
        if self._normalizer is None:
            remedy = "Use the result of Normalizer.fit(…) or Normalizer.load(…)"
            raise InputError("the normaliser", "is neither fitted nor loaded", remedy)
        return self._normalizer

    def _mapped(self, pixels: np.ndarray) -> stage.Transformed:
        normalizer = self._ready()
        try:
            return normalizer.transform(pixels, to="a")
        except InputError as error:
            remedy = "Give square images of this size, cut as in the run, or use a method without this limit: reinhard"
            raise InputError(error.where, error.problem, remedy) from error

    def __sklearn_is_fitted__(self) -> bool:
        return self._normalizer is not None


class _Pixels:
    """The pixels of images, decoded when they are used: a fit uses a sample of them."""

    def __init__(self, count: int, read: Callable[[int], np.ndarray]) -> None:
        self._count, self._read = count, read

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> np.ndarray:
        return self._read(place)


@contextmanager
def _fit_images(given: Given) -> Iterator[Images]:
    """The images that a domain is fitted on, with the labels of an image set, or of one class."""
    index = Path(given).with_suffix(".parquet") if isinstance(given, str | PathLike) else None
    if index is not None and Path(cast(str, given)).is_file() and index.is_file():
        with ImageSet(Path(cast(str, given)), index) as image_set:
            labels = image_set.index["label"].fillna(UNLABELLED).to_numpy(dtype=str)
            yield Images(cast(np.ndarray, _Pixels(len(image_set), image_set.read)), labels)
        return
    with open_images(given) as opened:
        left_out: set[str] = set()

        def pixels_or_blank(place: int) -> np.ndarray:
            """In place of a file that cannot be read, an image without stain, which no fit uses."""
            try:
                return pixels_of(opened[place])
            except InputError as error:
                if error.where not in left_out:  # both domains may be fitted on these images
                    left_out.add(error.where)
                    log.warning("%s left out: %s", error.where, error.problem)
                return _BLANK

        pixels = _Pixels(len(opened), pixels_or_blank)
        yield Images(cast(np.ndarray, pixels), np.full(len(opened), UNLABELLED))


def _spec(method: str, settings: Mapping[str, Any] | None) -> NormalizerSpec:
    try:
        return NormalizerSpec.from_plain({"method": method, "settings": dict(settings or {})})
    except ValidationError as error:
        problems = "; ".join(f"{item['loc'][-1]}: {item['msg']}" for item in error.errors())
        remedy = f"See hemabalance config stain.normalizers.{method}"
        raise InputError(f"settings of {method}", f"are not accepted ({problems})", remedy) from error


def _require_fit_here(spec: NormalizerSpec, images: Given | None) -> None:
    traits = spec.traits
    if traits.trains_networks or traits.paired or traits.needs_teacher:
        problem = "trains networks, which the workflow does"
        remedy = f"Add {spec.method} to stain.normalizers in its config, and give the folder of the result to load"
        raise InputError(f"method {spec.method}", problem, remedy)
    of_domain = [name for name, value in spec.settings.plain.items() if value == "domain"]
    if of_domain and images is None:
        problem = f"are missing, but the setting {of_domain[0]} is `domain`: a property of all of them together"
        raise InputError("images", problem, "Give images in the stain to be mapped, or choose `image`")
