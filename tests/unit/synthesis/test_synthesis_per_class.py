"""Generators with one network for each class (DCGAN, FastGAN): turns of the classes, batches, losses, weights."""

from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.conditional_generators import COLOURS, LABELS, SIZE, cells, data, job, parameters
from helpers.per_class_generators import METHODS, build, initialise, take_step
from hemabalance.errors import InputError
from hemabalance.networks.layers import count_parameters
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.training.device import unwrapped
from hemabalance.training.learning_rate import linear_decay
from hemabalance.training.tensorfile import read_tensors
from hemabalance.training.weights import KIND, REMEDY

every_method = pytest.mark.parametrize("name", METHODS)
LOSSES = {
    "dcgan": {"discriminator", "adversarial"},
    "fastgan": {"discriminator", "reconstruction", "adversarial"},
}


def changed_networks(training: Any, before: Any) -> set[str]:
    after = parameters(training)
    return {name for name in before if any(not torch.equal(v, after[name][k]) for k, v in before[name].items())}


@every_method
def test_the_classes_take_turns_and_each_has_one_update_after_a_round(name: str, tmp_path: Path) -> None:
    training = initialise(name, tmp_path)
    for label in LABELS:
        before = parameters(training)
        losses = take_step(training)
        assert changed_networks(training, before) == {f"generator_{label}", f"discriminator_{label}"}
        assert set(losses) == LOSSES[name]
        assert all(loss.ndim == 0 and not loss.requires_grad and loss.isfinite() for loss in losses.values())
    for optimizer in training.optimizers.values():
        assert {float(state["step"]) for state in optimizer.state_dict()["state"].values()} == {1.0}


@every_method
def test_the_turn_follows_the_step_of_the_loop_also_after_a_resume(name: str, tmp_path: Path) -> None:
    training = initialise(name, tmp_path)
    training.runtime.monitor.step = 4  # of which the last was the first class's
    before = parameters(training)
    take_step(training)
    assert changed_networks(training, before) == {f"generator_{LABELS[1]}", f"discriminator_{LABELS[1]}"}


@every_method
def test_each_update_changes_one_network(name: str, tmp_path: Path) -> None:
    training, label = initialise(name, tmp_path), LABELS[1]
    real, fake = training.real.next_batch(label), training.sample_fakes(label, 4)
    before = parameters(training)
    training.update_discriminator(label, real, fake.detach())
    assert changed_networks(training, before) == {f"discriminator_{label}"}
    before = parameters(training)
    training.update_generator(label, fake)
    assert changed_networks(training, before) == {f"generator_{label}"}
    assert all(p.requires_grad for player in training.optimizers for p in training.networks[player].parameters())


def test_learning_rates_follow_the_number_of_the_step(tmp_path: Path) -> None:
    training = initialise("dcgan", tmp_path, steps=12, decay_from=0.5)
    used = []
    for step in range(12):
        for kind in ("generator", "discriminator"):
            (group,) = training.optimizers[f"{kind}_{LABELS[step % 3]}"].param_groups
            used.append(group["lr"])
        take_step(training)
    expected = [2e-3 * linear_decay(12, 0.5)(step) for step in range(12) for _ in range(2)]
    assert used == pytest.approx(expected)


