"""The two sentences and the attention between them: as crossing fibres, as a map, and every head at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from core import Scene
from core.scene.translation import Translated
from pictures import stacks
from pictures.compute import Picture, picture
from pictures.extremes import greatest, head_names, percent, some, token_name, token_names
from pictures.numbers import COLUMN, ROW, Cells, Points, by_layer, cells
from pictures.squares import head_axes
from pictures.translate import text as texts
from pictures.translate.text import LOOKS, Look, Truth
from pictures.words import Words
from plots import theme
from plots.crossing import crossing, told_at
from plots.heatmap import heatmap

HEIGHT, MAP_HEIGHT, HEADS_HEIGHT = 330, 330, 190  # px
MAP_WIDTH = 420  # px: what the map can count on
OUTLINE = {"color": "@text", "width": 1.2, "dash": "dot"}


@picture(*LOOKS)
def fibres(scene: Scene, words: Words) -> Picture:
    """The sentence above, its translation below, and the chosen head's look between them."""
    scene = texts.two_stacks(scene)
    text = texts.text_of(scene)
    look, known = texts.look(scene, text, words), _known(scene, text)
    written, source = texts.written(scene, text, words), list(text.source.tokens)
    says = _says(scene, text, look, known, words)
    layer, head = texts.place(scene, text)
    if look and (layer, head) in stacks.switched_off(scene, scene.attention_of):
        says += " " + words("translate.says.head_off")
    inside = look is not None and scene.attention_of != "cross"
    above, below = (look.columns, look.rows) if look and inside else (source, written)
    outlines = known.of(len(written)) if known else {}
    weights = look.weights[layer, head] if look else np.zeros((len(below), len(above)), np.float32)
    places = len(source) if scene.attention_of == "encoder" else len(text.steps)
    figure = crossing(
        weights,
        above,
        below,
        colour=theme.head(head),
        truth=[(place, stem) for place, stems in outlines.items() for stem in sorted(stems)],
        focus=None if scene.attention_of == "encoder" else len(below) - 1 if scene.words_translated else None,
        marked=frozenset() if inside else frozenset(i for i, step in enumerate(text.steps) if step.forced),
        places=places,
        titles=_titles(scene, words),
        hover=words("translate.hover"),
        comma=words.comma,
        height=HEIGHT,
        alt=says,
    )
    told, name = told_at(weights, places), texts.PATTERNS[scene.attention_of].format(layer)
    numbers = Points(tuple((name, (head, *pair)) for pair, _ in told), tuple(at for _, at in told))
    return Picture(figure, says, numbers)


@picture(*LOOKS)
def board(scene: Scene, words: Words) -> Picture:
    """The same as a map, who looks on the rows; what the grammar says in thin outlines."""
    scene = texts.two_stacks(scene)
    text = texts.text_of(scene)
    look, known = texts.look(scene, text, words), _known(scene, text)
    layer, head = texts.place(scene, text)
    says = _scored(scene, text, look, known, (layer, head), words)
    rows = look.rows if look else texts.written(scene, text, words)
    columns = look.columns if look else list(text.source.tokens)
    above, below = _titles(scene, words)
    figure = heatmap(
        look.weights[layer, head] if look else np.full((len(rows), len(columns)), np.nan, np.float32),
        rows,
        columns,
        row_title=below,
        column_title=above,
        scale="probability",
        comma=words.comma,
        hover=words("hover.cell"),
        square=False,
        numbers=False,
        colorbar=False,
        width=MAP_WIDTH,
        height=MAP_HEIGHT,
        alt=says,
    )
    outline(figure, known.of(len(rows)) if known else {})
    name = texts.PATTERNS[scene.attention_of].format(layer)
    return Picture(figure, says, cells(name, (head, ROW, COLUMN), look.weights.shape[-2:]) if look else None)


def outline(figure: dict[str, Any], stems: Mapping[int, frozenset[int]]) -> None:
    """Draw what the grammar says over a map of looks: row -> the columns that it stems from."""
    for place, found in stems.items():
        for stem in found:
            cell = {"x0": stem - 0.5, "x1": stem + 0.5, "y0": place - 0.5, "y1": place + 0.5}
            figure["layout"]["shapes"].append({"type": "rect", "line": OUTLINE, **cell})


