"""What is read off a trace, on inputs whose answers are known."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import random_config, random_params

import core
from core import interpret
from core.interpret import (
    ablation,
    attention_distance,
    distances,
    drift_lengths,
    entropy,
    habits,
    head_effects,
    head_label,
    head_scores,
    heads,
    key_effects,
    mean_distance,
    order_effect,
    pair_angles,
    pca,
    prediction_effects,
    rank_correlation,
    read_row,
    relative_change,
    residual_stages,
    rollout,
    sentence_scores,
    sentence_vector,
    sentence_vectors,
    share_of_zeros,
    similarity,
    sine_wave,
    space,
    token_moments,
    token_norms,
    transformed_values,
    unevenness,
    value_weighted,
)
from core.interpret.habits import Habits
from core.interventions import PARTS
from core.ops.positions import rotary_angles, sinusoidal
from tests.derived_by_hand import followed

seeds = st.integers(0, 2**31)


@pytest.mark.parametrize("n", [1, 2, 5, 64])
def test_entropy_of_equals_is_log2_n(n):
    assert entropy(np.full((3, 2, n), 1 / n)) == pytest.approx(np.full((3, 2), math.log2(n)))


def test_entropy_of_one_is_zero():
    assert entropy(np.eye(4)).tolist() == [0, 0, 0, 0]
    assert entropy(np.array([[0.5, 0.25, 0.25, 0]])) == pytest.approx([1.5])


def test_distance():
    assert attention_distance(np.eye(5)).tolist() == [0] * 5
    assert attention_distance(np.full((3, 3), 1 / 3)) == pytest.approx([1, 2 / 3, 1])
    assert attention_distance(np.eye(4)[::-1]).tolist() == [3, 1, 1, 3]


def test_a_row_is_read_from_most_to_least():
    row = core.run(core.Scene()).trace["blocks.0.attn.pattern"][0, 3]
    assert read_row(row) == [(0.31, [3]), (0.19, [1, 2, 4]), (0.12, [0])]
    apart = np.array([0.125 - 3e-7, 0.125 + 3e-7, 0.125 - 3e-6, 0.125 + 3e-6])  # of the first two float32 knows nothing
    assert read_row(apart) == [(0.13, [3]), (0.12, [0, 1, 2])]


def test_stages_and_norms():
    run = core.run(core.Scene(model="gpt"))
    stages = residual_stages(run.trace, run.config.n_layers)
    assert stages.shape == (5, 5, 64)
    assert np.array_equal(stages[0], run.trace["blocks.0.resid_pre"])
    assert np.array_equal(stages[4], run.trace["blocks.3.resid_post"])
    assert token_norms(np.array([[[3.0, 4.0], [0.0, 0.0]]])).tolist() == [2.5]


def test_a_sentence_s_vector_is_the_mean_of_its_tokens_last_ones():
    run = core.run(core.Scene(model="gpt"))
    ids = run.encoding.ids
    found = sentence_vector(run.params, run.config, ids)
    assert np.allclose(found, run.trace["ln_final.out"].mean(0), atol=1e-6)
    both = sentence_vectors(run.params, run.config, [ids[:2], ids])
    assert np.allclose(both, [sentence_vector(run.params, run.config, ids[:2]), found], atol=1e-6)


def test_relative_change():
    before = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 0.0]])
    after = np.array([[3.0, 9.0], [0.0, 0.0], [0.0, 1.0]])
    assert relative_change(before, after).tolist() == [1.0, 0.0, math.inf]


# ------------------------------------------------------------------------------------------------------------ PCA


def test_rank_correlation_by_hand():
    """1 - 6 sum d^2 / (n (n^2 - 1)) where no two are alike; those alike share their rank (Spearman 1904)."""
    assert rank_correlation([10, 20, 30, 40], [1, 3, 2, 400]) == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert rank_correlation([1, 2, 3], [9, 5, 1]) == pytest.approx(-1)
    assert rank_correlation([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9486832980505138)
    assert np.isnan(rank_correlation([1, 1, 1], [1, 2, 3]))


@given(seeds, st.integers(2, 9), st.integers(1, 6))
def test_pca_is_the_covariance_s_eigenvectors(seed, n, d):
    x = np.random.default_rng(seed).standard_normal((n, d))
    found = pca(x, k=d)
    values = np.linalg.eigvalsh(np.cov(x.T, bias=True).reshape(d, d))[::-1].clip(0)
    assert np.allclose(found.explained, values / values.sum(), atol=1e-10)
    assert found.explained.sum() == pytest.approx(1) and (np.diff(found.explained) <= 1e-12).all()
    assert np.allclose(found.project(x).mean(0), 0, atol=1e-12)
    used = found.components[found.explained > 0]
    assert np.allclose(used @ used.T, np.eye(len(used)), atol=1e-9)
    assert np.allclose(found.project(x) @ found.components + found.mean, x)


@pytest.mark.parametrize("n", [space.MANY, 400, 800])
def test_pca_of_many_dimensions_is_the_covariance_s_eigenvectors_too(n, monkeypatch):
    """Vectors that shrink along more and more directions, as a model's do; then without that shortcut."""
    rng = np.random.default_rng(n)
    x = (rng.standard_normal((n, 200)) * 0.9 ** np.arange(200)) @ np.linalg.qr(rng.standard_normal((200, 200)))[0] + 3
    values, columns = np.linalg.eigh(np.cov(x.T, bias=True))
    found = pca(x)
    assert np.allclose(found.explained, values[::-1][:3] / values.sum(), rtol=1e-10)
    assert np.allclose(np.abs(np.diag(found.components @ columns[:, ::-1][:, :3])), 1, atol=1e-12)
    monkeypatch.setattr(space, "MANY", 1000)
    plain = pca(x)
    assert not np.array_equal(found.components, plain.components)  # it went another way
    assert np.allclose(found.components, plain.components, atol=1e-9)
    assert np.allclose(found.explained, plain.explained, rtol=1e-9)


