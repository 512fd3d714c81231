import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from PIL import Image

from helpers.full_disk import largest_file
from hemabalance.dataset.imageset import SCHEMA, ImageSet, write_image_set
from hemabalance.dataset.tables import read_table, write_table
from hemabalance.errors import InputError

IMAGES = np.random.default_rng(5).integers(0, 256, (6, 12, 10, 3), np.uint8)
NAMES = [f"tcia/BAS/{n}.tiff" for n in range(6)]
Pair = tuple[Path, Path]


def rows_of(names: list[str]) -> pd.DataFrame:
    labels = [None if n % 2 else "basophil" for n in range(len(names))]
    texts = {"image_id": names, "label": labels, "source": "tcia", "origin": "real", "provenance": '{"µm":0.1}'}
    return pd.DataFrame(texts, index=range(len(names))).astype("str")


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return write(tmp_path)


def write(folder: Path, images: np.ndarray = IMAGES, threads: int = 2) -> Pair:
    pair = folder / "set.zip", folder / "set.parquet"
    write_image_set(*pair, rows_of(NAMES[: len(images)]), images, threads=threads)
    return pair


def test_round_trip(pair: Pair) -> None:
    with ImageSet(*pair) as images:
        assert len(images) == 6
        assert np.array_equal(np.stack(list(images)), IMAGES)
        assert np.array_equal(images.read(4), IMAGES[4])
        assert np.array_equal(images.decode_all(threads=3), IMAGES)
        images.verify(threads=2)
        rows = rows_of(NAMES)
        assert images.index[list(rows)].equals(rows)
        assert set(images.index["height"]) == {12}
        assert set(images.index["width"]) == {10}


def test_same_images_same_bytes(tmp_path: Path) -> None:
    first, second = (write(tmp_path / name, threads=threads) for name, threads in (("a", 1), ("b", 4)))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_zip_is_plain(pair: Pair) -> None:
    with zipfile.ZipFile(pair[0]) as archive:
        members = archive.infolist()
        assert [member.filename for member in members] == [f"{name}.png" for name in NAMES]
        assert {member.compress_type for member in members} == {zipfile.ZIP_STORED}
        assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}
        with archive.open(members[2]) as file, Image.open(file) as image:
            assert image.format == "PNG"
            assert image.info == {}
            assert np.array_equal(np.asarray(image), IMAGES[2])


def test_empty_set(tmp_path: Path) -> None:
    with ImageSet(*write(tmp_path, IMAGES[:0])) as images:
        assert len(images) == 0
        assert list(images) == []
        assert images.decode_all(threads=2).size == 0
        images.verify(threads=2)


def test_images_of_several_sizes(tmp_path: Path) -> None:
    several = [IMAGES[0], IMAGES[1, :5], IMAGES[2, :, :1]]
    pair = tmp_path / "set.zip", tmp_path / "set.parquet"
    write_image_set(*pair, rows_of(NAMES[:3]), several, threads=2)
    with ImageSet(*pair) as images:
        assert all(np.array_equal(image, expected) for image, expected in zip(images, several, strict=True))
        with pytest.raises(InputError, match="images of 3 sizes"):
            images.decode_all(threads=2)


def test_decode_into_a_memory_map(pair: Pair, tmp_path: Path) -> None:
    out = np.lib.format.open_memmap(tmp_path / "all.npy", "w+", np.uint8, IMAGES.shape)
    with ImageSet(*pair) as images:
        assert images.decode_all(threads=2, out=out) is out
    out.flush()
    assert np.array_equal(np.load(tmp_path / "all.npy"), IMAGES)


def test_reading_from_several_threads(pair: Pair) -> None:
    positions = np.random.default_rng(1).integers(0, 6, 300)
    with ImageSet(*pair) as images, ThreadPoolExecutor(8) as pool:
        assert np.array_equal(np.stack(list(pool.map(images.read, positions))), IMAGES[positions])


def broken_after_two() -> Iterator[np.ndarray]:
    yield from IMAGES[:2]
    raise LookupError("no third image")


@pytest.mark.parametrize(
    ("names", "images", "error"),
    [
        (NAMES[::-1], IMAGES, ValueError),
        (NAMES, IMAGES[:5], ValueError),
        (NAMES[:5], IMAGES, ValueError),
        (NAMES, broken_after_two(), LookupError),
        (NAMES, [*IMAGES[:5], "no array"], AttributeError),
        ([*NAMES[:5], NAMES[4]], IMAGES, pa.errors.SchemaError),
    ],
    ids=["unsorted", "too few", "too many", "iterator fails", "no image", "name twice"],
)
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_failure_leaves_nothing(
    tmp_path: Path, names: list[str], images: object, error: type[Exception], threads: int
) -> None:
    images = broken_after_two() if isinstance(images, Iterator) else images
    with pytest.raises(error):
        write_image_set(tmp_path / "a.zip", tmp_path / "a.parquet", rows_of(names), images, threads=threads)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", [100, 1000, 2400])
def test_full_disk_leaves_nothing(tmp_path: Path, limit: int) -> None:
    with pytest.raises(InputError, match="larger than its disk") as caught, largest_file(limit):
        write(tmp_path)
    assert caught.value.where == str(tmp_path / "set.zip")
    assert list(tmp_path.iterdir()) == []


