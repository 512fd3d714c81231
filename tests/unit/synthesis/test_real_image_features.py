"""Which real images the judges look at, what is kept of it, and that it is what looking again would give."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers import synthesis_runs as synthesis_runs
from helpers.fake_networks import PixelDistance, quadrant_means, random_images
from hemabalance.dataset.splits import draws
from hemabalance.errors import InputError
from hemabalance.protocols import Protocol
from hemabalance.synthesis.copies import NearestImageIndex
from hemabalance.synthesis.real_image_features import (
    RealImageFeatures,
    read_real_image_features,
    select_real_images,
    write_features,
    write_real_image_features,
)
from hemabalance.synthesis.real_image_measurement import copy_detector, look, measure_real_images

LEVELS: Any = PixelDistance()


def split_of(train: int, test: int, part: str = "train") -> pd.DataFrame:
    rows = [
        (f"{label}/{kind}{k:02}", label, kind)
        for label in ("basophil", "monocyte")
        for kind, n in ((part, train), ("test", test))
        for k in range(n)
    ]
    table = pd.DataFrame(rows, columns=["image_id", "label", "part"])
    return table.assign(draw=0.5, group_id=table["image_id"])


def real_features_of(
    train: int = 9, test: int = 4, *, references: int = 5, measured: int = 3
) -> tuple[RealImageFeatures, np.ndarray]:
    rows = select_real_images(split_of(train, test), "leak_free", references=references, measured=measured, seed=1)
    pixels = random_images(len(rows), 1, red=True)
    return look(rows, pixels, quadrant_means, LEVELS), pixels


def test_of_each_class_and_kind_those_of_the_smallest_hash_come_first() -> None:
    split = split_of(9, 4)
    rows = select_real_images(split, "leak_free", references=5, measured=3, seed=1)
    assert rows.groupby(["label", "kind"]).size().to_dict() == {
        (label, kind): n for label in ("basophil", "monocyte") for kind, n in (("training", 5), ("test", 3))
    }
    for (label, kind), mine in rows.groupby(["label", "kind"]):
        part = "train" if kind == "training" else "test"
        of_part = split.loc[(split["label"] == label) & (split["part"] == part), "image_id"]
        order = of_part.to_numpy()[np.argsort(draws(of_part, seed=1))]
        assert mine["image_id"].tolist() == order[: len(mine)].tolist()
    assert rows["reference"].tolist() == (rows["kind"] == "training").tolist()
    turned = select_real_images(split[::-1], "leak_free", references=5, measured=3, seed=1)
    assert turned.equals(rows)
    assert not select_real_images(split, "leak_free", references=5, measured=3, seed=2).equals(rows)


def test_what_is_measured_may_be_more_than_what_is_compared_with() -> None:
    rows = select_real_images(split_of(9, 4), "leak_free", references=2, measured=6, seed=1)
    assert rows.groupby("kind")["reference"].sum().to_dict() == {"test": 0, "training": 4}
    assert rows["kind"].value_counts().to_dict() == {"training": 12, "test": 8}


def test_nothing_is_held_back_under_the_thesis() -> None:
    rows = select_real_images(split_of(5, 0, "pool"), "thesis", references=9, measured=9, seed=1)
    assert rows["kind"].value_counts().to_dict() == {"training": 10}


def test_references_know_how_near_the_others_are() -> None:
    real, pixels = real_features_of()
    for label in ("basophil", "monocyte"):
        where = ((real.table["label"] == label) & real.table["reference"]).to_numpy()
        others = NearestImageIndex(pixels[where], LEVELS).nearest_others()
        distances = real.distances()[label]
        assert distances is not None
        np.testing.assert_array_equal(distances.lpips, others.lpips)
        np.testing.assert_array_equal(distances.bits, others.bits)
    rest = real.table[~real.table["reference"]]
    assert rest["lpips"].isna().all()
    assert (rest["bits"] == -1).all()


def test_a_class_of_one_reference_has_no_other() -> None:
    real, _ = real_features_of(references=1)
    assert real.distances() == {"basophil": None, "monocyte": None}


def test_features_are_found_by_id_class_and_kind() -> None:
    real, pixels = real_features_of()
    ids = real.references("monocyte")
    places = [real.table["image_id"].tolist().index(image) for image in ids[::-1]]
    np.testing.assert_array_equal(real.seen(ids[::-1]), quadrant_means(pixels)[places])
    where = ((real.table["label"] == "monocyte") & (real.table["kind"] == "test")).to_numpy()
    np.testing.assert_array_equal(real.measured("monocyte", "test", 2), quadrant_means(pixels)[where][:2])
    assert real.tested("monocyte", 2).tolist() == real.table.loc[where, "image_id"].tolist()[:2]
    assert len(real.measured("eosinophil", "training", 5)) == 0


def test_an_image_that_was_not_looked_at_is_named() -> None:
    real, _ = real_features_of()
    with pytest.raises(InputError, match="image monocyte/strange: is not among the 16 real images"):
        real.seen([real.references("basophil")[0], "monocyte/strange"])


@pytest.mark.parametrize("protocol", ["leak_free", "thesis"])
def test_what_was_seen_comes_back_as_it_was_written(tmp_path: Path, protocol: Protocol) -> None:
    held = synthesis_runs.real_set(tmp_path)
    split = synthesis_runs.split_of(held, protocol)
    rows = select_real_images(split, protocol, references=4, measured=3, seed=1)
    files = tmp_path / "real_images.parquet", tmp_path / "features.safetensors"
    measure_real_images(held, rows, 16, synthesis_runs.corners, LEVELS, table=files[0], features=files[1], threads=1)
    real = read_real_image_features(*files)
    assert real.table[["image_id", "label", "kind", "reference"]].equals(rows)
    labels = synthesis_runs.CLASSES[:2]
    copies = copy_detector(held, split, protocol, real, labels, 16, LEVELS, quantile=0.1, threads=1)
    assert sorted(copies.pixels) == sorted(labels)
    seen = {label: synthesis_runs.corners(pixels) for label, pixels in copies.pixels.items()}
    for label in labels:
        assert copies.ids[label].tolist() == real.references(label).tolist()
        np.testing.assert_array_equal(real.seen(copies.ids[label]), seen[label])
    # What a copy is comes from all classes, so it is the same for every generator.
    assert set(copies.thresholds) == set(synthesis_runs.CLASSES)


def test_references_that_training_may_not_see_are_refused(tmp_path: Path) -> None:
    held = synthesis_runs.real_set(tmp_path)
    split = synthesis_runs.split_of(held, "leak_free")
    rows = select_real_images(split, "leak_free", references=4, measured=3, seed=1)
    real = look(rows, random_images(len(rows), 1, red=True), quadrant_means, LEVELS)
    now_tested = split.assign(part=np.where(split["image_id"] == real.references("basophil")[0], "test", split["part"]))
    with pytest.raises(InputError):
        copy_detector(held, now_tested, "leak_free", real, ["basophil"], 16, LEVELS, quantile=0.1, threads=1)


def test_files_of_two_runs_are_refused(tmp_path: Path) -> None:
    real, _ = real_features_of()
    write_real_image_features(real, tmp_path / "real_images.parquet", tmp_path / "features")
    write_features(real.features[1:], tmp_path / "features")
    with pytest.raises(InputError, match=r"has features of 15 images, real_images.parquet of 16"):
        read_real_image_features(tmp_path / "real_images.parquet", tmp_path / "features")
