"""What Train draws of a run of training that no trace holds: losses, scores and gradients' lengths by step, embeddings
on their way, and the two slopes of a gradient check.

A loss is explained by the logits of its batch where the weights of that step are kept; else it is what was noted then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ConfigError
from core.explain.explanation import Made, Operand, Term, same, the_sum
from core.explain.subject import GRAD, Subject
from core.interpret import followers
from core.ops.softmax import log_softmax
from core.train.gradcheck import Check
from core.train.loop import part_of
from core.train.training_run import Watch
from pictures.explained.kinds import COMPONENT, OWN, Derived, Place, Rule, coordinate, mean
from pictures.explained.runs import PROBED, TAKEN, UNSEEN, at_step
from pictures.train.curves import window

if TYPE_CHECKING:
    from pictures.explained.world import World

PART = r"(?:encoder\.)?(?:embed|blocks\.\d+|unembed)"  # of a model, whose gradients are measured
COST = r"-\frac1n \sum_i \ln p_i"


@dataclass(frozen=True, eq=False)
class Reading:
    """A batch that was read by the weights of one step; subject: its trace, [row, ...], targets and counted places."""

    subject: Subject

    @property
    def _targets(self) -> np.ndarray:
        assert self.subject.targets is not None, "nothing is asked for in a probe, and it has no costs"
        return self.subject.targets

    @property
    def counted(self) -> np.ndarray:
        """[n, axis]: the places [row, pos], or [pos], whose tokens are asked for."""
        s = self.subject
        return np.argwhere(np.ones(self._targets.shape, bool) if s.counts is None else s.counts)

    @cached_property
    def costs(self) -> np.ndarray:
        """[row, pos]: -ln p of each target."""
        logs = log_softmax(self.subject["logits"].astype(np.float64))
        return -np.take_along_axis(logs, self._targets[..., None], -1)[..., 0]

    @cached_property
    def hits(self) -> np.ndarray:
        """[row, pos]: whether the largest logit is the target's."""
        return self.subject["logits"].argmax(-1) == self._targets

    def of_counted(self, start: str, kind: str, values: np.ndarray) -> list[Operand]:
        """The numbers [row, pos] of this kind at the places that count."""
        places = map(tuple, self.counted.tolist())
        return [Operand(f"{start}{kind}.logits", place, float(values[place])) for place in places]


@dataclass(frozen=True)
class Checked:
    """A gradient check along one direction of a parameter, or of one weight: `index`.

    at: how the names of its two losses begin, below and above. moved: the example as the weights read it with that one
    moved, below and above; exact: with none moved; all in float64.
    """

    name: str
    index: Place | None
    direction: np.ndarray
    found: Check
    at: tuple[str, str]
    moved: Callable[[int], Reading]
    exact: Callable[[], Subject]


@dataclass(frozen=True)
class Taught:
    """A run of training, as it was noted.

    losses [step], norms: part -> [step], before each step; watches: by their step. reading: what the weights of a step
    made of a kind of batch (TAKEN, UNSEEN, PROBED), None where they are not kept, or another batch was taken. checked:
    the gradient check of the page's weight, "logits", or of a parameter along its random direction.
    """

    losses: Sequence[float]
    norms: Mapping[str, Sequence[float]]
    watches: Mapping[int, Watch]
    reading: Callable[[str, int], Reading | None]
    checked: Callable[[str], Checked] | None = None


def taught_of(here: World) -> Taught:
    if here.taught is None:
        raise ConfigError("name: only the page that trains has numbers by step", "name")
    return here.taught


def record(formula: str, value: float) -> Made:
    """What was noted once, of which nothing else is left."""
    return Made(formula, "record", terms=(Term((), float(value)),))


# ------------------------------------------------------------------------------------------------ losses and scores


def _mean_of(kind: str, formula: str, of_step: Callable[[Taught, str], Sequence[float]]) -> Rule:
    """The mean of the last so many steps, as it is drawn."""

    def rule(here: World, of: str, index: Place) -> Made:
        values, end = of_step(taught_of(here), of), index[0] + 1
        first = max(0, end - window(len(values)))
        return mean(formula, [Operand(f"{kind}.{of}", (s,), float(values[s])) for s in range(first, end)])

    return rule


def _loss_taken(here: World, of: str, index: Place) -> Made:
    (step,), t = index, taught_of(here)
    reading, noted = t.reading(TAKEN, step), float(t.losses[step])
    if reading is None:
        return record(f"L = {COST}", noted)
    return mean(f"L = {COST}", reading.of_counted(at_step(TAKEN, step), "cost", reading.costs))


