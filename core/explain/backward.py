"""For the gradient of every name, the terms of the chain rule: the headings of core/backward.py.

Each rule goes forward from the number in question to all that was computed from it: the gradient there, times the slope
of the step between, is one term (chain_rule.py). What the reader patched passes nothing back. Attention's rules are in
attention_backward.py.
"""

from __future__ import annotations

import re
from functools import partial

import numpy as np

from ..model import norm_places
from ..ops.activations import ACTIVATIONS_BACKWARD
from . import attention_backward
from .attention_backward import into_attention, into_cross, into_memory
from .chain_rule import Rule, Terms, chain, grad, through, times
from .explanation import Made, Operand, Place, Term
from .forward import after_blocks
from .subject import LOSS, Subject


def made(s: Subject, name: str, b: Place, own: Place) -> Made:
    """The gradient of an activation: what comes from all that was computed from it, and what enters there."""
    place = (*b, *own)
    if name == "logits" and s.targets is not None:
        return cross_entropy(s, b, *own)
    layer, _, rest = re.fullmatch(r"(blocks\.(\d+)\.)?(.*)", name).groups()  # type: ignore[union-attr]
    at = layer or ""
    if rest == "mlp.pre":
        return pre(s, at, b, *own)
    head, _, step = rest.rpartition(".")
    if head.startswith("ln") and step in NORMS:
        terms = [*NORMS[step](s, at + head, b, *own)]
    else:
        terms = [*RULES[rest](s, at, b, *own)]
    if (entering := s.upstream.get(name)) is not None:
        terms.append(Term((Operand(LOSS + name, place, float(np.asarray(entering)[place])),)))
    return chain(name, terms)


# -------------------------------------------------------------------------------------------------------- unembed


def cross_entropy(s: Subject, b: Place, p: int, v: int) -> Made:
    """softmax minus one-hot, over the number of positions: the mean is taken over all of them that count."""
    assert s.targets is not None
    row, target = s.row("logits", *b, p), int(s.targets[(*b, p)])
    n, counts = (s.targets.size, True) if s.counts is None else (int(s.counts.sum()), bool(s.counts[(*b, p)]))
    enters = float(np.asarray(s.upstream["logits"])[(*b, p, v)]) if "logits" in s.upstream else 0.0

    def rule(x: np.ndarray) -> float:
        e = np.exp(x - x.max())
        return (e[v] / e.sum() - (v == target)) / n * counts + enters

    if not counts:
        return Made("0", "function", tuple(row), rule=rule)
    return Made(rf"(p_{{{v}}} - {int(v == target)}) / {n}", "function", tuple(row), rule=rule)


def logits(s: Subject, at: str, b: Place, p: int, v: int) -> Terms:
    return iter(())  # the loss alone is computed from them


def unembedded(s: Subject, b: Place, p: int, d: int) -> Terms:
    if s.decoder is not None:
        yield from into_memory(s.decoder, b, p, d)
    if not s.config.unembed:
        return
    tied = s.config.tied_unembed
    weights = s.column("embed.W_E", d) if tied else s.row("unembed.W_U", d)
    for v, weight in enumerate(weights):
        yield from times(grad(s, "logits", *b, p, v), weight)


# ----------------------------------------------------------------------------------------------------------- norm


def norm_out(s: Subject, at: str, b: Place, p: int, d: int) -> Terms:
    if at == "ln_final":
        yield from unembedded(s, b, p, d)
    elif at == "ln_embed":
        yield from times(grad(s, "blocks.0.resid_pre", *b, p, d))
    elif norm_places(s.config)[1]:
        layer, _, which = at.rpartition(".")
        out = {"ln1": "resid_mid", "ln_cross": "resid_mid_cross", "ln2": "resid_post"}[which]
        yield from times(grad(s, f"{layer}.{out}", *b, p, d))
    else:
        layer, _, which = at.rpartition(".")
        into = {"ln1": into_attention, "ln_cross": into_cross, "ln2": into_mlp}[which]
        yield from into(s, layer + ".", b, p, d)


def norm_normalized(s: Subject, at: str, b: Place, p: int, d: int) -> Terms:
    yield from times(grad(s, at + ".out", *b, p, d), s.cell(at + ".w", d))


def norm_scale(s: Subject, at: str, b: Place, p: int, _: int) -> Terms:
    scale = (s.cell(at + ".scale", *b, p, 0),)
    for d, x in enumerate(s.row(at + ".normalized", *b, p)):
        yield from times(grad(s, at + ".normalized", *b, p, d), x, factor=-1.0, over=scale)


def into_norm(s: Subject, at: str, b: Place, p: int, d: int) -> Terms:
    """Back to one number of what the norm was given: by the quotient, by the mean, and by the scale."""
    scale, width = s.cell(at + ".scale", *b, p, 0), s.config.d_model
    mean = 1 / width if s.config.norm == "layer" else 0.0
    for j in range(width) if mean else (d,):
        yield from times(grad(s, at + ".normalized", *b, p, j), factor=(j == d) - mean, over=(scale,))
    grads = grad(s, at + ".scale", *b, p, 0)
    yield from times(grads, s.cell(at + ".normalized", *b, p, d), factor=1 / width)


# ------------------------------------------------------------------------------------------------------------ mlp


