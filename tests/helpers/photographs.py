"""Small photographs, archives of them in the layouts of both sources, and manifests from given rows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from PIL import Image

from helpers.thesis import LABEL_SETTINGS, class_maps
from hemabalance.config.sources import LabelsConfig
from hemabalance.dataset.class_map import ClassMap, class_map
from hemabalance.dataset.imageset import ImageSet, write_image_set
from hemabalance.dataset.manifest import build_manifest
from hemabalance.dataset.manifest_table import EXPERTS, SCHEMA
from hemabalance.sources.archives import Limits
from hemabalance.sources.catalogue import SourceEntry
from hemabalance.sources.decode import PixelLimits
from hemabalance.sources.inventory import take_inventory
from hemabalance.sources.labels import LabelRules
from hemabalance.sources.phantom.archive import U8, jpeg, tiff

LIMITS = Limits(max_members=2000, max_member_bytes=1 << 22, max_total_bytes=1 << 28, max_ratio=1000.0)
PIXELS = PixelLimits(max_pixels=100_000, min_side=32, hash="where_needed")
HASH_ALL = replace(PIXELS, hash="all")
SOURCE_ENTRY = SourceEntry(
    title="Cells of a test",
    doi="10.0/test",
    page="https://example.org/cells",
    archive="cells.zip",
    addresses=(),
    how_to_get="press the button",
    bytes=None,
    sha256=None,
    content_sha256=None,
    counts={},
    licence="CC0",
    citation="A. Tester: Cells",
)
NO_EXCLUSIONS = pd.DataFrame({name: pd.array([], "str") for name in ("source", "member", "reason", "who")})
MENDELEY_PREFIX = {"ig": "MY", "neutrophil": "SNE"}


def photograph(seed: int, side: int = 48) -> U8:
    """A smooth image, different for each seed, RGB uint8 (side, side, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def photograph_of(name: str) -> U8:
    """The photograph of `<folder>/<file>`, independent of enclosing folders."""
    return photograph(crc32("/".join(name.split("/")[-2:]).encode()))


def mendeley_files(
    folders: Sequence[str] = ("basophil", "ig", "platelet"), each: int = 2, root: str = "PBC"
) -> dict[str, bytes]:
    names = [
        f"{root}/{folder}/{MENDELEY_PREFIX.get(folder, folder[:2].upper())}_{100 + n}.jpg"
        for folder in folders
        for n in range(each)
    ]
    return {name: jpeg(photograph_of(name)) for name in names}


def tcia_files(
    folders: Sequence[str] = ("BAS", "MYB", "MYO"), each: int = 2, root: str = "AML/cells"
) -> dict[str, bytes]:
    """TIFF files and their annotation file, without re-annotations."""
    names = [f"{root}/{folder}/{folder}_{n + 1:04d}.tiff" for folder in folders for n in range(each)]
    annotations = {f"{root.partition('/')[0]}/annotations.dat": annotation_lines(names)}
    return annotations | {name: tiff(photograph_of(name)) for name in names}


def annotation_lines(names: Sequence[str]) -> bytes:
    relative = ["/".join(name.split("/")[-2:]) for name in names]
    return "".join(f"{name} {name.split('/')[0]} nan nan\n" for name in relative).encode()


def label_rules(source: str = "mendeley", taxonomy: str = "thesis") -> LabelRules:
    """How the preset's sources find their labels."""
    labels = LabelsConfig.from_plain(LABEL_SETTINGS[source]["labels"])
    return LabelRules(source, labels, class_maps(taxonomy)[source])


def own_rules(
    source: str,
    classes: Mapping[str, str | None] | Sequence[str],
    *,
    on_disk: Path | None = None,
    **labels: Any,
) -> LabelRules:
    """How a laboratory's source finds its labels.

    Args:
        source: its name.
        classes: its map; or the classes of the run, of which its labels are names.
        on_disk: the table, if it is no member of the archive.
        labels: the section `labels`.
    """
    config = LabelsConfig(**labels)
    mapped = isinstance(classes, Mapping)
    settings = {"labels": config.plain, "classes": dict(classes) if mapped else {}, "subtypes": {}}
    return LabelRules(source, config, class_map(settings, () if mapped else tuple(classes)), on_disk)


def inventory(
    path: Path,
    source: str | LabelRules = "mendeley",
    *,
    entry: SourceEntry | None = SOURCE_ENTRY,
    pixels: PixelLimits = PIXELS,
    threads: int = 1,
    is_rendered: bool = False,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    rules = label_rules(source) if isinstance(source, str) else source
    return take_inventory(path, rules, entry, limits=LIMITS, pixels=pixels, threads=threads, is_rendered=is_rendered)


def manifest_of(
    *inventories: pd.DataFrame,
    exclusions: pd.DataFrame = NO_EXCLUSIONS,
    maps: Mapping[str, ClassMap] | None = None,
) -> pd.DataFrame:
    """The manifest with the settings of config.yaml, indexed by image_id."""
    table = build_manifest(
        pd.concat(inventories, ignore_index=True),
        exclusions,
        maps=class_maps() if maps is None else maps,
        hash_radius=12,
        min_correlation=0.965,
        threads=1,
    )
    return table.set_index("image_id", drop=False)


def manifest_from_rows(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """A manifest from partial rows: `image_id` (`<source>/<folder>/<file>`), `label`, `status`, `expert_1`, ..."""
    experts = sorted({name for row in rows for name in row if re.fullmatch(EXPERTS, name)})
    dtypes = {name: str(column.dtype) for name, column in SCHEMA.columns.items() if name != EXPERTS}
    dtypes |= dict.fromkeys(experts, "str")
    complete_rows = []
    for row in rows:
        source, folder, file = row["image_id"].split("/")
        kept = row.get("status", "kept") == "kept"
        complete_rows.append(
            dict.fromkeys(dtypes)
            | {"source": source, "label_raw": folder, "member": f"set/{folder}/{file}", "bytes": 9, "sha256": "0" * 64}
            | {
                "status": "kept",
                "reason": "" if kept else "reason of the test",
                "group_id": row["image_id"] if kept else None,
            }
            | row
        )
    return SCHEMA.validate(pd.DataFrame(complete_rows, columns=list(dtypes)).astype(dtypes))


def image_set(folder: Path, labels: Mapping[str, str], size: int = 16) -> ImageSet:
    """An open image set with one image per image_id."""
    rows = pd.DataFrame(sorted(labels.items()), columns=["image_id", "label"], dtype="str")
    rows = rows.assign(source="mendeley", origin="real", provenance="{}").astype({"source": "str"})
    images = [photograph(seed, size) for seed in range(len(rows))]
    write_image_set(folder / "set.zip", folder / "set.parquet", rows, images, threads=1)
    return ImageSet(folder / "set.zip", folder / "set.parquet")
