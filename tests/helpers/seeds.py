"""Random numbers of PyTorch that are the same every time."""

import torch


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
