"""`hemabalance predict` with damaged, foreign and unusual input files."""

import threading
import zipfile
import zlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.archives import flip_byte, write_folder, write_zip
from helpers.image_files import encode, png
from helpers.model_folders import SQUARE, ModelFolder, predict, predict_error
from helpers.photographs import photograph
from helpers.thesis import CLASSES
from hemabalance.classify.image_origin import UNKNOWN, Origins
from hemabalance.classify.inputs import InputImage
from hemabalance.classify.model_schema import Frame
from hemabalance.classify.predict import BATCH, COLUMNS, Predictor
from hemabalance.classify.predictions import probabilities_of, probability_columns
from hemabalance.cli import main

PROBABILITIES = probability_columns(CLASSES)


def test_a_corrupt_image_is_reported_and_the_others_are_predicted(
    network: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    good = dict(list(network.photographs_of("mendeley").items())[:3])
    files = {f"deep/{name}": data for name, data in good.items()}
    files |= {"a.JPG": next(iter(good.values()))[:200], "b.png": b"", "c.tif": b"no image"}
    files |= {"notes.txt": b"x", "more.txt": b"y", ".hidden.jpg": b"z", "__MACOSX/._a.jpg": b"z", "README": b"r"}
    folder = write_folder(tmp_path / "photographs", files)
    code, table = predict(network, folder)
    assert code == 1
    images = ["a.JPG", "b.png", "c.tif", *(f"deep/{name}" for name in sorted(good))]
    assert table["path"].tolist() == [str(folder / name) for name in images]
    broken = table[table["error"] != ""]
    assert [Path(path).name for path in broken["path"]] == ["a.JPG", "b.png", "c.tif"]
    for text, word in zip(broken["error"], ("JPEG", "empty", "not a JPEG"), strict=True):
        assert word in text
    assert broken["predicted"].isna().all()
    assert broken[["confidence", *PROBABILITIES]].isna().all(axis=None)
    assert table["predicted"].notna().sum() == 3
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1 + len(table)
    assert printed[0] == "path  predicted  confidence  taken_for  flag"
    assert printed[1] == f"{folder / 'a.JPG'}  -  -  -  {broken['error'].iloc[0]}"
    last = table.iloc[-1]
    words = last["path"], last["predicted"], f"{last['confidence']:.3f}", last["taken_for"], last["flag"] or "-"
    assert printed[-1] == "  ".join(words)
    assert f"{folder}: 5 other files are skipped (2 .txt, 2 hidden, 1 without suffix)" in caplog.text
    assert "3 could not be read" in caplog.text


def test_an_error_is_an_empty_cell_of_the_csv(network: ModelFolder, tmp_path: Path) -> None:
    name, data = next(iter(network.photographs.items()))
    folder = write_folder(tmp_path / "photographs", {name: data, "torn.png": data[:10]})
    out = tmp_path / "predictions.csv"
    assert main(["predict", str(network.folder), str(folder), "--out", str(out)]) == 1
    lines = out.read_text().splitlines()
    assert lines[0] == ",".join([*COLUMNS, *PROBABILITIES])
    assert lines[2].startswith(f"{folder / 'torn.png'},,,,,,")
    assert "truncated" in lines[2]
    assert lines[2].endswith("," * len(PROBABILITIES))
    assert not list(tmp_path.glob("*.part"))


def test_a_file_named_directly_gets_a_row_even_if_it_is_no_image(network: ModelFolder, tmp_path: Path) -> None:
    name, data = next(iter(network.photographs.items()))
    folder = write_folder(tmp_path, {"letter.txt": b"Dear reader", name: data, "image without suffix": data})
    code, table = predict(network, folder / "letter.txt", folder / name, folder / "image without suffix")
    assert code == 1
    assert table["error"].tolist() == ["not a JPEG, PNG, TIFF, BMP or WebP file", "", ""]
    assert table["predicted"].iloc[1] == table["predicted"].iloc[2]


def test_inputs_without_images_are_refused_before_predicting(
    network: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    write_folder(tmp_path / "texts", {"a.txt": b"a", "b/c.txt": b"c"})
    write_zip(tmp_path / "texts.zip", {"a.txt": b"a"})
    name, data = next(iter(network.photographs.items()))
    write_folder(tmp_path, {name: data})
    cases = {
        "empty": "is empty",
        "texts": "no image among its 2 files (2 .txt)",
        "texts.zip": "no image",
        "gone": "not exist",
    }
    for path, problem in cases.items():
        message = predict_error(network, tmp_path / name, tmp_path / path, capsys=capsys)
        assert str(tmp_path / path) in message
        assert problem in message


def test_invalid_output_paths_are_refused_first(
    network: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(tmp_path, dict(list(network.photographs.items())[:1]))
    assert "neither the suffix of CSV nor of Parquet" in predict_error(
        network, folder, capsys=capsys, out="predictions.xlsx"
    )
    (network.folder.parent / "folder.csv").mkdir(exist_ok=True)
    assert "is a folder" in predict_error(network, folder, capsys=capsys, out="folder.csv")


def test_a_zip_is_read_without_unpacking(network: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = dict(list(network.photographs_of("mendeley").items())[:4])
    members = {f"cells/{name}": data for name, data in files.items()}
    path = write_zip(tmp_path / "cells.zip", members, zipfile.ZIP_STORED)
    names = sorted(files)
    flip_byte(path, files[names[1]])
    folder = write_folder(tmp_path / "same", members)
    code, table = predict(network, path)
    _, same = predict(network, folder)
    assert code == 1
    assert table["path"].tolist() == [str(path / "cells" / name) for name in names]
    assert "CRC" in table["error"].iloc[1]
    assert table["predicted"].drop(1).tolist() == same["predicted"].drop(1).tolist()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cells.zip", "same"]


def test_a_zip_that_reaches_outside_is_refused(
    network: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = next(iter(network.photographs.values()))
    path = write_zip(tmp_path / "evil.zip", {"../../evil.jpg": data, "good.jpg": data})
    assert "points outside" in predict_error(network, path, capsys=capsys)


def test_grey_images_are_read_and_flagged(network: ModelFolder, tmp_path: Path) -> None:
    grey = photograph(3, 48)[..., 0]
    deep = grey.astype(np.uint16) * 257
    files = {
        "a.png": encode(grey, "PNG"),
        "b.png": png(deep, 0),
        "c.jpg": encode(np.repeat(grey[..., None], 3, 2), "JPEG", quality=95),
        "d.png": encode(photograph(3, 48), "PNG"),
    }
    code, table = predict(network, write_folder(tmp_path, files))
    assert code == 0
    assert ["grey" in flag.split(";") for flag in table["flag"]] == [True, True, True, False]
    np.testing.assert_array_equal(probabilities_of(table)[0], probabilities_of(table)[1])


def test_huge_images_are_refused_by_their_header_or_done_in_little_memory(network: ModelFolder, tmp_path: Path) -> None:
    data = encode(Image.new("L", (20_000, 40), 120), "PNG")
    header = bytearray(data)
    header[16:24] = (20_000).to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(bytes(header[12:29])).to_bytes(4, "big")
    code, table = predict(network, write_folder(tmp_path, {"square.png": bytes(header), "strip.png": data}))
    assert code == 1
    assert table["error"].tolist() == ["20000x20000 pixels are more than the 1000000 allowed", ""]
    assert table["predicted"].notna().tolist() == [False, True]


def test_a_strip_is_not_padded_to_a_huge_square(tmp_path: Path) -> None:
    (tmp_path / "strip.png").write_bytes(encode(Image.new("RGB", (20_000, 40)), "PNG"))
    frame = Frame(size=SQUARE, fit="pad", fields={"mendeley": 1.0}, max_pixels=1_000_000, min_side=24)
    unused: Any = None
    model: Any = SimpleNamespace(classes=CLASSES)
    predictor = Predictor(model, unused, 1.0, frame, Origins({UNKNOWN: 1.0}))
    image = InputImage(str(tmp_path / "strip.png"), None, "strip.png", 1 << 20)
    (table,) = predictor.predict([image], threads=1)
    assert "padded to a square" in table["error"].iloc[0]


def predictor_of_brightness(at_once: int) -> Predictor:
    """A model of two classes whose logits are the brightness of an image, and its negative."""

    def logits(pixels: np.ndarray) -> np.ndarray:
        mean = pixels.mean((1, 2, 3), dtype=np.float32)[:, None] / 255
        return np.hstack([mean, -mean])

    model: Any = SimpleNamespace(classes=("a", "b"), size=24, logits=logits)
    detector: Any = SimpleNamespace(out_of_distribution=lambda pixels, logits: np.zeros(len(pixels), bool))
    frame = Frame(size=24, fit="crop", fields={"mendeley": 1.0}, max_pixels=10_000, min_side=24)
    return Predictor(model, detector, 1.0, frame, Origins({UNKNOWN: 1.0}), at_once)


def brighter_and_brighter(folder: Path, number: int) -> list[InputImage]:
    for k in range(number):
        Image.new("RGB", (24, 24), (k % 256, k // 256, 0)).save(folder / f"{k}.png")
    return [InputImage(str(folder / f"{k}.png"), None, f"{k}.png", 1 << 20) for k in range(number)]


@pytest.mark.parametrize(("threads", "at_once"), [(1, 1), (2, 1), (2, 2), (3, 5)])
def test_many_images_keep_their_order_and_a_bad_one_its_path(tmp_path: Path, threads: int, at_once: int) -> None:
    images = brighter_and_brighter(tmp_path, 4 * BATCH + 3)
    bad = BATCH + 5
    (tmp_path / f"{bad}.png").write_bytes(b"torn")
    tables = list(predictor_of_brightness(at_once).predict(images, threads=threads))
    assert [len(table) for table in tables] == [BATCH] * 4 + [3]
    table = pd.concat(tables, ignore_index=True)
    assert table["path"].tolist() == [image.path for image in images]
    assert np.flatnonzero(table["error"] != "").tolist() == [bad]
    mean = np.array([(k % 256 + k // 256) / 765 for k in range(len(images))])
    expected = np.where(np.arange(len(images)) == bad, np.nan, 1 / (1 + np.exp(-2 * mean)))
    np.testing.assert_allclose(table["p_a"], expected, atol=1e-5)


@pytest.mark.parametrize(("threads", "at_once"), [(2, 1), (2, 2), (3, 5)])
def test_few_images_are_read_before_they_are_wanted(tmp_path: Path, threads: int, at_once: int) -> None:
    images, before = brighter_and_brighter(tmp_path, 3), threading.active_count()
    listed = 0

    class Endless(list[InputImage]):
        def __iter__(self) -> Iterator[InputImage]:
            nonlocal listed
            for number in count(1):
                listed = max(listed, number)
                yield images[number % 3]

    tables = predictor_of_brightness(at_once).predict(Endless(), threads=threads)
    assert len(next(tables)) == BATCH
    assert listed <= 4 * at_once * BATCH
    tables.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_an_oversized_file_is_not_read_completely(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(bytes(1000))
    with pytest.raises(Exception, match="more than the 999 bytes") as caught:
        InputImage(str(tmp_path / "a.png"), None, "a.png", 999).read()
    assert type(caught.value).__name__ == "UnreadableImage"


def test_control_characters_in_names_are_escaped(
    network: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = next(iter(network.photographs.values()))
    folder = write_folder(tmp_path, {"a\x1b[2J\n.jpg": data})
    predict(network, folder)
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "a\\x1b[2J\\n.jpg" in printed
    assert printed.count("\n") == 2
