"""Cost of versioning: publishing the files of the full config, and `snakemake -n` before and after a pull.

All outputs of the full config are small files except an image set of 60,000 rendered cells. `snakemake --touch` records
them as up to date, which is right only in a benchmark.
"""

import io
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import yaml
from PIL import Image

from helpers.thesis import CLASSES
from hemabalance.bookkeeping.seals import read_versioned
from hemabalance.bookkeeping.summary import summary
from hemabalance.config.run import load_config
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.render import render

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "Snakefile",
    "rules",
    "envs",
    "profiles",
    "workflow_scripts",
    "config.yaml",
    "data",
    ".gitignore",
    ".dvcignore",
)
IMAGES, SIZE, DIFFERENT = 60_000, 128, 600
SET = Path("results/full/leak_free/stain/wcyclegan_gp/images.zip")
AUTHOR = {f"GIT_{who}_{what}": "nobody" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def call(folder: Path, *command: object) -> float:
    """Run a command in a folder; return its time in seconds."""
    start = time.perf_counter()
    subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **AUTHOR, "PYTHONPATH": str(folder / "workflow_scripts")},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - start


def module(folder: Path, *arguments: object) -> float:
    return call(folder, sys.executable, "-m", *arguments)


def publish(folder: Path) -> float:
    return call(folder, sys.executable, "-c", "from hemabalance.cli import main; main(['publish'])")


def plan(folder: Path) -> float:
    return module(folder, "snakemake", "--dry-run", "--quiet", "--cores", 1)


def render_pngs() -> list[bytes]:
    """Return PNGs of rendered cells."""
    labels = [CLASSES[k % len(CLASSES)] for k in range(DIFFERENT)]
    pngs = []
    for image in render(sample_cells(labels, seed=1, first_index=0), "a", shape=(SIZE, SIZE), nuisance=True, threads=1):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        pngs.append(buffer.getvalue())
    return pngs


def write_set(path: Path, pngs: Sequence[bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as out:
        for k in range(IMAGES):
            out.writestr(f"{k:06d}.png", pngs[k % len(pngs)])


def write_finished_project(folder: Path, pngs: Sequence[bytes]) -> int:
    """Create a project in which the full config is up to date; return the number of its output files."""
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("raw", "weights", "__pycache__"))
        else:
            shutil.copy(source, folder / part)
    for source in load_config(yaml.safe_load((folder / "config.yaml").read_text())).sources.values():
        (folder / source.archive).parent.mkdir(parents=True, exist_ok=True)
        (folder / source.archive).write_bytes(os.urandom(1000))
    previous = Path.cwd()
    os.chdir(folder)
    outputs = [output.path for output in summary([])]
    os.chdir(previous)
    for path in outputs:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    write_set(folder / SET, pngs)
    module(folder, "snakemake", "--touch", "--forceall", "--quiet", "--cores", 1)
    return len(outputs)


def bench_versioning(scratch: Path) -> None:
    origin, clone, loose = scratch / "origin", scratch / "clone", scratch / "loose"
    pngs = render_pngs()
    outputs = write_finished_project(origin, pngs)
    for command in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "The project")):
        call(origin, "git", *command)
    module(origin, "dvc", "init", "--quiet")
    module(origin, "dvc", "remote", "add", "--quiet", "--default", "store", scratch / "store")
    size = (origin / SET).stat().st_size / 2**30
    print(f"full config, {outputs} files, one of them a set of {IMAGES:,} images of {SIZE} px ({size:.1f} GiB):")
    print(f"  publish: the first time {publish(origin):.1f} s, again with nothing new {publish(origin):.1f} s")
    unpublish(origin, SET)
    print(f"  the set new, all hashes known: {publish(origin):.1f} s")
    unpublish(origin)
    print(f"  everything new, all hashes known: {publish(origin):.1f} s")
    print(f"  `dvc add` of the same {IMAGES:,} images as single files: {add_single_files(loose, pngs):.1f} s")
    call(origin, "git", "add", "--all")
    call(origin, "git", "commit", "--quiet", "--message", "Published")
    module(origin, "dvc", "push", "--quiet")
    call(scratch, "git", "clone", "--quiet", origin, clone)
    module(clone, "dvc", "pull", "--quiet")
    first, second, third = (plan(clone) for _ in range(3))
    print(f"  snakemake -n: the first after a pull {first:.1f} s, then {second:.1f} and {third:.1f} s")


def unpublish(folder: Path, path: Path | None = None) -> None:
    """Remove one published file, or all, from DVC; the stored hashes stay."""
    contents = folder / ".dvc" / "cache" / "files" / "md5"
    pointers = [folder / f"{path}.dvc"] if path else [*folder.glob("data/**/*.dvc"), *folder.glob("results/**/*.dvc")]
    for pointer in pointers:
        md5 = read_versioned(pointer).md5
        (contents / md5[:2] / md5[2:]).unlink(missing_ok=True)  # several files may have equal content
        pointer.unlink()


def add_single_files(folder: Path, pngs: Sequence[bytes]) -> float:
    """Time `dvc add` of the same images as single files."""
    (folder / "images").mkdir(parents=True)
    for k in range(IMAGES):
        (folder / "images" / f"{k:06d}.png").write_bytes(pngs[k % len(pngs)])
    module(folder, "dvc", "init", "--quiet", "--no-scm")
    return module(folder, "dvc", "add", "--quiet", "images")
