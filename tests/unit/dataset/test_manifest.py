import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandera.errors import SchemaError
from PIL import Image

from helpers.archives import write_zip
from helpers.photographs import (
    HASH_ALL,
    NO_EXCLUSIONS,
    PIXELS,
    annotation_lines,
    inventory,
    manifest_from_rows,
    manifest_of,
    mendeley_files,
    photograph,
    photograph_of,
    tcia_files,
)
from helpers.thesis import CLASSES, FOLDERS, class_maps
from hemabalance.dataset.exclusions import read_exclusions
from hemabalance.dataset.manifest import build_manifest
from hemabalance.dataset.manifest_table import SCHEMA, STATUSES, read_manifest, write_manifest
from hemabalance.dataset.tables import write_table
from hemabalance.errors import InputError
from hemabalance.sources.phantom.archive import jpeg, tiff

HEADER = "source,member,reason,who\n"
BASOPHIL, MYELOCYTE = "mendeley/basophil/BA_100.jpg", "mendeley/ig/MY_100.jpg"


def mendeley(tmp_path: Path, more: dict[str, bytes] | None = None) -> pd.DataFrame:
    return inventory(write_zip(tmp_path / "a.zip", mendeley_files() | (more or {})))[0]


def tcia(tmp_path: Path, files: dict[str, bytes]) -> pd.DataFrame:
    return inventory(write_zip(tmp_path / "b.zip", files), "tcia")[0]


def exclusions(*members: str, source: str = "mendeley", reason: str = "smudged", who: str = "Dr. A") -> pd.DataFrame:
    rows = [{"source": source, "member": member, "reason": reason, "who": who} for member in members]
    return pd.concat([NO_EXCLUSIONS, pd.DataFrame(rows, dtype="str")])


