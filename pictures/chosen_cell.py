"""The chosen cell of Attention: the explanations of its score, of what that becomes, and of its weight, one under the
other with their numbers written out; each of these can be opened as a card of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from html import escape
from math import sqrt

import numpy as np

import core
from core import Explanation, Scene
from core.explain.explanation import Operand
from core.explain.subject import Subject
from core.scene.fields import Numbered
from pictures import compute, left_out, memory, stacks
from pictures.arithmetic import Line, listed, summed
from pictures.explained.naming import array
from pictures.extremes import choice, token_name
from pictures.one_head import at_head
from pictures.words import Words

FINITE = ("scores", "scores_scaled", "pattern")  # where one of their row is not, there is nothing to be written
Linked = Callable[[str, Numbered], str]  # a number as it is written, and which it is -> the same as HTML


def _plain(text: str, _: Numbered) -> str:
    return text


def cell(scene: Scene, words: Words, linked: Linked = _plain) -> list[Line]:
    """The steps that lead to the chosen cell's weight, each from what core.explain says of its number."""
    found, subject = stacks.looks(scene), Subject.of(compute.run(scene))
    place = (found.place[1], *found.cell)
    score, scaled, masked, weight = (
        core.explain(subject, found.name(name), place)
        for name in ("scores", "scores_scaled", "scores_masked", "pattern")
    )

    def written(one: Operand | Explanation) -> str:
        text = "−∞" if one.value == -np.inf else words.number(one.value, 4)
        return linked(text, (one.name, one.index))

    def factor(one: Operand) -> str:
        text = words.number(one.value)
        link = linked(text, (one.name, one.index))
        return f"({link})" if text[0] == "−" else link

    def product(at: int) -> str:
        return "·".join(map(factor, score.terms[at].operands))

    sides = zip(*(term.operands for term in score.terms), strict=True)
    factors = tuple(x.value for side in sides for x in side)
    lines = [Line("dot", "q · k", summed(len(score.terms), product), written(score), factors, score.value)]
    if found.config.scale:
        width, bare = found.config.head_width, words.number(score.value, 4)
        over = f"{written(score)} ÷ √{width} = {bare} ÷ {words.number(sqrt(width), 4)}"
        lines.append(Line("scale", "q · k ÷ √dₖ", over, written(scaled), (score.value, sqrt(width)), scaled.value))
    if found.causal:
        plus = f"{written(scaled)} + {'(−∞)' if masked.value == -np.inf else '0'}"
        lines.append(Line("mask", "s + M", plus, written(masked), (scaled.value,), masked.value))
    lines.append(_softmax(scene, weight, words, written))
    return [*lines, *_share(scene, weight, words, written)]


Written = Callable[..., str]


def _softmax(scene: Scene, weight: Explanation, words: Words, written: Written) -> Line:
    """The weight; without the softmax every score in sight counts as 0, and none of them is a number of the run."""
    t, flat, key = scene.temperature, "softmax" in scene.off, weight.index[-1]
    name, formula = ("alike", "e⁰ ÷ Σ e⁰") if flat else ("softmax", "eˢ ÷ Σ eˢ" if t == 1 else "eˢᐟᵀ ÷ Σ eˢᐟᵀ")
    over, row = "" if t == 1 else f"/{words.number(t)}", weight.operands

    def exponent(at: int) -> str:
        if row[at].value == -np.inf:
            return "e<sup>−∞</sup>"
        return f"e<sup>{words.number(row[at].value, 4) if flat else written(row[at])}{over}</sup>"

    divide = f"{exponent(key)} ÷ ({summed(len(row), exponent, key)})"
    return Line(name, formula, divide, written(weight), tuple(one.value for one in row), weight.value)


