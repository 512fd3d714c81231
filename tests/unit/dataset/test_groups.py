"""Copies and declared groups join; the split never divides what is joined."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.archives import write_zip
from helpers.photographs import inventory, manifest_from_rows, manifest_of, own_rules, photograph
from hemabalance.dataset.groups import joined_groups
from hemabalance.dataset.splits import split
from hemabalance.errors import InputError
from hemabalance.sources.phantom.archive import jpeg


def joined(*pairs: tuple[str, str | None]) -> list[str]:
    copies, declared = zip(*pairs, strict=True)
    return joined_groups(pd.Series(copies, dtype="str"), pd.Series(declared, dtype="str")).tolist()


def test_without_declared_groups_copies_alone_count() -> None:
    assert joined(("a", None), ("b", None), ("a", None)) == ["a", "b", "a"]


def test_images_of_a_patient_join_with_their_copies() -> None:
    assert joined(("a", "P2"), ("b", "P2"), ("b", None), ("c", None)) == ["P2", "P2", "P2", "c"]


def test_patients_that_share_a_photograph_are_one_group_and_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert joined(("a", "P2"), ("b", "P1"), ("a", "P1"), ("c", "P3")) == ["P1", "P1", "P1", "P3"]
    assert caplog.messages == ["groups P1, P2 share a photograph: they count as one group"]


def rows_of(patients: dict[str, dict[str, int]], source: str = "south") -> list[dict[str, Any]]:
    """Rows of a manifest: patient -> label -> number of images."""
    return [
        {
            "image_id": f"{source}/{label}/{patient}-{n:03d}",
            "label": label,
            "group_id": f"{source}:{patient}",
            "declared_group": f"{source}:{patient}",
        }
        for patient, labels in patients.items()
        for label, count in labels.items()
        for n in range(count)
    ]


def parts(rows: list[dict[str, Any]], seed: int = 1, protocol: Any = "leak_free", **changes: Any) -> pd.DataFrame:
    settings = {"test_share": 0.3, "validation_share": 0.1, "min_groups_for_test": 5}
    return split(manifest_from_rows(rows), protocol, seed=seed, **(settings | changes))


def test_no_patient_is_on_both_sides_and_every_class_is(tmp_path: Path) -> None:
    """From a table with a column of patients, through inventory and manifest, to the split."""
    rng = np.random.default_rng(5)
    lines, files = [], {}
    for n in range(90):
        label, patient = ("Blasts", "Seg", "Mono")[n % 3], f"P{rng.integers(9)}"
        files[f"x/{n:03d}.jpg"] = jpeg(photograph(n))
        lines.append(f"{n:03d};{label};{patient}\n")
    files["x/090.jpg"] = files["x/000.jpg"]
    lines.append("090;Blasts;P20\n")
    (tmp_path / "south.csv").write_text("file;diagnosis;patient\n" + "".join(lines))
    classes = {"Blasts": "blast", "Seg": "neutrophil", "Mono": "monocyte"}
    labels: dict[str, Any] = {"table": "south.csv", "image": "file", "label": "diagnosis", "group": "patient"}
    rules = own_rules("south", classes, on_disk=tmp_path / "south.csv", **labels)
    table, _ = inventory(write_zip(tmp_path / "south.zip", files), rules)
    manifest = manifest_of(table, maps={"south": rules.classes})
    patient_of = dict(zip(table["image_id"], table["group"], strict=True))
    for seed in range(20):
        for protocol in ("leak_free", "thesis"):
            settings: Any = {"test_share": 0.3, "validation_share": 0.1, "min_groups_for_test": 5}
            rows = split(manifest.reset_index(drop=True), protocol, seed=seed, **settings)
            patients = rows["image_id"].map(patient_of)
            assert (rows.groupby(patients)["part"].nunique() == 1).all()
            assert (rows.groupby(patients)["draw"].nunique() == 1).all()
            if protocol == "leak_free":
                for part in ("train", "test"):
                    assert set(rows.loc[rows["part"] == part, "label"]) == set(classes.values()), seed
    ids = [image_id for image_id in manifest.index if patient_of[image_id] in (patient_of["south/x/000.jpg"], "P20")]
    assert manifest.loc[ids, "group_id"].nunique() == 1


def test_two_patients_with_all_classes_are_one_for_each_side() -> None:
    rows = rows_of({"P1": {"blast": 9, "monocyte": 9}, "P2": {"blast": 9, "monocyte": 9}})
    for seed in range(30):
        table = parts(rows, seed=seed)
        assert table.groupby("part")["group_id"].nunique().to_dict() == {"test": 1, "train": 1}, seed


def test_a_class_in_one_patient_is_refused_with_its_name() -> None:
    rows = rows_of({"P1": {"blast": 9, "monocyte": 9}, "P2": {"monocyte": 9}})
    for protocol in ("leak_free", "thesis"):
        with pytest.raises(InputError) as caught:
            parts(rows, protocol=protocol)
        assert str(caught.value) == (
            "class blast: all its 9 images are in group south:P1: training and test would share this group. Add images "
            "of another patient, or leave the class out: set its labels in sources.south.classes to null."
        )
    assert set(parts(rows, test_share=0.0)["part"]) <= {"train", "validation"}


def test_what_greed_cannot_divide_is_refused_and_never_leaks() -> None:
    """Three classes in pairs of three patients: one class must lack a side."""
    rows = rows_of({"P1": {"a": 3, "b": 3}, "P2": {"b": 3, "c": 3}, "P3": {"a": 3, "c": 3}})
    for seed in range(20):
        with pytest.raises(InputError, match=r"class [abc]: its 2 groups \(south:P\d, south:P\d\) cannot be divided"):
            parts(rows, seed=seed)


def test_a_class_of_single_images_beside_patients_keeps_todays_rule() -> None:
    alone = [{"image_id": "north/smudge/1", "label": "smudge"}]
    rows = rows_of({f"P{n}": {"blast": 3} for n in range(9)})
    table = parts([*rows, *alone])
    assert table.set_index("image_id").loc["north/smudge/1", "part"] in ("train", "validation", "test")


def test_unlabelled_images_of_one_slide_are_split_like_others() -> None:
    rows = rows_of({"P1": {"blast": 3}, "P2": {"blast": 3}}) + rows_of({"S1": {"unlabelled": 5}}, "pool")
    assert parts(rows).groupby("group_id")["part"].nunique().max() == 1


def test_the_number_of_groups_of_each_part_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        parts(rows_of({"P1": {"blast": 9}, "P2": {"blast": 9}}))
    assert caplog.messages[-1] == "groups: 1 train, 1 test"


@pytest.mark.parametrize("patients", [4, 9])
def test_few_large_groups_are_divided_by_the_shares(patients: int) -> None:
    rng = np.random.default_rng(3)
    rows = rows_of({f"P{n:02d}": {"blast": 2 + int(rng.integers(9)), "monocyte": 20} for n in range(patients)})
    for seed in range(5):
        table = parts(rows, seed=seed)
        shares = table["part"].value_counts(normalize=True)
        assert shares["test"] == pytest.approx(0.3, abs=0.6 / patients + 0.02), seed
        assert shares["validation"] > 0
        assert shares["train"] > shares["test"]


def test_groups_of_each_source_are_divided_and_others_keep_their_draws() -> None:
    alone = [{"image_id": f"north/blast/{n}", "label": "blast"} for n in range(50)]
    rows = rows_of({f"P{n}": {"blast": 10} for n in range(5)}) + rows_of(
        {f"Q{n}": {"blast": 2} for n in range(5)}, "east"
    )
    table = parts([*rows, *alone])
    counts = table[table["source"] != "north"].groupby(["source", "part"])["group_id"].nunique()
    assert all(counts[source, "test"] in (1, 2) for source in ("south", "east"))
    draws = parts(alone).set_index("image_id")["draw"]
    pd.testing.assert_series_equal(table.set_index("image_id").loc[draws.index, "draw"], draws)
