import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.archives import Files, write_folder, write_tar, write_zip
from helpers.photographs import HASH_ALL, SOURCE_ENTRY, inventory, mendeley_files, photograph, photograph_of, tcia_files
from hemabalance.dataset.perceptual_hash import perceptual_hash, thumbnail, thumbs_of
from hemabalance.errors import InputError
from hemabalance.sources.catalogue import load_catalogue
from hemabalance.sources.identity import content_digest, image_id_of
from hemabalance.sources.phantom.archive import jpeg, tiff

CATALOGUE = Path(__file__).parents[3] / "data" / "sources.yaml"
GOOD = mendeley_files()
ARCHIVE_WRITERS: dict[str, Callable[[Path, Files], Path]] = {
    "zip": write_zip,
    "tar.gz": lambda path, files: write_tar(path, files, "w:gz"),
    "folder": write_folder,
}
FOLDER_OF = {"mendeley": "ig", "tcia": "BAS"}
BROKEN = {
    "zero bytes": (b"", "unreadable", "empty file"),
    "truncated": (jpeg(photograph(1))[:-300], "unreadable", "image file is truncated"),
    "truncated, decoded at half its size": (jpeg(photograph(1, 200))[:-300], "unreadable", "image file is truncated"),
    "text": (b"a note that somebody named .jpg", "not_an_image", "not a JPEG, PNG, TIFF, BMP or WebP file"),
    "1x1": (jpeg(photograph(1)[:1, :1]), "unreadable", "1x1 pixels, the shorter side is under 32"),
    "too large": (jpeg(photograph(1, 400)), "unreadable", "400x400 pixels are more than the 100000 allowed"),
    "half transparent": (tiff(photograph(1), 128), "unreadable", "alpha channel is not fully opaque"),
}


# --- rows


def test_a_row_describes_its_member(tmp_path: Path) -> None:
    table, _ = inventory(write_zip(tmp_path / "a.zip", GOOD))
    row = table.set_index("image_id").loc["mendeley/ig/MY_100.jpg"]
    content = GOOD["PBC/ig/MY_100.jpg"]
    assert (row["source"], row["member"], row["bytes"]) == ("mendeley", "PBC/ig/MY_100.jpg", len(content))
    assert (row["label_raw"], row["subtype"], row["content"], row["reason"]) == ("ig", "MY", "image", "")
    assert (row["width"], row["height"], row["mode"]) == (48, 48, "RGB")
    assert row["sha256"] == hashlib.sha256(content).hexdigest()
    # A TIFF is lossless, so the hash must be the hash of the source pixels.
    files = tcia_files()
    table, _ = inventory(write_zip(tmp_path / "b.zip", files), "tcia", pixels=HASH_ALL)
    tiff_row = table.set_index("image_id").loc["tcia/BAS/BAS_0002.tiff"]
    pixels = photograph_of("BAS/BAS_0002.tiff")
    assert tiff_row["mode"] == "RGBA"
    assert tiff_row["pixel_sha256"] == hashlib.sha256(pixels.tobytes()).hexdigest()
    assert tiff_row["phash"] == f"{perceptual_hash(thumbnail(pixels)[None])[0]:016x}"
    assert tiff_row["thumb"] == thumbnail(pixels).tobytes()


def test_thumbnails_come_back_as_they_were(tmp_path: Path) -> None:
    table, _ = inventory(write_zip(tmp_path / "b.zip", tcia_files()), "tcia")
    thumbs = thumbs_of(table["thumb"])
    assert thumbs.shape == (6, 64, 64)
    np.testing.assert_array_equal(thumbs[3], thumbnail(photograph_of(table["member"][3])))


def commented(data: bytes) -> bytes:
    """The same JPEG image in different bytes: with a comment after its first marker."""
    return data[:2] + b"\xff\xfe\x00\x06more" + data[2:]