def _watched(kind: str, field: str, made: Callable[[Taught, Watch], Made | None], formula: str) -> Rule:
    """What is measured of the run at some steps; between them, what it was at the last one."""

    def rule(here: World, of: str, index: Place) -> Made:
        t, (step,) = taught_of(here), index
        last = max(watched for watched in t.watches if watched <= step)
        watch = t.watches[last]
        if last < step:
            return same(r"x_{s'},\ s' < s", Operand(f"{kind}.{of}", (last,), float(getattr(watch, field))))
        return made(t, watch) or record(formula, getattr(watch, field))

    return rule


def _loss_unseen(t: Taught, watch: Watch) -> Made | None:
    if (reading := t.reading(UNSEEN, watch.step)) is None:
        return None
    return mean(f"L = {COST}", reading.of_counted(at_step(UNSEEN, watch.step), "cost", reading.costs))


def _accuracy(t: Taught, watch: Watch) -> Made | None:
    if (reading := t.reading(UNSEEN, watch.step)) is None:
        return None
    return mean(HIT_MEAN, reading.of_counted(at_step(UNSEEN, watch.step), "hit", reading.hits))


def _induction(t: Taught, watch: Watch) -> Made | None:
    """core.interpret.induction_score of the head that has the highest."""
    reading, (layer, head) = t.reading(PROBED, watch.step), watch.head
    if reading is None or watch.induction != watch.induction:
        return None
    name, s = f"blocks.{layer}.attn.pattern", reading.subject
    follows = _followers(s)
    values = np.where(follows, s[name][:, head], 0).sum(-1, dtype=np.float64)
    places = np.argwhere(follows.any(-1)).tolist()
    start = at_step(PROBED, watch.step)
    numbers = [
        Operand(f"{start}follows.{name}", (row, head, query), float(values[row, query])) for row, query in places
    ]
    return mean(r"\frac1n \sum_q \sum_{k\ \text{follows}} A_{q,k}", numbers)


HIT = r"[\,\arg\max_j x_j = t\,]"
HIT_MEAN = rf"\frac1n \sum_i {HIT}"

# ------------------------------------------------------------------------------------------------ of what was read


def _cost(here: World, of: str, index: Place) -> Made:
    """The cross-entropy of one place: of the token that training asks for there."""
    s = here.subject
    assert s.targets is not None, "it has a shape"
    target = int(s.targets[index])

    def rule(x: np.ndarray) -> float:
        return float(-log_softmax(x)[target])

    return Made(r"-\ln p_t = \ln \sum_j e^{x_j} - x_t", "function", tuple(s.row(of, *index)), rule=rule)


def _hit(here: World, of: str, index: Place) -> Made:
    s = here.subject
    assert s.targets is not None, "it has a shape"
    target = int(s.targets[index])
    return Made(HIT, "function", tuple(s.row(of, *index)), rule=lambda x: float(int(x.argmax()) == target))


def _followers(s: Subject) -> np.ndarray:
    """[row, query, key]: which keys followed an earlier token like the query's."""
    assert s.trace.ids is not None, "a probe is of tokens"
    return followers(s.trace.ids)


def _follows(here: World, of: str, index: Place) -> Made:
    """The weights on what followed a token before."""
    row, head, query = index
    keys = np.flatnonzero(_followers(here.subject)[row, query]).tolist()
    terms = [Term((here.subject.cell(of, row, head, query, key),)) for key in keys]
    return the_sum(r"\sum_{k\ \text{follows}} A_{q,k}", terms or [Term((), 0.0)])


def _asked(here: World, of: str) -> Place:
    """Of a text whose tokens training asks for."""
    if here.taught is None or here.subject.targets is None:
        raise ConfigError("name: here no token is asked for", "name")
    return here.subject[of].shape[:-1]


def _probed(here: World, of: str) -> Place:
    if here.taught is None or here.subject.trace.ids is None or here.subject[of].ndim != 4:
        raise ConfigError("name: here no token comes again and again", "name")
    return here.subject[of].shape[:3]


# ------------------------------------------------------------------------------------------------ gradients' lengths


