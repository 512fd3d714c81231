"""Draw what a classifier takes for what, test images with its confidences, and its mistakes."""

from pathlib import Path

from hemabalance.classify.predictions import read_predictions
from hemabalance.dataset.imageset import ImageSet
from hemabalance.report.classify.classifier_results import read_classifier_results
from hemabalance.report.classify.confusion import confusion_figure
from hemabalance.report.classify.examples import examples_figure, mistakes_figure
from hemabalance.stage import stage

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as images:
    inputs, out, of = snakemake.input, snakemake.output, run.settings["of"]
    (one,) = read_classifier_results([run.settings["experiment"]], [Path(inputs.metrics)], [Path(inputs.training)])
    confusion_figure(one, Path(out.confusion))
    predictions = read_predictions(Path(inputs.predictions))
    examples_figure(images, predictions, Path(out.examples), of=of, seed=run.settings["seed"])
    mistakes_figure(images, predictions, Path(out.mistakes), of=of)
