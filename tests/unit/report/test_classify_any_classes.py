"""Tables and figures of classifiers of any number of classes, in a run without the thesis's preset."""

import re
from pathlib import Path

import pandas as pd
import pytest

from helpers.classifier_runs import OURS, PLAIN, ROWS, ClassifierRun, build_run, compare_runs
from helpers.photographs import photograph
from helpers.stain_runs import drawn
from hemabalance.dataset.imageset import ImageSet, write_image_set
from hemabalance.report.cells import write_csv
from hemabalance.report.classify.ablations import ablations_figure, ablations_of, ablations_table
from hemabalance.report.classify.bars import models_figure
from hemabalance.report.classify.classes import classes_figure
from hemabalance.report.classify.confusion import confusion_figure
from hemabalance.report.classify.examples import examples_figure, mistakes_figure
from hemabalance.report.classify.headline import headline
from hemabalance.report.classify.scores import classify_tables

NUMBERS = (2, 3, 25, 40)


def classes_of(number: int) -> tuple[str, ...]:
    return tuple(f"kind_{index:02d}_of_cells" for index in range(number))


def runs_of(folder: Path, number: int) -> dict[str, ClassifierRun]:
    """Two trainings of models of so many classes; one class has no test image."""
    classes = classes_of(number)
    counts = {label: 5 + index for index, label in enumerate(classes)} | {classes[-1]: 0 if number > 2 else 4}
    sources = ("north", "south", "west")
    return {
        name: build_run(
            folder, name, skill=3.0, like=like, counts=counts, classes=classes, sources=sources, preset="none"
        )
        for name, like in (("balanced", OURS), ("plain", PLAIN))
    }


@pytest.fixture(scope="module", params=NUMBERS)
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ClassifierRun]:
    return runs_of(tmp_path_factory.mktemp("runs"), request.param)


def size_of(path: Path) -> tuple[float, float]:
    """Width and height of an SVG in inches."""
    found = re.search(r'<svg [^>]*?width="([\d.]+)pt" height="([\d.]+)pt"', path.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return float(found[1]) / 72, float(found[2]) / 72


def test_tables_have_the_models_classes_and_no_reported_column(runs: dict[str, ClassifierRun], tmp_path: Path) -> None:
    results = [run.scored for run in runs.values()]
    classes = list(results[0].classes)
    tables = classify_tables(results, preset="none")
    assert tables["classes"]["class"].drop_duplicates().tolist() == classes
    assert tables["sources"]["source"].drop_duplicates().tolist() == ["north", "south", "west"]
    assert tables["models"]["experiment"].tolist() == ["balanced", "plain"]
    comparisons = [compare_runs([runs["balanced"]], [runs["plain"]])]
    tables["ablations"] = ablations_table(ablations_of(ROWS, results, comparisons, preset="none"), preset="none")
    for name, table in tables.items():
        write_csv(table, tmp_path / name)
        text = (tmp_path / name).read_text("utf-8")
        assert "report" not in text
        assert "thesis" not in text
    opening = headline(results[0], results[1], comparisons[0], [], preset="none")
    assert opening["reported"] == ""
    assert "thesis" not in str(opening)


def test_figures_name_every_class_and_nothing_of_the_thesis(runs: dict[str, ClassifierRun], tmp_path: Path) -> None:
    results = [run.scored for run in runs.values()]
    comparison = compare_runs([runs["balanced"]], [runs["plain"]])
    rows = ablations_of(ROWS[:2], results, [comparison], preset="none")
    classes_figure({result.name: result for result in results}, tmp_path / "classes.svg")
    confusion_figure(results[0], tmp_path / "confusion.svg")
    models_figure(results, tmp_path / "models.svg", preset="none")
    ablations_figure(rows, tmp_path / "ablations.svg", preset="none")
    for path in tmp_path.glob("*.svg"):
        assert not re.search("reported|thesis", drawn(path)[1])
    for name in ("classes", "confusion"):
        text = drawn(tmp_path / f"{name}.svg")[1]
        assert all(label.replace("_", " ") in text for label in results[0].classes)
    assert "not trained here" not in drawn(tmp_path / "models.svg")[1]


def test_sizes_grow_with_the_number_of_classes(tmp_path: Path) -> None:
    heights: dict[str, list[float]] = {"classes": [], "confusion": []}
    for number in NUMBERS:
        (tmp_path / str(number)).mkdir()
        result = runs_of(tmp_path / str(number), number)["balanced"].scored
        classes_figure({"balanced": result}, tmp_path / "classes.svg")
        confusion_figure(result, tmp_path / "confusion.svg")
        for name, found in heights.items():
            found.append(size_of(tmp_path / f"{name}.svg")[1])
    for found in heights.values():
        assert found == sorted(found)
        assert found[-1] > 40 * 0.4  # inches: a row of a class holds its text


def test_examples_show_at_most_twelve_confidences(runs: dict[str, ClassifierRun], tmp_path: Path) -> None:
    table = runs["balanced"].predictions
    classes = runs["balanced"].scored.classes
    rows = table[["image_id", "label", "source"]].assign(origin="real", provenance="{}")
    paths = tmp_path / "real.zip", tmp_path / "real.parquet"
    write_image_set(*paths, rows.astype("str"), [photograph(seed, 20) for seed in range(len(rows))], threads=1)
    one = table[table["predicted"] != table["label"]].head(1)
    one = pd.concat([one, table[table["label"] == classes[0]].head(1)]).head(1)
    with ImageSet(*paths) as images:
        examples_figure(images, one, tmp_path / "a.svg", heading="h", seed=1)
        mistakes_figure(images, table, tmp_path / "b.svg", heading="h")
    bars = re.findall(
        r'clip-path="url\(#\w+\)" style="fill: #(0072b2|d55e00|55555f)"', (tmp_path / "a.svg").read_text()
    )
    assert len(bars) == min(12, len(classes))
    assert bars.count("0072b2") == 1
    text = re.sub(r"\s+", " ", drawn(tmp_path / "a.svg")[1])
    words = {2: "the two confidences", 3: "the three confidences"}
    expected = words.get(len(classes), f"twelve of the {len(classes)} confidences")
    assert f"bars are {expected}" in text
