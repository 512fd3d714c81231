"""The three small pictures on the first screen of the report: what went in, what came out, the result by class."""

import base64
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import ParseError, fromstring

import numpy as np
from PIL import Image

from hemabalance.errors import InputError
from hemabalance.report.checks import Shown, Tables, makers
from hemabalance.report.embed import GAP, REMEDY, as_webp, embedded

_ROWS, _ACROSS = 6, 1.5  # of a mosaic: strips at most, and width over height, about
_WIDTH = 560  # pixels of a mosaic at most: it is shown at half of that
_AXES = re.compile(r'<g id="axes_\d+">')
_TEXT = re.compile(r"<!-- (.*?) -->", re.DOTALL)
_IMAGE = re.compile(r'<image [^>]*?xlink:href="data:image/png;base64,([^"]*)"', re.DOTALL)


class Picture(NamedTuple):
    """A small picture that links to the figure it is taken from.

    Attributes:
        title: what it is.
        text: what it shows.
        figure: name of the figure.
        address: `data:` address of the picture, escaped for an attribute in single quotes.
        photographs: whether it consists of photographs rather than drawings.
    """

    title: str
    text: str
    figure: str
    address: str
    photographs: bool


def pictures(figures: Mapping[str, Path], tables: Tables, shown: Shown | None) -> list[Picture]:
    """The pictures of the first screen, those whose figures the page has.

    Args:
        figures: figures of the page by name.
        tables: tables of the page.
        shown: the training that the report opens with.

    Raises:
        InputError: a figure is no SVG.
    """
    found = [_went_in(figures), _came_out(figures, tables, shown), _by_class(figures, shown)]
    return [picture for picture in found if picture]


def _went_in(figures: Mapping[str, Path]) -> Picture | None:
    """Some images of some classes, the sources in turn."""
    sheets = {name: list(_strips(path)) for name, path in figures.items() if name.startswith("contact_sheet_")}
    strips = [strip for sheet in sheets.values() for _, strip in sheet]
    if not strips:
        return None
    sources = [name.removeprefix("contact_sheet_").removesuffix(".svg") for name in sheets]
    text = f"Images of {' and '.join(sources)}: a row is a class."
    return Picture("What went in", text, next(iter(sheets)), mosaic(strips), True)


def _came_out(figures: Mapping[str, Path], tables: Tables, shown: Shown | None) -> Picture | None:
    """Accepted synthetic images behind the training; without any, photographs as normalised."""
    if shown is None:
        return None
    for name in makers(tables, shown, "normalizer"):
        sheets = [
            f"synthesis_sheet_{shown.protocol}_{generator}_on_{name}.svg"
            for generator in makers(tables, shown, "generator")
        ]
        accepted = {
            sheet: [strip for text, strip in _strips(figures[sheet]) if text.startswith("accepted")]
            for sheet in sheets
            if sheet in figures
        }
        strips = [strip for of_sheet in accepted.values() for strip in of_sheet]
        if strips:
            first = next(sheet for sheet, of_sheet in accepted.items() if of_sheet)
            text = "Synthetic images that the gate accepted: a row is a class."
            return Picture("What came out", text, first, mosaic(strips), True)
    methods = f"stain_methods_{shown.protocol}.svg"
    strips = [strip for _, strip in _strips(figures[methods])] if methods in figures else []
    if not strips:
        return None
    text = "No synthetic image: photographs of two laboratories (left), and as normalised."
    return Picture("What came out", text, methods, mosaic(strips), True)


def _by_class(figures: Mapping[str, Path], shown: Shown | None) -> Picture | None:
    name = f"classify_confusion_{shown.experiment}.svg" if shown else ""
    if not shown or name not in figures:
        return None
    text = f"Confusion matrix of {shown.experiment}: true classes down, predicted ones across."
    return Picture("Result by class", text, name, embedded(figures[name]).address, False)


def _strips(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Text beside and pixels of each strip of images (`sheets.image_strip`) in a sheet (SVG), from the top."""
    svg = path.read_text("utf-8")
    try:
        fromstring(svg)
    except ParseError as error:
        raise InputError(path, f"is not a figure (SVG): {error}", REMEDY) from error
    for axes in _AXES.split(svg)[1:]:
        for png in _IMAGE.findall(axes):
            with Image.open(io.BytesIO(base64.b64decode(png))) as image:
                yield " ".join(_TEXT.findall(axes)), np.asarray(image.convert("RGB"))


def mosaic(strips: Sequence[np.ndarray]) -> str:
    """Address of a picture (WebP) of the first images of up to six strips, at equal distances in their order.

    Args:
        strips: at least one, uint8 (side, width, 3), images of side x side pixels with gaps of `embed.GAP` pixels.
    """
    strips = [strips[row] for row in np.linspace(0, len(strips) - 1, min(_ROWS, len(strips))).round().astype(int)]
    side = max(strip.shape[0] for strip in strips)
    places = max(1, round(_ACROSS * len(strips)))
    places = min(places, max((strip.shape[1] + GAP) // (strip.shape[0] + GAP) for strip in strips))
    pitch = side + GAP
    picture = np.full((len(strips) * pitch - GAP, places * pitch - GAP, 3), 255, np.uint8)
    for row, strip in enumerate(strips):
        own = strip.shape[0] + GAP
        for place in range(min(places, (strip.shape[1] + GAP) // own)):
            tile = Image.fromarray(strip[:, place * own : place * own + strip.shape[0]])
            corner = row * pitch, place * pitch
            resized = tile if tile.height == side else tile.resize((side, side), Image.Resampling.NEAREST)
            picture[corner[0] : corner[0] + side, corner[1] : corner[1] + side] = np.asarray(resized)
    buffer, image = io.BytesIO(), Image.fromarray(picture)
    image.thumbnail((_WIDTH, _WIDTH), Image.Resampling.BOX)
    image.save(buffer, "PNG")
    return f"data:image/webp;base64,{base64.b64encode(as_webp(buffer.getvalue())).decode('ascii')}"
