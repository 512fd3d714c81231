"""Run one fault and determine its outcome."""

import time
from collections.abc import Callable

from drill.faults.fault import Fault
from drill.mount_namespace import NoNamespaceError
from drill.remedy import follow
from drill.results import differences
from drill.running import MissedMomentError, ProcessResult
from drill.scene import Scene
from drill.site import Site
from drill.verdict import Outcome, jobs_run, message, unclear

ATTEMPTS, REMEDIES = 4, 4
_NOTHING_TO_DO = "Nothing to be done"


def drill(site: Site, fault: Fault, *, seed: int, report: Callable[[str], None]) -> Outcome:
    """Inject a fault, run the workflow again as a user would, and compare the results.

    Args:
        site: folder with the undisturbed runs.
        fault: fault to inject.
        seed: seed of times and places.
        report: called with progress messages.
    """
    start = time.monotonic()
    outcome = Outcome(fault.kind, fault.name)
    for attempt in range(ATTEMPTS):
        # After a missed moment the next attempt injects the fault earlier.
        scene = site.scene(fault, seed=seed + attempt, time_share=0.5**attempt)
        try:
            fault.act(scene)
            report("fault injected")
            _recover(scene, outcome, report)
            outcome.skip_reason = ""
            break
        except MissedMomentError as error:
            outcome.skip_reason = f"the moment of the fault was missed {attempt + 1} times: {error}"
        except NoNamespaceError as error:
            outcome.skip_reason = str(error)
            break
        finally:
            scene.close()
    outcome.seconds = time.monotonic() - start
    return outcome


def _recover(scene: Scene, outcome: Outcome, report: Callable[[str], None]) -> None:
    outcome.wrong, outcome.error_reported = scene.wrong, scene.error_reported
    outcome.output_line = next((line for result in scene.disturbed if (line := message(result))), "")
    runs: list[ProcessResult] = []
    for _ in range(REMEDIES):
        runs.append(scene.snakemake(*scene.targets))
        report(f"run again: exit code {runs[-1].code}")
        if runs[-1].code == 0:
            break
        outcome.error_reported = True
        outcome.output_line = outcome.output_line or message(runs[-1])
        if problem := unclear(runs[-1]):
            outcome.wrong.append(problem)
            return
        if not (steps := follow(runs[-1], scene)):
            outcome.wrong.append(f"a run failed without instructions: {message(runs[-1])}")
            return
        report(", ".join(steps))
    else:
        outcome.wrong.append(f"the run still fails after {REMEDIES} attempts: {message(runs[-1])}")
        return
    if scene.complete:
        runs.append(scene.snakemake())
        if runs[-1].code:
            outcome.wrong.append(f"the rest of the run fails: {message(runs[-1])}")
    targets = [] if scene.complete else scene.targets
    if _NOTHING_TO_DO not in runs[-1].text and _NOTHING_TO_DO not in scene.snakemake("--dry-run", *targets).text:
        outcome.wrong.append("a finished run still has jobs to do")
    outcome.jobs_again = jobs_run(runs)
    outcome.wrong += differences(scene.expected, scene.actual_results())
