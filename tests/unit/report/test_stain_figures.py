"""Figures of normalised images and of losses."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.stain_runs import CLASSES, drawn, image_sets, normalizers, split_of
from helpers.thesis import PAIR
from hemabalance.dataset.imageset import ImageSet, write_image_set
from hemabalance.methods import traits_of
from hemabalance.report.losses import losses_figure, panels_of, read_history
from hemabalance.report.stain.figures import picture_rows, stain_methods, stain_rows
from hemabalance.stain.data import PairImages
from hemabalance.stain.normalizer import Transformed


@dataclass
class Stage:
    images: PairImages
    normalizers: dict[str, Any]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    with ExitStack() as stack:
        images = image_sets(folder)
        for image_set in images.sets.values():
            stack.enter_context(image_set)
        yield Stage(images, normalizers(folder))


def test_losses_are_drawn_in_one_panel_each(tmp_path: Path) -> None:
    steps = [
        {"step": s, "critic_a": -s, "critic_b": s, "adversarial_to_cycle": 10.0**s, "l1_a": 1} for s in range(1, 4)
    ]
    (tmp_path / "gan.jsonl").write_text("".join(json.dumps(line) + "\n" for line in steps), "utf-8")
    (tmp_path / "none.jsonl").write_text("", "utf-8")
    gan, none = read_history(tmp_path / "gan.jsonl"), read_history(tmp_path / "none.jsonl")
    assert panels_of(gan) == {
        "critic": {"A": "critic_a", "B": "critic_b"},
        "l1": {"A": "l1_a"},
        "adversarial_to_cycle": {"": "adversarial_to_cycle"},
    }
    for name in ("1.svg", "2.svg"):
        losses_figure({"none": none, "gan": gan}, tmp_path / name)
    text = drawn(tmp_path / "1.svg")[1]
    assert re.search(r"critic\b.*L1 to the target image.*adversarial / cycle", text)
    assert "none" not in text
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "2.svg").read_bytes()
    losses_figure({"none": none}, tmp_path / "none.svg")
    assert drawn(tmp_path / "none.svg")[1] == "none of the normalisers compared is trained by steps"


def test_rows_show_three_images_of_each_class_both_ways(stage: Stage, tmp_path: Path) -> None:
    split = split_of(stage.images, "leak_free")
    for name in ("wcyclegan_gp", "reinhard"):
        invertible = name == "wcyclegan_gp"
        options: Any = {"protocol": "leak_free", "threads": 1}
        stain_rows(
            traits_of("stain", name), stage.normalizers[name], stage.images, split, tmp_path / f"{name}.svg", **options
        )
        pictures, text = drawn(tmp_path / f"{name}.svg")
        assert len(pictures) == 2 * 2 * 3
        assert text.count("no inverse") == (0 if invertible else 12)
        for words in ("held-back images", "real", "normalised", "reconstructed", "basophil", "monocyte", "B → A"):
            assert words in text
        assert "platelet" not in text
        real, normalised, reconstructed = np.split(np.pad(pictures[0], ((0, 0), (0, 3), (0, 0))), 3, axis=1)
        assert np.ptp(real) > 0
        assert not np.array_equal(real, normalised)
        assert bool(np.ptp(reconstructed[:, :-3])) is invertible
    first = picture_rows(split, PAIR, "leak_free", each=1)
    shown = first[(first["source"] == "tcia") & (first["label"] == "basophil")]["image_id"].iloc[0]
    where = int(np.flatnonzero(stage.images.sets["b"].index["image_id"] == shown)[0])
    assert np.array_equal(real[:, :-3], stage.images.sets["b"].read(where))


def test_rows_to_draw_are_held_back_images_with_the_smallest_draws(stage: Stage) -> None:
    split = split_of(stage.images, "leak_free")
    rows = picture_rows(split, PAIR, "leak_free", each=2)
    assert rows["held_back"].all()
    assert (rows.groupby(["source", "label"]).size() == 2).all()
    assert set(rows["label"]) == set(CLASSES)
    test = split[(split["part"] == "test") & (split["label"] == "monocyte") & (split["source"] == "tcia")]
    chosen = rows[(rows["label"] == "monocyte") & (rows["source"] == "tcia")]
    assert set(chosen["draw"]) == set(test["draw"].nsmallest(2))


def test_methods_stand_side_by_side(stage: Stage, tmp_path: Path) -> None:
    split = split_of(stage.images, "thesis")
    compared = {name: stage.normalizers[name] for name in ("reinhard", "wcyclegan_gp")}
    for name in ("1.svg", "2.svg"):
        stain_methods(compared, stage.images, split, tmp_path / name, protocol="thesis", threads=1)
    pictures, text = drawn(tmp_path / "1.svg")
    assert [picture.shape for picture in pictures] == [(48, 4 * 51 - 3, 3)] * 2
    assert re.search(r"real A\s+real B\s+reinhard\s+wcyclegan_gp", text)
    assert "this protocol holds none back" in text
    raw, mapped = pictures[0][:, 51:99], pictures[0][:, 102:150]
    assert np.array_equal(compared["reinhard"].transform(raw[None], to="a").pixels[0], mapped)
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "2.svg").read_bytes()


def test_large_pictures_are_reduced(tmp_path: Path) -> None:
    class Negative:
        def transform(self, images: np.ndarray, *, to: str) -> Transformed:
            return Transformed(255 - images, np.zeros(len(images), bool))

    rows = pd.DataFrame({"image_id": ["1"], "label": "monocyte", "origin": "real", "provenance": "{}"}, dtype="str")
    sets: dict[Any, ImageSet] = {}
    for domain, source in PAIR.items():
        paths = tmp_path / f"{domain}.zip", tmp_path / f"{domain}.parquet"
        source_rows = rows.assign(image_id=f"{source}/1", source=source).astype({"source": "str", "image_id": "str"})
        write_image_set(*paths, source_rows, [np.full((256, 256, 3), 40, np.uint8)], threads=1)
        sets[domain] = ImageSet(*paths)
    images = PairImages(PAIR, sets)
    split = split_of(images, "thesis")
    negative: Any = Negative()
    stain_methods({"negative": negative}, images, split, tmp_path / "a.svg", protocol="thesis", threads=1)
    (picture,) = drawn(tmp_path / "a.svg")[0]
    assert picture.shape == (128, 3 * 131 - 3, 3)
    assert [int(picture[64, at, 0]) for at in (64, 195, 326)] == [40, 40, 215]


def test_a_class_that_one_source_does_not_hold_back_stays_empty(stage: Stage, tmp_path: Path) -> None:
    split = split_of(stage.images, "leak_free")
    split.loc[(split["source"] == "mendeley") & (split["label"] == "monocyte"), "part"] = "train"
    options: Any = {"protocol": "leak_free", "threads": 1}
    reinhard = stage.normalizers["reinhard"]
    stain_rows(traits_of("stain", "reinhard"), reinhard, stage.images, split, tmp_path / "rows.svg", **options)
    pictures, text = drawn(tmp_path / "rows.svg")
    assert (len(pictures), text.count("no such image")) == (9, 1)
    stain_methods({"reinhard": reinhard}, stage.images, split, tmp_path / "methods.svg", **options)
    assert (drawn(tmp_path / "methods.svg")[0][1][:, :48] == 255).all()
    split["part"] = "train"
    stain_rows(traits_of("stain", "reinhard"), reinhard, stage.images, split, tmp_path / "none.svg", **options)
    stain_methods({"reinhard": reinhard}, stage.images, split, tmp_path / "no_methods.svg", **options)
    for name in ("none", "no_methods"):
        pictures, text = drawn(tmp_path / f"{name}.svg")
        assert (pictures, "no image is held back" in text) == ([], True)
