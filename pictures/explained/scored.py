"""How far a head follows each pattern that has a name, and where its queries and keys stand in one plane: as
explanations over its weights, its queries and its keys."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from core import interpret
from core.explain.explanation import Made, Term, the_sum
from core.interpret import LABELS, SEVERAL, label_targets
from pictures.explained.kinds import ANY, COMPONENT, WITHIN, Derived, Place, coordinate, stack
from pictures.together import in_plane

if TYPE_CHECKING:
    from pictures.explained.world import World

SCORE = "score_"  # before the pattern's name
FEW = the_sum(rf"0 \quad (n < {SEVERAL})", [Term((), 0.0)])  # of a pattern that too few queries could follow


def _score(pattern: str, here: World, of: str, index: Place) -> Made:
    """core.interpret.head_scores: the mean weight on the keys of a pattern, over the queries that have such a key."""
    s, (head,), causal = here.subject, index, stack(here, of)[0].config.causal
    keys, choice = label_targets(here.tokens_of(of, "query"), causal)
    if pattern == "uniform":
        return _uniform(here, of, head, choice, causal)
    queries = int(keys[pattern].any(-1).sum())
    if queries < SEVERAL:
        return FEW
    cells = np.argwhere(keys[pattern]).tolist()
    terms = [Term((s.cell(of, head, query, key),), 1 / queries) for query, key in cells]
    return the_sum(r"\frac{1}{n} \sum_{q,k} A_{q,k}", terms)


def _uniform(here: World, of: str, head: int, choice: np.ndarray, causal: bool) -> Made:
    s, n = here.subject, len(choice)
    if choice.sum() < SEVERAL:
        return FEW
    cells = tuple(one for query in range(n) for one in s.row(of, head, query))

    def rule(weights: np.ndarray) -> float:
        return float(1 - interpret.unevenness(weights.reshape(n, n), causal)[choice].max())

    formula = r"1 - \max_q \tfrac12 \sum_k \lvert A_{q,k} - \tfrac{1}{n_q} \rvert"
    return Made(formula, "function", cells, rule=rule)


def _heads(here: World, of: str) -> Place:
    return here.subject[of].shape[:1]


def _coordinate(here: World, of: str, index: Place) -> Made:
    """A query or a key along one of the two directions in which a head's all of them spread most."""
    s, (head, position, component) = here.subject, index
    vectors, x = _of_head(here, of, head), s.row(of, _kv(here, of, head), position)
    if not all(np.isfinite(own).all() for own in vectors):  # then there is no plane
        return Made(rf"\mathrm{{PC}}_{{{component + 1}}}", "function", tuple(x), rule=lambda _: float("nan"))
    q, k, basis = in_plane(*vectors)
    own = k if of.endswith("k") else q
    return coordinate(x, basis, component, own + basis.mean)


def _of_head(here: World, of: str, head: int) -> tuple[np.ndarray, np.ndarray]:
    """Queries and keys [pos, d_head] of a head, rotated where the array is."""
    s, start = here.subject, of[:-1]
    q, k = s[start + "q"], s[start + "k"]
    return q[head].astype(np.float64), k[_kv(here, start + "k", head)].astype(np.float64)


def _kv(here: World, of: str, head: int) -> int:
    """Which of an array's heads a head has: one of keys may serve several of queries."""
    return head * len(here.subject[of]) // stack(here, of)[0].config.n_heads


def _in_plane(here: World, of: str) -> Place:
    return stack(here, of)[0].config.n_heads, len(here.subject[of][0]), 2


SCORED = {SCORE + name: Derived(WITHIN + "pattern", ("head",), _heads, partial(_score, name)) for name in LABELS} | {
    "plane": Derived(ANY + r"(?:rot_)?[qk]", ("head", "pos", COMPONENT), _in_plane, _coordinate)
}
