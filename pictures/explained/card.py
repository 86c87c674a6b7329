"""A number's explanation as a card: the way that led to it, its formula, the numbers in it, and the same as a sentence.

Every operand is a link to the card of its own; so the way back ends at the word, a parameter, or the reader's edit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from math import isfinite
from typing import Any
from urllib.parse import urlencode

from core import NAMES, Explanation, Scene
from core.explain.explanation import Operand, Term
from core.explain.subject import GRAD
from core.limits import TRAIL
from core.scene.fields import EXPLAINED, Numbered
from pictures import compute, memory
from pictures.explained import places
from pictures.explained.kinds import SENTENCE
from pictures.explained.naming import LAYER, title
from pictures.explained.page_world import world
from pictures.explained.runs import parted
from pictures.explained.world import EVERYWHERE, PATCH, ROW, World
from pictures.extremes import choices
from pictures.words import Words, capital

SHOWN = 6  # terms, or operands of a function: the largest
WHOLE = 10_000_000  # below it a whole number is written as one: it was counted, or is as good as exact
CLOSE, DIGITS = ("check_below.", "check_above."), 12  # numbers that differ little, and the digits that show by how much
CRUMBS = 4  # of the way that are written; the others stand behind an ellipsis
# Knobs that alter how figures look, and no number: of those that follow the finger the card is not written anew.
LOOKS = (
    *("threshold", "focus", "layers_lit", "cutting", "drift_stage", "drift_3d", "second_norm", "learning_rate"),
    *("compared_step", "compared_array", "projector"),
)
LOOKED = tuple(sorted(compute.VIEW - {*LOOKS}))
Way = tuple[Numbered, ...]


@dataclass(frozen=True)
class Card:
    """formula: LaTeX. html: the rest; links go to what `address` makes of a way. says: the computed sentence."""

    formula: str
    html: str
    says: str


@dataclass(frozen=True)
class Shown:
    """What a page shows of the number that it explains: the card, how many layers have such a number, the axes of its
    array, and by what another number of it is chosen."""

    card: Card
    layers: int
    axes: tuple[places.Axis, ...]
    places: str

    @property
    def html(self) -> str:
        """All of the card but its formula."""
        return self.card.html.replace("</nav>", f"</nav>{self.places}", 1)


def _about(page: str, scene: Scene, words: Words) -> tuple[Any, ...]:
    """What a card depends on."""
    return page, words.lang, scene.computed, *(getattr(scene, name) for name in LOOKED)


# Another turn of a knob that leaves the number as it is finds it here, as it finds the finished figures.
@memory.kept(lambda page, scene, words: _about(page, scene, words), large=lambda _, scene, __: compute.is_large(scene))
def shown(page: str, scene: Scene, words: Words) -> Shown | None:
    """Of the last number on the Scene's way; None where there is none. Links are addresses that say that way alone."""
    here = world(page, scene, words) if scene.explained else None
    return None if here is None else of(here, scene.explained, words)


def of(here: World, way: Way, words: Words) -> Shown | None:
    """The same of a World that is known."""
    if not way or not here.has(way[-1]):
        return None
    name, index = way[-1]
    own = here.axes(name)
    row = index[0] if own[:1] == (ROW,) else 0
    axes: list[places.Axis] = []
    for axis, size in zip(own, here.shape(name), strict=True):
        called = here.tokens_of(name, axis, row) if axis in ("pos", "query", "key") else ()
        called = here.sentences if axis == SENTENCE else called
        # Of all tokens but the last one, say: behind that none is foretold.
        axes.append((axis, size, tuple(choices(called, words))[:size] if called else ()))
    layers = here.n_layers(name)
    return Shown(card(here, way, words, _address), layers, tuple(axes), places.html(way[-1], layers, axes, words))


def _address(way: Way) -> str:
    return f"?{urlencode({'explained': EXPLAINED.write(way)} if way else {})}"


def card(here: World, way: Way, words: Words, address: Callable[[Way], str] = EXPLAINED.write) -> Card:
    """Of the last number on a way. Raises: ConfigError for a number that there is not."""
    found = here.explain(way[-1])
    says = sentence(found, here, words)
    return Card(formula(found), _Drawn(found, here, way, words, address).html(says), says)


def formula(found: Explanation) -> str:
    """The formula, after the symbol of what it gives where it does not say so itself."""
    name = parted(found.name)[1]
    known = NAMES.get(f"blocks.{{i}}.{LAYER.fullmatch(name)[2]}", NAMES.get(name))  # type: ignore[index]
    if "=" in found.formula or not known or found.is_leaf:
        return found.formula
    return f"{known.symbol} = {found.formula}"


def number(value: float, words: Words) -> str:
    """A number as a card writes it: four digits that count, or what it became."""
    if value == round(value, 0) and abs(value) < WHOLE:
        return words.number(value, 0)
    if isfinite(value):
        return words.scaled(value, 4, small=0.001)
    return words("explain.nan") if value != value else "∞" if value > 0 else "−∞"


def largest(found: Explanation) -> tuple[tuple[Term, ...], float]:
    """The terms of a sum that are written, and what the others add up to."""
    return found.largest(SHOWN)


def chosen(found: Explanation) -> tuple[Operand, ...]:
    """The operands of a function that are written: the one in the same place, then the greatest."""
    own = [one for one in found.operands if one.index == found.index]
    others = sorted((one for one in found.operands if one not in own), key=lambda one: -_size(one, found))
    return (*own, *others)[:SHOWN]


