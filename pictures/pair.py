"""Two runs that differ in a sentence, and two candidates for the next token: what Cause patches, and what that moves.

Of a model of two stacks the sentences are what its encoder reads. Its decoder reads in both runs what both translations
begin with; where they part, the candidates are the two words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import Any

import numpy as np

from core import Config, Run, Scene, Trace, forward, limits
from core.generate.loop import multiplications
from core.interpret import difference, patched_differences
from core.scene.sentence import fit_sentence
from core.scene.switch import beginning
from pictures import compute, continuation, memory, stacks

# What the page opens on: the number of the subject stands four words before the verb. Of a translation, one word.
EXAMPLE = "stories"
CLEAN, OTHER, CANDIDATES = "As focas perto do pinguim", "A foca perto do pinguim", ("estão", "está")
OTHERS = {
    (EXAMPLE, CLEAN): OTHER,
    ("translator", "ontem as focas brancas viram o barco ."): "ontem as orcas brancas viram o barco .",
}
FEWEST = 5  # tokens of a real model's sentence, however large it is
AMONG = 100  # likeliest tokens of which one takes a word's place
TRIED, TRIED_IN_ALL = 5, 10  # of these, in one place and in all: each is a run of the model
SHORT = 3  # letters of a word that may be any
LIKELY = 10  # tokens after each sentence that can be chosen as a candidate


def asked(scene: Scene) -> Scene:
    """The Scene itself, unpatched, of a long text its beginning; a model with logits where it has none; the example,
    where no sentence was written."""
    scene = continuation.with_logits(scene.unpatched, EXAMPLE)
    scene = beginning(scene, affordable(scene.config))
    return scene.turn(sentence=CLEAN, forced=()) if scene.model == EXAMPLE and not scene.sentence else scene


def affordable(config: Config) -> int:
    """How many tokens a sentence may have so that it does not take too long to patch each stream and each head: what
    follows a patch is computed again, half of the model on average. A few are always tried.
    """
    return next((n for n in range(limits.FOLLOWED, FEWEST, -1) if _cost(config, n) <= limits.PATCHES), FEWEST)


def _cost(config: Config, n: int) -> float:
    return config.n_layers * (n + config.n_heads) * multiplications(config, n, n, n_source=n) / 2


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
        text = clean.other_sentence or OTHERS.get((clean.model, clean.text)) or _swapped(clean)
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
    def two(self) -> bool:
        """Whether the model has two stacks."""
        return stacks.count(self.clean) > 1

    @cached_property
    def written(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What the decoder writes of either sentence, of two stacks: the ids, and last the likeliest."""
        one, other = (compute.run(scene) for scene in (self.clean, self.other))
        return _written(one), _written(other)

    @cached_property
    def read(self) -> tuple[int, ...]:
        """The ids that the decoder reads in both runs: its beginning, and what both translations begin with, as far as
        they part; of one stack, none. Where they are alike, all but the last."""
        if not self.two:
            return ()
        pairs = [*zip(*self.written, strict=False)]
        parts = next((at for at, (one, other) in enumerate(pairs) if one != other), len(pairs) - 1)
        return int(self.clean.encoding.ids[0]), *self.written[0][:parts]

    @property
    def tokens(self) -> tuple[str, ...]:
        """What the positions of the decoder are called, or of the only stack."""
        if not self.two:
            return self.target.tokens
        return tuple(map(continuation.namer(self.clean), self.read))

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

    def trace(self, scene: Scene) -> Trace:
        """Of one of the two runs."""
        return reading(scene.computed, self.read)

    def likely(self, scene: Scene) -> list[int]:
        """The likeliest next tokens, the first of equals first."""
        return _likeliest(self.trace(scene), -1, LIKELY)

    def of_scene(self, scene: Scene) -> float:
        return difference(self.trace(scene), self.candidates)

    @property
    def gap(self) -> float:
        """From what the patched run gives to what the other one does."""
        return self.of_scene(self.source) - self.of_scene(self.target)

    def moved(self, what: str, layers: Iterable[int], head: int = 0) -> np.ndarray:
        """How far each patch moves the difference towards the source's: [layer, variant]."""
        base, towards = self.of_scene(self.target), 1.0 if self.gap >= 0 else -1.0
        return towards * (np.array([patched(*self._part(what, i, head)) for i in layers]) - base)

    def _part(self, what: str, layer: int, head: int = 0) -> tuple[Any, ...]:
        return self.target.computed, self.source.computed, self.read, self.candidates, what, layer, head

    @property
    def cost(self) -> float:
        """The multiplications that it takes to try all patches, one run each."""
        return _cost(self.clean.config, len(self.clean.tokens))

    @property
    def parts(self) -> list[tuple[Any, ...]]:
        """What the maps are made of, but for the chosen head's: the arguments of `patched`, a layer each; none where
        the sentences differ in length."""
        config = self.clean.config
        layers = {"stream": config.n_layers, "heads": config.n_layers, "mlp": config.n_layers * (config.d_mlp > 0)}
        if self.two:
            layers |= {"encoder": config.n_encoder_layers, "cross": config.n_layers * config.cross}
        return [self._part(what, i) for what, n in layers.items() for i in range(n) if self.alike]


