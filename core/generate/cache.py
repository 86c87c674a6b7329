"""The keys and values of positions already seen, so that a new token costs one row of the model and not the whole.

Under a causal mask no earlier position sees a later one: what was computed for it stays true as the text grows. Of all
that is computed for it, later tokens read only its keys and values (Shazeer 2019, section 2.4.1).
"""

from __future__ import annotations

import numpy as np

from ..arguments import instance, is_whole, wrong
from ..config import Config
from ..errors import ConfigError
from ..interventions import Interventions, without
from ..trace import Trace


class Cache:
    """Keys and values of every layer, [..., kv_head, pos, d_head], in arrays allocated once for `room` positions.

    Give the same Cache to one `forward` after another, each with the tokens that are new. One Cache serves one text (or
    one batch of texts that grow together), one set of parameters, and one choice of interventions. Of an
    encoder-decoder it keeps the keys and values of the source too: they are computed once.
    Raises: ConfigError for more room than n_ctx; or than was trained on, where a longer text turns all keys anew.
    """

    __slots__ = ("_config", "_keys", "_run", "_source", "_source_mask", "_values", "length", "room")

    def __init__(self, config: Config, room: int | None = None):
        instance("config", config, Config)
        most = longest(config)
        room = most if room is None else room
        if not is_whole(room) or not 1 <= room <= most:
            why = "n_ctx" if most == config.n_ctx else "the dynamic rotary_scaling's trained"
            raise wrong("room", room, f"in 1..{why}, {most}")
        self.room = room
        self.length = 0  # how many positions are held
        self._config = config
        self._keys: list[np.ndarray] = []
        self._values: list[np.ndarray] = []
        self._source: list[tuple[np.ndarray, np.ndarray]] = []
        self._source_mask: np.ndarray | None = None
        self._run: Trace | None = None

    @classmethod
    def after(cls, run: Trace, config: Config, n: int) -> Cache:
        """The first n positions of a run, read where they lie; one more is tried after them, in many variants at once.

        run: of one text, with the keys and values of every layer. Nothing is kept of the new position.
        """
        cache = cls(config.replace(rotary_scaling=None), len(run["blocks.0.resid_pre"]))
        cache.length, cache._run = n, run
        return cache

    def check(self, n: int, config: Config, interventions: Interventions, mask: np.ndarray | None = None) -> None:
        """Raises: ConfigError when n more tokens do not fit, the Config is another, or the future is not hidden."""
        if config != self._config:
            raise ConfigError("cache: was made for another Config", "cache")
        if not without(config, interventions.off).causal:
            fault, field = ("off: takes the mask out", "off") if config.causal else ("causal: is False", "causal")
            raise ConfigError(
                f"{fault}, so a later token changes the outputs of earlier ones, and from them the next layer's "
                "keys and values; a cache needs the causal mask",
                field,
            )
        if interventions.patch:
            names = ", ".join(sorted(interventions.patch))
            raise ConfigError(f"patch: of {names}; a cache keeps what was computed, and is not patched", "patch")
        if mask is not None:
            raise ConfigError("mask: a cache holds no padding; texts of one length grow together", "mask", "cache")
        if self.length + n > self.room:
            raise ConfigError(f"ids: {n} tokens after {self.length} exceed the cache's room, {self.room}", "ids")

    def extend(self, layer: int, k: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keep the new positions' k and v; give the keys and values of all positions so far, as views."""
        if self._run is not None:
            names = ("rot_k" if self._config.positions == "rotary" else "k", "v")
            held = [self._run.first(f"blocks.{layer}.attn.{name}", self.length) for name in names]
            held = [np.broadcast_to(old, (*k.shape[:-3], *old.shape)) for old in held]
            return np.concatenate((held[0], k), axis=-2), np.concatenate((held[1], v), axis=-2)
        if layer == len(self._keys):
            for kept, new in ((self._keys, k), (self._values, v)):
                kept.append(np.empty((*new.shape[:-2], self.room, new.shape[-1]), new.dtype))
        keys, values = self._keys[layer], self._values[layer]
        if (keys.shape[:-2], keys.dtype) != (k.shape[:-2], k.dtype):
            raise ConfigError(
                f"cache: holds {keys.dtype} keys {keys.shape[:-2]}, not {k.dtype} {k.shape[:-2]}", "cache"
            )
        end = self.length + k.shape[-2]
        keys[..., self.length : end, :] = k
        values[..., self.length : end, :] = v
        return keys[..., :end, :], values[..., :end, :]

    def source(self, layer: int, *new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One layer's keys and values of the source, [..., kv_head, pos, d_head]: `new` ones are kept as they are."""
        if new:
            self._source.append((new[0], new[1]))
        return self._source[layer]

    def source_padding(self, mask: np.ndarray | None, new: bool) -> np.ndarray | None:
        """The padding mask [..., pos] of the source; of a new one, `mask`, which is kept."""
        if new:
            self._source_mask = mask
        return self._source_mask


def longest(config: Config) -> int:
    """How many positions a Cache may hold: n_ctx, or what was trained on, where a longer text turns all keys anew."""
    scaling = config.rotary_scaling
    if scaling is not None and scaling.kind == "dynamic":
        return min(config.n_ctx, scaling.trained)
    return config.n_ctx
