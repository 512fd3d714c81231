"""Everything that is measured of one generator's images, as one JSON object."""

from dataclasses import asdict, dataclass
from typing import Any

from hemabalance.config.synthesis_evaluation import SynthesisEvaluationConfig
from hemabalance.errors import InputError
from hemabalance.metrics.inception_score import inception_score
from hemabalance.section import Count
from hemabalance.synthesis.image_tables import ComparedImages, agreement, diversity, nearest
from hemabalance.synthesis.judges import Judges
from hemabalance.synthesis.set_tables import FLOOR, GENERATED, ArraysByClass, ComparedFeatures, fidelity, manifold
from hemabalance.taxonomy import CLASSES


class EvaluationSettings(SynthesisEvaluationConfig):
    """On how much to measure; the nearest training image is sought among all there are."""

    neighbours: Count
    """k of the manifolds."""


@dataclass(frozen=True)
class EvaluationSet:
    """Images on one side of a comparison, by class.

    Attributes:
        pixels: RGB uint8 (n, size, size, 3).
        features: Inception features, float32 (m, 2048); of all of them or, of training images, of the first.
    """

    pixels: ArraysByClass
    features: ArraysByClass


def evaluate(
    generated: EvaluationSet,
    train: EvaluationSet,
    test: EvaluationSet,
    judges: Judges,
    settings: EvaluationSettings,
    *,
    seed: int,
) -> dict[str, Any]:
    """Measure generated images, and as a floor real ones in their place.

    Distances and manifolds are to real test images, the floor being training images; where none are held back, they
    are to training images. The nearest image is sought among training images, the floor being test images.

    Args:
        generated: images not picked by a gate.
        train: real training images at the same size, of these classes at least.
        test: real images that no training saw; empty where the protocol holds none back, and so is the floor.
        judges: what to measure with.
        settings: on how much; all the images that are given are measured.
        seed: of draws and intervals.

    Returns:
        JSON values: the tables `fidelity`, `manifold`, `diversity`, `nearest`, `agreement` as their functions give
        them, with rows for `all` and each class, `compare` being `generated` or `floor`; `against`, `test` or `train`,
        for the first two; and `inception_score`.

    Raises:
        InputError: a generated class has no real training image.
    """
    labels = [label for label in CLASSES if label in generated.pixels]
    lacking = next((label for label in labels if not len(train.pixels.get(label, ()))), None)
    if lacking is not None:
        problem = "has generated images but no real training image to compare them with"
        raise InputError(f"class {lacking}", problem, "Delete the generator's results and run the workflow again")
    made, learned, unseen = (
        EvaluationSet(
            {label: side.pixels[label] for label in labels}, {label: side.features[label] for label in labels}
        )
        for side in (generated, train, test)
    )
    tested = any(len(pixels) for pixels in unseen.pixels.values())
    real, floor = (unseen, learned) if tested else (learned, unseen)
    seen = ComparedFeatures(
        real.features, {GENERATED: made.features, FLOOR: floor.features}, most=2 * settings.max_images
    )
    images = ComparedImages(learned.pixels, {GENERATED: made.pixels, FLOOR: unseen.pixels})
    return {
        "against": "test" if tested else "train",
        "fidelity": fidelity(seen, kid_subset=settings.kid_subset, resamples=settings.resamples, seed=seed),
        "manifold": manifold(seen, neighbours=settings.neighbours, seed=seed),
        "diversity": diversity(images, judges.perceptual, pairs=settings.pairs, seed=seed),
        "nearest": nearest(images, judges.perceptual, seed=seed),
        "agreement": agreement(images, judges.classifier),
        "inception_score": asdict(inception_score(None)),
    }
