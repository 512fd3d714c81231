"""`snakemake scarcity` on a very small phantom: from archive to page, killed in between, and with leaks planted."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from helpers.project import Project, command, environment_variables

OVERLAYS = ("profiles/overlays/demo.yaml", "tiny.yaml", "scarce.yaml")
RUN = Path("results", "scarce")
SMALL = {
    "method": "small_resnet", "width": 4, "input_size": 16, "batch": 4, "steps": 40, "keep": "last", "balanced": True,
    "validate_every": 20, "log_every": 10, "checkpoint_every": 2,
}  # fmt: skip
PART = {**SMALL, "synthetic_share": 0.5, "synthetic_weight": 0.5}
VALUES = {
    "run": "scarce",
    "protocols": ["leak_free"],
    "sources": {"tcia": None},
    "phantom": {"min_images": 16},
    "stain": {"normalizers": {"wcyclegan_thesis": None, "stainnet": None}},
    "synthesis": {
        "roles": {"rare_below": 8, "rich_from": 9, "enough_from": 40},
        "generators": {"mine": {"like": "c_wgan_gp", "serves": "all"}},
    },
    "balance": {"recipes": {"drawn": {"normalizer": "none", "rare": "mine", "gate": "none"}}},
    "classify": {
        "models": {
            "small": {**SMALL, "balanced": False},
            "small_balanced": SMALL,
            "small_synthetic": PART,
            "small_repeats": {**PART, "synthetic_part": "repeats"},
        }
    },
    "scarcity": {
        "classes": ["basophil", "lymphocyte"],
        "n": [3],
        "draws": 1,
        "seeds": [5],
        "recipes": {
            "plain": {"recipe": "original", "model": "small"},
            "balanced": {"recipe": "original", "model": "small_balanced"},
            "average": {"average": ["plain", "balanced"]},
            "drawn": {"recipe": "drawn", "model": "small_synthetic"},
            "repeats": {"recipe": "drawn", "model": "small_repeats"},
        },
        "baseline": "balanced",
        "line": "average",
        "control": "repeats",
        "synthesis": ["drawn"],
        "ceiling": "average",
    },
}


def digests(project: Project) -> dict[str, str]:
    """Hashes of the classifiers' files and of the answer, without run times."""
    results = project.folder / RUN
    paths = [*results.glob("*/classifiers/**/*"), *results.glob("scarcity/**/*")]
    return {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(paths)
        if path.is_file() and path.name not in ("training.json", "README.md", "report.html")
    }


@pytest.fixture(scope="module")
def scarce(tmp_path_factory, forked_python) -> Project:
    """A project with a finished scarcity experiment; tests must not change it."""
    project = Project(tmp_path_factory.mktemp("scarce"))
    (project.folder / "scarce.yaml").write_text(yaml.safe_dump(VALUES))
    done = project.snakemake("scarcity", overlays=OVERLAYS, python=forked_python)
    assert done.returncode == 0, done.stdout
    return project


@pytest.fixture
def edited(scarce: Project, tmp_path: Path) -> Project:
    """A copy that a test may change."""
    return scarce.copy(tmp_path / "copy")


def test_every_recipe_is_trained_on_three_images_and_the_page_answers(scarce: Project) -> None:
    results = scarce.folder / RUN
    cut, whole = (pd.read_parquet(results / name / "split.parquet") for name in ("scarce-3-1", "leak_free"))
    kept = cut[(cut["part"] == "train") & cut["label"].isin(VALUES["scarcity"]["classes"])]
    assert kept["label"].value_counts().to_dict() == {"basophil": 3, "lymphocyte": 3}
    assert cut[cut["part"] == "test"].equals(whole[whole["part"] == "test"])
    assert (cut["part"] == "withheld").any()
    names = {f"scarcity_{name}" for name in VALUES["scarcity"]["recipes"]}
    assert {path.name for path in (results / "scarce-3-1/classifiers").iterdir()} == names
    on_whole = {path.name for path in (results / "leak_free/classifiers").iterdir()}
    assert on_whole == {"scarcity_average", "scarcity_plain", "scarcity_balanced"}
    for kind in ("scores", "differences", "gap"):
        assert len(pd.read_csv(results / f"scarcity/tables/{kind}.csv"))
    model = json.loads((results / "scarce-3-1/classifiers/scarcity_drawn/seed-5/model.json").read_text())
    assert model["protocol"] == "scarce-3-1"
    html = (results / "scarcity/report.html").read_text("utf-8")
    assert json.loads((results / "scarcity/tables/sentence.json").read_text())["sentence"][:30] in html


