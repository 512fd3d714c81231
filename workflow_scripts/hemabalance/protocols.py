"""The protocols of a run: how images are divided into training, validation and test sets."""

from typing import Literal, get_args

Protocol = Literal["leak_free", "thesis"]
"""leak_free: copies of a photograph stay in one part, and the test set is split off first; thesis: the split comes
after balancing (thesis §4.4)."""

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
