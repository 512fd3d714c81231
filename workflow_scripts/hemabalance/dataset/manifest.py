"""Build the manifest: one row for each archive member, with status and reason."""

import logging

import numpy as np
import pandas as pd

from hemabalance.dataset.dedup import DuplicateGroups, find_copies
from hemabalance.dataset.manifest_table import SCHEMA
from hemabalance.dataset.perceptual_hash import thumbs_of
from hemabalance.taxonomy import Taxonomy, label_of

log = logging.getLogger(__name__)

_TURNS = (
    "",
    " rotated by 90° anticlockwise",
    " rotated by 180°",
    " rotated by 90° clockwise",
    " mirrored",
    " rotated by 90° anticlockwise and mirrored",
    " mirrored upside down",
    " rotated by 90° clockwise and mirrored",
)
"""How a copy differs from the kept image, by pose (index in `metrics.poses.poses`)."""


def build_manifest(
    inventories: pd.DataFrame,
    exclusions: pd.DataFrame,
    *,
    taxonomy: Taxonomy,
    hash_radius: int,
    min_correlation: float,
    threads: int,
) -> pd.DataFrame:
    """Assign a label, a status and a reason to every member of all archives.

    A row gets the first status that applies: `not_an_image` or `unreadable` by its content; `unknown_label`;
    `excluded` by the expert's list; `conflict` if folder and annotation disagree, or if one photograph has two final
    labels (then all its copies); `duplicate` (same bytes or pixels as the kept copy); `near_duplicate` (verified
    shifted, rescaled, recompressed, mirrored or rotated copy); `kept`. Copies are searched within and across sources,
    among the images without an earlier status.

    Args:
        inventories: rows of all sources (`sources.inventory.take_inventory`).
        exclusions: the expert's list (`exclusions.read_exclusions`).
        taxonomy: `thesis` or `refined`.
        hash_radius, min_correlation, threads: see `dedup.find_copies`.

    Returns:
        The manifest (`SCHEMA`), sorted by `image_id`.
    """
    rows = inventories.sort_values("image_id", ignore_index=True)
    folders = zip(rows["source"], rows["label_raw"], rows["subtype"], strict=True)
    rows["label"] = pd.array([label_of(source, raw, _text(sub), taxonomy) for source, raw, sub in folders], dtype="str")
    rows["status"], rows["duplicate_of"], rows["group_id"] = "kept", None, None
    _set_status(rows, rows["content"] != "image", rows["content"], rows["reason"])
    _set_status(
        rows, rows["label"].isna(), "unknown_label", "folder " + rows["label_raw"] + " is no class of this source"
    )
    reasons = _exclusion_reasons(rows, exclusions)
    _set_status(rows, reasons.notna(), "excluded", reasons)
    differs = rows["annotated_label"].notna() & (rows["annotated_label"] != rows["label_raw"])
    disagreement = "folder says " + rows["label_raw"] + ", annotation says " + rows["annotated_label"].fillna("")
    _set_status(rows, differs, "conflict", disagreement + ": correct one of them, or exclude the image")
    _set_copy_statuses(rows, hash_radius, min_correlation, threads)
    rows["duplicate_of"] = rows["duplicate_of"].astype("str")
    rows["group_id"] = rows["group_id"].astype("str")
    counts = rows.groupby(["source", "status"]).size()
    log.info("manifest: %s", ", ".join(f"{s} {status} {n}" for (s, status), n in counts.items()))
    return rows[list(SCHEMA.columns)]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _set_status(rows: pd.DataFrame, where: pd.Series, status: object, reason: object) -> None:
    """Set status and reason of the rows in `where` whose status is still `kept`."""
    where = where & (rows["status"] == "kept")
    rows.loc[where, "status"] = status[where] if isinstance(status, pd.Series) else status
    rows.loc[where, "reason"] = reason[where] if isinstance(reason, pd.Series) else reason


def _exclusion_reasons(rows: pd.DataFrame, exclusions: pd.DataFrame) -> pd.Series:
    """Return the expert's reason for each excluded row, missing for other rows."""
    ids = exclusions["source"] + "/" + exclusions["member"]
    reasons = pd.Series((exclusions["reason"] + " (" + exclusions["who"] + ")").to_numpy(), index=ids, dtype="str")
    return rows["image_id"].map(reasons)


def _set_copy_statuses(rows: pd.DataFrame, hash_radius: int, min_correlation: float, threads: int) -> None:
    positions = np.flatnonzero(rows["status"] == "kept")
    images = rows.iloc[positions]
    copies = find_copies(
        images,
        thumbs_of(images["thumb"]),
        hash_radius=hash_radius,
        min_correlation=min_correlation,
        threads=threads,
    )
    keeper_id = images["image_id"].to_numpy()[copies.keeper]
    labels = images["label"].groupby(copies.group).transform("nunique").to_numpy()
    conflicting = labels > 1
    dropped = (copies.keeper != np.arange(len(positions))) & ~conflicting
    rows.loc[positions, "group_id"] = keeper_id
    for status, where in (("duplicate", dropped & copies.identical), ("near_duplicate", dropped & ~copies.identical)):
        rows.loc[positions[where], "status"] = status
        rows.loc[positions[where], "duplicate_of"] = keeper_id[where]
    rows.loc[positions[conflicting], "status"] = "conflict"
    rows.loc[positions, "reason"] = _copy_reasons(images, copies, dropped, conflicting)


def _copy_reasons(
    images: pd.DataFrame, copies: DuplicateGroups, dropped: np.ndarray, conflicting: np.ndarray
) -> list[str]:
    labelled_ids = images["image_id"] + " (" + images["label"] + ")"
    members = labelled_ids[conflicting].groupby(copies.group[conflicting]).agg(", ".join)
    sha = images["sha256"].to_numpy()
    reasons = []
    for i in range(len(images)):
        if conflicting[i]:
            reasons.append(f"one photograph under several labels: {members[copies.group[i]]}")
        elif not dropped[i]:
            reasons.append("")
        elif copies.identical[i]:
            reasons.append("same bytes" if sha[i] == sha[copies.keeper[i]] else "same pixels")
        else:
            turn = _TURNS[copies.pose[i]]
            reasons.append(f"same photograph{turn}, aligned correlation {copies.score[i]:.3f}")
    return reasons
