"""A trace that keeps what enters each block, and computes the rest of a block again when it is asked for.

All that SmolLM2 computes for 64 tokens takes 135 MB, and a page draws little of it: what is kept here takes 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np

from .. import limits
from ..activations import last_stream
from ..config import Config
from ..interventions import Interventions
from ..model import block, feed_forward, norm_places, unembed
from ..params import Params
from ..trace import Trace

# The residual stream between all parts, and who looks at whom: what pages ask of every block.
KEPT = (
    *("embed", "pos_embed", "ln_embed.*", "ln_final.*", "blocks.*.attn.pattern"),
    *("blocks.*.resid_pre", "blocks.*.resid_mid", "blocks.*.resid_post"),
)

SEEN = "mlp.post"  # kept of few layers alone, those whose neurons Start draws


def kept(config: Config) -> tuple[str, ...]:
    """What is kept of a long text's run."""
    layers = sorted({*range(min(2, config.n_layers)), config.n_layers - 1}) if config.d_mlp else []
    return (*KEPT, *(f"blocks.{layer}.{SEEN}" for layer in layers))


# A block is computed again in two halves: up to MIDDLE, which may stop at its first norm or at the vectors; and what
# stands behind it, which begins with what was kept of it.
NORM, VECTORS, MIDDLE = "ln1.", ("attn.q", "attn.k", "attn.v", "attn.rot_"), "resid_mid"
BEHIND = ("ln2.", "mlp.", "mlp_out")


class Enough(Exception):
    """What was asked for has been computed."""


class Until(Trace):
    """A Trace that ends its run once it has been given this name."""

    __slots__ = ("_last_name",)

    def __init__(self, name: str, interventions: Interventions):
        super().__init__(interventions=interventions)
        self._last_name = name

    def put(self, name: str, array: np.ndarray) -> np.ndarray:
        """As Trace.put."""
        array = super().put(name, array)
        if name == self._last_name:
            raise Enough
        return array


