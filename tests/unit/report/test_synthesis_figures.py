"""Figures of the synthesis stage, drawn from results of the workflow's own code."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.stain_runs import drawn
from helpers.synthesis_runs import (
    CLASSES,
    SIZE,
    GeneratorRun,
    evaluate_generator,
    measure_memorisation,
    real_set,
    run_generator,
    sample_class,
    split_of,
)
from hemabalance.dataset.imageset import ImageSet
from hemabalance.metrics.poses import poses
from hemabalance.report.losses import losses_figure, read_history
from hemabalance.report.synthesis.agreement import agreement_figure
from hemabalance.report.synthesis.gate import gate_figure, outcomes
from hemabalance.report.synthesis.pairs import pairs_figure
from hemabalance.report.synthesis.samples import sample_sheet, training_strips

RICH, RARE = ("basophil", "monocyte"), ("promyelocyte",)
OF = "mine on images of reinhard"


@dataclass
class Stage:
    real_images: ImageSet
    split: pd.DataFrame
    runs: dict[str, GeneratorRun]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    with real_set(folder) as real_images:
        split = split_of(real_images, "leak_free")
        classes_of = {"mine": RICH, "few": RARE, "every": CLASSES}
        runs = {name: run_generator(folder, name, classes, real_images, split) for name, classes in classes_of.items()}
        yield Stage(real_images, split, runs)


def test_the_sheet_shows_real_drawn_and_accepted_images(stage: Stage, tmp_path: Path) -> None:
    run = stage.runs["every"]
    for name in ("1.svg", "2.svg"):
        sample_sheet(
            run.images, run.samples.table, stage.real_images, stage.split, tmp_path / name, protocol="leak_free",
            heading=OF, threads=1,
        )  # fmt: skip
    pictures, text = drawn(tmp_path / "1.svg")
    assert len(pictures) == 9
    assert text.count("real, held back") == 2
    assert text.count("real, from training") == 1  # of promyelocytes none is held back
    assert f"{OF}, {SIZE} px" in text
    first = sample_class("basophil", range(10))
    assert np.array_equal(pictures[1][:, :SIZE], first[0])  # the copy is shown although the gate refused it
    passed = run.samples.table[(run.samples.table["label"] == "basophil") & run.samples.table["accepted"]]
    assert np.array_equal(pictures[2][:, :SIZE], sample_class("basophil", [passed["index"].iloc[0]])[0])
    assert f"{len(passed)} of 28" in text
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "2.svg").read_bytes()
    refused = ~run.samples.table.groupby("label").head(10)["accepted"]
    assert (tmp_path / "1.svg").read_text().count("stroke: #d55e00") == refused.sum()


def test_a_class_of_which_nothing_passed_says_so(stage: Stage, tmp_path: Path) -> None:
    run = stage.runs["few"]
    gate = run.samples.table.assign(accepted=False)
    options: Any = {"protocol": "leak_free", "heading": OF, "threads": 1}
    sample_sheet(run.images, gate, stage.real_images, stage.split, tmp_path / "a.svg", **options)
    pictures, text = drawn(tmp_path / "a.svg")
    assert len(pictures) == 2
    assert re.search(r"accepted\s+0 of 20", text)
    assert "none" in text


def test_strips_follow_the_same_latents(stage: Stage, tmp_path: Path) -> None:
    training_strips(stage.runs["mine"].snapshots, tmp_path / "a.svg", heading=OF)
    pictures, text = drawn(tmp_path / "a.svg")
    assert len(pictures) == 2 * len(RICH)
    assert re.search(r"basophil\s+10\s+20\s+30\s+40\s+monocyte", text)
    dark, light = pictures[0][:, :SIZE].mean(), pictures[0][:, -SIZE:].mean()
    assert np.abs(pictures[0][:, -SIZE:].astype(int) - sample_class("basophil", [0])[0]).max() <= 1
    assert dark < light / 2


def test_at_most_nine_points_are_drawn_and_a_training_without_points_says_so(stage: Stage, tmp_path: Path) -> None:
    run = run_generator(tmp_path, "long", RARE, stage.real_images, stage.split, steps=30, points=30)
    training_strips(run.snapshots, tmp_path / "long.svg", heading=OF)
    pictures, text = drawn(tmp_path / "long.svg")
    assert pictures[0].shape == (SIZE, 9 * (SIZE + 3) - 3, 3)
    assert re.search(r"promyelocyte\s+1\s+5\s+.*\s+30\b", text)
    none = run_generator(tmp_path, "none", RARE, stage.real_images, stage.split, points=0)
    training_strips(none.snapshots, tmp_path / "none.svg", heading=OF)
    assert drawn(tmp_path / "none.svg") == ([], "no images were kept during this training")
    result = evaluate_generator("none", "figr", "rare", none, stage.real_images, stage.split)
    agreement_figure(result, tmp_path / "agreement.svg")
    assert drawn(tmp_path / "agreement.svg") == ([], "no images were kept during this training")


def test_agreement_is_drawn_for_all_and_for_each_class(stage: Stage, tmp_path: Path) -> None:
    result = evaluate_generator("mine", "c_wgan_gp", "rich", stage.runs["mine"], stage.real_images, stage.split)
    for name in ("1.svg", "2.svg"):
        agreement_figure(result, tmp_path / name)
    text = drawn(tmp_path / "1.svg")[1]
    for words in ("all (n = 8)", "basophil (n = 4)", "monocyte (n = 4)", "steps of training"):
        assert words in text
    floor = result.row("agreement", label="basophil", compare="floor")["rate"]
    assert f"real {floor:.2f}" in text
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "2.svg").read_bytes()


def test_every_draw_has_one_outcome(stage: Stage, tmp_path: Path) -> None:
    draws = stage.runs["every"].samples.table
    table = outcomes(draws)
    assert list(table.index) == list(CLASSES)
    assert table.sum(axis=1).tolist() == draws["label"].value_counts()[list(CLASSES)].tolist()
    assert table[""].sum() == draws["accepted"].sum()
    failures = (~draws[["agrees", "inside"]]).sum(axis=1) + draws["copy"]
    assert table["several"].sum() == (failures > 1).sum() > 0
    gate_figure({OF: draws, "plain": draws[draws["label"] == "monocyte"]}, tmp_path / "a.svg")
    text = drawn(tmp_path / "a.svg")[1]
    for words in (OF, "plain", "n = 28", "another class", "outside the real images", "a copy", "several reasons"):
        assert words in text


def test_pairs_show_the_closest_first_and_frame_copies(stage: Stage, tmp_path: Path) -> None:
    run = stage.runs["mine"]
    _, neighbours = measure_memorisation(run, stage.real_images, stage.split)
    pairs_figure(run.images, stage.real_images, neighbours, tmp_path / "a.svg", heading=OF)
    pictures, text = drawn(tmp_path / "a.svg")
    pair = pictures[0]
    assert np.array_equal(pair[:, :SIZE], pair[:, SIZE + 3 :])
    assert "0.000 copy" in text
    shown = neighbours.sort_values("distance").groupby(["label", "kind"]).head(6)
    assert len(pictures) == len(shown)
    assert (tmp_path / "a.svg").read_text().count("stroke: #d55e00") == 2 * shown["copy"].sum()
    assert OF in text


def test_an_image_is_shown_in_the_pose_in_which_it_is_nearest(stage: Stage, tmp_path: Path) -> None:
    row = {"label": "basophil", "kind": "generated", "image_id": "basophil-0000000003", "distance": 0.1, "copy": False}
    neighbours = pd.DataFrame([{**row, "nearest_id": "mendeley/basophil/05", "pose": 6}])
    pairs_figure(stage.runs["mine"].images, stage.real_images, neighbours, tmp_path / "a.svg", heading=OF)
    pictures, text = drawn(tmp_path / "a.svg")
    assert np.array_equal(pictures[0][:, :SIZE], poses(sample_class("basophil", [3]))[6, 0])
    assert np.array_equal(pictures[0][:, SIZE + 3 :], stage.real_images.read(5))
    assert text.count("no such image") == 1  # no image is held back


def test_losses_of_many_names_wrap_and_gaps_are_bridged(tmp_path: Path) -> None:
    names = ["critic", "penalty", "adversarial", "class_fake", "classifier", "accuracy", "held_back_accuracy", "more"]
    lines = [{"step": s} | {n: s / 10 for n in names if n != "held_back_accuracy" or s % 3 == 0} for s in range(1, 10)]
    (tmp_path / "h.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    losses_figure({OF: read_history(tmp_path / "h.jsonl")}, tmp_path / "a.svg")
    text = drawn(tmp_path / "a.svg")[1]
    assert re.search("critic.*gradient penalty.*cross-entropy, generated.*accuracy, held back.*more", text, re.DOTALL)
    lines_drawn = re.findall(r'<g id="line2d_\d+">\s*<path d="M [^"]*" clip-path', (tmp_path / "a.svg").read_text())
    assert len(lines_drawn) == len(names)
    assert sorted(path.count("L ") for path in lines_drawn)[0] >= 1
