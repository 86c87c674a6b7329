"""`core.explain`: from a run, a name and a place to an Explanation."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np

from ..activations import axes_of
from ..arguments import array, instance, wrong
from ..config import ENCODER
from . import backward, forward, parameters, sampling
from .attention import is_hidden
from .explanation import Explanation, Made, Term
from .subject import ALONE, GRAD, LENGTH, LOSS, Subject


def explain(
    run: Any,
    name: str,
    index: tuple[int, ...] = (),
    *,
    targets: np.ndarray | None = None,
    upstream: Mapping[str, np.ndarray] | None = None,
    counts: np.ndarray | None = None,
) -> Explanation:
    """What a number of a run is made of: the formula, and the numbers in it, each of which can be asked for in turn.

    run: a `core.Run`, or whatever has .params, .config and .trace as it has; or a `Distribution`, from which a token
    is drawn, whose names are those of core/explain/sampling.py.
    name: of the trace, of a parameter, or `grad.` and either of these: the gradient of the mean cross-entropy of
    `targets` [..., pos] over the positions that `counts` [..., pos] says (None: all), or of what `upstream` lets in, as
    in `backward`. Or `length.` and any of these that holds vectors along its last axis: their lengths.
    index: the place in it, a whole number an axis.
    Raises: ConfigError for a name that the run has not, and a place outside it; for `grad.` without a loss; for a trace
    that keeps too little.
    """
    if isinstance(run, sampling.Distribution):
        return sampling.explained(run, instance("name", name, str), index)
    s = Subject.of(run, targets, upstream, counts)
    if instance("name", name, str) in LEAVES:
        return _leaf(s, name, index)
    place = s.checked(name, index)
    with np.errstate(all="ignore"):
        made = _made(s, name, place)
    return Explanation(name, place, float(s[name][place]), *made)


MASKS = {"mask": "attn", "cross.mask": "cross", f"{ENCODER}mask": "attn"}  # and the kind of attention that has it
LEAVES = ("position", *MASKS)


def _leaf(s: Subject, name: str, index: tuple[int, ...]) -> Explanation:
    """Where a token stands; or what a mask adds to a score, (..., query, key), for which nothing was computed.

    Minus infinity where the causal mask or padding hides the key, else 0. `mask` is of the only stack or the decoder's
    own, `cross.mask` of its looks at the encoder, `encoder.mask` of the encoder's own.
    Raises: ConfigError for a mask that this model has not.
    """
    places = tuple(int(i) for i in np.atleast_1d(array("index", index, "iu")))
    if name == "position":
        return Explanation(name, places, float(places[0]), "p", "position")
    if name != "mask" and s.trace.source is None:
        raise wrong("name", name, "a mask of this model")
    if len(places) < 2:
        raise wrong("index", index, "(..., query, key)")
    *b, query, key = places
    hidden = is_hidden(s.encoder if name.startswith(ENCODER) else s, MASKS[name], tuple(b), query, key)
    return Explanation(name, places, -np.inf if hidden else 0.0, "M", "position")


def _made(s: Subject, name: str, place: tuple[int, ...]) -> Made:
    if name.startswith(LENGTH):
        vector = tuple(s.row(name.removeprefix(LENGTH), *place))
        return Made(r"\lVert x \rVert = \sqrt{\sum_i x_i^2}", "function", vector, rule=lambda x: sqrt(np.sum(x**2)))
    if name.startswith(LOSS):
        return Made(r"\partial L", "loss")
    bare = name.removeprefix(GRAD)
    if bare.startswith(ENCODER):
        if s.is_patched(name, place):
            return Made(r"\text{patch}", "edit")
        start = GRAD if name != bare else ""
        return _outside(s, _made(s.encoder, start + bare.removeprefix(ENCODER), place))
    if bare in s.params and bare not in s.trace:
        return parameters.of_parameter(s, bare, place) if name != bare else Made("W", "parameter")
    n = len(axes_of(bare))
    b, own = ((), place) if bare in ALONE else (place[: len(place) - n], place[len(place) - n :])
    if name != bare:
        return backward.made(s, bare, b, own)
    if s.is_patched(name, place):
        return Made(r"\text{patch}", "edit")
    return forward.made(s, name, b, own)


def _outside(s: Subject, made: Made) -> Made:
    """What an encoder's own rule says, by the names of the whole model."""
    terms = (Term(tuple(map(s.outside, t.operands)), t.factor, tuple(map(s.outside, t.over))) for t in made.terms)
    return made._replace(operands=tuple(map(s.outside, made.operands)), terms=tuple(terms))