def _written(run: Run) -> tuple[int, ...]:
    last = np.nan_to_num(run.trace.row("logits", -1)).argmax()
    return *(run.target[1:].tolist() if run.target is not None else ()), int(last)


def _swapped(scene: Scene) -> str:
    """Another sentence of the same length: of tokens that are parts of words, with another word in the place of one;
    else with its last word in the place of the first, or what else makes as many tokens; of a translation, the word
    before its period. What a model adds to a text, such as the sign of a language, is no word."""
    if not continuation.joint(scene) and stacks.count(scene) == 1 and (found := exchanged(scene.computed)):
        return found
    spans = [(start, stop) for start, stop in scene.encoding.spans if stop > start]
    last = len(spans) - (2 if stacks.count(scene) > 1 and len(spans) > 3 else 1)
    tried = [*islice(_put_elsewhere(scene.text, spans, last), TRIED_IN_ALL)]
    return next((text for text in tried if _as_long(text, scene)), (tried or [scene.text])[0])


def _put_elsewhere(text: str, spans: Sequence[tuple[int, int]], last: int) -> Iterator[str]:
    """A text with one of its tokens, the last one first, in the place of another, the first one first: as it is
    written there, for what no vocabulary has is called otherwise."""
    for at in range(last, -1, -1):
        for start, stop in spans[:at]:
            yield f"{text[:start]}{text[slice(*spans[at])]}{text[stop:]}"


def _as_long(text: str, scene: Scene) -> bool:
    """Whether it has as many tokens as the Scene's sentence, and is another one to the model."""
    ids = scene.turn(sentence=fit_sentence(text, scene.split, scene.model)[0]).encoding.ids
    return len(ids) == len(scene.encoding.ids) and not np.array_equal(ids, scene.encoding.ids)


@memory.kept(lambda scene: (scene,), large=compute.is_large)
def exchanged(scene: Scene) -> str:
    """The sentence with one word, a name or else one of some length, the last such one, exchanged for what the model
    finds likeliest there of the same form, and expects no more letters behind; "" where no word and its exchange are a
    token each."""
    trace, name = compute.run(scene).trace, continuation.namer(scene)
    ids, texts = scene.encoding.ids, scene.tokens
    places = [at for at in range(1, len(texts)) if _is_word(texts, at)]
    places.sort(key=lambda at: (texts[at][1:].istitle(), len(texts[at]) > 1 + SHORT, at), reverse=True)

    def others(at: int) -> Iterator[tuple[int, int]]:
        likely = _likeliest(trace, at - 1, AMONG)
        return ((at, token) for token in likely if token not in ids and _alike(name(token), texts[at]))

    for at, token in islice(chain.from_iterable(islice(others(at), TRIED) for at in places), TRIED_IN_ALL):
        start, stop = scene.encoding.spans[at]
        text = f"{scene.text[:start]}{name(token)}{scene.text[stop:]}"
        other = scene.turn(sentence=fit_sentence(text, scene.split, scene.model)[0])
        if len(other.tokens) != len(texts) or other.tokens[at] != name(token):
            continue
        if not name(_likeliest(compute.run(other).trace, at, 1)[0])[:1].isalpha():
            return other.text
    return ""


def _likeliest(trace: Trace, at: int, n: int) -> list[int]:
    """The n likeliest tokens behind a position, the first of equals first."""
    logits = np.nan_to_num(trace.row("logits", at).astype(np.float64))
    return np.argsort(-logits, kind="stable")[:n].tolist()


def _is_word(texts: Sequence[str], at: int) -> bool:
    """Whether a token is a whole word: it begins with a space, and so does what follows, or ends a word."""
    follows = texts[at + 1] if at + 1 < len(texts) else " "
    return texts[at][:1] == " " and texts[at][1:].isalpha() and not follows[:1].isalpha()


def _alike(token: str, word: str) -> bool:
    """Whether a token has the form of a word: a space, letters, and a capital where that has one."""
    return (
        token[:1] == " "
        and token[1:].isalpha()
        and len(token) > SHORT
        and token.istitle() == word.istitle()
        and token.casefold() != word.casefold()
    )


def reading(scene: Scene, read: tuple[int, ...]) -> Trace:
    """A run; of two stacks, one whose decoder reads these ids."""
    return _reading(scene, read) if read else compute.run(scene).trace


@memory.kept(lambda scene, read: (scene, read), large=lambda scene, _: compute.is_large(scene))
def _reading(scene: Scene, read: tuple[int, ...]) -> Trace:
    source, change = scene.encoding.ids, scene.interventions
    return forward(compute.params(scene), scene.whole, np.array(read), source=source, interventions=change)


@memory.kept(lambda *what: what, large=lambda target, *_: compute.is_large(target))
def patched(
    target: Scene, source: Scene, read: tuple[int, ...], pair: tuple[int, int], what: str, layer: int, head: int
) -> np.ndarray:
    """`patched_differences` of two runs that read these ids; a layer at a time, so that others may come between."""
    runs = reading(target, read), reading(source, read)
    return patched_differences(compute.params(target), target.config, *runs, pair, what, layer, head)


def choices(scene: Scene) -> list[int]:
    """The tokens to choose the candidates among."""
    pair = Pair.of(scene)
    return list(dict.fromkeys([*pair.candidates, *pair.likely(pair.clean), *pair.likely(pair.other)]))
