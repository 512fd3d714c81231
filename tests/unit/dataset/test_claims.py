"""A manifest is refused by name where a source, a label or a class has no image or no use."""

import logging
from typing import Any

import pytest

from helpers.photographs import manifest_from_rows
from hemabalance.dataset.claims import check_claims
from hemabalance.dataset.class_map import ClassMap
from hemabalance.errors import InputError

CLASSES = ("blast", "neutrophil")
NORTH = ClassMap({"Blasts": "blast", "Neutrophils": "neutrophil", "Debris": None})
KEPT: list[dict[str, Any]] = [
    {"image_id": "north/Blasts/1", "label": "blast"},
    {"image_id": "north/Neutrophils/1", "label": "neutrophil"},
    {"image_id": "north/Debris/1", "label": None, "status": "unknown_label"},
    {"image_id": "north/notes/1", "label": None, "status": "not_an_image"},
    {"image_id": "north/none/1", "label_raw": "", "label": None, "status": "unknown_label"},
]


def unclaimed(folder: str, count: int, source: str = "north") -> list[dict[str, Any]]:
    rows = [{"image_id": f"{source}/{folder}/{n}", "label": None, "status": "unknown_label"} for n in range(count)]
    return [row | {"label_raw": folder} for row in rows]


def problem(rows: list[dict[str, Any]], maps: dict[str, ClassMap], allow: bool = False) -> str:
    with pytest.raises(InputError) as caught:
        check_claims(manifest_from_rows(rows), maps, CLASSES, allow_unclaimed=allow)
    return str(caught.value)


def test_what_is_claimed_left_out_on_purpose_or_no_image_passes() -> None:
    check_claims(manifest_from_rows(KEPT), {"north": NORTH}, CLASSES, allow_unclaimed=False)


def test_unclaimed_labels_are_named_with_count_nearest_class_and_the_line_to_write() -> None:
    rows = [*KEPT, *unclaimed("Seg. neutrophils", 3), *unclaimed("Xyz", 1)]
    assert problem(rows, {"north": NORTH}) == (
        "sources.north: claimed by no class: folder 'Seg. neutrophils' (3 images), folder 'Xyz' (1 image). "
        'Write sources.north.classes: {"Seg. neutrophils": neutrophil, "Xyz": null} with the right classes (null '
        "leaves a label out); or set allow_unclaimed: true."
    )


def test_a_source_of_which_nothing_is_kept_is_named_with_its_statuses() -> None:
    rows = [*KEPT, {"image_id": "south/a/1", "label": None, "status": "unreadable"}]
    message = problem(rows, {"north": NORTH, "south": ClassMap({"a": "blast"})})
    assert message.startswith("sources.south: no image is kept (1 unreadable). See the log of the rule inventory")
    empty = problem(KEPT, {"north": NORTH, "south": ClassMap({"a": "blast"})})
    assert "sources.south: no image is kept (the archive has no files)" in empty


def test_a_source_whose_labels_are_all_unknown_names_them() -> None:
    message = problem([*KEPT, *unclaimed("Blast", 2, "south")], {"north": NORTH, "south": ClassMap({"x": "blast"})})
    assert "sources.south: claimed by no class: folder 'Blast' (2 images)" in message
    assert 'sources.south.classes: {"Blast": blast}' in message


def test_problems_of_several_sources_are_reported_together() -> None:
    rows = [*KEPT, *unclaimed("A", 1), *unclaimed("B", 1, "south"), {"image_id": "south/x/1", "label": "blast"}]
    message = problem(rows, {"north": NORTH, "south": ClassMap({"x": "blast"})})
    assert "folder 'A' (1 image); sources.south: claimed by no class: folder 'B'" in message
    assert 'sources.north.classes: {"A": null}' in message
    assert 'sources.south.classes: {"B": null}' in message


def test_a_class_without_an_image_is_named_with_what_became_of_its_images() -> None:
    rows = [KEPT[0], KEPT[1] | {"status": "excluded"}]
    message = problem(rows, {"north": NORTH})
    assert message.startswith(
        "class neutrophil: no image is kept (1 excluded). Add images, or set sources.north.classes."
    )
    assert "sources.north.classes.Neutrophils to null" in message
    assert "class neutrophil: no image is kept (none is found)" in problem(KEPT[:1], {"north": NORTH})


def test_allow_unclaimed_makes_warnings(caplog: pytest.LogCaptureFixture) -> None:
    rows = [KEPT[0], *unclaimed("Xyz", 1)]
    with caplog.at_level(logging.WARNING):
        check_claims(manifest_from_rows(rows), {"north": NORTH}, CLASSES, allow_unclaimed=True)
    assert "claimed by no class: folder 'Xyz' (1 image)" in caplog.text


def test_an_unlabelled_source_claims_nothing() -> None:
    pool = {"image_id": "pool/a/1", "label": "unlabelled", "label_raw": "unlabelled"}
    maps = {"north": NORTH, "pool": ClassMap({}, unlabelled=True)}
    check_claims(manifest_from_rows([*KEPT, pool]), maps, CLASSES, allow_unclaimed=False)
