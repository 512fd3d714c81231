"""The commands of `hemabalance`, one module each: `add` defines the arguments, `run` runs the command.

`run` imports the packages that load slowly, such as PyTorch, so that `--help` is fast.
"""
