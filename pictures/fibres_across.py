"""All of attention of two stacks as light: the sentence that is read and the one that is written on facing planes."""

from __future__ import annotations

import numpy as np

from core import Scene
from pictures import extremes, stacks
from pictures.compute import Picture
from pictures.display_names import all_named
from pictures.extremes import head_names, some, token_name
from pictures.lighting import counted, focus, layers, lit, off_among, patterns
from pictures.words import Words
from pictures.woven import Woven
from plots.facing import facing


def light_of(scene: Scene, words: Words, height: int, start: str = "") -> Picture:
    """Every weight above the threshold in the layers that are lit, the encoder's first. start: of another run than the
    page's, what its numbers' names begin with."""
    shown = {kind: patterns(scene.turn(attention_of=kind)) for kind in stacks.kinds(scene)}
    says = _says(scene, shown, words)
    figure = facing(
        shown["encoder"],
        shown["decoder"],
        shown.get("cross"),
        list(scene.tokens),
        all_named(stacks.read(scene), words),
        all_named(stacks.written(scene), words),
        threshold=scene.threshold,
        focus=focus(scene),
        layers_lit=lit(scene),
        prefixes=(words("fibres.encoder_prefix"), words("fibres.decoder_prefix")),
        height=height,
        alt=says,
    )
    n_heads, (n_encoder, _, read, _) = max(a.shape[1] for a in shown.values()), shown["encoder"].shape
    return Picture(figure, says, Woven(n_heads, read + shown["decoder"].shape[2], start, n_encoder, read))


def _says(scene: Scene, shown: dict[str, np.ndarray], words: Words) -> str:
    n, n_encoder = lit(scene), scene.config.n_encoder_layers
    if n == 0:
        return words("fibres.says.dark")
    alight = {kind: a[: n if kind == "encoder" else max(0, n - n_encoder)] for kind, a in shown.items()}
    sentences = [words("fibres.says.lit", lit=n, n=layers(scene))] if n < layers(scene) else []
    heads = sum(a.shape[0] * a.shape[1] for a in alight.values())
    if sum(off_among(scene.turn(attention_of=kind), len(a)) for kind, a in alight.items()) == heads:
        return " ".join([*sentences, words("fibres.says.unlit", n=heads)])
    above = sum(int(np.count_nonzero(a > scene.threshold)) for a in alight.values())
    sentences.append(counted(above, scene, words))
    if "cross" in alight:
        sentences += _strongest(scene, alight["cross"], words)
    if scene.ablated:
        sentences.append(words("fibres.says.ablated", n=len(scene.ablated)))
    if not all(np.isfinite(a).all() for a in alight.values()):
        sentences.append(words("fibres.says.broken_somewhere"))
    return " ".join(sentences)


def _strongest(scene: Scene, a: np.ndarray, words: Words) -> list[str]:
    """The strongest looks of all cross-attention [layer, head, row, column], or of the token in focus."""
    rows, columns, chosen = stacks.written(scene), scene.tokens, focus(scene)
    touched = np.ones((len(rows), len(columns)), bool)
    if chosen is not None:
        touched[:] = False
        touched[(slice(None), chosen) if chosen < len(columns) else (chosen - len(columns), slice(None))] = True
    found = extremes.greatest_if_any(a, words.number, np.broadcast_to(touched, a.shape))
    if found is None:
        return []
    if found.everywhere and len(found.places) > 1:
        return [words("fibres.says.across_alike", weight=found.value, n=len(found.places))]
    looks = [
        words(
            "heads.says.cell_in",
            query=token_name(rows, row, words),
            key=token_name(columns, column, words),
            place=head_names([(layer, head)], words),
        )
        for layer, head, row, column in found.places
    ]
    return [words("fibres.says.across", looks=some(looks, words), weight=found.value, n=len(looks))]
