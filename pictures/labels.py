"""Which heads follow a pattern that has a name: found once for Heads, Reading heads and whoever else tells it.

What a head does in the sentence is one thing, what it is another: an induction head is one on any repeated tokens, and
only a probe tells. One that does the same in this sentence alone "looks like" one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from core import Scene
from core.interpret import CLEAR, head_label, head_scores, probe_induction
from core.params import encoder_params
from pictures import compute, left_out, memory, stacks
from pictures.extremes import unit
from pictures.words import Words


def labels_of(scene: Scene) -> np.ndarray:
    """[layer, head] of names out of core.interpret.LABELS, "seeming" for an induction head in this sentence only, or
    None.
    """
    probed = probe_of(scene)
    found = np.empty(probed.shape, object)
    for place, own in each_head(scores_of(scene)):
        found[place] = _label(own, probed.item(place))
    return found


def label_of(scene: Scene, place: tuple[int, int]) -> str | None:
    """The same of one head."""
    return _label(_at(scores_of(scene), place), probe_of(scene).item(place))


def _label(own: dict[str, float], probed: float) -> str | None:
    label = head_label(own)
    return "induction" if probed >= CLEAR else "seeming" if label == "induction" else label


def each_head(scores: dict[str, np.ndarray]) -> Iterator[tuple[tuple[int, ...], dict[str, float]]]:
    """Each head's place [layer, head], and its own scores."""
    numbers = zip(*(score.ravel().tolist() for score in scores.values()), strict=True)
    places = np.ndindex(next(iter(scores.values())).shape)
    return ((place, dict(zip(scores, own, strict=True))) for place, own in zip(places, numbers, strict=True))


def probe_of(scene: Scene) -> np.ndarray:
    """[layer, head]: the induction scores on fresh repeated tokens, whatever the sentence; NaN where there are none."""
    whose = {"attention_of": kind} if (kind := stacks.looks(scene).kind) else {}
    return _probe(scene.computed.turn(sentence="", split="words", edits=(), cut=(), **whose))


@memory.kept(lambda scene: (scene,), large=compute.is_large)
def _probe(scene: Scene) -> np.ndarray:
    """A decoder reads the repeated tokens while its encoder reads the sentence of this Scene."""
    params, config, change = compute.params(scene), scene.config, scene.interventions
    if stacks.count(scene) == 1:
        return probe_induction(params, config, change)
    if scene.attention_of == "encoder":
        return probe_induction(encoder_params(params), config.encoder, change.of_encoder())
    return probe_induction(params, config, change, source=scene.encoding.ids)


def _at(scores: dict[str, np.ndarray], place: tuple[int, ...]) -> dict[str, float]:
    return {name: float(score[place]) for name, score in scores.items()}


def scores_of(scene: Scene) -> dict[str, np.ndarray]:
    """Name of a pattern -> [layer, head]; 0 where numbers were lost.

    Of the tokens that are kept (pictures/left_out.py): where the first is not among them, none looks at it.
    """
    return _scores(compute.looked_at(scene, ("without_first",) if stacks.count(scene) == 1 else ("attention_of",)))


@memory.kept(lambda scene: (scene,), large=compute.is_large)
def _scores(scene: Scene) -> dict[str, np.ndarray]:
    shown = stacks.looks(scene)
    if shown.kind:  # of two stacks no token is left out
        return _scored(stacks.some_layers(scene), shown.rows, shown.causal)
    a = (left_out.renormalized(layers, scene) for layers in stacks.some_layers(scene))
    found = _scored(a, left_out.tokens(scene), shown.causal)
    return found | {"first": np.zeros_like(found["first"])} if left_out.hides(scene) else found


def _scored(layers: Iterable[np.ndarray], tokens: Sequence[str], causal: bool) -> dict[str, np.ndarray]:
    """Of the patterns [layer, head, query, key] of some layers after the other."""
    each = [head_scores(a, tokens, causal) for a in layers]
    return {name: np.nan_to_num(np.concatenate([scores[name] for scores in each])) for name in each[0]}


def look(scene: Scene, place: tuple[int, int], words: Words) -> str:
    """What the head looks at of all tokens, if that has a name, and with what score; else "". From one text to another
    no look has one."""
    return "" if stacks.looks(scene).crosses else _named(_at(scores_of(_whole(scene)), place), unit(scene), words)


def looks(scene: Scene, words: Words) -> list[list[str]]:
    """[layer][head]: the same of every head."""
    found, what = stacks.looks(scene), unit(scene)
    if found.crosses:
        return [[""] * found.config.n_heads] * found.config.n_layers
    named: list[list[str]] = [[] for _ in range(found.config.n_layers)]
    for (layer, _), own in each_head(scores_of(_whole(scene))):
        named[layer].append(_named(own, what, words))
    return named


def _whole(scene: Scene) -> Scene:
    """The Scene with no token left out."""
    return scene.computed.turn(attention_of=scene.attention_of)


def _named(own: dict[str, float], what: str, words: Words) -> str:
    if not (label := head_label(own)):
        return ""
    return words(f"heads.looks.{label}", score=own[label], apart=1 - own[label], unit=what)
