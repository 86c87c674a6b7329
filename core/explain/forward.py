"""For every name of a trace, what one of its numbers is computed from; the headings are those of core/model.py.

Each rule is given the Subject, where its layer or norm begins (`blocks.1.`), and the number's place: `b`, of a batch,
and its own axes. Sources are those of core/model.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from math import cos, sin, sqrt

import numpy as np

from ..config import ENCODER
from ..model import norm_places
from ..ops.activations import ACTIVATIONS
from ..ops.positions import rotary_angles, rotary_rates
from ..trace import last_stream
from .explanation import Made, Operand, Term, dot, same, the_sum
from .subject import ALONE, Subject

Rule = Callable[..., Made]
Place = tuple[int, ...]


def made(s: Subject, name: str, b: Place, own: Place) -> Made:
    """By the rule for this name."""
    layer, _, rest = re.fullmatch(r"(blocks\.(\d+)\.)?(.*)", name).groups()  # type: ignore[union-attr]
    at = layer or ""
    head, _, step = rest.rpartition(".")
    if step in NORMS and head.startswith("ln"):
        return NORMS[step](s, at + head, b, *own)
    return RULES[rest](s, at, b, *own)


def bias(s: Subject, name: str, *index: int) -> list[Operand]:
    """The bias's number, where there is one."""
    return [s.cell(name, *index)] if name in s.params else []


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
    into = {"ln1": "resid_pre", "ln_cross": "resid_mid", "ln2": before_mlp(s)}[which]
    if norm_places(s.config)[0]:
        return (layer + into,)
    added = {"ln1": "attn_out", "ln_cross": "cross_out", "ln2": "mlp_out"}[which]
    return (layer + into, layer + added) if s.config.residual else (layer + added,)


def before_mlp(s: Subject) -> str:
    """The stream that the MLP reads."""
    return "resid_pre" if s.config.parallel else middle(s)


def middle(s: Subject) -> str:
    """The stream that the MLP is added to."""
    return "resid_mid_cross" if s.config.cross else "resid_mid"


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
    shift = bias(s, at + ".b", d) if s.config.norm == "layer" else []
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
        return same("X'' = X'", s.cell(at + middle(s), *b, p, d))
    if norm_places(s.config)[1]:
        return same(r"X'' = \mathrm{norm}", s.cell(at + "ln2.out", *b, p, d))
    both = s.config.residual or s.config.parallel
    names = (at + middle(s), at + "mlp_out") if both else (at + "mlp_out",)
    return added_up(s, r"X'' = X' + \mathrm{FFN}" if both else r"X'' = \mathrm{FFN}", names, b, p, d)


# ------------------------------------------------------------------------------------------------------ attention


def attention_input(s: Subject, at: str, kind: str = "attn", letter: str = "Q") -> str:
    """What queries, or keys and values, are projected from."""
    if kind == "cross" and letter != "Q":
        return memory(s)
    first, second = ("ln1.out", "resid_pre") if kind == "attn" else ("ln_cross.out", "resid_mid")
    return at + (first if norm_places(s.config)[0] else second)


def memory(s: Subject) -> str:
    """The encoder's output, at which the decoder looks."""
    return last_stream(s.config.encoder, ENCODER)


def is_hidden(s: Subject, kind: str, b: Place, q: int, k: int) -> bool:
    """Whether the mask, or padding, hides a key."""
    padding = s.trace.mask if kind == "attn" else s.trace.source_mask
    padded = padding is not None and not (padding[(*b, k)] if padding.ndim > 1 else padding[k])
    return padded or (kind == "attn" and s.config.causal and k > q)


def cuts(s: Subject, at: str, kind: str) -> list[tuple[int, int, int]]:
    """The edges (head, query, key) that the reader has cut of a layer's attention."""
    return s.trace.interventions.cut_in(int(at.split(".")[1])) if kind == "attn" else []


def projected(letter: str, kind: str) -> Rule:
    def rule(s: Subject, at: str, b: Place, h: int, p: int, e: int) -> Made:
        x, j = attention_input(s, at, kind, letter), h * s.config.head_width + e
        if not s.config.projections:
            return same(rf"{letter} = X", s.cell(x, *b, p, j))
        if letter == "V" and "W_V" in s.trace.interventions.off:
            return same("V = X I", s.cell(x, *b, p, j)) if j < s.config.d_model else Made("V = X I", "edit")
        W, added = f"{at}{kind}.W_{letter}", bias(s, f"{at}{kind}.b_{letter}", j)
        formula = rf"{letter} = \sum_i x_i\,W^{letter}_{{i,{j}}}" + (f" + b_{{{j}}}" if added else "")
        return the_sum(formula, dot(s.row(x, *b, p), s.column(W, j), *added))

    return rule


