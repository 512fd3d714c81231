"""Who may see which images: the protocols of a run."""

from typing import Literal, get_args

Protocol = Literal["leak_free", "thesis"]
"""leak_free: copies stay together and test is split off first; thesis: split after balancing (thesis §4.4)."""

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
