"""The undisturbed run with which all others are compared, and copies of it for faults."""

import csv
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import yaml

from drill.faults.fault import PUBLISHED, RAW, Fault
from drill.scene import DRILL, Base, Scene
from helpers.project import OVERLAYS, ROOT, Project, existing_project

# Trainings long enough for a fault in their middle; those of the tests end too quickly.
_LONGER = {
    "stain": {"normalizers": {"wcyclegan_gp": {"steps": 60, "checkpoint_every": 10}}},
    "synthesis": {"generators": {"c_wgan_gp": {"steps": 60, "checkpoint_every": 10}}},
    "classify": {"training": {"steps": 60, "checkpoint_every": 10}},
}
CONFIGS = {"demo": ("demo", OVERLAYS[:1], {}), "tiny": ("tiny", OVERLAYS, _LONGER), "test": ("tiny", OVERLAYS, {})}
"""name -> (name of the run, its overlays, initial content of the drill's own overlay)."""


class Site:
    """A folder with finished runs."""

    def __init__(self, folder: Path, config: str, *, project: Project | None = None) -> None:
        """Use the existing undisturbed run, or create it.

        Args:
            folder: folder of the drill.
            config: one of `CONFIGS`.
            project: a project with a finished run, if there is one.

        Raises:
            RuntimeError: the undisturbed run fails.
        """
        self._folder = folder
        self._run, overlays, self._overlay = CONFIGS[config]
        self._overlays = (*overlays, DRILL)
        self._plain = project.copy(folder / "plain") if project else self._once("plain", self._run_all)
        if project:
            self._write_overlay(self._plain)

    def base(self, kind: str) -> Base:
        """Return the finished run of a kind, see `Fault.base`."""
        times = _times(self._plain.folder / "results" / self._run / "benchmarks")
        if kind == RAW:
            return Base(
                self._once(RAW, self._run_first_stages),
                RAW,
                (*self._overlays, f"{RAW}.yaml"),
                complete=False,
                times=times,
            )
        project = self._once(PUBLISHED, self._publish) if kind == PUBLISHED else self._plain
        return Base(project, self._run, self._overlays, complete=True, times=times)

    def scene(self, fault: Fault, *, seed: int, time_share: float) -> Scene:
        """Return a copy for a fault; see `Scene` for the arguments."""
        workspace = self._folder / "scene"
        shutil.rmtree(workspace, ignore_errors=True)
        workspace.mkdir()
        return Scene(self.base(fault.base), fault.work, workspace, seed=seed, time_share=time_share)

    def _once(self, name: str, build: Callable[[Path], Project]) -> Project:
        folder, marker = self._folder / name, self._folder / f"{name}.complete"
        if marker.exists():
            return existing_project(folder)
        shutil.rmtree(folder, ignore_errors=True)
        project = build(folder)
        marker.touch()
        return project

    def _write_overlay(self, project: Project) -> None:
        (project.folder / DRILL).write_text(yaml.safe_dump(self._overlay))

    def _run_all(self, folder: Path) -> Project:
        """Run the complete workflow."""
        folder.mkdir(parents=True)
        weights = ROOT / "data" / "weights"
        Project.weights = weights if weights.is_dir() else None
        project = Project(folder)
        self._write_overlay(project)
        _require_success(project.snakemake(overlays=self._overlays))
        return project

    def _publish(self, folder: Path) -> Project:
        """Publish the complete run with git and DVC."""
        project = self._plain.copy(folder)
        project.call("git", "init", "--quiet", "--initial-branch", "main")
        project.call("dvc", "init", "--quiet", "--force")
        _require_success(project.hemabalance("publish", "--configfile", "config.yaml", *self._overlays))
        project.call("git", "add", "--all")
        project.call("git", "commit", "--quiet", "--message", "Published")
        return project

    def _run_first_stages(self, folder: Path) -> Project:
        """Run the first stages from local archives."""
        project = self._plain.copy(folder)
        sources = {}
        for source in ("mendeley", "tcia"):
            archive = Path("data", "raw", f"{source}.zip")
            (folder / archive.parent).mkdir(exist_ok=True)
            shutil.copy(folder / "results" / self._run / "phantom" / f"{source}.zip", folder / archive)
            sources[source] = {"origin": "local", "archive": str(archive)}
        (folder / f"{RAW}.yaml").write_text(yaml.safe_dump({"run": RAW, "sources": sources}))
        targets = [f"results/{RAW}/images/{source}.zip" for source in sources]
        _require_success(project.snakemake(*targets, overlays=(*self._overlays, f"{RAW}.yaml")))
        return project


def _require_success(process: "subprocess.CompletedProcess[str]") -> None:
    if process.returncode:
        raise RuntimeError(f"the undisturbed run fails:\n{process.stdout}")


def _times(benchmarks: Path) -> dict[str, float]:
    """Return the run time in seconds of the longest job of each rule."""
    times: dict[str, float] = {}
    for path in benchmarks.rglob("*.tsv"):
        rule = path.relative_to(benchmarks).parts[0]
        with path.open() as handle:
            seconds = float(next(csv.DictReader(handle, delimiter="\t"))["s"])
        times[rule] = max(times.get(rule, 0.0), seconds)
    return times
