"""Every folder of `synthesis/methods` passes these tests; none of them is told of a method."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.fewshot_generators import SIZE, data, images, job
from helpers.method_settings import TrainingSpy, files_of, small_settings
from hemabalance.config.roles import RolesConfig
from hemabalance.errors import InputError
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
    """As an entry of config has them that says nothing of classes."""
    labels = pd.DataFrame({"label": [*RICH * 20, *RARE * 3]})
    spec = spec_of(method)
    return GeneratorConfig(spec=spec, serves=spec.traits.serves, size=SIZE).classes(labels, RolesConfig(rare_below=10))


def build(method: str, folder: Path) -> Any:
    return spec_of(method).build(classes=classes_of(method), size=SIZE, runtime=job(folder).runtime)


def fit(method: str, folder: Path) -> Any:
    generator = build(method, folder)
    given = data()
    watched = images(dict.fromkeys((*RICH, *RARE), 2), 3)
    generator.fit(SynthesisData(given.real, watched, given.teacher_images), job(folder))
    generator.save(folder / "weights.safetensors")
    return generator


def sample_images(generator: Any, count: int = 5) -> dict[str, np.ndarray]:
    return {label: sample(generator, label, range(count), seed=1, device=CPU) for label in generator.classes.served}


@every_method
def test_it_is_built_at_full_shape(method: str, tmp_path: Path) -> None:
    spec = GeneratorSpec(method=method, settings=settings_class("synthesis", method)())
    assert GeneratorSpec.of(spec.plain) == spec
    spec.build(classes=classes_of(method), size=128, runtime=job(tmp_path).runtime)


@every_method
def test_every_parameter_gets_a_gradient(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(method, tmp_path)  # imports the modules that train
    watched = TrainingSpy(monkeypatch)
    fit(method, tmp_path)
    traits = spec_of(method).traits
    assert (watched.trainings > 0) == traits.trains_networks
    # One number added to all scores of a Wasserstein critic changes no loss.
    assert {name for name in watched.unmoved if not name.endswith(" (1,)")} == set()
    assert (files_of(tmp_path)["history.jsonl"] != b"") == traits.trains_networks


@every_method
def test_a_fit_that_is_killed_and_resumed_ends_with_the_same_bytes(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(method, tmp_path / "whole")
    watched = TrainingSpy(monkeypatch)
    for checkpoints in (1, 2):
        watched.kill_after(checkpoints)
        if spec_of(method).traits.trains_networks:
            with pytest.raises(KeyboardInterrupt):
                fit(method, tmp_path / "torn")
    watched.kill_after(0)
    torn = fit(method, tmp_path / "torn")
    assert files_of(tmp_path / "torn") == files_of(tmp_path / "whole")
    assert torch.equal(torn.snapshots.images, whole.snapshots.images)


@every_method
def test_what_is_saved_draws_the_same_images_when_loaded(method: str, tmp_path: Path) -> None:
    generator, loaded = fit(method, tmp_path), build(method, tmp_path)
    loaded.load(tmp_path / "weights.safetensors")
    described = open_by_description(tmp_path / "weights.safetensors", job(tmp_path).runtime)
    for label, made in sample_images(generator).items():
        assert (made.shape, made.dtype) == ((5, SIZE, SIZE, 3), np.uint8)
        assert len(np.unique(made.reshape(5, -1), axis=0)) == 5
        np.testing.assert_array_equal(sample_images(loaded)[label], made)
        np.testing.assert_array_equal(sample_images(described)[label], made)
    assert dict(generator.parameters) == dict(loaded.parameters)
    assert loaded.snapshots is None
    assert generator.snapshots.classes == generator.classes.served


@every_method
def test_its_traits_are_true(method: str, tmp_path: Path) -> None:
    traits, runtime = spec_of(method).traits, job(tmp_path).runtime
    unlearned = Classes(RICH, RARE)
    if traits.meta_learned:
        assert classes_of(method).trained == RICH
        spec_of(method).build(classes=unlearned, size=SIZE, runtime=runtime)
    else:
        assert classes_of(method).trained == classes_of(method).served
        with pytest.raises(InputError, match="monoblast"):
            spec_of(method).build(classes=unlearned, size=SIZE, runtime=runtime)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"method": "of_another_day"}, 'holds no generator, but "of_another_day"'),
        ({"settings": {"of_another_day": 1}}, "settings.of_another_day: Extra inputs"),
        ({"settings": []}, "settings: Input should be a valid dictionary"),
    ],
)
def test_weights_of_an_unknown_method_or_setting_say_so(changed: Any, says: str, tmp_path: Path) -> None:
    method = method_names("synthesis")[0]
    described = {"method": method, "classes": {"trained": RICH, "served": RICH}, "size": SIZE}
    save_tensors(tmp_path / "weights", {}, described | {"settings": spec_of(method).settings.plain} | changed)
    with pytest.raises(InputError, match=says):
        open_by_description(tmp_path / "weights", job(tmp_path).runtime)
