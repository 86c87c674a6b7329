"""Encoder-decoder models: two stacks and the attention between them, in every Config that a decoder may have."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core
from core import Batch, Config, ConfigError, Interventions, reference
from core.backward_needs import needed
from core.config import ENCODER
from core.generate.loop import multiplications
from core.interpret import head_effects, key_effects, probe_induction, value_weighted
from core.interventions import parts_of, without
from core.params import encoder_params
from core.train.gradcheck import gradcheck_all, next_token
from core.train.loop import Recipe, State, train
from tests.support import configs, random_params, with_encoder, worst

N, N_SOURCE = 5, 7
BIASES = {"qkv_bias": True, "out_bias": True, "mlp_bias": True}
SIZES = dict(vocab_size=11, n_ctx=9, d_model=8, n_layers=2, n_heads=2, d_mlp=12, causal=True, unembed=True)
PAPER = Config(
    **SIZES, **BIASES, positions="sinusoidal", norm="layer", norm_at="post", embed_scale=True, tied_unembed=True,
    n_encoder_layers=3, cross=True,
)  # fmt: skip
PRE = PAPER.replace(norm_at="pre", final_norm=True, n_encoder_heads=4, encoder_vocab_size=6, encoder_d_mlp=5)
GROUPED = PRE.replace(norm="rms", positions="rotary", n_kv_heads=1, n_encoder_heads=None, sine_halves=False)
BARE = Config(**SIZES, projections=False, n_encoder_layers=1, cross=True)
MODELS = {"paper": PAPER, "pre": PRE, "grouped": GROUPED, "bare": BARE}

pairs = st.builds(lambda config, seed: with_encoder(config, random.Random(seed)), configs, st.integers(0, 99))


def texts(config: Config, *batch: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Target and source of random ids."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, config.vocab_size, (*batch, N)), rng.integers(0, 5, (*batch, N_SOURCE))


@pytest.fixture(params=MODELS)
def model(request):
    config = MODELS[request.param]
    return random_params(config, 1), config


# ------------------------------------------------------------------------------------------------------- what it is


@settings(max_examples=60)
@given(pairs, st.integers(0, 99))
def test_the_plain_lines_give_the_same(config, seed):
    params, (ids, source) = random_params(config, seed), texts(config, seed=seed)
    trace = core.forward(params, config, ids, source=source)
    last = f"blocks.{config.n_layers - 1}.resid_post"
    last = "logits" if config.unembed else "ln_final.out" if config.final_norm else last
    assert worst(reference.forward(params, config, ids, source), trace[last]) < 1e-12


@settings(max_examples=40)
@given(pairs, st.integers(0, 99))
def test_the_encoder_is_a_model_of_its_own(config, seed):
    """The very arrays that a model gives whose Config and parameters are the encoder's."""
    params, (ids, source) = random_params(config, seed), texts(config, seed=seed)
    both = core.forward(params, config, ids, source=source)
    own = {"embed.W_E": params["embed.W_E"]}
    own |= {name.removeprefix("encoder."): p for name, p in params.items() if name.startswith("encoder.")}
    core.check_params(own, config.encoder)
    alone = core.forward(own, config.encoder, source)
    assert [*both.source] == [*alone] and both.source.nbytes == alone.nbytes
    for name, array in alone.items():
        assert np.array_equal(both["encoder." + name], array) and both.source[name] is both["encoder." + name]


def test_what_the_decoder_looks_at(model):
    params, config = model
    ids, source = texts(config)
    trace = core.forward(params, config, ids, source=source)
    memory = trace[
        "encoder.ln_final.out" if config.final_norm else f"encoder.blocks.{config.n_encoder_layers - 1}.resid_post"
    ]
    for i in range(config.n_layers):
        at = f"blocks.{i}."
        assert trace[at + "cross.pattern"].shape == (config.n_heads, N, N_SOURCE)
        assert np.allclose(trace[at + "cross.pattern"].sum(-1), 1)
        keys = memory @ params[at + "cross.W_K"] + params.get(at + "cross.b_K", 0) if config.projections else memory
        assert np.allclose(trace[at + "cross.k"].swapaxes(0, 1).reshape(N_SOURCE, -1), keys)
        after = trace[at + ("resid_mid_cross" if config.norm_at == "pre" or config.norm == "none" else "ln_cross.out")]
        if config.norm_at == "pre" or config.norm == "none":
            assert np.allclose(after, trace[at + "resid_mid"] + trace[at + "cross_out"])
    changed = core.forward(params, config, ids, source=(source + 1) % 5)
    assert not np.allclose(changed["logits"], trace["logits"])
    names = ["blocks.*.cross.pattern", "encoder.blocks.0.attn.pattern"]
    some = core.forward(params, config, ids, source=source, names=names)
    assert len(some) == config.n_layers + 1 and all(np.array_equal(some[name], trace[name]) for name in some)


