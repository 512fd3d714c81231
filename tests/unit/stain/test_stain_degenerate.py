"""Images that classical normalisers pass through: blank, of one colour, or without one of the two stains."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from helpers.classical_normalizers import LIGHT, SIZE, STAINS, built, domains, fitted, job, photographs, rendered
from hemabalance.errors import InputError
from hemabalance.stain.normalizer import DOMAINS, Domain, StainData
from hemabalance.training.job import Images

CLASSICAL = ("reinhard", "macenko", "vahadane")
every_classical = pytest.mark.parametrize("name", CLASSICAL)
both_stain_methods = pytest.mark.parametrize("name", CLASSICAL[1:])


def degenerate() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    field = np.full((SIZE, SIZE, 3), LIGHT["peach"], np.uint8)
    speck, edge, lamp = field.copy(), np.zeros_like(field), np.zeros_like(field)
    speck[:2, :2] = (90, 40, 120)
    edge[: SIZE // 2] = 255
    lamp[0] = 255
    trace = np.zeros((2, SIZE, SIZE))
    trace[1, :16] = rng.uniform(0.6, 1.0, (16, SIZE))
    trace[:, 2:5, 2:5] = np.array((1.5, 0.0))[:, None, None]
    return {
        "one colour": field,
        "black": np.zeros_like(field),
        "white": np.full_like(field, 255),
        "noisy field": np.clip(field + rng.normal(0, 1.5, field.shape), 0, 255).astype(np.uint8),
        "too few stained": speck,
        "too little nuclear stain": rendered(trace, STAINS["a"], LIGHT["peach"]),
        "black and white": edge,
        "a lamp in the dark": lamp,
        "grey": np.repeat(rng.integers(20, 250, (SIZE, SIZE, 1), dtype=np.uint8), 3, axis=2),
    }


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name, kind in product(CLASSICAL, degenerate()) if name != "reinhard" or "too" not in kind],
)
def test_a_degenerate_image_passes_through_without_effect_on_others(name: str, kind: str, tmp_path: Path) -> None:
    image = degenerate()[kind]
    normalizer, sound = fitted(name, tmp_path), photographs("a", "peach", range(3))
    result = normalizer.transform(np.concatenate((sound[:1], image[None], sound[1:])), to="b")
    assert result.passed_through.tolist() == [False, True, False, False]
    np.testing.assert_array_equal(result.pixels[1], image)
    np.testing.assert_array_equal(result.pixels[[0, 2, 3]], normalizer.transform(sound, to="b").pixels)


@pytest.mark.parametrize("kind", ["one colour", "black", "white", "noisy field", "too few stained"])
@pytest.mark.parametrize("light", ["domain", "image"])
@both_stain_methods
def test_a_blank_image_passes_through_with_domain_statistics(name: str, light: str, kind: str, tmp_path: Path) -> None:
    image = degenerate()[kind]
    result = fitted(name, tmp_path, source="domain", light=light).transform(image[None], to="b")
    assert result.passed_through.all()
    np.testing.assert_array_equal(result.pixels[0], image)


@every_classical
def test_a_blank_training_image_does_not_change_the_stains(name: str, tmp_path: Path) -> None:
    data, clean = domains(), fitted(name, tmp_path).profiles["a"]
    pixels = np.concatenate((data.a.pixels, degenerate()["one colour"][None]))
    blank = StainData(Images(pixels, np.append(data.a.labels, "monocyte")), data.b, None)
    for key, value in fitted(name, tmp_path, blank).profiles["a"].items():
        np.testing.assert_allclose(value, clean[key], rtol=0.03)


@every_classical
@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_without_a_usable_image_is_refused(name: str, domain: Domain, tmp_path: Path) -> None:
    blank = Images(np.full((3, SIZE, SIZE, 3), 250, np.uint8), np.array(["monocyte"] * 3))
    none = Images(blank.pixels[:0], blank.labels[:0])
    for images, problem in ((blank, "none of 3 shows enough stain"), (none, "none shows")):
        data = domains()
        data = StainData(images, data.b, None) if domain == "a" else StainData(data.a, images, None)
        with pytest.raises(InputError, match=f"domain {domain}: {problem}"):
            built(name).fit(data, job(tmp_path))
    assert not (tmp_path / "history.jsonl").exists()
