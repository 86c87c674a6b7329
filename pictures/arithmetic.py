"""One cell of the attention written out, from the dot product to the softmax, every number taken from the trace."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import sqrt

import numpy as np

from core import Scene
from pictures import compute, left_out, stacks
from pictures.attention import at_head, rotated
from pictures.words import Words
from plots.tokens import shown

TERMS = 6  # products, or exponentials, that are written before an ellipsis stands for the rest


@dataclass(frozen=True)
class Line:
    """A step: its formula, the same with the numbers, and the result. `terms` are the numbers as they are written."""

    name: str
    formula: str
    numbers: str
    result: str
    terms: tuple[float, ...]
    value: float


def cell(scene: Scene, words: Words) -> list[Line]:
    """The steps that lead to the chosen cell's weight."""
    run, found = compute.run(scene), stacks.looks(scene)
    query, key = found.cell
    q, k = at_head(run, scene, rotated(scene, "q"))[query], at_head(run, scene, rotated(scene, "k"))[key]
    score, scaled, masked, weight = (
        at_head(run, scene, name)[query].astype(float)
        for name in ("scores", "scores_scaled", "scores_masked", "pattern")
    )
    pattern, width, t = at_head(run, scene, "pattern"), found.config.head_width, scene.temperature
    n = words.number

    products = [f"{_factor(n(a), a)}·{_factor(n(b), b)}" for a, b in zip(q.tolist(), k.tolist(), strict=True)]
    lines = [
        Line("dot", "q · k", added(products), n(score[key], 4), tuple(np.r_[q, k].tolist()), score[key]),
    ]
    if found.config.scale:
        over = f"{n(score[key], 4)} ÷ √{width} = {n(score[key], 4)} ÷ {n(sqrt(width), 4)}"
        lines.append(Line("scale", "q · k ÷ √dₖ", over, n(scaled[key], 4), (score[key], sqrt(width)), scaled[key]))
    if found.causal:
        hidden = np.isneginf(masked[key])
        plus = f"{n(scaled[key], 4)} + {'(−∞)' if hidden else '0'}"
        result = "−∞" if hidden else n(masked[key], 4)
        lines.append(Line("mask", "s + M", plus, result, (scaled[key],), masked[key]))

    name, formula = "softmax", "eˢ ÷ Σ eˢ" if t == 1 else "eˢᐟᵀ ÷ Σ eˢᐟᵀ"
    if "softmax" in scene.off:  # every score in sight counts as 0
        name, formula = "alike", "e⁰ ÷ Σ e⁰"
        masked = np.where(np.isneginf(masked), masked, 0.0)
    exponents = [_exponent(s, t, words) for s in masked.tolist()]
    divide = f"{exponents[key]} ÷ ({added(exponents, key)})"
    lines.append(Line(name, formula, divide, n(weight[key], 4), tuple(masked.tolist()), weight[key]))
    there = left_out.kept(scene)
    if left_out.hides(scene) and scene.rows_renormalized and there[query] and there[key]:
        left, value = float(weight[there].sum()), float(left_out.on_map(pattern, scene)[query, key])
        over = f"{n(weight[key], 4)} ÷ {n(left, 4)}"
        lines.append(Line("renormalized", "a ÷ Σ a", over, n(value, 4), (weight[key], left), value))
    return lines


def html(scene: Scene, words: Words) -> str:
    """The steps as a list, the roles in their colours."""
    run, found = compute.run(scene), stacks.looks(scene)
    query, key = (
        f'<b class="fibra-{role}">{escape(shown(tokens[p]))}</b>'
        for role, tokens, p in zip(("query", "key"), (found.rows, found.columns), found.cell, strict=True)
    )
    title = f"<p>{words('arithmetic.title')} {query} → {key}</p>"
    steps = ("scores", "scores_scaled", "pattern")
    if not all(np.isfinite(at_head(run, scene, name)[found.cell[0]]).all() for name in steps):
        return listed([], words, f"{title}<p>{words('attention.says.lost')}</p>")
    return listed(cell(scene, words), words, title)


def listed(lines: list[Line], words: Words, title: str = "") -> str:
    """Steps as a list; `title` is HTML."""
    rows = "".join(
        f'<li><span class="name">{words(f"arithmetic.{line.name}")}</span><span class="formula">{line.formula}</span>'
        f'<span class="numbers">= {line.numbers}</span><span class="result">= {line.result}</span></li>'
        for line in lines
    )
    return f'<div class="fibra-arithmetic">{title}<ol class="fibra-lines">{rows}</ol></div>'


def _factor(text: str, value: float) -> str:
    return f"({text})" if value < 0 and text[0] == "−" else text


def added(terms: list[str], always: int = 0) -> str:
    """The terms added; of many, the first ones, the one at `always`, and an ellipsis."""
    if len(terms) <= TERMS + 2:
        return " + ".join(terms)
    shown = sorted({*range(TERMS), always})
    return " + ".join(terms[i] for i in shown) + " + …"


def _exponent(score: float, temperature: float, words: Words) -> str:
    if np.isneginf(score):
        return "e<sup>−∞</sup>"
    power = words.number(score, 4) + ("" if temperature == 1 else f"/{words.number(temperature)}")
    return f"e<sup>{power}</sup>"
