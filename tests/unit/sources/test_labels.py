"""Labels, groups and experts of a laboratory's own images: from folders, a table or the file name."""

import contextlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from helpers.archives import write_folder, write_zip
from helpers.photographs import inventory, manifest_of, own_rules, photograph_of
from hemabalance.errors import InputError
from hemabalance.sources.phantom.archive import jpeg
from hemabalance.sources.spreadsheet import MOST_BYTES

CLASSES = ("blast", "neutrophil")
MAP = {"Blasts": "blast", "Seg": "neutrophil"}


def files_of(*names: str) -> dict[str, bytes]:
    return {name: jpeg(photograph_of(name)) for name in names}


def labels_of(
    tmp_path: Path, names: tuple[str, ...], classes: Mapping[str, str | None] | tuple[str, ...], **labels: Any
) -> pd.Series:
    """The label that is found for each member."""
    rules = own_rules("north", classes, **labels)
    table, _ = inventory(write_zip(tmp_path / "a.zip", files_of(*names)), rules, entry=None)
    return table.set_index("member")["label_raw"]


# --- folders


@pytest.mark.parametrize(
    ("member", "label"),
    [
        ("Blasts/1.jpg", "Blasts"),
        ("lab/2024/train/Blasts/slide 3/roi/1.jpg", "Blasts"),
        ("Seg/Blasts/1.jpg", "Blasts"),
        ("Seg/other/1.jpg", "Seg"),
        ("lab/other/1.jpg", "other"),
        ("1.jpg", ""),
    ],
)
def test_the_label_is_the_innermost_folder_that_the_map_knows(tmp_path: Path, member: str, label: str) -> None:
    assert labels_of(tmp_path, (member,), MAP)[member] == label


def test_a_key_may_be_a_trailing_path(tmp_path: Path) -> None:
    names = ("x/good/Blasts/1.jpg", "x/bad/Blasts/2.jpg")
    labels = labels_of(tmp_path, names, {"Blasts": "blast", "bad/Blasts": None, "Seg": "neutrophil"})
    assert labels.to_dict() == {names[0]: "Blasts", names[1]: "bad/Blasts"}


def test_without_a_map_folders_are_named_after_classes(tmp_path: Path) -> None:
    names = ("a/Neutrophil/1.jpg", "a/blast/2.jpg", "a/Monocyte/3.jpg")
    assert labels_of(tmp_path, names, CLASSES).tolist() == ["Monocyte", "neutrophil", "blast"]


def test_spelling_is_matched_exactly_first_and_then_without_case_blanks_and_underscores(tmp_path: Path) -> None:
    rules = own_rules("north", {"Seg. Neutro": "neutrophil", "BLAST": "blast", "blast": "blast"})
    files = files_of("a/seg._neutro/1.jpg", "a/BLAST/2.jpg", "a/blast/3.jpg", "a/Blast/4.jpg")
    table, receipt = inventory(write_zip(tmp_path / "a.zip", files), rules, entry=None)
    assert table.set_index("image_id")["label_raw"].str.cat(sep=" ") == "BLAST BLAST blast Seg. Neutro"
    assert receipt["warnings"] == [
        "'Blast' read as 'BLAST' (1 images)",
        "'seg._neutro' read as 'Seg. Neutro' (1 images)",
    ]
    assert receipt["counts"] == {"BLAST": 2, "Seg. Neutro": 1, "blast": 1}


def test_a_spelling_of_two_classes_is_nobodys(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, ("x/b_1/1.jpg",), {"B1": "blast", "b1": "neutrophil"})
    assert labels.tolist() == ["b_1"]


def test_a_folder_with_images_only_deeper_is_not_empty(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, ("Seg/Blasts/1.jpg", "Blasts/2.jpg"), MAP)
    assert set(labels) == {"Blasts"}


# --- tables


HEADER = "file,diagnosis,patient\n"
ROWS = {"x/1.jpg": ("Blasts", "P1"), "x/2.jpg": ("Seg", "P1"), "x/3.jpg": ("Seg", "P2")}
TABLE = HEADER + "".join(f"{name},{label},{group}\n" for name, (label, group) in ROWS.items())
USED: dict[str, Any] = {"image": "file", "label": "diagnosis", "group": "patient"}
MEMBER_RULES = own_rules("south", MAP, table="south.csv", **USED)


