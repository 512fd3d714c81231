"""All measurements of one generator's images, as one JSON object."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hemabalance.config.synthesis_evaluation import SynthesisEvaluationConfig
from hemabalance.errors import InputError
from hemabalance.metrics.inception_score import inception_score
from hemabalance.section import Count
from hemabalance.synthesis.image_tables import ComparedImages, agreement, diversity, nearest
from hemabalance.synthesis.judges import Judges
from hemabalance.synthesis.set_tables import FLOOR, GENERATED, ArraysByClass, ComparedFeatures, fidelity, manifold


class EvaluationSettings(SynthesisEvaluationConfig):
    """Numbers of images to measure; the nearest training image is searched among all training images."""

    neighbours: Count
    """Number k of neighbours of the manifolds."""


@dataclass(frozen=True)
class EvaluationSet:
    """Images on one side of a comparison, by class.

    Attributes:
        pixels: RGB uint8 (n, size, size, 3).
        features: Inception features, float32 (m, 2048); for training images m may be less than n, the first m images.
    """

    pixels: ArraysByClass
    features: ArraysByClass

    def only(self, labels: Iterable[str]) -> "EvaluationSet":
        """The images of these classes."""
        return EvaluationSet(*({label: arrays[label] for label in labels} for arrays in (self.pixels, self.features)))


def evaluate(
    generated: EvaluationSet,
    train: EvaluationSet,
    test: EvaluationSet,
    judges: Judges,
    settings: EvaluationSettings,
    *,
    roles: Mapping[str, Sequence[str]],
    seed: int,
) -> dict[str, Any]:
    """Measure generated images and, as the floor, real images in their place.

    Distances and manifolds refer to real test images, with training images as the floor; without test images they refer
    to training images. Nearest images are searched among training images, with test images as the floor.

    Args:
        generated: images not selected by a gate.
        train: real training images at the same size, at least of the generated classes.
        test: real images that no training used; empty if the protocol holds none back, and then the floor is empty too.
        judges: networks that measure the images.
        settings: numbers of images; all images of the three sets are measured.
        roles: role -> its classes among the generated ones, for a generator of classes of several roles; else empty.
        seed: seed of random selections and intervals.

    Returns:
        JSON values: the tables `fidelity`, `manifold`, `diversity`, `nearest`, `agreement` as returned by their
        functions, with rows for `all` and each class, where `compare` is `generated` or `floor`; `against`, which is
        `test` or `train`, for the first two; and `inception_score`. If there are roles, also `roles`: role -> its
        `classes`, and `against` and the tables with the rows `all` that a generator of these classes alone would have.

    Raises:
        InputError: a generated class has no real training image.
    """
    labels = sorted(generated.pixels)
    missing = next((label for label in labels if not len(train.pixels.get(label, ()))), None)
    if missing is not None:
        problem = "has generated images but no real training image to compare them with"
        raise InputError(f"class {missing}", problem, "Delete the generator's results and run the workflow again")
    sets = [images.only(labels) for images in (generated, train, test)]
    images = ComparedImages(sets[1].pixels, {GENERATED: sets[0].pixels, FLOOR: sets[2].pixels})
    image_tables = {
        "diversity": diversity(images, judges.perceptual, pairs=settings.pairs, seed=seed),
        "nearest": nearest(images, judges.perceptual, seed=seed),
        "agreement": agreement(images, judges.classifier),
    }
    tables = {
        **_set_tables(sets, settings, by_class=True, seed=seed),
        **{name: table.rows() for name, table in image_tables.items()},
        "inception_score": asdict(inception_score(None)),
    }
    of_roles = {
        role: {
            "classes": list(members),
            **_set_tables([images.only(members) for images in sets], settings, by_class=False, seed=seed),
            **{name: table.rows_over(members) for name, table in image_tables.items()},
        }
        for role, members in roles.items()
    }
    return tables | ({"roles": of_roles} if of_roles else {})


def _set_tables(
    sets: Sequence[EvaluationSet], settings: EvaluationSettings, *, by_class: bool, seed: int
) -> dict[str, Any]:
    """The tables of sets of images, from generated, training and test images."""
    generated, train, test = sets
    has_test = any(len(pixels) for pixels in test.pixels.values())
    real, floor = (test, train) if has_test else (train, test)
    features = ComparedFeatures(
        real.features,
        {GENERATED: generated.features, FLOOR: floor.features},
        max_images=2 * settings.max_images,
        by_class=by_class,
    )
    return {
        "against": "test" if has_test else "train",
        "fidelity": fidelity(features, kid_subset=settings.kid_subset, resamples=settings.resamples, seed=seed),
        "manifold": manifold(features, neighbours=settings.neighbours, seed=seed),
    }
