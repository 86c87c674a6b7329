"""What would change if: arrays of one sentence's run put into another's, and what that does to two candidates' logits.

Every cell of a map is one real run. It shows how far the patch moves the difference of the candidates' logits towards
what the sentence that it was taken from gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from core import Scene
from pictures import continuation
from pictures.compute import Builder, Picture, picture
from pictures.display_names import all_named
from pictures.extremes import greatest, head_names, some, token_name
from pictures.numbers import COLUMN, Bars, Cells, by_layer, cells
from pictures.pair import CLEAN, OTHER, Pair, asked, choices, patched
from pictures.squares import nothing
from pictures.words import Words, capital
from plots.differences import differences
from plots.heatmap import heatmap
from plots.tokens import edged

__all__ = ["CLEAN", "OTHER", "Pair", "asked", "both", "choices", "height", "maps", "patched", "unlike"]

WIDTH = 330  # px: a map where three share a line
BARS = 110
VIEW = ("other_sentence", "cause_word", "cause_rival", "cause_break")
HEAD = "moved_head.blocks.{}.attn.z"


# ------------------------------------------------------------------------------------------------------------ pictures


@picture("other_sentence", "cause_word", "cause_rival")
def both(scene: Scene, words: Words) -> Picture:
    """The difference of the candidates' logits after either sentence."""
    pair, name = Pair.of(scene), continuation.names(asked(scene), words)
    values = [pair.of_scene(pair.clean), pair.of_scene(pair.other)]
    word, rival = (edged(name(token)) for token in pair.candidates)
    if not np.isfinite(values).all():
        says = words("cause.says.lost")
    else:
        told = {"word": word, "rival": rival, "gap": abs(values[0] - values[1])}
        told |= {"first": pair.clean.text, "second": pair.other.text, "clean": values[0], "other": values[1]}
        says = _both_translated(pair, words, told) if pair.two else words("cause.says.both", **told)
    names = [words("cause.clean"), words("cause.other")]
    written = [words.number(value) if np.isfinite(value) else "" for value in values]
    numbers = Bars((("gap.logits", (0,)), ("other.gap.logits", (0,))))
    return Picture(differences(np.array(values), names, written, least=0.01, height=BARS, alt=says), says, numbers)


def _both_translated(pair: Pair, words: Words, told: dict) -> str:
    """The same of two translations: what both begin with, and where they part; or that they are alike."""
    read, name = pair.read[1:], continuation.names(pair.clean, words)
    said = continuation.joint(pair.clean).join(map(name, read))
    says = words(
        "cause.says.both_read" if read else "cause.says.both_begin", **told, **({"read": said} if read else {})
    )
    return f"{says} {words('cause.says.alike')}" if pair.written[0] == pair.written[1] else says


@picture(*VIEW)
def encoder(scene: Scene, words: Words) -> Picture:
    """Each word of the source as it enters each layer of the encoder."""
    pair = Pair.of(scene)
    if not pair.alike:
        return _unlike(pair, words)
    return _of_words(pair, words, "encoder", pair.target.tokens, pair.source.tokens)


@picture(*VIEW)
def crossing(scene: Scene, words: Words) -> Picture:
    """The output of each head of cross-attention, wherever it looks from."""
    pair = Pair.of(scene)
    if not pair.alike:
        return _unlike(pair, words)
    if not pair.clean.config.cross:
        return nothing(words("cause.says.no_cross"), WIDTH)
    return _of_heads(pair, words, "crossing")


@picture(*VIEW)
def stream(scene: Scene, words: Words) -> Picture:
    """Each word as it enters each layer."""
    pair = Pair.of(scene)
    if not pair.alike:
        return _unlike(pair, words)
    return _of_words(pair, words, "stream", pair.tokens, pair.tokens if pair.two else pair.source.tokens)


def _of_words(pair: Pair, words: Words, which: str, tokens: Sequence[str], others: Sequence[str]) -> Picture:
    """A map of the stream of one stack, layers by positions, each named by its token in both runs."""
    config, prefix = pair.clean.config, "encoder." if which == "encoder" else ""

    def place(layer: int, position: int) -> str:
        return words("cause.place", token=token_name(tokens, position, words), layer=layer)

    values = pair.moved(which, range(config.n_encoder_layers if prefix else config.n_layers))
    says = _says(words, which, values, pair, place)
    names = _in_both(tokens, others, words)
    of = by_layer(f"moved_{which}.{prefix}blocks.{{}}.resid_pre", values.shape)
    return _map(pair, words, values, says, names, words("cause.read" if pair.two and not prefix else "cause.token"), of)


def _in_both(tokens: Sequence[str], others: Sequence[str], words: Words) -> list[str]:
    """What each position holds in the run that is patched, and in the one that the patch is taken from."""
    both = zip(all_named(tokens, words), all_named(others, words), strict=True)
    return [a if a == b else f"{a}/{b}" for a, b in both]


@picture(*VIEW, "layer", "head")
def heads(scene: Scene, words: Words) -> Picture:
    """The output of each head, at all words."""
    pair = Pair.of(scene)
    if not pair.alike:
        return _unlike(pair, words)
    return _of_heads(pair, words, "heads", chosen=None if pair.two else pair.clean.place)


