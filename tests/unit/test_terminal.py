"""Commands whose output nobody can read, or only in part; run as processes, because their streams are at stake."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from helpers.archives import write_folder
from helpers.model_folders import ModelFolder

COMMAND = f"{sys.executable} -m hemabalance"


def shell(command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a command line of a shell."""
    return subprocess.run(["bash", "-c", command], env=os.environ | variables, capture_output=True, text=True)


@pytest.fixture
def images(network: ModelFolder, tmp_path: Path) -> Path:
    """A folder of images, one of which has a name that ASCII lacks."""
    name, data = sorted(network.photographs_of("tcia").items())[0]
    return write_folder(tmp_path / "images", {"zelle-größe.tiff": data, Path(name).name: data})


@pytest.mark.parametrize("redirection", ["", ">&-", "2>&-", ">&- 2>&-", "> /dev/full", "2> /dev/full", "| true"])
def test_the_table_is_written_whatever_becomes_of_the_output(
    network: ModelFolder, images: Path, tmp_path: Path, redirection: str
) -> None:
    done = shell(f"{COMMAND} predict {network.folder} {images} --threads 1 --out {tmp_path}/table.csv {redirection}")
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "table.csv")
    assert [Path(path).name for path in table["path"]] == sorted(path.name for path in images.iterdir())
    assert table["predicted"].notna().all()


def test_characters_that_the_terminal_lacks_are_escaped(network: ModelFolder, images: Path, tmp_path: Path) -> None:
    line = f"{COMMAND} predict {network.folder} {images} --threads 1 --out {tmp_path}/table.csv"
    done = shell(line, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert r"zelle-gr\xf6\xdfe.tiff  " in done.stdout
    assert "zelle-größe.tiff" in (tmp_path / "table.csv").read_text("utf-8")


def test_without_a_table_a_full_disk_is_an_error_and_a_reader_that_stops_is_none(
    network: ModelFolder, images: Path
) -> None:
    done = shell(f"{COMMAND} predict {network.folder} {images} --threads 1 > /dev/full")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "standard output: cannot be written (No space left on device)."
    assert "Traceback" not in done.stderr
    assert shell(f"{COMMAND} config > /dev/full").stderr == done.stderr.splitlines()[-1] + "\n"
    assert shell(f"{COMMAND} config | true").stderr == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_command_that_is_stopped_leaves_no_half_written_file(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    program = (
        "import signal, sys, time\n"
        # The tests may run under nohup or in the background, where a shell lets signals be ignored.
        "signal.signal(signal.SIGHUP, signal.SIG_DFL); signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from hemabalance import cli; from hemabalance.files import atomic_path\n"
        "def run(options):\n"
        "    with atomic_path('table.csv') as part:\n"
        "        part.write_text('half'); time.sleep(60)\n"
        "class Slow:\n"
        "    add = staticmethod(lambda commands: commands.add_parser('slow').set_defaults(run=run))\n"
        "cli.COMMANDS = (Slow,)\n"
        "sys.exit(cli.main(['slow']))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "table.csv.part").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv.part"]
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in errors
    assert not list(tmp_path.iterdir())
