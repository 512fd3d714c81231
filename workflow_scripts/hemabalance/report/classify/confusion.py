"""Figure of the confusion matrix of a training."""

from pathlib import Path

import numpy as np

from hemabalance.report.classify.classifier_results import ClassifierResult
from hemabalance.report.confusion_matrix import confusion_matrix_figure


def confusion_figure(result: ClassifierResult, path: Path) -> None:
    """Draw the confusion matrix of one training on its test images, as `confusion_matrix_figure`."""
    confusion = result.metrics["confusion"]
    heading = f"{result.name}, seed {result.seed}, protocol {result.protocol}"
    confusion_matrix_figure(np.asarray(confusion["counts"], np.int64), confusion["classes"], path, heading=heading)
