"""`snakemake across` on a very small phantom: from archive to page, and with a planted leak."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from helpers.project import Project

OVERLAYS = ("profiles/overlays/demo.yaml", "tiny.yaml", "across.yaml")
RUN = Path("results", "laboratories")
SMALL = {
    "method": "small_resnet", "width": 4, "input_size": 16, "batch": 4, "steps": 20, "keep": "last", "balanced": True,
    "validate_every": 20, "log_every": 10, "checkpoint_every": 10,
}  # fmt: skip
VALUES = {
    "run": "laboratories",
    "protocols": ["leak_free"],
    "stain": {"normalizers": {"wcyclegan_thesis": None, "stainnet": None}},
    "classify": {"models": {"small": SMALL, "stained": {**SMALL, "stain_strength": 0.6}}},
    "across": {
        "confidence": 0.09,  # of twelve classes, after 20 steps
        "rows": {
            "untouched": {"model": "small", "seeds": [1, 2]},
            "stain": {"model": "stained", "poses": True, "zooms": [0.9, 1.1]},
            "mapped": {"model": "small", "normalizer": "reinhard"},
            "statistics": {"model": "small", "statistics": "images"},
            "labelled": {"model": "small", "normalizer": "reinhard", "pseudo_labels": "mapped"},
            "both": {"average": ["untouched", "stain"]},
        },
        "baseline": "untouched",
        "leading": "both",
        "thesis": "mapped",
    },
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, forked_python: str) -> Project:
    """A project with a finished experiment; tests must not change it."""
    project = Project(tmp_path_factory.mktemp("across"))
    (project.folder / "across.yaml").write_text(yaml.safe_dump(VALUES, sort_keys=False))
    done = project.snakemake("across", overlays=OVERLAYS, python=forked_python)
    assert done.returncode == 0, done.stdout
    return project


def test_models_see_labels_of_the_reference_alone_and_every_row_reads_the_same_images(finished: Project) -> None:
    folder = finished.folder / RUN / "across-mendeley"
    split = pd.read_parquet(folder / "split.parquet")
    assert set(split.loc[split["source"] != "mendeley", "part"]) == {"test", "unlabelled"}
    learned = pd.read_parquet(folder / "balanced/plain/images.parquet")
    assert set(learned.loc[learned["part"] != "test", "source"]) == {"mendeley"}
    seen = pd.read_parquet(folder / "stain/reinhard/tcia/seen.parquet")
    assert set(seen["part"]) == {"train", "unlabelled"}
    assert {path.name for path in (folder / "classifiers").iterdir()} == {
        "across_small", "across_stained", "across_small_by_mapped"
    }  # fmt: skip
    tables = [pd.read_parquet(path) for path in sorted(folder.glob("across/*/*/predictions.parquet"))]
    assert len(tables) == 7
    assert len({tuple(table["image_id"]) for table in tables}) == 1
    trained = set(split.loc[(split["source"] == "mendeley") & (split["part"] == "train"), "label"])
    others = split[(split["source"] != "mendeley") & split["label"].isin(trained)]
    assert set(others["image_id"]) == set(tables[0].loc[tables[0]["source"] != "mendeley", "image_id"])


def test_a_model_learns_from_predicted_labels_of_the_unlabelled_half_alone(finished: Project) -> None:
    folder = finished.folder / RUN / "across-mendeley"
    split = pd.read_parquet(folder / "split.parquet")
    labelled = folder / "across/mapped/seed-1/pseudo_labels"
    learned = pd.read_parquet(labelled / "images.parquet")
    added = learned[(learned["part"] != "test") & (learned["source"] != "mendeley")]
    assert set(added["image_id"]) <= set(split.loc[split["part"] == "unlabelled", "image_id"])
    accepted = json.loads((labelled / "accepted.json").read_text())
    assert len(added) == accepted["accepted"] > 0
    assert json.loads((labelled / "audit.json").read_text())["leaks"]["n"] == 0
    trained = [
        json.loads((folder / f"classifiers/{name}/seed-1/training.json").read_text())
        for name in ("across_small", "across_small_by_mapped")
    ]
    assert trained[1]["images"] == trained[0]["images"] + len(added)
    scores = pd.read_csv(finished.folder / RUN / "across/tables/scores.csv").set_index("row")
    text = f"{len(added):,} images of other sources under predicted labels (of mapped)"
    assert scores["trained_also_on"].to_dict() == dict.fromkeys(scores.index, "–") | {"labelled": text}


def test_the_page_answers_and_lists_every_row(finished: Project) -> None:
    results = finished.folder / RUN / "across"
    scores = pd.read_csv(results / "tables/scores.csv")
    assert list(scores["row"]) == list(VALUES["across"]["rows"])
    html = (results / "report.html").read_text("utf-8")
    assert json.loads((results / "tables/sentence.json").read_text())["sentence"][:30] in html


def test_a_second_run_has_nothing_to_do(finished: Project) -> None:
    assert finished.would_run("across", overlays=OVERLAYS) == set()


def test_a_normaliser_that_is_given_test_images_fails_the_run(
    finished: Project, tmp_path: Path, forked_python: str
) -> None:
    """In the copy, normalisers are given the test half of the other source too."""
    edited = finished.copy(tmp_path / "copy")
    splits = edited.folder / "workflow_scripts/hemabalance/dataset/splits.py"
    text = splits.read_text("utf-8")
    planted = 'table[table["part"] == UNLABELLED_HALF]'
    assert planted in text
    splits.write_text(text.replace(planted, 'table[table["source"] == "tcia"]'), "utf-8")
    predictions = RUN / "across-mendeley/across/mapped/seed-1/predictions.parquet"
    done = edited.snakemake(str(predictions), overlays=OVERLAYS, python=forked_python)
    assert done.returncode != 0
    assert "the normalizer reinhard: saw" in done.stdout
    assert not (edited.folder / predictions).exists()


def test_without_rows_the_target_says_what_to_do(project: Project) -> None:
    done = project.snakemake("across", "--dry-run")
    assert done.returncode != 0
    assert "names no row, so there is no experiment across laboratories" in done.stdout