def test_the_page_shows_the_images_that_were_added(scarce: Project) -> None:
    results = scarce.folder / RUN
    figures = {path.name for path in (results / "scarcity/figures").iterdir()}
    assert figures == {"curve.svg", "added_scarce-3-1_mine_in_drawn.svg"}
    _, _, shown = (results / "scarcity/report.html").read_text("utf-8").partition("What was added")
    assert 'id="added_scarce-3-1_mine_in_drawn.svg"' in shown
    rows = pd.read_parquet(results / "scarce-3-1/balanced/drawn/images.parquet")
    counts = rows.loc[rows["image_set"] == "mine", "label"].value_counts()
    assert f"Added: basophil {counts['basophil']}, lymphocyte {counts['lymphocyte']}." in shown
    assert "the n = 3 real training images" in shown


def test_a_second_run_has_nothing_to_do(scarce: Project) -> None:
    assert scarce.would_run("scarcity", overlays=OVERLAYS) == set()


def test_killed_in_the_middle_of_a_training_it_continues_to_the_same_bytes(
    scarce: Project, edited: Project, forked_python: str
) -> None:
    for folder in (edited.folder / RUN).glob("*/classifiers"):
        shutil.rmtree(folder)
    shutil.rmtree(edited.folder / RUN / "scarcity")
    states = edited.folder / RUN / ".state/classify_fit"
    running = subprocess.Popen(
        command("scarcity", "--cores", "1", overlays=OVERLAYS),
        cwd=edited.folder, env=environment_variables(edited.folder), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not any(path.is_file() for path in states.rglob("*")):  # the first checkpoint
            assert running.poll() is None
            time.sleep(0.01)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert digests(edited) != digests(scarce)
    assert edited.snakemake("--unlock", overlays=OVERLAYS).returncode == 0
    done = edited.snakemake("scarcity", overlays=OVERLAYS, python=forked_python)
    assert done.returncode == 0, done.stdout
    assert digests(edited) == digests(scarce)


def test_trainings_that_are_given_withheld_images_fail_the_run(edited: Project, forked_python: str) -> None:
    """In the copy, trainings take withheld images for training images; the audit does not."""
    splits = edited.folder / "workflow_scripts/hemabalance/dataset/splits.py"
    text = splits.read_text("utf-8")
    assert '"leak_free": ("train",)' in text
    splits.write_text(text.replace('"leak_free": ("train",)', '"leak_free": ("train", "withheld")'), "utf-8")
    table = RUN / "scarce-3-1/balanced/drawn/images.parquet"
    done = edited.snakemake(str(table), overlays=OVERLAYS, python=forked_python)
    assert done.returncode != 0
    split = pd.read_parquet(edited.folder / RUN / "scarce-3-1/split.parquet")
    first = split.loc[split["part"] == "withheld", "image_id"].min()
    assert f"withheld image {first} itself was seen by generator mine" in done.stdout
    assert not (edited.folder / table).exists()


def test_without_scarce_classes_the_target_says_what_to_do(project: Project) -> None:
    done = project.snakemake("scarcity", "--dry-run")
    assert done.returncode != 0
    assert "scarcity.classes: names no class" in done.stdout
