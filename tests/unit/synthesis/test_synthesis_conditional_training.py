"""Training of C-WGAN-GP and CWGAN-GP: updates, batches, losses and learning rates."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.conditional_generators import (
    COLOURS,
    LABELS,
    SIZE,
    build,
    cells,
    data,
    every_method,
    initialise,
    job,
    parameters,
)
from helpers.small_trainings import cpu, lines
from hemabalance.training.device import Runtime, unwrapped

LOSSES = {
    "c_wgan_gp": {"critic", "penalty", "adversarial", "class_fake", "classifier", "accuracy"},
    "cwgan_gp": {"critic", "penalty", "adversarial"},
    "cgan": {"critic", "adversarial"},
    "acgan": {"critic", "class_real", "class_fake_critic", "adversarial", "class_fake"},
    "infogan": {"critic", "adversarial", "category_information", "continuous_information"},
    "diffaugment": {"critic", "adversarial"},
}


def moved(training: Any, before: dict[str, dict[str, torch.Tensor]]) -> dict[str, set[str]]:
    """Networks that changed, each with the names of its unchanged parameters."""
    after = parameters(training)
    unchanged = {
        name: {key for key in values if torch.equal(values[key], after[name][key])} for name, values in before.items()
    }
    return {name: keys for name, keys in unchanged.items() if keys != set(before[name])}


@every_method
def test_every_parameter_changes_and_the_losses_are_named(name: str, tmp_path: Path) -> None:
    training = initialise(name, tmp_path)
    before = parameters(training)
    losses = [training.step() for _ in range(2)]
    assert moved(training, before) == {player: set() for player in training.optimizers}
    assert all(set(step) - {"held_back_accuracy"} == LOSSES[name] for step in losses)
    for step in losses:
        assert all(loss.ndim == 0 and not loss.requires_grad and loss.isfinite() for loss in step.values())


@every_method
def test_each_update_changes_one_network(name: str, tmp_path: Path) -> None:
    training = initialise(name, tmp_path)
    real, targets = training.sample_real()
    fake = training.sample_fakes(targets)
    before = parameters(training)
    training.update_critic(real, fake.detach(), targets)
    assert moved(training, before) == {"critic": set()}
    before = parameters(training)
    training.update_generator(fake, targets)
    assert moved(training, before) == {"generator": set()}
    if name == "c_wgan_gp":
        before = parameters(training)
        training.update_classifier(real, targets)
        assert moved(training, before) == {"classifier": set()}
        training.held_back_accuracy()
    assert all(p.requires_grad for player in training.optimizers for p in training.networks[player].parameters())


def test_classes_are_sampled_equally_often(tmp_path: Path) -> None:
    training = initialise("c_wgan_gp", tmp_path, augment=False, trained=("monocyte", "platelet", "basophil"))
    counts = torch.zeros(3)
    for _ in range(150):
        real, targets = training.real.next_batch()
        counts += torch.bincount(targets, minlength=3)
        dark = real.amin(dim=1).flatten(1).median(dim=1).values  # neutrophils are black
        assert (dark > -0.95).all()
        for image, target in zip(real, targets, strict=True):
            colour = torch.tensor(COLOURS[("monocyte", "platelet", "basophil")[target]]) / 127.5 - 1
            assert (image[:, SIZE // 2, SIZE // 2] - colour).abs().max() < 0.08
    assert counts.min() > 150  # of 600
    targets_of_fakes = torch.bincount(torch.cat([training.sample_real()[1] for _ in range(150)]), minlength=3)
    assert targets_of_fakes.min() > 150


def test_only_the_conditional_critic_gets_the_classes(tmp_path: Path) -> None:
    conditional, unconditional = initialise("cwgan_gp", tmp_path), initialise("c_wgan_gp", tmp_path)
    targets = torch.tensor([0, 1, 2, 0])
    assert [t.tolist() for t in conditional.critic_conditions(targets)] == [[0, 1, 2, 0]]
    assert unconditional.critic_conditions(targets) == ()
    real, classes = conditional.sample_real()
    critic = unwrapped(conditional.critic)
    assert not torch.equal(critic(real, classes), critic(real, (classes + 1) % 3))


def test_the_critic_sees_new_images_at_each_of_its_steps(tmp_path: Path) -> None:
    for name, draws in (("cwgan_gp", 3), ("c_wgan_gp", 4)):  # the classifier uses its own batch
        training = initialise(name, tmp_path, critic_steps=3)
        training.step()
        assert training.samplers["real"].state_dict()["batches"] == draws


def test_losses_add_up_as_weighted(tmp_path: Path) -> None:
    training = initialise("c_wgan_gp", tmp_path, class_weight=0.3, gp_weight=7.0)
    minimised: list[float] = []

    def minimise(loss: torch.Tensor, *arguments: Any) -> None:
        minimised.append(loss.item())

    training.runtime = _RecordingRuntime(training.runtime, minimise)
    real, targets = training.real.next_batch()
    fake = training.sample_fakes(targets)
    critic_losses = training.update_critic(real, fake.detach(), targets)
    generator_losses = training.update_generator(fake, targets)
    assert minimised == [
        pytest.approx(float(critic_losses["critic"] + 7 * critic_losses["penalty"]), rel=1e-5),
        pytest.approx(float(generator_losses["adversarial"] + 0.3 * generator_losses["class_fake"]), rel=1e-5),
    ]
    critic, classifier = (unwrapped(training.networks[player]) for player in ("critic", "classifier"))
    assert critic_losses["critic"].item() == pytest.approx((critic(fake).mean() - critic(real).mean()).item(), rel=1e-4)
    assert generator_losses["adversarial"].item() == pytest.approx(-critic(fake).mean().item(), rel=1e-4)
    probabilities = classifier(fake).softmax(1)[torch.arange(len(targets)), targets]
    assert generator_losses["class_fake"].item() == pytest.approx(-probabilities.log().mean().item(), rel=1e-4)


class _RecordingRuntime:
    """A runtime that records losses instead of minimising them."""

    def __init__(self, runtime: Runtime, minimise: Any) -> None:
        self._runtime, self.minimise = runtime, minimise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime, name)


def test_the_classifier_is_monitored_on_held_back_images(tmp_path: Path) -> None:
    build("c_wgan_gp", steps=5, critic_steps=1).fit(data(), job(tmp_path / "monitored"))
    history = lines(tmp_path / "monitored")
    assert [line["step"] for line in history if "held_back_accuracy" in line] == [2, 4, 5]
    build("c_wgan_gp", steps=2).fit(data(held_back=0), job(tmp_path / "unmonitored"))
    assert all("held_back_accuracy" not in line for line in lines(tmp_path / "unmonitored"))


def test_the_classifier_learns_the_classes_and_the_generator_from_it(tmp_path: Path) -> None:
    training = initialise("c_wgan_gp", tmp_path, lr=5e-3, classifier_lr=5e-3, colour_strength=0.0, class_weight=10.0)
    before = training.held_back_accuracy()
    losses = [training.update_classifier(*training.real.next_batch()) for _ in range(60)]
    assert losses[-1]["classifier"] < 0.1 * losses[0]["classifier"]
    assert before < 0.9 < training.held_back_accuracy()
    held_back = data().held_back
    kept = held_back.labels != "neutrophil"
    logits = unwrapped(training.classifier)(torch.from_numpy(held_back.pixels[kept]).permute(0, 3, 1, 2) / 127.5 - 1)
    correct = np.array(LABELS)[logits.argmax(1)] == held_back.labels[kept]
    assert training.held_back_accuracy().item() == pytest.approx(correct.mean())
    targets = torch.arange(12) % 3
    losses_of_fakes = [
        training.update_generator(training.sample_fakes(targets), targets)["class_fake"].item() for _ in range(40)
    ]
    assert np.mean(losses_of_fakes[-5:]) < 0.5 < np.log(3) < np.mean(losses_of_fakes[:5])


def test_a_conditional_critic_prefers_images_of_the_given_class(tmp_path: Path) -> None:
    training = initialise("cwgan_gp", tmp_path, lr=5e-3)
    for _ in range(40):
        real, targets = training.real.next_batch()
        other, _ = training.real.next_batch()  # real images of other classes: they differ in the class only
        training.update_critic(real, other, targets)
    real, targets = training.real.next_batch()
    assert training.critic(real, targets).mean() > training.critic(real, (targets + 1) % 3).mean() + 0.5


def test_snapshots_leave_a_generator_without_average_in_training(tmp_path: Path) -> None:
    training = initialise("cwgan_gp", tmp_path, average_decay=0)
    training.runtime.monitor.step = 2
    training.take_snapshots()
    assert not training.averages
    assert all(module.training for module in unwrapped(training.generator).modules())


def test_the_result_is_the_moving_average(tmp_path: Path) -> None:
    training = initialise("cwgan_gp", tmp_path, average_decay=0.9)
    before = parameters(training)["generator"]
    training.step()
    averaged = dict(training.result().named_parameters())
    for key, value in parameters(training)["generator"].items():
        torch.testing.assert_close(averaged[key], 0.9 * before[key] + 0.1 * value)


def test_learning_rates_decay_after_their_share_of_the_steps(tmp_path: Path) -> None:
    training = initialise("c_wgan_gp", tmp_path, classifier_lr=1e-3)
    rates = []
    for _ in range(6):
        rates.append(
            [training.optimizers[player].param_groups[0]["lr"] for player in ("generator", "critic", "classifier")]
        )
        training.step()
    shares = np.array([1, 1, 1, 1, 2 / 3, 1 / 3])
    np.testing.assert_allclose(rates, shares[:, None] * [2e-3, 2e-3, 1e-3])


def test_it_trains_in_bfloat16(tmp_path: Path) -> None:
    training = build("c_wgan_gp").initialise_training(data(), job(tmp_path, runtime=cpu("bf16")))
    losses = [training.step() for _ in range(2)]
    assert all(loss.isfinite() and loss.dtype == torch.float32 for step in losses for loss in step.values())


def test_a_step_at_the_full_size(tmp_path: Path) -> None:
    full = {"latent": 128, "width": 64, "critic_width": 64, "batch": 2, "critic_steps": 1, "snapshot_images": 1}
    generator = build("c_wgan_gp", 128, **full, steps=1, snapshots=1)
    real = cells(["basophil", "monocyte", "platelet"], 1, 128)
    result = generator.fit(data(real, held_back=0, size=128), job(tmp_path))
    assert result.steps == 1
    assert generator.snapshots.images.shape == (1, 3, 1, 3, 128, 128)
    assert generator.snapshots.images.float().std() > 1
