"""What was computed for a text, for another one that begins alike: a turn of a knob seldom changes the first tokens."""

from __future__ import annotations

import numpy as np

from ..config import Config
from ..errors import ConfigError
from ..trace import Trace
from .cache import Cache


class Known:
    """The logits after a context [pos, d_model] and after each new token of the last text that came after it; and
    the cache that holds its keys and values. `generate` goes on from where the next text parts from that one.

    One serves one context, one set of parameters, and one choice of interventions.
    Raises: ConfigError for more room, in positions, than the Config has.
    """

    __slots__ = ("_logits", "_tokens", "cache", "context")

    def __init__(self, config: Config, context: np.ndarray, room: int):
        self.context, self.cache = context, Cache(config, room)
        self._tokens: list[int] = []
        self._logits: list[np.ndarray] = []  # [vocab] each: after so many of the tokens

    def check(self, context: np.ndarray, max_new_tokens: int) -> None:
        """Raises: ConfigError for another context, or for more tokens than there is room for."""
        if not np.array_equal(context, self.context):
            raise ConfigError("known: is of another context", "known")
        if len(context) + max_new_tokens > self.cache.room:
            raise ConfigError(f"known: has room for {self.cache.room} positions", "known", "max_new_tokens")

    def after(self, tokens: list[int]) -> Trace | None:
        """The logits [1, vocab] after these new tokens, as a trace; where they are not known, None: what parted from
        these tokens before is known no more, and the cache holds all of them but the last."""
        same = 0
        while same < min(len(tokens), len(self._tokens)) and tokens[same] == self._tokens[same]:
            same += 1
        if same == len(tokens) < len(self._logits):
            trace = Trace(("logits",))
            trace.put("logits", self._logits[same][None])
            return trace
        del self._tokens[same:], self._logits[same + 1 :]
        self.cache.length = len(self.context) + same if self._logits else 0
        return None

    def keep(self, tokens: list[int], trace: Trace) -> None:
        """What was computed after these tokens."""
        self._tokens = [*tokens]
        self._logits.append(trace["logits"][-1].copy())  # a view would keep those of the whole context
