"""What is read off a trace, on inputs whose answers are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import core
from core.interpret import (
    attention_distance,
    entropy,
    pca,
    read_row,
    relative_change,
    residual_stages,
    token_norms,
)

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


def test_stages_and_norms():
    run = core.run(core.Scene(model="gpt"))
    stages = residual_stages(run.trace, run.config.n_layers)
    assert stages.shape == (5, 5, 64)
    assert np.array_equal(stages[0], run.trace["blocks.0.resid_pre"])
    assert np.array_equal(stages[4], run.trace["blocks.3.resid_post"])
    assert token_norms(np.array([[[3.0, 4.0], [0.0, 0.0]]])).tolist() == [2.5]


def test_relative_change():
    before = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 0.0]])
    after = np.array([[3.0, 9.0], [0.0, 0.0], [0.0, 1.0]])
    assert relative_change(before, after).tolist() == [1.0, 0.0, math.inf]


# ------------------------------------------------------------------------------------------------------------ PCA


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


def test_pca_of_a_line_has_one_direction():
    found = pca(np.outer([0.0, 1, 2, 5], [3.0, 4.0]), k=3)
    assert found.components[0] == pytest.approx([0.6, 0.8])
    assert found.explained == pytest.approx([1, 0, 0])
    assert not found.components[1:].any()
