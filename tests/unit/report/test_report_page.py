"""The image sheets and the report page."""

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from itertools import takewhile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from helpers.archives import write_zip
from helpers.photographs import image_set, inventory, manifest_from_rows, mendeley_files, photograph
from helpers.thesis import CLASSES, FOLDERS
from hemabalance.files import write_json
from hemabalance.metrics.cell_size import cell_sizes
from hemabalance.report.cells import write_csv
from hemabalance.report.dataset.counts import count_tables
from hemabalance.report.embed import embedded
from hemabalance.report.page import write_page
from hemabalance.report.sheets import contact_sheet, copies_sheet
from hemabalance.report.titles import place_of, sections
from hemabalance.sources.outlines import write_outlines
from hemabalance.sources.phantom.archive import jpeg
from hemabalance.sources.scale import Measured

HOSTILE = "<script>alert(1)</script>"
IDS = {"mendeley/basophil/1": "basophil", "mendeley/ig/1": "immature_granulocyte", "mendeley/platelet/1": "platelet"}
ROWS = [{"image_id": image_id, "label": label} for image_id, label in IDS.items()]


def inspect_svg(path: Path) -> tuple[int, str]:
    """Number of images embedded in an SVG, and its text (matplotlib writes it as comments beside the outlines)."""
    text = path.read_text("utf-8")
    ElementTree.fromstring(text)
    return len(re.findall("<image ", text)), " ".join(re.findall("<!-- (.*?) -->", text, re.DOTALL))


# --- sheets


def test_contact_sheet_shows_all_classes_that_have_images(tmp_path: Path) -> None:
    many = {f"mendeley/monocyte/{n}": "monocyte" for n in range(15)}
    with image_set(tmp_path, many | IDS) as images:
        for name in ("1.svg", "2.svg"):
            contact_sheet(images, tmp_path / name, seed=1)
        contact_sheet(images, tmp_path / "other.svg", seed=2)
    pictures, text = inspect_svg(tmp_path / "1.svg")
    assert pictures == 4
    for label, count in {"basophil": 1, "immature granulocyte": 1, "monocyte": 15, "platelet": 1}.items():
        assert re.search(rf"{label}\s+n = {count}\b", text)
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "2.svg").read_bytes()
    assert (tmp_path / "1.svg").read_bytes() != (tmp_path / "other.svg").read_bytes()


def test_contact_sheet_of_no_images(tmp_path: Path) -> None:
    with image_set(tmp_path, {}) as images:
        contact_sheet(images, tmp_path / "a.svg", seed=1)
    assert inspect_svg(tmp_path / "a.svg")[0] == 0


def test_copies_sheet_shows_copies_and_conflicts(tmp_path: Path) -> None:
    copy = {"duplicate_of": "mendeley/ig/1", "group_id": "mendeley/ig/1", "label": "immature_granulocyte"}
    conflict_fields = {"status": "conflict", "group_id": "mendeley/basophil/8"}
    copy_rows: list[dict[str, Any]] = [
        copy | {"image_id": "mendeley/ig/2", "status": "duplicate", "reason": "same bytes"},
        copy | {"image_id": "mendeley/ig/$^$", "status": "near_duplicate", "reason": "aligned correlation 0.99"},
        conflict_fields | {"image_id": "mendeley/basophil/8", "label": "basophil"},
        conflict_fields | {"image_id": "mendeley/ig/8", "label": "immature_granulocyte"},
        {"image_id": "mendeley/ig/9", "label": "immature_granulocyte", "status": "conflict", "reason": "annotation"},
        {"image_id": "mendeley/ig/10", "label": "immature_granulocyte", "status": "excluded"},
    ]
    labels = IDS | {row["image_id"]: row["label"] for row in copy_rows}
    with image_set(tmp_path, labels) as images:
        for name in ("1.svg", "2.svg"):
            copies_sheet(manifest_from_rows([*ROWS, *copy_rows]), [images], tmp_path / name)
    pictures, text = inspect_svg(tmp_path / "1.svg")
    assert pictures == 4
    assert "mendeley/ig/10" not in text
    assert re.search(r"near-duplicate: aligned correlation 0\.99\s+mendeley/ig/1\s+mendeley/ig/\$\^\$", text)
    assert re.search(r"duplicate: same bytes\s+mendeley/ig/1\s+mendeley/ig/2", text)
    conflict_text = r"mendeley/basophil/8: basophil\s+mendeley/ig/8: immature_granulocyte"
    assert re.search(rf"conflict\s+{conflict_text}", text)
    assert re.search(r"conflict\s+mendeley/ig/9: immature_granulocyte", text)
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "2.svg").read_bytes()


