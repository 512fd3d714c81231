"""One fault from its beginning to the verdict."""

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
_NOTHING = "Nothing to be done"


def drill(site: Site, fault: Fault, *, seed: int, say: Callable[[str], None]) -> Outcome:
    """Let a fault happen, run again as a person would, and compare.

    Args:
        site: with the undisturbed runs.
        fault: what happens.
        seed: of moments and places.
        say: is told how it goes on.
    """
    began = time.monotonic()
    outcome = Outcome(fault.kind, fault.name)
    for attempt in range(ATTEMPTS):
        # A fault that came too late comes earlier next time.
        scene = site.scene(fault, seed=seed + attempt, hurry=0.5**attempt)
        try:
            fault.act(scene)
            say("happened")
            _recover(scene, outcome, say)
            outcome.why_not = ""
            break
        except MissedMomentError as error:
            outcome.why_not = f"the moment was missed {attempt + 1} times: {error}"
        except NoNamespaceError as error:
            outcome.why_not = str(error)
            break
        finally:
            scene.close()
    outcome.seconds = time.monotonic() - began
    return outcome


def _recover(scene: Scene, outcome: Outcome, say: Callable[[str], None]) -> None:
    outcome.wrong, outcome.error_reported = scene.wrong, scene.error_reported
    outcome.said = next((told for said in scene.disturbed if (told := message(said))), "")
    runs: list[ProcessResult] = []
    for _ in range(REMEDIES):
        runs.append(scene.snakemake(*scene.targets))
        say(f"run again: exit code {runs[-1].code}")
        if runs[-1].code == 0:
            break
        outcome.error_reported = True
        outcome.said = outcome.said or message(runs[-1])
        if why := unclear(runs[-1]):
            outcome.wrong.append(why)
            return
        if not (done := follow(runs[-1], scene)):
            outcome.wrong.append(f"a run failed and did not say what to do: {message(runs[-1])}")
            return
        say(", ".join(done))
    else:
        outcome.wrong.append(f"it fails again and again: {message(runs[-1])}")
        return
    if scene.complete:
        runs.append(scene.snakemake())
        if runs[-1].code:
            outcome.wrong.append(f"the rest of the run fails: {message(runs[-1])}")
    asked = [] if scene.complete else scene.targets
    if _NOTHING not in runs[-1].text and _NOTHING not in scene.snakemake("--dry-run", *asked).text:
        outcome.wrong.append("a finished run has still something to do")
    outcome.again = jobs_run(runs)
    outcome.wrong += differences(scene.expected, scene.found())
