"""Cut classes of the leak-free split to few training images, by one scarce protocol."""

from pathlib import Path

from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.scarcity import scarce_split
from hemabalance.dataset.splits import read_split, write_split
from hemabalance.stage import stage
from hemabalance.synthesis.data import roles_of

with stage(snakemake) as run:
    settings, split = run.settings, read_split(Path(snakemake.input.split))
    roles = roles_of(split, settings["run_classes"], RolesConfig.from_plain(settings["roles"]))
    table = scarce_split(split, rare=roles.rare, seed=settings["seed"], **settings["cut"])
    write_split(table, Path(snakemake.output.split))
