"""Cause's six answers to which word counted: each word's share of a row, what it is a share of, and what that is made
of: weights, runs without a word's embedding, and gradients of the candidate's logit (core/interpret/influence.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.errors import ConfigError
from core.explain.explanation import Made, Operand, Term, dot, same, the_sum
from core.explain.subject import GRAD, LENGTH
from core.interpret import ANSWERS, path_nodes
from pictures import influence
from pictures.explained.kinds import Derived, Place, Rule, heads_on, row
from pictures.explained.runs import blank, way

if TYPE_CHECKING:
    from pictures.explained.world import World

SLOPE = "slope.embed"


def _answers(here: World, name: str) -> np.ndarray:
    """[pos]: one of the six, for the clean sentence and the first candidate."""
    assert here.pair is not None, "it has a shape"
    return influence.found(here.pair).answers[name]


def _share(name: str) -> Rule:
    def rule(here: World, of: str, index: Place) -> Made:
        answers = tuple(row(f"answer_{name}.embed", (), _answers(here, name)))

        def share(x: np.ndarray) -> float:
            return float(influence.in_shares(x[None])[0, index[0]])

        return Made(r"a_w / \sum_j \lvert a_j \rvert", "function", answers, rule=share)

    return rule


def _looked(array: str) -> Rule:
    """The mean over all heads of what the last position's weight is, or carries."""

    def rule(here: World, of: str, index: Place) -> Made:
        s, terms = here.subject, []
        c, last = s.config, len(here.tokens) - 1
        for layer in range(c.n_layers):
            for head in heads_on(s, layer):
                name, place = array.format(layer), (head, last, *index)
                value = here.explain((name, place)).value
                terms.append(Term((Operand(name, place, value),), 1 / (c.n_layers * c.n_heads)))
        return the_sum(r"\frac{1}{LH} \sum_{l,h} x^{l,h}_{q,w}", terms or [Term((), 0.0)])

    return rule


def _ablation(here: World, of: str, index: Place) -> Made:
    assert here.pair is not None, "it has a shape"
    place = len(here.tokens) - 1, here.pair.candidates[0]
    name = f"{blank(index[0])}logits"
    without = Operand(name, place, here.explain((name, place)).value)
    return the_sum(r"x_t - x_t^{-w}", [Term((here.subject.cell("logits", *place),)), Term((without,), -1.0)])


def _length(here: World, of: str, index: Place) -> Made:
    s, name = here.subject, f"{LENGTH}{GRAD}embed"
    length = s.cell(name, *index)
    if not s.config.embed_scale:
        return same(r"\lVert g_w \rVert", length)
    return the_sum(r"\sqrt{d}\,\lVert g_w \rVert", [Term((length,), s.config.d_model**0.5)])


def _times_input(here: World, of: str, index: Place) -> Made:
    rows = here.subject.row(f"{GRAD}embed", *index), here.subject.row("embed", *index)
    return the_sum(r"\sum_d g_{w,d}\,x_{w,d}", dot(*rows))


def _integrated(here: World, of: str, index: Place) -> Made:
    slopes = row(SLOPE, index, _slopes(here).mean_of(index[0]))
    return the_sum(r"\sum_d \bar g_{w,d}\,x_{w,d}", dot(slopes, here.subject.row("embed", *index)))


def _slope(here: World, of: str, index: Place) -> Made:
    """The mean gradient on the straight way from embeddings of zeros, by Gauss and Legendre's nodes."""
    position, d = index
    values = _slopes(here).at[:, position, d].tolist()
    terms = [
        Term((Operand(f"{way(k)}{GRAD}embed", index, value),), float(share))
        for k, (value, share) in enumerate(zip(values, path_nodes()[1], strict=True))
    ]
    return the_sum(r"\bar g = \int_0^1 g(\alpha x)\,d\alpha", terms)


def _slopes(here: World) -> influence.Slopes:
    assert here.pair is not None, "it has a shape"
    return influence.slopes(here.pair)


def _words(here: World, of: str) -> Place:
    """Of a page with two candidates, where its words are asked what they did."""
    if here.pair is None or here.elsewhere is None or influence.silent(here.pair):
        raise ConfigError("name: here no word is asked what it did", "name")
    return (len(here.tokens),)


def _dimensions(here: World, of: str) -> Place:
    return (*_words(here, of), here.subject.config.d_model)


MADE: dict[str, Rule] = {
    "weight": _looked("blocks.{}.attn.pattern"),
    "carried": _looked("carried.blocks.{}.attn.pattern"),
    "ablation": _ablation,
    "length": _length,
    "times_input": _times_input,
    "integrated": _integrated,
}
SHARED = {
    **{f"share_{name}": Derived("embed", ("pos",), _words, _share(name)) for name in ANSWERS},
    **{f"answer_{name}": Derived("embed", ("pos",), _words, MADE[name]) for name in ANSWERS},
    "slope": Derived("embed", ("pos", "d_model"), _dimensions, _slope),
}