def test_disk_that_is_full_at_the_index_leaves_nothing(tmp_path: Path) -> None:
    rows = rows_of(NAMES)
    rows["provenance"] = np.random.default_rng(1).bytes(20_000).hex()
    with pytest.raises(InputError, match="larger than its disk") as caught, largest_file(15_000):
        write_image_set(tmp_path / "a.zip", tmp_path / "a.parquet", rows, IMAGES, threads=2)
    assert caught.value.where == str(tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []


def use(pair: Pair) -> np.ndarray:
    with ImageSet(*pair) as images:
        images.verify(threads=2)
        return images.decode_all(threads=2)


def rewrite(path: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    """Rewrite the zip after a change of its members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def swap(members: dict[str, bytes]) -> None:
    first, second = list(members)[:2]
    members[first], members[second] = members[second], members[first]


LAST = f"{NAMES[-1]}.png"
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "damaged": (lambda path: path.write_bytes(path.read_bytes().replace(b"IDAT", b"IDOT")), "CRC"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-30]), "cannot be opened"),
    "emptied": (lambda path: path.write_bytes(b""), "cannot be opened"),
    "missing": (lambda path: path.unlink(), "cannot be opened"),
    "lacking": (lambda path: rewrite(path, lambda members: members.pop(LAST)), f"lacks {LAST}"),
    "enlarged": (lambda path: rewrite(path, lambda members: members.update(x=b"")), "no index row for x"),
    "swapped": (lambda path: rewrite(path, swap), "differs from its sha256"),
}


@pytest.mark.parametrize(("damage", "problem"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_zip_is_named(pair: Pair, damage: Callable[[Path], object], problem: str) -> None:
    damage(pair[0])
    with pytest.raises(InputError, match=problem) as caught:
        use(pair)
    assert caught.value.where.startswith(str(pair[0]))


def test_reading_detects_damage_without_verify(pair: Pair) -> None:
    rewrite(pair[0], lambda members: members.update({LAST: b"no picture"}))
    with ImageSet(*pair) as images:
        assert np.array_equal(images.read(0), IMAGES[0])
        with pytest.raises(InputError, match="is not a readable PNG") as caught:
            images.read(5)
        with pytest.raises(InputError, match="is not a readable PNG"):
            images.decode_all(threads=2)
    assert caught.value.where == f"{pair[0]}, member {LAST}"


@pytest.mark.parametrize("mask", [0x01, 0xFF])
def test_flipped_byte_is_detected_or_harmless(tmp_path: Path, mask: int) -> None:
    pair = write(tmp_path, IMAGES[:1, :1, :1])
    sound = pair[0].read_bytes()
    damaged = set()
    for position in range(len(sound)):
        pair[0].write_bytes(sound[:position] + bytes([sound[position] ^ mask]) + sound[position + 1 :])
        try:
            assert np.array_equal(use(pair), IMAGES[:1, :1, :1])
        except InputError as error:
            damaged.add(error.where.partition(", member ")[0])
    assert damaged == {str(pair[0])}


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        ("height", 11, r"has the shape \(12, 10, 3\), the index says \(11, 10, 3\)"),
        ("width", [10] * 5 + [9], "2 sizes"),
    ],
)
def test_index_of_another_shape(pair: Pair, column: str, values: object, problem: str) -> None:
    table = read_table(pair[1], SCHEMA)
    table[column] = np.asarray(values, np.int32)
    write_table(table, pair[1])
    with pytest.raises(InputError, match=problem) as caught:
        use(pair)
    assert caught.value.where.startswith(str(pair[0]))


def test_index_shape_is_checked_image_by_image(pair: Pair) -> None:
    write_table(read_table(pair[1], SCHEMA).assign(width=np.int32(9)), pair[1])
    with ImageSet(*pair) as images, pytest.raises(InputError, match=r"the index says \(12, 9, 3\)"):
        images.read(3)


def altered(path: Path, **columns: object) -> None:
    write_table(read_table(path, SCHEMA).assign(**columns), path)


def flip_label(path: Path) -> None:
    content = path.read_bytes()
    assert b"basophil" in content
    path.write_bytes(content.replace(b"basophil", b"Basophil"))


BAD_INDEX: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: path.unlink(), "cannot be read as Parquet"),
    "no parquet": (lambda path: path.write_bytes(b"image_id,file\n"), "cannot be read as Parquet"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-9]), "cannot be read as Parquet"),
    "another column": (lambda path: altered(path, extra=1), "does not match its schema"),
    "another type": (lambda path: altered(path, width=1.5), "does not match its schema"),
    "another origin": (lambda path: altered(path, origin="drawn"), "does not match its schema"),
    "a name twice": (lambda path: altered(path, file="same"), "does not match its schema"),
    "another letter": (flip_label, "cannot be read as Parquet"),
}


@pytest.mark.parametrize(("damage", "problem"), BAD_INDEX.values(), ids=BAD_INDEX)
def test_bad_index_is_named(pair: Pair, damage: Callable[[Path], object], problem: str) -> None:
    damage(pair[1])
    with pytest.raises(InputError, match=problem) as caught:
        ImageSet(*pair)
    assert caught.value.where == str(pair[1])


TABLE_SCHEMA = pa.DataFrameSchema({"name": pa.Column(str), "n": pa.Column("int64", pa.Check.ge(0))}, strict=True)
TABLE = pd.DataFrame({"name": ["ä", "b"], "n": [1, 2]}, index=[5, 3])


def test_table_round_trip(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_table(TABLE, tmp_path / name)
    assert read_table(tmp_path / "a", TABLE_SCHEMA).equals(TABLE.reset_index(drop=True))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_table_that_breaks_its_schema(tmp_path: Path) -> None:
    write_table(TABLE.assign(n=[1, -1]), tmp_path / "a")
    with pytest.raises(InputError, match=r"greater_than_or_equal_to\(0\)"):
        read_table(tmp_path / "a", TABLE_SCHEMA)


def test_table_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="mixed"):
        write_table(pd.DataFrame({"mixed": [1, {"a": object()}]}), tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
