"""The limit of everything that reads photographs: plain decoding of the same files with as many threads."""

from collections.abc import Sequence
from pathlib import Path

import simplejpeg

from hemabalance.parallel import batched, threaded_map

BATCH = 8


def decode_plainly(files: Sequence[Path], threads: int) -> None:
    """Read and decode JPEGs in full to RGB with libjpeg-turbo, and drop the pixels; damaged files count as decoded."""

    def decode(batch: Sequence[Path]) -> None:
        for file in batch:
            try:
                simplejpeg.decode_jpeg(file.read_bytes())
            except ValueError:
                continue

    for _ in threaded_map(decode, batched(files, BATCH), threads=threads):
        pass
