"""Well-known names of cells and columns."""

import pytest

from helpers.thesis import CLASSES, FOLDERS
from hemabalance.classes import class_name
from hemabalance.survey.vocabulary import class_of, column_rank, content, is_expert_column, is_part, name_key, part_of


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("neutrophil", ["NGS", "Seg", "SNE", "PMN", "PMNs", "Neutrophils", "seg. Neutrophils", "Neutrophils (NEU)"]),
        ("band_neutrophil", ["BNE", "NGB", "neutrophil_band", "BandNeutrophil", "Stabkernige"]),
        ("immature_granulocyte", ["IG", "ig", "MMY", "MY", "Immature Granulocytes", "Metamyelozyten", "myelocytes"]),
        ("promyelocyte", ["PMY", "PMO", "promyelocytes", "Promielocitos"]),
        ("reactive_lymphocyte", ["LYA", "Atypical lymphocytes", "lymphocyte_reactive", "Reactive Lymph"]),
        ("lymphocyte", ["LY", "LYT", "01_Lymphocytes", "Linfócitos", "Lymphozyten", "small lymphocytes"]),
        ("blast", ["Blasts", "blast cells", "Blasten"]),
        ("myeloblast", ["MYO", "Myeloblasts"]),
        ("erythroblast", ["NRBC", "nRBCs", "EBO", "ERB", "Normoblasts", "nucleated red blood cells"]),
        ("platelet", ["PLT", "Platelets", "Thrombozyten"]),
        ("smudge_cell", ["KSC", "Smudge cells", "smudge", "Gumprechtsche Kernschatten"]),
        ("artefact", ["ART", "Artifacts", "artefacts"]),
        ("plasma_cell", ["plasma_cells", "PlasmaCells", "PLM"]),
    ],
)  # fmt: skip
def test_known_names(name: str, labels: list[str]) -> None:
    guesses = {label: class_of(label) for label in labels}
    assert {label: (guess.name, guess.known) for label, guess in guesses.items()} == dict.fromkeys(labels, (name, True))


def test_each_name_is_of_one_class_and_each_class_name_is_valid() -> None:
    owners: dict[str, set[str]] = {}
    for name, others in content()["classes"].items():
        assert class_name(name) == name
        for each in (name, *others):
            owners.setdefault(name_key(each), set()).add(name)
            assert class_of(each).name == name
    assert {key: names for key, names in owners.items() if len(names) > 1} == {}
    no_class = {name_key(str(name)) for name in content()["no_class"]}
    assert no_class.isdisjoint(owners)


def test_the_codes_of_the_thesis_have_its_classes_or_finer_ones() -> None:
    for folders in FOLDERS.values():
        for folder, name in folders.items():
            guess = class_of(folder).name
            assert guess is not None
            assert name in (guess, part_of(guess))
    assert set(CLASSES) <= set(content()["classes"])


@pytest.mark.parametrize("label", ["-", "?", "NaN", "n/a", "unknown", "UNC", "Unclassified", "unlabelled", "null"])
def test_labels_that_name_no_class(label: str) -> None:
    assert class_of(label).name is None


@pytest.mark.parametrize(
    ("label", "name"), [("Debris", "debris"), ("Dysplastic cell 3", "dysplastic_cell_3"), ("Zelltyp Ä", "zelltyp_a")]
)
def test_an_unknown_label_is_a_class_of_its_own(label: str, name: str) -> None:
    guess = class_of(label)
    assert (guess.name, guess.known) == (name, False)


def test_labels_without_ascii_get_different_valid_names() -> None:
    names = {class_of(label).name for label in ("粒细胞", "细胞粒", "лимфоцит")}
    assert len(names) == 3
    assert all(name and class_name(name) == name for name in names)


def test_columns() -> None:
    assert column_rank("image", "File Name") is not None
    assert column_rank("label", "Diagnosis") is not None
    assert column_rank("group", "PatientID") == column_rank("group", "patient_id")
    assert (column_rank("group", "patient") or 0) < (column_rank("group", "Slide No") or 0)
    assert column_rank("label", "Patient") is None
    assert is_expert_column("Reader B")
    assert is_expert_column("expert_2")
    assert not is_expert_column("label")


def test_parts_of_a_data_set() -> None:
    assert is_part("Train")
    assert is_part("test")
    assert not is_part("Blasts")


def test_finer_classes_belong_to_classes_of_the_vocabulary() -> None:
    known = set(content()["classes"])
    assert set(content()["part_of"]) <= known
    assert set(content()["part_of"].values()) <= known
