"""Source A: PBC_dataset_normal_DIB (Acevedo et al. 2020, DOI 10.17632/snkd93bnjr.1), JPEG, eight class folders."""

from hemabalance.sources import Annotation

SIDECARS: tuple[str, ...] = ()


def subtype_of(file_name: str) -> str | None:
    """Return the prefix before the first underscore (`PMY` of `PMY_123456.jpg`), which names the finer cell type."""
    prefix, underscore, _ = file_name.partition("_")
    return prefix if underscore and prefix.isalpha() else None


def annotations_of(sidecars: dict[str, bytes]) -> dict[str, Annotation]:
    """Return no annotations: this source has no annotation file."""
    return {}
