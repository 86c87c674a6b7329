"""The Transformer, forward. backward.py has the same headings in mirror order."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

import numpy as np

from .activations import checked_names
from .arguments import instance
from .config import ENCODER, Config
from .errors import ConfigError
from .generate.cache import Cache
from .input_checks import check_batch, check_model, check_source, checked_embeddings, checked_ids, checked_mask
from .interventions import NOTHING, Interventions, without
from .ops.activations import ACTIVATIONS
from .ops.attention import attention_scores, causal_mask, merge_heads, split_heads, weighted_values
from .ops.embedding import embedding
from .ops.linear import identity, linear
from .ops.norm import layer_norm, rms_norm
from .ops.positions import rotary_angles, rotate, sinusoidal
from .ops.softmax import softmax
from .params import Params, check_needed, encoder_params, unembedding
from .trace import Part, Trace


@np.errstate(over="ignore", invalid="ignore")  # numbers that explode are a lesson: the trace shows where, not a warning
def forward(
    params: Params,
    config: Config,
    ids: np.ndarray | None = None,
    *,
    source: np.ndarray | None = None,
    embeddings: np.ndarray | None = None,
    source_embeddings: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    source_mask: np.ndarray | None = None,
    interventions: Interventions = NOTHING,
    names: Iterable[str] | None = None,
    cache: Cache | None = None,
) -> Trace:
    """Run the model on ids [..., pos], or on embeddings [..., pos, d_model] in their place -> Trace; keep every step.

    source: of an encoder-decoder, the ids [..., pos] that its encoder reads (source_embeddings in their place); what it
    makes of them has the same names under `encoder.`. One source may serve a whole batch of ids.
    mask, source_mask: [..., pos], False where a token is padding, at which nobody looks. None: nothing is padding.

    The arithmetic has the precision of the parameters and embeddings: float64 where either is.
    names: keep only these (names, or patterns such as `blocks.*.attn.pattern`). What is not kept is freed on the way.
    cache: holds the positions that came before; only the new ones are given, computed and traced. It is extended. It
    keeps what a decoder sees of its source too, which is then given with the first tokens alone.
    Raises: ConfigError for ids or embeddings that the Config or the cache does not fit, for a parameter that is missing
    or of another shape, for a name that no trace has, and for an intervention on a head that the model has not, or
    with a patch that does not fit.
    """
    check_model(config, interventions)
    whole, config = config, without(config, interventions.off)
    check_needed(params, config)
    if embeddings is None:
        ids = checked_ids(ids, config)
        x = embedding(params["embed.W_E"], ids)
    else:
        ids, x = None, checked_embeddings(embeddings, config, params)
    n = x.shape[-2]
    trace = Trace(checked_names(names, whole), ids, interventions)
    trace.mask = checked_mask(mask, "mask", x.shape[:-1], config.causal)
    if cache is not None:
        instance("cache", cache, Cache).check(n, whole, interventions, trace.mask)
    check_source(whole, source, source_embeddings, source_mask, cache)
    memory = None
    if config.n_encoder_layers and (source is not None or source_embeddings is not None):
        own, encoder = encoder_params(params), config.encoder
        if source_embeddings is None:
            source = checked_ids(source, encoder, "source")
            y = embedding(own["embed.W_E"], source)
        else:
            source, y = None, checked_embeddings(source_embeddings, encoder, own, "source_embeddings")
        check_batch(y, x)
        trace.source = Part(trace, ENCODER, source, interventions.of_encoder())
        trace.source.mask = trace.source_mask = checked_mask(source_mask, "source_mask", y.shape[:-1], encoder.causal)
        memory = stack_of_blocks(y, own, encoder, trace.source)
    if config.n_encoder_layers and cache is not None:
        trace.source_mask = cache.source_padding(trace.source_mask, memory is not None)
    x = stack_of_blocks(x, params, config, trace, cache, memory)
    if config.unembed and trace.needs("logits"):  # half of the work of a small model with many tokens
        unembed(x, params, config, trace)
    trace.check_patched()
    return trace


# ---------------------------------------------------------------------------------------------------------- stack


def stack_of_blocks(
    x: np.ndarray,
    params: Params,
    config: Config,
    trace: Trace,
    cache: Cache | None = None,
    memory: np.ndarray | None = None,
) -> np.ndarray:
    """All that stands under an unembedding, or under a decoder: x [..., pos, d_model], memory [..., pos, d_model] ->
    [..., pos, d_model]. An encoder and a decoder are two such stacks (Vaswani et al. 2017, section 3.1).

    memory: what the blocks of a decoder look at, its encoder's output; None: there is none, or the cache knows it.
    """
    n = x.shape[-2]
    x = embed(x, params, config, trace, cache)
    for i in range(config.n_layers):
        x = block(x, params, config, i, trace, cache, memory)
    if cache is not None:
        cache.length += n
    return norm(x, params, config, "ln_final", trace) if config.final_norm else x


# ---------------------------------------------------------------------------------------------------------- embed


def embed(x: np.ndarray, params: Params, config: Config, trace: Trace, cache: Cache | None = None) -> np.ndarray:
    """Token embeddings, and where they stand: x [..., pos, d_model] -> [..., pos, d_model]; the first residual stream.

    Vaswani et al. 2017, sections 3.4 and 3.5; the norm after both is BERT's (Devlin et al. 2018).
    """
    if config.embed_scale:
        x = x * x.dtype.type(sqrt(config.d_model))
    x = trace.put("embed", x)
    if config.positions in ("sinusoidal", "learned"):
        n, rows = places(x.shape[-2], cache)
        if config.positions == "learned":
            P = params["pos_embed.W_pos"]
        else:
            P = sinusoidal(n, config.d_model, x.dtype, config.sine_halves)
        x = x + trace.put("pos_embed", np.array(P[rows]))  # a copy: learned ones change when the model learns on
    if config.embed_norm:
        x = norm(x, params, config, "ln_embed", trace)
    return x


def places(n: int, cache: Cache | None) -> tuple[int, slice]:
    """How long a table of positions is, and which of its rows belong to the n tokens at hand."""
    # One table for all the room of a cache: a table a length would be computed anew at every token.
    return (n, slice(n)) if cache is None else (cache.room, slice(cache.length, cache.length + n))


# ---------------------------------------------------------------------------------------------------------- block


def block(
    x: np.ndarray,
    params: Params,
    config: Config,
    i: int,
    trace: Trace,
    cache: Cache | None = None,
    memory: np.ndarray | None = None,
) -> np.ndarray:
    """One layer: x [..., pos, d_model], memory [..., pos, d_model] -> [..., pos, d_model].

    Vaswani et al. 2017, section 3.1 (post); Xiong et al. 2020 (pre); Wang & Komatsuzaki 2021 (parallel).
    pre:  x + attention(norm(x)), then x + mlp(norm(x))      parallel: x + attention(norm1(x)) + mlp(norm2(x))
    post: norm(x + attention(x)), then norm(x + mlp(x))
    A decoder that has an encoder looks at its output, memory, between the two, in the same way.
    """
    at = f"blocks.{i}."
    start = trace.put(at + "resid_pre", x)
    pre, _ = norm_places(config)
    x = norm(start, params, config, at + "ln1", trace) if pre else start
    x = attention(x, params, config, i, trace, cache)
    return after_attention(start, x, params, config, i, trace, cache, memory)


def after_attention(
    start: np.ndarray,
    x: np.ndarray,
    params: Params,
    config: Config,
    i: int,
    trace: Trace,
    cache: Cache | None = None,
    memory: np.ndarray | None = None,
) -> np.ndarray:
    """The rest of a block, from what entered it and what its attention gave:
    start [..., pos, d_model], x [..., pos, d_model], memory [..., pos, d_model] -> [..., pos, d_model].
    """
    at = f"blocks.{i}."
    pre, post = norm_places(config)
    x = trace.put(at + "attn_out", x)
    if config.residual:
        x = start + x
    if post:
        x = norm(x, params, config, at + "ln1", trace)
    middle = x = trace.put(at + "resid_mid", x)

    if config.cross:
        x = norm(x, params, config, at + "ln_cross", trace) if pre else x
        x = trace.put(at + "cross_out", attention(x, params, config, i, trace, cache, "cross", memory))
        if config.residual:
            x = middle + x
        if post:
            x = norm(x, params, config, at + "ln_cross", trace)
        middle = x = trace.put(at + "resid_mid_cross", x)

    x = feed_forward(start, middle, params, config, i, trace) if config.d_mlp else middle
    return trace.put(at + "resid_post", x)


def feed_forward(
    start: np.ndarray, middle: np.ndarray, params: Params, config: Config, i: int, trace: Trace
) -> np.ndarray:
    """A block's MLP, with its norm and what runs past it, from what entered the block and what its attention has left:
    start [..., pos, d_model], middle [..., pos, d_model] -> [..., pos, d_model].
    """
    at = f"blocks.{i}."
    pre, post = norm_places(config)
    x = start if config.parallel else middle
    x = norm(x, params, config, at + "ln2", trace) if pre else x
    x = trace.put(at + "mlp_out", mlp(x, params, config, at + "mlp.", trace))
    if config.residual or config.parallel:
        x = middle + x
    return norm(x, params, config, at + "ln2", trace) if post else x


def norm_places(config: Config) -> tuple[bool, bool]:
    """Does a norm stand before, or after, attention and MLP?"""
    return config.norm != "none" and config.norm_at == "pre", config.norm != "none" and config.norm_at == "post"


# ------------------------------------------------------------------------------------------------------ attention


def attention(
    x: np.ndarray,
    params: Params,
    config: Config,
    i: int,
    trace: Trace,
    cache: Cache | None = None,
    kind: str = "attn",
    memory: np.ndarray | None = None,
) -> np.ndarray:
    """softmax(Q K^T / sqrt(d_k) + M) V W_O: x [..., pos, d_model], memory [..., pos, d_model] -> [..., pos, d_model].

    Vaswani et al. 2017, eq. 1 and section 3.2.2; heads that share keys and values: Ainslie et al. 2023.
    kind: "attn", where queries, keys and values all come from x; or "cross", where keys and values come from memory, an
    encoder's output (section 3.2.3). Of this a cache keeps what it was given once.
    """
    at, own = f"blocks.{i}.{kind}.", kind == "attn"
    change = trace.interventions
    y = x if own else memory
    q = linear(x, params[at + "W_Q"], params.get(at + "b_Q")) if config.projections else x
    q = trace.put(at + "q", split_heads(q, config.n_heads))
    if y is not None:
        k = v = y
        if config.projections:
            k = linear(y, params[at + "W_K"], params.get(at + "b_K"))
            off = "W_V" in change.off
            v = identity(y, k.shape[-1]) if off else linear(y, params[at + "W_V"], params.get(at + "b_V"))
        k = trace.put(at + "k", split_heads(k, config.kv_heads))
        v = trace.put(at + "v", split_heads(v, config.kv_heads))
    if own and config.positions == "rotary":
        n, rows = places(x.shape[-2], cache)
        about = (config.rotary_width, config.rotary_base, x.dtype, config.rotary_scaling)
        turn = [table[rows] for table in rotary_angles(n, *about)]
        q = trace.put(at + "rot_q", rotate(q, *turn))
        k = trace.put(at + "rot_k", rotate(k, *turn))
    if cache is not None:
        k, v = cache.extend(i, k, v) if own else cache.source(i, *(() if y is None else (k, v)))

    scores = trace.put(at + "scores", attention_scores(q, k))
    if config.scale:
        scores = scores * (1 / sqrt(config.head_width))
    scores = trace.put(at + "scores_scaled", scores)
    mask = causal_mask(*scores.shape[-2:], x.dtype) if own and config.causal else x.dtype.type(0)
    padding = trace.mask if own else trace.source_mask
    if padding is not None:
        mask = mask + np.where(padding, x.dtype.type(0), x.dtype.type(-np.inf))[..., None, None, :]
    if own and change.cut:
        mask = hidden(mask + cut_edges(scores, change, i), at)
    if mask.ndim:
        scores = scores + mask
    scores = trace.put(at + "scores_masked", scores)
    if at + "scores_masked" in change.patch:
        mask = hidden(scores, at)
    if "softmax" in change.off:
        scores = np.zeros_like(scores) + mask
    pattern = trace.put(at + "pattern", softmax(scores, change.temperature))

    z = weighted_values(pattern, v)
    for head in change.ablated_in(i, kind):
        z[..., head, :, :] = 0
    return merge(trace.put(at + "z", z), params, config, i, change, kind)


def cut_edges(scores: np.ndarray, change: Interventions, i: int) -> np.ndarray:
    """The mask of the edges that are cut: scores [..., head, query, key] -> [head, query, key]; there -inf, else 0.

    Of queries fewer than keys, the last stands at the last key. Edges outside are none.
    """
    mask = np.zeros(scores.shape[-3:], scores.dtype)
    first = mask.shape[2] - mask.shape[1]  # the position of the first query
    for head, query, key in change.cut_in(i):
        if first <= query < mask.shape[2] and key < mask.shape[2]:
            mask[head, query - first, key] = -np.inf
    return mask


def hidden(scores: np.ndarray, at: str) -> np.ndarray:
    """The mask of scores that were altered: scores [..., head, query, key] -> [..., head, query, key]; -inf where one
    is, else 0. Raises: ConfigError for a query that is left no key.
    """
    cut = np.isneginf(scores)
    if cut.all(-1).any():
        *_, head, query = np.argwhere(cut.all(-1))[0]
        message = f"{at}scores_masked leaves query {query} of head {head} no key to look at"
        raise ConfigError(f"patch, cut: {message}", "patch", "cut")
    return np.where(cut, scores, scores.dtype.type(0))


def merge(
    z: np.ndarray, params: Params, config: Config, i: int, change: Interventions, kind: str = "attn"
) -> np.ndarray:
    """The heads' outputs side by side, through W_O (Vaswani et al. 2017, section 3.2.2):
    z [..., head, pos, d_head] -> [..., pos, d_model]. kind: "attn", or "cross".
    """
    at = f"blocks.{i}.{kind}."
    out = merge_heads(z)
    if not config.projections:
        return out
    if "W_O" in change.off:
        return identity(out, config.d_model)
    return linear(out, params[at + "W_O"], params.get(at + "b_O"))


# ------------------------------------------------------------------------------------------------------------ mlp


def mlp(x: np.ndarray, params: Params, config: Config, at: str, trace: Trace) -> np.ndarray:
    """f(x W_in) W_out, or gated (f(x W_gate) * x W_in) W_out: x [..., pos, d_model] -> [..., pos, d_model].

    Vaswani et al. 2017, eq. 2; gated: Shazeer 2020, eq. 5.
    """
    f = ACTIVATIONS[config.activation]
    up = linear(x, params[at + "W_in"], params.get(at + "b_in"))
    if config.gated:
        pre = trace.put(at + "pre", linear(x, params[at + "W_gate"]))
        post = trace.put(at + "act", f(pre)) * trace.put(at + "up", up)
    else:
        post = f(trace.put(at + "pre", up))
    return linear(trace.put(at + "post", post), params[at + "W_out"], params.get(at + "b_out"))


# ----------------------------------------------------------------------------------------------------------- norm


def norm(x: np.ndarray, params: Params, config: Config, at: str, trace: Trace) -> np.ndarray:
    """LayerNorm or RMSNorm with the parameters at `at`: x [..., pos, d_model] -> [..., pos, d_model]."""
    x, scale = layer_norm(x, config.norm_eps) if config.norm == "layer" else rms_norm(x, config.norm_eps)
    scale = trace.put(at + ".scale", scale)
    normalized = trace.put(at + ".normalized", x / scale)
    out = normalized * params[at + ".w"]
    if config.norm == "layer":
        out += params[at + ".b"]
    return trace.put(at + ".out", out)


# -------------------------------------------------------------------------------------------------------- unembed


def unembed(x: np.ndarray, params: Params, config: Config, trace: Trace) -> np.ndarray:
    """What each position says of the next token: x [..., pos, d_model] -> logits [..., pos, vocab].

    Vaswani et al. 2017, section 3.4.
    """
    return trace.put("logits", linear(x, unembedding(params, config), params.get("unembed.b_U")))
