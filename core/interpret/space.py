"""Where the words drift: the residual stream layer by layer, its lengths, and the plane that shows most of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..trace import Trace


def residual_stages(trace: Trace, n_layers: int) -> np.ndarray:
    """[stage, pos, d_model]: the embeddings as they enter block 0, then the output of every block."""
    return np.stack([trace["blocks.0.resid_pre"], *(trace[f"blocks.{i}.resid_post"] for i in range(n_layers))])


def token_norms(stages: np.ndarray) -> np.ndarray:
    """Mean Euclidean length of the tokens' vectors: [stage, pos, d_model] -> [stage]."""
    # One after another: as float64 all of a real model's stages take more than its run.
    return np.stack([np.linalg.norm(x.astype(np.float64), axis=-1).mean(axis=-1) for x in stages])


def relative_change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """||after - before|| / ||before|| for each token: [pos, d_model] twice -> [pos]. 0 / 0 counts as 0;
    numbers that have left their range give NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        change = np.linalg.norm(after - before, axis=-1)
        size = np.linalg.norm(before, axis=-1)
        return np.divide(change, size, out=np.where(change == 0, 0.0, np.inf), where=size != 0)


ROUNDING = 1e-6  # of the numbers' size: what float32 and a few sums of it may add to numbers that are equal


@dataclass(frozen=True)
class PCA:
    """A fixed basis: mean [d], components [k, d], and the share of the variance that each explains [k]."""

    mean: np.ndarray
    components: np.ndarray
    explained: np.ndarray

    def project(self, x: np.ndarray) -> np.ndarray:
        """[..., d] -> [..., k]."""
        return (x - self.mean) @ self.components.T


def pca(x: np.ndarray, k: int = 3) -> PCA:
    """Principal components of x [n, d], by SVD (Jolliffe 2002, section 3.5): the first k, zeros where there are fewer.
    Of more points than dimensions as eigenvectors of x^T x (section 1.1), in a third of the time: ROUNDING is a hundred
    times what that loses.

    A component's sign is free; here its entry of largest magnitude is positive, so that a picture never flips over.
    Points that differ by no more than ROUNDING of their own size coincide: they have no variance and no direction.
    """
    x = np.asarray(x, np.float64)
    mean = x.mean(axis=0)
    centred = x - mean
    size = np.linalg.norm(x)
    if len(x) > x.shape[1]:
        variances, columns = np.linalg.eigh(centred.T @ centred)
        variances, directions = variances[::-1].clip(0), columns[:, ::-1].T
    else:
        _, singular, directions = np.linalg.svd(centred, full_matrices=False)
        variances = singular**2
    components = np.zeros((k, x.shape[1]))
    explained = np.zeros(k)
    real = variances > (ROUNDING * size) ** 2
    total = variances[real].sum()
    for i in np.flatnonzero(real[:k]):
        largest = np.argmax(np.abs(directions[i]).round(12))
        components[i] = directions[i] * np.sign(directions[i, largest])
        explained[i] = variances[i] / total
    return PCA(mean, components, explained)


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """How far two lists of numbers [n] are in the same order: Spearman's rho (1904), from -1 to 1; those alike share
    their rank. NaN where all of one are alike.
    """
    a, b = (_ranks(np.asarray(values, np.float64)) for values in (x, y))
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b / size) if size else float("nan")


def _ranks(values: np.ndarray) -> np.ndarray:
    """[n]: each value's place in order, from 1/2 on; of several alike the middle of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - counts / 2)[inverse]
