"""Image pools, samplers, pose augmentation and exponential averages."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from helpers.small_trainings import IMAGES, LABELS, cpu
from hemabalance.errors import InputError
from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import BalancedSampler, EpochSampler, ImagePool, Sampler, augment_dihedral


def memory_mapped(folder: Path) -> np.ndarray:
    np.save(folder / "images.npy", IMAGES)
    return np.load(folder / "images.npy", mmap_mode="r")  # type: ignore[no-any-return]


def test_pool_gives_the_images(tmp_path: Path) -> None:
    runtime = cpu()
    indices = torch.tensor([3, 0, 3, 19])
    expected = torch.from_numpy(IMAGES[indices.numpy()]).permute(0, 3, 1, 2).float() / 127.5 - 1
    for images in (IMAGES, memory_mapped(tmp_path)):
        for budget, resident in ((IMAGES.nbytes, True), (IMAGES.nbytes - 1, False)):
            pool = ImagePool(images, runtime, budget)
            batch = pool.take(indices)
            assert (pool.resident, len(pool)) == (resident, 20)
            assert (batch.dtype, batch.shape, batch.is_contiguous()) == (torch.float32, (4, 3, 12, 12), True)
            assert torch.equal(batch, expected)
    assert batch.min() >= -1
    assert batch.max() <= 1


def test_pool_maps_black_and_white_to_the_ends() -> None:
    images = np.stack([np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)])
    batch = ImagePool(images, cpu(), 1000).take(torch.tensor([0, 1]))
    assert (batch[0] == -1).all()
    assert (batch[1] == 1).all()


def test_pool_shares_no_memory_with_its_input_or_its_batches() -> None:
    images = IMAGES.copy()
    resident, on_host = ImagePool(images, cpu(), 1 << 20), ImagePool(IMAGES, cpu(), 0)
    images[:] = 0
    for pool in (resident, on_host):
        first = pool.take(torch.arange(20)).clone()
        assert not (first == -1).all()
        pool.take(torch.arange(20)).zero_()
        assert torch.equal(pool.take(torch.arange(20)), first)


@pytest.mark.parametrize("bad", [IMAGES.astype(np.float32), IMAGES[0], IMAGES.transpose(0, 3, 1, 2)])
def test_pool_refuses_other_arrays(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="not uint8"):
        ImagePool(bad, cpu(), 1 << 20)


def sampled_indices(sampler: Sampler, batches: int) -> list[int]:
    return [index for _ in range(batches) for index in sampler.next_batch().tolist()]


def test_balanced_sampler_samples_classes_equally_and_images_of_a_class_equally() -> None:
    frequency = Counter(sampled_indices(BalancedSampler(LABELS, 4, 1, 0), 1500))
    by_class: Counter[str] = Counter()
    for index, count in frequency.items():
        by_class[LABELS[index]] += count
    # 6000 images: 2000 of each class, standard deviation 36.5
    assert all(abs(by_class[name] - 2000) < 4 * 36.5 for name in set(LABELS))
    for name in set(LABELS):
        counts = [frequency[index] for index, label in enumerate(LABELS) if label == name]
        assert max(counts) - min(counts) <= 1


def test_epoch_sampler_returns_every_image_once_per_pass() -> None:
    order = sampled_indices(EpochSampler(10, 4, 1, 0), 15)
    passes = [order[k : k + 10] for k in range(0, 60, 10)]
    assert all(sorted(indices) == list(range(10)) for indices in passes)
    assert len({tuple(indices) for indices in passes}) == 6


def build_sampler(kind: str, seed: int = 1, rank: int = 0, batch: int = 4) -> Sampler:
    if kind == "epoch":
        return EpochSampler(20, batch, seed, rank)
    return BalancedSampler(LABELS, batch, seed, rank)


@pytest.mark.parametrize("kind", ["balanced", "epoch"])
def test_order_depends_only_on_seed_and_rank(kind: str) -> None:
    torch.manual_seed(0)
    first = sampled_indices(build_sampler(kind), 12)
    torch.manual_seed(1)
    np.random.seed(1)
    assert sampled_indices(build_sampler(kind), 12) == first
    assert sampled_indices(build_sampler(kind, seed=2), 12) != first
    of_rank_1 = sampled_indices(build_sampler(kind, rank=1), 12)
    assert [LABELS[index] for index in of_rank_1] != [LABELS[index] for index in first]


@pytest.mark.parametrize("kind", ["balanced", "epoch"])
@pytest.mark.parametrize("before", [0, 1, 5, 13])
def test_sampler_continues_from_its_state(kind: str, before: int) -> None:
    sampler = build_sampler(kind)
    sampled_indices(sampler, before)
    state = json.loads(json.dumps(sampler.state_dict()))
    expected = sampled_indices(sampler, 12)
    for restored in (build_sampler(kind), sampler):
        restored.load_state_dict(state)
        assert sampled_indices(restored, 12) == expected


@pytest.mark.parametrize("kind", ["balanced", "epoch"])
def test_sampler_state_of_other_data_is_refused(kind: str) -> None:
    state = build_sampler(kind).state_dict()
    for sampler in (build_sampler(kind, batch=5), build_sampler(kind, seed=2), EpochSampler(19, 4, 1, 0)):
        with pytest.raises(InputError, match="saved for other images"):
            sampler.load_state_dict(state)


def test_batch_larger_than_the_data() -> None:
    with pytest.raises(
        InputError, match=r"config key batch: is 21, but there are only 20 training images\. Set it to at most 20"
    ):
        BalancedSampler(LABELS, 21, 1, 0)
    with pytest.raises(InputError, match="only 3 training images"):
        EpochSampler(3, 4, 1, 0)
    with pytest.raises(InputError, match=r"only 0 training images\. Check"):
        BalancedSampler([], 4, 1, 0)
    assert sorted(sampled_indices(EpochSampler(3, 3, 1, 0), 1)) == [0, 1, 2]


def test_the_eight_poses_are_equally_likely() -> None:
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    poses = [torch.rot90(side, k, (-2, -1)) for side in (image, image.flip(-1)) for k in range(4)]
    names = {tuple(pose.flatten().tolist()): k for k, pose in enumerate(poses)}
    assert len(names) == 8
    generator = torch.Generator().manual_seed(4)
    augmented = augment_dihedral(image.expand(4000, 1, 3, 3), generator)
    counts = Counter(names[tuple(pose.flatten().tolist())] for pose in augmented)
    # 500 each, standard deviation 20.9
    assert all(abs(counts[k] - 500) < 4 * 20.9 for k in range(8))


def test_poses_depend_on_the_generator_and_are_the_same_for_pairs() -> None:
    x = torch.rand(6, 3, 5, 5)
    first = augment_dihedral(x, torch.Generator().manual_seed(1))
    assert torch.equal(augment_dihedral(x, torch.Generator().manual_seed(1)), first)
    assert not torch.equal(augment_dihedral(x, torch.Generator().manual_seed(2)), first)
    pairs = augment_dihedral(torch.cat([x, x + 1], 1), torch.Generator().manual_seed(3))
    assert torch.equal(pairs[:, 3:], pairs[:, :3] + 1)
    with pytest.raises(ValueError, match="square"):
        augment_dihedral(torch.rand(2, 3, 4, 5), torch.Generator())


def test_average_equals_its_closed_form() -> None:
    decay, rng = 0.8, np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).double()
    average = ExponentialAverage(net, decay)
    values = [net.state_dict()["0.weight"].numpy().copy()]
    means = [net.state_dict()["1.running_mean"].numpy().copy()]
    for k in range(9):
        with torch.no_grad():
            net.state_dict()["0.weight"].copy_(torch.from_numpy(rng.normal(size=(2, 2))))
            net.state_dict()["1.running_mean"].copy_(torch.from_numpy(rng.normal(size=2)))
            net.state_dict()["1.num_batches_tracked"].fill_(k)
        values.append(net.state_dict()["0.weight"].numpy().copy())
        means.append(net.state_dict()["1.running_mean"].numpy().copy())
        average.update()
    factors = np.array([decay**9, *((1 - decay) * decay ** (9 - k) for k in range(1, 10))])
    assert factors.sum() == pytest.approx(1)
    state = average.state_dict()
    np.testing.assert_allclose(state["0.weight"].numpy(), np.tensordot(factors, values, 1), rtol=1e-12)
    np.testing.assert_allclose(state["1.running_mean"].numpy(), np.tensordot(factors, means, 1), rtol=1e-12)
    assert state["1.num_batches_tracked"].item() == 8


def test_average_is_an_independent_copy_in_evaluation_mode() -> None:
    inner = nn.Linear(2, 2)
    net = cpu().setup(inner)
    average = ExponentialAverage(net, 0.5)
    assert net.training
    assert not average.module.training
    assert not any(p.requires_grad for p in average.module.parameters())
    before = inner.weight.detach().clone()
    with torch.no_grad():
        inner.weight.add_(1)
    assert torch.equal(average.state_dict()["weight"], before)
    with pytest.raises(ValueError, match="decay"):
        ExponentialAverage(net, 1.0)
