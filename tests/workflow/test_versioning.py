"""Publish with DVC and pull elsewhere: up-to-date files are kept, stale files are reported and rebuilt.

DVC's files are copies here; `make acceptance` also tests hard links and symbolic links.
"""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

from drill.faults.changes import merged
from helpers.project import ROOT, Project, existing_project

RUN = Path("results/tiny")
FREE = RUN / "leak_free"
MODEL = FREE / "classifiers" / "original" / "seed-1"
OVERLAYS = ("--configfile", "config.yaml", "profiles/overlays/demo.yaml", "tiny.yaml")
LINK = os.environ.get("HEMABALANCE_LINK", "copy")
TRAINING = {"stain_fit", "source_classifier", "synthesis_fit", "synthesis_judge", "classify_fit"}
LAST = {"all", "report"}


def commit(project: Project, message: str) -> None:
    project.call("git", "add", "--all")
    project.call("git", "commit", "--quiet", "--message", message)


def publish(project: Project) -> str:
    done = project.hemabalance("publish", *OVERLAYS)
    assert done.returncode == 0, done.stdout
    return done.stdout


def stale(plan: str) -> dict[str, str]:
    """Return path -> reason for each file that the plan reports as stale."""
    pairs = (line.removeprefix("Stale: ").split(": ", 1) for line in plan.splitlines() if line.startswith("Stale: "))
    return {path: reason.rstrip(".") for path, reason in pairs}


def change(project: Project, **sections: object) -> None:
    """Change keys of the overlay."""
    path = project.folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(merged(yaml.safe_load(path.read_text()), sections)))


@pytest.fixture(scope="module")
def origin(finished, tmp_path_factory) -> Project:
    """The finished run, published, committed and pushed."""
    folder = tmp_path_factory.mktemp("versions")
    project = finished.copy(folder / "origin")
    project.call("git", "init", "--quiet", "--initial-branch", "main")
    project.call("dvc", "init", "--quiet", "--force")
    project.call("dvc", "remote", "add", "--quiet", "--default", "store", folder / "store")
    project.call("dvc", "config", "--local", "cache.type", LINK)
    commit(project, "The project")
    output = publish(project)
    assert "0 left out" in output
    assert f"published  classify_fit: {3 * 2} files" in output
    commit(project, "Published")
    project.call("dvc", "push", "--quiet")
    return project


def clone(origin: Project, folder: Path, *targets: Path | str, link: str = LINK) -> Project:
    """Return a new clone with the pulled targets, default everything."""
    origin.call("git", "clone", "--quiet", origin.folder, folder)
    project = existing_project(folder)
    project.call("dvc", "config", "--local", "cache.type", link)
    project.call("dvc", "pull", "--quiet", "--recursive", *targets)
    return project


@pytest.fixture
def pulled(origin, tmp_path) -> Project:
    return clone(origin, tmp_path / "clone")


@pytest.mark.parametrize("link", ["copy", "hardlink", "symlink"])
def test_after_clone_and_pull_nothing_runs(origin, tmp_path, link):
    project = clone(origin, tmp_path / "clone", link=link)
    first = project.plan(overlays=OVERLAYS[2:])
    assert "are kept" in first
    assert stale(first) == {}
    assert project.would_run() == set()
    again = project.plan()
    assert "are kept" not in again
    assert project.call("git", "status", "--short") == ""
    assert "up to date" in project.call("dvc", "status")
    shutil.rmtree(project.folder / ".snakemake")
    assert project.would_run() == set()


def test_with_the_archives_alone_every_stage_runs(origin, tmp_path):
    everything = origin.would_run("--forceall") - {"phantom"}
    project = clone(origin, tmp_path / "clone", RUN / "phantom")
    assert project.would_run() == everything


def test_with_the_final_model_alone_its_tables_are_made_and_nothing_trained_again(origin, tmp_path, forked_python):
    project, target = clone(origin, tmp_path / "clone", MODEL), RUN / "tables" / "classify_models.csv"
    (project.folder / f"{target}.dvc").unlink()  # so that one last job must run
    done = project.snakemake(str(target), python=forked_python)
    assert done.returncode == 0, done.stdout
    logs = {path: path.read_text() for path in sorted((project.folder / RUN / "logs").rglob("*.log"))}
    assert [path.name for path, text in logs.items() if "Taken from DVC" not in text] == ["classify_report.log"]
    ran = {path.relative_to(project.folder / RUN / "logs").parts[0].removesuffix(".log") for path in logs}
    assert ran >= TRAINING - {"source_classifier"}
    trainings = sorted((project.folder / RUN).rglob("training.json"))  # these contain the times of trainings
    assert len(trainings) >= 6
    for path in trainings:
        assert path.read_bytes() == (origin.folder / path.relative_to(project.folder)).read_bytes()
    assert project.would_run(str(target)) == set()


