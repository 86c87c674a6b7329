"""What a step of Generate multiplied: the sum over the parts of the model, and of each part the sizes behind it.

The place along its only axis is the step, counted from 1 as the page counts them; at 0 nothing was computed yet.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.explain.explanation import Made, Operand, Term, the_sum
from core.generate.loop import multiplications_by_part
from pictures.explained.kinds import Derived, Place

if TYPE_CHECKING:
    from pictures.explained.world import World

SPENT = "spent_"  # before the part's name
FORMULAS = {
    "projections": r"n\,L\,(d\,d_Q + d\,d_K + d\,d_V + d_O\,d)",
    "attention": r"n\,L \cdot 2\,d_Q\,n_k",
    "mlp": r"n\,L \cdot MATRICES\,d\,d_\text{mlp}",
    "unembed": r"n\,d\,V",
}


def _parts(here: World, step: int) -> dict[str, int]:
    """The multiplications of one step, by part: of its new positions, which look at all that there are by then."""
    work, s = here.works[step - 1], here.subject
    return multiplications_by_part(s.config, len(work.new), work.new.stop, s.trace.interventions.off)


def _spent(here: World, of: str, index: Place) -> Made:
    (step,) = index
    if not step:
        return the_sum("0", [Term((), 0.0)])
    parts = _parts(here, step)
    terms = [Term((Operand(f"{SPENT}{part}.{of}", index, float(n)),)) for part, n in parts.items()]
    return the_sum(r"\sum_\text{parts} n_\text{part}", terms)


def _of_part(part: str, here: World, of: str, index: Place) -> Made:
    (step,) = index
    n = _parts(here, step)[part] if step else 0
    formula = FORMULAS[part].replace("MATRICES", "3" if here.subject.config.gated else "2")
    return the_sum(formula, [Term((), float(n))])


def _steps(here: World, of: str) -> Place:
    if not here.works:
        raise ConfigError("name: only the page that writes counts the steps' multiplications", "name")
    return (1 + len(here.works),)


WORKED = {"spent": Derived("logits", ("step",), _steps, _spent)} | {
    SPENT + part: Derived("logits", ("step",), _steps, partial(_of_part, part)) for part in FORMULAS
}
