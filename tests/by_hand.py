"""The forward once more, by other arithmetic: one sentence, a loop over heads, and every named step handed to `see`,
which gives what to go on with. It shares nothing with core.model but the Config, so it can tell whether a patch, or an
explanation, is right.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

import core
from core.ops.positions import rotary_rates

See = Callable[[str, np.ndarray], np.ndarray]
ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda a: np.where(a > 0, a, 0.0),
    "gelu": lambda a: a * np.vectorize(lambda t: 0.5 * math.erfc(-t / math.sqrt(2)), otypes=[float])(a),
    "gelu_tanh": lambda a: a / (1 + np.exp(-2 * math.sqrt(2 / math.pi) * (a + 0.044715 * a**3))),
    "silu": lambda a: a / (1 + np.exp(-a)),
}


def forward(
    params: dict[str, np.ndarray],
    config: core.Config,
    x: np.ndarray,
    see: See,
    *,
    off: frozenset[str] = frozenset(),
    ablated: frozenset[tuple[int, int]] = frozenset(),
    temperature: float = 1.0,
) -> None:
    """x [pos, d_model]: the embeddings."""
    c, n = config, len(x)
    normed = c.norm != "none" and "norm" not in off
    before, after = normed and c.norm_at == "pre", normed and c.norm_at == "post"
    residual = c.residual and "residual" not in off
    has_mlp = bool(c.d_mlp) and "mlp" not in off

    def norm(x: np.ndarray, at: str) -> np.ndarray:
        y = x - x.mean(1)[:, None] if c.norm == "layer" else x
        scale = see(f"{at}.scale", np.sqrt((y**2).mean(1) + c.norm_eps)[:, None])
        y = see(f"{at}.normalized", y / scale)
        return see(f"{at}.out", y * params[f"{at}.w"] + (params[f"{at}.b"] if c.norm == "layer" else 0))

    x = see("embed", x)
    if "positions" not in off and c.positions in ("sinusoidal", "learned"):
        dims = np.arange(c.d_model)
        angle = np.arange(n)[:, None] * 10000.0 ** (-(dims - dims % 2) / c.d_model)
        table = np.where(dims % 2 == 0, np.sin(angle), np.cos(angle))
        x = x + see("pos_embed", params["pos_embed.W_pos"][:n] if c.positions == "learned" else table)
    if normed and c.embed_norm:
        x = norm(x, "ln_embed")
    for i in range(c.n_layers):
        at = f"blocks.{i}"
        start = see(f"{at}.resid_pre", x)
        x = norm(start, f"{at}.ln1") if before else start
        gone = {head for layer, head in ablated if layer == i}
        x = see(f"{at}.attn_out", _attention(params, c, x, f"{at}.attn", see, off, gone, temperature))
        x = x + start if residual else x
        middle = see(f"{at}.resid_mid", norm(x, f"{at}.ln1") if after else x)
        x = middle
        if has_mlp:
            x = start if c.parallel else middle
            x = norm(x, f"{at}.ln2") if before else x
            x = see(f"{at}.mlp_out", _mlp(params, c, x, f"{at}.mlp", see))
            x = x + middle if residual or c.parallel else x
            x = norm(x, f"{at}.ln2") if after else x
        x = see(f"{at}.resid_post", x)
    if normed and c.final_norm:
        x = norm(x, "ln_final")
    if c.unembed:
        matrix = params["embed.W_E"].T if c.tied_unembed else params["unembed.W_U"]
        see("logits", x @ matrix + params.get("unembed.b_U", 0))


def _attention(params, c, x, at, see, off, gone, temperature):
    n, d, share = len(x), c.head_width, c.n_heads // c.kv_heads

    def heads(letter: str, count: int) -> np.ndarray:
        if not c.projections:
            y = x
        elif letter == "V" and "W_V" in off:
            y = x @ np.eye(c.d_model, count * d)
        else:
            y = x @ params[f"{at}.W_{letter}"] + params.get(f"{at}.b_{letter}", 0)
        return see(f"{at}.{letter.lower()}", np.array([y[:, h * d : (h + 1) * d] for h in range(count)]))

    q, k, v = heads("Q", c.n_heads), heads("K", c.kv_heads), heads("V", c.kv_heads)
    if c.positions == "rotary" and "positions" not in off:
        q, k = see(f"{at}.rot_q", _turned(q, c)), see(f"{at}.rot_k", _turned(k, c))
    scores = see(f"{at}.scores", np.array([q[h] @ k[h // share].T for h in range(c.n_heads)]))
    scores = see(f"{at}.scores_scaled", scores / math.sqrt(d) if c.scale and "scale" not in off else scores)
    if c.causal and "mask" not in off:
        scores = np.where(np.tri(n, dtype=bool), scores, -np.inf)
    scores = see(f"{at}.scores_masked", scores)
    if "softmax" in off:
        scores = np.where(scores == -np.inf, -np.inf, 0.0)
    weights = np.exp((scores - scores.max(-1, keepdims=True)) / temperature)
    pattern = see(f"{at}.pattern", weights / weights.sum(-1, keepdims=True))
    z = np.array([pattern[h] @ v[h // share] if h not in gone else 0 * q[h] for h in range(c.n_heads)])
    joined = np.hstack([*see(f"{at}.z", z)])
    if not c.projections:
        return joined
    if "W_O" in off:
        return joined @ np.eye(joined.shape[1], c.d_model)
    return joined @ params[f"{at}.W_O"] + params.get(f"{at}.b_O", 0)


def _turned(x: np.ndarray, c: core.Config) -> np.ndarray:
    """By complex numbers: dimension i and i + width/2 are one of them, turned by p * base^(-2i/width)."""
    half = c.rotary_width // 2
    speed = rotary_rates(x.shape[1], c.rotary_width, c.rotary_base, c.rotary_scaling)  # test_rope holds these
    size = c.rotary_scaling.magnitude if c.rotary_scaling else 1.0
    turned = size * (x[..., :half] + 1j * x[..., half : 2 * half]) * np.exp(1j * np.arange(x.shape[1])[:, None] * speed)
    return np.concatenate([turned.real, turned.imag, x[..., 2 * half :]], axis=-1)


def _mlp(params, c, x, at, see):
    f = ACTIVATIONS[c.activation]
    up = x @ params[f"{at}.W_in"] + params.get(f"{at}.b_in", 0)
    if c.gated:
        pre = see(f"{at}.pre", x @ params[f"{at}.W_gate"])
        post = see(f"{at}.act", f(pre)) * see(f"{at}.up", up)
    else:
        post = f(see(f"{at}.pre", up))
    return see(f"{at}.post", post) @ params[f"{at}.W_out"] + params.get(f"{at}.b_out", 0)
