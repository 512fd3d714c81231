"""`hemabalance` without a command."""

import pytest

from hemabalance.cli import COMMANDS, main


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("usage: hemabalance")
    assert all(command.__name__.rpartition(".")[2].replace("_", "-") in printed.out for command in COMMANDS)
    assert printed.err == ""


def test_the_version_is_that_of_the_installed_package(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"hemabalance {version('hemabalance')}\n"
