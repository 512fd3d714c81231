"""Tables of the quality of generated images, over all classes of a generator (thesis Tables 18 to 21) and by class."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hemabalance.report.cells import NO_REASON, NOT_REPORTED, interval_cells, missing_cells, number, reported_number
from hemabalance.report.synthesis.generator_results import (
    ALL,
    COMPARED,
    NOT_IN_RUN,
    GeneratorResult,
    ReportedTables,
    any_reported,
    by_role,
    only_reported,
    reported_for,
)

Cells = dict[str, Any]
Measure = Callable[[GeneratorResult, str, str], Cells]
"""Function from a generator, a class or `all`, and `generated` or `floor`, to cells."""

_PRECISION: ReportedTables = {"rich": "table18_gan_precision_recall_f1"}
_FID: ReportedTables = {"rich": "table19_gan_fid_is_lpips", "rare": "table21_fewshot_fid_is_lpips"}
_PIXELS: ReportedTables = {"rich": "table20_gan_psnr_ssim_l1_l2"}

_MANIFOLD = {"precision": "generative_precision", "recall": "generative_recall", "f1": "generative_f1"}
_SHARES = ("density", "coverage")
_NEAREST = {"psnr": ("psnr_db", 2), "ssim": ("ssim", 4), "l1": ("l1", 4), "l2": ("l2", 4)}
_TO = "to_nearest_real_training_image_by_lpips"


def precision(generators: Sequence[GeneratorResult], preset: str) -> list[Cells]:
    """Rows of precision, recall and F1, and of the agreement of a classifier with the requested class (Table 18)."""
    return _reported_and_measured(generators, _PRECISION, _reported_precision, _precision, preset)


def _reported_precision(figures: Any | None) -> Cells:
    names = ("precision", "recall", "f1")
    return {
        f"reported_{name}_percent": reported_number(figures[k] if figures else None, 2) for k, name in enumerate(names)
    }


def _precision(result: GeneratorResult, label: str, compare: str) -> Cells:
    manifold = result.row("manifold", label=label, compare=compare)
    agreement = result.row("agreement", label=label, compare=compare)
    cells: Cells = {}
    for key, column in (_MANIFOLD | {key: key for key in _SHARES}).items():
        cells |= interval_cells(manifold, key, column, 3)
    cells |= {key: _count(manifold, key) for key in ("n_real", "n_generated", "neighbours")}
    cells |= interval_cells(agreement, "rate", "classifier_agrees", 3) | {"n_classified": _count(agreement, "n")}
    return cells | {"reason": _reason(manifold, agreement)}


def fid(generators: Sequence[GeneratorResult], preset: str) -> list[Cells]:
    """Rows of distances between sets of real and generated images, and LPIPS (Tables 19 and 21); KID times 1000."""
    return _reported_and_measured(generators, _FID, _reported_fid, _fid, preset)


def _reported_fid(figures: Mapping[str, Any] | None) -> Cells:
    score = figures and figures["is"]
    # Table 19 gives two decimal places, Table 21 four; show the value as reported.
    lpips = NOT_REPORTED if figures is None else str(figures["lpips"])
    return {
        "reported_fid": reported_number(figures["fid"] if figures else None, 2),
        "reported_inception_score": f"{score[0]:.2f} ± {score[1]:.2f}" if score else NOT_REPORTED,
        "reported_lpips": lpips,
    }


def _fid(result: GeneratorResult, label: str, compare: str) -> Cells:
    distance = result.row("fidelity", label=label, compare=compare)
    pairs = result.row("diversity", label=label, compare=compare)
    nearest = result.row("nearest", label=label, compare=compare)
    score = result.metrics["inception_score"]
    cells = _distances(distance) | {"measured_inception_score": number(score["value"], 2)}
    cells |= interval_cells(pairs, "lpips", "lpips_between_images_of_a_class", 4) | {"n_pairs": _count(pairs, "n")}
    cells |= interval_cells(nearest, "lpips", "lpips_to_nearest_real_training_image", 4) | {
        "n_nearest": _count(nearest, "n")
    }
    return cells | {"reason": _reason(distance, pairs, nearest, score)}


def _distances(row: Mapping[str, Any]) -> Cells:
    kid_x1000 = {key: None if row[key] is None else 1000 * row[key] for key in ("kid", "kid_low", "kid_high")}
    return (
        interval_cells(row, "fid", "measured_fid", 2)
        | interval_cells(kid_x1000, "kid", "measured_kid_x1000", 2)
        | {key: _count(row, key) for key in ("n_real", "n_generated")}
    )


def pixels(generators: Sequence[GeneratorResult], preset: str) -> list[Cells]:
    """Rows of the similarity of images to their nearest real training image of the class by LPIPS (Table 20)."""
    return _reported_and_measured(generators, _PIXELS, _reported_pixels, _pixels, preset)


def _reported_pixels(figures: Mapping[str, Any] | None) -> Cells:
    return {
        f"reported_{name}": reported_number(figures[key] if figures else None, n) for key, (name, n) in _NEAREST.items()
    }


def _pixels(result: GeneratorResult, label: str, compare: str) -> Cells:
    row = result.row("nearest", label=label, compare=compare)
    cells: Cells = {}
    for key, (name, places) in _NEAREST.items():
        cells |= interval_cells(row, key, f"{name}_{_TO}", places)
    return cells | {"n": _count(row, "n"), "reason": _reason(row)}


def by_class(generators: Sequence[GeneratorResult]) -> list[Cells]:
    """Rows of the measured values of each class, with real images as floor."""
    return [
        {"class": label} | result.key_cells | {"images": images} | _of_class(result, label, compare)
        for label in sorted({label for result in generators for label in result.classes})
        for result in generators
        if label in result.classes
        for compare, images in COMPARED.items()
    ]


def _of_class(result: GeneratorResult, label: str, compare: str) -> Cells:
    distance = result.row("fidelity", label=label, compare=compare)
    manifold = result.row("manifold", label=label, compare=compare)
    agreement = result.row("agreement", label=label, compare=compare)
    pairs = result.row("diversity", label=label, compare=compare)
    nearest = result.row("nearest", label=label, compare=compare)
    cells = _distances(distance)
    for key in ("precision", "recall", "density", "coverage"):
        cells |= interval_cells(manifold, key, _MANIFOLD.get(key, key), 3)
    cells |= interval_cells(agreement, "rate", "classifier_agrees", 3) | {"n_classified": _count(agreement, "n")}
    cells |= interval_cells(pairs, "lpips", "lpips_between_images_of_a_class", 3)
    cells |= interval_cells(nearest, "lpips", "lpips_to_nearest_real_training_image", 3)
    return cells | {"reason": _reason(distance, manifold, agreement, pairs, nearest)}


def _reported_and_measured(
    generators: Sequence[GeneratorResult],
    tables: ReportedTables,
    reported_cells: Callable[[Any | None], Cells],
    measure: Measure,
    preset: str,
) -> list[Cells]:
    """Rows with reported and measured values: generators, methods that are only reported, and real images as floor.

    Without values that the thesis reports for the archives of the preset, there are no columns for them.
    """
    shown = reported_cells if any_reported(tables, preset) else _no_cells
    rows = [
        result.key_cells
        | {"images": COMPARED["generated"]}
        | shown(reported_for(result, tables, preset))
        | measure(result, ALL, "generated")
        for result in generators
    ]
    measured = list(measure(generators[0], ALL, "generated"))
    for key_cells, figures in only_reported(generators, tables, preset):
        cells = shown(figures) | missing_cells(*measured) | {"reason": NOT_IN_RUN}
        rows.append(key_cells | {"images": f"reported only: {NOT_IN_RUN}"} | cells)
    return by_role(rows + _floors(generators, shown(None), measure))


def _no_cells(figures: Any | None) -> Cells:
    return {}


def _floors(generators: Sequence[GeneratorResult], reported_cells: Cells, measure: Measure) -> list[Cells]:
    """Rows of real images in place of generated ones, one for all generators with the same values."""
    names_by_cells: dict[tuple[Any, ...], list[str]] = {}
    for result in generators:
        cells = measure(result, ALL, "floor")
        key_cells = result.key_cells
        key = key_cells["normaliser"], key_cells["classes"], tuple(cells.items())
        names_by_cells.setdefault(key, []).append(result.name)
    return [
        {"generator": ", ".join(names), "normaliser": normalizer, "classes": role, "images": COMPARED["floor"]}
        | reported_cells
        | dict(cells)
        for (normalizer, role, cells), names in names_by_cells.items()
    ]


def _count(row: Mapping[str, Any], key: str) -> Any:
    return number(None, 0) if row[key] is None else row[key]


def _reason(*rows: Mapping[str, Any]) -> str:
    return "; ".join(dict.fromkeys(filter(None, map(_row_reason, rows)))) or NO_REASON


def _row_reason(row: Mapping[str, Any]) -> str | None:
    """Why a row lacks a value or an interval; None if it lacks nothing."""
    lacks_interval = any(value is None for key, value in row.items() if key.endswith("low"))
    return row["reason"] or ("too few images for an interval" if lacks_interval else None)
