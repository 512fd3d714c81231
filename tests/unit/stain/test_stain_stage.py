"""Direction, training data, application and evaluation of normalisers."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.photographs import photograph_of
from hemabalance.classes import UNLABELLED
from hemabalance.dataset.imageset import ImageSet, write_image_set
from hemabalance.dataset.pairs import read_pairs
from hemabalance.dataset.splits import require_visible
from hemabalance.errors import InputError
from hemabalance.sources.phantom.pairs import write_pairs
from hemabalance.stain.apply import MappingRule, Normalisation, write_normalised
from hemabalance.stain.audit import audit
from hemabalance.stain.data import PairImages, evaluation_rows, open_pair, reference_images, size_of, training_data
from hemabalance.stain.direction import DIRECTIONS, shared_classes, target_domains
from hemabalance.stain.normalizer import Domain, Transformed
from hemabalance.stain.quality import fidelity, reconstruction, structure
from hemabalance.stain.truth import truth
from hemabalance.stain.usefulness import usefulness
from hemabalance.stain.views import Views, map_images

SOURCES = {"a": "mendeley", "b": "tcia"}
SIZE = 24


class SwapNormalizer:
    """Swaps red and blue; grey images are degenerate."""

    parameters = 0

    def transform(self, images: np.ndarray, *, to: Domain) -> Transformed:
        grey = (images.max(axis=3) == images.min(axis=3)).all(axis=(1, 2))
        return Transformed(np.where(grey[:, None, None, None], images, images[..., ::-1]), grey)

    def inverse(self, images: np.ndarray, *, to: Domain) -> Transformed:
        return self.transform(images, to=to)


def table(counts: dict[tuple[str, str], int], part: str = "train") -> pd.DataFrame:
    rows = [
        {"image_id": f"{SOURCES[d]}/{label}/{k:04d}", "source": SOURCES[d], "label": label, "part": part}
        for (d, label), n in counts.items()
        for k in range(n)
    ]
    split = pd.DataFrame(rows).sort_values("image_id", ignore_index=True)
    return split.assign(group_id=split["image_id"], draw=np.linspace(0, 0.99, len(split)))


def in_parts(counts: dict[tuple[str, str], int]) -> pd.DataFrame:
    """Train, validation and test in thirds, test with the smallest `draw`."""
    split = table(counts)
    number = split.groupby(["source", "label"]).cumcount()
    parts = np.array(["test", "validation", "train"])[number % 3]
    return split.assign(part=parts, draw=number % 3 / 3 + 0.001 * number)


@pytest.fixture
def sets(tmp_path: Path) -> Any:
    with ExitStack() as stack:

        def write_and_open(split: pd.DataFrame, size: int = SIZE) -> PairImages:
            files = []
            for source in SOURCES.values():
                rows = split[split["source"] == source].reset_index(drop=True)
                paths = tmp_path / f"{source}{size}.zip", tmp_path / f"{source}{size}.parquet"
                rows = rows[["image_id", "label", "source"]].assign(origin="real", provenance="{}")
                write_image_set(*paths, rows, [photograph_of(i)[:size, :size] for i in rows["image_id"]], threads=1)
                files.append(paths)
            return open_pair(SOURCES, *zip(*files, strict=True), stack)

        yield write_and_open


# --- direction


def test_per_class_maps_the_source_with_fewer_images_after_cleaning() -> None:
    counts = {("a", "basophil"): 5, ("b", "basophil"): 2, ("a", "lymphocyte"): 1, ("b", "lymphocyte"): 4}
    counts |= {("a", "neutrophil"): 3, ("b", "neutrophil"): 2, ("a", "monocyte"): 2, ("b", "monocyte"): 2}
    split = table(counts)
    targets = target_domains(split, "per_class", ("basophil", "lymphocyte", "monocyte"), SOURCES)
    mapped = split.assign(to=targets).dropna().groupby(["source", "label"])["to"].agg(["first", "size"])
    assert mapped["first"].to_dict() == {
        ("tcia", "basophil"): "a", ("mendeley", "lymphocyte"): "b", ("tcia", "monocyte"): "a",
    }  # fmt: skip
    assert mapped["size"].to_dict() == {("tcia", "basophil"): 2, ("mendeley", "lymphocyte"): 1, ("tcia", "monocyte"): 2}


def test_the_rule_gives_the_thesis_directions_on_its_own_counts() -> None:
    # Tables 2 and 3 less Tables 5 and 4, in tens.
    a = {"basophil": 116, "eosinophil": 312, "erythroblast": 147, "immature_granulocyte": 288, "lymphocyte": 121}
    b = {"basophil": 6, "eosinophil": 42, "erythroblast": 8, "immature_granulocyte": 5, "lymphocyte": 383}
    counts = {("a", label): n for label, n in a.items()} | {("b", label): n for label, n in b.items()}
    counts |= {("a", "monocyte"): 142, ("b", "monocyte"): 117}
    split = table(counts)
    mapped = (
        split.assign(to=target_domains(split, "per_class", (*a, "monocyte"), SOURCES))
        .dropna()
        .groupby("label")["to"]
        .unique()
    )
    assert {label: list(to) for label, to in mapped.items()} == {
        label: ["b"] if label == "lymphocyte" else ["a"] for label in (*a, "monocyte")
    }


def test_to_a_maps_all_images_of_source_b_and_none_maps_no_image() -> None:
    split = table({("a", "platelet"): 3, ("a", "basophil"): 2, ("b", "basophil"): 2, ("b", "myeloblast"): 3})
    assert target_domains(split, "to_a", (), SOURCES).value_counts().to_dict() == {"a": 5}
    assert set(split[target_domains(split, "to_b", (), SOURCES).notna()]["source"]) == {"mendeley"}
    assert target_domains(split, "none", ("basophil",), SOURCES).isna().all()


def test_per_class_refuses_a_class_of_only_one_source() -> None:
    with pytest.raises(InputError, match="lists platelet, but tcia has no image of it"):
        target_domains(table({("a", "platelet"): 3, ("b", "basophil"): 1}), "per_class", ("platelet",), SOURCES)


def test_without_a_list_per_class_maps_the_classes_of_both_sources() -> None:
    split = table({("a", "platelet"): 3, ("a", "basophil"): 3, ("b", "basophil"): 1, ("b", "monocyte"): 2})
    targets = target_domains(split, "per_class", None, SOURCES)
    assert split.loc[targets.notna(), "image_id"].tolist() == ["tcia/basophil/0000"]
    with pytest.raises(InputError, match="mendeley and tcia have no class in common"):
        target_domains(split[split["label"] != "basophil"], "per_class", None, SOURCES)


def test_images_of_a_third_source_are_not_mapped() -> None:
    split = table({("a", "basophil"): 2, ("b", "basophil"): 2})
    third = split[split["source"] == "tcia"].assign(source="third")
    targets = target_domains(pd.concat([split, third], ignore_index=True), "to_a", None, SOURCES)
    assert targets.tolist() == [None, None, "a", "a", None, None]


def test_shared_classes() -> None:
    split = table({("a", "platelet"): 3, ("a", "basophil"): 2, ("b", "basophil"): 2})
    assert shared_classes(split, SOURCES) == ["basophil"]


# --- training data


def test_training_data_are_train_images_of_shared_classes(sets: Any) -> None:
    split = in_parts({("a", "basophil"): 9, ("b", "basophil"): 6, ("a", "platelet"): 6, ("b", "myeloblast"): 6})
    opened = sets(split)
    data = training_data(opened, split, "leak_free", None, threads=1)
    assert (data.a.labels.tolist(), data.b.labels.tolist()) == (["basophil"] * 3, ["basophil"] * 2)
    train = split[(split["part"] == "train") & (split["label"] == "basophil") & (split["source"] == "mendeley")]
    index = opened.sets["a"].index["image_id"]
    for pixels, image_id in zip(data.a.pixels, train["image_id"], strict=True):
        assert np.array_equal(pixels, opened.sets["a"].read(int(np.flatnonzero(index == image_id)[0])))


def test_under_the_thesis_protocol_training_data_are_all_images(sets: Any) -> None:
    split = table({("a", "basophil"): 4, ("b", "basophil"): 3}, part="pool")
    data = training_data(sets(split), split, "thesis", None, threads=1)
    assert (len(data.a.pixels), len(data.b.pixels)) == (4, 3)


def test_sources_without_a_common_class_are_fitted_as_they_come_with_a_warning(
    sets: Any, caplog: pytest.LogCaptureFixture
) -> None:
    split = table({("a", "platelet"): 3, ("a", "basophil"): 1, ("b", "myeloblast"): 3})
    opened = sets(split)
    data = training_data(opened, split, "leak_free", None, threads=1)
    assert (data.a.labels.tolist(), data.b.labels.tolist()) == ([UNLABELLED] * 4, [UNLABELLED] * 3)
    (warning,) = caplog.records
    assert warning.levelname == "WARNING"
    assert "mendeley and tcia have no class in common: all training images of" in warning.getMessage()
    assert "second best" in warning.getMessage()
    assert set(evaluation_rows(split.assign(part="test"), SOURCES, "leak_free", max_images=9)["label"]) == {UNLABELLED}
    # A classifier of the reference still learns its own classes.
    labels = reference_images(opened, split, "leak_free", threads=1).labels
    assert sorted(labels.tolist()) == ["basophil"] + ["platelet"] * 3


def test_a_source_without_labels_is_fitted_on_all_visible_images(sets: Any, caplog: pytest.LogCaptureFixture) -> None:
    split = in_parts({("a", "platelet"): 6, ("a", "basophil"): 3, ("b", UNLABELLED): 9})
    data = training_data(sets(split), split, "leak_free", None, threads=1)
    assert (data.a.labels.tolist(), data.b.labels.tolist()) == ([UNLABELLED] * 3, [UNLABELLED] * 3)
    assert [record.levelname for record in caplog.records if record.levelname == "WARNING"] == []
    assert shared_classes(split.assign(label=UNLABELLED), SOURCES) == []


def test_a_source_without_training_images_is_refused_by_name(sets: Any) -> None:
    split = table({("a", "platelet"): 3, ("b", "platelet"): 3})
    split.loc[split["source"] == "tcia", "part"] = "test"
    with pytest.raises(InputError, match="training images of tcia: there are none"):
        training_data(sets(split), split, "leak_free", None, threads=1)


def test_a_held_back_image_in_training_is_an_error() -> None:
    split = in_parts({("a", "basophil"): 6})
    with pytest.raises(InputError, match="2 of 6 images are not of train") as caught:
        require_visible(split.assign(part=split["part"].replace("validation", "train")), split["image_id"], "leak_free")
    assert "mendeley/basophil/0000 first" in str(caught.value)
    with pytest.raises(InputError, match="1 of 1 images"):
        require_visible(split, pd.Series(["mendeley/basophil/9999"]), "leak_free")


def test_evaluation_images_are_test_images_first_and_never_training_images() -> None:
    split = in_parts({("a", "basophil"): 30, ("b", "basophil"): 6, ("a", "platelet"): 9})
    rows = evaluation_rows(split, SOURCES, "leak_free", max_images=12)
    assert rows.groupby("source")["part"].value_counts().to_dict() == {
        ("mendeley", "test"): 10, ("mendeley", "validation"): 2, ("tcia", "test"): 2, ("tcia", "validation"): 2,
    }  # fmt: skip
    assert rows["held_back"].all()
    assert set(rows["label"]) == {"basophil"}
    pooled = evaluation_rows(split.assign(part="pool"), SOURCES, "thesis", max_images=5)
    assert len(pooled) == 10
    assert not pooled["held_back"].any()


def test_sets_of_two_sizes_are_refused(sets: Any) -> None:
    split = table({("a", "basophil"): 2, ("b", "basophil"): 2})
    small, large = sets(split).sets, sets(split, 32).sets
    assert size_of(small) == SIZE
    with pytest.raises(InputError, match=r"sizes \[24, 32\]"):
        size_of({"a": small["a"], "b": large["b"]})


# --- application


def test_the_normalised_set_has_every_kept_image_in_the_stain_of_the_direction(sets: Any, tmp_path: Path) -> None:
    split = table({("a", "basophil"): 3, ("b", "basophil"): 2, ("b", "myeloblast"): 70})
    opened = sets(split)
    out = tmp_path / "images.zip", tmp_path / "images.parquet"
    normalisation = Normalisation(name="swap", pair=SOURCES, normalizer=SwapNormalizer())
    by_source = {SOURCES[domain]: images for domain, images in opened.sets.items()}
    rule = MappingRule("to_a", ("basophil",))
    counts = write_normalised(by_source, split, [normalisation], rule, zip_path=out[0], index_path=out[1], threads=2)
    assert counts == {"mapped": 72, "unchanged": 3, "passed_through": 0}
    with ImageSet(*out) as normalised:
        normalised.verify(threads=1)
        assert normalised.index["image_id"].tolist() == sorted(split["image_id"])
        for position, row in enumerate(normalised.index.itertuples()):
            domain: Domain = "a" if row.source == "mendeley" else "b"
            before = opened.sets[domain].read(
                int(np.flatnonzero(opened.sets[domain].index["image_id"] == row.image_id)[0])
            )
            provenance = json.loads(row.provenance)
            assert provenance["stain"] == "mendeley"
            assert ("normalizer" in provenance) == (domain == "b")
            assert np.array_equal(normalised.read(position), before if domain == "a" else before[..., ::-1])


def test_each_source_is_brought_to_the_reference_by_the_normaliser_of_its_pair(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {"image_id": [f"{s}/{k}" for s in ("north", "south", "west") for k in range(2)], "label": "blast"}, dtype="str"
    )
    split = rows.assign(source=rows["image_id"].str.partition("/")[0].astype("str"))
    with ExitStack() as stack:
        sets = {}
        for source, of_source in split.groupby("source"):
            paths = tmp_path / f"{source}.zip", tmp_path / f"{source}.parquet"
            images = [photograph_of(i)[:SIZE, :SIZE] for i in of_source["image_id"]]
            content = of_source.reset_index(drop=True).assign(origin="real", provenance="{}")
            write_image_set(*paths, content, images, threads=1)
            sets[str(source)] = stack.enter_context(ImageSet(*paths))
        shift: Any = ConstantNormalizer
        fitted = [
            Normalisation(f"shift/{source}", {"a": "north", "b": source}, shift(value))
            for source, value in (("south", 10), ("west", 20))
        ]
        out = tmp_path / "images.zip", tmp_path / "images.parquet"
        counts = write_normalised(sets, split, fitted, MappingRule("to_a", None), **_files(out))
        assert counts == {"mapped": 4, "unchanged": 2, "passed_through": 0}
        with ImageSet(*out) as written:
            provenance = [json.loads(text) for text in written.index["provenance"]]
            pixels = [written.read(position) for position in range(6)]
        assert {note["stain"] for note in provenance} == {"north"}
        assert [note.get("normalizer") for note in provenance] == [None] * 2 + ["shift/south"] * 2 + ["shift/west"] * 2
        assert [int(image.max()) for image in pixels[2:]] == [10, 10, 20, 20]
        assert np.array_equal(pixels[1], sets["north"].read(1))
        # One source: no normaliser.
        alone = {"south": sets["south"]}
        counts = write_normalised(alone, split, [], MappingRule("to_a", None), **_files(out))
        assert counts == {"mapped": 0, "unchanged": 2, "passed_through": 0}


def _files(out: tuple[Path, Path]) -> dict[str, Any]:
    return {"zip_path": out[0], "index_path": out[1], "threads": 1}


class ConstantNormalizer:
    """Maps every image to one grey level."""

    def __init__(self, value: int) -> None:
        self.value = value

    def transform(self, images: np.ndarray, *, to: Domain) -> Transformed:
        return Transformed(np.full_like(images, self.value), np.zeros(len(images), bool))


# --- evaluation


@pytest.fixture
def views(sets: Any) -> tuple[Views, pd.DataFrame]:
    split = in_parts({("a", "basophil"): 36, ("b", "basophil"): 24, ("a", "monocyte"): 36, ("b", "monocyte"): 24})
    rows = evaluation_rows(split, SOURCES, "leak_free", max_images=20)
    views = map_images(sets(split), rows, SwapNormalizer(), invertible=True, threads=1)
    for domain, view in views.by_domain.items():
        for name in ("real", "mapped", "reconstructed"):
            views.features[name, domain] = getattr(view, name).mean(axis=(1, 2)).astype(np.float32)
    return views, split


def test_views_have_the_selected_images_in_the_order_of_their_rows(views: tuple[Views, pd.DataFrame]) -> None:
    for domain, view in views[0].by_domain.items():
        assert len(view.rows) == len(view.real) == 20
        assert set(view.rows["source"]) == {SOURCES[domain]}
        assert np.array_equal(view.mapped, view.real[..., ::-1])
        assert np.array_equal(view.reconstructed, view.real)


def test_distances_and_reconstruction(views: tuple[Views, pd.DataFrame]) -> None:
    rows = fidelity(views[0], kid_subset=10, seed=1)
    assert [(r["domain"], r["compare"], r["n_real"], r["n_generated"]) for r in rows] == [
        ("a", "generated", 20, 20), ("a", "reconstructed", 20, 20),
        ("b", "generated", 20, 20), ("b", "reconstructed", 20, 20),
    ]  # fmt: skip
    assert all(abs(r["fid"]) < 1e-5 for r in rows if r["compare"] == "reconstructed")
    assert all(r["fid"] > 1 for r in rows if r["compare"] == "generated")
    for row in reconstruction(views[0], seed=1):
        assert (row["n"], row["ssim"], row["ssim_low"]) == (20, 1.0, 1.0)
    assert all(row["ssim"] == pytest.approx(1.0) for row in structure(views[0], seed=1))  # green does not change


def test_the_audit_measures_the_effect_of_the_direction_on_colour(views: tuple[Views, pd.DataFrame]) -> None:
    both_views, split = views
    # Source a is red and source b blue, so that swapping red and blue maps each stain to the other.
    for domain, view in both_views.by_domain.items():
        view.real[...] = 30
        view.real[..., 0 if domain == "a" else 2] = 150 + np.arange(20)[:, None, None] % 7
        view.mapped[...] = view.real[..., ::-1]
    rows = audit(both_views, split, ("none", *DIRECTIONS), classes=("basophil",), folds=4, seed=1)
    colour = {(r["direction"], r["target"]): r["accuracy"] for r in rows if r["features"] == "colour"}
    assert colour["none", "source"] == 1.0
    assert colour["to_a", "source"] < 0.75
    assert colour["to_b", "source"] < 0.75
    assert 0.6 < colour["per_class", "source"] < 0.9  # monocytes keep their source's stain
    assert colour["none", "label"] < 0.7
    assert {r["n"] for r in rows} == {40}
    assert [r["features"] for r in rows[:6:2]] == ["colour", "colour_percentiles", "inception"]
    assert len(rows) == 24


class RednessClassifier:
    """A classifier that calls red images basophils."""

    classes = ("basophil", "monocyte")

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        red = pixels[..., 0].mean(axis=(1, 2)) > pixels[..., 2].mean(axis=(1, 2))
        return np.where(red, "basophil", "monocyte")


def test_usefulness_counts_and_pairs() -> None:
    blue = np.zeros((6, 4, 4, 3), np.uint8)
    blue[..., 2] = 200
    rows = pd.DataFrame(
        {"label": ["basophil"] * 4 + ["monocyte"] * 2, "held_back": [True, True, False, False, True, False]}
    )
    classifiers: Any = {"none": RednessClassifier(), "colour": RednessClassifier()}
    held_back, all_images = usefulness(blue, blue[..., ::-1], rows, classifiers, seed=1)[:2]
    assert (held_back["images"], held_back["n"], held_back["correct"]) == ("held_back", 3, 2)
    assert (all_images["images"], all_images["n"], all_images["correct"]) == ("all", 6, 4)
    assert all_images["accuracy"] == pytest.approx(4 / 6)
    assert all_images["gain"] == pytest.approx(4 / 6 - 2 / 6)
    assert all_images["gain_low"] < all_images["gain"] < all_images["gain_high"]
    empty = usefulness(blue, blue, rows.assign(held_back=False), classifiers, seed=1)[0]
    assert (empty["n"], empty["accuracy"], empty["gain"]) == (0, None, None)


# --- pairs and ground truth


def test_pairs_show_the_same_cells_and_truth_has_no_blur_or_noise(tmp_path: Path) -> None:
    files: Any = {domain: (tmp_path / f"{domain}.zip", tmp_path / f"{domain}.parquet") for domain in "ab"}
    write_pairs(files, counts={"train": 5, "test": 4}, frame=64, size=32, fit="crop", seed=3, threads=1)
    with ExitStack() as stack:
        sets = {domain: stack.enter_context(ImageSet(*paths)) for domain, paths in files.items()}
        train = {domain: read_pairs(s, "train", "photograph", threads=1) for domain, s in sets.items()}
        test = {domain: read_pairs(s, "test", "photograph", threads=1) for domain, s in sets.items()}
        clean = {domain: read_pairs(s, "test", "truth", threads=1) for domain, s in sets.items()}
        assert sets["a"].index["image_id"].tolist() == sets["b"].index["image_id"].tolist()
        assert set(sets["a"].index["origin"]) == {"synthetic"}
    assert (len(train["a"]), len(test["a"]), len(clean["b"])) == (5, 4, 4)
    for k in range(4):  # the outlines in both stains agree, unlike those of different cells
        same_cell = np.corrcoef(clean["a"][k, ..., 1].ravel(), clean["b"][k, ..., 1].ravel())[0, 1]
        different_cells = np.corrcoef(clean["a"][k, ..., 1].ravel(), clean["b"][(k + 1) % 4, ..., 1].ravel())[0, 1]
        assert same_cell > 0.9 > different_cells
    assert not np.array_equal(test["a"], clean["a"])
    assert not (train["a"][:4] == test["a"]).all(axis=(1, 2, 3)).any()


class LookupNormalizer:
    """Returns prepared images of each domain."""

    def __init__(self, images: dict[str, np.ndarray]) -> None:
        self.images = images

    def transform(self, images: np.ndarray, *, to: Domain) -> Transformed:
        return Transformed(self.images[to][: len(images)], np.zeros(len(images), bool))


def test_truth_of_a_perfect_and_of_an_identity_normaliser() -> None:
    rng = np.random.default_rng(0)
    photographs: Any = {d: rng.integers(0, 256, (5, 16, 16, 3), np.uint8) for d in "ab"}
    renderings: Any = {d: rng.integers(0, 256, (5, 16, 16, 3), np.uint8) for d in "ab"}
    perfect: Any = LookupNormalizer(renderings)
    for row in truth(photographs, renderings, perfect, seed=1):
        assert (row["n"], row["delta_e"], row["ssim"]) == (5, 0.0, 1.0)
        assert row["delta_e_untouched"] > 10
    identity: Any = LookupNormalizer({"a": photographs["b"], "b": photographs["a"]})
    for row in truth(photographs, renderings, identity, seed=1):
        assert row["delta_e"] == row["delta_e_untouched"]
