"""The cache of features on disk: several writers, damage, limits, and folders that cannot be written to."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from helpers.full_disk import largest_file
from hemabalance.metrics import feature_cache
from hemabalance.metrics.feature_cache import SWITCH, FeatureCache, hash_key, open_feature_cache

WIDTH = 5


def some_rows(n: int, seed: int = 0) -> dict[bytes, np.ndarray]:
    values = np.random.default_rng(seed).standard_normal((n, WIDTH), dtype=np.float32)
    return {hash_key(f"{seed} {k}"): row for k, row in enumerate(values)}


def store(cache: FeatureCache, rows: dict[bytes, np.ndarray]) -> None:
    for key, row in rows.items():
        cache.add(key, row)
    cache.save()


def assert_found(cache: FeatureCache, rows: dict[bytes, np.ndarray]) -> None:
    found = cache.read(rows)
    assert found.keys() == rows.keys()
    assert all(found[key].tobytes() == row.tobytes() and found[key].dtype == np.float32 for key, row in rows.items())


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_features_come_back_with_the_same_bits(tmp_path: Path) -> None:
    rows = some_rows(7)
    next(iter(rows.values()))[:4] = np.nan, np.inf, -0.0, 1e-45
    cache = FeatureCache(tmp_path / "new" / "folder", WIDTH)
    assert cache.read(rows) == {}
    store(cache, rows)
    assert_found(cache, rows)
    assert_found(FeatureCache(tmp_path / "new" / "folder", WIDTH), rows)
    assert FeatureCache(tmp_path / "new" / "folder", WIDTH).read([hash_key("other")]) == {}


def test_many_calls_of_one_process_write_few_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_cache, "FILE_IMAGES", 40)
    cache, rows = FeatureCache(tmp_path, WIDTH), some_rows(100)
    for key, row in rows.items():
        store(cache, {key: row})
    assert len(files(tmp_path)) == 3
    assert_found(cache, rows)
    assert_found(FeatureCache(tmp_path, WIDTH), rows)


def test_a_long_computation_is_saved_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_cache, "SAVE_EVERY_S", 0.0)
    rows = some_rows(3)
    cache = FeatureCache(tmp_path, WIDTH)
    for key, row in rows.items():
        cache.add(key, row)
    assert_found(FeatureCache(tmp_path, WIDTH), rows)


def test_a_cache_sees_what_others_write_later(tmp_path: Path) -> None:
    first, second = FeatureCache(tmp_path, WIDTH), FeatureCache(tmp_path, WIDTH)
    for seed in range(3):
        store(first, some_rows(4, seed))
        assert_found(second, some_rows(4, seed))
    store(second, some_rows(4, 9))
    assert_found(first, some_rows(4, 9))
    assert len(files(tmp_path)) == 2


WRITER = """
import sys
from pathlib import Path
from test_feature_cache import WIDTH, some_rows, store
from hemabalance.metrics.feature_cache import FeatureCache

cache = FeatureCache(Path(sys.argv[1]), WIDTH)
for seed in range(10):
    store(cache, some_rows(20, seed + int(sys.argv[2])))
