"""Train one generator."""

from pathlib import Path

from hemabalance.config.roles import RolesConfig
from hemabalance.stage import stage
from hemabalance.synthesis.data import open_real_images
from hemabalance.synthesis.fit import GeneratorPaths, OtherNetworks, fit_generator
from hemabalance.synthesis.generator_config import GeneratorConfig
from hemabalance.synthesis.teacher import TeacherGenerator
from hemabalance.training.classifier import open_judge
from hemabalance.training.device import start
from hemabalance.training.job import FitJob

with stage(snakemake) as run:
    files, out, settings, seed = snakemake.input, snakemake.output, run.settings, run.settings["seed"]
    runtime = start(**run.device, precision=settings["precision"], seed=seed, threads=run.threads)
    with open_real_images(
        images=files.images, index=files.index, split=files.split, protocol=settings["protocol"], threads=run.threads
    ) as source:
        fit_generator(
            name=settings["name"],
            config=GeneratorConfig.from_plain(settings["generator"]),
            roles=RolesConfig.from_plain(settings["roles"]),
            source=source,
            others=OtherNetworks(
                teacher=TeacherGenerator.open(files.get("teacher"), runtime),
                teacher_images=settings["teacher_images"],
                judge=open_judge(files.get("judge"), runtime),
            ),
            job=FitJob(runtime=runtime, state=run.state, history=Path(out.history), threads=run.threads, seed=seed),
            paths=GeneratorPaths(
                weights=Path(out.weights), training=Path(out.training), seen=Path(out.seen),
                snapshots=Path(out.snapshots), snapshot_index=Path(out.snapshot_index),
            ),
        )  # fmt: skip
