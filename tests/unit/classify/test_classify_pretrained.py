"""Methods on the ImageNet network: fine-tuning, and distribution calibration."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from helpers.classifiers import data, images, job, runtime
from helpers.method_settings import small_settings
from helpers.thesis import CLASSES
from hemabalance.classify.imagenet_initialisation import read_tensors
from hemabalance.classify.method import ModelSpec
from hemabalance.classify.methods.distribution_calibration import DistributionCalibrationSettings
from hemabalance.classify.methods.distribution_calibration.method import draw, with_drawn
from hemabalance.errors import InputError
from hemabalance.metrics import imagenet_weights

pytestmark = pytest.mark.usefixtures("features")

SIZE = 32


def mobilenet(features: Path, **changed: Any) -> Any:
    chosen = {"imagenet_file": str(features), "batch": 12, "lr": 3e-4, "balanced": True, **changed}
    spec = ModelSpec(method="mobilenet_v2", settings=small_settings("classify", "mobilenet_v2", **chosen))
    return spec.build(classes=CLASSES, size=SIZE, runtime=runtime())


def statistics(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items() if "running_" in name}


# --- mobilenet_v2


def test_a_training_starts_with_the_pinned_weights(features: Path, tmp_path: Path) -> None:
    stored = read_tensors(features)
    made = mobilenet(features).initialise_training(data(SIZE), job(tmp_path))
    own = {name: value for name, value in made.network.state_dict().items() if name in stored}
    assert own.keys() == stored.keys()
    assert all(torch.equal(value, stored[name]) for name, value in own.items())
    fresh = mobilenet(features, pretrained=False).initialise_training(data(SIZE), job(tmp_path))
    assert not torch.equal(fresh.network.state_dict()["features.0.0.weight"], stored["features.0.0.weight"])


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_batch_norm_keeps_its_statistics_while_levels_are_learned(
    frozen: bool, features: Path, tmp_path: Path
) -> None:
    chosen = {"freeze_batch_norm": frozen, "steps": 30, "average_decay": 0.5, "keep": "last"}
    model = mobilenet(features, **chosen)
    before = statistics(model.initialise_training(data(SIZE), job(tmp_path)).network)
    model.fit(data(SIZE), job(tmp_path))
    after = statistics(model.module())
    unchanged = [torch.equal(after[f"1.{name}"], value) for name, value in before.items()]
    assert all(unchanged) if frozen else not any(unchanged)
    if frozen:
        test = images({"basophil": 10, "monocyte": 10, "platelet": 10}, 11, SIZE)
        predicted = np.array(CLASSES)[model.logits(test.pixels).argmax(1)]
        assert (predicted == test.labels).mean() > 0.9


def test_weights_that_are_not_the_pinned_ones_are_refused(features: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imagenet_weights, "WEIGHTS", replace(imagenet_weights.WEIGHTS, sha256="0" * 64))
        with pytest.raises(InputError, match=r"mobilenet\.safetensors"):
            mobilenet(features).initialise_training(data(SIZE), job(tmp_path))
        mobilenet(features, imagenet_weights=str(features)).initialise_training(data(SIZE), job(tmp_path))


# --- distribution calibration


def calibration(**changed: Any) -> DistributionCalibrationSettings:
    return DistributionCalibrationSettings(**{"base_images": 3, "nearest": 2, "alpha": 0.0, "draws": 10, **changed})


BASE = [
    np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0]]),  # mean (2, 0), variance 4 along the first axis
    np.array([[0.0, 5.0], [0.0, 6.0], [0.0, 7.0]]),  # mean (0, 6), variance 1 along the second
    np.array([[90.0, 90.0], [91.0, 91.0], [92.0, 92.0]]),
]


def test_drawn_features_have_the_mean_and_covariance_of_the_paper() -> None:
    """By hand: mean ((2, 0) + (0, 6) + (1, 3)) / 3 = (1, 3); covariance (diag(4, 0) + diag(0, 1)) / 2 + alpha."""
    drawn = draw(np.array([1.0, 3.0]), BASE, 200_000, calibration(alpha=0.5), np.random.default_rng(1))
    np.testing.assert_allclose(drawn.mean(0), [1, 3], atol=0.02)
    np.testing.assert_allclose(np.cov(drawn.T), [[2.5, 0.5], [0.5, 1.0]], atol=0.03)


def test_the_nearest_class_alone_lends_its_shape() -> None:
    drawn = draw(np.array([80.0, 80.0]), BASE, 1000, calibration(nearest=1), np.random.default_rng(1))
    np.testing.assert_allclose(drawn.mean(0), [85.5, 85.5], atol=0.1)
    np.testing.assert_allclose(drawn[:, 0], drawn[:, 1], atol=1e-9)


def test_only_rare_classes_get_features_in_equal_numbers_around_each_image() -> None:
    features = np.concatenate([*BASE[:2], [[0.0, 0.0], [50.0, 50.0]]])
    targets = np.array([0] * 3 + [1] * 3 + [2] * 2)
    drawn, drawn_targets = with_drawn(features, targets, calibration(draws=7), np.random.default_rng(1))
    assert np.array_equal(drawn[:8], features)
    assert drawn_targets.tolist() == [*targets.tolist(), *[2] * 7]
    around_second = (drawn[8:].sum(1) > 20).sum()
    assert around_second in (3, 4)
    same, _ = with_drawn(features, targets, calibration(draws=0), np.random.default_rng(1))
    assert np.array_equal(same, features)


def test_without_a_well_filled_class_nothing_can_be_borrowed() -> None:
    with pytest.raises(InputError, match=r"base_images: is 9, but the largest class has 3 training images"):
        with_drawn(np.zeros((5, 2)), np.array([0, 0, 0, 1, 1]), calibration(base_images=9), np.random.default_rng(1))


def test_the_power_is_applied_to_training_and_test_features_alike(features: Path, tmp_path: Path) -> None:
    chosen = {"imagenet_file": str(features), "base_images": 6, "draws": 20, "input_size": 32, "C": 1.0}
    logits = {}
    for power in (0.5, 1.0):
        spec = ModelSpec(
            method="distribution_calibration",
            settings=small_settings("classify", "distribution_calibration", **{**chosen, "power": power}),
        )
        model = spec.build(classes=CLASSES, size=SIZE, runtime=runtime())
        model.fit(data(SIZE), job(tmp_path))
        test = images({"basophil": 10, "monocyte": 10, "platelet": 10}, 11, SIZE)
        logits[power] = model.logits(test.pixels)
        predicted = np.array(CLASSES)[logits[power].argmax(1)]
        assert (predicted == test.labels).mean() > 0.9
    assert not np.allclose(logits[0.5], logits[1.0])
