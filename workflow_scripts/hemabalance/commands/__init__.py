"""What a person calls without the workflow, one module a command: `add` its arguments, `run` it.

Modules import what is heavy inside `run`: PyTorch takes seconds to load, which `--help` should not.
"""
