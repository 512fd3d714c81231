"""Write the tables, the figures, the sentence and the page of the scarcity experiment."""

from pathlib import Path

from hemabalance.report.scarcity.added import AddedImages
from hemabalance.report.scarcity.runs import ScarcityArms, ScarcityPaths, ScarcityRun
from hemabalance.report.scarcity.write import write_scarcity
from hemabalance.stage import stage

with stage(snakemake) as run:
    given, out, settings, arms = snakemake.input, snakemake.output, run.settings, run.settings["arms"]
    trainings = zip(settings["trainings"], given.predictions, strict=True)
    zips, indexes = zip(given.images, given.drawn, strict=True), zip(given.indexes, given.drawn_indexes, strict=True)
    sheets = zip(settings["added"], given.tables, zips, indexes, out.added, strict=True)
    names = ("scores", "differences", "gap", "curve", "sentence", "page")
    write_scarcity(
        [ScarcityRun(**training, predictions=Path(path)) for training, path in trainings],
        ScarcityArms(**arms | {key: tuple(arms[key]) for key in ("classes", "synthesis")}),
        ScarcityPaths(**{name: Path(out[name]) for name in names}),
        seed=settings["seed"],
        run=settings["run"],
        added=[
            AddedImages(**names, table=Path(table), zips=zips, indexes=indexes, figure=Path(figure))
            for names, table, zips, indexes, figure in sheets
        ],
    )
