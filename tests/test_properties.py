"""What must hold of the forward pass for every Config, tried on Configs drawn at random."""

from __future__ import annotations

import math
import random
import re

import by_hand
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support import configs, random_config, random_params, sourced, with_encoder, worst

import core
from core.config import CHOICES
from core.interventions import PARTS
from core.ops.activations import ACTIVATIONS, erf
from core.ops.attention import merge_heads, split_heads
from core.ops.norm import layer_norm, rms_norm
from core.ops.positions import rotary_angles, rotate
from core.ops.softmax import softmax

N = 6
seeds = st.integers(0, 2**31)
floats = st.floats(-(2.0**100), 2.0**100, width=32)


def numbers(*shape: int, elements: st.SearchStrategy = floats) -> st.SearchStrategy:
    return hnp.arrays(np.float32, shape, elements=elements)


def setup(config: core.Config, seed: int, batch: tuple[int, ...] = ()) -> tuple[dict[str, np.ndarray], np.ndarray]:
    ids = np.random.default_rng(seed).integers(0, config.vocab_size, (*batch, N))
    return random_params(config, seed), ids


def output(trace: core.Trace) -> np.ndarray:
    return list(trace.values())[-1]


# ------------------------------------------------------------------------------------------------------ the trace


@given(configs, seeds)
def test_every_config_is_finite_and_attends_in_full(config, seed):
    params, ids = setup(config, seed)
    trace = core.forward(params, config, ids)
    for name, array in trace.items():
        assert not array.flags.writeable, name
        assert name.endswith("scores_masked") or np.isfinite(array).all(), name
    for i in range(config.n_layers):
        pattern = trace[f"blocks.{i}.attn.pattern"]
        assert (pattern >= 0).all() and np.allclose(pattern.sum(-1), 1, atol=1e-12)
        assert not config.causal or not np.triu(pattern, 1).any()


@given(configs, seeds)
def test_each_block_starts_where_the_last_ended(config, seed):
    params, ids = setup(config, seed)
    trace = core.forward(params, config, ids)
    for i in range(config.n_layers - 1):
        assert trace[f"blocks.{i}.resid_post"] is trace[f"blocks.{i + 1}.resid_pre"]


@pytest.mark.parametrize("name", core.PRESETS)
def test_each_block_of_a_preset_starts_where_the_last_ended(name):
    config = core.PRESETS[name].config.replace(n_layers=3)
    trace = core.forward(core.init_params(config), config, np.arange(5), **sourced(config, 5))
    assert trace["blocks.0.resid_post"] is trace["blocks.1.resid_pre"]
    assert trace["blocks.1.resid_post"] is trace["blocks.2.resid_pre"]


def axis_lengths(config: core.Config) -> dict[str, int]:
    lengths = dict(pos=N, query=N, key=N, head=config.n_heads, kv_head=config.kv_heads, d_head=config.head_width)
    return lengths | {"1": 1, "d_model": config.d_model, "d_mlp": config.d_mlp, "vocab": config.vocab_size}


@given(configs, seeds)
def test_names_and_axes_are_those_announced(config, seed):
    params, ids = setup(config, seed, batch=(2,))
    lengths = axis_lengths(config)
    for name, array in core.forward(params, config, ids).items():
        about = core.NAMES[re.sub(r"\.\d+\.", ".{i}.", name)]
        batch = () if name == "pos_embed" else (2,)
        assert array.shape == (*batch, *(lengths[axis] for axis in about.axes)), name


def test_every_announced_name_exists_somewhere():
    seen = set()
    for seed in range(200):
        config = random_config(random.Random(seed))
        params, ids = setup(config, seed)
        seen |= {re.sub(r"\.\d+\.", ".{i}.", name) for name in core.forward(params, config, ids)}
        both = with_encoder(config, random.Random(seed))
        params, ids = setup(both, seed)
        seen |= {re.sub(r"\.\d+\.", ".{i}.", name) for name in core.forward(params, both, ids, source=ids % 5)}
    assert seen == set(core.NAMES)


@given(
    configs, seeds, st.sets(st.sampled_from(["embed", "blocks.*.attn.pattern", "blocks.0.*", "logits", "ln_embed.out"]))
)
def test_only_what_was_asked_for_is_kept(config, seed, names):
    params, ids = setup(config, seed)
    full, part = core.forward(params, config, ids), core.forward(params, config, ids, names=names)
    patterns = [re.compile(re.escape(name).replace(r"\*", ".*")) for name in names]
    assert list(part) == [name for name in full if any(p.fullmatch(name) for p in patterns)]
    assert all(np.array_equal(part[name], full[name]) for name in part)


