import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from makers import hand_made

from hemabalance.classify.compare import (
    compare,
    compare_seeds,
    over_seeds,
    read_over_seeds,
    require_distinct,
    spread_over_seeds,
    write_comparison,
)
from hemabalance.classify.evaluate import outputs, predict_test
from hemabalance.classify.measure import measure, measure_predictions
from hemabalance.classify.predictions import (
    PROBABILITIES,
    SCHEMA,
    codes_of,
    make_predictions,
    probabilities_of,
    read_predictions,
    write_predictions,
)
from hemabalance.classify.yardstick import write_yardstick, yardstick
from hemabalance.dataset.manifest import write_manifest
from hemabalance.errors import InputError
from hemabalance.metrics.calibration import COLDEST, tempered
from hemabalance.taxonomy import CLASSES

HEADLINE = {
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "macro_auroc",
    "expected_calibration_error",
    "negative_log_likelihood",
}
OF_CLASS = {"sensitivity", "specificity", "one_vs_rest_accuracy", "precision", "f1", "auroc"}


def rows_of(labels: list[str], source: str = "mendeley") -> pd.DataFrame:
    ids = [f"{source}/{place:04d}" for place in range(len(labels))]
    return pd.DataFrame({"image_id": ids, "source": source, "label": labels}, dtype="str")


def logits_of(rows: pd.DataFrame, seed: int = 1, skill: float = 2.0) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(size=(len(rows), len(CLASSES)))
    logits[np.arange(len(rows)), codes_of(rows["label"])] += skill
    return logits.astype(np.float32)


def some_labels(n: int, seed: int = 1, classes: tuple[str, ...] = CLASSES) -> list[str]:
    return np.random.default_rng(seed).choice(classes, n).tolist()


def predictions(n: int = 120, seed: int = 1, skill: float = 2.0, **labels: Any) -> pd.DataFrame:
    rows = rows_of(some_labels(n, **labels))
    return make_predictions(rows, logits_of(rows, seed, skill), 1.0)


class Lookup:
    """A model that has learned each image by heart: a picture's first pixel is its place among known logits."""

    def __init__(self, logits: np.ndarray) -> None:
        self.classes, self.known, self.asked = CLASSES, logits, 0

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        assert len(pixels)
        self.asked += len(pixels)
        return self.known[pixels[:, 0, 0, 0]]


def pictures(places: np.ndarray) -> np.ndarray:
    return np.broadcast_to(places.astype(np.uint8)[:, None, None, None], (len(places), 4, 4, 3))


# --- the table of predictions


def test_predictions_are_sorted_and_sum_to_one(tmp_path: Path) -> None:
    rows = rows_of(some_labels(50)).iloc[::-1]
    logits = logits_of(rows)
    table = make_predictions(rows, logits, 2.0)
    assert list(table.columns) == ["image_id", "source", "label", "predicted", "confidence", *PROBABILITIES]
    assert table["image_id"].tolist() == sorted(rows["image_id"])
    np.testing.assert_allclose(probabilities_of(table).sum(1), 1, atol=1e-6)
    expected = pd.Series(np.array(CLASSES)[logits.argmax(1)], index=rows["image_id"])
    assert table.set_index("image_id")["predicted"].to_dict() == expected.to_dict()
    np.testing.assert_allclose(probabilities_of(table)[::-1], tempered(logits, 2.0), rtol=1e-6)
    write_predictions(table, tmp_path / "p.parquet")
    assert read_predictions(tmp_path / "p.parquet").equals(table)


