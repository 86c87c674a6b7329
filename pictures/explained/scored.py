"""How far a head follows each pattern that has a name, and where its queries and keys stand in one plane: as
explanations over its weights, its queries and its keys."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from core import interpret
from core.explain.explanation import Made, Operand, Term, the_sum
from core.interpret import LABELS, SEVERAL, label_targets
from pictures.explained.kinds import ANY, COMPONENT, WITHIN, Derived, Place, coordinate, stack
from pictures.left_out import renormalized_at
from pictures.together import in_plane

if TYPE_CHECKING:
    from pictures.explained.world import World

SCORE = "score_"  # before the pattern's name
FEW = the_sum(rf"0 \quad (n < {SEVERAL})", [Term((), 0.0)])  # of a pattern that too few queries could follow


def _score(pattern: str, here: World, of: str, index: Place) -> Made:
    """core.interpret.head_scores: the mean weight on the keys of a pattern, over the queries that have such a key."""
    (head,), causal, names = index, stack(here, of)[0].config.causal, here.tokens_of(of, "query")
    places = here.on_map_places(len(names))
    keys, choice = label_targets([names[place] for place in places], causal)
    weights = _weights(here, of, head, places)
    if pattern == "uniform":
        return _uniform(weights, choice, causal)
    if pattern == "first" and 0 not in places:  # who is not shown is looked at by none
        return the_sum("0", [Term((), 0.0)])
    queries = int(keys[pattern].any(-1).sum())
    if queries < SEVERAL:
        return FEW
    terms = [Term((weights[query][key],), 1 / queries) for query, key in np.argwhere(keys[pattern]).tolist()]
    return the_sum(r"\frac{1}{n} \sum_{q,k} A_{q,k}", terms)


def _weights(here: World, of: str, head: int, places: Sequence[int]) -> list[list[Operand]]:
    """[query][key] of the tokens that are shown, each row in shares of what it gives to them."""
    a = here.subject[of][head]
    name = of
    if len(places) < len(a):
        name, a = f"renormalized.{of}", renormalized_at(a, np.array(places))
    rows = a.tolist()
    return [
        [Operand(name, (head, query, key), value) for key, value in zip(places, row, strict=True)]
        for query, row in zip(places, rows, strict=True)
    ]


def _uniform(weights: list[list[Operand]], choice: np.ndarray, causal: bool) -> Made:
    n = len(choice)
    if choice.sum() < SEVERAL:
        return FEW
    cells = tuple(one for row in weights for one in row)

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
    return coordinate(x, basis, component, k if of.endswith("k") else q)  # of those moved so the mean is 0


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
