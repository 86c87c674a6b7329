"""How wrong the logits are: cross-entropy, with its gradient."""

from __future__ import annotations

import numpy as np

from core.errors import ConfigError


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean of -log softmax(logits)[target] over all positions, in nats, and its gradient.

    logits [..., pos, vocab], targets [..., pos] -> loss, dlogits [..., pos, vocab]
    Raises: ConfigError when the shapes do not fit, or a target is outside the vocabulary.
    """
    targets = np.asarray(targets)
    if targets.shape != logits.shape[:-1]:
        raise ConfigError(f"targets: shape {targets.shape} does not fit logits {logits.shape}", "targets")
    if targets.size == 0 or targets.min() < 0 or targets.max() >= logits.shape[-1]:
        raise ConfigError(f"targets: there must be some, all in 0..{logits.shape[-1] - 1}", "targets")
    shifted = logits - logits.max(-1, keepdims=True)
    exponentials = np.exp(shifted)
    total = exponentials.sum(-1, keepdims=True)
    at = (*np.indices(targets.shape, sparse=True), targets)
    loss = float(np.mean(np.log(total[..., 0]) - shifted[at], dtype=np.float64))

    # d loss / d logits = (softmax(logits) - one-hot(target)) / number of positions
    dlogits = np.divide(exponentials, total, out=exponentials)
    dlogits[at] -= 1
    dlogits /= targets.size
    return loss, dlogits