def _of_heads(pair: Pair, words: Words, which: str, chosen: tuple[int, int] | None = None) -> Picture:
    """A map of one kind of attention, layers by heads."""
    config = pair.clean.config
    what, array = ("cross", "moved_cross.blocks.{}.cross.z") if which == "crossing" else ("heads", HEAD)
    values = pair.moved(what, range(config.n_layers))
    says = _says(words, which, values, pair, lambda *at: head_names([at], words))
    names = [str(head) for head in range(config.n_heads)]
    return _map(pair, words, values, says, names, words("axis.head"), by_layer(array, values.shape), chosen=chosen)


@picture(*VIEW, "layer", "head")
def opened(scene: Scene, words: Words) -> Picture:
    """The chosen head, by word."""
    pair = Pair.of(scene)
    if not pair.alike:
        return _unlike(pair, words)
    (layer, head), tokens = pair.clean.place, pair.target.tokens
    values = pair.moved("words", [layer], head)
    at = capital(head_names([(layer, head)], words, "heads.the"))
    says = _says(words, "opened", values, pair, lambda _, p: token_name(tokens, p, words), at=at)
    of = cells(f"moved_word.blocks.{layer}.attn.z", (head, COLUMN), values.shape)
    names = _in_both(tokens, pair.source.tokens, words)
    return _map(pair, words, values, says, names, words("cause.token"), of, rows=[str(layer)])


@picture(*VIEW)
def mlps(scene: Scene, words: Words) -> Picture:
    """The output of each layer's MLP, at all words."""
    pair = Pair.of(scene)
    if not pair.alike:
        return _unlike(pair, words)
    config = pair.clean.config
    if not config.d_mlp:
        return nothing(words("cause.says.no_mlp"), WIDTH)
    values = pair.moved("mlp", range(config.n_layers))
    says = _says(words, "mlps", values, pair, lambda layer, _: words("cause.mlp", layer=layer))
    of = by_layer("moved_mlp.blocks.{}.mlp_out", values.shape)
    return _map(pair, words, values, says, ["MLP"], "", of)


def unlike(pair: Pair, words: Words) -> str:
    """Why there is no map of sentences of different lengths."""
    return words("cause.says.lengths", n=len(pair.clean.tokens), m=len(pair.other.tokens))


def _unlike(pair: Pair, words: Words) -> Picture:
    return nothing(unlike(pair, words), WIDTH)


def _map(
    pair: Pair,
    words: Words,
    values: np.ndarray,
    says: str,
    columns: list[str],
    title: str,
    numbers: Cells,
    *,
    rows: list[str] | None = None,
    chosen: tuple[int, int] | None = None,
) -> Picture:
    """`values` [layer, variant], in colours that reach as far as the two runs are apart."""
    figure = heatmap(
        np.where(np.isfinite(values), values, np.nan),
        rows or [str(layer) for layer in range(len(values))],
        columns,
        row_title=words("axis.layer"),
        column_title=title,
        row_role="@text",
        column_role="@text",
        zmax=_reach(abs(pair.gap), values),
        chosen=chosen,
        width=WIDTH,
        height=height(pair.clean),
        square=False,
        comma=words.comma,
        hover=words("cause.hover"),
        alt=says,
    )
    return Picture(figure, says, numbers)


def _reach(gap: float, values: np.ndarray) -> float:
    """How far the colours reach: the gap; where there is none to speak of, a logit, or what a patch moves if that is
    more: float32's rounding, or what is written as zero, is not painted as if it were all."""
    if np.isfinite(gap) and round(gap, 2) > 0:
        return gap
    return max(1.0, float(np.abs(values).max(initial=0.0, where=np.isfinite(values))))


def _says(
    words: Words, which: str, values: np.ndarray, pair: Pair, place: Callable[[int, int], str], **more: str
) -> str:
    """Which cells move the answer furthest towards that of the run that they are taken from: others may move it further
    away from it."""
    gap = abs(pair.gap)
    if not (np.isfinite(values).all() and np.isfinite(gap)):
        return words("cause.says.lost")
    if round(gap, 2) == 0:  # what one part moves, the others may take back
        best = greatest(np.abs(values), words.number)
        if round(best.value, 2) == 0:
            return words("cause.says.same", gap=gap)
        places = some([place(*found) for found in best.places], words)
        return words("cause.says.same_moved", places=places, moved=best.value, gap=gap)
    best, of = greatest(values, words.number), f"cause.says.two.{which}" if pair.two else f"cause.says.{which}"
    more["run"] = words("cause.other_run" if pair.breaks else "cause.clean_run")
    if round(best.value, 2) <= 0:
        return words(f"{of}_none", **more)
    if best.everywhere:
        return words("cause.says.everywhere", n=len(best.places), moved=best.value, gap=gap, run=more["run"])
    places = some([place(*found) for found in best.places], words)
    return words(of, places=places, moved=best.value, gap=gap, **more)


def maps(scene: Scene) -> tuple[Builder, ...]:
    """The pictures of a Scene's arrays, in their order."""
    return (encoder, crossing, stream, heads, mlps) if Pair.of(scene).two else (stream, heads, opened, mlps)


def height(scene: Scene) -> int:
    """Of every map, in px."""
    return 130 + 30 * min(scene.config.n_layers, 8)
