"""Reinhard, Macenko, Vahadane and none: known colours, batches, files."""

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
from hemabalance.errors import InputError
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.render import render
from hemabalance.stain.normalizer import Domain, StainData, other_domain
from hemabalance.taxonomy import CLASSES
from hemabalance.training.job import Images

CLASSICAL = ("reinhard", "macenko", "vahadane")
DOMAINS: tuple[Domain, Domain] = ("a", "b")
every_method = pytest.mark.parametrize("name", METHODS)
every_classical = pytest.mark.parametrize("name", CLASSICAL)
both_stain_methods = pytest.mark.parametrize("name", ["macenko", "vahadane"])


def soft(seed: int, middle: tuple[int, int, int]) -> np.ndarray:
    """Four images of colours near `middle`, so that no transfer between them leaves sRGB."""
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal(middle, (12, 9, 7), (4, SIZE, SIZE, 3)), 0, 255).astype(np.uint8)


def statistics(images: np.ndarray) -> np.ndarray:
    lab = rgb2lab(images)
    return np.stack((lab.mean(axis=(1, 2)), lab.std(axis=(1, 2))))


def angle(one: np.ndarray, two: np.ndarray) -> float:
    cosine = one @ two / np.linalg.norm(one) / np.linalg.norm(two)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def colour_difference(one: np.ndarray, two: np.ndarray) -> float:
    return float(deltaE_ciede2000(rgb2lab(one), rgb2lab(two)).mean())  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("to", DOMAINS)
def test_reinhard_gives_an_image_the_targets_mean_and_deviation(to: Domain, tmp_path: Path) -> None:
    profiles: dict[Domain, np.ndarray] = {"a": soft(1, (170, 130, 140)), "b": soft(2, (140, 140, 160))}
    labels = np.array(["monocyte"] * 4)
    normalizer = fitted(
        "reinhard", tmp_path, StainData(Images(profiles["a"], labels), Images(profiles["b"], labels), None)
    )
    made = normalizer.transform(profiles[other_domain(to)], to=to).pixels
    wanted = statistics(profiles[to]).mean(axis=1)
    assert np.abs(statistics(profiles[other_domain(to)]) - wanted[:, None]).max() > 5
    np.testing.assert_allclose(statistics(made), np.repeat(wanted[:, None], 4, axis=1), atol=0.1)


def test_reinhard_with_fixed_statistics_maps_a_colour_the_same_in_every_image(tmp_path: Path) -> None:
    normalizer = fitted("reinhard", tmp_path, source="domain")
    images = photographs("a", "peach", range(50, 54))
    images[:, :4, :4] = (120, 70, 150)
    corners = normalizer.transform(images, to="b").pixels[:, :4, :4].reshape(-1, 3)
    assert len(np.unique(corners, axis=0)) == 1


@both_stain_methods
@pytest.mark.parametrize("domain", DOMAINS)
def test_the_stains_of_a_domain_are_found(name: str, domain: Domain, tmp_path: Path) -> None:
    profiles = fitted(name, tmp_path).profiles
    for found, true in zip(profiles[domain]["stains"], STAINS[domain], strict=True):
        assert angle(found, true) < 2
    np.testing.assert_allclose(profiles[domain]["light"], LIGHT["peach" if domain == "a" else "grey"], atol=1)


@both_stain_methods
@pytest.mark.parametrize("source", ["image", "domain"])
@pytest.mark.parametrize("light", ["domain", "image"])
def test_an_image_is_rendered_in_the_other_stain(name: str, source: str, light: str, tmp_path: Path) -> None:
    normalizer = fitted(name, tmp_path, domains(), source=source, light=light)
    scale = normalizer.profiles["b"]["scale"][:, None, None]
    for seed in (200, 201, 202):
        held = amounts(seed)
        # Per image, an image's greatest amounts become the target's; per domain, those of the source's scale do.
        own = np.percentile(held, 99, axis=(1, 2)) if source == "image" else normalizer.profiles["a"]["scale"]
        true = rendered(held / own[:, None, None] * scale, STAINS["b"], LIGHT["grey"])
        given = rendered(held, STAINS["a"], LIGHT["peach"])
        made = normalizer.transform(given[None], to="b").pixels[0]
        assert colour_difference(given, true) > 8
        assert colour_difference(made, true) < 1.5


@both_stain_methods
def test_white_light_as_published_cannot_remove_a_coloured_background(name: str, tmp_path: Path) -> None:
    given = photographs("a", "peach", range(300, 302))
    empty = (given == LIGHT["peach"]).all(axis=-1)
    estimated = fitted(name, tmp_path, light="image").transform(given, to="b").pixels[empty]
    np.testing.assert_allclose(estimated, np.broadcast_to(LIGHT["grey"], estimated.shape), atol=3)
    assumed = fitted(name, tmp_path, light="white").transform(given, to="b").pixels[empty]
    assert np.abs(assumed.mean(axis=0) - LIGHT["grey"]).max() > 10


@both_stain_methods
def test_on_white_slides_the_light_need_not_be_estimated(name: str, tmp_path: Path) -> None:
    data, given = domains("white", "white"), photographs("a", "white", range(400, 403))
    made = [fitted(name, tmp_path, data, light=light).transform(given, to="b").pixels for light in ("white", "image")]
    np.testing.assert_array_equal(*made)


@cache
def phantom(first_index: int) -> dict[Domain, np.ndarray]:
    cells = sample_cells(CLASSES * 2, seed=3, first_index=first_index)
    return {look: render(cells, look, shape=(64, 64), nuisance=False, threads=1) for look in DOMAINS}


