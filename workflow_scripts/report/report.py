"""Write the page that shows the run."""

from pathlib import Path

from hemabalance.report.page import write_page
from hemabalance.stage import stage

with stage(snakemake) as run:
    given = snakemake.input
    write_page(
        Path(snakemake.output.page),
        run=run.settings["run"],
        preset=run.settings["preset"],
        taxonomy=run.settings["taxonomy"],
        origins=run.settings["origins"],
        tables=[Path(path) for path in given.tables],
        figures=[Path(path) for path in given.figures],
        headline=Path(given.headline),
        recommendation=Path(given.recommendation),
        receipts=[Path(path) for path in given.receipts],
        seed=run.settings["seed"],
    )
