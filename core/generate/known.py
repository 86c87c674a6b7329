"""What was computed for a text, for another one that begins alike: a turn of a knob seldom changes the first tokens."""

from __future__ import annotations

import numpy as np

from ..activations import last_stream
from ..config import Config
from ..errors import ConfigError
from ..interventions import without
from ..model import unembed
from ..params import Params
from ..trace import Trace
from .cache import Cache

STAGES = ("blocks.0.resid_pre", "blocks.*.resid_post")


class Known:
    """Of a context [pos, d_model] and of each new token of the last text that came after it: the cache that holds
    their keys and values, the logits after them, and what the residual stream was there. `generate` goes on from where
    the next text parts from that one.

    rows: of how many of the context's last positions the stream is kept at every stage.
    One serves one context, one set of parameters, and one choice of interventions.
    Raises: ConfigError for more room, in positions, than the Config has.
    """

    __slots__ = ("_config", "_logits", "_stages", "_tokens", "cache", "context", "rows", "stream")

    def __init__(self, config: Config, context: np.ndarray, room: int, rows: int = 1):
        self.context, self.rows, self.cache, self._config = context, rows, Cache(config, room), config
        self.stream = np.zeros((0, config.d_model), context.dtype)  # [pos, d_model]: what the unembedding reads of it
        self._tokens: list[int] = []
        self._logits: list[np.ndarray] = []  # [vocab] each: after so many of the tokens
        self._stages: list[np.ndarray] = []  # [stage, pos, d_model] each: of what was read for these logits

    def check(self, context: np.ndarray, max_new_tokens: int) -> None:
        """Raises: ConfigError for another context, or for more tokens than there is room for."""
        if not np.array_equal(context, self.context):
            raise ConfigError("known: is of another context", "known")
        if len(context) + max_new_tokens > self.cache.room:
            raise ConfigError(f"known: has room for {self.cache.room} positions", "known", "max_new_tokens")

    @property
    def names(self) -> tuple[str, ...]:
        """What of a run `keep` must be given: no logits, for of a context only the last row is read."""
        return (*STAGES, "ln_final.out")

    def after(self, tokens: list[int]) -> Trace | None:
        """The logits [1, vocab] after these new tokens, as a trace; where they are not known, None: what parted from
        these tokens before is known no more, and the cache holds all of them but the last."""
        same = 0
        while same < min(len(tokens), len(self._tokens)) and tokens[same] == self._tokens[same]:
            same += 1
        if same == len(tokens) < len(self._logits):
            return self._row(same)
        del self._tokens[same:], self._logits[same + 1 :], self._stages[same + 1 :]
        self.cache.length = len(self.context) + same if self._logits else 0
        return None

    def keep(self, tokens: list[int], trace: Trace, params: Params) -> Trace:
        """Keep what was computed after these tokens, and give what `after` gives from now on."""
        config = without(self._config, trace.interventions.off)
        last = trace[last_stream(config)]
        if not self._logits:
            self.stream = last.copy()
        named = [STAGES[0], *(STAGES[1].replace("*", str(i)) for i in range(config.n_layers))]
        self._tokens = [*tokens]
        self._stages.append(np.stack([trace[name][-self.rows :] for name in named]))
        self._logits.append(unembed(last[-1:], params, config, Trace(()))[0])
        return self._row(len(tokens))

    def stages(self, tokens: list[int]) -> np.ndarray | None:
        """[stage, pos, d_model]: the residual stream of the context's last `rows` positions and of these new tokens, as
        it entered the first block and left each; None where it is not known."""
        n = len(tokens)
        if n >= len(self._stages) or tokens != self._tokens[:n]:
            return None
        return np.concatenate(self._stages[: n + 1], axis=1)

    def _row(self, n: int) -> Trace:
        trace = Trace(("logits",))
        trace.put("logits", self._logits[n][None])
        return trace
