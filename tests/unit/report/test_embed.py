"""Figures as the page embeds them: WebP images, and drawings that are shorter and look alike."""

import base64
import io
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from helpers.browser import browser, figures_of, render_page
from helpers.photographs import photograph
from hemabalance.errors import InputError
from hemabalance.report.embed import as_webp, embedded
from hemabalance.report.page import write_page
from hemabalance.report.sheets import draw_strip, strip_rows
from hemabalance.report.style import save_figure

LABELS = ["immature granulocyte", "neutrophil", "immature granulocyte", "immature granulocyte"]
PLACES = 6


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def strips(path: Path, labels: Sequence[str] = LABELS, start: int = 0) -> list[np.ndarray]:
    """A figure of strips of photographs with these labels, and the photographs."""
    figure, axes = strip_rows(len(labels), PLACES, 0.9)
    tiles = [photograph(start + number) for number in range(len(labels) * PLACES)]
    for row, (axis, label) in enumerate(zip(axes, labels, strict=True)):
        draw_strip(axis, tiles[row * PLACES : (row + 1) * PLACES], label, PLACES)
    save_figure(figure, path)
    return tiles


def curve(path: Path) -> None:
    """A figure of a curve with markers, text and an axis whose ticks have scales."""
    figure = Figure(figsize=(4, 3))
    axis = figure.subplots()
    axis.plot(
        np.linspace(0, 1, 300), np.sin(np.linspace(0, 9, 300)), marker="o", markevery=30, label="a 'b' & \"c\" #1%"
    )
    axis.legend()
    save_figure(figure, path)


def test_a_photograph_keeps_its_pixels_almost_and_a_drawn_image_exactly() -> None:
    shown = photograph(3)
    webp = opened(as_webp(png(shown)))
    assert (webp.format, webp.mode, webp.size) == ("WEBP", "RGB", shown.shape[1::-1])
    assert 0 < np.abs(np.asarray(webp).astype(int) - shown).mean() < 6
    heat = np.kron(np.arange(64, dtype=np.uint8).reshape(8, 8) * 3, np.ones((40, 40), np.uint8))
    drawn = np.stack([heat, heat, 255 - heat], axis=-1)
    webp = opened(as_webp(png(drawn)))
    assert np.array_equal(np.asarray(webp), drawn)
    assert as_webp(png(shown)) == as_webp(png(shown))


def test_an_alpha_channel_is_kept_only_where_it_has_an_effect() -> None:
    shown = np.dstack([photograph(1), np.full((*photograph(1).shape[:2], 1), 255, np.uint8)])
    assert opened(as_webp(png(shown))).mode == "RGB"
    shown[:8, :, 3] = 0
    webp = opened(as_webp(png(shown)))
    assert webp.mode == "RGBA"
    assert np.array_equal(np.asarray(webp)[..., 3], shown[..., 3])


def test_images_of_a_figure_become_webp_of_the_same_size(tmp_path: Path) -> None:
    strips(tmp_path / "a.svg")
    before = (tmp_path / "a.svg").read_text("utf-8")
    (figure,) = figures_of(f"<img src='{embedded(tmp_path / 'a.svg').address}'>")
    images = re.findall(r'href="data:image/(\w+);base64,([^"]+)"', figure)
    assert [kind for kind, _ in images] == ["webp"] * len(LABELS)
    sizes = [opened(base64.b64decode(data)).size for _, data in images]
    png_data = re.findall(r'data:image/png;base64,([^"]+)', before)
    assert sizes == [opened(base64.b64decode(data)).size for data in png_data]
    assert "image/png" not in figure
    assert len(re.findall("image-rendering:pixelated", figure)) == len(LABELS)


