"""Tests that every method in `synthesis/methods` must pass; none of them depends on a method."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.fewshot_generators import SIZE, data, images, job
from helpers.method_settings import TrainingSpy, files_of, small_settings
from helpers.thesis import CLASSES
from hemabalance.config.roles import RolesConfig
from hemabalance.errors import InputError
from hemabalance.gpu_check.examples import ExampleJudge, untrained_teacher
from hemabalance.methods import method_names, settings_class
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.generator_config import GeneratorConfig, open_by_description
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import sample
from hemabalance.training.weights import save_tensors

RICH, RARE = ("basophil", "monocyte"), ("monoblast", "smudge_cell")
CPU = torch.device("cpu")
every_method = pytest.mark.parametrize("method", method_names("synthesis"))


def spec_of(method: str) -> GeneratorSpec:
    return GeneratorSpec(method=method, settings=small_settings("synthesis", method))


def classes_of(method: str) -> Classes:
    """Classes of a config entry with the default role of the method."""
    labels = [*RICH * 20, *RARE * 3]
    split = pd.DataFrame({"image_id": [f"{k:03}" for k in range(len(labels))], "label": labels, "part": "train"})
    spec = spec_of(method)
    config = GeneratorConfig(spec=spec, serves=spec.traits.serves, size=SIZE, run_classes=CLASSES)
    return config.classes(split, "leak_free", RolesConfig(rare_below=10))


def build(method: str, folder: Path) -> Any:
    return spec_of(method).build(classes=classes_of(method), size=SIZE, runtime=job(folder).runtime)


def fit(method: str, folder: Path) -> Any:
    generator = build(method, folder)
    usual = data()
    held_back = images(dict.fromkeys((*RICH, *RARE), 2), 3)
    teacher = untrained_teacher(spec_of(method), generator.classes, SIZE, job(folder).runtime)
    judge: Any = ExampleJudge((*RICH, *RARE))
    generator.fit(SynthesisData(usual.real, held_back, usual.teacher_images, teacher, judge), job(folder))
    generator.save(folder / "weights.safetensors")
    return generator


def sample_images(generator: Any, count: int = 5) -> dict[str, np.ndarray]:
    return {label: sample(generator, label, range(count), seed=1, device=CPU) for label in generator.classes.served}


@every_method
def test_the_default_settings_build(method: str, tmp_path: Path) -> None:
    spec = GeneratorSpec(method=method, settings=settings_class("synthesis", method)())
    assert GeneratorSpec.from_plain(spec.plain) == spec
    spec.build(classes=classes_of(method), size=128, runtime=job(tmp_path).runtime)


@every_method
def test_every_parameter_gets_a_gradient(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(method, tmp_path)  # imports the modules that train
    spy = TrainingSpy(monkeypatch)
    fit(method, tmp_path)
    traits = spec_of(method).traits
    assert (spy.trainings > 0) == traits.trains_networks
    # A constant added to all scores of a Wasserstein critic changes no loss.
    assert {name for name in spy.unmoved if not name.endswith(" (1,)")} == set()
    assert (files_of(tmp_path)["history.jsonl"] != b"") == traits.trains_networks


@every_method
def test_a_fit_that_is_killed_and_resumed_ends_with_the_same_bytes(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = fit(method, tmp_path / "uninterrupted")
    spy = TrainingSpy(monkeypatch)
    for checkpoints in (1, 2):
        spy.kill_after(checkpoints)
        if spec_of(method).traits.trains_networks:
            with pytest.raises(KeyboardInterrupt):
                fit(method, tmp_path / "interrupted")
    spy.kill_after(0)
    resumed = fit(method, tmp_path / "interrupted")
    assert files_of(tmp_path / "interrupted") == files_of(tmp_path / "uninterrupted")
    assert torch.equal(resumed.snapshots.images, uninterrupted.snapshots.images)


@every_method
def test_loaded_weights_give_the_same_images(method: str, tmp_path: Path) -> None:
    generator, loaded = fit(method, tmp_path), build(method, tmp_path)
    loaded.load(tmp_path / "weights.safetensors")
    described = open_by_description(tmp_path / "weights.safetensors", job(tmp_path).runtime)
    for label, pixels in sample_images(generator).items():
        assert (pixels.shape, pixels.dtype) == ((5, SIZE, SIZE, 3), np.uint8)
        assert len(np.unique(pixels.reshape(5, -1), axis=0)) == 5
        np.testing.assert_array_equal(sample_images(loaded)[label], pixels)
        np.testing.assert_array_equal(sample_images(described)[label], pixels)
    assert dict(generator.parameters) == dict(loaded.parameters)
    assert loaded.snapshots is None
    assert generator.snapshots.classes == generator.classes.served


@every_method
def test_the_traits_match_the_method(method: str, tmp_path: Path) -> None:
    traits, runtime = spec_of(method).traits, job(tmp_path).runtime
    other_classes = Classes(RICH, RARE)
    if traits.meta_learned:
        assert classes_of(method).trained == RICH
        spec_of(method).build(classes=other_classes, size=SIZE, runtime=runtime)
    else:
        assert classes_of(method).trained == classes_of(method).served
        with pytest.raises(InputError, match="monoblast"):
            spec_of(method).build(classes=other_classes, size=SIZE, runtime=runtime)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"method": "unknown"}, 'holds no generator, but "unknown"'),
        ({"settings": {"unknown": 1}}, "settings.unknown: Extra inputs"),
        ({"settings": []}, "settings: Input should be a valid dictionary"),
    ],
)
def test_weights_of_an_unknown_method_or_setting_are_refused(changed: Any, message: str, tmp_path: Path) -> None:
    method = method_names("synthesis")[0]
    description = {"method": method, "classes": {"trained": RICH, "served": RICH, "run": RICH}, "size": SIZE}
    save_tensors(tmp_path / "weights", {}, description | {"settings": spec_of(method).settings.plain} | changed)
    with pytest.raises(InputError, match=message):
        open_by_description(tmp_path / "weights", job(tmp_path).runtime)
