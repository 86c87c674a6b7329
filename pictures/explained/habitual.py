"""What a head does over many sentences: on which share of them it has a name, and its scores' mean, least and greatest,
each as an explanation over the same number of every sentence; and that it has a name on one, over its scores there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ConfigError
from core.explain.explanation import Made, Operand, Term, the_sum
from core.interpret import LABELS, head_label
from pictures.explained.kinds import LABEL, OWN, Derived, Place, Rule, layer_of
from pictures.explained.runs import told
from pictures.explained.scored import SCORE

if TYPE_CHECKING:
    from pictures.explained.world import World


def _named(here: World, of: str, index: Place) -> Made:
    """core.interpret.head_label: 1 where the head's one name on this text is this one."""
    head, label = index
    scores = [(f"{SCORE}{name}.{of}", (head,)) for name in LABELS]

    def rule(x: np.ndarray) -> float:
        return float(_name(x) == label)

    formula = r"[\,s_\ell \geq s_j,\ s_\ell \geq \tfrac12\,]"
    if LABELS[label] == "uniform":
        formula = r"[\,s_\ell \geq \tfrac{19}{20},\ \max_{j \neq \ell} s_j < \tfrac12\,]"
    return Made(formula, "function", tuple(Operand(*one, here.value(one)) for one in scores), rule=rule)


def _name(scores: np.ndarray) -> int | None:
    """[label] -> the place in LABELS of a head's one name; None where it has none."""
    found = head_label(dict(zip(LABELS, np.nan_to_num(scores).tolist(), strict=True)))
    return None if found is None else LABELS.index(found)


def _scores(here: World, of: str, index: Place) -> dict[int, np.ndarray]:
    """Of every sentence that can tell a name the head's scores there: [label]."""
    assert here.read_over is not None, "it has a shape"
    whole, (head, label) = here.read_over(), index
    can = np.isfinite(whole[:, label]).all((1, 2))
    return {i: whole[i, :, layer_of(of), head] for i in np.flatnonzero(can).tolist()}


def _held(here: World, of: str, index: Place) -> Made:
    """core.interpret.habits: held / told."""
    found = _scores(here, of, index)
    names = [Operand(f"{told(i)}named.{of}", index, float(_name(own) == index[1])) for i, own in found.items()]
    terms = [Term((one,), 1 / len(names)) for one in names]
    return the_sum(r"\frac1n \sum_s [\,\ell_s = \ell\,]", terms) if terms else NEVER


def _ranging(formula: str, measure: Callable[[np.ndarray], float] | None) -> Rule:
    """Of a head's score on every sentence that can tell: the mean, or what is measured of them."""

    def rule(here: World, of: str, index: Place) -> Made:
        head, label = index
        scores = tuple(
            Operand(f"{told(i)}{SCORE}{LABELS[label]}.{of}", (head,), float(own[label]))
            for i, own in _scores(here, of, index).items()
        )
        if not scores:
            return NEVER
        if measure is None:
            return the_sum(formula, [Term((one,), 1 / len(scores)) for one in scores])
        return Made(formula, "function", scores, rule=measure)

    return rule


NEVER = Made("0 / 0", "function", rule=lambda _: float("nan"))  # of a name that no sentence can tell


def _one_text(here: World, of: str) -> Place:
    if here.subject.config.n_encoder_layers:
        raise ConfigError("name: of one text alone a pattern's score is followed", "name")
    return len(here.subject[of]), len(LABELS)


def _over(here: World, of: str) -> Place:
    if here.read_over is None:
        raise ConfigError("name: only a page that reads many sentences tells habits", "name")
    return _one_text(here, of)


AXES = ("head", LABEL)
HABITUAL = {
    "named": Derived(OWN + "pattern", AXES, _one_text, _named),
    "held": Derived(OWN + "pattern", AXES, _over, _held),
    "score_mean": Derived(OWN + "pattern", AXES, _over, _ranging(r"\frac1n \sum_s x_s", None)),
    "score_least": Derived(OWN + "pattern", AXES, _over, _ranging(r"\min_s x_s", lambda x: float(x.min()))),
    "score_most": Derived(OWN + "pattern", AXES, _over, _ranging(r"\max_s x_s", lambda x: float(x.max()))),
}
HABITS = tuple(kind for kind in HABITUAL if kind != "named")  # what Reading heads draws of them
