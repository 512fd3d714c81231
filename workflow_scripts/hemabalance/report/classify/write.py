"""All tables, comparisons and figures of a page about balanced sets and classifiers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemabalance.classify.compare import write_comparison
from hemabalance.classify.predictions import read_predictions
from hemabalance.dataset.imageset import ImageSet
from hemabalance.report.classify.classifier_results import ClassifierResult, read_classifier_results
from hemabalance.report.classify.comparison_results import read_comparison_results
from hemabalance.report.classify.confusion import confusion_figure
from hemabalance.report.classify.examples import examples_figure, mistakes_figure
from hemabalance.report.classify.experiments import (
    balance_outputs,
    experiment_figures,
    experiment_tables,
    firsts,
    part_figure,
)


@dataclass(frozen=True)
class Files:
    """What a page is made of; all but the audits have one file a training, in the order of the trainings.

    Attributes:
        audits: `audit.json` of each balanced set.
        metrics, training, predictions, expert_agreements, histories: of each training.
    """

    audits: Sequence[Path]
    metrics: Sequence[Path]
    training: Sequence[Path]
    predictions: Sequence[Path]
    expert_agreements: Sequence[Path]
    histories: Sequence[Path]


def write_classify_report(
    *,
    experiments: Sequence[Mapping[str, Any]],
    comparisons: Sequence[Mapping[str, Any]],
    pictures: Mapping[str, Mapping[str, str]],
    parts: Mapping[str, str],
    whole: str,
    ablations: Sequence[Mapping[str, Any]],
    question: Sequence[str] | None,
    files: Files,
    sets: Mapping[str, ImageSet],
    out: Mapping[str, Path],
    seed: int,
) -> None:
    """Compare experiments, and write all that a page shows of them and of the sets that they learned from.

    Args:
        experiments: the trainings, as `scored.read_classifier_results` takes them.
        comparisons: `names` of two experiments, and their `protocol`.
        pictures: experiment -> `of`, its heading, and `images`, the name of the set with its test images.
        parts: experiment that leaves a part out -> what it is called.
        whole: the experiment that they are drawn beside.
        ablations, question: as for `experiments.experiment_tables`.
        files: what was made of each training.
        sets: normalised real images by name.
        out: `comparison_<a>_and_<b>` -> JSON to write; `balance_<name>`, `table_<name>` and `figure_<name>` as
            `experiments` has them without the first word; `<confusion, examples, mistakes>_<experiment>` for each of
            `pictures`, `classes_<experiment>` for each of `parts` -> SVG to write.
        seed: of resamples, and of the choice of images.

    Raises:
        InputError: a file is missing, damaged or of other test images, or the disk is full.
    """
    balance_outputs(files.audits, _beginning("balance_", out))
    scored = read_classifier_results(experiments, files.metrics, files.training)
    compared = read_comparison_results(
        [pair["protocol"] for pair in comparisons], _compared(comparisons, scored, files, out, seed)
    )
    experiment_tables(scored, compared, files.expert_agreements, ablations, question, _beginning("table_", out))
    experiment_figures(scored, compared, files.histories, ablations, question, _beginning("figure_", out))
    trained = firsts(scored)
    first = {one.name: path for one, path in zip(reversed(scored), reversed(files.predictions), strict=True)}
    for name, shown in pictures.items():
        of, images, predictions = shown["of"], sets[shown["images"]], read_predictions(first[name])
        confusion_figure(trained[name], out[f"confusion_{name}"])
        examples_figure(images, predictions, out[f"examples_{name}"], of=of, seed=seed)
        mistakes_figure(images, predictions, out[f"mistakes_{name}"], of=of)
    for name, row in parts.items():
        part_figure(trained[name], trained[whole], row, out[f"classes_{name}"])


def _compared(
    comparisons: Sequence[Mapping[str, Any]],
    scored: Sequence[ClassifierResult],
    files: Files,
    out: Mapping[str, Path],
    seed: int,
) -> list[Path]:
    """The comparisons, written."""
    said: dict[str, list[tuple[int, Path]]] = {}
    for one, path in zip(scored, files.predictions, strict=True):
        said.setdefault(one.name, []).append((one.seed, path))
    paths = []
    for pair in comparisons:
        a, b = pair["names"]
        paths.append(out[f"comparison_{a}_and_{b}"])
        write_comparison(said[a], said[b], paths[-1], names=(a, b), resample_seed=seed)
    return paths


def _beginning(word: str, out: Mapping[str, Path]) -> dict[str, Path]:
    """The outputs whose names begin so, by what follows."""
    return {name.removeprefix(word): path for name, path in out.items() if name.startswith(word)}
