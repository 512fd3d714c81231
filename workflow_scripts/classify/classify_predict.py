"""Let a trained classifier see the real test images, and describe those that it learned from."""

from pathlib import Path

from hemabalance.balance.balanced_set import read_balanced
from hemabalance.classify.trained import predict_balanced
from hemabalance.dataset.imageset import open_sets
from hemabalance.stage import stage
from hemabalance.training.device import start

with stage(snakemake) as run, open_sets(run.settings["sets"], snakemake.input.images, snakemake.input.indexes) as sets:
    wanted = run.settings
    predict_balanced(
        Path(snakemake.input.weights),
        read_balanced(Path(snakemake.input.table)),
        sets,
        start(**run.device, precision=wanted["precision"], seed=wanted["seed"], threads=run.threads),
        predictions=Path(snakemake.output.predictions),
        calibration=Path(snakemake.output.calibration),
        unlike=Path(snakemake.output.unlike),
        quantile=wanted["quantile"],
        threads=run.threads,
    )
