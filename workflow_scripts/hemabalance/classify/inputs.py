"""Input images of `hemabalance predict`: files, folders and zips; files that are no images are counted."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hemabalance.errors import InputError
from hemabalance.sources.archives import Archive, Limits, open_archive
from hemabalance.sources.containers.zips import MAGIC
from hemabalance.sources.decode import UnreadableImage
from hemabalance.sources.formats import IMAGE_SUFFIXES, READABLE
from hemabalance.sources.junk import is_hidden

MAX_KINDS = 5
"""Maximum number of kinds of files that an error counts."""


@dataclass(frozen=True)
class InputImage:
    """An image that has not been read yet.

    Attributes:
        path: path for messages and tables: the argument itself, or the folder or zip joined with the name in it.
        archive: the folder or zip that holds the image; None for a single file.
        name: name in the archive.
        max_bytes: largest permitted file size in bytes.
    """

    path: str
    archive: Archive | None
    name: str
    max_bytes: int

    def read(self) -> bytes:
        """The bytes of the file; thread-safe.

        Raises:
            UnreadableImage: the file cannot be read, fails its checksum, or is too large.
        """
        if self.archive is not None:
            try:
                return next(iter(self.archive.read([self.name])))[1]
            except InputError as error:
                raise UnreadableImage(error.problem) from error
        try:
            with Path(self.path).open("rb") as handle:
                content = handle.read(self.max_bytes + 1)
        except OSError as error:
            raise UnreadableImage(f"cannot be read ({error.strerror})") from error
        if len(content) > self.max_bytes:
            raise UnreadableImage(f"has more than the {self.max_bytes} bytes allowed")
        return content


@dataclass(frozen=True)
class InputImages:
    """All input images in order; and for each folder or zip, the number of other files by suffix."""

    images: tuple[InputImage, ...]
    skipped: dict[str, Counter[str]]


@contextmanager
def open_inputs(paths: Sequence[Path], limits: Limits) -> Iterator[InputImages]:
    """List the images of the paths; folders and zips stay open within the context.

    A file named directly counts as an image whatever its name. In a folder or zip, the images are the files with a
    suffix of a format that is read (`formats.IMAGE_SUFFIXES`) that are not hidden, sorted by name.

    Args:
        paths: files, folders, zips.
        limits: limits on the content of a folder or zip, and on the size of one file.

    Raises:
        InputError: a path is missing, is neither a file nor a folder, or holds no image; or a folder or zip is refused
            (see `archives.open_archive`).
    """
    images: list[InputImage] = []
    skipped: dict[str, Counter[str]] = {}
    with ExitStack() as stack:
        for path in paths:
            if not _is_container(path):
                images.append(InputImage(str(path), None, path.name, limits.max_member_bytes))
                continue
            archive = stack.enter_context(open_archive(path, limits))
            names = [member.name for member in archive.members]
            chosen = [name for name in names if _is_image(name)]
            others = Counter(_suffix(name) for name in names if not _is_image(name))
            if not chosen:
                kinds = ", ".join(f"{count} {kind}" for kind, count in others.most_common(MAX_KINDS))
                problem = f"holds no image among its {len(names)} files ({kinds})" if names else "is empty"
                raise InputError(path, problem, f"Give images, or a folder or zip with {READABLE} files")
            images += [InputImage(str(path / name), archive, name, limits.max_member_bytes) for name in chosen]
            if others:
                skipped[str(path)] = others
        yield InputImages(tuple(images), skipped)


def _is_container(path: Path) -> bool:
    if path.is_dir():
        return True
    if not path.is_file():
        problem = "is neither a file nor a folder" if path.exists() else "does not exist"
        raise InputError(path.absolute(), problem, "Give an image, a folder of images or a zip of them")
    try:
        with path.open("rb") as handle:
            return handle.read(8).startswith(MAGIC)
    except OSError:
        return False  # reported later, with the other unreadable images


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not is_hidden(name)


def _suffix(name: str) -> str:
    return "hidden" if is_hidden(name) else PurePosixPath(name).suffix.lower() or "without suffix"