def _share(scene: Scene, weight: Explanation, words: Words, written: Written) -> list[Line]:
    """Where the map hides tokens and divides its rows, the cell's share of what is shown."""
    there, (_, query, key) = left_out.kept(scene), weight.index
    if not (left_out.hides(scene) and scene.rows_renormalized and there[query] and there[key]):
        return []
    pattern = at_head(compute.run(scene), scene, "pattern")
    left, value = float(pattern[query].astype(float)[there].sum()), float(left_out.on_map(pattern, scene)[query, key])
    share = Operand(f"renormalized.{weight.name}", weight.index, value)
    over = f"{written(weight)} ÷ {words.number(left, 4)}"
    return [Line("renormalized", "a ÷ Σ a", over, written(share), (weight.value, left), value)]


# -------------------------------------------------------------------------------------------------------------- HTML


@memory.kept(
    lambda scene, words: (
        *(scene.computed, words.lang, scene.layer, scene.head, scene.query, scene.key, scene.attention_of),
        *(scene.without_first, scene.rows_renormalized),
    ),
    large=lambda scene, _: compute.is_large(scene),
)
def html(scene: Scene, words: Words) -> str:
    """The steps as a list, the roles in their colours; each number is a link that says which it is."""
    run, found = compute.run(scene), stacks.looks(scene)
    query, key = (
        f'<b class="fibra-{role}">{escape(choice(tokens, p, words))}</b>'
        for role, tokens, p in zip(("query", "key"), (found.rows, found.columns), found.cell, strict=True)
    )
    title = f"<p>{words('arithmetic.title')} {query} → {key}</p>"
    if not all(np.isfinite(at_head(run, scene, name)[found.cell[0]]).all() for name in FINITE):
        return listed([], words, f"{title}<p>{words('attention.says.lost')}</p>")
    return listed(cell(scene, words, _Links(scene, words)), words, title)


@lru_cache(maxsize=256)
def _called(name: str, words: Words) -> str:
    return escape(array(name, words))


class _Links:
    """Makes a link of each number of a cell, with its title (pictures/explained/naming.py); of those of one vector, or
    of one row, what they have in common is made once."""

    def __init__(self, scene: Scene, words: Words):
        found, self.words = stacks.looks(scene), words
        self.rows, self.columns = found.rows, found.columns
        self.asks = stacks.read(scene) if found.crosses else found.rows  # a query is of what was read
        self.layer = words("explain.at.layer", n=found.place[0])
        self.starts: dict[str, tuple[str, str]] = {}
        self.ends: dict[tuple[str, int], str] = {}

    def __call__(self, text: str, number: Numbered) -> str:
        name, (head, at, last) = number
        end = ("d_head" if name.endswith(VECTORS) else "key", last)
        if name not in self.starts:
            self.starts[name] = self._start(name, head, at)
        if end not in self.ends:
            self.ends[end] = self._end(*end)
        place, title = self.starts[name]
        way = f"{name}:{place}.{last}"
        return f'<a href="?explained={way}" data-way="{way}" {title}{self.ends[end]}">{text}</a>'

    def _start(self, name: str, head: int, at: int) -> tuple[str, str]:
        """Of a number's place, and of its link's attributes, what stands before the last index: the title's, too."""
        words, offered, vector = self.words, name.endswith(OFFERED), name.endswith(VECTORS)
        of = words("explain.at.kv_head" if offered else "explain.at.head", n=head)
        token = escape(token_name(self.columns if offered else self.asks if vector else self.rows, at, words))
        role = f'class="{"key" if offered else "query"}" ' if vector else ""
        return f"{head}.{at}", f'{role}title="{_called(name, words)} · {self.layer}, {of}, {token}'

    def _end(self, axis: str, place: int) -> str:
        """What stands last in a title: the key, or the dimension of a vector."""
        if axis == "key":
            return f" → {escape(token_name(self.columns, place, self.words))}"
        return f", {self.words(f'explain.at.{axis}', n=place)}"


OFFERED = (".k", ".rot_k")
VECTORS = (".q", ".rot_q", *OFFERED)
