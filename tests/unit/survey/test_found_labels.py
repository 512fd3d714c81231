"""Labels and groups in folders, file names and tables."""

import re
from typing import Any

import pytest

from hemabalance.errors import InputError
from hemabalance.survey.folder_labels import labels_of_folders
from hemabalance.survey.found_labels import FoundLabels
from hemabalance.survey.name_labels import groups_of_names, labels_of_names
from hemabalance.survey.table_labels import labels_of_table


def folders(*names: str, each: int = 4) -> list[str]:
    return [f"{name}/{number:03d}.png" for name in names for number in range(each)]


def found(labels: FoundLabels | None) -> FoundLabels:
    assert labels is not None
    return labels


def pattern_groups(labels: FoundLabels) -> dict[str, str]:
    assert isinstance(labels.settings, dict)
    search = re.compile(labels.settings["pattern"]).search
    return {image: match["group"] for image in labels.labels if (match := search(image))}


def test_folders_that_enclose_the_images() -> None:
    labels = found(labels_of_folders(folders("set/Blasts", "set/Seg", "set/Debris")))
    assert labels.settings == "folders"
    assert labels.counts == {"Blasts": 4, "Seg": 4, "Debris": 4}
    assert labels.groups == {}


def test_parts_of_a_data_set_are_neither_labels_nor_groups() -> None:
    labels = found(labels_of_folders(folders("train/Blasts", "train/Seg", "test/Blasts", "test/Seg")))
    assert (labels.settings, set(labels.counts), labels.groups) == ("folders", {"Blasts", "Seg"}, {})
    above = found(labels_of_folders(folders("Blasts/train", "Seg/train", "Blasts/test", "Seg/test")))
    assert (above.settings, set(above.counts), above.groups) == ("folders", {"Blasts", "Seg"}, {})


@pytest.mark.parametrize("order", ["{patient}/{label}", "{label}/{patient}", "{patient}/images/{label}"])
def test_patients_above_and_below_the_labels(order: str) -> None:
    names = [
        order.format(patient=patient, label=label) for patient in ("patient_1", "patient_2") for label in ("LYT", "MON")
    ]
    labels = found(labels_of_folders(folders(*names)))
    assert set(labels.counts) == {"LYT", "MON"}
    assert set(labels.groups.values()) == {"patient_1", "patient_2"}
    assert pattern_groups(labels) == labels.groups


def test_unknown_names_are_labels_if_they_are_like_none_of_patients() -> None:
    assert set(found(labels_of_folders(folders("round", "spiky"))).counts) == {"round", "spiky"}
    assert labels_of_folders(folders("patient 1", "patient 2", "patient 3")) is None
    assert labels_of_folders(folders("train", "test")) is None
    assert labels_of_folders(folders("000", "001", "002")) is None
    assert labels_of_folders(["a.png", "b.png"]) is None


def test_a_single_folder_is_a_label_if_it_is_known() -> None:
    assert found(labels_of_folders(folders("lab/Blasts"))).counts == {"Blasts": 4}
    assert labels_of_folders(folders("lab/things")) is None


def test_images_outside_of_the_folders_are_counted() -> None:
    labels = found(labels_of_folders([*folders("Blasts", "Seg", each=10), "stray.png"]))
    assert len(labels.labels) == 20
    assert labels.notes == ("1 images lie outside of such folders",)


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["SNE_123.jpg", "LY_7.jpg", "BA_9.jpg"], {"SNE", "LY", "BA"}),
        (["x/neutrophil (1).png", "x/band_neutrophil_12.png"], {"neutrophil", "band_neutrophil"}),
        (["0001-SNE.png", "0002-LY.png"], {"SNE", "LY"}),
        (["p01_SNE_12.png", "p02_LY_3.png"], {"SNE", "LY"}),
    ],
)
def test_labels_in_file_names(names: list[str], labels: set[str]) -> None:
    of_names = found(labels_of_names(names))
    assert set(of_names.counts) == labels
    assert isinstance(of_names.settings, dict)
    search = re.compile(of_names.settings["pattern"]).search
    assert {image: match["label"] for image in names if (match := search(image))} == of_names.labels


def test_file_names_that_say_nothing() -> None:
    assert labels_of_names(["IMG_1.jpg", "IMG_2.jpg"]) is None
    assert labels_of_names(["a1.jpg", "b2.jpg", "c3.jpg"]) is None


def test_groups_in_file_names() -> None:
    names = [f"Seg/slide-{number % 3}_{number:03d}.png" for number in range(12)]
    assert set(groups_of_names(names).values()) == {"slide-0", "slide-1", "slide-2"}
    assert groups_of_names(["Seg/slide-1_1.png", "Seg/slide-1_2.png"]) == {}


IMAGES = [f"cells/{number}.png" for number in range(6)]


