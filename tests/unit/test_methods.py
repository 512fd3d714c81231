"""The registry of methods, and incomplete method folders."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import hemabalance.stain.methods as registry
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
MethodWriter = Callable[[str, str], None]


@pytest.fixture
def write_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MethodWriter]:
    """Function that writes a method's folder in a temporary registry."""
    folder = tmp_path / "hemabalance" / "stain" / "methods"

    def write(name: str, text: str) -> None:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(text)
        (folder / name / "method.py").write_text("BUILT = 3\n")

    monkeypatch.setattr(methods, "PACKAGE", tmp_path / "hemabalance")
    monkeypatch.setattr(registry, "__path__", [str(folder)])
    methods._method_package.cache_clear()
    before = set(sys.modules)
    yield write
    methods._method_package.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("hemabalance.stain.methods."):
            del sys.modules[name]


def test_a_method_is_a_folder_with_an_init(write_method: MethodWriter, tmp_path: Path) -> None:
    for name in ("second", "first"):
        write_method(name, "")
    (tmp_path / "hemabalance/stain/methods/__pycache__").mkdir()
    (tmp_path / "hemabalance/stain/methods/empty").mkdir()
    (tmp_path / "hemabalance/stain/methods/helper.py").touch()
    assert method_names("stain") == ("first", "second")


def test_an_invalid_folder_name_is_refused(write_method: MethodWriter) -> None:
    write_method("ac-gan", SETTINGS.format(setting="count") + TRAITS)
    with pytest.raises(InputError, match=r"hemabalance/stain/methods/ac-gan: is not a valid method name\. Rename it"):
        method_names("stain")


def test_a_folder_without_method_py_is_refused(write_method: MethodWriter, tmp_path: Path) -> None:
    write_method("half", SETTINGS.format(setting="count") + TRAITS)
    (tmp_path / "hemabalance/stain/methods/half/method.py").unlink()
    with pytest.raises(InputError, match=r"hemabalance/stain/methods/half: lacks method\.py, which provides `build`"):
        settings_class("stain", "half")


def test_a_method_is_read_from_its_folder(write_method: MethodWriter, tmp_path: Path) -> None:
    write_method("complete", SETTINGS.format(setting="count") + TRAITS)
    assert settings_class("stain", "complete")().plain == {"count": 1}
    assert not traits_of("stain", "complete").paired
    (tmp_path / "hemabalance/stain/methods/complete/parts").mkdir()
    (tmp_path / "hemabalance/stain/methods/complete/parts/more.py").touch()
    assert implementation("stain", "complete").BUILT == 3
    lead = "hemabalance.stain.methods.complete"
    assert modules_of("stain", "complete") == (lead, f"{lead}.method", f"{lead}.parts.more")


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
def test_an_incomplete_folder_is_an_error(write_method: MethodWriter, text: str, says: str) -> None:
    write_method("broken", text)
    read = traits_of if "TRAITS" in says else settings_class
    with pytest.raises(InputError) as caught:
        read("stain", "broken")
    assert says in str(caught.value)
    assert "hemabalance/stain/methods/broken/__init__.py" in str(caught.value)


def test_an_unknown_method_is_refused_with_the_known_ones(write_method: MethodWriter) -> None:
    write_method("known", "")
    with pytest.raises(InputError, match=r"method nobody: is not in hemabalance/stain/methods\. Choose one of known"):
        settings_class("stain", "nobody")


def test_a_setting_named_like_a_key_of_entries_is_refused(write_method: MethodWriter) -> None:
    write_method("fine", SETTINGS.format(setting="count") + TRAITS)
    write_method("greedy", SETTINGS.format(setting="compare") + TRAITS)
    with pytest.raises(InputError, match="method greedy: has a setting 'compare', which is a key of every entry"):
        any_entry("stain", NormalizerEntry)