"""


def test_two_processes_write_at_the_same_time(tmp_path: Path) -> None:
    path = [Path(__file__).parent, Path(__file__).parents[2], *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))}
    # Half of their features are the same.
    commands = [[sys.executable, "-c", WRITER, str(tmp_path), str(first)] for first in (0, 5)]
    writers = [subprocess.Popen(command, env=environment) for command in commands]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    assert len(files(tmp_path)) == 2
    cache = FeatureCache(tmp_path, WIDTH)
    for seed in range(15):
        assert_found(cache, some_rows(20, seed))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def flip_last_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def write_foreign(path: Path) -> None:
    save_file({"weights": np.zeros(3, np.float32)}, path)


@pytest.mark.parametrize("damage", [truncate, flip_last_bit, empty, write_foreign])
def test_a_damaged_file_is_named_ignored_and_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: object
) -> None:
    good, bad = some_rows(4, 1), some_rows(6, 2)
    store(FeatureCache(tmp_path, WIDTH), good)
    (good_file,) = files(tmp_path)
    store(FeatureCache(tmp_path, WIDTH), bad)
    (bad_file,) = set(files(tmp_path)) - {good_file}
    damage(bad_file)  # type: ignore[operator]
    cache = FeatureCache(tmp_path, WIDTH)
    assert_found(cache, good)
    assert cache.read(bad) == {}
    assert cache.read(bad) == {}
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"{bad_file} is damaged" in caplog.text
    assert files(tmp_path) == [good_file]
    store(cache, bad)
    assert_found(FeatureCache(tmp_path, WIDTH), good | bad)


def test_a_flipped_bit_in_a_key_is_damage_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = some_rows(2)
    store(FeatureCache(tmp_path, WIDTH), rows)
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes().replace(next(iter(rows)), hash_key("another image")))
    cache = FeatureCache(tmp_path, WIDTH)
    assert cache.read([hash_key("another image")]) == {}
    assert "damaged" in caplog.text


def test_a_file_that_another_process_deletes_is_no_damage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store(FeatureCache(tmp_path, WIDTH), some_rows(3))
    cache = FeatureCache(tmp_path, WIDTH)
    files(tmp_path)[0].unlink()
    assert cache.read(some_rows(3)) == {}
    store(cache, some_rows(3))
    assert_found(cache, some_rows(3))
    assert not caplog.records


def test_beyond_the_limit_the_files_unused_for_longest_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_seed: dict[int, Path] = {}
    for seed in range(4):
        store(FeatureCache(tmp_path, WIDTH), some_rows(10, seed))
        (by_seed[seed],) = {*files(tmp_path)} - {*by_seed.values()}
    (tmp_path / "killed.safetensors.part").write_bytes(bytes(99))
    now = time.time()
    for seed, path in by_seed.items():
        os.utime(path, (now, now - 1000 + seed))
    os.utime(tmp_path / "killed.safetensors.part", (now, now - 2000))
    assert_found(FeatureCache(tmp_path, WIDTH), some_rows(10, 0))  # used now
    monkeypatch.setattr(feature_cache, "LIMIT", 3 * by_seed[0].stat().st_size)
    store(FeatureCache(tmp_path, WIDTH), some_rows(10, 7))
    cache = FeatureCache(tmp_path, WIDTH)
    assert not (tmp_path / "killed.safetensors.part").exists()
    for seed, known in {0: True, 1: False, 2: False, 3: True, 7: True}.items():
        assert bool(cache.read(some_rows(10, seed))) == known, seed


def test_small_files_of_many_jobs_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_cache, "SMALL_FILES", 8)
    for seed in range(8):
        store(FeatureCache(tmp_path, WIDTH), some_rows(3, seed))
    assert len(files(tmp_path)) == 8
    monkeypatch.setattr(feature_cache, "SMALL_FILES", 99)
    earlier = FeatureCache(tmp_path, WIDTH)
    monkeypatch.setattr(feature_cache, "SMALL_FILES", 8)
    cache = FeatureCache(tmp_path, WIDTH)
    assert len(files(tmp_path)) == 1
    for seed in range(8):
        assert_found(cache, some_rows(3, seed))
        assert_found(earlier, some_rows(3, seed))


def test_without_a_writable_folder_one_warning_is_given(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    cache = FeatureCache(tmp_path / "file" / "folder", WIDTH)
    for seed in range(3):
        assert cache.read(some_rows(2, seed)) == {}
        store(cache, some_rows(2, seed))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "Features of images are not kept for other jobs" in record.message
    assert str(tmp_path / "file") in record.message


def test_on_a_full_disk_the_earlier_features_remain(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store(FeatureCache(tmp_path, WIDTH), some_rows(4, 1))
    cache = FeatureCache(tmp_path, WIDTH)
    with largest_file(100):
        store(cache, some_rows(4, 2))
        store(cache, some_rows(4, 3))
    assert len(caplog.records) == 1
    assert len(files(tmp_path)) == 1
    assert_found(FeatureCache(tmp_path, WIDTH), some_rows(4, 1))


def test_the_folder_is_the_users_unless_another_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for chosen, folder in (
        ("", tmp_path / "cache/hemabalance/features/net"),
        (str(tmp_path / "x"), tmp_path / "x/net"),
    ):
        monkeypatch.setenv(SWITCH, chosen)
        cache = open_feature_cache("net", WIDTH)
        assert cache is not None
        store(cache, some_rows(1))
        assert len(files(folder)) == 1
    monkeypatch.setenv(SWITCH, "0")
    assert open_feature_cache("net", WIDTH) is None


def test_tests_leave_the_users_features_alone() -> None:
    assert open_feature_cache("net", WIDTH) is None


def test_keys_tell_apart_what_looks_alike_in_a_row() -> None:
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    different = [("a", "b"), ("ab",), ("ab", ""), (image,), (image.reshape(2, 8, 3),), (image.view(np.int8),)]
    different += [(image.tobytes(),), (image.transpose(1, 0, 2),)]
    assert len({hash_key(*parts) for parts in different}) == len(different)
    assert hash_key(image) == hash_key(np.asfortranarray(image))
    assert len(hash_key(image)) == feature_cache.KEY_BYTES
