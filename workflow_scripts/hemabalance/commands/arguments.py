"""Types of arguments that several commands have."""

import argparse


def count(text: str) -> int:
    """A whole number of 1 or more.

    Raises:
        ArgumentTypeError, ValueError: it is none; argparse prints a message.
    """
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
