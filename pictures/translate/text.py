"""What the Translate page writes, kept for all sessions; who looks where; and what the grammar says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from core import ConfigError, Scene
from core.generate.loop import NewToken
from core.interpret import alignment_score
from core.scene import translation
from core.scene.translation import Translated
from core.tasks import Pair
from core.tasks.bilingual import ENGLISH, PORTUGUESE
from core.tasks.parse import parse
from core.tasks.translation import TOWARDS
from core.tokenizer.words import pieces
from pictures import compute, memory, stacks
from pictures.continuation import names
from pictures.words import Words

KNOBS = ("words_forced",)
PATTERNS = {  # by whose attention they are
    "cross": "blocks.{}.cross.pattern",
    "encoder": "encoder.blocks.{}.attn.pattern",
    "decoder": "blocks.{}.attn.pattern",
}
NO_WORD = "…"  # in a sentence, of a token that is none, as the one for unknown words: one sign, unknown itself
LOOKS = (*KNOBS, "words_translated", "attention_of", "cross_layer", "cross_head")


def two_stacks(scene: Scene) -> Scene:
    """The Scene itself; or, of a model of one stack, another's that translates (pictures.stacks)."""
    return stacks.standing_in(scene, (2,))


def translated(scene: Scene) -> Translated | None:
    """What `scene` writes; None where its numbers explode."""
    return _translated(compute.looked_at(scene, KNOBS))


@memory.kept(lambda scene: (scene,), large=compute.is_large, grows=1)
def _translated(scene: Scene) -> Translated | None:
    try:
        return translation.translate(scene, compute.params(scene))
    except ConfigError:
        return None


def text_of(scene: Scene) -> Translated:
    """What `scene` writes, for a picture of it. Raises: ConfigError where its numbers explode; then there is none."""
    text = translated(scene)
    if text is None:
        raise ConfigError("params: the numbers explode, and nothing is written", "params")
    return text


def reached(scene: Scene, text: Translated) -> int:
    """How many words the reader has let it write."""
    n = len(text.steps)
    return n if scene.words_translated is None else min(scene.words_translated, n)


def looked_at(scene: Scene, text: Translated) -> NewToken:
    """The last step of those."""
    return text.steps[reached(scene, text) - 1]


def written(scene: Scene, text: Translated, words: Words) -> list[str]:
    """The words written so far."""
    name = names(scene, words)
    return [name(step.token) for step in text.steps[: reached(scene, text)]]


def back(scene: Scene, text: Translated) -> str:
    """All that was written, as a sentence that is read as so many tokens; "" of a model without words of its own."""
    tokens = scene.preset.tokenizer.tokens if scene.preset.tokenizer else ()
    read = [tokens[step.token] for step in text.steps] if tokens else []
    return " ".join(token if pieces(token) == (token,) else NO_WORD for token in read)


def into(scene: Scene) -> str:
    """The language that it is translated into; "" where the model knows none."""
    return _language(scene.tokens[0])


def _language(sign: str) -> str:
    return next((language for language, own in TOWARDS.items() if own == sign), "")


# ------------------------------------------------------------------------------------------------------ who looks


@dataclass(frozen=True)
class Look:
    """One kind of attention, over what is written so far: weights [layer, head, row, column], and what stands there.

    rows, columns: names of who looks, and of who is looked at.
    """

    weights: np.ndarray
    rows: list[str]
    columns: list[str]


def look(scene: Scene, text: Translated, words: Words) -> Look | None:
    """The kind of attention that is asked for; None of cross-attention that is off.

    Of the cross-attention a row is the word that was written with it. In the other two it is the token that looks.
    """
    source, kind, n = list(text.source.tokens), scene.attention_of, reached(scene, text)
    if kind == "encoder":
        return Look(_stacked(text, PATTERNS["encoder"], text.config.n_encoder_layers), source, source)
    if kind == "cross":
        if not text.config.cross:
            return None
        weights = _stacked(text, PATTERNS["cross"], text.config.n_layers)
        return Look(weights[:, :, :n], written(scene, text, words), source)
    name = names(scene, words)
    read = [source[0], *(name(step.token) for step in text.steps[:-1])]
    seen = read[:n] if text.config.causal else read
    weights = _stacked(text, PATTERNS["decoder"], text.config.n_layers)
    return Look(weights[:, :, :n, : len(seen)], read[:n], seen)


