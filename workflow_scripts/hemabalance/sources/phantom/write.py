"""Render the archive of a source: in the layout of a public archive, or of a laboratory of the config."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from hemabalance.sources.phantom.archive import write_archive
from hemabalance.sources.phantom.laboratory import Laboratory, cell_types_of, write_laboratory
from hemabalance.sources.phantom.plan import SourceName, scaled_counts


def write_source(
    target: Path,
    source: str,
    *,
    laboratory: Mapping[str, Any] | None,
    classes: Sequence[str],
    public_counts: Mapping[str, int] | None,
    phantom: Mapping[str, Any],
    seed: int,
    threads: int,
) -> None:
    """Render the archive of a source.

    Args:
        target: zip file to write; absent after any error.
        source: name of the source.
        laboratory: `config.rendered.rendered_laboratory`; None for an archive of the preset.
        classes: all classes of the run.
        public_counts: images in each folder of the public archive; needed for an archive of the preset.
        phantom: the config section `phantom`.
        seed, threads: as in `archive.write_archive`.

    Raises:
        ValueError, InputError: as `archive.write_archive` and `laboratory.write_laboratory`.
    """
    size = phantom["size"]
    if laboratory is None:
        counts = scaled_counts(public_counts or {}, fraction=phantom["fraction"], min_images=phantom["min_images"])
        write_archive(target, cast(SourceName, source), seed=seed, counts=counts, size=size, threads=threads)
        return
    rendered = Laboratory(
        look=laboratory["look"],
        cell_types=cell_types_of(laboratory["labels"], classes),
        counts=laboratory["counts"],
        patients=laboratory["patients"],
    )
    write_laboratory(target, rendered, seed=seed, size=size, threads=threads)
