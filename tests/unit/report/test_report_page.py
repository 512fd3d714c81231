"""The sheets of pictures and the page that shows them."""

import base64
import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from helpers.archives import write_zip
from helpers.photographs import image_set, inventory, manifest_from_rows, mendeley_files, photograph
from hemabalance.files import write_json
from hemabalance.report.cells import write_csv
from hemabalance.report.dataset.counts import count_tables
from hemabalance.report.page import write_page
from hemabalance.report.sheets import contact_sheet, copies_sheet
from hemabalance.report.titles import place_of, sections
from hemabalance.sources.phantom.archive import jpeg

HOSTILE = "<script>alert(1)</script>"
IDS = {"mendeley/basophil/1": "basophil", "mendeley/ig/1": "immature_granulocyte", "mendeley/platelet/1": "platelet"}
ROWS = [{"image_id": image_id, "label": label} for image_id, label in IDS.items()]


def drawn(path: Path) -> tuple[int, str]:
    """How many pictures an SVG embeds, and all its text (matplotlib writes it as comments beside the outlines)."""
    text = path.read_text("utf-8")
    ElementTree.fromstring(text)
    return len(re.findall("<image ", text)), " ".join(re.findall("<!-- (.*?) -->", text, re.DOTALL))


# --- sheets


def test_contact_sheet_shows_every_class_there_is(tmp_path: Path) -> None:
    many = {f"mendeley/monocyte/{n}": "monocyte" for n in range(15)}
    with image_set(tmp_path, many | IDS) as images:
        for name in ("1.svg", "2.svg"):
            contact_sheet(images, tmp_path / name, seed=1)
        contact_sheet(images, tmp_path / "other.svg", seed=2)
    pictures, text = drawn(tmp_path / "1.svg")
    assert pictures == 4
    for label, count in {"basophil": 1, "immature granulocyte": 1, "monocyte": 15, "platelet": 1}.items():
        assert re.search(rf"{label}\s+n = {count}\b", text)
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "2.svg").read_bytes()
    assert (tmp_path / "1.svg").read_bytes() != (tmp_path / "other.svg").read_bytes()


def test_contact_sheet_of_no_images(tmp_path: Path) -> None:
    with image_set(tmp_path, {}) as images:
        contact_sheet(images, tmp_path / "a.svg", seed=1)
    assert drawn(tmp_path / "a.svg")[0] == 0


def test_copies_sheet_shows_copies_and_conflicts(tmp_path: Path) -> None:
    copy = {"duplicate_of": "mendeley/ig/1", "group_id": "mendeley/ig/1", "label": "immature_granulocyte"}
    both = {"status": "conflict", "group_id": "mendeley/basophil/8"}
    more: list[dict[str, Any]] = [
        copy | {"image_id": "mendeley/ig/2", "status": "duplicate", "reason": "same bytes"},
        copy | {"image_id": "mendeley/ig/$^$", "status": "near_duplicate", "reason": "aligned correlation 0.99"},
        both | {"image_id": "mendeley/basophil/8", "label": "basophil"},
        both | {"image_id": "mendeley/ig/8", "label": "immature_granulocyte"},
        {"image_id": "mendeley/ig/9", "label": "immature_granulocyte", "status": "conflict", "reason": "annotation"},
        {"image_id": "mendeley/ig/10", "label": "immature_granulocyte", "status": "excluded"},
    ]
    labels = IDS | {row["image_id"]: row["label"] for row in more}
    with image_set(tmp_path, labels) as images:
        for name in ("1.svg", "2.svg"):
            copies_sheet(manifest_from_rows([*ROWS, *more]), [images], tmp_path / name)
    pictures, text = drawn(tmp_path / "1.svg")
    assert pictures == 4
    assert "mendeley/ig/10" not in text
    assert re.search(r"near-duplicate: aligned correlation 0\.99\s+mendeley/ig/1\s+mendeley/ig/\$\^\$", text)
    assert re.search(r"duplicate: same bytes\s+mendeley/ig/1\s+mendeley/ig/2", text)
    named = r"mendeley/basophil/8: basophil\s+mendeley/ig/8: immature_granulocyte"
    assert re.search(rf"conflict\s+{named}", text)
    assert re.search(r"conflict\s+mendeley/ig/9: immature_granulocyte", text)
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "2.svg").read_bytes()


def test_copies_sheet_without_copies_says_so(tmp_path: Path) -> None:
    with image_set(tmp_path, IDS) as images:
        copies_sheet(manifest_from_rows(ROWS), [images], tmp_path / "a.svg")
    assert drawn(tmp_path / "a.svg") == (0, "no copies were found")


# --- the page


class Page(HTMLParser):
    """What a browser would find: tags with their attributes, and the text between them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(path.read_text("utf-8"))
        self.text = re.sub(r"\s+", " ", " ".join(self.said))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    def ids(self) -> list[str]:
        return [str(attributes["id"]) for _, attributes in self.tags if "id" in attributes]


def page(folder: Path, files: Mapping[str, bytes], origin: str = "local", title: str = "demo") -> tuple[Page, Any]:
    """The page of a run over an archive of `files`, and that archive's receipt."""
    _, receipt = inventory(write_zip(folder / "cells.zip", files))
    write_json(receipt, folder / "mendeley.json")
    tables = []
    for name, table in count_tables(manifest_from_rows(ROWS)).items():
        tables.append(folder / f"{name}.csv")
        write_csv(table, tables[-1])
    with image_set(folder, IDS) as images:
        contact_sheet(images, folder / "contact_sheet_mendeley.svg", seed=1)
        copies_sheet(manifest_from_rows(ROWS), [images], folder / "copies_sheet.svg")
    write_page(
        folder / "report.html",
        run=title,
        taxonomy="thesis",
        origins={"mendeley": origin},
        tables=tables,
        figures=[folder / "copies_sheet.svg", folder / "contact_sheet_mendeley.svg"],
        receipts=[folder / "mendeley.json"],
    )
    return Page(folder / "report.html"), receipt


