"""The whole model in plain lines: no trace, no cache, a loop over heads. `forward` computes the same, and keeps it all.

Every signature says its shapes. Read it from the bottom up: `forward`, `block`, `attention`, `mlp`, and what they use.
Vaswani et al. 2017 unless a line says otherwise; parameters by the names of core/config.py, matrices as (in, out).
"""

from __future__ import annotations

import math

import numpy as np

from .config import Config
from .params import Params


def softmax(x: np.ndarray) -> np.ndarray:  # [..., n] -> [..., n]
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def linear(x: np.ndarray, params: Params, W: str, b: str) -> np.ndarray:  # [pos, in] -> [pos, out]
    return x @ params[W] + params.get(b, 0)


def norm(x: np.ndarray, params: Params, at: str, config: Config) -> np.ndarray:  # [pos, d_model] -> [pos, d_model]
    if config.norm == "layer":  # Ba et al. 2016, eq. 4; RMSNorm (Zhang & Sennrich 2019) leaves the mean in
        x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x * x).mean(-1, keepdims=True) + config.norm_eps)
    return x * params[at + ".w"] + params.get(at + ".b", 0)


def positions(n: int, config: Config) -> np.ndarray:  # -> [n, d_model], section 3.5
    i = np.arange(config.d_model)
    angle = np.arange(n)[:, None] / 10000 ** (i // 2 * 2 / config.d_model)
    P = np.where(i % 2, np.cos(angle), np.sin(angle))
    return P[:, np.argsort(i % 2, kind="stable")] if config.sine_halves else P


def rates(n: int, config: Config) -> np.ndarray:  # -> [pair], radians a token: eq. 15 there; scaled: RotaryScaling
    d, s, pair = config.rotary_width, config.rotary_scaling, np.arange(config.rotary_width // 2)
    grown = 1 + s.factor * max(n / s.trained - 1, 0) if s and s.kind == "dynamic" else 1.0
    base = config.rotary_base * grown ** (d / max(d - 2, 1))
    rate: np.ndarray = base ** (-2 * pair / d)
    if s is None or s.kind == "dynamic":
        return rate
    kept = (s.trained * rate / (2 * math.pi) - s.slow) / (s.fast - s.slow) if s.kind == "llama3" else 0 * rate
    if s.kind == "yarn":
        first, last = (d / 2 * math.log(s.trained / (2 * math.pi * turns), base) for turns in (s.fast, s.slow))
        first, last = (math.floor(first), math.ceil(last)) if s.whole else (first, last)
        first, last = max(first, 0), min(last, d - 1)
        kept = 1 - (pair - first) / (last - first or 1e-3)
    kept = np.clip(kept, 0, 1)
    return kept * rate + (1 - kept) * rate / s.factor


def rotate(x: np.ndarray, config: Config) -> np.ndarray:  # [pos, d_head] -> [pos, d_head], Su et al. 2021, eq. 34
    half, size = config.rotary_width // 2, config.rotary_scaling.magnitude if config.rotary_scaling else 1
    angle = np.arange(len(x))[:, None] * rates(len(x), config)
    a, b, rest = size * x[:, :half], size * x[:, half : 2 * half], x[:, 2 * half :]
    return np.hstack([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle), rest])


def activation(x: np.ndarray, name: str) -> np.ndarray:  # [pos, d_mlp] -> [pos, d_mlp]
    if name == "relu":
        return np.maximum(x, 0)
    if name == "gelu":  # Hendrycks & Gimpel 2016
        return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    if name == "gelu_tanh":
        return x * 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x / (1 + np.exp(-x))  # silu: Elfwing et al. 2017


def attention(x: np.ndarray, y: np.ndarray, params: Params, at: str, config: Config) -> np.ndarray:  # eq. 1
    # x [pos, d_model] looks at y [pos, d_model], which is x itself but in cross-attention -> [pos, d_model]
    if config.projections:
        Q, K, V = (linear(z, params, f"{at}.W_{name}", f"{at}.b_{name}") for name, z in (("Q", x), ("K", y), ("V", y)))
    else:
        Q, K, V = x, y, y
    causal = config.causal and x is y
    mask = np.triu(np.full((len(x), len(x)), -np.inf), k=1) if causal else 0  # [query, key]
    d, share, heads = config.head_width, config.n_heads // config.kv_heads, []  # `share` heads use the same keys
    for h in range(config.n_heads):
        own, its = slice(h * d, (h + 1) * d), slice(h // share * d, (h // share + 1) * d)
        q, k, v = Q[:, own], K[:, its], V[:, its]  # [pos, d_head] each
        if config.positions == "rotary" and x is y:
            q, k = rotate(q, config), rotate(k, config)
        scores = q @ k.T / (math.sqrt(d) if config.scale else 1)
        heads.append(softmax(scores + mask) @ v)
    z = np.hstack(heads)  # [pos, n_heads * d_head]
    return linear(z, params, f"{at}.W_O", f"{at}.b_O") if config.projections else z


def mlp(x: np.ndarray, params: Params, at: str, config: Config) -> np.ndarray:  # [pos, d_model] -> the same, eq. 2
    up = linear(x, params, f"{at}.W_in", f"{at}.b_in")
    gate = x @ params[f"{at}.W_gate"] if config.gated else up
    hidden = activation(gate, config.activation) * (up if config.gated else 1)  # gated: Shazeer 2020, eq. 5
    return linear(hidden, params, f"{at}.W_out", f"{at}.b_out")


def block(x: np.ndarray, memory: np.ndarray | None, params: Params, at: str, config: Config) -> np.ndarray:
    # [pos, d_model] -> the same; memory [pos, d_model]: what an encoder made of the source, if there is one
    before = config.norm != "none" and config.norm_at == "pre"
    after = config.norm != "none" and config.norm_at == "post"
    start = x
    for kind, ln in (("attn", "ln1"), ("cross", "ln_cross"))[: 1 + config.cross]:
        own = x
        x = norm(own, params, f"{at}.{ln}", config) if before else own
        seen = x if kind == "attn" or memory is None else memory
        x = attention(x, seen, params, f"{at}.{kind}", config) + (own if config.residual else 0)
        x = norm(x, params, f"{at}.{ln}", config) if after else x
    middle = x
    if not config.d_mlp:
        return middle
    x = start if config.parallel else middle  # parallel: Wang & Komatsuzaki 2021
    x = norm(x, params, f"{at}.ln2", config) if before else x
    x = mlp(x, params, f"{at}.mlp", config) + (middle if config.residual or config.parallel else 0)
    return norm(x, params, f"{at}.ln2", config) if after else x


def stack(ids: np.ndarray, memory: np.ndarray | None, params: Params, config: Config, at: str = "") -> np.ndarray:
    # all but the unembedding: [pos] -> [pos, d_model]; at: how the names of the stack's parameters begin
    x = params.get(at + "embed.W_E", params["embed.W_E"])[ids] * (
        math.sqrt(config.d_model) if config.embed_scale else 1
    )
    if config.positions == "sinusoidal":
        x = x + positions(len(ids), config)
    if config.positions == "learned":
        x = x + params[at + "pos_embed.W_pos"][: len(ids)]
    if config.embed_norm:
        x = norm(x, params, at + "ln_embed", config)
    for i in range(config.n_layers):
        x = block(x, memory, params, f"{at}blocks.{i}", config)
    return norm(x, params, at + "ln_final", config) if config.final_norm else x


def forward(params: Params, config: Config, ids: np.ndarray, source: np.ndarray | None = None) -> np.ndarray:
    """The logits of one sequence of token ids; of a model that has none, what the last layer leaves.

    ids [pos] -> [pos, vocab] or [pos, d_model]; source [pos]: what an encoder-decoder's encoder reads.
    """
    memory = None if source is None else stack(source, None, params, config.encoder, "encoder.")
    x = stack(ids, memory, params, config)
    if not config.unembed:
        return x
    W_U = params["embed.W_E"].T if config.tied_unembed else params["unembed.W_U"]
    return x @ W_U + params.get("unembed.b_U", 0)
