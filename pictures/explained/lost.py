"""What is lost without heads, or without one key of a head's look: numbers of two runs, the page's own and the one with
which it is compared."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from core import interpret
from core.errors import ConfigError
from core.explain.explanation import Made, Operand
from core.ops.softmax import softmax
from pictures import importance
from pictures.explained.kinds import OWN, Derived, Place, layer_of, mean, row, share_of_row
from pictures.explained.runs import UNCUT, WHOLE, left, without

if TYPE_CHECKING:
    from pictures.explained.world import World


def _change(here: World, of: str, index: Place) -> Made:
    """How much of a token's last vector is another one without a head."""
    (head, position), last = index, _last(here)
    after = _elsewhere(here, without(layer_of(of), head), last, position)
    return _relative(here.subject.row(last, position), after)


def _lost(here: World, of: str, index: Place) -> Made:
    """How much of a token's vector is another one for all the heads that are off."""
    return _relative(_elsewhere(here, WHOLE, of, *index), here.subject.row(of, *index))


def _elsewhere(here: World, start: str, of: str, *index: int) -> list[Operand]:
    """The same row of another run, by its names on the page."""
    return [replace(x, name=start + of) for x in here.within(start + of)[0].subject.row(of, *index)]


def _relative(before: list[Operand], after: list[Operand]) -> Made:
    """core.interpret.relative_change of one vector."""

    def rule(x: np.ndarray) -> float:
        was, now = np.split(x, 2)
        return float(interpret.relative_change(was[None], now[None])[0])

    return Made(r"\lVert x' - x \rVert / \lVert x \rVert", "function", (*before, *after), rule=rule)


def _cut(here: World, of: str, index: Place) -> Made:
    """How much of a token's output is another one for all the fibres that are cut."""
    return _relative(_elsewhere(here, UNCUT, of, *index), here.subject.row(of, *index))


def _where_cut(here: World, of: str) -> Place:
    here.within(UNCUT + of)
    return here.subject[of].shape[:1]


def _off(here: World, of: str) -> Place:
    """Of a page that runs the model with all its heads too, where some are off."""
    if here.subject.config.n_encoder_layers or not here.subject.trace.interventions.ablated:
        raise ConfigError("name: no head is off, and nothing lost", "name")
    here.within(WHOLE + of)
    return here.subject[of].shape[:1]


def _last(here: World) -> str:
    """What leaves the last block: head_effects measures it before the final norm."""
    return f"blocks.{here.subject.config.n_layers - 1}.resid_post"


def _effect(here: World, of: str, index: Place) -> Made:
    last = _last(here)
    runs = here.subject, here.within(without(layer_of(of), *index) + last)[0].subject
    changes = interpret.relative_change(*(run[last].astype(np.float64) for run in runs))
    formula = r"\frac{100}{n} \sum_p \lVert x'_p - x_p \rVert / \lVert x_p \rVert"
    return mean(formula, row(f"change.{of}", index, changes), times=100)


def _variation(here: World, of: str, index: Place) -> Made:
    """core.interpret.prediction_effects: how much probability is elsewhere without a head."""
    last = len(here.tokens) - 1
    before = here.subject.row("logits", last)
    after = _elsewhere(here, without(layer_of(of), *index), "logits", last)

    def rule(x: np.ndarray) -> float:
        with_it, without_it = (softmax(logits) for logits in np.split(x, 2))
        return float(np.abs(without_it - with_it).sum() / 2)

    formula = r"\tfrac12 \sum_t \lvert p'_t - p_t \rvert"
    return Made(formula, "function", (*before, *after), rule=rule)


def _key_effect(here: World, of: str, index: Place) -> Made:
    """core.interpret.key_effects: how much of a query's last vector is another one without one key; what is rounding
    alone counts as nothing."""
    last, (_, query, _) = _last(here), index
    made = _relative(here.subject.row(last, query), _elsewhere(here, left(layer_of(of), *index), last, query))

    def rule(x: np.ndarray) -> float:
        moved = made.rule(x) if made.rule else 0.0
        return 0.0 if moved < importance.ROUNDING else moved

    return made._replace(rule=rule)


def _moved_by(here: World, of: str, head: int, query: int) -> np.ndarray:
    assert here.moved is not None, "it has a shape"
    return here.moved(layer_of(of), head, query)


def _keys(here: World, of: str) -> Place:
    """Of a page that leaves out one key after the other, of one text alone."""
    if here.moved is None or here.subject.config.n_encoder_layers:
        raise ConfigError("name: here no key is left out", "name")
    return here.subject[of].shape


def _predicts(here: World, of: str) -> Place:
    if not here.subject.config.unembed:
        raise ConfigError("name: without logits nothing is predicted", "name")
    return _heads(here, of)


def _heads(here: World, of: str) -> Place:
    if here.subject.config.n_encoder_layers:
        raise ConfigError("name: of one text alone what is lost without a head is followed", "name")
    here.within(without(layer_of(of), 0) + of)  # asked, for few pages run the model without each head
    return here.subject[of].shape[:1]


LOOK = ("head", "query", "key")
LOST = {
    "change": Derived(OWN + "z", ("head", "pos"), lambda here, of: (*_heads(here, of), len(here.tokens)), _change),
    "effect": Derived(OWN + "z", ("head",), _heads, _effect),
    "variation": Derived(OWN + "z", ("head",), _predicts, _variation),
    "key_effect": Derived(OWN + "pattern", LOOK, _keys, _key_effect),
    "effect_part": Derived(OWN + "pattern", LOOK, _keys, share_of_row("key_effect", _moved_by)),
    "cut": Derived(r"blocks\.\d+\.resid_post|ln_final\.out", ("pos",), _where_cut, _cut),
    "lost": Derived(r"blocks\.\d+\.resid_post", ("pos",), _off, _lost),
}