def found_in_table(tmp_path: Path, text: str | bytes, name: str = "t.csv", **labels: Any) -> tuple[pd.DataFrame, Any]:
    """Inventory (by member) and receipt of three images with a table on disk."""
    (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    rules = own_rules("south", MAP, on_disk=tmp_path / name, table=name, **(USED | labels))
    table, receipt = inventory(write_zip(tmp_path / "a.zip", files_of(*ROWS)), rules, entry=None)
    return table.set_index("member"), receipt


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", TABLE.encode()),
        ("t.csv", TABLE.replace(",", ";").encode()),
        ("t.csv", TABLE.replace(",", ";").encode("utf-16")),
        ("t.csv", b"\xef\xbb\xbfsep=;\r\n" + TABLE.replace(",", ";").replace("\n", "\r\n").encode()),
        ("t.tsv", TABLE.replace(",", "\t").encode()),
        ("t.txt", TABLE.replace(",", "|").encode()),
        ("t.dat", TABLE.replace(",", "   ").encode()),
        ("t.csv", TABLE.replace("Blasts", '"Blasts"').replace("P2", " P2 ").encode()),
    ],
    ids=["comma", "semicolon", "utf-16", "excel", "tab", "bar", "blanks", "quoted"],
)
def test_a_table_of_any_separator_gives_labels_and_groups(tmp_path: Path, name: str, text: bytes) -> None:
    table, receipt = found_in_table(tmp_path, text, name)
    assert {member: (row.label_raw, row.group) for member, row in table.iterrows()} == ROWS
    assert receipt["warnings"] == []


def excel(rows: Sequence[Sequence[object]]) -> bytes:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    content = io.BytesIO()
    workbook.save(content)
    return content.getvalue()


@pytest.mark.parametrize("name", ["t.xlsx", "t.csv"])  # recognised by content
def test_an_excel_table_gives_labels_and_groups(tmp_path: Path, name: str) -> None:
    rows: list[list[object]] = [["", "", ""], ["file", " diagnosis", "patient"]]
    rows += [[name, label, int(group[1:])] for name, (label, group) in ROWS.items()]
    table, receipt = found_in_table(tmp_path, excel(rows), name)
    assert table.loc["x/2.jpg", ["label_raw", "group"]].tolist() == ["Seg", "1"]
    assert receipt["warnings"] == []


def test_rows_of_an_excel_table_are_named_by_their_number(tmp_path: Path) -> None:
    content = excel([["file", "diagnosis", "patient"], ["x/1.jpg", "Seg", 1], [None, "Seg", 2]])
    with pytest.raises(InputError, match=r"t\.xlsx, line 3: its column 'file' is empty"):
        found_in_table(tmp_path, content, "t.xlsx")


