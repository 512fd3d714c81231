"""Tables of stain normalisers with reported and measured values: thesis Tables 13 to 16, and further tables."""

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
    interval_cells,
    missing_cells,
    number,
    reported_number,
)
from hemabalance.report.reported import THESIS, reported
from hemabalance.report.stain.effects import audit, truth, usefulness
from hemabalance.report.stain.normalizer_results import NormalizerResult
from hemabalance.stain.normalizer import DOMAINS

_COMPARE = ("generated", "reconstructed")


def read_normalizer_results(
    normalizers: Sequence[Sequence[str]], metrics: Sequence[Path], training: Sequence[Path]
) -> list[NormalizerResult]:
    """Read the results of normalisers.

    Args:
        normalizers: name and method of each normaliser.
        metrics: `metrics.json` of each, in the same order.
        training: `training.json` of each, in the same order.
    """
    files = zip(normalizers, metrics, training, strict=True)
    return [
        NormalizerResult(name, method, *(json.loads(p.read_text("utf-8")) for p in paths))
        for (name, method), *paths in files
    ]


def stain_tables(normalizers: Sequence[NormalizerResult], preset: str = THESIS) -> dict[str, pd.DataFrame]:
    """All tables of normalisers that were measured on one pair of sources under one protocol.

    Args:
        normalizers: their results.
        preset: of the run; the columns `reported_…` appear only under the preset whose values the thesis reports.

    Returns:
        `usefulness`, `truth`, `audit`, `fid`, `ssim`, `structure`, `cost`, `is` (Inception score). Normalisers to be
        compared are in adjacent rows. A cell is a number, `not available` (with a `reason`), or `not reported` in
        columns `reported_…` if the thesis gives no value.
    """
    tables = {name: pd.DataFrame(rows(normalizers)) for name, rows in _TABLES.items()}
    if preset != THESIS:
        tables = {name: table.loc[:, ~table.columns.str.startswith("reported_")] for name, table in tables.items()}
    return tables


def cost(normalizers: Sequence[NormalizerResult]) -> list[dict[str, Any]]:
    """Rows of the cost of fitting (Table 13); with the colour difference to its teacher where a method has one."""
    reported_times = reported("table13_stain_training_time")
    any_teacher = any("delta_e_to_teacher" in result.training for result in normalizers)
    rows = []
    for result in normalizers:
        training = result.training
        row = {"normaliser": result.label, "reported_training_time": reported_times.get(result.method, NOT_REPORTED)}
        row |= {"measured_training_time": duration(training["seconds"]), "steps": training["steps"]}
        images = "none" if result.untouched else _images_cell(training["images"])
        row |= {"trained_images": images, "parameters": training["parameters"], "device": training["device"]}
        rows.append(row | ({"mean_delta_e_to_teacher": _difference_cell(training)} if any_teacher else {}))
    return rows


def _difference_cell(training: Mapping[str, Any]) -> str:
    differences = training.get("delta_e_to_teacher")
    if differences is None:
        return "no teacher"
    return ", ".join(f"to {domain.upper()} {number(differences[f'to_{domain}']['mean'], 2)}" for domain in DOMAINS)


def _images_cell(counts: Mapping[str, int]) -> str:
    if "pairs" in counts:
        return f"{counts['pairs']} rendered pairs"
    return ", ".join(f"{domain.upper()} {counts[domain]}" for domain in DOMAINS)


def fid(normalizers: Sequence[NormalizerResult]) -> list[dict[str, Any]]:
    """Rows of distances between sets of real and mapped images (Table 14); KID times 1000."""
    reported_values = reported("table14_stain_fid")
    return [
        {
            "normaliser": result.label,
            "domain": result.source_name(domain),
            "compared": f"real and {compare}",
            "reported_fid": reported_number(
                reported_values.get(result.method, {}).get(f"{domain.upper()}_real_vs_{compare[:3]}"), 4
            ),
            **_distance_cells(result, result.row("fidelity", domain=domain, compare=compare)),
        }
        for compare in _COMPARE
        for domain in DOMAINS
        for result in normalizers
    ]


def _distance_cells(result: NormalizerResult, row: Mapping[str, Any] | None) -> dict[str, Any]:
    if row is None:
        columns = ("measured_fid", "measured_kid_x1000", "kid_spread_x1000", "n_real", "n_made")
        return missing_cells(*columns) | {"reason": _why_not_reconstructed(result)}
    kid_x1000 = {key: None if row[key] is None else 1000 * row[key] for key in ("kid", "kid_std")}
    return {
        "measured_fid": number(row["fid"], 2),
        "measured_kid_x1000": number(kid_x1000["kid"], 2),
        "kid_spread_x1000": number(kid_x1000["kid_std"], 2),
        "n_real": row["n_real"],
        "n_made": row["n_generated"],
        "reason": row["reason"] or NO_REASON,
    }


def ssim(normalizers: Sequence[NormalizerResult]) -> list[dict[str, Any]]:
    """Rows of the similarity of images and their reconstructions (Table 15)."""
    reported_values = reported("table15_stain_ssim")
    rows = []
    for domain in DOMAINS:
        for result in normalizers:
            row = {"normaliser": result.label, "domain": result.source_name(domain)}
            row["reported_ssim"] = reported_number(reported_values.get(result.method, {}).get(domain.upper()), 4)
            rows.append(
                row
                | _likeness_cells(
                    result.row("reconstruction", domain=domain), ("ssim", "psnr"), _why_not_reconstructed(result)
                )
            )
    return rows


def structure(normalizers: Sequence[NormalizerResult]) -> list[dict[str, Any]]:
    """Rows of the similarity, in the green channel, of images before and after; with numbers of degenerate images."""
    rows = []
    for domain in DOMAINS:
        for result in normalizers:
            row = {"normaliser": result.label, "images_of": result.source_name(domain)}
            row["passed_through_unchanged"] = result.metrics["passed_through"][domain]
            rows.append(row | _likeness_cells(result.row("structure", domain=domain), ("ssim",), "nothing was changed"))
    return rows


_COLUMNS = {"ssim": ("measured_ssim", 4), "psnr": ("measured_psnr_db", 2)}


def _likeness_cells(row: Mapping[str, Any] | None, keys: Sequence[str], missing_reason: str) -> dict[str, Any]:
    if row is None or not row["n"]:
        columns = [f"{_COLUMNS[key][0]}{end}" for key in keys for end in ("", "_low", "_high")]
        return missing_cells(*columns) | {
            "n": row["n"] if row else NOT_AVAILABLE,
            "reason": "no image" if row else missing_reason,
        }
    cells: dict[str, Any] = {}
    for key in keys:
        cells |= interval_cells(row, key, *_COLUMNS[key])
    return cells | {"n": row["n"], "reason": NO_REASON if row["n"] > 1 else "one image gives no interval"}


def _why_not_reconstructed(result: NormalizerResult) -> str:
    return "nothing was changed" if result.untouched else "the method has no inverse"


def inception_score(normalizers: Sequence[NormalizerResult]) -> list[dict[str, Any]]:
    """Rows of the Inception score (Table 16), if its logits are available."""
    reported_values = reported("table16_stain_is")
    rows = []
    for result in normalizers:
        score = result.metrics["inception_score"]
        row = {"normaliser": result.label, "reported_score": reported_number(reported_values.get(result.method), 2)}
        row |= {"measured_score": number(score["value"], 2), "spread": number(score["std"], 2)}
        rows.append(row | {"n": score["n"], "reason": score["reason"] or NO_REASON})
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
