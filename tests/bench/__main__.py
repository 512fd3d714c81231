"""`make bench`: print speeds, compared with other packages in the same run. There is no pass or fail.

With DATA=folder the PBC archive there is read; without it, a rendered archive of the same layout.
"""

import argparse
import io
import json
import logging
import os
import platform
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from bench.bench_classify import bench_classify
from bench.bench_predict import bench_predict
from bench.bench_search import bench_search
from bench.bench_stain import bench_transform
from bench.bench_synthesis import bench_synthesis
from bench.bench_training import bench_loop
from bench.bench_versioning import bench_versioning
from bench.decode_limit import decode_plainly
from helpers.project import ROOT
from helpers.thesis import CLASSES
from hemabalance.config.paths import expand_path
from hemabalance.config.run import load_config, read_config_file
from hemabalance.dataset.alignment import same_photograph_scores
from hemabalance.dataset.class_map import class_map
from hemabalance.dataset.dedup import MAX_CANDIDATES, find_copies
from hemabalance.dataset.exclusions import read_exclusions
from hemabalance.dataset.hamming import pairs_within
from hemabalance.dataset.manifest import build_manifest
from hemabalance.dataset.perceptual_hash import perceptual_hash, thumbs_of
from hemabalance.metrics.feature_cache import SWITCH
from hemabalance.sources.archives import Limits, open_archive
from hemabalance.sources.catalogue import load_catalogue
from hemabalance.sources.decode import PixelLimits, UnreadableImage, decode, has_signature
from hemabalance.sources.inventory import take_inventory
from hemabalance.sources.labels import LabelRules
from hemabalance.sources.phantom.archive import write_archive
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.plan import scaled_counts
from hemabalance.sources.phantom.render import render
from hemabalance.torchvision_compat import make_torchvision_importable

WORKERS = 2
REPEATS = 3
PREDICTED = 2000
CONFIG = load_config(read_config_file(ROOT / "config.yaml"))
LIMITS = Limits(**CONFIG.limits.model_dump())
PIXELS = CONFIG.pixels.model_dump()
CATALOGUE = load_catalogue(Path(CONFIG.catalogue))
MAPS = {name: class_map(source.label_settings, CONFIG.classes) for name, source in CONFIG.sources.items()}


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def inventory_of(archive: Path) -> pd.DataFrame:
    table, _ = take_inventory(
        archive,
        LabelRules("mendeley", CONFIG.sources["mendeley"].labels, MAPS["mendeley"]),
        CATALOGUE["mendeley"],
        limits=LIMITS,
        pixels=PixelLimits(**PIXELS),
        threads=WORKERS,
    )
    return table


def run_hemabalance(archive: Path) -> None:
    """Do the work of the rules inventory and manifest for one source."""
    table = inventory_of(archive)
    exclusions = read_exclusions(Path(CONFIG.exclusions), set(table["image_id"]))
    build_manifest(table, exclusions, maps=MAPS, threads=WORKERS, **CONFIG.duplicates.model_dump())


def run_imagededup(folder: Path) -> None:
    """Run imagededup's perceptual hash and search on the same images as single files."""
    make_torchvision_importable()
    from imagededup.methods import PHash

    method = PHash(verbose=False)
    hashes = method.encode_images(image_dir=folder, num_enc_workers=WORKERS)
    method.find_duplicates(encoding_map=hashes, num_dist_workers=WORKERS)


def unpack_images(archive: Path, folder: Path) -> int:
    """Write numbered files for imagededup, which requires a folder; return their number."""
    count = 0
    with open_archive(archive, LIMITS) as images:
        for _, data in images.read([member.name for member in images.members]):
            if has_signature(data):
                (folder / f"{count:06d}.jpg").write_bytes(data)
                count += 1
    return count


def pbc_archive(data: Path, scratch: Path) -> Path:
    archive = data / CATALOGUE["mendeley"].archive
    if not archive.exists():
        archive = scratch / "phantom.zip"
        counts = scaled_counts(CATALOGUE["mendeley"].counts, fraction=0.1, min_images=2)
        write_archive(archive, "mendeley", seed=CONFIG.seed, counts=counts, size=360, threads=WORKERS)
    return archive


def write_enlarged(archive: Path, target: Path, count: int) -> Path:
    """Write the images of an archive and enlarged parts of them, `count` in total, as many as in the public one."""
    rng, written = np.random.default_rng(CONFIG.seed), 0
    with open_archive(archive, LIMITS) as images, zipfile.ZipFile(target, "w") as out:
        for side in (1.0, 0.8, 0.7, 0.6):
            for name, data in images.read([member.name for member in images.members]):
                if written < count and has_signature(data):
                    folder, _, file = name.rpartition("/")
                    out.writestr(f"{folder}/{file.removesuffix('.jpg')}-{side}.jpg", enlarged(data, side, rng))
                    written += 1
    return target