def tables_with_every_status(tmp_path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Inventories and exclusions that give every status."""
    files = mendeley_files()
    more = {
        "PBC/ig/MY_900.jpg": b"text",
        "PBC/ig/MY_901.jpg": b"",
        "PBC/ig/MY_902.jpg": files["PBC/ig/MY_100.jpg"],
        "PBC/basophil/BA_903.jpg": jpeg(photograph_of("basophil/BA_101.jpg"), 60),
        "PBC/platelet/PL_904.jpg": files["PBC/ig/MY_101.jpg"],
        "PBC/platelet/PL_905.jpg": jpeg(photograph(5)),
        "PBC/blast/B_906.jpg": jpeg(photograph(6)),
    }
    tables = [mendeley(tmp_path, more), tcia(tmp_path, tcia_files())]
    return pd.concat(tables, ignore_index=True), exclusions("platelet/PL_905.jpg")


def build(inventories: pd.DataFrame, excluded: pd.DataFrame = NO_EXCLUSIONS, **changes: Any) -> pd.DataFrame:
    settings: dict[str, Any] = {"maps": class_maps(), "hash_radius": 12, "min_correlation": 0.965, "threads": 1}
    return build_manifest(inventories, excluded, **(settings | changes))


# --- labels


def test_every_folder_gets_its_final_class(tmp_path: Path) -> None:
    sources = {"mendeley": mendeley_files(list(FOLDERS["mendeley"]), 1), "tcia": tcia_files(list(FOLDERS["tcia"]), 1)}
    table = manifest_of(*(inventory(write_zip(tmp_path / s, files), s)[0] for s, files in sources.items()))
    for row in table.itertuples():
        assert (row.label, row.status) == (FOLDERS[row.source][row.label_raw], "kept"), row.Index
    labels = table.set_index("label_raw")["label"]
    assert (labels["MYB"], labels["MYO"]) == ("immature_granulocyte", "myeloblast")
    assert set(labels) == set(CLASSES)


@pytest.mark.parametrize(("taxonomy", "label"), [("thesis", "immature_granulocyte"), ("refined", "promyelocyte")])
def test_the_refined_taxonomy_moves_promyelocytes_of_mendeley_only(tmp_path: Path, taxonomy: str, label: str) -> None:
    a = mendeley(tmp_path, {"PBC/ig/PMY_7.jpg": jpeg(photograph(7)), "PBC/platelet/PMY_8.jpg": jpeg(photograph(8))})
    b = tcia(tmp_path, tcia_files(["MYB", "PMO"], 1))
    labels = manifest_of(a, b, maps=class_maps(taxonomy))["label"]
    assert labels["mendeley/ig/PMY_7.jpg"] == label
    assert labels[MYELOCYTE] == labels["tcia/MYB/MYB_0001.tiff"] == "immature_granulocyte"
    assert (labels["mendeley/platelet/PMY_8.jpg"], labels["tcia/PMO/PMO_0001.tiff"]) == ("platelet", "promyelocyte")


# --- statuses


def test_every_member_has_one_status_and_a_reason(tmp_path: Path) -> None:
    table = build(*tables_with_every_status(tmp_path)).set_index("image_id")
    assert set(table["status"]) == set(STATUSES)
    rows = table.loc[table["source"] == "mendeley", ["status", "reason"]]
    reasons = rows[rows["status"] != "kept"].apply(tuple, axis=1).to_dict()
    status, reason = reasons.pop("mendeley/basophil/BA_903.jpg")
    assert status == "near_duplicate"
    assert re.fullmatch(r"same photograph, aligned correlation (0\.9\d\d|1\.000)", reason)
    named = "mendeley/ig/MY_101.jpg (immature_granulocyte), mendeley/platelet/PL_904.jpg (platelet)"
    conflict = ("conflict", f"one photograph under several labels: {named}")
    assert reasons == {
        "mendeley/ig/MY_900.jpg": ("not_an_image", "not a JPEG, PNG, TIFF, BMP or WebP file"),
        "mendeley/ig/MY_901.jpg": ("unreadable", "empty file"),
        "mendeley/ig/MY_902.jpg": ("duplicate", "same bytes"),
        "mendeley/platelet/PL_905.jpg": ("excluded", "smudged (Dr. A)"),
        "mendeley/blast/B_906.jpg": ("unknown_label", "folder blast is no class of this source"),
        "mendeley/ig/MY_101.jpg": conflict,
        "mendeley/platelet/PL_904.jpg": conflict,
    }
    assert table.loc["mendeley/ig/MY_902.jpg", ["duplicate_of", "group_id"]].tolist() == [MYELOCYTE, MYELOCYTE]
    kept = table[table["status"] == "kept"]
    assert (kept["group_id"] == kept.index).all()
    assert kept["duplicate_of"].isna().all()


def test_one_different_label_among_identical_files_excludes_the_group(tmp_path: Path) -> None:
    same = mendeley_files()["PBC/ig/MY_100.jpg"]
    table = manifest_of(mendeley(tmp_path, {"PBC/ig/MY_500.jpg": same, "PBC/basophil/BA_500.jpg": same}))
    group = table[table["group_id"] == table.loc[MYELOCYTE, "group_id"]]
    assert len(group) == 3
    assert set(group["status"]) == {"conflict"}
    assert group["duplicate_of"].isna().all()
    assert all(f"{image_id} (" in group["reason"].iloc[0] for image_id in group.index)


def test_an_exclusion_settles_a_conflict(tmp_path: Path) -> None:
    more = {"PBC/basophil/BA_500.jpg": mendeley_files()["PBC/ig/MY_100.jpg"]}
    table = manifest_of(mendeley(tmp_path, more), exclusions=exclusions("basophil/BA_500.jpg", reason="is a myelocyte"))
    assert table.loc["mendeley/basophil/BA_500.jpg", ["status", "reason"]].tolist() == [
        "excluded",
        "is a myelocyte (Dr. A)",
    ]
    assert table.loc[MYELOCYTE, "status"] == "kept"


TURNS = {
    "r90": (lambda image: np.rot90(image), " rotated by 90° anticlockwise"),
    "r180": (lambda image: np.rot90(image, 2), " rotated by 180°"),
    "r270": (lambda image: np.rot90(image, 3), " rotated by 90° clockwise"),
    "mirror": (lambda image: image[:, ::-1], " mirrored"),
    "mirror_r90": (lambda image: np.rot90(image)[:, ::-1], " rotated by 90° anticlockwise and mirrored"),
    "flip": (lambda image: image[::-1], " mirrored upside down"),
    "mirror_r270": (lambda image: np.rot90(image, 3)[:, ::-1], " rotated by 90° clockwise and mirrored"),
}


def png(image: Any, level: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


@pytest.mark.parametrize("shape", [(96, 96), (99, 88), (60, 120)])
@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("lossless", [True, False])
def test_a_copy_in_another_pose_is_set_aside(tmp_path: Path, turn: str, shape: tuple[int, int], lossless: bool) -> None:
    """Photographs that are not square change their shape with a quarter turn."""
    image = np.asarray(Image.fromarray(photograph(77, 120)).resize(shape[::-1]))
    change, words = TURNS[turn]
    copy = png(change(image), 9) if lossless else jpeg(np.ascontiguousarray(change(image)), 80)
    table = manifest_of(mendeley(tmp_path, {"PBC/ig/MY_700.png": png(image, 0), "PBC/ig/MY_701.png": copy}))
    assert table.loc["mendeley/ig/MY_700.png", "status"] == "kept"
    row = table.loc["mendeley/ig/MY_701.png"]
    assert row["status"] == "near_duplicate"
    assert row["duplicate_of"] == row["group_id"] == "mendeley/ig/MY_700.png"
    assert re.fullmatch(rf"same photograph{words}, aligned correlation (0\.9[789]\d|1\.000)", row["reason"])
    others = table[~table["image_id"].str.contains("MY_70")]
    assert (others["status"] == "kept").all()


def test_a_mirrored_copy_under_another_label_is_a_conflict(tmp_path: Path) -> None:
    image = photograph(77)
    files = {"PBC/ig/MY_700.jpg": jpeg(image), "PBC/platelet/PL_701.jpg": jpeg(np.ascontiguousarray(image[:, ::-1]))}
    table = manifest_of(mendeley(tmp_path, files))
    pair = table.loc[["mendeley/ig/MY_700.jpg", "mendeley/platelet/PL_701.jpg"]]
    assert pair["status"].tolist() == ["conflict", "conflict"]
    assert pair["group_id"].nunique() == 1


def test_copies_are_found_across_sources(tmp_path: Path) -> None:
    # A myelocyte of source B that source A has under `ig`: two folders, one final class.
    b = tcia_files() | {"AML/cells/MYB/MYB_0009.tiff": tiff(photograph_of("ig/MY_100.jpg"))}
    table = manifest_of(mendeley(tmp_path), tcia(tmp_path, b))
    pair = table.loc[[MYELOCYTE, "tcia/MYB/MYB_0009.tiff"]]
    assert sorted(pair["status"]) == ["kept", "near_duplicate"]
    assert pair["group_id"].nunique() == 1


def test_the_same_file_in_both_sources_is_a_duplicate(tmp_path: Path) -> None:
    file = mendeley_files()["PBC/ig/MY_100.jpg"]
    tables = mendeley(tmp_path), tcia(tmp_path, tcia_files() | {"AML/cells/MYB/MYB_0009.tiff": file})
    assert pd.concat(tables)["pixel_sha256"].isna().all()
    table = manifest_of(*tables)
    assert table.loc["tcia/MYB/MYB_0009.tiff", ["status", "reason", "duplicate_of"]].tolist() == [
        "duplicate",
        "same bytes",
        MYELOCYTE,
    ]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_equal_pixels_in_two_formats_are_known_to_be_equal_only_where_all_are_hashed(tmp_path: Path, kind: str) -> None:
    """A JPEG's thumbnail is computed from its coefficients, so it can differ from that of equal pixels."""
    first, second = io.BytesIO(), io.BytesIO()
    Image.fromarray(photograph(3, 200)).save(first, "JPEG", quality=90)
    Image.open(first).save(second, kind)
    names = ["PBC/ig/MY_900.jpg", f"PBC/ig/MY_901.{kind.lower()}"]
    files = dict(zip(names, (first.getvalue(), second.getvalue()), strict=True))
    path = write_zip(tmp_path / "a.zip", mendeley_files() | files)
    for pixels, status, message in (
        (PIXELS, "near_duplicate", r"same photograph, aligned correlation (0\.99\d|1\.000)"),
        (HASH_ALL, "duplicate", "same pixels"),
    ):
        table = manifest_of(inventory(path, pixels=pixels)[0])
        pair = table[table["member"].isin(names)]
        assert pair["group_id"].nunique() == 1
        assert sorted(pair["status"]) == sorted(["kept", status])
        assert re.fullmatch(message, max(pair["reason"]))


def test_folder_and_annotation_that_differ_are_a_conflict(tmp_path: Path) -> None:
    files = tcia_files()
    lines = files["AML/annotations.dat"].replace(b"MYB_0001.tiff MYB", b"MYB_0001.tiff MYO")
    table = manifest_of(tcia(tmp_path, files | {"AML/annotations.dat": lines}))
    row = table.loc["tcia/MYB/MYB_0001.tiff"]
    assert row["status"] == "conflict"
    assert row["reason"] == "folder says MYB, annotation says MYO: correct one of them, or exclude the image"
    assert (table["status"] == "kept").sum() == 5


def test_experts_labels_become_classes_and_change_nothing(tmp_path: Path) -> None:
    files = tcia_files()
    lines = annotation_lines([name for name in files if name.endswith("tiff")])
    lines = lines.replace(b"MYB_0001.tiff MYB nan nan", b"MYB_0001.tiff MYB PMO UNC")
    row = manifest_of(tcia(tmp_path, files | {"AML/annotations.dat": lines})).loc["tcia/MYB/MYB_0001.tiff"]
    assert row[["status", "label", "expert_1", "expert_2"]].tolist() == [
        "kept",
        "immature_granulocyte",
        "promyelocyte",
        "undecided",
    ]


def test_row_order_and_threads_do_not_matter(tmp_path: Path) -> None:
    rows, excluded = tables_with_every_status(tmp_path)
    expected = build(rows, excluded)
    assert expected["image_id"].is_monotonic_increasing
    for seed in range(3):
        assert build(rows.sample(frac=1, random_state=seed), excluded, threads=2).equals(expected)


def test_archives_with_nothing_to_keep_give_a_manifest(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"PBC/blast/B_1.jpg": jpeg(photograph(1)), "PBC/blast/B_2.jpg": b""})
    table = SCHEMA.validate(build(inventory(path)[0]))
    assert table["status"].tolist() == ["unknown_label", "unreadable"]