def test_positions_in_halves_are_the_same_columns():
    params, (ids, source) = random_params(PAPER, 0), texts(PAPER)
    one, two = (core.forward(params, PAPER.replace(sine_halves=h), ids, source=source) for h in (False, True))
    order = np.r_[0:8:2, 1:8:2]
    assert np.array_equal(one["encoder.pos_embed"][:, order], two["encoder.pos_embed"])
    assert np.allclose(one["embed"], params["embed.W_E"][ids] * np.sqrt(8))


# ------------------------------------------------------------------------------------------------- gradients, training


@pytest.mark.parametrize(
    "change",
    [
        Interventions(),
        Interventions(temperature=0.7, ablated={(0, 1), (1, 0, "cross"), (0, 1, "encoder")}),
        Interventions(off={"residual"}),
        Interventions(off={"cross", "norm"}),
    ],
    ids=["whole", "heads", "residual", "cross"],
)
def test_every_gradient(model, change):
    params, config = model
    if (0, 1, "encoder") in change.ablated and config.encoder.n_heads < 2:
        change = Interventions()
    ids, source = texts(config, 3)
    mask, source_mask = np.ones(ids.shape, bool), np.ones(source.shape, bool)
    mask[1, 3:] = source_mask[0, 4:] = source_mask[2, 0] = False
    inputs = dict(ids=ids, source=source, mask=mask, source_mask=source_mask, interventions=change)
    checks = gradcheck_all(params, config, next_token(np.roll(ids, -1, -1), mask), **inputs)
    assert {check.name for check in checks} == {*core.param_shapes(config)}
    assert [check.name for check in checks if not check.agrees] == []
    silent = {check.name for check in checks if check.backprop == 0 and check.name.startswith("encoder.")}
    assert bool(silent) == ("cross" in change.off or "encoder.embed.W_E" in silent)


@pytest.mark.parametrize("which", ["pre", "bare"])
def test_every_activation_has_a_gradient(which):
    config = MODELS[which].replace(residual=True)
    params, (ids, source) = random_params(config, 1), texts(config)
    trace = core.forward(params, config, ids, source=source)
    _, dlogits = core.cross_entropy(trace["logits"], ids)
    grads = core.backward(params, config, trace, dlogits, activations=True)
    assert {*grads} == {*trace} | {*params}
    inside = ("encoder.embed", "blocks.1.cross.pattern", "encoder.blocks.0.attn.scores", "blocks.0.resid_mid_cross")
    for name in (*inside, "blocks.1.cross.q", "blocks.0.cross.k"):
        bumped = {}
        for sign in (-1, 1):
            value = trace[name] + sign * 1e-6 * np.cos(np.arange(trace[name].size)).reshape(trace[name].shape)
            run = core.forward(params, config, ids, source=source, interventions=Interventions(patch={name: value}))
            bumped[sign] = core.cross_entropy(run["logits"], ids)[0]
        slope = (bumped[1] - bumped[-1]) / 2e-6
        direction = np.cos(np.arange(trace[name].size)).reshape(trace[name].shape)
        assert slope == pytest.approx(float(np.vdot(grads[name], direction)), rel=1e-5, abs=1e-9), name


