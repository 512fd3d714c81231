"""Perceptual hash, alignment, and the grouping of copies based on both."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.photographs import inventory, manifest_of, photograph
from helpers.thesis import FOLDERS
from hemabalance.dataset import alignment, dedup
from hemabalance.dataset.alignment import same_photograph_scores
from hemabalance.dataset.dedup import DuplicateGroups, find_copies
from hemabalance.dataset.perceptual_hash import THUMB, perceptual_hash, pose_hashes, thumbnail
from hemabalance.errors import InputError
from hemabalance.metrics.poses import INVERSE, POSES, posed
from hemabalance.sources.identity import image_id_of
from hemabalance.sources.phantom.archive import plan, write_archive

MIN_CORRELATION = 0.965
FRAME = 96  # side of the photographs from which windows of thumbnail size are cut
COPY_STATUS = {
    "duplicate": {"duplicate"},
    "conflict": {"conflict"},
    "cross_source": {"near_duplicate"},  # equal pixels in TIFF and JPEG, but their pixel hashes are not computed
    "reencoded": {"near_duplicate"},
    "shifted": {"near_duplicate"},
    "rescaled": {"near_duplicate"},
    "zoomed": {"near_duplicate"},
}
OTHER_STATUS = {"cell": "kept", "truncated": "unreadable", "empty": "unreadable", "transparent": "unreadable"}


def grey_photographs(seeds: range) -> Any:
    return np.stack([np.asarray(Image.fromarray(photograph(s, FRAME)).convert("L")) for s in seeds])


def window(photographs: Any, dy: int = 0, dx: int = 0) -> Any:
    start = (FRAME - THUMB) // 2
    return photographs[:, start + dy : start + dy + THUMB, start + dx : start + dx + THUMB]


def zoomed(photographs: Any, scale: float) -> Any:
    half = THUMB / 2 / scale
    box = (FRAME / 2 - half, FRAME / 2 - half, FRAME / 2 + half, FRAME / 2 + half)
    side = (THUMB, THUMB)
    return np.stack([np.asarray(Image.fromarray(p).resize(side, Image.Resampling.BICUBIC, box)) for p in photographs])


def scores(first: Any, second: Any, **options: int) -> Any:
    positions = np.arange(len(first))
    pairs = (positions, positions + len(first))
    return same_photograph_scores(np.concatenate([first, second]), *pairs, **({"threads": 1} | options))


PHOTOGRAPHS = grey_photographs(range(30))
THUMBS = window(PHOTOGRAPHS)


# --- thumbnails and hashes


def test_a_thumbnail_shows_the_whole_frame_in_grey() -> None:
    image = np.zeros((300, 500, 3), np.uint8)
    image[:, 250:] = 255
    thumb = thumbnail(image)
    assert thumb.shape == (THUMB, THUMB)
    assert thumb.dtype == np.uint8
    assert (thumb[:, :31] == 0).all()
    assert (thumb[:, 33:] == 255).all()


def test_a_perceptual_hash_ignores_exposure_and_separates_photographs() -> None:
    hashes = perceptual_hash(THUMBS)
    assert hashes.shape == (30,)
    assert hashes.dtype == np.uint64
    darker = perceptual_hash((THUMBS * 0.7 + 20).astype(np.uint8))
    assert np.bitwise_count(hashes ^ darker).max() <= 4
    distances = [np.bitwise_count(hashes[i] ^ hashes[:i]).min() for i in range(1, 30)]
    assert min(distances) > 12
    np.testing.assert_array_equal(perceptual_hash(THUMBS[7:8]), hashes[7:8])


# --- alignment


def test_the_same_thumbnail_scores_one_and_others_low() -> None:
    np.testing.assert_allclose(scores(THUMBS, THUMBS), 1, atol=1e-5)
    assert scores(THUMBS[1:], THUMBS[:-1]).max() < 0.7
    noise = np.random.default_rng(1).integers(0, 256, (40, THUMB, THUMB), np.uint8)
    assert scores(noise[1:], noise[:-1]).max() < 0.4


@pytest.mark.parametrize(("dy", "dx"), [(0, 1), (3, 0), (-6, 0), (6, 6), (-5, 6), (8, -8)])
def test_a_shifted_copy_scores_high(dy: int, dx: int) -> None:
    assert scores(THUMBS, window(PHOTOGRAPHS, dy, dx)).min() > 0.95


def test_a_shift_by_a_quarter_of_the_frame_is_no_copy() -> None:
    assert scores(THUMBS, window(PHOTOGRAPHS, 16, 0)).max() < MIN_CORRELATION


@pytest.mark.parametrize("scale", [0.95, 0.98, 1.02, 1.05])
def test_a_rescaled_copy_scores_high(scale: float) -> None:
    assert scores(THUMBS, zoomed(PHOTOGRAPHS, scale)).min() > 0.99


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0), (0.6, 90)])
def test_scores_do_not_depend_on_brightness_and_contrast(gain: float, offset: int) -> None:
    assert scores(THUMBS, np.rint(THUMBS * gain + offset).astype(np.uint8)).min() > 0.999


def test_a_negative_is_no_copy() -> None:
    assert scores(THUMBS, 255 - THUMBS).max() < 0.7


def test_scores_are_nearly_symmetric() -> None:
    for other in (window(PHOTOGRAPHS, 4, -3), zoomed(PHOTOGRAPHS, 1.05), THUMBS[::-1]):
        forward, backward = scores(THUMBS, other), scores(other, THUMBS)
        high = np.maximum(forward, backward) > 0.9
        np.testing.assert_allclose(forward[high], backward[high], atol=0.01)
        np.testing.assert_array_equal(forward > MIN_CORRELATION, backward > MIN_CORRELATION)


@pytest.mark.parametrize("value", [0, 77, 255])
def test_a_flat_thumbnail_scores_zero(value: int) -> None:
    flat = np.full_like(THUMBS, value)
    for first, second in ((flat, THUMBS), (THUMBS, flat), (flat, flat)):
        assert not scores(first, second).any()


def test_batches_and_threads_do_not_matter() -> None:
    other = np.concatenate([window(PHOTOGRAPHS[:15], 3, 2), THUMBS[:15]])
    expected = scores(THUMBS, other)
    assert (expected.shape, expected.dtype) == ((30,), np.float32)
    for options in ({"batch": 1}, {"batch": 7, "threads": 3}, {"batch": 30, "threads": 2}):
        np.testing.assert_allclose(scores(THUMBS, other, **options), expected, atol=1e-6)
    assert scores(THUMBS[:0], THUMBS[:0]).shape == (0,)


# --- poses


EVERY_POSE = pytest.mark.parametrize("pose", range(POSES))


def in_pose(thumbs: Any, pose: int) -> Any:
    return np.ascontiguousarray(posed(thumbs, pose))


@EVERY_POSE
def test_one_transform_gives_the_hashes_of_all_poses(pose: int) -> None:
    hashes = pose_hashes(THUMBS)
    assert (hashes.shape, hashes.dtype) == ((POSES, 30), np.uint64)
    np.testing.assert_array_equal(hashes[pose], pose_hashes(in_pose(THUMBS, pose))[0])
    assert np.bitwise_count(hashes[pose] ^ hashes[pose - 1]).mean() > 12


@EVERY_POSE
def test_hash_distances_stay_the_same_if_both_images_are_turned(pose: int) -> None:
    hashes = pose_hashes(THUMBS)
    expected = np.bitwise_count(hashes[0][:, None] ^ hashes[pose][None])
    back = hashes[INVERSE[pose]]
    np.testing.assert_array_equal(np.bitwise_count(back[:, None] ^ hashes[0][None]), expected)


@EVERY_POSE
def test_a_turned_copy_scores_high_in_its_pose_only(pose: int) -> None:
    first, second = np.arange(30), np.arange(30, 60)
    for copies in (THUMBS, window(PHOTOGRAPHS, 3, -2), zoomed(PHOTOGRAPHS, 1.04), (THUMBS * 0.6 + 70).astype(np.uint8)):
        thumbs = np.concatenate([THUMBS, in_pose(copies, pose)])
        undo = np.full(30, INVERSE[pose])
        assert same_photograph_scores(thumbs, first, second, undo, threads=1).min() > 0.95
        wrong = (undo + 1) % POSES
        assert same_photograph_scores(thumbs, first, second, wrong, threads=1).max() < MIN_CORRELATION


def round_cells(count: int) -> Any:
    """Thumbnails of a dark disc on an empty background with faint specks, other ones in each."""
    rows, columns = np.mgrid[:THUMB, :THUMB]
    images = np.full((count, THUMB, THUMB), 225.0)
    for image, rng in zip(images, np.random.default_rng(3).spawn(count), strict=True):
        for row, column in rng.uniform(10, 54, (6, 2)):
            image[np.hypot(rows - row, columns - column) < 3] -= 25
        image[np.hypot(rows - 36, columns - 30) < 8] = 40
    return images.astype(np.uint8)


@pytest.mark.parametrize("pose", range(1, POSES))
def test_round_cells_are_told_apart_by_faint_detail_in_other_poses(pose: int, monkeypatch: pytest.MonkeyPatch) -> None:
    thumbs = np.concatenate([round_cells(12), in_pose(round_cells(12), pose)])
    undo = np.full(12, INVERSE[pose])
    first, same, other = np.arange(12), np.arange(12, 24), np.roll(np.arange(12, 24), 1)
    assert same_photograph_scores(thumbs, first, same, undo, threads=1).min() > 0.99
    assert same_photograph_scores(thumbs, first, other, undo, threads=1).max() < 0.85
    monkeypatch.setattr(alignment, "_DETAIL_ABOVE", -1.0)
    assert same_photograph_scores(thumbs, first, other, undo, threads=1).max() > 0.95


def test_pairs_in_several_poses_are_scored_together_as_alone() -> None:
    pose = np.arange(30) % POSES
    thumbs = np.concatenate([THUMBS, *(in_pose(THUMBS[k : k + 1], INVERSE[k % POSES]) for k in range(30))])
    first, second = np.arange(30), np.arange(30, 60)
    together = same_photograph_scores(thumbs, first, second, pose, threads=2, batch=7)
    alone = [same_photograph_scores(thumbs, first[k : k + 1], second[k : k + 1], pose[k : k + 1], threads=1)[0]
             for k in range(30)]  # fmt: skip
    assert together.min() > 0.999
    np.testing.assert_allclose(together, alone, atol=1e-6)


# --- grouping


def records(*rows: dict[str, Any]) -> pd.DataFrame:
    """One row per image; defaults are those of distinct images of 48x48 pixels."""
    defaults = [
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
    return pd.DataFrame([default | row for default, row in zip(defaults, rows, strict=True)])


def copies_among(images: pd.DataFrame, thumbs: Any) -> DuplicateGroups:
    return find_copies(images, thumbs, hash_radius=12, min_correlation=MIN_CORRELATION, threads=1)


def keepers(images: pd.DataFrame, thumbs: Any) -> dict[str, str]:
    ids = images["image_id"].to_numpy()
    return dict(zip(ids, ids[copies_among(images, thumbs).keeper], strict=True))


def test_a_chain_of_copies_is_one_group() -> None:
    """A~B and B~C are candidates, A and C differ in 24 bits and never meet."""
    images = records({"phash": f"{0:016x}"}, {"phash": f"{0xFFF:016x}"}, {"phash": f"{0xFFFFFF:016x}"})
    groups = copies_among(images, window(PHOTOGRAPHS[[4, 4, 4]]))
    assert len(set(groups.group)) == 1
    assert groups.keeper.tolist() == [0, 0, 0]
    assert groups.identical.tolist() == [True, False, False]
    assert groups.score.min() > 0.99
    separate = copies_among(images.iloc[[0, 2]], THUMBS[[4, 4]])
    assert len(set(separate.group)) == 2


def test_lookalikes_by_hash_are_no_copies() -> None:
    groups = copies_among(records(*[{}] * 30), THUMBS)
    assert groups.keeper.tolist() == list(range(30))
    assert groups.score.tolist() == [1.0] * 30


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"width": 50, "bytes": 1}, {"width": 49, "bytes": 99}),
        ({"bytes": 101, "image_id": "z"}, {"bytes": 100, "image_id": "a"}),
        ({"image_id": "a"}, {"image_id": "b"}),
    ],
    ids=["most pixels", "most bytes", "smallest id"],
)
def test_the_kept_copy_does_not_depend_on_order(better: dict[str, Any], worse: dict[str, Any]) -> None:
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
        groups = copies_among(images.iloc[order], THUMBS[[0, 0, 0, 9, 9, 19]][order])
        assert groups.identical.all()
        ids = images["image_id"].to_numpy()[order]
        kept = dict(zip(ids, ids[groups.keeper], strict=True))
        assert [kept[f"s/f/{n}"] for n in range(6)] == ["s/f/0"] * 3 + ["s/f/3"] * 2 + ["s/f/5"]


def turned_records(thumbs: Any) -> pd.DataFrame:
    """Files that differ, with the hashes of their thumbnails; the first image has the most pixels."""
    hashes = [f"{value:016x}" for value in perceptual_hash(thumbs)]
    return records(*({"phash": text, "width": 50 - (n > 0)} for n, text in enumerate(hashes)))


@EVERY_POSE
def test_a_copy_in_any_pose_joins_its_photograph(pose: int) -> None:
    copy = in_pose(window(PHOTOGRAPHS[:1], 1, -2), pose)
    thumbs = np.concatenate([THUMBS, copy])
    groups = copies_among(turned_records(thumbs), thumbs)
    assert groups.keeper[30] == 0
    assert len(set(groups.group)) == 30
    assert groups.pose[30] == pose
    assert not groups.pose[:30].any()
    assert groups.score[30] > MIN_CORRELATION


def test_the_pose_is_that_of_the_kept_image_whatever_the_order() -> None:
    """All copies of one photograph, each a little shifted: every pair of them is verified."""
    turns = np.arange(POSES)
    thumbs = np.concatenate([in_pose(window(PHOTOGRAPHS[4:5], k % 3, -k % 2), k) for k in turns])
    images = turned_records(thumbs)
    for order in (turns, turns[::-1], np.roll(turns, 3)):
        groups = copies_among(images.iloc[order], thumbs[order])
        assert (order[groups.keeper] == 0).all()
        np.testing.assert_array_equal(groups.pose, order)


def test_a_pose_is_followed_along_a_chain() -> None:
    """A ~ B ~ C, but A and C differ in more bits than candidates may."""
    windows = [window(PHOTOGRAPHS[4:5], 0, shift) for shift in (-3, 0, 3)]
    first, _, last = (pose_hashes(thumbs)[0] for thumbs in windows)
    assert np.bitwise_count(first ^ last).item() > 14
    thumbs = np.concatenate([in_pose(thumb, pose) for thumb, pose in zip(windows, (0, 1, 6), strict=True)])
    groups = copies_among(turned_records(thumbs), thumbs)
    assert groups.keeper.tolist() == [0, 0, 0]
    assert groups.pose.tolist() == [0, 1, 6]


def test_a_symmetric_copy_counts_as_unchanged() -> None:
    symmetric = THUMBS[4:5] // 2 + THUMBS[4:5, :, ::-1] // 2
    thumbs = np.concatenate([symmetric, symmetric])
    groups = copies_among(turned_records(thumbs), thumbs)
    assert groups.keeper.tolist() == [0, 0]
    assert not groups.pose.any()


def test_photographs_that_are_alike_by_hash_in_another_pose_are_no_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dedup, "pose_hashes", lambda thumbs: np.zeros((POSES, len(thumbs)), np.uint64))
    groups = copies_among(turned_records(THUMBS), THUMBS)
    assert groups.keeper.tolist() == list(range(30))


def test_threads_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dedup, "_ROWS", 7)
    thumbs = np.concatenate([in_pose(THUMBS, k) for k in range(3)])
    options: Any = {"hash_radius": 12, "min_correlation": MIN_CORRELATION}
    one, two = (find_copies(turned_records(thumbs), thumbs, threads=n, **options) for n in (1, 3))
    assert len(set(one.group)) == 30
    for name in ("group", "keeper", "pose", "score"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_too_many_candidates_in_other_poses_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dedup, "MAX_CANDIDATES", 2)
    images = records(*({"phash": f"{(0xFFFF << 16 * n):016x}"} for n in range(3)))
    with pytest.raises(InputError, match="more than 2 pairs are within 12 bits"):
        copies_among(images, np.repeat(THUMBS[:1], 3, axis=0) // 2 + THUMBS[:1, ::-1] // 2)


def test_no_images_give_no_copies() -> None:
    assert len(copies_among(records({}).iloc[:0], THUMBS[:0]).group) == 0


# --- whole archives of rendered cells with planted copies


@pytest.fixture(scope="module", params=[1, 2, 11])
def planted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The plan of both phantoms joined with the manifest, one row per member."""
    folder, tables, plans = tmp_path_factory.mktemp("phantom"), [], []
    sources: tuple[Any, ...] = tuple(FOLDERS)
    for source in sources:
        options: Any = {"seed": request.param, "counts": dict.fromkeys(FOLDERS[source], 6), "size": 128}
        write_archive(folder / source, source, threads=1, **options)
        tables.append(inventory(folder / source, source)[0])
        planned = plan(source, **options)
        planned["image_id"] = [image_id_of(source, member) for member in planned["member"]]
        planned["original"] = [
            image_id_of("mendeley" if kind == "cross_source" else source, member) if member else ""
            for kind, member in zip(planned["kind"], planned["copy_of"], strict=True)
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
            dropped, keeper = (row, original) if row.status != "kept" else (original, row)
            assert dropped.duplicate_of == keeper.image_id == keeper.group_id, row.Index


def test_no_other_image_is_dropped(planted: pd.DataFrame) -> None:
    copied = set(planted["original"]) | set(planted.index[planted["original"] != ""])
    rest = planted[~planted.index.isin(copied) & (planted["kind"] != "not_an_image")]
    assert len(rest) > 100
    assert rest["status"].tolist() == [OTHER_STATUS[kind] for kind in rest["kind"]]
    kept = rest[rest["status"] == "kept"]
    assert (kept["group_id"] == kept.index).all()
