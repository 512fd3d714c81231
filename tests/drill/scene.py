"""A copy of a finished run with some files removed, and the operations of faults on it."""

import random
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from drill.mount_namespace import MountNamespace
from drill.results import digests
from drill.running import MissedMomentError, ProcessResult, Running
from drill.verdict import unclear
from drill.work import Work
from helpers.project import Project, command, environment_variables

DRILL = "drill.yaml"
"""Config overlay that faults change."""


class Base:
    """A finished run, the template of scenes.

    Attributes:
        project: its project folder.
        run: its name in the config.
        overlays: overlays of its config.
        complete: whether it has all targets of the config.
        times: run time in seconds of the longest job of each rule.
    """

    def __init__(
        self, project: Project, run: str, overlays: Sequence[str], *, complete: bool, times: Mapping[str, float]
    ) -> None:
        self.project, self.run, self.overlays = project, run, tuple(overlays)
        self.complete, self.times = complete, times
        self.results = project.folder / "results" / run
        self.expected = digests(project.folder, run)


class Scene:
    """The project in which one fault happens.

    Attributes:
        base: the finished run that the scene is a copy of.
        project: project folder of the scene.
        work: files removed from the copy.
        random: seeded generator for times and places.
        expected: path -> sha256 of the results expected at the end.
        disturbed: results of the runs disturbed by the fault.
        wrong: problems found so far.
        error_reported: whether a run has failed with an explanation.
    """

    def __init__(self, base: Base, work: Work, workspace: Path, *, seed: int, time_share: float) -> None:
        """Copy the finished run without the files that `work` removes.

        Args:
            base: the finished run.
            work: files to remove.
            workspace: an empty folder.
            seed: seed of times and places.
            time_share: latest time of a fault, as a share of the usual range.
        """
        self.base, self.work, self._time_share, self._workspace = base, work, time_share, workspace
        self.project = base.project.copy(workspace / "project")
        self.random = random.Random(seed)
        self.expected = dict(base.expected)
        self.complete = base.complete
        self.disturbed: list[ProcessResult] = []
        self.wrong: list[str] = []
        self.error_reported = False
        self.namespace: MountNamespace | None = None
        self._closing = ExitStack()
        self._running: list[Running] = []
        self.targets = work.targets(base.results)
        for path in work.removed_files(self.results):
            path.unlink()

    @property
    def folder(self) -> Path:
        """The project folder as a path outside the mount namespace, if there is one."""
        return self.namespace.outside_path(self.project.folder) if self.namespace else self.project.folder

    @property
    def results(self) -> Path:
        return self.folder / "results" / self.base.run

    def enter(self, namespace: MountNamespace) -> MountNamespace:
        """Start all further runs in a mount namespace."""
        self.namespace = self._closing.enter_context(namespace)
        return namespace

    def start_workflow(self, *, more: Mapping[str, str] | None = None) -> Running:
        """Start the workflow for the targets."""
        return self.start(command(*self.targets, overlays=self.base.overlays), more=more)

    def start(self, arguments: Sequence[str], *, more: Mapping[str, str] | None = None) -> Running:
        """Start a program in the project."""
        log = self._workspace / f"output-{len(self._running)}.txt"
        inside = self.namespace and self.namespace.command_inside(arguments, self.project.folder)
        environment = {**environment_variables(self.project.folder), **(more or {})}
        running = Running(inside or list(arguments), self.project.folder, log, environment)
        self._running.append(running)
        return running

    def snakemake(self, *arguments: str) -> ProcessResult:
        """Run the workflow and wait for its end."""
        return self.start(command(*arguments, overlays=self.base.overlays)).wait()

    def hemabalance(self, *arguments: str) -> Running:
        """Start the `hemabalance` command with the config after its arguments."""
        program = "import sys; from hemabalance.cli import main; sys.exit(main())"
        config = ("--configfile", "config.yaml", *self.base.overlays)
        return self.start([sys.executable, "-c", program, *arguments, *config])

    def moment(self, rule: str) -> float:
        """Return the time of the fault in seconds after the start of a job of `rule`."""
        return self.random.uniform(0.05, 0.8) * self.base.times.get(rule, 4.0) * self._time_share

    def miss(self, running: Running, reason: str) -> NoReturn:
        """Give up this attempt because the moment for the fault is over."""
        running.kill_all()
        raise MissedMomentError(reason)

    def unlock(self) -> None:
        """Unlock the folder after a kill, as Snakemake instructs the user."""
        if any((self.folder / ".snakemake" / "locks").glob("*.lock")):
            self.snakemake("--unlock")

    def record_run(self, result: ProcessResult, *, must_explain: bool = True) -> None:
        """Record the result of a disturbed run; a failed run that was not killed must have explained its error."""
        self.disturbed.append(result)
        if must_explain and result.code != 0:
            self.error_reported = True
            if problem := unclear(result):
                self.wrong.append(problem)

    def expect(self, change: Callable[[Path], object]) -> None:
        """Replace the expected results by those of an undisturbed run of the targets after a change.

        Args:
            change: applies the change to a project folder.
        """
        project = self.base.project.copy(self._workspace / "changed")
        results = project.folder / "results" / self.base.run
        for path in self.work.removed_files(results):
            path.unlink()
        change(project.folder)
        process = project.snakemake(*self.targets, overlays=self.base.overlays)
        if process.returncode:
            raise RuntimeError(f"the undisturbed run after a change fails:\n{process.stdout}")
        outputs = self.work.output_names(self.base.results)
        actual = digests(project.folder, self.base.run)
        self.expected = {name: digest for name, digest in actual.items() if name in outputs}
        self.complete = False

    def actual_results(self) -> dict[str, str]:
        """Return path -> sha256 of all results if all are expected, else of the expected ones."""
        actual = digests(self.folder, self.base.run)
        all_expected = self.expected.keys() >= self.base.expected.keys()
        return actual if all_expected else {name: digest for name, digest in actual.items() if name in self.expected}

    def close(self) -> None:
        """Kill all processes and close the mount namespace."""
        for running in self._running:
            running.kill_all()
        self._closing.close()
