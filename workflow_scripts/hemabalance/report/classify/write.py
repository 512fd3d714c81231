"""Write all tables, comparisons and figures of a page about balanced sets and classifiers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemabalance.classify.compare import write_comparison
from hemabalance.classify.predictions import read_predictions
from hemabalance.dataset.imageset import ImageSet
from hemabalance.report.cells import write_csv
from hemabalance.report.classify.classifier_results import ClassifierResult, read_classifier_results
from hemabalance.report.classify.comparison_results import read_comparison_results
from hemabalance.report.classify.confusion import confusion_figure
from hemabalance.report.classify.examples import examples_figure, mistakes_figure
from hemabalance.report.classify.experiments import (
    balance_outputs,
    experiment_figures,
    experiment_tables,
    first_trainings,
    part_figure,
)
from hemabalance.report.classify.headline import write_opening
from hemabalance.report.classify.protocol_gain import GainFiles, protocol_gain
from hemabalance.report.classify.protocol_gain_figure import protocol_gain_figure
from hemabalance.report.classify.recommendation import ComparedExperiment, recommendation


@dataclass(frozen=True)
class ClassifierPage:
    """What a page shows, as planned from config.

    Attributes:
        preset: preset of the run's config.
        experiments: the trainings, as for `classifier_results.read_classifier_results`.
        comparisons: `names` of two experiments, and their `protocol`.
        figures: experiment with figures of its own -> `heading`, and `images`, name of the set of its test
            images.
        ablated: experiment without a part of the method -> its name in the legend.
        baseline: experiment with all parts.
        ablations, question: as for `experiments.experiment_tables`.
        protocol_gain: experiments in the table of the protocol's share of a result (`protocol_gain.protocol_gain`).
        recommendation: `recommended` and `thesis` -> attributes of `recommendation.ComparedExperiment` without
            predictions; empty if nothing is recommended.
    """

    preset: str
    experiments: Sequence[Mapping[str, Any]]
    comparisons: Sequence[Mapping[str, Any]]
    figures: Mapping[str, Mapping[str, str]]
    ablated: Mapping[str, str]
    baseline: str
    ablations: Sequence[Mapping[str, Any]]
    question: Sequence[str] | None
    protocol_gain: Sequence[str]
    recommendation: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class ClassifierFiles:
    """Input files of a page; audits and the last four aside, one file per training, in the order of the trainings.

    Attributes:
        audits: `audit.json` of each balanced set.
        metrics, training, predictions, expert_agreements, histories: files of each training.
        synthetic, real_training: predictions by the first training of each experiment of `protocol_gain`.
        recommended, thesis: predictions by each training of the recommended experiment and of the thesis's method.
    """

    audits: Sequence[Path]
    metrics: Sequence[Path]
    training: Sequence[Path]
    predictions: Sequence[Path]
    expert_agreements: Sequence[Path]
    histories: Sequence[Path]
    synthetic: Sequence[Path]
    real_training: Sequence[Path]
    recommended: Sequence[Path]
    thesis: Sequence[Path]


def write_classify_report(
    page: ClassifierPage,
    *,
    files: ClassifierFiles,
    sets: Mapping[str, ImageSet],
    out: Mapping[str, Path],
    seed: int,
) -> None:
    """Compare experiments, and write the tables and figures of experiments and of balanced sets.

    Args:
        page: experiments to show.
        files: results of the trainings.
        sets: normalised real images by name.
        out: `comparison_<a>_and_<b>`, `table_recommendation` -> JSON to write; `balance_<name>`, `table_<name>` and
            `figure_<name>` with the names of `experiments`, and `<confusion, examples, mistakes>_<experiment>` for each
            of `figures`, `classes_<experiment>` for each of `ablated` -> CSV, JSON or SVG to write.
        seed: seed of resamples, and of the choice of images.

    Raises:
        InputError: a file is missing, damaged or of other test images, or the disk is full.
    """
    balance_outputs(files.audits, _with_prefix("balance_", out))
    results = read_classifier_results(page.experiments, files.metrics, files.training, preset=page.preset)
    comparison_files = _write_comparisons(page.comparisons, results, files.predictions, out, seed)
    comparisons = read_comparison_results([pair["protocol"] for pair in page.comparisons], comparison_files)
    shown = page.ablations, page.question
    tables, figures = (_with_prefix(f"{kind}_", out) for kind in ("table", "figure"))
    experiment_tables(results, comparisons, files.expert_agreements, *shown, tables, preset=page.preset)
    experiment_figures(results, comparisons, files.histories, *shown, figures, preset=page.preset)
    write_opening(_recommendation(page, files, seed), out["table_recommendation"])
    first_results = first_trainings(results)
    predictions_of = {
        result.name: path for result, path in zip(reversed(results), reversed(files.predictions), strict=True)
    }
    for name, settings in page.figures.items():
        heading, images = settings["heading"], sets[settings["images"]]
        predictions = read_predictions(predictions_of[name])
        confusion_figure(first_results[name], out[f"confusion_{name}"])
        examples_figure(images, predictions, out[f"examples_{name}"], heading=heading, seed=seed)
        mistakes_figure(images, predictions, out[f"mistakes_{name}"], heading=heading)
    gain_files = [
        GainFiles(name, first_results[name].protocol, predictions_of[name], *paths)
        for name, *paths in zip(page.protocol_gain, files.synthetic, files.real_training, strict=True)
    ]
    gain = protocol_gain(gain_files, seed=seed)
    write_csv(gain, out["table_protocol_gain"])
    protocol_gain_figure(gain, out["figure_protocol_gain"])
    for name, row in page.ablated.items():
        part_figure(first_results[name], first_results[page.baseline], row, out[f"classes_{name}"])


def _write_comparisons(
    comparisons: Sequence[Mapping[str, Any]],
    results: Sequence[ClassifierResult],
    predictions: Sequence[Path],
    out: Mapping[str, Path],
    seed: int,
) -> list[Path]:
    """Write the comparison of each pair of experiments, and return its file."""
    predictions_by_name: dict[str, list[tuple[int, Path]]] = {}
    for result, path in zip(results, predictions, strict=True):
        predictions_by_name.setdefault(result.name, []).append((result.seed, path))
    paths = []
    for pair in comparisons:
        a, b = pair["names"]
        paths.append(out[f"comparison_{a}_and_{b}"])
        write_comparison(predictions_by_name[a], predictions_by_name[b], paths[-1], names=(a, b), resample_seed=seed)
    return paths


def _recommendation(page: ClassifierPage, files: ClassifierFiles, seed: int) -> dict[str, Any] | None:
    predictions = {"recommended": files.recommended, "thesis": files.thesis}
    of = {
        role: ComparedExperiment(**entry, predictions=predictions[role]) for role, entry in page.recommendation.items()
    }
    return recommendation(of["recommended"], of.get("thesis"), seed=seed) if of else None


def _with_prefix(prefix: str, out: Mapping[str, Path]) -> dict[str, Path]:
    """The outputs whose names start with a prefix, by the rest of the name."""
    return {name.removeprefix(prefix): path for name, path in out.items() if name.startswith(prefix)}