def test_copies_sheet_without_copies_says_so(tmp_path: Path) -> None:
    with image_set(tmp_path, IDS) as images:
        copies_sheet(manifest_from_rows(ROWS), [images], tmp_path / "a.svg")
    assert inspect_svg(tmp_path / "a.svg") == (0, "no copies were found")


# --- the page


FIGURES = ("copies_sheet.svg", "contact_sheet_mendeley.svg", "outlines_mendeley.webp")


class Page(HTMLParser):
    """Parsed HTML: tags with their attributes, and the text between them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(path.read_text("utf-8"))
        self.text = re.sub(r"\s+", " ", " ".join(self.texts))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def contents(self) -> list[str]:
        """Addresses of the links in the contents."""
        start = next(place for place, (tag, _) in enumerate(self.tags) if tag == "nav")
        inside = takewhile(lambda tag: tag[0] in ("nav", "ul", "li", "details", "summary", "a"), self.tags[start:])
        return [str(attributes["href"]) for tag, attributes in inside if tag == "a"]

    def ids(self) -> list[str]:
        return [str(attributes["id"]) for _, attributes in self.tags if "id" in attributes]


def page(folder: Path, files: Mapping[str, bytes], origin: str = "local", title: str = "demo") -> tuple[Page, Any]:
    """The page of a run with an archive of `files`, and the receipt of the archive."""
    _, receipt = inventory(write_zip(folder / "cells.zip", files))
    write_json(receipt, folder / "mendeley.json")
    tables = []
    for name, table in count_tables(manifest_from_rows(ROWS), FOLDERS, CLASSES, "thesis").items():
        tables.append(folder / f"{name}.csv")
        write_csv(table, tables[-1])
    with image_set(folder, IDS) as images:
        contact_sheet(images, folder / "contact_sheet_mendeley.svg", seed=1)
        copies_sheet(manifest_from_rows(ROWS), [images], folder / "copies_sheet.svg")
    write_outlines(Measured(cell_sizes([]), []), folder / "outlines_mendeley.webp")
    write_page(
        folder / "report.html",
        run=title,
        preset="thesis",
        taxonomy="thesis",
        origins={"mendeley": origin},
        tables=tables,
        figures=[folder / name for name in FIGURES],
        receipts=[folder / "mendeley.json"],
        seed=1,
    )
    return Page(folder / "report.html"), receipt


def test_the_page_shows_every_table_and_figure_in_order(tmp_path: Path) -> None:
    html_page, receipt = page(tmp_path, mendeley_files())
    names = [path.name for kind in ("csv", "svg", "webp") for path in tmp_path.glob(f"*.{kind}")]
    orders = list(sections("thesis"))
    places = [place_of(name, "thesis") for name in html_page.ids() if name in names]
    assert len(places) == len(names)
    assert places == sorted(places, key=lambda place: (orders.index(place.section), place.order))
    for name in names:
        assert place_of(name, "thesis").title in html_page.text
        assert place_of(name, "thesis").note in html_page.text
    assert "immature_granulocyte 2933 1 1" in html_page.text  # a row of final_counts
    assert "0 warnings" in html_page.text
    for value in (
        receipt["archive"],
        receipt["verdict"],
        receipt["citation"],
        receipt["sha256"],
        receipt["content_sha256"],
    ):
        assert value in html_page.text


def test_the_page_has_no_empty_sections(tmp_path: Path) -> None:
    html_page, _ = page(tmp_path, mendeley_files())
    assert [name for name in html_page.ids() if "." not in name] == [
        "reported", "show-reported", "archives", "counts", "pictures", "provenance", "glossary",
    ]  # fmt: skip


def test_the_contents_link_to_every_section_table_and_figure(tmp_path: Path) -> None:
    html_page, _ = page(tmp_path, mendeley_files())
    links = html_page.contents()
    assert links == [f"#{name}" for name in html_page.ids() if "reported" not in name]
    assert {"#archives", "#counts", "#pictures", "#final_counts.csv", "#copies_sheet.svg"} <= set(links)


def test_the_page_has_styles_for_paper_dark_rooms_and_narrow_windows(tmp_path: Path) -> None:
    bare_page(tmp_path, {"stain_fid_thesis.csv": "source,n\na,1\n"})
    style = (tmp_path / "bare.html").read_text("utf-8").partition("</style>")[0]
    paper = style.partition("@media print")[2]
    assert ".scroll { overflow: visible; max-height: none;" in paper  # no row or column is cut off
    assert "nav, .hint { display: none; }" in paper
    assert "@media screen and (prefers-color-scheme: dark)" in style  # but not on paper
    assert "@media screen and (max-width: 48rem)" in style
    assert style.count("{") == style.count("}")


def test_a_table_that_is_wider_or_longer_than_the_page_says_so(tmp_path: Path) -> None:
    wide = ",".join(["source", *(f"an_accuracy_{number}" for number in range(20))])
    files = {
        "stain_usefulness_thesis.csv": f"{wide}\na{',0.123456' * 20}\n",
        "stain_audit_thesis.csv": "source,n\n" + "a,1\n" * 40,
        "stain_fid_thesis.csv": "source,n\na,1\n",
        "stain_ssim_thesis.csv": f"{wide}\n" + f"a{',0.123456' * 20}\n" * 40,
    }
    bare_page(tmp_path, files)
    html = (tmp_path / "bare.html").read_text("utf-8")
    hint = r'<p class="hint">(\d+ rows?, \d+ columns)<span class="more( narrow)?">: (.+?) to see all of it'
    hints = [(narrow, re.sub("<[^>]*>", "", f"{size}: {how}")) for size, narrow, how in re.findall(hint, html)]
    assert sorted(hints) == [
        ("", "1 row, 21 columns: scroll the table sideways"),
        ("", "40 rows, 2 columns: scroll the table down"),
        ("", "40 rows, 21 columns: scroll the table sideways and down"),
        (" narrow", "1 row, 2 columns: scroll the table sideways"),
    ]
    assert html.count("<thead>") == html.count("<tbody>") == len(files)  # paper repeats the head on each page


def bare_page(folder: Path, files: Mapping[str, str]) -> Page:
    """A page of tables (CSV text) and figures (SVG text) only, in this order."""
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    write_page(
        folder / "bare.html",
        run="bare",
        preset="thesis",
        taxonomy="thesis",
        origins={},
        tables=[folder / name for name in files if name.endswith(".csv")],
        figures=[folder / name for name in files if name.endswith(".svg")],
        receipts=[],
    )
    return Page(folder / "bare.html")


def test_files_of_protocols_and_normalisers_are_titled_by_pattern(tmp_path: Path) -> None:
    csv, svg = "normaliser,n\nmine,3\n", "<svg xmlns='http://www.w3.org/2000/svg'/>"
    names = [
        "stain_usefulness_leak_free.csv", "stain_usefulness_thesis.csv", "stain_methods_thesis.svg",
        "stain_rows_leak_free_resize_2.svg", "stain_rows_leak_free_cyclegan.svg", "stain_audit_thesis.svg",
        "stain_audit_thesis.csv", "stain_fid_leak_free.csv",
    ]  # fmt: skip
    html_page = bare_page(tmp_path, {name: csv if name.endswith("csv") else svg for name in names})
    assert [name for name in html_page.ids() if "." in name] == sorted(names, key=lambda name: "rows" in name)
    titles = ["stain-normaliser-resize_2", "stain-normaliser-cyclegan"]
    assert [name for name in html_page.ids() if name.startswith("stain-")] == titles
    assert [f"#{title}" for title in titles] == [link for link in html_page.contents() if "#stain-" in link]
    assert "resize_2: real, normalised, reconstructed, protocol leak_free" in html_page.text
    assert "{normalizer}" not in html_page.text
    with pytest.raises(KeyError, match="stain_usefulness_mine"):
        bare_page(tmp_path, {"stain_usefulness_mine.csv": csv})


def test_intervals_are_in_the_cell_of_their_value(tmp_path: Path) -> None:
    lines = [
        "normaliser,accuracy,low,high,gain,gain_low,gain_high,reason",
        "a,0.5,0.4,0.6,-0.1,-0.2,0.0,–",
        "b,not available,not available,not available,0.3,not available,not available,no image",
    ]
    html_page = bare_page(tmp_path, {"stain_usefulness_thesis.csv": "\n".join(lines)})
    assert "normaliser accuracy gain reason a 0.5 (0.4 to 0.6) -0.1 (-0.2 to 0.0) –" in html_page.text
    assert "b not available 0.3 no image" in html_page.text
    classes = [str(attributes["class"]) for tag, attributes in html_page.tags if tag == "td"]
    assert classes == ["text", "number", "number", "text", "text", "missing number", "number", "text"]
    html_page = bare_page(tmp_path, {"stain_usefulness_thesis.csv": "\n".join(lines[:2])})
    assert "reason" not in html_page.text


def test_the_page_embeds_its_figures_and_needs_no_network(tmp_path: Path) -> None:
    html_page, _ = page(tmp_path, mendeley_files())
    sources = [str(attributes["src"]) for tag, attributes in html_page.tags if tag == "img"]
    assert len(sources.pop(0)) < 60_000  # the small picture of the first screen
    assert sources == [embedded(tmp_path / name).address for name in reversed(FIGURES)]
    assert sources[0].startswith("data:image/webp;base64,")
    assert all(source.startswith("data:image/svg+xml,") for source in sources[1:])
    links = [attributes[key] for _, attributes in html_page.tags for key in ("href", "src") if key in attributes]
    beside = {path.name for path in tmp_path.glob("*.csv")}
    assert {str(link) for link in links if not str(link).startswith(("data:", "#"))} == beside
    assert not {tag for tag, _ in html_page.tags} & {"link", "iframe"}
    assert [attributes for tag, attributes in html_page.tags if tag == "script"] == [{}]


def test_text_from_an_archive_is_escaped(tmp_path: Path) -> None:
    folder = HOSTILE.replace("/", "")
    hostile = {f"PBC/{folder}/1.jpg": jpeg(photograph(1)), "PBC/ig/<img src=x onerror=alert(2)>.jpg": b""}
    html_page, receipt = page(tmp_path, mendeley_files() | hostile, title=HOSTILE)
    assert [tag for tag, _ in html_page.tags].count("script") == 1  # its own
    assert all("onerror" not in attributes for _, attributes in html_page.tags)
    assert len(receipt["warnings"]) == 2
    for shown in (*receipt["warnings"], f"run “{HOSTILE}”"):
        assert shown in html_page.text


@pytest.mark.parametrize(("origin", "has_warning"), [("phantom", True), ("local", False), ("download", False)])
def test_a_run_on_rendered_cells_says_so(tmp_path: Path, origin: str, has_warning: bool) -> None:
    html_page, _ = page(tmp_path, mendeley_files(["platelet"], 1), origin)
    assert ("no evidence about real blood cells" in html_page.text) is has_warning


def test_a_folder_has_no_checksum_and_the_page_says_so(tmp_path: Path) -> None:
    _, receipt = page(tmp_path, mendeley_files(["platelet"], 1))
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "tcia.json").write_text(json.dumps(receipt | {"sha256": None}), "utf-8")
    write_page(
        tmp_path / "r.html",
        run="r",
        preset="thesis",
        taxonomy="refined",
        origins={},
        tables=[],
        figures=[],
        receipts=[tmp_path / "r" / "tcia.json"],
    )
    assert "sha256 of the archive not available (a folder)" in Page(tmp_path / "r.html").text
