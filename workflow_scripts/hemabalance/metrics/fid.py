"""The Fréchet inception distance between two sets of images (Heusel et al. 2017)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FrechetDistance:
    """A Fréchet distance; if `value` is None, `reason` says why.

    Small sets bias the value upwards: compare values of similar numbers of images only, and together with KID.
    """

    value: float | None
    n_1: int
    n_2: int
    reason: str | None


def fid(features_1: np.ndarray, features_2: np.ndarray) -> FrechetDistance:
    """The Fréchet distance between Gaussians fitted to two sets of features.

    |mu_1 - mu_2|^2 + tr(S_1) + tr(S_2) - 2 tr((S_1 S_2)^1/2), with unbiased covariances S = A'A. The last trace is
    computed as the nuclear norm of A_1 A_2', which needs no root of a singular matrix: with fewer images than features
    the usual computation from the eigenvalues of S_1 S_2 has an error of 1e-4; here identical sets have distance zero.

    Args:
        features_1: float (n_1, k), finite.
        features_2: float (n_2, k), finite.

    Returns:
        No value if a set has fewer than two images.
    """
    n_1, n_2 = len(features_1), len(features_2)
    if min(n_1, n_2) < 2:
        return FrechetDistance(None, n_1, n_2, "a covariance needs two images")
    mean_1, root_1, trace_1 = _moments(features_1)
    mean_2, root_2, trace_2 = _moments(features_2)
    cross = np.linalg.svd(root_1 @ root_2.T, compute_uv=False).sum()
    return FrechetDistance(float(((mean_1 - mean_2) ** 2).sum() + trace_1 + trace_2 - 2 * cross), n_1, n_2, None)


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean, a matrix A of minimal height with A'A = covariance, and the trace of the covariance."""
    values = features.astype(np.float64)
    mean = values.mean(axis=0)
    root = (values - mean) / np.sqrt(len(values) - 1)
    trace = float((root**2).sum())
    if len(root) > root.shape[1]:
        root = np.asarray(np.linalg.qr(root, mode="r"))
    return mean, root, trace
