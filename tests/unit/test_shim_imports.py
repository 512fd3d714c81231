"""Shims load no large packages that they do not use; in a short job, imports would take most of the time."""

import json
import subprocess
import sys

import pytest

from helpers.project import ROOT, environment_variables
from helpers.shim_imports import LARGE

NETWORKS = "torch"
INCEPTION = "torch torchvision torch_fidelity"
FIGURES = "matplotlib"
TABLE = {
    "balance/balance": "scipy sklearn skimage",  # perceptual hashes; probes; colours
    "classify/across_average": "scipy",  # calibration
    "classify/classify_across": f"{NETWORKS} scipy",  # calibration
    "classify/classify_average": "scipy",  # intervals
    "classify/classify_evaluate": f"{NETWORKS} scipy skimage",  # calibration; outlines of red cells
    "classify/classify_fit": NETWORKS,
    "classify/classify_normalizer": "",
    "classify/classify_protocol_gain": f"{NETWORKS} scipy",  # calibration
    "classify/classify_report": f"{FIGURES} scipy",  # McNemar's test
    "classify/pseudo_labels": f"{NETWORKS} scipy sklearn skimage",  # calibration; the audit, as balance/balance
    "dataset/across_split": "",
    "dataset/fields": "scipy skimage",  # as dataset/scale, whose result it reads
    "dataset/images": "",
    "dataset/manifest": "scipy",  # copies
    "dataset/scale": "scipy skimage",  # outlines of red cells
    "dataset/scarce_split": "",
    "dataset/split": "",
    "metrics/pretrained_weights": INCEPTION,  # the shapes of its weights
    "report/across_report": f"{FIGURES} scipy",
    "report/dataset_report": f"{FIGURES} scipy skimage",  # outlines of red cells
    "report/report": "",
    "report/scarcity_report": f"{FIGURES} scipy",
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
"""Shim -> large packages that its imports load. Packages for single methods or rare cases are imported when used."""


@pytest.fixture(scope="module")
def loaded_packages() -> dict[str, list[str]]:
    environment = environment_variables(ROOT)
    environment["PYTHONPATH"] = f"{ROOT / 'tests'}:{environment['PYTHONPATH']}"
    command = [sys.executable, "-m", "helpers.shim_imports"]
    process = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    packages: dict[str, list[str]] = json.loads(process.stdout)
    return packages


def test_every_shim_is_in_the_table(loaded_packages: dict[str, list[str]]) -> None:
    assert list(loaded_packages) == list(TABLE)


@pytest.mark.parametrize("shim", TABLE)
def test_a_shim_loads_only_the_large_packages_that_it_uses(loaded_packages: dict[str, list[str]], shim: str) -> None:
    assert set(loaded_packages[shim]) == set(TABLE[shim].split())
    assert set(TABLE[shim].split()) <= set(LARGE)
