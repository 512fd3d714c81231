"""The model that a command uses where none is given: that of the recommended experiment of the config."""

from collections.abc import Sequence
from pathlib import Path

from hemabalance.errors import InputError

CONFIG = Path("config.yaml")

_GIVE = "give MODEL, the model.json of a classifier or its folder"


def recommended_models(configfiles: Sequence[Path]) -> list[Path]:
    """Folders of the models of `classify.recommended`, one for each experiment of an average, with the first seed.

    Args:
        configfiles: overlays of `config.yaml` in the working folder, in order.

    Raises:
        InputError: there is no config or it is refused, it recommends nothing, or a model has not been trained; says
            which command trains it.
    """
    from hemabalance.config.overlays import read_overlaid
    from hemabalance.config.plan import Plan
    from hemabalance.config.run import load_config

    if not CONFIG.exists():
        problem = "does not exist, so that no experiment is recommended"
        raise InputError(CONFIG.absolute(), problem, f"Start the command in the folder of the project, or {_GIVE}")
    plan = Plan(load_config(read_overlaid([CONFIG, *configfiles])))
    name = plan.config.classify.recommended
    if name is None:
        problem = "recommends no experiment (classify.recommended)"
        raise InputError(CONFIG.absolute(), problem, f"Name one there, or {_GIVE}")
    models = []
    for member in plan.experiments_of(name):
        entry = plan.config.classify.experiments[member]
        folder = Path("results", plan.config.run, entry.protocol, "classifiers", member, f"seed-{entry.seeds[0]}")
        if not (folder / "model.json").is_file():
            problem = f"has no model.json: the recommended experiment {name} has not been trained in this run"
            raise InputError(folder.absolute(), problem, f"Run `{_command(configfiles)}` to the end, or {_GIVE}")
        models.append(folder)
    return models


def _command(configfiles: Sequence[Path]) -> str:
    """The command that trains the recommended experiment with these configs."""
    options = ["--configfile", str(CONFIG), *map(str, configfiles)] if configfiles else []
    return " ".join(["snakemake --cores 2 recommended", *options])
