"""The KV cache: which keys and values a step computes and which it reads again; what it saves, and that it is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import core
from core import Distribution, Scene, Writing
from core.activations import last_stream
from core.generate.loop import Work, multiplications, multiplications_by_part
from core.interpret import read_last
from core.scene.fields import Numbered
from pictures import ablation, compute, continuation, memory
from pictures.compute import Picture, picture
from pictures.extremes import magnitude
from pictures.numbers import Bars
from pictures.words import Words
from plots.kv_cache import height as plot_height
from plots.kv_cache import kv_cache


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
    numbers: list[Numbered | None] = [None, *(("spent.logits", (step + 1,)) for step in range(len(works)))]
    return Picture(figure, says, Bars(tuple(numbers)))


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


def agreement(text: Writing, plain: np.ndarray, tokens: Sequence[int]) -> Agreement:
    """What was written with the cache against what is computed without it: the logits [step, vocab] and the tokens."""
    ids = [step.distribution.order for step in text.steps]  # those that are known
    a = np.array([step.distribution.logits[known] for step, known in zip(text.steps, ids, strict=True)], np.float64)
    b = np.array([row[known] for row, known in zip(plain, ids, strict=True)], np.float64)
    same = sum(step.token == token for step, token in zip(text.steps, tokens, strict=True))
    spent, whole = (sum(getattr(step.work, of) for step in text.steps) for of in ("multiplications", "without_cache"))
    return Agreement(same, len(tokens), float(np.abs(a - b).max()), float(np.abs(b).max()), whole / spent)


@memory.kept(lambda scene: (scene,), large=compute.is_large)
def both_ways(scene: Scene) -> Agreement:
    """The text that a Scene writes, computed a second time without the cache."""
    text = continuation.text_of(scene)
    if at_once(scene):
        logits = _in_one_run(text)
        return agreement(text, logits, drawn(text, logits))
    plain = core.write(scene, compute.params(scene), cache=False).steps
    return agreement(text, np.array([s.distribution.logits for s in plain]), [s.token for s in plain])


def parts(scene: Scene) -> list[tuple[Scene]]:
    """What `both_ways` is asked."""
    return [(continuation.knobs(scene),)]


def cost(scene: Scene) -> float:
    """The multiplications that it takes."""
    text, c = continuation.text_of(scene), scene.config
    if not at_once(scene):
        return sum(step.work.without_cache for step in text.steps)
    n = len(text.ids) + len(text.steps) - 1
    unread = len(text.ids) - 1  # positions whose logits are not computed
    once = multiplications(c, n, n) - multiplications_by_part(c, unread, unread)["unembed"]
    return once + ablation.widened(scene)


def _in_one_run(text: Writing) -> np.ndarray:
    """[step, vocab]: the logits that each step would have, of a run that keeps no keys and values."""
    scene, last = text.scene, last_stream(text.config)
    x, change = text.embedded(len(text.steps) - 1), text.scene.interventions
    trace = core.forward(text.params, scene.whole, embeddings=x, interventions=change, names=(last,))
    return read_last(trace[last][len(text.ids) - 1 :], text.params, text.config, normed=False)


def at_once(scene: Scene) -> bool:
    """Whether a text is computed again in one run, all positions together: of a large model, where a run for every
    token would keep a class waiting."""
    return compute.is_large(scene) and scene.config.causal


def drawn(text: Writing, logits: np.ndarray) -> list[int]:
    """The token that each step would have from these logits [step, vocab], the forced ones as they were."""
    steps = zip(text.steps, logits, strict=True)
    return [
        step.token if step.forced else Distribution(row, step.distribution.sampling).draw(step.position)
        for step, row in steps
    ]


def check(scene: Scene, words: Words) -> str:
    """The text is computed both ways, with the cache and without it, and what comes of that is said."""
    found = both_ways(*parts(scene)[0])
    saved = words.number(found.saved, 1)
    key = "check" if found.n > 1 and saved != words.number(1, 1) else "check_as_much"
    return words(
        f"generate.says.{'check_at_once' if at_once(scene) else key}",
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
