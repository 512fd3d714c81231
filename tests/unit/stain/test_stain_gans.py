"""The translators: training, resuming, saving and use."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.gan_normalizers import METHOD_SETTINGS, SIZE, TRAINING, built, data, disc_images, fitted, initialise, job
from hemabalance.errors import InputError
from hemabalance.stain.adversarial_training import TranslatorTraining
from hemabalance.stain.normalizer import StainData
from hemabalance.training.device import start, unwrapped
from hemabalance.training.job import FitJob, Images

LOSSES = {
    "wcyclegan_gp": {"critic", "penalty", "adversarial", "cycle", "identity"},
    "cyclegan": {"critic", "adversarial", "cycle", "identity"},
    "staingan": {"critic", "adversarial", "cycle"},
    "pix2pix": {"critic", "adversarial", "l1"},
}
every_method = pytest.mark.parametrize("name", METHOD_SETTINGS)


def parameters(training: TranslatorTraining[Any], prefix: str) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{key}": value.detach().clone()
        for name, network in training.networks.items()
        if name.startswith(prefix)
        for key, value in unwrapped(network).named_parameters()
    }


def unchanged(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {key for key, value in before.items() if torch.equal(value, after[key])}


def result_files(normalizer: Any, folder: Path) -> tuple[bytes, bytes]:
    normalizer.save(folder / "weights.safetensors")
    return (folder / "weights.safetensors").read_bytes(), (folder / "history.jsonl").read_bytes()


@every_method
def test_every_parameter_changes_and_the_losses_have_their_names(name: str, tmp_path: Path) -> None:
    training = initialise(name, tmp_path)
    before = parameters(training, "")
    losses = [training.step() for _ in range(3)]
    assert not unchanged(before, parameters(training, ""))
    expected = {f"{loss}_{domain}" for loss in LOSSES[name] for domain in "ab"}
    assert set(losses[0]) == expected | ({"adversarial_to_cycle"} if name == "wcyclegan_gp" else set())
    assert all(
        loss.ndim == 0 and not loss.requires_grad and loss.isfinite() for step in losses for loss in step.values()
    )


@every_method
def test_an_interrupted_training_ends_with_the_same_files(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = result_files(fitted(name, tmp_path / "uninterrupted"), tmp_path / "uninterrupted")
    folder = tmp_path / "interrupted"
    training = built(name).method.training
    step = training.step
    for fatal in (2, 3, 4):  # checkpoints at 2, 4, 6: the first session has none, the third loses a step
        steps = iter(range(1, 100))

        def interrupted_step(self: Any, fatal: int = fatal, steps: Iterator[int] = steps) -> Any:
            if next(steps) >= fatal:
                raise KeyboardInterrupt
            return step(self)

        monkeypatch.setattr(training, "step", interrupted_step)
        with pytest.raises(KeyboardInterrupt):
            fitted(name, folder)
        monkeypatch.undo()
    assert result_files(fitted(name, folder), folder) == uninterrupted


@every_method
def test_the_result_depends_on_the_seed(name: str, tmp_path: Path) -> None:
    first, again, with_other_seed = (
        result_files(fitted(name, tmp_path / folder, seed, steps=2), tmp_path / folder)
        for folder, seed in (("first", 7), ("again", 7), ("other", 8))
    )
    assert first == again
    assert first[0] != with_other_seed[0]
    assert first[1] != with_other_seed[1]


@every_method
def test_a_resume_refuses_other_images(name: str, tmp_path: Path) -> None:
    fitted(name, tmp_path)
    brighter = StainData(
        *(Images(d.pixels // 2, d.labels) for d in (data().a, data().b)), tuple(p // 2 for p in data().pairs)
    )
    with pytest.raises(InputError, match="images"):
        built(name).fit(brighter, job(tmp_path))


@every_method
def test_loaded_weights_transform_as_the_fitted_ones(name: str, tmp_path: Path) -> None:
    normalizer, loaded = fitted(name, tmp_path), built(name)
    normalizer.save(tmp_path / "weights.safetensors")
    loaded.load(tmp_path / "weights.safetensors")
    images = disc_images(19, (230, 170, 190), 4)  # more than are transformed at once
    made = normalizer.transform(images, to="b")
    assert made.pixels.shape == images.shape
    assert made.pixels.dtype == np.uint8
    assert not made.passed_through.any()
    assert made.passed_through.shape == (19,)
    np.testing.assert_array_equal(loaded.transform(images, to="b").pixels, made.pixels)
    single = np.concatenate([normalizer.transform(image[None], to="b").pixels for image in images[:3]])
    assert np.abs(made.pixels[:3].astype(int) - single).max() <= 1
    back = normalizer.inverse(made.pixels, to="a").pixels
    np.testing.assert_array_equal(loaded.transform(made.pixels, to="a").pixels, back)
    assert (back != normalizer.transform(made.pixels, to="b").pixels).any()
    assert (
        normalizer.parameters
        == loaded.parameters
        == sum(p.numel() for p in parameters(normalizer.initialise_training(data(), job(tmp_path)), "to_").values())
    )


@every_method
def test_blank_images_and_empty_batches_are_transformed(name: str, tmp_path: Path) -> None:
    normalizer = fitted(name, tmp_path, steps=2)
    blank = np.stack([np.full((SIZE, SIZE, 3), level, np.uint8) for level in (0, 200, 255)])
    # Instance normalisation divides by a deviation that is 0 here, and makes a picture out of roundings.
    assert normalizer.transform(blank, to="b").pixels.shape == blank.shape
    scaled = torch.from_numpy(blank).permute(0, 3, 1, 2).float() / 127.5 - 1
    assert normalizer._generators["b"](scaled).isfinite().all()
    nothing = normalizer.transform(blank[:0], to="a")
    assert nothing.pixels.shape == (0, SIZE, SIZE, 3)
    assert nothing.passed_through.shape == (0,)


@every_method
def test_weights_of_other_settings_are_refused(name: str, tmp_path: Path) -> None:
    fitted(name, tmp_path, steps=2).save(tmp_path / "weights.safetensors")
    cases = (({"width": 8}, "width: stored 4, expected 8"), ({"lr": 1e-3}, "lr"), ({"size": 32}, "size: stored 16"))
    for changes, message in cases:
        normalizer = built(name, **{"steps": 2, **changes})
        with pytest.raises(InputError, match=message):
            normalizer.load(tmp_path / "weights.safetensors")
        with pytest.raises(RuntimeError, match="neither fitted nor loaded"):
            normalizer.transform(disc_images(1, (9, 9, 9), 0, normalizer.size), to="a")
    for without_effect in ({"log_every": 5}, {"checkpoint_every": 5}, {"memory_budget": 0}):
        built(name, steps=2, **without_effect).load(tmp_path / "weights.safetensors")


def test_weights_of_another_method_are_refused(tmp_path: Path) -> None:
    fitted("pix2pix", tmp_path, steps=2).save(tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match='method: stored "pix2pix", expected "wcyclegan_gp"'):
        built("wcyclegan_gp", steps=2).load(tmp_path / "weights.safetensors")


def test_critics_and_generators_are_updated_separately(tmp_path: Path) -> None:
    training = initialise("wcyclegan_gp", tmp_path)
    a, b = training.batches.next_batch()
    generators, critics = parameters(training, "to_"), parameters(training, "critic_")
    training.update_critics(a, b, b, a)
    assert unchanged(generators, parameters(training, "to_")) == set(generators)
    assert not unchanged(critics, parameters(training, "critic_"))
    critics = parameters(training, "critic_")
    training.minimise_generators(-training.judge(training.critic_a, training.to_a(b) + training.to_b(a)).mean())
    assert unchanged(critics, parameters(training, "critic_")) == set(critics)
    assert not unchanged(generators, parameters(training, "to_"))
    assert all(p.requires_grad for network in training.networks.values() for p in network.parameters())


def test_a_critic_learns_to_distinguish_separable_images(tmp_path: Path) -> None:
    training = initialise("wcyclegan_gp", tmp_path, lr=1e-2, decay_from=1.0)
    a, b = training.batches.next_batch()
    losses = [training.update_critics(a, b, b, a) for _ in range(50)]
    for domain in "ab":
        fall = [float(step[f"critic_{domain}"]) for step in losses]
        assert np.mean(fall[:10]) > -2 > -2.5 > np.mean(fall[-10:])
        assert losses[-1][f"penalty_{domain}"] < 0.5  # so the scores do not differ by an unbounded slope


def test_wasserstein_losses_sum_to_the_equations(tmp_path: Path) -> None:
    training = initialise("wcyclegan_gp", tmp_path, adversarial_weight=0.5)
    minimised: list[float] = []
    training.minimise_generators = lambda loss: minimised.append(loss.item())
    terms = {"adversarial_a": -3.0, "adversarial_b": 1.0, "cycle_a": 0.2, "cycle_b": 0.3}
    terms |= {"identity_a": 0.1, "identity_b": 0.4}
    losses = training.update_generators({name: torch.tensor(value) for name, value in terms.items()})
    assert minimised == [pytest.approx(0.5 * (-3 + 1) + 10 * (0.2 + 0.3) + 5 * (0.1 + 0.4))]
    losses |= {"critic_a": torch.tensor(-6.0), "critic_b": torch.tensor(2.0)}
    assert training.adversarial_to_cycle_ratio(losses).item() == pytest.approx(0.5 * (6 + 2) / (10 * (0.2 + 0.3)))


def test_each_critic_update_uses_new_images(tmp_path: Path) -> None:
    training = initialise("wcyclegan_gp", tmp_path, critic_steps=3)
    training.step()
    training.step()
    assert training.samplers["a"].state_dict()["batches"] == training.samplers["b"].state_dict()["batches"] == 6


def test_the_learning_rate_decays_to_zero_from_decay_from_on(tmp_path: Path) -> None:
    training = initialise("pix2pix", tmp_path, steps=6, decay_from=0.5)
    rates = []
    for _ in range(6):
        rates.append([optimizer.param_groups[0]["lr"] / TRAINING["lr"] for optimizer in training.optimizers.values()])
        training.step()
    np.testing.assert_allclose(rates, np.repeat([[1], [1], [1], [1], [2 / 3], [1 / 3]], 2, axis=1))
    constant = initialise("pix2pix", tmp_path, steps=1, decay_from=1.0)
    constant.step()
    assert constant.schedulers["critics"].get_last_lr() == [0.0]  # after the last step, which had the full rate


@every_method
def test_the_result_is_the_average_if_there_is_one(name: str, tmp_path: Path) -> None:
    training = initialise(name, tmp_path, average_decay=0.9)
    before = parameters(training, "to_b")
    training.step()
    averaged = dict(training.result()["b"].named_parameters())
    for key, value in parameters(training, "to_b").items():
        torch.testing.assert_close(averaged[key.removeprefix("to_b.")], 0.9 * before[key] + 0.1 * value)
    assert not initialise(name, tmp_path, average_decay=0.0).averages


def test_training_in_bfloat16(tmp_path: Path) -> None:
    runtime = start(device="cpu", precision="bf16", devices=1, seed=7, threads=1)
    half = FitJob(runtime, tmp_path / "state", tmp_path / "history.jsonl", threads=1, seed=7)
    training = built("wcyclegan_gp").initialise_training(data(), half)
    assert training.critic_a(training.batches.next_batch()[0]).dtype == torch.float32
    assert all(loss.isfinite() and loss.dtype == torch.float32 for _ in range(3) for loss in training.step().values())


def test_pix2pix_learns_the_colours_of_the_pairs(tmp_path: Path) -> None:
    training = initialise("pix2pix", tmp_path, steps=60, decay_from=1.0)
    losses = [training.step() for _ in range(60)]
    for name in ("l1_a", "l1_b"):
        assert losses[-1][name] < 0.4 * losses[0][name]
