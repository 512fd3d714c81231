"""A copy of the project in which the real workflow runs, by default on a very small phantom."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from helpers.forked_snakemake import run_snakemake

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "Snakefile", "rules", "envs", "profiles", "workflow_scripts", "config.yaml", "data", ".gitignore", ".dvcignore",
    ".dvc",
)  # fmt: skip
NETWORKS = {
    "width": 4,
    "critic_width": 4,
    "critic_layers": 1,
    "steps": 3,
    "batch": 2,
    "log_every": 2,
    "checkpoint_every": 2,
}
THESIS = {"like": "wcyclegan_gp", "residual": False, "up": "transposed", "adversarial_weight": 1.0}
SYNTHESIS = {"latent": 4, "width": 4, "log_every": 2, "checkpoint_every": 2, "snapshots": 2, "snapshot_images": 2}
TINY = {
    "run": "tiny",
    "phantom": {"fraction": 0.001, "min_images": 5, "size": 64},
    "images": {"size": 32},
    "stain": {
        "normalizers": {
            "wcyclegan_gp": NETWORKS,
            "wcyclegan_thesis": THESIS,
            **{name: {"compare": []} for name in ("macenko", "vahadane", "pix2pix", "cyclegan", "staingan")},
            "stainnet": {"compare": [], "teacher": "wcyclegan_gp"},
        },
        "pairs": {"train": 4, "test": 4},
        "classifier": {"width": 4, "batch": 8, "steps": 4, "log_every": 2, "checkpoint_every": 2},
        "evaluation": {"max_images": 12, "kid_subset": 4, "folds": 2},
    },
    "synthesis": {
        "normalizer": "none",
        "size": 16,
        "roles": {"rare_below": 7, "rich_from": 8, "enough_from": 13},
        "teacher_images": 4,
        "generators": {
            "c_wgan_gp": SYNTHESIS | {"critic_width": 4, "batch": 4, "steps": 3, "critic_steps": 1},
            "cwgan_gp": {"compare": []},
            "fewshot_meta": SYNTHESIS
            | {"discriminator_width": 4, "encoder_width": 4, "features": 4, "episodes": 3, "inner_steps": 1, "shots": 2}
            | {"adapt_steps": 2, "snapshot_adapt_steps": 1},
            "figr": {"compare": []},
        },
        "judge": {"width": 4, "batch": 8, "steps": 4, "log_every": 2, "checkpoint_every": 2},
        "draws": {"target_per_class": 6, "least": 4, "most_times": 1.0},
        "gate": {"references": 6},
        "evaluation": {"max_images": 4, "kid_subset": 2, "resamples": 10, "pairs": 4},
    },
    "balance": {
        "audit_images": 20,
        "folds": 2,
        "recipes": {"original": {"normalizer": "none"}, "balanced": {"normalizer": "none", "gate": "none"}},
    },
    "classify": {
        "training": {"batch": 4, "steps": 4, "validate_every": 2, "log_every": 2, "checkpoint_every": 2},
        "models": {"senet154_ge": {"groups": 2, "width": 4, "stem": 4}},
        "experiments": {name: {"shown": False} for name in ("logistic_original", "plain", "original_thesis")},
    },
}


AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "nobody"), ("EMAIL", "nobody@example.org"))
}
OVERLAYS = ("profiles/overlays/demo.yaml", "tiny.yaml")


def environment_variables(folder: Path) -> dict[str, str]:
    """Environment variables for processes in a project: its package precedes an installed one."""
    path = [str(folder / "workflow_scripts"), os.environ.get("PYTHONPATH", "")]
    variables = {"PYTHONPATH": os.pathsep.join(filter(None, path)), "COLUMNS": "200"}
    # Not the features that the user keeps.
    variables["HEMABALANCE_FEATURES"] = str(folder / ".snakemake" / "hemabalance" / "features")
    return {**os.environ, **variables}


def snakemake_options(*arguments: str, overlays: tuple[str, ...] = OVERLAYS) -> list[str]:
    """The arguments of snakemake."""
    return ["--cores", "2", *arguments, "--configfile", "config.yaml", *overlays]


def command(*arguments: str, overlays: tuple[str, ...] = OVERLAYS) -> list[str]:
    """The command line of snakemake."""
    return [sys.executable, "-m", "snakemake", *snakemake_options(*arguments, overlays=overlays)]


class Project:
    """A copy of the project in a separate folder."""

    weights: Path | None = None
    """Folder of the weights that the first run downloaded; later projects link them instead of downloading 90 MB."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                ignore = shutil.ignore_patterns("raw", "weights", "cache", "tmp", "config.local")
                shutil.copytree(source, folder / part, ignore=ignore)
            else:
                shutil.copy(source, folder / part)
        (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
        if self.weights is not None:
            shutil.copytree(self.weights, folder / "data" / "weights", dirs_exist_ok=True, copy_function=os.link)

    def snakemake(self, *arguments: str, overlays: tuple[str, ...] = OVERLAYS, python: str | None = None):
        """Run snakemake in the project; the result has `returncode` and `stdout`, which includes stderr.

        `python` runs the scripts, see `helpers.forked_python`; default: this Python.
        """
        environment = environment_variables(self.folder)
        if python or "--dry-run" in arguments:
            options = snakemake_options(*arguments, overlays=overlays)
            return run_snakemake(options, self.folder, environment, python or sys.executable)
        return subprocess.run(
            command(*arguments, overlays=overlays),
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def hemabalance(self, *arguments: object):
        """Run the command `hemabalance` in the project."""
        program = "import sys; from hemabalance.cli import main; sys.exit(main())"
        return subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)],
            cwd=self.folder,
            env=environment_variables(self.folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, *command: object) -> str:
        """Run another program in the project, such as git; return its output. It must succeed."""
        program = [sys.executable, "-m", "dvc"] if command[0] == "dvc" else [str(command[0])]
        done = subprocess.run(
            [*program, *map(str, command[1:])],
            cwd=self.folder,
            env={**environment_variables(self.folder), **AUTHOR},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def plan(self, *arguments: str, **options) -> str:
        """The output of a dry run."""
        done = self.snakemake("--dry-run", *arguments, "--quiet", "reason", **options)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def would_run(self, *arguments: str, **options) -> set[str]:
        """The rules that a dry run would execute."""
        lines = self.plan(*arguments, **options).splitlines()
        return {line.split()[1].rstrip(":") for line in lines if line.startswith(("rule ", "localrule "))}

    def jobs(self, *arguments: str, **options) -> set[tuple[str, str]]:
        """The jobs that a dry run would execute: rule, and wildcards as `name=value, …`."""
        jobs, rule = set(), ""
        for line in [*self.plan(*arguments, **options).splitlines(), "rule end:"]:
            if line.startswith(("rule ", "localrule ")):
                jobs |= {(rule, "")} if rule else set()
                rule = line.split()[1].rstrip(":")
            elif rule and line.strip().startswith("wildcards: "):
                jobs.add((rule, line.partition(": ")[2].strip()))
                rule = ""
        return jobs

    def copy(self, folder: Path) -> "Project":
        """A copy of the project in another folder."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return existing_project(folder)


def existing_project(folder: Path) -> Project:
    """A project whose folder already exists."""
    project = object.__new__(Project)
    project.folder = folder
    return project
