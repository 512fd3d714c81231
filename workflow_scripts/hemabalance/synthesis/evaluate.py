"""Everything that is measured of one generator's images, as one JSON object."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hemabalance.errors import InputError
from hemabalance.metrics.inception_score import inception_score
from hemabalance.synthesis.image_tables import Pictures, agreement, diversity, nearest
from hemabalance.synthesis.judges import Judges
from hemabalance.synthesis.set_tables import FLOOR, GENERATED, Compared, fidelity, manifold
from hemabalance.taxonomy import CLASSES
from hemabalance.training.job import Images


@dataclass(frozen=True)
class EvaluationSettings:
    """On how much to measure.

    Attributes:
        neighbours: k of the manifolds.
        max_images: generated, real training and real test images of a class, each at most; of more, a random draw.
            Distances and manifolds of `all` classes see twice as many together. The nearest training image is sought
            among all there are.
        kid_subset: images of a KID subset.
        resamples: of the bootstrap of FID and KID.
        pairs: of a class, whose LPIPS shows diversity.
    """

    neighbours: int
    max_images: int
    kid_subset: int
    resamples: int
    pairs: int


def evaluate(
    generated: Mapping[str, np.ndarray],
    features: Mapping[str, np.ndarray],
    real_train: Images,
    real_test: Images,
    judges: Judges,
    settings: EvaluationSettings,
    *,
    seed: int,
) -> dict[str, Any]:
    """Measure generated images, and as a floor real ones in their place.

    Distances and manifolds are to real test images, the floor being training images; where none are held back, they
    are to training images. The nearest image is sought among training images, the floor being test images.

    Args:
        generated: class -> images, RGB uint8 (n, size, size, 3), not picked by a gate.
        features: class -> their Inception features, float32 (n, 2048).
        real_train: real training images at the same size; classes that are not generated are left aside.
        real_test: real images that no training saw; empty where the protocol holds none back, and so is the floor.
        judges: what to measure with.
        settings: on how much.
        seed: of draws and intervals.

    Returns:
        JSON values: the tables `fidelity`, `manifold`, `diversity`, `nearest`, `agreement` as their functions give
        them, with rows for `all` and each class, `compare` being `generated` or `floor`; `against`, `test` or `train`,
        for the first two; and `inception_score`.

    Raises:
        InputError: a generated class has no real training image.
    """
    labels = [label for label in CLASSES if label in generated]
    training = {label: real_train.pixels[real_train.labels == label] for label in labels}
    lacking = next((label for label in labels if not len(training[label])), None)
    if lacking is not None:
        problem = "has generated images but no real training image to compare them with"
        raise InputError(f"class {lacking}", problem, "Delete the generator's results and run the workflow again")
    test = {label: real_test.pixels[real_test.labels == label] for label in labels}
    chosen = {label: _draw(len(generated[label]), label, settings.max_images, seed) for label in labels}
    some_train, some_test = (
        {label: sets[label][_draw(len(sets[label]), label, settings.max_images, seed)] for label in labels}
        for sets in (training, test)
    )
    made = {label: generated[label][chosen[label]] for label in labels}
    made_seen = {label: features[label][chosen[label]] for label in labels}
    train_seen, test_seen = (
        {label: judges.inception(pixels) for label, pixels in some.items()} for some in (some_train, some_test)
    )
    tested = any(len(pixels) for pixels in some_test.values())
    real, floor = (test_seen, train_seen) if tested else (train_seen, test_seen)
    seen = Compared(real, {GENERATED: made_seen, FLOOR: floor}, most=2 * settings.max_images)
    images = Pictures(training, {GENERATED: made, FLOOR: some_test})
    return {
        "against": "test" if tested else "train",
        "fidelity": fidelity(seen, kid_subset=settings.kid_subset, resamples=settings.resamples, seed=seed),
        "manifold": manifold(seen, neighbours=settings.neighbours, seed=seed),
        "diversity": diversity(images, judges.perceptual, pairs=settings.pairs, seed=seed),
        "nearest": nearest(images, judges.perceptual, seed=seed),
        "agreement": agreement(images, judges.classifier),
        "inception_score": asdict(inception_score(None)),
    }


def _draw(n: int, label: str, most: int, seed: int) -> np.ndarray:
    """Places of at most `most` of n images, in order."""
    return np.sort(np.random.default_rng([seed, CLASSES.index(label)]).permutation(n)[:most])
