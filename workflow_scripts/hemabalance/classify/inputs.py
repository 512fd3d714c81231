"""The images that a person names: files, folders and zips, with what is left out of them said."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hemabalance.errors import InputError
from hemabalance.sources.archives import Archive, Limits, open_archive
from hemabalance.sources.containers.zips import IMAGE_SUFFIXES, MAGIC
from hemabalance.sources.decode import UnreadableImage


@dataclass(frozen=True)
class InputImage:
    """An image to be read.

    Attributes:
        path: as people know it: the file as given, or the folder or zip as given and the name within it.
        archive: folder or zip that it is in; None for a file.
        name: its name there.
        most: bytes that a file may have.
    """

    path: str
    archive: Archive | None
    name: str
    most: int

    def read(self) -> bytes:
        """The bytes of the file; callable from several threads.

        Raises:
            UnreadableImage: it cannot be read, fails its checksum, or is too large.
        """
        if self.archive is not None:
            try:
                return next(iter(self.archive.read([self.name])))[1]
            except InputError as error:
                raise UnreadableImage(error.problem) from error
        try:
            with Path(self.path).open("rb") as handle:
                content = handle.read(self.most + 1)
        except OSError as error:
            raise UnreadableImage(f"cannot be read ({error.strerror})") from error
        if len(content) > self.most:
            raise UnreadableImage(f"has more than the {self.most} bytes allowed")
        return content


@dataclass(frozen=True)
class InputImages:
    """All images that were named, in order; and of each folder or zip, how many files are no images, by suffix."""

    images: tuple[InputImage, ...]
    skipped: dict[str, Counter[str]]


@contextmanager
def open_inputs(paths: Sequence[Path], limits: Limits) -> Iterator[InputImages]:
    """Find the images behind paths; folders and zips stay open for as long as the context.

    A file is taken for an image whatever its name. In a folder or a zip, images are the files with the suffix of a
    JPEG, PNG or TIFF that are not hidden, sorted by name.

    Args:
        paths: files, folders, zips.
        limits: of what a folder or a zip may contain, and of the bytes of one file.

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
            others = Counter(_kind(name) for name in names if not _is_image(name))
            if not chosen:
                problem = f"holds no image among its {len(names)} files" if names else "is empty"
                raise InputError(path, problem, "Give images, or a folder or zip of JPEG, PNG or TIFF files")
            images += [InputImage(str(path / name), archive, name, limits.max_member_bytes) for name in chosen]
            if others:
                skipped[str(path)] = others
        yield InputImages(tuple(images), skipped)


def _is_container(path: Path) -> bool:
    if path.is_dir():
        return True
    if not path.is_file():
        problem = "is neither a file nor a folder" if path.exists() else "does not exist"
        raise InputError(path, problem, "Give an image, a folder of images or a zip of them")
    try:
        with path.open("rb") as handle:
            return handle.read(8).startswith(MAGIC)
    except OSError:
        return False  # told with the other images that cannot be read


def _hidden(name: str) -> bool:
    # macOS puts a `._` file of its own beside each image, or into a folder `__MACOSX`.
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not _hidden(name)


def _kind(name: str) -> str:
    return "hidden" if _hidden(name) else PurePosixPath(name).suffix.lower() or "without suffix"
