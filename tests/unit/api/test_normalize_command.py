"""`hemabalance normalize`."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import gan_normalizers
from helpers.archives import write_folder, write_zip
from helpers.classical_normalizers import domains
from helpers.image_files import encode
from hemabalance import Normalizer
from hemabalance.cli import main

DATA = domains()
A, B = DATA.a.pixels, DATA.b.pixels
SHEET = "before_after.png"


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "lab_a", {f"{n:02}.png": encode(image, "PNG") for n, image in enumerate(A)})


@pytest.fixture
def images(tmp_path: Path) -> Path:
    content = {f"smear/{n:02}.bmp": encode(image, "BMP") for n, image in enumerate(B)}
    return write_folder(tmp_path / "lab_b", content | {"top.png": encode(B[0][:40], "PNG")})


def normalize(*arguments: object) -> int:
    return main(["normalize", *map(str, arguments), "--threads", "1"])


def test_images_keep_their_relative_names_and_are_those_of_the_python_interface(
    reference: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "out"
    assert normalize(images, "--method", "reinhard", "--reference", reference, "--into", out) == 0
    assert files(out) == sorted([SHEET, "top.png", *(f"smear/{n:02}.png" for n in range(len(B)))])
    normalizer = Normalizer.fit("reinhard", reference=reference)
    for n, expected in enumerate(normalizer.transform(B)):
        np.testing.assert_array_equal(np.asarray(Image.open(out / f"smear/{n:02}.png")), expected)
    assert np.asarray(Image.open(out / "top.png")).shape == (40, *B[0].shape[1:])
    assert capsys.readouterr().out == f"written: {len(B) + 1} images to {out}, 0 could not be read\n"
    with Image.open(out / SHEET) as sheet:
        assert sheet.height > 4 * 144  # twelve images: two strips before, two after


def test_a_saved_normaliser_is_used_and_an_empty_folder_is_filled(images: Path, tmp_path: Path) -> None:
    Normalizer.fit("macenko", reference=A).save(tmp_path / "macenko_a")
    (tmp_path / "out").mkdir()
    assert normalize(images / "top.png", "--model", tmp_path / "macenko_a", "--into", tmp_path / "out") == 0
    assert files(tmp_path / "out") == [SHEET, "top.png"]


def test_an_unreadable_image_is_named_and_the_others_are_written(
    reference: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (images / "smear" / "torn\n.png").write_bytes(encode(B[0], "PNG")[:200])
    (reference / "torn.png").write_bytes(encode(A[0], "PNG")[:200])
    out = tmp_path / "out"
    assert normalize(images, "--method", "reinhard", "--reference", reference, "--into", out) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{images}/smear/torn\\n.png  -  damaged, truncated")
    assert last.endswith("1 could not be read")
    assert len(files(out)) == len(B) + 2


def test_several_folders_and_zips_have_a_folder_each(
    reference: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = write_zip(tmp_path / "more.zip", {"smear/00.png": encode(B[1], "PNG")})
    out = tmp_path / "out"
    monkeypatch.chdir(images / "smear")
    paths = ["..", archive, images / "top.png"]
    assert normalize(*paths, "--method", "none", "--reference", reference, "--into", out) == 0
    assert {"lab_b/smear/00.png", "more/smear/00.png", "top.png", "lab_b/top.png"} <= set(files(out))
    np.testing.assert_array_equal(np.asarray(Image.open(out / "more/smear/00.png")), B[1])


def test_networks_map_images_of_their_size_and_name_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = gan_normalizers.fitted("pix2pix", tmp_path)
    network.save(tmp_path / "model" / "weights.safetensors")
    pixels = gan_normalizers.data().b.pixels[0]
    folder = write_folder(tmp_path / "images", {"a.png": encode(pixels, "PNG"), "b.png": encode(B[0], "PNG")})
    model = ["--model", tmp_path / "model", "--device", "cpu"]
    assert normalize(folder, *model, "--into", tmp_path / "out") == 1
    expected = network.transform(pixels[None], to="a").pixels[0]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "a.png")), expected)
    assert "b.png  -  has 48x48 px, these networks map only 16x16 px" in capsys.readouterr().out
    assert normalize(folder / "b.png", *model, "--into", tmp_path / "none") == 1
    assert "each of the images: could not be mapped, 1 in all" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_what_cannot_be_done_is_refused_before_any_work(
    reference: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how = ["--method", "reinhard", "--reference", reference]
    assert normalize(images, *how, "--into", reference) == 1
    assert "lab_a: is not empty; nothing is overwritten" in capsys.readouterr().err
    out = ["--into", tmp_path / "out"]
    assert normalize(images, "--method", "reinhard", *out) == 1
    assert "--reference: is missing beside --method" in capsys.readouterr().err
    assert normalize(images, "--model", "absent", "--reference", reference, *out) == 1
    assert "is given beside --model" in capsys.readouterr().err
    assert normalize(images, "--method", "cyclegan", "--reference", reference, *out) == 1
    assert "method cyclegan: trains networks" in capsys.readouterr().err
    for name in ("smear/00.png", SHEET):
        (images / name).write_bytes(encode(B[0], "PNG"))
        assert normalize(images, *how, *out) == 1
        assert f"would get the same name {name} as" in capsys.readouterr().err
        (images / name).unlink()
    with pytest.raises(SystemExit):
        normalize(images, *out)
    assert not (tmp_path / "out").exists()
