"""What a weight carries, of any kind of attention: as an explanation over the weight, the key's value and W_O; and as a
share of its row's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.errors import ConfigError
from core.explain.explanation import Made, Operand, Term, dot, same, the_sum
from core.explain.subject import Subject
from core.interpret import transformed_values, value_weighted, vectors_put_in
from pictures.explained.kinds import ANY, Derived, Place, layer_of, row, share_of_row, stack

if TYPE_CHECKING:
    from pictures.explained.world import World


def _stack(here: World, of: str) -> tuple[Subject, int, str]:
    """The stack that looks, as a model of its own; the layer, and the kind of attention."""
    s, _, kind = stack(here, of)
    return s, layer_of(of), kind


def _nothing(here: World, of: str, head: int, query: int) -> bool:
    """Whether nothing is carried: the head is off, or its output was put in by a patch."""
    s, layer, kind = _stack(here, of)
    put = vectors_put_in(s.trace, f"blocks.{layer}.{kind}.z")
    return head in s.trace.interventions.ablated_in(layer, kind) or bool(put[head, query])


def _carried(here: World, of: str, index: Place) -> Made:
    h, q, k = index
    if _nothing(here, of, h, q):
        return Made(r"\lVert \alpha f(x) \rVert = 0", "edit")
    values = of.replace("pattern", "v")
    carries = Operand(f"carries.{values}", (h, k), float(np.linalg.norm(_transformed(here, of)[h, k])))
    return the_sum(r"A_{q,k}\,\lVert f(x_k) \rVert", [Term((here.subject.cell(of, *index), carries))])


def _carries(here: World, of: str, index: Place) -> Made:
    numbers = tuple(row(f"given.{of}", index, _transformed(here, of)[index]))
    formula = r"\lVert f(x_k) \rVert = \sqrt{\sum_d f_d^2}"
    return Made(formula, "function", numbers, rule=lambda f: float(np.linalg.norm(f)))


def _given(here: World, of: str, index: Place) -> Made:
    """f(x) = v W_O: what a key's token would add to the layer's output if it got the whole weight of one head."""
    (h, k, d), (s, _, _) = index, _stack(here, of)
    width = s.config.head_width
    values = here.subject.row(of, s.config.kv_head_of(h), k)
    if not s.config.projections or "W_O" in s.trace.interventions.off:
        return same("f = v", values[d - h * width]) if 0 <= d - h * width < width else Made("f = 0", "edit")
    column = here.subject.column(f"{of.removesuffix('v')}W_O", d)[h * width : (h + 1) * width]
    return the_sum(rf"f_{{{d}}} = \sum_e v_e\,W^O_{{e,{d}}}", dot(values, column))


def _transformed(here: World, of: str) -> np.ndarray:
    s, layer, kind = _stack(here, of)
    return transformed_values(s.params, s.config, s.trace, layer, kind)


def _by(here: World, of: str, head: int, query: int) -> np.ndarray:
    s, layer, kind = _stack(here, of)
    return value_weighted(s.params, s.config, s.trace, layer, kind, slice(head, head + 1))[0, query]


def _values(here: World, of: str) -> Place:
    return _stack(here, of)[0].config.n_heads, here.subject[of].shape[-2]


def _drawn(here: World, of: str) -> Place:
    if here.moved is None:
        raise ConfigError("name: here no weight is set beside what it carries", "name")
    return here.subject[of].shape


LOOK = ("head", "query", "key")
CARRIED = {
    "carried": Derived(ANY + "pattern", LOOK, lambda here, of: here.subject[of].shape, _carried),
    "carries": Derived(ANY + "v", ("head", "pos"), _values, _carries),
    "given": Derived(
        ANY + "v",
        ("head", "pos", "d_model"),
        lambda here, of: (*_values(here, of), here.subject.config.d_model),
        _given,
    ),
    "carried_part": Derived(ANY + "pattern", LOOK, _drawn, share_of_row("carried", _by)),
}
