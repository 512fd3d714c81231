"""`field: auto`: which sources are measured, the numbers that they get, and when they are refused."""

from pathlib import Path

import numpy as np
import pytest

from helpers.cell_sizes import sizes_around as sizes
from hemabalance.dataset.fields import Fields, anchor_of, measured_sources, method_of, numbers_of
from hemabalance.dataset.scale import read_sizes, resolved_fields, write_fields, write_sizes
from hemabalance.errors import InputError
from hemabalance.metrics.cell_size import CellSizes, size_of


def resolved(fields: Fields, found: dict[str, CellSizes], reference: str = "a") -> dict[str, float]:
    return resolved_fields(fields, found, anchor=anchor_of(fields, reference))[1]


@pytest.mark.parametrize(
    ("fields", "anchor", "measured"),
    [
        ({"a": 1.0, "b": 0.8}, "a", []),
        ({"a": "auto", "b": "auto"}, None, ["a", "b"]),
        ({"a": "auto", "c": 0.7, "b": 0.8}, "c", ["a", "c"]),
        ({"b": 0.8, "a": 1.0, "c": "auto"}, "a", ["a", "c"]),
        ({"a": "auto"}, None, ["a"]),
    ],
)
def test_the_sources_that_are_measured(fields: Fields, anchor: str | None, measured: list[str]) -> None:
    assert anchor_of(fields, "a") == anchor
    assert measured_sources(fields, "a") == measured


def test_without_numbers_the_largest_cells_use_the_whole_frame() -> None:
    found = {"a": sizes(0.2), "b": sizes(0.25), "c": sizes(0.1)}
    assert resolved({"a": "auto", "b": "auto", "c": "auto"}, found) == {"a": 0.8, "b": 1.0, "c": 0.4}


def test_numbers_are_kept_and_decide_the_scale() -> None:
    found = {"a": sizes(0.2), "b": sizes(0.25)}
    assert resolved({"a": 0.6, "b": "auto", "c": 0.9}, found) == {"a": 0.6, "b": 0.75, "c": 0.9}
    assert resolved({"a": 0.8, "b": "auto"}, found) == {"a": 0.8, "b": 1.0}


def test_nuclei_are_compared_where_a_source_has_no_red_cells() -> None:
    found = {"a": sizes(0.2, 0.24), "b": sizes(0.0, 0.3)}
    method, fields = resolved_fields({"a": "auto", "b": "auto"}, found, anchor=None)
    assert (method, fields) == ("nuclei", {"a": 0.8, "b": 1.0})


@pytest.mark.parametrize(
    ("fields", "medians", "says"),
    [
        (
            {"a": 0.9, "b": "auto"},
            {"a": 0.2, "b": 0.25},
            [
                "sources.b.field: auto, with red cells of 0.250 of the frame and of 0.200 in a (field 0.9), would be",
                "not from 0.3 to 1. Set sources.a.field to a number from 0.30 to 0.80, or to auto.",
            ],
        ),
        (
            {"a": 0.5, "b": "auto"},
            {"a": 0.25, "b": 0.1},
            [
                "sources.b.field: auto",
                "would be 0.20",
                "Set sources.a.field to a number from 0.75 to 1.00, or to auto.",
            ],
        ),
        ({"a": "auto", "b": "auto"}, {"a": 0.4, "b": 0.1}, ["sources.b.field", "would be 0.25", "Set numbers;"]),
        ({"a": 1.0, "b": "auto", "c": "auto"}, {"a": 0.2, "b": 0.5, "c": 0.06}, ["Set numbers; with these sources"]),
    ],
)
def test_a_field_out_of_range_is_refused_with_the_numbers_that_work(
    fields: Fields, medians: dict[str, float], says: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        resolved(fields, {name: sizes(median) for name, median in medians.items()})
    assert all(text in str(caught.value) for text in says), str(caught.value)


def test_a_source_that_cannot_be_measured_is_refused() -> None:
    few = sizes(0.2, cells=5)
    with pytest.raises(InputError) as caught:
        resolved({"a": "auto", "b": "auto"}, {"a": sizes(0.2), "b": few})
    text = str(caught.value)
    assert "sources.b.field: auto cannot be estimated from the photographs" in text
    assert "in 50 images, only 6 red cells were found (10 are needed); only 6 nuclei were found" in text
    assert "Set numbers" in text


def test_sources_that_share_no_measure_are_refused() -> None:
    wide = np.linspace(0.1, 0.6, 12)
    other = CellSizes(50, {"red_cells": size_of("red_cells", np.full(20, 0.2)), "nuclei": size_of("nuclei", wide)})
    with pytest.raises(InputError, match=r"sources.a.field and sources.b.field: auto cannot be estimated.*wider"):
        resolved({"a": "auto", "b": "auto"}, {"a": other, "b": sizes(0.0)})


def test_files_hold_sizes_and_fields(tmp_path: Path) -> None:
    write_sizes(sizes(0.2), tmp_path / "a.json")
    assert read_sizes({"a": tmp_path / "a.json"})["a"].of["red_cells"].median == pytest.approx(0.2)
    write_fields("nuclei", {"a": 0.75, "b": 1.0}, tmp_path / "fields.json")
    assert numbers_of({"a": "auto", "b": 1.0}, [tmp_path / "fields.json"]) == {"a": 0.75, "b": 1.0}
    assert numbers_of({"a": 0.5}, []) == {"a": 0.5}
    assert (method_of([tmp_path / "fields.json"]), method_of([])) == ("nuclei", "red_cells")
