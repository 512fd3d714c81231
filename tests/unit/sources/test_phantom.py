import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.thesis import CLASSES, FOLDERS
from hemabalance.sources.phantom.archive import plan, write_archive
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.looks import BACKGROUND, OD
from hemabalance.sources.phantom.optics import AZURE, HAEMOGLOBIN, absorb
from hemabalance.sources.phantom.render import concentrations, render
from hemabalance.sources.phantom.species import FORMS

SHAPE = (64, 64)
SIZE = 72
SEED = 7
KINDS = {
    "mendeley": {"cell", "duplicate", "conflict", "reencoded", "shifted", "rescaled", "zoomed"}
    | {"truncated", "empty", "not_an_image"},
    "tcia": {"cell", "duplicate", "reencoded", "shifted", "rescaled", "zoomed", "cross_source", "transparent"},
}
NEAR = ("reencoded", "shifted", "rescaled", "zoomed")


def photographs(
    domain: Any, cells: Any, *, shape: tuple[int, int] = SHAPE, nuisance: bool = True, threads: int = 1
) -> Any:
    return render(cells, domain, shape=shape, nuisance=nuisance, threads=threads)


def one_of_each(first_index: int = 0) -> Any:
    return sample_cells(CLASSES, seed=SEED, first_index=first_index)


def correlation(a: Any, b: Any) -> float:
    return float(np.corrcoef(np.ravel(a).astype(float), np.ravel(b).astype(float))[0, 1])


def counts(source: str, each: int = 3) -> dict[str, int]:
    return dict.fromkeys(FOLDERS[source], each)


def planned(source: Any, requested: Mapping[str, int] | None = None) -> pd.DataFrame:
    return plan(source, seed=SEED, counts=requested or counts(source), size=SIZE)


def archive_bytes(target: Path, source: Any, threads: int = 1) -> bytes:
    write_archive(target, source, seed=SEED, counts=counts(source), size=SIZE, threads=threads)
    return target.read_bytes()


def contents(source: str, folder: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive_bytes(folder / f"{source}.zip", source))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("phantom")
    return {source: contents(source, folder) for source in ("mendeley", "tcia")}


