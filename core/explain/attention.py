"""For every name of attention, in itself or across, what one of its numbers is computed from; see forward.py.

Each rule is given the Subject, where its layer begins (`blocks.1.`), and the number's place: `b`, of a batch, and its
own axes. kind: "attn", or "cross". Sources are those of core/model.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import sqrt

import numpy as np

from ..activations import last_stream
from ..config import ENCODER
from ..model import norm_places
from ..ops.positions import rotary_angles
from .explanation import Made, Operand, Place, Term, dot, same, the_sum
from .subject import Subject

Rule = Callable[..., Made]


def attention_input(s: Subject, at: str, kind: str = "attn", letter: str = "Q") -> str:
    """What queries, or keys and values, are projected from."""
    if kind == "cross" and letter != "Q":
        return memory(s)
    first, second = ("ln1.out", "resid_pre") if kind == "attn" else ("ln_cross.out", "resid_mid")
    return at + (first if norm_places(s.config)[0] else second)


def memory(s: Subject) -> str:
    """The encoder's output, at which the decoder looks."""
    return last_stream(s.config.encoder, ENCODER)


def is_hidden(s: Subject, kind: str, b: Place, q: int, k: int) -> bool:
    """Whether the mask, or padding, hides a key."""
    padding = s.trace.mask if kind == "attn" else s.trace.source_mask
    padded = padding is not None and not (padding[(*b, k)] if padding.ndim > 1 else padding[k])
    return padded or (kind == "attn" and s.config.causal and k > q)


def cuts(s: Subject, at: str, kind: str) -> list[tuple[int, int, int]]:
    """The edges (head, query, key) that the reader has cut of a layer's attention."""
    return s.trace.interventions.cut_in(int(at.split(".")[1])) if kind == "attn" else []


def projected(letter: str, kind: str) -> Rule:
    def rule(s: Subject, at: str, b: Place, h: int, p: int, e: int) -> Made:
        x, j = attention_input(s, at, kind, letter), h * s.config.head_width + e
        if not s.config.projections:
            return same(rf"{letter} = X", s.cell(x, *b, p, j))
        if letter == "V" and "W_V" in s.trace.interventions.off:
            return same("V = X I", s.cell(x, *b, p, j)) if j < s.config.d_model else Made("V = X I", "edit")
        W, added = f"{at}{kind}.W_{letter}", s.bias(f"{at}{kind}.b_{letter}", j)
        formula = rf"{letter} = \sum_i x_i\,W^{letter}_{{i,{j}}}" + (f" + b_{{{j}}}" if added else "")
        return the_sum(formula, dot(s.row(x, *b, p), s.column(W, j), *added))

    return rule


def rotated(letter: str) -> Rule:
    def rule(s: Subject, at: str, b: Place, h: int, p: int, e: int) -> Made:
        name = f"{at}attn.{letter}"
        x, width = s.cell(name, *b, h, p, e), s.config.rotary_width
        if e >= width:
            return same(letter, x)
        half, n = width // 2, s[name].shape[-2]
        about = (width, s.config.rotary_base, np.dtype(np.float64), s.config.rotary_scaling)
        turn, pair = rotary_angles(n, *about), e % half
        sign, other = (-1, e + half) if e < half else (1, e - half)
        operands = (x, s.cell(name, *b, h, p, other), Operand("position", (p,), float(p)))

        def turned(v: np.ndarray) -> float:
            cosine, sine = (table[int(v[2]), pair] for table in turn)
            return float(v[0] * cosine + sign * v[1] * sine)

        formula = rf"{letter}\cos\theta_{{{p},{pair}}} {'-' if sign < 0 else '+'} {letter}'\sin\theta_{{{p},{pair}}}"
        return Made(formula, "function", operands, rule=turned)

    return rule


def scores(s: Subject, at: str, b: Place, h: int, q: int, k: int, kind: str = "attn") -> Made:
    turned = "rot_" if s.config.positions == "rotary" and kind == "attn" else ""
    group = s.config.kv_head_of(h)
    rows = s.row(f"{at}{kind}.{turned}q", *b, h, q), s.row(f"{at}{kind}.{turned}k", *b, group, k)
    return the_sum(r"\sum_e q_e\,k_e", dot(*rows))


