"""The Transformer: parameters, and the forward pass. Sections follow the data: embed, blocks, final norm, unembed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from zlib import crc32

import numpy as np

from core.config import Config, param_shapes
from core.errors import ConfigError
from core.ops.activations import ACTIVATIONS
from core.ops.attention import attention_scores, causal_mask, merge_heads, split_heads, weighted_values
from core.ops.embedding import embedding
from core.ops.linear import linear
from core.ops.norm import layer_norm, rms_norm
from core.ops.positions import rotary_angles, rotate, sinusoidal
from core.ops.softmax import softmax
from core.trace import Trace

Params = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Interventions:
    """What is changed while the model runs, its weights untouched."""

    temperature: float = 1.0  # the softmax of attention divides its exponents by it
    scale: bool | None = None  # divide the scores by sqrt(d_head)? None: as the Config says
    mask: bool | None = None  # hide the future? None: as the Config says
    ablate: frozenset[tuple[int, int]] = frozenset()  # (layer, head) whose output z is set to zero

    def __post_init__(self) -> None:
        if not 0 < self.temperature < np.inf:
            raise ConfigError(f"temperature: {self.temperature!r} is not a finite number above 0", "temperature")


NOTHING = Interventions()


# ---------------------------------------------------------------------------------------------------- parameters


def init_params(config: Config, seed: int = 0, dtype: type = np.float32) -> dict[str, np.ndarray]:
    """Draw every parameter: norms start at one, biases at zero, matrices from a normal distribution.

    config.init "unit": N(0, 1) for every matrix. "scaled": variance 1 / fan-in, so that a product keeps the size of
    its input; embeddings N(0, 1); and an unembedding so small that untrained logits are nearly equal.

    Each parameter has its own generator, seeded by `seed` and its name: a layer added, or a norm switched on, leaves
    all other weights as they were.
    """
    return {name: _init(name, shape, config, seed, dtype) for name, shape in param_shapes(config).items()}


def _init(name: str, shape: tuple[int, ...], config: Config, seed: int, dtype: type) -> np.ndarray:
    kind = name.rpartition(".")[2]
    if kind.startswith("b"):
        return np.zeros(shape, dtype)
    if kind == "w":
        return np.ones(shape, dtype)
    # Only these two dtypes are drawn directly; the draw in float32 is twice as fast and is what the pages use.
    weights = np.random.default_rng([seed, crc32(name.encode())]).standard_normal(shape, dtype)
    if config.init == "scaled":
        if kind == "W_U" or (kind == "W_E" and config.tied_unembed):
            weights *= 0.02
        elif not kind.endswith(("_E", "_pos")):
            weights *= 1 / sqrt(shape[0])
    return weights


def check_params(params: Params, config: Config) -> None:
    """Raises: ConfigError naming the first parameter that is missing, unknown, or of a wrong shape."""
    shapes = param_shapes(config)
    for name, shape in shapes.items():
        if name not in params:
            raise ConfigError(f"params: {name} of shape {shape} is missing", name)
        if params[name].shape != shape:
            raise ConfigError(f"params: {name} has shape {params[name].shape}; the Config asks for {shape}", name)
    for name in params:
        if name not in shapes:
            raise ConfigError(f"params: the Config has no parameter {name}", name)


# ------------------------------------------------------------------------------------------------------- forward


def forward(
    params: Params,
    config: Config,
    ids: np.ndarray | None = None,
    *,
    embeddings: np.ndarray | None = None,
    interventions: Interventions = NOTHING,
    names: Iterable[str] | None = None,
) -> Trace:
    """Run the model on token ids [..., pos], or on `embeddings` [..., pos, d_model] in their place; keep every step.

    The arithmetic has the precision of the parameters and embeddings: float64 where either is.
    names: keep only these (names, or patterns such as `blocks.*.attn.pattern`). What is not kept is freed on the way.
    Raises: ConfigError for ids or embeddings that the Config does not fit.
    """
    trace = Trace(names)
    x = embed(params, config, ids, embeddings, trace)
    for i in range(config.n_layers):
        x = block(x, params, config, i, interventions, trace)
    if config.final_norm:
        x = norm(x, params, config, "ln_final", trace)
    if config.unembed:
        unembed(x, params, config, trace)
    return trace


def embed(
    params: Params, config: Config, ids: np.ndarray | None, embeddings: np.ndarray | None, trace: Trace
) -> np.ndarray:
    """ids [..., pos] -> the first residual stream [..., pos, d_model]."""
    W_E = params["embed.W_E"]
    if embeddings is None:
        x = embedding(W_E, _checked_ids(ids, config))
    else:
        x = _checked_embeddings(embeddings, config)
    trace.put("embed", x)
    n = x.shape[-2]
    if config.positions in ("sinusoidal", "learned"):
        learned = config.positions == "learned"
        P = params["pos_embed.W_pos"][:n] if learned else sinusoidal(n, config.d_model, x.dtype)
        x = x + trace.put("pos_embed", P[:])
    if config.embed_norm:
        x = norm(x, params, config, "ln_embed", trace)
    return x


def block(x: np.ndarray, params: Params, config: Config, i: int, change: Interventions, trace: Trace) -> np.ndarray:
    """One layer, [..., pos, d_model] -> [..., pos, d_model].

    pre:  x + attention(norm(x)), then x + mlp(norm(x))      parallel: x + attention(norm1(x)) + mlp(norm2(x))
    post: norm(x + attention(x)), then norm(x + mlp(x))
    """
    at = f"blocks.{i}."
    pre = config.norm != "none" and config.norm_at == "pre"
    post = config.norm != "none" and config.norm_at == "post"
    start = trace.put(at + "resid_pre", x)

    x = norm(start, params, config, at + "ln1", trace) if pre else start
    x = trace.put(at + "attn_out", attention(x, params, config, i, change, trace))
    if config.residual:
        x = start + x
    if post:
        x = norm(x, params, config, at + "ln1", trace)
    middle = trace.put(at + "resid_mid", x)

    if config.d_mlp:
        x = start if config.parallel else middle
        x = norm(x, params, config, at + "ln2", trace) if pre else x
        x = trace.put(at + "mlp_out", mlp(x, params, config, at + "mlp.", trace))
        if config.residual:
            x = middle + x
        if post:
            x = norm(x, params, config, at + "ln2", trace)
    return trace.put(at + "resid_post", x)


def attention(x: np.ndarray, params: Params, config: Config, i: int, change: Interventions, trace: Trace) -> np.ndarray:
    """softmax(Q K^T / sqrt(d_k) + M) V W_O, [..., pos, d_model] -> [..., pos, d_model]."""
    at = f"blocks.{i}.attn."
    n = x.shape[-2]
    if config.projections:
        q, k, v = (linear(x, params[at + "W_" + name], params.get(at + "b_" + name)) for name in "QKV")
    else:
        q = k = v = x
    q = trace.put(at + "q", split_heads(q, config.n_heads))
    k = trace.put(at + "k", split_heads(k, config.kv_heads))
    v = trace.put(at + "v", split_heads(v, config.kv_heads))
    if config.positions == "rotary":
        turn = rotary_angles(n, config.rotary_width, config.rotary_base, x.dtype)
        q = trace.put(at + "rot_q", rotate(q, *turn))
        k = trace.put(at + "rot_k", rotate(k, *turn))

    scores = trace.put(at + "scores", attention_scores(q, k))
    if config.scale if change.scale is None else change.scale:
        scores = scores * (1 / sqrt(config.head_width))
    scores = trace.put(at + "scores_scaled", scores)
    if config.causal if change.mask is None else change.mask:
        scores = scores + causal_mask(n, n, x.dtype)
    scores = trace.put(at + "scores_masked", scores)
    pattern = trace.put(at + "pattern", softmax(scores, change.temperature))

    z = weighted_values(pattern, v)
    for layer, head in change.ablate:
        if layer == i and head < config.n_heads:
            z[..., head, :, :] = 0
    trace.put(at + "z", z)
    out = merge_heads(z)
    return linear(out, params[at + "W_O"], params.get(at + "b_O")) if config.projections else out


def mlp(x: np.ndarray, params: Params, config: Config, at: str, trace: Trace) -> np.ndarray:
    """f(x W_in) W_out, or gated (f(x W_gate) * x W_in) W_out; [..., pos, d_model] -> [..., pos, d_model]."""
    f = ACTIVATIONS[config.activation]
    up = linear(x, params[at + "W_in"], params.get(at + "b_in"))
    if config.gated:
        pre = trace.put(at + "pre", linear(x, params[at + "W_gate"]))
        post = trace.put(at + "act", f(pre)) * trace.put(at + "up", up)
    else:
        post = f(trace.put(at + "pre", up))
    return linear(trace.put(at + "post", post), params[at + "W_out"], params.get(at + "b_out"))


def norm(x: np.ndarray, params: Params, config: Config, at: str, trace: Trace) -> np.ndarray:
    """LayerNorm or RMSNorm under the parameters at `at`, [..., pos, d_model] -> the same shape."""
    if config.norm == "layer":
        out, normalized, scale = layer_norm(x, params[at + ".w"], params[at + ".b"], config.norm_eps)
    else:
        out, normalized, scale = rms_norm(x, params[at + ".w"], config.norm_eps)
    trace.put(at + ".scale", scale)
    trace.put(at + ".normalized", normalized)
    return trace.put(at + ".out", out)


def unembed(x: np.ndarray, params: Params, config: Config, trace: Trace) -> np.ndarray:
    """[..., pos, d_model] -> logits [..., pos, vocab]."""
    W_U = params["embed.W_E"].T if config.tied_unembed else params["unembed.W_U"]
    return trace.put("logits", linear(x, W_U, params.get("unembed.b_U")))


# -------------------------------------------------------------------------------------------------------- inputs


def _checked_ids(ids: np.ndarray | None, config: Config) -> np.ndarray:
    if ids is None:
        raise ConfigError("ids: give token ids, or embeddings in their place", "ids")
    ids = np.asarray(ids)
    if ids.dtype.kind not in "iu" or ids.ndim < 1 or ids.size == 0:
        raise ConfigError(f"ids: must be integers of shape [..., pos], not {ids.dtype} {ids.shape}", "ids")
    _check_length(ids.shape[-1], config)
    if ids.min() < 0 or ids.max() >= config.vocab_size:
        raise ConfigError(f"ids: {ids.min()}..{ids.max()} leave the vocabulary 0..{config.vocab_size - 1}", "ids")
    return ids


def _checked_embeddings(embeddings: np.ndarray, config: Config) -> np.ndarray:
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