class Recalled(Trace):
    """A Trace of `forward` with names=KEPT, or more, whole to whoever reads it: the same arrays, the rest of a block
    computed again. The halves of the blocks that were last are kept, and the last row of logits: of 49,152 tokens all
    rows take 50 MB for 256.

    config: without the parts that are off. weights: gives the parameters. of_block: of this one `trace` has more, as
    if it had been computed again just now; `kept` says what of it would be there anyhow.
    """

    __slots__ = ("_config", "_first", "_halves", "_inside", "_names_kept", "_row", "_weights")

    def __init__(self, trace: Trace, config: Config, weights: Callable[[], Params], of_block: int | None = None):
        super().__init__((), interventions=trace.interventions)
        always, at = Trace(kept(config)), f"blocks.{of_block}."
        self._arrays = {name: trace[name] for name in trace if not name.startswith(at) or always._keeps(name)}
        self._config, self._weights = config, weights
        first = "blocks.0."  # of any block: its names, in order, and their shapes
        self._inside = {name[len(first) :]: shape for name, shape in trace.passed.items() if name.startswith(first)}
        self._names_kept: dict[str, None] = {}
        none: tuple[int, Trace] = (-1, Trace(())) if of_block is None else (of_block, trace)
        self._halves = [none, none]  # the last block of which the first half was computed, and the second
        self._first: tuple[tuple[int, int], Trace] = (-1, 0), Trace(())
        self._row: tuple[int, np.ndarray] = -1, np.zeros(0)

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self._arrays or name not in self:
            return super().__getitem__(name)
        if name == "logits":
            return self._logits(slice(None))
        return self._half(int(name.split(".")[1]), name)[name]

    def __contains__(self, name: object) -> bool:
        if name in self._arrays or not str(name).startswith("blocks."):  # what stands around them is there, or is not
            return name in self._arrays or (name == "logits" and self._config.unembed)
        return name in self._names_there()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names_there())

    def __len__(self) -> int:
        return len(self._names_there())

    def row(self, name: str, place: int) -> np.ndarray:
        """As Trace.row; of the logits that row alone is computed."""
        if name != "logits" or name in self._arrays or name in self.interventions.patch or name not in self:
            return self[name][place]
        place = range(self.shape(name)[0])[place]
        at, row = self._row  # both at once: sessions share a run, and another may ask for another row meanwhile
        if at != place:
            row = self._logits(slice(place, place + 1))[0]
            row.flags.writeable = False
            self._row = place, row
        return row

    def first(self, name: str, n: int) -> np.ndarray:
        """As Trace.first; of a block's queries, keys and values no later positions are computed."""
        alone = self._config.causal and self._config.rotary_scaling is None and not self.interventions.patch
        if self.at_hand(name) or not alone:
            return super().first(name, n)
        i = int(name.split(".")[1])
        place, trace = self._first
        if place != (i, n) or name not in trace:
            trace = self._run(i, f"blocks.{i}.{self._last_vector}", max(n, 1))
            self._first = (i, n), trace
        return trace[name][..., :n, :]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array that is there."""
        if name == "logits" and name in self:
            return len(self._arrays[last_stream(self._config)]), self._config.vocab_size
        if name in self._arrays:
            return super().shape(name)
        _, *layer, inside = name.split(".", 2)
        alike = f"blocks.0.{inside}"
        if layer and layer[0] in map(str, range(self._config.n_layers)) and alike in self._arrays:
            return super().shape(alike)
        if name not in self:
            return super().shape(name)
        return self._inside[inside]

    def at_hand(self, name: str) -> bool:
        """Whether the array is kept; for another half a block is computed."""
        return name in self._arrays

    def _half(self, i: int, name: str) -> Trace:
        """The half of a block in which `name` stands, or the beginning of it; where more of the last one is asked for,
        all of it."""
        inside = name.split(".", 2)[2]
        behind = inside.startswith(BEHIND)
        last, trace = self._halves[behind]
        if last != i or name not in trace:
            if behind:
                trace = self._second(i)
            else:
                until = MIDDLE if last == i else self._enough(inside)
                trace = self._run(i, f"blocks.{i}.{until}")
            self._halves[behind] = i, trace
        return trace

    def _enough(self, inside: str) -> str:
        """Where a first half may stop that has to give this one."""
        if inside.startswith(NORM) and norm_places(self._config)[0]:
            return f"{NORM}out"
        return self._last_vector if inside.startswith(VECTORS) else MIDDLE

    def _second(self, i: int) -> Trace:
        """A block from its middle on."""
        at, trace = f"blocks.{i}.", Trace(interventions=self.interventions)
        feed_forward(self._arrays[at + "resid_pre"], self._arrays[at + MIDDLE], self._weights(), self._config, i, trace)
        return trace

    @property
    def _last_vector(self) -> str:
        """Of the vectors of a block's attention the name of those that are put last."""
        return "attn.rot_k" if self._config.positions == "rotary" else "attn.v"

    def _run(self, i: int, until: str, n: int | None = None) -> Trace:
        """A block up to this name, and of so many positions; None: of all."""
        trace = Until(until, self.interventions)
        with suppress(Enough):
            block(self._arrays[f"blocks.{i}.resid_pre"][:n], self._weights(), self._config, i, trace)
        return trace

    def _logits(self, rows: slice) -> np.ndarray:
        last = self._arrays[last_stream(self._config)][rows]
        return unembed(last, self._weights(), self._config, Trace((), interventions=self.interventions))

    def _names_there(self) -> dict[str, None]:
        """All names, in the order of the computation: every block has those of the first."""
        if self._names_kept:
            return self._names_kept
        before = [name for name in ("embed", "pos_embed") if name in self._arrays]
        before += [name for name in self._arrays if name.startswith("ln_embed.")]
        after = [name for name in self._arrays if name.startswith("ln_final.")]
        blocks = [f"blocks.{i}.{name}" for i in range(self._config.n_layers) for name in self._inside]
        every = [*before, *blocks, *after, *(["logits"] if self._config.unembed else [])]
        self._names_kept = dict.fromkeys(every)
        return self._names_kept


def trace_bytes(config: Config, n: int) -> int:
    """About how many bytes all of a trace of n tokens takes."""
    width, kv = config.n_heads * config.head_width, config.kv_heads * config.head_width
    vectors = 7 * config.d_model + 3 * width + 3 * kv + (4 if config.gated else 2) * config.d_mlp
    a_block = n * vectors + 4 * config.n_heads * n * n
    return 4 * (config.n_layers * a_block + n * (config.vocab_size if config.unembed else 0))


def kept_bytes(config: Config, n: int) -> int:
    """About how many bytes of a run of n tokens are kept: of a long text who looks at whom, the stream in the middle
    and behind each block and at both ends, and a few layers' neurons."""
    if (size := trace_bytes(config, n)) <= limits.TRACE:
        return size
    streams, neurons = (2 * config.n_layers + 3) * config.d_model, min(3, config.n_layers) * config.d_mlp
    return 4 * n * (config.n_layers * config.n_heads * n + streams + neurons)