def test_backward_reads_what_it_says(model):
    params, config = model
    ids, source = texts(config, 2)
    trace = core.forward(params, config, ids, source=source)
    few = core.forward(params, config, ids, source=source, names=needed(config))
    _, dlogits = core.cross_entropy(trace["logits"], ids)
    one, two = (core.backward(params, config, t, dlogits) for t in (trace, few))
    assert len(few) < len(trace) and all(np.array_equal(one[name], two[name]) for name in one)
    shared = core.forward(params, config, ids, source=source[0])
    with pytest.raises(ConfigError, match="source"):
        core.backward(params, config, shared, dlogits)


def test_it_learns_to_copy_backwards():
    """Each target token stands in the source, last first: without cross-attention none could be told."""
    config = PAPER.replace(d_model=16, n_heads=2, d_mlp=32, n_encoder_layers=1, n_layers=1)

    def batch(step: int) -> Batch:
        source = np.random.default_rng(step).integers(1, 10, (32, 4))
        target = source[:, ::-1]
        return Batch(np.hstack([np.zeros((32, 1), np.int64), target[:, :-1]]), target, None, source)

    state = State.start(core.init_params(config))
    steps = [*train(state, config, batch, Recipe(steps=300, rate=0.01, warmup=10))]
    assert steps[0].accuracy < 0.3 and steps[-1].accuracy > 0.9
    assert {"encoder.blocks.0", "encoder.embed", "blocks.0", "embed"} - {*steps[0].norms} == {"encoder.embed"}
    halves = [*batch(0).parts(20)]
    assert [len(part.source) for part, _ in halves] == [20, 12] and halves[0][1] == 20 / 32


# --------------------------------------------------------------------------------------------------- padding and cache


def test_padding_changes_nothing(model):
    params, config = model
    (ids, source), n, m = texts(config, 2), 3, 4
    mask, source_mask = np.arange(N) < np.array([[N], [n]]), np.arange(N_SOURCE) < np.array([[N_SOURCE], [m]])
    both = core.forward(params, config, ids, source=source, mask=mask, source_mask=source_mask)
    alone = core.forward(params, config, ids[1, :n], source=source[1, :m])
    assert worst(both["logits"][1, :n], alone["logits"]) < 1e-12
    assert not both["blocks.0.cross.pattern"][1, :, :, m:].any()
    assert not both["encoder.blocks.0.attn.pattern"][1, :, :, m:].any()
    assert worst(both["logits"][0], core.forward(params, config, ids[0], source=source[0])["logits"]) < 1e-12


def test_a_cache_reads_the_source_once(model):
    params, config = model
    ids, source = texts(config)
    mask = np.arange(N_SOURCE) < 5
    whole = core.forward(params, config, ids, source=source, source_mask=mask)
    cache = core.Cache(config)
    first = core.forward(params, config, ids[:2], source=source, source_mask=mask, cache=cache)
    assert "encoder.embed" in first and "blocks.0.cross.k" in first
    later = [core.forward(params, config, ids[i : i + 1], cache=cache) for i in range(2, N)]
    assert not any(name.startswith("encoder.") or name.endswith("cross.k") for trace in later for name in trace)
    for name in ("logits", "blocks.1.resid_post"):
        assert worst(np.concatenate([trace[name] for trace in (first, *later)]), whole[name]) < 1e-12
    patterns = [trace["blocks.1.cross.pattern"] for trace in (first, *later)]
    assert worst(np.concatenate(patterns, axis=1), whole["blocks.1.cross.pattern"]) < 1e-12
    with pytest.raises(ConfigError, match="source"):
        core.forward(params, config, ids[:1], source=source, cache=cache)


def test_generation_with_and_without_a_cache(model):
    params, config = model
    _, source = texts(config)
    for heat in (0.0, 1.0):
        runs = [
            [*core.generate(params, config, [1], 6, heat, source=source, cache=cache, names=["blocks.0.cross.pattern"])]
            for cache in (True, False)
        ]
        for one, two in zip(*runs, strict=True):
            assert one.token == two.token and worst(one.distribution.plain, two.distribution.plain) < 1e-12
            last = [step.trace["blocks.0.cross.pattern"][:, -1] for step in (one, two)]
            assert worst(*last) < 1e-12
            assert one.work.multiplications <= one.work.without_cache == two.work.multiplications


