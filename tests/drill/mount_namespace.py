"""A private mount namespace, in which disks can be small and folders read-only without effect outside."""

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_CALL = 'cd "$0" && exec "$@"'


class NoNamespaceError(Exception):
    """This machine allows no mount namespace."""


class MountNamespace:
    """A mount namespace; a context manager."""

    def __init__(self) -> None:
        """Open a namespace, as root or, if the kernel allows it, as the current user.

        Raises:
            NoNamespaceError: gives the reason.
        """
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        command = ["unshare", "--mount", "--propagation", "private", *user, "sh", "-c", "echo; exec sleep 86400"]
        try:
            self._holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        except OSError as error:
            raise NoNamespaceError(f"no unshare ({error.strerror})") from error
        assert self._holder.stdout
        assert self._holder.stderr
        if self._holder.stdout.readline() != "\n":
            raise NoNamespaceError(f"no mount namespace ({self._holder.stderr.read().strip()})")
        self._enter = ["nsenter", "--target", str(self._holder.pid), "--mount"]
        if user:
            self._enter += ["--user", "--preserve-credentials"]

    def __enter__(self) -> "MountNamespace":
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.kill()
        self._holder.wait()

    def command_inside(self, command: Sequence[str], folder: Path) -> list[str]:
        """Return the command line that runs a command in the namespace."""
        return [*self._enter, "sh", "-c", _CALL, str(folder), *command]

    def outside_path(self, path: Path) -> Path:
        """Return the path outside the namespace of a path inside it."""
        return Path(f"/proc/{self._holder.pid}/root{path}")

    def small_disk(self, folder: Path, size: int) -> None:
        """Mount an empty disk of `size` bytes over a folder."""
        self._run("mount", "-t", "tmpfs", "-o", f"size={size}", "drill", str(folder))

    def read_only(self, folder: Path) -> None:
        """Make a folder read-only; open files stay writable."""
        self._run("mount", "--bind", str(folder), str(folder))
        self._run("mount", "-o", "remount,bind,ro", str(folder))

    def unmount(self, folder: Path) -> None:
        """Undo `read_only`."""
        self._run("umount", "--lazy", str(folder))

    def _run(self, *command: str) -> None:
        process = subprocess.run([*self._enter, *command], capture_output=True, text=True)
        if process.returncode:
            raise NoNamespaceError(f"{command[0]} failed ({process.stderr.strip()})")


def fill(folder: Path) -> Path:
    """Fill the disk of a folder; return the file that fills it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as handle, suppress(OSError):
        while handle.write(bytes(1 << 16)):
            pass
    return ballast
