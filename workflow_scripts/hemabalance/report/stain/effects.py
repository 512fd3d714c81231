"""Tables of what normalisation does: for a classifier, against the true stain, and to what colour gives away."""

from collections.abc import Mapping, Sequence
from typing import Any

from hemabalance.report.cells import NO_REASON, NOT_AVAILABLE, interval, lacking, number
from hemabalance.report.stain.normalizer_results import DOMAINS, SOURCE_NAME, NormalizerResult

TRAINED_WITH = {"none": "plain images", "colour": "random colours"}
TARGETS = {"source": "source", "label": "class"}
_UNTOUCHED = "none"
_DIRECTIONS = ("per_class", "to_a", "to_b")


def usefulness(normalizers: Sequence[NormalizerResult]) -> list[dict[str, Any]]:
    """How well classifiers of source A read source B's images in A's stain; the untouched rows are the baseline."""
    rows = []
    for images in ("held_back", "all"):
        for augmentation, trained_with in TRAINED_WITH.items():
            for one in normalizers:
                found = one.row("usefulness", augmentation=augmentation, images=images)
                if found is None:
                    raise KeyError(f"{one.name} was not measured on {images} images, {augmentation}")
                row = {"normaliser": one.label, "classifier_trained_with": trained_with, "images": _seen(one, images)}
                row |= {"n": found["n"], "correct": found["correct"]}
                row |= _columns(interval(found, "accuracy", "accuracy", 3), "accuracy")
                row |= interval(found, "gain", "gain_over_raw", 3)
                row |= interval(found, "over_colour", "gain_over_random_colours", 3)
                rows.append(row | {"reason": _few(found["n"])})
    return rows


def _columns(cells: dict[str, str], prefix: str) -> dict[str, str]:
    """The ends of the row's main interval are called `low` and `high` alone."""
    return {name.removeprefix(f"{prefix}_"): cell for name, cell in cells.items()}


def _seen(one: NormalizerResult, images: str) -> str:
    if images == "held_back":
        return "held back"
    held = one.row("usefulness", images="held_back")
    return f"all ({'some' if held and held['n'] else 'all'} were seen in training)"


def _few(n: int) -> str:
    if n > 1:
        return NO_REASON
    return "one image gives no interval of a difference" if n else "the split holds no such image back"


_DIFFERENCES = (("delta_e", "delta_e", 2), ("delta_e_untouched", "delta_e_untouched", 2))
_LIKENESS = (("ssim", "ssim", 4), ("psnr", "psnr_db", 2))
_SHARE = "share_of_untouched_left"


def truth(normalizers: Sequence[NormalizerResult]) -> list[dict[str, Any]]:
    """Mapped renderings against the same cells truly rendered in the other stain (delta E is CIEDE2000)."""
    rows: list[dict[str, Any]] = []
    for domain in DOMAINS:
        for one in normalizers:
            found = one.row("truth", domain=domain)
            if found is not None:
                rows.append({"normaliser": one.label, "brought_to": SOURCE_NAME[domain]} | _against_truth(found))
    if rows:
        return rows
    before, after = (
        [f"{column}{end}" for _, column, _ in group for end in ("", "_low", "_high")]
        for group in (_DIFFERENCES, _LIKENESS)
    )
    reason = "the sources are photographs: nobody knows how the same cell looks in the other stain"
    missing = lacking("brought_to", "n", *before, _SHARE, *after)
    return [{"normaliser": "all"} | missing | {"reason": reason}]


def _against_truth(found: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"n": found["n"]}
    for key, column, places in _DIFFERENCES:
        row |= interval(found, key, column, places)
    row[_SHARE] = _share(found)
    for key, column, places in _LIKENESS:
        row |= interval(found, key, column, places)
    reason = NO_REASON if found["n"] > 1 else "one pair gives no interval" if found["n"] else "no pair to measure on"
    return row | {"reason": reason}


def _share(found: Mapping[str, Any]) -> str:
    if found["delta_e"] is None or not found["delta_e_untouched"]:
        return NOT_AVAILABLE
    return number(found["delta_e"] / found["delta_e_untouched"], 3)


def audit(normalizers: Sequence[NormalizerResult]) -> list[dict[str, Any]]:
    """How well a probe tells source and class apart, for each direction; untouched images stand there once."""
    return [
        {
            "normaliser": label,
            "direction": direction,
            "target": TARGETS[target],
            "features": features,
            "balanced_accuracy": number(found["accuracy"], 3),
            "low": number(found["low"], 3),
            "high": number(found["high"], 3),
            "chance": number(found["chance"], 3),
            "n": found["n"],
            "classes_left_out": ", ".join(found["left_out"]) or "none",
            "reason": found["reason"] or NO_REASON,
        }
        for features in ("colour", "colour_percentiles", "inception")
        for target in TARGETS
        for label, direction, found in probes(normalizers, target, features)
    ]


def probes(
    normalizers: Sequence[NormalizerResult], target: str, features: str
) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Normaliser, direction and probe: first of untouched images, then of each normaliser that changes any."""
    untouched = next((one for one in normalizers if one.untouched), None)
    wanted = [(untouched or normalizers[0], _UNTOUCHED)]
    wanted += [(one, d) for d in _DIRECTIONS for one in normalizers if not one.untouched]
    found = []
    for one, direction in wanted:
        row = one.row("audit", direction=direction, target=target, features=features)
        if row is None:
            raise KeyError(f"{one.name} was not audited for {direction}, {target}, {features}")
        label = "untouched images" if direction == _UNTOUCHED else one.label
        found.append((label, "none" if direction == _UNTOUCHED else direction, row))
    return found