def test_multiplications_are_those_of_every_product(model):
    params, config = model
    n, m, c = N, N_SOURCE, config
    weights = {name: p for name, p in params.items() if ".W_" in name and p.ndim == 2 and "embed" not in name}
    keys = ("cross.W_K", "cross.W_V")
    source = [p.size for name, p in weights.items() if name.startswith("encoder.") or name.endswith(keys)]
    target = [p.size for name, p in weights.items() if not (name.startswith("encoder.") or name.endswith(keys))]
    width, wide = c.n_heads * c.head_width, c.encoder.n_heads * c.encoder.head_width
    looks = 2 * c.n_layers * width * n * (n + m) + 2 * c.n_encoder_layers * wide * m * m
    unembed = n * c.d_model * c.vocab_size
    assert multiplications(config, n, n, (), m) == m * sum(source) + n * sum(target) + looks + unembed
    assert multiplications(config, 1, n, (), m, 0) < multiplications(config, n, n, (), m) / 2


# ----------------------------------------------------------------------------------------------------- what is changed


def test_heads_and_parts_off(model):
    params, config = model
    ids, source = texts(config)
    heads = {(0, 0), (1, 1, "cross"), (0, 0, "encoder")}
    trace = core.forward(params, config, ids, source=source, interventions=Interventions(ablated=heads))
    names = ("blocks.0.attn.z", "blocks.1.cross.z", "encoder.blocks.0.attn.z")
    for name, head in zip(names, (0, 1, 0), strict=True):
        assert not trace[name][head].any() and trace[name][1 - head : 2 - head].any()
    off = core.forward(params, config, ids, source=source, interventions=Interventions(off={"cross"}))
    assert "blocks.0.cross_out" not in off and "encoder.embed" in off
    other = core.forward(params, config, ids, source=source[::-1], interventions=Interventions(off={"cross"}))
    assert np.array_equal(off["logits"], other["logits"]), "nothing of the source is left"
    assert "cross" in parts_of(config) and "cross" not in parts_of(config.encoder)
    for part in parts_of(config):
        run = core.forward(params, config, ids, source=source, interventions=Interventions(off={part}))
        assert not np.allclose(run["logits"], core.forward(params, config, ids, source=source)["logits"]), part
    assert without(config, {"mlp"}).encoder.d_mlp == 0


def test_what_a_head_of_the_decoder_does(model):
    """As another run without it says; the source stays what it is."""
    params, config = model
    ids, source = texts(config)
    trace = core.forward(params, config, ids, source=source, source_mask=np.arange(N_SOURCE) < 5)
    effects = head_effects(params, config, trace)
    for layer in range(config.n_layers):
        off = Interventions(ablated={(layer, 1)})
        run = core.forward(params, config, ids, source=source, source_mask=np.arange(N_SOURCE) < 5, interventions=off)
        before, after = (one[f"blocks.{config.n_layers - 1}.resid_post"] for one in (trace, run))
        change = np.linalg.norm(after - before, axis=-1) / np.linalg.norm(before, axis=-1)
        assert np.allclose(effects[layer, 1], change)


@pytest.mark.parametrize("kind", ["cross", "encoder"])
def test_what_the_other_heads_do(model, kind):
    """Heads and keys of cross-attention and of the encoder: as whole runs without them say."""
    params, config = model
    ids, source = texts(config)
    mask = np.arange(N_SOURCE) < 5

    def run(**change):
        given = Interventions(off={"W_O"}, **change)
        return core.forward(params, config, ids, source=source, source_mask=mask, interventions=given)

    def moved(other):
        before, after = (one[last] for one in (trace, other))
        return np.linalg.norm(after - before, axis=-1) / np.linalg.norm(before, axis=-1)

    trace = run(ablated={(0, 0, kind)})
    n, part, prefix = (config.n_layers, "cross", "") if kind == "cross" else (config.n_encoder_layers, "attn", ENCODER)
    about = (params, config, trace) if kind == "cross" else (encoder_params(params), config.encoder, trace.source)
    last, at = f"{prefix}blocks.{n - 1}.resid_post", f"{prefix}blocks.0.{part}."
    effects = head_effects(*about, kind=part)
    assert np.allclose(effects[0, 1], moved(run(ablated={(0, 0, kind), (0, 1, kind)})))
    assert np.allclose(effects[n - 1, 0], moved(run(ablated={(0, 0, kind), (n - 1, 0, kind)})))
    assert np.allclose(effects[0, 0], 0) and np.allclose(key_effects(*about, 0, 0, 2, kind=part), 0)

    weight, z = trace[at + "pattern"][1, 2, 3], trace[at + "z"].copy()
    group = 1 * about[1].kv_heads // about[1].n_heads
    v = trace[at + "v"][group]
    z[1, 2] -= weight * v[3]
    patched = run(ablated={(0, 0, kind)}, patch={at + "z": z})
    assert np.allclose(key_effects(*about, 0, 1, 2, kind=part)[3], moved(patched)[2])
    carried = value_weighted(*about, 0, kind=part)
    assert carried.shape == trace[at + "pattern"].shape and not carried[0].any()
    assert np.allclose(carried[1, 2, 3], weight * np.linalg.norm(v[3]))


