"""What would change if: arrays of one sentence's run put into another's, and what that does to two candidates' logits.

Every cell of a map is one real run. It shows how far the patch moves the difference of the candidates' logits towards
what the sentence that it was taken from gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core import Scene
from core.interpret import difference, patched_differences
from core.scene.sentence import fit_sentence
from pictures import compute, continuation, memory
from pictures.compute import Picture, picture
from pictures.extremes import greatest, head_names, some, token_name
from pictures.numbers import COLUMN, Bars, Cells, by_layer, cells
from pictures.squares import nothing
from pictures.words import Words
from plots.differences import differences
from plots.heatmap import heatmap

# What the page opens on: the number of the subject stands four words before the verb.
EXAMPLE = "stories"
CLEAN, OTHER, CANDIDATES = "As focas perto do pinguim", "A foca perto do pinguim", ("estão", "está")
LIKELY = 10  # tokens after each sentence that can be chosen as a candidate
WIDTH = 330  # px: a map where three share a line
BARS = 110
VIEW = ("other_sentence", "cause_word", "cause_rival", "cause_break")


def asked(scene: Scene) -> Scene:
    """The Scene itself, unpatched; a model with logits where it has none; and the example, where no sentence was
    written."""
    scene = continuation.with_logits(scene.unpatched, EXAMPLE)
    return scene.turn(sentence=CLEAN, forced=()) if scene.model == EXAMPLE and not scene.sentence else scene


@dataclass(frozen=True)
class Pair:
    """Two sentences and two candidates for the next token. Raises nothing: `alike` says whether they can be patched."""

    clean: Scene
    other: Scene
    breaks: bool
    chosen: tuple[int | None, int | None]

    @classmethod
    def of(cls, scene: Scene) -> Pair:
        clean = asked(scene)
        text = clean.other_sentence or (OTHER if (clean.model, clean.text) == (EXAMPLE, CLEAN) else _swapped(clean))
        other = clean.turn(sentence=fit_sentence(text, clean.split, clean.model)[0], forced=())
        return cls(clean, other, scene.cause_break, (scene.cause_word, scene.cause_rival))

    @property
    def alike(self) -> bool:
        """Whether both sentences have as many tokens."""
        return len(self.clean.tokens) == len(self.other.tokens)

    @property
    def target(self) -> Scene:
        """The run that is patched."""
        return self.clean if self.breaks else self.other

    @property
    def source(self) -> Scene:
        """The run that the arrays are taken from."""
        return self.other if self.breaks else self.clean

    @cached_property
    def candidates(self) -> tuple[int, int]:
        """The two tokens: the chosen ones, or what either sentence finds likeliest."""
        size = self.clean.config.vocab_size
        first, second = (token if token is not None and token < size else None for token in self.chosen)
        if (self.clean.model, self.clean.text) == (EXAMPLE, CLEAN) and self.clean.preset.tokenizer:
            tokens = self.clean.preset.tokenizer.tokens
            own = [tokens.index(word) for word in CANDIDATES]
        else:
            own = [self.likely(self.clean)[0], *self.likely(self.other)[:2]]
        first = own[0] if first is None else first
        second = next(token for token in own[1:] + own[:1] if token != first) if second is None else second
        return first, second

    def likely(self, scene: Scene) -> list[int]:
        """The likeliest next tokens, the first of equals first."""
        logits = np.nan_to_num(compute.run(scene).trace["logits"][-1].astype(np.float64))
        return np.argsort(-logits, kind="stable")[:LIKELY].tolist()

    def of_scene(self, scene: Scene) -> float:
        return difference(compute.run(scene).trace, self.candidates)

    @property
    def gap(self) -> float:
        """From what the patched run gives to what the other one does."""
        return self.of_scene(self.source) - self.of_scene(self.target)

    def moved(self, what: str, layers: Iterable[int], head: int = 0) -> np.ndarray:
        """How far each patch moves the difference towards the source's: [layer, variant]."""
        base, towards = self.of_scene(self.target), 1.0 if self.gap >= 0 else -1.0
        rows = [_patched(self.target.computed, self.source.computed, self.candidates, what, i, head) for i in layers]
        return towards * (np.array(rows) - base)


def _swapped(scene: Scene) -> str:
    """The sentence with its last token in the place of the first, as another one of the same length."""
    tokens = scene.tokens
    return continuation.joint(scene).join([tokens[-1], *tokens[1:]])


@memory.kept(lambda *what: what, large=lambda target, *_: compute.is_large(target))
def _patched(target: Scene, source: Scene, pair: tuple[int, int], what: str, layer: int, head: int) -> np.ndarray:
    """A layer at a time, so that others may come between."""
    runs = compute.run(target), compute.run(source)
    return patched_differences(
        compute.params(target), runs[0].config, runs[0].trace, runs[1].trace, pair, what, layer, head
    )


