"""`field: auto` in config becomes a number: the share of the frame with which cells have one size in all sources."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path

from hemabalance.dataset.fields import AUTO, SMALLEST_FIELD, Fields
from hemabalance.errors import InputError
from hemabalance.files import write_json
from hemabalance.metrics.cell_size import METHODS, NAMES, CellSizes, Method


def resolved_fields(
    fields: Fields, sizes: Mapping[str, CellSizes], *, anchor: str | None
) -> tuple[Method, dict[str, float]]:
    """The method by which sources were compared, and the field of each source, with two digits where it was AUTO.

    Without an anchor, the source with the largest cells uses its whole frame.

    Args:
        fields: as in config.
        sizes: the size of cells of each of `fields.measured_sources`, as shares of the frame.
        anchor: see `fields.anchor_of`.

    Raises:
        InputError: the sources have no size by the same method that can be trusted, or a field would be above 1 or
            below SMALLEST_FIELD.
    """
    method = _common_method(sizes)
    medians = {name: size.of[method].median for name, size in sizes.items()}
    first = max(sorted(medians), key=medians.__getitem__) if anchor is None else anchor
    ratios = {name: medians[name] / medians[first] for name in sizes if fields[name] == AUTO}
    used = fields[first]
    whole = 1.0 if used == AUTO else used
    needed = {name: whole * ratio for name, ratio in ratios.items()}
    wrong = {name: field for name, field in needed.items() if not SMALLEST_FIELD - 0.005 <= field < 1.005}
    if wrong:
        name = max(sorted(wrong), key=lambda name: abs(wrong[name] - 1))
        problem = (
            f"auto, with {NAMES[method]} of {medians[name]:.3f} of the frame and of {medians[first]:.3f} in {first} "
            f"(field {whole:g}), would be {wrong[name]:.2f}, which is not from {SMALLEST_FIELD} to 1"
        )
        raise InputError(
            f"sources.{name}.field", problem, _remedy(first, list(ratios.values()), of_number=used != AUTO)
        )
    return method, {name: float(round(needed[name], 2)) if field == AUTO else field for name, field in fields.items()}


def _common_method(sizes: Mapping[str, CellSizes]) -> Method:
    for method in METHODS:
        if all(method in size.trusted for size in sizes.values()):
            return method
    names = [name for name, size in sizes.items() if not size.trusted] or list(sizes)
    found = ". ".join(f"{name}: {sizes[name].problem}" for name in names)
    raise InputError(
        " and ".join(f"sources.{name}.field" for name in names),
        f"auto cannot be estimated from the photographs. {found}",
        "Set numbers: the share of the frame's side that shows cells as large as in the other sources",
    )


def _remedy(first: str, ratios: Collection[float], *, of_number: bool) -> str:
    """What to set: numbers of the anchor with which every field is allowed, if there are any."""
    low, high = (SMALLEST_FIELD / min(*ratios, 1.0), 1 / max(*ratios, 1.0))
    if of_number and low <= high:
        return f"Set sources.{first}.field to a number from {_up(low):.2f} to {_down(high):.2f}, or to auto"
    return "Set numbers; with these sources, not all can have one scale"


def _up(value: float) -> float:
    return -(-value * 100 // 1) / 100


def _down(value: float) -> float:
    return value * 100 // 1 / 100


def write_sizes(sizes: CellSizes, path: Path) -> None:
    """Write the sizes of the cells of a source.

    Raises:
        InputError: the disk is full or the folder is not writable.
    """
    write_json(sizes.plain, path)


def read_sizes(paths: Mapping[str, Path]) -> dict[str, CellSizes]:
    """Read the files of `write_sizes` of several sources: source -> the size of its cells."""
    return {source: CellSizes.from_plain(json.loads(path.read_text("utf-8"))) for source, path in paths.items()}


def write_fields(method: Method, fields: Mapping[str, float], path: Path) -> None:
    """Write the results of `resolved_fields`.

    Raises:
        InputError: the disk is full or the folder is not writable.
    """
    write_json({"method": method, "fields": dict(fields)}, path)