# --- the expert's list


def listed(tmp_path: Path, text: str) -> pd.DataFrame:
    path = tmp_path / "exclusions.csv"
    path.write_text(text, "utf-8")
    return read_exclusions(path, {BASOPHIL, MYELOCYTE})


def test_exclusions_are_read_with_quotes(tmp_path: Path) -> None:
    text = f'{HEADER}mendeley,ig/MY_100.jpg,"blurred, dark",Dr. Ü\nmendeley,basophil/BA_100.jpg,NA,B\n'
    table = listed(tmp_path, text)
    assert table["reason"].tolist() == ["blurred, dark", "NA"]
    assert table["who"].tolist() == ["Dr. Ü", "B"]
    assert listed(tmp_path, HEADER).empty


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "mendeley,ig/MY_999.jpg,blurred,A\n", "row 2: no image ig/MY_999.jpg in source mendeley. Correct"),
        (HEADER + "tcia,ig/MY_100.jpg,blurred,A\n", "row 2: no image ig/MY_100.jpg in source tcia. Correct"),
        (HEADER + "mendeley,ig/MY_100.jpg,blurred,\n", "row 2: has an empty field. Fill in"),
        (HEADER + "mendeley,ig/MY_100.jpg,blurred\n", "row 2: has an empty field. Fill in"),
        (HEADER + "mendeley,ig/MY_100.jpg,a,A\n" * 2, "lists ig/MY_100.jpg twice. Keep one row"),
        (
            HEADER + "mendeley,ig/MY_100.jpg,blurred, dark,A\n",
            "more than four fields. Put a field that contains a comma",
        ),
        ("source,image,reason,who\n", f"has the columns source, image, reason, who. Give it the header {HEADER[:-1]}"),
        ("", f"Give it the header {HEADER[:-1]}"),
    ],
)
def test_a_bad_exclusion_list_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        listed(tmp_path, text)
    assert str(tmp_path / "exclusions.csv") in str(caught.value)
    assert message in str(caught.value)


