"""What Translate draws that no trace holds: how a head looks from word to word, each word's row and their mean; and the
texts of its search, whose score grows by one word's logarithm at a time, each in the run that read the text so far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.config import ENCODER
from core.errors import ConfigError
from core.explain.explanation import Made, Operand, Term, same, the_sum
from core.generate.beam import BeamStep
from core.ops.softmax import log_softmax
from pictures.explained.kinds import Derived, Place, mean, row
from pictures.explained.runs import kept
from pictures.translate.search import place_of

if TYPE_CHECKING:
    from pictures.explained.world import World

CROSS = r"blocks\.\d+\.cross\.pattern"
PATTERN = rf"(?:encoder\.)?blocks\.\d+\.attn\.pattern|{CROSS}"


@dataclass(frozen=True)
class Spoken:
    """A translation as its page shows it.

    written: how many of its words. stems: of those that the grammar knows, the places of the words they stem from.
    search: the steps of the search for the likeliest text.
    """

    written: int
    stems: Mapping[int, frozenset[int]]
    search: Callable[[], tuple[BeamStep, ...]]


# ------------------------------------------------------------------------------------------------------ a head's looks


def _finds(here: World, of: str, index: Place) -> Made:
    """Whether a word looks most at one that it stems from."""
    assert here.spoken is not None, "it has a shape"
    stems = here.spoken.stems.get(index[1], frozenset())
    formula = r"[\,\arg\max_k A_{q,k} \in S_q\,]"
    return Made(
        formula, "function", tuple(here.subject.row(of, *index)), rule=lambda a: float(int(a.argmax()) in stems)
    )


def _aligned(here: World, of: str, index: Place) -> Made:
    """core.interpret.alignment_score: the share of words of which that is so."""
    assert here.spoken is not None, "it has a shape"
    names = [(f"finds.{of}", (*index, place)) for place in here.spoken.stems]
    return mean(r"\frac1n \sum_q [\,\arg\max_k A_{q,k} \in S_q\,]", [Operand(*one, here.value(one)) for one in names])


def _sharpest(here: World, of: str, index: Place) -> Made:
    return Made(r"\max_k A_{q,k}", "function", tuple(here.subject.row(of, *index)), rule=lambda a: float(a.max()))


def _sharp(here: World, of: str, index: Place) -> Made:
    """How much of its look a row gives to one place, on the mean of the rows that are shown."""
    assert here.spoken is not None, "it has a shape"
    rows = here.subject[of][index]
    rows = rows if of.startswith(ENCODER) else rows[: here.spoken.written]
    return mean(r"\frac1n \sum_q \max_k A_{q,k}", row(f"sharpest.{of}", index, rows.max(-1)))


def _spoken(here: World, of: str) -> Place:
    if here.spoken is None:
        raise ConfigError("name: only the page that translates tells how heads look from word to word", "name")
    return here.subject[of].shape[:2]


def _known(here: World, of: str) -> Place:
    size = _spoken(here, of)
    if here.spoken is None or not here.spoken.stems:
        raise ConfigError("name: of these words no grammar says what they stem from", "name")
    return size


# --------------------------------------------------------------------------------------------------------- the search


def _beam(here: World, of: str, index: Place) -> Made:
    """The sum of the logarithms: that of the text so far, and of the word that continues it."""
    assert here.spoken is not None, "it has a shape"
    steps, (n, rank) = here.spoken.search(), index
    if n == 0 or rank >= len(steps[n - 1].kept):
        return the_sum("0", [Term((), 0.0)])
    beam = steps[n - 1].kept[rank]
    if (place := place_of(steps, beam)) != index:  # it ended before
        return same("s", Operand(f"beam.{of}", place, beam.score))
    before = place_of(steps, beam.parent)
    name, at = f"{kept(*before)}log_probability.{of}", (n - 1, beam.tokens[-1])
    terms = [Term((Operand(name, at, beam.log_probabilities[-1]),))]
    if beam.parent is not None and beam.parent.tokens:
        terms.insert(0, Term((Operand(f"beam.{of}", before, beam.parent.score),)))
    return the_sum(r"s(y_{<n}) + \ln p(y_n)", terms)


def _texts(here: World, of: str) -> Place:
    if here.spoken is None:
        raise ConfigError("name: only the page that translates searches", "name")
    steps = here.spoken.search()
    return 1 + len(steps), max(len(step.kept) for step in steps)


def _log_probability(here: World, of: str, index: Place) -> Made:
    position, token = index

    def rule(x: np.ndarray) -> float:
        return float(log_softmax(x)[token])

    formula = r"\ln p_t = x_t - \ln \sum_j e^{x_j}"
    return Made(formula, "function", tuple(here.subject.row(of, position)), rule=rule)


SEARCHED = {
    "aligned": Derived(CROSS, ("head",), lambda here, of: _known(here, of)[:1], _aligned),
    "finds": Derived(CROSS, ("head", "query"), _known, _finds),
    "sharp": Derived(PATTERN, ("head",), lambda here, of: _spoken(here, of)[:1], _sharp),
    "sharpest": Derived(PATTERN, ("head", "query"), _spoken, _sharpest),
    "beam": Derived("logits", ("step", "rank"), _texts, _beam),
    "log_probability": Derived("logits", ("pos", "vocab"), lambda here, of: here.subject[of].shape, _log_probability),
}
