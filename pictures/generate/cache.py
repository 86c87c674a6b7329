"""The KV cache: which keys and values a step computes and which it reads again; what it saves, and that it is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import core
from core import Scene, Writing
from core.generate.loop import Work
from pictures import compute, continuation, heap, memory
from pictures.compute import Picture, picture
from pictures.heads import magnitude
from pictures.words import Words
from plots.kv_cache import height as plot_height
from plots.kv_cache import kv_cache

FIRST = 3  # new tokens of a large model's text that are written both ways: without a cache each takes a whole run


@picture(*continuation.KNOBS, "tokens_written")
def ledger(scene: Scene, words: Words) -> Picture:
    """A row a step: positions that are new and that are reused, and the multiplications with and without a cache."""
    text = continuation.text_of(scene)
    at = continuation.reached(scene, text) - 1
    works = [step.work for step in text.steps]
    tokens = continuation.spelled(scene, text, len(works) - 1, words)
    says = _says(scene, works[at], at, words)
    spent, plain = (np.array([getattr(w, field) for w in works]) for field in ("multiplications", "without_cache"))
    figure = kv_cache(
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
    text = continuation.text_of(scene)
    return plot_height(continuation.spelled(scene, text, len(text.steps) - 1, words), len(text.steps))


@dataclass(frozen=True)
class Agreement:
    """Two writings side by side: how many tokens are the same of `n`, and how far apart a logit is at most."""

    same: int
    n: int
    apart: float
    size: float  # of the largest logit
    saved: float  # how many times fewer multiplications the first one took


def agreement(cached: Writing, plain: Writing) -> Agreement:
    """What was written with the cache against the same, or its beginning, computed anew at every step."""
    pairs = list(zip(cached.steps, plain.steps, strict=False))
    ids = [one.distribution.order for one, _ in pairs]  # those that are known
    a, b = (
        np.array([pair[i].distribution.logits[known] for pair, known in zip(pairs, ids, strict=True)], np.float64)
        for i in (0, 1)
    )
    same = sum(one.token == other.token for one, other in pairs)
    spent, whole = (sum(pair[i].work.multiplications for pair in pairs) for i in (0, 1))
    return Agreement(same, len(pairs), float(np.abs(a - b).max()), float(np.abs(b).max()), whole / spent)


@memory.kept(lambda scene: (scene,), large=compute.is_large)
def _both_ways(scene: Scene) -> Agreement:
    text = continuation.text_of(scene)
    large = compute.is_large(scene)
    plain = core.write(
        scene.turn(max_new_tokens=min(FIRST, len(text.steps))) if large else scene, compute.params(scene), cache=False
    )
    if large:
        heap.trim()
    return agreement(text, plain)


def check(scene: Scene, words: Words) -> str:
    """The text is written both ways, with the cache and without it, and what comes of that is said."""
    found = _both_ways(continuation.knobs(scene))
    saved = words.number(found.saved, 1)
    if found.n < len(continuation.text_of(scene).steps):
        key = "check_first"
    else:
        key = "check" if found.n > 1 and saved != words.number(1, 1) else "check_as_much"
    return words(
        f"generate.says.{key}",
        same=found.same,
        n=found.n,
        apart=words.power(found.apart) if found.apart else "0",
        size=magnitude(found.size, words),
        saved=saved,
    )


def _says(scene: Scene, work: Work, at: int, words: Words) -> str:
    if not scene.config.causal:
        spent = words.amount(work.multiplications)
        return words("generate.says.no_cache", step=at + 1, positions=len(work.new), spent=spent)
    layers, spent = scene.config.n_layers, words.amount(work.multiplications)
    if not work.reused:
        return words("generate.says.ledger_first", step=at + 1, new=len(work.new), layers=layers, spent=spent)
    return words(
        "generate.says.ledger",
        step=at + 1,
        reused=len(work.reused),
        layers=layers,
        spent=spent,
        plain=words.amount(work.without_cache),
        times=words.number(work.without_cache / work.multiplications, 1),
    )
