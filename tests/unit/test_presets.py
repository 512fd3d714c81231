from typing import Any

import pytest

from helpers.thesis import CLASSES, FOLDERS
from hemabalance.presets import preset, preset_names


def test_twelve_classes_in_the_order_of_the_thesis() -> None:
    # The order of Figure 55 is alphabetical.
    assert CLASSES == (
        "basophil", "eosinophil", "erythroblast", "immature_granulocyte", "lymphocyte", "monoblast", "monocyte",
        "myeloblast", "neutrophil", "platelet", "promyelocyte", "smudge_cell",
    )  # fmt: skip


def test_number_of_folders() -> None:
    assert {source: len(folders) for source, folders in FOLDERS.items()} == {"mendeley": 8, "tcia": 15}


@pytest.mark.parametrize(
    ("source", "folder", "label"),
    [
        ("tcia", "MYB", "immature_granulocyte"),  # myelocyte
        ("tcia", "MYO", "myeloblast"),
        ("tcia", "MOB", "monoblast"),
        ("tcia", "MMZ", "immature_granulocyte"),
        ("tcia", "PMB", "promyelocyte"),
        ("tcia", "NGB", "neutrophil"),
        ("tcia", "LYA", "lymphocyte"),
        ("tcia", "KSC", "smudge_cell"),
        ("mendeley", "ig", "immature_granulocyte"),
        ("mendeley", "platelet", "platelet"),
    ],
)
def test_label_of_a_folder(source: str, folder: str, label: str) -> None:
    assert FOLDERS[source][folder] == label


def test_refined_moves_promyelocytes_only() -> None:
    taxonomies: dict[str, Any] = preset("thesis")["taxonomies"]
    assert taxonomies == {
        "thesis": {},
        "refined": {"sources": {"mendeley": {"subtypes": {"ig": {"PMY": "promyelocyte"}}}}},
    }


@pytest.mark.parametrize("name", preset_names())
def test_the_first_taxonomy_is_the_default(name: str) -> None:
    assert next(iter(preset(name)["taxonomies"])) == name
