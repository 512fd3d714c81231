"""Build the manifest: one row for each archive member, with status and reason."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.classes import UNLABELLED
from hemabalance.dataset.class_map import ClassMap
from hemabalance.dataset.dedup import DuplicateGroups, find_copies
from hemabalance.dataset.groups import joined_groups
from hemabalance.dataset.manifest_table import EXPERTS, SCHEMA
from hemabalance.dataset.perceptual_hash import thumbs_of
from hemabalance.errors import InputError

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
    maps: Mapping[str, ClassMap],
    hash_radius: int,
    min_correlation: float,
    threads: int,
) -> pd.DataFrame:
    """Assign a label, a status and a reason to every member of all archives.

    A row gets the first status that applies: `not_an_image` or `unreadable` by its content; `unknown_label`;
    `excluded` by the expert's list; `conflict` if label and annotation disagree, or if one photograph has two final
    labels (then all its copies); `duplicate` (same bytes or pixels as the kept copy); `near_duplicate` (verified
    shifted, rescaled, recompressed, mirrored or rotated copy); `kept`. Copies are searched within and across sources,
    among the images without an earlier status; of a photograph that only some sources label, a labelled image is kept.

    Args:
        inventories: rows of all sources (`sources.inventory.take_inventory`).
        exclusions: the expert's list (`exclusions.read_exclusions`).
        maps: source -> the classes of its labels.
        hash_radius, min_correlation, threads: see `dedup.find_copies`.

    Returns:
        The manifest (`SCHEMA`), sorted by `image_id`, with the columns `expert_1, …` of the source that has most.

    Raises:
        InputError: an expert's label is neither a label of its source nor a value for undecided.
    """
    rows = inventories.sort_values("image_id", ignore_index=True)
    columns = rows[["source", "label_raw", "subtype"]]
    rows["label"] = pd.array([_label(row, maps[row.source]) for row in columns.itertuples()], dtype="str")
    rows["status"], rows["duplicate_of"], rows["group_id"] = "kept", None, None
    rows["declared_group"] = rows["source"] + ":" + rows["group"]
    _set_status(rows, rows["content"] != "image", rows["content"], rows["reason"])
    unknown = rows["label"].isna()
    reasons = pd.Series([_unknown_reason(row, maps[row.source]) for row in rows[unknown].itertuples()], dtype="str")
    _set_status(rows, unknown, "unknown_label", reasons.set_axis(rows.index[unknown]))
    reasons = _exclusion_reasons(rows, exclusions)
    _set_status(rows, reasons.notna(), "excluded", reasons)
    differs = rows["check_label"].notna() & (rows["check_label"] != rows["label_raw"])
    found_in = rows["source"].map({source: classes.found_in for source, classes in maps.items()}).astype("str")
    disagreement = found_in + " says " + rows["label_raw"] + ", annotation says " + rows["check_label"].fillna("")
    _set_status(rows, differs, "conflict", disagreement + ": correct one of them, or exclude the image")
    _set_copy_statuses(rows, hash_radius, min_correlation, threads)
    rows["duplicate_of"] = rows["duplicate_of"].astype("str")
    rows["group_id"] = rows["group_id"].astype("str")
    _set_experts(rows, maps)
    counts = rows.groupby(["source", "status"]).size()
    log.info("manifest: %s", ", ".join(f"{s} {status} {n}" for (s, status), n in counts.items()))
    experts = sorted(rows.filter(regex=EXPERTS), key=lambda name: int(name.rpartition("_")[2]))
    return rows[[*(name for name in SCHEMA.columns if name != EXPERTS), *experts]]


def _label(row: Any, classes: ClassMap) -> str | None:
    return classes.class_of(row.label_raw, row.subtype if isinstance(row.subtype, str) else None)


def _unknown_reason(row: Any, classes: ClassMap) -> str:
    if not row.label_raw:
        return "no label"
    if row.label_raw in classes.classes:
        return f"{classes.found_in} {row.label_raw} is left out on purpose: its class is null"
    return f"{classes.found_in} {row.label_raw} is no class of this source"


def _set_experts(rows: pd.DataFrame, maps: Mapping[str, ClassMap]) -> None:
    """Replace the experts' labels by classes."""
    for column in rows.filter(regex=EXPERTS):
        given = rows[rows[column].notna()]
        classes = []
        for row, value in zip(given.itertuples(), given[column], strict=True):
            try:
                classes.append(maps[row.source].expert_class(value))
            except KeyError as error:
                near = maps[row.source].nearest(value)
                remedy = (
                    f"Add it to sources.{row.source}.classes{f', perhaps as {near}' if near else ''}, or to "
                    f"sources.{row.source}.labels.undecided"
                )
                raise InputError(
                    row.image_id, f"its {column}, {value!r}, is no label of this source", remedy
                ) from error
        rows[column] = pd.Series(classes, index=given.index, dtype="str").reindex(rows.index)


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
    labels = images["label"].replace(UNLABELLED, None).groupby(copies.group).transform("nunique").to_numpy()
    conflicting = labels > 1
    dropped = (copies.keeper != np.arange(len(positions))) & ~conflicting
    rows.loc[positions, "group_id"] = joined_groups(
        pd.Series(keeper_id, index=positions, dtype="str"), rows.loc[positions, "declared_group"]
    )
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
