"""The KV cache: which keys and values a step computes and which it reads again; what it saves, and that it is right."""

from __future__ import annotations

import numpy as np

from core import Scene
from plots.ledger import height as plot_height
from plots.ledger import ledger as plot
from ui import writing
from ui.compute import Picture
from ui.words import Words


def ledger(scene: Scene, words: Words) -> Picture:
    """A row a step: positions that are new and that are reused, and the multiplications with and without a cache."""
    text = writing.written(scene)
    at = writing.reached(scene, text) - 1
    works = [step.work for step in text.steps]
    tokens = writing.spelled(scene, text, len(works) - 1, words)
    says = _says(scene, works[at], at, words)
    spent, plain = (np.array([getattr(w, field) for w in works]) for field in ("multiplications", "without_cache"))
    figure = plot(
        np.array([len(work.reused) for work in works]),
        np.array([work.new.stop for work in works]),
        tokens,
        spent,
        plain,
        chosen=at,
        row_title=words("generate.ledger.step"),
        bar_title=words("generate.ledger.multiplications"),
        hover=words("generate.hover.ledger"),
        bar_hovers=(words("generate.hover.spent"), words("generate.hover.plain")),
        alt=says,
    )
    return Picture(figure, says)


def height(scene: Scene, words: Words) -> int:
    """Pixels of that figure."""
    text = writing.written(scene)
    return plot_height(writing.spelled(scene, text, len(text.steps) - 1, words), len(text.steps))


def check(scene: Scene, words: Words) -> str:
    """Both ways were run just now: whether they give the same tokens, and how far apart their logits are at most."""
    cached, plain = writing.both_ways(scene)
    pairs = list(zip(cached.steps, plain.steps, strict=True))
    apart = max(float(np.abs(a.distribution.logits - b.distribution.logits).max()) for a, b in pairs)
    size = max(float(np.abs(b.distribution.logits).max()) for _, b in pairs)
    same = sum(a.token == b.token for a, b in pairs)
    saved = sum(a.work.without_cache for a, _ in pairs) / sum(a.work.multiplications for a, _ in pairs)
    return words(
        "generate.says.check",
        same=same,
        n=len(pairs),
        apart=power(apart, words),
        size=words.number(size),
        saved=words.number(saved, 1),
    )


def power(value: float, words: Words) -> str:
    """A small number as a reader writes it: 3.6 × 10⁻⁷."""
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    digits = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{words.number(float(mantissa), 1)} × 10{digits}"


def _says(scene: Scene, work, at: int, words: Words) -> str:
    if not scene.config.causal:
        spent = million(work.multiplications, words)
        return words("generate.says.no_cache", step=at + 1, positions=len(work.new), spent=spent)
    layers, spent = scene.config.n_layers, million(work.multiplications, words)
    if not work.reused:
        return words("generate.says.ledger_first", new=len(work.new), layers=layers, spent=spent)
    return words(
        "generate.says.ledger",
        step=at + 1,
        reused=len(work.reused),
        layers=layers,
        spent=spent,
        plain=million(work.without_cache, words),
        times=words.number(work.without_cache / work.multiplications, 1),
    )


def million(count: int, words: Words) -> str:
    """A count in millions."""
    return words.number(count / 1e6, 2 if count < 1e7 else 1 if count < 1e8 else 0)
