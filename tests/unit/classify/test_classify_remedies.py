"""Remedies for rare classes in the training of networks: each changes what it should, and nothing else."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from helpers.classifiers import SIZE, build, data, images, job, no_images, runtime
from helpers.small_trainings import PowerCut
from helpers.thesis import CLASSES
from hemabalance.classify.class_frequencies import class_frequencies, inverse_frequency_weights, logit_shift
from hemabalance.classify.classifier_training import ClassifierTraining
from hemabalance.classify.method import ModelSpec
from hemabalance.classify.methods.small_resnet import SmallResnetSettings
from hemabalance.classify.mix import mix
from hemabalance.classify.model import ModelData
from hemabalance.classify.onnx_export import export_onnx
from hemabalance.classify.open_model import open_classifier
from hemabalance.classify.synthetic_part import Repeats, synthetic_images, training_sampler
from hemabalance.errors import InputError
from hemabalance.methods import method_names, settings_class, traits_of
from hemabalance.training.network_classifier_settings import TrainingSettings

LABELS = ["a"] * 30 + ["b"] * 6 + ["a"] * 5 + ["b"] * 25
SYNTHETIC = np.array([False] * 36 + [True] * 30)
REMEDIES: dict[str, dict[str, Any]] = {
    "class weights": {"balanced": False, "class_weights": True},
    "adjusted in training": {"balanced": False, "logit_adjustment": "training"},
    "adjusted afterwards": {"balanced": False, "logit_adjustment": "afterwards"},
    "mixup": {"mix": "mixup", "mix_share": 1.0},
    "cutmix": {"mix": "cutmix", "mix_share": 0.5, "mix_alpha": 1.0},
    "moved": {"zoom": 0.3, "shift": 0.2},
    "stain": {"stain_strength": 0.6},
    "out of focus": {"defocus": 0.04},
    "root": {"balanced": "root"},
    "root, adjusted": {"balanced": "root", "logit_adjustment": "training"},
    "synthetic share": {"synthetic_share": 0.4, "synthetic_weight": 0.5},
    "repeats": {"synthetic_share": 0.4, "synthetic_weight": 0.5, "synthetic_part": "repeats"},
    "last": {"keep": "last"},
}


def settings(**changed: Any) -> TrainingSettings:
    return TrainingSettings(**{"batch": 10, **changed})


def partly_synthetic() -> ModelData:
    """`data`, in which every other training image is synthetic."""
    made = data()
    return ModelData(made.train, made.validation, np.arange(len(made.train.labels)) % 2 == 1)


def fit(folder: Path, model_data: ModelData, **changed: Any) -> Any:
    model = build("sequential_cnn", **changed)
    model.fit(model_data, job(folder))
    model.save(folder / "weights.safetensors")
    return model


def files(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "weights.safetensors").read_bytes(), (folder / "history.jsonl").read_bytes()


def training(folder: Path, model_data: ModelData | None = None, **changed: Any) -> ClassifierTraining:
    made: ClassifierTraining = build("sequential_cnn", **changed).initialise_training(
        model_data or partly_synthetic(), job(folder)
    )
    made.runtime.monitor.reset("training", step=0, sums={})
    made.runtime.monitor.step = 1
    return made


# --- all settings


@pytest.mark.parametrize("name", REMEDIES)
def test_each_changes_the_network_and_resumes_with_the_same_bytes(name: str, tmp_path: Path) -> None:
    remedy = REMEDIES[name]
    fit(tmp_path / "whole", partly_synthetic(), **remedy)
    fit(tmp_path / "without", partly_synthetic(), balanced=remedy.get("balanced") is not False)
    step = ClassifierTraining.step

    def step_until(made: ClassifierTraining) -> Any:
        if made.runtime.step == 4:
            raise PowerCut
        return step(made)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClassifierTraining, "step", step_until)
        with pytest.raises(PowerCut):
            fit(tmp_path / "cut", partly_synthetic(), **remedy)
    fit(tmp_path / "cut", partly_synthetic(), **remedy)
    assert files(tmp_path / "cut") == files(tmp_path / "whole")
    if name == "last":  # which is the best one, too, in so short a training
        return
    whole, without = (open_classifier(tmp_path / f / "weights.safetensors", runtime()) for f in ("whole", "without"))
    assert not np.array_equal(whole.logits(data().train.pixels), without.logits(data().train.pixels))


def test_a_description_holds_only_the_remedies_that_are_used() -> None:
    optional = TrainingSettings.OPTIONAL
    assert not set(optional) & TrainingSettings().plain.keys()
    used = settings(mix="mixup", tau=2.0)
    assert {name: value for name, value in used.plain.items() if name in optional} == {"mix": "mixup", "tau": 2.0}
    assert TrainingSettings.from_plain(used.plain) == used


@pytest.mark.parametrize("method", [m for m in method_names("classify") if traits_of("classify", m).trains_networks])
def test_a_description_names_settings_of_a_method_only_if_they_are_used(method: str) -> None:
    """Models trained before these settings existed are opened, and not trained again."""
    model = settings_class("classify", method)
    assert set(model.OPTIONAL) <= model.model_fields.keys()
    assert not set(model.OPTIONAL) & model().plain.keys()
    averaged = model(average_poses=True)
    assert averaged.plain == model().plain | {"average_poses": True}
    assert model.from_plain(averaged.plain) == averaged


def test_the_norm_of_the_small_resnet_is_described_if_it_is_not_batch() -> None:
    assert "norm" not in SmallResnetSettings(norm="batch").plain
    assert SmallResnetSettings(norm="group").plain == SmallResnetSettings().plain | {"norm": "group"}
    small = ModelSpec(method="small_resnet", settings=SmallResnetSettings(norm="instance", input_size=16))
    with pytest.raises(InputError, match="is 16 px, too small for small ResNet"):
        small.build(classes=CLASSES, size=SIZE, runtime=runtime())


@pytest.mark.parametrize("remedy", [{"class_weights": True}, {"logit_adjustment": "afterwards"}])
def test_class_frequencies_are_corrected_once(remedy: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="corrects for class frequencies that `balanced` has evened out"):
        settings(balanced=True, **remedy)


# --- class weights and logit adjustment


def test_class_weights_are_inverse_frequencies_with_a_mean_of_one_over_the_images() -> None:
    targets = np.array([0] * 6 + [2] * 2 + [3] * 4)
    frequencies = class_frequencies(targets, np.zeros(12, bool), 5, settings())
    assert frequencies.tolist() == pytest.approx([6 / 12, 0, 2 / 12, 4 / 12, 0])
    weights = inverse_frequency_weights(frequencies)
    assert weights.tolist() == pytest.approx([12 / 18, 0, 2, 1, 0])
    assert weights[targets].mean().item() == pytest.approx(1)


def test_frequencies_follow_the_share_of_synthetic_images() -> None:
    targets = np.array([0] * 8 + [1] * 2 + [1] * 30)
    synthetic = np.arange(40) >= 10
    as_they_come = class_frequencies(targets, synthetic, 2, settings())
    shared = class_frequencies(targets, synthetic, 2, settings(batch=10, synthetic_share=0.5))
    assert as_they_come.tolist() == pytest.approx([0.2, 0.8])
    assert shared.tolist() == pytest.approx([0.4, 0.6])


def test_root_sampling_draws_classes_by_the_square_roots_of_their_numbers() -> None:
    """Of real and synthetic images each, and the frequencies that are corrected for are those of the batches."""
    targets = np.array([0] * 90 + [1] * 10 + [0] * 4 + [1] * 100)
    labels, synthetic = np.array(["a", "b"])[targets], np.arange(len(targets)) >= 100
    for changed, expected in (({}, math.sqrt(94)), ({"synthetic_share": 0.4}, None)):
        chosen = settings(batch=10, balanced="root", **changed)
        assert chosen.logit_adjustment == "none"
        sampler = training_sampler(labels.tolist(), synthetic, chosen, 1, 0)
        drawn = targets[np.concatenate([sampler.next_batch().numpy() for _ in range(600)])]
        frequency = class_frequencies(targets, synthetic, 3, chosen)
        share = expected / (expected + math.sqrt(110)) if expected else 0.6 * 3 / 4 + 0.4 * 2 / 12
        assert frequency.tolist() == pytest.approx([share, 1 - share, 0])
        assert (drawn == 0).mean() == pytest.approx(share, abs=0.02)


def test_root_sampling_may_be_corrected_for() -> None:
    assert settings(balanced="root", class_weights=True).class_weights
    with pytest.raises(ValidationError, match="Input should be True, False or 'root'"):
        settings(balanced="square")


def test_the_shift_is_tau_times_the_logarithm_of_the_frequency() -> None:
    shift = logit_shift(np.array([0.5, 0.0, 0.25, 0.25]), tau=2.0)
    assert shift.tolist() == pytest.approx([2 * math.log(0.5), 0, 2 * math.log(0.25), 2 * math.log(0.25)])


def test_the_loss_is_that_of_shifted_logits(tmp_path: Path) -> None:
    made = training(tmp_path, balanced=False, logit_adjustment="training", tau=1.5, label_smoothing=0.0)
    logits, targets, indices = torch.randn(4, len(CLASSES)), torch.tensor([0, 5, 10, 0]), torch.arange(4)
    expected = functional.cross_entropy(logits + logit_shift(made.frequencies, 1.5), targets)
    assert made._loss(logits, targets, indices, None).item() == pytest.approx(expected.item())


def test_logits_are_shifted_afterwards_in_every_form_of_the_model(tmp_path: Path) -> None:
    uneven = ModelData(images({"basophil": 3, "monocyte": 20, "platelet": 4}, 1), no_images())
    plain = fit(tmp_path / "plain", uneven, balanced=False)
    model = fit(tmp_path / "shifted", uneven, balanced=False, logit_adjustment="afterwards", tau=2.0)
    codes = np.array([CLASSES.index(label) for label in uneven.train.labels])
    frequencies = np.bincount(codes, minlength=len(CLASSES)) / 27
    logits = model.logits(uneven.train.pixels)
    expected = plain.logits(uneven.train.pixels) - logit_shift(frequencies, 2.0).numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    opened = open_classifier(tmp_path / "shifted" / "weights.safetensors", runtime())
    np.testing.assert_array_equal(opened.logits(uneven.train.pixels), logits)
    export_onnx(opened, tmp_path / "model.onnx", metadata={})  # refuses a file whose logits differ


# --- mixed images


def batch(n: int = 6) -> torch.Tensor:
    return torch.rand((n, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_mixup_mixes_images_and_losses_in_the_same_shares() -> None:
    mixed = mix(batch(), "mixup", 0.4, np.random.default_rng(3))
    assert 0 < mixed.share < 1
    torch.testing.assert_close(mixed.images, mixed.share * batch() + (1 - mixed.share) * batch()[mixed.partner])
    own, partner = torch.arange(6.0), torch.full((6,), 10.0)
    torch.testing.assert_close(mixed.of_targets(own, partner), mixed.share * own + (1 - mixed.share) * partner)


def test_cutmix_pastes_a_rectangle_of_the_area_that_the_targets_lose() -> None:
    shares = []
    for seed in range(40):
        mixed = mix(batch(), "cutmix", 1.0, np.random.default_rng(seed))
        moved = mixed.partner != torch.arange(6)
        own, theirs = batch()[moved], batch()[mixed.partner][moved]
        kept = (mixed.images[moved] == own).all(1)
        assert ((mixed.images[moved] == theirs).all(1) | kept).all()
        assert kept.float().mean(dim=(1, 2)).tolist() == pytest.approx([mixed.share] * int(moved.sum()))
        pasted = ~kept[0]
        assert pasted.sum() == pasted.any(0).sum() * pasted.any(1).sum()  # a rectangle
        shares.append(mixed.share)
    assert min(shares) < 0.5 < max(shares)


def test_mixing_is_as_good_as_mixed_targets_and_leaves_its_share_of_batches(tmp_path: Path) -> None:
    made = training(tmp_path, mix="mixup", mix_share=1.0, label_smoothing=0.1)
    mixed = made._mixed(batch())
    assert mixed is not None
    logits, targets = torch.randn(6, len(CLASSES)), torch.tensor([0, 5, 10, 0, 5, 10])
    own, partner = (functional.one_hot(t, len(CLASSES)).float() for t in (targets, targets[mixed.partner]))
    soft = mixed.share * own + (1 - mixed.share) * partner
    expected = functional.cross_entropy(logits, soft, label_smoothing=0.1)
    assert made._loss(logits, targets, torch.arange(6), mixed).item() == pytest.approx(expected.item())
    sometimes, mixed_batches = training(tmp_path, mix="mixup", mix_share=0.3), 0
    for step in range(300):
        sometimes.runtime.monitor.step = step
        mixed_batches += sometimes._mixed(batch(2)) is not None
    assert 60 < mixed_batches < 120
    assert training(tmp_path, mix="mixup", mix_share=0.0)._mixed(batch()) is None


# --- synthetic images


@pytest.mark.parametrize("balanced", [False, True])
def test_a_batch_has_its_share_of_synthetic_images(balanced: bool) -> None:
    sampler = training_sampler(LABELS, SYNTHETIC, settings(synthetic_share=0.3, balanced=balanced), 1, 0)
    drawn = [sampler.next_batch().numpy() for _ in range(200)]
    assert {int(SYNTHETIC[indices].sum()) for indices in drawn} == {3}
    assert {len(indices) for indices in drawn} == {10}
    assert set(np.concatenate(drawn).tolist()) == set(range(len(LABELS)))
    of_part = np.array(LABELS)[np.concatenate([indices[SYNTHETIC[indices]] for indices in drawn])]
    assert (of_part == "a").mean() == pytest.approx(0.5 if balanced else 5 / 30, abs=0.06)


def test_there_is_always_an_image_of_each_part() -> None:
    assert [synthetic_images(share, 10) for share in (0.001, 0.25, 0.5, 0.999)] == [1, 2, 5, 9]


@pytest.mark.parametrize("share", [None, 0.5])
@pytest.mark.parametrize("balanced", [False, True])
def test_repeats_have_the_counts_and_classes_of_the_synthetic_images(share: float | None, balanced: bool) -> None:
    both = [settings(synthetic_share=share, balanced=balanced, synthetic_part=p) for p in ("images", "repeats")]
    drawn, control = (training_sampler(LABELS, SYNTHETIC, of_part, 1, 0) for of_part in both)
    assert isinstance(control, Repeats)
    names, repeated = np.array(LABELS), []
    for _ in range(50):
        expected, indices = drawn.next_batch().numpy(), control.next_batch().numpy()
        replaced = control.replaced.numpy()
        assert np.array_equal(replaced, SYNTHETIC[expected])
        assert np.array_equal(names[indices], names[expected])
        assert np.array_equal(indices[~replaced], expected[~replaced])
        assert not SYNTHETIC[indices].any()
        repeated += indices[replaced].tolist()
    assert len(set(repeated)) == (~SYNTHETIC).sum() or len(repeated) < 200


def test_the_loss_of_the_synthetic_part_is_weighted_alike_for_images_and_repeats(tmp_path: Path) -> None:
    for part in ("images", "repeats"):
        made = training(tmp_path, synthetic_weight=0.25, synthetic_part=part, synthetic_share=0.5)
        indices = made.sampler.next_batch()
        weights = made._weights(made.targets[indices], indices)
        assert weights is not None
        assert weights.tolist() == [1.0, 1.0, 1.0, 0.25, 0.25, 0.25]
    logits = torch.randn(6, len(CLASSES))
    losses = functional.cross_entropy(logits, made.targets[indices], reduction="none", label_smoothing=0.1)
    expected = (weights * losses).mean()
    assert made._loss(logits, made.targets[indices], indices, None).item() == pytest.approx(expected.item())


@pytest.mark.parametrize(
    ("changed", "synthetic", "message"),
    [
        ({"synthetic_share": 0.5}, np.zeros(66, bool), "synthetic_share: is 0.5, but there is no synthetic image"),
        ({"synthetic_part": "repeats"}, np.zeros(66, bool), "synthetic_part: is repeats, but there is no synthetic"),
        ({"synthetic_part": "repeats"}, np.array(LABELS) == "b", "but b has no real training image to repeat"),
    ],
)
def test_settings_that_the_images_cannot_meet_are_refused(
    changed: dict[str, Any], synthetic: np.ndarray, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        training_sampler(LABELS, synthetic, settings(**changed), 1, 0)


# --- the network that is kept


def test_the_last_network_is_kept_although_an_earlier_one_was_better(tmp_path: Path) -> None:
    misleading = ModelData(data().train, images({"basophil": 1}, 2))
    long: dict[str, Any] = {"steps": 40, "patience": 1, "validate_every": 2, "average_decay": 0.5}
    made = build("sequential_cnn", **long, keep="last")
    assert made.fit(misleading, job(tmp_path / "last")).steps == 40
    without = build("sequential_cnn", **long)
    without.fit(ModelData(data().train, no_images()), job(tmp_path / "without"))
    assert np.array_equal(made.logits(data().train.pixels), without.logits(data().train.pixels))
    assert build("sequential_cnn", **long).fit(misleading, job(tmp_path / "best")).steps < 40
