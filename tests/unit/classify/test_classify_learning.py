"""Training of neural models: schedule, validation, best network, early stopping, resuming."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from helpers.classifiers import TRAINING, build, data, images, job, no_images
from helpers.small_trainings import PowerCut
from helpers.thesis import CLASSES
from hemabalance.classify.best_network import BestNetwork
from hemabalance.classify.classifier_training import ClassifierTraining, warmup_cosine
from hemabalance.classify.model import ModelData
from hemabalance.errors import InputError
from hemabalance.metrics.classification import accuracy, macro_f1
from hemabalance.training.batches import BalancedSampler, EpochSampler
from hemabalance.training.loop import TrainingResult

LONG: dict[str, Any] = {"steps": 80, "patience": 3, "log_every": 2, "average_decay": 0.8}
"""Enough to learn three grey levels long before the last step."""


def fit(
    folder: Path,
    name: str = "sequential_cnn",
    model_data: ModelData | None = None,
    precision: str = "32",
    **changed: Any,
) -> tuple[Any, TrainingResult]:
    """Train, and write `weights.safetensors` and `history.jsonl` to the folder."""
    model = build(name, **changed)
    result = model.fit(model_data or data(), job(folder, precision=precision))
    model.save(folder / "weights.safetensors")
    return model, result


def files(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "weights.safetensors").read_bytes(), (folder / "history.jsonl").read_bytes()


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def cut(folder: Path, at: int, name: str = "sequential_cnn", **changed: Any) -> None:
    """Start a training and interrupt it before a step."""
    step = ClassifierTraining.step

    def step_until(training: ClassifierTraining) -> Any:
        if training.runtime.step == at:
            raise PowerCut
        return step(training)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClassifierTraining, "step", step_until)
        with pytest.raises(PowerCut):
            fit(folder, name, **changed)


# --- resuming


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainingResult]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    return folder, fit(folder, **LONG)[1]


@pytest.mark.parametrize("before", ["1", "4", "5", "the last but three", "the last"])
def test_a_training_that_was_cut_off_ends_with_the_same_bytes(
    uninterrupted: tuple[Path, TrainingResult], tmp_path: Path, before: str
) -> None:
    """The checkpoint also restores the best weights and the number of validations without progress."""
    folder, result = uninterrupted
    step = int(before) if before.isdigit() else result.steps - (3 if "but" in before else 0)
    cut(tmp_path, step, **LONG)
    assert not (tmp_path / "history.jsonl").exists()
    assert fit(tmp_path, **LONG)[1].steps == result.steps
    assert files(tmp_path) == files(folder)


def test_a_training_that_stopped_early_is_not_continued(
    uninterrupted: tuple[Path, TrainingResult], tmp_path: Path
) -> None:
    first = fit(tmp_path, **LONG)[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClassifierTraining, "step", lambda training: pytest.fail("took a step"))
        assert fit(tmp_path, **LONG)[1] == first
    assert files(tmp_path) == files(uninterrupted[0])


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_our_network_resumes_too(precision: str, tmp_path: Path) -> None:
    fit(tmp_path / "uninterrupted", "senet154_ge", precision=precision)
    cut(tmp_path / "cut", 4, "senet154_ge", precision=precision)
    fit(tmp_path / "cut", "senet154_ge", precision=precision)
    assert files(tmp_path / "cut") == files(tmp_path / "uninterrupted")


def test_a_checkpoint_of_other_images_or_settings_is_refused(tmp_path: Path) -> None:
    cut(tmp_path, 4)
    other = ModelData(data().train, images({"basophil": 3, "platelet": 2}, 9))
    with pytest.raises(InputError, match=r"made for another config \(images"):
        fit(tmp_path, model_data=other)
    with pytest.raises(InputError, match=r"settings.lr: stored 0.005, expected 0.1"):
        fit(tmp_path, lr=0.1)
    fit(tmp_path, memory_budget=0, checkpoint_every=100)


# --- the best kept, and stopping


def test_training_stops_when_cross_entropy_no_longer_falls_and_keeps_the_best(
    uninterrupted: tuple[Path, TrainingResult],
) -> None:
    folder, result = uninterrupted
    history = lines(folder)
    losses = [line["validation_cross_entropy"] for line in history]
    assert result.steps < LONG["steps"]
    assert history[-1]["step"] == result.steps
    best = losses.index(min(losses))
    assert len(losses) == best + 1 + LONG["patience"]
    kept = build("sequential_cnn", **LONG)
    kept.load(folder / "weights.safetensors")
    metrics = validation_metrics(kept.logits(data().validation.pixels), data().validation.labels)
    names = ("validation_macro_f1", "validation_accuracy")
    assert metrics[1:] == pytest.approx([history[best][name] for name in names], rel=1e-5)
    assert metrics[0] == pytest.approx(min(losses), rel=1e-4)


def validation_metrics(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    targets = np.array([CLASSES.index(label) for label in labels])
    counts = np.zeros((12, 12), np.int64)
    np.add.at(counts, (targets, logits.argmax(1)), 1)
    loss = nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(targets)).item()
    return loss, float(macro_f1(counts)), float(accuracy(counts))


def test_without_patience_all_steps_are_taken(tmp_path: Path) -> None:
    assert fit(tmp_path, **{**LONG, "patience": 0})[1].steps == LONG["steps"]
    assert len(lines(tmp_path)) == LONG["steps"] // LONG["log_every"]


def test_early_stopping_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        steps = fit(tmp_path, **LONG)[1].steps
    assert f"training sequential CNN: stopped early after step {steps} of 80" in caplog.text


def test_without_validation_images_the_last_average_is_kept(tmp_path: Path) -> None:
    """The kept network follows the formula of the average, with its lower decay in the first steps."""
    history: list[torch.Tensor] = []
    step = ClassifierTraining.step

    def spy(training: ClassifierTraining) -> Any:
        if not history:
            history.append(flat(training.network))
        losses = step(training)
        history.append(flat(training.network))
        return losses

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClassifierTraining, "step", spy)
        model, result = fit(tmp_path, model_data=ModelData(data().train, no_images()), patience=1, average_decay=0.3)
    assert result.steps == 6
    assert [sorted(line) for line in lines(tmp_path)] == [["accuracy", "cross_entropy", "step"]] * 2
    average = history[0]
    for k, weights in enumerate(history[1:], start=1):
        average = torch.lerp(weights, average, min(0.3, (1 + k) / (10 + k)))
    assert torch.allclose(flat(model.module()), average, atol=1e-6)
    assert not torch.allclose(average, history[-1], atol=1e-4)


def flat(network: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten().clone() for p in network.parameters()])


def test_the_best_network_has_the_lowest_loss() -> None:
    network = nn.Linear(1, 1)
    best = BestNetwork(network)
    states = []
    for k, loss in enumerate([9.0, 2.0, 2.0, 1.5, 1.9, 8.0, 0.5]):
        nn.init.constant_(network.weight, float(k))
        best.offer(network, loss)
        states.append((int(best.network.weight), int(best.waited)))  # type: ignore[arg-type]
    assert states == [(0, 0), (1, 0), (1, 1), (3, 0), (3, 1), (3, 2), (6, 0)]
    assert float(best.loss) == 0.5


# --- the rest of the training


def test_the_rate_rises_in_a_line_and_falls_in_half_a_cosine() -> None:
    share = warmup_cosine(100, 0.1)
    assert [share(k) for k in (0, 4, 9)] == pytest.approx([1 / 11, 5 / 11, 10 / 11])
    assert share(10) == 1
    assert share(55) == pytest.approx(0.5)
    assert share(10 + 30) == pytest.approx((1 + math.cos(math.pi / 3)) / 2)
    assert share(100) == pytest.approx(0, abs=1e-12)
    assert warmup_cosine(100, 0.0)(0) == 1
    assert all(math.isfinite(warmup_cosine(1, share)(k)) for share in (0.0, 0.9) for k in (0, 1, 2))


def test_the_optimiser_follows_the_schedule_and_decays_weights_only(tmp_path: Path) -> None:
    training = build("sequential_cnn", steps=10, warmup_share=0.2).initialise_training(data(), job(tmp_path))
    training.runtime.monitor.reset("training", step=0, sums={})
    rates = []
    for step in range(1, 11):
        training.runtime.monitor.step = step
        rates.append(training.optimizer.param_groups[0]["lr"])
        training.step()
    share = warmup_cosine(10, 0.2)
    assert rates == pytest.approx([TRAINING["lr"] * share(k) for k in range(10)])
    decayed, spared = training.optimizer.param_groups
    assert decayed["weight_decay"] == TRAINING["weight_decay"]
    assert spared["weight_decay"] == 0
    assert {p.ndim for p in spared["params"]} == {1}
    assert {p.ndim for p in decayed["params"]} == {2, 4}


def test_classes_are_sampled_in_equal_shares_if_set(tmp_path: Path) -> None:
    trainings = [
        build("sequential_cnn", balanced=flag).initialise_training(data(), job(tmp_path)) for flag in (True, False)
    ]
    assert [type(training.sampler) for training in trainings] == [BalancedSampler, EpochSampler]


def test_the_seed_decides_everything(tmp_path: Path) -> None:
    first, second, other = (tmp_path / name for name in ("first", "second", "other"))
    for folder in (first, second):
        fit(folder)
    assert files(first) == files(second)
    model = build("sequential_cnn")
    model.fit(data(), job(other, seed=8))
    model.save(other / "weights.safetensors")
    assert files(first) != files(other)


def test_the_history_has_the_columns_of_the_figures(tmp_path: Path) -> None:
    fit(tmp_path, log_every=1)
    validation = ["validation_accuracy", "validation_cross_entropy", "validation_macro_f1"]
    plain = ["accuracy", "cross_entropy", "step"]
    assert [sorted(line) for line in lines(tmp_path)] == [plain, sorted(plain + validation)] * 3


def test_a_batch_of_one_is_refused_and_one_of_more_than_all_is_reduced(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="batch"):
        fit(tmp_path, batch=1)
    fit(tmp_path, batch=20)
    (tmp_path / "all").mkdir()
    fit(tmp_path / "all", batch=19)
    assert lines(tmp_path) == lines(tmp_path / "all")
