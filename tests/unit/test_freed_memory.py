"""Memory that a job frees is used again without new pages from the operating system."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
from hemabalance.freed_memory import keep_freed_memory
if {keep}:
    print(keep_freed_memory())
np.ones(2**24)  # 128 MiB, freed at once
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    np.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator has the option")


def output_of(*, keep: bool) -> list[str]:
    command = [sys.executable, "-c", PROGRAM.format(keep=keep)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


@glibc
def test_freed_memory_is_used_again() -> None:
    kept, faults = output_of(keep=True)
    assert kept == "True"
    assert int(faults) < 1000


@glibc
def test_without_it_every_large_array_takes_new_pages() -> None:
    (faults,) = output_of(keep=False)
    page = 4096 if platform.machine() == "x86_64" else 65536
    assert int(faults) > 4 * 2**27 / page / 1000  # huge pages of 2 MiB or more are possible
