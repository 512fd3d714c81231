"""Draw what a classifier takes for what, test images with its confidences, and its mistakes."""

from pathlib import Path

from hemabalance.classify.predictions import read_predictions
from hemabalance.dataset.imageset import ImageSet
from hemabalance.report.classify.confusion import confusion_figure
from hemabalance.report.classify.examples import examples_figure, mistakes_figure
from hemabalance.report.classify.scored import read_scored
from hemabalance.stage import stage

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as images:
    given, out, of = snakemake.input, snakemake.output, run.settings["of"]
    (one,) = read_scored([run.settings["experiment"]], [Path(given.metrics)], [Path(given.training)])
    confusion_figure(one, Path(out.confusion))
    predictions = read_predictions(Path(given.predictions))
    examples_figure(images, predictions, Path(out.examples), of=of, seed=run.settings["seed"])
    mistakes_figure(images, predictions, Path(out.mistakes), of=of)
