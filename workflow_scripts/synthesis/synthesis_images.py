"""Draw images of each class with one generator, and pass them by the gate."""

from pathlib import Path

from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.synthesis.generate import GeneratedPaths, ImageRequest, generate_images
from hemabalance.synthesis.generator_config import GeneratorConfig
from hemabalance.synthesis.judges import open_judges
from hemabalance.synthesis.real_image_features import read_real_image_features
from hemabalance.training.device import start

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as held:
    inputs, out, settings = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads)
    generate_images(
        settings["name"],
        GeneratorConfig.of(settings["generator"]),
        Path(inputs.weights),
        held,
        read_split(Path(inputs.split)),
        settings["protocol"],
        RolesConfig.of(settings["roles"]),
        read_real_image_features(Path(inputs.real), Path(inputs.real_features)),
        open_judges(Path(inputs.inception), Path(inputs.lpips), Path(inputs.judge), runtime=runtime),
        ImageRequest.of(settings["request"]),
        GeneratedPaths(
            *(Path(path) for path in (out.images, out.index, out.gate, out.summary, out.features, out.seen))
        ),
        runtime=runtime,
        threads=run.threads,
    )