@pytest.mark.parametrize("place", range(40, 5000, 331))
def test_a_damaged_excel_table_is_read_or_refused_by_name(tmp_path: Path, place: int) -> None:
    content = bytearray(excel([["file", "diagnosis", "patient"], *([f"x/{n}.jpg", "Seg", n] for n in range(1, 4))]))
    content[place % len(content)] ^= 0xFF
    with contextlib.suppress(InputError):
        found_in_table(tmp_path, bytes(content), "t.xlsx")


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(tmp_path: Path) -> None:
    bomb = io.BytesIO()
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/sharedStrings.xml", "w", force_zip64=True) as member,
    ):
        for _ in range(MOST_BYTES // 2**20 + 1):
            member.write(bytes(2**20))
    with pytest.raises(InputError, match=r"t\.xlsx: is a spreadsheet that cannot be read \(537,919,488 bytes when"):
        found_in_table(tmp_path, bomb.getvalue(), "t.xlsx")


def test_a_parquet_table_gives_labels_and_whole_numbers_as_groups(tmp_path: Path) -> None:
    frame = pd.DataFrame({"file": list(ROWS), "diagnosis": ["Blasts", "Seg", None], "patient": [1.0, 12.0, None]})
    frame.to_parquet(tmp_path / "x.parquet")
    table, _ = found_in_table(tmp_path, (tmp_path / "x.parquet").read_bytes(), "t.parquet")
    assert table["label_raw"].tolist() == ["Blasts", "Seg", ""]
    assert table["group"].fillna("none").tolist() == ["1", "12", "none"]


def test_a_table_may_be_a_member_of_the_archive_and_is_no_row(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", files_of(*ROWS) | {"lab/south.csv": TABLE.encode()})
    table, receipt = inventory(path, MEMBER_RULES)
    assert (len(table), receipt["warnings"]) == (3, [])
    assert table["label_raw"].tolist() == ["Blasts", "Seg", "Seg"]


def test_missing_labels_are_spelled_in_many_ways(tmp_path: Path) -> None:
    for value in ("", "NaN", "N/A", "na", "-", "None", " null "):
        table, receipt = found_in_table(tmp_path, TABLE.replace("Blasts", value).replace("P2", value))
        assert table["label_raw"].tolist() == ["", "Seg", "Seg"], value
        assert table["group"].isna().tolist() == [False, False, True]
        assert receipt["warnings"] == [
            "1 images have no label: x/1.jpg",
            "1 images have no group, so that each counts as its own: x/3.jpg",
        ]


def test_a_label_of_the_map_is_never_missing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE.replace("Blasts", "None"))
    classes = {"None": "blast", "Seg": "neutrophil"}
    rules = own_rules("south", classes, on_disk=tmp_path / "t.csv", table="t.csv", **USED)
    table, _ = inventory(write_zip(tmp_path / "a.zip", files_of(*ROWS)), rules)
    assert table["label_raw"].tolist() == ["None", "Seg", "Seg"]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (TABLE.replace("diagnosis", "Diagnoses"), "t.csv", "no column 'diagnosis', but 'file', 'Diagnoses', 'patient'"),
        (TABLE.replace("diagnosis", "Diagnoses"), "t.csv", "sources.south.labels.label to one of them, perhaps 'Diagn"),
        (TABLE.replace("patient", "diagnosis"), "t.csv", "has 2 columns 'diagnosis'. Rename"),
        (TABLE + "x/1.jpg,Seg,P3\n", "t.csv", "line 5: a second row for x/1.jpg. Keep one row per image"),
        (TABLE + "x/4.jpg,Seg\n", "t.csv", "line 5: 2 columns where 3 are expected (file, diagnosis, patient)"),
        (TABLE + ",Seg,P3\n", "t.csv", "line 5: its column 'file' is empty"),
        (HEADER + "no.jpg,Seg,P1\n", "t.csv", "none of its 1 rows has an image: 'no.jpg' first; images: x/1.jpg"),
        (b"PK\x03\x04...", "t.xlsx", "is a spreadsheet that cannot be read"),
        (b"\xd0\xcf\x11\xe0...", "t.xls", "Save its sheet as xlsx or CSV"),
        (b"PAR1", "t.parquet", "cannot be read as Parquet"),
        ("", "t.csv", "has no column 'file'"),
    ],
)
def test_a_bad_table_is_refused_by_name(tmp_path: Path, text: str | bytes, name: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        found_in_table(tmp_path, text, name)
    assert str(tmp_path / name) in str(caught.value)
    assert message in str(caught.value)


def test_a_missing_table_of_labels_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", files_of(*ROWS))
    with pytest.raises(InputError, match=r"contains no south\.csv, and there is no file /.*south\.csv"):
        inventory(path, MEMBER_RULES)


def test_rows_and_images_without_each_other_are_counted_and_named(tmp_path: Path) -> None:
    _, receipt = found_in_table(tmp_path, TABLE.replace("x/2.jpg", "y/9.jpg"))
    assert receipt["warnings"] == [
        "1 annotation rows have no image: y/9.jpg",
        "1 images have no annotation row: x/2.jpg",
        "1 images have no label: x/2.jpg",
        "1 images have no group, so that each counts as its own: x/2.jpg",
    ]


def test_a_table_inside_a_folder_is_no_row_of_its_archive(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "lab", files_of(*ROWS) | {"south.csv": TABLE.encode()})
    rules = own_rules("south", MAP, on_disk=folder / "south.csv", table="lab/south.csv", **USED)
    table, _ = inventory(folder, rules)
    assert (len(table), set(table["content"])) == (3, {"image"})


def test_two_spellings_of_a_patient_are_one_group(tmp_path: Path) -> None:
    table, receipt = found_in_table(tmp_path, TABLE.replace("2.jpg,Seg,P1", "2.jpg,Seg,p1"))
    assert table["group"].tolist() == ["P1", "P1", "P2"]
    assert receipt["warnings"] == ["group 'p1' read as 'P1'"]


# --- patterns, experts, unlabelled images


def test_a_pattern_gives_labels_groups_and_subtypes(tmp_path: Path) -> None:
    names = ("d/Seg_P7_1.jpg", "d/Blasts_P8_2.jpg", "d/odd.jpg")
    rules = own_rules("east", MAP, pattern=r"(?P<label>[A-Za-z]+)_(?P<group>P\d+)_")
    table, receipt = inventory(write_zip(tmp_path / "a.zip", files_of(*names)), rules)
    rows = table.set_index("member").loc[list(names), ["label_raw", "group"]].fillna("none")
    assert rows.to_numpy().tolist() == [["Seg", "P7"], ["Blasts", "P8"], ["", "none"]]
    assert receipt["warnings"][0] == "1 images have no label: d/odd.jpg"


def test_unlabelled_images_are_kept_under_their_own_label(tmp_path: Path) -> None:
    rules = own_rules("pool", CLASSES, unlabelled=True)
    table, receipt = inventory(write_zip(tmp_path / "a.zip", files_of("a/1.jpg", "2.jpg")), rules)
    assert (set(table["label_raw"]), receipt["counts"]) == ({"unlabelled"}, {"unlabelled": 2})
    manifest = manifest_of(table, maps={"pool": rules.classes})
    assert (set(manifest["label"]), set(manifest["status"])) == ({"unlabelled"}, {"kept"})


def test_a_copy_of_an_unlabelled_image_keeps_its_label(tmp_path: Path) -> None:
    pool, north = own_rules("pool", CLASSES, unlabelled=True), own_rules("north", MAP)
    same = files_of("a/1.jpg")["a/1.jpg"]
    tables = [
        inventory(write_zip(tmp_path / "a.zip", {"a/1.jpg": same}), pool)[0],
        inventory(write_zip(tmp_path / "z.zip", {"Seg/9.jpg": same}), north)[0],
    ]
    manifest = manifest_of(*tables, maps={"pool": pool.classes, "north": north.classes})
    assert manifest["status"].to_dict() == {"north/Seg/9.jpg": "kept", "pool/a/1.jpg": "duplicate"}


def expert_manifest(tmp_path: Path, *values: str) -> pd.DataFrame:
    lines = "".join(
        f"{name},{value}\n" for name, value in zip(("1.jpg", "2.jpg", "3.jpg", "4.jpg"), values, strict=True)
    )
    (tmp_path / "t.csv").write_text("image,second\n" + lines)
    classes = {**MAP, "Debris": None}
    labels: dict[str, Any] = {"table": "t.csv", "experts": ("second",), "undecided": ("?",)}
    rules = own_rules("east", classes, on_disk=tmp_path / "t.csv", **labels)
    files = files_of(*(f"Seg/{i}.jpg" for i in range(1, 5)), "Blasts/9.jpg")
    table, _ = inventory(write_zip(tmp_path / "a.zip", files), rules)
    return manifest_of(table, maps={"east": rules.classes})


def test_experts_labels_are_classes_undecided_or_missing(tmp_path: Path) -> None:
    manifest = expert_manifest(tmp_path, "blasts", "?", "Debris", "n/a")
    assert manifest["expert_1"].fillna("missing").tolist() == [
        "missing",
        "blast",
        "undecided",
        "undecided",
        "missing",
    ]


def test_an_experts_label_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        expert_manifest(tmp_path, "Blsts", "?", "", "")
    assert str(caught.value) == (
        "east/Seg/1.jpg: its expert_1, 'Blsts', is no label of this source. Add it to sources.east.classes, "
        "perhaps as blast, or to sources.east.labels.undecided."
    )


def test_a_renamed_source_keeps_its_ids(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", files_of("Seg/1.jpg", "Blasts/2.jpg"))
    table, _ = inventory(path, replace(own_rules("south", MAP), ids="old_name"), entry=None)
    assert table["image_id"].tolist() == ["old_name/Blasts/2.jpg", "old_name/Seg/1.jpg"]
    assert set(table["source"]) == {"south"}
