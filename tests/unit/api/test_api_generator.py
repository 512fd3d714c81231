"""`hemabalance.Generator`."""

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import conditional_generators, gan_normalizers
from helpers.conditional_generators import LABELS, SIZE
from hemabalance import Generator, InputError
from hemabalance.synthesis.empty import EmptyGenerator
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import sample


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained generator."""
    folder = tmp_path_factory.mktemp("generator")
    conditional_generators.fit("cwgan_gp", folder).save(folder / "weights.safetensors")
    return folder


def test_samples_are_determined_by_the_seed(folder: Path) -> None:
    generator = Generator.load(folder)
    assert (generator.classes, generator.size) == (LABELS, SIZE)
    first = generator.sample("monocyte", 5, seed=1)
    assert (first.dtype, first.shape) == (np.uint8, (5, SIZE, SIZE, 3))
    np.testing.assert_array_equal(Generator.load(folder / "weights.safetensors").sample("monocyte", 5, seed=1), first)
    np.testing.assert_array_equal(generator.sample("monocyte", 2, seed=1, start=3), first[3:])
    assert not np.array_equal(generator.sample("monocyte", 5, seed=2), first)
    assert not np.array_equal(generator.sample("basophil", 5, seed=1), first)
    assert generator.sample("monocyte", 0).shape == (0, SIZE, SIZE, 3)


def test_samples_are_those_of_the_workflow(folder: Path) -> None:
    fitted = conditional_generators.build("cwgan_gp")
    fitted.load(folder / "weights.safetensors")
    expected = sample(fitted, "platelet", range(4), seed=3, device=torch.device("cpu"))
    np.testing.assert_array_equal(Generator.load(folder).sample("platelet", 4, seed=3), expected)


def test_opening_leaves_the_callers_random_numbers_alone(folder: Path) -> None:
    torch.manual_seed(4)
    np.random.seed(4)
    expected = torch.rand(3), np.random.random(3)
    torch.manual_seed(4)
    np.random.seed(4)
    Generator.load(folder).sample("monocyte", 1)
    assert torch.equal(torch.rand(3), expected[0])
    np.testing.assert_array_equal(np.random.random(3), expected[1])


def test_what_cannot_be_sampled_is_refused(folder: Path, tmp_path: Path) -> None:
    generator = Generator.load(folder)
    with pytest.raises(InputError, match=r"class lymphocyte: is not served .* basophil, monocyte, platelet"):
        generator.sample("lymphocyte", 1)
    for numbers in ({"count": -1}, {"count": 1, "seed": -1}, {"count": 1, "start": -1}):
        with pytest.raises(InputError, match="=-1: is under 0"):
            generator.sample("monocyte", **numbers)
    with pytest.raises(InputError, match="latent index 2147483648: is out of range"):
        generator.sample("monocyte", 2, start=2**31 - 1)
    with pytest.raises(InputError, match="does not exist"):
        Generator.load(tmp_path / "missing")
    with pytest.raises(InputError, match=r"holds no weights\.safetensors"):
        Generator.load(tmp_path)
    gan_normalizers.fitted("pix2pix", tmp_path).save(tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match='holds no generator, but "pix2pix"'):
        Generator.load(tmp_path)


def test_a_generator_without_a_class_is_refused(tmp_path: Path) -> None:
    spec = GeneratorSpec.from_plain({"method": "cwgan_gp", "settings": {}})
    EmptyGenerator(spec, Classes((), (), LABELS), SIZE).save(tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match="generates no class"):
        Generator.load(tmp_path)
