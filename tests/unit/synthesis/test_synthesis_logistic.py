"""CGAN, AC-GAN and DiffAugment: losses, class head and augmentation."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from helpers.conditional_generators import LABELS, initialise
from hemabalance.networks.auxiliary_critic import AuxiliaryCritic
from hemabalance.networks.layers import count_parameters
from hemabalance.synthesis.methods.diffaugment import method as diffaugment
from hemabalance.training.device import unwrapped

logistic = pytest.mark.parametrize("name", ["cgan", "acgan", "infogan", "diffaugment"])


def batch(training: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    real, targets = training.sample_real()
    return real, training.sample_fakes(targets), targets


def source_logits(training: Any, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = unwrapped(training.critic)(training.shown(images), *training.critic_conditions(targets))
    return logits if logits.ndim == 1 else logits[:, 0]


@logistic
def test_the_critic_learns_to_tell_real_from_generated(name: str, tmp_path: Path) -> None:
    training = initialise(name, tmp_path, lr=2e-3, batch=8)
    losses = []
    for _ in range(40):
        real, fake, targets = batch(training)
        losses.append(training.update_critic(real, fake.detach(), targets)["critic"].item())
    assert sum(losses[-3:]) < sum(losses[:3])
    real, fake, targets = batch(training)
    with torch.no_grad():
        assert source_logits(training, real, targets).mean() > source_logits(training, fake, targets).mean() + 1


@logistic
def test_the_generator_raises_the_score_of_its_images(name: str, tmp_path: Path) -> None:
    training = initialise(name, tmp_path, lr=5e-3, batch=8)
    losses = [training.update_generator(fake, targets) for _, fake, targets in (batch(training) for _ in range(25))]
    first, last = (sum(step["adversarial"].item() for step in part) for part in (losses[:5], losses[-5:]))
    assert last < first - 0.5


def test_cgan_minimises_the_cross_entropies_of_the_paper(tmp_path: Path) -> None:
    training = initialise("cgan", tmp_path)
    real, fake, targets = batch(training)
    critic = unwrapped(training.critic)
    p_real, p_fake = (critic(images, targets).sigmoid().detach() for images in (real, fake))
    losses = training.update_critic(real, fake.detach(), targets)
    expected = -(p_real.log().mean() + (1 - p_fake).log().mean())
    torch.testing.assert_close(losses["critic"], expected, rtol=1e-4, atol=1e-5)
    p_fake = critic(fake, targets).sigmoid().detach()
    losses = training.update_generator(fake, targets)
    torch.testing.assert_close(losses["adversarial"], -p_fake.log().mean(), rtol=1e-4, atol=1e-5)


def test_acgan_weighs_the_class_terms_of_both_networks(tmp_path: Path) -> None:
    training = initialise("acgan", tmp_path, class_weight=0.3)
    real, fake, targets = batch(training)
    critic = unwrapped(training.critic)
    real_outputs, fake_outputs = critic(real), critic(fake)
    in_critic = dict(training.critic_terms(real_outputs, fake_outputs, targets))
    in_generator = dict(training.generator_terms(fake_outputs, targets))
    assert {name: weight for name, (weight, _) in (in_critic | in_generator).items()} == {
        "critic": 1.0, "class_real": 0.3, "class_fake_critic": 0.3, "adversarial": 1.0, "class_fake": 0.3,
    }  # fmt: skip
    for outputs, term in ((real_outputs, in_critic["class_real"]), (fake_outputs, in_generator["class_fake"])):
        expected = functional.nll_loss(outputs[:, 1:].log_softmax(1), targets)
        torch.testing.assert_close(term[1], expected)
    before = training.generator_terms(fake_outputs.detach(), targets)
    losses = training.update_generator(fake, targets)
    assert losses == {name: value.detach() for name, (_, value) in before.items()}


@pytest.mark.parametrize("shown", ["class_real", "class_fake_critic"])
def test_the_class_head_learns_from_real_and_from_generated_images(shown: str, tmp_path: Path) -> None:
    training = initialise("acgan", tmp_path, lr=3e-3, batch=8)
    head, trunk = unwrapped(training.critic).auxiliary, unwrapped(training.critic).trunk
    usual_terms = training.critic_terms
    real, fake, targets = batch(training)
    outputs = unwrapped(training.critic)(torch.cat((real, fake.detach())))
    usual_terms(*outputs.chunk(2), targets)[shown][1].backward()
    assert head.weight.grad.abs().amax(1).min() > 0
    assert all(parameter.grad.abs().sum() > 0 for parameter in trunk.parameters())
    # Only this term is left, and the classes of the images are learned from it.
    training.critic_terms = lambda *args: {shown: usual_terms(*args)[shown]}
    with torch.no_grad():
        fake = torch.cat([torch.full((3, *real.shape[1:]), level) for level in (-0.8, 0.0, 0.8)])[:8]
        classes = torch.arange(9)[:8] // 3
    images, own_targets = (real, targets) if shown == "class_real" else (fake, classes)
    for _ in range(40):
        training.update_critic(images, images, own_targets)
    predicted = unwrapped(training.critic)(images)[:, 1:].argmax(1)
    assert (predicted == own_targets).float().mean() == 1


def test_the_generator_of_acgan_learns_the_class_from_the_head(tmp_path: Path) -> None:
    training = initialise("acgan", tmp_path, lr=5e-3, batch=12)
    for _ in range(40):
        real, fake, targets = batch(training)
        training.update_critic(real, fake.detach(), targets)
    losses = []
    for _ in range(40):
        _, fake, targets = batch(training)
        losses.append(training.update_generator(fake, targets)["class_fake"].item())
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


def test_the_auxiliary_critic_has_one_source_and_the_given_outputs() -> None:
    critic = AuxiliaryCritic(128, 64, 8)
    assert count_parameters(critic) == 1_269_001
    assert AuxiliaryCritic(16, 4, 3)(torch.zeros(2, 3, 16, 16)).shape == (2, 4)
    with pytest.raises(ValueError, match="outputs is 0"):
        AuxiliaryCritic(16, 4, 0)
    with pytest.raises(ValueError, match="24 px is not divisible by 16"):
        AuxiliaryCritic(24, 4, 1)


class AugmentationSpy:
    """Records the batches and kinds of `differentiable_augmentation`, which it calls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[torch.Tensor, tuple[str, ...]]] = []
        self.augment = diffaugment.differentiable_augmentation
        monkeypatch.setattr(diffaugment, "differentiable_augmentation", self)

    def __call__(self, images: torch.Tensor, policy: Any, rng: torch.Generator) -> torch.Tensor:
        self.calls.append((images, policy))
        return self.augment(images, policy, rng)