def choices(scene: Scene) -> list[int]:
    """The tokens to choose the candidates among."""
    pair = Pair.of(scene)
    return list(dict.fromkeys([*pair.candidates, *pair.likely(pair.clean), *pair.likely(pair.other)]))


# ------------------------------------------------------------------------------------------------------------ pictures


@picture("other_sentence", "cause_word", "cause_rival")
def both(scene: Scene, words: Words) -> Picture:
    """The difference of the candidates' logits after either sentence."""
    pair, name = Pair.of(scene), continuation.names(asked(scene), words)
    values = [pair.of_scene(pair.clean), pair.of_scene(pair.other)]
    word, rival = map(name, pair.candidates)
    if not np.isfinite(values).all():
        says = words("cause.says.lost")
    else:
        told = {"word": word, "rival": rival, "gap": abs(values[0] - values[1])}
        says = words(
            "cause.says.both", first=pair.clean.text, second=pair.other.text, clean=values[0], other=values[1], **told
        )
    names = [words("cause.clean"), words("cause.other")]
    written = [words.number(value) if np.isfinite(value) else "" for value in values]
    numbers = Bars((("gap.logits", (0,)), ("other.gap.logits", (0,)))) if pair.alike else None
    return Picture(differences(np.array(values), names, written, height=BARS, alt=says), says, numbers)


@picture(*VIEW)
def stream(scene: Scene, words: Words) -> Picture:
    """Each word as it enters each layer."""
    pair = Pair.of(scene)
    if not pair.alike:
        return _unlike(pair, words)
    tokens = pair.target.tokens

    def place(layer: int, position: int) -> str:
        return words("cause.place", token=token_name(tokens, position, words), layer=layer)

    values = pair.moved("stream", range(pair.clean.config.n_layers))
    says = _says(words, "stream", values, pair, place)
    names = [a if a == b else f"{a}/{b}" for a, b in zip(tokens, pair.source.tokens, strict=True)]
    of = by_layer("moved_stream.blocks.{}.resid_pre", values.shape)
    return _map(pair, words, values, says, names, words("cause.token"), of)


@picture(*VIEW, "layer", "head")
def heads(scene: Scene, words: Words) -> Picture:
    """The output of each head, at all words."""
    pair = Pair.of(scene)
    if not pair.alike:
        return _unlike(pair, words)
    config = pair.clean.config
    values = pair.moved("heads", range(config.n_layers))
    says = _says(words, "heads", values, pair, lambda *at: head_names([at], words))
    names = [str(head) for head in range(config.n_heads)]
    of = by_layer("moved_head.blocks.{}.attn.z", values.shape)
    return _map(pair, words, values, says, names, words("axis.head"), of, chosen=pair.clean.place)


@picture(*VIEW, "layer", "head")
def opened(scene: Scene, words: Words) -> Picture:
    """The chosen head, by word."""
    pair = Pair.of(scene)
    if not pair.alike:
        return _unlike(pair, words)
    (layer, head), tokens = pair.clean.place, pair.target.tokens
    values = pair.moved("words", [layer], head)
    at = words("heads.the", place=words("heads.place", layer=layer, head=head))
    says = _says(words, "opened", values, pair, lambda _, p: token_name(tokens, p, words), at=at[:1].upper() + at[1:])
    of = cells(f"moved_word.blocks.{layer}.attn.z", (head, COLUMN), values.shape)
    return _map(pair, words, values, says, [*tokens], words("cause.token"), of, rows=[str(layer)])


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


def _unlike(pair: Pair, words: Words) -> Picture:
    """There is no map of sentences of different lengths."""
    return nothing(words("cause.says.lengths", n=len(pair.clean.tokens), m=len(pair.other.tokens)), WIDTH)


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
    gap = abs(pair.gap)
    figure = heatmap(
        np.where(np.isfinite(values), values, np.nan),
        rows or [str(layer) for layer in range(len(values))],
        columns,
        row_title=words("axis.layer"),
        column_title=title,
        row_role="@text",
        column_role="@text",
        zmax=gap if 0 < gap < np.inf else None,
        chosen=chosen,
        width=WIDTH,
        height=height(pair.clean),
        square=False,
        comma=words.comma,
        hover=words("cause.hover"),
        alt=says,
    )
    return Picture(figure, says, numbers)


def _says(
    words: Words, which: str, values: np.ndarray, pair: Pair, place: Callable[[int, int], str], **more: str
) -> str:
    """Which cells move the answer most."""
    gap = abs(pair.gap)
    if not (np.isfinite(values).all() and np.isfinite(gap)):
        return words("cause.says.lost")
    if round(gap, 2) == 0:
        return words("cause.says.same")
    best = greatest(values, words.number)
    if round(best.value, 2) <= 0:
        return words(f"cause.says.{which}_none", **more)
    places = some([place(*found) for found in best.places], words)
    return words(f"cause.says.{which}", places=places, moved=best.value, gap=gap, **more)


def height(scene: Scene) -> int:
    """Of every map, in px."""
    return 130 + 30 * min(scene.config.n_layers, 8)