def test_pca_of_many_dimensions_takes_no_rounding_for_variance():
    rng = np.random.default_rng(0)
    way, other = rng.standard_normal((2, 300))
    line = pca(np.outer(rng.standard_normal(200), way) + other)
    assert line.explained == pytest.approx([1, 0, 0]) and not line.components[1:].any()
    found = pca((other + np.zeros((200, 300))).astype(np.float32))
    assert not found.explained.any() and not found.components.any()
    ways = np.outer(rng.standard_normal(200), way), np.outer(rng.standard_normal(200), rng.standard_normal(300))
    for faint, found in ((1e-3, [True, True, False]), (1e-5, [True, False, False])):  # float32 holds 1e-6 of numbers
        line = pca(other + 0.01 * (ways[0] + faint * ways[1]))  # about as large as 1
        assert (line.explained > 0).tolist() == line.components.any(1).tolist() == found


def test_leading_eigenvalues_are_none_where_they_are_too_close_or_too_few():
    rng = np.random.default_rng(0)
    close = rng.standard_normal((300, 250))

    def leading(matrix: np.ndarray, k: int):
        return space.leading(lambda vectors: matrix @ vectors, len(matrix), k)

    assert leading(close.T @ close, 3) is None
    assert leading(np.eye(space.BLOCK - 1), 1) is None and leading(np.eye(5), 5) is None
    values, vectors = leading(np.diag([3.0, 1, 5, *[0] * 37]), 2)
    assert values == pytest.approx([5, 3]) and np.abs(vectors) == pytest.approx(np.eye(40)[[2, 0]])


@given(seeds)
def test_pca_never_flips(seed):
    x = np.random.default_rng(seed).standard_normal((7, 4))
    found, mirrored = pca(x), pca(2 * x.mean(0) - x)
    assert np.allclose(found.components, mirrored.components)
    for component in found.components:
        assert component[np.abs(component).argmax()] > 0


@given(seeds)
def test_pca_ignores_the_order_of_the_points(seed):
    x = np.random.default_rng(seed).standard_normal((7, 4))
    assert np.allclose(pca(x).components, pca(x[::-1]).components)


def test_pca_of_coincident_points_is_zero():
    for x in (np.ones((4, 3)), np.full((1, 3), 0.1), np.full((6, 2), 1 / 3)):
        found = pca(x)
        assert not found.components.any() and not found.explained.any()
        assert not found.project(x).any()


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_pca_takes_no_rounding_for_variance(size):
    """Seven times one word, float32's noise on it; and beside a direction of its own, only that one."""
    rng = np.random.default_rng(0)
    word = (size * rng.standard_normal(64)).astype(np.float32)
    same = np.nextafter(word, word + rng.choice([-size, size], (7, 64)), dtype=np.float32)
    found = pca(same)
    assert not np.array_equal(same[0], same[1]) and not found.explained.any() and not found.components.any()
    line = pca(np.concatenate([same, 2 * same]))
    assert line.explained == pytest.approx([1, 0, 0]) and not line.components[1:].any()
    faint = pca(same + np.outer(np.arange(7), 1e-4 * word[::-1]))  # what is small and real remains
    assert faint.explained == pytest.approx([1, 0, 0], abs=1e-4)


def test_pca_of_a_line_has_one_direction():
    found = pca(np.outer([0.0, 1, 2, 5], [3.0, 4.0]), k=3)
    assert found.components[0] == pytest.approx([0.6, 0.8])
    assert found.explained == pytest.approx([1, 0, 0])
    assert not found.components[1:].any()


# --------------------------------------------------------------------------------------------------------------- heads


