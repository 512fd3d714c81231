"""The page of `hemabalance dedup`: copies of photographs side by side, in one HTML file that works offline."""

import base64
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from hemabalance.files import atomic_path
from hemabalance.report.items import environment

SHOWN = 500
"""Most groups that are shown: a page of more is too large for a browser."""

Thumbnails = Callable[[pd.DataFrame], Mapping[Hashable, bytes]]


def sentence(table: pd.DataFrame, images: int) -> str:
    """The result in a line: numbers of images, groups of copies, and images that are not kept."""
    groups, drop = table["group"].nunique(), int((~table["keep"]).sum())
    return f"{images:,} images, {groups:,} groups of copies, {drop:,} to drop"


def write_copies_page(path: Path, table: pd.DataFrame, *, images: int, thumbnails: Thumbnails) -> None:
    """Write the page.

    Args:
        path: HTML file to write.
        table: one row an image that has copies: `group, path, keep, similarity, reason, rotated, mirrored`, as in
            `api.copies.find_copies`, and `name`, which is shown under the image.
        images: number of images that were compared.
        thumbnails: gives the WebP of each row, by the index, of the rows that are shown.

    Raises:
        InputError: as `files.atomic_path`.
    """
    shown = table[table["group"] < SHOWN].sort_values(["group", "keep", "name"], ascending=[True, False, True])
    pictures = thumbnails(shown)
    groups = [
        {"number": number, "images": [_image(row, pictures) for row in rows.itertuples()]}
        for number, rows in shown.groupby("group", sort=True)
    ]
    html = (
        environment()
        .get_template("copies.html")
        .render(sentence=sentence(table, images), images=images, groups=groups, total=table["group"].nunique())
    )
    with atomic_path(path) as part:
        part.write_text(html, "utf-8", "surrogateescape")


def _image(row: Any, pictures: Mapping[Hashable, bytes]) -> dict[str, Any]:
    turned = [f"rotated by {row.rotated}°"] if row.rotated else []
    turned += ["mirrored"] if row.mirrored else []
    return {
        "keep": row.keep,
        "name": row.name,
        "path": row.path,
        "similarity": f"{row.similarity:.3f}",
        "reason": ", ".join([row.reason, *turned]) if row.reason else "",
        "webp": base64.b64encode(pictures[row.Index]).decode("ascii"),
    }
