"""A trace that keeps what enters each block, and computes the rest of a block again when it is asked for.

All that SmolLM2 computes for 64 tokens takes 135 MB, and a page draws little of it: what is kept here takes 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..config import Config
from ..model import block, unembed
from ..params import Params
from ..trace import Trace, last_stream

# The residual stream between all parts, and who looks at whom: what pages ask of every block.
KEPT = (
    *("embed", "pos_embed", "ln_embed.*", "ln_final.*", "blocks.*.attn.pattern"),
    *("blocks.*.resid_pre", "blocks.*.resid_mid", "blocks.*.resid_post"),
)


class Recalled(Trace):
    """A Trace of `forward` with names=KEPT, whole to whoever reads it: the same arrays, the rest of a block computed
    again. The last block that was is kept, and the last row of logits: of 49,152 tokens all rows take 50 MB for 256.

    config: without the parts that are off. weights: gives the parameters.
    """

    __slots__ = ("_config", "_last", "_row", "_weights")

    def __init__(self, kept: Trace, config: Config, weights: Callable[[], Params]):
        super().__init__(kept, interventions=kept.interventions)
        self._arrays = {name: kept[name] for name in kept}
        self._config, self._weights = config, weights
        self._last: tuple[int, Trace] = -1, Trace(())
        self._row: tuple[int, np.ndarray] = -1, np.zeros(0)

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self._arrays or name not in self:
            return super().__getitem__(name)
        if name == "logits":
            return self._logits(slice(None))
        return self._block(int(name.split(".")[1]))[name]

    def __contains__(self, name: object) -> bool:
        return name in self._arrays or name in self._names_there()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names_there())

    def __len__(self) -> int:
        return len(self._names_there())

    def row(self, name: str, place: int) -> np.ndarray:
        """As Trace.row; of the logits that row alone is computed."""
        if name != "logits" or name in self._arrays or name in self.interventions.patch or name not in self:
            return self[name][place]
        place = range(self.shape(name)[0])[place]
        if self._row[0] != place:
            row = self._logits(slice(place, place + 1))[0]
            row.flags.writeable = False
            self._row = place, row
        return self._row[1]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array that is there."""
        if name == "logits" and name in self:
            return len(self._arrays[last_stream(self._config)]), self._config.vocab_size
        if name in self._arrays or name not in self:
            return super().shape(name)
        inside, (i, trace) = name.split(".", 2)[2], self._last
        return trace.shape(f"blocks.{i}.{inside}")  # in every block the same; `in` has computed one

    def at_hand(self, name: str) -> bool:
        """Whether the array is kept; of another a whole block is computed."""
        return name in self._arrays

    def _block(self, i: int) -> Trace:
        last, trace = self._last
        if last != i:
            trace = Trace(interventions=self.interventions)
            block(self._arrays[f"blocks.{i}.resid_pre"], self._weights(), self._config, i, trace)
            self._last = i, trace
        return trace

    def _logits(self, rows: slice) -> np.ndarray:
        last = self._arrays[last_stream(self._config)][rows]
        return unembed(last, self._weights(), self._config, Trace((), interventions=self.interventions))

    def _names_there(self) -> list[str]:
        """All names, in the order of the computation: every block has those of the last one that was computed."""
        if self._last[0] < 0:
            self._block(0)
        inside = [name.split(".", 2)[2] for name in self._last[1]]
        before = [name for name in ("embed", "pos_embed") if name in self._arrays]
        before += [name for name in self._arrays if name.startswith("ln_embed.")]
        after = [name for name in self._arrays if name.startswith("ln_final.")]
        blocks = [f"blocks.{i}.{name}" for i in range(self._config.n_layers) for name in inside]
        return [*before, *blocks, *after, *(["logits"] if self._config.unembed else [])]


def trace_bytes(config: Config, n: int) -> int:
    """About how many bytes all of a trace of n tokens takes."""
    width, kv = config.n_heads * config.head_width, config.kv_heads * config.head_width
    vectors = 7 * config.d_model + 3 * width + 3 * kv + (4 if config.gated else 2) * config.d_mlp
    a_block = n * vectors + 4 * config.n_heads * n * n
    return 4 * (config.n_layers * a_block + n * (config.vocab_size if config.unembed else 0))
