"""Beam search: the likeliest texts, a few at a time (Sutskever et al. 2014, section 3.2).

At every step each text that is still open is continued by every token; of all that, the likeliest few are kept. Greedy
decoding is a beam of width one. The whole search is kept: every text that was ever in the beam, and where it came from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from ..activations import checked_names
from ..arguments import is_whole, number, several, whole
from ..config import Config
from ..errors import ConfigError
from ..input_checks import check_model, checked_ids, checked_source
from ..interventions import NOTHING, Interventions, without
from ..limits import BEAMS
from ..model import forward
from ..ops.softmax import log_softmax
from ..params import Params, check_needed
from ..trace import Trace

PENALTY = 10  # the largest power of a text's length, either way


@dataclass(frozen=True, eq=False)
class Beam:
    """One text of the search: its tokens after the context, and the logarithm of the probability of each.

    parent: the text of one token less that it continues; None for the context alone. done: a token of `stop` ends it.
    score: what beams are compared by, the sum of the logarithms over length^penalty.
    """

    tokens: tuple[int, ...] = ()
    log_probabilities: tuple[float, ...] = ()
    parent: Beam | None = None
    done: bool = False
    score: float = 0.0

    @property
    def log_probability(self) -> float:
        """Of the whole text, in nats."""
        return float(sum(self.log_probabilities))


@dataclass(frozen=True)
class BeamStep:
    """What one step kept, the best first; and of the texts that were open before it, in this order, the trace.

    dropped: continuations that were next in line, the best first: as many as were kept.
    """

    position: int
    kept: tuple[Beam, ...]
    dropped: tuple[Beam, ...]
    opened: tuple[Beam, ...]
    trace: Trace  # [opened, pos, ...]: logits, and what `names` asked for


def beam_search(
    params: Params,
    config: Config,
    ids: np.ndarray,
    max_new_tokens: int = 20,
    width: int = 4,
    *,
    source: np.ndarray | None = None,
    stop: int | Collection[int] = (),
    penalty: float = 0.0,
    interventions: Interventions = NOTHING,
    names: Collection[str] = (),
) -> Iterator[BeamStep]:
    """Search on after ids [pos]; yield a BeamStep a token, until no text is open. The last one's `kept[0]` is the best.

    width: how many texts are kept, 1 to 8. source: as in `generate`. stop: token or tokens that end a text.
    penalty: texts are compared by their log-probability over length^penalty (Wu et al. 2016, eq. 14, simplified): 0
    favours short ones, 1 compares the mean of a token.
    Equal scores stand in the order of their parents, then of the tokens' ids.
    Raises, before the first step: ConfigError naming the argument that cannot be. While it runs: ConfigError for logits
    that are not finite.
    """
    check_model(config, interventions)
    check_needed(params, without(config, interventions.off))
    if not config.unembed:
        raise ConfigError("unembed: is False, and without logits there is nothing to search by", "unembed")
    context = checked_ids(ids, config)
    if context.ndim != 1:
        raise ConfigError(f"ids: one sequence at a time, of shape [pos], not {context.shape}", "ids")
    source = checked_source(config, source)
    whole("max_new_tokens", max_new_tokens, 1, max(config.n_ctx - len(context), 1))
    if len(context) + max_new_tokens > config.n_ctx:
        raise ConfigError(f"ids: {len(context)} tokens leave no room in n_ctx {config.n_ctx}", "ids", "n_ctx")
    whole("width", width, *BEAMS)
    penalty = number("penalty", penalty)
    if abs(penalty) > PENALTY:
        raise ConfigError(f"penalty: {penalty} is not in -{PENALTY}..{PENALTY}", "penalty")
    asked = (stop,) if is_whole(stop) else several("stop", stop, "tokens")
    for token in asked:
        whole("stop", token, 0, config.vocab_size - 1)
    stops = frozenset(asked)
    kept = checked_names(("logits", *several("names", names, "names of a trace")), config)
    return _search(params, config, context, max_new_tokens, width, source, stops, penalty, interventions, kept)


def _search(
    params: Params,
    config: Config,
    context: np.ndarray,
    max_new_tokens: int,
    width: int,
    source: np.ndarray | None,
    stops: frozenset[int],
    penalty: float,
    interventions: Interventions,
    names: Collection[str] | None,
) -> Iterator[BeamStep]:
    beams: tuple[Beam, ...] = (Beam(),)
    for position in range(len(context), len(context) + max_new_tokens):
        opened = tuple(beam for beam in beams if not beam.done)
        rows = np.array([[*context, *beam.tokens] for beam in opened])
        trace = forward(params, config, rows, source=source, interventions=interventions, names=names)
        found = [beam for beam in beams if beam.done]
        for beam, logits in zip(opened, trace["logits"][:, -1], strict=True):
            found += _continued(beam, logits, 2 * width, stops, penalty, position)
        ranked = sorted(found, key=lambda beam: -beam.score)  # stable: equal ones stay as they come
        beams = tuple(ranked[:width])
        yield BeamStep(position, beams, tuple(ranked[width : 2 * width]), opened, trace)
        if all(beam.done for beam in beams):
            return


def _continued(
    beam: Beam, logits: np.ndarray, n: int, stops: frozenset[int], penalty: float, position: int
) -> list[Beam]:
    """The n likeliest continuations of a text by one token, from the logits [vocab] that follow it."""
    if not np.isfinite(logits).all():
        raise ConfigError(f"params: the logits for position {position} are not finite; none can be compared", "params")
    log_p = log_softmax(logits.astype(np.float64))
    order = np.argsort(-log_p, kind="stable")[:n]
    return [_longer(beam, int(token), float(log_p[token]), int(token) in stops, penalty) for token in order]


def _longer(beam: Beam, token: int, log_p: float, done: bool, penalty: float) -> Beam:
    """A text, and one token more."""
    logs = (*beam.log_probabilities, log_p)
    return Beam((*beam.tokens, token), logs, beam, done, float(sum(logs)) / len(logs) ** penalty)
