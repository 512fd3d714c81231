"""Write the tables, the figures, the sentence and the page of the experiment across laboratories."""

from itertools import islice
from pathlib import Path

from hemabalance.report.across.runs import AcrossArms, AcrossPaths, AcrossRun, RowDescription
from hemabalance.report.across.write import write_across
from hemabalance.stage import stage

with stage(snakemake) as run:
    given, out, settings, arms = snakemake.input, snakemake.output, run.settings, run.settings["arms"]
    trainings, labelled = map(Path, given.trainings), map(Path, given.pseudo_labels)
    rows = zip(settings["rows"], given.predictions, strict=True)
    descriptions = {
        row: RowDescription(**entry | {key: tuple(entry[key]) for key in ("zooms", "members")})
        for row, entry in arms["descriptions"].items()
    }
    names = ("scores", "differences", "classes", "confusion", "mistakes", "sentence", "page")
    write_across(
        [
            AcrossRun(
                row["row"],
                row["seed"],
                Path(path),
                tuple(islice(trainings, row["trainings"])),
                next(labelled) if row["pseudo_labels"] else None,
            )
            for row, path in rows
        ],
        AcrossArms(**arms | {"descriptions": descriptions}),
        AcrossPaths(**{name: Path(out[name]) for name in names}),
        split=Path(given.split),
        images=(Path(given.images), Path(given.index)),
        seed=settings["seed"],
        run=settings["run"],
    )
