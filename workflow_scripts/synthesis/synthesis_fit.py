"""Train one generator."""

from pathlib import Path

from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.synthesis.entry import Entry
from hemabalance.synthesis.fit import fit_generator, lesson_of, no_lesson
from hemabalance.training.device import start
from hemabalance.training.job import FitJob

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as held:
    given, out, wanted = snakemake.input, snakemake.output, run.settings
    seed, each = wanted["seed"], wanted["teacher_images"]
    runtime = start(**run.device, precision=wanted["precision"], seed=seed, threads=run.threads)
    teacher = given.get("teacher")
    fit_generator(
        wanted["name"],
        Entry.of(wanted["generator"]),
        held,
        read_split(Path(given.split)),
        wanted["protocol"],
        RolesConfig.of(wanted["roles"]),
        lesson_of(Path(teacher), each, seed=seed, runtime=runtime) if teacher else no_lesson,
        FitJob(runtime, run.state, Path(out.history), run.threads, seed),
        weights=Path(out.weights),
        training=Path(out.training),
        seen=Path(out.seen),
        snapshots=(Path(out.snapshots), Path(out.snapshot_index)),
    )
