"""DESIGN.md's facts about the presets, to the digit."""

from __future__ import annotations

import math

import numpy as np
import pytest

import core
from core.config import CHOICES
from core.interpret import residual_stages, token_norms

PENGUINS = np.array(
    [
        [0.29187513, 0.17703122, 0.17703122, 0.17703122, 0.17703122],
        [0.14396436, 0.2373571, 0.14396436, 0.2373571, 0.2373571],
        [0.15879462, 0.15879462, 0.26180807, 0.26180807, 0.15879462],
        [0.11541419, 0.19028583, 0.19028583, 0.3137283, 0.19028583],
        [0.12475479, 0.20568587, 0.12475479, 0.20568587, 0.33911868],
    ]
)


# ------------------------------------------------------------------------------------------------------- penguins


def test_penguins_as_a_scene():
    run = core.run(core.Scene())
    assert run.tokens == ("Os", "pinguins", "não", "tem", "joelho")
    assert np.array_equal(run.trace["blocks.0.attn.pattern"][0].round(8), PENGUINS)


def test_penguins_from_a_notebook():
    preset = core.PRESETS["penguins"]
    assert preset.sentence == "Os pinguins não tem joelho"
    trace = core.forward(core.init_params(preset.config), preset.config, embeddings=preset.embeddings)
    assert np.array_equal(trace["blocks.0.attn.pattern"][0].round(8), PENGUINS)
    assert np.allclose(trace["blocks.0.resid_post"], PENGUINS @ preset.embeddings, atol=1e-8)


def test_penguins_are_the_paper_s_formula():
    X = core.PRESETS["penguins"].embeddings
    weights = np.exp(X @ X.T / math.sqrt(4))
    assert np.array_equal((weights / weights.sum(1, keepdims=True)).round(8), PENGUINS)


# -------------------------------------------------------------------------------------------------------- encoder


def encoder_norms(**changes) -> np.ndarray:
    config = core.PRESETS["encoder"].config.replace(**changes)
    ids = np.random.default_rng(0).integers(0, 1000, (2, 10))
    trace = core.forward(core.init_params(config), config, ids)
    assert trace["embed"].shape == (2, 10, 64) and trace["blocks.1.resid_post"].shape == (2, 10, 64)
    return token_norms(residual_stages(trace, config.n_layers).reshape(3, 20, 64))


def test_encoder_is_as_designed():
    c = core.PRESETS["encoder"].config
    assert (c.vocab_size, c.d_model, c.n_heads, c.d_mlp, c.n_layers) == (1000, 64, 4, 128, 2)
    assert (c.causal, c.residual, c.norm, c.positions, c.activation) == (False, False, "none", "none", "relu")
    assert all(name.rpartition(".")[2].startswith("W_") for name in core.param_shapes(c))


def test_encoder_explodes():
    norms = encoder_norms()
    assert 6 < norms[0] < 10  # sqrt(64): embeddings are N(0, 1)
    assert norms[1] > 1000 * norms[0] and norms[2] > 1000 * norms[1]


def test_scaled_weights_tame_the_encoder():
    norms = encoder_norms(init="scaled")
    assert norms.max() < 2 * norms[0]


def test_residuals_and_scaled_weights_keep_the_size():
    norms = encoder_norms(init="scaled", residual=True)
    assert 0.9 * norms[0] < norms[-1] < 4 * norms[0]


@pytest.mark.parametrize("norm", [norm for norm in CHOICES["norm"] if norm != "none"])
def test_a_norm_tames_the_encoder(norm):
    norms = encoder_norms(norm=norm, norm_at="post")
    assert np.allclose(norms[1:], 8, atol=0.01)  # sqrt(64): every coordinate has variance 1


# ------------------------------------------------------------------------------------------------------------ gpt


def test_gpt_normalizes_and_never_looks_ahead():
    run = core.run(core.Scene(model="gpt"))
    for i in range(run.config.n_layers):
        for name in (f"blocks.{i}.ln1.normalized", f"blocks.{i}.ln2.normalized", "ln_final.normalized"):
            x = run.trace[name].astype(np.float64)
            assert {f"{m:.4f}".lstrip("-") for m in x.mean(-1)} == {"0.0000"}
            assert {f"{v:.4f}" for v in x.var(-1)} == {"1.0000"}
        assert not np.triu(run.trace[f"blocks.{i}.attn.pattern"], 1).any()
        assert np.isneginf(run.trace[f"blocks.{i}.attn.scores_masked"][:, 0, 1:]).all()


def test_gpt_s_positions_are_the_paper_s():
    table = core.run(core.Scene(model="gpt")).trace["pos_embed"]
    p, i, d = 3, 10, 64
    assert table[p, 2 * i] == pytest.approx(math.sin(p / 10000 ** (2 * i / d)), abs=1e-7)
    assert table[p, 2 * i + 1] == pytest.approx(math.cos(p / 10000 ** (2 * i / d)), abs=1e-7)


def test_an_untrained_gpt_knows_nothing():
    config = core.PRESETS["gpt"].config
    ids = np.random.default_rng(0).integers(0, config.vocab_size, (8, 33))
    trace = core.forward(core.init_params(config), config, ids[:, :-1])
    loss, _ = core.cross_entropy(trace["logits"], ids[:, 1:])
    assert loss == pytest.approx(math.log(config.vocab_size), abs=0.05)
