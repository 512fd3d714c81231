"""Names of InfoGAN's categorical codes: each code gets the class that the judge sees in its images."""

import logging
from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from hemabalance.errors import InputError
from hemabalance.synthesis.methods.infogan.codes import CodedGenerator
from hemabalance.training.classifier import Classifier

log = logging.getLogger(__name__)

_BATCH = 64


def require_judge(judge: Classifier | None, classes: Sequence[str]) -> Classifier:
    """The judge, which knows all classes.

    Raises:
        InputError: there is no judge, or a class is unknown to it.
    """
    if judge is None:
        remedy = "Pass the classifier that is trained on real training images as SynthesisData.judge"
        raise InputError("generator method infogan", "needs a judge to name its codes after classes", remedy)
    unknown = [name for name in classes if name not in judge.classes]
    if unknown:
        problem = f"does not know {', '.join(unknown)}, after which codes are to be named"
        raise InputError("the judge of generator method infogan", problem, "Train it on images of all classes")
    return judge


@torch.no_grad()
def count_votes(
    generator: CodedGenerator, judge: Classifier, classes: Sequence[str], draws: int, rng: torch.Generator
) -> np.ndarray:
    """How often the judge sees each class in images of each code.

    Args:
        generator: in evaluation mode.
        judge: knows all classes.
        classes: the classes of the generator; a vote for another class does not count.
        draws: number of images of each code.
        rng: of the latents, on the device of the generator.

    Returns:
        int (codes, classes).
    """
    device = generator.code_of_class.device
    votes = np.zeros((len(classes), len(classes)), int)
    for place, code in enumerate(generator.code_of_class.tolist()):
        for first in range(0, draws, _BATCH):
            count = min(_BATCH, draws - first)
            z = torch.randn((count, generator.latent), generator=rng, device=device)
            images: Tensor = generator(generator.encode(z, torch.full((count,), place, device=device)))
            levels = ((images.float() + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)
            labels = judge.predict(levels.permute(0, 2, 3, 1).cpu().numpy())
            votes[code] += [(labels == name).sum() for name in classes]
    return votes


def assign_codes(votes: np.ndarray) -> np.ndarray:
    """The code of each class, int64 (classes,): of all one-to-one assignments the one with the most votes in all."""
    codes, classes = linear_sum_assignment(votes, maximize=True)
    code_of_class: np.ndarray = np.empty(len(votes), np.int64)
    code_of_class[classes] = codes
    return code_of_class


def log_votes(step: int, votes: np.ndarray, code_of_class: np.ndarray, classes: Sequence[str], draws: int) -> None:
    """Log the votes on the code of each class, and the share of its images that the judge gives to the class."""
    for label, code in zip(classes, code_of_class.tolist(), strict=True):
        share = votes[code, classes.index(label)] / draws
        counts = ", ".join(f"{name} {count}" for name, count in zip(classes, votes[code], strict=True) if count)
        message = "infogan, step %d: code %d is %s (%.0f %% of %d images): %s"
        log.info(message, step, code, label, 100 * share, draws, counts)
