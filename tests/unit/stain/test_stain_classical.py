"""Reinhard, Macenko, Vahadane and none: known colours, batches and files."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from skimage.color import deltaE_ciede2000, rgb2lab

from helpers.classical_normalizers import (
    LIGHT,
    METHODS,
    SIZE,
    STAINS,
    amounts,
    built,
    domains,
    fitted,
    job,
    photographs,
    rendered,
)
from helpers.thesis import CLASSES
from hemabalance.errors import InputError
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.render import render
from hemabalance.stain.normalizer import Domain, StainData, other_domain
from hemabalance.training.job import Images

CLASSICAL = ("reinhard", "macenko", "vahadane")
DOMAINS: tuple[Domain, Domain] = ("a", "b")
every_method = pytest.mark.parametrize("name", METHODS)
every_classical = pytest.mark.parametrize("name", CLASSICAL)
both_stain_methods = pytest.mark.parametrize("name", ["macenko", "vahadane"])


def moderate_images(seed: int, middle: tuple[int, int, int]) -> np.ndarray:
    """Four images of colours near `middle`, so that no transfer between two such sets leaves sRGB."""
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal(middle, (12, 9, 7), (4, SIZE, SIZE, 3)), 0, 255).astype(np.uint8)


def statistics(images: np.ndarray) -> np.ndarray:
    lab = rgb2lab(images)
    return np.stack((lab.mean(axis=(1, 2)), lab.std(axis=(1, 2))))


def angle(first: np.ndarray, second: np.ndarray) -> float:
    cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def colour_difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(deltaE_ciede2000(rgb2lab(first), rgb2lab(second)).mean())  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("to", DOMAINS)
def test_reinhard_gives_an_image_the_targets_mean_and_deviation(to: Domain, tmp_path: Path) -> None:
    images: dict[Domain, np.ndarray] = {
        "a": moderate_images(1, (170, 130, 140)),
        "b": moderate_images(2, (140, 140, 160)),
    }
    labels = np.array(["monocyte"] * 4)
    normalizer = fitted("reinhard", tmp_path, StainData(Images(images["a"], labels), Images(images["b"], labels), None))
    source = images[other_domain(to)]
    mapped = normalizer.transform(source, to=to).pixels
    expected = statistics(images[to]).mean(axis=1)
    assert np.abs(statistics(source) - expected[:, None]).max() > 5
    np.testing.assert_allclose(statistics(mapped), np.repeat(expected[:, None], 4, axis=1), atol=0.1)


def test_reinhard_with_fixed_statistics_maps_a_colour_the_same_in_every_image(tmp_path: Path) -> None:
    normalizer = fitted("reinhard", tmp_path, source="domain")
    images = photographs("a", "peach", range(50, 54))
    images[:, :4, :4] = (120, 70, 150)
    corners = normalizer.transform(images, to="b").pixels[:, :4, :4].reshape(-1, 3)
    assert len(np.unique(corners, axis=0)) == 1


@both_stain_methods
@pytest.mark.parametrize("domain", DOMAINS)
def test_the_stains_of_a_domain_are_estimated(name: str, domain: Domain, tmp_path: Path) -> None:
    profiles = fitted(name, tmp_path).profiles
    for estimated, true in zip(profiles[domain]["stains"], STAINS[domain], strict=True):
        assert angle(estimated, true) < 2
    np.testing.assert_allclose(profiles[domain]["light"], LIGHT["peach" if domain == "a" else "grey"], atol=1)


@both_stain_methods
@pytest.mark.parametrize("source", ["image", "domain"])
@pytest.mark.parametrize("light", ["domain", "image"])
def test_an_image_is_rendered_in_the_other_stain(name: str, source: str, light: str, tmp_path: Path) -> None:
    normalizer = fitted(name, tmp_path, domains(), source=source, light=light)
    scale = normalizer.profiles["b"]["scale"][:, None, None]
    for seed in (200, 201, 202):
        image_amounts = amounts(seed)
        # The largest amounts of the image (or, per domain, of the source) are scaled to those of the target.
        largest = (
            np.percentile(image_amounts, 99, axis=(1, 2)) if source == "image" else normalizer.profiles["a"]["scale"]
        )
        true = rendered(image_amounts / largest[:, None, None] * scale, STAINS["b"], LIGHT["grey"])
        image = rendered(image_amounts, STAINS["a"], LIGHT["peach"])
        mapped = normalizer.transform(image[None], to="b").pixels[0]
        assert colour_difference(image, true) > 8
        assert colour_difference(mapped, true) < 1.5


@both_stain_methods
def test_the_published_white_light_does_not_remove_a_coloured_background(name: str, tmp_path: Path) -> None:
    images = photographs("a", "peach", range(300, 302))
    empty = (images == LIGHT["peach"]).all(axis=-1)
    estimated = fitted(name, tmp_path, light="image").transform(images, to="b").pixels[empty]
    np.testing.assert_allclose(estimated, np.broadcast_to(LIGHT["grey"], estimated.shape), atol=3)
    assumed = fitted(name, tmp_path, light="white").transform(images, to="b").pixels[empty]
    assert np.abs(assumed.mean(axis=0) - LIGHT["grey"]).max() > 10


@both_stain_methods
def test_on_white_slides_estimated_and_white_light_give_the_same_images(name: str, tmp_path: Path) -> None:
    data, images = domains("white", "white"), photographs("a", "white", range(400, 403))
    mapped = [
        fitted(name, tmp_path, data, light=light).transform(images, to="b").pixels for light in ("white", "image")
    ]
    np.testing.assert_array_equal(*mapped)


@cache
def phantom(first_index: int) -> dict[Domain, np.ndarray]:
    cells = sample_cells(CLASSES * 2, seed=3, first_index=first_index)
    return {domain: render(cells, domain, shape=(64, 64), nuisance=False, threads=1) for domain in DOMAINS}


@every_classical
@pytest.mark.parametrize("to", DOMAINS)
def test_mapped_phantom_images_are_close_to_their_true_rendering(name: str, to: Domain, tmp_path: Path) -> None:
    labels, train, test = np.array(CLASSES * 2), phantom(0), phantom(1000)
    normalizer = fitted(name, tmp_path, StainData(Images(train["a"], labels), Images(train["b"], labels), None))
    result = normalizer.transform(test[other_domain(to)], to=to)
    assert set(labels[result.passed_through]) <= {"platelet"}  # images may have no nuclear stain
    assert colour_difference(result.pixels, test[to]) < 0.5 * colour_difference(test[other_domain(to)], test[to])


@every_classical
def test_the_weight_of_a_class_does_not_depend_on_its_number_of_images(name: str, tmp_path: Path) -> None:
    data = domains()
    basophil, monocyte = data.a.pixels[:1], data.a.pixels[1:2]

    def profile(basophils: int, monocytes: int) -> Any:
        pixels = np.concatenate((np.repeat(basophil, basophils, axis=0), np.repeat(monocyte, monocytes, axis=0)))
        labels = np.array(["basophil"] * basophils + ["monocyte"] * monocytes)
        return fitted(name, tmp_path, StainData(Images(pixels, labels), data.b, None)).profiles["a"]

    balanced, skewed, single = profile(9, 9), profile(9, 2), profile(9, 0)
    for key, value in balanced.items():
        np.testing.assert_array_equal(value, skewed[key])
    assert any(not np.allclose(value, single[key], rtol=1e-3) for key, value in balanced.items())


@every_classical
def test_a_fit_uses_at_most_fit_images(name: str, tmp_path: Path) -> None:
    of_2, of_100 = (fitted(name, tmp_path, fit_images=count).profiles["a"] for count in (2, 100))
    assert any(not np.array_equal(of_2[key], of_100[key]) for key in of_2)


@both_stain_methods
def test_pixels_brighter_than_the_background_become_white(name: str, tmp_path: Path) -> None:
    images = photographs("a", "peach", range(1))
    images[:, :3, :3] = 255
    mapped = fitted(name, tmp_path, source="domain", light="domain").transform(images, to="b").pixels
    assert (mapped[:, :3, :3, 2] >= LIGHT["grey"][2]).all()


@pytest.mark.filterwarnings("error")
def test_reinhard_clips_colours_outside_srgb(tmp_path: Path) -> None:
    vivid = np.random.default_rng(9).choice(
        np.array(((250, 240, 0), (10, 0, 250), (240, 10, 20)), np.uint8), (2, 12, 12)
    )
    dull, labels = moderate_images(3, (150, 150, 140))[:2, :12, :12], np.array(["monocyte"] * 2)
    normalizer = fitted("reinhard", tmp_path, StainData(Images(vivid, labels), Images(dull, labels), None))
    result = normalizer.transform(dull, to="a")
    assert not result.passed_through.any()
    assert (result.pixels.min(), result.pixels.max()) == (0, 255)


@every_method
def test_images_are_mapped_independently(name: str, tmp_path: Path) -> None:
    normalizer, images = fitted(name, tmp_path), photographs("b", "grey", range(500, 520))
    before = images.copy()
    result = normalizer.transform(images, to="a")
    single = [normalizer.transform(image[None], to="a").pixels[0] for image in images]
    np.testing.assert_array_equal(result.pixels, np.stack(single))
    np.testing.assert_array_equal(images, before)
    assert result.pixels.dtype == np.uint8
    assert np.array_equal(result.pixels, images) == (name == "none")
    empty = normalizer.transform(images[:0], to="a")
    assert (empty.pixels.shape, empty.passed_through.shape) == ((0, SIZE, SIZE, 3), (0,))


@every_method
def test_the_bytes_do_not_depend_on_the_number_of_threads(name: str, tmp_path: Path) -> None:
    files, pixels = [], []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            normalizer = fitted(name, tmp_path, threads=threads)
            normalizer.save(tmp_path / "weights.safetensors")
            files.append((tmp_path / "weights.safetensors").read_bytes())
            pixels.append(normalizer.transform(photographs("b", "grey", range(30)), to="a").pixels)
    finally:
        torch.set_num_threads(1)
    assert files[0] == files[1]
    np.testing.assert_array_equal(*pixels)


@every_method
def test_loaded_weights_give_the_same_images(name: str, tmp_path: Path) -> None:
    normalizer, loaded = fitted(name, tmp_path), built(name)
    normalizer.save(tmp_path / "weights.safetensors")
    loaded.load(tmp_path / "weights.safetensors")
    assert loaded.parameters == normalizer.parameters == {"none": 0, "reinhard": 12}.get(name, 22)
    for to in DOMAINS:
        images = photographs(other_domain(to), "peach" if to == "b" else "grey", range(600, 603))
        np.testing.assert_array_equal(
            normalizer.transform(images, to=to).pixels, loaded.transform(images, to=to).pixels
        )


@every_classical
def test_weights_of_other_settings_or_methods_and_damaged_ones_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    fitted(name, tmp_path).save(path)
    with pytest.raises(InputError, match=r"settings\.fit_images: stored 100, expected 7"):
        built(name, fit_images=7).load(path)
    with pytest.raises(InputError, match=f'method: stored "{name}", expected "none"'):
        built("none").load(path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="damaged"):
        built(name).load(path)


@every_method
def test_classical_methods_have_no_training_and_no_inverse(name: str, tmp_path: Path) -> None:
    normalizer = built(name)
    assert normalizer.fit(domains(), job(tmp_path)).steps == 0
    assert (tmp_path / "history.jsonl").read_bytes() == b""
    with pytest.raises(TypeError, match=name):
        normalizer.inverse(photographs("a", "peach", range(1)), to="a")


@every_classical
def test_an_unknown_setting_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="colour_of_the_sky"):
        built(name, colour_of_the_sky=1)