def of_table(text: str, images: list[str] = IMAGES, name: str = "t.csv") -> FoundLabels | None:
    return labels_of_table(name, text.encode(), images, source="lab", written="t.csv")


def rows(*cells: str, header: str = "") -> str:
    return "\n".join([*([header] if header else []), *cells]) + "\n"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_table_with_label_patient_and_experts(separator: str) -> None:
    kinds = ["NGS", "LYT", "NGS", "LYT", "NGS", "Blast"]
    lines = [f"{n}.png,{kind},{n % 2 + 40},{kind},?" for n, kind in enumerate(kinds)]
    lines[1] = "1.png,LYT,41,NGS,UNC"
    text = rows(*lines, header="file name,Diagnosis,Patient ID,Reader A,Reader B").replace(",", separator)
    labels = found(of_table(text))
    assert labels.settings == {
        "table": "t.csv", "image": "file name", "label": "Diagnosis", "group": "Patient ID", "experts": ["Reader A"],
    }  # fmt: skip
    assert labels.labels == dict(zip(IMAGES, kinds, strict=True))
    assert set(labels.groups.values()) == {"40", "41"}


def test_values_of_experts_that_name_no_class() -> None:
    lines = [f"{n},NGS,NGS" for n in range(5)] + ["5,LYT,unclear"]
    labels = found(of_table(rows(*lines, header="image,label,expert 2")))
    assert isinstance(labels.settings, dict)
    assert labels.settings["undecided"] == ["unclear"]


def test_columns_of_unknown_names_are_known_by_their_values() -> None:
    lines = [f"0.{n},C:\\scans\\cells\\{n}.png,{'Blast' if n % 2 else 'Lymphs'}" for n in range(6)]
    labels = found(of_table(rows(*lines, header="score,where,what")))
    assert labels.settings == {"table": "t.csv", "image": "where", "label": "what"}
    assert set(labels.counts) == {"Blast", "Lymphs"}


def test_table_without_header_line() -> None:
    text = rows(*(f"cells/{n}.png {'NGS' if n < 3 else 'LYT'} nan nan" for n in range(6)))
    labels = found(of_table(text, name="annotations.dat"))
    assert labels.settings == {
        "table": "t.csv", "columns": ["column_1", "column_2", "column_3", "column_4"], "image": "column_1",
        "label": "column_2",
    }  # fmt: skip


def test_parquet(tmp_path: Any) -> None:
    import pandas as pd

    file = tmp_path / "t.parquet"
    pd.DataFrame({"img": IMAGES, "class": ["a", "b"] * 3, "slide": [1, 1, 2, 2, 3, None]}).to_parquet(file)
    labels = found(labels_of_table(str(file), file.read_bytes(), IMAGES, source="lab", written="t.parquet"))
    assert labels.settings == {"table": "t.parquet", "image": "img", "label": "class", "group": "slide"}
    assert set(labels.groups.values()) == {"1", "2", "3"}


def test_tables_that_are_none() -> None:
    assert of_table("This archive holds cells.\nEnjoy, please, all of them.\n") is None
    assert of_table(rows("a,1", "b,2", header="name,value")) is None
    assert of_table("") is None
    assert of_table(rows(*(f"{n}.png,{n / 7}" for n in range(6)), header="file,area")) is None


def test_rows_without_image_are_counted() -> None:
    lines = [f"{n}.png,{'NGS' if n % 2 else 'LYT'}" for n in range(9)]
    labels = found(of_table(rows(*lines, header="file,label")))
    assert labels.notes == ("3 of 9 rows name no image of lab",)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.xlsx", b"PK\x03\x04rest", "is a spreadsheet that cannot be read"),
        ("t.csv", b"file,label\n0.png,NGS\n0.png,LYT\n1.png,NGS\n", "has several rows for cells/0.png"),
        ("t.csv", b"file,label\n0.png,NGS\n1.png,NGS,more\n", "3 columns where 2 are expected"),
    ],
)
def test_tables_that_are_refused(name: str, content: bytes, says: str) -> None:
    with pytest.raises(InputError) as caught:
        labels_of_table(name, content, IMAGES, source="lab", written=name)
    assert says in caught.value.problem
    assert caught.value.remedy


def test_excel(tmp_path: Any) -> None:
    import pandas as pd

    file = tmp_path / "t.xlsx"
    pd.DataFrame({"Bild": IMAGES, "Zelltyp": ["Blasten", "Seg"] * 3, "Fall": [7, 7, 8, 8, 9, 9]}).to_excel(
        file, index=False
    )
    labels = found(labels_of_table(str(file), file.read_bytes(), IMAGES, source="lab", written="t.xlsx"))
    assert labels.settings == {"table": "t.xlsx", "image": "Bild", "label": "Zelltyp", "group": "Fall"}
    assert set(labels.groups.values()) == {"7", "8", "9"}