def enlarged(data: bytes, side: float, rng: np.random.Generator) -> bytes:
    """A part of the frame at a random place, at the size of the frame; unreadable images stay as they are."""
    try:
        image, _ = decode(data, max_pixels=CONFIG.pixels.max_pixels, min_side=CONFIG.pixels.min_side)
    except UnreadableImage:
        return data
    if side == 1:
        return data
    height, width = image.shape[:2]
    left, top = rng.uniform(0, 1 - side, 2) * (width, height)
    box = (left, top, left + side * width, top + side * height)
    buffer = io.BytesIO()
    part = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC, box)
    part.save(buffer, "JPEG", quality=90, subsampling=0)
    return buffer.getvalue()


def is_readable(data: bytes) -> bool:
    try:
        decode(data, max_pixels=CONFIG.pixels.max_pixels, min_side=CONFIG.pixels.min_side)
    except UnreadableImage:
        return False
    return True


def bench_manifest(archive: Path, folder: Path, repeats: int) -> None:
    folder.mkdir()
    count = unpack_images(archive, folder)
    files = sorted(folder.iterdir())
    works = (lambda: run_hemabalance(archive), lambda: run_imagededup(folder), lambda: decode_plainly(files, WORKERS))
    rounds = [[seconds(work) for work in works] for _ in range(repeats)]
    ours, peer, decoding = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(theirs / own for own, theirs, _ in rounds)
    share = statistics.median(limit / own for own, _, limit in rounds)
    print(f"manifest with hashes and deduplication, {count} images, {WORKERS} workers, medians of {repeats}:")
    print(
        f"  hemabalance {ours:.1f} s, imagededup PHash {peer:.1f} s, plain decoding {decoding:.1f} s; "
        f"{ratio:.1f} times as fast as imagededup, {100 * share:.0f} % of the speed of plain decoding"
    )


def bench_copies(archive: Path, repeats: int) -> None:
    """Search for copies in all poses against a search in one pose, on the images of an archive."""
    table = inventory_of(archive)
    images = table[table["content"] == "image"]
    thumbs, settings = thumbs_of(images["thumb"]), CONFIG.duplicates

    def one_pose() -> None:
        hashes = perceptual_hash(thumbs)
        left, right, _ = pairs_within(hashes, settings.hash_radius, threads=WORKERS, max_pairs=MAX_CANDIDATES)
        same_photograph_scores(thumbs, left, right, threads=WORKERS)

    def all_poses() -> None:
        find_copies(images, thumbs, threads=WORKERS, **settings.model_dump())

    pairs = [(seconds(one_pose), seconds(all_poses)) for _ in range(repeats)]
    one, eight = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"copies among {len(images)} images: one pose {one:.1f} s, eight poses {eight:.1f} s, medians of {repeats}")


def bench_phantom() -> None:
    labels = [CLASSES[k % len(CLASSES)] for k in range(2000)]
    elapsed = seconds(
        lambda: render(
            sample_cells(labels, seed=CONFIG.seed, first_index=0), "a", shape=(128, 128), nuisance=True, threads=WORKERS
        )
    )
    print(f"phantom, 2,000 images of 128 px, {WORKERS} threads: {elapsed:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="data/raw", help="folder with the PBC archive")
    args = parser.parse_args()
    args.data = Path(expand_path(args.data))
    logging.disable(logging.WARNING)
    os.environ[SWITCH] = "0"  # speeds without features that an earlier run has kept
    print(json.dumps({"machine": platform.processor() or platform.machine(), "python": platform.python_version()}))
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        archive = pbc_archive(args.data, scratch)
        bench_manifest(archive, scratch / "loose", REPEATS)
        photographs = [file for file in sorted((scratch / "loose").iterdir()) if is_readable(file.read_bytes())]
        bench_predict(photographs[:: -(-len(photographs) // PREDICTED)], WORKERS, REPEATS)
        full = sum(CATALOGUE["mendeley"].counts.values())
        bench_manifest(write_enlarged(archive, scratch / "enlarged.zip", full), scratch / "enlarged", 1)
        bench_copies(scratch / "enlarged.zip", REPEATS)
    bench_search((35_000, 1_000_000, 10_000_000), CONFIG.seed, WORKERS)
    bench_phantom()
    bench_loop()
    bench_transform()
    bench_classify()
    with tempfile.TemporaryDirectory() as folder:
        bench_synthesis(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        bench_versioning(Path(folder))


if __name__ == "__main__":
    main()
