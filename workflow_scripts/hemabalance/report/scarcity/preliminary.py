"""How many trainings an answer needs."""

ENOUGH_DRAWS, ENOUGH_SEEDS = 5, 3
"""Draws of the n images, and initialisations of each, below which an answer is preliminary."""


def is_preliminary(draws: int, seeds: int) -> bool:
    """Whether there are too few trainings for an answer: single ones scatter by more than the differences sought."""
    return draws < ENOUGH_DRAWS or seeds < ENOUGH_SEEDS
