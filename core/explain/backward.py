"""For the gradient of every name and parameter, the terms of the chain rule: the headings of core/backward.py.

Each rule goes forward from the number in question to all that was computed from it: the gradient there, times the slope
of the step between, is one term (Rumelhart et al. 1986). What the reader patched passes nothing back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from math import sqrt

import numpy as np

from ..model import norm_places
from ..ops.activations import ACTIVATIONS_BACKWARD
from ..ops.positions import rotary_angles
from .explanation import Made, Operand, Term, operands_of
from .forward import after_blocks
from .subject import GRAD, LOSS, Subject

Terms = Iterator[Term]
Place = tuple[int, ...]
Rule = Callable[..., Terms]


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


def chain(name: str, terms: list[Term]) -> Made:
    symbol = name.rpartition(".")[2].replace("_", r"\_")
    formula = (
        rf"\frac{{\partial L}}{{\partial \mathrm{{{symbol}}}}} = \sum_y \frac{{\partial L}}{{\partial y}}"
        rf"\frac{{\partial y}}{{\partial \mathrm{{{symbol}}}}}"
    )
    return Made(formula, "sum", operands_of(terms), tuple(terms))


def grad(s: Subject, name: str, *place: int) -> list[Operand]:
    """The gradient at a place, to be passed back; nothing, where another number was put."""
    return [] if s.is_patched(name, place) else [s.cell(GRAD + name, *place)]


def times(grads: list[Operand], *others: Operand, factor: float = 1.0, over: tuple[Operand, ...] = ()) -> Terms:
    return (Term((grad, *others), factor, over) for grad in grads)


def _through(s: Subject, name: str, b: Place, p: int, W: str, i: int) -> Terms:
    """Back through a product with row i of W to one number of what it was given: `name` is what it gave [pos, j]."""
    for j, weight in enumerate(s.row(W, i)):
        yield from times(grad(s, name, *b, p, j), weight)


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
        yield from _through(s, at + "mlp.pre", b, p, at + "mlp.W_gate", d)
    yield from _through(s, at + ("mlp.up" if s.config.gated else "mlp.pre"), b, p, at + "mlp.W_in", d)


def mlp_post(s: Subject, at: str, b: Place, p: int, j: int) -> Terms:
    yield from _through(s, at + "mlp_out", b, p, at + "mlp.W_out", j)


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


# ------------------------------------------------------------------------------------------------------ attention


def _group(s: Subject, h: int) -> int:
    return h * s.config.kv_heads // s.config.n_heads


def _sharing(s: Subject, group: int) -> range:
    """The heads that use these keys and values."""
    share = s.config.n_heads // s.config.kv_heads
    return range(group * share, (group + 1) * share)


def _mixed(s: Subject, at: str, b: Place, h: int, q: int, e: int, kind: str) -> list[Operand]:
    """The gradient of z to be passed back; nothing, where the head is off."""
    off = h in s.trace.interventions.ablated_in(int(at.split(".")[1]), kind)
    return [] if off else grad(s, f"{at}{kind}.z", *b, h, q, e)


def z(s: Subject, at: str, b: Place, h: int, p: int, e: int, kind: str = "attn") -> Terms:
    j = h * s.config.head_width + e
    if s.config.projections:
        yield from _through(s, f"{at}{kind}_out", b, p, f"{at}{kind}.W_O", j)
    else:
        yield from times(grad(s, f"{at}{kind}_out", *b, p, j))


def pattern(s: Subject, at: str, b: Place, h: int, q: int, k: int, kind: str = "attn") -> Terms:
    for e, value in enumerate(s.row(f"{at}{kind}.v", *b, _group(s, h), k)):
        yield from times(_mixed(s, at, b, h, q, e, kind), value)


def scores_masked(s: Subject, at: str, b: Place, h: int, q: int, k: int, kind: str = "attn") -> Terms:
    """The Jacobian of one row of the softmax: A_j ([j = k] - A_k), over the temperature."""
    name, temperature = f"{at}{kind}.pattern", s.trace.interventions.temperature
    own = s.cell(name, *b, h, q, k)
    yield from times(grad(s, name, *b, h, q, k), own, factor=1 / temperature)
    for j, weight in enumerate(s.row(name, *b, h, q)):
        yield from times(grad(s, name, *b, h, q, j), weight, own, factor=-1 / temperature)


def scores_scaled(s: Subject, at: str, b: Place, h: int, q: int, k: int, kind: str = "attn") -> Terms:
    yield from times(grad(s, f"{at}{kind}.scores_masked", *b, h, q, k))


def scores(s: Subject, at: str, b: Place, h: int, q: int, k: int, kind: str = "attn") -> Terms:
    factor = 1 / sqrt(s.config.head_width) if s.config.scale else 1.0
    yield from times(grad(s, f"{at}{kind}.scores_scaled", *b, h, q, k), factor=factor)


def _queried(s: Subject, at: str, b: Place, h: int, q: int, e: int, keys: str, kind: str = "attn") -> Terms:
    for k in range(s[f"{at}{kind}.scores"].shape[-1]):
        grads = grad(s, f"{at}{kind}.scores", *b, h, q, k)
        yield from times(grads, s.cell(f"{at}{kind}.{keys}", *b, _group(s, h), k, e))


def _keyed(s: Subject, at: str, b: Place, group: int, k: int, e: int, queries: str, kind: str = "attn") -> Terms:
    for h in _sharing(s, group):
        for q in range(s[f"{at}{kind}.scores"].shape[-2]):
            yield from times(grad(s, f"{at}{kind}.scores", *b, h, q, k), s.cell(f"{at}{kind}.{queries}", *b, h, q, e))


def _turned(s: Subject, name: str, b: Place, h: int, p: int, e: int) -> Terms:
    """Turned back by the same angle."""
    width = s.config.rotary_width
    if e >= width:
        yield from times(grad(s, name, *b, h, p, e))
        return
    half, about = width // 2, (width, s.config.rotary_base, np.dtype(np.float64), s.config.rotary_scaling)
    cosine, sine = (float(table[p, e % half]) for table in rotary_angles(s[name].shape[-2], *about))
    yield from times(grad(s, name, *b, h, p, e), factor=cosine)
    other, sign = (e + half, 1) if e < half else (e - half, -1)
    yield from times(grad(s, name, *b, h, p, other), factor=sign * sine)


def looking(s: Subject, at: str, b: Place, h: int, p: int, e: int, kind: str = "attn") -> Terms:
    """q."""
    if s.config.positions == "rotary" and kind == "attn":
        return _turned(s, f"{at}{kind}.rot_q", b, h, p, e)
    return _queried(s, at, b, h, p, e, "k", kind)


def turned_query(s: Subject, at: str, b: Place, h: int, p: int, e: int, kind: str = "attn") -> Terms:
    return _queried(s, at, b, h, p, e, "rot_k")


def turned_key(s: Subject, at: str, b: Place, h: int, p: int, e: int, kind: str = "attn") -> Terms:
    return _keyed(s, at, b, h, p, e, "rot_q")


def looked_at(s: Subject, at: str, b: Place, h: int, p: int, e: int, kind: str = "attn") -> Terms:
    """k."""
    if s.config.positions == "rotary" and kind == "attn":
        return _turned(s, f"{at}{kind}.rot_k", b, h, p, e)
    return _keyed(s, at, b, h, p, e, "q", kind)


def v(s: Subject, at: str, b: Place, group: int, k: int, e: int, kind: str = "attn") -> Terms:
    for h in _sharing(s, group):
        for q in range(s[f"{at}{kind}.pattern"].shape[-2]):
            yield from times(_mixed(s, at, b, h, q, e, kind), s.cell(f"{at}{kind}.pattern", *b, h, q, k))


def into_attention(s: Subject, at: str, b: Place, p: int, d: int, kind: str = "attn", letters: str = "qkv") -> Terms:
    """By queries, by keys and by values."""
    for letter in letters:
        name, count = f"{at}{kind}.{letter}", s.config.n_heads if letter == "q" else s.config.kv_heads
        width = s.config.head_width
        if not s.config.projections:
            yield from times(grad(s, name, *b, d // width, p, d % width))
            continue
        weights = s.row(f"{at}{kind}.W_{letter.upper()}", d)
        for j in range(count * width):
            yield from times(grad(s, name, *b, j // width, p, j % width), weights[j])


def into_cross(s: Subject, at: str, b: Place, p: int, d: int) -> Terms:
    """What a decoder's word asks its encoder."""
    yield from into_attention(s, at, b, p, d, "cross", "q")


def into_memory(s: Subject, b: Place, p: int, d: int) -> Terms:
    """What every block of a decoder reads at one word of its encoder's output."""
    for i in range(s.config.n_layers if s.config.cross else 0):
        yield from into_attention(s, f"blocks.{i}.", b, p, d, "cross", "kv")


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
    "attn.rot_q": turned_query,
    "attn.rot_k": turned_key,
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
}
for _kind in ("attn", "cross"):
    _rules: dict[str, Rule] = {"q": looking, "k": looked_at, "v": v, "scores": scores, "scores_scaled": scores_scaled}
    _rules |= {"scores_masked": scores_masked, "pattern": pattern, "z": z}
    RULES |= {f"{_kind}.{name}": partial(rule, kind=_kind) for name, rule in _rules.items()}
