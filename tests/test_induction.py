"""The induction score, its circuit, and the dependency score, on patterns whose scores are known."""

from __future__ import annotations

import numpy as np
import pytest

import core
from core.interpret.induction import (
    PERIODS,
    dependency_chance,
    dependency_score,
    find_circuit,
    followers,
    induction_score,
    previous_token_score,
    probe_induction,
)

IDS = np.array([5, 7, 9, 5, 7, 9, 5])
UNIFORM = np.tri(7) / np.arange(1, 8)[:, None]


def looking_at(*keys: int) -> np.ndarray:
    """[query, key]: every query looks at one key alone."""
    return np.eye(len(keys))[list(keys)]


def test_followers_by_hand():
    found = [np.flatnonzero(row).tolist() for row in followers(IDS)]
    assert found == [[], [], [], [1], [2], [3], [1, 4]]


def test_a_token_right_after_itself_follows_itself_no_earlier():
    assert [np.flatnonzero(row).tolist() for row in followers(np.array([4, 4, 4]))] == [[], [], [1]]


def test_scores_of_known_heads():
    induction = looking_at(0, 1, 2, 1, 2, 3, 4)
    before = looking_at(0, 0, 1, 2, 3, 4, 5)
    pattern = np.stack([induction, before, UNIFORM])
    assert induction_score(pattern, IDS) == pytest.approx([1, 0, np.mean([1 / 4, 1 / 5, 1 / 6, 2 / 7])])
    assert previous_token_score(pattern) == pytest.approx([0, 1, np.mean([1 / n for n in range(2, 8)])])


def test_a_batch_is_averaged_over():
    rng = np.random.default_rng(0)
    ids = np.array([IDS, IDS[::-1], [1, 1, 2, 1, 2, 3, 4]])
    pattern = rng.dirichlet(np.ones(7), (3, 2, 7))
    one_by_one = [induction_score(p, i) for p, i in zip(pattern, ids, strict=True)]
    counts = [followers(i).any(-1).sum() for i in ids]
    assert induction_score(pattern, ids) == pytest.approx(np.average(one_by_one, axis=0, weights=counts))
    assert previous_token_score(pattern) == pytest.approx(np.mean(pattern[:, :, range(1, 7), range(6)], axis=(0, 2)))


def test_nothing_repeated_has_no_score():
    assert np.isnan(induction_score(UNIFORM[None], np.arange(7))).all()
    assert np.isnan(previous_token_score(np.ones((2, 1, 1)))).all()


def test_one_layer_holds_no_circuit():
    config = core.Config(vocab_size=10, d_model=8, n_layers=1, n_heads=2, causal=True, unembed=True)
    with pytest.raises(core.ConfigError, match="n_layers"):
        find_circuit(core.init_params(config), config, IDS)


def test_a_circuit_made_by_hand_is_found():
    """Layer 0 head 1 writes the token before into a second half of the stream; layer 1 head 0 looks for it there."""
    v, n = 10, len(IDS)
    config = core.Config(
        **dict(vocab_size=v, n_ctx=n, d_model=2 * v + n, n_layers=2, n_heads=2, d_head=2 * v + n, causal=True),
        **dict(unembed=True, positions="learned", scale=False),
    )
    params = {name: np.zeros(shape) for name, shape in core.param_shapes(config).items()}
    d = config.d_model
    params["embed.W_E"][:, :v] = np.eye(v)
    params["pos_embed.W_pos"][:, 2 * v :] = np.eye(n)
    head = [slice(0, d), slice(d, 2 * d)]
    shift = np.zeros((d, d))
    shift[2 * v + 1 :, 2 * v : d - 1] = 50 * np.eye(n - 1)  # the query at place p asks for place p - 1
    params["blocks.0.attn.W_Q"][:, head[1]] = shift
    params["blocks.0.attn.W_K"][:, head[1]] = np.eye(d)
    params["blocks.0.attn.W_V"][:v, d + v : d + 2 * v] = np.eye(v)
    params["blocks.0.attn.W_O"][head[1]] = np.eye(d)
    params["blocks.1.attn.W_Q"][:v, :v] = 50 * np.eye(v)
    params["blocks.1.attn.W_K"][v : 2 * v, :v] = np.eye(v)
    circuit = find_circuit(params, config, IDS)
    assert (circuit.first, circuit.second) == ((0, 1), (1, 0))
    # The first token has none before it and brings itself; so the tokens like it find it, too.
    assert circuit.score == pytest.approx(np.mean([1 / 2, 1, 1, 2 / 3])) and circuit.previous[0, 1] == pytest.approx(1)
    assert circuit.without < 0.3


def test_dependencies_by_hand():
    depends = [(), (0,), (), (0, 1)]
    pattern = np.array([[1, 0, 0, 0], [0.25, 0.75, 0, 0], [0.5, 0.3, 0.2, 0], [0.1, 0.2, 0.3, 0.4]])
    assert dependency_score(pattern, depends) == pytest.approx(np.mean([0.25, 0.3]))
    assert dependency_score(pattern, depends, before=1) == pytest.approx(np.mean([1, 0.8]))
    assert dependency_chance(depends) == pytest.approx(np.mean([1 / 2, 2 / 4]))
    assert dependency_score(np.stack([pattern, np.eye(4)]), depends) == pytest.approx([0.275, 0])
    with pytest.raises(core.ConfigError, match="depends"):
        dependency_score(pattern, [(), (), (), ()])


def test_the_probe_is_asked_wherever_one_of_its_sequences_has_room():
    least = min(PERIODS)
    assert [*PERIODS] == sorted({*PERIODS})
    for vocab, n_ctx in ((least, 2 * least), (least - 1, 64), (64, 2 * least - 1)):
        config = core.Config(vocab_size=vocab, n_ctx=n_ctx, n_layers=2, n_heads=2)
        scores = probe_induction(core.init_params(config), config)
        assert np.isnan(scores).all() == (vocab < least or n_ctx < 2 * least)


@pytest.mark.parametrize("causal", [True, False])
def test_the_probe_s_sequences_are_alone_even_where_they_run_at_once(causal):
    preset = core.PRESETS["induction"]
    config, params, draw = preset.config.replace(causal=causal), preset.learned, np.random.default_rng(0)
    found = []
    for period in (p for p in PERIODS if 2 * p <= config.n_ctx and p <= config.vocab_size):
        ids = np.tile(draw.choice(config.vocab_size, period, replace=False), 2)
        trace = core.forward(params, config, ids)
        found.append([induction_score(trace[f"blocks.{i}.attn.pattern"], ids) for i in range(config.n_layers)])
    assert len(found) > 2
    np.testing.assert_allclose(probe_induction(params, config), np.mean(found, axis=0), rtol=1e-4, atol=1e-6)
