"""Write phantom archives: zip files in the layouts of the two public downloads; equal arguments give equal bytes."""

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hemabalance.files import atomic_path
from hemabalance.progress import progress
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.plan import (
    FOLDERS,
    RESCALE,
    PlannedImage,
    SourceName,
    frame_shape,
    plan,
    planned_images,
)
from hemabalance.sources.phantom.render import render

__all__ = ["plan", "write_archive"]

U8 = NDArray[np.uint8]

DOMAIN_OF_SOURCE: dict[str, Literal["a", "b"]] = {"mendeley": "a", "tcia": "b"}
BLOCK = 64  # images per rendered block
QUALITY, LOW_QUALITY = 90, 60  # of JPEG
SHIFT_PX = 2
TRUNCATE_AT = 0.6  # share of the bytes that the truncated file keeps
HALF_OPAQUE = 128
TIMESTAMP = (2020, 1, 1, 0, 0, 0)
REANNOTATED, AGREEING, UNCERTAIN = 0.10, 0.85, 0.5  # shares: of all images, of re-annotations, of disagreements
ANNOTATION_STREAM = 6

# The head of a macOS .DS_Store: alignment word, magic "Bud1", offset and size of its root block.
METADATA = bytes.fromhex("00000001427564310000100000000800000010000000002500000000") + bytes(356)

ABBREVIATIONS = {
    "BAS": "Basophil",
    "EBO": "Erythroblast",
    "EOS": "Eosinophil",
    "KSC": "Smudge cell",
    "LYA": "Lymphocyte, atypical",
    "LYT": "Lymphocyte, typical",
    "MMZ": "Metamyelocyte",
    "MOB": "Monoblast",
    "MON": "Monocyte",
    "MYB": "Myelocyte",
    "MYO": "Myeloblast",
    "NGB": "Neutrophil, band",
    "NGS": "Neutrophil, segmented",
    "PMB": "Promyelocyte, bilobed",
    "PMO": "Promyelocyte",
}


def write_archive(
    target: Path, source: SourceName, *, seed: int, counts: Mapping[str, int], size: int, threads: int
) -> None:
    """Write the archive that `plan` describes, with the two text files of tcia.

    Args:
        target: zip file to write; absent after any error.
        source: `mendeley` (JPEG) or `tcia` (RGBA TIFF).
        seed: non-negative; must be equal for both sources, else the cross-source copy has no original.
        counts: as in `plan`.
        size: width of a mendeley photograph in pixels, as in `plan`.
        threads: at least 1; does not change the bytes.

    Raises:
        ValueError: as `plan`.
        InputError: the disk is full or the folder is not writable.
    """
    images = planned_images(source, seed=seed, counts=counts, size=size)
    with atomic_path(target) as part, zipfile.ZipFile(part, "w") as archive:
        if source == "tcia":
            add_member(archive, "AML-Cytomorphology_LMU/annotations.dat", _annotations(images, seed).encode())
            add_member(archive, "AML-Cytomorphology_LMU/abbreviations.txt", _abbreviations().encode())
        members = _members(source, images, seed, size, threads)
        for member, content in progress(members, total=len(images), what=f"rendering the {source} phantom"):
            add_member(archive, member, content)


def add_member(archive: zipfile.ZipFile, member: str, content: bytes) -> None:
    """Add a file to a zip, with equal bytes at every time and on every system."""
    info = zipfile.ZipInfo(member, TIMESTAMP)
    info.create_system, info.external_attr = 3, 0o644 << 16  # Unix, for equal bytes on every system
    info.compress_type = zipfile.ZIP_STORED if member.endswith(".jpg") else zipfile.ZIP_DEFLATED
    archive.writestr(info, content, compresslevel=1)


def _members(
    source: SourceName, images: list[PlannedImage], seed: int, size: int, threads: int
) -> Iterator[tuple[str, bytes]]:
    """Yield (member, bytes) in the order of `images`; originals of copies stay in memory until the end."""
    copied = {item.copy_of for item in images}
    originals: dict[str, bytes] = {}
    encode = jpeg if source == "mendeley" else tiff
    for block in _blocks(images):
        if block[0].kind == "cell":
            photographs = _photographs(source, block, seed, frame_shape(source, size), threads)
            with ThreadPoolExecutor(threads) as pool:
                contents = list(pool.map(encode, photographs))
        else:
            contents = [_planted(source, block[0], originals, seed, size)]
        for item, content in zip(block, contents, strict=True):
            if item.member in copied:
                originals[item.member] = content
            yield item.member, content


