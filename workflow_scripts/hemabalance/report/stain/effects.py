"""Tables of the effects of normalisation: on a classifier, against the true stain, and on colour probes."""

from collections.abc import Mapping, Sequence
from typing import Any

from hemabalance.report.cells import NO_REASON, NOT_AVAILABLE, interval_cells, missing_cells, number
from hemabalance.report.stain.normalizer_results import NormalizerResult
from hemabalance.stain.normalizer import DOMAINS

TRAINED_WITH = {"none": "plain images", "colour": "random colours"}
TARGETS = {"source": "source", "label": "class"}
_UNTOUCHED = "none"
_DIRECTIONS = ("per_class", "to_a", "to_b")
_GAINS = {"gain": "gain_over_raw", "over_colour": "gain_over_random_colours"}


def usefulness(normalizers: Sequence[NormalizerResult]) -> list[dict[str, Any]]:
    """Rows of the accuracy of classifiers of source A on images of B in A's stain; untouched rows are the baseline."""
    rows = []
    for images in ("held_back", "all"):
        for augmentation, trained_with in TRAINED_WITH.items():
            for result in normalizers:
                cells = {
                    "normaliser": result.label,
                    "classifier_trained_with": trained_with,
                    "images": _images_cell(result, images),
                }
                rows.append(cells | _usefulness_cells(result, augmentation, images))
    return rows


def _usefulness_cells(result: NormalizerResult, augmentation: str, images: str) -> dict[str, Any]:
    row = result.row("usefulness", augmentation=augmentation, images=images)
    if row is None and result.metrics["no_labels"] is None:
        raise KeyError(f"{result.name} was not measured on {images} images, {augmentation}")
    if row is None:
        intervals = [f"{name}{end}" for name in ("accuracy", *_GAINS.values()) for end in ("", "_low", "_high")]
        cells = _without_prefix(missing_cells("n", "correct", *intervals), "accuracy")
        return {**cells, "reason": result.metrics["no_labels"]}
    cells = {"n": row["n"], "correct": row["correct"]}
    cells |= _without_prefix(interval_cells(row, "accuracy", "accuracy", 3), "accuracy")
    for key, column in _GAINS.items():
        cells |= interval_cells(row, key, column, 3)
    return cells | {"reason": _reason_for_few(row["n"])}


def _without_prefix(cells: dict[str, str], prefix: str) -> dict[str, str]:
    """Remove a prefix from column names, so that the ends of the main interval are `low` and `high`."""
    return {name.removeprefix(f"{prefix}_"): cell for name, cell in cells.items()}


def _images_cell(result: NormalizerResult, images: str) -> str:
    if images == "held_back":
        return "held back"
    held_back = result.row("usefulness", images="held_back")
    return f"all ({'some' if held_back and held_back['n'] else 'all'} were seen in training)"


def _reason_for_few(n: int) -> str:
    if n > 1:
        return NO_REASON
    return "one image gives no interval of a difference" if n else "the split holds no such image back"


_DIFFERENCES = (("delta_e", "delta_e", 2), ("delta_e_untouched", "delta_e_untouched", 2))
_LIKENESS = (("ssim", "ssim", 4), ("psnr", "psnr_db", 2))
_SHARE = "share_of_untouched_left"


def truth(normalizers: Sequence[NormalizerResult]) -> list[dict[str, Any]]:
    """Rows comparing normalised renderings with the same cells rendered in the other stain (delta E is CIEDE2000)."""
    rows: list[dict[str, Any]] = []
    for domain in DOMAINS:
        for result in normalizers:
            row = result.row("truth", domain=domain)
            if row is not None:
                rows.append({"normaliser": result.label, "brought_to": result.source_name(domain)} | _truth_cells(row))
    if rows:
        return rows
    difference_columns, likeness_columns = (
        [f"{column}{end}" for _, column, _ in group for end in ("", "_low", "_high")]
        for group in (_DIFFERENCES, _LIKENESS)
    )
    reason = "the sources are photographs: nobody knows how the same cell looks in the other stain"
    missing = missing_cells("brought_to", "n", *difference_columns, _SHARE, *likeness_columns)
    return [{"normaliser": "all"} | missing | {"reason": reason}]


def _truth_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    cells: dict[str, Any] = {"n": row["n"]}
    for key, column, places in _DIFFERENCES:
        cells |= interval_cells(row, key, column, places)
    cells[_SHARE] = _share(row)
    for key, column, places in _LIKENESS:
        cells |= interval_cells(row, key, column, places)
    reason = NO_REASON if row["n"] > 1 else "one pair gives no interval" if row["n"] else "no pair to measure on"
    return cells | {"reason": reason}


def _share(row: Mapping[str, Any]) -> str:
    if row["delta_e"] is None or not row["delta_e_untouched"]:
        return NOT_AVAILABLE
    return number(row["delta_e"] / row["delta_e_untouched"], 3)


def audit(normalizers: Sequence[NormalizerResult]) -> list[dict[str, Any]]:
    """Rows of how well probes predict source and class, by direction; one row for untouched images."""
    return [
        {
            "normaliser": label,
            "direction": direction,
            "target": TARGETS[target],
            "features": features,
            "balanced_accuracy": number(row["accuracy"], 3),
            "low": number(row["low"], 3),
            "high": number(row["high"], 3),
            "chance": number(row["chance"], 3),
            "n": row["n"],
            "classes_left_out": ", ".join(row["left_out"]) or "none",
            "reason": row["reason"] or NO_REASON,
        }
        for features in ("colour", "colour_percentiles", "inception")
        for target in TARGETS
        for label, direction, row in probes(normalizers, target, features)
    ]


def probes(
    normalizers: Sequence[NormalizerResult], target: str, features: str
) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Normaliser, direction and probe result: first for untouched images, then for normalisers that change images.

    Raises:
        KeyError: a normaliser was not audited for a direction.
    """
    untouched = next((result for result in normalizers if result.untouched), None)
    selected = [(untouched or normalizers[0], _UNTOUCHED)]
    audited = {row["direction"] for result in normalizers for row in result.metrics["audit"]}
    directions = [direction for direction in _DIRECTIONS if direction in audited]
    selected += [(result, d) for d in directions for result in normalizers if not result.untouched]
    results = []
    for result, direction in selected:
        probe = result.row("audit", direction=direction, target=target, features=features)
        if probe is None:
            raise KeyError(f"{result.name} was not audited for {direction}, {target}, {features}")
        label = "untouched images" if direction == _UNTOUCHED else result.label
        results.append((label, "none" if direction == _UNTOUCHED else direction, probe))
    return results