def _size(operand: Operand, found: Explanation) -> float:
    """By what operands of a function are put in order: of a softmax, where signs count, by the number itself."""
    softmax = found.formula.startswith(r"e^")
    value = operand.value if softmax else abs(operand.value)
    return value if value == value else float("-inf")


# ---------------------------------------------------------------------------------------------------------- in words


def sentence(found: Explanation, here: World, words: Words) -> str:
    """What the number is made of."""
    about = {"title": capital(title((found.name, found.index), here, words)), "value": number(found.value, words)}
    if found.is_leaf:
        kind = "patch" if found.formula == PATCH else found.kind
        return words(f"explain.says.{kind}", **about)
    if found.rule is not None:
        return words("explain.says.function", **about, n=len(found.operands))
    if not found.terms:
        return words("explain.says.nothing", **about)
    first = found.terms[0]
    if len(found.terms) == 1 and first.factor == 1 and len(first.operands) == 1 and not first.over:
        operand = first.operands[0]
        return words("explain.says.same", **about, other=title((operand.name, operand.index), here, words))
    some, rest = largest(found)
    terms = words.several(number(term.value, words) for term in some)
    if len(some) == len(found.terms):
        return words("explain.says.sum", **about, n=len(some), terms=terms)
    more = {"others": len(found.terms) - len(some), "rest": number(rest, words)}
    return words("explain.says.sum_rest", **about, n=len(found.terms), terms=terms, **more)


# -------------------------------------------------------------------------------------------------------------- HTML


@dataclass(frozen=True)
class _Drawn:
    """A card that is being written."""

    found: Explanation
    here: World
    way: Way
    words: Words
    address: Callable[[Way], str]

    def html(self, says: str) -> str:
        body = "" if self.found.is_leaf else self._function() if self.found.rule else self._sum()
        return f'{self._trail()}<p class="fibra-says" role="status">{escape(says)}</p>{body}'

    def _trail(self) -> str:
        """The way that led here: each number on it goes back to where it was."""
        first = max(0, len(self.way) - CRUMBS)
        steps = [self._link(self.way[: i + 1], self._title(self.way[i])) for i in range(first, len(self.way) - 1)]
        here = f'<b aria-current="step" tabindex="-1">{escape(self._title(self.way[-1]))}</b>'
        items = "".join(f"<li>{step}</li>" for step in (*(["…"] if first else []), *steps, here))
        close = self._link((), "×", f' class="close" aria-label="{escape(self.words("explain.close"))}"')
        return (
            f'<nav aria-label="{escape(self.words("explain.trail"))}"><ol class="fibra-way">{items}</ol>{close}</nav>'
        )

    def _sum(self) -> str:
        some, rest = largest(self.found)
        rows = [self._row(self._product(term), term.value) for term in some]
        if others := len(self.found.terms) - len(some):
            rows.append(self._row(escape(self.words("explain.rest", n=others)), rest))
        return self._table(rows)

    def _function(self) -> str:
        some = chosen(self.found)
        rows = [self._row(self._operand(one, named=True), one.value, one.name.startswith(CLOSE)) for one in some]
        if others := len(self.found.operands) - len(some):
            rows.append(f'<tr><td colspan="2">{escape(self.words("explain.more", n=others))}</td></tr>')
        return self._table(rows)

    def _table(self, rows: list[str]) -> str:
        total = f'<tr class="total"><th>=</th><td>{escape(number(self.found.value, self.words))}</td></tr>'
        return f"<table>{''.join(rows)}{total}</table>"

    def _row(self, what: str, value: float, close: bool = False) -> str:
        written = self.words.number(value, DIGITS) if close and isfinite(value) else number(value, self.words)
        return f"<tr><td>{what}</td><td>{escape(written)}</td></tr>"

    def _product(self, term: Term) -> str:
        """A term's factors, each a link; one alone is called by its name, for its value stands beside it."""
        if term.factor == 1 and len(term.operands) == 1 and not term.over:
            (one,) = term.operands
            return self._operand(one, named=True)
        factor = [] if term.factor == 1 and term.operands else [escape(number(term.factor, self.words))]
        over = "".join(f" ÷ {self._operand(one)}" for one in term.over)
        return " · ".join([*factor, *map(self._operand, term.operands)]) + over

    def _operand(self, one: Operand, named: bool = False) -> str:
        to, name = (one.name, one.index), self._title((one.name, one.index))
        text = name if named else number(one.value, self.words)
        if parted(one.name)[1] in EVERYWHERE:
            return f'<span title="{escape(name)}">{escape(text)}</span>'
        return self._link((*self.way, to)[-TRAIL:], text, f' title="{escape(name)}" class="{_role(one.name)}"')

    def _link(self, way: Way, text: str, more: str = "") -> str:
        return (
            f'<a href="{escape(self.address(way))}" data-way="{escape(EXPLAINED.write(way))}"{more}>{escape(text)}</a>'
        )

    def _title(self, number: Numbered) -> str:
        return title(number, self.here, self.words)


ROLES = {"q": "query", "rot_q": "query", "k": "key", "rot_k": "key", "v": "value", "pattern": "attention"}


def _role(name: str) -> str:
    """The role whose colour a number has on every page."""
    return "gradient" if parted(name)[1].startswith(GRAD) else ROLES.get(name.rpartition(".")[2], "")
