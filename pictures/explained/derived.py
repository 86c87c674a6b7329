"""Numbers that pages draw and no trace holds, as explanations over numbers of the run: spread and reach of a head, what
a weight carries, rollout, a point's coordinates, and what a patch or a missing head changes.

A name is the kind of number, then the array that it is made of: `entropy.blocks.0.attn.pattern`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from core import Explanation, interpret
from core.arguments import wrong
from core.errors import ConfigError
from core.explain.explanation import Made, Operand, Term, the_sum
from core.explain.subject import Subject
from pictures.explained.akin import AKIN
from pictures.explained.carried import CARRIED
from pictures.explained.checked import CHECKED
from pictures.explained.drifted import DRIFTED
from pictures.explained.habitual import HABITUAL
from pictures.explained.kinds import (
    OWN,
    WITHIN,
    Derived,
    Place,
    Rule,
    heads_on,
    layer_of,
    mean,
    row,
    stack,
)
from pictures.explained.lost import LOST
from pictures.explained.measured import MEASURED
from pictures.explained.probed import PROBED
from pictures.explained.runs import OTHER, put
from pictures.explained.scored import SCORED
from pictures.explained.searched import SEARCHED
from pictures.explained.shared import SHARED
from pictures.explained.spent import WORKED
from pictures.explained.taught import TAUGHT
from pictures.explained.voted import VOTED

if TYPE_CHECKING:
    from pictures.explained.world import World

PATTERN = r"(?:encoder\.)?blocks\.\d+\.(?:attn|cross)\.pattern"
STREAM = r"(?:encoder\.)?blocks\.\d+\.resid_\w+"


def kind_of(name: str) -> tuple[str, str]:
    """("entropy", "blocks.0.attn.pattern") of a derived number's name; ("", name) of another."""
    kind, _, of = name.partition(".")
    return (kind, of) if kind in DERIVED else ("", name)


def shape(here: World, name: str) -> Place:
    """Raises: ConfigError for an array that has no such numbers."""
    kind, of = kind_of(name)
    if not re.fullmatch(DERIVED[kind].of, of):
        raise wrong("name", name, f"{kind} of an array that has it")
    return DERIVED[kind].shape(here, of)


def explained(here: World, name: str, index: Place) -> Explanation:
    """What `core.explain` would say of it. Raises: ConfigError for a number that there is not."""
    if not has(shape(here, name), index):
        raise wrong("index", index, f"a place in {name}")
    kind, of = kind_of(name)
    with np.errstate(all="ignore"):  # of numbers that have exploded
        found = Explanation(name, index, 0.0, *DERIVED[kind].made(here, of, index))
    if found.is_leaf:  # its value stands in the place of terms
        return replace(found, value=sum(term.value for term in found.terms), terms=())
    return replace(found, value=found.recomputed())


def has(size: Place, index: Place) -> bool:
    """Whether an array of this size has such a place."""
    return len(index) == len(size) and all(0 <= at < n for at, n in zip(index, size, strict=True))


# ------------------------------------------------------------------------------------------- how spread, how far


def _entropy(here: World, of: str, index: Place) -> Made:
    def bits(weights: np.ndarray) -> float:
        some = weights[weights > 0]
        return float("nan") if np.isnan(weights).any() else float(-np.sum(some * np.log2(some)))

    return Made(r"H = -\sum_k A_k \log_2 A_k", "function", tuple(here.subject.row(of, *index)), rule=bits)


def _distance(here: World, of: str, index: Place) -> Made:
    weights = here.subject.row(of, *index)
    terms = [Term((weight,), float(abs(index[1] - key))) for key, weight in enumerate(weights)]
    return the_sum(r"\sum_k \lvert q - k \rvert\, A_{q,k}", terms)


def _mean_length(here: World, of: str, index: Place) -> Made:
    return mean(r"\frac{1}{n} \sum_p \lVert x_p \rVert", here.subject.row(f"length.{of}"))


