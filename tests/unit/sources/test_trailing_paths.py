import pytest

from hemabalance.errors import InputError
from hemabalance.sources.trailing_paths import match_rows

MEMBERS = ["lab/train/a/1.png", "lab/train/b/1.png", "lab/test/a/1.png", "lab/test/a/2.tif"]


def found(*rows: str, members: list[str] = MEMBERS) -> list[str | None]:
    return [match and match.member for match in match_rows(rows, members)]


@pytest.mark.parametrize(
    ("row", "member"),
    [
        ("2.tif", "lab/test/a/2.tif"),
        ("2", "lab/test/a/2.tif"),
        ("2.TIF", "lab/test/a/2.tif"),
        ("b/1.png", "lab/train/b/1.png"),
        ("b/1", "lab/train/b/1.png"),
        ("train/a/1.png", "lab/train/a/1.png"),
        ("./train/a/1.png", "lab/train/a/1.png"),
        ("C:\\data\\Test\\A\\1.PNG", "lab/test/a/1.png"),
        ("/home/u/lab/test/a/1.png", "lab/test/a/1.png"),
        ("elsewhere/2.tif", "lab/test/a/2.tif"),
        ("3.png", None),
        ("c/1.png", None),
        ("", None),
    ],
)
def test_the_longest_unique_trailing_path_decides(row: str, member: str | None) -> None:
    assert found(row) == [member]


def test_a_row_that_fits_two_images_is_refused() -> None:
    with pytest.raises(InputError, match=r"a/1\.png: fits 2 images, such as lab/train/a/1\.png and lab/test/a/1\.png"):
        found("2.tif", "a/1.png")


def test_numbers_that_repeat_in_each_folder_are_not_matched_across_folders() -> None:
    """Rows of a table about more images than are there."""
    assert found("a/7.png", "b/7.png", members=["x/c/7.png"]) == [None, None]
    assert found("a/7.png", "c/7.png", members=["x/c/7.png"]) == [None, "x/c/7.png"]
    assert found("a/7.png", members=["x/c/7.png"]) == ["x/c/7.png"]


def test_a_file_name_with_dots_and_no_extension_is_found() -> None:
    assert found("IM.1.2", members=["a/IM.1.2.png", "a/IM.1.3.png"]) == ["a/IM.1.2.png"]