def test_a_class_that_rounding_ties_is_still_the_one_predicted() -> None:
    rows = rows_of(["platelet"])
    logits = np.zeros((1, 12))
    logits[0, 7] = 1e-4
    table = make_predictions(rows, logits, 1e4)
    assert probabilities_of(table)[0].max() == probabilities_of(table)[0].min()
    assert table["predicted"].tolist() == ["myeloblast"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda t: t.assign(p_basophil=np.float32(0.9)), "probabilities sum to 1"),
        (lambda t: t.assign(confidence=np.float32(0.999)), "the confidence is the highest probability"),
        (lambda t: t.assign(predicted="platelet"), "that of the predicted class"),
        (lambda t: t.iloc[::-1], "sorted by image_id"),
        (lambda t: t.assign(label="blast"), "label"),
        (lambda t: t.drop(columns="p_platelet"), "p_platelet"),
    ],
)
def test_a_spoilt_table_of_predictions_is_refused(tmp_path: Path, spoil: Callable[..., Any], said: str) -> None:
    spoil(predictions()).to_parquet(tmp_path / "p.parquet", index=False)
    with pytest.raises(InputError, match=said) as caught:
        read_predictions(tmp_path / "p.parquet")
    assert str(tmp_path / "p.parquet") in str(caught.value)


