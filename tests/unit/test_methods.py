"""The listing of methods, and folders in which something is missing."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import hemabalance.stain.methods as listed
from hemabalance import methods
from hemabalance.config.entries import any_entry
from hemabalance.config.stain import NormalizerEntry
from hemabalance.errors import InputError
from hemabalance.methods import implementation, method_names, modules_of, settings_class, traits_of

SETTINGS = """
from hemabalance.stain.method import NormalizerSettings, NormalizerTraits


class Settings(NormalizerSettings):
    {setting}: int = 1
    \"\"\"A number.\"\"\"


"""
TRAITS = "TRAITS = NormalizerTraits(trains_networks=False, paired=False, invertible=False)\n"
Written = Callable[[str, str], None]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Written]:
    """Writes `__init__.py` of a method in a listing of its own."""
    folder = tmp_path / "hemabalance" / "stain" / "methods"

    def write(name: str, text: str) -> None:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(text)
        (folder / name / "method.py").write_text("BUILT = 3\n")

    monkeypatch.setattr(methods, "PACKAGE", tmp_path / "hemabalance")
    monkeypatch.setattr(listed, "__path__", [str(folder)])
    methods._method_package.cache_clear()
    before = set(sys.modules)
    yield write
    methods._method_package.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("hemabalance.stain.methods."):
            del sys.modules[name]


def test_the_listing_is_of_folders_with_an_init(written: Written, tmp_path: Path) -> None:
    for name in ("second", "first"):
        written(name, "")
    (tmp_path / "hemabalance/stain/methods/__pycache__").mkdir()
    (tmp_path / "hemabalance/stain/methods/empty").mkdir()
    (tmp_path / "hemabalance/stain/methods/helper.py").touch()
    assert method_names("stain") == ("first", "second")


def test_a_folder_that_no_method_can_be_named_after_is_refused(written: Written) -> None:
    written("ac-gan", SETTINGS.format(setting="count") + TRAITS)
    with pytest.raises(InputError, match=r"hemabalance/stain/methods/ac-gan: is no name of a method\. Rename it"):
        method_names("stain")


def test_a_folder_without_its_code_is_refused(written: Written, tmp_path: Path) -> None:
    written("half", SETTINGS.format(setting="count") + TRAITS)
    (tmp_path / "hemabalance/stain/methods/half/method.py").unlink()
    with pytest.raises(InputError, match=r"hemabalance/stain/methods/half: lacks method\.py, which provides `build`"):
        settings_class("stain", "half")


def test_a_method_is_known_by_its_folder(written: Written, tmp_path: Path) -> None:
    written("whole", SETTINGS.format(setting="count") + TRAITS)
    assert settings_class("stain", "whole")().plain == {"count": 1}
    assert not traits_of("stain", "whole").paired
    (tmp_path / "hemabalance/stain/methods/whole/parts").mkdir()
    (tmp_path / "hemabalance/stain/methods/whole/parts/more.py").touch()
    assert implementation("stain", "whole").BUILT == 3
    lead = "hemabalance.stain.methods.whole"
    assert modules_of("stain", "whole") == (lead, f"{lead}.method", f"{lead}.parts.more")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "lacks its settings"),
        ("Settings = 3", "lacks its settings"),
        (SETTINGS.format(setting="count"), "lacks `TRAITS`, see hemabalance/stain/method.py"),
        ("import nothing_like_it", "cannot be imported: ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("class Settings(", "cannot be imported: SyntaxError"),
    ],
)
def test_an_incomplete_folder_is_named(written: Written, text: str, says: str) -> None:
    written("broken", text)
    ask = traits_of if "TRAITS" in says else settings_class
    with pytest.raises(InputError) as caught:
        ask("stain", "broken")
    assert says in str(caught.value)
    assert "hemabalance/stain/methods/broken/__init__.py" in str(caught.value)


def test_an_unknown_method_is_refused_with_those_there_are(written: Written) -> None:
    written("known", "")
    with pytest.raises(InputError, match=r"method nobody: is not in hemabalance/stain/methods\. Choose one of known"):
        settings_class("stain", "nobody")


def test_a_setting_named_like_a_key_of_entries_is_refused(written: Written) -> None:
    written("fine", SETTINGS.format(setting="count") + TRAITS)
    written("greedy", SETTINGS.format(setting="compare") + TRAITS)
    with pytest.raises(InputError, match="method greedy: has a setting 'compare', which is a key of every entry"):
        any_entry("stain", NormalizerEntry)
