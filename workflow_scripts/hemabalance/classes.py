"""Names of classes. The classes of a run are those of its config, in alphabetical order, which is the index order."""

import re
from typing import Annotated

from pydantic import Field

UNLABELLED = "unlabelled"
"""The label of images whose source has `labels: none`: only stain normalisers use them."""
UNDECIDED = "undecided"
"""What an expert's column says of an image that the expert could not assign to a class."""
RESERVED = (UNLABELLED, UNDECIDED)

_PATTERN = r"^[a-z0-9][a-z0-9_]*$"
ClassName = Annotated[str, Field(pattern=_PATTERN)]


def class_name(text: str) -> str:
    """A text as the name of a class: lower case, with underscores in place of all but letters and digits.

    Returns an empty string if the text has neither letters nor digits of ASCII.
    """
    return re.sub(r"[^a-z0-9]+", "_", text.strip().lower()).strip("_")