def test_the_page_shows_every_table_and_figure_in_order(tmp_path: Path) -> None:
    found, receipt = page(tmp_path, mendeley_files())
    names = [path.name for path in tmp_path.glob("*.csv")] + ["contact_sheet_mendeley.svg", "copies_sheet.svg"]
    order = [name for section in sections().values() for name in section.titles]
    assert [name for name in found.ids() if name in order] == sorted(names, key=order.index)
    for name in names:
        assert place_of(name).title in found.text
        assert place_of(name).note in found.text
    assert "immature_granulocyte 2933 1 1" in found.text  # a row of final_counts
    assert "0 warnings" in found.text
    for value in (
        receipt["archive"],
        receipt["verdict"],
        receipt["citation"],
        receipt["sha256"],
        receipt["content_sha256"],
    ):
        assert value in found.text


def test_the_page_has_a_section_for_what_it_shows_and_no_other(tmp_path: Path) -> None:
    found, _ = page(tmp_path, mendeley_files())
    assert [name for name in found.ids() if "." not in name] == ["archives", "counts", "pictures"]
    links = [attributes["href"] for tag, attributes in found.tags if tag == "a"]
    assert links == ["#archives", "#counts", "#pictures"]


def bare_page(folder: Path, files: Mapping[str, str]) -> Page:
    """A page of tables (CSV text) and figures (SVG text) alone, in the order given."""
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    write_page(
        folder / "bare.html",
        run="bare",
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
    found = bare_page(tmp_path, {name: csv if name.endswith("csv") else svg for name in names})
    assert [name for name in found.ids() if "." in name] == names
    assert "resize_2: real, normalised, reconstructed, protocol leak_free" in found.text
    assert "{normalizer}" not in found.text
    with pytest.raises(KeyError, match="stain_usefulness_mine"):
        bare_page(tmp_path, {"stain_usefulness_mine.csv": csv})


def test_intervals_stand_in_the_cell_of_their_value(tmp_path: Path) -> None:
    lines = [
        "normaliser,accuracy,low,high,gain,gain_low,gain_high,reason",
        "a,0.5,0.4,0.6,-0.1,-0.2,0.0,–",
        "b,not available,not available,not available,0.3,not available,not available,no image",
    ]
    found = bare_page(tmp_path, {"stain_usefulness_thesis.csv": "\n".join(lines)})
    assert "normaliser accuracy gain reason a 0.5 (0.4 to 0.6) -0.1 (-0.2 to 0.0) –" in found.text
    assert "b not available 0.3 no image" in found.text
    classes = [str(attributes["class"]) for tag, attributes in found.tags if tag == "td"]
    assert classes == ["text", "number", "number", "text", "text", "missing number", "number", "text"]
    found = bare_page(tmp_path, {"stain_usefulness_thesis.csv": "\n".join(lines[:2])})
    assert "reason" not in found.text


def test_the_page_embeds_its_figures_and_needs_no_network(tmp_path: Path) -> None:
    found, _ = page(tmp_path, mendeley_files())
    sources = [str(attributes["src"]) for tag, attributes in found.tags if tag == "img"]
    embedded = [base64.b64decode(source.removeprefix("data:image/svg+xml;base64,")) for source in sources]
    assert embedded == [(tmp_path / f"{name}.svg").read_bytes() for name in ("contact_sheet_mendeley", "copies_sheet")]
    links = [attributes[key] for _, attributes in found.tags for key in ("href", "src") if key in attributes]
    assert all(str(link).startswith(("data:", "#")) for link in links)
    assert not {tag for tag, _ in found.tags} & {"script", "link", "iframe"}


def test_text_from_an_archive_is_escaped(tmp_path: Path) -> None:
    folder = HOSTILE.replace("/", "")
    hostile = {f"PBC/{folder}/1.jpg": jpeg(photograph(1)), "PBC/ig/<img src=x onerror=alert(2)>.jpg": b""}
    found, receipt = page(tmp_path, mendeley_files() | hostile, title=HOSTILE)
    tags = {tag for tag, _ in found.tags}
    assert "script" not in tags
    assert all("onerror" not in attributes for _, attributes in found.tags)
    assert len(receipt["warnings"]) == 2
    for shown in (*receipt["warnings"], f"run “{HOSTILE}”"):
        assert shown in found.text


@pytest.mark.parametrize(("origin", "warned"), [("phantom", True), ("local", False), ("download", False)])
def test_a_run_on_rendered_cells_says_so(tmp_path: Path, origin: str, warned: bool) -> None:
    found, _ = page(tmp_path, mendeley_files(["platelet"], 1), origin)
    assert ("no evidence about blood" in found.text) is warned


def test_a_folder_has_no_checksum_and_the_page_says_so(tmp_path: Path) -> None:
    _, receipt = page(tmp_path, mendeley_files(["platelet"], 1))
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "tcia.json").write_text(json.dumps(receipt | {"sha256": None}), "utf-8")
    write_page(
        tmp_path / "r.html",
        run="r",
        taxonomy="refined",
        origins={},
        tables=[],
        figures=[],
        receipts=[tmp_path / "r" / "tcia.json"],
    )
    assert "sha256 of the archive not available (a folder)" in Page(tmp_path / "r.html").text
