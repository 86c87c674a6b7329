"""Fibres that are cut: which one a click meant, which there are to be cut, and what the answer loses by it."""

from __future__ import annotations

from typing import Any

import numpy as np

from core import Scene
from core.activations import last_stream
from core.interpret import relative_change
from core.interventions import Edge
from core.ops.softmax import softmax
from core.scene.fields import Numbered
from pictures import compute, continuation, extremes, lighting, stacks
from pictures.compute import Picture, picture
from pictures.explained.runs import UNCUT
from pictures.extremes import choice, greatest, token_names
from pictures.numbers import Bars
from pictures.words import Words
from plots.differences import differences

LISTED = 60  # fibres that can be chosen by keyboard, of the chosen head: the heaviest
ROWS = 4  # words whose output is drawn, of a model that names no next word: those that moved most


def is_cut_here(scene: Scene) -> bool:
    """Whether the page shows what was lost."""
    return (scene.cutting or bool(scene.cut)) and stacks.count(scene) == 1


def edge_at(click: dict[str, Any], scene: Scene) -> Edge | None:
    """The fibre that was clicked (plots/fibres.py, plots/bipartite.py); None of a word."""
    code, n = click.get("customdata"), len(scene.tokens)
    if code is None or int(code) < n or stacks.count(scene) > 1:
        return None
    shape = (scene.config.n_layers, scene.config.n_heads, n, n)
    if int(code) - n >= int(np.prod(shape)):
        return None
    layer, head, query, key = (int(i) for i in np.unravel_index(int(code) - n, shape))
    return layer, head, query, key


def to_choose(scene: Scene) -> list[Edge]:
    """The fibres that a list offers: those that are cut, and the heaviest of the chosen head that may be."""
    layer, head = scene.place
    a = lighting.of_head(scene, scene.place)
    order = np.argsort(-np.nan_to_num(a), axis=None, kind="stable")[:LISTED]
    found = [(layer, head, *divmod(int(i), len(a))) for i in order if a.flat[i] > scene.threshold]
    return [*scene.cut, *(edge for edge in found if edge not in scene.cut and scene.can_cut(edge))]


def name(edge: Edge, scene: Scene, words: Words) -> str:
    """A fibre as the list calls it."""
    layer, head, query, key = edge
    names = {"query": choice(scene.tokens, query, words), "key": choice(scene.tokens, key, words)}
    return words("cut.edge", **names, layer=layer, head=head)


@picture()
def lost(scene: Scene, words: Words) -> Picture:
    """The answer of the whole run and of the one with its fibres cut, a bar each; or how far the outputs moved."""
    whole, n = scene.turn(cut=()), len(scene.cut)
    if scene.config.unembed:
        return _answer(whole, scene, n, words)
    last = last_stream(scene.config)
    before, after = (compute.run(one).trace[last].astype(np.float64) for one in (whole, scene))
    moved = relative_change(before, after)
    if not np.isfinite(moved).all():
        return _nothing(words("cut.says.lost"), words)
    shown = np.sort(np.argsort(-moved, kind="stable")[:ROWS])
    most = greatest(moved, extremes.percent(words))
    if not n:
        says = words("cut.says.none_moved")
    elif round(most.value, 3) == 0:
        says = words("cut.says.still", n=n)
    else:
        tokens = token_names(scene.tokens, most.indices, words)
        says = words("cut.says.moved", n=n, tokens=tokens, share=most.value)
    names = [choice(scene.tokens, int(place), words) for place in shown]
    numbers = tuple((f"cut.{last}", (int(place),)) for place in shown) if n else ()
    return _bars(moved[shown], names, words, says, numbers)


def _answer(whole: Scene, scene: Scene, n: int, words: Words) -> Picture:
    runs = [compute.run(one) for one in (whole, scene)]
    with np.errstate(all="ignore"):  # of numbers that have exploded
        shares = [softmax(run.trace.row("logits", -1).astype(np.float64)) for run in runs]
    if not np.isfinite(shares).all():
        return _nothing(words("cut.says.lost"), words)
    answer, now = (int(share.argmax()) for share in shares)
    called = continuation.names(scene, words)
    told = {"word": called(answer), "before": float(shares[0][answer]), "after": float(shares[1][answer]), "n": n}
    if not n:
        says = words("cut.says.none", word=told["word"], before=told["before"])
    elif now == answer:
        says = words("cut.says.same", **told)
    else:
        says = words("cut.says.changed", **told, other=called(now), share=float(shares[1][now]))
    names = [words("cut.whole"), words("cut.cut")]
    number = "probability.logits", (len(scene.tokens) - 1, answer)
    numbers = ((UNCUT + number[0], number[1]) if n else number, number)
    return _bars(np.array([told["before"], told["after"]]), names, words, says, numbers)


def _bars(values: np.ndarray, names: list[str], words: Words, says: str, numbers: tuple[Numbered, ...]) -> Picture:
    written = [words.written(float(value), ".1%") for value in values]
    roles = ("@attention", "@attention")
    figure = differences(values, names, written, roles=roles, signed=False, alt=says)
    return Picture(figure, says, Bars(numbers) if numbers else None)


def _nothing(says: str, words: Words) -> Picture:
    return Picture(differences(np.zeros(0), [], [], signed=False, alt=says), says)


def bars_height(scene: Scene) -> int:
    """Pixels of the bars."""
    return 24 + 34 * (2 if scene.config.unembed else min(ROWS, len(scene.tokens)))
