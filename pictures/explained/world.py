"""A run with all that it can be asked to explain: its numbers, what is derived from them, and those of other runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

import core
from core import ConfigError, Distribution, Explanation
from core.activations import axes_of
from core.config import ENCODER
from core.explain.explanation import Operand, Term, operands_of, same, the_sum
from core.explain.subject import GRAD, LENGTH, Subject
from core.generate.loop import Work
from core.interpret import PCA
from core.scene.fields import Numbered
from pictures.explained import derived, runs
from pictures.explained.searched import Spoken
from pictures.explained.taught import Taught
from pictures.pair import Pair

DRAW = "draw."  # before the names of a draw (core/explain/sampling.py)
EVERYWHERE = ("position", "mask", "cross.mask", "encoder.mask")  # what explanations end at that is no array: of no run
PATCH = r"\text{patch}"
SCALED = r"\alpha\,x"
ASKED = r"\partial x_t / \partial x_t"
WRITTEN = ("change", "lost", "reached")  # kinds whose figure names a decoder's vectors by the words written with them
STEPS = ("plain", "tempered", "final")  # of those: what has one number a token
ROW = "row"  # an axis: the rows of a batch


@dataclass(frozen=True)
class Lacks:
    """What a run lacks of another one, `whole`: at a place of a layer's z, a head or a head and a query, the value of a
    key, or all of it. The rest of that z is as it was."""

    whole: Subject
    name: str
    place: tuple[int, ...]
    key: int | None = None

    def given(self, found: Explanation) -> Explanation:
        """Of a number of that run that was put in."""
        here = found.name == self.name and found.index[: len(self.place)] == self.place
        if here and self.key is None:
            return Explanation(found.name, found.index, found.value, "z = 0", "edit")
        mixed = core.explain(self.whole, found.name, found.index)
        if not here or mixed.is_leaf:
            return mixed
        terms = [term for term in mixed.terms if term.operands[0].index[-1] != self.key]
        return replace(mixed, value=found.value, terms=tuple(terms), operands=operands_of(terms))


@dataclass(frozen=True)
class World:
    """A run, and with it all that `core.explain` can be asked on one page.

    called: the name of an id. drawn: the distribution that the next token is drawn from, and drawn_at: the place whose
    logits it has. read: what the decoder read, of a model of two stacks; then `tokens` are what its encoder read, and
    `written` what it wrote at each place. basis: the directions of Drift's points; spread: the vectors whose directions
    those are, (array, position) each, where they are this run's own. pair: Cause's two sentences and two candidates.
    elsewhere: the World of another run, by what its names begin with (runs.py). patched_from: of a run with a patch,
    what the names begin with of the run that it was taken from. scaled: of a run whose embeddings are those
    of another times so much, that one and how much [pos]. on_map: which tokens are shown where the page shows who
    looks at whom; empty: all of them. works: what each step of a text computed. lacks: of a run in which a head
    leaves a key out, or gives nothing, what it lacks of the run as it is. moved: of a page that leaves out one key
    after the other, how far that moves the output of a query of a layer's head, of one of the KINDS of attention:
    [key]. read_over: of a page that reads many sentences, every head's scores on each: [sentence, label, layer, head].
    spoken: of the page that translates, its translation. meant: of the page that compares `sentences`, what each means
    to the model: [sentence, d_model]. taught: of the page that trains, its run. rows: of a batch, one row by itself,
    for what stands in it.
    """

    subject: Subject
    tokens: tuple[str, ...]
    called: Callable[[int], str]
    drawn: Distribution | None = None
    drawn_at: int = 0
    read: tuple[str, ...] | None = None
    written: tuple[str, ...] = ()
    basis: Callable[[], PCA] | None = None
    spread: Callable[[], list[tuple[str, int]]] | None = None
    pair: Pair | None = None
    elsewhere: Callable[[str], World] | None = None
    patched_from: str | None = None
    scaled: tuple[Subject, np.ndarray] | None = None
    on_map: tuple[bool, ...] = ()
    works: tuple[Work, ...] = ()
    lacks: Lacks | None = None
    moved: Callable[[str, int, int, int], np.ndarray] | None = None
    read_over: Callable[[], np.ndarray] | None = None
    spoken: Spoken | None = None
    meant: Callable[[], np.ndarray] | None = None
    sentences: tuple[str, ...] = ()
    taught: Taught | None = None
    rows: Callable[[int], World] | None = None

    def within(self, name: str) -> tuple[World, str, str]:
        """Whose number a name is: that run's World, what says so, and the rest. Raises: ConfigError for no such run."""
        start, own = runs.parted(name)
        if not start:
            return self, "", name
        if self.elsewhere is None:
            raise ConfigError(f"name: {name} is of a run that this page has not", "name")
        return self.elsewhere(start), start, own

    def on_map_places(self, n: int) -> list[int]:
        """Which of n tokens the page's pictures of looks show; all of them, of a page that hides none."""
        return [place for place in range(n) if not self.on_map or self.on_map[place]]

    def tokens_of(self, name: str, axis: str, row: int = 0) -> tuple[str, ...]:
        """What stands along an axis, "pos", "query" or "key", of an array: the text that it is of, of a batch that of a
        row. A look across, and what a head changes of a decoder's vectors, are named by the word that is written with
        it."""
        here, start, own = self.within(name)
        if start:
            return here.tokens_of(own, axis, row)
        if self.rows is not None:
            return self.rows(row).tokens_of(name, axis)
        if self.pair is not None and name.startswith("moved_"):  # named by the sentence that is patched
            return self.pair.target.tokens if bare_of(name).startswith(ENCODER) else self.pair.tokens
        if self.read is None:
            return self.tokens
        bare, kind = bare_of(own), derived.kind_of(own)[0]
        if kind in WRITTEN and (kind == "reached" or not bare.startswith(ENCODER)):
            return self.written
        across = ".cross." in bare or bare == "cross.mask"
        looked_at = across and (axis == "key" or bare.endswith((".k", ".v")))
        if looked_at or bare.startswith(ENCODER):
            return self.tokens
        return self.written if across and axis == "query" else self.read

    def n_layers(self, name: str) -> int:
        """How many layers the stack of an array has."""
        config = self.within(name)[0].subject.config
        return config.n_encoder_layers if bare_of(name).startswith(ENCODER) else config.n_layers

    def has(self, number: Numbered) -> bool:
        """Whether there is such a number here."""
        name, index = number
        try:
            return derived.has(self.shape(name), index)
        except ConfigError:
            return False

    def value(self, number: Numbered) -> float:
        """Raises: ConfigError for a number that there is not."""
        name, index = number
        here, _, own = self.within(name)
        if here is not self:
            return here.value((own, index))
        made = derived.kind_of(name)[0] or name.startswith(DRAW)
        return self.explain(number).value if made else self.subject.cell(name, *index).value

    def _draw_shape(self, name: str) -> tuple[int, ...]:
        return (len(self.drawn.logits),) if self.drawn and name.removeprefix(DRAW) in STEPS else ()

    def explain(self, number: Numbered) -> Explanation:
        """Raises: ConfigError for a number that there is not."""
        name, index = number
        here, start, own = self.within(name)
        if here is not self:
            return here._as_part(start, here.explain((own, index)))
        if derived.kind_of(name)[0]:
            return derived.explained(self, name, index)
        if self.drawn is None or not name.startswith(DRAW):
            return self._given(core.explain(self.subject, name, index))
        found = core.explain(self.drawn, name.removeprefix(DRAW), index)
        return _named(found, name, self._renamed)

    def _given(self, found: Explanation) -> Explanation:
        """What a patch brought is a number of the run that it was taken from; an embedding that was scaled, one of the
        page's own; and a gradient begins at the logit that is asked for."""
        if found.name == f"{GRAD}logits" and self.subject.upstream:
            return Explanation(found.name, found.index, found.value, ASKED, "loss")
        if self.scaled is not None and found.name == "embed":
            whole, factors = self.scaled
            made = the_sum(SCALED, [Term((whole.cell("embed", *found.index),), float(factors[found.index[0]]))])
            return Explanation(found.name, found.index, found.value, *made)
        if self.lacks is not None and self.subject.is_patched(found.name, found.index):
            return self.lacks.given(found)
        if self.patched_from is None or not self.subject.is_patched(found.name, found.index):
            return found
        source = Operand(self.patched_from + found.name, found.index, found.value)
        return Explanation(found.name, found.index, found.value, *same(PATCH, source))

    def _as_part(self, start: str, found: Explanation) -> Explanation:
        """An explanation of this run, by the names that it has on the page. The weights are those of all runs, but for
        the pinned one, of which nothing may be as it is, and those of a run of training."""

        def renamed(operand: Operand) -> Operand:
            alike = operand.name in self.subject.params or operand.name in EVERYWHERE
            alike &= not runs.own_weights(start)
            alike |= found.formula in (PATCH, SCALED)
            return operand if alike else replace(operand, name=start + operand.name)

        return _named(found, start + found.name, renamed)

    def _renamed(self, operand: Operand) -> Operand:
        """An operand of the draw by its name on the page: a logit is the last position's, and goes on from there."""
        if operand.name == "logits":
            return replace(operand, index=(self.drawn_at, *operand.index))
        return replace(operand, name=DRAW + operand.name)

    def axes(self, name: str) -> tuple[str, ...]:
        """What the axes of an array are, by their names in core.NAMES; of a parameter, only that it has such."""
        here, _, name = self.within(name)
        own = here._own_axes(name)
        return own if here.rows is None or not own else (*(ROW,) * (len(here.shape(name)) - len(own)), *own)

    def _own_axes(self, name: str) -> tuple[str, ...]:
        """The same without the axis of a batch's rows."""
        if name.startswith(DRAW):
            return ("vocab",)
        if kind := derived.kind_of(name)[0]:
            return derived.DERIVED[kind].axes or self.axes(derived.kind_of(name)[1])
        bare = bare_of(name)
        if bare in self.subject.trace:
            return axes_of(bare)[: -1 if name.startswith(LENGTH) else None]
        shorter = name.startswith(LENGTH)
        return ("",) * (self.subject[bare].ndim - shorter) if bare in self.subject.params else ()

    def shape(self, name: str) -> tuple[int, ...]:
        """Raises: ConfigError for an array that there is not."""
        here, _, name = self.within(name)
        if name.startswith(DRAW):
            return here._draw_shape(name)
        return derived.shape(here, name) if derived.kind_of(name)[0] else here.subject[name].shape


def _named(found: Explanation, name: str, renamed: Callable[[Operand], Operand]) -> Explanation:
    """The same by another name, and its operands by others too."""
    terms = (Term(tuple(map(renamed, t.operands)), t.factor, tuple(map(renamed, t.over))) for t in found.terms)
    return replace(found, name=name, operands=tuple(map(renamed, found.operands)), terms=tuple(terms))


def bare_of(name: str) -> str:
    """The array that a number is of: without the run, what is derived, and what its gradient or length is."""
    own = derived.kind_of(runs.parted(name)[1])[1]
    return own.removeprefix(LENGTH).removeprefix(GRAD)