def test_each_pattern_that_has_a_name_scores_one_and_gets_it():
    n, words = 6, list("abcabc")
    again = np.where(np.arange(n)[:, None] % 3 == np.arange(n) % 3, 1.0, 0) - np.eye(n)
    first = np.zeros((n, n))
    first[:, 0] = 1
    known = {
        "previous": np.eye(n, k=-1) + np.outer(np.eye(n)[0], np.eye(n)[0]),
        "first": first,
        "itself": np.eye(n),
        "same": again,
        "induction": np.eye(n, k=-2) + np.outer(np.eye(n)[0] + np.eye(n)[1], np.eye(n)[0]),
        "uniform": np.full((n, n), 1 / n),
    }
    for name, pattern in known.items():
        scores = head_scores(pattern, words)
        assert scores[name] == pytest.approx(1), name
        assert head_label({k: float(v) for k, v in scores.items()}) == name
        assert all(0 <= float(score) <= 1 + 1e-12 for score in scores.values())


def test_scores_of_uniform_attention_by_hand():
    """Six words, three of them twice; each looks at each alike. Causal: query q sees q + 1 keys, and the first has no
    choice, so it does not count."""
    words = list("abcabc")
    both = head_scores(np.full((6, 6), 1 / 6), words)
    assert {name: float(score) for name, score in both.items()} == pytest.approx(
        {"previous": 1 / 6, "first": 1 / 6, "itself": 1 / 6, "same": 1 / 6, "induction": 1 / 6, "uniform": 1.0}
    )
    causal = head_scores(np.tri(6) / np.arange(1, 7)[:, None], words, causal=True)
    mean, late = np.mean([1 / n for n in range(2, 7)]), np.mean([1 / 4, 1 / 5, 1 / 6])
    assert {name: float(score) for name, score in causal.items()} == pytest.approx(
        {"previous": mean, "first": mean, "itself": mean, "same": late, "induction": late, "uniform": 1.0}
    )


def test_a_pattern_takes_three_queries():
    """Two words that come back, a head that looks at what followed: two queries are chance, three earn the score."""
    for words, score in ((list("abab"), 0.0), (list("abcab"), 0.0), (list("abcabc"), 1.0)):
        n, period = len(words), len({*words})
        pattern = np.eye(n)[[q - period + 1 if q >= period else 0 for q in range(n)]]
        assert float(head_scores(pattern, words, causal=True)["induction"]) == score


def test_a_head_that_looks_at_all_alike_takes_three_queries_with_a_choice():
    for n, causal, score in ((2, False, 0.0), (3, False, 1.0), (3, True, 0.0), (4, True, 1.0)):
        pattern = np.tri(n) / np.arange(1, n + 1)[:, None] if causal else np.full((n, n), 1 / n)
        assert float(head_scores(pattern, range(n), causal)["uniform"]) == pytest.approx(score), (n, causal)


def test_rows_from_an_eighth_to_a_third_are_not_nearly_alike():
    row = np.array([0.34, 0.2, 0.18, 0.16, 0.12])
    assert float(unevenness(np.tile(row, (5, 1)))[0]) == pytest.approx(0.14)  # the entropy says 0.96 of the greatest
    scores = {name: float(score) for name, score in head_scores(np.tile(row, (5, 1)), "abcde").items()}
    assert scores["uniform"] == pytest.approx(0.86) and head_label(scores) is None
    assert float(unevenness(np.eye(4)).max()) == 0.75 and not unevenness(np.tri(3) / [[1], [2], [3]], causal=True).any()
    one = np.full((4, 4), 0.25)
    one[2] = [1, 0, 0, 0]  # one row that is not alike is enough
    assert float(head_scores(one, "abcd")["uniform"]) == pytest.approx(0.25)


def test_scores_where_there_is_nothing_to_choose():
    alone = head_scores(np.ones((2, 3, 1, 1)), ["a"], causal=True)
    assert all(score.shape == (2, 3) and not score.any() for score in alone.values())
    assert not head_scores(np.full((3, 3), 1 / 3), ["a", "b", "c"])["same"].any()


def test_a_head_between_two_patterns_has_no_label():
    half = 0.45 * np.eye(5) + 0.55 * np.eye(5)[::-1]
    scores = {name: float(score) for name, score in head_scores(half, "abcde").items()}
    assert scores["itself"] == pytest.approx((4 * 0.45 + 1) / 5) and scores["uniform"] < 0.95
    assert head_label(scores | {"itself": 0.49}) is None


@given(seeds, st.integers(1, 4), st.integers(1, 7), st.booleans())
def test_scores_are_shares(seed, heads, n, causal):
    rng = np.random.default_rng(seed)
    pattern = rng.random((heads, n, n)) * (np.tri(n) if causal else 1)
    pattern /= pattern.sum(-1, keepdims=True)
    for score in head_scores(pattern, rng.integers(0, 3, n).tolist(), causal).values():
        assert score.shape == (heads,) and (score >= 0).all() and (score <= 1 + 1e-12).all()


