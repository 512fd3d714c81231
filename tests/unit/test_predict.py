"""`hemabalance predict`: the same answers as the evaluation gave, whatever people point it at."""

import io
import json
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from archive_makers import flip_byte, write_folder, write_zip
from image_makers import encode, png
from makers import photograph
from PIL import Image
from predictors import BAYES, EACH, LABELS, NETWORK, SHAPE, SIZE, SQUARE, Packed, cells, packed, runtime, square
from sklearn.datasets import load_sample_image

from hemabalance.classify.bundle import read_bundle
from hemabalance.classify.entry import open_by_description
from hemabalance.classify.facts import Frame
from hemabalance.classify.inputs import Picture
from hemabalance.classify.predict import COLUMNS, Predictor
from hemabalance.classify.predictions import PROBABILITIES, probabilities_of
from hemabalance.classify.unlike import TrainingLook, appearance, fit_look, read_look
from hemabalance.cli import main
from hemabalance.dataset.working_size import reduced
from hemabalance.errors import InputError
from hemabalance.metrics.calibration import tempered
from hemabalance.stain.fit import open_normalizer
from hemabalance.training.weights import save_tensors


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return packed(tmp_path_factory.mktemp("models") / "network", NETWORK)


@pytest.fixture(scope="module")
def stained(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """A model of images that were all brought to the stain of mendeley."""
    return packed(tmp_path_factory.mktemp("models") / "stained", BAYES, direction="to_a")


def of(source: str, photographs: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in photographs.items() if name.startswith(source)}


def predict(model: Packed, *paths: Path, **options: Any) -> tuple[int, pd.DataFrame]:
    """Exit code, and the table as it was written; None as an option's value leaves it out."""
    out = model.folder.parent / "out.parquet"
    out.unlink(missing_ok=True)
    given = {"threads": 1, "source": None} | options
    words = [f"--{key.replace('_', '-')}={value}" for key, value in given.items() if value is not None]
    code = main(["predict", str(model.folder), *map(str, paths), "--out", str(out), *words])
    return code, pd.read_parquet(out)


def refused(model: Packed, *words: str | Path, capsys: pytest.CaptureFixture[str], out: str = "out.csv") -> str:
    """The message of a call that does not predict; nothing is written."""
    target = model.folder.parent / out
    assert main(["predict", str(model.folder), *map(str, words), "--out", str(target)]) == 1
    assert not target.is_file()
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


@pytest.mark.parametrize("source", ["mendeley", "tcia"])
def test_photographs_get_what_the_evaluation_gave_their_images(network: Packed, tmp_path: Path, source: str) -> None:
    folder = write_folder(tmp_path / "photographs", of(source, network.photographs))
    code, found = predict(network, folder, source=source)
    told = pd.read_parquet(network.folder / "predictions.parquet")
    told = told[told["source"] == source].reset_index(drop=True)
    assert code == 0
    assert tuple(found.columns) == COLUMNS
    assert len(found) == len(LABELS) * EACH["test"]
    assert found["path"].tolist() == [str(folder / name) for name in sorted(of(source, network.photographs))]
    assert found["predicted"].tolist() == told["predicted"].tolist()
    assert found["confidence"].dtype == np.float32
    np.testing.assert_allclose(probabilities_of(found), probabilities_of(told), atol=1e-6)
    np.testing.assert_allclose(found["confidence"], told["confidence"], atol=1e-6)
    assert (found["error"] == "").all()


def test_confidences_are_the_models_at_its_temperature(network: Packed, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, of("tcia", network.photographs))
    _, found = predict(network, folder, source="tcia")
    model = open_by_description(network.weights, runtime())
    pixels = np.stack([square(data, "tcia") for _, data in sorted(of("tcia", network.photographs).items())])
    logits = model.logits(reduced(pixels, SIZE, where="test"))
    temperature = json.loads((network.folder / "calibration.json").read_text())["temperature"]
    np.testing.assert_allclose(probabilities_of(found), tempered(logits, temperature), atol=1e-6)
    assert found["predicted"].tolist() == [model.classes[place] for place in logits.argmax(1)]
    assert abs(temperature - 1) > 0.01


def test_the_model_is_better_than_guessing_and_knows_most_of_its_own_kind(network: Packed, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, of("mendeley", network.photographs))
    _, found = predict(network, folder)
    truth = [network.labels[Path(path).name] for path in found["path"]]
    assert (found["predicted"] == truth).mean() > 0.6
    assert (found["flag"] == "unlike").mean() < 0.2


def test_the_frame_is_that_of_the_usual_source_unless_told(network: Packed, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, of("mendeley", network.photographs))
    _, usual = predict(network, folder)
    _, told = predict(network, folder, source="mendeley")
    _, other = predict(network, folder, source="tcia")
    _, share = predict(network, folder, field=1.0)
    pd.testing.assert_frame_equal(usual, told)
    pd.testing.assert_frame_equal(other, share)
    assert not np.allclose(probabilities_of(usual), probabilities_of(other))


def test_the_same_images_give_the_same_bytes_on_any_number_of_threads(network: Packed, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "photographs", network.photographs)
    written = []
    for threads in (1, 1, 3):
        out = tmp_path / f"{len(written)}.csv"
        assert main(["predict", str(network.model), str(folder), "--out", str(out), "--threads", str(threads)]) == 0
        written.append(out.read_bytes())
    assert written[0] == written[1]
    first, last = (pd.read_csv(io.BytesIO(text)) for text in (written[0], written[2]))
    assert first["predicted"].equals(last["predicted"])
    np.testing.assert_allclose(first[list(PROBABILITIES)], last[list(PROBABILITIES)], atol=1e-5)


def test_a_corrupt_image_is_told_and_the_others_are_done(
    network: Packed, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    good = dict(list(of("mendeley", network.photographs).items())[:3])
    files = {f"deep/{name}": data for name, data in good.items()}
    files |= {"a.JPG": next(iter(good.values()))[:200], "b.png": b"", "c.tif": b"no image"}
    files |= {"notes.txt": b"x", "more.txt": b"y", ".hidden.jpg": b"z", "__MACOSX/._a.jpg": b"z", "README": b"r"}
    folder = write_folder(tmp_path / "photographs", files)
    code, found = predict(network, folder)
    assert code == 1
    images = ["a.JPG", "b.png", "c.tif", *(f"deep/{name}" for name in sorted(good))]
    assert found["path"].tolist() == [str(folder / name) for name in images]
    broken = found[found["error"] != ""]
    assert [Path(path).name for path in broken["path"]] == ["a.JPG", "b.png", "c.tif"]
    for text, word in zip(broken["error"], ("JPEG", "empty", "not a JPEG"), strict=True):
        assert word in text
    assert broken["predicted"].isna().all()
    assert broken[["confidence", *PROBABILITIES]].isna().all(axis=None)
    assert found["predicted"].notna().sum() == 3
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len(found)
    assert printed[0] == f"{folder / 'a.JPG'}  -  -  {broken['error'].iloc[0]}"
    last = found.iloc[-1]
    assert printed[-1] == f"{last['path']}  {last['predicted']}  {last['confidence']:.3f}  {last['flag'] or '-'}"
    assert f"{folder}: 5 other files are left out (2 .txt, 2 hidden, 1 without suffix)" in caplog.text
    assert "3 could not be read" in caplog.text


def test_an_error_is_an_empty_cell_of_the_csv(network: Packed, tmp_path: Path) -> None:
    name, data = next(iter(network.photographs.items()))
    folder = write_folder(tmp_path / "photographs", {name: data, "torn.png": data[:10]})
    out = tmp_path / "predictions.csv"
    assert main(["predict", str(network.folder), str(folder), "--out", str(out)]) == 1
    lines = out.read_text().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert lines[2].startswith(f"{folder / 'torn.png'},,,,")
    assert "truncated" in lines[2]
    assert lines[2].endswith("," * len(PROBABILITIES))
    assert not list(tmp_path.glob("*.part"))


def test_what_is_no_image_is_a_row_when_it_is_named_itself(network: Packed, tmp_path: Path) -> None:
    name, data = next(iter(network.photographs.items()))
    folder = write_folder(tmp_path, {"letter.txt": b"Dear reader", name: data, "image without suffix": data})
    code, found = predict(network, folder / "letter.txt", folder / name, folder / "image without suffix")
    assert code == 1
    assert found["error"].tolist() == ["not a JPEG, PNG or TIFF file", "", ""]
    assert found["predicted"].iloc[1] == found["predicted"].iloc[2]


def test_nothing_to_predict_is_refused_before_anything_is_done(
    network: Packed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    write_folder(tmp_path / "texts", {"a.txt": b"a", "b/c.txt": b"c"})
    write_zip(tmp_path / "texts.zip", {"a.txt": b"a"})
    name, data = next(iter(network.photographs.items()))
    write_folder(tmp_path, {name: data})
    cases = {"empty": "is empty", "texts": "no image among its 2 files", "texts.zip": "no image", "gone": "not exist"}
    for path, problem in cases.items():
        message = refused(network, tmp_path / name, tmp_path / path, capsys=capsys)
        assert str(tmp_path / path) in message
        assert problem in message


def test_places_where_nothing_can_be_written_are_refused_first(
    network: Packed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(tmp_path, dict(list(network.photographs.items())[:1]))
    assert "neither a CSV nor a Parquet" in refused(network, folder, capsys=capsys, out="predictions.xlsx")
    (network.folder.parent / "folder.csv").mkdir(exist_ok=True)
    assert "is a folder" in refused(network, folder, capsys=capsys, out="folder.csv")


def test_a_zip_is_read_without_unpacking(network: Packed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = dict(list(of("mendeley", network.photographs).items())[:4])
    packed_files = {f"cells/{name}": data for name, data in files.items()}
    path = write_zip(tmp_path / "cells.zip", packed_files, zipfile.ZIP_STORED)
    names = sorted(files)
    flip_byte(path, files[names[1]])
    folder = write_folder(tmp_path / "same", packed_files)
    code, found = predict(network, path)
    _, same = predict(network, folder)
    assert code == 1
    assert found["path"].tolist() == [str(path / "cells" / name) for name in names]
    assert "CRC" in found["error"].iloc[1]
    assert found["predicted"].drop(1).tolist() == same["predicted"].drop(1).tolist()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cells.zip", "same"]


def test_a_zip_that_reaches_outside_is_refused(
    network: Packed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = next(iter(network.photographs.values()))
    path = write_zip(tmp_path / "evil.zip", {"../../evil.jpg": data, "good.jpg": data})
    assert "points outside" in refused(network, path, capsys=capsys)


def test_grey_images_are_read_and_flagged(network: Packed, tmp_path: Path) -> None:
    grey = photograph(3, 48)[..., 0]
    deep = grey.astype(np.uint16) * 257
    files = {
        "a.png": encode(grey, "PNG"),
        "b.png": png(deep, 0),
        "c.jpg": encode(np.repeat(grey[..., None], 3, 2), "JPEG", quality=95),
        "d.png": encode(photograph(3, 48), "PNG"),
    }
    code, found = predict(network, write_folder(tmp_path, files))
    assert code == 0
    assert ["grey" in flag.split(";") for flag in found["flag"]] == [True, True, True, False]
    np.testing.assert_array_equal(probabilities_of(found)[0], probabilities_of(found)[1])


def test_huge_images_are_refused_by_their_header_or_done_in_little_memory(network: Packed, tmp_path: Path) -> None:
    data = encode(Image.new("L", (20_000, 40), 120), "PNG")
    header = bytearray(data)
    header[16:24] = (20_000).to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(bytes(header[12:29])).to_bytes(4, "big")
    code, found = predict(network, write_folder(tmp_path, {"square.png": bytes(header), "strip.png": data}))
    assert code == 1
    assert found["error"].tolist() == ["20000x20000 pixels are more than the 1000000 allowed", ""]
    assert found["predicted"].notna().tolist() == [False, True]


def test_a_strip_is_not_padded_to_a_huge_square(tmp_path: Path) -> None:
    (tmp_path / "strip.png").write_bytes(encode(Image.new("RGB", (20_000, 40)), "PNG"))
    frame = Frame(size=SQUARE, fit="pad", fields={"mendeley": 1.0}, max_pixels=1_000_000, min_side=24)
    nothing: Any = None
    predictor = Predictor(nothing, nothing, 1.0, frame, 1.0, None)
    picture = Picture(str(tmp_path / "strip.png"), None, "strip.png", 1 << 20)
    (table,) = predictor.predict([picture], threads=1)
    assert "padded to a square" in table["error"].iloc[0]


def test_a_file_larger_than_allowed_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(bytes(1000))
    with pytest.raises(Exception, match="more than the 999 bytes") as caught:
        Picture(str(tmp_path / "a.png"), None, "a.png", 999).read()
    assert type(caught.value).__name__ == "UnreadableImage"


def test_names_that_a_terminal_would_obey_are_escaped(
    network: Packed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = next(iter(network.photographs.values()))
    folder = write_folder(tmp_path, {"a\x1b[2J\n.jpg": data})
    predict(network, folder)
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "a\\x1b[2J\\n.jpg" in printed
    assert printed.count("\n") == 1


def test_what_is_no_stained_cell_is_flagged_and_most_cells_are_not(network: Packed) -> None:
    opened = read_bundle(network.folder)
    look, model = read_look(opened.beside("unlike.safetensors")), open_by_description(network.weights, runtime())
    held = np.stack([square(data, "mendeley") for part, _, data in cells("mendeley") if part == "validation"])
    rng = np.random.default_rng(0)
    one = (1, SQUARE, SQUARE, 3)
    temple = Image.fromarray(load_sample_image("china.jpg"))
    pieces = [temple.resize((SQUARE, SQUARE), box=(k, 0, k + 400, 400)) for k in (0, 120, 240)]
    foreign = {
        "noise": rng.integers(0, 256, (4, SQUARE, SQUARE, 3), np.uint8),
        "white": np.full(one, 255, np.uint8),
        "the background of a smear": np.broadcast_to(held.mean((0, 1, 2)).astype(np.uint8), one),
        "black": np.zeros(one, np.uint8),
        "a temple": np.stack([np.asarray(piece) for piece in pieces]),
        "negatives": 255 - held[:6],
    }

    def flagged(squares: np.ndarray) -> np.ndarray:
        pixels = reduced(squares, SIZE, where="test")
        return look.unlike(pixels, model.logits(pixels))

    for name, squares in foreign.items():
        assert flagged(np.ascontiguousarray(squares)).all(), name
    assert flagged(held).mean() <= 0.05
    assert (look.training, look.validation) == (2 * 3 * EACH["train"], 2 * 3 * EACH["validation"])


def test_the_flag_of_a_blank_photograph_is_in_the_table(network: Packed, tmp_path: Path) -> None:
    blank = np.full((*SHAPE, 3), (250, 240, 200), np.uint8)
    _, found = predict(network, write_folder(tmp_path, {"blank.png": encode(blank, "PNG")}))
    assert found["flag"].tolist() == ["unlike"]
    assert found["predicted"].notna().all()


def look_of(n: int, groups: int = 1, quantile: float = 0.9) -> tuple[TrainingLook, np.ndarray, np.ndarray]:
    pixels = np.stack([photograph(seed, 24) for seed in range(n)])
    logits = np.random.default_rng(1).normal(size=(n, 3)).astype(np.float32)
    sources = np.array([f"lab{k % groups}" for k in range(n)])
    return fit_look(pixels, logits, sources, pixels[:0], logits[:0], quantile=quantile), pixels, logits


def test_the_threshold_leaves_the_share_asked_for(tmp_path: Path) -> None:
    look, pixels, logits = look_of(120, groups=2, quantile=0.9)
    assert look.unlike(pixels, logits).mean() == pytest.approx(0.1, abs=0.01)
    assert len(look.means) == 2
    small, *_ = look_of(60, groups=3)
    assert len(small.means) == 1
    look.save(tmp_path / "look.safetensors")
    again = read_look(tmp_path / "look.safetensors")
    np.testing.assert_array_equal(again.distances(pixels, logits), look.distances(pixels, logits))
    assert look.distances(pixels[:0], logits[:0]).shape == (0,)


def test_too_few_images_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"too few \(9\)"):
        look_of(9)
    save_tensors(tmp_path / "other.safetensors", {}, {"kind": "unlike", "version": 99})
    with pytest.raises(InputError, match="of this version"):
        read_look(tmp_path / "other.safetensors")


def test_appearance_is_what_it_says() -> None:
    pixels = np.zeros((2, 32, 32, 3), np.uint8)
    pixels[0, :, ::2] = (100, 60, 20)
    pixels[1, 8:24, 8:24] = 80
    found = appearance(pixels)
    np.testing.assert_allclose(found[0, :3], (50, 30, 10))
    np.testing.assert_allclose(found[0, 6:9], np.log1p([50, 30, 10]), rtol=1e-6)
    np.testing.assert_allclose(found[0, 9:11], np.log1p([20, 20]), rtol=1e-6)
    np.testing.assert_allclose(found[0, 11:], [np.log1p(60), 0, 0, 0], atol=1e-5)
    np.testing.assert_allclose(found[1, :6], [20, 20, 20, 60, 60, 60])


def test_photographs_are_brought_to_the_stain_of_training_when_asked(stained: Packed, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "photographs", of("tcia", stained.photographs))
    code, found = predict(stained, folder, normalize_from="tcia")
    told = pd.read_parquet(stained.folder / "predictions.parquet")
    told = told[told["source"] == "tcia"]
    assert code == 0
    assert found["predicted"].tolist() == told["predicted"].tolist()
    np.testing.assert_allclose(probabilities_of(found), probabilities_of(told), atol=1e-6)
    _, raw = predict(stained, folder, source="tcia")
    assert not np.allclose(probabilities_of(raw), probabilities_of(found), atol=1e-3)


def test_what_is_too_plain_for_its_stain_is_flagged(stained: Packed, tmp_path: Path) -> None:
    blank = encode(np.full((*SHAPE, 3), (250, 240, 200), np.uint8), "PNG")
    _, found = predict(stained, write_folder(tmp_path, {"blank.png": blank}), normalize_from="tcia")
    assert found["flag"].tolist() == ["not_normalised;unlike"]


def test_normalising_is_refused_where_training_did_not(
    network: Packed, stained: Packed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(tmp_path, dict(list(stained.photographs.items())[:1]))
    for model, source in ((stained, "mendeley"), (network, "tcia")):
        message = refused(model, folder, "--normalize-from", source, capsys=capsys)
        assert f"images of {source} in their own stain" in message
        assert "Leave --normalize-from out" in message


def test_a_normaliser_that_is_gone_or_another_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = packed(tmp_path / "model", BAYES, direction="per_class")
    folder = write_folder(tmp_path / "photographs", dict(list(model.photographs.items())[:1]))
    weights = model.folder.parent / "model_stain.safetensors"
    stain = read_bundle(model.folder).facts.stain
    assert stain is not None
    assert stain.weights == "../model_stain.safetensors"
    open_normalizer(stain.method, stain.settings, weights, size=SQUARE, runtime=runtime())
    assert main(["predict", str(model.folder), str(folder), "--normalize-from", "tcia"]) == 0
    capsys.readouterr()
    weights.write_bytes(weights.read_bytes() + b" ")
    assert "sha256 differs" in refused(model, folder, "--normalize-from", "tcia", capsys=capsys)
    weights.unlink()
    assert "is missing" in refused(model, folder, "--normalize-from", "tcia", capsys=capsys)


def test_help_does_not_load_pytorch() -> None:
    script = (
        "import sys\nfrom hemabalance.cli import main\n"
        "try:\n    main(['predict', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'numpy', 'pandas', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "IMAGE_OR_FOLDER_OR_ZIP" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("words", [["--threads", "0"], ["--field", "1.5"], ["--field", "1", "--source", "tcia"]])
def test_odd_options_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["predict", "model", "image", *words])
    assert caught.value.code == 2