def scores_scaled(s: Subject, at: str, b: Place, h: int, q: int, k: int, kind: str = "attn") -> Made:
    score, width = s.cell(f"{at}{kind}.scores", *b, h, q, k), s.config.head_width
    if not s.config.scale:
        return same("q k", score)
    return the_sum(rf"q k / \sqrt{{{width}}}", [Term((score,), 1 / sqrt(width))])


def _mask(kind: str, place: Place, hidden: bool) -> Operand:
    """What is added to a score; an encoder's own comes by its name in the whole from Subject.outside."""
    return Operand("cross.mask" if kind == "cross" else "mask", place, -np.inf if hidden else 0.0)


def scores_masked(s: Subject, at: str, b: Place, h: int, q: int, k: int, kind: str = "attn") -> Made:
    if (h, q, k) in cuts(s, at, kind):
        return Made(r"-\infty", "edit")
    score = s.cell(f"{at}{kind}.scores_scaled", *b, h, q, k)
    formula = r"q k / \sqrt{d_k}" if s.config.scale else "q k"
    if not is_hidden(s, kind, b, q, k):
        return same(formula, score)
    return the_sum(rf"{formula} - \infty", [Term((score,)), Term((_mask(kind, (*b, q, k), True),))])


def pattern(s: Subject, at: str, b: Place, h: int, q: int, k: int, kind: str = "attn") -> Made:
    row, temperature = s.row(f"{at}{kind}.scores_masked", *b, h, q), s.trace.interventions.temperature
    flat = "softmax" in s.trace.interventions.off
    if flat and f"{at}{kind}.scores_masked" not in s.trace.interventions.patch:
        cut = cuts(s, at, kind)  # of these the masked score tells
        row = [
            score if (h, q, j) in cut else _mask(kind, (*b, q, j), is_hidden(s, kind, b, q, j))
            for j, score in enumerate(row)
        ]

    def rule(x: np.ndarray) -> float:
        x = np.where(np.isneginf(x), x, 0.0) if flat else x
        e = np.exp((x - x.max()) / temperature)
        return e[k] / e.sum()

    over = "" if temperature == 1 else rf"/{temperature:g}"
    return Made(rf"e^{{s_{{{k}}}{over}}} / \sum_j e^{{s_j{over}}}", "function", tuple(row), rule=rule)


def z(s: Subject, at: str, b: Place, h: int, q: int, e: int, kind: str = "attn") -> Made:
    if h in s.trace.interventions.ablated_in(int(at.split(".")[1]), kind):
        return Made("z = 0", "edit")
    weights = s.row(f"{at}{kind}.pattern", *b, h, q)
    group = s.config.kv_head_of(h)
    values = [s.cell(f"{at}{kind}.v", *b, group, k, e) for k in range(len(weights))]
    return the_sum(r"z = \sum_k A_k\,v_k", dot(weights, values))


def attn_out(s: Subject, at: str, b: Place, p: int, d: int, kind: str = "attn") -> Made:
    width, bare = s.config.head_width, not s.config.projections
    if bare or "W_O" in s.trace.interventions.off:
        h, e = divmod(d, width)
        formula = r"\mathrm{Concat}(z)" if bare else r"\mathrm{Concat}(z)\,I"
        return same(formula, s.cell(f"{at}{kind}.z", *b, h, p, e)) if h < s.config.n_heads else Made(formula, "edit")
    heads = [operand for h in range(s.config.n_heads) for operand in s.row(f"{at}{kind}.z", *b, h, p)]
    added = s.bias(f"{at}{kind}.b_O", d)
    return the_sum(
        rf"\sum_j z_j\,W^O_{{j,{d}}}" + (f" + b_{{{d}}}" if added else ""),
        dot(heads, s.column(f"{at}{kind}.W_O", d), *added),
    )


RULES: dict[str, Rule] = {"attn.rot_q": rotated("q"), "attn.rot_k": rotated("k")}
for _kind in ("attn", "cross"):
    RULES |= {f"{_kind}.{letter.lower()}": projected(letter, _kind) for letter in "QKV"}
    _rules: dict[str, Rule] = {"scores": scores, "scores_scaled": scores_scaled, "scores_masked": scores_masked}
    _rules |= {"pattern": pattern, "z": z}
    RULES |= {f"{_kind}.{name}": partial(rule, kind=_kind) for name, rule in _rules.items()}
    RULES[f"{_kind}_out"] = partial(attn_out, kind=_kind)
