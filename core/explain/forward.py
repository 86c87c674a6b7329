"""For every name of a trace, what one of its numbers is computed from; the headings are those of core/model.py.

Each rule is given the Subject, where its layer or norm begins (`blocks.1.`), and the number's place: `b`, of a batch,
and its own axes. Sources are those of core/model.py. The rules of attention are in attention.py.
"""

from __future__ import annotations

import re
from math import cos, sin, sqrt

import numpy as np

from ..activations import before_mlp, last_stream, mlp_stream
from ..model import norm_places
from ..ops.activations import ACTIVATIONS
from . import attention
from .attention import Rule
from .explanation import Made, Operand, Place, Term, dot, same, the_sum
from .subject import ALONE, Subject


def made(s: Subject, name: str, b: Place, own: Place) -> Made:
    """By the rule for this name."""
    layer, _, rest = re.fullmatch(r"(blocks\.(\d+)\.)?(.*)", name).groups()  # type: ignore[union-attr]
    at = layer or ""
    head, _, step = rest.rpartition(".")
    if step in NORMS and head.startswith("ln"):
        return NORMS[step](s, at + head, b, *own)
    return RULES[rest](s, at, b, *own)


def after_blocks(s: Subject) -> str:
    return f"blocks.{s.config.n_layers - 1}.resid_post"


# ---------------------------------------------------------------------------------------------------------- embed


def embed(s: Subject, at: str, b: Place, p: int, d: int) -> Made:
    if (p, d) in s.edits:
        return Made(r"\text{edit}", "edit")
    if s.ids is None or p in s.by_hand:
        return Made(rf"e_{{{p},{d}}}", "token")
    token = int(s.ids[(*b, p)] if s.ids.ndim > 1 else s.ids[p])
    factor = sqrt(s.config.d_model) if s.config.embed_scale else 1.0
    scaled = r"\sqrt{d}\," if s.config.embed_scale else ""
    return the_sum(rf"x_{{{p},{d}}} = {scaled}W^E_{{{token},{d}}}", [Term((s.cell("embed.W_E", token, d),), factor)])


