"""The audit of a balanced set: did anyone who made it, or will anyone who learns from it, see a test image?

Three proofs, none of which rests on another (method.md, §2): by name, that no list of what a training saw has a test
image; by what the manifest knows, that none has a copy of one; by content, that no image which is learned from shows
what a test image shows. The lists to walk are those that the images' own provenance asks for.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from hemabalance.balance.balanced_set import REAL
from hemabalance.balance.copies import FILE, PHOTOGRAPH, PIXELS, copies_of, digest_images
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.seen_images import SeenImages
from hemabalance.dataset.splits import HELD_BACK
from hemabalance.errors import InputError
from hemabalance.protocols import Protocol

LEARNED_FROM = "whoever learns from the balanced set"
"""Who sees its training and validation images."""

ITSELF, COPY, UNKNOWN = "the test image itself", "by the manifest the same photograph", "in no manifest"

_MADE = "Delete the results of that training and all that was made from them, and run the workflow again"
_SHOWN = 5
_BALANCED = "Delete the balanced set and run the workflow again"
_LOOK = (
    "Look at both: if they show one cell, list one of them in data/exclusions.csv; if not, raise "
    "duplicates.min_correlation; then run the workflow again"
)


@dataclass(frozen=True)
class AuditInputs:
    """All that an audit walks.

    Attributes:
        recipe: name of the balanced set.
        protocol: that it was made under.
        rows: the balanced set, as `balance.SCHEMA` describes it.
        split: of the protocol.
        manifest: of all sources.
        seen: every list of real images that somebody in the recipe was given.
        teachers: generator -> the generator that it learned from besides, for those that did.
        gated: whether synthetic images had to pass the gate.
        sets: the image sets by name.
    """

    recipe: str
    protocol: Protocol
    rows: pd.DataFrame
    split: pd.DataFrame
    manifest: pd.DataFrame
    seen: Sequence[SeenImages]
    teachers: Mapping[str, str]
    gated: bool
    sets: Mapping[str, ImageSet]

    @property
    def where(self) -> str:
        """In error messages."""
        return f"balanced set {self.recipe} under the protocol {self.protocol}"

    @property
    def test(self) -> pd.DataFrame:
        """The test images."""
        return self.rows[self.rows["part"] == "test"]


def require_complete(audit_inputs: AuditInputs) -> None:
    """Refuse a set of which a list is missing, or with synthetic images where the protocol wants real ones.

    Raises:
        InputError: naming the list or image.
    """
    have = {(seen.kind, seen.name) for seen in audit_inputs.seen}
    for kind, name in sorted(_makers(audit_inputs)):
        if not any(kind == k and name in (n, "") for k, n in have):
            who = f"the {kind} {name}".rstrip()
            problem = f"holds images that passed through {who}, and there is no list of what {who} saw"
            raise InputError(
                audit_inputs.where, problem, "Give its seen.parquet to the audit, or run the workflow again"
            )
    held = HELD_BACK[audit_inputs.protocol]
    made = audit_inputs.rows.loc[
        (audit_inputs.rows["origin"] != "real") & audit_inputs.rows["part"].isin(held), "image_id"
    ]
    if len(made):
        problem = f"has {len(made)} synthetic images among those of {' and '.join(held)}, {made.iloc[0]} first"
        raise InputError(audit_inputs.where, problem, _BALANCED)


def _makers(audit_inputs: AuditInputs) -> set[tuple[str, str]]:
    """Kind and name of everyone whose list must be there, by the images' provenance; a judge has any name."""
    notes = [json.loads(text) for text in audit_inputs.rows["provenance"]]
    found = {("normalizer", note["normalizer"]) for note in notes if "normalizer" in note}
    synthetic = audit_inputs.rows["origin"] == "synthetic"
    named = {note["generator"] for note, made in zip(notes, synthetic, strict=True) if made}
    generators = named | set(audit_inputs.rows.loc[synthetic, "image_set"])
    found |= {("generator", name) for name in generators}
    found |= {("teacher", audit_inputs.teachers[name]) for name in generators if name in audit_inputs.teachers}
    if audit_inputs.gated and generators:
        found |= {("gate", name) for name in generators} | {("judge", "")}
    return found