def test_a_file_that_dvc_cannot_fetch_is_computed(origin, tmp_path):
    project = clone(origin, tmp_path / "clone", RUN / "phantom", link="copy")
    project.call("dvc", "remote", "modify", "--local", "store", "url", tmp_path / "elsewhere")
    shutil.rmtree(project.folder / ".dvc" / "cache")
    target = str(RUN / "inventory" / "tcia.json")
    done = project.snakemake(target)
    assert done.returncode == 0, done.stdout
    assert "the job runs" in (project.folder / RUN / "logs" / "inventory" / "tcia.log").read_text()
    assert (project.folder / target).read_bytes() == (origin.folder / target).read_bytes()


def test_links_into_a_lost_cache_are_named_and_can_be_pulled_again(origin, tmp_path):
    project = clone(origin, tmp_path / "clone", RUN / "phantom", link="symlink")
    shutil.rmtree(project.folder / ".dvc" / "cache")
    process = project.snakemake("--dry-run")
    assert process.returncode == 1
    assert "mendeley.zip: is a link to what DVC's cache no longer holds, as are " in process.stdout
    assert "run `dvc pull`" in process.stdout
    project.call("dvc", "pull", *sorted((project.folder / RUN / "phantom").glob("*.dvc")))
    assert project.would_run() == origin.would_run("--forceall") - {"phantom"}


def test_a_change_of_config_reruns_what_it_concerns(pulled):
    assert pulled.would_run() == set()
    change(pulled, classify={"training": {"lr": 0.02}})
    assert (
        pulled.would_run() == {"classify_fit", "classify_evaluate", "classify_protocol_gain", "classify_report"} | LAST
    )
    change(pulled, stain={"normalizers": {"wcyclegan_gp": {"width": 8}}})
    would = pulled.would_run()
    assert {"stain_fit", "stain_images", "stain_metrics"} <= would
    assert not would & {"manifest", "images", "split", "inventory", "phantom"}


def test_swapped_values_are_noticed(pulled):
    config = yaml.safe_load((pulled.folder / "tiny.yaml").read_text())
    judge = config["synthesis"]["judge"]
    change(pulled, synthesis={"judge": {"batch": judge["width"], "width": judge["batch"]}})
    assert "synthesis_judge" in pulled.would_run()


def test_an_edit_of_code_reruns_what_imports_it_and_a_comment_nothing(pulled):
    package = pulled.folder / "workflow_scripts" / "hemabalance"
    path = package / "report" / "items.py"
    text = path.read_text()
    path.write_text(text.replace("trim_blocks=True", "trim_blocks = (True)  # a remark").replace(", ", ",  "))
    assert pulled.would_run() == set()
    path.write_text(text.replace("trim_blocks=True", "trim_blocks=False"))
    assert pulled.would_run() == LAST


def test_touching_everything_reruns_nothing(pulled):
    for path in sorted((pulled.folder / "results").rglob("*")):
        if path.is_file() and path.suffix != ".dvc":
            os.utime(path)
    assert pulled.would_run() == set()


