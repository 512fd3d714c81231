"""Columns of `gate.parquet`, the table with the result of the gate for each sample."""

import pandera.pandas as pa

from hemabalance.classes import UNLABELLED

SCHEMA = pa.DataFrameSchema(
    {
        "image_id": pa.Column(str, unique=True),
        "label": pa.Column(str, pa.Check.notin(["", UNLABELLED])),
        "index": pa.Column("int64", pa.Check.ge(0)),
        "confidence": pa.Column("float32", pa.Check.in_range(0, 1.0001)),
        "predicted": pa.Column(str),
        "agrees": pa.Column(bool),
        "margin": pa.Column(float, coerce=True),
        "inside": pa.Column(bool),
        "lpips": pa.Column("float32", coerce=True),
        "nearest_id": pa.Column(str),
        "hash_distance": pa.Column("int64", pa.Check.in_range(0, 64)),
        "copy": pa.Column(bool),
        "accepted": pa.Column(bool),
        "reason": pa.Column(str),
    },
    strict=True,
    ordered=True,
)
"""Columns of `gate.parquet`: one row per sample, with the result of the gate."""
