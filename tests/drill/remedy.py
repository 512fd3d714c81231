"""What a person does whom an error tells what to do: just that."""

import re
import shutil
from pathlib import Path

from drill.running import ProcessResult
from drill.scene import Scene

_FILE = re.compile(r"ERROR (\S+?)(?:, member \S+)?: .*Delete it and run", re.MULTILINE)
_FOLDER = re.compile(r"Delete the folder (\S+) and run")
_GIT = re.compile(r"(\S+\.dvc): .*Check it out from git again")
_AGAIN = re.compile(r"run the same command again|and run again|Run it again|run the command again", re.IGNORECASE)


def follow(said: ProcessResult, scene: Scene) -> list[str]:
    """Do what a failed run asks for.

    Returns:
        What was done, in words; empty if it asked for nothing that a person could do.
    """
    done = []
    if "--unlock" in said.text and "cannot be locked" in said.text:
        scene.snakemake("--unlock")
        done.append("snakemake --unlock")
    for name in dict.fromkeys(_FILE.findall(said.text)):
        (scene.folder / name).unlink(missing_ok=True)
        done.append(f"deleted {name}")
    for name in dict.fromkeys(_FOLDER.findall(said.text)):
        shutil.rmtree(scene.folder / name)
        done.append(f"deleted {name}/")
    for name in dict.fromkeys(_GIT.findall(said.text)):
        scene.project.call("git", "checkout", "--", Path(name))
        done.append(f"git checkout {name}")
    if not done and _AGAIN.search(said.text):
        done.append("ran it again")
    return done