@pytest.mark.parametrize("damaged", ["images.zip", "tcia/weights.safetensors"])
def test_one_changed_byte_is_reported(pulled, damaged):
    path = FREE / "stain" / "none" / damaged
    content = bytearray((pulled.folder / path).read_bytes())
    content[len(content) // 2] ^= 1
    (pulled.folder / path).unlink()
    (pulled.folder / path).write_bytes(content)
    plan = pulled.plan()
    assert stale(plan)[str(path)] == f"the content of {path} is not what was published"
    rule = "stain_images" if damaged == "images.zip" else "stain_fit"
    would = pulled.would_run()
    assert {rule, "balance", "classify_fit"} <= would
    assert not would & {"manifest", "images", "split"}


def test_an_earlier_commit_is_the_earlier_state(origin, tmp_path):
    project = clone(origin, tmp_path / "clone")
    assert project.would_run() == set()
    change(project, classify={"evaluation": {"out_of_distribution_quantile": 0.9}})
    commit(project, "Another quantile")
    done = project.snakemake()
    assert done.returncode == 0, done.stdout
    publish(project)
    commit(project, "Published once more")
    written = project.call("git", "diff", "--name-only", "HEAD~1", "HEAD").splitlines()
    assert {Path(name).suffix for name in written} == {".dvc"}
    assert [name for name in written if "stain" in name or "synthesis" in name] == []
    assert project.would_run() == set()
    project.call("git", "checkout", "--quiet", "HEAD~2")
    project.call("dvc", "checkout", "--quiet")
    assert project.would_run() == set()
    project.call("git", "checkout", "--quiet", "main")
    project.call("dvc", "checkout", "--quiet")
    assert project.would_run() == set()


def test_changes_committed_without_building_are_stale_after_a_pull(origin, tmp_path):
    author = clone(origin, tmp_path / "author")
    change(author, classify={"training": {"lr": 0.02}})
    script = author.folder / "workflow_scripts" / "synthesis" / "synthesis_report.py"
    script.write_text(script.read_text() + "\n\nUNUSED = 1\n")
    commit(author, "A larger step and other code, not built")
    project = clone(author, tmp_path / "clone")
    would = project.would_run()
    assert {"classify_fit", "classify_evaluate", "synthesis_report_leak_free", "report"} <= would
    assert not would & {"balance", "stain_fit", "synthesis_fit"}
    said = project.hemabalance("status", *OVERLAYS).stdout
    for rule, files in (("classify_fit", 6), ("synthesis_report_leak_free", 18)):
        assert re.search(rf"^{rule} +0 +0 +{files} +0  params changed$", said, re.MULTILINE), said


def test_republishing_one_file_makes_its_dependants_stale(origin, tmp_path):
    author = clone(origin, tmp_path / "author")
    change(author, classify={"training": {"lr": 0.02}})
    weights = MODEL / "weights.safetensors"
    done = author.snakemake(str(weights))
    assert done.returncode == 0, done.stdout
    process = author.hemabalance("publish", *OVERLAYS, "--", str(weights))
    assert process.returncode == 0, process.stdout
    author.call("dvc", "push", "--quiet")
    commit(author, "One model alone")
    plan = clone(author, tmp_path / "clone").plan()
    republished = [f"its input {MODEL / name} has changed" for name in ("training.json", "weights.safetensors")]
    assert stale(plan)[str(MODEL / "predictions.parquet")].removesuffix(" since it was published") in republished


def test_status_shows_the_state_of_each_stage(origin, tmp_path):
    project = clone(origin, tmp_path / "clone", FREE, RUN / "phantom", RUN / "manifest")
    done = project.hemabalance("status", *OVERLAYS)
    assert done.returncode == 0, done.stdout
    rows = {line.split()[0]: line.split()[1:5] for line in done.stdout.splitlines() if line and line[0].islower()}
    assert rows["manifest"] == ["2", "0", "0", "0"]
    assert rows["report"] == ["0", "1", "0", "0"]
    assert "only in DVC is fetched when its job is due" in done.stdout
    change(project, stain={"normalizers": {"wcyclegan_gp": {"width": 8}}})
    (project.folder / f"{RUN / 'inventory' / 'tcia.json'}.dvc").unlink()
    later = project.hemabalance("status", *OVERLAYS).stdout
    assert re.search(r"^inventory +0 +3 +0 +1$", later, re.MULTILINE)
    assert re.search(r"^stain_fit +8 +0 +8 +0  params changed$", later, re.MULTILINE)
    line = r"^stain_report_leak_free +0 +0 +14 +0  made from \S+, which will be made again$"
    assert re.search(line, later, re.MULTILINE)


def test_metrics_and_plots_are_where_dvc_looks(origin, tmp_path):
    project = clone(origin, tmp_path / "clone", RUN / "tables", RUN / "figures")
    dvc_file = project.folder / "dvc.yaml"
    dvc_file.write_text((ROOT / "dvc.yaml").read_text().replace("results/full", str(RUN)))
    for path in yaml.safe_load(dvc_file.read_text())["plots"]:
        assert (project.folder / path).is_file()
    metrics = project.folder / RUN / "tables" / "metrics.json"
    before = json.loads(metrics.read_text())
    assert set(before) == {"original", "balanced"}
    accuracy = before["original"]["seed-1"]["accuracy"]
    before["original"]["seed-1"]["accuracy"] = accuracy + 0.25
    metrics.unlink()
    metrics.write_text(json.dumps(before))
    metrics_shown = json.loads(project.call("dvc", "metrics", "show", "--json"))
    assert next(iter(metrics_shown[""]["data"].values()))["data"] == before
    commit(project, "Where metrics are")
    changed = json.loads(project.call("dvc", "metrics", "diff", "--json", "HEAD"))
    differences = changed[str(RUN / "tables" / "metrics.json")]
    assert {name: row["diff"] for name, row in differences.items()} == {"original.seed-1.accuracy": pytest.approx(0.25)}
    project.call("dvc", "plots", "show")
    assert "classify_curves.svg" in (project.folder / "dvc_plots" / "index.html").read_text()
