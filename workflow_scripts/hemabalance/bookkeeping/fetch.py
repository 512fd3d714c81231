"""Take a job's outputs from DVC where somebody has published just these: nobody trains what is trained already.

A job is named by its params (settings and code) and by the md5 of its inputs; a seal has both. Where they are the same
and DVC has the contents, in its cache or in a remote, they are brought here in place of running the job.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hemabalance.bookkeeping.dvc import dvc
from hemabalance.bookkeeping.hashes import FileHashes, md5_file
from hemabalance.bookkeeping.restore import CACHE
from hemabalance.bookkeeping.seals import Seal, dvc_file, read_versioned
from hemabalance.errors import InputError

log = logging.getLogger(__name__)

SWITCH = "HEMABALANCE_FETCH"
"""Environment variable: "0" makes every job compute."""


def fetch(outputs: Sequence[str], inputs: Sequence[str], params: Sequence[str], state: Path) -> bool:
    """Bring a job's outputs, if all of them were published as made by just this job.

    An archive that was published is brought in place of a download.

    Args:
        outputs: of the job; they are not there.
        inputs: of the job.
        params: as Snakemake records them: the `repr` of each value, sorted.
        state: Snakemake's folder `.snakemake` in the working folder, which all paths are from.

    Returns:
        Whether they are there now. Where DVC cannot bring them the log says why, and the job runs.
    """
    published = [path for path in outputs if dvc_file(path).is_file()]
    if os.environ.get(SWITCH, "1") == "0" or not outputs or len(published) < len(outputs):
        return False
    try:
        seals = [_sealed(path) for path in outputs]
    except InputError as error:
        log.warning("%s", error)
        return False
    hashes = FileHashes(state / CACHE)
    input_hashes = {name: md5 for name in inputs if (md5 := hashes.md5(name)) is not None}
    hashes.save()
    if not all(seal and _is_of(seal, input_hashes, params) for seal in seals):
        return False
    return _pulled(outputs, [seal.md5 for seal in seals if seal], state)


def _sealed(path: str) -> Seal | None:
    """The seal of a published file, if it is that of the content under its name."""
    found = read_versioned(dvc_file(path))
    return found.seal if found.seal and found.seal.md5 == found.md5 else None


def _is_of(seal: Seal, inputs: Mapping[str, str], params: Sequence[str]) -> bool:
    """Whether a file was made by a job with these inputs and params, or is an archive, which no job makes."""
    return not seal.record or (seal.inputs == inputs and sorted(seal.record["params"]) == list(params))


def _pulled(outputs: Sequence[str], contents: Sequence[str], state: Path) -> bool:
    done = dvc("pull", "--force", *(str(dvc_file(path)) for path in outputs), state=state)
    there = [os.path.isfile(path) and md5_file(path) == md5 for path, md5 in zip(outputs, contents, strict=True)]
    if done.ok and all(there):
        return True
    log.info("Published, but DVC cannot bring it here (%s): made here", done.why or "its content is another")
    return False
