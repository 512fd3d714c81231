"""Train one generator."""

from pathlib import Path

from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.synthesis.fit import fit_generator, no_teacher, teacher_images_of
from hemabalance.synthesis.generator_config import GeneratorConfig
from hemabalance.training.device import start
from hemabalance.training.job import FitJob

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as held:
    inputs, out, settings = snakemake.input, snakemake.output, run.settings
    seed, each = settings["seed"], settings["teacher_images"]
    runtime = start(**run.device, precision=settings["precision"], seed=seed, threads=run.threads)
    teacher = inputs.get("teacher")
    fit_generator(
        settings["name"],
        GeneratorConfig.of(settings["generator"]),
        held,
        read_split(Path(inputs.split)),
        settings["protocol"],
        RolesConfig.of(settings["roles"]),
        teacher_images_of(Path(teacher), each, seed=seed, runtime=runtime) if teacher else no_teacher,
        FitJob(runtime, run.state, Path(out.history), run.threads, seed),
        weights=Path(out.weights),
        training=Path(out.training),
        seen=Path(out.seen),
        snapshots=(Path(out.snapshots), Path(out.snapshot_index)),
    )