def turn(s: Subject, name: str, pair: int) -> tuple[float, float]:
    """By how many radians a token this pair of q or k turns, and by how much both are multiplied."""
    c = s.config
    rates = rotary_rates(s[name].shape[-2], c.rotary_width, c.rotary_base, c.rotary_scaling)
    return float(rates[pair]), c.rotary_scaling.magnitude if c.rotary_scaling else 1.0


def rotated(letter: str) -> Rule:
    def rule(s: Subject, at: str, b: Place, h: int, p: int, e: int) -> Made:
        name = f"{at}attn.{letter}"
        x, width = s.cell(name, *b, h, p, e), s.config.rotary_width
        if e >= width:
            return same(letter, x)
        half, n = width // 2, s[name].shape[-2]
        about = (width, s.config.rotary_base, np.dtype(np.float64), s.config.rotary_scaling)
        turn, pair = rotary_angles(n, *about), e % half
        sign, other = (-1, e + half) if e < half else (1, e - half)
        operands = (x, s.cell(name, *b, h, p, other), Operand("position", (p,), float(p)))

        def turned(v: np.ndarray) -> float:
            cosine, sine = (table[int(v[2]), pair] for table in turn)
            return float(v[0] * cosine + sign * v[1] * sine)

        formula = rf"{letter}\cos\theta_{{{p},{pair}}} {'-' if sign < 0 else '+'} {letter}'\sin\theta_{{{p},{pair}}}"
        return Made(formula, "function", operands, rule=turned)

    return rule


def scores(s: Subject, at: str, b: Place, h: int, q: int, k: int, kind: str = "attn") -> Made:
    turned = "rot_" if s.config.positions == "rotary" and kind == "attn" else ""
    group = h * s.config.kv_heads // s.config.n_heads
    rows = s.row(f"{at}{kind}.{turned}q", *b, h, q), s.row(f"{at}{kind}.{turned}k", *b, group, k)
    return the_sum(r"\sum_e q_e\,k_e", dot(*rows))


def scores_scaled(s: Subject, at: str, b: Place, h: int, q: int, k: int, kind: str = "attn") -> Made:
    score, width = s.cell(f"{at}{kind}.scores", *b, h, q, k), s.config.head_width
    if not s.config.scale:
        return same("q k", score)
    return the_sum(rf"q k / \sqrt{{{width}}}", [Term((score,), 1 / sqrt(width))])


def scores_masked(s: Subject, at: str, b: Place, h: int, q: int, k: int, kind: str = "attn") -> Made:
    if (h, q, k) in cuts(s, at, kind):
        return Made(r"-\infty", "edit")
    score = s.cell(f"{at}{kind}.scores_scaled", *b, h, q, k)
    if not is_hidden(s, kind, b, q, k):
        return same(r"q k / \sqrt{d_k}", score)
    return the_sum(r"q k / \sqrt{d_k} - \infty", [Term((score,)), Term((Operand("mask", (q, k), -np.inf),))])


def pattern(s: Subject, at: str, b: Place, h: int, q: int, k: int, kind: str = "attn") -> Made:
    row, temperature = s.row(f"{at}{kind}.scores_masked", *b, h, q), s.trace.interventions.temperature
    flat = "softmax" in s.trace.interventions.off
    if flat and f"{at}{kind}.scores_masked" not in s.trace.interventions.patch:
        cut = cuts(s, at, kind)
        hidden = [is_hidden(s, kind, b, q, j) or (h, q, j) in cut for j in range(len(row))]
        row = [Operand("mask", (q, j), -np.inf if hidden[j] else 0.0) for j in range(len(row))]

    def rule(x: np.ndarray) -> float:
        x = np.where(np.isneginf(x), x, 0.0) if flat else x
        e = np.exp((x - x.max()) / temperature)
        return e[k] / e.sum()

    over = "" if temperature == 1 else rf"/{temperature:g}"
    return Made(rf"e^{{s_{{{k}}}{over}}} / \sum_j e^{{s_j{over}}}", "function", tuple(row), rule=rule)