def test_pixels_are_hashed_where_a_thumbnail_is_shared_or_for_all(tmp_path: Path) -> None:
    same = GOOD["PBC/ig/MY_100.jpg"]
    path = write_zip(tmp_path / "a.zip", GOOD | {"PBC/ig/MY_900.jpg": commented(same), "PBC/ig/MY_901.jpg": b"text"})
    table, receipt = inventory(path)
    all_hashed, same_receipt = inventory(path, pixels=HASH_ALL, threads=2)
    pair = table[table["pixel_sha256"].notna()]
    assert pair["image_id"].tolist() == ["mendeley/ig/MY_100.jpg", "mendeley/ig/MY_900.jpg"]
    assert (pair["pixel_sha256"].nunique(), pair["sha256"].nunique()) == (1, 2)
    assert all_hashed["pixel_sha256"].notna().tolist() == (all_hashed["content"] == "image").tolist()
    assert all_hashed["pixel_sha256"].nunique() == len(GOOD)
    assert all_hashed.loc[pair.index, "pixel_sha256"].equals(pair["pixel_sha256"])
    assert table.drop(columns="pixel_sha256").equals(all_hashed.drop(columns="pixel_sha256"))
    assert receipt == same_receipt


def test_a_turned_jpeg_is_described_upright(tmp_path: Path) -> None:
    exif, wide = Image.Exif(), photograph(3, 200)[:100]
    exif[274] = 6
    Image.fromarray(wide).save(tmp_path / "turned.jpg", quality=95, subsampling=0, exif=exif)
    files = GOOD | {"PBC/ig/MY_900.jpg": (tmp_path / "turned.jpg").read_bytes()}
    row = inventory(write_zip(tmp_path / "a.zip", files))[0].set_index("image_id").loc["mendeley/ig/MY_900.jpg"]
    assert (row["width"], row["height"], row["mode"]) == (100, 200, "RGB")
    thumb = thumbs_of(pd.Series([row["thumb"]]))[0].astype(int)
    assert np.abs(thumb - thumbnail(np.rot90(wide, -1).copy())).mean() < 3


@pytest.mark.parametrize(
    ("file", "subtype"),
    [("PMY_123456.jpg", "PMY"), ("NEUTROPHIL_1_2.jpg", "NEUTROPHIL"), ("123.jpg", None), (".DS_169665.jpg", None)],
)
def test_subtype_is_the_prefix_of_a_mendeley_file(tmp_path: Path, file: str, subtype: str | None) -> None:
    for source, expected in (("mendeley", subtype), ("tcia", None)):
        files = {f"x/{FOLDER_OF[source]}/{file}": jpeg(photograph(1))}
        row = inventory(write_zip(tmp_path / f"{source}.zip", files), source)[0].iloc[0]
        assert (None if pd.isna(row["subtype"]) else row["subtype"]) == expected


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("write_archive", ARCHIVE_WRITERS.values(), ids=ARCHIVE_WRITERS)
def test_rows_do_not_depend_on_format_order_or_threads(
    tmp_path: Path, write_archive: Callable[[Path, Files], Path], threads: int
) -> None:
    files = tcia_files() | {"AML/cells/BAS/bad.tiff": b"no"}
    expected, receipt = inventory(write_zip(tmp_path / "first.zip", files), "tcia")
    table, again = inventory(write_archive(tmp_path / "cells", dict(reversed(files.items()))), "tcia", threads=threads)
    assert table.equals(expected)
    assert again["content_sha256"] == receipt["content_sha256"]
    assert again["warnings"] == receipt["warnings"]


def test_image_id_does_not_depend_on_the_enclosing_folder(tmp_path: Path) -> None:
    flat, _ = inventory(write_zip(tmp_path / "a.zip", mendeley_files(root=".")))
    deep, _ = inventory(write_zip(tmp_path / "b.zip", mendeley_files(root="my/copy of/PBC")))
    assert flat["image_id"].tolist() == deep["image_id"].tolist()
    assert (
        flat["image_id"][0] == image_id_of("mendeley", "anything/basophil/BA_100.jpg") == "mendeley/basophil/BA_100.jpg"
    )
    assert flat.drop(columns="member").equals(deep.drop(columns="member"))


# --- bad files: recorded in the row, logged as a warning, other files are read


