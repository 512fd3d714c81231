"""Let a trained classifier see the real test images, and describe those that it learned from."""

from pathlib import Path

from hemabalance.balance.balanced_set import read_balanced
from hemabalance.classify.predict_balanced import predict_balanced
from hemabalance.dataset.imageset import open_sets
from hemabalance.stage import stage
from hemabalance.training.device import start

with stage(snakemake) as run, open_sets(run.settings["sets"], snakemake.input.images, snakemake.input.indexes) as sets:
    settings = run.settings
    predict_balanced(
        Path(snakemake.input.weights),
        read_balanced(Path(snakemake.input.table)),
        sets,
        start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads),
        predictions=Path(snakemake.output.predictions),
        calibration=Path(snakemake.output.calibration),
        out_of_distribution=Path(snakemake.output.out_of_distribution),
        quantile=settings["quantile"],
        threads=run.threads,
    )
