"""All of attention as fibres of light through the layers, and one head of it flat, for exact reading."""

from __future__ import annotations

import numpy as np

from core import Scene
from pictures import compute, cuts, extremes, fibres_across, left_out, stacks
from pictures.compute import Picture, picture
from pictures.display_names import all_named
from pictures.lighting import counted, each_layer, focus, focuses, lit, of_layer, off_among, starts
from pictures.numbers import Curves
from pictures.rows_told import read
from pictures.words import Words
from pictures.woven import Woven
from plots.bipartite import MAX_CURVES as MOST_FLAT
from plots.bipartite import bipartite
from plots.fibres import fibres as fibres_figure
from plots.fibres import greatest_looks

HEIGHT = 560  # px
LOST = 250  # px: over the flat picture, what the answer loses by what is cut
TWIN_WIDTH = 330  # px: the third of a page, or a phone


@picture("threshold", "focus", "layers_lit", "without_first")
def light(scene: Scene, words: Words) -> Picture:
    """Every weight above the threshold in the layers that are lit, a fibre each."""
    return light_of(scene, words, HEIGHT)


def light_of(scene: Scene, words: Words, height: int, start: str = "") -> Picture:
    """The same in a picture so many pixels high; of a model of two stacks, its sentences on facing planes. start: of
    another run than the page's, what its numbers' names begin with."""
    if stacks.count(scene) > 1:
        return fibres_across.light_of(scene, words, height, start)
    run = compute.run(scene)
    a = each_layer(scene)
    if left_out.hides(scene):
        a = [left_out.hidden(layer, scene) for layer in a]
    tops = greatest_looks(a)
    figure = fibres_figure(
        a,
        list(run.tokens),
        tops=tops,
        threshold=scene.threshold,
        focus=focus(scene),
        layers_lit=lit(scene),
        layer_prefix=words("fibres.layer_prefix"),
        height=height,
    )
    about = figure["layout"]["meta"]
    about["alt"] = says = _says_light(scene, a, tops, about["above"], words) + left_out.told(scene, words, "weights")
    # What a click on a fibre of the page's own run does, the page decides: it may cut it.
    return Picture(figure, says, Woven(scene.config.n_heads, len(run.tokens), start) if start else None)


@picture("layer", "head", "threshold", "focus", "without_first", "attention_of", "cutting")
def twin(scene: Scene, words: Words) -> Picture:
    """The chosen layer and head alone: who looks, who is looked at, and a line for every weight above the threshold."""
    found = stacks.looks(scene)
    layer, head = found.place
    a = left_out.hidden(of_layer(scene, layer), scene)
    says = _says_twin(scene, a[head], words) + left_out.told_of_looks(scene, words, "weights")
    (focus_row, focus_column), first = focuses(scene), starts(scene)
    figure = bipartite(
        a,
        all_named(found.rows, words),
        threshold=scene.threshold,
        focus=focus_row,
        keys=all_named(found.columns, words),
        key_focus=focus_column,
        first=first,
        heads=[head],
        query_title=words("axis.query"),
        key_title=words("axis.key"),
        hover=words("fibres.hover"),
        turns=True,
        first_edge=None if found.kind else len(found.rows) + layer * a.size,
        comma=words.comma,
        width=TWIN_WIDTH,
        height=twin_height(scene),
        alt=says,
    )
    shape = (a.shape[1], a.shape[2])  # of two stacks no fibre is cut here, and a click has one meaning
    return Picture(figure, says, Curves(found.name("pattern"), head, shape, heard=bool(found.kind)))


def twin_height(scene: Scene) -> int:
    """Pixels of the flat picture: as high as the scene, or higher where its tokens need it; less where it shares the
    room with what was lost by cutting."""
    room = HEIGHT - (LOST if cuts.is_cut_here(scene) else 0)
    return max(room, 60 + 13 * stacks.looks(scene).longest)


# ---------------------------------------------------------------------------------------------------- in words


