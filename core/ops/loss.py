"""How wrong the logits are, and in which direction: cross-entropy, and a simplified squared error."""

from __future__ import annotations

import numpy as np

from ..arguments import array
from ..errors import ConfigError
from .rows import row_max, row_sum


def cross_entropy(logits: np.ndarray, targets: np.ndarray, mask: np.ndarray | None = None) -> tuple[float, np.ndarray]:
    """Mean of -log softmax(logits)[target], in nats, and its gradient (Goodfellow et al. 2016, section 6.2.2.3).

    logits [..., pos, vocab], targets [..., pos], mask [..., pos] -> loss, dlogits [..., pos, vocab]
    mask: True where a position counts; padding is left out. None: all count.
    Raises: ConfigError when the shapes do not fit, no position counts, or a target that counts is no token.
    """
    logits, counts = _checked(logits, targets, mask)
    at = np.nonzero(counts)
    chosen = (*at, np.asarray(targets)[at])
    shifted = logits - row_max(logits)
    log_of = shifted[chosen].astype(np.float64)
    exponentials = np.exp(shifted, out=shifted)
    total = row_sum(exponentials)
    loss = float(np.mean(np.log(total[at][:, 0]) - log_of))

    # d loss / d logits = (softmax(logits) - one-hot(target)) / number of positions
    dlogits = np.divide(exponentials, total * len(log_of), out=exponentials)
    dlogits[chosen] -= 1 / len(log_of)
    if mask is not None:
        dlogits[~counts] = 0
    return loss, dlogits


def squared_error(logits: np.ndarray, targets: np.ndarray, mask: np.ndarray | None = None) -> tuple[float, np.ndarray]:
    """Mean of (logits - one-hot(target))^2 over positions and vocabulary, and its gradient.

    The simplification of a first lesson: it asks for a logit of 1 at the target and 0 elsewhere, whatever softmax would
    make of them. Mask and errors as for cross_entropy.

    logits [..., pos, vocab], targets [..., pos], mask [..., pos] -> loss, dlogits [..., pos, vocab]
    """
    logits, counts = _checked(logits, targets, mask)
    at = np.nonzero(counts)
    error = logits.copy()
    error[(*at, np.asarray(targets)[at])] -= 1
    if mask is not None:
        error[~counts] = 0
    size = len(at[0]) * logits.shape[-1]
    loss = float(np.vdot(error, error)) / size

    # d loss / d logits = 2 (logits - one-hot(target)) / size
    error *= 2 / size
    return loss, error


def _checked(logits: np.ndarray, targets: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The logits as numbers, and which positions count.

    logits [..., pos, vocab], targets [..., pos], mask [..., pos] -> logits [..., pos, vocab], [..., pos]
    """
    logits, targets = array("logits", logits), array("targets", targets, "iubfc")
    if logits.dtype.kind != "f":
        logits = logits.astype(np.float64)
    if logits.ndim < 2:
        raise ConfigError(f"logits: shape {logits.shape} is not [..., pos, vocab]", "logits")
    if targets.shape != logits.shape[:-1] or targets.dtype.kind not in "iu":
        raise ConfigError(f"targets: {targets.dtype} {targets.shape} does not fit logits {logits.shape}", "targets")
    counts = np.ones(targets.shape, bool) if mask is None else array("mask", mask, "biu").astype(bool)
    if counts.shape != targets.shape:
        raise ConfigError(f"mask: shape {counts.shape} does not fit targets {targets.shape}", "mask")
    counted = targets[counts]
    if counted.size == 0 or counted.min() < 0 or counted.max() >= logits.shape[-1]:
        raise ConfigError(f"targets: there must be some, all in 0..{logits.shape[-1] - 1}", "targets")
    return logits, counts


LOSSES = {"cross_entropy": cross_entropy, "squared_error": squared_error}
