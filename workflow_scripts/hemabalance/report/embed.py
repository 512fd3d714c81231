"""Figures for the page: the same SVG with its images as WebP, written as short as it can be drawn alike.

A figure in `figures/` holds lossless PNG images, coordinates of six decimal places and each letter by itself. A page of
such figures would be several times as large as needed.
"""

import base64
import io
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

from PIL import Image

from hemabalance.errors import InputError

REMEDY = "Delete it and run the workflow again"

GAP = 3
"""Pixels between two images of a contact sheet."""
_SVG = "http://www.w3.org/2000/svg"
_QUALITY = 90  # of lossy WebP: images of 32 and 64 pixels a side look the same at four times their size
_FLAT = 256  # colours at most of a drawn image, such as a heat map; photographs have thousands
_PIXELS_PER_POINT = 4 / 3  # of CSS
_COORDINATES = ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "points")
_LONG = re.compile(r"-?\d+\.\d{3,}")
_MOVED = re.compile(r"translate\([^)]*\)")
_ONLY_MOVED = re.compile(r"translate\((\S+) (\S+)\)")
_REFERENCE = re.compile(r"(?<=^href=#)\S+$|(?<=url\(#)[^)]+")  # in an attribute with its name
_COMMAND = re.compile(r"\s*([A-Za-z]|$)\s*")
_PLAIN = ' "!$()*+,-./:;=?@[]^_`{|}~'  # what both a data address and an attribute in single quotes may contain


class Embedded(NamedTuple):
    """A figure as an address that contains it.

    Attributes:
        address: `data:` address of the figure, escaped for an attribute in single quotes.
        width: width in CSS pixels; None if an SVG gives no size in points.
        height: height, as `width`.
    """

    address: str
    width: int | None
    height: int | None


def embedded(path: Path) -> Embedded:
    """A figure (SVG, or WebP as it is) for an `img` of a page. The same file gives the same address.

    Raises:
        InputError: the file is no such figure.
    """
    if path.suffix == ".webp":
        return _image(path)
    try:
        root = fromstring(path.read_bytes())  # comments are not read
    except ParseError as error:
        raise InputError(path, f"is not a figure (SVG): {error}", REMEDY) from error
    width, height = (_pixels(root.get(side, "")) for side in ("width", "height"))
    for element in root.iter():
        _shorten(element)
    _rename(root)
    _unwrap(root)
    _share_words(root)
    root.set("xmlns", _SVG)
    # Not base64: that would enlarge the images, which are base64 already, once more.
    text = quote(tostring(root, "unicode").replace(" />", "/>"), safe=_PLAIN)
    return Embedded(f"data:image/svg+xml,{text}", width, height)


def as_webp(png: bytes) -> bytes:
    """An image as WebP: lossless with up to 256 colours, else of quality 90.

    Pixels are neither enlarged nor reduced. An alpha channel without effect is left out.
    """
    with Image.open(io.BytesIO(png)) as image:
        shown = image.convert("RGBA")
    if shown.getchannel("A").getextrema() == (255, 255):
        shown = shown.convert("RGB")
    buffer = io.BytesIO()
    if shown.getcolors(_FLAT):
        shown.save(buffer, "WEBP", lossless=True)
    else:
        shown.save(buffer, "WEBP", quality=_QUALITY)
    return buffer.getvalue()


def _image(path: Path) -> Embedded:
    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data), formats=["WEBP"]) as image:
            width, height = image.size
    except OSError as error:
        raise InputError(path, f"is not a figure (WebP): {error}", REMEDY) from error
    return Embedded(_address(data), width, height)


def _address(webp: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(webp).decode('ascii')}"


def _shorten(element: Element) -> None:
    """Leave out name spaces, line breaks and metadata of an element, and shorten its attributes."""
    for child in element.findall(f"{{{_SVG}}}metadata"):
        element.remove(child)
    element.tag = element.tag.removeprefix(f"{{{_SVG}}}")
    element.text, element.tail = (text if text and text.strip() else None for text in (element.text, element.tail))
    given = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}  # xlink:href is href
    element.attrib = {name: _shortened(name, value) for name, value in given.items()}
    moved = _ONLY_MOVED.fullmatch(element.get("transform", ""))
    if element.tag == "use" and moved and not {"x", "y"} & set(element.attrib):
        del element.attrib["transform"]
        element.attrib |= {axis: by for axis, by in zip("xy", moved.groups(), strict=True) if by != "0"}


def _shortened(name: str, value: str) -> str:
    """The value of an attribute with images as WebP and coordinates of two decimal places."""
    if name == "d":
        return _rounded(_COMMAND.sub(r"\1", value))
    if name in _COORDINATES:
        return _rounded(value)
    if name == "transform":  # the factors of scale and matrix need their digits
        return _MOVED.sub(lambda match: _rounded(match[0]), value)
    if name == "href" and value.startswith("data:image/png;base64,"):
        return _address(as_webp(base64.b64decode(value.partition(",")[2])))
    return value


def _rounded(numbers: str) -> str:
    return _LONG.sub(lambda match: f"{float(match[0]):z.2f}".rstrip("0").rstrip("."), numbers)


def _rename(root: Element) -> None:
    """Give elements that others refer to short ids, and others none."""
    names: dict[str, str] = {}
    for element in root.iter():
        for key, value in element.items():
            if key != "id":
                shorter = _REFERENCE.sub(lambda match: names.setdefault(match[0], f"i{len(names)}"), f"{key}={value}")
                element.set(key, shorter.partition("=")[2])
    for element in root.iter():
        name = names.get(element.attrib.pop("id", ""))
        if name:
            element.set("id", name)


def _unwrap(element: Element) -> None:
    """Replace groups that say nothing by their content."""
    for child in list(element):
        _unwrap(child)
    element[:] = [
        inner
        for child in element
        for inner in (child if child.tag == "g" and not child.attrib and not child.text else [child])
    ]


def _share_words(root: Element) -> None:
    """Write the letters of a word that a figure repeats once, and refer to them from there on."""
    words: defaultdict[bytes, list[Element]] = defaultdict(list)
    for group in root.iter("g"):
        letters = group.findall("use")
        if len(letters) > 1 and list(group) == [*group.findall("defs"), *letters]:
            words[b"".join(map(tostring, letters))].append(group)
    repeated = [groups for groups in words.values() if len(groups) > 1]
    for number, (first, *others) in enumerate(repeated):
        word = Element("g", id=f"w{number}")
        word[:] = first.findall("use")
        first[:] = [*first.findall("defs"), word]
        for group in others:
            group[:] = [*group.findall("defs"), Element("use", href=f"#w{number}")]


def _pixels(length: str) -> int | None:
    """A length such as `216pt` in CSS pixels; None if it is none in points."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)pt", length)
    return round(float(match[1]) * _PIXELS_PER_POINT) if match else None