def _says_light(scene: Scene, a: list[np.ndarray], tops: list[np.ndarray], above: int, words: Words) -> str:
    """a: of each layer [head, query, key], tops: its greatest weights [query, key]; above: how many are above the
    threshold in the layers that are lit."""
    n, shown, tops = lit(scene), a[: lit(scene)], tops[: lit(scene)]
    if n == 0:
        return words("fibres.says.dark")
    sentences = [words("fibres.says.lit", lit=n, n=len(a))] if n < len(a) else []
    heads = len(shown) * len(shown[0])
    if off_among(scene, n) == heads:  # there are weights, and high ones: what is wanting is the light
        return " ".join([*sentences, words("fibres.says.unlit", n=heads)])
    sentences.append(counted(above, scene, words))
    sentences += _strongest(scene, shown, tops, words)
    if scene.ablated:
        sentences.append(words("fibres.says.ablated", n=len(scene.ablated)))
    return " ".join([*sentences, *_broken(tops, words)])


def _broken(a: list[np.ndarray], words: Words) -> list[str]:
    """From which of the layers [..., query, key] on there is nothing."""
    broken = np.array([np.isnan(layer.max()) for layer in a])  # what is no number is the greatest, too
    return [words("fibres.says.broken", layer=int(np.argmax(broken)))] if broken.any() else []


def _says_twin(scene: Scene, a: np.ndarray, words: Words) -> str:
    """Of the chosen pattern [query, key]."""
    found = stacks.looks(scene)
    layer, head = found.place
    if (layer, head) in found.ablated:
        return words("fibres.says.off", layer=layer, head=head)
    if np.isnan(a).any():
        return " ".join(_broken([left_out.hidden(other, scene) for other in each_layer(scene)], words))
    place = {"layer": layer, "head": head}
    if (chosen := focuses(scene)[0]) is not None:
        return f"{words('fibres.says.place', **place)} {read(found, a, chosen, words)}"
    above, shown = a[a > scene.threshold], a.size
    if left_out.hides(scene):
        shown = int(left_out.kept(scene).sum()) ** 2
    low, high = float(above.min(initial=1)), float(a.max())
    alike = above.size > 1 and words.number(low) == words.number(high)
    says = words(
        "fibres.says.few" if not above.size else "fibres.says.counted_alike" if alike else "fibres.says.counted",
        **place,
        **{"above": above.size, "cells": shown, "threshold": scene.threshold, "low": low, "high": high},
    )
    return f"{says} {words('fibres.says.drawn', drawn=MOST_FLAT)}" if above.size > MOST_FLAT else says


def _strongest(scene: Scene, a: list[np.ndarray], tops: list[np.ndarray], words: Words) -> list[str]:
    """The strongest of all weights, a layer's [head, query, key], whose greatest are the `tops`; or of those of the
    token in focus."""
    chosen, tokens = focus(scene), scene.tokens
    first_alone = scene.config.causal and len(tokens) > 1 and chosen is None
    queries = slice(1 if first_alone else 0, None) if chosen is None else slice(chosen, chosen + 1)
    rows, known = [layer[:, queries] for layer in a], [top[queries] for top in tops]
    found = extremes.greatest_of_parts(rows, words.number, floor=0.0, tops=known)
    if found is None or found.value == 0:
        return []
    sight, heads = int(stacks.looks(scene).seen[queries].sum()), len(a) * len(a[0])
    if len(found.places) == sight * heads and (len(found.places) > 1 or sight == 1):
        alike = "alike_but" if first_alone else "alike" if chosen is None else "focus_alike"
        kind = "only" if sight == 1 else alike
        about = {"n": len(found.places), "heads": heads, "weight": found.value}
        first = extremes.token_name(tokens, queries.start if kind != "alike_but" else 0, words)
        return [words(f"fibres.says.{kind}", first=first, **about)]
    layer, head, row, _ = found.place
    query, keys = row + queries.start, [key for *look, key in found.places if look == [layer, head, row]]
    kind = "focus" if chosen is not None else "strongest_but" if first_alone else "strongest"
    values = {
        "first": extremes.token_name(tokens, 0, words),
        "query": extremes.token_name(tokens, query, words),
        "keys": extremes.token_names(tokens, keys, words, itself=query),
        "weight": found.value,
        "where": "" if (len(a), len(a[0])) == (1, 1) else words("fibres.says.where", layer=layer, head=head),
    }
    sentence = words(f"fibres.says.{kind}", **values)
    others = len(found.places) - len(keys)
    return [sentence, words("fibres.says.as_strong", n=others)] if others else [sentence]
