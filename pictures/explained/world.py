"""What the numbers of a page are of: a run, the loss behind its gradients, and the draw of the next token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

import core
from core import ConfigError, Distribution, Explanation, Run, Scene
from core.config import ENCODER
from core.explain.explanation import Operand, Term
from core.explain.subject import GRAD, LENGTH, Subject
from core.scene.fields import Numbered
from core.trace import axes_of
from pictures import backward, cause, compute, continuation, memory, stacks
from pictures.brief import Brief
from pictures.translate import text as translations
from pictures.words import Words

DRAW = "draw."  # before the names of a draw (core/explain/sampling.py)
STEPS = ("plain", "tempered", "final")  # of those: what has one number a token


@dataclass(frozen=True)
class World:
    """A run, and with it all that `core.explain` can be asked on one page.

    called: the name of an id. drawn: the distribution that the next token is drawn from, and drawn_at: the place whose
    logits it has. read: what the decoder read, of a model of two stacks; then `tokens` are what its encoder read, and
    `written` what it wrote at each place.
    """

    subject: Subject
    tokens: tuple[str, ...]
    called: Callable[[int], str]
    drawn: Distribution | None = None
    drawn_at: int = 0
    read: tuple[str, ...] | None = None
    written: tuple[str, ...] = ()

    def tokens_of(self, name: str, axis: str) -> tuple[str, ...]:
        """What stands along an axis, "pos", "query" or "key", of an array: the text that it is of. A look across is
        named by the word that is written with it."""
        if self.read is None:
            return self.tokens
        bare = name.removeprefix(LENGTH).removeprefix(GRAD)
        looked_at = ".cross." in bare and (axis == "key" or bare.endswith((".k", ".v")))
        if looked_at or bare.startswith(ENCODER):
            return self.tokens
        return self.written if ".cross." in bare and axis == "query" else self.read

    def n_layers(self, name: str) -> int:
        """How many layers the stack of an array has."""
        config = self.subject.config
        return config.n_encoder_layers if name.removeprefix(GRAD).startswith(ENCODER) else config.n_layers

    def has(self, number: Numbered) -> bool:
        """Whether there is such a number here."""
        name, index = number
        try:
            if name.startswith(DRAW):
                shape = self._draw_shape(name)
                return len(index) == len(shape) and all(at < n for at, n in zip(index, shape, strict=True))
            self.subject.checked(name, index)
        except ConfigError:
            return False
        return True

    def _draw_shape(self, name: str) -> tuple[int, ...]:
        return (len(self.drawn.logits),) if self.drawn and name.removeprefix(DRAW) in STEPS else ()

    def explain(self, number: Numbered) -> Explanation:
        """Raises: ConfigError for a number that there is not."""
        name, index = number
        if self.drawn is None or not name.startswith(DRAW):
            return core.explain(self.subject, name, index)
        found = core.explain(self.drawn, name.removeprefix(DRAW), index)
        return replace(
            found,
            name=name,
            operands=tuple(map(self._renamed, found.operands)),
            terms=tuple(Term(tuple(map(self._renamed, term.operands)), term.factor) for term in found.terms),
        )

    def _renamed(self, operand: Operand) -> Operand:
        """An operand of the draw by its name on the page: a logit is the last position's, and goes on from there."""
        if operand.name == "logits":
            return replace(operand, index=(self.drawn_at, *operand.index))
        return replace(operand, name=DRAW + operand.name)

    def axes(self, name: str) -> tuple[str, ...]:
        """What the axes of an array are, by their names in core.NAMES; of a parameter, only that it has such."""
        if name.startswith(DRAW):
            return ("vocab",)
        bare = name.removeprefix(LENGTH).removeprefix(GRAD)
        if bare in self.subject.trace:
            return axes_of(bare)[: -1 if name.startswith(LENGTH) else None]
        return ("",) * self.subject[bare].ndim if bare in self.subject.params else ()

    def shape(self, name: str) -> tuple[int, ...]:
        """Raises: ConfigError for an array that there is not."""
        return self._draw_shape(name) if name.startswith(DRAW) else self.subject[name].shape


def world(page: str, scene: Scene, words: Words) -> World | None:
    """Of a page of this name; None where nothing could be computed."""
    if page == "generate":
        return _writing(asked(page, scene), words)
    if page == "backward":
        return _graded(scene, words)
    if page == "translate":
        return _translating(asked(page, scene), words)
    return _of(compute.run(asked(page, scene)), words)


def asked(page: str, scene: Scene) -> Scene:
    """The Scene whose model a page shows: another's, where that stands in."""
    stand_ins = {"generate": continuation.writer, "backward": backward.asked, "cause": cause.asked}
    stand_ins |= {"translate": translations.two_stacks}
    return stand_ins[page](scene) if page in stand_ins else scene


def _of(run: Run, words: Words) -> World:
    called = continuation.names(run.scene, words)
    if run.target is None:
        return World(Subject.of(run), run.tokens, called)
    read, wrote = stacks.read(run.scene), stacks.written(run.scene)
    return World(Subject.of(run), run.tokens, called, read=read, written=wrote)


def _translating(scene: Scene, words: Words) -> World | None:
    """Of the translation with the words that the reader forces, and the draw of the word that is looked at."""
    text = translations.translated(scene)
    if text is None:
        return None
    called = translations.names(scene, words)
    subject = Subject(compute.params(scene), text.config, text.trace, text.trace.ids)
    step, at = translations.looked_at(scene, text), translations.reached(scene, text) - 1
    read = tuple(called(token) for token in text.target.tolist())
    wrote = tuple(called(one.token) for one in text.steps)
    return World(subject, text.source.tokens, called, step.distribution, at, read, wrote)


def _graded(scene: Scene, words: Words) -> World:
    """With the gradient of the loss that Backward follows; a single word has none."""
    run, place = compute.run(backward.asked(scene)), backward.loss_of(scene)
    plain = _of(run, words)
    if place is None:
        return plain
    return replace(plain, subject=_with_loss(*place))


# Its gradients are computed when one is asked for first, and stay with it.
@memory.kept(lambda scene, position: (scene, position), large=lambda scene, _: compute.is_large(scene), grows=True)
def _with_loss(scene: Scene, position: int | None) -> Subject:
    run = compute.run(scene)
    ids, at = run.encoding.ids, np.arange(len(run.tokens))
    counts = at < len(ids) - 1 if position is None else at == position
    return replace(Subject.of(run), targets=np.append(ids[1:], 0), counts=counts)


def _writing(scene: Scene, words: Words) -> World | None:
    """All that was read for the step that Generate looks at, and its draw."""
    text = continuation.written(scene)
    if text is None:
        return None
    run = continuation.context(scene)
    step = continuation.looked_at(scene, text)
    tokens = tuple(continuation.spelled(scene, text, continuation.reached(scene, text) - 1, words))
    drawn = step.distribution
    if isinstance(drawn, Brief):  # of a large vocabulary little was kept
        drawn = Distribution(np.asarray(run.trace["logits"][-1]), drawn.sampling)
    return World(Subject.of(run), tokens, continuation.names(scene, words), drawn, len(tokens) - 1)
