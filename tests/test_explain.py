"""Every number explains itself: from its operands it comes again, and the way back ends at the word."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from support import golden, random_config, random_params, with_encoder

import core
from core.backward import NO_BACKWARD
from core.explain.explanation import LEAVES, Operand
from core.explain.subject import Subject
from core.interventions import PARTS, without
from core.weights.half_precision import Half

CELLS = 50
TOLERANCE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-6}


def size(explanation: core.Explanation) -> float:
    """What rounding is measured by: the numbers that were added up."""
    terms = [abs(term.value) for term in explanation.terms] or [abs(explanation.value)]
    return max(1.0, float(np.sum(terms)))


def agrees(explanation: core.Explanation, dtype: np.dtype) -> bool:
    got, value = explanation.recomputed(), explanation.value
    if not np.isfinite(value):
        return got == value or not np.isfinite(got)
    return abs(got - value) <= TOLERANCE[dtype] * size(explanation)


def some_cells(s: Subject, rng: np.random.Generator, names: list[str], n: int) -> list[tuple[str, tuple[int, ...]]]:
    """So many places, every name in turn."""
    order = [names[i] for i in rng.permutation(len(names))]
    picked = [order[i % len(order)] for i in range(n)]
    return [(name, tuple(int(rng.integers(size)) for size in s[name].shape)) for name in picked]


def walk_down(s: Subject, name: str, index: tuple[int, ...], rng: np.random.Generator) -> list[str]:
    """The names on one way back, at each step by an operand drawn at random, which is explained as the number that it
    was said to be; it must end in a leaf."""
    way, told = [], s[name][index]
    for _ in range(400):
        explanation = core.explain(s, name, index)
        way.append(name)
        assert explanation.value == told or np.isnan(told), (way, index, told, explanation.value)
        if explanation.is_leaf:
            return way
        if not explanation.operands:  # a sum of nothing: no gradient comes here
            assert explanation.value == 0 and name.startswith("grad.")
            return way
        one = explanation.operands[rng.integers(len(explanation.operands))]
        name, index, told = one.name, one.index, one.value
    raise AssertionError(way)


def case(seed: int) -> tuple[Subject, np.random.Generator]:
    draw, rng = random.Random(seed), np.random.default_rng(seed)
    config = random_config(draw)
    dtype = (np.float64, np.float32)[seed % 2]
    off = frozenset(draw.sample(PARTS, draw.choice([0, 0, 0, 1, 2])))
    gone = frozenset({(0, 0)} if draw.random() < 0.3 else ())
    params = {name: p.astype(dtype) for name, p in random_params(config, seed).items()}
    cut = frozenset({(0, 0, 4, 1), (0, config.n_heads - 1, 3, 0)} if seed % 3 else ())
    change = core.Interventions(draw.choice((1.0, 0.7)), gone, off, cut=cut)
    trace = core.forward(params, config, rng.integers(0, config.vocab_size, 5), interventions=change)
    return Subject(params, without(config, off), trace, trace.ids), rng


def check(s: Subject, rng: np.random.Generator, names: list[str]) -> None:
    dtype = s.trace["embed"].dtype
    for name, index in some_cells(s, rng, names, CELLS):
        explanation = core.explain(s, name, index)
        assert explanation.value == s[name][index] or np.isnan(explanation.value)
        assert agrees(explanation, dtype), (name, index, explanation.value, explanation.recomputed())
        for operand in explanation.operands[:: max(1, len(explanation.operands) // 4)]:
            if re.match(r"(grad\.)?(encoder\.)?(blocks|embed|ln|logits|pos_embed|unembed)", operand.name):
                assert operand.value == s[operand.name][operand.index] or np.isnan(operand.value)


@pytest.mark.parametrize("tens", range(20))
def test_random_models(tens):
    for seed in range(10 * tens, 10 * tens + 10):
        s, rng = case(seed)
        names = [*s.trace]
        check(s, rng, names)
        for name, index in some_cells(s, rng, names, 6):
            walk_down(s, name, index, rng)


@pytest.mark.parametrize("seed", range(0, 80, 2))
def test_random_gradients(seed):
    s, rng = case(seed)
    if s.trace.interventions.off & NO_BACKWARD:
        with pytest.raises(core.ConfigError, match="off: backward does not go through"):
            core.explain(Subject(s.params, s.config, s.trace, upstream={"embed": 0.0}), "grad.embed", (0, 0))
        return
    last = [*s.trace][-1]
    targets = rng.integers(0, s.config.vocab_size, 5) if last == "logits" else None
    upstream = {"blocks.0.resid_mid": rng.standard_normal(s.trace["blocks.0.resid_mid"].shape)}
    s = Subject(s.params, s.config, s.trace, s.ids, targets=targets, upstream=upstream)
    names = [f"grad.{name}" for name in s.grads]
    check(s, rng, names)
    for name, index in some_cells(s, rng, names, 4):
        walk_down(s, name, index, rng)


@pytest.mark.parametrize("seed", range(40))
def test_encoder_decoders(seed):
    """Both stacks and the attention between them, in both directions, with padding."""
    draw, rng = random.Random(seed), np.random.default_rng(seed)
    config = with_encoder(random_config(draw).replace(parallel=False), draw)
    params = random_params(config, seed)
    off = frozenset(draw.sample((*PARTS, "cross"), draw.choice([0, 0, 0, 1])))
    ids, source = rng.integers(0, 5, 4), rng.integers(0, 5, 6)
    padding = {"source_mask": np.arange(6) < 5} if seed % 3 == 0 else {}
    change = core.Interventions(off=off, ablated=frozenset({(0, 0, "encoder")} if seed % 4 == 0 else ()))
    trace = core.forward(params, config, ids, source=source, interventions=change, **padding)
    upstream = {"blocks.0.resid_mid": rng.standard_normal(trace["blocks.0.resid_mid"].shape)}
    last = [*trace][-1]
    upstream[last] = rng.standard_normal(trace[last].shape)
    s = Subject(params, without(config, off), trace, ids, upstream=upstream)
    check(s, rng, [*trace])
    for name, index in some_cells(s, rng, [*trace], 6):
        walk_down(s, name, index, rng)
    if not off & NO_BACKWARD:
        check(s, rng, [f"grad.{name}" for name in s.grads])
        for name, index in some_cells(s, rng, [f"grad.{name}" for name in s.grads], 4):
            walk_down(s, name, index, rng)


@pytest.mark.parametrize("model", core.PRESETS)
def test_every_story(model):
    scene = core.Scene(model=model, temperature=0.8)
    one_stack = not scene.config.n_encoder_layers
    run, rng = core.run(scene.turn(edits={(1, 2, 0.25)} if one_stack else ())), np.random.default_rng(0)
    s = Subject.of(run)
    check(s, rng, [*run.trace])
    name, index = some_cells(s, rng, [*run.trace], 1)[0]
    assert walk_down(s, name, index, rng)[0] == name
    assert not one_stack or core.explain(run, "embed", (1, 2)).kind == "edit"
    leaf = core.explain(run, "embed", (0, 0))
    assert leaf.kind == "token" if model == "penguins" else leaf.operands[0].name == "embed.W_E"
    for name, ids in () if one_stack else (("embed", run.target), ("encoder.embed", run.encoding.ids)):
        assert core.explain(run, name, (len(ids) - 1, 0)).operands[0].index == (ids[-1], 0), "what this stack reads"


def test_with_a_batch_and_with_what_a_checkpoint_holds_in_16_bits():
    config, params = golden("llama-gqa")
    params = {name: Half(np.asarray(p, np.float16)) if p.ndim == 2 else p for name, p in params.items()}
    trace = core.forward(params, config, np.arange(10).reshape(2, 5))
    rng = np.random.default_rng(0)
    check(Subject(params, config, trace, trace.ids), rng, [*trace])
    config, params = golden("gpt2-tiny")
    trace = core.forward(params, config, np.arange(10).reshape(2, 5))
    s = Subject(params, config, trace, trace.ids, targets=np.arange(10).reshape(2, 5))
    check(s, rng, [f"grad.{name}" for name in s.grads])


def test_a_long_sum_shows_its_largest_terms_and_the_rest():
    run = core.run(core.Scene(model="gpt"))
    explanation = core.explain(run, "logits", (4, 7))
    assert len(explanation.terms) == 64
    shown, rest = explanation.largest(5)
    assert sum(term.value for term in shown) + rest == pytest.approx(explanation.recomputed(), abs=1e-12)
    assert min(abs(term.value) for term in shown) >= max(
        abs(term.value) for term in explanation.terms if term not in shown
    )
    assert explanation.largest(99) == (tuple(sorted(explanation.terms, key=lambda t: -abs(t.value))), 0.0)


def test_what_was_patched_is_the_readers_own():
    config = core.Config(vocab_size=9, n_ctx=8, d_model=8, n_layers=2, n_heads=2, causal=True, unembed=True)
    params = core.init_params(config, 0, np.float64)
    change = core.Interventions(patch={"blocks.1.attn.z": ((0, 2), 1.5), "blocks.0.resid_mid": (3, 0.5)})
    trace = core.forward(params, config, np.arange(5), interventions=change)
    s = Subject(params, config, trace, trace.ids, targets=np.arange(5))
    assert core.explain(s, "blocks.1.attn.z", (0, 2, 1)).kind == "edit"
    assert core.explain(s, "blocks.1.attn.z", (0, 1, 1)).kind == "sum"
    rng = np.random.default_rng(0)
    check(s, rng, [*trace])
    check(s, rng, [f"grad.{name}" for name in s.grads])


@pytest.mark.parametrize("temperature", [0, 0.7, 1.0])
@pytest.mark.parametrize(("top_k", "top_p"), [(None, None), (5, None), (None, 0.6), (7, 0.8)])
def test_the_draw(temperature, top_k, top_p):
    logits = np.random.default_rng(1).standard_normal(20)
    of = core.Distribution(logits, core.Sampling(temperature, top_k, top_p, 3))
    for name in ("logits", "plain", "tempered", "final"):
        for token in range(20):
            explanation = core.explain(of, name, (token,))
            assert explanation.value == getattr(of, name)[token]
            assert explanation.recomputed() == pytest.approx(explanation.value, abs=1e-14)
            assert explanation.is_leaf == (name == "logits")
    for position in range(30):
        explanation = core.explain(of, "draw", (position,))
        assert explanation.recomputed() == explanation.value == of.draw(position)


def test_what_cannot_be_explained_is_refused_by_name():
    run = core.run(core.Scene(model="gpt"))
    for name, index, message in (
        ("blocks.0.attn.patern", (0, 0, 0), "name: 'blocks.0.attn.patern' is not a name of this trace"),
        ("blocks.0.attn.pattern", (0, 0), r"index: \(0, 0\) is no place in blocks.0.attn.pattern"),
        ("blocks.0.attn.pattern", (0, 0, 99), "index"),
        ("blocks.0.attn.pattern", (0, 0, -1), "index"),
        ("grad.logits", (0, 0), "targets: a gradient is of a loss"),
        (5, (), "name: 5 is not a str"),
    ):
        with pytest.raises(core.ConfigError, match=message):
            core.explain(run, name, index)
    with pytest.raises(core.ConfigError, match="run: 5 is not a Run"):
        core.explain(5, "embed", (0, 0))
    thin = core.run(core.Scene(model="gpt"), names=["logits"])
    with pytest.raises(core.ConfigError, match=r"'ln_final.out' is not a name of this trace"):
        core.explain(thin, "logits", (0, 0))
    assert {"parameter", "token", "position", "edit", "loss", "record"} == {*LEAVES}


def test_each_text_of_a_batch_hides_its_own_padding() -> None:
    config = core.PRESETS["encoder_full"].config.replace(d_model=8, n_heads=2, n_layers=1, d_mlp=8, vocab_size=9)
    params, ids = core.init_params(config, 0), np.array([[1, 4, 2, 0], [3, 5, 7, 8]])
    trace = core.forward(params, config, ids, mask=np.array([[True, True, True, False], [False, True, True, True]]))
    s, name = Subject(params, config, trace, ids), "blocks.0.attn.scores_masked"
    for index in np.ndindex(trace[name].shape):
        explanation = core.explain(s, name, index)
        assert agrees(explanation, np.dtype(np.float32)), index
        hidden = (index[0], index[3]) in {(0, 3), (1, 0)}
        assert explanation.formula.endswith(r"\infty") == hidden
        mask = core.explain(s, "mask", (index[0], *index[2:]))
        assert mask.value == (-np.inf if hidden else 0.0) and [
            one for one in explanation.operands if one.name == "mask"
        ] == ([Operand("mask", mask.index, mask.value)] if hidden else [])


def test_each_of_two_stacks_has_masks_by_names_of_their_own() -> None:
    """The encoder's hides padding alone, the decoder's what comes later, and that across what is padding there."""
    sizes = {"vocab_size": 4, "n_ctx": 8, "d_model": 8, "n_layers": 1, "n_heads": 2, "d_mlp": 8}
    config = core.Config(**sizes, causal=True, unembed=True, n_encoder_layers=1, cross=True)
    params, ids, source = core.init_params(config, 0), np.array([[1, 2, 1]] * 2), np.array([[1, 2, 0, 1], [2, 1, 1, 0]])
    shown = np.array([[True, True, False, False], [True, True, True, False]])
    trace = core.forward(params, config, ids, source=source, source_mask=shown)
    s, asked = Subject(params, config, trace, trace.ids), set()
    names = {"blocks.0.attn": "mask", "blocks.0.cross": "cross.mask", "encoder.blocks.0.attn": "encoder.mask"}
    for at, name in names.items():
        for row, head, query, key in np.ndindex(trace[f"{at}.pattern"].shape):
            hidden = key > query if name == "mask" else not shown[row, key]
            found = core.explain(s, f"{at}.scores_masked", (row, head, query, key))
            mask = core.explain(s, name, (row, query, key))
            assert mask.value == (-np.inf if hidden else 0.0) and mask.is_leaf
            own = [one for one in found.operands if one.name.endswith("mask")]
            assert own == ([Operand(name, (row, query, key), mask.value)] if hidden else []), (at, row, query, key)
            asked.add((name, hidden))
    assert len(asked) == 6
    alone = core.forward(*small(), np.arange(4))
    with pytest.raises(core.ConfigError, match="a mask of this model"):
        core.explain(Subject(*small(), alone, alone.ids), "encoder.mask", (0, 1))
    with pytest.raises(core.ConfigError, match="query, key"):
        core.explain(Subject(*small(), alone, alone.ids), "mask", (1,))


def small() -> tuple[core.Params, core.Config]:
    config = core.Config(vocab_size=9, n_ctx=8, d_model=8, n_layers=1, n_heads=2, causal=True)
    return core.init_params(config, 0), config


@pytest.mark.parametrize("name", ["scores_masked", "scores"])
def test_without_the_softmax_scores_count_where_they_were_put_in_behind_the_mask(name: str) -> None:
    config = core.PRESETS["gpt"].config.replace(d_model=8, n_heads=2, n_layers=1, d_mlp=8, n_ctx=8, vocab_size=9)
    params, ids = core.init_params(config, 0), np.array([1, 4, 2, 0])
    put = {f"blocks.0.attn.{name}": ((0, 2), np.array([1.0, -np.inf, 2.0, -np.inf]))}
    change = core.Interventions(off={"softmax"}, patch=put)
    trace = core.forward(params, config, ids, interventions=change)
    s = Subject(params, without(config, change.off), trace, ids)
    for index in np.ndindex(trace["blocks.0.attn.pattern"].shape):
        explanation = core.explain(s, "blocks.0.attn.pattern", index)
        assert agrees(explanation, np.dtype(np.float32)), index
        assert all(one.name == "mask" for one in explanation.operands) == (name == "scores")


def test_without_the_softmax_an_edge_that_is_cut_is_no_mask_s() -> None:
    run = core.run(core.Scene(model="gpt", off=("softmax",), cut=((0, 0, 3, 1),)))
    for query in (2, 3):
        for one in core.explain(run, "blocks.0.attn.pattern", (0, query, 2)).operands:
            found = core.explain(run, one.name, one.index)
            assert found.value == one.value and found.is_leaf, one
            assert (found.kind == "edit") == (one.index == (0, 3, 1))


@pytest.mark.parametrize("causal", [True, False])
def test_explanations_end_at_where_a_token_stands(causal: bool) -> None:
    config = core.Config(vocab_size=9, n_ctx=8, d_model=8, n_layers=1, n_heads=2, causal=causal)
    params = core.init_params(config, 0)
    trace = core.forward(params, config, np.arange(4))
    s = Subject(params, config, trace, trace.ids)
    position = core.explain(s, "position", (3,))
    assert (position.value, position.formula, position.kind) == (3.0, "p", "position") and position.is_leaf
    for query, key in np.ndindex(4, 4):
        mask = core.explain(s, "mask", (query, key))
        assert mask.value == (-np.inf if causal and key > query else 0.0) and mask.formula == "M" and mask.is_leaf
