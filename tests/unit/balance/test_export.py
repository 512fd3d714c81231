"""Exports of balanced sets, read back by the tools that they are meant for."""

import importlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from helpers.balanced_sets import SIZE, BalanceRun, build_balance_run, build_balanced
from helpers.thesis import CLASSES
from hemabalance.balance.balanced_set import read_images
from hemabalance.balance.export import export_folder, export_parquet
from hemabalance.errors import InputError

COUNTS = {"train": 57, "validation": 14, "test": 14}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> BalanceRun:
    return build_balance_run(tmp_path_factory.mktemp("export"))


def export_set(run: BalanceRun, folder: Path, rows: pd.DataFrame | None = None, images_per_file: int = 20) -> Path:
    rows = build_balanced(run) if rows is None else rows
    export_parquet(rows, run.sets, SIZE, folder, classes=CLASSES, images_per_file=images_per_file, threads=2)
    return folder


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def datasets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Hugging Face `datasets`, configured before its import to use neither the network nor the home folder."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")
    return importlib.import_module("datasets")


def test_the_parquet_files_are_what_hugging_face_datasets_reads(run: BalanceRun, tmp_path: Path, datasets: Any) -> None:
    folder = export_set(run, tmp_path / "cells")
    dataset = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {part: len(dataset[part]) for part in dataset} == COUNTS
    features = dataset["train"].features
    assert isinstance(features["image"], datasets.Image)
    assert features["label"] == datasets.ClassLabel(names=list(CLASSES))
    rows = build_balanced(run)
    for part in dataset:
        part_rows = rows[rows["part"] == part]
        pixels = read_images(part_rows, run.sets, SIZE, threads=1)
        assert list(dataset[part]["image_id"]) == part_rows["image_id"].tolist()
        for row, expected, image in zip(part_rows.itertuples(), pixels, dataset[part], strict=True):
            assert features["label"].int2str(image["label"]) == row.label
            assert (image["source"], image["origin"], image["group_id"]) == (row.source, row.origin, row.group_id)
            assert json.loads(image["provenance"]) == json.loads(row.provenance)
            assert np.array_equal(np.asarray(image["image"]), expected)


def test_parts_are_split_into_files_of_limited_size(run: BalanceRun, tmp_path: Path) -> None:
    folder = export_set(run, tmp_path / "cells")
    assert files(folder) == [
        "data/test-00000-of-00001.parquet",
        *[f"data/train-0000{k}-of-00003.parquet" for k in range(3)],
        "data/validation-00000-of-00001.parquet",
    ]
    sizes = [parquet.read_metadata(folder / name).num_rows for name in files(folder)]
    assert sizes == [14, 20, 20, 17, 14]


def test_the_same_set_gives_the_same_bytes(run: BalanceRun, tmp_path: Path) -> None:
    first, second = (export_set(run, tmp_path / name) for name in ("one", "two"))
    assert [(first / name).read_bytes() for name in files(first)] == [
        (second / name).read_bytes() for name in files(second)
    ]


def test_a_part_without_images_has_no_file(run: BalanceRun, tmp_path: Path) -> None:
    rows = build_balanced(run)
    folder = export_set(run, tmp_path / "cells", rows[rows["part"] == "test"])
    assert files(folder) == ["data/test-00000-of-00001.parquet"]


def test_the_folder_holds_every_image_by_part_and_class(run: BalanceRun, tmp_path: Path) -> None:
    rows = build_balanced(run)
    export_folder(rows, run.sets, SIZE, tmp_path / "deep" / "cells", threads=2)
    folder = tmp_path / "deep" / "cells"
    assert len(files(folder)) == len(rows) == sum(COUNTS.values())
    per = rows.value_counts(["part", "label"]).to_dict()
    assert {(p, c): len(list((folder / p / c).iterdir())) for p, c in per} == per
    pixels = read_images(rows, run.sets, SIZE, threads=1)
    names = {"mendeley/basophil/00": "mendeley__basophil__00", "basophil-0000000002": "synthetic__basophil-0000000002"}
    for image_id, name in names.items():
        at = rows["image_id"].tolist().index(image_id)
        data = (folder / rows["part"][at] / rows["label"][at] / f"{name}.png").read_bytes()
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels[at])
    assert sorted(os.listdir(folder.parent)) == ["cells"]


def test_hugging_face_datasets_reads_the_folder(run: BalanceRun, tmp_path: Path, datasets: Any) -> None:
    export_folder(build_balanced(run), run.sets, SIZE, tmp_path / "cells", threads=1)
    dataset = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "cells"), cache_dir=str(tmp_path / "cache"))
    assert {part: len(dataset[part]) for part in dataset} == COUNTS
    assert dataset["train"].features["label"].names == ["basophil", "monocyte", "promyelocyte"]


EXPORTS: dict[str, Any] = {
    "folder": lambda rows, sets, folder: export_folder(rows, sets, SIZE, folder, threads=1),
    "parquet": lambda rows, sets, folder: export_parquet(
        rows, sets, SIZE, folder, classes=CLASSES, images_per_file=9, threads=1
    ),
}
both = pytest.mark.parametrize("kind", EXPORTS)


@both
def test_an_existing_folder_is_not_overwritten(run: BalanceRun, tmp_path: Path, kind: str) -> None:
    (tmp_path / "cells").mkdir()
    with pytest.raises(InputError, match="cells: exists already"):
        EXPORTS[kind](build_balanced(run), run.sets, tmp_path / "cells")
    assert files(tmp_path) == []


@both
def test_an_export_that_fails_leaves_nothing_behind(run: BalanceRun, tmp_path: Path, kind: str) -> None:
    rows = build_balanced(run)
    rows.loc[rows.index[-1], "sha256"] = "0" * 64
    with pytest.raises(InputError, match="holds another image tcia/PMO/04"):
        EXPORTS[kind](rows, run.sets, tmp_path / "cells")
    assert list(tmp_path.iterdir()) == []


@both
def test_a_folder_that_cannot_be_made_is_explained(run: BalanceRun, tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        EXPORTS[kind](build_balanced(run), run.sets, tmp_path / "file" / "cells")


def test_two_images_of_one_file_name_are_refused(run: BalanceRun, tmp_path: Path) -> None:
    rows = build_balanced(run)
    rows.loc[rows["image_id"] == "mendeley/monocyte/02", "image_id"] = "mendeley__monocyte/03"
    with pytest.raises(InputError, match=r"would get the file name train/monocyte/mendeley__monocyte__03\.png"):
        EXPORTS["folder"](rows, run.sets, tmp_path / "cells")
