"""Schema, reading and writing of the manifest: one row for each archive member, with status and reason."""

from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from hemabalance.dataset.tables import LABEL, read_table, write_table

STATUSES = (
    "kept",
    "not_an_image",
    "unreadable",
    "duplicate",
    "near_duplicate",
    "conflict",
    "excluded",
    "unknown_label",
)

COPIES = ("duplicate", "near_duplicate", "conflict")
"""Statuses of images set aside because the archives contain their photograph more than once."""

EXPERTS = r"^expert_\d+$"
"""Columns with labels by further experts: a class, `classes.UNDECIDED`, or missing."""

_HEX = pa.Check.str_matches(r"^[0-9a-f]{64}$")
_SIDE = pa.Check.ge(1)

SCHEMA = pa.DataFrameSchema(
    {
        "image_id": pa.Column(str, unique=True),
        "source": pa.Column(str),
        "member": pa.Column(str),
        "bytes": pa.Column("int64", pa.Check.ge(0)),
        "sha256": pa.Column(str, _HEX),
        "pixel_sha256": pa.Column(str, _HEX, nullable=True),
        "phash": pa.Column(str, pa.Check.str_matches(r"^[0-9a-f]{16}$"), nullable=True),
        "width": pa.Column("Int32", _SIDE, nullable=True),
        "height": pa.Column("Int32", _SIDE, nullable=True),
        "mode": pa.Column(str, nullable=True),
        "label_raw": pa.Column(str),
        "subtype": pa.Column(str, nullable=True),
        "label": pa.Column(str, LABEL, nullable=True),
        "status": pa.Column(str, pa.Check.isin(STATUSES)),
        "reason": pa.Column(str),
        "duplicate_of": pa.Column(str, nullable=True),
        "group_id": pa.Column(str, nullable=True),
        "declared_group": pa.Column(str, nullable=True),
        EXPERTS: pa.Column(str, LABEL, nullable=True, regex=True, required=False),
    },
    checks=[
        pa.Check(lambda t: t["label"].notna() | (t["status"] != "kept"), error="a kept image has a label"),
        pa.Check(lambda t: t["group_id"].notna() | (t["status"] != "kept"), error="a kept image has a group"),
        pa.Check(
            lambda t: (t["reason"] != "") | (t["status"] == "kept"), error="an image that is not kept has a reason"
        ),
    ],
    strict=True,
    ordered=True,
)


def write_manifest(table: pd.DataFrame, path: Path) -> None:
    """Check a manifest against `SCHEMA` and write it as Parquet."""
    write_table(SCHEMA.validate(table), path)


def read_manifest(path: Path) -> pd.DataFrame:
    """Read a manifest and check it against `SCHEMA`."""
    return read_table(path, SCHEMA)
