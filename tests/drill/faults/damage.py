"""Intermediate and final files are damaged, before a run or between stages, with or without a new time stamp."""

import random
from collections.abc import Callable
from pathlib import Path

from drill.faults.fault import Fault, cut, first_path, flip, rewrite
from drill.scene import Scene
from drill.work import CLASSIFIER, STAIN, TABLES, Work

Damage = Callable[[Path, random.Random], None]
_MODEL = "leak_free/classifiers/original/seed-1"
NOTHING = Work("nothing", (), (), ("report.html",))
JUDGED = Work(
    "what a model says",
    ("classify_evaluate",),
    tuple(
        f"{_MODEL}/{name}"
        for name in ("pred*", "cali*", "out_of*", "metrics.json", "expert*", "model.json", "README.md")
    ),
    (f"{_MODEL}/model.json", f"{_MODEL}/metrics.json"),
)


COMPARED = Work(
    "evaluation of a model, and the page about it",
    (*JUDGED.rules, *TABLES.rules),
    (*JUDGED.removed, *TABLES.removed),
    TABLES.requested,
)


def before(pattern: str, damage: Damage) -> Callable[[Scene], None]:
    """Damage a finished file before the next run."""

    def act(scene: Scene) -> None:
        damage(first_path(sorted(scene.results.glob(pattern)), pattern), scene.random)

    return act


def between(pattern: str, rule: str, damage: Damage) -> Callable[[Scene], None]:
    """Damage a file of the current run when the script of a later rule has just started."""

    def act(scene: Scene) -> None:
        running = scene.start_workflow()
        running.wait_for_job(rule)
        damage(first_path(sorted(scene.results.glob(pattern)), pattern), scene.random)
        scene.record_run(running.wait())

    return act


def openly(damage: Callable[..., None]) -> Damage:
    """Let the damage change the modification time."""
    return lambda path, random_source: damage(path, random_source, keep_time=False)


def silently(damage: Callable[..., None]) -> Damage:
    """Let the damage keep the modification time."""
    return lambda path, random_source: damage(path, random_source, keep_time=True)


def digit(path: Path, random_source: random.Random, *, keep_time: bool) -> None:
    """Change the last digit of a number; the file stays readable."""
    content = bytearray(path.read_bytes())
    digits = [k for k in range(1, len(content) - 1) if content[k : k + 1].isdigit() and content[k - 1 : k].isdigit()]
    position = random_source.choice(digits)
    content[position] = content[position] ^ 1
    rewrite(path, bytes(content), keep_time=keep_time)


def _fault(name: str, work: Work, act: Callable[[Scene], None]) -> Fault:
    return Fault("damage", name, work, act)


FAULTS = [
    _fault("a bit of images.zip flips", STAIN, before("images/mendeley.zip", openly(flip))),
    _fault("images.zip is truncated, its time kept", STAIN, before("images/tcia.zip", silently(cut))),
    _fault("a bit of an image set's index flips, its time kept", STAIN, before("images/tcia.parquet", silently(flip))),
    _fault("a bit of the split flips", CLASSIFIER, before("leak_free/split.parquet", openly(flip))),
    _fault("a bit of a classifier's weights flips", JUDGED, before(f"{_MODEL}/weights.safetensors", openly(flip))),
    _fault("the same, their time kept", JUDGED, before(f"{_MODEL}/weights.safetensors", silently(flip))),
    _fault("a classifier's weights are truncated", JUDGED, before(f"{_MODEL}/weights.safetensors", openly(cut))),
    _fault(
        "predictions are truncated, their time kept", TABLES, before(f"{_MODEL}/predictions.parquet", silently(cut))
    ),
    _fault("a digit of a classifier's metrics.json changes", TABLES, before(f"{_MODEL}/metrics.json", openly(digit))),
    _fault("the same, its time kept", TABLES, before(f"{_MODEL}/metrics.json", silently(digit))),
    _fault(
        "weights flip between training and predicting",
        CLASSIFIER,
        between(f"{_MODEL}/weights.safetensors", "classify_evaluate", silently(flip)),
    ),
    _fault(
        "predictions are truncated before they are compared",
        COMPARED,
        between(f"{_MODEL}/predictions.parquet", "classify_report", openly(cut)),
    ),
    _fault("the report is truncated, all being finished", NOTHING, before("report.html", openly(cut))),
    _fault("a finished table's digit changes, its time kept", NOTHING, before("tables/final*", silently(digit))),
]
