"""Generators on four classes that the thesis does not have, whatever their roles, and without the unlabelled images."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers import own_laboratory
from helpers.own_laboratory import (
    CLASSES,
    Laboratory,
    build_laboratory,
    config_of,
    job,
    open_set,
    read_json,
    run_generator,
)
from hemabalance.classes import UNLABELLED
from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.seen_images import read_seen_images
from hemabalance.errors import InputError
from hemabalance.synthesis.fit import GeneratorPaths, OtherNetworks, fit_generator
from hemabalance.synthesis.generator_config import open_by_description
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import latents, sample
from hemabalance.synthesis.teacher import TeacherGenerator
from hemabalance.training.weights import save_weights

MANY, FEW = 28, 9
MIXED = {"blast": MANY, "hairy_cell": FEW, "mott_cell": MANY, "sezary_cell": FEW}
ROLES = RolesConfig(rare_below=20, rich_from=20)
ALL_RARE, ALL_RICH = RolesConfig(), RolesConfig(rare_below=1, rich_from=1)
RICH, RARE = ("blast", "mott_cell"), ("hairy_cell", "sezary_cell")


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return build_laboratory(tmp_path_factory.mktemp("laboratory"), MIXED)


def split_of(counts: Mapping[str, int], part: str = "train") -> pd.DataFrame:
    rows = [(f"{label}/{k}", label, part) for label, n in counts.items() for k in range(n)]
    return pd.DataFrame(rows, columns=["image_id", "label", "part"])


@pytest.mark.parametrize(
    ("method", "roles", "trained", "served"),
    [
        ("cwgan_gp", ROLES, RICH, RICH),
        ("cwgan_gp", ALL_RICH, CLASSES, CLASSES),
        ("cwgan_gp", ALL_RARE, (), ()),
        ("figr", ROLES, RICH, RARE),
        ("figr", ALL_RICH, (), ()),
        ("figr", ALL_RARE, CLASSES, CLASSES),  # no rich class to learn from: all classes instead
        ("figr", RolesConfig(rich=("blast",), rare=("mott_cell",)), ("blast",), ("mott_cell",)),
        ("figr", RolesConfig(rich=(), rare=("mott_cell",)), CLASSES, ("mott_cell",)),
    ],
)
def test_classes_of_each_role(method: str, roles: RolesConfig, trained: object, served: object) -> None:
    config = config_of(method, "rare" if method == "figr" else "rich")
    classes = config.classes(split_of({**MIXED, UNLABELLED: 500}), "leak_free", roles)
    assert (classes.trained, classes.served, classes.run) == (trained, served, CLASSES)


@pytest.mark.parametrize(("method", "serves", "least"), [("cwgan_gp", "all", 1), ("figr", "all", 2)])
def test_a_class_with_too_few_training_images_is_left_out_by_name(
    method: str, serves: str, least: int, caplog: pytest.LogCaptureFixture
) -> None:
    split = pd.concat([split_of({**MIXED, "blast": least - 1}), split_of({"blast": 30}, "test")], ignore_index=True)
    classes = config_of(method, serves).classes(split, "leak_free", ROLES)  # type: ignore[arg-type]
    assert classes.served == CLASSES[1:]
    assert f"blast has {least - 1} training images, fewer than {least}" in caplog.text


def test_the_log_names_what_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    config_of("cwgan_gp", "rich").classes(split_of(MIXED), "leak_free", ALL_RARE)
    assert "cwgan_gp has no class to generate (synthesis.roles: no class is rich" in caplog.text
    config_of("figr", "rare").classes(split_of(MIXED), "leak_free", ALL_RARE)
    assert "no class is rich (synthesis.roles): the method figr learns from all classes instead, blast, " in caplog.text


@pytest.mark.parametrize("protocol", ["leak_free", "thesis"])
@pytest.mark.parametrize(("name", "roles"), [("mixed", ROLES), ("rare", ALL_RARE), ("rich", ALL_RICH)])
@pytest.mark.parametrize(("method", "serves"), [("c_wgan_gp", "rich"), ("fewshot_meta", "rare"), ("figr", "all")])
def test_every_generator_runs_to_its_measurements(
    laboratory: Laboratory, tmp_path: Path, method: str, serves: str, name: str, roles: RolesConfig, protocol: str
) -> None:
    if protocol == "thesis":
        laboratory = build_laboratory(tmp_path, MIXED, "thesis")
    config = config_of(method, serves)  # type: ignore[arg-type]
    folder = run_generator(laboratory, f"{method}_{name}", config, roles)
    served = config.classes(laboratory.source.split, laboratory.source.protocol, roles).served
    training, metrics = read_json(folder / "training.json"), read_json(folder / "metrics.json")
    assert training["classes"]["served"] == list(served)
    with open_set(folder, "images") as images:
        assert sorted(set(images.index["label"])) == list(served)
    assert list(read_json(folder / "gate.json")["classes"]) == list(served)
    for table in ("fidelity", "manifold", "diversity", "nearest", "agreement", "memorisation"):
        assert {row["label"] for row in metrics[table]} == {"all", *served}
        assert all(row["reason"] for row in metrics[table] if not served)
    for list_name in ("seen", "gate_seen"):
        seen = read_seen_images("generator", "any", folder / f"{list_name}.parquet").table
        assert set(seen["label"]) <= set(CLASSES)
        assert bool(len(seen)) == bool(served)
    generator = open_by_description(folder / "weights.safetensors", job(tmp_path / "job").runtime)
    assert (generator.classes.served, generator.classes.run) == (served, CLASSES)


def test_nobody_sees_an_unlabelled_image(laboratory: Laboratory) -> None:
    assert UNLABELLED in set(laboratory.source.split["label"])
    assert laboratory.judges.classifier.classes == list(CLASSES)
    seen = read_seen_images("judge", "any", laboratory.folder / "judge_seen.parquet").table
    assert sorted(set(seen["label"])) == list(CLASSES)
    assert sorted(set(laboratory.real.table["label"])) == list(CLASSES)
    assert set(laboratory.real.table["kind"]) == {"training", "test"}


def test_latents_follow_the_index_in_the_run(tmp_path: Path) -> None:
    config = config_of("cwgan_gp", "rich")
    runtime = job(tmp_path / "job").runtime
    of_run = config.build(Classes(RICH, RICH, CLASSES), runtime)
    assert [of_run.classes.index(label) for label in RICH] == [0, 2]
    alone = config.build(Classes(RICH, RICH), runtime)
    assert [alone.classes.index(label) for label in RICH] == [0, 1]
    for generator in (of_run, alone):
        path = tmp_path / f"{len(generator.classes.run)}.safetensors"
        parts = {"generator": of_run.network}  # type: ignore[attr-defined]
        save_weights(path, parts, generator.description)  # type: ignore[attr-defined]
        generator.load(path)
    images = {
        label: [sample(g, label, range(3), seed=1, device=runtime.device) for g in (of_run, alone)] for label in RICH
    }
    assert np.array_equal(*images["blast"])
    assert not np.array_equal(*images["mott_cell"])
    assert not np.array_equal(latents(1, 1, 0, 8), latents(1, 2, 0, 8))


def test_weights_of_an_earlier_version_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(path, {}, {"method": "cwgan_gp", "classes": {"trained": ["blast"], "served": ["blast"]}})
    with pytest.raises(InputError, match="earlier version, without the classes of its run"):
        open_by_description(path, job(tmp_path / "job").runtime)


def test_a_judge_of_fewer_images_than_a_batch_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_laboratory, "JUDGE", own_laboratory.JUDGE.model_copy(update={"batch": 99}))
    judge = build_laboratory(tmp_path, {"blast": 8, "mott_cell": 8}).judges.classifier
    assert judge.classes == ["blast", "mott_cell"]


def test_a_student_of_a_teacher_without_a_class_learns_from_real_images(laboratory: Laboratory) -> None:
    teacher = run_generator(laboratory, "empty_teacher", config_of("cwgan_gp", "rich"), ALL_RARE)
    student, folder = config_of("fewshot_meta", "rare"), laboratory.folder / "student"
    others = OtherNetworks(
        TeacherGenerator.open(teacher / "weights.safetensors", job(folder).runtime), teacher_images=3
    )
    paths = GeneratorPaths(*(folder / name for name in ("weights", "t.json", "seen", "s.zip", "s.parquet")))
    fit_generator("student", student, ALL_RARE, laboratory.source, others, job(folder), paths)
    training = read_json(folder / "t.json")
    assert (training["taught"], training["classes"]["trained"]) == (0, list(CLASSES))
    assert training["images"] == len(laboratory.source.training_rows(CLASSES))


@pytest.mark.parametrize(("name", "roles"), [("network", ROLES), ("no_network", ALL_RARE)])
def test_a_student_that_starts_from_its_teacher_gets_no_images(
    laboratory: Laboratory, name: str, roles: RolesConfig
) -> None:
    taught = run_generator(laboratory, name, config_of("cwgan_gp", "rich"), roles)
    student, folder = config_of("minegan", "rare"), laboratory.folder / f"{name}_student"
    others = OtherNetworks(TeacherGenerator.open(taught / "weights.safetensors", job(folder).runtime), teacher_images=3)
    paths = GeneratorPaths(*(folder / name for name in ("weights", "t.json", "seen", "s.zip", "s.parquet")))
    fit_generator("student", student, roles, laboratory.source, others, job(folder), paths)
    training = read_json(folder / "t.json")
    teacher = others.teacher
    assert teacher is not None
    assert (training["taught"], training["classes"]["trained"]) == (0, list(teacher.generator.classes.trained))
    assert bool(training["classes"]["served"]) == (roles != ALL_RARE)
    assert open_by_description(folder / "weights", job(folder).runtime).classes.served == tuple(
        training["classes"]["served"]
    )
