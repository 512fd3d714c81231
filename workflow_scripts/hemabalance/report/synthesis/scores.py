"""Tables of how good generated images are, over all classes of a generator (thesis Tables 18 to 21) and by class."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hemabalance.report.cells import NO_REASON, NOT_REPORTED, interval, lacking, number, reported_number
from hemabalance.report.synthesis.generator_results import (
    ALL,
    COMPARED,
    GeneratorResult,
    ReportedTables,
    by_role,
    only_reported,
    reported_for,
)
from hemabalance.taxonomy import CLASSES

Cells = dict[str, Any]
Measure = Callable[[GeneratorResult, str, str], Cells]
"""Generator, class or `all`, and `generated` or `floor` -> cells."""

_PRECISION: ReportedTables = {"rich": "table18_gan_precision_recall_f1"}
_FID: ReportedTables = {"rich": "table19_gan_fid_is_lpips", "rare": "table21_fewshot_fid_is_lpips"}
_PIXELS: ReportedTables = {"rich": "table20_gan_psnr_ssim_l1_l2"}

_MANIFOLD = {"precision": "generative_precision", "recall": "generative_recall", "f1": "generative_f1"}
_SHARES = ("density", "coverage")
_NEAREST = {"psnr": ("psnr_db", 2), "ssim": ("ssim", 4), "l1": ("l1", 4), "l2": ("l2", 4)}
_TO = "to_nearest_real_training_image_by_lpips"


def precision(generators: Sequence[GeneratorResult]) -> list[Cells]:
    """Precision, recall and F1 of sets of images, and how often a classifier sees the asked class (Table 18)."""
    return _beside(generators, _PRECISION, _told_precision, _precision)


def _told_precision(figures: Any | None) -> Cells:
    names = ("precision", "recall", "f1")
    return {
        f"reported_{name}_percent": reported_number(figures[k] if figures else None, 2) for k, name in enumerate(names)
    }


def _precision(one: GeneratorResult, label: str, compare: str) -> Cells:
    manifold = one.row("manifold", label=label, compare=compare)
    agreement = one.row("agreement", label=label, compare=compare)
    cells: Cells = {}
    for key, column in (_MANIFOLD | {key: key for key in _SHARES}).items():
        cells |= interval(manifold, key, column, 3)
    cells |= {key: _count(manifold, key) for key in ("n_real", "n_generated", "neighbours")}
    cells |= interval(agreement, "rate", "classifier_agrees", 3) | {"n_classified": _count(agreement, "n")}
    return cells | {"reason": _reason(manifold, agreement)}


def fid(generators: Sequence[GeneratorResult]) -> list[Cells]:
    """Distances between sets of real and of generated images, and LPIPS (Tables 19 and 21); KID times 1000."""
    return _beside(generators, _FID, _told_fid, _fid)


def _told_fid(figures: Mapping[str, Any] | None) -> Cells:
    score = figures and figures["is"]
    # Table 19 gives two places, Table 21 four: all that there are.
    lpips = NOT_REPORTED if figures is None else str(figures["lpips"])
    return {
        "reported_fid": reported_number(figures["fid"] if figures else None, 2),
        "reported_inception_score": f"{score[0]:.2f} ± {score[1]:.2f}" if score else NOT_REPORTED,
        "reported_lpips": lpips,
    }


def _fid(one: GeneratorResult, label: str, compare: str) -> Cells:
    distance = one.row("fidelity", label=label, compare=compare)
    pairs = one.row("diversity", label=label, compare=compare)
    nearest = one.row("nearest", label=label, compare=compare)
    score = one.metrics["inception_score"]
    cells = _distances(distance) | {"measured_inception_score": number(score["value"], 2)}
    cells |= interval(pairs, "lpips", "lpips_between_images_of_a_class", 4) | {"n_pairs": _count(pairs, "n")}
    cells |= interval(nearest, "lpips", "lpips_to_nearest_real_training_image", 4) | {"n_nearest": _count(nearest, "n")}
    return cells | {"reason": _reason(distance, pairs, nearest, score)}


def _distances(row: Mapping[str, Any]) -> Cells:
    thousand = {key: None if row[key] is None else 1000 * row[key] for key in ("kid", "kid_low", "kid_high")}
    return (
        interval(row, "fid", "measured_fid", 2)
        | interval(thousand, "kid", "measured_kid_x1000", 2)
        | {key: _count(row, key) for key in ("n_real", "n_generated")}
    )


def pixels(generators: Sequence[GeneratorResult]) -> list[Cells]:
    """Likeness of each image to the nearest real training image of its class by LPIPS (Table 20)."""
    return _beside(generators, _PIXELS, _told_pixels, _pixels)


def _told_pixels(figures: Mapping[str, Any] | None) -> Cells:
    return {
        f"reported_{name}": reported_number(figures[key] if figures else None, n) for key, (name, n) in _NEAREST.items()
    }


def _pixels(one: GeneratorResult, label: str, compare: str) -> Cells:
    row = one.row("nearest", label=label, compare=compare)
    cells: Cells = {}
    for key, (name, places) in _NEAREST.items():
        cells |= interval(row, key, f"{name}_{_TO}", places)
    return cells | {"n": _count(row, "n"), "reason": _reason(row)}


def by_class(generators: Sequence[GeneratorResult]) -> list[Cells]:
    """What was measured of each class, with the real images as floor."""
    return [
        {"class": label} | one.head | {"images": words} | _of_class(one, label, compare)
        for label in CLASSES
        for one in generators
        if label in one.classes
        for compare, words in COMPARED.items()
    ]


def _of_class(one: GeneratorResult, label: str, compare: str) -> Cells:
    distance = one.row("fidelity", label=label, compare=compare)
    manifold = one.row("manifold", label=label, compare=compare)
    agreement = one.row("agreement", label=label, compare=compare)
    pairs = one.row("diversity", label=label, compare=compare)
    nearest = one.row("nearest", label=label, compare=compare)
    cells = _distances(distance)
    for key in ("precision", "recall", "density", "coverage"):
        cells |= interval(manifold, key, _MANIFOLD.get(key, key), 3)
    cells |= interval(agreement, "rate", "classifier_agrees", 3) | {"n_classified": _count(agreement, "n")}
    cells |= interval(pairs, "lpips", "lpips_between_images_of_a_class", 3)
    cells |= interval(nearest, "lpips", "lpips_to_nearest_real_training_image", 3)
    return cells | {"reason": _reason(distance, manifold, agreement, pairs, nearest)}


def _beside(
    generators: Sequence[GeneratorResult],
    tables: ReportedTables,
    reported_cells: Callable[[Any | None], Cells],
    measure: Measure,
) -> list[Cells]:
    """Reported beside measured: each generator, then methods that are only reported, then real images as floor."""
    rows = [
        one.head
        | {"images": COMPARED["generated"]}
        | reported_cells(reported_for(one, tables))
        | measure(one, ALL, "generated")
        for one in generators
    ]
    measured = list(measure(generators[0], ALL, "generated"))
    for head, figures, why in only_reported(generators, tables):
        cells = reported_cells(figures) | lacking(*measured) | {"reason": why}
        rows.append(head | {"images": f"reported only: {why}"} | cells)
    return by_role(rows + _floors(generators, reported_cells(None), measure))


def _floors(generators: Sequence[GeneratorResult], reported_cells: Cells, measure: Measure) -> list[Cells]:
    """Real test images in place of generated ones, once for all generators that were measured against the same."""
    found: dict[tuple[Any, ...], list[str]] = {}
    for one in generators:
        cells = measure(one, ALL, "floor")
        found.setdefault((one.normalizer, one.serves, tuple(cells.items())), []).append(one.name)
    return [
        {"generator": ", ".join(names), "normaliser": normalizer, "classes": serves, "images": COMPARED["floor"]}
        | reported_cells
        | dict(cells)
        for (normalizer, serves, cells), names in found.items()
    ]


def _count(row: Mapping[str, Any], key: str) -> Any:
    return number(None, 0) if row[key] is None else row[key]


def _reason(*rows: Mapping[str, Any]) -> str:
    return "; ".join(dict.fromkeys(filter(None, map(_why, rows)))) or NO_REASON


def _why(row: Mapping[str, Any]) -> str | None:
    """Why a row lacks a value, or an interval."""
    few = any(value is None for key, value in row.items() if key.endswith("low"))
    return row["reason"] or ("too few images for an interval" if few else None)
