"""Code that all generators share: class roles, sampling by latent index, snapshots, images at the working size."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from helpers.thesis import CLASSES
from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.imageset import ImageSet, write_image_set
from hemabalance.dataset.splits import draws
from hemabalance.errors import InputError
from hemabalance.synthesis.data import RealImageSource, real_images, smallest_draws
from hemabalance.synthesis.roles import Classes, Roles, assign, served
from hemabalance.synthesis.sampling import BLOCK, LAST, latents, sample
from hemabalance.synthesis.snapshots import Snapshots

FULL = {  # Table 6
    "neutrophil": 12_000, "eosinophil": 3500, "immature_granulocyte": 2900, "platelet": 2300, "erythroblast": 1600,
    "monocyte": 3000, "basophil": 1290, "lymphocyte": 5000, "myeloblast": 3260, "promyelocyte": 87, "monoblast": 26,
    "smudge_cell": 15,
}  # fmt: skip
THRESHOLDS = {"rare_below": 100, "rich_from": 1000, "enough_from": 6000}


def roles(counts: Mapping[str, int], **changes: object) -> Roles:
    return assign(counts, RolesConfig.from_plain(THRESHOLDS | changes))


def test_default_thresholds_give_the_roles_of_the_thesis() -> None:
    result = roles(FULL)
    assert result.rich == (
        "basophil", "eosinophil", "erythroblast", "immature_granulocyte", "lymphocyte", "monocyte", "myeloblast",
        "platelet",
    )  # fmt: skip
    assert result.rare == ("monoblast", "promyelocyte", "smudge_cell")
    assert result.enough == ("neutrophil",)
    assert served(result, "all") == tuple(name for name in CLASSES if name != "neutrophil")


def test_a_class_in_between_is_rich_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        assert roles({**FULL, "basophil": 999}).rich[0] == "basophil"
    assert "basophil has 999 images, fewer than rich_from = 1000" in caplog.text


def test_a_list_overrides_the_thresholds() -> None:
    result = roles(FULL, rare=("monoblast", "basophil"))
    assert result.rare == ("basophil", "monoblast")
    assert "basophil" not in result.rich
    assert {"promyelocyte", "smudge_cell"} <= set(result.enough)
    assert roles(FULL, rich=("platelet",)).rich == ("platelet",)


def test_a_listed_class_without_images_has_no_role_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    result = roles({**FULL, "platelet": 0}, rich=("basophil", "platelet"))
    assert result.rich == ("basophil",)
    assert "platelet" not in result.rare + result.enough
    assert "synthesis.roles.rich lists platelet, which has no image" in caplog.text


@pytest.mark.parametrize(("counts", "rare"), [({"monoblast": 26}, ("monoblast",)), ({}, ())])
def test_roles_may_have_no_class(counts: dict[str, int], rare: tuple[str, ...]) -> None:
    assert roles(counts) == Roles(rich=(), rare=rare, enough=())


@pytest.mark.parametrize(
    ("rich", "rare", "says"),
    [
        (("basophil",), ("basophil",), "basophil as rich and as rare"),
        (("basophil", "platelet"), ("platelet",), "platelet as rich and as rare"),
    ],
)
def test_a_class_in_both_lists_is_refused(rich: tuple[str, ...], rare: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        RolesConfig(rich=rich, rare=rare)  # type: ignore[arg-type]


class Ramps:
    """Generator: brightness is the first number of the latent, the corner pixel is the index."""

    classes = Classes(("basophil", "monocyte"), ("basophil", "monocyte"))
    size, latent = 8, 3
    parameters: Mapping[str, int] = {"generator": 0}
    snapshots = None

    def generate(self, label: str, latents: Tensor, indices: Tensor) -> Tensor:
        assert len(latents) == BLOCK
        images = latents[:, 0].tanh()[:, None, None, None].expand(-1, 3, 8, 8).clone()
        images[:, :, 0, 0] = (indices % 200)[:, None] / 127.5 - 1
        return images


def sample_images(label: str, indices: list[int], seed: int = 1) -> np.ndarray:
    return sample(Ramps(), label, indices, seed=seed, device=torch.device("cpu"))  # type: ignore[arg-type]


def test_an_image_does_not_depend_on_the_other_indices() -> None:
    many = sample_images("basophil", list(range(70)))
    assert many.shape == (70, 8, 8, 3)
    assert many.dtype == np.uint8
    assert np.array_equal(sample_images("basophil", [69, 3, 33, 3]), many[[69, 3, 33, 3]])
    assert many[:, 0, 0, 0].tolist() == list(range(70))
    assert not np.array_equal(many, sample_images("monocyte", list(range(70))))
    assert not np.array_equal(many, sample_images("basophil", list(range(70)), seed=2))
    assert sample_images("basophil", []).shape == (0, 8, 8, 3)
    assert sample_images("basophil", [LAST]).shape == (1, 8, 8, 3)


def test_latents_are_standard_normal() -> None:
    z = np.concatenate([latents(1, 0, block, 64) for block in range(20)])
    assert z.dtype == np.float32
    assert abs(z.mean()) < 0.02
    assert abs(z.std() - 1) < 0.02


@pytest.mark.parametrize("index", [-1, LAST + 1])
def test_an_index_out_of_range_is_refused(index: int) -> None:
    with pytest.raises(InputError, match="out of range"):
        sample_images("basophil", [0, index])


def test_a_class_that_is_not_served_is_refused() -> None:
    with pytest.raises(InputError, match="Choose one of basophil, monocyte"):
        sample_images("platelet", [0])


def test_snapshots_are_kept_and_written_by_class_and_step(tmp_path: Path) -> None:
    snapshots = Snapshots(("monocyte", "basophil"), points=4, images_per_class=2, size=8, steps=10)
    assert snapshots.steps == [2, 5, 8, 10]
    for step in range(1, 11):
        for k, label in enumerate(snapshots.classes):
            if snapshots.due(step):
                snapshots.store(step, label, torch.full((2, 3, 8, 8), step / 10 - k))
    restored = Snapshots(("monocyte", "basophil"), points=4, images_per_class=2, size=8, steps=10)
    restored.load_state_dict(snapshots.state_dict())
    restored.write(tmp_path / "s.zip", tmp_path / "s.parquet", generator="mine", threads=1)
    with ImageSet(tmp_path / "s.zip", tmp_path / "s.parquet") as image_set:
        rows = image_set.index.assign(step=image_set.index["provenance"].map(lambda text: json.loads(text)["step"]))
        assert rows["label"].value_counts().to_dict() == {"basophil": 8, "monocyte": 8}
        assert rows["step"].value_counts().to_dict() == {2: 4, 5: 4, 8: 4, 10: 4}
        means = [
            int(image_set.read(k).mean()) for k in rows.index[(rows["label"] == "monocyte") & (rows["step"] == 10)]
        ]
        assert means == [255, 255]


def test_fewer_steps_than_points_give_a_snapshot_each() -> None:
    assert Snapshots(("basophil",), points=8, images_per_class=1, size=8, steps=3).steps == [1, 2, 3]


@pytest.fixture
def image_set(tmp_path: Path) -> ImageSet:
    ids = [f"i{k:02d}" for k in range(12)]
    labels = ["basophil", "monocyte"] * 6
    rows = pd.DataFrame({"image_id": ids, "label": labels}).assign(source="tcia", origin="real", provenance="{}")
    pixels = np.random.default_rng(1).integers(0, 256, (12, 32, 32, 3), np.uint8)
    write_image_set(tmp_path / "i.zip", tmp_path / "i.parquet", rows, pixels, threads=1)
    return ImageSet(tmp_path / "i.zip", tmp_path / "i.parquet")


def split_of(image_set: ImageSet) -> pd.DataFrame:
    rows = image_set.index[["image_id", "source", "label"]].assign(group_id=image_set.index["image_id"])
    part = ["train"] * 6 + ["validation"] * 2 + ["test"] * 4
    return rows.assign(draw=draws(rows["group_id"], seed=1), part=part)


def test_training_images_are_of_the_training_part_and_reduced_by_area_averaging(image_set: ImageSet) -> None:
    split = split_of(image_set)
    images = RealImageSource(image_set, split, "leak_free", threads=1).read_training_images(["basophil"], 16)
    assert images.labels.tolist() == ["basophil"] * 3
    original = image_set.read(2).astype(float)
    means = original.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
    assert np.abs(images.pixels[1] - means).max() <= 1
    pool = RealImageSource(image_set, split.assign(part="pool"), "thesis", threads=1)
    assert len(pool.read_training_images(CLASSES, 32).pixels) == 12


def test_too_small_and_missing_images_are_refused(image_set: ImageSet) -> None:
    rows = split_of(image_set)
    with pytest.raises(InputError, match=r"cannot be reduced to 64x64 px\. Set synthesis\.size"):
        real_images(image_set, rows, 64, threads=1)
    with pytest.raises(InputError, match="lacks other"):
        real_images(image_set, rows.replace({"image_id": {"i03": "other"}}), 16, threads=1)


def test_smallest_draws_are_selected_by_class(image_set: ImageSet) -> None:
    rows = split_of(image_set)
    selected = smallest_draws(rows, 2)
    assert selected["label"].value_counts().to_dict() == {"basophil": 2, "monocyte": 2}
    assert selected["image_id"].is_monotonic_increasing
    for label, class_rows in rows.groupby("label"):
        assert set(selected.loc[selected["label"] == label, "image_id"]) == set(
            class_rows.nsmallest(2, "draw")["image_id"]
        )
