"""Autoregressive generation: a context goes in, a token is drawn, the token joins the context, and so on.

Every step is yielded with its whole distribution, and with what it cost.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..activations import checked_names
from ..arguments import flag, instance, is_whole, mapping, several, whole
from ..config import Config
from ..errors import ConfigError
from ..input_checks import check_model, checked_embeddings, checked_ids, checked_source
from ..interventions import NOTHING, Interventions, without
from ..kinds import shown
from ..model import forward
from ..ops.embedding import embedding
from ..params import Array, Params, check_needed
from ..trace import Trace
from .cache import Cache
from .known import Known
from .sampling import Distribution, Sampling

FLOAT32 = 4  # bytes


@dataclass(frozen=True)
class Work:
    """What one step computed. Positions are alike in every layer; without a cache none is reused.

    The two counts are those of `multiplications`: of this step, and of the same step without a cache.
    """

    new: range  # positions whose keys and values were computed
    reused: range  # positions whose keys and values came from the cache
    multiplications: int
    without_cache: int


@dataclass(frozen=True)
class NewToken:
    """One new token: where it stands, and all that led to it."""

    position: int  # 0 is the context's first token
    token: int
    forced: bool
    distribution: Distribution
    work: Work
    trace: Trace  # of the new positions: logits, and what `names` asked for

    @property
    def probability(self) -> float:
        """The model's own for the token, before temperature and cuts."""
        return float(self.distribution.plain[self.token])

    @property
    def drawn_with(self) -> float:
        """The probability that it had in the draw, after temperature and cuts: 0 for a forced token that was cut."""
        return float(self.distribution.final[self.token])


def generate(
    params: Params,
    config: Config,
    ids: np.ndarray | None = None,
    max_new_tokens: int = 20,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    *,
    source: np.ndarray | None = None,
    embeddings: np.ndarray | None = None,
    forced: Mapping[int, int] | None = None,
    stop: int | Collection[int] = (),
    cache: bool = True,
    interventions: Interventions = NOTHING,
    names: Iterable[str] = (),
    widened: int | None = None,
    known: Known | None = None,
) -> Iterator[NewToken]:
    """Write on after ids [pos], or after `embeddings` [pos, d_model] in their place; yield a NewToken a token.

    source: of an encoder-decoder, the ids [pos] that its encoder reads; `ids` then begin with the token that starts it.
    temperature, top_k, top_p, seed: see Sampling. A draw depends on seed and position alone: the same steps come again
    however far one goes, and a forced token moves no later draw.
    forced: position -> the token that must stand there, whatever its probability.
    stop: token or tokens after which nothing follows; they are yielded themselves.
    cache: keep keys and values (the same numbers, sooner). False computes the whole context at every step.
    params: those kept in fewer bits (load_pretrained) are widened once, for the whole text: a token reads them all.
    widened: bytes that these may take so; the others are multiplied as they lie, which takes longer. None: no limit.
    names: what else each NewToken's trace keeps, as in `forward`.
    known: what was computed for another text after the same context, by the same parameters; it is extended. Of the new
    tokens that are the same nothing is computed again, so that `names` must be empty; and of the context the logits of
    the last position alone are computed.
    Raises, before the first step: ConfigError naming the argument that cannot be; for more tokens than n_ctx has room
    for; for cache=True where the future is not hidden. While it runs: ConfigError for logits that are not finite.
    """
    check_model(config, interventions)
    check_needed(params, without(config, interventions.off))
    if not config.unembed:
        raise ConfigError("unembed: is False, and without logits there is nothing to draw from", "unembed")
    sampling = Sampling(temperature, top_k, top_p, seed)
    if embeddings is None:
        context = embedding(params["embed.W_E"], checked_ids(ids, config))
    else:
        context = checked_embeddings(embeddings, config, params)
    if context.ndim != 2:
        raise ConfigError(f"ids: one sequence at a time, of shape [pos], not a batch {context.shape[:-1]}", "ids")
    source = checked_source(config, source)
    n = len(context)
    whole("max_new_tokens", max_new_tokens, 1)
    if widened is not None:
        whole("widened", widened, 0)
    if n + max_new_tokens > config.n_ctx:
        wanted = shown(max_new_tokens)
        raise ConfigError(
            f"max_new_tokens: {wanted} after {n} exceed n_ctx {config.n_ctx}; {config.n_ctx - n} would fit",
            "max_new_tokens",
            "n_ctx",
        )
    stops = (stop,) if is_whole(stop) else several("stop", stop, "tokens")
    forced = dict(mapping("forced", {} if forced is None else forced, "from positions to tokens"))
    kept = checked_names(("logits", *several("names", names, "names of a trace")), config)
    for name, tokens in (("stop", stops), ("forced", forced.values())):
        for token in tokens:
            whole(name, token, 0, config.vocab_size - 1)
    for position in forced:
        whole("forced", position, n, n + max_new_tokens - 1)
    store = Cache(config, n + max_new_tokens) if flag("cache", cache) else None
    if known is not None:
        instance("known", known, Known).check(context, max_new_tokens)
        if store is None or len(kept or ()) > 1 or source is not None:
            raise ConfigError("known: is of a cache, of one stack, and keeps the logits alone", "known")
        store, kept = known.cache, known.names
    if store is not None:
        store.check(max(0, n - store.length), config, interventions)
    return write_on(
        *(params, config, context, max_new_tokens, sampling, forced, stops, store, interventions, kept, source),
        *(widened, known),
    )


