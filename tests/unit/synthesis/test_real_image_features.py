"""Selection of real images, their stored features, and the copy detector built from them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers import synthesis_runs
from helpers.fake_networks import PixelDistance, quadrant_means, random_images
from helpers.thesis import CLASSES
from hemabalance.dataset.splits import draws
from hemabalance.errors import InputError
from hemabalance.protocols import Protocol
from hemabalance.synthesis.copies import NearestImageIndex
from hemabalance.synthesis.data import RealImageSource
from hemabalance.synthesis.real_image_features import (
    RealImageFeatures,
    read_real_image_features,
    select_real_images,
    write_features,
    write_real_image_features,
)
from hemabalance.synthesis.real_image_measurement import compute_real_image_features, copy_detector, measure_real_images

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
    rows = select_real_images(
        split_of(train, test), "leak_free", CLASSES, references=references, measured=measured, seed=1
    )
    pixels = random_images(len(rows), 1, red=True)
    return compute_real_image_features(rows, pixels, quadrant_means, LEVELS), pixels


def test_images_with_the_smallest_hash_come_first() -> None:
    split = split_of(9, 4)
    rows = select_real_images(split, "leak_free", CLASSES, references=5, measured=3, seed=1)
    assert rows.groupby(["label", "kind"]).size().to_dict() == {
        (label, kind): n for label in ("basophil", "monocyte") for kind, n in (("training", 5), ("test", 3))
    }
    for (label, kind), selected in rows.groupby(["label", "kind"]):
        part = "train" if kind == "training" else "test"
        image_ids = split.loc[(split["label"] == label) & (split["part"] == part), "image_id"]
        order = image_ids.to_numpy()[np.argsort(draws(image_ids, seed=1))]
        assert selected["image_id"].tolist() == order[: len(selected)].tolist()
    assert rows["reference"].tolist() == (rows["kind"] == "training").tolist()
    from_reversed = select_real_images(split[::-1], "leak_free", CLASSES, references=5, measured=3, seed=1)
    assert from_reversed.equals(rows)
    assert not select_real_images(split, "leak_free", CLASSES, references=5, measured=3, seed=2).equals(rows)


def test_more_images_may_be_measured_than_are_references() -> None:
    rows = select_real_images(split_of(9, 4), "leak_free", CLASSES, references=2, measured=6, seed=1)
    assert rows.groupby("kind")["reference"].sum().to_dict() == {"test": 0, "training": 4}
    assert rows["kind"].value_counts().to_dict() == {"training": 12, "test": 8}


def test_nothing_is_held_back_under_the_thesis() -> None:
    rows = select_real_images(split_of(5, 0, "pool"), "thesis", CLASSES, references=9, measured=9, seed=1)
    assert rows["kind"].value_counts().to_dict() == {"training": 10}


def test_references_have_the_distance_to_the_nearest_other() -> None:
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


def test_a_class_with_one_reference_has_no_distances() -> None:
    real, _ = real_features_of(references=1)
    assert real.distances() == {"basophil": None, "monocyte": None}


def test_features_are_found_by_id_class_and_kind() -> None:
    real, pixels = real_features_of()
    ids = real.reference_ids("monocyte")
    places = [real.table["image_id"].tolist().index(image) for image in ids[::-1]]
    np.testing.assert_array_equal(real.features_of(ids[::-1]), quadrant_means(pixels)[places])
    where = ((real.table["label"] == "monocyte") & (real.table["kind"] == "test")).to_numpy()
    np.testing.assert_array_equal(real.class_features("monocyte", "test", 2), quadrant_means(pixels)[where][:2])
    assert real.test_ids("monocyte", 2).tolist() == real.table.loc[where, "image_id"].tolist()[:2]
    assert len(real.class_features("eosinophil", "training", 5)) == 0


def test_an_image_without_features_is_named() -> None:
    real, _ = real_features_of()
    with pytest.raises(InputError, match="image monocyte/strange: is not among the 16 real images with features"):
        real.features_of([real.reference_ids("basophil")[0], "monocyte/strange"])


@pytest.mark.parametrize("protocol", ["leak_free", "thesis"])
def test_written_features_are_read_back(tmp_path: Path, protocol: Protocol) -> None:
    images = synthesis_runs.real_set(tmp_path)
    source = RealImageSource(images, synthesis_runs.split_of(images, protocol), protocol, threads=1)
    rows = select_real_images(source.split, protocol, CLASSES, references=4, measured=3, seed=1)
    files = tmp_path / "real_images.parquet", tmp_path / "features.safetensors"
    measure_real_images(source, rows, 16, synthesis_runs.corners, LEVELS, table=files[0], features=files[1])
    real = read_real_image_features(*files)
    assert real.table[["image_id", "label", "kind", "reference"]].equals(rows)
    labels = synthesis_runs.CLASSES[:2]
    copies = copy_detector(source, real, labels, 16, LEVELS, quantile=0.1)
    assert sorted(copies.pixels) == sorted(labels)
    features = {label: synthesis_runs.corners(pixels) for label, pixels in copies.pixels.items()}
    for label in labels:
        assert copies.ids[label].tolist() == real.reference_ids(label).tolist()
        np.testing.assert_array_equal(real.features_of(copies.ids[label]), features[label])
    # The thresholds depend on all classes, so they are the same for every generator.
    assert set(copies.thresholds) == set(synthesis_runs.CLASSES)


def test_references_that_training_may_not_see_are_refused(tmp_path: Path) -> None:
    images = synthesis_runs.real_set(tmp_path)
    split = synthesis_runs.split_of(images, "leak_free")
    rows = select_real_images(split, "leak_free", CLASSES, references=4, measured=3, seed=1)
    real = compute_real_image_features(rows, random_images(len(rows), 1, red=True), quadrant_means, LEVELS)
    is_first = split["image_id"] == real.reference_ids("basophil")[0]
    changed = RealImageSource(images, split.assign(part=np.where(is_first, "test", split["part"])), "leak_free", 1)
    with pytest.raises(InputError):
        copy_detector(changed, real, ["basophil"], 16, LEVELS, quantile=0.1)


def test_files_of_two_runs_are_refused(tmp_path: Path) -> None:
    real, _ = real_features_of()
    write_real_image_features(real, tmp_path / "real_images.parquet", tmp_path / "features")
    write_features(real.features[1:], tmp_path / "features")
    with pytest.raises(InputError, match=r"has features of 15 images, real_images.parquet of 16"):
        read_real_image_features(tmp_path / "real_images.parquet", tmp_path / "features")
