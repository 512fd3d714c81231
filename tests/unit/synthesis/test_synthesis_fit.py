"""Training images of a student that a trained generator, the teacher, supplies."""

from pathlib import Path

import numpy as np
import pytest

from helpers.conditional_generators import LABELS, SIZE, fit
from helpers.small_trainings import cpu
from hemabalance.errors import InputError
from hemabalance.synthesis.generator_config import open_by_description
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import sample
from hemabalance.synthesis.teacher import TeacherGenerator
from hemabalance.training.job import Images


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    fit("cwgan_gp", folder, steps=1).save(folder / "weights.safetensors")
    return folder / "weights.safetensors"


def taught(weights: Path, classes: Classes, count: int, seed: int, size: int = SIZE) -> Images:
    """Images that the teacher with these weights supplies."""
    teacher = TeacherGenerator.open(weights, cpu())
    assert teacher is not None
    return teacher.images(classes, size, count, seed=seed)


def test_a_teacher_supplies_images_of_the_classes_that_both_know(weights: Path) -> None:
    images = taught(weights, Classes(("monocyte", "neutrophil", "platelet"), ("monoblast",)), 3, 5)
    assert images.labels.tolist() == ["monocyte"] * 3 + ["platelet"] * 3
    assert images.pixels.shape == (6, SIZE, SIZE, 3)
    assert images.pixels.dtype == np.uint8
    again = taught(weights, Classes(("platelet",), ("monoblast",)), 3, 5)
    assert np.array_equal(again.pixels, images.pixels[3:])
    other_seed = taught(weights, Classes(("platelet",), ("monoblast",)), 3, 6)
    assert not np.array_equal(other_seed.pixels, again.pixels)


def test_a_teacher_that_knows_none_of_the_classes_supplies_no_images(weights: Path) -> None:
    images = taught(weights, Classes(("neutrophil",), ("monoblast",)), 3, 5)
    assert images.pixels.shape == (0, SIZE, SIZE, 3)
    assert images.labels.shape == (0,)
    assert TeacherGenerator.open(None, cpu()) is None


def test_a_teacher_of_another_size_is_refused(weights: Path) -> None:
    with pytest.raises(InputError, match="generates images of 16 px, but the student needs 32 px"):
        taught(weights, Classes(LABELS, ("monoblast",)), 3, 5, size=32)


def test_teacher_images_are_those_of_the_sampler(weights: Path) -> None:
    images = taught(weights, Classes(LABELS, ("monoblast",)), 4, 9)
    runtime = cpu()
    teacher = open_by_description(weights, runtime)
    for k, label in enumerate(LABELS):
        expected = sample(teacher, label, range(4), seed=9, device=runtime.device)
        assert np.array_equal(images.pixels[4 * k : 4 * k + 4], expected)
