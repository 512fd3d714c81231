"""Phantom archives: zip files in the layouts of the two public downloads, the same bytes for the same arguments."""

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
from hemabalance.sources.phantom.plan import RESCALE, PlannedImage, SourceName, frame_shape, items, plan
from hemabalance.sources.phantom.render import render
from hemabalance.taxonomy import FOLDERS

__all__ = ["plan", "write_archive"]

U8 = NDArray[np.uint8]

DOMAIN_OF_SOURCE: dict[str, Literal["a", "b"]] = {"mendeley": "a", "tcia": "b"}
BLOCK = 64  # images rendered at a time
QUALITY, LOW_QUALITY = 90, 60  # of JPEG
SHIFT_PX = 2
TRUNCATE_AT = 0.6  # share of the bytes that the truncated file keeps
HALF_OPAQUE = 128
TIMESTAMP = (2020, 1, 1, 0, 0, 0)
REANNOTATED, AGREEING, UNCERTAIN = 0.10, 0.85, 0.5  # shares: of images, of those, of the disagreeing rest
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
    """Write the archive that `plan` describes, and tcia's two text files.

    Args:
        target: the zip file; complete, or absent on any error.
        source: `mendeley` (JPEG) or `tcia` (RGBA TIFF).
        seed: non-negative; use the same for both sources, else the cross-source copy has no original.
        counts: as in `plan`.
        size: width of a mendeley photograph in pixels, as in `plan`.
        threads: at least 1; without effect on the bytes.

    Raises:
        ValueError: as `plan`.
        InputError: the disk is full or the folder cannot be written to.
    """
    every = items(source, seed=seed, counts=counts, size=size)
    with atomic_path(target) as part, zipfile.ZipFile(part, "w") as archive:
        if source == "tcia":
            _add(archive, "AML-Cytomorphology_LMU/annotations.dat", _annotations(every, seed).encode())
            _add(archive, "AML-Cytomorphology_LMU/abbreviations.txt", _abbreviations().encode())
        members = _members(source, every, seed, size, threads)
        for member, content in progress(members, total=len(every), what=f"drawing the {source} phantom"):
            _add(archive, member, content)


def _add(archive: zipfile.ZipFile, member: str, content: bytes) -> None:
    info = zipfile.ZipInfo(member, TIMESTAMP)
    info.create_system, info.external_attr = 3, 0o644 << 16  # Unix, whatever system writes it
    info.compress_type = zipfile.ZIP_STORED if member.endswith(".jpg") else zipfile.ZIP_DEFLATED
    archive.writestr(info, content, compresslevel=1)


def _members(
    source: SourceName, every: list[PlannedImage], seed: int, size: int, threads: int
) -> Iterator[tuple[str, bytes]]:
    """(member, bytes) in the order of `every`; the originals of copies are kept until the end."""
    wanted = {item.copy_of for item in every}
    originals: dict[str, bytes] = {}
    encode = jpeg if source == "mendeley" else tiff
    for block in _blocks(every):
        if block[0].kind == "cell":
            images = _photographs(source, block, seed, frame_shape(source, size), threads)
            with ThreadPoolExecutor(threads) as pool:
                contents = list(pool.map(encode, images))
        else:
            contents = [_planted(source, block[0], originals, seed, size)]
        for item, content in zip(block, contents, strict=True):
            if item.member in wanted:
                originals[item.member] = content
            yield item.member, content


def _blocks(every: list[PlannedImage]) -> Iterator[list[PlannedImage]]:
    """Runs of at most BLOCK ordinary cells with consecutive indices; planted items alone."""
    block: list[PlannedImage] = []
    for item in every:
        follows = block and block[-1].kind == item.kind == "cell" and block[-1].cell_index + 1 == item.cell_index
        if block and not (follows and len(block) < BLOCK):
            yield block
            block = []
        block.append(item)
    yield block


def _photographs(source: SourceName, block: list[PlannedImage], seed: int, shape: tuple[int, int], threads: int) -> U8:
    cells = sample_cells([item.drawn for item in block], seed=seed, first_index=block[0].cell_index)
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
        whole = jpeg(image)
        return whole[: int(TRUNCATE_AT * len(whole))]
    return tiff(image, HALF_OPAQUE)


def jpeg(image: U8, quality: int = QUALITY) -> bytes:
    """An (h, w, 3) image as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def tiff(image: U8, alpha: int = 255) -> bytes:
    """An (h, w, 3) image as an RGBA TIFF of uniform opacity `alpha`."""
    buffer = io.BytesIO()
    opacity = np.full((*image.shape[:2], 1), alpha, np.uint8)
    Image.fromarray(np.concatenate([image, opacity], axis=2)).save(buffer, "TIFF")
    return buffer.getvalue()


def decode(content: bytes) -> U8:
    """The pixels (h, w, 3) of an encoded image, without opacity."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def _reencoded(image: U8) -> U8:
    return decode(jpeg(image, LOW_QUALITY))


def _shifted(image: U8) -> U8:
    return np.pad(image, ((0, 0), (SHIFT_PX, 0), (0, 0)), mode="edge")[:, :-SHIFT_PX]


def _rescaled(image: U8) -> U8:
    height, width = image.shape[:2]
    larger = Image.fromarray(image).resize((round(width * RESCALE), round(height * RESCALE)), Image.Resampling.BICUBIC)
    return np.asarray(larger)


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


def _annotations(every: list[PlannedImage], seed: int) -> str:
    """One line an image: path, class, first and second re-annotation (`nan` where there is none)."""
    rng = np.random.default_rng([seed, ANNOTATION_STREAM])
    codes = list(FOLDERS["tcia"])
    lines = []
    for item in every:
        again = ["nan", "nan"]
        if rng.random() < REANNOTATED:
            again = [_second_opinion(rng, item.folder, codes) for _ in range(2)]
        lines.append(" ".join(["/".join(item.member.split("/")[-2:]), item.folder, *again]))
    return "\n".join(lines) + "\n"


def _second_opinion(rng: np.random.Generator, code: str, codes: list[str]) -> str:
    if rng.random() < AGREEING:
        return code
    return "UNC" if rng.random() < UNCERTAIN else str(rng.choice([c for c in codes if c != code]))


def _abbreviations() -> str:
    lines = ["Class codes of the folders and of the annotation file", "-" * 53]
    lines += [f"{code} {name}" for code, name in ABBREVIATIONS.items()]
    lines += ["", "UNC no class could be given on second sight", "nan not annotated again"]
    return "\n".join(lines) + "\n"
