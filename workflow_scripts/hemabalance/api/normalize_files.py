"""Normalise any number of files into a folder: only a batch of images is in memory."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from hemabalance.api.contact_sheet import evenly_spread, thumbnail, write_contact_sheet
from hemabalance.api.images import LIMITS, pixels_of
from hemabalance.api.normalizer import Normalizer
from hemabalance.classify.inputs import InputImage, open_inputs
from hemabalance.errors import InputError
from hemabalance.new_folder import atomic_folder
from hemabalance.parallel import threaded_map
from hemabalance.progress import Meter

SHEET = "before_after.png"
_SHOWN, _COLUMNS = 12, 6


@dataclass(frozen=True)
class NamedImage:
    """An image that has not been read, and the name of its result below the folder, such as `smear/07.png`."""

    image: InputImage
    name: str


@dataclass(frozen=True)
class Outcome:
    """Numbers of images: written, of these unchanged because they show too little stain, and unreadable ones."""

    written: int
    unchanged: int
    failed: int


@contextmanager
def named_images(paths: Sequence[Path]) -> Iterator[list[NamedImage]]:
    """List images in order; folders and zips stay open within the context.

    Args:
        paths: files, folders, zips. The name of an image is its name in the folder or zip with the suffix `.png`; if
            there are several paths, below the name of its folder or zip.

    Raises:
        InputError: two images have the same name, or as `classify.inputs.open_inputs`.
    """
    with ExitStack() as stack:
        found: list[NamedImage] = []
        for path in paths:
            place = path.resolve()  # `..` has no name
            folder = place.name if place.is_dir() else place.stem
            for image in stack.enter_context(open_inputs([path], LIMITS)).images:
                below = PurePosixPath(folder if image.archive and len(paths) > 1 else "")
                found.append(NamedImage(image, str((below / image.name).with_suffix(".png"))))
        _require_different(found)
        yield found


def _require_different(images: Sequence[NamedImage]) -> None:
    taken = {SHEET: "the sheet of images before and after"}
    for named in images:
        if named.name in taken:
            problem = f"would get the same name {named.name} as {taken[named.name]}"
            raise InputError(named.image.path, problem, "Rename it, or normalise the two into different folders")
        taken[named.name] = named.image.path


def normalize_into(
    images: Sequence[NamedImage],
    normalizer: Normalizer,
    folder: Path,
    *,
    threads: int,
    unreadable: Callable[[str, str], None],
) -> Outcome:
    """Write each image in the stain of a normaliser as a PNG, and `before_after.png` with up to twelve of them.

    Args:
        images: see `named_images`.
        normalizer: fitted.
        folder: missing or empty; it has all images or, after an error, none.
        threads: images that are decoded, and written, at once.
        unreadable: called with the path of each image that cannot be mapped, and why; the others are mapped.

    Raises:
        InputError: no image can be mapped, or the folder cannot be written.
    """
    work = _Work(images, normalizer, unreadable)
    with atomic_folder(folder) as part:
        with Meter("normalizing", len(images), "image") as work.meter:
            for _ in threaded_map(lambda item: _write(part, *item), work.results(threads), threads=threads):
                work.written += 1
                work.meter.advance()
        if not work.written:
            problem = f"could not be mapped, {len(images)} in all; nothing is written"
            raise InputError("each of the images", problem, "See the lines above")
        write_contact_sheet(work.strips(), part / SHEET)
    return Outcome(work.written, work.unchanged, work.failed)


class _Work:
    """Images on their way through a normaliser, with what is counted and shown of them."""

    meter: Meter

    def __init__(
        self, images: Sequence[NamedImage], normalizer: Normalizer, unreadable: Callable[[str, str], None]
    ) -> None:
        self._images, self._normalizer, self._unreadable = images, normalizer, unreadable
        self._shown = set(evenly_spread(len(images), _SHOWN))
        self._waiting: deque[int] = deque()
        self._before: list[np.ndarray] = []
        self._after: list[np.ndarray] = []
        self.written = self.unchanged = self.failed = 0

    def results(self, threads: int) -> Iterator[tuple[str, np.ndarray]]:
        """Name and mapped pixels of each image that can be read, in order."""
        for pixels, is_unchanged in self._normalizer.transform_each(self._readable(threads)):
            place = self._waiting.popleft()
            self.unchanged += is_unchanged
            if place in self._shown:
                self._after.append(np.asarray(thumbnail(pixels)))
            yield self._images[place].name, pixels

    def strips(self) -> Iterator[tuple[str, Sequence[np.ndarray]]]:
        """The strips of the contact sheet."""
        for first in range(0, len(self._after), _COLUMNS):
            yield "before", self._before[first : first + _COLUMNS]
            yield "after", self._after[first : first + _COLUMNS]

    def _readable(self, threads: int) -> Iterator[np.ndarray]:
        for place, read in enumerate(threaded_map(self._read, self._images, threads=threads)):
            if isinstance(read, InputError):
                self.failed += 1
                self._unreadable(self._images[place].image.path, read.problem)
                self.meter.advance()
                continue
            self._waiting.append(place)
            if place in self._shown:
                self._before.append(np.asarray(thumbnail(read)))
            yield read

    def _read(self, named: NamedImage) -> np.ndarray | InputError:
        """The pixels of an image, or why it cannot be mapped."""
        try:
            pixels = pixels_of(named.image)
        except InputError as error:
            return error
        side = self._normalizer.size
        if side is None or pixels.shape[:2] == (side, side):
            return pixels
        problem = f"has {pixels.shape[1]}x{pixels.shape[0]} px, these networks map only {side}x{side} px"
        return InputError(named.image.path, problem, "Choose a method for any size, such as reinhard")


def _write(folder: Path, name: str, pixels: np.ndarray) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, "PNG", compress_level=3)