def test_a_name_that_is_not_there_is_answered_with_those_near():
    config = core.PRESETS["penguins"].config
    trace = core.forward(core.init_params(config), config, np.arange(3))
    with pytest.raises(KeyError, match=r"blocks\.0\.attn\.pattern"):
        trace["blocks.0.attn.patern"]


# ------------------------------------------------------------------------------------------------- what it computes


@given(configs, seeds, st.integers(1, N - 1))
def test_under_the_mask_the_future_changes_nothing(config, seed, n):
    config = config.replace(causal=True)
    params, ids = setup(config, seed)
    other = np.concatenate([ids[:n], (ids[n:] + 1) % config.vocab_size])
    a, b = output(core.forward(params, config, ids)), output(core.forward(params, config, other))
    assert np.abs(a[:n] - b[:n]).max() <= 1e-12 * np.abs(a).max()


def test_without_the_mask_the_future_changes_the_past():
    config = core.PRESETS["gpt"].config
    params = core.init_params(config)
    a, b = (
        core.forward(params, config, ids, interventions=core.Interventions(off=frozenset({"mask"})))["logits"]
        for ids in (np.array([1, 2, 3]), np.array([1, 2, 4]))
    )
    assert np.abs(a[:2] - b[:2]).max() > 1e-4


@given(configs, seeds, st.permutations(range(N)))
def test_without_positions_order_means_nothing(config, seed, order):
    config = config.replace(causal=False, positions="none")
    params, ids = setup(config, seed)
    a = output(core.forward(params, config, ids))
    b = output(core.forward(params, config, ids[list(order)]))
    assert np.allclose(a[list(order)], b, rtol=0, atol=1e-10 * np.abs(a).max())


@given(configs, seeds)
def test_a_batch_is_its_parts_one_by_one(config, seed):
    params, ids = setup(config, seed, batch=(2, 3))
    together = core.forward(params, config, ids)
    for at in np.ndindex(2, 3):
        for name, array in core.forward(params, config, ids[at]).items():
            whole = together[name] if name == "pos_embed" else together[name][at]
            finite = np.isfinite(array)
            assert np.array_equal(finite, np.isfinite(whole))
            assert np.allclose(whole[finite], array[finite], rtol=1e-9, atol=1e-9), name


@given(configs, seeds)
def test_embeddings_stand_in_for_ids(config, seed):
    params, ids = setup(config, seed)
    a = core.forward(params, config, ids)
    b = core.forward(params, config, embeddings=params["embed.W_E"][ids])
    assert list(a) == list(b) and np.array_equal(output(a), output(b))


@given(configs, seeds)
def test_grouped_heads_equal_their_keys_and_values_repeated(config, seed):
    config = config.replace(projections=True, n_kv_heads=1)
    params, ids = setup(config, seed)
    full = config.replace(n_kv_heads=None)
    wide = {n: np.tile(p, config.n_heads) if n[-3:] in ("W_K", "W_V", "b_K", "b_V") else p for n, p in params.items()}
    a, b = output(core.forward(params, config, ids)), output(core.forward(wide, full, ids))
    assert worst(a, b) < 1e-10