def _mean(kind: str, measure: Callable[[np.ndarray], np.ndarray]) -> Rule:
    """Of the same number of every row."""

    def rule(here: World, of: str, index: Place) -> Made:
        return mean(r"\frac{1}{n} \sum_q x_q", row(f"{kind}.{of}", index, measure(here.subject[of][index])))

    return rule


def _renormalized(here: World, of: str, index: Place) -> Made:
    """A weight over the sum of those of its row that a map shows; 0 where that is 0."""
    weights, key = here.subject.row(of, *index[:-1]), index[-1]
    own, others = weights[key], [weights[at] for at, there in enumerate(here.on_map) if there and at != key]

    def rule(x: np.ndarray) -> float:
        total = x[0 if here.on_map[key] else 1 :].sum()
        return float(x[0] / total) if total != 0 else 0.0

    return Made(r"A_{q,k} / \sum_{j\ \text{shown}} A_{q,j}", "function", (own, *others), rule=rule)


def _on_map(here: World, of: str) -> Place:
    if len(here.on_map) != here.subject[of].shape[-1]:
        raise ConfigError("name: only pages with maps of who looks at whom divide its rows", "name")
    return here.subject[of].shape


def _rolled(here: World, of: str, index: Place) -> Made:
    """core.interpret.rollout: the step of this layer times what is rolled below."""
    (s, start, _), layer, (q, k) = stack(here, of), layer_of(of), index
    on, (n_heads, _, n) = heads_on(s, layer), here.subject[of].shape
    share = 1 / (2 * n_heads) if s.config.residual else 1 / max(len(on), 1)
    put = _put_in(s, layer)  # what was put in comes from no token
    from_below = [j for j in range(n) if not put.streams[layer][j]]
    off = [head for head in range(n_heads) if head not in on and not put.heads[layer][head, q]]
    on = [head for head in on if not put.heads[layer][head, q]]
    # What a head takes that is off stays with the token.
    stays = (1 + len(off) / n_heads) / 2 if s.config.residual and q in from_below else 0.0
    if layer == 0:
        terms = [Term((here.subject.cell(of, head, q, k),), share) for head in on if k in from_below]
        terms.append(Term((), stays if q == k else 0.0))
    else:
        below = f"rolled.{start}blocks.{layer - 1}.attn.pattern"
        column = [Operand(below, (j, k), float(x)) for j, x in enumerate(_rollout(s, layer - 1)[:, k])]
        terms = [Term((here.subject.cell(of, head, q, j), column[j]), share) for head in on for j in from_below]
        terms.append(Term((column[q],), stays))
    bar = r"\tfrac12 (\bar A + I)" if s.config.residual else r"\bar A"
    return the_sum(f"R_{{{layer}}} = {bar}" + (rf"\,R_{{{layer - 1}}}" if layer else ""), terms)


def _rollout(s: Subject, layer: int) -> np.ndarray:
    """[query, key], through one stack as a model of its own."""
    patterns = np.stack([s[f"blocks.{i}.attn.pattern"] for i in range(layer + 1)])
    off = [(i, head) for i in range(layer + 1) for head in s.trace.interventions.ablated_in(i)]
    return interpret.rollout(patterns, s.config.residual, off, interpret.put_in(s.trace, layer + 1))[layer]


def _put_in(s: Subject, layer: int) -> interpret.PutIn:
    """What a patch put in, up to this layer."""
    n = s.trace.shape("blocks.0.resid_pre")[0]
    nowhere = np.zeros((layer + 1, s.config.n_heads, n), bool)
    return interpret.put_in(s.trace, layer + 1) or interpret.PutIn(nowhere, nowhere[:, 0])


# -------------------------------------------------------------------------------------- what another run would give


