"""`hemabalance.find_copies`."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.archives import write_folder, write_zip
from helpers.image_files import encode
from helpers.photographs import photograph
from hemabalance import InputError, find_copies

ORIGINAL = photograph(1, 96)
FILES = {
    "cells/original.png": encode(ORIGINAL, "PNG"),
    "cells/recompressed.jpg": encode(ORIGINAL, "JPEG", quality=70),
    "cells/turned.jpg": encode(np.rot90(ORIGINAL), "JPEG", quality=90),
    "cells/mirrored.jpg": encode(ORIGINAL[:, ::-1], "JPEG", quality=80),
    **{f"others/{seed}.png": encode(photograph(seed, 96), "PNG") for seed in range(10, 16)},
}


def test_rotated_and_recompressed_copies_are_found(tmp_path: Path) -> None:
    table = find_copies(write_folder(tmp_path / "images", FILES), threads=1)
    assert list(table.columns) == ["group", "path", "keep", "similarity", "reason", "rotated", "mirrored"]
    assert set(table["group"]) == {0}
    found = table.set_index(table["path"].map(lambda path: Path(path).name))
    assert sorted(found.index) == ["mirrored.jpg", "original.png", "recompressed.jpg", "turned.jpg"]
    assert table["path"].map(lambda path: Path(path).is_file()).all()
    assert found.index[found["keep"]].tolist() == ["original.png"]
    assert found.loc["original.png", ["similarity", "reason", "rotated", "mirrored"]].tolist() == [1, "", 0, False]
    copies = found[~found["keep"]]
    assert (copies["reason"] == "same photograph").all()
    assert copies["similarity"].between(0.92, 1).all()
    assert found.loc["turned.jpg", ["rotated", "mirrored"]].tolist() == [90, False]
    assert found.loc["mirrored.jpg", ["rotated", "mirrored"]].tolist() == [0, True]
    assert found.loc["recompressed.jpg", ["rotated", "mirrored"]].tolist() == [0, False]


def test_copies_are_found_across_folders_and_zips(tmp_path: Path) -> None:
    a = write_folder(tmp_path / "a", {"x/1.png": FILES["others/10.png"], "x/2.png": FILES["others/11.png"]})
    pixels = Image.open(io.BytesIO(FILES["others/11.png"]))
    b = write_zip(tmp_path / "b.zip", {"1.png": FILES["others/10.png"], "2.bmp": encode(pixels, "BMP")})
    table = find_copies([a, b, a], threads=1)
    assert table["group"].tolist() == [0, 0, 1, 1]
    assert table["path"].tolist() == [str(a / "x/1.png"), str(b / "1.png"), str(a / "x/2.png"), str(b / "2.bmp")]
    assert sorted(table["reason"]) == ["", "", "same bytes", "same photograph"]


def test_different_images_have_no_row_and_unreadable_files_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    others = {name: data for name, data in FILES.items() if name.startswith("others/")}
    folder = write_folder(tmp_path / "images", {**others, "others/broken.png": FILES["cells/original.png"][:500]})
    assert find_copies(folder, threads=1).empty
    assert "others/broken.png left out" in caplog.text


def test_what_cannot_be_searched_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        find_copies(tmp_path / "missing")
    with pytest.raises(InputError, match="holds no image among its 1 files"):
        find_copies(write_folder(tmp_path / "texts", {"note.txt": b"no image"}))
    with pytest.raises(InputError, match=r"min_similarity=0.5: .* over 0.85"):
        find_copies(tmp_path, min_similarity=0.5)
    with pytest.raises(InputError, match="there are none"):
        find_copies([])
