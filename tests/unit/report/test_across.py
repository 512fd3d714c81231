"""The report on the experiment across laboratories: tables, sentence, figures, page, and the input it refuses."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.across_runs import (
    ARMS,
    CLASSES,
    COUNTS,
    SEEDS,
    AcrossFiles,
    image_of,
    image_rows,
    paths_in,
    predicted,
    small_experiment,
    split_table,
    written_run,
)
from helpers.browser import without_varying
from helpers.stain_runs import drawn
from hemabalance.classify.predictions import read_predictions, write_predictions
from hemabalance.dataset.imageset import write_image_set
from hemabalance.dataset.splits import UNLABELLED_HALF, read_split, write_split
from hemabalance.errors import InputError
from hemabalance.metrics.intervals import RESAMPLES
from hemabalance.report.across.predictions import ALL, OTHER_HALF, OWN, UNSEEN
from hemabalance.report.across.results import read_results
from hemabalance.report.across.runs import AcrossArms, AcrossPaths, AcrossRun, RowDescription
from hemabalance.report.across.sentence import answer
from hemabalance.report.across.write import write_across
from hemabalance.report.sheets import image_strip
from hemabalance.report.verdict import GAIN

N_ALL = sum(sum(COUNTS[source].values()) for source in ("north", "south"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> AcrossFiles:
    return small_experiment(tmp_path_factory.mktemp("runs"))


def write(files: AcrossFiles, folder: Path, arms: AcrossArms = ARMS) -> AcrossPaths:
    paths = paths_in(folder)
    write_across(files.runs, arms, paths, split=files.split, images=files.images, seed=3, run="small")
    return paths


@pytest.fixture(scope="module")
def paths(files: AcrossFiles, tmp_path_factory: pytest.TempPathFactory) -> AcrossPaths:
    return write(files, tmp_path_factory.mktemp("report"))


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype="str", keep_default_na=False)


def tables_of(files: AcrossFiles, row: str, part: str = ALL) -> list[pd.DataFrame]:
    """Predictions of a row on a part of the images, by seed."""
    split = read_split(files.split).set_index("image_id")["part"]
    tables = []
    for run in sorted(files.runs, key=lambda run: run.seed):
        if run.row == row:
            table = read_predictions(run.predictions)
            is_own, half = table["source"] == "home", table["image_id"].map(split)
            masks = {OWN: is_own, ALL: ~is_own, UNSEEN: ~is_own & (half == "test"), OTHER_HALF: half == UNLABELLED_HALF}
            tables.append(table[masks[part]])
    return tables


def accuracies(files: AcrossFiles, row: str, part: str = ALL) -> np.ndarray:
    """The accuracy with each seed, by hand."""
    return np.array([np.mean(table["predicted"] == table["label"]) for table in tables_of(files, row, part)])


# --- tables


def test_scores_are_means_over_seeds_on_each_part(files: AcrossFiles, paths: AcrossPaths) -> None:
    scores = read(paths.scores).set_index("row")
    assert scores.index.tolist() == list(ARMS.descriptions)
    for row, cells in scores.iterrows():
        for part in (OWN, UNSEEN, OTHER_HALF, ALL):
            shares = accuracies(files, str(row), part)
            assert float(cells[f"accuracy_{part}"]) == pytest.approx(shares.mean(), abs=6e-4)
            assert float(cells[f"accuracy_{part}_low"]) <= shares.mean() <= float(cells[f"accuracy_{part}_high"])
            assert int(cells[f"n_{part}"]) == len(tables_of(files, str(row), part)[0])
        recalls = [
            [np.mean(rows["predicted"] == label) for label, rows in table.groupby("label")]
            for table in tables_of(files, str(row))
        ]
        assert float(cells["balanced_accuracy_all"]) == pytest.approx(np.mean(recalls), abs=6e-4)
    assert (int(scores["n_all"].iloc[0]), int(scores["n_own_test"].iloc[0])) == (N_ALL, 60)
    assert int(scores["n_unseen_half"].iloc[0]) + int(scores["n_other_half"].iloc[0]) == N_ALL


def test_scores_give_the_spread_between_seeds(files: AcrossFiles, paths: AcrossPaths) -> None:
    scores = read(paths.scores).set_index("row")
    column = "accuracy_all_sd_between_seeds"
    assert float(scores.loc["posed", column]) == pytest.approx(accuracies(files, "posed").std(ddof=1), abs=6e-4)
    assert scores.loc["plain", column] == "–"
    assert scores["seeds"].astype(int).to_dict() == {row: len(seeds) for row, seeds in SEEDS.items()}
    assert scores.loc["plain", "intervals_over"] == "images"
    assert scores.loc["posed", "intervals_over"] == "seeds, images"


def test_rows_say_what_they_are_and_whether_they_use_other_images(paths: AcrossPaths) -> None:
    scores = read(paths.scores).set_index("row")
    assert scores["role"].tolist() == ["baseline", "leading", "thesis's normaliser", "–", "–", "–"]
    used = scores["uses_other_images"] == "yes, without labels"
    assert used[used].index.tolist() == ["stained", "adapted", "average"]
    assert set(scores["uses_other_images"]) == {"yes, without labels", "no"}
    posed = scores.loc["posed", ["model", "normalizer", "poses", "zooms", "statistics", "members"]]
    assert posed.tolist() == ["cnn", "–", "yes", "0.8, 1", "training", "–"]
    assert scores.loc["average", ["model", "zooms", "members"]].tolist() == ["–", "–", "posed, adapted"]


def test_a_row_that_was_trained_on_predicted_labels_says_on_how_many(
    files: AcrossFiles, paths: AcrossPaths, tmp_path: Path
) -> None:
    assert "trained_also_on" not in read(paths.scores)
    accepted = {run.seed: tmp_path / f"{run.seed}.json" for run in files.runs if run.row == "posed"}
    for seed, path in accepted.items():
        path.write_text(json.dumps({"accepted": 30 + seed}))
    runs = [replace(run, pseudo_labels=accepted[run.seed]) if run.row == "posed" else run for run in files.runs]
    posed = replace(ARMS.descriptions["posed"], pseudo_labels="plain")
    arms = replace(ARMS, descriptions={**ARMS.descriptions, "posed": posed})
    scores = read(write(replace(files, runs=runs), tmp_path, arms).scores).set_index("row")
    text = "31 to 33 images of other sources under predicted labels (of plain)"
    assert scores["trained_also_on"].to_dict() == dict.fromkeys(ARMS.descriptions, "–") | {"posed": text}
    used = scores["uses_other_images"] == "yes, without labels"
    assert used[used].index.tolist() == ["posed", "stained", "adapted", "clean_average", "average"]
    page = (tmp_path / "page.html").read_text("utf-8")
    assert text in page
    assert "using images of north and south without their labels" in page


def test_seconds_of_an_average_are_those_of_all_its_networks(paths: AcrossPaths) -> None:
    scores = read(paths.scores).set_index("row")
    assert scores.loc["plain", "training_seconds"] == "11.0"
    assert scores.loc["posed", "training_seconds"] == "12.0"  # 11, 12 and 13 with the seeds 1, 2 and 3
    assert scores.loc["average", "training_seconds"] == "32.0"  # 11 + 21
    assert set(scores["training_images"]) == {"100"}


def test_differences_are_to_the_baseline_and_to_the_leading_row(files: AcrossFiles, paths: AcrossPaths) -> None:
    rows = read(paths.differences)
    others = [row for row in ARMS.descriptions if row not in ("plain", "posed")]
    pairs = [*((row, "plain") for row in ("posed", *others)), *((row, "posed") for row in others)]
    assert list(zip(rows["row"], rows["less"], strict=True)) == [pair for pair in pairs for _ in range(2)]
    assert rows["images"].tolist() == ["the half that no fit saw", "all"] * len(pairs)
    for cells in rows.itertuples():
        part = ALL if cells.images == "all" else UNSEEN
        expected = accuracies(files, cells.row, part).mean() - accuracies(files, cells.less, part).mean()
        assert float(cells.accuracy_difference) == pytest.approx(expected, abs=6e-4)
        assert int(cells.n) == len(tables_of(files, cells.row, part)[0])
    assert rows["reading"].iloc[1] == GAIN
    over = rows.set_index(["row", "less", "images"])["intervals_over"]
    assert over["stained", "posed", "all"] == "seeds, images"
    assert over["adapted", "posed", "all"] == "seeds (not in pairs), images"
    assert over["average", "plain", "all"] == "images"


def test_rows_with_the_same_seeds_are_paired(files: AcrossFiles) -> None:
    of_posed = {run.seed: run.predictions for run in files.runs if run.row == "posed"}
    runs = [replace(run, predictions=of_posed[run.seed]) if run.row == "stained" else run for run in files.runs]
    results = read_results(runs, ARMS, files.split, seed=3)
    difference = results.rows["stained"].less(results.rows["posed"], ALL)
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)


def test_intervals_are_those_of_a_bootstrap_over_seeds_and_images(files: AcrossFiles, paths: AcrossPaths) -> None:
    """Compared with a bootstrap that draws one image and one seed after the other."""
    tables = tables_of(files, "posed")
    correct = np.stack([(table["predicted"] == table["label"]).to_numpy() for table in tables])
    strata = [np.flatnonzero(tables[0]["label"] == label) for label in CLASSES]
    rng = np.random.default_rng(0)
    values = []
    for _ in range(RESAMPLES):
        images = np.concatenate([rng.choice(members, len(members)) for members in strata if len(members)])
        values.append(correct[rng.integers(3, size=3)][:, images].mean())
    cells = read(paths.scores).set_index("row").loc["posed"]
    low, high = np.percentile(values, (2.5, 97.5))
    assert float(cells["accuracy_all_low"]) == pytest.approx(low, abs=0.015)
    assert float(cells["accuracy_all_high"]) == pytest.approx(high, abs=0.015)


def test_recalls_are_of_the_classes_that_other_sources_have(files: AcrossFiles, paths: AcrossPaths) -> None:
    rows = read(paths.classes).set_index(["row", "class"])
    assert rows.index.tolist() == [(row, label) for row in ARMS.descriptions for label in CLASSES[:3]]
    for (row, label), cells in rows.iterrows():
        of_class = [table[table["label"] == label] for table in tables_of(files, row)]
        correct = np.mean([(table["predicted"] == label).sum() for table in of_class])
        assert int(cells["n"]) == COUNTS["north"][label] + COUNTS["south"].get(label, 0)
        assert float(cells["correct"]) == pytest.approx(correct, abs=0.06)
        assert float(cells["recall"]) == pytest.approx(correct / int(cells["n"]), abs=6e-4)
    assert re.fullmatch(r"\d+", rows.loc[("plain", "blast"), "correct"])


# --- the sentence


def test_the_sentence_says_the_accuracy_of_the_leading_row_and_the_gain_over_the_thesis(
    files: AcrossFiles, paths: AcrossPaths
) -> None:
    content = json.loads(paths.sentence.read_text("utf-8"))
    posed, stained = (accuracies(files, row).mean() for row in ("posed", "stained"))
    interval = r" \(0\.\d\d to 0\.\d\d\)"
    assert re.fullmatch(
        rf"Trained on the labels of home alone, posed classifies {posed:.2f}{interval} of the n = 80 images of north "
        r"and south correctly, without using any image of north and south; the thesis's normaliser \(stained\) "
        rf"{stained:.2f}, a difference of \{posed - stained:+.2f} \([+-]0\.\d\d to [+-]0\.\d\d\): gain shown\.",
        content["sentence"],
    )
    unseen = accuracies(files, "posed", UNSEEN).mean()
    n = len(tables_of(files, "posed", UNSEEN)[0])
    start = f"Of the n = {n} of them in the half that no fit saw, it classifies {unseen:.2f} ("
    assert content["unseen"].startswith(start)
    assert f"(n = {80 - n}), without its labels" in content["note"]
    assert f"No fit saw the other half (n = {n}), and nothing may be chosen by it" in content["note"]
    assert "Means over the seeds of a row, of which there are 1 or 2 or 3." in content["numbers"]
    assert content["all"]["value"] == pytest.approx(posed)
    assert content["all"]["difference"]["value"] == pytest.approx(posed - stained)
    assert (content["leading"], content["others"], content["uses_other_images"]) == ("posed", ["north", "south"], False)


@pytest.mark.parametrize("thesis", [None, "adapted"])
def test_without_another_row_of_the_thesis_nothing_is_said_about_it(files: AcrossFiles, thesis: str | None) -> None:
    arms = replace(ARMS, leading="adapted", thesis=thesis)
    content = answer(read_results(files.runs, arms, files.split, seed=3))
    assert content["sentence"].endswith("correctly, using images of north and south without their labels.")
    assert "thesis" not in content["sentence"] + content["unseen"]
    assert content["all"]["difference"] is content["unseen_half"]["thesis"] is None


def test_no_other_half_is_not_available(files: AcrossFiles, tmp_path: Path) -> None:
    split = read_split(files.split).replace({UNLABELLED_HALF: "test"})
    write_split(split, tmp_path / "split.parquet")
    paths = write(replace(files, split=tmp_path / "split.parquet"), tmp_path)
    cells = read(paths.scores).iloc[0]
    assert (cells["accuracy_other_half"], cells["n_other_half"]) == ("not available", "0")
    assert cells["accuracy_all"] == cells["accuracy_unseen_half"]


def test_a_single_row_has_a_page_that_says_there_is_no_difference(files: AcrossFiles, tmp_path: Path) -> None:
    arms = replace(ARMS, baseline="plain", leading="plain", thesis=None)
    arms = replace(arms, descriptions={"plain": ARMS.descriptions["plain"]})
    paths = write(replace(files, runs=[run for run in files.runs if run.row == "plain"]), tmp_path, arms)
    assert read(paths.differences)["reason"].tolist() == ["this run has no row for this table"]
    assert "this run has no row for this table" in paths.page.read_text("utf-8")


# --- figures and page


def test_the_confusion_matrix_is_of_the_first_seed_on_other_sources(files: AcrossFiles, paths: AcrossPaths) -> None:
    _, text = drawn(paths.confusion)
    table = tables_of(files, "posed")[0]
    right = (table["predicted"] == table["label"]).sum()
    heading = f"posed, seed 1, labels of home, images of north and south: 80 test images, of which {right} on the"
    assert heading in text
    assert "seen at home only (n = 0)" in text


def test_mistakes_are_shown_by_true_class_with_both_classes(files: AcrossFiles, paths: AcrossPaths) -> None:
    pictures, text = drawn(paths.mistakes)
    table = tables_of(files, "posed")[0]
    wrong = table[table["predicted"] != table["label"]].sort_values(["label", "predicted", "image_id"])
    strips = [rows.iloc[start : start + 9] for _, rows in wrong.groupby("label") for start in range(0, len(rows), 9)]
    assert len(pictures) == len(strips)
    for picture, rows in zip(pictures, strips, strict=True):
        expected = image_strip([image_of(files, image_id) for image_id in rows["image_id"]], 9)
        np.testing.assert_array_equal(picture, expected)
    assert f"{len(wrong)} of 80 images are misclassified" in text
    for label, rows in wrong.groupby("label"):
        assert re.search(
            rf"{str(label).replace('_', ' ')}\s+{len(rows)} of {(table['label'] == label).sum()} wrong", text
        )
    said = re.findall(r"as\s+(blast|common cell|rare cell|seen at home\s+only)", text)
    assert len(said) == len(wrong)


def test_a_row_without_mistakes_has_an_empty_sheet(files: AcrossFiles, tmp_path: Path) -> None:
    perfect = predicted(image_rows(), 1.0, seed=1)
    runs = [run for run in files.runs if run.row != "posed"] + [written_run(tmp_path, "posed", 1, perfect)]
    paths = write(replace(files, runs=runs), tmp_path)
    pictures, text = drawn(paths.mistakes)
    assert not pictures
    assert "no mistake among 80 images" in text


def test_a_class_with_many_mistakes_shows_some(files: AcrossFiles, tmp_path: Path) -> None:
    blind = predicted(image_rows(), 0.0, seed=1)
    runs = [run for run in files.runs if run.row != "posed"] + [written_run(tmp_path, "posed", 1, blind)]
    pictures, text = drawn(write(replace(files, runs=runs), tmp_path).mistakes)
    assert re.search(r"common cell\s+40 of 40 wrong,\s+36 shown", text)
    assert len(pictures) == 4 + 4 + 1  # 34, 36 of 40 and 6 images


def test_the_page_shows_every_row_and_the_sentence_on_top(paths: AcrossPaths) -> None:
    page = paths.page.read_text("utf-8")
    content = json.loads(paths.sentence.read_text("utf-8"))
    text = page.replace("&#39;", "'")
    for words in ("sentence", "unseen", "note", "numbers"):
        assert content[words] in text
    assert "experiment across laboratories of run “small”" in page
    for path in (paths.scores, paths.differences, paths.classes, paths.confusion, paths.mistakes):
        assert f'id="{path.name}"' in page
    for row in ARMS.descriptions:
        assert f'<td class="text">{row}</td>' in page
    assert page.count("yes, without labels") == 3
    assert "{{" not in page
    assert "The archives" not in page


def test_the_same_seed_writes_the_same_bytes(files: AcrossFiles, paths: AcrossPaths, tmp_path: Path) -> None:
    again = write(files, tmp_path)
    for name in ("scores", "differences", "classes", "confusion", "mistakes", "sentence", "page"):
        assert without_varying(getattr(again, name).read_bytes()) == without_varying(getattr(paths, name).read_bytes())


# --- refused input


def other_images(folder: Path, files: AcrossFiles) -> list[AcrossRun]:
    counts = {**COUNTS, "south": {"blast": 11, "common_cell": 4}}
    return [*files.runs[:-1], written_run(folder, "average", 1, predicted(image_rows(counts), 0.5, seed=1))]


def no_other_source(folder: Path, files: AcrossFiles) -> list[AcrossRun]:
    table = predicted(image_rows({"home": COUNTS["home"]}), 0.5, seed=1)
    return [written_run(folder, run.row, run.seed, table) for run in files.runs]


def no_own_image(folder: Path, files: AcrossFiles) -> list[AcrossRun]:
    table = predicted(image_rows({"north": COUNTS["north"]}), 0.5, seed=1)
    return [written_run(folder, run.row, run.seed, table) for run in files.runs]


def some_images(folder: Path, files: AcrossFiles) -> list[AcrossRun]:
    table = predicted(image_rows({**COUNTS, "south": {"blast": 10, "common_cell": 1}}), 0.5, seed=1)
    return [written_run(folder, run.row, run.seed, table) for run in files.runs]


def more_images(folder: Path, files: AcrossFiles) -> list[AcrossRun]:
    table = predicted(image_rows({**COUNTS, "south": {"blast": 11, "common_cell": 4}}), 0.5, seed=1)
    return [written_run(folder, run.row, run.seed, table) for run in files.runs]


def no_training_file(folder: Path, files: AcrossFiles) -> list[AcrossRun]:
    return [*files.runs[:-1], replace(files.runs[-1], trainings=(folder / "none.json",))]


def broken_training_file(folder: Path, files: AcrossFiles) -> list[AcrossRun]:
    (folder / "broken.json").write_text('{"seconds": 3.0}')
    return [*files.runs[:-1], replace(files.runs[-1], trainings=(folder / "broken.json",))]


def listed_twice(folder: Path, files: AcrossFiles) -> list[AcrossRun]:
    return [*files.runs, files.runs[0]]


def without_leading(folder: Path, files: AcrossFiles) -> list[AcrossRun]:
    return [run for run in files.runs if run.row != "posed"]


def without_trainings(folder: Path, files: AcrossFiles) -> list[AcrossRun]:
    return [replace(files.runs[0], trainings=()), *files.runs[1:]]


def broken_labelling_file(folder: Path, files: AcrossFiles) -> list[AcrossRun]:
    (folder / "broken.json").write_text("{}")
    return [*files.runs[:-1], replace(files.runs[-1], pseudo_labels=folder / "broken.json")]


Change = Callable[[Path, AcrossFiles], list[AcrossRun]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            listed_twice,
            r"the row plain: is listed 2 times with the seed 1 \(\S+plain_1\.parquet, \S+plain_1\.parquet\)",
        ),
        (other_images, r"average_1\.parquet: is of other test images than \S+plain_1\.parquet \(1 images"),
        (no_other_source, r"plain_1\.parquet: has no image of another source than home"),
        (no_own_image, r"plain_1\.parquet: has no image of the source home"),
        (some_images, r"plain_1\.parquet: lacks 3 test images of \S+split\.parquet, first south/common_cell/001"),
        (
            more_images,
            r"plain_1\.parquet: has 1 images .* \S+split\.parquet, first south/blast/010 \(not in the split\)",
        ),
        (without_leading, r"the row posed: has no predictions, but the role “leading” in the comparison"),
        (without_trainings, r"the row plain: has no training\.json .* seed 1 \(\S+plain_1\.parquet\)"),
        (no_training_file, r"none\.json: cannot be read as the record of a training \(FileNotFoundError"),
        (broken_training_file, r"broken\.json: cannot be read as the record of a training \(KeyError: 'images'\)"),
        (broken_labelling_file, r"broken\.json: cannot be read as the record of a training \(KeyError: 'accepted'\)"),
    ],
)
def test_wrong_input_is_refused_with_its_file(files: AcrossFiles, tmp_path: Path, change: Change, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_results(change(tmp_path, files), ARMS, files.split, seed=1)


def test_a_row_without_a_description_is_refused(files: AcrossFiles) -> None:
    descriptions = {row: entry for row, entry in ARMS.descriptions.items() if row != "adapted"}
    with pytest.raises(InputError, match="the row adapted: has no description"):
        read_results(files.runs, replace(ARMS, descriptions=descriptions), files.split, seed=1)
    average = RowDescription("", None, False, (1.0,), "training", ("posed", "unknown"))
    arms = replace(ARMS, descriptions={**ARMS.descriptions, "average": average})
    with pytest.raises(InputError, match="the row unknown: has no description"):
        read_results(files.runs, arms, files.split, seed=1)


@pytest.mark.parametrize(
    ("source", "part", "message"),
    [
        ("home", "validation", r"plain_1\.parquet: has 60 images .* first home/blast/000 \(in its part validation\)"),
        ("home", UNLABELLED_HALF, r"plain_1\.parquet: has 60 images .* \(in its part unlabelled\)"),
        ("north", "train", r"plain_1\.parquet: has 66 images .* first north/blast/000 \(in its part train\)"),
    ],
)
def test_predictions_of_images_that_are_no_test_images_are_refused(
    files: AcrossFiles, tmp_path: Path, source: str, part: str, message: str
) -> None:
    split = split_table(image_rows())
    split.loc[split["source"] == source, "part"] = part
    write_split(split, tmp_path / "split.parquet")
    with pytest.raises(InputError, match=message):
        read_results(files.runs, ARMS, tmp_path / "split.parquet", seed=1)


def test_a_split_without_an_unseen_half_is_refused(files: AcrossFiles, tmp_path: Path) -> None:
    split = split_table(image_rows())
    split.loc[split["source"] != "home", "part"] = UNLABELLED_HALF
    write_split(split, tmp_path / "split.parquet")
    with pytest.raises(InputError, match=r"split\.parquet: has all images of other sources in the half that may be"):
        read_results(files.runs, ARMS, tmp_path / "split.parquet", seed=1)


def test_an_image_set_without_an_image_is_refused(files: AcrossFiles, tmp_path: Path) -> None:
    rows = image_rows({"home": COUNTS["home"]}).assign(origin="real", provenance="{}")
    images = tmp_path / "few.zip", tmp_path / "few.parquet"
    write_image_set(*images, rows, np.zeros((len(rows), 8, 8, 3), np.uint8), threads=1)
    with pytest.raises(InputError, match=r"few\.zip: lacks (north|south)/"):
        write(replace(files, images=images), tmp_path)


def test_other_labels_are_refused(files: AcrossFiles, tmp_path: Path) -> None:
    table = predicted(image_rows(), 0.5, seed=1)
    table["label"] = table["label"].to_numpy()[::-1]
    write_predictions(table, tmp_path / "labels.parquet")
    runs = [*files.runs[:-1], replace(files.runs[-1], predictions=tmp_path / "labels.parquet")]
    with pytest.raises(InputError, match=r"labels\.parquet: has other labels of the same test images than"):
        read_results(runs, ARMS, files.split, seed=1)
