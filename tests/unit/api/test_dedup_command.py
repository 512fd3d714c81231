"""`hemabalance dedup`."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.archives import write_folder, write_zip
from helpers.image_files import encode
from helpers.photographs import photograph
from hemabalance import find_copies
from hemabalance.cli import main
from hemabalance.report import copies_page

ORIGINAL = photograph(1, 96)
FILES = {
    "cells/original.png": encode(ORIGINAL, "PNG"),
    "cells/<b>turned</b>.jpg": encode(np.rot90(ORIGINAL)[:, ::-1], "JPEG", quality=80),
    **{f"others/{seed}.png": encode(photograph(seed, 96), "PNG") for seed in range(10, 14)},
}


def dedup(*arguments: object, code: int = 0) -> None:
    assert main(["dedup", *map(str, arguments), "--threads", "1"]) == code


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "images", FILES)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_zip(tmp_path / "more.zip", {"again.png": FILES["others/10.png"]})


def test_copies_are_printed_and_written_as_the_python_interface_finds_them(
    images: Path, archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dedup(images, archive, "--out", tmp_path / "copies.csv")
    expected = find_copies([images, archive], threads=1)
    written = pd.read_csv(tmp_path / "copies.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(
        written.drop(columns="similarity"), expected.drop(columns="similarity"), check_dtype=False
    )
    np.testing.assert_allclose(written["similarity"], expected["similarity"], atol=1e-4)
    head, *lines, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["group", "path", "keep", "similarity", "reason"]
    assert [line.split()[:3] for line in lines] == [
        ["0", f"{images}/cells/<b>turned</b>.jpg", "drop"],
        ["0", f"{images}/cells/original.png", "keep"],
        ["1", f"{images}/others/10.png", "keep"],
        ["1", f"{archive}/again.png", "drop"],
    ]
    assert lines[-1].endswith("1.000  same bytes")
    assert last == "7 images, 2 groups of copies, 2 to drop"


def test_the_page_shows_copies_side_by_side_and_loads_nothing(images: Path, archive: Path, tmp_path: Path) -> None:
    dedup(images, archive, "--report", tmp_path / "copies.html")
    page = (tmp_path / "copies.html").read_text("utf-8")
    assert "<h1>7 images, 2 groups of copies, 2 to drop</h1>" in page
    assert not re.search(r"https?:|<script|<link|url\(", page)
    pictures = [Image.open(io.BytesIO(base64.b64decode(text))) for text in re.findall(r"webp;base64,([^\"]+)", page)]
    assert [picture.size for picture in pictures] == [(144, 144)] * 4
    captions = re.findall(r"<figcaption><b>(\w+)</b>, similarity ([\d.]+)<br>(.*?)</figcaption>", page, re.DOTALL)
    assert [keep for keep, _, _ in captions] == ["keep", "drop"] * 2
    assert "same photograph, rotated by" in captions[1][2]
    assert captions[1][2].endswith("images/cells/&lt;b&gt;turned&lt;/b&gt;.jpg")
    # The embedded picture is that of its caption, not of its neighbour.
    kept, copy = (np.asarray(picture.convert("L"), float) for picture in pictures[:2])
    shown = np.asarray(Image.fromarray(ORIGINAL).convert("L"), float)
    assert np.corrcoef(kept[24:-24, 24:-24].ravel(), shown.ravel())[0, 1] > 0.95
    assert np.corrcoef(kept.ravel(), np.rot90(copy[:, ::-1], -1).ravel())[0, 1] > 0.95


def test_of_many_groups_the_page_shows_the_first(
    images: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies_page, "SHOWN", 1)
    dedup(images, archive, "--report", tmp_path / "copies.html")
    page = (tmp_path / "copies.html").read_text("utf-8")
    assert "The first 1 of 2 groups are shown" in page
    assert page.count("<figure") == 2


def test_without_copies_the_sum_is_all(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dedup(images / "others", "--report", tmp_path / "copies.html", "--out", tmp_path / "copies.csv")
    assert capsys.readouterr().out == "4 images, 0 groups of copies, 0 to drop\n"
    assert (tmp_path / "copies.csv").read_text().startswith("group,path,keep,")
    assert "<figure" not in (tmp_path / "copies.html").read_text("utf-8")


def test_other_suffixes_are_refused(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--report", "--out"):
        dedup(images, option, tmp_path / "copies.txt", code=1)
        assert "copies.txt: does not have the suffix" in capsys.readouterr().err
    dedup(images, "--min-similarity", "0.5", code=1)
    assert "min_similarity=0.5" in capsys.readouterr().err
