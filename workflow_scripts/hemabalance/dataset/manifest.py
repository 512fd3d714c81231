"""The manifest: one row for every archive member, kept or not, with the reason."""

import logging

import numpy as np
import pandas as pd

from hemabalance.dataset.dedup import DuplicateGroups, find_copies
from hemabalance.dataset.manifest_table import SCHEMA
from hemabalance.dataset.perceptual_hash import thumbs_of
from hemabalance.taxonomy import Taxonomy, label_of

log = logging.getLogger(__name__)


def build_manifest(
    inventories: pd.DataFrame,
    exclusions: pd.DataFrame,
    *,
    taxonomy: Taxonomy,
    hash_radius: int,
    min_correlation: float,
    threads: int,
) -> pd.DataFrame:
    """Label every member of all archives together, and say of each whether it is kept.

    A row gets the first status that applies: content (`not_an_image`, `unreadable`), `unknown_label`, `excluded`
    by the expert's list, `conflict` where folder and annotation disagree or one photograph carries two final
    labels (all of its copies are out), `duplicate` (same bytes or pixels as the one that stays),
    `near_duplicate` (verified shifted, rescaled or recompressed copy), `kept`. DuplicateGroups are searched within and
    across sources, among the images that reach that step.

    Args:
        inventories: the rows of all sources (`sources.inventory.take_inventory`).
        exclusions: the expert's list (`exclusions.read_exclusions`).
        taxonomy: `thesis` or `refined`.
        hash_radius, min_correlation, threads: see `dedup.find_copies`.

    Returns:
        The manifest as `SCHEMA` describes it, sorted by `image_id`.
    """
    rows = inventories.sort_values("image_id", ignore_index=True)
    named = zip(rows["source"], rows["label_raw"], rows["subtype"], strict=True)
    rows["label"] = pd.array([label_of(source, raw, _text(sub), taxonomy) for source, raw, sub in named], dtype="str")
    rows["status"], rows["duplicate_of"], rows["group_id"] = "kept", None, None
    _settle(rows, rows["content"] != "image", rows["content"], rows["reason"])
    unnamed = rows["label"].isna()
    _settle(rows, unnamed, "unknown_label", "folder " + rows["label_raw"] + " is no class of this source")
    expert = _excluded(rows, exclusions)
    _settle(rows, expert.notna(), "excluded", expert)
    differs = rows["annotated_label"].notna() & (rows["annotated_label"] != rows["label_raw"])
    says = "folder says " + rows["label_raw"] + ", annotation says " + rows["annotated_label"].fillna("")
    _settle(rows, differs, "conflict", says + ": correct one of them, or exclude the image")
    _settle_copies(rows, hash_radius, min_correlation, threads)
    rows["duplicate_of"] = rows["duplicate_of"].astype("str")
    rows["group_id"] = rows["group_id"].astype("str")
    counts = rows.groupby(["source", "status"]).size()
    log.info("manifest: %s", ", ".join(f"{s} {status} {n}" for (s, status), n in counts.items()))
    return rows[list(SCHEMA.columns)]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _settle(rows: pd.DataFrame, where: pd.Series, status: object, reason: object) -> None:
    """Give rows that are still `kept` a status and reason."""
    where = where & (rows["status"] == "kept")
    rows.loc[where, "status"] = status[where] if isinstance(status, pd.Series) else status
    rows.loc[where, "reason"] = reason[where] if isinstance(reason, pd.Series) else reason


def _excluded(rows: pd.DataFrame, exclusions: pd.DataFrame) -> pd.Series:
    """The expert's reason for each excluded row, missing for the others."""
    ids = exclusions["source"] + "/" + exclusions["member"]
    reasons = pd.Series((exclusions["reason"] + " (" + exclusions["who"] + ")").to_numpy(), index=ids, dtype="str")
    return rows["image_id"].map(reasons)


def _settle_copies(rows: pd.DataFrame, hash_radius: int, min_correlation: float, threads: int) -> None:
    at = np.flatnonzero(rows["status"] == "kept")
    images = rows.iloc[at]
    copies = find_copies(
        images,
        thumbs_of(images["thumb"]),
        hash_radius=hash_radius,
        min_correlation=min_correlation,
        threads=threads,
    )
    keeper_id = images["image_id"].to_numpy()[copies.keeper]
    labels = images["label"].groupby(copies.group).transform("nunique").to_numpy()
    several = labels > 1
    gone = (copies.keeper != np.arange(len(at))) & ~several
    rows.loc[at, "group_id"] = keeper_id
    for status, where in (("duplicate", gone & copies.identical), ("near_duplicate", gone & ~copies.identical)):
        rows.loc[at[where], "status"] = status
        rows.loc[at[where], "duplicate_of"] = keeper_id[where]
    rows.loc[at[several], "status"] = "conflict"
    rows.loc[at, "reason"] = _copy_reasons(images, copies, gone, several)


def _copy_reasons(images: pd.DataFrame, copies: DuplicateGroups, gone: np.ndarray, several: np.ndarray) -> list[str]:
    named = images["image_id"] + " (" + images["label"] + ")"
    members = named[several].groupby(copies.group[several]).agg(", ".join)
    sha = images["sha256"].to_numpy()
    reasons = []
    for i in range(len(images)):
        if several[i]:
            reasons.append(f"one photograph under several labels: {members[copies.group[i]]}")
        elif not gone[i]:
            reasons.append("")
        elif copies.identical[i]:
            reasons.append("same bytes" if sha[i] == sha[copies.keeper[i]] else "same pixels")
        else:
            reasons.append(f"same photograph, aligned correlation {copies.score[i]:.3f}")
    return reasons
