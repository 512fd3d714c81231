"""Edge cases of manifolds: few images, copies, boundaries. Comparisons with references are in tests/numerics."""

import json
from dataclasses import asdict, fields

import numpy as np
import pytest

from hemabalance.metrics.precision_recall import Manifold, PrecisionRecall, precision_recall


def features(n: int, k: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, k), dtype=np.float32)


def scores(real: np.ndarray, generated: np.ndarray, neighbours: int) -> PrecisionRecall:
    return precision_recall(Manifold(real, neighbours), Manifold(generated, neighbours), seed=1)


def test_margin_is_one_on_the_boundary_and_grows_outwards() -> None:
    line = Manifold(np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]), 1)
    np.testing.assert_allclose(line.radii, [1, 1, 2])
    queries = np.array([[0.0, 0.0], [0.5, 0.0], [5.0, 0.0], [7.0, 0.0], [0.0, 1.5]])
    np.testing.assert_allclose(line.margin(queries), [0, 0.5, 1, 2, 1.5], atol=1e-9)
    np.testing.assert_array_equal(line.contains(queries[[0, 1, 3, 4]]), [True, True, False, False])
    assert line.contains(queries[:0]).shape == (0,)


def test_images_of_the_manifold_are_inside_and_copies_have_radius_zero() -> None:
    images = features(40, 30, 1)
    assert (Manifold(images, 3).margin(images) == 0).all()
    copies = Manifold(np.concatenate((images[:1], images[:1], images[:1] + 100)), 1)
    np.testing.assert_array_equal(copies.radii[:2], 0)
    np.testing.assert_array_equal(copies.contains(np.concatenate((images[:1], images[:1] + 0.01))), [True, True])
    only_copies = Manifold(np.repeat(images[:1], 3, axis=0), 1)
    np.testing.assert_array_equal(only_copies.margin(np.concatenate((images[:1], images[:1] + 0.01))), [0, np.inf])


@pytest.mark.parametrize(("n", "neighbours_used"), [(0, 0), (1, 0), (2, 1), (3, 2), (6, 5), (7, 5)])
def test_few_images_use_fewer_neighbours(n: int, neighbours_used: int) -> None:
    manifold = Manifold(features(n, 4, 1), 5)
    assert (manifold.n, manifold.neighbours_used, manifold.radii.shape) == (n, neighbours_used, (n,))
    if n < 2:
        with pytest.raises(ValueError, match="needs at least two images"):
            manifold.margin(features(3, 4, 2))
    else:
        assert np.isfinite(manifold.margin(features(3, 4, 2))).all()


def test_zero_neighbours_are_refused() -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        Manifold(features(5, 4, 1), 0)


@pytest.mark.parametrize(
    ("n", "m", "available"),
    [
        (0, 0, set()),
        (1, 1, set()),
        (0, 9, set()),
        (9, 0, set()),
        (1, 9, {"recall"}),
        (9, 1, {"precision", "density", "coverage"}),
        (2, 2, {"precision", "recall", "f1", "density", "coverage"}),
    ],
)
def test_too_few_images_have_a_reason(n: int, m: int, available: set[str]) -> None:
    result = scores(features(n, 4, 1), features(m, 4, 2), 3)
    for field in fields(result):
        proportion = getattr(result, field.name)
        assert (proportion.value is not None) == (proportion.reason is None) == (field.name in available)
        assert (proportion.n_real, proportion.n_generated) == (n, m)
    assert json.loads(json.dumps(asdict(result), allow_nan=False)) == asdict(result)


def test_reasons_say_which_set_is_too_small() -> None:
    assert scores(features(1, 4, 1), features(9, 4, 2), 3).precision.reason.startswith("1 real image")
    assert scores(features(9, 4, 1), features(1, 4, 2), 3).recall.reason.startswith("1 generated image")
    assert "no generated" in scores(features(9, 4, 1), features(0, 4, 2), 3).density.reason
