"""The undisturbed run that all others are compared with, and copies of it for faults."""

import csv
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import yaml

from drill.faults.fault import PUBLISHED, RAW, Fault
from drill.scene import DRILL, Base, Scene
from helpers.project import OVERLAYS, ROOT, Project, existing_project

# So long that a fault can come in their middle, where those of the tests are over in a moment.
_LONGER = {
    "stain": {"normalizers": {"wcyclegan_gp": {"steps": 60, "checkpoint_every": 10}}},
    "synthesis": {"generators": {"c_wgan_gp": {"steps": 60, "checkpoint_every": 10}}},
    "classify": {"training": {"steps": 60, "checkpoint_every": 10}},
}
CONFIGS = {"demo": ("demo", OVERLAYS[:1], {}), "tiny": ("tiny", OVERLAYS, _LONGER), "test": ("tiny", OVERLAYS, {})}
"""By name: the run, its overlays, and what the drill's own overlay begins with."""


class Site:
    """A folder with finished runs."""

    def __init__(self, folder: Path, config: str, *, project: Project | None = None) -> None:
        """Take the run that is there, or make one.

        Args:
            folder: of the drill.
            config: one of `CONFIGS`.
            project: a finished one, if there is one already.

        Raises:
            RuntimeError: the undisturbed run fails.
        """
        self._folder = folder
        self._run, overlays, self._own = CONFIGS[config]
        self._overlays = (*overlays, DRILL)
        self._plain = project.copy(folder / "plain") if project else self._once("plain", self._finish)
        if project:
            self._write_own(self._plain)

    def base(self, kind: str) -> Base:
        """A finished run of a kind, see `Fault`."""
        times = _times(self._plain.folder / "results" / self._run / "benchmarks")
        if kind == RAW:
            return Base(self._once(RAW, self._read), RAW, (*self._overlays, f"{RAW}.yaml"), complete=False, times=times)
        project = self._once(PUBLISHED, self._publish) if kind == PUBLISHED else self._plain
        return Base(project, self._run, self._overlays, complete=True, times=times)

    def scene(self, fault: Fault, *, seed: int, hurry: float) -> Scene:
        """A copy for a fault; arguments as `Scene`."""
        place = self._folder / "scene"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        return Scene(self.base(fault.base), fault.work, place, seed=seed, hurry=hurry)

    def _once(self, name: str, make: Callable[[Path], Project]) -> Project:
        folder, done = self._folder / name, self._folder / f"{name}.complete"
        if done.exists():
            return existing_project(folder)
        shutil.rmtree(folder, ignore_errors=True)
        project = make(folder)
        done.touch()
        return project

    def _write_own(self, project: Project) -> None:
        (project.folder / DRILL).write_text(yaml.safe_dump(self._own))

    def _finish(self, folder: Path) -> Project:
        """The whole run."""
        folder.mkdir(parents=True)
        weights = ROOT / "data" / "weights"
        Project.weights = weights if weights.is_dir() else None
        project = Project(folder)
        self._write_own(project)
        _succeed(project.snakemake(overlays=self._overlays))
        return project

    def _publish(self, folder: Path) -> Project:
        """The whole run, under git and DVC."""
        project = self._plain.copy(folder)
        project.call("git", "init", "--quiet", "--initial-branch", "main")
        project.call("dvc", "init", "--quiet", "--force")
        _succeed(project.hemabalance("publish", "--configfile", "config.yaml", *self._overlays))
        project.call("git", "add", "--all")
        project.call("git", "commit", "--quiet", "--message", "Published")
        return project

    def _read(self, folder: Path) -> Project:
        """The first stages, from archives that lie ready."""
        project = self._plain.copy(folder)
        sources = {}
        for source in ("mendeley", "tcia"):
            archive = Path("data", "raw", f"{source}.zip")
            (folder / archive.parent).mkdir(exist_ok=True)
            shutil.copy(folder / "results" / self._run / "phantom" / f"{source}.zip", folder / archive)
            sources[source] = {"origin": "local", "archive": str(archive)}
        (folder / f"{RAW}.yaml").write_text(yaml.safe_dump({"run": RAW, "sources": sources}))
        targets = [f"results/{RAW}/images/{source}.zip" for source in sources]
        _succeed(project.snakemake(*targets, overlays=(*self._overlays, f"{RAW}.yaml")))
        return project


def _succeed(done: "subprocess.CompletedProcess[str]") -> None:
    if done.returncode:
        raise RuntimeError(f"the undisturbed run fails:\n{done.stdout}")


def _times(benchmarks: Path) -> dict[str, float]:
    """Seconds of each rule's longest job."""
    found: dict[str, float] = {}
    for path in benchmarks.rglob("*.tsv"):
        rule = path.relative_to(benchmarks).parts[0]
        with path.open() as handle:
            seconds = float(next(csv.DictReader(handle, delimiter="\t"))["s"])
        found[rule] = max(found.get(rule, 0.0), seconds)
    return found
