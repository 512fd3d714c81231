"""`hemabalance config`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hemabalance.cli import main

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "120")


def output_of(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(["config", *arguments]) == code
    captured = capsys.readouterr()
    return captured.err if code else captured.out


def test_a_value_is_printed_with_default_range_and_description(capsys: pytest.CaptureFixture[str]) -> None:
    assert output_of(capsys, "seed").splitlines() == [
        "seed: 2022   (whole number >= 0 and < 4294967296)",
        "    Seed of all random numbers.",
    ]
    text = output_of(capsys, "stain.normalizers.wcyclegan_gp.critic_steps")
    assert "critic_steps: 2   (whole number >= 1 and <= 20)\n    Updates of the critics" in text


def test_an_entry_is_printed_with_its_keys_and_the_settings_of_its_method(capsys: pytest.CaptureFixture[str]) -> None:
    text = output_of(capsys, "stain.normalizers.wcyclegan_gp")
    assert text.startswith("W-CycleGAN-GP (thesis §3.4)")
    for line in ("direction: ", "betas: [0.5, 0.9]   (list of 2: number >= 0 and < 1)", 'up: "resize"   (transposed, '):
        assert f"\n{line}" in text


def test_a_section_of_entries_lists_the_methods(capsys: pytest.CaptureFixture[str]) -> None:
    text = output_of(capsys, "stain.normalizers")
    assert "`hemabalance config stain.normalizers.NAME`" in text
    assert "\n  reinhard: Reinhard 2001" in text
    assert "\ndirection: " in text
    assert "critic_steps" not in text


def test_an_entry_of_the_config_file_is_found_by_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text("stain: {normalizers: {ours: {method: cyclegan}, then: {like: ours}}}")
    monkeypatch.chdir(tmp_path)
    assert output_of(capsys, "stain.normalizers.then").startswith("CycleGAN")
    assert "did you mean 'blocks'" in output_of(capsys, "stain.normalizers.then.block", code=1)


def test_every_section_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Follow the commands that the output names for each section."""
    todo, keys = [""], set()
    while todo:
        text = output_of(capsys, *([todo[0]] if todo[0] else []))
        assert text.strip()
        keys.add(todo.pop(0))
        lead = "    `hemabalance config "
        todo += [line.removeprefix(lead).rstrip("`") for line in text.splitlines() if line.startswith(lead)]
    assert {"stain", "stain.evaluation", "synthesis.gate", "sources", "limits"} <= keys


def test_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads(output_of(capsys, "--schema"))
    assert {"stain", "synthesis", "classify"} <= schema["properties"].keys()
    entry = json.loads(output_of(capsys, "stain.normalizers.reinhard", "--schema"))
    assert entry["properties"]["least_contrast"]["default"] == 2.0
    assert "is a value, not a section" in output_of(capsys, "seed", "--schema", code=1)


def test_an_unknown_key_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert "stain has no 'normaliser', did you mean 'normalizers'" in output_of(capsys, "stain.normaliser", code=1)
    assert "seed has no 'x'" in output_of(capsys, "seed.x", code=1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "stain: {normalizers: {a: {like: b}}}",
            "stain.normalizers.a.like is 'b', which is not one of the other entries",
        ),
        ("- 1", "contains no keys"),
        ("a: [", "is not valid YAML"),
    ],
)
def test_an_invalid_config_file_is_an_error(
    text: str, says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert says in output_of(capsys, "seed", code=1)
    (tmp_path / "config.yaml").write_text("stain: {normalizers: [1]}")
    assert output_of(capsys, "seed").startswith("seed: 2022")


@pytest.mark.parametrize("arguments", ["--schema", ""])
def test_a_closed_pipe_is_no_error(arguments: str) -> None:
    program = f"{sys.executable} -c 'import sys; from hemabalance.cli import main; sys.exit(main())' config {arguments}"
    done = subprocess.run(
        ["bash", "-c", f"{program} | head -n 1"], capture_output=True, text=True, cwd=ROOT, env=os.environ, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
