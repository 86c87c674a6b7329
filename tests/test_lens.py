"""The logit lens ends in the model's own logits, and what the components add sums to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import configs, golden, random_params, worst

import core
from core.interpret import (
    direct_attribution,
    logit_lens,
    read_likeliest,
    read_stream,
    residual_stages,
    source_attribution,
)
from core.interpret import lens as lens_module
from core.interventions import without

seeds = st.integers(0, 2**31)
reading = configs.map(lambda config: config.replace(unembed=True, residual=True))


def added(config: core.Config) -> core.Config:
    """The same Config with a stream that is a sum."""
    return config.replace(norm_at="pre")


def traced(config: core.Config, seed: int, batch: tuple[int, ...] = (2,)) -> tuple[dict[str, np.ndarray], core.Trace]:
    params = random_params(config, seed)
    ids = np.random.default_rng(seed).integers(0, config.vocab_size, (*batch, 6))
    off = frozenset(part for i, part in enumerate(("W_O", "W_V", "positions", "softmax", "norm")) if seed >> i & 1)
    change = core.Interventions(temperature=1.3, ablated=frozenset({(0, 0)}), off=off)
    return params, core.forward(params, config, ids, interventions=change)


# ------------------------------------------------------------------------------------------------------- the lens


@given(reading, seeds)
def test_the_last_stage_through_the_norm_is_the_model_s_own_answer(config, seed):
    params, trace = traced(config, seed)
    lens = logit_lens(trace, params, config)
    assert lens.shape == (config.n_layers + 1, *trace["logits"].shape)
    assert worst(lens[-1], trace["logits"]) < 1e-12


@given(reading, seeds, st.integers(1, 9))
def test_the_likeliest_of_every_stage_is_read_some_tokens_after_others(config, seed, at_once):
    params, trace = traced(config, seed)
    config = without(config, trace.interventions.off)
    x = residual_stages(trace, config.n_layers)
    logits = logit_lens(trace, params, config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lens_module, "AT_ONCE", at_once)
        tokens, shares = read_likeliest(x, params, config)
    expected = np.exp(logits - logits.max(-1, keepdims=True))
    assert worst(shares, 1 / expected.sum(-1)) < 1e-6
    assert np.allclose(np.take_along_axis(expected, tokens[..., None], -1), 1, atol=1e-9)


def test_of_likeliest_tokens_that_are_alike_the_first_is_read(monkeypatch):
    config = core.Config(vocab_size=6, n_layers=1, n_heads=1, d_model=4, unembed=True)
    params = core.init_params(config)
    params["unembed.W_U"][:] = np.array([0, 1, 0, 1, 1, 0])
    x = np.ones((2, 4), np.float32)
    for at_once in (1, 2, 3, 6):
        monkeypatch.setattr(lens_module, "AT_ONCE", at_once)
        tokens, shares = read_likeliest(x, params, config.replace(final_norm=False))
        assert tokens.tolist() == [1, 1] and shares == pytest.approx(np.exp(4) / (3 * np.exp(4) + 3), rel=1e-6)


@given(reading, seeds)
def test_past_the_norm_the_lens_is_a_product(config, seed):
    params, trace = traced(config, seed)
    W_U = params["embed.W_E"].T if config.tied_unembed else params["unembed.W_U"]
    expected = residual_stages(trace, config.n_layers) @ W_U + params.get("unembed.b_U", 0)
    assert worst(logit_lens(trace, params, config, normed=False), expected) < 1e-10


@given(reading, seeds)
def test_a_stage_is_what_a_shorter_model_says(config, seed):
    """The lens after block i is the model whose later blocks are taken away."""
    params, trace = traced(config, seed)
    lens = logit_lens(trace, params, config)
    for n_layers in range(1, config.n_layers):
        short = config.replace(n_layers=n_layers)
        ids = core.forward(params, short, trace.ids, interventions=trace.interventions)
        assert worst(lens[n_layers], ids["logits"]) < 1e-10


def test_one_stage_can_be_read_alone():
    config, params = golden("gpt2-tiny")
    trace = core.forward(params, config, np.arange(7))
    one = read_stream(trace["blocks.1.resid_mid"], params, config)
    assert one.shape == (7, 96)
    # Alone it is another number of rows, which some BLAS kernels add up in another order: float32's rounding, no more.
    assert worst(read_stream(trace["blocks.1.resid_post"], params, config), logit_lens(trace, params, config)[2]) < 1e-6


def test_the_lens_leaves_the_trace_as_it_was():
    params, trace = traced(core.PRESETS["gpt"].config, 0, ())
    before = {name: array.copy() for name, array in trace.items()}
    logit_lens(trace, params, core.PRESETS["gpt"].config)
    assert before.keys() == trace.keys() and all(np.array_equal(before[name], trace[name]) for name in before)


# ------------------------------------------------------------------------------------------------- the attribution


@given(reading.map(added), seeds)
def test_contributions_sum_to_the_logit(config, seed):
    params, trace = traced(config, seed)
    for token in (0, config.vocab_size - 1):
        got = direct_attribution(trace, params, config, token)
        assert got.values.shape == (len(got.names), 2, 6)
        assert np.abs(got.total - trace["logits"][..., token]).max() < 1e-10 * max(1, np.abs(got.values).max())


@given(reading.map(added), seeds)
@settings(max_examples=30)
def test_what_a_head_brings_is_the_sum_of_what_it_brings_from_each_word(config, seed):
    params, trace = traced(config, seed)
    whole, parts = (one(trace, params, config, 1) for one in (direct_attribution, source_attribution))
    assert len(parts.names) == config.n_layers * config.n_heads and parts.values.shape[1:] == (2, 6, 6)
    for name, brought in zip(parts.names, parts.values, strict=True):
        expected = whole.values[whole.names.index(name)]
        assert np.abs(brought.sum(-1) - expected).max() < 1e-9 * max(1, np.abs(whole.values).max())


@given(reading.map(added), seeds)
def test_a_token_a_position(config, seed):
    params, trace = traced(config, seed)
    tokens = np.random.default_rng(seed).integers(0, config.vocab_size, (2, 6))
    got = direct_attribution(trace, params, config, tokens)
    for at in np.ndindex(2, 6):
        alone = direct_attribution(trace, params, config, int(tokens[at]))
        assert got.names == alone.names
        assert np.allclose(got.values[:, *at], alone.values[:, *at], atol=1e-12)


@given(reading.map(added), seeds)
def test_a_component_is_its_output_through_the_frozen_norm(config, seed):
    """A component's share, got the long way: the stream with and without it, the norm's mean and scale as they were."""
    params, trace = traced(config, seed, ())
    got = direct_attribution(trace, params, config, 1)
    config = without(config, trace.interventions.off)
    W_U = params["embed.W_E"].T if config.tied_unembed else params["unembed.W_U"]

    def logit(x: np.ndarray) -> np.ndarray:
        if config.final_norm:
            x = x - x.mean(-1, keepdims=True) if config.norm == "layer" else x
            x = x / trace["ln_final.scale"] * params["ln_final.w"]
        return x @ W_U[:, 1]

    for i in range(config.n_layers):
        z = trace[f"blocks.{i}.attn.z"]
        for head in range(config.n_heads):
            alone = np.zeros_like(z)
            alone[head] = z[head]
            out = alone.swapaxes(0, 1).reshape(6, -1)
            if config.projections:
                W_O = params[f"blocks.{i}.attn.W_O"]
                out = out @ (np.eye(*W_O.shape) if "W_O" in trace.interventions.off else W_O)
            share = got.values[got.names.index(f"blocks.{i}.attn.{head}")]
            assert np.allclose(share, logit(out), atol=1e-10)
            assert (i, head) != (0, 0) or not share.any()  # ablated: it adds nothing
        if config.d_mlp:
            share = got.values[got.names.index(f"blocks.{i}.mlp_out")]
            assert np.allclose(share, logit(trace[f"blocks.{i}.mlp_out"]), atol=1e-10)


def test_the_components_of_gpt2_are_all_named():
    config, params = golden("gpt2-tiny")
    trace = core.forward(params, config, np.arange(7))
    got = direct_attribution(trace, params, config, trace["logits"].argmax(-1))
    names = ["embed", "pos_embed"]
    for i in range(3):
        names += [f"blocks.{i}.{part}" for part in ("attn.0", "attn.1", "attn.2", "attn.3", "attn.b_O", "mlp_out")]
    assert got.names == (*names, "ln_final.b")
    assert worst(got.total, trace["logits"].max(-1)) < 1e-5


# -------------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("changes", "functions", "message"),
    [
        (dict(unembed=False), (logit_lens, direct_attribution), "unembed: is False, and without logits"),
        (dict(residual=False), (logit_lens,), "residual: is False, so each block replaces what came before it"),
        (dict(residual=False), (direct_attribution,), "residual: is False, so the last stream is not a sum"),
        (dict(norm_at="post"), (direct_attribution,), "norm_at: 'post' rescales the sum after every part"),
    ],
)
def test_refused_where_it_does_not_hold(changes, functions, message):
    config = core.PRESETS["gpt"].config.replace(**changes)
    params, trace = traced(config, 0, ())
    for function in functions:
        arguments = (0,) if function is direct_attribution else ()
        with pytest.raises(core.ConfigError) as error:
            function(trace, params, config, *arguments)
        assert message in str(error.value) and next(iter(changes)) in error.value.fields


@pytest.mark.parametrize("token", [-1, 1000, 1.5])
def test_a_token_outside_the_vocabulary_is_refused(token):
    config = core.PRESETS["gpt"].config
    params, trace = traced(config, 0, ())
    with pytest.raises(core.ConfigError, match=r"token: must be ids in 0\.\.999"):
        direct_attribution(trace, params, config, token)