def test_the_probe_of_a_decoder_s_heads_reads_the_same_source_all_the_while():
    config = PAPER.replace(n_ctx=12)
    params, source = random_params(config, 0), texts(config)[1]
    found = probe_induction(params, config, source=source)
    assert found.shape == (config.n_layers, config.n_heads) and np.isfinite(found).all()
    assert not np.allclose(found, probe_induction(params, config, source=source[::-1]))


def test_an_edge_between_the_languages_is_cut():
    params, (ids, source) = random_params(PAPER, 0), texts(PAPER)
    cut = {"blocks.0.cross.scores_masked": ((1, 2, 3), np.array(-np.inf))}
    trace = core.forward(params, PAPER, ids, source=source, interventions=Interventions(patch=cut))
    pattern = trace["blocks.0.cross.pattern"]
    assert pattern[1, 2, 3] == 0 and np.count_nonzero(pattern == 0) == 1


# ------------------------------------------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("inputs", "name"),
    [
        ({}, "source"),
        ({"source": np.array([99])}, "source"),
        ({"source": np.zeros(10, np.int64)}, "source"),
        ({"source": np.zeros((3, 4), np.int64)}, "source"),
        ({"source_embeddings": np.zeros((3, 5))}, "source_embeddings"),
        ({"source_mask": np.ones(4, bool)}, "source_mask"),
        ({"source": np.array([1, 2]), "source_mask": np.ones(4, bool)}, "source_mask"),
        ({"source": np.array([1, 2]), "source_mask": np.zeros(2, bool)}, "source_mask"),
        ({"source": np.array([1, 2]), "mask": np.arange(N) > 0}, "mask"),
        ({"source": np.array([1, 2]), "mask": "yes"}, "mask"),
    ],
)
def test_a_wrong_source_is_named(inputs, name):
    with pytest.raises(ConfigError, match=f"^{name}:"):
        core.forward(random_params(PAPER, 0), PAPER, np.arange(N), **inputs)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"n_encoder_layers": 0}, "cross"),
        ({"n_encoder_layers": -1}, "n_encoder_layers"),
        ({"n_encoder_heads": 3}, "the encoder"),
        ({"sine_halves": True, "positions": "none"}, "sine_halves"),
        ({"parallel": True, "norm_at": "pre"}, "parallel"),
        ({"n_encoder_layers": 0, "cross": False, "encoder_d_mlp": 3}, "encoder_d_mlp"),
    ],
)
def test_a_config_that_cannot_be_is_refused(change, name):
    with pytest.raises(ConfigError, match=f"^{name}"):
        PAPER.replace(**change)


def test_a_decoder_reads_no_source():
    config = Config(**SIZES)
    with pytest.raises(ConfigError, match="source"):
        core.forward(core.init_params(config), config, np.arange(3), source=np.arange(3))
    with pytest.raises(ConfigError, match="encoder"):
        _ = config.encoder
    for place in ((0, 0, "cross"), (0, 0, "encoder")):
        with pytest.raises(ConfigError, match="ablated"):
            core.forward(core.init_params(config), config, [1], interventions=Interventions(ablated={place}))
