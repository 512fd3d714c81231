"""Perceptual hash, alignment, and the grouping of copies that rests on both."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.photographs import inventory, manifest_of, photograph
from hemabalance.dataset.alignment import same_photograph_scores
from hemabalance.dataset.dedup import DuplicateGroups, find_copies
from hemabalance.dataset.perceptual_hash import THUMB, perceptual_hash, thumbnail
from hemabalance.sources.identity import image_id_of
from hemabalance.sources.phantom.archive import plan, write_archive
from hemabalance.taxonomy import FOLDERS

MIN_CORRELATION = 0.965
FRAME = 96  # of the pictures that windows of one thumbnail's size are cut from
COPY_STATUS = {
    "duplicate": {"duplicate"},
    "conflict": {"conflict"},
    "cross_source": {"near_duplicate"},  # the TIFF keeps the JPEG's pixels, but nobody hashed the two
    "reencoded": {"near_duplicate"},
    "shifted": {"near_duplicate"},
    "rescaled": {"near_duplicate"},
    "zoomed": {"near_duplicate"},
}
OTHER_STATUS = {"cell": "kept", "truncated": "unreadable", "empty": "unreadable", "transparent": "unreadable"}


def greys(seeds: range) -> Any:
    return np.stack([np.asarray(Image.fromarray(photograph(s, FRAME)).convert("L")) for s in seeds])


def window(pictures: Any, dy: int = 0, dx: int = 0) -> Any:
    start = (FRAME - THUMB) // 2
    return pictures[:, start + dy : start + dy + THUMB, start + dx : start + dx + THUMB]


def zoomed(pictures: Any, scale: float) -> Any:
    half = THUMB / 2 / scale
    box = (FRAME / 2 - half, FRAME / 2 - half, FRAME / 2 + half, FRAME / 2 + half)
    side = (THUMB, THUMB)
    return np.stack([np.asarray(Image.fromarray(p).resize(side, Image.Resampling.BICUBIC, box)) for p in pictures])


def scores(first: Any, second: Any, **how: int) -> Any:
    places = np.arange(len(first))
    pairs = (places, places + len(first))
    return same_photograph_scores(np.concatenate([first, second]), *pairs, **({"threads": 1} | how))


PICTURES = greys(range(30))
THUMBS = window(PICTURES)


# --- thumbnails and hashes


def test_a_thumbnail_shows_the_whole_frame_in_grey() -> None:
    image = np.zeros((300, 500, 3), np.uint8)
    image[:, 250:] = 255
    thumb = thumbnail(image)
    assert thumb.shape == (THUMB, THUMB)
    assert thumb.dtype == np.uint8
    assert (thumb[:, :31] == 0).all()
    assert (thumb[:, 33:] == 255).all()


def test_a_perceptual_hash_ignores_exposure_and_tells_pictures_apart() -> None:
    hashes = perceptual_hash(THUMBS)
    assert hashes.shape == (30,)
    assert hashes.dtype == np.uint64
    darker = perceptual_hash((THUMBS * 0.7 + 20).astype(np.uint8))
    assert np.bitwise_count(hashes ^ darker).max() <= 4
    apart = [np.bitwise_count(hashes[i] ^ hashes[:i]).min() for i in range(1, 30)]
    assert min(apart) > 12
    np.testing.assert_array_equal(perceptual_hash(THUMBS[7:8]), hashes[7:8])


# --- alignment


def test_the_same_thumbnail_scores_one_and_others_low() -> None:
    np.testing.assert_allclose(scores(THUMBS, THUMBS), 1, atol=1e-5)
    assert scores(THUMBS[1:], THUMBS[:-1]).max() < 0.7
    noise = np.random.default_rng(1).integers(0, 256, (40, THUMB, THUMB), np.uint8)
    assert scores(noise[1:], noise[:-1]).max() < 0.4


@pytest.mark.parametrize(("dy", "dx"), [(0, 1), (3, 0), (-6, 0), (6, 6), (-5, 6), (8, -8)])
def test_a_shifted_copy_scores_high(dy: int, dx: int) -> None:
    assert scores(THUMBS, window(PICTURES, dy, dx)).min() > 0.95


def test_a_shift_by_a_quarter_of_the_frame_is_no_copy() -> None:
    assert scores(THUMBS, window(PICTURES, 16, 0)).max() < MIN_CORRELATION


@pytest.mark.parametrize("scale", [0.95, 0.98, 1.02, 1.05])
def test_a_rescaled_copy_scores_high(scale: float) -> None:
    assert scores(THUMBS, zoomed(PICTURES, scale)).min() > 0.99


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0), (0.6, 90)])
def test_brightness_and_contrast_drop_out(gain: float, offset: int) -> None:
    assert scores(THUMBS, np.rint(THUMBS * gain + offset).astype(np.uint8)).min() > 0.999


def test_a_negative_is_no_copy() -> None:
    assert scores(THUMBS, 255 - THUMBS).max() < 0.7


def test_scores_are_nearly_symmetric() -> None:
    for other in (window(PICTURES, 4, -3), zoomed(PICTURES, 1.05), THUMBS[::-1]):
        there, back = scores(THUMBS, other), scores(other, THUMBS)
        alike = np.maximum(there, back) > 0.9
        np.testing.assert_allclose(there[alike], back[alike], atol=0.01)
        np.testing.assert_array_equal(there > MIN_CORRELATION, back > MIN_CORRELATION)


@pytest.mark.parametrize("value", [0, 77, 255])
def test_a_flat_thumbnail_scores_zero(value: int) -> None:
    flat = np.full_like(THUMBS, value)
    for first, second in ((flat, THUMBS), (THUMBS, flat), (flat, flat)):
        assert not scores(first, second).any()


def test_batches_and_threads_do_not_matter() -> None:
    other = np.concatenate([window(PICTURES[:15], 3, 2), THUMBS[:15]])
    whole = scores(THUMBS, other)
    assert (whole.shape, whole.dtype) == ((30,), np.float32)
    for how in ({"batch": 1}, {"batch": 7, "threads": 3}, {"batch": 30, "threads": 2}):
        np.testing.assert_allclose(scores(THUMBS, other, **how), whole, atol=1e-6)
    assert scores(THUMBS[:0], THUMBS[:0]).shape == (0,)


# --- grouping


def records(*rows: dict[str, Any]) -> pd.DataFrame:
    """One image a row; what is not given is that of a distinct image of 48x48 pixels."""
    usual = [
        {
            "image_id": f"s/f/{n}",
            "bytes": 100,
            "sha256": f"{n + 1000:064x}",
            "pixel_sha256": f"{n:064x}",
            "phash": "0" * 16,
            "width": 48,
            "height": 48,
        }
        for n in range(len(rows))
    ]
    return pd.DataFrame([made | row for made, row in zip(usual, rows, strict=True)])


def copies_among(images: pd.DataFrame, thumbs: Any) -> DuplicateGroups:
    return find_copies(images, thumbs, hash_radius=12, min_correlation=MIN_CORRELATION, threads=1)


def keepers(images: pd.DataFrame, thumbs: Any) -> dict[str, str]:
    ids = images["image_id"].to_numpy()
    return dict(zip(ids, ids[copies_among(images, thumbs).keeper], strict=True))


def test_a_chain_of_copies_is_one_group() -> None:
    """A~B and B~C are candidates, A and C differ in 24 bits and never meet."""
    images = records({"phash": f"{0:016x}"}, {"phash": f"{0xFFF:016x}"}, {"phash": f"{0xFFFFFF:016x}"})
    found = copies_among(images, window(PICTURES[[4, 4, 4]]))
    assert len(set(found.group)) == 1
    assert found.keeper.tolist() == [0, 0, 0]
    assert found.identical.tolist() == [True, False, False]
    assert found.score.min() > 0.99
    apart = copies_among(images.iloc[[0, 2]], THUMBS[[4, 4]])
    assert len(set(apart.group)) == 2


def test_lookalikes_by_hash_are_no_copies() -> None:
    found = copies_among(records(*[{}] * 30), THUMBS)
    assert found.keeper.tolist() == list(range(30))
    assert found.score.tolist() == [1.0] * 30


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"width": 50, "bytes": 1}, {"width": 49, "bytes": 99}),
        ({"bytes": 101, "image_id": "z"}, {"bytes": 100, "image_id": "a"}),
        ({"image_id": "a"}, {"image_id": "b"}),
    ],
    ids=["most pixels", "most bytes", "smallest id"],
)
def test_which_copy_stays_does_not_depend_on_order(better: dict[str, Any], worse: dict[str, Any]) -> None:
    images = records(better, worse, {"image_id": "other", "phash": "f" * 16})
    best = images["image_id"][0]
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        kept = keepers(images.iloc[order], THUMBS[[4, 4, 9]][order])
        assert kept == {best: best, images["image_id"][1]: best, "other": "other"}


def test_equal_bytes_of_unequal_shapes_are_not_identical() -> None:
    flat = np.zeros((2, THUMB, THUMB), np.uint8)
    images = records(*({"pixel_sha256": "7" * 64, "width": w, "height": h} for w, h in ((40, 80), (80, 40))))
    assert copies_among(images, flat).keeper.tolist() == [0, 1]


def test_equal_bytes_are_identical_whether_or_not_their_pixels_were_hashed() -> None:
    file, pixels = {"sha256": "5" * 64, "phash": "0" * 16}, {"pixel_sha256": "7" * 64}
    images = records(
        file | {"pixel_sha256": None, "phash": "f" * 16},
        file | pixels,
        {"sha256": "6" * 64} | pixels,
        {"sha256": "8" * 64, "pixel_sha256": None},
        {"sha256": "8" * 64, "pixel_sha256": None},
        {"sha256": "9" * 64, "pixel_sha256": None},
    ).astype({"pixel_sha256": "str"})
    for order in ([0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]):
        found = copies_among(images.iloc[order], THUMBS[[0, 0, 0, 9, 9, 19]][order])
        assert found.identical.all()
        ids = images["image_id"].to_numpy()[order]
        kept = dict(zip(ids, ids[found.keeper], strict=True))
        assert [kept[f"s/f/{n}"] for n in range(6)] == ["s/f/0"] * 3 + ["s/f/3"] * 2 + ["s/f/5"]


def test_no_images_give_no_copies() -> None:
    assert len(copies_among(records({}).iloc[:0], THUMBS[:0]).group) == 0


# --- whole archives of rendered cells with planted copies


@pytest.fixture(scope="module", params=[1, 2, 11])
def planted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The plan of both phantoms beside what the manifest says, a row a member."""
    folder, tables, plans = tmp_path_factory.mktemp("phantom"), [], []
    sources: tuple[Any, ...] = tuple(FOLDERS)
    for source in sources:
        how: Any = {"seed": request.param, "counts": dict.fromkeys(FOLDERS[source], 6), "size": 128}
        write_archive(folder / source, source, threads=1, **how)
        tables.append(inventory(folder / source, source)[0])
        planned = plan(source, **how)
        planned["image_id"] = [image_id_of(source, member) for member in planned["member"]]
        planned["original"] = [
            image_id_of("mendeley" if kind == "cross_source" else source, of) if of else ""
            for kind, of in zip(planned["kind"], planned["copy_of"], strict=True)
        ]
        plans.append(planned[["image_id", "kind", "original"]].set_index("image_id"))
    return pd.concat(plans).join(manifest_of(*tables))


def test_every_planted_copy_is_found_and_linked(planted: pd.DataFrame) -> None:
    copies = planted[planted["original"] != ""]
    assert set(copies["kind"]) == set(COPY_STATUS)
    for row in copies.itertuples():
        original = planted.loc[row.original]
        assert row.group_id == original["group_id"], row.Index
        pair = {row.status, original["status"]}
        if row.kind == "conflict":
            assert pair == {"conflict"}, row.Index
        else:
            assert pair == COPY_STATUS[row.kind] | {"kept"}, row.Index
            gone, stays = (row, original) if row.status != "kept" else (original, row)
            assert gone.duplicate_of == stays.image_id == stays.group_id, row.Index


def test_no_other_image_leaves(planted: pd.DataFrame) -> None:
    copied = set(planted["original"]) | set(planted.index[planted["original"] != ""])
    rest = planted[~planted.index.isin(copied) & (planted["kind"] != "not_an_image")]
    assert len(rest) > 100
    assert rest["status"].tolist() == [OTHER_STATUS[kind] for kind in rest["kind"]]
    alone = rest[rest["status"] == "kept"]
    assert (alone["group_id"] == alone.index).all()
