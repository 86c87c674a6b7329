"""What would be missing: the final residual stream without one head, or without one key of one query.

Nothing before the layer in question changes, so only what follows it is computed again, for all heads of a layer (or
all keys of a query) at once along a leading axis.

kind: "attn", a stack's own attention, or "cross". An encoder is asked as a model of its own: by `encoder_params`, its
Config and the trace's `source`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from ..activations import last_stream
from ..arguments import several, whole, wrong
from ..config import ENCODER, Config
from ..errors import ConfigError
from ..generate.cache import Cache
from ..interventions import IN_CROSS, no_head, without
from ..model import after_attention, block, merge
from ..ops.softmax import log_softmax
from ..params import Params
from ..trace import Trace
from .lens import read_last
from .space import relative_change

NONE: Mapping[int, np.ndarray] = MappingProxyType({})


def head_effects(
    params: Params,
    config: Config,
    trace: Trace,
    layers: Sequence[int] | None = None,
    kind: str = "attn",
    streams: Mapping[int, np.ndarray] = NONE,
) -> np.ndarray:
    """Relative change of each token's final residual stream without each head: [layer, head, pos].

    ||y' - y|| / ||y||, y after the last block (before a final norm) and y' the same with the head's output z set to
    zero. Michel et al. 2019, section 3.2, take one head away as here, but measure how well the task is still done:
    BLEU of translations, accuracy of entailment. `trace`: a full one of one sentence.
    layers: these alone; None: all. streams: layer -> what `without_heads` gives of it, where that is known.
    """
    config = without(config, trace.interventions.off)
    return np.stack([_moved(x, config, trace) for x in _each_layer(params, config, trace, layers, kind, streams)])


@np.errstate(over="ignore", invalid="ignore")  # as in forward
def prediction_effects(
    params: Params,
    config: Config,
    trace: Trace,
    layers: Sequence[int] | None = None,
    kind: str = "attn",
    streams: Mapping[int, np.ndarray] = NONE,
) -> np.ndarray:
    """What each head does to the prediction after the last position: [2, layer, head].

    First the total variation between the next token's distributions p with the head and p' without it, sum |p' - p| / 2
    (Levin & Peres 2017, section 4.1): how much probability is elsewhere without it. Then log p' - log p of the token
    that is likeliest with it. `trace`: a full one of one sentence, with logits. layers, streams: as `head_effects`.
    Raises: ConfigError for a Config without logits.
    """
    if not config.unembed:
        raise ConfigError("unembed: is False, and without logits nothing is predicted", "unembed")
    config = without(config, trace.interventions.off)
    before = log_softmax(trace.row("logits", -1).astype(np.float64))
    effects = []
    for x in _each_layer(params, config, trace, layers, kind, streams):
        after = log_softmax(read_last(x[:, -1], params, config).astype(np.float64))
        variation = np.abs(np.exp(after) - np.exp(before)).sum(-1) / 2
        effects.append((variation, (after - before)[:, before.argmax()]))
    return np.stack(effects, axis=1)


def _each_layer(
    params: Params,
    config: Config,
    trace: Trace,
    layers: Sequence[int] | None,
    kind: str,
    known: Mapping[int, np.ndarray],
) -> Iterator[np.ndarray]:
    """What `without_heads` gives of these layers, one after the other; None: of all."""
    for layer in range(config.n_layers) if layers is None else layers:
        yield known[layer] if layer in known else without_heads(params, config, trace, layer, kind)


def without_heads(
    params: Params,
    config: Config,
    trace: Trace,
    layer: int,
    kind: str = "attn",
    heads: Sequence[int] | None = None,
) -> np.ndarray:
    """The final residual stream without each head of a layer, the others as they were: [without this head, pos,
    d_model]. `trace`: a full one of one sentence. heads: these alone; None: all. Raises: ConfigError for a head that
    the model has not.
    """
    config = without(config, trace.interventions.off)
    _check_heads(config, layer, range(config.n_heads) if heads is None else heads, kind)
    z = trace[f"blocks.{layer}.{kind}.z"]
    gone = np.eye(config.n_heads, dtype=bool)  # [without this head, head]
    gone = gone if heads is None else gone[list(heads)]
    return _final(np.where(gone[:, :, None, None], z.dtype.type(0), z), params, config, trace, layer, kind)


def key_effects(
    params: Params,
    config: Config,
    trace: Trace,
    layer: int,
    head: int,
    query: int,
    kind: str = "attn",
    keys: Sequence[int] | None = None,
) -> np.ndarray:
    """Relative change of a query's final residual stream when its head no longer mixes in one key's value: [key].

    The other weights stay as they are: A[query, key] becomes 0, and the row then adds up to less than 1. Where it is 0
    already, nothing changes; nor where a patch put the head's output, into which no key is mixed. keys: these alone,
    [key] of them; None: all. Raises: ConfigError for a head, a query or a key that there is not.
    """
    config = without(config, trace.interventions.off)
    _check_heads(config, layer, [head], kind)
    at = f"blocks.{layer}.{kind}."
    v, z = trace[at + "v"], trace[at + "z"]
    n_query, n_key = z.shape[-2], v.shape[-2]
    whole("query", query, 0, n_query - 1)
    asked = np.arange(n_key)
    if keys is not None:
        asked = np.array([whole("keys", key, 0, n_key - 1) for key in keys], int)
    weights = trace[at + "pattern"][head, query, asked]
    put_in = trace.interventions.put_in(at + "z", z.shape)[head, query]
    effects, mixed = np.zeros(len(asked)), (weights != 0) & (not put_in.all())  # NaN is
    if not mixed.any():
        return effects
    row = np.repeat(z[None, :, query], mixed.sum(), axis=0)  # [variant, head, d_head]
    if head not in trace.interventions.ablated_in(layer, kind):
        row[:, head] -= np.where(put_in, 0, weights[mixed, None] * v[config.kv_head_of(head), asked[mixed]])
    if kind == "attn" and not trace.interventions.patch:
        effects[mixed] = _change_of_one(row[:, :, None], params, config, trace, layer, query)
    else:
        every = np.repeat(z[None], len(row), axis=0)
        every[:, :, query] = row
        effects[mixed] = _moved(_final(every, params, config, trace, layer, kind), config, trace)[:, query]
    return effects


def _check_heads(config: Config, layer: int, heads: Sequence[int], kind: str) -> None:
    """Raises: ConfigError for a head that the model has not."""
    if kind not in ("attn", IN_CROSS):
        raise wrong("kind", kind, f"attn or {IN_CROSS}")
    for head in several("heads", heads, "heads"):
        place = (whole("layer", layer), whole("head", head))
        if fault := no_head(config, place if kind == "attn" else (*place, kind)):
            raise ConfigError(f"head: {fault}", "layer", "head")


@np.errstate(over="ignore", invalid="ignore")  # as in forward
def _change_of_one(
    z: np.ndarray, params: Params, config: Config, trace: Trace, layer: int, position: int
) -> np.ndarray:
    """z [variant, head, 1, d_head] in place of one position's -> how much its final stream changes, [variant].

    In its own layer no other position changes. Above it, under a causal mask, nothing before it does and nothing after
    it counts, so that one row is computed, not all.
    """
    nothing = trace.unseen(trace.interventions)
    memory = trace[last_stream(config.encoder, ENCODER)] if config.cross else None
    row = slice(position, position + 1)
    x = merge(z, params, config, layer, trace.interventions)
    x = after_attention(trace[f"blocks.{layer}.resid_pre"][row], x, params, config, layer, nothing, memory=memory)
    before = None
    if config.causal and not config.cross and trace.mask is None:
        before = Cache.after(trace, config, position)
    else:
        whole = np.repeat(trace[f"blocks.{layer}.resid_post"][None], len(x), axis=0)
        whole[:, row] = x
        x = whole
    for i in range(layer + 1, config.n_layers):
        x = block(x, params, config, i, nothing, before, memory)
    x = x if before is not None else x[:, row]
    final = trace[f"blocks.{config.n_layers - 1}.resid_post"][row]
    return relative_change(final.astype(np.float64), x.astype(np.float64))[:, 0]


@np.errstate(over="ignore", invalid="ignore")  # as in forward
def _final(z: np.ndarray, params: Params, config: Config, trace: Trace, layer: int, kind: str) -> np.ndarray:
    """z [variant, head, pos, d_head] in one layer's place -> the final stream, [variant, pos, d_model]."""
    at, change = f"blocks.{layer}.", trace.interventions
    if kind == "cross":  # it comes after the layer's own attention, which stays: each variant begins from there
        out = trace[at + "attn_out"]
        x = np.broadcast_to(out, (len(z), *out.shape))
        change = replace(change, patch={**change.patch, f"{at}cross.z": z})
    else:
        x = merge(z, params, config, layer, change)
    nothing = trace.unseen(change)
    memory = trace[last_stream(config.encoder, ENCODER)] if config.cross else None
    x = after_attention(trace[at + "resid_pre"], x, params, config, layer, nothing, memory=memory)
    for i in range(layer + 1, config.n_layers):
        x = block(x, params, config, i, nothing, memory=memory)
    return x


def _moved(x: np.ndarray, config: Config, trace: Trace) -> np.ndarray:
    """How much the final stream changes where it is x [variant, pos, d_model]: [variant, pos]."""
    final = trace[f"blocks.{config.n_layers - 1}.resid_post"]
    return relative_change(final.astype(np.float64), x.astype(np.float64))
