"""Sample images of each class with one generator, and pass them through the gate."""

from pathlib import Path

from hemabalance.config.roles import RolesConfig
from hemabalance.stage import stage
from hemabalance.synthesis.data import open_real_images
from hemabalance.synthesis.generate import GeneratedPaths, ImageRequest, StoredGenerator, generate_images
from hemabalance.synthesis.generator_config import GeneratorConfig
from hemabalance.synthesis.judges import open_judges
from hemabalance.synthesis.real_image_features import read_real_image_features
from hemabalance.training.device import start

with stage(snakemake) as run:
    files, out, settings = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads)
    config, roles = GeneratorConfig.from_plain(settings["generator"]), RolesConfig.from_plain(settings["roles"])
    with open_real_images(
        images=files.images, index=files.index, split=files.split, protocol=settings["protocol"], threads=run.threads
    ) as source:
        generate_images(
            stored=StoredGenerator(
                name=settings["name"], config=config, roles=roles, weights=Path(files.weights), runtime=runtime
            ),
            source=source,
            real=read_real_image_features(Path(files.real), Path(files.real_features)),
            judges=open_judges(
                inception=Path(files.inception), lpips=Path(files.lpips), classifier=Path(files.judge), runtime=runtime
            ),
            request=ImageRequest.from_plain(settings["request"]),
            paths=GeneratedPaths(
                images=Path(out.images), index=Path(out.index), gate=Path(out.gate), summary=Path(out.summary),
                features=Path(out.features), seen=Path(out.seen),
            ),
        )  # fmt: skip
