"""The context in which every rule's script runs: log, seeds, threads, state folder, and readable error messages."""

import gc
import hashlib
import json
import logging
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hemabalance.bookkeeping import code_versions, fetch, ledger, locks
from hemabalance.errors import InputError
from hemabalance.files import explain_write_errors, sha256_file
from hemabalance.freed_memory import keep_freed_memory

log = logging.getLogger("hemabalance")

STATE = Path(".snakemake")


@dataclass
class Run:
    """What a shim needs besides its inputs and outputs."""

    settings: Any
    """The rule's part of the validated config, parsed from its canonical JSON."""
    threads: int
    device: dict[str, Any]
    """`device` and `devices` from the rule's resources. They are not settings: a change of device reruns nothing."""
    _state: Callable[[], Path]

    @cached_property
    def state(self) -> Path:
        """Folder for resume points, keyed by settings, code and input data; deleted when the rule succeeds."""
        return self._state()


@contextmanager
def stage(job: Any) -> Iterator[Run]:
    """Run a rule's script: log to its file, set all seeds, and end with one readable message on an `InputError`.

    The content of the inputs is checked against the ledger at the start, and again for changes at the end. A lock
    keeps other processes from running the same job meanwhile.

    Args:
        job: the object that Snakemake passes to a script; needs `params.settings` (canonical JSON with a
            `seed`), `params.code`, `input`, `output`, `log[0]`, `rule`, `threads`, `resources`.

    Raises:
        SystemExit: code 1 after any error, which is written to stderr and to the rule's log; code 0, before the body
            of the script runs, if the outputs were fetched from DVC.
    """
    gc.enable()  # off during the imports, see hemabalance/__init__.py
    settings = json.loads(job.params.settings)
    log_file = Path(job.log[0])
    # Read now, because most modules that the script will run have just been imported.
    edited = code_versions.edited_files(STATE)
    run = Run(
        settings,
        job.threads,
        {name: value for name in ("device", "devices") if (value := job.resources.get(name)) is not None},
        lambda: _state_folder(log_file, _provenance(job, edited), [Path(path) for path in job.input]),
    )
    # A training on several devices starts the script once per device; the first process does the bookkeeping.
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    handlers = _start_log(log_file, mode="w" if first else "a")
    _seed(settings["seed"])
    _limit_threads(job.threads)
    keep_freed_memory()
    try:
        with _job_lock(job) if first else nullcontext():
            input_states = _record_inputs(job) if first else {}
            fetched = first and _fetch_outputs(job)
            if not fetched:
                yield run
            if first:
                _record_outputs(job, input_states, {} if fetched else edited)
                if "state" in run.__dict__:
                    shutil.rmtree(run.state, ignore_errors=True)
        if fetched:
            log.info("Taken from DVC: the outputs were published with the same settings, code and inputs")
            sys.exit(0)
    except InputError as error:
        log.error("%s", error)
        sys.exit(1)
    except Exception:
        log.exception("Rule %s failed because of an error in the program, not in your input", job.rule)
        sys.exit(1)
    finally:
        for handler in handlers:
            logging.getLogger().removeHandler(handler)
            handler.close()


def _job_lock(job: Any) -> AbstractContextManager[None]:
    return locks.job_lock(str(job.output[0]), STATE)


def _record_inputs(job: Any) -> Any:
    return ledger.Ledger(STATE).record_inputs([str(path) for path in job.input], [str(path) for path in job.output])


def _record_outputs(job: Any, input_states: Any, edited: Mapping[str, str]) -> None:
    executed, outputs = _executed_edits(job, edited), [str(path) for path in job.output]
    ledger.Ledger(STATE).record_outputs(input_states, outputs, _params(job), executed)


def _executed_edits(job: Any, edited: Mapping[str, str]) -> list[str]:
    """Files that this process has run in another version than the workflow was started with."""
    return code_versions.executed_files(edited, job.rule)


def _provenance(job: Any, edited: Mapping[str, str]) -> str:
    return "".join([job.params.settings, job.params.code, *(edited[name] for name in _executed_edits(job, edited))])


def _fetch_outputs(job: Any) -> bool:
    """Whether the outputs were fetched from DVC."""
    outputs, inputs = [str(path) for path in job.output], [str(path) for path in job.input]
    return fetch.fetch(outputs, inputs, _params(job), STATE)


def _params(job: Any) -> list[str]:
    """The job's params in the form in which Snakemake records them."""
    return sorted(repr(value) for value in job.params)


def _state_folder(log_file: Path, provenance: str, inputs: Sequence[Path]) -> Path:
    """`results/<run>/.state/<rule>/…/<key>` for the log `results/<run>/logs/<rule>/….log`.

    The key does not cover zips of image sets: the index beside each, also an input, holds the sha256 of every image.
    """
    parts = log_file.with_suffix("").parts
    logs = parts.index("logs")
    digest = hashlib.sha256(provenance.encode())
    for path in inputs:
        if path.suffix != ".zip":
            digest.update(sha256_file(path).encode())
    return Path(*parts[:logs], ".state", *parts[logs + 1 :], digest.hexdigest()[:16])


def _start_log(path: Path, *, mode: str) -> list[logging.Handler]:
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    try:
        with explain_write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(logging.FileHandler(path, mode=mode, encoding="utf-8"))
    except InputError as error:
        sys.exit(f"ERROR {error}")
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
        root.addHandler(handler)
    return handlers


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)


def _limit_threads(threads: int) -> None:
    """Limit the threads of numerical libraries that are not loaded yet."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
