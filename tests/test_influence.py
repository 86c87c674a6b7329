"""Which word mattered: each answer against other arithmetic, on a model that was trained and in float64."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import core
from core import ConfigError, Scene
from core.interpret import ANSWERS, Influence, influence, path_gradients, path_nodes, value_weighted, word_influence

SCENE = Scene(model="stories", sentence="As focas perto do pinguim", ablated=((0, 1),), temperature=0.8)
STEP = 1e-5


@cache
def asked() -> tuple[core.Run, int, Influence]:
    run = core.run(SCENE, {name: np.asarray(x, np.float64) for name, x in core.run(SCENE).params.items()})
    token = int(run.trace["logits"][-1].argmax())
    return run, token, word_influence(run.params, run.config, run.trace, run.embeddings, token)


def logit(embeddings: np.ndarray) -> np.ndarray:
    """After the last position, of [..., pos, d_model]."""
    run, token, _ = asked()
    trace = core.forward(run.params, run.config, embeddings=embeddings, interventions=SCENE.interventions)
    return trace["logits"][..., -1, token]


def slopes(x: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Of the logit at x [pos, d_model] along each of [n, pos, d_model]: by central differences."""
    return (logit(x + STEP * directions) - logit(x - STEP * directions)) / (2 * STEP)


def test_the_integrated_gradients_add_up_and_are_means_of_slopes():
    run, _, found = asked()
    x, n = run.embeddings, len(run.tokens)
    assert found.gain == pytest.approx(logit(x) - logit(np.zeros_like(x)))
    assert found.total == pytest.approx(found.gain, rel=1e-5)
    own = np.eye(n)[..., None] * x
    places = ((np.arange(50) + 0.5) / 50) ** 2  # another rule: the middles of steps that grow
    widths = 2 * (np.arange(50) + 0.5) / 50**2
    means = sum(width * slopes(at * x, own) for at, width in zip(places, widths, strict=True))
    assert found.answers["integrated"] == pytest.approx(means, rel=1e-3)
    assert found.answers["times_input"] == pytest.approx(slopes(x, own), rel=1e-5)


def test_every_node_of_the_way_counts_and_all_of_them_count_as_one(monkeypatch):
    run, token, _ = asked()
    at, shares = path_nodes()
    assert len(at) == len(shares) and shares.sum() == pytest.approx(1, abs=1e-12) and (np.diff(at) > 0).all()
    for at_once in (1, 7, 10_000):
        monkeypatch.setattr(influence, "AT_ONCE", at_once)
        found = [*path_gradients(run.params, run.config, run.trace, run.embeddings, token)]
        assert np.array_equal(np.concatenate([share for share, _ in found]), shares)
        assert sum(len(gradients) for _, gradients in found) == len(at)


def test_lengths_weights_and_what_is_missing():
    run, _, found = asked()
    x, last = run.embeddings, len(run.tokens) - 1
    assert tuple(found.answers) == ANSWERS
    gradient = slopes(x, np.eye(x.size).reshape(-1, *x.shape)).reshape(x.shape)
    assert found.answers["length"] == pytest.approx(np.linalg.norm(gradient, axis=1), rel=1e-5)
    for word in range(last + 1):
        gone = x.copy()
        gone[word] = 0
        assert found.answers["ablation"][word] == pytest.approx(logit(x) - logit(gone))
    heads = [(i, h) for i in range(2) for h in range(4) if (i, h) != (0, 1)]
    weights = sum(run.trace[f"blocks.{i}.attn.pattern"][h, last] for i, h in heads) / 8
    carried = sum(value_weighted(run.params, run.config, run.trace, i)[h, last] for i, h in heads) / 8
    assert found.answers["weight"] == pytest.approx(weights) and found.answers["carried"] == pytest.approx(carried)


def test_what_has_no_answer_is_refused():
    for scene, why in ((Scene(), "logits"), (Scene(model="gpt", off=("softmax",)), "softmax")):
        run = core.run(scene)
        with pytest.raises(ConfigError, match=why):
            word_influence(run.params, run.config, run.trace, run.embeddings, 0)
