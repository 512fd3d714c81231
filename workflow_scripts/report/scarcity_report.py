"""Write the tables, the curve, the sentence and the page of the scarcity experiment."""

from pathlib import Path

from hemabalance.report.scarcity.runs import ScarcityArms, ScarcityPaths, ScarcityRun
from hemabalance.report.scarcity.write import write_scarcity
from hemabalance.stage import stage

with stage(snakemake) as run:
    out, settings, arms = snakemake.output, run.settings, run.settings["arms"]
    trainings = zip(settings["trainings"], snakemake.input.predictions, strict=True)
    names = ("scores", "differences", "gap", "curve", "sentence", "page")
    write_scarcity(
        [ScarcityRun(**training, predictions=Path(path)) for training, path in trainings],
        ScarcityArms(**arms | {key: tuple(arms[key]) for key in ("classes", "synthesis")}),
        ScarcityPaths(**{name: Path(out[name]) for name in names}),
        seed=settings["seed"],
        run=settings["run"],
    )