def _blocks(images: list[PlannedImage]) -> Iterator[list[PlannedImage]]:
    """Yield runs of at most BLOCK ordinary cells with consecutive indices; each planted image is a block of its own."""
    block: list[PlannedImage] = []
    for item in images:
        follows = block and block[-1].kind == item.kind == "cell" and block[-1].cell_index + 1 == item.cell_index
        if block and not (follows and len(block) < BLOCK):
            yield block
            block = []
        block.append(item)
    yield block


def _photographs(source: SourceName, block: list[PlannedImage], seed: int, shape: tuple[int, int], threads: int) -> U8:
    cells = sample_cells([item.cell_type for item in block], seed=seed, first_index=block[0].cell_index)
    cells = replace(cells, bluish=np.array([item.bluish for item in block], np.float32))
    return render(cells, DOMAIN_OF_SOURCE[source], shape=shape, nuisance=True, threads=threads)


def _planted(source: SourceName, item: PlannedImage, originals: Mapping[str, bytes], seed: int, size: int) -> bytes:
    if item.kind == "empty":
        return b""
    if item.kind == "not_an_image":
        return METADATA
    if item.kind in ("duplicate", "conflict"):
        return originals[item.copy_of]
    if item.kind in EDITS:
        edited = EDITS[item.kind](decode(originals[item.copy_of]))
        if item.kind == "reencoded" and source == "mendeley":
            return jpeg(edited, LOW_QUALITY)
        return jpeg(edited) if source == "mendeley" else tiff(edited)
    origin: SourceName = "mendeley" if item.kind == "cross_source" else source
    image = _photographs(origin, [item], seed, frame_shape(origin, size), 1)[0]
    if item.kind == "cross_source":
        return tiff(decode(jpeg(image)))
    if item.kind == "truncated":
        content = jpeg(image)
        return content[: int(TRUNCATE_AT * len(content))]
    return tiff(image, HALF_OPAQUE)


def jpeg(image: U8, quality: int = QUALITY) -> bytes:
    """Encode an RGB uint8 (h, w, 3) image as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def tiff(image: U8, alpha: int = 255) -> bytes:
    """Encode an RGB uint8 (h, w, 3) image as an RGBA TIFF of uniform opacity `alpha`."""
    buffer = io.BytesIO()
    opacity = np.full((*image.shape[:2], 1), alpha, np.uint8)
    Image.fromarray(np.concatenate([image, opacity], axis=2)).save(buffer, "TIFF")
    return buffer.getvalue()


def decode(content: bytes) -> U8:
    """Decode to RGB uint8 (h, w, 3) pixels, without the alpha channel."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def _reencoded(image: U8) -> U8:
    return decode(jpeg(image, LOW_QUALITY))


def _shifted(image: U8) -> U8:
    return np.pad(image, ((0, 0), (SHIFT_PX, 0), (0, 0)), mode="edge")[:, :-SHIFT_PX]


def _rescaled(image: U8) -> U8:
    height, width = image.shape[:2]
    size = (round(width * RESCALE), round(height * RESCALE))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def _zoomed(image: U8) -> U8:
    height, width = image.shape[:2]
    side, top = width * (1 - 1 / RESCALE) / 2, height * (1 - 1 / RESCALE) / 2
    box = (side, top, width - side, height - top)
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC, box=box))


EDITS: dict[str, Callable[[U8], U8]] = {
    "reencoded": _reencoded,
    "shifted": _shifted,
    "rescaled": _rescaled,
    "zoomed": _zoomed,
}


def _annotations(images: list[PlannedImage], seed: int) -> str:
    """Return one line per image: path, class, first and second re-annotation (`nan` for none)."""
    rng = np.random.default_rng([seed, ANNOTATION_STREAM])
    codes = list(FOLDERS["tcia"])
    lines = []
    for item in images:
        reannotations = ["nan", "nan"]
        if rng.random() < REANNOTATED:
            reannotations = [_second_opinion(rng, item.folder, codes) for _ in range(2)]
        lines.append(" ".join(["/".join(item.member.split("/")[-2:]), item.folder, *reannotations]))
    return "\n".join(lines) + "\n"


def _second_opinion(rng: np.random.Generator, code: str, codes: list[str]) -> str:
    if rng.random() < AGREEING:
        return code
    return "UNC" if rng.random() < UNCERTAIN else str(rng.choice([other for other in codes if other != code]))


def _abbreviations() -> str:
    lines = ["Class codes of the folders and of the annotation file", "-" * 53]
    lines += [f"{code} {name}" for code, name in ABBREVIATIONS.items()]
    lines += ["", "UNC no class could be given on second sight", "nan not annotated again"]
    return "\n".join(lines) + "\n"