@given(configs, seeds)
def test_one_layer_written_out(config, seed):
    """The trace's own arrays satisfy the paper's formulas, each computed from the one before it."""
    params, ids = setup(config, seed)
    t = core.forward(params, config, ids)
    at = "blocks.0.attn."
    turned = config.positions == "rotary"
    q, k, v = t[at + ("rot_q" if turned else "q")], t[at + ("rot_k" if turned else "k")], t[at + "v"]
    k, v = (np.repeat(x, config.n_heads // config.kv_heads, axis=0) for x in (k, v))
    scores = np.einsum("hqd,hkd->hqk", q, k)
    assert np.allclose(t[at + "scores"], scores)
    scores = scores / math.sqrt(config.head_width) if config.scale else scores
    assert np.allclose(t[at + "scores_scaled"], scores)
    if config.causal:
        scores = np.where(np.tri(N, dtype=bool), scores, -np.inf)
    assert np.allclose(t[at + "scores_masked"], scores)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    assert np.allclose(t[at + "pattern"], weights)
    assert np.allclose(t[at + "z"], np.einsum("hqk,hkd->hqd", weights, v))
    if config.residual and not (config.norm != "none" and config.norm_at == "post"):
        assert np.allclose(t["blocks.0.resid_mid"], t["blocks.0.resid_pre"] + t["blocks.0.attn_out"])


# ----------------------------------------------------------------------------------------------------- interventions


@given(configs, seeds, st.floats(0.1, 10))
def test_temperature_divides_the_scores(config, seed, temperature):
    params, ids = setup(config, seed)
    change = core.Interventions(temperature=temperature)
    t = core.forward(params, config, ids, interventions=change)
    scores = t["blocks.0.attn.scores_masked"]
    assert np.allclose(t["blocks.0.attn.pattern"], softmax(scores / temperature), atol=1e-12)


@given(configs, seeds, st.data())
def test_ablation_takes_away_exactly_the_head_s_part(config, seed, data):
    config = config.replace(projections=True)
    params, ids = setup(config, seed)
    i, head = data.draw(st.integers(0, config.n_layers - 1)), data.draw(st.integers(0, config.n_heads - 1))
    before = core.forward(params, config, ids)
    after = core.forward(params, config, ids, interventions=core.Interventions(ablated=frozenset({(i, head)})))
    at = f"blocks.{i}.attn"
    assert not after[at + ".z"][head].any()
    rows = slice(head * config.head_width, (head + 1) * config.head_width)
    part = before[at + ".z"][head] @ params[at + ".W_O"][rows]
    assert np.allclose(before[at + "_out"] - after[at + "_out"], part, atol=1e-10)


def test_interventions_leave_the_weights_alone():
    config = core.PRESETS["gpt"].config
    params = core.init_params(config)
    before = {name: p.copy() for name, p in params.items()}
    change = core.Interventions(0.5, frozenset({(0, 0)}), frozenset(PARTS))
    core.forward(params, config, np.arange(5), interventions=change)
    assert all(np.array_equal(params[name], before[name]) and params[name].flags.writeable for name in params)


# ---------------------------------------------------------------------------------------------------------- the ops


@given(numbers(3, 7), st.floats(0.05, 20))
def test_softmax_sums_to_one_whatever_comes_in(x, temperature):
    y = softmax(x, temperature)
    assert np.isfinite(y).all() and (y >= 0).all() and np.allclose(y.sum(-1), 1, atol=1e-6)


@given(numbers(7, elements=st.floats(-10, 10, width=32)), st.floats(-100, 100))
def test_softmax_looks_at_differences_only(x, shift):
    x = x.astype(np.float64)
    assert np.allclose(softmax(x + shift), softmax(x), atol=1e-12)


def test_softmax_gives_minus_infinity_nothing():
    y = softmax(np.array([[0.0, -np.inf, 0.0], [5.0, -np.inf, -np.inf]]))
    assert y.tolist() == [[0.5, 0, 0.5], [1, 0, 0]]


@given(numbers(2, 5, 6, elements=st.floats(-100, 100, width=32)), st.sampled_from((2, 4, 6)))
def test_rotation_keeps_lengths_and_depends_on_distance_alone(x, width):
    x = x.astype(np.float64)
    cos, sin = rotary_angles(5, width, 10000.0, np.dtype(np.float64))
    y = rotate(x, cos, sin)
    assert np.allclose(np.linalg.norm(y, axis=-1), np.linalg.norm(x, axis=-1))
    assert np.array_equal(y[..., width:], x[..., width:]) and np.array_equal(y[..., 0, :], x[..., 0, :])
    same = rotate(np.broadcast_to(x[:, :1], x.shape), cos, sin)  # one vector at every position
    dots = same @ same.swapaxes(-1, -2)
    assert np.allclose(dots[:, 0, 1], dots[:, 3, 4]) and np.allclose(dots[:, 0, 2], dots[:, 2, 4])


@given(numbers(4, 8, elements=st.floats(-1e3, 1e3, width=32)))
def test_norms_do_what_they_say(x):
    x = x.astype(np.float64)
    centred, scale = layer_norm(x, 1e-5)
    assert np.allclose(centred, x - x.mean(-1, keepdims=True), atol=1e-9)
    assert np.allclose(scale[..., 0] ** 2, x.var(-1) + 1e-5)
    same, scale = rms_norm(x, 1e-5)
    assert np.allclose(scale[..., 0] ** 2, (x * x).mean(-1) + 1e-5) and np.array_equal(same, x)


@given(numbers(2, 5, 12), st.sampled_from((1, 2, 3, 4)))
def test_heads_split_and_merge(x, n_heads):
    assert np.array_equal(merge_heads(split_heads(x, n_heads)), x)


def test_erf_is_the_library_s():
    x = np.concatenate([np.linspace(-8, 8, 40001), [0.46875, -0.46875, 6.0, 30.0, 1e-300, 0.0]])
    assert np.abs(erf(x) - np.array([math.erf(v) for v in x])).max() <= 1e-15
    x = x.astype(np.float32)
    assert erf(x).dtype == np.float32
    assert np.abs(erf(x) - np.array([math.erf(v) for v in x])).max() <= 3e-7


def test_activations_are_their_definitions():
    x = np.linspace(-30, 30, 2001)
    assert set(by_hand.ACTIVATIONS) == set(ACTIVATIONS) == set(CHOICES["activation"])
    for name, definition in by_hand.ACTIVATIONS.items():
        before = x.copy()
        with np.errstate(over="ignore"):
            y = definition(x)
        assert np.allclose(ACTIVATIONS[name](x), y, rtol=1e-12, atol=1e-14), name
        assert np.array_equal(x, before)
        huge = np.array([-1e30, 1e30, -1e4, 1e4], np.float32)
        with np.errstate(over="ignore"):
            assert np.isfinite(ACTIVATIONS[name](huge)[[0, 2, 3]]).all(), name


@given(numbers(2, 4, 5, elements=st.floats(-50, 50, width=32)), seeds)
def test_cross_entropy_is_its_definition(logits, seed):
    logits = logits.astype(np.float64)
    targets = np.random.default_rng(seed).integers(0, 5, (2, 4))
    loss, dlogits = core.cross_entropy(logits, targets)
    p = softmax(logits)
    at = np.indices((2, 4))
    assert loss == pytest.approx(-np.log(p[at[0], at[1], targets]).mean(), abs=1e-9)
    assert np.allclose(dlogits, (p - np.eye(5)[targets]) / 8)


# ------------------------------------------------------------------------------------------------------- bad arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(), "ids: give token ids, or embeddings"),
        (dict(ids=np.zeros(3)), r"ids: must be integers of shape \[..., pos\], not float64 \(3,\)"),
        (dict(ids=np.zeros((), int)), "ids: must be integers"),
        (dict(ids=np.zeros(0, int)), "ids: must be integers"),
        (dict(ids=np.array([0, 1000])), r"ids: 0\.\.1000 leave the vocabulary 0\.\.999"),
        (dict(ids=np.array([-1, 3])), r"ids: -1\.\.3 leave the vocabulary 0\.\.999"),
        (dict(ids=np.zeros(65, int)), "ids: 65 tokens exceed n_ctx 64"),
        (dict(embeddings=np.zeros((3, 5))), r"embeddings: shape \(3, 5\) is not \[..., pos, d_model=4\]"),
        (dict(embeddings=np.zeros(4)), r"embeddings: shape \(4,\)"),
        (dict(embeddings=np.full((3, 4), np.nan)), "embeddings: every number must be finite"),
        (dict(embeddings=np.zeros((65, 4))), "65 tokens exceed n_ctx 64"),
    ],
)
def test_bad_inputs_are_named(arguments, message):
    config = core.PRESETS["penguins"].config
    with pytest.raises(core.ConfigError, match=message):
        core.forward(core.init_params(config), config, **arguments)


