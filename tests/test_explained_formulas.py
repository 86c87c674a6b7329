"""The formula that an explanation shows is that of the model it is of, written here once more, by its Config alone."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from support import random_config, random_params, with_encoder

import core
from core.config import ENCODER
from core.explain.subject import Subject
from core.interventions import without
from tests.test_explain import case


def sum_of(x: str, i: str, matrix: str, j: int, bias: bool) -> str:
    """A product with column j of a matrix, and the bias."""
    return rf"\sum_{i} {x}_{i}\,{matrix}_{{{i},{j}}}" + (f" + b_{{{j}}}" if bias else "")


def of_attention(s: Subject, kind: str, step: str, index: tuple[int, ...], name: str) -> str:
    c, off, j, layer = s.config, s.trace.interventions.off, index[-1], int(name.split(".")[1])
    if step in "qkv":
        column, letter = index[0] * c.head_width + j, step.upper()
        if not c.projections:
            return f"{letter} = X"
        if step == "v" and "W_V" in off:
            return "V = X I"
        return f"{letter} = " + sum_of("x", "i", f"W^{letter}", column, c.qkv_bias)
    if step.startswith("rot_"):
        half, own = c.rotary_width // 2, step[-1]
        if j >= 2 * half:
            return own
        angle = rf"\theta_{{{index[1]},{j % half}}}"
        return rf"{own}\cos{angle} {'-' if j < half else '+'} {own}'\sin{angle}"
    divided = {"scores_scaled": rf" / \sqrt{{{c.head_width}}}", "scores_masked": r" / \sqrt{d_k}"}.get(step, "")
    divided = divided if c.scale else ""
    if step == "scores_masked":
        head, query, key = index
        if kind == "attn" and (layer, head, query, key) in s.trace.interventions.cut:
            return r"-\infty"
        padding = s.trace.source_mask if kind == "cross" else s.trace.mask
        hidden = padding is not None and not padding[key]
        hidden |= kind == "attn" and c.causal and key > query
        return f"q k{divided}" + (r" - \infty" if hidden else "")
    t = s.trace.interventions.temperature
    over = "" if t == 1 else f"/{t:g}"
    where = () if kind == "attn" else (kind,)
    return {
        "scores": r"\sum_e q_e\,k_e",
        "scores_scaled": f"q k{divided}",
        "pattern": rf"e^{{s_{{{j}}}{over}}} / \sum_j e^{{s_j{over}}}",
        "z": "z = 0" if (layer, index[0], *where) in s.trace.interventions.ablated else r"z = \sum_k A_k\,v_k",
    }[step]


def of_norm(s: Subject, step: str) -> str:
    layer, eps = s.config.norm == "layer", f"{s.config.norm_eps:g}"
    square = r"(x_j - \bar x)^2" if layer else "x_j^2"
    return {
        "scale": rf"\sqrt{{\frac1d\sum_j {square} + {eps}}}",
        "normalized": r"\hat x = (x - \bar x) / s" if layer else r"\hat x = x / s",
        "out": r"\hat x\,w + b" if layer else r"\hat x\,w",
    }[step]


def of_stream(s: Subject, step: str, name: str) -> str:
    c = s.config
    after = c.norm != "none" and c.norm_at == "post"
    if step == "resid_pre":
        added = c.positions in ("sinusoidal", "learned") and not c.embed_norm
        return "X = X''" if not name.startswith("blocks.0.") else "X = x + P" if added else "X = x"
    gives, part, from_ = {
        "resid_mid": ("X'", r"\mathrm{attn}", "X"),
        "resid_mid_cross": ("X'_c", r"\mathrm{attn}", "X'"),
        "resid_post": ("X''", r"\mathrm{FFN}", "X'"),
    }[step]
    if step == "resid_post" and not c.d_mlp:
        return "X'' = X'"
    if after:
        return rf"{gives} = \mathrm{{norm}}"
    adds = c.residual or (c.parallel and step == "resid_post")
    return f"{gives} = {from_} + {part}" if adds else f"{gives} = {part}"


def of_mlp(s: Subject, step: str, j: int) -> str:
    c = s.config
    f = rf"\mathrm{{{c.activation}}}(a)".replace("_", r"\_")
    return {
        "pre": sum_of("x", "i", "W" if c.gated else "W^1", j, c.mlp_bias and not c.gated),
        "up": sum_of("x", "i", "V", j, c.mlp_bias),
        "act": f,
        "post": r"f(xW) \cdot xV" if c.gated else f,
    }[step]


def of_embeddings(s: Subject, step: str, index: tuple[int, ...]) -> str:
    c, (p, d) = s.config, index
    if step == "embed":
        scale = r"\sqrt{d}\," if c.embed_scale else ""
        return rf"x_{{{p},{d}}} = {scale}W^E_{{{s.ids[p]},{d}}}"
    if c.positions == "learned":
        return rf"P_{{{p},{d}}}"
    n, half = c.d_model, -(-c.d_model // 2)
    wave, twice = (
        ("sin" if d < half else "cos", 2 * (d % half)) if c.sine_halves else (("sin", "cos")[d % 2], d - d % 2)
    )
    return rf"PE = \{wave}({p} / 10000^{{{twice}/{n}}})"


def formula(s: Subject, name: str, index: tuple[int, ...]) -> str:
    """Of a number of a trace, one text."""
    if name.startswith(ENCODER):
        return formula(s.encoder, name.removeprefix(ENCODER), index)
    c, off, j = s.config, s.trace.interventions.off, index[-1]
    rest = re.sub(r"^blocks\.\d+\.", "", name)
    part, _, step = rest.rpartition(".")
    if part in ("attn", "cross"):
        return of_attention(s, part, step, index, name)
    if part.startswith("ln"):
        return of_norm(s, step)
    if part == "mlp":
        return of_mlp(s, step, j)
    if rest.startswith("resid"):
        return of_stream(s, rest, name)
    if rest.endswith("embed"):
        return of_embeddings(s, rest, index)
    if rest in ("attn_out", "cross_out"):
        if not c.projections or "W_O" in off:
            return r"\mathrm{Concat}(z)" + (r"\,I" if c.projections else "")
        return sum_of("z", "j", "W^O", j, c.out_bias)
    if rest == "mlp_out":
        return sum_of("h", "j", "W^2", j, c.mlp_bias)
    own = rf"W^E_{{{j},i}}" if c.tied_unembed else rf"W^U_{{i,{j}}}"
    return rf"\sum_i x_i\,{own}" + (f" + b_{{{j}}}" if c.unembed_bias else "")


def holds(s: Subject, rng: np.random.Generator) -> None:
    for name in s.trace:
        for _ in range(2):
            index = tuple(int(rng.integers(n)) for n in s[name].shape)
            found = core.explain(s, name, index)
            assert found.formula == formula(s, name, index), (name, index)


@pytest.mark.parametrize("tens", range(20))
def test_a_formula_says_what_is_computed(tens: int) -> None:
    for seed in range(10 * tens, 10 * tens + 10):
        holds(*case(seed))


@pytest.mark.parametrize("seed", range(40))
def test_so_does_one_of_two_stacks(seed: int) -> None:
    draw, rng = random.Random(seed), np.random.default_rng(seed)
    config = with_encoder(random_config(draw).replace(parallel=False), draw)
    params, padding = random_params(config, seed), np.arange(6) < 4 + seed % 3
    gone = frozenset({(0, 0, "encoder"), (0, 0, "cross")} if seed % 4 == 0 else ())
    change = core.Interventions(off=frozenset({"scale"} if seed % 5 == 0 else ()), ablated=gone)
    ids, source = rng.integers(0, 5, 4), rng.integers(0, 5, 6)
    trace = core.forward(params, config, ids, source=source, source_mask=padding, interventions=change)
    holds(Subject(params, without(config, change.off), trace, ids), rng)


def test_a_gradient_is_told_by_the_chain_rule_and_that_of_the_loss_by_what_it_is() -> None:
    config = core.PRESETS["gpt"].config.replace(d_model=8, n_heads=2, n_layers=1, d_mlp=8, n_ctx=8, vocab_size=9)
    params, ids = core.init_params(config, 0), np.array([1, 4, 2])
    counts = np.array([True, True, False])
    trace = core.forward(params, config, ids)
    s = Subject(params, config, trace, ids, targets=np.array([4, 2, 0]), counts=counts)
    for name in (
        "embed",
        "blocks.0.attn.z",
        "blocks.0.mlp.post",
        "blocks.0.attn_out",
        "blocks.0.attn.W_Q",
        "ln_final.w",
    ):
        shape = (trace[name] if name in trace else params[name]).shape
        symbol = name.rpartition(".")[2].replace("_", r"\_")
        by = rf"\partial \mathrm{{{symbol}}}"
        chain = rf"\frac{{\partial L}}{{{by}}} = \sum_y \frac{{\partial L}}{{\partial y}}\frac{{\partial y}}{{{by}}}"
        assert core.explain(s, f"grad.{name}", (0,) * len(shape)).formula == chain
    assert core.explain(s, "grad.blocks.0.mlp.pre", (0, 0)).formula == r"\frac{\partial L}{\partial h}\,f'(a)"
    of_logits = [core.explain(s, "grad.logits", place).formula for place in ((0, 4), (0, 3), (1, 2), (2, 0))]
    assert of_logits == ["(p_{4} - 1) / 2", "(p_{3} - 0) / 2", "(p_{2} - 1) / 2", "0"]
    assert core.explain(s, "length.embed", (1,)).formula == r"\lVert x \rVert = \sqrt{\sum_i x_i^2}"
    with pytest.raises(core.ConfigError, match=r"a whole number from 0 to 2|0\.\.2"):
        core.explain(core.Distribution(np.zeros(3), core.Sampling()), "plain", 3)
