"""Paths and folders of the user's machine, tried with the real Snakefile."""

import os
import shutil
import subprocess
import sys

import pytest
import yaml

from helpers.project import OVERLAYS, Project, environment_variables, snakemake_options

MORE = (*OVERLAYS, "more.yaml")
INVENTORY = "results/tiny/inventory/tcia.parquet"
SNAKEMAKE = (sys.executable, "-m", "snakemake")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> Project:
    """A project with one inventory."""
    project = Project(tmp_path_factory.mktemp("rendered"))
    assert project.snakemake(INVENTORY).returncode == 0
    return project


def write_config(project, **settings) -> None:
    (project.folder / "more.yaml").write_text(yaml.safe_dump(settings))


def snakemake(project, *arguments, command=SNAKEMAKE, home=None):
    """A new Snakemake: the helper that forks dry runs has this process's environment and its own Python."""
    environment = environment_variables(project.folder)
    environment |= {"HOME": home} if home else {}
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        environment.pop(name, None)
    return subprocess.run(
        [*command, *snakemake_options(*arguments)],
        cwd=project.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("folder", ["lab{2}", "{source} of <results>", "it's o'b \"rien\", $HOME & co"])
def test_an_archive_in_a_folder_of_any_name_is_read(rendered, tmp_path, folder):
    project = rendered.copy(tmp_path / "copy")
    slides = tmp_path / folder
    slides.mkdir()
    shutil.copy(project.folder / "results/tiny/phantom/tcia.zip", slides)
    write_config(project, run="other", sources={"tcia": {"origin": "local", "archive": f"{slides}/tcia.zip"}})
    target = "results/other/inventory/tcia.parquet"
    done = project.snakemake(target, overlays=MORE)
    assert done.returncode == 0, done.stdout
    assert f"{slides}/tcia.zip: not the complete public archive" in done.stdout
    assert "Traceback" not in done.stdout
    assert (project.folder / target).read_bytes() == (project.folder / INVENTORY).read_bytes()
    assert project.would_run(target, overlays=MORE) == set()


def test_the_home_folder_in_a_path_is_replaced(project, tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    shutil.copy(project.folder / "data/exclusions.csv", home / "list.csv")
    write_config(
        project,
        exclusions="$HOME/list.csv",
        sources={"tcia": {"origin": "local", "archive": "~/slides"}, "mendeley": {"origin": "phantom"}},
    )
    (home / "slides").mkdir()
    plan = project.plan("results/tiny/manifest/tcia.parquet", overlays=MORE)
    assert f"input: {home}/slides" in plan
    assert f"{home}/list.csv" in plan


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"exclusions": "lists/mine.csv"}, ["{folder}/lists/mine.csv: no such file", "`exclusions`"]),
        ({"catalogue": "mine.yaml"}, ["{folder}/mine.yaml: no such file", "`catalogue`"]),
        (
            {"sources": {"tcia": {"origin": "local", "archive": "data/lab{2}/a.zip"}}},
            ["{folder}/data/lab{2}/a.zip: does not exist"],
        ),
        ({"exclusions": "$NOT_SET/mine.csv"}, ["'$NOT_SET/mine.csv' names the environment variable $NOT_SET"]),
    ],
)
def test_a_missing_file_is_named_with_its_place_before_any_rule_runs(project, settings, says):
    write_config(project, **settings)
    done = project.snakemake("--dry-run", overlays=MORE)
    assert done.returncode == 1
    assert all(text.replace("{folder}", str(project.folder)) in done.stdout for text in says), done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize("home", ["/dev/null", "/proc/nobody"])
def test_without_a_home_folder_jobs_run_and_caches_are_in_the_project(project, home):
    done = snakemake(project, INVENTORY, home=home)
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout
    cache = project.folder / ".snakemake/hemabalance/cache"
    assert done.stdout.count(f"{home}/.cache/snakemake cannot be written to: {cache} is used for caches") == 1
    assert (project.folder / INVENTORY).exists()


def test_an_environment_that_snakemake_cannot_call_is_refused(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("my environment")
    environment = folder / "it's mine"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    packages = next(environment.glob("lib/python*/site-packages"))
    (packages / "ours.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    done = snakemake(project, INVENTORY, command=(environment / "bin/python", "-m", "snakemake"))
    assert done.returncode == 1
    assert f"{environment}: the path of the Python environment contains" in done.stdout
    assert "Snakemake calls Python without quotes" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (project.folder / "results").exists()


def test_a_project_in_a_folder_with_blanks_and_quotes_runs(project, tmp_path_factory):
    elsewhere = project.copy(tmp_path_factory.mktemp("my slides") / "o'brien & co")
    done = elsewhere.snakemake(INVENTORY)
    assert done.returncode == 0, done.stdout


def test_a_project_in_a_folder_with_braces_is_refused(project, tmp_path_factory):
    elsewhere = project.copy(tmp_path_factory.mktemp("slides") / "lab{2}")
    done = elsewhere.snakemake("--dry-run")
    assert done.returncode == 1
    assert "lab{2}: Snakemake reads braces in the path of the project as wildcards. Move the project" in done.stdout
    assert "Traceback" not in done.stdout


def test_without_git_nothing_is_published(rendered, tmp_path):
    project = rendered.copy(tmp_path / "copy")
    done = subprocess.run(
        [sys.executable, "-m", "hemabalance", "publish"],
        cwd=project.folder,
        env={**environment_variables(project.folder), "PATH": os.path.dirname(sys.executable)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("git: this program is not installed")
    assert "Traceback" not in done.stderr
