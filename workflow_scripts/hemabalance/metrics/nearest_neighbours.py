"""The nearest of many embeddings."""

import math

import numpy as np
import torch
from torch import Tensor

from hemabalance.metrics.full_precision import full_precision

MEMORY = 1 << 28
"""Bytes to work in that cost no time: larger pieces are no faster."""

_CANDIDATES = 2  # the others are as near, but for rounding


def nearest(
    query: np.ndarray,
    reference: np.ndarray,
    *,
    same: bool = False,
    device: str | torch.device = "cpu",
    memory: int = MEMORY,
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest reference to each query.

    Candidates are found through |q|^2 + |r|^2 - 2 q r, which float32 blurs by about a millionth of |q|^2; their
    distances are then computed from differences, so that a copy is at zero.

    Args:
        query: float32 (n, k), finite; may be a memory map, as may `reference`.
        reference: float32 (m, k).
        same: both are one set, and no item is its own nearest.
        device: where to compute, such as `cpu` or `cuda`; best that of the embeddings' network.
        memory: bytes on the device to work in; results do not depend on it beyond the rounding above.

    Returns:
        Index int64 (n,) of the nearest, of equally near ones any; its squared Euclidean distance float32 (n,).

    Raises:
        ValueError: there is no reference (with `same`: no other), or the shapes do not fit.
    """
    if query.shape[1:] != reference.shape[1:] or (same and len(query) != len(reference)):
        raise ValueError(f"embeddings {query.shape} and {reference.shape} do not fit")
    if len(query) and len(reference) < 1 + same:
        raise ValueError(f"there is nothing to be near to among {len(reference)} references")
    device = torch.device(device)
    rows = _rows(memory, query.shape[1])
    index, distance = np.empty(len(query), np.int64), np.empty(len(query), np.float32)
    with torch.inference_mode(), full_precision(device):
        for start in range(0, len(query), rows):
            piece = slice(start, start + rows)
            index[piece], distance[piece] = _of_piece(query[piece], reference, device, rows, start if same else None)
    return index, distance


def _rows(memory: int, k: int) -> int:
    """Rows r of a piece, so that four pieces (r, k) and two tables (r, r) of float32 fit."""
    return max(1, int(math.sqrt(k * k + memory / 8)) - k)


def _of_piece(
    query: np.ndarray, reference: np.ndarray, device: torch.device, rows: int, itself: int | None
) -> tuple[np.ndarray, np.ndarray]:
    queries = _moved(query, device)
    blurred, places = _candidates(queries, reference, rows, itself)
    distances = torch.full(places.shape, torch.inf, device=device)
    for k, column in enumerate(places.T):
        distances[:, k] = (queries - _moved(reference[column.cpu().numpy()], device)).square().sum(dim=1)
    distances[blurred == torch.inf] = torch.inf
    distance, best = distances.min(dim=1)
    return places.gather(1, best[:, None])[:, 0].cpu().numpy(), distance.cpu().numpy()


def _candidates(queries: Tensor, reference: np.ndarray, rows: int, itself: int | None) -> tuple[Tensor, Tensor]:
    """The few that seem nearest: distances less |q|^2, infinite where there is none, and places among references."""
    blurred = torch.full((len(queries), _CANDIDATES), torch.inf, device=queries.device)
    places = torch.zeros(blurred.shape, dtype=torch.int64, device=queries.device)
    for start in range(0, len(reference), rows):
        piece = _moved(reference[start : start + rows], queries.device)
        distances = torch.addmm(piece.square().sum(dim=1), queries, piece.T, alpha=-2)
        if itself is not None:
            _leave_out(distances, itself - start)
        here, columns = distances.topk(min(_CANDIDATES, len(piece)), dim=1, largest=False)
        blurred, order = torch.cat((blurred, here), dim=1).topk(_CANDIDATES, dim=1, largest=False)
        places = torch.cat((places, columns + start), dim=1).gather(1, order)
    return blurred, places


def _moved(values: np.ndarray, device: torch.device) -> Tensor:
    """A copy: a memory map cannot be written to, which torch warns about."""
    return torch.tensor(np.ascontiguousarray(values), device=device)


def _leave_out(distances: Tensor, offset: int) -> None:
    """Put infinity where row r meets column r + offset."""
    row = torch.arange(len(distances), device=distances.device)
    inside = (row + offset >= 0) & (row + offset < distances.shape[1])
    distances[row[inside], row[inside] + offset] = torch.inf
