"""A job is to load no large package that it does not use: most of a short job's time would go there."""

import json
import subprocess
import sys

import pytest

from helpers.project import ROOT, surroundings
from helpers.shim_imports import LARGE

NETWORKS = "torch"
INCEPTION = "torch torchvision torch_fidelity"
FIGURES = "matplotlib"
TABLE = {
    "balance/balance": "scipy sklearn skimage",  # perceptual hashes; probes; colours
    "classify/classify_evaluate": f"{NETWORKS} scipy",  # calibration
    "classify/classify_fit": NETWORKS,
    "classify/classify_report": f"{FIGURES} scipy",  # McNemar's test
    "dataset/images": "",
    "dataset/manifest": "scipy",  # copies
    "dataset/split": "",
    "metrics/pretrained_weights": INCEPTION,  # which have its shapes
    "report/dataset_report": f"{FIGURES} scipy",  # red cells
    "report/report": "",
    "sources/download": "",
    "sources/inventory": "scipy",  # perceptual hashes
    "sources/phantom": "scipy",  # rendering
    "sources/place": "",
    "stain/pairs": "scipy",  # rendering
    "stain/source_classifier": NETWORKS,
    "stain/stain_fit": NETWORKS,
    "stain/stain_images": NETWORKS,
    "stain/stain_metrics": f"{INCEPTION} scipy sklearn skimage",  # FID; probes; colour differences
    "stain/stain_real": INCEPTION,
    "stain/stain_report": f"{NETWORKS} {FIGURES}",
    "synthesis/synthesis_fit": NETWORKS,
    "synthesis/synthesis_images": f"{INCEPTION} scipy",  # perceptual hashes
    "synthesis/synthesis_judge": NETWORKS,
    "synthesis/synthesis_metrics": f"{INCEPTION} scipy skimage",  # FID; SSIM
    "synthesis/synthesis_real": f"{INCEPTION} scipy",  # perceptual hashes
    "synthesis/synthesis_report": FIGURES,
}
"""Shim -> the large packages that all it imports loads. What a method or a rare case needs is imported when it runs."""


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    environment = surroundings(ROOT)
    environment["PYTHONPATH"] = f"{ROOT / 'tests'}:{environment['PYTHONPATH']}"
    called = [sys.executable, "-m", "helpers.shim_imports"]
    done = subprocess.run(called, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    read: dict[str, list[str]] = json.loads(done.stdout)
    return read


def test_every_shim_is_in_the_table(found: dict[str, list[str]]) -> None:
    assert list(found) == list(TABLE)


@pytest.mark.parametrize("shim", TABLE)
def test_a_shim_loads_the_large_packages_that_it_uses_and_no_other(found: dict[str, list[str]], shim: str) -> None:
    assert set(found[shim]) == set(TABLE[shim].split())
    assert set(TABLE[shim].split()) <= set(LARGE)
