"""Fetch the outputs of a job from DVC instead of running the job, if exactly these outputs were published.

A job is identified by its params (settings and code) and by the md5 of its inputs. A seal holds both. If they agree and
DVC has the contents, in its cache or in a remote, the job need not run.
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
    """Fetch the outputs of a job if all of them were published with the job's params and inputs.

    A published archive is fetched in place of a download, whatever the params and inputs.

    Args:
        outputs: of the job; none of them exists.
        inputs: of the job.
        params: as Snakemake records them: the `repr` of each value, sorted.
        state: Snakemake's folder `.snakemake` in the working folder; all paths are relative to that folder.

    Returns:
        Whether all outputs were fetched. If DVC fails, the log gives the reason, and the job must run.
    """
    published = [path for path in outputs if dvc_file(path).is_file()]
    if os.environ.get(SWITCH, "1") == "0" or not outputs or len(published) < len(outputs):
        return False
    try:
        seals = [_valid_seal(path) for path in outputs]
    except InputError as error:
        log.warning("%s", error)
        return False
    hashes = FileHashes(state / CACHE)
    input_hashes = {name: md5 for name in inputs if (md5 := hashes.md5(name)) is not None}
    hashes.save()
    if not all(seal and _matches_job(seal, input_hashes, params) for seal in seals):
        return False
    return _pull(outputs, [seal.md5 for seal in seals if seal], state)


def _valid_seal(path: str) -> Seal | None:
    """The seal of a published file; None if there is no seal, or one of another content."""
    versioned = read_versioned(dvc_file(path))
    return versioned.seal if versioned.seal and versioned.seal.md5 == versioned.md5 else None


def _matches_job(seal: Seal, inputs: Mapping[str, str], params: Sequence[str]) -> bool:
    """Whether a file was made by a job with these inputs and params; always true for an archive, which no job makes."""
    return not seal.record or (seal.inputs == inputs and sorted(seal.record["params"]) == list(params))


def _pull(outputs: Sequence[str], hashes: Sequence[str], state: Path) -> bool:
    result = dvc("pull", "--force", *(str(dvc_file(path)) for path in outputs), state=state)
    complete = all(os.path.isfile(path) and md5_file(path) == md5 for path, md5 in zip(outputs, hashes, strict=True))
    if result.ok and complete:
        return True
    log.info("Published, but DVC cannot fetch the outputs (%s): the job runs", result.reason or "the content differs")
    return False
