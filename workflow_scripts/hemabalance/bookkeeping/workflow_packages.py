"""Packages that the workflow needs and predictions do not: the extra `workflow` of this package."""

from importlib.util import find_spec

from hemabalance.errors import InputError

WORKFLOW_MODULES = ("dvc", "lightning_fabric", "lpips", "matplotlib", "requests", "snakemake", "torch_fidelity")
"""Modules of the packages in the extra `workflow`."""


def require_workflow(module: str) -> None:
    """Refuse to go on without a package that is run as a program (`python -m`).

    Args:
        module: one of `WORKFLOW_MODULES`.

    Raises:
        InputError: it is not installed; says how to install it.
    """
    if find_spec(module) is None:
        raise missing(module)


def missing(module: str) -> InputError:
    """The error about a package of the workflow that is not installed."""
    problem = "is not installed; this command belongs to the workflow, not to the core installation"
    return InputError(f"Python package {module}", problem, "Run pip install 'hemabalance[workflow]'")


def as_input_error(error: ModuleNotFoundError) -> InputError | None:
    """The error about the package of the workflow whose import failed; None for any other module."""
    module = (error.name or "").partition(".")[0]
    return missing(module) if module in WORKFLOW_MODULES else None