def test_a_figure_is_shorter_and_every_reference_still_has_its_end(tmp_path: Path) -> None:
    curve(tmp_path / "curve.svg")
    strips(tmp_path / "strips.svg")
    for name in ("curve.svg", "strips.svg"):
        address = embedded(tmp_path / name).address
        assert not re.search(r"['&<>#\n]", address)
        (figure,) = figures_of(f"<img src='{address}'>")
        root = ElementTree.fromstring(figure)
        ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
        used = set(re.findall(r'href="#(\w+)"|url\(#(\w+)\)', figure))
        assert len(ids) == len(set(ids))
        assert set(ids) == {a or b for a, b in used}
        assert not re.search(r"\d\.\d{3,}", " ".join(re.findall(r'(?: d| x| y)="([^"]+)"', figure)))
        assert not re.search("metadata|<!--", figure)
        assert address == embedded(tmp_path / name).address
    assert len(re.findall("scale", figure)) > 0  # of letters, with all digits
    words = re.findall(r'<g id="(w\d+)">', figure)
    assert len(words) == 1
    assert figure.count(f'href="#{words[0]}"') == LABELS.count("immature granulocyte") - 1


def test_colours_are_no_references_and_single_letters_stay(tmp_path: Path) -> None:
    drawn = "<path id='a' d='M 0 0 \nL 1.23456 2 \n' fill='#a'/><g id='b'><g><use xlink:href='#a'/></g></g>"
    spaces = "xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'"
    (tmp_path / "a.svg").write_text(f"<svg {spaces}><metadata/>{drawn}</svg>", "utf-8")
    (figure,) = figures_of(f"<img src='{embedded(tmp_path / 'a.svg').address}'>")
    path = '<path d="M0 0L1.23 2" fill="#a" id="i0"/>'
    assert figure == f'<svg xmlns="http://www.w3.org/2000/svg">{path}<use href="#i0"/></svg>'


def test_sizes_are_pixels_of_the_page(tmp_path: Path) -> None:
    svg = "<svg xmlns='http://www.w3.org/2000/svg' {}/>"
    for size, pixels in {"width='75pt' height='30.3pt'": (100, 40), "width='100%' height='3em'": (None, None)}.items():
        (tmp_path / "a.svg").write_text(svg.format(size), "utf-8")
        assert embedded(tmp_path / "a.svg")[1:] == pixels


def test_a_file_that_is_no_figure_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_bytes(b"\x89PNG")
    with pytest.raises(InputError, match=r"a\.svg: is not a figure"):
        embedded(tmp_path / "a.svg")


def test_a_page_of_many_pictures_stays_small(tmp_path: Path) -> None:
    names = [f"stain_rows_leak_free_{number}.svg" for number in range(6)]
    for number, name in enumerate(names):
        strips(tmp_path / name, start=24 * number)
    curve(tmp_path / "stain_audit_leak_free.svg")
    figures = [*(tmp_path / name for name in names), tmp_path / "stain_audit_leak_free.svg"]
    write_page(
        tmp_path / "report.html",
        run="many",
        preset="none",
        taxonomy=None,
        origins={},
        tables=[],
        figures=figures,
        receipts=[],
    )
    files, page = sum(path.stat().st_size for path in figures), (tmp_path / "report.html").stat().st_size
    assert page < 0.3 * files
    assert page < 300_000  # for 144 photographs; eight megabytes would hold more than 3,000
    html = (tmp_path / "report.html").read_text("utf-8")
    assert len(figures_of(html)) == len(figures)
    assert len(re.findall(r'<img [^>]* width="\d+" height="\d+" loading="lazy" decoding="async">', html)) == len(
        figures
    )
    if browser():  # where none can be installed, what is above must do
        rendered = render_page(html, tmp_path)
        assert (rendered.errors, rendered.console) == ([], [])
        assert all(min(sizes) > 100 for sizes in rendered.sizes), rendered


def test_a_webp_figure_is_embedded_as_it_is_and_another_file_refused(tmp_path: Path) -> None:
    path = tmp_path / "outlines.webp"
    path.write_bytes(as_webp(png(photograph(1))))
    figure = embedded(path)
    assert base64.b64decode(figure.address.removeprefix("data:image/webp;base64,")) == path.read_bytes()
    assert (figure.height, figure.width) == photograph(1).shape[:2]
    path.write_bytes(png(photograph(1)))
    with pytest.raises(InputError, match="not a figure"):
        embedded(path)
