"""Records of Snakemake and DVC are damaged or lost."""

import random
import shutil
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import yaml

from drill.faults.changes import LARGER_STEP, edit
from drill.faults.fault import PLAIN, PUBLISHED, Fault, cut, first_path
from drill.scene import Scene
from drill.work import CLASSIFIER, TABLES, Work

_MODEL = "leak_free/classifiers/original/seed-1"
NOTHING = Work("nothing", (), (), ("report.html",))
SETTLED = replace(CLASSIFIER, removed=(), outputs=CLASSIFIER.removed)


def records(damage: Callable[[Path, random.Random], None]) -> Callable[[Scene], None]:
    """Damage Snakemake's records of a model, and change a setting of its training."""

    def act(scene: Scene) -> None:
        for name in ("weights.safetensors", "history.jsonl", "training.json"):
            output = f"results/{scene.base.run}/{_MODEL}/{name}"
            encoded = urlsafe_b64encode(output.encode()).decode()
            damage(scene.folder / ".snakemake" / "metadata" / encoded, scene.random)
        edit(scene.folder, LARGER_STEP)
        scene.expect(lambda folder: edit(folder, LARGER_STEP))

    return act


def without_memory(scene: Scene) -> None:
    """Delete all records of Snakemake."""
    shutil.rmtree(scene.folder / ".snakemake")


def hashes(scene: Scene) -> None:
    """Damage the hashes of published files."""
    path = scene.folder / ".snakemake" / "hemabalance" / "hashes.json"
    if not path.exists():
        scene.snakemake("--dry-run")
    cut(path, scene.random, keep_time=False)


def pointer(scene: Scene) -> None:
    """Truncate a `.dvc` file."""
    path = first_path(sorted(scene.results.glob(f"{_MODEL}/weights.safetensors.dvc")), "published model")
    cut(path, scene.random, keep_time=False)


def cache(scene: Scene) -> None:
    """Damage a model in DVC's cache, delete the file, and restore it with DVC."""
    path = first_path(sorted(scene.results.glob(f"{_MODEL}/weights.safetensors")), "published model")
    md5 = yaml.safe_load(path.with_name(path.name + ".dvc").read_text())["outs"][0]["md5"]
    stored = scene.folder / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    content = bytearray(stored.read_bytes())
    content[len(content) // 2] ^= 1
    stored.unlink()
    stored.write_bytes(content)
    path.unlink()
    scene.start(
        [sys.executable, "-m", "dvc", "checkout", "--force", str(path.relative_to(scene.folder)) + ".dvc"]
    ).wait()


def _cut(path: Path, random_source: random.Random) -> None:
    cut(path, random_source, keep_time=False)


def _delete(path: Path, random_source: random.Random) -> None:
    path.unlink()


def _fault(name: str, work: Work, act: Callable[[Scene], None], base: str = PUBLISHED) -> Fault:
    return Fault("memory", name, work, act, base=base)


FAULTS = [
    _fault("a model's records are truncated, a setting changes", SETTLED, records(_cut), base=PLAIN),
    _fault("a model's records are lost, a setting changes", SETTLED, records(_delete), base=PLAIN),
    _fault(".snakemake is lost after a publish", NOTHING, without_memory),
    _fault("the hashes of published files are truncated", TABLES, hashes),
    _fault("a .dvc file is truncated", NOTHING, pointer),
    _fault("a model in DVC's cache is damaged and brought back", NOTHING, cache),
]