def test_diffaugment_shows_real_and_generated_images_under_the_same_kinds_of_augmentation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = AugmentationSpy(monkeypatch)
    training = initialise("diffaugment", tmp_path, policy=("translation", "cutout"))
    real, fake, targets = batch(training)
    seen: list[torch.Tensor] = []
    unwrapped(training.critic).register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach()))
    training.update_critic(real, fake.detach(), targets)
    training.update_generator(fake, targets)
    assert [policy for _, policy in spy.calls] == [("translation", "cutout")] * 2
    torch.testing.assert_close(spy.calls[0][0], torch.cat((real, fake.detach())))
    torch.testing.assert_close(spy.calls[1][0], fake)
    for shown, (images, _) in zip(seen, spy.calls, strict=True):  # cutout sets pixels of each image to 0
        assert ((shown == 0).all(1).flatten(1).float().mean(1) > (images == 0).all(1).flatten(1).float().mean(1)).all()


@pytest.mark.parametrize("kind", ["colour", "translation", "cutout"])
def test_the_gradient_reaches_the_generator_through_the_augmentation(kind: str, tmp_path: Path) -> None:
    training = initialise("diffaugment", tmp_path, policy=(kind,))
    _, fake, targets = batch(training)
    fake.retain_grad()
    training.update_generator(fake, targets)
    assert fake.grad is not None
    touched = (fake.grad != 0).any(1).flatten(1).float().mean(1)
    assert (touched > 0.2).all()
    if kind != "colour":  # the critic never sees the pixels that were cut off
        assert touched.min() < 1
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in unwrapped(training.generator).parameters())


def test_without_augmentation_diffaugment_is_cgan(tmp_path: Path) -> None:
    outcomes = []
    for name, changed in (("cgan", {}), ("diffaugment", {"policy": ()}), ("diffaugment", {})):
        training = initialise(name, tmp_path / name, **changed)
        losses = [training.step() for _ in range(2)]
        outcomes.append([{key: value.item() for key, value in step.items()} for step in losses])
    assert outcomes[0] == outcomes[1] != outcomes[2]


def test_classes_are_requested_equally_often(tmp_path: Path) -> None:
    training = initialise("infogan", tmp_path, batch=10)
    codes = torch.cat([training.sample_real()[1] for _ in range(60)])
    counts = torch.bincount(unwrapped(training.generator).codes(codes)[0], minlength=len(LABELS))
    assert counts.min() > 150  # of 600
