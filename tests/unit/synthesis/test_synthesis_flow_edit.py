"""The method flow_edit: what remains of a source image, which images are sources, and teachers that are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from helpers.fewshot_generators import CLASSES, SIZE, data, job, runtime
from helpers.method_settings import small_settings
from hemabalance.errors import InputError
from hemabalance.gpu_check.examples import untrained_teacher
from hemabalance.methods import settings_class
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.generator_config import open_by_description
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import sample

CPU = torch.device("cpu")
RICH, RARE = CLASSES.trained, CLASSES.served


def spec(**changed: Any) -> GeneratorSpec:
    return GeneratorSpec(method="flow_edit", settings=small_settings("synthesis", "flow_edit", **changed))


def teacher(classes: Classes = CLASSES, size: int = SIZE, **changed: Any) -> Any:
    """An untrained teacher whose velocity is not zero."""
    given: Any = untrained_teacher(spec(**changed), classes, size, runtime())
    with torch.no_grad():
        for parameter in given.network.parameters():
            parameter.normal_(0, 0.2, generator=torch.Generator().manual_seed(1))
    return given


def taught(given: Any) -> SynthesisData:
    usual = data(teacher=0)
    return SynthesisData(usual.real, usual.held_back, usual.teacher_images, given)


def build(**changed: Any) -> Any:
    return spec(**changed).build(classes=CLASSES, size=SIZE, runtime=runtime())


def fit(folder: Path, seed: int = 7, **changed: Any) -> Any:
    generator = build(**changed)
    generator.fit(taught(teacher(output=generator.settings.output)), job(folder, seed))
    return generator


def test_a_small_start_keeps_the_source_and_a_large_one_does_not(tmp_path: Path) -> None:
    changes = []
    for start in (0.01, 0.5, 1.0):
        # Other outputs are divided by the time: of a network that is not trained, large velocities near t = 0.
        generator = fit(tmp_path, start=start, output="velocity")
        edited = sample(generator, RARE[0], range(8), seed=1, device=CPU).astype(float)
        places = generator.sources_of(RARE[0], torch.arange(8))
        sources = generator.sources.images[places].permute(0, 2, 3, 1).numpy()
        changes.append(np.abs(edited - sources).mean())
    assert changes[0] < 4
    assert changes[0] < changes[1] < changes[2]


def test_sources_are_training_images_of_the_rich_classes_up_to_the_limit(tmp_path: Path) -> None:
    real = data(teacher=0).real
    rich = {pixels.tobytes() for pixels in real.pixels[np.isin(real.labels, RICH)]}

    def sources(**changed: Any) -> set[bytes]:
        images = fit(tmp_path, **changed).sources.images.permute(0, 2, 3, 1).contiguous().numpy()
        return {pixels.tobytes() for pixels in images}

    assert sources(source_images=100) == rich
    few = sources(source_images=2)
    assert len(few) == 4
    assert few < rich
    assert sources(source_images=2) == few
    assert any(sources(source_images=2, seed=seed) != few for seed in (8, 9, 10))


def test_all_sources_are_edited_before_one_is_edited_again(tmp_path: Path) -> None:
    generator = fit(tmp_path)
    count = len(generator.sources)
    places = generator.sources_of(RARE[0], torch.arange(2 * count))
    assert sorted(places[:count].tolist()) == list(range(count))
    assert torch.equal(places[:count], places[count:])
    assert not torch.equal(places, generator.sources_of(RARE[1], torch.arange(2 * count)))


def test_an_image_does_not_depend_on_the_others_and_the_label_and_guidance_count(tmp_path: Path) -> None:
    generator = fit(tmp_path)
    several = sample(generator, RARE[0], [3, 40, 7], seed=1, device=CPU)
    assert np.array_equal(sample(generator, RARE[0], [40], seed=1, device=CPU)[0], several[1])
    z, indices = torch.randn(2, generator.latent), torch.tensor([0, 1])
    assert not np.array_equal(several, sample(fit(tmp_path, guidance=1.0), RARE[0], [3, 40, 7], seed=1, device=CPU))
    with torch.inference_mode():
        assert not torch.equal(generator.generate(RARE[0], z, indices), generator.generate(RARE[1], z, indices))


def test_the_weights_hold_network_and_sources(tmp_path: Path) -> None:
    generator = fit(tmp_path, source_images=3)
    generator.save(tmp_path / "weights")
    opened: Any = open_by_description(tmp_path / "weights", runtime())
    assert torch.equal(opened.sources.images, generator.sources.images)
    assert len(opened.sources) == 6
    assert not generator.network.training
    assert (tmp_path / "history.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: None, "is missing. Name a trained generator of the method flow"),
        (lambda: teacher(Classes(("basophil",), RARE)), "is not trained on monocyte"),
        (lambda: teacher(Classes(RICH, ("monoblast",))), "is not trained on smudge_cell"),
        (lambda: teacher(Classes(RICH, RARE, tuple(sorted((*RICH, *RARE, "a"))))), "has classes of the run"),
        (lambda: teacher(width=8), "has width 8, but the student 4"),
        (lambda: teacher(patch=1), "has patch 1, but the student 2"),
        (lambda: teacher(output="velocity"), "has output velocity, but the student image"),
        (lambda: teacher(size=32), "has size 32, but the student 16"),
        (
            lambda: GeneratorSpec(method="cgan", settings=small_settings("synthesis", "cgan")).build(
                classes=Classes((*RICH, *RARE), RICH), size=SIZE, runtime=runtime()
            ),
            "has no network of a rectified flow",
        ),
    ],
)
def test_an_unsuitable_teacher_is_refused(given: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        build().fit(taught(given()), job(tmp_path))
    assert message in str(caught.value)


def test_settings_and_data_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for start in (0.0, 1.5):
        with pytest.raises(ValidationError, match="start"):
            settings_class("synthesis", "flow_edit")(start=start)
    usual = data(teacher=0)
    rare = usual.real.labels != "basophil"
    real = type(usual.real)(usual.real.pixels[rare], usual.real.labels[rare])
    with pytest.raises(InputError, match="class basophil: has no real training image to edit"):
        build().fit(SynthesisData(real, usual.held_back, usual.teacher_images, teacher()), job(tmp_path))
