"""StainNet: what it learns from a teacher, and its mapping of single colours."""

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab

from helpers import classical_normalizers, stain_runs
from helpers.gan_normalizers import SIZE, data, disc_images, job
from helpers.method_settings import small_settings
from hemabalance.dataset.seen_images import read_seen_images
from hemabalance.errors import InputError
from hemabalance.stain.fit import NormalizerFitInputs, NormalizerFitOutputs, fit_normalizer
from hemabalance.stain.method import NormalizerSpec
from hemabalance.stain.methods.stainnet.method import ColourNetwork, StainNet
from hemabalance.stain.normalizer import DOMAINS, Domain, StainData, Transformed
from hemabalance.training.job import Images


class WarmTeacher:
    """A smooth mapping of single colours: more red and less blue towards a, the contrary towards b."""

    def transform(self, images: np.ndarray, *, to: Domain) -> Transformed:
        powers = np.array([0.7, 1.0, 1.3])[:: 1 if to == "a" else -1]
        pixels = np.rint(255 * (images / 255) ** powers).astype(np.uint8)
        return Transformed(pixels, np.zeros(len(images), bool))


class TimidTeacher(WarmTeacher):
    """Passes dark images through."""

    def transform(self, images: np.ndarray, *, to: Domain) -> Transformed:
        dark = images.mean(axis=(1, 2, 3)) < 60
        pixels = super().transform(images, to=to).pixels
        return Transformed(np.where(dark[:, None, None, None], images, pixels), dark)


def built(folder: Path, **changed: Any) -> StainNet:
    settings: Any = small_settings("stain", "stainnet", **changed)
    normalizer: Any = NormalizerSpec(method="stainnet", settings=settings).build(size=SIZE, runtime=job(folder).runtime)
    return normalizer


