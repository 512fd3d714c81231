from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from helpers.photographs import manifest_from_rows
from helpers.thesis import CLASSES, FOLDERS
from hemabalance.dataset.manifest_table import STATUSES
from hemabalance.report import reported as module
from hemabalance.report.cells import write_csv
from hemabalance.report.dataset.counts import count_tables, split_table
from hemabalance.report.reported import reported

REPORTED: dict[str, Any] = yaml.safe_load(Path(module.__file__).with_name("reported.yaml").read_text("utf-8"))
TABLE_OF: dict[str, str] = REPORTED["dataset_tables"]
IG = "immature_granulocyte"
MANIFEST = manifest_from_rows(
    [
        {"image_id": "mendeley/ig/1", "label": IG},
        {"image_id": "mendeley/ig/2", "label": IG, "status": "duplicate"},
        {"image_id": "mendeley/ig/3", "label": IG, "status": "conflict"},
        {"image_id": "mendeley/ig/4", "label": IG, "status": "not_an_image"},
        {"image_id": "mendeley/platelet/1", "label": "platelet"},
        {"image_id": "mendeley/platelet/2", "label": "platelet", "status": "unreadable"},
        {"image_id": "mendeley/odd/1", "label": None, "status": "unknown_label"},
        {"image_id": "tcia/LYA/1", "label": "lymphocyte"},
        {"image_id": "tcia/LYT/1", "label": "lymphocyte"},
        {"image_id": "tcia/LYT/2", "label": "lymphocyte", "status": "near_duplicate"},
        {"image_id": "tcia/MYB/1", "label": IG},
        {"image_id": "tcia/MYO/1", "label": "myeloblast", "status": "excluded"},
    ]
)
TABLES = count_tables(MANIFEST, FOLDERS, CLASSES, "thesis")


def table_by(name: str, key: str) -> pd.DataFrame:
    return TABLES[name].set_index(key)


def nonzero(column: pd.Series) -> dict[str, int]:
    return {str(k): int(v) for k, v in column[column != 0].items() if k != "total"}


def test_there_is_a_table_for_each_source_and_for_all() -> None:
    assert set(TABLES) == {*TABLE_OF, "statuses"}


def test_collected_counts_every_image_of_a_class_folder() -> None:
    assert nonzero(table_by("collected_mendeley", "folder")["measured"]) == {
        "ig": 3,
        "platelet": 2,
        "odd": 1,
    }
    assert nonzero(table_by("collected_tcia", "folder")["measured"]) == {"LYA": 1, "LYT": 2, "MYB": 1, "MYO": 1}


def test_removed_counts_images_that_were_not_kept_by_reason() -> None:
    table = table_by("removed_mendeley", "folder")
    assert table.columns.tolist() == [
        "reported",
        "measured",
        "unreadable",
        "duplicate",
        "near_duplicate",
        "conflict",
        "excluded",
        "unknown_label",
    ]
    assert table.loc["ig"].drop("reported").tolist() == [2, 0, 1, 0, 1, 0, 0]
    assert nonzero(table["measured"]) == {"ig": 2, "platelet": 1, "odd": 1}
    table = table_by("removed_tcia", "folder")
    assert "unknown_label" not in table
    assert (nonzero(table["near_duplicate"]), nonzero(table["excluded"])) == ({"LYT": 1}, {"MYO": 1})
    assert table.drop("total").drop(columns=["reported", "measured"]).sum(axis=1).equals(table["measured"][:-1])


def test_collected_less_removed_is_kept() -> None:
    for source in ("mendeley", "tcia"):
        left = (
            table_by(f"collected_{source}", "folder")["measured"] - table_by(f"removed_{source}", "folder")["measured"]
        )
        assert left["total"] == table_by("final_counts", "label").loc["total", f"measured_{source}"]


def test_final_counts_are_the_kept_images_by_class_and_source() -> None:
    table = table_by("final_counts", "label")
    assert table.index.tolist() == [*CLASSES, "total"]
    assert nonzero(table["measured"]) == {IG: 2, "lymphocyte": 2, "platelet": 1}
    assert nonzero(table["measured_mendeley"]) == {IG: 1, "platelet": 1}
    assert nonzero(table["measured_tcia"]) == {IG: 1, "lymphocyte": 2}
    assert table.loc["total", ["measured", "measured_mendeley", "measured_tcia"]].tolist() == [5, 2, 3]


@pytest.mark.parametrize("name", TABLE_OF)
def test_totals_are_the_sums_of_their_columns(name: str) -> None:
    table = TABLES[name].set_index(TABLES[name].columns[0])
    assert (table.index[-1], table.index.is_unique) == ("total", True)
    assert table.loc["total"].tolist() == table.drop("total").sum().tolist()


