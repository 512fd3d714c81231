import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.archives import Files, write_folder, write_tar, write_zip
from helpers.photographs import LIMITS, PIXELS, inventory, manifest_of, mendeley_files, photograph_of, tcia_files
from hemabalance.dataset.geometry import fit_square
from hemabalance.dataset.imageset import ImageSet
from hemabalance.errors import InputError
from hemabalance.sources.phantom.archive import tiff
from hemabalance.sources.prepare import ImagePreparation, prepare_images

FILES = tcia_files(each=4)
SETTINGS: dict[str, Any] = {"size": 24, "fit": "crop", "field": 0.8}


@pytest.fixture
def manifest(tmp_path: Path) -> pd.DataFrame:
    """The kept rows, those of FILES, of an archive with FILES, a copy, a broken file and a file without a class."""
    extra = {
        "AML/cells/MYO/MYO_0009.tiff": FILES["AML/cells/MYO/MYO_0002.tiff"],
        "AML/cells/MYO/MYO_0008.tiff": b"",
        "AML/cells/XYZ/XYZ_0001.tiff": tiff(photograph_of("XYZ/XYZ_0001.tiff")),
    }
    table = manifest_of(inventory(write_zip(tmp_path / "whole.zip", FILES | extra), "tcia")[0])
    return table[table["status"] == "kept"].reset_index(drop=True)


def prepare(archive: Path, manifest: pd.DataFrame, out: Path, threads: int = 1) -> tuple[Path, Path]:
    paths = (out / "set.zip", out / "set.parquet")
    prepare_images(archive, manifest, *paths, ImagePreparation(LIMITS, PIXELS, **SETTINGS), threads=threads)
    return paths


def test_the_image_set_holds_what_is_kept_at_the_working_size(tmp_path: Path, manifest: pd.DataFrame) -> None:
    with ImageSet(*prepare(write_zip(tmp_path / "b.zip", FILES), manifest, tmp_path / "out")) as images:
        images.verify(threads=1)
        index = images.index
        assert index["image_id"].tolist() == sorted(f"tcia/{name[10:]}" for name in FILES if name.endswith("tiff"))
        assert index["label"].tolist() == ["basophil"] * 4 + ["immature_granulocyte"] * 4 + ["myeloblast"] * 4
        assert set(index["origin"]) == {"real"}
        assert {(row.width, row.height) for row in index.itertuples()} == {(24, 24)}
        assert json.loads(index["provenance"].unique().item()) == SETTINGS | {"filter": "lanczos"}
        for image, image_id in zip(images, index["image_id"], strict=True):
            np.testing.assert_array_equal(image, fit_square(photograph_of(image_id), **SETTINGS))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("write_archive", [write_tar, write_folder])
def test_order_and_format_of_the_archive_do_not_matter(
    tmp_path: Path, manifest: pd.DataFrame, write_archive: Callable[[Path, Files], Path], threads: int
) -> None:
    expected = prepare(write_zip(tmp_path / "b.zip", FILES), manifest, tmp_path / "1")
    names = sorted(FILES, key=lambda name: name[::-1], reverse=True)
    other = write_archive(tmp_path / "other", {name: FILES[name] for name in names})
    prepared = prepare(other, manifest.sample(frac=1, random_state=1), tmp_path / "2", threads)
    assert [path.read_bytes() for path in prepared] == [path.read_bytes() for path in expected]


@pytest.mark.parametrize("write_archive", [write_zip, write_tar])
@pytest.mark.parametrize("now", [tiff(photograph_of("other")), b"", None], ids=["changed", "emptied", "gone"])
def test_an_archive_that_changed_since_is_refused(
    tmp_path: Path, manifest: pd.DataFrame, write_archive: Callable[[Path, Files], Path], now: bytes | None
) -> None:
    name = "AML/cells/MYB/MYB_0003.tiff"
    files = {key: data for key, data in (FILES | {name: now}).items() if data is not None}
    path = write_archive(tmp_path / "b", files)
    with pytest.raises(InputError) as caught:
        prepare(path, manifest, tmp_path / "out")
    problem = "differs from the file that the manifest was built from"
    if now is None:
        problem = "is in the manifest and no longer in the archive"
    assert f"{path}, member {name}: {problem}. Run the workflow" in str(caught.value)
    assert list((tmp_path / "out").glob("*")) == []


def test_an_empty_selection_gives_an_empty_image_set(tmp_path: Path, manifest: pd.DataFrame) -> None:
    path = write_zip(tmp_path / "a.zip", mendeley_files())
    with ImageSet(*prepare(path, manifest.iloc[:0], tmp_path / "out")) as images:
        assert len(images) == 0


def test_several_missing_images_are_counted(tmp_path: Path, manifest: pd.DataFrame) -> None:
    path = write_zip(tmp_path / "b", {name: data for name, data in FILES.items() if "/MYB/" not in name})
    gone = sorted(manifest.loc[manifest["member"].str.contains("/MYB/"), "member"])
    with pytest.raises(InputError) as caught:
        prepare(path, manifest, tmp_path / "out")
    counts = f"like {len(gone) - 1} more of its {len(manifest)} images"
    assert f"member {gone[0]}: is in the manifest and no longer in the archive, {counts}" in str(caught.value)
