"""What one run of the model is given besides its parameters is checked here: tokens or embeddings, interventions."""

from __future__ import annotations

import numpy as np

from .arguments import array, instance
from .config import Config
from .errors import ConfigError
from .interventions import Interventions


def check_model(config: Config, interventions: Interventions) -> None:
    """Raises: ConfigError for what is no Config, are no Interventions, or do not fit one another."""
    instance("config", config, Config)
    instance("interventions", interventions, Interventions).check(config)


def checked_ids(ids: np.ndarray | None, config: Config) -> np.ndarray:
    """ids [..., pos], a copy. Raises: ConfigError for what are no ids of the Config's vocabulary, or too many."""
    if ids is None:
        raise ConfigError("ids: give token ids, or embeddings in their place", "ids")
    ids = np.array(array("ids", ids, "iubfOUSc"))  # a copy: the trace will keep it
    if ids.dtype.kind not in "iu" or ids.ndim < 1 or ids.size == 0:
        raise ConfigError(f"ids: must be integers of shape [..., pos], not {ids.dtype} {ids.shape}", "ids")
    _check_length(ids.shape[-1], config)
    if ids.astype(np.uint64).max() >= config.vocab_size:  # below zero wraps around to far above
        raise ConfigError(f"ids: {ids.min()}..{ids.max()} leave the vocabulary 0..{config.vocab_size - 1}", "ids")
    return ids


def checked_embeddings(embeddings: np.ndarray, config: Config) -> np.ndarray:
    """embeddings [..., pos, d_model] in float32 or float64, a copy. Raises: ConfigError for what does not fit."""
    x = np.array(array("embeddings", embeddings))  # a copy: the trace will make it read-only
    if x.dtype not in (np.float32, np.float64):
        x = x.astype(np.float32)
    if x.ndim < 2 or x.shape[-1] != config.d_model or x.shape[-2] < 1:
        raise ConfigError(f"embeddings: shape {x.shape} is not [..., pos, d_model={config.d_model}]", "embeddings")
    if not np.isfinite(x).all():
        raise ConfigError("embeddings: every number must be finite", "embeddings")
    _check_length(x.shape[-2], config)
    return x


def _check_length(n: int, config: Config) -> None:
    if n > config.n_ctx:
        raise ConfigError(f"ids: {n} tokens exceed n_ctx {config.n_ctx}", "ids", "n_ctx")
