"""Leaks in a balanced set: was a test image used by any training behind the set, or will one be trained on?

Three independent proofs: by name, no list of images that a training used holds a test image; by the manifest, no list
holds a known copy of one; by content, no image that is learned from shows the same photograph as a test image. The
provenance of the images decides which lists must be present. An image that a scarce protocol withholds counts like a
test image.
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
from hemabalance.dataset.splits import HELD_BACK, WITHHELD
from hemabalance.errors import InputError
from hemabalance.protocols import Protocol, rules_of

LEARNED_FROM = "whoever learns from the balanced set"
"""Name, among the lists of seen images, of the set's own training and validation images."""

ITSELF, COPY, UNKNOWN = "the test image itself", "by the manifest the same photograph", "in no manifest"

_MAX_NAMED = 5
_RETRAIN = "Delete the results of that training and everything made from them, and run the workflow again"
_REBALANCE = "Delete the balanced set and run the workflow again"
_COMPARE = (
    "Compare the two images: if they show the same cell, list one of them in data/exclusions.csv; if not, raise "
    "duplicates.min_correlation; then run the workflow again"
)


@dataclass(frozen=True)
class AuditInputs:
    """A balanced set and the data that its audit checks.

    Attributes:
        recipe: name of the balanced set.
        protocol: protocol of the balanced set.
        rows: the balanced set (`balanced_set.SCHEMA`).
        split: split of the protocol, of the classes of the run.
        classes: all classes of the run in alphabetical order.
        manifest: manifest of all sources.
        seen_images: for each training and each gate behind the recipe, the real images that it used.
        teachers: generator -> the generator whose images it was also trained on; others are missing.
        gated: whether synthetic images had to pass the gate.
        sets: the image sets by name.
    """

    recipe: str
    protocol: Protocol
    rows: pd.DataFrame
    split: pd.DataFrame
    classes: Sequence[str]
    manifest: pd.DataFrame
    seen_images: Sequence[SeenImages]
    teachers: Mapping[str, str]
    gated: bool
    sets: Mapping[str, ImageSet]

    @property
    def where(self) -> str:
        """Name of the set in error messages."""
        return f"balanced set {self.recipe} under the protocol {self.protocol}"

    @property
    def test(self) -> pd.DataFrame:
        """The rows of the test images."""
        return self.rows[self.rows["part"] == "test"]

    @property
    def withheld(self) -> pd.Series:
        """Ids of the images that a scarce protocol keeps from everything; none under any other protocol."""
        return self.split.loc[self.split["part"] == WITHHELD, "image_id"]


def require_complete(audit_inputs: AuditInputs) -> None:
    """Refuse a set for which a list of seen images is missing, or with synthetic images in a part that must be real.

    Raises:
        InputError: names the missing list, one of another protocol, or the first such image.
    """
    _require_own_protocol(audit_inputs)
    present = {(seen.kind, seen.name) for seen in audit_inputs.seen_images}
    for kind, name in sorted(_required_lists(audit_inputs)):
        if not any(kind == k and name in (n, "") for k, n in present):
            who = f"the {kind} {name}".rstrip()
            problem = f"holds images made with {who}, but the list of real images that {who} saw is missing"
            raise InputError(
                audit_inputs.where, problem, "Give its seen.parquet to the audit, or run the workflow again"
            )
    real_parts = HELD_BACK[rules_of(audit_inputs.protocol)]
    synthetic = audit_inputs.rows.loc[
        (audit_inputs.rows["origin"] != "real") & audit_inputs.rows["part"].isin(real_parts), "image_id"
    ]
    if len(synthetic):
        parts = " and ".join(real_parts)
        problem = f"has {len(synthetic)} synthetic images in its {parts} parts, first {synthetic.iloc[0]}"
        raise InputError(audit_inputs.where, problem, _REBALANCE)


def _require_own_protocol(audit_inputs: AuditInputs) -> None:
    for seen in audit_inputs.seen_images:
        others = sorted(set(seen.table["protocol"]) - {audit_inputs.protocol})
        if others:
            problem = f"uses the {seen}, which was trained under the protocol {others[0]}"
            raise InputError(audit_inputs.where, problem, _RETRAIN)


def _required_lists(audit_inputs: AuditInputs) -> set[tuple[str, str]]:
    """(kind, name) of each list that the images' provenance requires; an empty name stands for any judge."""
    notes = [json.loads(text) for text in audit_inputs.rows["provenance"]]
    required = {("normalizer", note["normalizer"]) for note in notes if "normalizer" in note}
    synthetic = audit_inputs.rows["origin"] == "synthetic"
    named = {note["generator"] for note, generated in zip(notes, synthetic, strict=True) if generated}
    generators = named | set(audit_inputs.rows.loc[synthetic, "image_set"])
    required |= {("generator", name) for name in generators}
    required |= {("teacher", audit_inputs.teachers[name]) for name in generators if name in audit_inputs.teachers}
    if audit_inputs.gated and generators:
        required |= {("gate", name) for name in generators} | {("judge", "")}
    return required


