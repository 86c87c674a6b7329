"""What a head does on fresh repeated tokens, which alone says whether it is an induction head: the mean over the
sequences of the probe, each in a run of its own (runs.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.errors import ConfigError
from core.explain.explanation import Made, Operand, Term, the_sum
from core.interpret import followers, probe_sequences
from pictures.explained.kinds import WITHIN, Derived, Place, mean, stack
from pictures.explained.runs import sequence

if TYPE_CHECKING:
    from pictures.explained.world import World


def _probe(here: World, of: str, index: Place) -> Made:
    """core.interpret.probe_induction."""
    names = [f"{sequence(of, k)}induced.{of}" for k in range(len(probe_sequences(stack(here, of)[0].config)))]
    return mean(
        r"\frac1n \sum_s \mathrm{induction}_s", [Operand(one, index, here.value((one, index))) for one in names]
    )


def _induced(here: World, of: str, index: Place) -> Made:
    """core.interpret.induction_score: the mean weight on all that followed the same token before."""
    keys = _followers(here, of)
    queries = int(keys.any(-1).sum())
    terms = [Term((here.subject.cell(of, *index, q, k),), 1 / queries) for q, k in np.argwhere(keys).tolist()]
    return the_sum(r"\frac1n \sum_{q,\ k\ \text{follows}} A_{q,k}", terms)


def _followers(here: World, of: str) -> np.ndarray:
    """[query, key]: which keys stood behind an earlier token like the query's."""
    ids = stack(here, of)[0].trace.ids
    return np.zeros((1, 1), bool) if ids is None else followers(ids)


def _heads(here: World, of: str) -> Place:
    if here.moved is None or not probe_sequences(stack(here, of)[0].config):
        raise ConfigError("name: only the pages that read heads probe them, and models with room for it", "name")
    return here.subject[of].shape[:1]


def _repeating(here: World, of: str) -> Place:
    if not _followers(here, of).any():
        raise ConfigError("name: of this text no token comes again", "name")
    return here.subject[of].shape[:1]


PROBED = {
    "probe": Derived(WITHIN + "pattern", ("head",), _heads, _probe),
    "induced": Derived(WITHIN + "pattern", ("head",), _repeating, _induced),
}
