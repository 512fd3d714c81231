"""The card of an exported balanced set."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from helpers.balanced_sets import GENERATORS, SIZE, BalanceRun, build_balance_run, build_balanced
from helpers.thesis import CLASSES
from hemabalance.balance.dataset_card import RENDERED, Source, render_card, sources_of
from hemabalance.cli import main
from hemabalance.dataset.tables import write_table
from hemabalance.errors import InputError

MENDELEY, TCIA = Source("CC BY 4.0", "Acevedo 2020"), Source("CC BY 3.0", "Matek 2019")
SOURCES = {"mendeley": MENDELEY, "tcia": TCIA}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> BalanceRun:
    return build_balance_run(tmp_path_factory.mktemp("card"))


def metadata_of(card: str) -> dict[str, Any]:
    return dict(yaml.safe_load(card.split("---\n")[1]))


def write_receipts(folder: Path, receipts: dict[str, dict[str, str]], *, rendered: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, receipt in receipts.items():
        (folder / f"{name}.json").write_text(json.dumps(receipt | {"rendered": rendered}))


def test_the_card_names_licences_citations_and_synthetic_images(run: BalanceRun) -> None:
    card = render_card(build_balanced(run), SOURCES, SIZE, title="Balanced set")
    assert metadata_of(card) == {
        "pretty_name": "Balanced set",
        "license": ["cc-by-3.0", "cc-by-4.0"],
        "task_categories": ["image-classification"],
        "tags": ["biology", "medical", "blood-cells", "cytology", "synthetic"],
        "size_categories": ["n<1K"],
    }
    assert (
        "**Synthetic images.** 15 of the 85 images are generated, not photographed. They are in the part train" in card
    )
    assert "| class | train, real | train, synthetic | validation, real | test, real |" in card
    assert "| promyelocyte | 3 | 10 | 1 | 1 |" in card
    assert "| all | 42 | 15 | 14 | 14 |" in card
    assert "- `mendeley`, 55 images. Licence: CC BY 4.0. Please cite: Acevedo 2020\n" in card
    assert "- `tcia`, 15 images. Licence: CC BY 3.0. Please cite: Matek 2019\n" in card
    assert "Rendered" not in card


def test_a_set_without_synthetic_images_has_no_word_of_them(run: BalanceRun) -> None:
    rows = build_balanced(run).query("origin == 'real'")
    own = {"mendeley": Source("", ""), "tcia": RENDERED}
    card = render_card(rows, own, SIZE, title="Balanced set")
    assert metadata_of(card)["license"] == ["mit", "unknown"]
    assert "synthetic" not in metadata_of(card)["tags"]
    assert "**Synthetic" not in card
    assert "**Rendered cells.**" in card
    assert "- `mendeley`, 55 images. Licence: not given: ask the owner" in card


def test_synthetic_test_images_are_named(run: BalanceRun) -> None:
    rows = build_balanced(run, "thesis")
    parts = set(rows.loc[rows["origin"] == "synthetic", "part"])
    card = render_card(rows, SOURCES, SIZE, title="Balanced set")
    assert ("the test part too" in card) == (parts == {"train", "validation", "test"})


@pytest.mark.parametrize(("n", "name"), [(999, "n<1K"), (1000, "1K<n<10K"), (250_000, "100K<n<1M")])
def test_sizes_are_those_of_hugging_face(run: BalanceRun, n: int, name: str) -> None:
    row = build_balanced(run).iloc[:1]
    rows = pd.concat([row] * n) if n < 2000 else row.loc[row.index.repeat(n)]
    assert metadata_of(render_card(rows, SOURCES, SIZE, title="x"))["size_categories"] == [name]


def test_licences_are_those_of_the_receipts(tmp_path: Path) -> None:
    write_receipts(tmp_path / "inventory", {"tcia": {"licence": "CC BY 3.0", "citation": "Matek 2019"}})
    assert sources_of(tmp_path, ["tcia"]) == {"tcia": TCIA}
    with pytest.raises(InputError, match=r"mendeley\.json: is missing or damaged, and with it the licence"):
        sources_of(tmp_path, ["mendeley", "tcia"])
    write_receipts(tmp_path / "inventory", {"tcia": {"licence": "", "citation": ""}}, rendered=True)
    assert sources_of(tmp_path, ["tcia"]) == {"tcia": RENDERED}


@pytest.mark.parametrize("options", [[], ["--parquet"]])
def test_an_export_has_the_card(run: BalanceRun, tmp_path: Path, options: list[str]) -> None:
    protocol = tmp_path / "results" / "mine" / "leak_free"
    places = {"real": protocol / "stain" / "stain"}
    places |= {name: protocol / "synthesis" / "stain" / name for name in GENERATORS}
    for name, place in places.items():
        place.mkdir(parents=True)
        for kind in ("zip", "parquet"):
            shutil.copy(run.folder / f"{name}.{kind}", place / f"images.{kind}")
    balanced = protocol / "balanced" / "mine"
    balanced.mkdir(parents=True)
    write_table(build_balanced(run), balanced / "images.parquet")
    seen = [{"kind": "normalizer", "name": "stain"}]
    audit = {"recipe": "mine", "protocol": "leak_free", "classes": CLASSES, "seen": seen, "content": {"size": SIZE}}
    (balanced / "audit.json").write_text(json.dumps(audit))
    assert main(["export-images", str(balanced), str(tmp_path / "out"), *options]) == 1  # without licences, nothing
    assert not (tmp_path / "out").exists()
    write_receipts(
        protocol.parent / "inventory",
        {name: {"licence": source.licence, "citation": source.citation} for name, source in SOURCES.items()},
    )
    assert main(["export-images", str(balanced), str(tmp_path / "out"), *options]) == 0
    expected = render_card(build_balanced(run), SOURCES, SIZE, title="Balanced set mine, protocol leak_free")
    assert (tmp_path / "out" / "README.md").read_text("utf-8") == expected
