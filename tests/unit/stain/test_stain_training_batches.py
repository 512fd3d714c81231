"""Training batches and fake histories of the translators, and the data and sizes that they refuse."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.gan_normalizers import METHOD_SETTINGS, SIZE, built, data, disc_images, fitted, initialise, job
from helpers.method_settings import small_settings
from hemabalance.errors import InputError
from hemabalance.stain.cyclegan_training import FakeHistory
from hemabalance.stain.normalizer import StainData
from hemabalance.stain.training_batches import PairedBatches, UnpairedBatches
from hemabalance.training.job import Images


def test_only_shared_classes_are_sampled_and_all_equally_often(tmp_path: Path) -> None:
    level = {"basophil": 0, "monocyte": 100, "platelet": 250}
    labels = np.array(["basophil"] * 20 + ["monocyte"] * 2 + ["platelet"] * 20)
    pixels = np.stack([np.full((SIZE, SIZE, 3), level[name], np.uint8) for name in labels])
    unbalanced = StainData(Images(pixels, labels), Images(pixels[:22], labels[:22]), None)
    batches = UnpairedBatches(unbalanced, small_settings("stain", "wcyclegan_gp", memory_budget=0), SIZE, job(tmp_path))
    sampled = [batches.next_batch() for _ in range(200)]
    for domain in (0, 1):
        counts = Counter(round(float(image.mean()) * 127.5 + 127.5) for pair in sampled for image in pair[domain])
        assert counts.keys() == {0, 100}
        assert counts[100] == pytest.approx(
            200, abs=50
        )  # five standard deviations; 36 if images were sampled equally often


def test_both_images_of_a_pair_have_the_same_pose(tmp_path: Path) -> None:
    cells = np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 3), np.uint8)
    pairs = StainData(data().a, data().b, (cells, 255 - cells))
    batches = PairedBatches(pairs, small_settings("stain", "pix2pix"), SIZE, job(tmp_path))
    sampled = [batches.next_batch() for _ in range(20)]
    assert all(torch.allclose(a, -b, atol=1e-6) for a, b in sampled)
    assert (
        len({a[0].numpy().tobytes() for a, _ in sampled}) > 8
    )  # more than the number of images, so there are several poses


def test_the_fake_history_returns_earlier_fakes_with_probability_one_half() -> None:
    history, generator = FakeHistory(50, 1, torch.device("cpu")), torch.Generator().manual_seed(1)
    numbered = torch.arange(1050.0).reshape(-1, 1, 1, 1).expand(-1, 3, 1, 1)
    assert torch.equal(history.swap(numbered[:50], generator), numbered[:50])
    mixed = history.swap(numbered[50:], generator)[:, 0, 0, 0]
    earlier = mixed != numbered[50:, 0, 0, 0]
    assert int(earlier.sum()) == pytest.approx(500, abs=80)  # five standard deviations
    assert (mixed <= numbered[50:, 0, 0, 0]).all()
    stored = history.images[:, 0, 0, 0]
    assert sorted(torch.cat((mixed, stored)).tolist()) == list(range(1050))  # each exactly once
    empty = FakeHistory(0, 1, torch.device("cpu"))
    assert torch.equal(empty.swap(numbered, generator), numbered)


def test_cyclegan_fills_its_fake_histories(tmp_path: Path) -> None:
    training = initialise("cyclegan", tmp_path, remembered=3)
    training.step()
    training.step()
    for history in training.fake_histories.values():
        assert history.filled == 3
        assert history.images.abs().amax(dim=(1, 2, 3)).min() > 0


def test_pix2pix_without_pairs_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a paired stain method: needs the same cells.*stain\.normalizers"):
        built("pix2pix").fit(StainData(data().a, data().b, None), job(tmp_path))
    with pytest.raises(InputError, match="6 images in stain a and 5"):
        built("pix2pix").fit(StainData(data().a, data().b, (data().pairs[0], data().pairs[1][:5])), job(tmp_path))


@pytest.mark.parametrize("name", ["wcyclegan_gp", "cyclegan"])
def test_unusable_domains_are_refused(name: str, tmp_path: Path) -> None:
    valid = data()
    empty = Images(valid.b.pixels[:0], valid.b.labels[:0])
    with pytest.raises(InputError, match=r"domain b: there is no training image"):
        built(name).fit(StainData(valid.a, empty, None), job(tmp_path))
    unshared = Images(valid.b.pixels, np.array(["myeloblast"] * 6))
    with pytest.raises(InputError, match=r"domain a has basophil, monocyte, platelet; domain b has myeloblast"):
        built(name).fit(StainData(valid.a, unshared, None), job(tmp_path))
    with pytest.raises(InputError, match=r"domain a.* 32x32 px, but the networks were built for 16x16 px"):
        built(name).fit(data(32), job(tmp_path))
    assert not (tmp_path / "history.jsonl").exists()


@pytest.mark.parametrize("name", METHOD_SETTINGS)
def test_sizes_that_do_not_fit_are_refused(name: str, tmp_path: Path) -> None:
    for size, changes, message in (
        (12, {}, "too small, at least 16 px"),
        (18, {}, "is not divisible by"),
        (16, {"critic_layers": 3}, "PatchGAN critic: images of 16 px are too small.*at least 24 px"),
    ):
        with pytest.raises(InputError, match=f"stain method {name}: .*{message}"):
            built(name, size, **changes)
    with pytest.raises(InputError, match="images to transform: 32x32 px"):
        fitted(name, tmp_path, steps=1).transform(disc_images(1, (9, 9, 9), 0, 32), to="a")


def test_both_domains_have_batches_of_one_size_with_few_images(tmp_path: Path) -> None:
    pixels = np.zeros((9, SIZE, SIZE, 3), np.uint8)
    labels = np.array(["blast"] * 9)
    small = StainData(Images(pixels, labels), Images(pixels[:3], labels[:3]), None)
    batches = UnpairedBatches(small, small_settings("stain", "wcyclegan_gp", batch=8), SIZE, job(tmp_path))
    assert [len(batch) for batch in batches.next_batch()] == [3, 3]