@every_classical
@pytest.mark.parametrize("to", DOMAINS)
def test_the_phantom_comes_close_to_its_true_rendering(name: str, to: Domain, tmp_path: Path) -> None:
    labels, train, test = np.array(CLASSES * 2), phantom(0), phantom(1000)
    normalizer = fitted(name, tmp_path, StainData(Images(train["a"], labels), Images(train["b"], labels), None))
    made = normalizer.transform(test[other_domain(to)], to=to)
    assert set(labels[made.passed_through]) <= {"platelet"}  # where no nuclear stain may be in sight
    assert colour_difference(made.pixels, test[to]) < 0.5 * colour_difference(test[other_domain(to)], test[to])


@every_classical
def test_a_class_counts_the_same_however_many_images_it_has(name: str, tmp_path: Path) -> None:
    data = domains()
    one, two = data.a.pixels[:1], data.a.pixels[1:2]

    def look(first: int, second: int) -> Any:
        pixels = np.concatenate((np.repeat(one, first, axis=0), np.repeat(two, second, axis=0)))
        labels = np.array(["basophil"] * first + ["monocyte"] * second)
        return fitted(name, tmp_path, StainData(Images(pixels, labels), data.b, None)).profiles["a"]

    balanced, skewed, single = look(9, 9), look(9, 2), look(9, 0)
    for key, value in balanced.items():
        np.testing.assert_array_equal(value, skewed[key])
    assert any(not np.allclose(value, single[key], rtol=1e-3) for key, value in balanced.items())


@every_classical
def test_a_fit_takes_no_more_images_than_allowed(name: str, tmp_path: Path) -> None:
    few, every = (fitted(name, tmp_path, fit_images=most).profiles["a"] for most in (2, 100))
    assert any(not np.array_equal(few[key], every[key]) for key in few)


@both_stain_methods
def test_what_is_brighter_than_the_background_ends_up_white(name: str, tmp_path: Path) -> None:
    given = photographs("a", "peach", range(1))
    given[:, :3, :3] = 255
    made = fitted(name, tmp_path, source="domain", light="domain").transform(given, to="b").pixels
    assert (made[:, :3, :3, 2] >= LIGHT["grey"][2]).all()


@pytest.mark.filterwarnings("error")
def test_reinhard_clips_what_srgb_cannot_show(tmp_path: Path) -> None:
    vivid = np.random.default_rng(9).choice(
        np.array(((250, 240, 0), (10, 0, 250), (240, 10, 20)), np.uint8), (2, 12, 12)
    )
    dull, labels = soft(3, (150, 150, 140))[:2, :12, :12], np.array(["monocyte"] * 2)
    normalizer = fitted("reinhard", tmp_path, StainData(Images(vivid, labels), Images(dull, labels), None))
    made = normalizer.transform(dull, to="a")
    assert not made.passed_through.any()
    assert (made.pixels.min(), made.pixels.max()) == (0, 255)


@every_method
def test_images_are_treated_one_by_one(name: str, tmp_path: Path) -> None:
    normalizer, given = fitted(name, tmp_path), photographs("b", "grey", range(500, 520))
    before = given.copy()
    together = normalizer.transform(given, to="a")
    alone = [normalizer.transform(image[None], to="a").pixels[0] for image in given]
    np.testing.assert_array_equal(together.pixels, np.stack(alone))
    np.testing.assert_array_equal(given, before)
    assert together.pixels.dtype == np.uint8
    assert np.array_equal(together.pixels, given) == (name == "none")
    empty = normalizer.transform(given[:0], to="a")
    assert (empty.pixels.shape, empty.passed_through.shape) == ((0, SIZE, SIZE, 3), (0,))


@every_method
def test_same_data_same_bytes_whatever_the_threads(name: str, tmp_path: Path) -> None:
    files, pixels = [], []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            normalizer = fitted(name, tmp_path, threads=threads)
            normalizer.save(tmp_path / "look.safetensors")
            files.append((tmp_path / "look.safetensors").read_bytes())
            pixels.append(normalizer.transform(photographs("b", "grey", range(30)), to="a").pixels)
    finally:
        torch.set_num_threads(1)
    assert files[0] == files[1]
    np.testing.assert_array_equal(*pixels)


@every_method
def test_what_was_saved_gives_the_same_images(name: str, tmp_path: Path) -> None:
    normalizer, again = fitted(name, tmp_path), built(name)
    normalizer.save(tmp_path / "look.safetensors")
    again.load(tmp_path / "look.safetensors")
    assert again.parameters == normalizer.parameters == {"none": 0, "reinhard": 12}.get(name, 22)
    for to in DOMAINS:
        given = photographs(other_domain(to), "peach" if to == "b" else "grey", range(600, 603))
        np.testing.assert_array_equal(normalizer.transform(given, to=to).pixels, again.transform(given, to=to).pixels)


@every_classical
def test_files_of_other_settings_or_methods_and_broken_ones_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "look.safetensors"
    fitted(name, tmp_path).save(path)
    with pytest.raises(InputError, match=r"settings\.fit_images: 100 there, 7 here"):
        built(name, fit_images=7).load(path)
    with pytest.raises(InputError, match=f'method: "{name}" there, "none" here'):
        built("none").load(path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="damaged"):
        built(name).load(path)


@every_method
def test_nothing_is_trained_and_nothing_inverted(name: str, tmp_path: Path) -> None:
    normalizer = built(name)
    assert normalizer.fit(domains(), job(tmp_path)).steps == 0
    assert (tmp_path / "history.jsonl").read_bytes() == b""
    with pytest.raises(TypeError, match=name):
        normalizer.inverse(photographs("a", "peach", range(1)), to="a")


@every_classical
def test_an_unknown_setting_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="colour_of_the_sky"):
        built(name, colour_of_the_sky=1)
