"""For the gradient of every parameter, the terms of the chain rule: one for each token that used it."""

from __future__ import annotations

from math import sqrt

import numpy as np

from ..activations import last_stream
from .attention import attention_input
from .chain_rule import Terms, chain, grad, times
from .explanation import Made, Place, Term
from .forward import mlp_input
from .subject import Subject


def of_parameter(s: Subject, name: str, place: Place) -> Made:
    """Summed over every position, and every entry of a batch: each of them used it."""
    return chain(name, [*_uses(s, name, place)])


def _uses(s: Subject, name: str, place: Place) -> Terms:
    at, _, letter = name.rpartition(".")
    if name == "embed.W_E":
        yield from _embeddings(s, *place)
    elif name == "pos_embed.W_pos":
        if "pos_embed" in s.trace and place[0] < s["pos_embed"].shape[0]:
            yield from times(grad(s, "pos_embed", *place))
    elif letter == "w":
        for b in _places(s, at + ".out"):
            yield from times(grad(s, at + ".out", *b, *place), s.cell(at + ".normalized", *b, *place))
    elif letter == "b":
        for b in _places(s, at + ".out"):
            yield from times(grad(s, at + ".out", *b, *place))
    else:
        yield from _of_matrix(s, at, letter, place)


def _places(s: Subject, name: str) -> list[Place]:
    """Every token's place in an activation: that of the batch, and the position."""
    return [*np.ndindex(s[name].shape[:-1])] if name in s.trace else []


def _of_matrix(s: Subject, at: str, letter: str, place: Place) -> Terms:
    """Of a matrix (i, j), or of the bias behind it (j): the gradient of what came out times what went in."""
    form, _, which = letter.partition("_")
    layer, _, kind = at.rpartition(".")
    layer += "." if layer else ""
    outputs = {"in": "mlp.up" if s.config.gated else "mlp.pre", "gate": "mlp.pre", "out": "mlp_out", "O": f"{kind}_out"}
    if at == "unembed":
        given, gave = last_stream(s.config), "logits"
    else:
        gave = layer + outputs.get(which, f"{kind}.{which.lower()}")
        given = {"out": layer + "mlp.post", "O": f"{layer}{kind}.z"}.get(which, "")
        given = given or (mlp_input(s, layer) if kind == "mlp" else attention_input(s, layer, kind, which))
    if gave not in s.trace:
        return
    j, width = place[-1], s.config.head_width
    for token in _places(s, given) if which in "QKV" else _tokens(s):
        b, p = token[:-1], token[-1]
        out: Place = (*b, j // width, p, j % width) if which in "QKV" else (*token, j)
        if form == "b":
            yield from times(grad(s, gave, *out))
            continue
        i = place[0]
        entry = (*b, i // width, p, i % width) if which == "O" else (*token, i)
        yield from times(grad(s, gave, *out), s.cell(given, *entry))


def _tokens(s: Subject) -> list[Place]:
    return _places(s, "embed")


def _embeddings(s: Subject, token: int, d: int) -> Terms:
    ids = s.trace.ids  # embeddings that were given were not looked up
    if ids is not None:
        for found in np.argwhere(ids == token).tolist():
            yield from times(
                grad(s, "embed", *found, d), factor=sqrt(s.config.d_model) if s.config.embed_scale else 1.0
            )
    if s.trace.source is not None and "encoder.embed.W_E" not in s.params:  # both stacks share one table
        yield from ((_outside(s, term)) for term in _embeddings(s.encoder, token, d))
    if s.config.tied_unembed:
        for place in _tokens(s):
            yield from times(grad(s, "logits", *place, token), s.cell(last_stream(s.config), *place, d))


def _outside(s: Subject, term: Term) -> Term:
    return Term(tuple(map(s.outside, term.operands)), term.factor, tuple(map(s.outside, term.over)))