def test_a_batch_shows_one_class_and_has_at_most_its_images(tmp_path: Path) -> None:
    real = initialise("dcgan", tmp_path, augment=False).real
    counts = {"basophil": 3, "monocyte": 4, "platelet": 1}  # of 3, 6 and 1 images, in batches of at most 4
    for label, count in counts.items():
        for _ in range(3):
            batch = real.next_batch(label)
            assert batch.shape == (count, 3, SIZE, SIZE)
            colour = torch.tensor(COLOURS[label]) / 127.5 - 1
            assert (batch[:, :, SIZE // 2, SIZE // 2] - colour).abs().max() < 0.08
    assert len(torch.unique(real.next_batch("basophil"), dim=0)) == 3  # a pass shows every image
    assert set(real.samplers) == {f"real_{label}" for label in LABELS}


@every_method
def test_an_update_lowers_the_loss_of_its_network_on_the_same_images(name: str, tmp_path: Path) -> None:
    training, label = initialise(name, tmp_path, lr=5e-4), "monocyte"
    real, fake = training.real.next_batch(label), training.sample_fakes(label, 4).detach()
    losses = []
    for _ in range(6):
        if name == "fastgan":
            training.generators["parts"].manual_seed(1)
        terms = training.update_discriminator(label, real, fake)
        losses.append(float(sum(terms.values())))
    assert losses[-1] < losses[0]
    losses = []
    for _ in range(6):
        for rng in training.generators.values():
            rng.manual_seed(1)
        losses.append(float(training.update_generator(label, training.sample_fakes(label, 4))["adversarial"]))
    assert losses[-1] < losses[0]


@every_method
def test_the_parameters_are_counted_over_all_classes(name: str, tmp_path: Path) -> None:
    generator, training = build(name), initialise(name, tmp_path)
    for kind in ("generator", "discriminator"):
        networks = [training.networks[f"{kind}_{label}"] for label in LABELS]
        assert generator.parameters[kind] == sum(count_parameters(unwrapped(network)) for network in networks)


@every_method
def test_an_image_follows_from_its_latent_alone(name: str, tmp_path: Path) -> None:
    generator = build(name)
    generator.fit(data(), job(tmp_path))
    z = torch.randn((8, generator.latent), generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        batch, one = generator.generate("monocyte", z, torch.arange(8)), generator.generate("monocyte", z[3:4], z)
        other = generator.generate("basophil", z, torch.arange(8))
    torch.testing.assert_close(batch[3:4], one, atol=1e-5, rtol=0)
    assert (batch - other).abs().max() > 1e-3
    generator.save(tmp_path / "weights.safetensors")
    _, tensors = read_tensors(tmp_path / "weights.safetensors", KIND, REMEDY)
    assert {key.split(".")[0] for key in tensors} == set(LABELS)


@every_method
def test_the_generator_for_use_is_the_average_with_its_own_statistics(name: str, tmp_path: Path) -> None:
    training, label = initialise(name, tmp_path, average_decay=0.9), LABELS[0]
    for _ in range(6):
        take_step(training)
    state = {k: v.clone() for k, v in training.averages[f"generator_{label}"].state_dict().items()}
    result = training.result(label)
    assert not result.training
    for key, value in result.state_dict().items():
        assert torch.equal(value, state[key]) != ("running" in key or "num_batches" in key), key
        assert torch.equal(training.averages[f"generator_{label}"].state_dict()[key], state[key])
        assert torch.equal(training.result(label).state_dict()[key], value)


def test_a_class_without_images_is_refused(tmp_path: Path) -> None:
    usual = data()
    without = SynthesisData(cells(["monocyte", "basophil"], 1), usual.held_back, usual.teacher_images)
    with pytest.raises(InputError, match=r"class platelet: is to be trained on, but has no real training image"):
        build("dcgan").fit(without, job(tmp_path))


def test_fewer_steps_than_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"steps: is 2, but 3 classes are trained in turn.* at least 3"):
        build("dcgan", steps=2).fit(data(), job(tmp_path))


@every_method
def test_an_image_size_without_networks_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"method {name}: .*size 24 px is not a power of two.*Choose another"):
        build(name, size=24)


@every_method
def test_the_networks_at_the_thesis_size_take_a_step(name: str, tmp_path: Path) -> None:
    kinds = ("latent", "width", "discriminator_width")
    defaults = {kind: type(build(name).method.settings)().plain[kind] for kind in kinds}
    generator = build(name, size=128, labels=("monocyte",), batch=2, **defaults)
    training = generator.initialise_training(data(cells(["monocyte"] * 2, 1, 128), 0, 128), job(tmp_path))
    before = parameters(training)
    take_step(training)
    after = parameters(training)
    still = [(n, k) for n in before for k, v in before[n].items() if torch.equal(v, after[n][k])]
    assert still == []
