"""Source B: AML-Cytomorphology_LMU (Matek et al. 2019, DOI 10.7937/tcia.2019.36f5o9ld), TIFF, fifteen code folders."""

from hemabalance.errors import InputError
from hemabalance.sources import Annotation

ANNOTATIONS = "annotations.dat"
SIDECARS: tuple[str, ...] = (ANNOTATIONS, "abbreviations.txt")


def subtype_of(file_name: str) -> str | None:
    """Return None: file names of this source encode no finer type than their folder."""
    return None


def annotations_of(sidecars: dict[str, bytes]) -> dict[str, Annotation]:
    """Read `annotations.dat`: one line per image, `BAS/BAS_0001.tiff BAS nan nan`.

    The last two columns are two independent re-annotations: `nan` means none (returned as None), `UNC` undecided.

    Raises:
        InputError: a line does not have four columns, or an image has two lines.
    """
    if ANNOTATIONS not in sidecars:
        return {}
    rows: dict[str, Annotation] = {}
    for number, line in enumerate(sidecars[ANNOTATIONS].decode("utf-8", "replace").splitlines(), start=1):
        if not line.strip():
            continue
        columns = line.split()
        where = f"{ANNOTATIONS}, line {number}"
        if len(columns) != 4:
            raise InputError(
                where,
                f"{len(columns)} columns where 4 are expected (path, class, re-annotation, re-annotation): {line!r}",
                "Restore the file from the download",
            )
        path, label, first, second = columns
        if path in rows:
            raise InputError(where, f"a second row for {path}", "Keep one row per image")
        rows[path] = Annotation(label, _or_none(first), _or_none(second))
    return rows


def _or_none(code: str) -> str | None:
    return None if code == "nan" else code
