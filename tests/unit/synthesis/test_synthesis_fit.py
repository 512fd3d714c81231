"""Training images of a student that a trained generator, the teacher, supplies."""

from pathlib import Path

import numpy as np
import pytest

from helpers.conditional_generators import LABELS, SIZE, fit
from helpers.small_trainings import cpu
from hemabalance.errors import InputError
from hemabalance.synthesis.fit import no_teacher, teacher_sampler
from hemabalance.synthesis.generator_config import open_by_description
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import sample


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    fit("cwgan_gp", folder, steps=1).save(folder / "weights.safetensors")
    return folder / "weights.safetensors"


def test_a_teacher_supplies_images_of_the_classes_that_both_know(weights: Path) -> None:
    sample_images = teacher_sampler(weights, 3, seed=5, runtime=cpu())
    images = sample_images(Classes(("monocyte", "neutrophil", "platelet"), ("monoblast",)), SIZE)
    assert images.labels.tolist() == ["monocyte"] * 3 + ["platelet"] * 3
    assert images.pixels.shape == (6, SIZE, SIZE, 3)
    assert images.pixels.dtype == np.uint8
    again = teacher_sampler(weights, 3, seed=5, runtime=cpu())(Classes(("platelet",), ("monoblast",)), SIZE)
    assert np.array_equal(again.pixels, images.pixels[3:])
    other_seed = teacher_sampler(weights, 3, seed=6, runtime=cpu())(Classes(("platelet",), ("monoblast",)), SIZE)
    assert not np.array_equal(other_seed.pixels, again.pixels)


def test_a_teacher_that_knows_none_of_the_classes_supplies_no_images(weights: Path) -> None:
    images = teacher_sampler(weights, 3, seed=5, runtime=cpu())(Classes(("neutrophil",), ("monoblast",)), SIZE)
    assert images.pixels.shape == (0, SIZE, SIZE, 3)
    assert images.labels.shape == (0,)
    assert teacher_sampler(None, 3, seed=5, runtime=cpu()) is no_teacher


def test_a_teacher_of_another_size_is_refused(weights: Path) -> None:
    sample_images = teacher_sampler(weights, 3, seed=5, runtime=cpu())
    with pytest.raises(InputError, match="generates images of 16 px, but the student needs 32 px"):
        sample_images(Classes(LABELS, ("monoblast",)), 32)


def test_teacher_images_are_those_of_the_sampler(weights: Path) -> None:
    images = teacher_sampler(weights, 4, seed=9, runtime=cpu())(Classes(LABELS, ("monoblast",)), SIZE)
    runtime = cpu()
    teacher = open_by_description(weights, runtime)
    for k, label in enumerate(LABELS):
        expected = sample(teacher, label, range(4), seed=9, device=runtime.device)
        assert np.array_equal(images.pixels[4 * k : 4 * k + 4], expected)