def test_a_missing_exclusion_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read as CSV"):
        read_exclusions(tmp_path / "exclusions.csv", set())


# --- the file


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    table = build(*tables_with_every_status(tmp_path))
    for name in ("1", "2"):
        write_manifest(table, tmp_path / name)
    assert read_manifest(tmp_path / "1").equals(table)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "lost"},
        {"label": ""},
        {"label": None},
        {"group_id": None},
        {"status": "excluded"},
        {"sha256": "abc"},
        {"image_id": MYELOCYTE},
    ],
    ids=lambda changes: "-".join(map(str, *changes.items())),
)
def test_a_manifest_that_breaks_its_schema_is_neither_written_nor_read(tmp_path: Path, changes: dict[str, Any]) -> None:
    table = manifest_from_rows([{"image_id": i, "label": "basophil"} for i in (BASOPHIL, MYELOCYTE)])
    write_manifest(table, tmp_path / "sound")
    for column, value in changes.items():
        table.loc[0, column] = value
    with pytest.raises(SchemaError):
        write_manifest(table, tmp_path / "bad")
    assert not (tmp_path / "bad").exists()
    write_table(table, tmp_path / "bad")
    with pytest.raises(InputError, match="does not match its schema"):
        read_manifest(tmp_path / "bad")


def test_a_damaged_or_missing_manifest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest.parquet"
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_manifest(path)
    write_manifest(manifest_from_rows([{"image_id": BASOPHIL, "label": "basophil"}]), path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="run the workflow again") as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)