@pytest.mark.parametrize(("data", "content", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_bad_file_is_left_out_with_its_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, data: bytes, content: str, reason: str
) -> None:
    path = write_zip(tmp_path / "a.zip", GOOD | {"PBC/ig/MY_777.jpg": data})
    with caplog.at_level(logging.WARNING):
        table, receipt = inventory(path)
    row = table.set_index("image_id").loc["mendeley/ig/MY_777.jpg"]
    assert row["content"] == content
    assert reason in row["reason"]
    assert row[["width", "height", "phash", "pixel_sha256", "thumb"]].isna().all()
    assert (table["content"] == "image").sum() == len(GOOD)
    warning = f"PBC/ig/MY_777.jpg left out: {row['reason']}"
    assert warning in receipt["warnings"]
    assert f"{path}: {warning}" in caplog.messages


def test_an_unknown_class_folder_is_left_out_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = GOOD | {f"PBC/blasts/B_{n}.jpg": jpeg(photograph(n)) for n in range(3)}
    table, receipt = inventory(write_zip(tmp_path / "a.zip", files))
    assert (table["label_raw"] == "blasts").sum() == 3
    assert receipt["warnings"] == ["folder 'blasts' (3 files) is no class of this source; its files are left out"]
    assert receipt["warnings"][0] in caplog.text


def test_an_archive_without_files_gives_an_empty_table(tmp_path: Path) -> None:
    table, receipt = inventory(write_zip(tmp_path / "a.zip", {}))
    assert (len(table), receipt["members"], receipt["counts"]) == (0, 0, {})
    assert receipt["content_sha256"] == hashlib.sha256(b"").hexdigest()


# --- archives that are refused


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("BAS/BAS_0001.tiff BAS nan", "line 2: 3 columns where 4 are expected"),
        ("BAS/BAS 1.tiff BAS nan nan", "line 2: 5 columns where 4 are expected"),
        ("MYO/MYO_0001.tiff MYO nan nan", "line 2: a second row for MYO/MYO_0001.tiff. Keep one row per image"),
    ],
)
def test_a_bad_annotation_line_is_refused(tmp_path: Path, line: str, message: str) -> None:
    annotations = f"MYO/MYO_0001.tiff MYO nan nan\n{line}\n".encode()
    path = write_zip(tmp_path / "b.zip", tcia_files() | {"AML/annotations.dat": annotations})
    with pytest.raises(InputError) as caught:
        inventory(path, "tcia")
    assert f"annotations.dat, {message}" in str(caught.value)


# --- annotations


def test_annotations_come_beside_the_folder_label_and_sidecars_are_no_rows(tmp_path: Path) -> None:
    files = tcia_files() | {"AML/abbreviations.txt": b"MYB Myelocyte\n"}
    lines = files["AML/annotations.dat"].replace(b"MYB/MYB_0001.tiff MYB nan nan", b"MYB/MYB_0001.tiff MYO PMO UNC")
    table, receipt = inventory(write_zip(tmp_path / "b.zip", files | {"AML/annotations.dat": lines}), "tcia")
    assert len(table) == receipt["members"] == 6
    rows = table.set_index("image_id")[["label_raw", "check_label", "expert_1", "expert_2"]]
    assert rows.loc["tcia/MYB/MYB_0001.tiff"].tolist() == ["MYB", "MYO", "PMO", "UNC"]
    assert rows.loc["tcia/MYB/MYB_0002.tiff"].isna().tolist() == [False, False, True, True]
    assert receipt["warnings"] == []


def test_missing_annotations_are_warned_of(tmp_path: Path) -> None:
    files = {name: data for name, data in tcia_files().items() if not name.endswith("annotations.dat")}
    _, receipt = inventory(write_zip(tmp_path / "b.zip", files), "tcia")
    assert "no annotations: annotations.dat is missing or empty" in receipt["warnings"]


def test_two_annotation_files_are_refused(tmp_path: Path) -> None:
    files = tcia_files()
    path = write_zip(tmp_path / "b.zip", files | {"AML/old/annotations.dat": files["AML/annotations.dat"]})
    with pytest.raises(InputError, match=r"b\.zip: contains annotations\.dat twice \(AML/annot.* and AML/old/"):
        inventory(path, "tcia")