def pos_embed(s: Subject, at: str, b: Place, p: int, d: int) -> Made:
    if s.config.positions == "learned":
        return same(rf"P_{{{p},{d}}}", s.cell("pos_embed.W_pos", p, d))
    n, half = s.config.d_model, (s.config.d_model + 1) // 2
    pair, cosine = (d % half, d >= half) if s.config.sine_halves else (d // 2, bool(d % 2))
    speed, wave = 10000 ** (2 * pair / n), cos if cosine else sin
    place = Operand("position", (p,), float(p))
    formula = rf"PE = \{'cos' if cosine else 'sin'}({p} / 10000^{{{2 * pair}/{n}}})"
    return Made(formula, "function", (place,), rule=lambda x: wave(x[0] / speed))


def embedded(s: Subject) -> tuple[str, ...]:
    """What is added up before the first block, or before the norm that stands there."""
    return ("embed", "pos_embed") if s.config.positions in ("sinusoidal", "learned") else ("embed",)


def into_first_block(s: Subject) -> tuple[str, ...]:
    return ("ln_embed.out",) if s.config.embed_norm else embedded(s)


# ----------------------------------------------------------------------------------------------------------- norm


def norm_input(s: Subject, at: str) -> tuple[str, ...]:
    """The names whose sum a norm is given."""
    if at in ("ln_embed", "ln_final"):
        return embedded(s) if at == "ln_embed" else (after_blocks(s),)
    layer, _, which = at.rpartition(".")
    layer += "."
    into = {"ln1": "resid_pre", "ln_cross": "resid_mid", "ln2": before_mlp(s.config)}[which]
    if norm_places(s.config)[0]:
        return (layer + into,)
    added = {"ln1": "attn_out", "ln_cross": "cross_out", "ln2": "mlp_out"}[which]
    return (layer + into, layer + added) if s.config.residual else (layer + added,)


def stream_cell(s: Subject, name: str, b: Place, p: int, d: int) -> Operand:
    return s.cell(name, p, d) if name in ALONE else s.cell(name, *b, p, d)


def stream_row(s: Subject, name: str, b: Place, p: int) -> list[Operand]:
    return s.row(name, p) if name in ALONE else s.row(name, *b, p)


def added_up(s: Subject, formula: str, names: tuple[str, ...], b: Place, p: int, d: int) -> Made:
    return the_sum(formula, [Term((stream_cell(s, name, b, p, d),)) for name in names])


def norm_scale(s: Subject, at: str, b: Place, p: int, _: int) -> Made:
    names, layer, eps = norm_input(s, at), s.config.norm == "layer", s.config.norm_eps
    rows = [operand for name in names for operand in stream_row(s, name, b, p)]

    def rule(values: np.ndarray) -> float:
        x = values.reshape(len(names), -1).sum(0)
        return sqrt(np.mean((x - x.mean() if layer else x) ** 2) + eps)

    mean = r"\frac1d\sum_j (x_j - \bar x)^2" if layer else r"\frac1d\sum_j x_j^2"
    return Made(rf"\sqrt{{{mean} + {eps:g}}}", "function", tuple(rows), rule=rule)


def norm_normalized(s: Subject, at: str, b: Place, p: int, d: int) -> Made:
    scale, terms = (s.cell(at + ".scale", *b, p, 0),), []
    for name in norm_input(s, at):
        if s.config.norm == "rms":
            terms.append(Term((stream_cell(s, name, b, p, d),), 1.0, scale))
            continue
        for j, x in enumerate(stream_row(s, name, b, p)):
            terms.append(Term((x,), (j == d) - 1 / s.config.d_model, scale))
    return the_sum(r"\hat x = (x - \bar x) / s" if s.config.norm == "layer" else r"\hat x = x / s", terms)


def norm_out(s: Subject, at: str, b: Place, p: int, d: int) -> Made:
    x, w = s.cell(at + ".normalized", *b, p, d), s.cell(at + ".w", d)
    shift = s.bias(at + ".b", d) if s.config.norm == "layer" else []
    return the_sum(r"\hat x\,w + b" if shift else r"\hat x\,w", dot([x], [w], *shift))


# ---------------------------------------------------------------------------------------------------------- block


def resid_pre(s: Subject, at: str, b: Place, p: int, d: int) -> Made:
    i = int(at.split(".")[1])
    names = (f"blocks.{i - 1}.resid_post",) if i else into_first_block(s)
    return added_up(s, "X = X''" if i else "X = x + P" if len(names) > 1 else "X = x", names, b, p, d)


def resid_mid(s: Subject, at: str, b: Place, p: int, d: int) -> Made:
    if norm_places(s.config)[1]:
        return same(r"X' = \mathrm{norm}", s.cell(at + "ln1.out", *b, p, d))
    names = (at + "resid_pre", at + "attn_out") if s.config.residual else (at + "attn_out",)
    return added_up(s, r"X' = X + \mathrm{attn}" if s.config.residual else r"X' = \mathrm{attn}", names, b, p, d)


def resid_mid_cross(s: Subject, at: str, b: Place, p: int, d: int) -> Made:
    if norm_places(s.config)[1]:
        return same(r"X'_c = \mathrm{norm}", s.cell(at + "ln_cross.out", *b, p, d))
    names = (at + "resid_mid", at + "cross_out") if s.config.residual else (at + "cross_out",)
    return added_up(s, r"X'_c = X' + \mathrm{attn}" if s.config.residual else r"X'_c = \mathrm{attn}", names, b, p, d)


def resid_post(s: Subject, at: str, b: Place, p: int, d: int) -> Made:
    if not s.config.d_mlp:
        return same("X'' = X'", s.cell(at + mlp_stream(s.config), *b, p, d))
    if norm_places(s.config)[1]:
        return same(r"X'' = \mathrm{norm}", s.cell(at + "ln2.out", *b, p, d))
    both = s.config.residual or s.config.parallel
    names = (at + mlp_stream(s.config), at + "mlp_out") if both else (at + "mlp_out",)
    return added_up(s, r"X'' = X' + \mathrm{FFN}" if both else r"X'' = \mathrm{FFN}", names, b, p, d)


# ------------------------------------------------------------------------------------------------------------ mlp


def mlp_input(s: Subject, at: str) -> str:
    return at + ("ln2.out" if norm_places(s.config)[0] else before_mlp(s.config))


def hidden(matrix: str) -> Rule:
    def rule(s: Subject, at: str, b: Place, p: int, j: int) -> Made:
        W = f"{at}mlp.{'W_gate' if matrix == 'pre' and s.config.gated else 'W_in'}"
        added = [] if W.endswith("gate") else s.bias(at + "mlp.b_in", j)
        letter = "W" if W.endswith("gate") else "V" if s.config.gated else "W^1"
        formula = rf"\sum_i x_i\,{letter}_{{i,{j}}}" + (f" + b_{{{j}}}" if added else "")
        return the_sum(formula, dot(s.row(mlp_input(s, at), *b, p), s.column(W, j), *added))

    return rule


def activated(s: Subject, at: str, b: Place, p: int, j: int) -> Made:
    f = ACTIVATIONS[s.config.activation]
    name = s.config.activation.replace("_", r"\_")
    pre = s.cell(at + "mlp.pre", *b, p, j)
    return Made(rf"\mathrm{{{name}}}(a)", "function", (pre,), rule=lambda x: float(f(x)[0]))


def mlp_post(s: Subject, at: str, b: Place, p: int, j: int) -> Made:
    if not s.config.gated:
        return activated(s, at, b, p, j)
    act, up = (s.cell(at + name, *b, p, j) for name in ("mlp.act", "mlp.up"))
    return the_sum(r"f(xW) \cdot xV", [Term((act, up))])


def mlp_out(s: Subject, at: str, b: Place, p: int, d: int) -> Made:
    added = s.bias(at + "mlp.b_out", d)
    formula = rf"\sum_j h_j\,W^2_{{j,{d}}}" + (f" + b_{{{d}}}" if added else "")
    return the_sum(formula, dot(s.row(at + "mlp.post", *b, p), s.column(at + "mlp.W_out", d), *added))


# -------------------------------------------------------------------------------------------------------- unembed


def logits(s: Subject, at: str, b: Place, p: int, v: int) -> Made:
    matrix = s.row("embed.W_E", v) if s.config.tied_unembed else s.column("unembed.W_U", v)
    added = s.bias("unembed.b_U", v)
    letter = rf"W^E_{{{v},i}}" if s.config.tied_unembed else rf"W^U_{{i,{v}}}"
    formula = rf"\sum_i x_i\,{letter}" + (f" + b_{{{v}}}" if added else "")
    return the_sum(formula, dot(s.row(last_stream(s.config), *b, p), matrix, *added))


NORMS: dict[str, Rule] = {"scale": norm_scale, "normalized": norm_normalized, "out": norm_out}
RULES: dict[str, Rule] = {
    "embed": embed,
    "pos_embed": pos_embed,
    "resid_pre": resid_pre,
    "resid_mid": resid_mid,
    "resid_mid_cross": resid_mid_cross,
    "mlp.pre": hidden("pre"),
    "mlp.up": hidden("up"),
    "mlp.act": activated,
    "mlp.post": mlp_post,
    "mlp_out": mlp_out,
    "resid_post": resid_post,
    "logits": logits,
    **attention.RULES,
}
