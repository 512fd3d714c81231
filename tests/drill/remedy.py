"""Follow the instructions of an error message, as a user would."""

import re
import shutil
from pathlib import Path

from drill.running import ProcessResult
from drill.scene import Scene

_FILE = re.compile(r"ERROR (\S+?)(?:, member \S+)?: .*Delete it and run", re.MULTILINE)
_FOLDER = re.compile(r"Delete the folder (\S+) and run")
_GIT = re.compile(r"(\S+\.dvc): .*Check it out from git again")
_AGAIN = re.compile(r"run the same command again|and run again|Run it again|run the command again", re.IGNORECASE)


def follow(result: ProcessResult, scene: Scene) -> list[str]:
    """Follow the instructions in the output of a failed run.

    Returns:
        Descriptions of the steps taken; empty if the output has no instruction.
    """
    steps = []
    if "--unlock" in result.text and "cannot be locked" in result.text:
        scene.snakemake("--unlock")
        steps.append("snakemake --unlock")
    for name in dict.fromkeys(_FILE.findall(result.text)):
        (scene.folder / name).unlink(missing_ok=True)
        steps.append(f"deleted {name}")
    for name in dict.fromkeys(_FOLDER.findall(result.text)):
        shutil.rmtree(scene.folder / name)
        steps.append(f"deleted {name}/")
    for name in dict.fromkeys(_GIT.findall(result.text)):
        scene.project.call("git", "checkout", "--", Path(name))
        steps.append(f"git checkout {name}")
    if not steps and _AGAIN.search(result.text):
        steps.append("ran it again")
    return steps
