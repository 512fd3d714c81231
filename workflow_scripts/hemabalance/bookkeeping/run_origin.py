"""What a run was started with: handed to its jobs through the environment.

These are no params of a rule: a page is not written again because it was asked for in another way.
"""

import hashlib
import os
import shlex
from collections.abc import Sequence
from typing import Any

from hemabalance.files import canonical_json

COMMAND, CONFIG = "HEMABALANCE_COMMAND", "HEMABALANCE_CONFIG"
"""Environment variables: the command, and the digest of the config (16 hexadecimal digits)."""


def hand_to_jobs(arguments: Sequence[str], config: Any) -> None:
    """Set the environment variables.

    Args:
        arguments: of the `snakemake` command.
        config: JSON values of the whole config, with defaults.
    """
    os.environ[COMMAND] = shlex.join(["snakemake", *arguments])
    os.environ[CONFIG] = hashlib.sha256(canonical_json(config).encode()).hexdigest()[:16]