def write_on(
    params: Params,
    config: Config,
    context: np.ndarray,
    max_new_tokens: int,
    sampling: Sampling,
    forced: Mapping[int, int],
    stop: Collection[int],
    cache: Cache | None,
    interventions: Interventions,
    names: Iterable[str] | None,
    source: np.ndarray | None,
    widened: int | None,
    known: Known | None,
) -> Iterator[NewToken]:
    """The loop of `generate`: look at context [pos, d_model], draw a token, add it, and look again."""
    x, unread = context, source
    tokens: list[int] = []
    for position in range(len(context), len(context) + max_new_tokens):
        trace = None if known is None else known.after(tokens)
        if trace is None:
            if max_new_tokens > 1:
                params, widened = _widened(params, widened), 0  # once: a token reads them all
            trace = forward(
                params, config, embeddings=x, source=unread, interventions=interventions, names=names, cache=cache
            )
            if known is not None:
                trace = known.keep(tokens, trace, params)
        distribution = Distribution(_last(trace["logits"], position), sampling)
        token = int(forced[position]) if position in forced else distribution.draw(position)
        n_source = 0 if source is None else len(source)
        cost = work(config, position, len(x), interventions.off, n_source, unread is not None)
        yield NewToken(position, token, position in forced, distribution, cost, trace)
        if token in stop:
            return
        tokens.append(token)
        row = embedding(params["embed.W_E"], np.array([token]))
        x = np.concatenate([x, row]) if cache is None else row
        unread = source if cache is None else None  # a cache holds what the decoder sees of it


def _widened(params: Params, most: int | None) -> Params:
    """The same, as float32 in memory as far as these bytes go; the rest stays as it is stored."""
    if most == 0:
        return params
    done: dict[str, Array] = {}
    for name, p in params.items():
        size = p.nbytes if isinstance(p, np.ndarray) else FLOAT32 * math.prod(p.shape)
        stays = isinstance(p, np.ndarray) or (most is not None and size > most)
        done[name] = p if stays else np.asarray(p)
        most = most if stays or most is None else most - size
    return done


def _last(logits: np.ndarray, position: int) -> np.ndarray:
    last = logits[-1].copy()  # a view would keep those of the whole context
    if not np.isfinite(last).all():
        raise ConfigError(f"params: the logits for position {position} are not finite; no token can be drawn", "params")
    return last


# -------------------------------------------------------------------------------------------------- what it costs


def work(config: Config, n: int, n_new: int, off: Collection[str] = (), n_source: int = 0, reads: bool = True) -> Work:
    """What a step over n positions costs, of which n_new are computed and the others come from a cache.

    n_source: tokens of the source. reads: whether this step reads it; else a cache holds what was made of it.
    """
    reused = n - n_new
    now, alone = ((n_new, n_source if reads else 0), (n, n_source))
    counts = (multiplications(config, new, n, off, n_source, read) for new, read in (now, alone))
    return Work(range(reused, n), range(reused), *counts)


def multiplications(
    config: Config, n: int, n_keys: int, off: Collection[str] = (), n_source: int = 0, n_read: int | None = None
) -> int:
    """Multiply-adds in the matrix products of one `forward` over n new positions that look at n_keys in all.

    Exactly those of x W for every weight matrix, of Q K^T and of A V, the hidden half of the scores included: it is
    computed too. Norms, activations, softmax and biases are not products of matrices, and are left out.
    off: the parts that were taken out (core/interventions.py). n_source: the tokens of the source that cross-attention
    looks at, of which n_read are read now (None: all).
    """
    c = without(config, off)
    n_read = n_source if n_read is None else n_read
    total = sum(multiplications_by_part(config, n, n_keys, off).values())
    if c.cross:
        used, q_width = _projected(c, off), c.n_heads * c.head_width
        of_source = used.get("W_K", 0) + used.get("W_V", 0)
        of_target = sum(used.values()) - of_source + 2 * q_width * n_source
        total += c.n_layers * (n * of_target + n_read * of_source)
    if c.n_encoder_layers and n_read:
        total += multiplications(config.encoder, n_read, n_read, off)
    return total


def multiplications_by_part(config: Config, n: int, n_keys: int, off: Collection[str] = ()) -> dict[str, int]:
    """The same of one stack without cross-attention, by what they are of: the matrices of attention, Q K^T and A V, the
    MLPs, and the unembedding."""
    c, d = without(config, off), config.d_model
    return {
        "projections": n * c.n_layers * sum(_projected(c, off).values()),
        "attention": n * c.n_layers * 2 * c.n_heads * c.head_width * n_keys,
        "mlp": n * c.n_layers * (3 if c.gated else 2) * d * c.d_mlp,
        "unembed": n * d * c.vocab_size if c.unembed else 0,
    }


def _projected(config: Config, off: Collection[str]) -> dict[str, int]:
    """Multiply-adds a position and layer of each matrix of attention that is there."""
    c = config
    q_width, kv_width = c.n_heads * c.head_width, c.kv_heads * c.head_width
    widths = {"W_Q": q_width, "W_K": kv_width, "W_V": kv_width, "W_O": q_width} if c.projections else {}
    return {name: c.d_model * width for name, width in widths.items() if name not in off}
