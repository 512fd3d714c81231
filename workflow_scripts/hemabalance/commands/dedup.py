"""`hemabalance dedup`: find images that are copies of one photograph."""

import argparse
import io
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hemabalance.api.options import cores
from hemabalance.commands.arguments import count
from hemabalance.commands.terminal import printable
from hemabalance.errors import InputError
from hemabalance.files import atomic_path, check_target

if TYPE_CHECKING:
    import pandas as pd

_QUALITY = 80  # of WebP


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    dedup = commands.add_parser(
        "dedup",
        help="find images that are copies of one photograph",
        description="Print the images of which there are copies, within and across folders: equal files, equal pixels, "
        "and recompressed, shifted, rescaled, rotated or mirrored copies. No file is changed. Of each group, `keep` is "
        "the image with the most pixels, then the most bytes; `similarity` is its correlation with another copy.",
    )
    dedup.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="folder, zip or tar of images")
    dedup.add_argument("--report", type=Path, metavar="FILE.html", help="write a page with the copies side by side")
    dedup.add_argument("--out", type=Path, metavar="FILE.csv", help="write the table")
    dedup.add_argument(
        "--min-similarity", type=float, metavar="S",
        help="least similarity of two copies in different pixels, over 0.85 and up to 1; default: 0.92",
    )  # fmt: skip
    dedup.add_argument("--threads", type=count, default=cores(), metavar="N", help="default: all cores")
    dedup.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page and the table, and print the copies; the exit code is 0."""
    for path, suffix in ((args.report, ".html"), (args.out, ".csv")):
        if path is not None:
            if path.suffix.lower() != suffix:
                raise InputError(path, f"does not have the suffix {suffix}", f"Choose a name that ends in {suffix}")
            check_target(path)
    from hemabalance.api.copies import COLUMNS, search_copies
    from hemabalance.report.copies_page import sentence, write_copies_page

    found = search_copies(args.folders, min_similarity=args.min_similarity, threads=args.threads)
    table = found.table.assign(name=_names(found.table, several=len(args.folders) > 1))
    if args.out is not None:
        with atomic_path(args.out) as part:
            table[COLUMNS].to_csv(part, index=False, float_format="%.4f", lineterminator="\n", errors="surrogateescape")
    if args.report is not None:
        write_copies_page(args.report, table, images=found.images, thumbnails=_thumbnails)
    for line in _lines(table):
        print(line)
    print(sentence(table, found.images))
    return 0


def _names(table: "pd.DataFrame", *, several: bool) -> list[str]:
    """The names of images in their folder, below its name if there are several."""
    pairs = zip(table["place"], table["member"], strict=True)
    return [f"{Path(place).name}/{member}" if several else member for place, member in pairs]


def _lines(table: "pd.DataFrame") -> Iterator[str]:
    if table.empty:
        return
    paths = [printable(path) for path in table["path"]]
    width = max(map(len, paths))
    yield f"{'group':>5}  {'path':{width}}  keep  similarity  reason"
    for path, row in zip(paths, table.itertuples(), strict=True):
        keep = "keep" if row.keep else "drop"
        yield f"{row.group:>5}  {path:{width}}  {keep}  {row.similarity:>10.3f}  {row.reason}".rstrip()


def _thumbnails(rows: "pd.DataFrame") -> dict[Hashable, bytes]:
    """Small WebP images, by the index of the rows."""
    from hemabalance.api.contact_sheet import thumbnail
    from hemabalance.api.images import LIMITS
    from hemabalance.config.data import PixelConfig
    from hemabalance.sources.archives import open_archive
    from hemabalance.sources.decode import decode

    found: dict[Hashable, bytes] = {}
    for place, members in rows.groupby("place"):
        indices = dict(zip(members["member"], members.index, strict=True))
        with open_archive(Path(place), LIMITS) as archive:
            for name, data in archive.read(list(indices)):
                buffer = io.BytesIO()
                pixels = decode(data, max_pixels=PixelConfig().max_pixels, min_side=1)[0]
                thumbnail(pixels).save(buffer, "WEBP", quality=_QUALITY)
                found[indices[name]] = buffer.getvalue()
    return found
