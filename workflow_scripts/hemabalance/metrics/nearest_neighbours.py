"""Nearest-neighbour search among embeddings."""

import math

import numpy as np
import torch
from torch import Tensor

from hemabalance.metrics.full_precision import full_precision

MEMORY = 1 << 28
"""Default working memory in bytes; larger blocks are not faster."""

_CANDIDATES = 2  # further candidates are equally near up to rounding


def nearest(
    query: np.ndarray,
    reference: np.ndarray,
    *,
    same: bool = False,
    device: str | torch.device = "cpu",
    memory: int = MEMORY,
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest reference for each query.

    Candidates are found with |q|^2 + |r|^2 - 2 q r, which in float32 has an error of about 1e-6 |q|^2. The distances of
    the candidates are then computed from differences, so that a copy has distance zero.

    Args:
        query: float32 (n, k), finite; a memory map is accepted, as for `reference`.
        reference: float32 (m, k).
        same: query and reference are the same set, and an item is not its own neighbour.
        device: PyTorch device, such as `cpu` or `cuda`; best the device of the embedding network.
        memory: working memory on the device in bytes; affects results only by the rounding above.

    Returns:
        Index int64 (n,) of the nearest reference (any of several equally near ones), and its squared Euclidean
        distance float32 (n,).

    Raises:
        ValueError: there is no reference (with `same`: no other item), or the shapes do not match.
    """
    if query.shape[1:] != reference.shape[1:] or (same and len(query) != len(reference)):
        raise ValueError(f"embeddings {query.shape} and {reference.shape} do not match")
    if len(query) and len(reference) < 1 + same:
        raise ValueError(f"there is no neighbour to choose among {len(reference)} references")
    device = torch.device(device)
    rows = _rows(memory, query.shape[1])
    index, distance = np.empty(len(query), np.int64), np.empty(len(query), np.float32)
    with torch.inference_mode(), full_precision(device):
        for start in range(0, len(query), rows):
            block = slice(start, start + rows)
            index[block], distance[block] = _nearest_in_block(
                query[block], reference, device, rows, start if same else None
            )
    return index, distance


def _rows(memory: int, k: int) -> int:
    """Rows r of a block, such that four blocks (r, k) and two tables (r, r) of float32 fit into memory."""
    return max(1, int(math.sqrt(k * k + memory / 8)) - k)


def _nearest_in_block(
    query: np.ndarray, reference: np.ndarray, device: torch.device, rows: int, own_offset: int | None
) -> tuple[np.ndarray, np.ndarray]:
    queries = _to_device(query, device)
    approximate, indices = _candidates(queries, reference, rows, own_offset)
    distances = torch.full(indices.shape, torch.inf, device=device)
    for k, column in enumerate(indices.T):
        distances[:, k] = (queries - _to_device(reference[column.cpu().numpy()], device)).square().sum(dim=1)
    distances[approximate == torch.inf] = torch.inf
    distance, best = distances.min(dim=1)
    return indices.gather(1, best[:, None])[:, 0].cpu().numpy(), distance.cpu().numpy()


def _candidates(queries: Tensor, reference: np.ndarray, rows: int, own_offset: int | None) -> tuple[Tensor, Tensor]:
    """Approximate candidates: distances minus |q|^2, infinite if there is none, and indices of references."""
    approximate = torch.full((len(queries), _CANDIDATES), torch.inf, device=queries.device)
    indices = torch.zeros(approximate.shape, dtype=torch.int64, device=queries.device)
    for start in range(0, len(reference), rows):
        block = _to_device(reference[start : start + rows], queries.device)
        distances = torch.addmm(block.square().sum(dim=1), queries, block.T, alpha=-2)
        if own_offset is not None:
            _mask_diagonal(distances, own_offset - start)
        block_distances, columns = distances.topk(min(_CANDIDATES, len(block)), dim=1, largest=False)
        approximate, order = torch.cat((approximate, block_distances), dim=1).topk(_CANDIDATES, dim=1, largest=False)
        indices = torch.cat((indices, columns + start), dim=1).gather(1, order)
    return approximate, indices


def _to_device(values: np.ndarray, device: torch.device) -> Tensor:
    """Copy values to the device (a copy, since torch warns about read-only memory maps)."""
    return torch.tensor(np.ascontiguousarray(values), device=device)


def _mask_diagonal(distances: Tensor, offset: int) -> None:
    """Set the entries (r, r + offset) to infinity."""
    row = torch.arange(len(distances), device=distances.device)
    inside = (row + offset >= 0) & (row + offset < distances.shape[1])
    distances[row[inside], row[inside] + offset] = torch.inf
