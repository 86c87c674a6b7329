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
from core.scene.fields import KINDS
from pictures import importance
from pictures.explained.kinds import ANY, Derived, Place, layer_of, mean, row, share_of_row, stack
from pictures.explained.runs import UNCUT, WHOLE, left, where, without

if TYPE_CHECKING:
    from pictures.explained.world import World


def _change(here: World, of: str, index: Place) -> Made:
    """How much of a token's last vector is another one without a head."""
    return _moved(here, of, index, _last(here, of))


def _change_beyond(here: World, of: str, index: Place) -> Made:
    """The same of what a decoder writes, without a head of its encoder."""
    return _moved(here, of, index, _reached(here))


def _moved(here: World, of: str, index: Place, last: str) -> Made:
    head, position = index
    return _relative(here.subject.row(last, position), _elsewhere(here, without(of, head), last, position))


def _lost(here: World, of: str, index: Place) -> Made:
    """How much of a token's vector is another one for all the heads that are off."""
    return _relative(_elsewhere(here, WHOLE, of, *index), here.subject.row(of, *index))


def _elsewhere(here: World, start: str, of: str, *index: int) -> list[Operand]:
    """The same row of another run, by its names on the page."""
    return [replace(x, name=start + of) for x in here.within(start + of)[0].subject.row(of, *index)]


def _relative(before: list[Operand], after: list[Operand]) -> Made:
    """core.interpret.relative_change of one vector."""

    return Made(r"\lVert x' - x \rVert / \lVert x \rVert", "function", (*before, *after), rule=_share_moved)


def _share_moved(x: np.ndarray) -> float:
    """Of two vectors, one after the other: [2 * d]."""
    was, now = np.split(x, 2)
    return float(interpret.relative_change(was[None], now[None])[0])


def _cut(here: World, of: str, index: Place) -> Made:
    """How much of a token's output is another one for all the fibres that are cut."""
    return _relative(_elsewhere(here, UNCUT, of, *index), here.subject.row(of, *index))


def _where_cut(here: World, of: str) -> Place:
    here.within(UNCUT + of)
    return here.subject[of].shape[:1]


def _off(here: World, of: str) -> Place:
    """Of a page that runs the model with all its heads too, where some are off."""
    if not here.subject.trace.interventions.ablated:
        raise ConfigError("name: no head is off, and nothing lost", "name")
    here.within(WHOLE + of)
    return here.subject[of].shape[:1]


def _last(here: World, of: str) -> str:
    """What leaves the last block of the stack that looks: head_effects measures it before the final norm."""
    s, start, _ = stack(here, of)
    return f"{start}blocks.{s.config.n_layers - 1}.resid_post"


def _reached(here: World) -> str:
    """What leaves the last block of the only stack, or of the decoder, which an encoder's heads reach too."""
    return f"blocks.{here.subject.config.n_layers - 1}.resid_post"


def _effect(here: World, of: str, index: Place) -> Made:
    last = _last(here, of)
    runs = here.subject, here.within(without(of, *index) + last)[0].subject
    changes = interpret.relative_change(*(run[last].astype(np.float64) for run in runs))
    formula = r"\frac{100}{n} \sum_p \lVert x'_p - x_p \rVert / \lVert x_p \rVert"
    return mean(formula, row(f"change.{of}", index, changes), times=100)


def _variation(here: World, of: str, index: Place) -> Made:
    """core.interpret.prediction_effects: how much probability is elsewhere without a head."""
    last = len(here.subject["logits"]) - 1
    before = here.subject.row("logits", last)
    after = _elsewhere(here, without(of, *index), "logits", last)

    def rule(x: np.ndarray) -> float:
        with_it, without_it = (softmax(logits) for logits in np.split(x, 2))
        return float(np.abs(without_it - with_it).sum() / 2)

    formula = r"\tfrac12 \sum_t \lvert p'_t - p_t \rvert"
    return Made(formula, "function", (*before, *after), rule=rule)


def _key_effect(here: World, of: str, index: Place) -> Made:
    """core.interpret.key_effects: how much of a query's last vector is another one without one key; what is rounding
    alone counts as nothing."""
    last, (_, query, _) = _last(here, of), index
    made = _relative(here.subject.row(last, query), _elsewhere(here, left(of, *index), last, query))

    def rule(x: np.ndarray) -> float:
        moved = _share_moved(x)
        return 0.0 if moved < importance.ROUNDING else moved

    return made._replace(rule=rule)


def _moved_by(here: World, of: str, head: int, query: int) -> np.ndarray:
    assert here.moved is not None, "it has a shape"
    kind = where(of) if where(of) in KINDS else "decoder"
    return here.moved(kind, layer_of(of), head, query)


def _keys(here: World, of: str) -> Place:
    """Of a page that leaves out one key after the other."""
    if here.moved is None:
        raise ConfigError("name: here no key is left out", "name")
    return here.subject[of].shape


def _predicts(here: World, of: str) -> Place:
    if not stack(here, of)[0].config.unembed:
        raise ConfigError("name: without logits nothing is predicted", "name")
    return _heads(here, of)


def _heads(here: World, of: str) -> Place:
    here.within(without(of, 0) + of)  # asked, for few pages run the model without each head
    return here.subject[of].shape[:1]


def _changed(here: World, of: str) -> Place:
    return *_heads(here, of), len(here.subject[_last(here, of)])


def _changed_beyond(here: World, of: str) -> Place:
    return *_heads(here, of), len(here.subject[_reached(here)])


LOOK = ("head", "query", "key")
LOST = {
    "change": Derived(ANY + "z", ("head", "pos"), _changed, _change),
    "reached": Derived(r"encoder\.blocks\.\d+\.attn\.z", ("head", "pos"), _changed_beyond, _change_beyond),
    "effect": Derived(ANY + "z", ("head",), _heads, _effect),
    "variation": Derived(ANY + "z", ("head",), _predicts, _variation),
    "key_effect": Derived(ANY + "pattern", LOOK, _keys, _key_effect),
    "effect_part": Derived(ANY + "pattern", LOOK, _keys, share_of_row("key_effect", _moved_by)),
    "cut": Derived(r"blocks\.\d+\.resid_post|ln_final\.out", ("pos",), _where_cut, _cut),
    "lost": Derived(r"blocks\.\d+\.resid_post", ("pos",), _off, _lost),
}
