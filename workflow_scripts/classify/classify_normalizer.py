"""Copy the weights of a normaliser into the folder of a model of its images, which is then complete."""

import shutil

from hemabalance.files import atomic_path
from hemabalance.stage import stage

with stage(snakemake), atomic_path(snakemake.output.weights) as part:
    shutil.copyfile(snakemake.input.weights, part)
