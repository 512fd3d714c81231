"""Few-shot generators: building, fitting, saving, loading and sampling."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.fewshot_generators import (
    CLASSES,
    METHOD_SETTINGS,
    SHORT,
    SIZE,
    build,
    data,
    fit,
    images,
    initialise,
    job,
    runtime,
)
from hemabalance.errors import InputError
from hemabalance.networks.fewshot_generator import FewshotGenerator
from hemabalance.synthesis.fewshot import AdaptedGenerator
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.generator_config import open_by_description
from hemabalance.synthesis.methods.fewshot_meta.method import poses
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import sample

CPU = torch.device("cpu")
every_method = pytest.mark.parametrize("name", METHOD_SETTINGS)


@every_method
def test_loaded_weights_make_the_same_images(name: str, tmp_path: Path) -> None:
    generator, loaded = fit(name, tmp_path, **SHORT), build(name, **SHORT)
    generator.save(tmp_path / "weights.safetensors")
    loaded.load(tmp_path / "weights.safetensors")
    for label in CLASSES.served:
        sampled = sample(generator, label, range(40), seed=3, device=CPU)
        assert sampled.shape == (40, SIZE, SIZE, 3)
        assert len(np.unique(sampled.reshape(40, -1), axis=0)) == 40
        np.testing.assert_array_equal(sample(loaded, label, range(40), seed=3, device=CPU), sampled)
    described = open_by_description(tmp_path / "weights.safetensors", runtime())
    np.testing.assert_array_equal(
        sample(described, "monoblast", range(4), seed=3, device=CPU),
        sample(loaded, "monoblast", range(4), seed=3, device=CPU),
    )
    assert loaded.snapshots is None


@every_method
def test_an_image_does_not_depend_on_the_other_indices(name: str, tmp_path: Path) -> None:
    generator = fit(name, tmp_path, **SHORT)
    together = sample(generator, "monoblast", range(70), seed=3, device=CPU)
    np.testing.assert_array_equal(
        sample(generator, "monoblast", [69, 5, 33], seed=3, device=CPU), together[[69, 5, 33]]
    )
    # The batch changes the rounding only; batch statistics would change the image.
    z, indices = torch.randn(6, generator.latent), torch.arange(6)
    with torch.no_grad():
        batch = generator.generate("monoblast", z, indices)
        torch.testing.assert_close(
            generator.generate("monoblast", z[2:3], indices[2:3]), batch[2:3], rtol=1e-3, atol=1e-4
        )


def test_the_index_selects_the_training_image(tmp_path: Path) -> None:
    generator = fit("fewshot_meta", tmp_path, **SHORT, feature_mixing=0.0)
    monoblast, smudge = (generator.adapted[label] for label in ("monoblast", "smudge_cell"))
    assert monoblast.count == 20  # four images in five poses, the maximum number of references
    assert smudge.count == 16  # two images in eight poses
    z = torch.randn(1, generator.latent)
    with torch.no_grad():
        first, second, repeated = (generator.generate("smudge_cell", z, torch.tensor([index])) for index in (0, 1, 16))
    assert torch.equal(first, repeated)
    assert not torch.equal(first, second)
    assert fit("fewshot_meta", tmp_path / "unposed", **SHORT, augment=False).adapted["monoblast"].count == 4


def test_features_of_two_training_images_are_mixed_and_the_second_changes_each_round() -> None:
    references, latent = torch.eye(3), torch.zeros(9, 2)
    served = AdaptedGenerator(FewshotGenerator(32, 4, 5), features=3, max_references=3, mixing=0.25)
    served.set_references(references)
    mixed = served.inputs(latent, torch.arange(9))[:, 2:]
    a, b, c = references
    first_round = [0.75 * a + 0.25 * b, 0.75 * b + 0.25 * c, 0.75 * c + 0.25 * a]
    second_round = [0.75 * a + 0.25 * c, 0.75 * b + 0.25 * a, 0.75 * c + 0.25 * b]
    torch.testing.assert_close(mixed, torch.stack([*first_round, *second_round, a, b, c]))


def test_all_poses_of_an_image() -> None:
    image = torch.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4).float()
    posed = poses(image, 100)
    assert len(torch.unique(posed.flatten(1), dim=0)) == 16
    assert torch.equal(posed[:2], image)
    assert torch.equal(poses(image, 5), posed[:5])


@every_method
def test_fitting_without_a_teacher_and_without_an_average(name: str, tmp_path: Path) -> None:
    generator = build(name, **SHORT, average_decay=0)
    generator.fit(data(teacher=0), job(tmp_path))
    assert sample(generator, "smudge_cell", [0], seed=1, device=CPU).std() > 0


@every_method
@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({"basophil": 5, "monoblast": 4, "smudge_cell": 2}, "class monocyte: is to be learned from, but has no real"),
        (
            {"basophil": 5, "monocyte": 5, "monoblast": 1, "smudge_cell": 2},
            "class monoblast: has 1 real .* image, and",
        ),
        ({"basophil": 5, "monocyte": 5, "monoblast": 2}, "smudge_cell: has 0 .* few-shot needs at least 2"),
    ],
)
def test_classes_with_too_few_images_are_refused(name: str, counts: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        build(name).fit(data(counts), job(tmp_path))


@every_method
def test_unusable_classes_sizes_and_data_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"method {name}: has no class to learn from"):
        build(name, classes=Classes((), CLASSES.served))
    with pytest.raises(InputError, match="no class to generate"):
        build(name, classes=Classes(CLASSES.trained, ()))
    with pytest.raises(InputError, match="48 px is not a power of two"):
        build(name, 48)
    with pytest.raises(InputError, match="real images: 32x32 px, but the networks were built for 16x16 px"):
        build(name).fit(data(size=32), job(tmp_path))
    with pytest.raises(InputError, match="images of the teacher: 32x32 px"):
        build(name).fit(SynthesisData(data().real, images({}, 1), data(size=32).teacher_images), job(tmp_path))
    with pytest.raises(RuntimeError, match="neither fitted nor loaded"):
        build(name).generate("monoblast", torch.zeros(1, 5), torch.zeros(1, dtype=torch.int64))


@every_method
def test_weights_of_other_settings_are_refused(name: str, tmp_path: Path) -> None:
    fit(name, tmp_path, **SHORT).save(tmp_path / "weights.safetensors")
    other_classes = Classes(CLASSES.trained, ("monoblast", "promyelocyte"))
    for other, named in (
        (build(name, width=8, **SHORT), "width: stored 4, expected 8"),
        (build(name, 32, **SHORT), "size: stored 16, expected 32"),
        (build(name, classes=other_classes, **SHORT), "classes.served"),
    ):
        with pytest.raises(InputError, match=named):
            other.load(tmp_path / "weights.safetensors")


@every_method
def test_parameters_are_counted_by_network(name: str, tmp_path: Path) -> None:
    generator, training = build(name), initialise(name, tmp_path)
    for player, count in generator.parameters.items():
        assert count == sum(value.numel() for value in training.task[player].parameters())
    assert set(generator.parameters) == {player for names in training.optimizer_groups.values() for player in names}
    assert generator.latent == 5
    assert runtime().device == CPU