def test_bad_params_are_named():
    config = core.PRESETS["encoder"].config
    params = core.init_params(config)
    core.check_params(params, config)
    with pytest.raises(core.ConfigError, match=r"blocks\.1\.mlp\.W_in of shape \(64, 128\) is missing"):
        core.check_params({k: v for k, v in params.items() if k != "blocks.1.mlp.W_in"}, config)
    with pytest.raises(core.ConfigError, match=r"embed\.W_E has shape \(3, 64\); the Config asks for \(1000, 64\)"):
        core.check_params(params | {"embed.W_E": np.zeros((3, 64))}, config)
    with pytest.raises(core.ConfigError, match="no parameter 'W_X'"):
        core.check_params(params | {"W_X": np.zeros(1)}, config)


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf])
def test_bad_temperature_is_named(temperature):
    with pytest.raises(core.ConfigError, match=f"temperature: {temperature}"):
        core.Interventions(temperature=temperature)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (np.zeros(3, int), r"targets: int64 \(3,\) does not fit logits \(2, 5\)"),
        (np.zeros(2), r"targets: float64 \(2,\) does not fit logits \(2, 5\)"),
        (np.array([0, 5]), r"all in 0\.\.4"),
    ],
)
def test_bad_targets_are_named(targets, message):
    with pytest.raises(core.ConfigError, match=message):
        core.cross_entropy(np.zeros((2, 5)), targets)


@settings(max_examples=20)
@given(configs, seeds)
def test_precision_follows_the_parameters(config, seed):
    _, ids = setup(config, seed)
    for dtype in (np.float32, np.float64):
        trace = core.forward(random_params(config, seed, dtype), config, ids)
        assert {array.dtype for array in trace.values()} == {np.dtype(dtype)}


def test_a_seed_draws_each_parameter_by_itself():
    config = core.PRESETS["gpt"].config
    a, b = core.init_params(config, 3), core.init_params(config.replace(n_layers=2, norm="rms"), 3)
    assert all(np.array_equal(a[name], b[name]) for name in b if name.rpartition(".")[2].startswith("W"))
    assert not np.array_equal(a["embed.W_E"], core.init_params(config, 4)["embed.W_E"])
    core.check_params(a, config)
