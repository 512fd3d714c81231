"""A private view of the file system, in which disks can be small and folders read-only without harm to anyone."""

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_CALL = 'cd "$0" && exec "$@"'


class NoNamespaceError(Exception):
    """This machine allows no private view."""


class MountNamespace:
    """A mount namespace; use as a context manager."""

    def __init__(self) -> None:
        """Open one, as root or, where the kernel lets users, as the present user.

        Raises:
            NoNamespaceError: with the reason.
        """
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        held = ["unshare", "--mount", "--propagation", "private", *user, "sh", "-c", "echo; exec sleep 86400"]
        try:
            self._holder = subprocess.Popen(held, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
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

    def inside(self, command: Sequence[str], folder: Path) -> list[str]:
        """The command line that runs a command in there."""
        return [*self._enter, "sh", "-c", _CALL, str(folder), *command]

    def seen(self, path: Path) -> Path:
        """Where a path of the room is for those outside."""
        return Path(f"/proc/{self._holder.pid}/root{path}")

    def small_disk(self, folder: Path, size: int) -> None:
        """Put an empty disk of so many bytes in the place of a folder."""
        self._do("mount", "-t", "tmpfs", "-o", f"size={size}", "drill", str(folder))

    def read_only(self, folder: Path) -> None:
        """Let nobody write to a folder; what is open stays so."""
        self._do("mount", "--bind", str(folder), str(folder))
        self._do("mount", "-o", "remount,bind,ro", str(folder))

    def unmount(self, folder: Path) -> None:
        """Undo `read_only`."""
        self._do("umount", "--lazy", str(folder))

    def _do(self, *command: str) -> None:
        done = subprocess.run([*self._enter, *command], capture_output=True, text=True)
        if done.returncode:
            raise NoNamespaceError(f"{command[0]} failed ({done.stderr.strip()})")


def fill(folder: Path) -> Path:
    """Take all that is free on a folder's disk; the file that does."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as handle, suppress(OSError):
        while handle.write(bytes(1 << 16)):
            pass
    return ballast