@pytest.mark.parametrize(("logits", "said"), [(np.zeros((2, 12)), "shape"), (np.full((1, 12), np.nan), "finite")])
def test_logits_that_do_not_fit_their_rows(logits: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make_predictions(rows_of(["platelet"]), logits, 1.0)


# --- predicting the test images


def evaluated(
    folder: Path, logits: np.ndarray, rows: pd.DataFrame, checked: int, trained: tuple[str, ...] = CLASSES
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Of the pictures, the first `checked` are for validation and the others for the test."""
    places = np.arange(len(rows))
    seen, said = (outputs(Lookup(logits), pictures(part)) for part in (places[:checked], places[checked:]))
    labels = rows["label"].to_numpy(dtype=str)[:checked]
    paths = {"predictions": folder / "p.parquet", "calibration": folder / "c.json"}
    predict_test(labels, seen, rows.iloc[checked:], said, trained=trained, **paths)
    return read_predictions(paths["predictions"]), json.loads(paths["calibration"].read_text("utf-8"))


def test_a_boaster_is_calibrated_on_the_validation_images(tmp_path: Path) -> None:
    rows = rows_of(some_labels(250))
    logits = 5 * logits_of(rows, skill=1.5)
    table, calibration = evaluated(tmp_path, logits, rows, 120)
    assert (calibration["validation"]["n"], calibration["test"]["n"], len(table)) == (120, 130, 130)
    assert calibration["temperature"] > 2
    for part in ("validation", "test"):
        assert calibration[part]["nll_after"] < calibration[part]["nll_before"]
    assert calibration["test"]["ece_after"] < calibration["test"]["ece_before"] / 2
    assert not calibration["validation"]["at_bound"]
    assert sum(one["n"] for one in calibration["test"]["bins"]) == 130
    np.testing.assert_allclose(probabilities_of(table), tempered(logits[120:], calibration["temperature"]), rtol=1e-5)


def test_the_temperature_sees_no_test_image(tmp_path: Path) -> None:
    rows = rows_of(some_labels(120))
    logits = logits_of(rows)
    _, one = evaluated(tmp_path, logits, rows, 60)
    logits[60:] *= 9
    _, other = evaluated(tmp_path, logits, rows, 60)
    assert one["temperature"] == other["temperature"]
    assert one["test"]["nll_before"] != other["test"]["nll_before"]


def test_validation_images_of_a_class_never_trained_on_are_left_out(tmp_path: Path) -> None:
    rows = rows_of(["platelet", "neutrophil"] * 40 + ["monoblast"] * 4 + ["platelet"] * 10)
    logits = logits_of(rows, skill=3.0)
    logits[:, CLASSES.index("monoblast")] = -1e9
    trained = ("neutrophil", "platelet")
    _, calibration = evaluated(tmp_path, logits, rows, 84, trained)
    assert calibration["validation"]["n"] == 80
    assert calibration["temperature"] < 5


def test_perfect_validation_keeps_the_temperature_in_its_bounds(tmp_path: Path) -> None:
    rows = rows_of(some_labels(60))
    table, calibration = evaluated(tmp_path, logits_of(rows, skill=50), rows, 30)
    assert (calibration["temperature"], calibration["validation"]["at_bound"]) == (COLDEST, True)
    assert (table["predicted"] == table["label"]).all()


def test_no_validation_and_no_test_image(tmp_path: Path) -> None:
    rows = rows_of(some_labels(20))
    _, calibration = evaluated(tmp_path, logits_of(rows), rows, 0)
    assert (calibration["temperature"], calibration["validation"]["nll_after"]) == (1.0, None)
    assert calibration["test"]["ece_after"] == calibration["test"]["ece_before"]
    table, calibration = evaluated(tmp_path, logits_of(rows), rows, 20)
    assert (len(table), calibration["test"]["ece_after"], calibration["test"]["nll_before"]) == (0, None, None)
    metrics = measure(table, calibration, experiment="e", protocol="leak_free", seed=1, draw=1)
    assert {one["value"] for one in metrics["metrics"].values()} == {None}
    assert "no test image" in metrics["notes"]["classes"]


def test_outputs_that_are_no_numbers_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    rows = rows_of(some_labels(20))
    logits = logits_of(rows)
    logits[15, 3] = np.nan
    with pytest.raises(InputError, match="not finite numbers"):
        evaluated(tmp_path, logits, rows, 10)
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_other_classes_is_refused() -> None:
    model = Lookup(np.zeros((3, 12), np.float32))
    model.classes = CLASSES[::-1]
    with pytest.raises(ValueError, match="not the twelve"):
        outputs(model, pictures(np.arange(0)))


# --- metrics.json


def measured(table: pd.DataFrame, **more: Any) -> dict[str, Any]:
    found = measure(
        table, {"temperature": 1.0}, **({"experiment": "e", "protocol": "leak_free", "seed": 1} | more), draw=5
    )
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def test_metrics_have_the_documented_shape() -> None:
    found = measured(predictions(300), seed=3)
    head = {name: found[name] for name in ("experiment", "protocol", "seed", "n", "calibration", "notes")}
    named = {"experiment": "e", "protocol": "leak_free", "seed": 3}
    assert head == named | {"n": 300, "calibration": {"temperature": 1.0}, "notes": {}}
    assert set(found["metrics"]) == HEADLINE
    for one in found["metrics"].values():
        assert one["low"] <= one["value"] <= one["high"]
        assert one["n"] == 300
    assert [row["label"] for row in found["classes"]] == list(CLASSES)
    assert all(set(row) == {"label", "n"} | OF_CLASS for row in found["classes"])
    assert sum(row["n"] for row in found["classes"]) == 300
    assert found["confusion"]["classes"] == list(CLASSES)
    counts = np.array(found["confusion"]["counts"])
    assert counts.sum() == 300
    assert found["metrics"]["accuracy"]["value"] == pytest.approx(np.trace(counts) / 300)
    assert "split after balancing" in measured(predictions(), protocol="thesis")["how"]["protocol"].lower()


def test_sources_are_measured_apart() -> None:
    good, bad = rows_of(some_labels(60)), rows_of(some_labels(40, seed=2), "tcia")
    logits = np.concatenate([logits_of(good, skill=50), logits_of(bad, skill=-50)])
    table = make_predictions(pd.concat([good, bad]), logits, 1.0)
    found = measured(table)
    of_source = {row["source"]: row for row in found["sources"]}
    assert {source: row["n"] for source, row in of_source.items()} == {"mendeley": 60, "tcia": 40}
    assert all(set(row) == {"source", "n"} | HEADLINE for row in found["sources"])
    assert of_source["mendeley"]["accuracy"]["value"] == 1
    assert of_source["tcia"]["accuracy"]["value"] == 0
    assert found["metrics"]["accuracy"]["value"] == 0.6
    alone = measured(table[table["source"] == "mendeley"])
    assert alone["metrics"] == {name: of_source["mendeley"][name] for name in HEADLINE}
    empty = next(row for row in alone["sources"] if row["source"] == "tcia")
    assert (empty["n"], empty["accuracy"]["value"], empty["macro_auroc"]["value"]) == (0, None, None)


def test_a_class_without_a_test_image_is_null_and_named() -> None:
    found = measured(predictions(200, classes=CLASSES[:9]))
    for row in found["classes"][9:]:
        assert row["n"] == 0
        assert {row[name]["value"] for name in OF_CLASS} == {None}
    for label in CLASSES[9:]:
        assert label in found["notes"]["classes"]
    assert CLASSES[0] not in found["notes"]["classes"]
    present = [row["sensitivity"]["value"] for row in found["classes"][:9]]
    assert found["metrics"]["balanced_accuracy"]["value"] == pytest.approx(np.mean(present))


def test_a_single_test_image_and_a_perfect_score_are_told() -> None:
    found = measured(make_predictions(rows_of(["platelet"]), np.eye(12)[[9]] * 9, 1.0))
    assert found["metrics"]["accuracy"]["value"] == 1
    assert found["metrics"]["macro_f1"] == {"value": 1.0, "low": None, "high": None, "n": 1}
    assert "platelet" in found["notes"]["lone"]
    perfect = measured(predictions(100, skill=50))
    assert "balanced_accuracy" in perfect["notes"]["no_spread"]


def test_measuring_files_is_measuring_tables(tmp_path: Path) -> None:
    table = predictions()
    write_predictions(table, tmp_path / "p.parquet")
    (tmp_path / "c.json").write_text('{"temperature": 1.0}', "utf-8")
    out = tmp_path / "metrics.json"
    for _ in range(2):
        measure_predictions(
            tmp_path / "p.parquet", tmp_path / "c.json", out, experiment="e", protocol="leak_free", seed=1, draw=5
        )
        assert json.loads(out.read_text("utf-8")) == measured(table)


# --- comparisons


def test_a_better_model_is_found_better() -> None:
    good, bad = predictions(400, seed=1, skill=3.0), predictions(400, seed=2, skill=1.0)
    found = compare(good, bad, names=("good", "bad"), draw=1)
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert 0 < found[name]["low"] < found[name]["value"] < found[name]["high"]
    right = [(one["predicted"] == one["label"]) for one in (good, bad)]
    assert found["accuracy"]["value"] == pytest.approx(right[0].mean() - right[1].mean())
    only_a, only_b = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    assert (found["mcnemar"]["only_a"], found["mcnemar"]["only_b"]) == (only_a, only_b)
    assert found["mcnemar"]["p"] < 1e-6
    same = compare(good, good, names=("good", "good"), draw=1)
    assert (same["accuracy"]["value"], same["mcnemar"]["p"]) == (0, 1)


@pytest.mark.parametrize("swapped", [False, True])
def test_other_test_images_are_refused_by_name(swapped: bool) -> None:
    full, lacking = predictions(30), predictions(30)
    image = lacking["image_id"].iloc[7]
    lacking = lacking.drop(index=7).reset_index(drop=True)
    pair = (lacking, full) if swapped else (full, lacking)
    with pytest.raises(InputError, match=f"{image} is only in {'two' if swapped else 'one'}"):
        compare(*pair, names=("one", "two"), draw=1)
    relabelled = full.assign(label=full["label"].where(full.index != 4, "platelet"))
    assert full["label"].iloc[4] != "platelet"
    with pytest.raises(InputError, match=f"differ in the class of {full['image_id'].iloc[4]}"):
        compare(full, relabelled, names=("one", "two"), draw=1)


def test_seeds_are_compared_one_by_one(tmp_path: Path) -> None:
    skills = {"a": {1: 2.5, 2: 3.0, 3: 2.8}, "b": {2: 1.0, 3: 1.2, 9: 0.0}}
    tables = {
        name: {seed: predictions(200, seed=seed + 10 * ord(name), skill=skill) for seed, skill in seeds.items()}
        for name, seeds in skills.items()
    }
    found = compare_seeds(tables["a"], tables["b"], names=("a", "b"), draw=1)
    assert [row["seed"] for row in found["by_seed"]] == [2, 3]
    values = [row["accuracy"]["value"] for row in found["by_seed"]]
    expected = {"mean": pytest.approx(np.mean(values)), "std": pytest.approx(np.std(values, ddof=1)), "n": 2}
    assert found["over_seeds"]["accuracy"] == expected
    files = {}
    for name, seeds in tables.items():
        for seed, table in seeds.items():
            write_predictions(table, tmp_path / f"{name}{seed}")
        files[name] = [(seed, tmp_path / f"{name}{seed}") for seed in seeds]
    write_comparison(files["a"], files["b"], tmp_path / "out.json", names=("a", "b"), draw=1)
    assert json.loads((tmp_path / "out.json").read_text("utf-8")) == found
    with pytest.raises(InputError, match=r"the seeds of b: hold 9 2 times\. Name each seed once"):
        write_comparison(files["a"], [*files["b"], files["b"][-1]], tmp_path / "no.json", names=("a", "b"), draw=1)
    with pytest.raises(InputError, match="no seed in common: 1 and 9"):
        compare_seeds({1: tables["a"][1]}, {9: tables["b"][9]}, names=("a", "b"), draw=1)


def test_several_seeds_give_mean_and_spread(tmp_path: Path) -> None:
    every = [measured(predictions(80, seed=seed), seed=seed) for seed in (1, 2, 3)]
    found = over_seeds(every)
    assert (found["experiment"], found["seeds"], found["n"]) == ("e", [1, 2, 3], 80)
    values = [one["metrics"]["macro_f1"]["value"] for one in every]
    expected = {"mean": pytest.approx(np.mean(values)), "std": pytest.approx(np.std(values, ddof=1)), "n": 3}
    assert found["metrics"]["macro_f1"] == expected
    for place, one in enumerate(every):
        (tmp_path / str(place)).write_text(json.dumps(one), "utf-8")
    assert read_over_seeds([tmp_path / str(place) for place in range(3)]) == found
    with pytest.raises(InputError, match="the seeds of e: hold 2 2 times"):
        over_seeds([*every, every[1]])
    with pytest.raises(InputError, match="not of one experiment"):
        over_seeds([every[0], measured(predictions(80), experiment="other")])


def test_the_spread_of_one_seed_and_of_none() -> None:
    assert spread_over_seeds([0.5]) == {"mean": 0.5, "std": None, "n": 1}
    assert spread_over_seeds([None, None]) == {"mean": None, "std": None, "n": 0}
    assert spread_over_seeds([None, 0.5, 0.7])["n"] == 2
    require_distinct([3, 1, 2], "e")
    require_distinct([], "e")


# --- the human yardstick


def annotated(*said: tuple[str, str | None, str | None, str]) -> pd.DataFrame:
    """A manifest of source B: folder, first and second re-annotation, status."""
    label = {"LYT": "lymphocyte", "LYA": "lymphocyte", "MYO": "myeloblast", "MON": "monocyte"}
    rows = [
        {"image_id": f"tcia/{folder}/{place:02d}.tiff", "label": label[folder], "status": status}
        | {"reannotation_1": first, "reannotation_2": second}
        for place, (folder, first, second, status) in enumerate(said)
    ]
    rows.append({"image_id": "mendeley/platelet/1.jpg", "label": "platelet"})
    return hand_made(sorted(rows, key=lambda row: row["image_id"]))


MANIFEST = annotated(
    ("LYA", "LYT", "LYA", "kept"),  # one final class, two fine types
    ("LYT", "LYT", "MON", "kept"),
    ("MYO", "UNC", "UNC", "kept"),
    ("MYO", "MYO", None, "kept"),
    ("MYO", "MON", "MON", "kept"),
    ("MON", None, None, "kept"),
    ("MON", "MYO", "MYO", "excluded"),
)


def predicted(**said: str) -> pd.DataFrame:
    """Predictions of some images of `MANIFEST`, by their place."""
    chosen = MANIFEST[MANIFEST["image_id"].str[-7:-5].isin([key[1:] for key in said])]
    rows = chosen[["image_id", "source", "label"]]
    logits = np.zeros((len(rows), 12))
    logits[np.arange(len(rows)), codes_of([said[f"i{image[-7:-5]}"] for image in rows["image_id"]])] = 5
    return make_predictions(rows, logits, 1.0)


def one_row(rows: list[dict[str, Any]], of: str, against: str, level: str, images: str) -> dict[str, Any]:
    key = (of, against, level, images)
    (found,) = (row for row in rows if (row["of"], row["against"], row["level"], row["images"]) == key)
    return found


def counted(row: dict[str, Any]) -> tuple[int, ...]:
    return row["n"], row["agree"], row["undecided"], row["both_undecided"]


def test_people_are_counted_by_fine_type_and_final_class() -> None:
    rows = yardstick(MANIFEST, predicted(i00="lymphocyte", i04="myeloblast"), taxonomy="thesis")
    assert counted(one_row(rows, "reannotation_1", "label", "fine", "kept")) == (5, 2, 1, 0)
    assert counted(one_row(rows, "reannotation_1", "label", "final", "kept")) == (5, 3, 1, 0)
    assert counted(one_row(rows, "reannotation_2", "reannotation_1", "fine", "kept")) == (4, 1, 1, 1)
    assert counted(one_row(rows, "reannotation_2", "reannotation_1", "final", "kept")) == (4, 2, 1, 1)
    assert counted(one_row(rows, "reannotation_2", "reannotation_1", "final", "test")) == (2, 2, 0, 0)
    assert counted(one_row(rows, "reannotation_1", "label", "final", "test")) == (2, 1, 0, 0)
    row = one_row(rows, "reannotation_1", "label", "final", "kept")
    assert row["low"] < row["value"] == 3 / 5 < row["high"]


def test_the_model_stands_beside_them() -> None:
    said = {"i00": "lymphocyte", "i02": "myeloblast", "i03": "myeloblast", "i04": "monocyte", "i05": "monocyte"}
    rows = yardstick(MANIFEST, predicted(**said), taxonomy="thesis")
    assert counted(one_row(rows, "model", "label", "final", "test")) == (4, 3, 0, 0)
    assert counted(one_row(rows, "model", "reannotation_1", "final", "test")) == (4, 3, 1, 0)
    assert counted(one_row(rows, "model", "reannotation_2", "final", "test")) == (3, 2, 1, 0)


def test_a_run_without_re_annotated_test_images_has_no_value(tmp_path: Path) -> None:
    write_manifest(MANIFEST, tmp_path / "m.parquet")
    write_predictions(predictions(20), tmp_path / "p.parquet")
    write_yardstick(tmp_path / "m.parquet", tmp_path / "p.parquet", tmp_path / "y.json", taxonomy="thesis")
    found = json.loads((tmp_path / "y.json").read_text("utf-8"))
    row = one_row(found["rows"], "model", "reannotation_1", "final", "test")
    assert (found["source"], row["n"], row["value"], row["low"]) == ("tcia", 0, None, None)
    assert one_row(found["rows"], "reannotation_1", "label", "final", "kept")["n"] == 5
    none = yardstick(annotated(("MYO", None, None, "kept")), predictions(20), taxonomy="thesis")
    assert {row["n"] for row in none} == {0}


def test_a_re_annotation_that_is_no_code_is_refused_by_name() -> None:
    manifest = annotated(("MYO", "MYO", "BLAST", "kept"))
    with pytest.raises(InputError, match=r"tcia/MYO/00\.tiff: its re-annotation 'BLAST' is no class of this source"):
        yardstick(manifest, predictions(5), taxonomy="thesis")


def test_every_prediction_column_is_in_the_schema() -> None:
    assert [name.removeprefix("p_") for name in list(SCHEMA.columns)[5:]] == list(CLASSES)