def test_images_and_annotation_rows_without_each_other_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = tcia_files()
    lines = files["AML/annotations.dat"].replace(b"BAS_0002", b"BAS_0009")
    note = {"AML/cells/BAS/note.txt": b"no image, so no annotation is missed"}
    table, receipt = inventory(write_zip(tmp_path / "b.zip", files | {"AML/annotations.dat": lines} | note), "tcia")
    assert receipt["warnings"] == [
        "AML/cells/BAS/note.txt left out: not a JPEG, PNG, TIFF, BMP or WebP file",
        "1 annotation rows have no image: BAS/BAS_0009.tiff",
        "1 images have no annotation row: AML/cells/BAS/BAS_0002.tiff",
    ]
    assert all(warning in caplog.text for warning in receipt["warnings"])
    assert table.loc[table["check_label"].isna(), "member"].str[10:].tolist() == [
        "BAS/BAS_0002.tiff",
        "BAS/note.txt",
    ]


# --- the receipt


def test_content_digest_is_a_sha256_over_sorted_lines() -> None:
    images = [("mendeley/ig/b.jpg", "22"), ("mendeley/ig/a.jpg", "33"), ("mendeley/Z/c.jpg", "11")]
    by_hand = hashlib.sha256(b"Z/c.jpg 11\nig/a.jpg 33\nig/b.jpg 22\n").hexdigest()
    assert content_digest(images) == content_digest(reversed(images)) == by_hand


def test_receipt_recognises_a_complete_archive_by_digest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = sorted(f"{name.removeprefix('PBC/')} {hashlib.sha256(data).hexdigest()}\n" for name, data in GOOD.items())
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    source_entry = SOURCE_ENTRY.model_copy(update={"content_sha256": digest})
    path = write_zip(tmp_path / "a.zip", GOOD | {"PBC/.DS_Store": b"no image, so not in the digest"})
    _, receipt = inventory(path, entry=source_entry)
    assert receipt["content_sha256"] == digest
    assert (receipt["complete"], receipt["verdict"]) == (True, "complete by content digest")
    assert "not the complete" not in caplog.text
    assert receipt["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert receipt["bytes"] == path.stat().st_size
    assert receipt["counts"] == {"basophil": 2, "ig": 2, "platelet": 2}
    assert (receipt["archive"], receipt["licence"]) == ("a.zip", "CC0")
    assert json.loads(json.dumps(receipt, allow_nan=False)) == receipt


def test_receipt_warns_of_an_incomplete_archive(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source_entry = SOURCE_ENTRY.model_copy(update={"content_sha256": "0" * 64})
    _, receipt = inventory(write_folder(tmp_path / "cells", GOOD), entry=source_entry)
    assert receipt["complete"] is False
    assert "not the complete public archive by content digest; it is used as it is" in caplog.text
    assert receipt["sha256"] is None
    assert receipt["bytes"] == sum(map(len, GOOD.values()))


def test_a_rendered_archive_is_named_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_zip(tmp_path / "a.zip", GOOD)
    _, receipt = inventory(path, entry=None, is_rendered=True)
    assert (receipt["rendered"], receipt["complete"]) == (True, None)
    assert receipt["verdict"] == "rendered, not photographed"
    assert (receipt["licence"], receipt["citation"], receipt["expected_counts"]) == ("", "", {})
    assert "public" not in caplog.text


@pytest.mark.parametrize(("platelets", "complete"), [(2, True), (3, False)])
def test_receipt_goes_by_counts_where_no_digest_is_known(tmp_path: Path, platelets: int, complete: bool) -> None:
    counts = {"basophil": 2, "ig": 2, "platelet": platelets}
    files = GOOD | {"PBC/platelet/empty.jpg": b""}  # an empty file must not pass for the missing one
    _, receipt = inventory(
        write_zip(tmp_path / "a.zip", files), entry=SOURCE_ENTRY.model_copy(update={"counts": counts})
    )
    assert receipt["complete"] is complete
    assert "counts per class" in receipt["verdict"]
    assert receipt["expected_counts"] == counts


# --- the catalogue


def test_the_committed_catalogue_names_both_sources() -> None:
    entries = load_catalogue(CATALOGUE)
    assert {name: sum(entry.counts.values()) for name, entry in entries.items()} == {"mendeley": 17092, "tcia": 18365}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such file"),
        ("a: [", "not a catalogue"),
        ("- a list", "not a catalogue"),
        ("mendeley: {title: only a title}", "not a catalogue"),
    ],
)
def test_a_bad_catalogue_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "sources.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_catalogue(path)
    assert str(path) in str(caught.value)