def leaks_by_name(audit_inputs: AuditInputs) -> pd.DataFrame:
    """Test and withheld images, and copies that the manifest knows, among the images seen or learned from.

    Returns:
        Rows `who, image_id` (the seen image)`, test_id, how`. `how` is `ITSELF`, `COPY`, or `UNKNOWN` with an empty
        `test_id`: an image missing from the manifest, for which nothing proves that it is no test image.
    """
    # Under leak_free the split also counts: the balanced set could have moved an image out of its test part.
    split_test = audit_inputs.split.loc[audit_inputs.split["part"] == "test", "image_id"]
    tested = audit_inputs.test.loc[audit_inputs.test["origin"] == "real", "image_id"]
    test = pd.Index(split_test).union(pd.Index(tested)).union(pd.Index(audit_inputs.withheld))
    groups = audit_inputs.manifest.set_index("image_id")["group_id"]
    test_of_group = pd.Series(test, index=groups.reindex(test), dtype="str").groupby(level=0).first()
    learned = audit_inputs.rows[(audit_inputs.rows["origin"] == "real") & (audit_inputs.rows["part"] != "test")]
    lists = [(str(seen), seen.table["image_id"]) for seen in audit_inputs.seen_images]
    lists.append((LEARNED_FROM, learned["image_id"]))
    tables = [_leaks_in_list(who, ids, test, groups, test_of_group) for who, ids in lists]
    return pd.concat(tables, ignore_index=True)


def _leaks_in_list(
    who: str, ids: pd.Series, test: pd.Index, groups: pd.Series, test_of_group: pd.Series
) -> pd.DataFrame:
    table = pd.DataFrame({"who": who, "image_id": ids.to_numpy(dtype=str)}).astype("str")
    table["test_id"] = table["image_id"].map(groups).map(test_of_group).fillna("")
    itself = table["image_id"].isin(test)
    table.loc[itself, "test_id"] = table.loc[itself, "image_id"]
    table["how"] = COPY
    table.loc[itself, "how"] = ITSELF
    table.loc[~table["image_id"].isin(groups.index), "how"] = UNKNOWN
    leaks = table[(table["test_id"] != "") | (table["how"] == UNKNOWN)]
    return leaks.sort_values("image_id", ignore_index=True)


def leaks_by_content(
    audit_inputs: AuditInputs, *, size: int, hash_radius: int, min_correlation: float, threads: int
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Copies of test and withheld images among all images that are learned from, whatever their names.

    Args:
        audit_inputs: real images that a training saw and that `subsample` removed afterwards are compared too.
        size: working size in pixels.
        hash_radius, min_correlation: see `dedup.find_copies`.
        threads: images that are processed at once.

    Returns:
        Rows `who, image_id, test_id, how, correlation`, and the number of images compared: `test` (with the withheld
        ones)`, others, candidates`.
    """
    index = audit_inputs.sets[REAL].index
    seen_ids = set().union(*(seen.table["image_id"] for seen in audit_inputs.seen_images))
    own = set(audit_inputs.rows["image_id"])
    withheld_ids = set(audit_inputs.withheld) - own
    removed = index[index["image_id"].isin(seen_ids - own - withheld_ids) & index["label"].isin(audit_inputs.classes)]
    withheld = index[index["image_id"].isin(withheld_ids)]
    columns = ["image_id", "image_set", "sha256", "part"]
    tables = [audit_inputs.rows, removed.assign(image_set=REAL, part="seen")]
    tables.append(withheld.assign(image_set=REAL, part=WITHHELD))
    rows = pd.concat([table[columns] for table in tables], ignore_index=True)
    test = rows["part"].isin(["test", WITHHELD]).to_numpy()
    digests = digest_images(rows, audit_inputs.sets, size, threads=threads)
    leaks, candidates = copies_of(
        test, rows, digests, hash_radius=hash_radius, min_correlation=min_correlation, threads=threads
    )
    compared = {"test": int(test.sum()), "others": int((~test).sum()), "candidates": candidates}
    return leaks.assign(who=LEARNED_FROM), compared


def require_none(audit_inputs: AuditInputs, leaks: pd.DataFrame) -> None:
    """Refuse leaks under a protocol that allows none.

    Args:
        audit_inputs: the balanced set.
        leaks: rows of `leaks_by_name` and `leaks_by_content`.

    Raises:
        InputError: there are leaks and the protocol holds images back; names up to five of them and who saw them.
    """
    if not len(leaks) or not HELD_BACK[rules_of(audit_inputs.protocol)]:
        return
    rows = list(leaks.sort_values("how", key=lambda how: how == UNKNOWN, kind="stable").itertuples())
    withheld = set(audit_inputs.withheld)
    kinds = [WITHHELD if row.test_id in withheld else "test" for row in rows]
    named = "; ".join(_sentence(row, kind) for row, kind in list(zip(rows, kinds, strict=True))[:_MAX_NAMED])
    more = f"; and {len(rows) - _MAX_NAMED} more" if len(rows) > _MAX_NAMED else ""
    leaked = " and ".join(sorted(set(kinds)))
    remedy = _COMPARE if rows[0].how in (FILE, PIXELS, PHOTOGRAPH) else _REBALANCE
    remedy = remedy if rows[0].who == LEARNED_FROM else _RETRAIN
    raise InputError(audit_inputs.where, f"{leaked} images leaked ({len(rows)}): {named}{more}", remedy)


def _sentence(leak: Any, kind: str) -> str:
    if leak.how == UNKNOWN:
        return f"{leak.image_id}, seen by {leak.who}, is {UNKNOWN}, so nothing proves that it is no test image"
    if leak.how == ITSELF:
        return f"{'withheld image ' if kind == WITHHELD else ''}{leak.test_id} itself was seen by {leak.who}"
    return f"{leak.image_id}, seen by {leak.who}, is {leak.how} as {kind} image {leak.test_id}"
