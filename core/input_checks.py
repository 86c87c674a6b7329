"""What one run of the model is given besides its parameters: tokens or embeddings, and interventions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .config import Config
from .errors import ConfigError
from .interventions import PARTS


@dataclass(frozen=True)
class Interventions:
    """What is changed while the model runs, its weights untouched."""

    temperature: float = 1.0  # the softmax of attention divides its exponents by it
    ablate: frozenset[tuple[int, int]] = frozenset()  # (layer, head) whose output z is set to zero
    off: frozenset[str] = frozenset()  # parts taken out; core/interventions.py says what each means

    def __post_init__(self) -> None:
        if not 0 < self.temperature < np.inf:
            raise ConfigError(f"temperature: {self.temperature!r} is not a finite number above 0", "temperature")
        for part in self.off:
            if part not in PARTS:
                raise ConfigError(f"off: {part!r} is not one of {', '.join(PARTS)}", "off")

    def ablated(self, layer: int, config: Config) -> list[int]:
        """The heads of one layer that are switched off."""
        return [head for at, head in self.ablate if at == layer and head < config.n_heads]


NOTHING = Interventions()


def checked_ids(ids: np.ndarray | None, config: Config) -> np.ndarray:
    if ids is None:
        raise ConfigError("ids: give token ids, or embeddings in their place", "ids")
    ids = np.array(ids)  # a copy: the trace will keep it
    if ids.dtype.kind not in "iu" or ids.ndim < 1 or ids.size == 0:
        raise ConfigError(f"ids: must be integers of shape [..., pos], not {ids.dtype} {ids.shape}", "ids")
    _check_length(ids.shape[-1], config)
    if ids.astype(np.uint64).max() >= config.vocab_size:  # below zero wraps around to far above
        raise ConfigError(f"ids: {ids.min()}..{ids.max()} leave the vocabulary 0..{config.vocab_size - 1}", "ids")
    return ids


def checked_embeddings(embeddings: np.ndarray, config: Config) -> np.ndarray:
    x = np.array(embeddings)  # a copy: the trace will make it read-only
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
