"""Paths in the config: `~` and environment variables, as in a shell."""

import os
import re
from typing import Annotated

from pydantic import AfterValidator

_VARIABLE = re.compile(r"\$(\w+|\{[^}]*\})")


def expand_path(text: str) -> str:
    """A path of the config with `~`, `~user`, `$NAME` and `${NAME}` replaced; a relative path stays relative.

    A path that exists as it is written, such as a folder whose name contains a `$`, stays as it is; but `~` and `~/...`
    are always the home folder.

    Raises:
        ValueError: a variable is not set, or there is no such user.
    """
    if os.path.lexists(text) and text.split("/")[0] != "~":
        return text
    expanded = os.path.expandvars(text)
    if unset := _VARIABLE.search(expanded):
        raise ValueError(f"the path {text!r} names the environment variable {unset[0]}, which is not set")
    expanded = os.path.expanduser(expanded)
    if expanded.startswith("~"):
        raise ValueError(f"the path {text!r} names the home folder of {expanded.split('/')[0][1:]!r}, an unknown user")
    return expanded


PathText = Annotated[str, AfterValidator(expand_path)]
"""Type of every path in the config; a relative path is relative to the working folder."""