def z(s: Subject, at: str, b: Place, h: int, q: int, e: int, kind: str = "attn") -> Made:
    if h in s.trace.interventions.ablated_in(int(at.split(".")[1]), kind):
        return Made("z = 0", "edit")
    weights = s.row(f"{at}{kind}.pattern", *b, h, q)
    group = h * s.config.kv_heads // s.config.n_heads
    values = [s.cell(f"{at}{kind}.v", *b, group, k, e) for k in range(len(weights))]
    return the_sum(r"z = \sum_k A_k\,v_k", dot(weights, values))


def attn_out(s: Subject, at: str, b: Place, p: int, d: int, kind: str = "attn") -> Made:
    width, bare = s.config.head_width, not s.config.projections
    if bare or "W_O" in s.trace.interventions.off:
        h, e = divmod(d, width)
        formula = r"\mathrm{Concat}(z)" if bare else r"\mathrm{Concat}(z)\,I"
        return same(formula, s.cell(f"{at}{kind}.z", *b, h, p, e)) if h < s.config.n_heads else Made(formula, "edit")
    heads = [operand for h in range(s.config.n_heads) for operand in s.row(f"{at}{kind}.z", *b, h, p)]
    added = bias(s, f"{at}{kind}.b_O", d)
    return the_sum(
        rf"\sum_j z_j\,W^O_{{j,{d}}}" + (f" + b_{{{d}}}" if added else ""),
        dot(heads, s.column(f"{at}{kind}.W_O", d), *added),
    )


# ------------------------------------------------------------------------------------------------------------ mlp


def mlp_input(s: Subject, at: str) -> str:
    return at + ("ln2.out" if norm_places(s.config)[0] else before_mlp(s))


def hidden(matrix: str) -> Rule:
    def rule(s: Subject, at: str, b: Place, p: int, j: int) -> Made:
        W = f"{at}mlp.{'W_gate' if matrix == 'pre' and s.config.gated else 'W_in'}"
        added = [] if W.endswith("gate") else bias(s, at + "mlp.b_in", j)
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
    added = bias(s, at + "mlp.b_out", d)
    formula = rf"\sum_j h_j\,W^2_{{j,{d}}}" + (f" + b_{{{d}}}" if added else "")
    return the_sum(formula, dot(s.row(at + "mlp.post", *b, p), s.column(at + "mlp.W_out", d), *added))


# -------------------------------------------------------------------------------------------------------- unembed


def unembed_input(s: Subject) -> str:
    return last_stream(s.config)


def logits(s: Subject, at: str, b: Place, p: int, v: int) -> Made:
    matrix = s.row("embed.W_E", v) if s.config.tied_unembed else s.column("unembed.W_U", v)
    added = bias(s, "unembed.b_U", v)
    letter = rf"W^E_{{{v},i}}" if s.config.tied_unembed else rf"W^U_{{i,{v}}}"
    formula = rf"\sum_i x_i\,{letter}" + (f" + b_{{{v}}}" if added else "")
    return the_sum(formula, dot(s.row(unembed_input(s), *b, p), matrix, *added))


NORMS: dict[str, Rule] = {"scale": norm_scale, "normalized": norm_normalized, "out": norm_out}
RULES: dict[str, Rule] = {
    "embed": embed,
    "pos_embed": pos_embed,
    "resid_pre": resid_pre,
    "attn.rot_q": rotated("q"),
    "attn.rot_k": rotated("k"),
    "resid_mid": resid_mid,
    "resid_mid_cross": resid_mid_cross,
    "mlp.pre": hidden("pre"),
    "mlp.up": hidden("up"),
    "mlp.act": activated,
    "mlp.post": mlp_post,
    "mlp_out": mlp_out,
    "resid_post": resid_post,
    "logits": logits,
}
for _kind in ("attn", "cross"):
    RULES |= {f"{_kind}.{letter.lower()}": projected(letter, _kind) for letter in "QKV"}
    _rules: dict[str, Rule] = {"scores": scores, "scores_scaled": scores_scaled, "scores_masked": scores_masked}
    _rules |= {"pattern": pattern, "z": z}
    RULES |= {f"{_kind}.{name}": partial(rule, kind=_kind) for name, rule in _rules.items()}
    RULES[f"{_kind}_out"] = partial(attn_out, kind=_kind)
