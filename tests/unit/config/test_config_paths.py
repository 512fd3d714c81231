"""Paths of the config: home folder and variables are replaced, relative paths stay relative."""

from pathlib import Path

import pytest
from test_config import BASE, merged

from hemabalance.config.paths import expand_path
from hemabalance.config.run import load_config
from hemabalance.errors import InputError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SLIDES", "/slides")
    monkeypatch.delenv("NOWHERE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("data/raw/a.zip", "data/raw/a.zip"),
        ("~/a.zip", "{home}/a.zip"),
        ("~", "{home}"),
        ("$HOME/it's mine/a.zip", "{home}/it's mine/a.zip"),
        ("${SLIDES}/{2}/a.zip", "/slides/{{2}}/a.zip"),
        ("data/a~b$/~/c.zip", "data/a~b$/~/c.zip"),
    ],
)
def test_home_and_variables_are_replaced(written: str, expected: str, home: Path) -> None:
    assert expand_path(written) == expected.format(home=home)


@pytest.mark.parametrize(
    ("written", "says"), [("$NOWHERE/a.zip", "'$NOWHERE/a.zip'"), ("x/${NOWHERE}", "${NOWHERE}, which is not set")]
)
def test_a_variable_that_is_not_set_is_named(written: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        load_config(merged({"sources": {"tcia": {"archive": written}}}))
    assert says in caught.value.problem
    assert "NOWHERE" in caught.value.problem


def test_an_unknown_user_is_named() -> None:
    with pytest.raises(ValueError, match="home folder of 'no-such-user', an unknown user"):
        expand_path("~no-such-user/a.zip")


def test_a_path_that_exists_as_written_stays() -> None:
    Path("$NOWHERE").mkdir()
    Path("~no-such-user").mkdir()
    assert expand_path("$NOWHERE") == "$NOWHERE"
    assert expand_path("~no-such-user") == "~no-such-user"


def test_a_folder_named_like_the_home_folder_does_not_replace_it(home: Path) -> None:
    Path("~").mkdir()
    assert expand_path("~") == str(home)


def test_every_path_of_the_config_is_expanded(home: Path) -> None:
    overlay = {"catalogue": "~/c.yaml", "exclusions": "$HOME/e.csv", "sources": {"tcia": {"archive": "~/a.zip"}}}
    config = load_config(merged(overlay))
    assert (config.catalogue, config.exclusions) == (f"{home}/c.yaml", f"{home}/e.csv")
    assert config.sources["tcia"].archive == f"{home}/a.zip"
    assert load_config(BASE).sources["tcia"].archive == "data/raw/AML-Cytomorphology_LMU.zip"