@pytest.mark.parametrize("name", TABLE_OF)
def test_reported_values_are_those_of_the_thesis(name: str) -> None:
    """Including the total, which the thesis gives and the table computes as a sum."""
    known = REPORTED[TABLE_OF[name]]
    for key, value in TABLES[name].set_index(TABLES[name].columns[0])["reported"].items():
        assert pd.isna(value) if key == "odd" else value == known[key], key
    assert set(known) == set(TABLES[name].iloc[:, 0]) - {"odd"}


def test_statuses_count_every_row_once() -> None:
    table = table_by("statuses", "source")
    assert table.columns.tolist() == ["rows", *STATUSES]
    assert nonzero(table.loc["tcia"]) == {"rows": 5, "kept": 3, "near_duplicate": 1, "excluded": 1}
    assert table["rows"].tolist() == table[list(STATUSES)].sum(axis=1).tolist() == [7, 5]


def test_one_source_alone_gives_its_tables_only() -> None:
    tables = count_tables(MANIFEST[MANIFEST["source"] == "tcia"], FOLDERS, CLASSES, "thesis")
    assert set(tables) == {"collected_tcia", "removed_tcia", "final_counts", "statuses"}
    assert "measured_mendeley" not in tables["final_counts"]
    assert tables["collected_tcia"]["folder"].tolist() == [*FOLDERS["tcia"], "total"]


def test_without_the_preset_no_value_of_the_thesis_is_shown() -> None:
    tables = count_tables(MANIFEST, FOLDERS, CLASSES, "none")
    assert all("reported" not in table for table in tables.values())
    for name, table in tables.items():
        assert table.equals(TABLES[name].drop(columns="reported", errors="ignore"))


def test_unlabelled_images_and_images_without_a_label_have_their_rows() -> None:
    rows = [
        {"image_id": "pool/a/1", "label": "unlabelled", "label_raw": "unlabelled"},
        {"image_id": "north/a/1", "label": "blast"},
        {"image_id": "north/a/2", "label": None, "label_raw": "", "status": "unknown_label"},
    ]
    tables = count_tables(manifest_from_rows(rows), {"pool": ["unlabelled"], "north": ["a"]}, ["blast"], "none")
    assert tables["collected_pool"].to_numpy().tolist() == [["unlabelled", 1], ["total", 1]]
    assert tables["removed_north"].set_index("folder")["unknown_label"].to_dict() == {
        "a": 0,
        "(no label)": 1,
        "total": 1,
    }
    assert tables["final_counts"]["label"].tolist() == ["blast", "unlabelled", "total"]


def test_unknown_reported_table_is_a_key_error() -> None:
    assert reported("table6_final")["total"] == reported("table6_final", "thesis")["total"] == 33178
    assert reported("table6_final", "none") == {}
    with pytest.raises(KeyError):
        reported("table99")


def test_split_table_shows_parts_and_the_share_of_test() -> None:
    rows = [("platelet", "mendeley", part) for part in ("test", "train", "train", "validation")]
    rows += [("monoblast", "tcia", "train")]
    table = split_table(pd.DataFrame(rows, columns=["label", "source", "part"])).set_index(["label", "source"])
    assert table.columns.tolist() == ["images", "train", "validation", "test", "test_share"]
    assert table.loc[("platelet", "mendeley")].tolist() == [4, 2, 1, 1, 0.25]
    assert table.loc[("monoblast", "tcia")].tolist() == [1, 1, 0, 0, 0]


def test_split_table_counts_groups_where_there_are_declared_ones() -> None:
    rows = [("blast", "north", part, group) for part, group in (("test", "a"), ("test", "a"), ("train", "b"))]
    table = split_table(pd.DataFrame(rows, columns=["label", "source", "part", "group_id"]), grouped=True)
    assert table.drop(columns=["label", "source"]).iloc[0].to_dict() == {
        "images": 3,
        "train": 1,
        "test": 2,
        "test_share": 0.667,
        "train_groups": 1,
        "test_groups": 1,
    }


def test_split_table_of_a_pool_has_no_share_of_test() -> None:
    table = split_table(pd.DataFrame({"label": ["platelet"], "source": ["mendeley"], "part": ["pool"]}))
    assert table.columns.tolist() == ["label", "source", "images", "pool"]


def test_csv_contains_the_table_and_no_other_file_is_left(tmp_path: Path) -> None:
    write_csv(TABLES["final_counts"], tmp_path / "out" / "final_counts.csv")
    lines = (tmp_path / "out" / "final_counts.csv").read_text().splitlines()
    assert lines[0] == "label,reported,measured,measured_mendeley,measured_tcia"
    assert lines[-1] == "total,33178,5,2,3"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["final_counts.csv"]
