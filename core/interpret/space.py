"""Where the words drift: the residual stream layer by layer, its lengths, and the plane that shows most of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..trace import Trace


def each_stage(trace: Trace, n_layers: int) -> Iterator[np.ndarray]:
    """[pos, d_model] of one after another: the embeddings as they enter block 0, then the output of every block."""
    yield trace["blocks.0.resid_pre"]
    for i in range(n_layers):
        yield trace[f"blocks.{i}.resid_post"]


def residual_stages(trace: Trace, n_layers: int) -> np.ndarray:
    """[stage, pos, d_model]: the same side by side, which takes as much memory once more."""
    return np.stack([*each_stage(trace, n_layers)])


def token_norms(stages: Iterable[np.ndarray]) -> np.ndarray:
    """Mean Euclidean length of the tokens' vectors: [stage, pos, d_model] -> [stage]."""
    # One after another: as float64 all of a real model's stages take more than its run.
    return np.stack([token_lengths(x).mean(axis=-1) for x in stages])


def token_lengths(x: np.ndarray) -> np.ndarray:
    """Euclidean length of each vector, in float64: [..., d] -> [...]."""
    x = x.astype(np.float64)
    return np.sqrt(np.vecdot(x, x))  # a third of the time of np.linalg.norm, which squares all in an array of its own


def relative_change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """||after - before|| / ||before|| for each token: [pos, d_model] twice -> [pos]. 0 / 0 counts as 0;
    numbers that have left their range give NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        change = np.linalg.norm(after - before, axis=-1)
        size = np.linalg.norm(before, axis=-1)
        return np.divide(change, size, out=np.where(change == 0, 0.0, np.inf), where=size != 0)


ROUNDING = 1e-6  # of the numbers' size: what float32 and a few sums of it may add to numbers that are equal
MANY = 128  # points and dimensions: of fewer all directions are found in 2 ms
NEAR = 128  # rows that a processor still has at hand when they are read once more
EXACT = 1e-12  # of the greatest eigenvalue: what a vector times the matrix may be beside the vector times its own
BLOCK, BLOCKS = 4, 16  # vectors found together, and how often: a real model's streams take 10


@dataclass(frozen=True)
class PCA:
    """A fixed basis: mean [d], components [k, d], and the share of the variance that each explains [k]."""

    mean: np.ndarray
    components: np.ndarray
    explained: np.ndarray

    def project(self, x: np.ndarray) -> np.ndarray:
        """[..., d] -> [..., k]."""
        return x @ self.components.T - self.mean @ self.components.T


def pca(x: np.ndarray | Sequence[np.ndarray], k: int = 3) -> PCA:
    """Principal components of x [n, d], or of such parts after one another, by SVD (Jolliffe 2002, section 3.5): the
    first k, zeros where there are fewer.
    Of many points, and of many dimensions, as eigenvectors of x^T x (section 1.1), in a tenth of the time and less:
    ROUNDING is a hundred times what that loses.

    A component's sign is free; here its entry of largest magnitude is positive, so that a picture never flips over.
    Points that differ by no more than ROUNDING of their own size coincide: they have no variance and no direction.
    """
    parts = [np.asarray(x)] if np.ndim(x[0]) == 1 else [*x]
    mean = np.sum([part.sum(axis=0, dtype=np.float64) for part in parts], axis=0) / sum(map(len, parts))
    variances, directions, total, noise = _many(parts, mean, k) or _all_directions(np.concatenate(parts) - mean, mean)
    components = np.zeros((k, len(mean)))
    explained = np.zeros(k)
    for i in np.flatnonzero(variances[:k] > noise):
        largest = np.argmax(np.abs(directions[i]).round(12))
        components[i] = directions[i] * np.sign(directions[i, largest])
        explained[i] = variances[i] / total
    return PCA(mean, components, explained)


def _all_directions(x: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Of points x [n, d], without their mean: the squared lengths along all directions, the greatest first, these
    directions [., d], the sum of all squares that are more than noise, and how much noise may be."""
    noise = ROUNDING**2 * float((x**2).sum() + len(x) * mean @ mean)
    if len(x) > len(mean):
        values, columns = np.linalg.eigh(x.T @ x)
        variances, directions = values[::-1].clip(0), columns[:, ::-1].T
    else:
        _, singular, directions = np.linalg.svd(x, full_matrices=False)
        variances = singular**2
    return variances, directions, float(variances[variances > noise].sum()), noise


def _many(x: Sequence[np.ndarray], mean: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, float, float] | None:
    """The same of k directions alone, of parts of x [n, d] with its mean; None where they are few, or not to be found
    alone."""
    n, d = sum(map(len, x)), len(mean)
    if min(n, d) < MANY:
        return None
    square = n * float(mean @ mean)
    total = sum(float(np.vdot(part, part)) for part in _parts(x)) - square
    noise = ROUNDING**2 * (total + square)
    # What all the others could hold in noise alters no digit of a share that anyone reads.
    if d * noise >= 1e-6 * total:
        return None

    def times(vectors: np.ndarray) -> np.ndarray:
        """x^T x times these, of x without its mean: what that takes off the left x adds up to nothing."""
        off = mean @ vectors
        return sum((part.T @ (part @ vectors - off) for part in _parts(x)), np.zeros_like(vectors))

    found = leading(times, d, k)
    return found and (*found, total, noise)


def _parts(x: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Parts of x [n, d] in float64, some rows after others: each is read from memory once, which takes longer than what
    is made of it; and of a long text all at once would take more than its run."""
    return (some[at : at + NEAR].astype(np.float64, copy=False) for some in x for at in range(0, len(some), NEAR))


def leading(times: Callable[[np.ndarray], np.ndarray], d: int, k: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The k greatest eigenvalues of a symmetric matrix [d, d], none negative, the greatest first: values [k], vectors
    [k, d]. times: what the matrix makes of vectors [d, .]. Block Lanczos (Golub & Van Loan 2013, section 10.3.6), each
    block made orthogonal to all before: a tenth of the time of `eigh`, which finds all. None where they are too close
    to one another to be found so, to EXACT.
    """
    block = np.random.default_rng(0).standard_normal((d, BLOCK))
    basis = products = np.empty((d, 0))
    while basis.shape[1] + BLOCK <= min(d, BLOCKS * BLOCK):
        for _ in range(2):  # once leaves what rounding has put there
            block, _ = np.linalg.qr(block - basis @ (basis.T @ block))
        basis, block = np.hstack([basis, block]), times(block)
        products = np.hstack([products, block])
        values, inner = np.linalg.eigh(basis.T @ products)
        values, inner = values[::-1][:k], inner[:, ::-1][:, :k]
        vectors = basis @ inner
        left = np.linalg.norm(products @ inner - vectors * values, axis=0)
        if len(values) == k and (left <= EXACT * values[0]).all():
            return values, vectors.T
    return None


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