def leaks_by_name(audit_inputs: AuditInputs) -> pd.DataFrame:
    """Test images, and copies of them that the manifest knows, among those that somebody saw or learns from.

    Returns:
        Rows `who, image_id` (seen)`, test_id, how`: `ITSELF`, `COPY`, or `UNKNOWN`, an image of which nothing proves
        that it is no test image, with an empty `test_id`.
    """
    # Under leak_free the split has said who is tested before the balanced set could move anyone.
    tested = audit_inputs.split.loc[audit_inputs.split["part"] == "test", "image_id"]
    test = pd.Index(tested).union(pd.Index(audit_inputs.test.loc[audit_inputs.test["origin"] == "real", "image_id"]))
    groups = audit_inputs.manifest.set_index("image_id")["group_id"]
    of_group = pd.Series(test, index=groups.reindex(test), dtype="str").groupby(level=0).first()
    learned = audit_inputs.rows[(audit_inputs.rows["origin"] == "real") & (audit_inputs.rows["part"] != "test")]
    lists = [(str(seen), seen.table["image_id"]) for seen in audit_inputs.seen] + [(LEARNED_FROM, learned["image_id"])]
    tables = [_leaks(who, ids, test, groups, of_group) for who, ids in lists]
    return pd.concat(tables, ignore_index=True)


def _leaks(who: str, ids: pd.Series, test: pd.Index, groups: pd.Series, of_group: pd.Series) -> pd.DataFrame:
    table = pd.DataFrame({"who": who, "image_id": ids.to_numpy(dtype=str)}).astype("str")
    table["test_id"] = table["image_id"].map(groups).map(of_group).fillna("")
    itself = table["image_id"].isin(test)
    table.loc[itself, "test_id"] = table.loc[itself, "image_id"]
    table["how"] = COPY
    table.loc[itself, "how"] = ITSELF
    table.loc[~table["image_id"].isin(groups.index), "how"] = UNKNOWN
    found = table[(table["test_id"] != "") | (table["how"] == UNKNOWN)]
    return found.sort_values("image_id", ignore_index=True)


def leaks_by_content(
    audit_inputs: AuditInputs, *, size: int, hash_radius: int, min_correlation: float, threads: int
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Copies of test images among all that is learned from, whatever their names say.

    Args:
        audit_inputs: real images that a training saw and that were thinned out afterwards are looked at too.
        size: working size in pixels.
        hash_radius, min_correlation: see `dedup.find_copies`.
        threads: images at once.

    Returns:
        Rows `who, image_id, test_id, how, correlation`, and how many images were compared: `test, others, candidates`.
    """
    held = audit_inputs.sets[REAL].index
    ids = set().union(*(seen.table["image_id"] for seen in audit_inputs.seen)) - set(audit_inputs.rows["image_id"])
    thinned = held[held["image_id"].isin(ids)].assign(image_set=REAL, part="seen")
    columns = ["image_id", "image_set", "sha256", "part"]
    rows = pd.concat([audit_inputs.rows[columns], thinned[columns]], ignore_index=True)
    test = (rows["part"] == "test").to_numpy()
    digests = digest_images(rows, audit_inputs.sets, size, threads=threads)
    found, candidates = copies_of(
        test, rows, digests, hash_radius=hash_radius, min_correlation=min_correlation, threads=threads
    )
    compared = {"test": int(test.sum()), "others": int((~test).sum()), "candidates": candidates}
    return found.assign(who=LEARNED_FROM), compared


def require_none(audit_inputs: AuditInputs, leaks: pd.DataFrame) -> None:
    """The check that a leak-free set stands behind.

    Args:
        audit_inputs: what was audited.
        leaks: rows of `leaks_by_name` and `leaks_by_content`.

    Raises:
        InputError: there is one and the protocol allows none; names the images and who saw them.
    """
    if not len(leaks) or not HELD_BACK[audit_inputs.protocol]:
        return
    rows = list(leaks.sort_values("how", key=lambda how: how == UNKNOWN, kind="stable").itertuples())
    said = "; ".join(_sentence(row) for row in rows[:_SHOWN])
    more = f"; and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    remedy = _LOOK if rows[0].how in (FILE, PIXELS, PHOTOGRAPH) else _BALANCED
    remedy = remedy if rows[0].who == LEARNED_FROM else _MADE
    raise InputError(audit_inputs.where, f"test images leaked ({len(rows)}): {said}{more}", remedy)


def _sentence(row: Any) -> str:
    if row.how == UNKNOWN:
        return f"{row.image_id}, seen by {row.who}, is {UNKNOWN}, so nothing proves that it is no test image"
    if row.how == ITSELF:
        return f"{row.test_id} itself was seen by {row.who}"
    return f"{row.image_id}, seen by {row.who}, is {row.how} as test image {row.test_id}"