def _gap(here: World, of: str, index: Place) -> Made:
    """Of the logits of Cause's two candidates, the first less the second."""
    assert here.pair is not None, "it has a shape"
    last, (word, rival) = len(here.subject[of]) - 1, here.pair.candidates
    logits = [here.subject.cell(of, last, token) for token in (word, rival)]
    return the_sum(r"x_a - x_b", [Term((logits[0],)), Term((logits[1],), -1.0)])


def _moved(what: str) -> Rule:
    """How far a patch moves that difference towards what the run gives that it was taken from."""

    def rule(here: World, of: str, index: Place) -> Made:
        pair = here.pair
        assert pair is not None, "it has a shape"
        target = "" if pair.breaks else OTHER
        names = (put(what, layer_of(of), index), target)
        values = [here.explain((f"{name}gap.logits", (0,))).value for name in names]
        patched, base = (Operand(f"{name}gap.logits", (0,), x) for name, x in zip(names, values, strict=True))
        rises = pair.gap >= 0
        formula = r"\Delta_{\text{patch}} - \Delta" if rises else r"\Delta - \Delta_{\text{patch}}"
        towards = 1.0 if rises else -1.0
        return the_sum(formula, [Term((patched,), towards), Term((base,), -towards)])

    return rule


def _two(here: World, of: str) -> Place:
    """Of a page with two candidates."""
    if here.pair is None:
        raise ConfigError("name: only Cause has two candidates", "name")
    return (min(1, len(here.subject[of])),)  # asked, for there may be no such array


def _patches(n_axes: int) -> Callable[[World, str], Place]:
    """Of a page with another sentence: along so many axes of an array."""

    def shape(here: World, of: str) -> Place:
        if here.pair is None or not here.pair.alike:
            raise ConfigError("name: only sentences of as many tokens are patched", "name")
        here.within(OTHER + of)
        return here.subject[of].shape[:n_axes] if n_axes else _two(here, of)

    return shape


ROWS = ("head", "query")
DERIVED = {
    "renormalized": Derived(OWN + "pattern", (*ROWS, "key"), _on_map, _renormalized),
    "entropy": Derived(PATTERN, ROWS, lambda here, of: here.subject[of].shape[:2], _entropy),
    "mean_entropy": Derived(
        PATTERN, ("head",), lambda here, of: here.subject[of].shape[:1], _mean("entropy", interpret.entropy)
    ),
    "distance": Derived(PATTERN, ROWS, lambda here, of: here.subject[of].shape[:2], _distance),
    "mean_distance": Derived(
        PATTERN, ("head",), lambda here, of: here.subject[of].shape[:1], _mean("distance", interpret.attention_distance)
    ),
    "rolled": Derived(WITHIN + "pattern", ("query", "key"), lambda here, of: here.subject[of].shape[1:], _rolled),
    "mean_length": Derived(STREAM, ("1",), lambda here, of: here.subject[of].shape[:1] and (1,), _mean_length),
    "gap": Derived("logits", ("1",), _two, _gap),
    "moved_stream": Derived(r"blocks\.\d+\.resid_pre", ("pos",), _patches(1), _moved("stream")),
    "moved_head": Derived(OWN + "z", ("head",), _patches(1), _moved("head")),
    "moved_word": Derived(OWN + "z", ("head", "pos"), _patches(2), _moved("word")),
    "moved_mlp": Derived(r"blocks\.\d+\.mlp_out", ("1",), _patches(0), _moved("mlp")),
    "moved_cross": Derived(r"blocks\.\d+\.cross\.z", ("head",), _patches(1), _moved("cross")),
    "moved_encoder": Derived(r"encoder\.blocks\.\d+\.resid_pre", ("pos",), _patches(1), _moved("encoder")),
    **AKIN,
    **CARRIED,
    **CHECKED,
    **DRIFTED,
    **HABITUAL,
    **LOST,
    **MEASURED,
    **SHARED,
    **PROBED,
    **SCORED,
    **SEARCHED,
    **TAUGHT,
    **WORKED,
    **VOTED,
}
