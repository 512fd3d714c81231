import pytest

from hemabalance.taxonomy import CLASSES, FOLDERS, REFINED, Taxonomy, label_of


def test_twelve_classes_in_the_order_of_the_thesis() -> None:
    assert len(CLASSES) == 12
    assert list(CLASSES) == sorted(set(CLASSES))


def test_folders_map_to_all_classes_and_no_others() -> None:
    assert {label for folders in FOLDERS.values() for label in folders.values()} == set(CLASSES)
    assert set(REFINED.values()) <= set(CLASSES)


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
@pytest.mark.parametrize("taxonomy", ["thesis", "refined"])
def test_label_of_a_folder(source: str, folder: str, label: str, taxonomy: Taxonomy) -> None:
    assert label_of(source, folder, None, taxonomy) == label


@pytest.mark.parametrize(
    ("folder", "subtype", "thesis", "refined"),
    [
        ("ig", "PMY", "immature_granulocyte", "promyelocyte"),
        ("ig", "MY", "immature_granulocyte", "immature_granulocyte"),
        ("ig", "MMY", "immature_granulocyte", "immature_granulocyte"),
        ("neutrophil", "PMY", "neutrophil", "neutrophil"),
    ],
)
def test_refined_moves_promyelocytes_only(folder: str, subtype: str, thesis: str, refined: str) -> None:
    assert label_of("mendeley", folder, subtype, "thesis") == thesis
    assert label_of("mendeley", folder, subtype, "refined") == refined


@pytest.mark.parametrize(
    ("source", "folder"), [("tcia", "myo"), ("tcia", "ig"), ("mendeley", "MYO"), ("mendeley", "IG"), ("tcia", "")]
)
def test_folder_of_no_class(source: str, folder: str) -> None:
    assert label_of(source, folder, "PMY", "refined") is None
