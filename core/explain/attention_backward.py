"""For the gradient of every name of attention, in itself or across, the terms of the chain rule; see backward.py.

kind: "attn", or "cross".
"""

from __future__ import annotations

from functools import partial
from math import sqrt

import numpy as np

from ..ops.positions import rotary_angles
from .chain_rule import Rule, Terms, grad, through, times
from .explanation import Operand, Place
from .subject import Subject


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
        yield from through(s, f"{at}{kind}_out", b, p, f"{at}{kind}.W_O", j)
    else:
        yield from times(grad(s, f"{at}{kind}_out", *b, p, j))


def pattern(s: Subject, at: str, b: Place, h: int, q: int, k: int, kind: str = "attn") -> Terms:
    for e, value in enumerate(s.row(f"{at}{kind}.v", *b, s.config.kv_head_of(h), k)):
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
        yield from times(grads, s.cell(f"{at}{kind}.{keys}", *b, s.config.kv_head_of(h), k, e))


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


RULES: dict[str, Rule] = {"attn.rot_q": turned_query, "attn.rot_k": turned_key}
for _kind in ("attn", "cross"):
    _rules: dict[str, Rule] = {"q": looking, "k": looked_at, "v": v, "scores": scores, "scores_scaled": scores_scaled}
    _rules |= {"scores_masked": scores_masked, "pattern": pattern, "z": z}
    RULES |= {f"{_kind}.{name}": partial(rule, kind=_kind) for name, rule in _rules.items()}