def test_rollout_by_hand():
    """Two layers of one head that copies the previous token: half of each token's information moves on a layer."""
    previous = np.array([[1.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    rolled = rollout(np.stack([previous[None], previous[None]]))
    half = np.array([[1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]])
    assert np.allclose(rolled[0], half) and np.allclose(rolled[1], [[1, 0, 0], [0.75, 0.25, 0], [0.25, 0.5, 0.25]])
    assert np.allclose(rollout(np.stack([previous[None]] * 2), residual=False)[1], [[1, 0, 0], [1, 0, 0], [1, 0, 0]])


def test_nothing_flows_through_heads_that_are_off():
    patterns = np.random.default_rng(0).dirichlet(np.ones(4), (2, 2, 4))
    every = [(i, h) for i in range(2) for h in range(2)]
    assert np.allclose(rollout(patterns, True, every), np.eye(4))  # each word keeps itself
    assert not rollout(patterns, False, every).any()  # and without residuals nothing does
    one = rollout(patterns, True, [(0, 1)])[0]
    assert np.allclose(one, patterns[0, 0] / 4 + 3 * np.eye(4) / 4)  # half of the layer's half
    assert np.allclose(rollout(patterns, False, [(0, 1)])[0], patterns[0, 0])
    assert np.allclose(rollout(patterns, True, [(1, 0)])[0], rollout(patterns)[0])


@given(seeds, st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_rollout_rows_add_up_to_one(seed, layers, heads, residual):
    patterns = np.random.default_rng(seed).dirichlet(np.ones(4), (layers, heads, 4))
    rolled = rollout(patterns, residual)
    assert rolled.shape == (layers, 4, 4) and np.allclose(rolled.sum(-1), 1)


def test_a_large_weight_on_a_short_vector_carries_little():
    """The penguins have no projections: what a weight carries is the weight times the length of the word itself."""
    run = core.run(core.Scene())
    a = run.trace["blocks.0.attn.pattern"]
    lengths = np.array([1, 1, 1, math.sqrt(2), math.sqrt(2)])
    assert np.allclose(value_weighted(run.params, run.config, run.trace, 0), a * lengths)


@given(seeds)
@settings(max_examples=30)
def test_what_the_weights_carry_adds_up_to_the_layer_s_output(seed):
    """The sum over heads and keys of alpha f(x), and b_O, is what attention gives; the map has its terms' lengths."""
    config = random_config(random.Random(seed)).replace(embed_norm=False)
    params = random_params(config, seed)
    ids = np.random.default_rng(seed).integers(0, config.vocab_size, 5)
    off = frozenset({"W_O"} if seed % 3 == 0 else {"W_V"} if seed % 3 == 1 else ())
    gone = (0, config.n_heads - 1)
    change = core.Interventions(ablated=frozenset({gone} if seed % 2 else ()), off=off)
    trace = core.forward(params, config, ids, interventions=change)
    a, f = trace["blocks.0.attn.pattern"].copy(), transformed_values(params, config, trace, 0)
    if seed % 2:
        a[gone[1]] = 0
    carried = a[..., None] * f[:, None]
    bias = 0 if "W_O" in off else params.get("blocks.0.attn.b_O", 0)
    assert np.allclose(carried.sum((0, 2)) + bias, trace["blocks.0.attn_out"], atol=1e-10)
    weighted = value_weighted(params, config, trace, 0)
    assert np.allclose(weighted, np.linalg.norm(carried, axis=-1), atol=1e-12)
    each = [value_weighted(params, config, trace, 0, heads=slice(h, h + 1)) for h in range(config.n_heads)]
    assert np.array_equal(np.concatenate(each), weighted), "of one head alone it is the same"


# ------------------------------------------------------------------------------------------------------------ ablation


@given(seeds)
@settings(max_examples=30)
def test_head_effects_are_those_of_whole_runs(seed):
    draw = random.Random(seed)
    config = random_config(draw)
    params = random_params(config, seed)
    ids = np.random.default_rng(seed).integers(0, config.vocab_size, 4)
    off = frozenset(draw.sample(PARTS, draw.choice((0, 0, 1, 2))))
    gone = frozenset({(0, 0)} if draw.random() < 0.3 else ())
    trace = core.forward(params, config, ids, interventions=core.Interventions(0.8, gone, off))
    effects = head_effects(params, config, trace)
    last = f"blocks.{config.n_layers - 1}.resid_post"
    for layer, head in np.ndindex(config.n_layers, config.n_heads):
        without = core.Interventions(0.8, gone | {(layer, head)}, off)
        after = core.forward(params, config, ids, interventions=without)[last]
        expected = relative_change(trace[last], after)
        assert np.allclose(effects[layer, head], expected, rtol=1e-9, atol=1e-12), (layer, head)
    assert not gone or not effects[0, 0].any()


def test_no_key_of_a_head_that_is_off_has_an_effect():
    run = core.run(core.Scene(model="gpt", ablated=((1, 2),)))
    off, on = (key_effects(run.params, run.config, run.trace, 1, head, 3) for head in (2, 1))
    assert off.max() < 1e-5 < 1e-3 < on.max()  # float32's rounding


def test_a_key_has_an_effect_by_the_numbers_that_were_not_put_in():
    """Of the row of a head that is patched in one of its numbers, the others are mixed still."""
    scene = core.Scene(model="gpt", sentence="um dois tres")
    run, name = core.run(scene), "blocks.1.attn.z"
    put = core.Interventions(patch={name: ((2, 1, 0), np.float32(0.5))})
    trace = core.forward(run.params, run.config, embeddings=run.embeddings, interventions=put)
    mixed = trace[name].copy()
    mixed[2, 1, 1:] -= trace["blocks.1.attn.pattern"][2, 1, 0] * trace["blocks.1.attn.v"][2, 0, 1:]
    without = core.Interventions(patch={name: mixed})
    after = core.forward(run.params, run.config, embeddings=run.embeddings, interventions=without)
    last = f"blocks.{run.config.n_layers - 1}.resid_post"
    expected = relative_change(trace[last].astype(float), after[last].astype(float))[1]
    found = key_effects(run.params, run.config, trace, 1, 2, 1)
    assert expected > 1e-3 and np.isclose(found[0], expected, rtol=1e-3)


def test_key_effects_of_the_penguins_by_hand():
    """One head, no projections, no residual: the output is the mix itself, so what is lost is A[q, k] x_k."""
    run = core.run(core.Scene())
    a, x = run.trace["blocks.0.attn.pattern"][0, 3], run.embeddings
    expected = a * np.linalg.norm(x, axis=-1) / np.linalg.norm(a @ x)
    assert np.allclose(key_effects(run.params, run.config, run.trace, 0, 0, 3), expected)


@given(seeds)
@settings(max_examples=20)
def test_a_lone_key_is_all_that_its_head_has(seed):
    config = random_config(random.Random(seed)).replace(n_layers=1)
    params = random_params(config, seed)
    ids = np.random.default_rng(seed).integers(0, config.vocab_size, 4)
    trace = core.forward(params, config, ids)
    head, query = config.n_heads - 1, 3
    effects = key_effects(params, config, trace, 0, head, query)
    assert effects.shape == (4,)
    hidden = trace["blocks.0.attn.pattern"][head, query] == 0
    assert not effects[hidden].any()
    one = core.forward(params, config, ids[:1])  # a lone token has one key: without it, it is without its head
    lost = core.forward(params, config, ids[:1], interventions=core.Interventions(ablated=frozenset({(0, head)})))
    alone = relative_change(one["blocks.0.resid_post"], lost["blocks.0.resid_post"])
    assert np.allclose(key_effects(params, config, one, 0, head, 0), alone, atol=1e-12)


@given(seeds)
@settings(max_examples=25)
def test_one_row_of_a_causal_model_is_enough(seed):
    """What a key changes is the same, whether all positions of every variant are computed or one; and of a model that
    sees all, whether those of the head's own layer are."""
    rng = random.Random(seed)
    config = random_config(rng).replace(n_layers=3, causal=True)
    params, n = random_params(config, seed), 6
    ids = np.random.default_rng(seed).integers(0, config.vocab_size, n)
    off = frozenset(rng.sample(("W_V", "W_O"), rng.randint(0, 1))) if config.projections else frozenset()
    trace = core.forward(params, config, ids, interventions=core.Interventions(off=off))
    layer, head, query = rng.randrange(3), rng.randrange(config.n_heads), rng.randrange(n)
    at = f"blocks.{layer}.attn."
    z, weights = trace[at + "z"], trace[at + "pattern"][head, query]
    variants = np.repeat(z[None], n, axis=0)
    variants[:, head, query] -= weights[:, None] * trace[at + "v"][head * config.kv_heads // config.n_heads]
    final = ablation._final(variants, params, config, trace, layer, "attn")
    whole = ablation._moved(final, config, trace)[:, query]
    assert np.allclose(key_effects(params, config, trace, layer, head, query), whole, rtol=1e-9, atol=1e-12)
    some = key_effects(params, config, trace, layer, head, query, keys=[4, 1])
    assert np.allclose(some, whole[[4, 1]], rtol=1e-9, atol=1e-12)
    sees_all = config.replace(causal=False)
    trace = core.forward(params, sees_all, ids, interventions=core.Interventions(off=off))
    z, weights = trace[at + "z"], trace[at + "pattern"][head, query]
    variants = np.repeat(z[None], n, axis=0)
    variants[:, head, query] -= weights[:, None] * trace[at + "v"][head * config.kv_heads // config.n_heads]
    whole = ablation._moved(ablation._final(variants, params, sees_all, trace, layer, "attn"), sees_all, trace)
    found = key_effects(params, sees_all, trace, layer, head, query)
    assert np.allclose(found, whole[:, query], rtol=1e-9, atol=1e-12)


def test_logits_that_nobody_asked_for_are_not_computed(monkeypatch):
    preset = core.PRESETS["stories"]
    ids, params = preset.tokenizer.encode(preset.sentence).ids, preset.learned
    whole = core.forward(params, preset.config, ids)
    patched = core.Interventions(patch={"logits": whole["logits"]})
    monkeypatch.setattr(core.model, "unembed", None)
    some = core.forward(params, preset.config, ids, names=["ln_final.out", "*.pattern"])
    assert "logits" not in some and np.array_equal(some["ln_final.out"], whole["ln_final.out"])
    for change, names in ((patched, []), (core.Interventions(), ["log*"])):
        with pytest.raises(TypeError):
            core.forward(params, preset.config, ids, names=names, interventions=change)


# ---------------------------------------------------------------------------------------------------------- the stream


def test_moments_of_a_normed_token_are_zero_and_one():
    run = core.run(core.Scene(model="gpt"))
    mean, variance = token_moments(run.trace["blocks.0.ln1.normalized"])
    assert np.allclose(mean, 0, atol=1e-6) and np.allclose(variance, 1, atol=1e-4)
    assert [m.tolist() for m in token_moments(np.array([[1.0, 3.0], [5.0, 5.0]]))] == [[2, 5], [1, 0]]
    assert [m.shape for m in token_moments(np.ones((2, 3, 4)))] == [(2, 3), (2, 3)]


def test_the_effect_of_order_is_that_of_the_sentence_read_backwards():
    run = core.run(core.Scene(model="gpt"))
    name = "blocks.3.resid_post"
    backwards = core.forward(run.params, run.config, run.encoding.ids[::-1])[name][::-1]
    found = order_effect(run.params, run.config, run.trace)
    assert found == pytest.approx(relative_change(run.trace[name], backwards), rel=1e-4) and (found > 0.1).all()


@pytest.mark.parametrize("embed_scale", [False, True])
def test_without_positions_and_mask_order_has_no_effect(embed_scale):
    config = core.Config(vocab_size=20, n_ctx=8, d_model=8, n_layers=2, n_heads=2, d_mlp=8, embed_scale=embed_scale)
    params, ids = core.init_params(config, 0, np.float64), np.array([1, 2, 3, 4])
    for mask in (None, ids < 4):
        assert order_effect(params, config, core.forward(params, config, ids, mask=mask)) == pytest.approx(0, abs=1e-12)
    for change in (core.Interventions(cut={(0, 0, 1, 2)}), core.Interventions(patch={"blocks.0.resid_pre": 1.0})):
        with pytest.raises(core.ConfigError, match="stays in its place"):
            order_effect(params, config, core.forward(params, config, ids, interventions=change))


IDS = np.array([1, 2, 3])
GPT = core.PRESETS["gpt"].config
OF_GPT = core.init_params(GPT), GPT, core.forward(core.init_params(GPT), GPT, IDS)
CROSSED = core.Config(vocab_size=9, d_model=8, d_mlp=8, unembed=True, n_encoder_layers=1, cross=True)
OF_CROSSED = core.init_params(CROSSED), CROSSED, core.forward(core.init_params(CROSSED), CROSSED, IDS, source=IDS)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (lambda: interpret.without_heads(*OF_GPT, 9), "head: head 9.0 is outside 4 x 4"),
        (lambda: interpret.without_heads(*OF_GPT, 0, heads=[-1]), "head: -1 is not a whole number of 0 or more"),
        (lambda: head_effects(*OF_GPT, kind="cross"), "head: 0.0.cross: the model has no such attention"),
        (lambda: head_effects(*OF_GPT, kind="self"), "kind: 'self' is not attn or cross"),
        (lambda: key_effects(*OF_GPT, 0, 9, 0), "head: head 0.9 is outside 4 x 4"),
        (lambda: key_effects(*OF_GPT, 0, 0, 3), "query: 3 is not a whole number in 0..2"),
        (lambda: key_effects(*OF_GPT, 0, 0, 0, keys=[3]), "keys: 3 is not a whole number in 0..2"),
        (lambda: interpret.patched_differences(*OF_GPT, OF_GPT[2], (1, 2), "x", 0), "what: 'x' is not one of stream"),
        (lambda: interpret.patched_differences(*OF_GPT, OF_GPT[2], (1, -2), "mlp", 0), "pair: -2 is not a whole"),
        (lambda: interpret.patched_differences(*OF_GPT, OF_GPT[2], (1, 2), "words", 0, 4), "head: 4 is not a whole"),
        (lambda: interpret.patched_differences(*OF_GPT, OF_GPT[2], (1, 1000), "mlp", 0), "pair: 1000 is not a whole"),
        (lambda: interpret.word_influence(*OF_GPT, OF_GPT[2]["embed"], 1000), "token: 1000 is not a whole number in"),
        (lambda: interpret.find_circuit(*OF_GPT[:2], IDS), "ids: none of them comes again"),
        (lambda: interpret.direct_attribution(OF_CROSSED[2], *OF_CROSSED[:2], 1), "cross: True, so the last stream"),
    ],
)
def test_what_is_not_there_is_refused_by_name(asked, message):
    with pytest.raises(core.ConfigError) as error:
        asked()
    assert str(error.value).startswith(message)


def test_the_last_token_of_a_vocabulary_and_the_last_head_are_there():
    trace, last = OF_GPT[2], GPT.vocab_size - 1
    assert not interpret.patched_differences(*OF_GPT, trace, (last, last), "words", 0, GPT.n_heads - 1).any()
    found = interpret.word_influence(*OF_GPT, trace["embed"], last)
    nothing = core.forward(OF_GPT[0], GPT, embeddings=np.zeros_like(trace["embed"]))["logits"]
    assert found.gain == pytest.approx(float(trace["logits"][-1, last]) - float(nothing[-1, last]), abs=1e-6)


def test_share_of_zeros():
    assert share_of_zeros(np.array([[0, 1, 0, 2], [1, 1, 1, 1]])).tolist() == [0.5, 0]
    run = core.run(core.Scene(model="gpt"))
    pre = run.trace["blocks.2.mlp.pre"]
    assert share_of_zeros(run.trace["blocks.2.mlp.post"]).tolist() == (pre <= 0).mean(-1).tolist()


def test_a_sine_wave_is_a_column_of_the_table():
    P = sinusoidal(9, 7, np.float64)
    assert np.allclose(np.stack([sine_wave(np.arange(9), i, 7) for i in range(7)], axis=1), P)


def test_similarity_of_positions_depends_on_distance_alone():
    P = sinusoidal(9, 16, np.float64)
    found = similarity(P)
    assert np.allclose(found, P @ P.T / 8)
    for apart in range(9):
        assert np.ptp(np.diagonal(found, apart)) < 1e-12
    assert found[0, 0] == pytest.approx(1) and (found[0, 1:] < 1).all()
    assert similarity(np.zeros((2, 3))).tolist() == [[0, 0], [0, 0]]
    for gone in (np.nan, np.inf):
        assert np.isnan(similarity(np.array([[1.0, 2], [gone, 1]]))).tolist() == [[False, True], [True, True]]


def test_pair_angles_are_those_that_turn_queries():
    angles = pair_angles(np.arange(5), 6, 100.0)
    cos, sin = rotary_angles(5, 6, 100.0, np.float64)
    assert np.allclose(np.cos(angles), cos) and np.allclose(np.sin(angles), sin)
    assert angles[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_habits_are_of_the_sentences_that_can_tell():
    """Two heads on three sentences: one always looks back, the other does so once and else at the first token."""
    back, first = np.eye(5, k=-1), np.zeros((5, 5))
    back[0, 0] = first[:, 0] = 1
    short = sentence_scores(np.stack([back[:3, :3]] * 2), "abc", causal=True)
    assert np.isnan(short).all(), "of three words two have a choice"
    one, other = (
        sentence_scores(np.stack([back, back]), "abcde", True),
        sentence_scores(np.stack([back, first]), "abcde", True),
    )
    found = habits(np.stack([one, other, np.full_like(one, np.nan)]))
    names = [core.interpret.LABELS.index(name) for name in ("previous", "first", "same")]
    assert found.told[names].tolist() == [2, 2, 0] and found.held[names].tolist() == [[2, 1], [0, 1], [0, 0]]
    assert found.mean[names[0]].tolist() == [1, (1 + 1 / 4) / 2], "the second word's first is its previous one too"
    assert found.low[names[0]].tolist() == [1, 1 / 4] and found.high[names[0]].tolist() == [1, 1]
    assert np.isnan(found.mean[names[2]]).all() and found.main.tolist() == [names[0], names[0]]
    assert habits(other[None] * 0).main.tolist() == [-1, -1]
    assert habits(other[None]).mean[names[0]].tolist() == [1, 1 / 4], "of one sentence its own"


def test_a_head_is_worth_what_the_prediction_is_without_it():
    scene = core.Scene(model="gpt", sentence="um dois um").override(norm="rms")
    run = core.run(scene)
    variation, log_p = prediction_effects(run.params, run.config, run.trace, [1, 3])

    def log_shares(ablated):
        logits = core.run(scene.turn(ablated=ablated)).trace["logits"][-1].astype(np.float64)
        return logits - np.log(np.exp(logits).sum())

    before = log_shares(())
    for (i, head), value in np.ndenumerate(variation):
        after = log_shares([(1 + 2 * i, head)])
        assert value == pytest.approx(np.maximum(np.exp(before) - np.exp(after), 0).sum(), abs=1e-6)
        assert log_p[i, head] == pytest.approx((after - before)[before.argmax()], abs=1e-5)
    with pytest.raises(core.ConfigError, match="unembed"):
        prediction_effects(run.params, run.config.replace(unembed=False), run.trace)


def test_of_two_names_that_a_head_has_as_often_the_one_with_the_higher_mean_is_its_main_one():
    held, mean = np.array([[1, 2, 0], [1, 1, 0]]), np.array([[0.5, 0.5, 0.9], [0.9, 0.9, 0.9]])
    told = np.array([3, 3])
    assert Habits(told, mean, mean, mean, held).main.tolist() == [1, 0, -1]


@pytest.mark.parametrize("causal", [False, True])
def test_a_pattern_can_be_followed_by_three_queries_and_more(causal):
    """By loops over who sees whom, on sentences of a few tokens of few kinds."""
    draw, found = random.Random(0), {}
    for _ in range(300):
        tokens = [draw.choice("abc") for _ in range(draw.randint(1, 7))]
        followable = heads.followable(tokens, causal)
        for name in heads.LABELS:
            choice, places = followed(tokens, causal, name)
            n = len(choice) if name == "uniform" else len({query for query, _ in places})
            assert (name in followable) == (n >= heads.SEVERAL), (tokens, name)
            found.setdefault(name, set()).add(n)
    assert all({2, 3, 4} <= counts for counts in found.values()), "the boundary was tried"


def test_distances_are_those_of_euclid():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 7)), rng.normal(size=(4, 7))
    y[1] = x[2]  # the same to the bit
    y[2] = x[3] * (1 + 1e-4)  # so near that a product would tell nothing
    y[3] = x[4] * (1 + 1e-8)  # as rounding leaves it
    away = [[float(np.sqrt(((a - b) ** 2).sum())) for b in y] for a in x]
    expected = np.array(away)
    expected[4, 3] = 0
    assert distances(x, y) == pytest.approx(expected, rel=1e-9, abs=0) and distances(x, y)[2, 1] == 0
    own = distances(x)
    assert own == pytest.approx(np.array([[np.linalg.norm(a - b) for b in x] for a in x]), rel=1e-9, abs=0)
    assert mean_distance(own) == pytest.approx(np.mean([own[i, j] for i in range(5) for j in range(5) if i != j]))
    assert mean_distance(distances(x[:1])) == 0 and mean_distance(own[:2, :2]) == pytest.approx(own[0, 1])
    assert drift_lengths(x[:4], y) == pytest.approx(np.sqrt(((y - x[:4]) ** 2).sum(-1)))
    assert drift_lengths(x[4:], y[3:]).tolist() == [0] and drift_lengths(0 * x[:1], x[:1]) == pytest.approx(
        np.linalg.norm(x[:1], axis=-1)
    )
    apart = np.array([[1e6, 0.0], [1e6, 5.0]])
    assert distances(apart)[0, 1] == pytest.approx(5, rel=1e-12), "of two products too little is left"
    far = np.array([[1e6, 0.0], [1e6, 1e-3]])  # near beside their lengths, and yet apart
    assert distances(far)[0, 1] == 0 and distances(far * [1, 1e6])[0, 1] == pytest.approx(1e3)


def test_a_key_that_is_left_out_of_a_padded_text_is_left_out_of_no_padding():
    """Above the head's layer too nobody looks at what only fills a row, under a causal mask as well."""
    config = random_config(random.Random(0)).replace(
        **{"n_layers": 3, "causal": True, "norm": "layer", "norm_at": "pre", "residual": True, "parallel": False}
    )
    params = random_params(config, 1)
    ids, padding = np.array([1, 2, 3, 4, 1]), np.array([True, False, True, True, True])
    trace = core.forward(params, config, ids, mask=padding)
    for head, query in ((0, 4), (config.n_heads - 1, 3)):
        effects = key_effects(params, config, trace, 0, head, query)
        name, found = "blocks.0.attn.z", []
        for key in range(len(ids)):
            z = np.array(trace[name])
            weight = trace["blocks.0.attn.pattern"][head, query, key]
            z[head, query] -= weight * trace["blocks.0.attn.v"][config.kv_head_of(head), key]
            change = core.Interventions(patch={name: z})
            there = core.forward(params, config, ids, mask=padding, interventions=change)
            last = f"blocks.{config.n_layers - 1}.resid_post"
            found.append(relative_change(trace[last], there[last])[query])
        assert effects == pytest.approx(found, rel=1e-6, abs=1e-12) and effects[1] == 0 < effects[0]