def colourful(seed: int) -> Images:
    """Images of smooth ramps between random colours."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 255, (12, 2, 2, 3))
    ramp = np.linspace(0, 1, SIZE)
    weights = np.stack([1 - ramp, ramp], axis=1)
    pixels = np.einsum("yi,xj,nijc->nyxc", weights, weights, corners)
    return Images(pixels.round().astype(np.uint8), np.array(["basophil", "monocyte"] * 6))


def test_it_has_the_parameters_of_the_paper(tmp_path: Path) -> None:
    assert sum(p.numel() for p in ColourNetwork(32).parameters()) == 1283
    assert built(tmp_path, width=32).parameters == 2 * 1283


def test_it_approaches_its_teacher_on_new_images(tmp_path: Path) -> None:
    settings = {"width": 32, "steps": 1500, "lr": 0.1, "batch": 6, "log_every": 100, "checkpoint_every": 1500}
    pupil, teacher = built(tmp_path, **settings), WarmTeacher()
    pupil.fit(StainData(colourful(1), colourful(2), None, teacher), job(tmp_path))
    history = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    for domain in DOMAINS:
        assert history[-1][f"l1_{domain}"] < 0.25 * history[0][f"l1_{domain}"]
        new = colourful(3).pixels
        ours, theirs = (rgb2lab(n.transform(new, to=domain).pixels) for n in (pupil, teacher))
        difference = deltaE_ciede2000(theirs, ours)
        assert np.median(difference) < 2
        assert difference.mean() < 0.3 * deltaE_ciede2000(theirs, rgb2lab(new)).mean()


def test_both_directions_learn_from_the_images_of_the_other_domain(tmp_path: Path) -> None:
    training = built(tmp_path, batch=4).initialise_training(data(), job(tmp_path))
    for domain, images in (("a", data().b), ("b", data().a)):
        sources, targets = training.images.next_batch(domain)
        known = {image.tobytes() for image in images.pixels}
        pixels = ((sources + 1) * 127.5).round().to(torch.uint8).numpy()
        assert {image.tobytes() for image in pixels} <= known
        # The teacher of `data` turns the channels by one place.
        torch.testing.assert_close(targets, torch.roll(sources, 1 if domain == "a" else -1, dims=3))


def test_classes_are_equally_frequent_and_their_number_is_limited(tmp_path: Path) -> None:
    labels = np.array(["basophil"] * 9 + ["monocyte"])
    images = Images(disc_images(10, (230, 170, 190), 1), labels)
    settings = small_settings("stain", "stainnet", fit_images=8, batch=8)
    training: Any = built(tmp_path, **settings.plain).initialise_training(
        StainData(images, images, None, WarmTeacher()), job(tmp_path)
    )
    sources, _ = training.images.next_batch("a")
    pixels = ((sources + 1) * 127.5).round().to(torch.uint8).numpy()
    rare = images.pixels[9].tobytes()
    assert sum(image.tobytes() == rare for image in pixels) == 4


def test_images_that_the_teacher_passes_through_are_not_imitated(tmp_path: Path) -> None:
    images = Images(np.concatenate([data().b.pixels, np.zeros((2, SIZE, SIZE, 3), np.uint8)]), np.array(["x"] * 8))
    some = StainData(images, images, None, TimidTeacher())
    training = built(tmp_path, batch=6).initialise_training(some, job(tmp_path))
    sources, _ = training.images.next_batch("a")
    assert sources.amax(dim=(1, 2, 3)).min() > -0.9
    black = Images(images.pixels[6:], images.labels[6:])
    with pytest.raises(InputError, match="domain b: the teacher maps none of 2 images to domain a"):
        built(tmp_path).fit(StainData(black, black, None, TimidTeacher()), job(tmp_path))


def test_unusable_data_are_refused(tmp_path: Path) -> None:
    valid = data()
    with pytest.raises(InputError, match=r"there is no teacher.*Set `teacher`.*stain\.normalizers"):
        built(tmp_path).fit(replace(valid, teacher=None), job(tmp_path))
    empty = Images(valid.b.pixels[:0], valid.b.labels[:0])
    with pytest.raises(InputError, match="training images of domain b: there are none"):
        built(tmp_path).fit(replace(valid, b=empty), job(tmp_path))
    with pytest.raises(InputError, match="32x32 px, but the networks were built for 16x16 px"):
        built(tmp_path).fit(data(32), job(tmp_path))
    with pytest.raises(RuntimeError, match="neither fitted nor loaded"):
        built(tmp_path).transform(valid.a.pixels, to="b")


def test_a_resume_refuses_another_teacher(tmp_path: Path) -> None:
    built(tmp_path).fit(data(), job(tmp_path))
    with pytest.raises(InputError, match="images"):
        built(tmp_path).fit(replace(data(), teacher=WarmTeacher()), job(tmp_path))


def test_a_pixel_is_mapped_by_its_own_colour(tmp_path: Path) -> None:
    pupil = built(tmp_path)
    pupil.fit(data(), job(tmp_path))
    images = np.random.default_rng(1).integers(0, 256, (5, 70, 90, 3), np.uint8)
    before = images.copy()
    mapped = pupil.transform(images, to="b").pixels
    np.testing.assert_array_equal(images, before)
    order = np.random.default_rng(2).permutation(images.size // 3)
    shuffled = pupil.transform(images.reshape(-1, 1, 1, 3)[order], to="b").pixels.reshape(-1, 3)
    # Sums of products may be rounded differently at another place in a block.
    assert np.abs(shuffled.astype(int) - mapped.reshape(-1, 3)[order]).max() <= 1


def test_a_fit_records_the_difference_to_its_teacher_on_validation_images(tmp_path: Path) -> None:
    pair = stain_runs.image_sets(tmp_path)
    split = stain_runs.split_of(pair, "leak_free")
    last = split["image_id"].str[-2:]
    split.loc[last.isin(["01", "02", "03"]), "part"] = "train"
    split.loc[last.isin(["04", "05"]), "part"] = "validation"
    spec = NormalizerSpec(method="stainnet", settings=small_settings("stain", "stainnet"))
    outputs = NormalizerFitOutputs(*(tmp_path / name for name in ("weights", "training.json", "seen.parquet")))
    teacher = classical_normalizers.fitted("reinhard", tmp_path)
    with ExitStack() as stack:
        for images in pair.sets.values():
            stack.enter_context(images)
        inputs = NormalizerFitInputs(pair, split, "leak_free", rendered=None, teacher=teacher)
        fit_normalizer(spec, inputs, job(tmp_path), outputs)
        differences = json.loads(outputs.training.read_text())["delta_e_to_teacher"]
        pupil = spec.build(size=classical_normalizers.SIZE, runtime=job(tmp_path).runtime)
        pupil.load(outputs.weights)
        for domain, target in (("a", "b"), ("b", "a")):
            ids = pair.sets[domain].index["image_id"]
            rows = ids.isin(split.loc[split["part"] == "validation", "image_id"]).to_numpy()
            pixels = pair.sets[domain].decode_all(threads=1, where=rows)
            ours, theirs = (rgb2lab(n.transform(pixels, to=target).pixels) for n in (pupil, teacher))
            expected = deltaE_ciede2000(theirs, ours)
            found = differences[f"to_{target}"]
            assert (found["part"], found["images"], found["pixels"]) == ("validation", 2, expected.size)
            assert found["mean"] == pytest.approx(expected.mean(), abs=1e-3)
            assert found["median"] == pytest.approx(np.median(expected), abs=1e-3)
            assert found["percentile_95"] == pytest.approx(np.percentile(expected, 95), abs=1e-3)
    seen = read_seen_images("normalizer", "stainnet", outputs.seen).table
    assert set(seen["part"]) == {"train"}