@picture(*LOOKS)
def heads(scene: Scene, words: Words) -> Picture:
    """Every head: how often it looks at what the grammar says; where that says nothing, how sharply it looks."""
    scene = texts.two_stacks(scene)
    text = texts.text_of(scene)
    look, known = texts.look(scene, text, words), _known(scene, text)
    found = None
    if look is None:
        says = words("translate.says.no_heads")
        values = np.full((text.config.n_layers, text.config.n_heads), np.nan, np.float32)
    else:
        found = texts.scores(look.weights, known)
        values = texts.sharpness(look.weights) if found is None else found
        most = greatest(values, percent(words))
        key = "sharp_heads" if found is None else "best_heads"
        says = words(
            f"translate.says.{key}_alike" if most.everywhere else f"translate.says.{key}",
            heads=head_names(most.places, words),
            share=most.value,
            n=len(most.places),
        )
    n_layers, n_heads = values.shape
    figure = heatmap(
        values,
        [str(i) for i in range(n_layers)],
        [str(i) for i in range(n_heads)],
        **head_axes(words, "@text"),
        scale="probability",
        chosen=texts.place(scene, text),
        comma=words.comma,
        hover=words("translate.head_hover"),
        width=MAP_WIDTH,
        height=HEADS_HEIGHT,
        alt=says,
    )
    return Picture(figure, says, _numbers(scene, values.shape, found is not None) if look else None)


def _numbers(scene: Scene, size: tuple[int, ...], aligned: bool) -> Cells:
    return by_layer(f"{'aligned' if aligned else 'sharp'}.{texts.PATTERNS[scene.attention_of]}", size)


def _known(scene: Scene, text: Translated) -> Truth | None:
    """What the grammar says of the crossing; of what happens inside one sentence it says nothing."""
    return texts.truth(scene, text) if scene.attention_of == "cross" else None


def _titles(scene: Scene, words: Words) -> tuple[str, str]:
    """Of the sentence above, and of the one below."""
    above, below = {"cross": "source target", "encoder": "source source", "decoder": "target target"}[
        scene.attention_of
    ].split()
    return words(f"translate.axis.{above}"), words(f"translate.axis.{below}")


def _says(scene: Scene, text: Translated, look: Look | None, known: Truth | None, words: Words) -> str:
    """What the last word looked at; where it stems from; and what has changed places."""
    if look is None:
        return words("translate.says.off" if texts.into(scene) else "translate.says.off_bare")
    layer, head = texts.place(scene, text)
    weights, named = look.weights[layer, head], {"layer": layer, "head": head}
    if scene.attention_of == "encoder":
        most = greatest(weights, percent(words))
        pairs = [
            words("translate.says.pair", query=token_name(look.rows, q, words), key=token_name(look.columns, k, words))
            for q, k in most.places
        ]
        if most.everywhere and len(pairs) > 1:
            return words("translate.says.sharpest_alike", weight=most.value, **named)
        return words("translate.says.sharpest", pairs=some(pairs, words), weight=most.value, n=len(pairs), **named)
    last = len(look.rows) - 1
    seen = weights[last, : last + 1] if scene.attention_of == "decoder" and text.config.causal else weights[last]
    most, token = greatest(seen, percent(words)), token_name(look.rows, last, words)
    keys = token_names(look.columns, most.indices, words)
    key = "looks" if scene.attention_of == "cross" else "looks_back"
    alike = "_alike" if most.everywhere and len(most.indices) > 1 else ""
    says = [words(f"translate.says.{key}{alike}", token=token, keys=keys, weight=most.value, **named)]
    if known and last in known.stems:
        stems = token_names(look.columns, sorted(known.stems[last]), words)
        says.append(words("translate.says.stems", stems=stems, n=len(known.stems[last])))
    if known and (crossed := [place for place in known.crossing if place <= last]):
        says.append(words("translate.says.crossed", tokens=token_names(look.rows, crossed, words)))
    return " ".join(says)


def _scored(
    scene: Scene, text: Translated, look: Look | None, known: Truth | None, at: tuple[int, int], words: Words
) -> str:
    """How many words look at what they stem from, and whether the translation is the grammar's own."""
    if look is None:
        return words("translate.says.nothing_seen")
    if scene.attention_of != "cross":
        kind = scene.attention_of if scene.attention_of == "encoder" or text.config.causal else "unmasked"
        return words(f"translate.says.kind_{kind}")
    if known is None:
        return words("translate.says.no_truth")
    found, says = texts.scores(look.weights, known), []
    if found is not None:
        n = len(known.of(len(look.rows)))
        says.append(words("translate.says.score", right=round(float(found[at]) * n), n=n))
    if texts.reached(scene, text) == len(text.steps):
        tokens = scene.preset.tokenizer.tokens if scene.preset.tokenizer else ()
        exact = known.own == tuple(tokens[step.token] for step in text.steps)
        says.append(words("translate.says.exact" if exact else "translate.says.other", own=" ".join(known.own)))
    return " ".join(says) or words("translate.says.too_early")