def into_mlp(s: Subject, at: str, b: Place, p: int, d: int) -> Terms:
    if s.config.gated:
        yield from through(s, at + "mlp.pre", b, p, at + "mlp.W_gate", d)
    yield from through(s, at + ("mlp.up" if s.config.gated else "mlp.pre"), b, p, at + "mlp.W_in", d)


def mlp_post(s: Subject, at: str, b: Place, p: int, j: int) -> Terms:
    yield from through(s, at + "mlp_out", b, p, at + "mlp.W_out", j)


def factor_of(other: str) -> Rule:
    def rule(s: Subject, at: str, b: Place, p: int, j: int) -> Terms:
        yield from times(grad(s, at + "mlp.post", *b, p, j), s.cell(at + other, *b, p, j))

    return rule


def pre(s: Subject, at: str, b: Place, p: int, j: int) -> Made:
    """Through the activation: its slope times the gradient of what it gave."""
    name, slope = at + "mlp.pre", ACTIVATIONS_BACKWARD[s.config.activation]
    given = at + ("mlp.act" if s.config.gated else "mlp.post")
    grads = grad(s, given, *b, p, j)
    operands = (*grads, s.cell(name, *b, p, j), s.cell(given, *b, p, j))
    place = (*b, p, j)
    enters = float(np.asarray(s.upstream[name])[place]) if name in s.upstream else 0.0

    def rule(x: np.ndarray) -> float:
        return enters + (float(slope(x[:1], x[1:2], x[2:3])[0]) if grads else 0.0)

    return Made(r"\frac{\partial L}{\partial h}\,f'(a)", "function", operands, rule=rule)


# ---------------------------------------------------------------------------------------------------------- block


def resid_post(s: Subject, at: str, b: Place, p: int, d: int) -> Terms:
    if at + "resid_post" != after_blocks(s):
        yield from times(grad(s, f"blocks.{int(at.split('.')[1]) + 1}.resid_pre", *b, p, d))
    elif s.config.final_norm:
        yield from into_norm(s, "ln_final", b, p, d)
    else:
        yield from unembedded(s, b, p, d)


def branch(s: Subject, at: str, b: Place, p: int, d: int, *, norm: str, stream: str) -> Terms:
    """What a sublayer gives: through its norm, where that stands behind it, or straight onto the stream."""
    if norm_places(s.config)[1]:
        yield from into_norm(s, at + norm, b, p, d)
    else:
        yield from times(grad(s, at + stream, *b, p, d))


attn_out = partial(branch, norm="ln1", stream="resid_mid")
cross_out = partial(branch, norm="ln_cross", stream="resid_mid_cross")
mlp_out = partial(branch, norm="ln2", stream="resid_post")


def resid_mid(s: Subject, at: str, b: Place, p: int, d: int) -> Terms:
    if not s.config.cross:
        yield from resid_mid_cross(s, at, b, p, d)
        return
    if s.config.residual:
        yield from cross_out(s, at, b, p, d)
    yield from into_norm(s, at + "ln_cross", b, p, d) if norm_places(s.config)[0] else into_cross(s, at, b, p, d)


def resid_mid_cross(s: Subject, at: str, b: Place, p: int, d: int) -> Terms:
    """The stream that the MLP is added to; without cross-attention it is resid_mid."""
    if not s.config.d_mlp:
        yield from times(grad(s, at + "resid_post", *b, p, d))
        return
    if s.config.residual or s.config.parallel:
        yield from mlp_out(s, at, b, p, d)
    if not s.config.parallel:
        yield from into_norm(s, at + "ln2", b, p, d) if norm_places(s.config)[0] else into_mlp(s, at, b, p, d)


def resid_pre(s: Subject, at: str, b: Place, p: int, d: int) -> Terms:
    pre, c = norm_places(s.config)[0], s.config
    if c.residual:
        yield from attn_out(s, at, b, p, d)
    yield from into_norm(s, at + "ln1", b, p, d) if pre else into_attention(s, at, b, p, d)
    if c.d_mlp and c.parallel:
        yield from into_norm(s, at + "ln2", b, p, d) if pre else into_mlp(s, at, b, p, d)


# ---------------------------------------------------------------------------------------------------------- embed


def embed(s: Subject, at: str, b: Place, p: int, d: int) -> Terms:
    if s.config.embed_norm:
        yield from into_norm(s, "ln_embed", b, p, d)
    else:
        yield from times(grad(s, "blocks.0.resid_pre", *b, p, d))


def pos_embed(s: Subject, at: str, b: Place, p: int, d: int) -> Terms:
    for batch in s.batches("embed"):
        yield from embed(s, at, batch, p, d)


NORMS: dict[str, Rule] = {"scale": norm_scale, "normalized": norm_normalized, "out": norm_out}
RULES: dict[str, Rule] = {
    "embed": embed,
    "pos_embed": pos_embed,
    "resid_pre": resid_pre,
    "attn_out": attn_out,
    "cross_out": cross_out,
    "resid_mid": resid_mid,
    "resid_mid_cross": resid_mid_cross,
    "mlp.up": factor_of("mlp.act"),
    "mlp.act": factor_of("mlp.up"),
    "mlp.post": mlp_post,
    "mlp_out": mlp_out,
    "resid_post": resid_post,
    "logits": logits,
    **attention_backward.RULES,
}
