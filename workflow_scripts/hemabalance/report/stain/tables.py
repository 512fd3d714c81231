"""Tables of stain normalisers, reported beside measured: thesis Tables 13 to 16, and what the thesis did not ask."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from hemabalance.report.cells import (
    NO_REASON,
    NOT_AVAILABLE,
    NOT_REPORTED,
    duration,
    interval,
    lacking,
    number,
    reported_number,
)
from hemabalance.report.reported import reported
from hemabalance.report.stain.effects import audit, truth, usefulness
from hemabalance.report.stain.normalizer_results import DOMAINS, SOURCE_NAME, NormalizerResult

_COMPARE = ("generated", "reconstructed")


def read_normalizer_results(
    normalizers: Sequence[Sequence[str]], metrics: Sequence[Path], training: Sequence[Path]
) -> list[NormalizerResult]:
    """What was measured of each normaliser.

    Args:
        normalizers: name and method of each.
        metrics: its `metrics.json`, in the same order.
        training: its `training.json`, in the same order.
    """
    files = zip(normalizers, metrics, training, strict=True)
    return [
        NormalizerResult(name, method, *(json.loads(p.read_text("utf-8")) for p in paths))
        for (name, method), *paths in files
    ]


def stain_tables(normalizers: Sequence[NormalizerResult]) -> dict[str, pd.DataFrame]:
    """All tables of normalisers that were measured under one protocol.

    Returns:
        `usefulness`, `truth`, `audit`, `fid`, `ssim`, `structure`, `cost`, `is` (Inception score). Normalisers that are
        to be compared stand in rows below each other. A cell is a number or words: `not available` with its `reason`,
        or `not reported`, in columns `reported_…`, where the thesis has no figure.
    """
    return {name: pd.DataFrame(rows(normalizers)) for name, rows in _TABLES.items()}


def cost(normalizers: Sequence[NormalizerResult]) -> list[dict[str, Any]]:
    """What fitting cost (Table 13)."""
    times = reported("table13_stain_training_time")
    rows = []
    for one in normalizers:
        done = one.training
        row = {"normaliser": one.label, "reported_training_time": times.get(one.method, NOT_REPORTED)}
        row |= {"measured_training_time": duration(done["seconds"]), "steps": done["steps"]}
        images = "none" if one.untouched else _images(done["images"])
        rows.append(row | {"trained_images": images, "parameters": done["parameters"], "device": done["device"]})
    return rows


def _images(counts: Mapping[str, int]) -> str:
    if "pairs" in counts:
        return f"{counts['pairs']} rendered pairs"
    return ", ".join(f"{domain.upper()} {counts[domain]}" for domain in DOMAINS)


def fid(normalizers: Sequence[NormalizerResult]) -> list[dict[str, Any]]:
    """Distances between sets of real and of made images (Table 14); KID times 1000."""
    known = reported("table14_stain_fid")
    return [
        {
            "normaliser": one.label,
            "domain": SOURCE_NAME[domain],
            "compared": f"real and {compare}",
            "reported_fid": reported_number(
                known.get(one.method, {}).get(f"{domain.upper()}_real_vs_{compare[:3]}"), 4
            ),
            **_distances(one, one.row("fidelity", domain=domain, compare=compare)),
        }
        for compare in _COMPARE
        for domain in DOMAINS
        for one in normalizers
    ]


def _distances(one: NormalizerResult, row: Mapping[str, Any] | None) -> dict[str, Any]:
    if row is None:
        columns = ("measured_fid", "measured_kid_x1000", "kid_spread_x1000", "n_real", "n_made")
        return lacking(*columns) | {"reason": _not_reconstructed(one)}
    thousand = {key: None if row[key] is None else 1000 * row[key] for key in ("kid", "kid_std")}
    return {
        "measured_fid": number(row["fid"], 2),
        "measured_kid_x1000": number(thousand["kid"], 2),
        "kid_spread_x1000": number(thousand["kid_std"], 2),
        "n_real": row["n_real"],
        "n_made": row["n_generated"],
        "reason": row["reason"] or NO_REASON,
    }


def ssim(normalizers: Sequence[NormalizerResult]) -> list[dict[str, Any]]:
    """Likeness of images and their reconstructions (Table 15)."""
    known = reported("table15_stain_ssim")
    rows = []
    for domain in DOMAINS:
        for one in normalizers:
            row = {"normaliser": one.label, "domain": SOURCE_NAME[domain]}
            row["reported_ssim"] = reported_number(known.get(one.method, {}).get(domain.upper()), 4)
            rows.append(
                row | _likeness(one.row("reconstruction", domain=domain), ("ssim", "psnr"), _not_reconstructed(one))
            )
    return rows


def structure(normalizers: Sequence[NormalizerResult]) -> list[dict[str, Any]]:
    """Likeness, in the green channel, of images before and after, and how many passed through as degenerate."""
    rows = []
    for domain in DOMAINS:
        for one in normalizers:
            row = {"normaliser": one.label, "images_of": SOURCE_NAME[domain]}
            row["passed_through_unchanged"] = one.metrics["passed_through"][domain]
            rows.append(row | _likeness(one.row("structure", domain=domain), ("ssim",), "nothing was changed"))
    return rows


_PLACES = {"ssim": ("measured_ssim", 4), "psnr": ("measured_psnr_db", 2)}


def _likeness(row: Mapping[str, Any] | None, keys: Sequence[str], missing: str) -> dict[str, Any]:
    if row is None or not row["n"]:
        columns = [f"{_PLACES[key][0]}{end}" for key in keys for end in ("", "_low", "_high")]
        return lacking(*columns) | {"n": row["n"] if row else NOT_AVAILABLE, "reason": "no image" if row else missing}
    found: dict[str, Any] = {}
    for key in keys:
        found |= interval(row, key, *_PLACES[key])
    return found | {"n": row["n"], "reason": NO_REASON if row["n"] > 1 else "one image gives no interval"}


def _not_reconstructed(one: NormalizerResult) -> str:
    return "nothing was changed" if one.untouched else "the method has no inverse"


def inception_score(normalizers: Sequence[NormalizerResult]) -> list[dict[str, Any]]:
    """The Inception score (Table 16), where its logits are at hand."""
    known = reported("table16_stain_is")
    rows = []
    for one in normalizers:
        found = one.metrics["inception_score"]
        row = {"normaliser": one.label, "reported_score": reported_number(known.get(one.method), 2)}
        row |= {"measured_score": number(found["value"], 2), "spread": number(found["std"], 2)}
        rows.append(row | {"n": found["n"], "reason": found["reason"] or NO_REASON})
    return rows


_TABLES: dict[str, Callable[[Sequence[NormalizerResult]], list[dict[str, Any]]]] = {
    "usefulness": usefulness,
    "truth": truth,
    "audit": audit,
    "fid": fid,
    "ssim": ssim,
    "structure": structure,
    "cost": cost,
    "is": inception_score,
}