def open_image(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def pixels(content: bytes) -> Any:
    return np.asarray(open_image(content).convert("RGB"))


# --- cells and photographs


def test_a_cell_does_not_depend_on_its_neighbours_or_on_threads() -> None:
    cells = one_of_each()
    together = photographs("b", cells, threads=2)
    assert together.dtype == np.uint8
    assert together.shape == (12, 64, 64, 3)
    np.testing.assert_array_equal(together, photographs("b", cells, threads=1))
    for i in (0, 5, 11):
        alone = sample_cells([CLASSES[i]], seed=SEED, first_index=i)
        np.testing.assert_array_equal(photographs("b", alone)[0], together[i])
    np.testing.assert_array_equal(photographs("b", cells.take(slice(3, 8))), together[3:8])


def test_seed_and_index_change_the_cell() -> None:
    image = photographs("a", sample_cells(["monocyte"], seed=1, first_index=0))
    for seed, index in ((2, 0), (1, 1)):
        other = photographs("a", sample_cells(["monocyte"], seed=seed, first_index=index))
        assert np.abs(image.astype(float) - other).mean() > 5


def test_both_domains_show_the_same_cell_in_different_colours() -> None:
    cells = one_of_each()
    a, b = photographs("a", cells, nuisance=False), photographs("b", cells, nuisance=False)
    green_a, green_b = a[..., 1].astype(float), b[..., 1].astype(float)
    for i, name in enumerate(CLASSES):
        edges_a, edges_b = (np.hypot(*np.gradient(g[i])) for g in (green_a, green_b))
        assert correlation(edges_a, edges_b) > 0.9, name
        assert correlation(edges_a, np.hypot(*np.gradient(green_b[i - 1]))) < 0.6, name
    assert np.abs(a.mean(axis=(1, 2)) - b.mean(axis=(1, 2))).max(axis=1).min() > 10


def test_an_image_follows_from_the_stain_concentrations() -> None:
    cells = one_of_each()
    stains = concentrations(cells, SHAPE)
    assert stains.dtype == np.float32
    assert stains.min() >= 0
    for domain in ("a", "b"):
        expected = np.stack([absorb(stains[:, i], OD[domain], BACKGROUND[domain]) for i in range(12)])
        assert np.abs(photographs(domain, cells, nuisance=False) - expected).max() <= 0.5001


def test_nuisance_differs_between_domains_but_keeps_the_scene() -> None:
    cells = sample_cells(["neutrophil"] * 12, seed=SEED, first_index=0)
    clean, noisy = photographs("a", cells, nuisance=False), photographs("a", cells)
    shifts = (noisy.astype(float) - clean).mean(axis=(1, 2))
    assert shifts.std(axis=0).min() > 1
    assert min(correlation(c, t) for c, t in zip(clean, noisy, strict=True)) > 0.8
    shifts_b = (photographs("b", cells).astype(float) - photographs("b", cells, nuisance=False)).mean(axis=(1, 2))
    assert abs(correlation(shifts.mean(axis=1), shifts_b.mean(axis=1))) < 0.9


def test_absorption_is_beer_lambert() -> None:
    stains = np.zeros((6, 1, 3), np.float32)
    stains[HAEMOGLOBIN, 0] = (0, 1, 2)
    light = absorb(stains, OD["a"], BACKGROUND["a"])[0]
    np.testing.assert_allclose(light[0], BACKGROUND["a"], rtol=1e-5)
    np.testing.assert_allclose(light[1], BACKGROUND["a"] * 10 ** -OD["a"][HAEMOGLOBIN], rtol=1e-5)
    np.testing.assert_allclose(light[2] * light[0], light[1] ** 2, rtol=1e-4)


def test_backgrounds_are_peach_and_near_white() -> None:
    cells = sample_cells(["platelet"] * 8, seed=SEED, first_index=0)
    for domain, expected in (("a", (254, 229, 204)), ("b", (245, 240, 238))):
        images = photographs(domain, cells)
        bright = np.array([np.median(i[i.sum(axis=2) > np.percentile(i.sum(axis=2), 80)], axis=0) for i in images])
        np.testing.assert_allclose(np.median(bright, axis=0), expected, atol=9)


def test_the_bluish_variant_turns_the_background_blue() -> None:
    cells = sample_cells(["neutrophil"] * 4, seed=SEED, first_index=0)
    bluish = replace(cells, bluish=np.ones(4, np.float32))
    usual, blue = (np.median(photographs("a", c), axis=(1, 2)) for c in (cells, bluish))
    assert (usual[:, 0] - usual[:, 2]).min() > 20
    assert (blue[:, 2] - blue[:, 0]).min() > 0
    np.testing.assert_array_equal(photographs("a", bluish, nuisance=False), photographs("a", cells, nuisance=False))


def test_sampling_does_not_change_the_scene() -> None:
    cells = one_of_each()
    fine = photographs("a", cells, shape=(192, 192), nuisance=False).reshape(12, 64, 3, 64, 3, 3).mean(axis=(2, 4))
    coarse = photographs("a", cells, nuisance=False)
    assert min(correlation(f, c) for f, c in zip(fine, coarse, strict=True)) > 0.97
    taller = concentrations(cells, (70, 64))[:, :, 3:67]
    np.testing.assert_allclose(taller, concentrations(cells, SHAPE), atol=2e-2)


def test_nuclei_have_the_sizes_of_their_classes() -> None:
    area = {}
    for name in CLASSES:
        stains = concentrations(sample_cells([name] * 6, seed=SEED, first_index=0), SHAPE)
        area[name] = float((stains[AZURE] > 0.3).mean()) * 36**2
    assert area["platelet"] < 5
    assert 8 < area["erythroblast"] < 30 < area["lymphocyte"] < 90 < area["myeloblast"] < 180
    assert area["neutrophil"] < area["monocyte"] < area["promyelocyte"]


def test_every_form_can_be_requested_and_others_are_refused() -> None:
    labels = [f"{name}/{form}" for name, forms in FORMS.items() for form in dict.fromkeys(forms)]
    cells = sample_cells(labels, seed=SEED, first_index=0)
    assert [f"{n}/{f}" for n, f in zip(cells.label, cells.form, strict=True)] == labels
    assert set(sample_cells(["neutrophil"] * 30, seed=SEED, first_index=0).form) == {"band", "segmented"}
    for wrong in (["leukocyte"], ["neutrophil/round"], []):
        with pytest.raises(ValueError, match=r"leukocyte|round|at least one"):
            sample_cells(wrong, seed=SEED, first_index=0)


def features(images: Any) -> Any:
    """Mean and standard deviation of the colours in rings around the middle of the frame."""
    middle = images[:, 16:48, 16:48].astype(float)
    centre = np.hypot(*np.mgrid[-15.5:16, -15.5:16])
    rings = [middle[:, (centre >= low) & (centre < low + 3)] for low in range(0, 15, 3)]
    moments = [m for ring in rings for m in (ring.mean(axis=1), ring.std(axis=1))]
    return np.concatenate(moments, axis=1)


@pytest.mark.parametrize("domain", ["a", "b"])
def test_classes_are_separable_by_simple_features(domain: str) -> None:
    per_class = 14
    labels = np.repeat(np.arange(12), per_class)
    train, test = (
        features(
            photographs(domain, sample_cells([CLASSES[k] for k in labels], seed=SEED, first_index=first), threads=2)
        )
        for first in (0, 10_000)
    )
    mean, std = train.mean(axis=0), train.std(axis=0)
    centroids = np.stack([((train - mean) / std)[labels == k].mean(axis=0) for k in range(12)])
    distance = np.linalg.norm(((test - mean) / std)[:, None] - centroids, axis=2)
    hits = distance.argmin(axis=1) == labels
    assert hits.mean() > 0.6  # chance is 1/12
    assert min(hits[labels == k].mean() for k in range(12)) > 0.15


def test_cells_of_one_class_differ_from_each_other() -> None:
    for name in ("platelet", "lymphocyte", "myeloblast"):
        grey = photographs("a", sample_cells([name] * 40, seed=SEED, first_index=0), threads=2).mean(axis=3)
        similarity = np.corrcoef(grey.reshape(40, -1)) - np.eye(40)
        assert similarity.max() < 0.93, name


# --- plan


@pytest.mark.parametrize("source", ["mendeley", "tcia"])
def test_plan_has_every_kind_and_the_requested_counts(source: Any) -> None:
    requested = {folder: 1 + i % 5 for i, folder in enumerate(FOLDERS[source])}
    table = planned(source, requested)
    assert set(table.kind) == KINDS[source]
    assert table.member.is_unique
    assert table[table.kind == "cell"].folder.value_counts().to_dict() == requested
    copies = table[table.copy_of != ""]
    assert set(copies[copies.kind != "cross_source"].copy_of) <= set(table[table.kind == "cell"].member)
    assert (copies.cell_index >= 0).all()
    originals = table[table.copy_of.eq("") & table.cell_index.ge(0)]
    assert originals.cell_index.is_unique


def test_planted_kinds_are_many_enough_and_spread_over_classes() -> None:
    both = pd.concat([planned("mendeley"), planned("tcia")])
    for kind in NEAR:
        assert both[both.kind == kind].label.nunique() >= 3, kind
    same_class = both.kind.isin([*NEAR, "duplicate"])
    assert both[same_class].apply(lambda r: f"/{r.folder}/" in r.copy_of, axis=1).all()
    conflict = both[both.kind == "conflict"].iloc[0]
    assert f"/{conflict.folder}/" not in conflict.copy_of


def test_prefixes_follow_the_proportions_of_the_original() -> None:
    table = planned("mendeley", counts("mendeley", 1) | {"ig": 289, "neutrophil": 333})
    cells = table[table.kind == "cell"]
    prefix = cells.member.str.rpartition("/")[2].str.partition("_")[0]
    number = prefix.value_counts()
    expected = {"IG": 15.1, "MMY": 101.3, "MY": 113.5, "PMY": 59.1, "BNE": 163.3, "SNE": 164.6, "NEUTROPHIL": 5}
    assert {p: abs(number[p] - n) <= 1.5 for p, n in expected.items()} == dict.fromkeys(expected, True)
    assert set(cells.label[prefix == "PMY"]) == {"promyelocyte"}
    assert set(cells.label[prefix.isin(["IG", "MMY", "MY"])]) == {"immature_granulocyte"}


def test_a_larger_plan_keeps_the_cells_of_a_smaller_one() -> None:
    for source in ("mendeley", "tcia"):
        small, large = (planned(source, counts(source, n)) for n in (2, 9))
        key = ["member", "cell_index", "label"]
        kept = small[small.kind == "cell"][key].merge(large[large.kind == "cell"][key])
        assert len(kept) == (small.kind == "cell").sum()
    small_copy, large_copy = (planned("tcia", counts("tcia", n)).set_index("kind") for n in (2, 9))
    assert small_copy.copy_of["cross_source"] == large_copy.copy_of["cross_source"]


@pytest.mark.parametrize(
    "wrong", [{"ig": 0}, {"monoblast": 3}, {"ig": None}], ids=["below one", "unknown folder", "missing folder"]
)
def test_wrong_counts_are_refused(wrong: dict[str, int | None], tmp_path: Path) -> None:
    bad = {k: v for k, v in (counts("mendeley") | wrong).items() if v is not None}
    with pytest.raises(ValueError, match=next(iter(wrong))):
        planned("mendeley", bad)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        write_archive(tmp_path / "x.zip", "mendeley", seed=SEED, counts=bad, size=SIZE, threads=1)
    assert not list(tmp_path.iterdir())


# --- archives


def test_members_are_those_of_the_plan(archives: dict[str, dict[str, bytes]]) -> None:
    extras = {"AML-Cytomorphology_LMU/annotations.dat", "AML-Cytomorphology_LMU/abbreviations.txt"}
    assert list(archives["mendeley"]) == list(planned("mendeley").member)
    assert [m for m in archives["tcia"] if m not in extras] == list(planned("tcia").member)
    assert extras < set(archives["tcia"])


def test_same_arguments_same_bytes(tmp_path: Path) -> None:
    for source in ("mendeley", "tcia"):
        assert archive_bytes(tmp_path / "one.zip", source) == archive_bytes(tmp_path / "two.zip", source, threads=2)
    assert {p.name for p in tmp_path.iterdir()} == {"one.zip", "two.zip"}


def test_sound_images_have_the_format_and_size_of_their_source(archives: dict[str, dict[str, bytes]]) -> None:
    for source, expected in (("mendeley", ("JPEG", "RGB")), ("tcia", ("TIFF", "RGBA"))):
        table = planned(source)
        for row in table[~table.kind.isin(["truncated", "empty", "not_an_image"])].itertuples():
            image = open_image(archives[source][row.member])
            assert (image.format, image.mode) == expected, row.member
            assert image.size == (row.width, row.height), row.member
        cell = table[table.kind == "cell"].iloc[0]
        assert (cell.width, cell.height) == ((72, 73) if source == "mendeley" else (80, 80))


def test_copies_are_what_the_plan_says(archives: dict[str, dict[str, bytes]]) -> None:
    for source in ("mendeley", "tcia"):
        members = archives[source]
        table = planned(source)
        for row in table[table.kind.isin(["duplicate", "conflict"])].itertuples():
            assert members[row.member] == members[row.copy_of]
        distinct = table[~table.kind.isin(["duplicate", "conflict", "empty"])]
        assert len({members[m] for m in distinct.member}) == len(distinct)
        for row in table[table.kind.isin(NEAR)].itertuples():
            original = open_image(members[row.copy_of]).convert("RGB")
            similarity = correlation(original, open_image(members[row.member]).convert("RGB").resize(original.size))
            assert (0.7 if row.kind == "shifted" else 0.9) < similarity < 1, row.member


def test_a_shifted_copy_is_two_pixels_off(archives: dict[str, dict[str, bytes]]) -> None:
    table = planned("tcia")
    row = table[table.kind == "shifted"].iloc[0]
    original, copy = (pixels(archives["tcia"][m]) for m in (row.copy_of, row.member))
    np.testing.assert_array_equal(copy[:, 2:], original[:, :-2])
    np.testing.assert_array_equal(copy[:, 0], original[:, 0])


def test_a_photograph_crosses_sources_pixel_by_pixel(archives: dict[str, dict[str, bytes]]) -> None:
    row = planned("tcia").set_index("kind").loc["cross_source"]
    np.testing.assert_array_equal(pixels(archives["tcia"][row.member]), pixels(archives["mendeley"][row.copy_of]))
    assert FOLDERS["tcia"][row.folder] == row.label


def test_cells_of_the_archive_are_those_of_the_renderer(archives: dict[str, dict[str, bytes]]) -> None:
    table = planned("tcia")
    row = table[table.folder == "NGB"].iloc[2]
    cell = sample_cells(["neutrophil/band"], seed=SEED, first_index=int(row.cell_index))
    np.testing.assert_array_equal(pixels(archives["tcia"][row.member]), photographs("b", cell, shape=(80, 80))[0])


def test_bad_files_are_bad(archives: dict[str, dict[str, bytes]]) -> None:
    by_kind = planned("mendeley").drop_duplicates("kind").set_index("kind").member
    members = archives["mendeley"]
    assert members[by_kind["empty"]] == b""
    assert members[by_kind["truncated"]].startswith(b"\xff\xd8")
    with pytest.raises(OSError, match="truncated"):
        open_image(members[by_kind["truncated"]])
    assert by_kind["not_an_image"].endswith("neutrophil/.DS_169665.jpg")
    with pytest.raises(OSError, match="cannot identify"):
        open_image(members[by_kind["not_an_image"]])
    tcia = planned("tcia")
    for row in tcia.itertuples():
        alpha = np.asarray(open_image(archives["tcia"][row.member]))[..., 3]
        assert (alpha == (128 if row.kind == "transparent" else 255)).all(), row.member


def test_annotations_list_every_image(archives: dict[str, dict[str, bytes]]) -> None:
    text = archives["tcia"]["AML-Cytomorphology_LMU/annotations.dat"].decode()
    rows = [line.split(" ") for line in text.splitlines()]
    assert [r[0] for r in rows] == ["/".join(m.split("/")[-2:]) for m in planned("tcia").member]
    assert all(r[0].startswith(f"{r[1]}/") for r in rows)
    opinions = {o for r in rows for o in r[2:]}
    assert opinions <= {"nan", "UNC", *FOLDERS["tcia"]}
    assert all((r[2] == "nan") == (r[3] == "nan") for r in rows)
    assert 0 < sum(r[2] != "nan" for r in rows) < 0.35 * len(rows)
    legend = archives["tcia"]["AML-Cytomorphology_LMU/abbreviations.txt"].decode().splitlines()
    assert set(FOLDERS["tcia"]) <= {line.partition(" ")[0] for line in legend}