def _norm_taken(here: World, of: str, index: Place) -> Made:
    """Of all gradients of a part of the model."""
    (step,), t = index, taught_of(here)
    reading, formula = t.reading(TAKEN, step), r"\lVert g \rVert = \sqrt{\sum_w \lVert g_w \rVert^2}"
    noted = float(t.norms[of][step])
    if reading is None:
        return record(formula, noted)
    s, start = reading.subject, at_step(TAKEN, step)
    own = [name for name in s.params if part_of(name) == of]
    lengths = tuple(Operand(f"{start}whole_{GRAD}{name}", (0,), _length(s[GRAD + name])) for name in own)
    return Made(formula, "function", lengths, rule=lambda x: float(np.sqrt(np.sum(x**2))))


def _whole(here: World, of: str, index: Place) -> Made:
    """Of the gradient of one parameter: of a matrix, over its rows."""
    gradient = here.subject[of]
    if gradient.ndim == 1:
        numbers = tuple(here.subject.row(of))
    else:
        lengths = np.linalg.norm(gradient.astype(np.float64), axis=-1)
        numbers = tuple(Operand(f"length.{of}", (i,), x) for i, x in enumerate(lengths.tolist()))
    formula = r"\lVert g_w \rVert = \sqrt{\sum_i g_i^2}"
    return Made(formula, "function", numbers, rule=lambda x: float(np.sqrt(np.sum(x**2))))


def _length(x: np.ndarray) -> float:
    return float(np.linalg.norm(x.astype(np.float64)))


def _by_part(here: World, of: str) -> Place:
    norms = taught_of(here).norms
    if of not in norms:
        raise ConfigError(f"name: of {of} no gradients were measured", "name")
    return (len(norms[of]),)


def _gradient(here: World, of: str) -> Place:
    if here.taught is None or here.subject.targets is None or of.removeprefix(GRAD) not in here.subject.params:
        raise ConfigError("name: only of a batch that was taken is a gradient measured", "name")
    return (1,)


# ------------------------------------------------------------------------------------------------ embeddings


def _learned(here: World, of: str, index: Place) -> Made:
    """A token's embedding along one of the directions in which those of the run are drawn."""
    token, component = index
    assert here.basis is not None, "it has a shape"
    basis = here.basis()
    return coordinate(here.subject.row(of, token), basis, component, basis.mean)


def _tokens(here: World, of: str) -> Place:
    if here.taught is None or here.basis is None:
        raise ConfigError("name: only the page that trains draws a table of embeddings", "name")
    return len(here.subject[of]), 2


# ------------------------------------------------------------------------------------------------ all of them


def _steps(count: Callable[[Taught], int]) -> Callable[[World, str], Place]:
    return lambda here, of: (count(taught_of(here)),)


LOSSES = _steps(lambda t: len(t.losses))
WATCHES = _steps(lambda t: 1 + max(t.watches))


def _inductive(here: World, of: str) -> Place:
    if all(watch.induction != watch.induction for watch in taught_of(here).watches.values()):
        raise ConfigError("name: here no induction head is looked for", "name")
    return WATCHES(here, of)


STEP = ("step",)
TAUGHT: dict[str, Derived] = {
    "loss_mean": Derived("logits", STEP, LOSSES, _mean_of("loss_taken", r"\frac1n \sum_s L_s", lambda t, _: t.losses)),
    "loss_taken": Derived("logits", STEP, LOSSES, _loss_taken),
    "loss_unseen": Derived("logits", STEP, WATCHES, _watched("loss_unseen", "loss", _loss_unseen, f"L = {COST}")),
    "accuracy": Derived("logits", STEP, WATCHES, _watched("accuracy", "accuracy", _accuracy, HIT_MEAN)),
    "induction": Derived("logits", STEP, _inductive, _watched("induction", "induction", _induction, r"\max_h s_h")),
    "norm_mean": Derived(
        PART, STEP, _by_part, _mean_of("norm_taken", r"\frac1n \sum_s \lVert g_s \rVert", lambda t, of: t.norms[of])
    ),
    "norm_taken": Derived(PART, STEP, _by_part, _norm_taken),
    "whole_grad": Derived(
        ".*", ("1",), lambda here, of: _gradient(here, GRAD + of), lambda here, of, at: _whole(here, GRAD + of, at)
    ),
    "cost": Derived("logits", ("pos",), _asked, _cost),  # and of a batch the row before
    "hit": Derived("logits", ("pos",), _asked, _hit),
    "follows": Derived(OWN + "pattern", ("head", "query"), _probed, _follows),
    "learned": Derived(r"embed\.W_E", ("vocab", COMPONENT), _tokens, _learned),
}
