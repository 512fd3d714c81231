"""A finished run of which a part was taken away, and what faults do with it."""

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
"""Overlay that faults change."""


class Base:
    """A finished run, of which scenes are copies.

    Attributes:
        project: the folder.
        run: its name in config.
        overlays: of its config.
        complete: whether it is all that the config asks for.
        times: seconds that the longest job of each rule took.
    """

    def __init__(
        self, project: Project, run: str, overlays: Sequence[str], *, complete: bool, times: Mapping[str, float]
    ) -> None:
        self.project, self.run, self.overlays, self.complete, self.times = (
            project,
            run,
            tuple(overlays),
            complete,
            times,
        )
        self.results = project.folder / "results" / run
        self.expected = digests(project.folder, run)


class Scene:
    """What one fault happens to.

    Attributes:
        base: the finished run that it is a copy of.
        project: a folder of its own.
        work: what was taken away.
        random: seeded, for moments and places.
        expected: what the results must be in the end.
        disturbed: the runs that the fault disturbed.
        wrong: what was not as it should be so far.
        error_reported: whether a run has failed and said why.
    """

    def __init__(self, base: Base, work: Work, place: Path, *, seed: int, hurry: float) -> None:
        """Copy the run without what `work` takes away.

        Args:
            base: see above.
            work: see above.
            place: an empty folder.
            seed: of moments and places.
            hurry: share of the usual time after which a fault may come at the latest.
        """
        self.base, self.work, self._hurry, self._place = base, work, hurry, place
        self.project = base.project.copy(place / "project")
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
        """The project, as seen from outside of the namespace that it may be in."""
        return self.namespace.seen(self.project.folder) if self.namespace else self.project.folder

    @property
    def results(self) -> Path:
        return self.folder / "results" / self.base.run

    def enter(self, namespace: MountNamespace) -> MountNamespace:
        """From now on all runs happen in there."""
        self.namespace = self._closing.enter_context(namespace)
        return namespace

    def start_workflow(self, *, more: Mapping[str, str] | None = None) -> Running:
        """Start the workflow on the targets."""
        return self.start(command(*self.targets, overlays=self.base.overlays), more=more)

    def start(self, arguments: Sequence[str], *, more: Mapping[str, str] | None = None) -> Running:
        """Start any program in the project."""
        log = self._place / f"said-{len(self._running)}.txt"
        called = self.namespace.inside(arguments, self.project.folder) if self.namespace else list(arguments)
        environment = {**environment_variables(self.project.folder), **(more or {})}
        running = Running(called, self.project.folder, log, environment)
        self._running.append(running)
        return running

    def snakemake(self, *arguments: str) -> ProcessResult:
        """Run the workflow to its end."""
        return self.start(command(*arguments, overlays=self.base.overlays)).wait()

    def hemabalance(self, *arguments: str) -> Running:
        """Start the command line, with the config after its arguments."""
        program = "import sys; from hemabalance.cli import main; sys.exit(main())"
        config = ("--configfile", "config.yaml", *self.base.overlays)
        return self.start([sys.executable, "-c", program, *arguments, *config])

    def moment(self, rule: str) -> float:
        """Seconds after the start of a rule's job at which the fault comes."""
        return self.random.uniform(0.05, 0.8) * self.base.times.get(rule, 4.0) * self._hurry

    def miss(self, running: Running, why: str) -> NoReturn:
        """Give up, as the moment is over."""
        running.end()
        raise MissedMomentError(why)

    def unlock(self) -> None:
        """What a person does after a kill whom Snakemake has told so."""
        if any((self.folder / ".snakemake" / "locks").glob("*.lock")):
            self.snakemake("--unlock")

    def disturb(self, said: ProcessResult, *, must_explain: bool = True) -> None:
        """Note how a disturbed run ended; one that was not killed and failed must have said why."""
        self.disturbed.append(said)
        if must_explain and said.code != 0:
            self.error_reported = True
            if why := unclear(said):
                self.wrong.append(why)

    def expect(self, change: Callable[[Path], object]) -> None:
        """From now on expect of this part of the run what an undisturbed one makes of it after a change.

        Args:
            change: makes it, in the project's folder that it is given.
        """
        project = self.base.project.copy(self._place / "changed")
        results = project.folder / "results" / self.base.run
        for path in self.work.removed_files(results):
            path.unlink()
        change(project.folder)
        done = project.snakemake(*self.targets, overlays=self.base.overlays)
        if done.returncode:
            raise RuntimeError(f"the undisturbed run after a change fails:\n{done.stdout}")
        concerned = self.work.concerns(self.base.results)
        made = digests(project.folder, self.base.run)
        self.expected = {name: digest for name, digest in made.items() if name in concerned}
        self.complete = False

    def found(self) -> dict[str, str]:
        """What there is of what is expected, and what is left over beside it."""
        made = digests(self.folder, self.base.run)
        whole = self.expected.keys() >= self.base.expected.keys()
        return made if whole else {name: digest for name, digest in made.items() if name in self.expected}

    def close(self) -> None:
        """End everything."""
        for running in self._running:
            running.end()
        self._closing.close()
