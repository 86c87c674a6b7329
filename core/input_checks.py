"""What one run of the model is given besides its parameters is checked here: tokens or embeddings, interventions."""

from __future__ import annotations

import numpy as np

from .arguments import array, instance
from .config import Config
from .errors import ConfigError
from .generate.cache import Cache
from .interventions import Interventions
from .params import Params


def check_model(config: Config, interventions: Interventions) -> None:
    """Raises: ConfigError for what is no Config, are no Interventions, or do not fit one another."""
    instance("config", config, Config)
    instance("interventions", interventions, Interventions).check(config)


def checked_ids(ids: np.ndarray | None, config: Config, name: str = "ids") -> np.ndarray:
    """ids [..., pos], a copy. Raises: ConfigError for what are no ids of the Config's vocabulary, or too many."""
    if ids is None:
        raise ConfigError(f"{name}: give token ids, or embeddings in their place", name)
    ids = np.array(array(name, ids, "iubfOUSc"))  # a copy: the trace will keep it
    if ids.dtype.kind not in "iu" or ids.ndim < 1 or ids.size == 0:
        raise ConfigError(f"{name}: must be integers of shape [..., pos], not {ids.dtype} {ids.shape}", name)
    _check_length(ids.shape[-1], config, name)
    if ids.astype(np.uint64).max() >= config.vocab_size:  # below zero wraps around to far above
        raise ConfigError(f"{name}: {ids.min()}..{ids.max()} leave the vocabulary 0..{config.vocab_size - 1}", name)
    return ids


def checked_embeddings(embeddings: np.ndarray, config: Config, params: Params, name: str = "embeddings") -> np.ndarray:
    """embeddings [..., pos, d_model] in float32 or float64, a copy. Raises: ConfigError for what does not fit, and for
    what is no number, unless the model's own table holds such: then it may have been taken from there."""
    x = np.array(array(name, embeddings))  # a copy: the trace will make it read-only
    if x.dtype not in (np.float32, np.float64):
        x = x.astype(np.float32)
    if x.ndim < 2 or x.shape[-1] != config.d_model or x.shape[-2] < 1:
        raise ConfigError(f"{name}: shape {x.shape} is not [..., pos, d_model={config.d_model}]", name)
    if not np.isfinite(x).all() and np.isfinite(np.asarray(params["embed.W_E"])).all():
        raise ConfigError(f"{name}: every number must be finite", name)
    _check_length(x.shape[-2], config, "ids" if name == "embeddings" else "source")
    return x


def _check_length(n: int, config: Config, name: str) -> None:
    if n > config.n_ctx:
        raise ConfigError(f"{name}: {n} tokens exceed n_ctx {config.n_ctx}", name, "n_ctx")


def checked_mask(mask: np.ndarray | None, name: str, shape: tuple[int, ...], causal: bool) -> np.ndarray | None:
    """A padding mask of this shape, [..., pos] bool, a copy; None where it hides nothing.

    Raises: ConfigError for another shape, and for one that leaves a query nothing to look at.
    """
    if mask is None:
        return None
    mask = np.array(array(name, mask, "biu").astype(bool))
    if mask.shape != shape:
        raise ConfigError(f"{name}: shape {mask.shape} does not fit the tokens' {shape}", name)
    seen = mask[..., 0] if causal else mask.any(-1)
    if not seen.all():
        fault = "the first token may not be padding: it would see nothing" if causal else "not all may be padding"
        raise ConfigError(f"{name}: {fault}", name)
    return None if mask.all() else mask


def check_source(
    config: Config,
    source: np.ndarray | None,
    embeddings: np.ndarray | None,
    mask: np.ndarray | None,
    cache: Cache | None,
) -> None:
    """Raises: ConfigError for a source that is missing, or that the model, or the cache, has no use for."""
    given = [name for name, one in (("source", source), ("source_embeddings", embeddings)) if one is not None]
    held = cache is not None and cache.length > 0
    if mask is not None and not given:
        raise ConfigError("source_mask: there is no source given", "source_mask")
    if given and not config.n_encoder_layers:
        raise ConfigError(f"{given[0]}: the model has no encoder to read it; n_encoder_layers is 0", given[0])
    if given and held:
        raise ConfigError(f"{given[0]}: the cache holds what was read already; give the source once", given[0], "cache")
    if config.n_encoder_layers and not given and not held:
        raise ConfigError("source: an encoder-decoder needs the ids that its encoder reads", "source")


def checked_source(config: Config, source: np.ndarray | None) -> np.ndarray | None:
    """source [pos], a copy: what the encoder reads for one text; None where there is none to read.

    Raises: ConfigError for a source that is missing, or that the model has no use for, and for a batch of them.
    """
    check_source(config, source, None, None, None)
    if source is None:
        return None
    source = checked_ids(source, config.encoder, "source")
    if source.ndim != 1:
        raise ConfigError(f"source: one sequence at a time, of shape [pos], not {source.shape}", "source")
    return source


def check_batch(source: np.ndarray, target: np.ndarray) -> None:
    """source [..., pos, d_model], target [..., pos, d_model]. Raises: ConfigError for batches that do not fit."""
    if source.ndim > 2 and source.shape[:-2] != target.shape[:-2]:
        raise ConfigError(
            f"source: a batch of {source.shape[:-2]} does not fit the ids' {target.shape[:-2]}", "source", "ids"
        )