def _stacked(text: Translated, name: str, n_layers: int) -> np.ndarray:
    return np.stack([text.trace[name.format(i)] for i in range(n_layers)])


def place(scene: Scene, text: Translated) -> tuple[int, int]:
    """The head that is shown: the chosen one, inside the model; of what is not chosen, the sharpest of all that was
    written."""
    stack = text.config.encoder if scene.attention_of == "encoder" else text.config
    sharp = np.zeros((stack.n_layers, stack.n_heads))
    if scene.attention_of != "cross" or text.config.cross:
        sharp = sharpness(_stacked(text, PATTERNS[scene.attention_of], stack.n_layers))
    layers, heads = (
        range(n) if chosen is None else [min(chosen, n - 1)]
        for chosen, n in ((scene.cross_layer, stack.n_layers), (scene.cross_head, stack.n_heads))
    )
    return max(product(layers, heads), key=lambda at: float(sharp[at]))


def sharpness(weights: np.ndarray) -> np.ndarray:
    """How much of its look a row gives to one place, on the mean: weights [..., row, column] -> [...]."""
    return weights.max(-1).mean(-1)


# --------------------------------------------------------------------------------------------------- the grammar


@dataclass(frozen=True)
class Truth:
    """What the small world's grammar says of a translation.

    own: its own translation, in words. stems: place of a written word -> places in the source, behind its first token,
    of the words that it stems from; only of words that stand where the grammar has the same.
    """

    pair: Pair
    own: tuple[str, ...]
    stems: dict[int, frozenset[int]]
    crossing: tuple[int, ...]  # places of those that change places with another

    def of(self, n: int) -> dict[int, frozenset[int]]:
        """The stems of the first n written words."""
        return {place: stems for place, stems in self.stems.items() if place < n}


def truth(scene: Scene, text: Translated) -> Truth | None:
    """What the grammar says; None where it does not write this sentence."""
    tokens = scene.preset.tokenizer.tokens if scene.preset.tokenizer else ()
    if not into(scene) or (found := told([tokens[id] for id in text.source.ids.tolist()])) is None:
        return None
    language, pair = found
    own, done = pair.words(language), [tokens[step.token] for step in text.steps]
    right = {place for place, (a, b) in enumerate(zip(own, done, strict=False)) if a == b}
    stems = {place: places for place, places in stems_of(pair, language).items() if place in right}
    crossing = tuple(p for p in pair.crossing(language) if p in right)
    return Truth(pair, own, stems, crossing)


def told(source: Sequence[str]) -> tuple[str, Pair] | None:
    """The language into which a source goes, as its first token says, and what the grammar says of it; None where that
    does not write it."""
    language = _language(source[0])
    pair = parse(tuple(source[1:]), PORTUGUESE if language == ENGLISH else ENGLISH) if language else None
    return pair and (language, pair)


def stems_of(pair: Pair, language: str) -> dict[int, frozenset[int]]:
    """Place of a word of the grammar's own translation -> those, behind the source's first token, of its stems."""
    return {place: frozenset(stem + 1 for stem in stems) for place, stems in pair.truth(language).items()}


def scores(weights: np.ndarray, known: Truth | None) -> np.ndarray | None:
    """Of each head's cross-attention [layer, head, row, column], the share of rows that look most at a word theirs
    stems from: [layer, head]; None where nothing is known of these rows."""
    found = known.of(weights.shape[-2]) if known else {}
    return alignment_score(weights, found) if found else None


@lru_cache(maxsize=2)
def vocabulary() -> dict[str, tuple[str, ...]]:
    """The words of the small world by language, in the order of the alphabet."""
    from core.tasks.bilingual import vocabulary as known

    return {language: tuple(sorted(known(language))) for language in (PORTUGUESE, ENGLISH)}
