"""A Python whose processes are forked from one that has imported PyTorch and pandas.

`python forked_python.py serve SOCKET` is that process. `python -IS forked_python.py SOCKET SCRIPT` runs a script as
`python SCRIPT` would, in a fork of it. Imports take most of the time of a very small job.
"""

import contextlib
import json
import os
import socket
import sys
from typing import Any, NoReturn

# Not hemabalance: each project has its own copy. No packages of which code imports single modules, such as scipy: a
# script that does not import all that it uses must fail.
MODULES = (
    "pandas",
    "pandera.pandas",
    "pyarrow",
    "pydantic",
    "snakemake.iocontainers",
    "snakemake.script",
    "torch",
    "yaml",
)
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def serve(path: str) -> NoReturn:
    """Import the modules, and run a script in a fork for each connection."""
    import importlib
    import signal

    os.environ.update(THREADS)
    for module in MODULES:
        importlib.import_module(module)
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # finished forks are not waited for
    while True:
        connection, _ = server.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            server.close()
            _run(connection)
        connection.close()


def _run(connection: socket.socket) -> NoReturn:
    import atexit
    import runpy
    import traceback

    message, handles, *_ = socket.recv_fds(connection, 2**20, 3)
    while not message.endswith(b"\n"):
        message += connection.recv(2**20)
    call: dict[str, Any] = json.loads(message)
    for number, handle in enumerate(handles):
        os.dup2(handle, number)
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    sys.argv = call["arguments"]
    sys.path[0] = os.path.dirname(sys.argv[0])
    sys.path[1:1] = os.environ["PYTHONPATH"].split(os.pathsep)
    code: Any = 1
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
        if not isinstance(code, int):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    connection.sendall(json.dumps(code if isinstance(code, int) else 1).encode())
    os._exit(0)


def run(path: str, arguments: list[str]) -> int:
    """Run a script in a fork; returns its exit code, 1 if the fork was killed."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    call = {"folder": os.getcwd(), "environment": dict(os.environ), "arguments": arguments}
    socket.send_fds(connection, [json.dumps(call).encode() + b"\n"], [0, 1, 2])
    return int(connection.recv(16) or b"1")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    sys.exit(run(sys.argv[1], sys.argv[2:]))
