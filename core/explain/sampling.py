"""A draw, explained: from the logits to the probability, the temperature, the cuts and the token (Distribution).

Names: `logits`, where this begins; `plain`, `tempered` and `final`, each of one token; `draw` of a position, the token
that was drawn there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arguments import whole, wrong
from ..generate.sampling import Distribution
from .explanation import Explanation, Made, Operand, Term

NAMES = ("logits", "plain", "tempered", "final", "draw")


def explained(of: Distribution, name: str, index: Any) -> Explanation:
    """Raises: ConfigError for another name, and for no token of the vocabulary."""
    if name not in NAMES:
        raise wrong("name", name, f"one of {', '.join(NAMES)}")
    (place,) = index if isinstance(index, tuple) and len(index) == 1 else (index,)
    if name == "draw":
        position = whole("index", place)
        return Explanation(name, (position,), float(of.draw(position)), *drawn(of, position))
    token = whole("index", place, 0, len(of.logits) - 1)
    value = float(getattr(of, name)[token])
    made = {"logits": logit, "plain": plain, "tempered": tempered, "final": final}[name](of, token)
    return Explanation(name, (token,), value, *made)


def _cells(of: Distribution, name: str, tokens: Any) -> tuple[Operand, ...]:
    values = getattr(of, name)
    return tuple(Operand(name, (int(token),), float(values[token])) for token in tokens)


def logit(of: Distribution, token: int) -> Made:
    return Made("x_v", "token")  # of the last token: `core.explain` of the trace goes on from here


def _softmax(of: Distribution, token: int, temperature: float) -> Made:
    def rule(x: np.ndarray) -> float:
        e = np.exp((x - x.max()) / temperature)
        return float(e[token] / e.sum())

    over = "" if temperature == 1 else rf"/{temperature:g}"
    operands = _cells(of, "logits", range(len(of.logits)))
    return Made(rf"e^{{x_v{over}}} / \sum_j e^{{x_j{over}}}", "function", operands, rule=rule)


def plain(of: Distribution, token: int) -> Made:
    return _softmax(of, token, 1.0)


def tempered(of: Distribution, token: int) -> Made:
    if of.sampling.temperature > 0:
        return _softmax(of, token, of.sampling.temperature)
    operands = _cells(of, "logits", range(len(of.logits)))
    return Made(r"[v = \arg\max_j x_j]", "function", operands, rule=lambda x: float(x.argmax() == token))


def final(of: Distribution, token: int) -> Made:
    """What was kept, over the sum of all that was kept: 0 for what top-k or top-p cut."""
    if of.n_kept == len(of.logits):
        (own,) = _cells(of, "tempered", [token])
        return Made("p_v", "sum", (own,), (Term((own,)),))
    kept = of.kept.tolist()
    operands, place = _cells(of, "tempered", kept), kept.index(token) if token in kept else None
    formula = r"p_v / \sum_{j\ \text{kept}} p_j" if place is not None else "0"
    return Made(formula, "function", operands, rule=lambda x: 0.0 if place is None else float(x[place] / np.sum(x)))


def drawn(of: Distribution, position: int) -> Made:
    """The shares of the kept tokens side by side, the likeliest first: the one in which the number of chance falls."""
    kept = of.kept.tolist()
    operands = (*_cells(of, "final", kept), Operand("chance", (position,), of.chance(position)))
    greedy = of.sampling.temperature == 0

    def rule(x: np.ndarray) -> float:
        shares, chance = x[:-1], x[-1]
        ends = np.cumsum(shares)
        inside = int(np.count_nonzero(ends <= chance * ends[-1]))
        return float(kept[0 if greedy else min(inside, len(kept) - 1)])

    return Made(r"\min \{v : \textstyle\sum_{j \le v} p_j > u\}", "function", operands, rule=rule)
