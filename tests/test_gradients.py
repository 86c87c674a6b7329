"""Backward against central differences in float64, and against PyTorch's gradients."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import GOLDEN, golden, ours, random_config, random_params, sourced, tensors

import core
from core import model
from core.backward_needs import needed
from core.config import CHOICES, ENCODER
from core.ops.activations import ACTIVATIONS, ACTIVATIONS_BACKWARD
from core.ops.loss import LOSSES
from core.tasks import TASKS
from core.trace import Part, Trace
from core.train.gradcheck import GOOD, Check, gradcheck, gradcheck_all, next_token, weighted
from core.train.training_run import SIZES

N = 6
CONFIGS = {name: preset.config for name, preset in core.PRESETS.items()}
CONFIGS |= {f"random{seed}": random_config(random.Random(seed)) for seed in range(50)}


def case(name: str) -> tuple[core.Config, dict[str, np.ndarray], dict[str, Any], np.random.Generator]:
    """A Config, parameters, what goes in, and a generator to go on with."""
    config = CONFIGS[name]
    rng = np.random.default_rng(list(name.encode()))
    drawn = name in core.PRESETS
    params = core.init_params(config, 0, np.float64) if drawn else random_params(config, int(rng.integers(2**31)))
    inputs: dict[str, Any] = {"ids": rng.integers(0, config.vocab_size, (2, N))}
    if name.endswith(("3", "7")):
        inputs = {"embeddings": rng.standard_normal((2, N, config.d_model))}
    if name.endswith(("1", "4", "8")):
        heads = frozenset({(config.n_layers - 1, int(rng.integers(config.n_heads)))})
        inputs["interventions"] = core.Interventions(0.7, heads, frozenset({"scale", "mask"}))
    inputs |= sourced(config, 2, N + 1)
    return config, params, inputs, rng


def random_upstream(trace: Trace, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A random gradient at the output, of the size that keeps the sum near 1, so that rounding stays far below it."""
    name = [*trace][-1]
    return {name: rng.standard_normal(trace[name].shape) / np.linalg.norm(trace[name])}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_parameter(name):
    """Along a direction that is part random, so that every component counts, and more the gradient itself, so that
    the slope is not so small that only rounding shows."""
    config, params, inputs, rng = case(name)
    trace = core.forward(params, config, **inputs)
    upstream = random_upstream(trace, rng)
    grads = core.backward(params, config, trace, upstream=upstream)
    assert list(grads) == list(params)
    for key, gradient in grads.items():
        direction = rng.standard_normal(gradient.shape)
        direction /= np.linalg.norm(direction)
        direction += 2 * gradient / max(np.linalg.norm(gradient), 1e-12)
        step = 1e-6 if np.linalg.norm(gradient) > 1e-3 else 1e-4  # a slope that small drowns in rounding at the first
        check = gradcheck(params, config, weighted(upstream), key, direction, step, **inputs)
        assert check.error < 1e-6, (key, check, check.slope)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_activation(name, monkeypatch):
    """A forward in which one activation is nudged: what the gradient at its name must foretell."""
    config, params, inputs, rng = case(name)
    trace = core.forward(params, config, **inputs)
    upstream = random_upstream(trace, rng)
    grads = core.backward(params, config, trace, upstream=upstream, activations=True)
    assert set(grads) == {*params, *trace}

    class Nudged(Trace):
        nudge: tuple[str, np.ndarray | float] = ("", 0.0)

        def put(self, name: str, array: np.ndarray) -> np.ndarray:
            return super().put(name, array + self.nudge[1] if name == self.nudge[0] else array)

    monkeypatch.setattr(model, "Trace", Nudged)
    loss = weighted(upstream)
    for at in trace:
        assert grads[at].shape == trace[at].shape, at
        direction = rng.standard_normal(trace[at].shape)
        direction *= 1e-6 / np.linalg.norm(direction)
        losses = []
        for sign in (1, -1):
            Nudged.nudge = (at, sign * direction)
            losses.append(loss(core.forward(params, config, **inputs))[0])
        foretold, found = 2 * np.vdot(grads[at], direction), losses[0] - losses[1]
        assert found == pytest.approx(foretold, rel=1e-6, abs=2e-14), at


@pytest.mark.parametrize("norm", [norm for norm in CHOICES["norm"] if norm != "none"])
def test_the_inside_of_a_norm(norm):
    """x -> centred -> scale and normalized -> out, each gradient from the one after it, by its own differences."""
    config = core.Config(d_model=6, n_heads=1, n_layers=1, norm=norm, final_norm=True)
    params = random_params(config, 0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 6))
    trace = core.forward(params, config, embeddings=x)
    stream = trace["blocks.0.resid_post"]
    inside = {"ln_final.normalized": rng.standard_normal((3, 6)), "ln_final.scale": rng.standard_normal((3, 1))}
    grads = core.backward(params, config, trace, upstream=inside, activations=True)
    centred = stream - stream.mean(-1, keepdims=True) if norm == "layer" else stream
    assert np.allclose(grads["ln_final.normalized"], inside["ln_final.normalized"])
    dscale = inside["ln_final.scale"] - (inside["ln_final.normalized"] * centred).sum(-1, keepdims=True) / (
        trace["ln_final.scale"] ** 2
    )
    assert np.allclose(grads["ln_final.scale"], dscale)
    objective = weighted(inside)
    for key in ("embed.W_E", "blocks.0.attn.W_O", "blocks.0.ln1.w"):
        direction = rng.standard_normal(params[key].shape)
        check = gradcheck(params, config, objective, key, direction, ids=np.array([3, 1, 4]))
        assert check.error < 1e-6, check


def test_gradients_may_enter_anywhere():
    config, params, inputs, rng = case("gpt")
    trace = core.forward(params, config, **inputs)
    names = ["embed", "blocks.0.attn.pattern", "blocks.1.attn.k", "blocks.2.mlp.pre", "blocks.3.resid_mid", "logits"]
    upstream = {name: rng.standard_normal(trace[name].shape) / trace[name].size for name in names}
    together = core.backward(params, config, trace, upstream=upstream)
    for key in ("embed.W_E", "blocks.0.attn.W_K", "blocks.2.mlp.W_in"):
        apart = [core.backward(params, config, trace, upstream={name: upstream[name]})[key] for name in names]
        assert np.allclose(together[key], sum(apart), atol=1e-15)
        direction = rng.standard_normal(params[key].shape)
        assert gradcheck(params, config, weighted(upstream), key, direction, **inputs).error < 1e-6


def test_a_batch_is_summed():
    config, params, inputs, rng = case("random0")
    trace = core.forward(params, config, **inputs)
    upstream = random_upstream(trace, rng)
    whole = core.backward(params, config, trace, upstream=upstream)
    parts = [
        core.backward(
            params,
            config,
            core.forward(params, config, **{k: v[i] if k != "interventions" else v for k, v in inputs.items()}),
            upstream={name: g[i] for name, g in upstream.items()},
        )
        for i in range(2)
    ]
    assert all(np.allclose(whole[name], parts[0][name] + parts[1][name], atol=1e-12) for name in params)


@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_needed_is_enough_and_no_more(name):
    config, params, inputs, rng = case(name)
    whole = core.forward(params, config, **inputs)
    part = core.forward(params, config, **inputs, names=needed(config))
    assert set(part) == set(needed(config))
    upstream = random_upstream(whole, rng)
    read = set()

    class Watched(core.Trace):
        def __getitem__(self, key):
            read.add(key)
            return super().__getitem__(key)

    watched = Watched(ids=part.ids, interventions=part.interventions)
    for key, array in part.items():
        watched.put(key, array)
    if part.source is not None:
        watched.source = Part(watched, ENCODER, part.source.ids, part.source.interventions)
    a, b = (
        core.backward(params, config, whole, upstream=upstream),
        core.backward(params, config, watched, upstream=upstream),
    )
    assert all(np.array_equal(a[key], b[key]) for key in params)
    assert read | {*upstream} == set(part)


def test_backward_changes_nothing_it_is_given():
    config, params, inputs, _ = case("gpt")
    trace = core.forward(params, config, **inputs)
    dlogits = np.ones_like(trace["logits"])
    before = {name: a.copy() for name, a in [*params.items(), *trace.items()]}
    core.backward(params, config, trace, dlogits, activations=True)
    assert all(np.array_equal(before[name], a) for name, a in [*params.items(), *trace.items()])
    assert (dlogits == 1).all()


# ----------------------------------------------------------------------------------------------------- the references


@pytest.mark.parametrize("name", ["gpt2-tiny", "llama-gqa"])
def test_checkpoint(name):
    config, params = golden(name)
    ids = tensors(GOLDEN / name / "expected.safetensors")["ids"]
    reference = {k.removeprefix("grad."): v for k, v in tensors(GOLDEN / name / "train.safetensors").items()}
    expected = ours(name, reference)

    trace = core.forward(params, config, ids)
    dlogits = np.zeros_like(trace["logits"])
    _, dlogits[:-1] = core.cross_entropy(trace["logits"][:-1], ids[1:])
    grads = core.backward(params, config, trace, dlogits)
    assert set(grads) == set(expected) == set(params)
    for key, gradient in grads.items():
        assert gradient.dtype == np.float32
        largest = max(np.abs(expected[key]).max(), 1e-3)  # a key's bias changes nothing: its gradient is rounding
        assert np.abs(gradient - expected[key]).max() < 1e-4 * largest, key


# ------------------------------------------------------------------------------------------------------------ losses


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("masked", [False, True])
def test_losses(name, masked):
    rng = np.random.default_rng(0)
    logits, targets = 3 * rng.standard_normal((2, 4, 5)), rng.integers(0, 5, (2, 4))
    mask = rng.random((2, 4)) < 0.6 if masked else None
    loss, dlogits = LOSSES[name](logits, targets, mask)
    direction = rng.standard_normal(logits.shape)
    above, below = (LOSSES[name](logits + h * direction, targets, mask)[0] for h in (1e-6, -1e-6))
    assert (above - below) / 2e-6 == pytest.approx(np.vdot(dlogits, direction), rel=1e-8)
    if masked:
        assert not dlogits[~mask].any()
        assert loss == pytest.approx(LOSSES[name](logits[mask], targets[mask])[0])
        ignored = np.where(mask, targets, -100)
        assert LOSSES[name](logits, ignored, mask)[0] == loss


def test_squared_error_is_its_definition():
    logits, targets = np.array([[0.5, 1.0, 0.0], [2.0, 0.0, 0.0]]), np.array([1, 2])
    loss, dlogits = core.squared_error(logits, targets)
    assert loss == pytest.approx((0.25 + 0 + 0 + 4 + 0 + 1) / 6)
    assert dlogits == pytest.approx(np.array([[0.5, 0, 0], [2, 0, -1]]) / 3)


def test_a_mask_that_does_not_fit_is_named():
    with pytest.raises(core.ConfigError, match=r"mask: shape \(2,\) does not fit targets \(3,\)"):
        core.cross_entropy(np.zeros((3, 5)), np.zeros(3, int), np.ones(2, bool))
    with pytest.raises(core.ConfigError, match="targets: there must be some"):
        core.cross_entropy(np.zeros((3, 5)), np.zeros(3, int), np.zeros(3, bool))
    for wrong in ([0, -1, 4], [0, 5, 4]):  # one among others
        with pytest.raises(core.ConfigError, match=r"targets: there must be some, all in 0\.\.4"):
            core.cross_entropy(np.zeros((3, 5)), np.array(wrong))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    x = np.linspace(-6, 6, 1001) + 1e-3
    dy = np.random.default_rng(0).standard_normal(x.shape)
    slope = (ACTIVATIONS[name](x + 1e-6) - ACTIVATIONS[name](x - 1e-6)) / 2e-6
    before = dy.copy()
    assert np.allclose(ACTIVATIONS_BACKWARD[name](dy, x, ACTIVATIONS[name](x)), dy * slope, atol=1e-8)
    assert np.array_equal(dy, before)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "relu"])
def test_activations_at_zero_and_beside_it(name):
    h = 1e-4
    expected = (ACTIVATIONS[name](np.array([h])) - ACTIVATIONS[name](np.array([-h]))).item() / (2 * h)
    for dtype, tiny in ((np.float32, 1e-45), (np.float64, 5e-324)):
        x = np.array([0.0, tiny, -tiny, 1e-30, -1e-12], dtype)
        slope = ACTIVATIONS_BACKWARD[name](np.ones_like(x), x, ACTIVATIONS[name](x))
        assert slope == pytest.approx(expected, abs=1e-6)


# ------------------------------------------------------------------------------------------------ checking one weight


def test_one_weight_for_a_page():
    config, params, inputs, _ = case("gpt")
    targets = inputs["ids"][:, ::-1]
    check = gradcheck(params, config, next_token(targets), "blocks.1.mlp.W_in", (3, 7), **inputs)
    trace = core.forward(params, config, **inputs)
    loss, dlogits = core.cross_entropy(trace["logits"], targets)
    assert check.loss_below == pytest.approx(loss) and check.loss_above == pytest.approx(loss)
    grads = core.backward(params, config, trace, dlogits)
    assert check.backprop == pytest.approx(grads["blocks.1.mlp.W_in"][3, 7])
    assert check.slope == pytest.approx(check.backprop, rel=1e-5) and check.error < 1e-6


@pytest.mark.parametrize("name", ["gpt", "encoder_full"])
def test_a_planted_bug_is_found_where_it_is_and_nowhere_else(name):
    """In one formula: what the gradient passes before it is right, all that it passes after it is wrong."""
    config, params, inputs, rng = case(name)
    objective = weighted(random_upstream(core.forward(params, config, **inputs), rng))
    last = f"blocks.{config.n_layers - 1}."
    before = ("attn.W_V", "attn.b_V", "attn.W_O", "attn.b_O", "ln2.", "mlp.")
    for check in gradcheck_all(params, config, objective, bug=True, **inputs):
        at = check.name.removeprefix(last)
        untouched = at.startswith(before) or check.name.startswith(("ln_final", "unembed"))
        # After the norm that follows attention, and before that attention itself.
        untouched |= config.norm_at == "post" and at.startswith("ln1.")
        assert (check.error < 1e-5) == untouched, check
    assert all(check.error < 1e-5 for check in gradcheck_all(params, config, objective, **inputs))


def test_rounding_of_a_small_slope_accuses_nobody():
    """The random direction of one parameter is nearly level there: its slope is known to three digits. In which of
    these that is so, the last digits tell, and they are the processor's."""
    task, furthest = TASKS["stories"](), 0.0
    config = task.config.replace(**SIZES["small"])
    for seed, row in ((0, 0), (0, 1), (2, 2), (2, 5)):
        batch = task.batch(row, 1, held_out=True)
        params, objective = core.init_params(config, seed), next_token(batch.targets, batch.mask)
        right = gradcheck_all(params, config, objective, ids=batch.ids)
        apart = [abs(c.slope - c.backprop) / max(abs(c.slope), abs(c.backprop), 1e-7) for c in right]
        furthest = max(furthest, *apart)
        assert all(check.agrees for check in right)
        buggy = gradcheck_all(params, config, objective, bug=True, ids=batch.ids)
        assert 5 < sum(not check.agrees for check in buggy) < len(buggy)
    assert furthest > GOOD


@given(st.floats(-9, 1), st.floats(-1, 1), st.sampled_from([1e-9, 1e-6, 1e-3]), st.floats(0, 9))
def test_a_check_is_as_fine_as_rounding_allows(exponent, off, step, loss):
    """What the losses' last digits explain is no error, and ten times that much is one."""
    slope = 10.0**exponent
    ulp = np.spacing(max(loss + slope * step, 1.0)) / step

    def judged(backprop: float) -> Check:
        return Check("w", step, loss - slope * step, loss + slope * step, backprop)

    exact = judged(0).slope
    assert judged(exact + 4 * off * ulp).agrees
    assert not judged(exact + 1.1 * (GOOD * exact + 100 * ulp)).agrees
    assert not judged(np.nan).agrees


def test_the_bug_is_in_one_formula_alone():
    from core.ops.softmax import softmax_backward

    rng = np.random.default_rng(0)
    y, dy = rng.dirichlet(np.ones(5), 3), rng.standard_normal((3, 5))
    kept = dy.copy()
    assert softmax_backward(dy, y, 2.0, bug=True) == pytest.approx(dy * y / 2)
    assert softmax_backward(dy, y, 2.0) == pytest.approx((dy - (dy * y).sum(-1, keepdims=True)) * y / 2)
    assert np.array_equal(dy, kept)


def test_bad_arguments_are_named():
    config, params, inputs, _ = case("gpt")
    trace = core.forward(params, config, **inputs)
    with pytest.raises(core.ConfigError, match=r"trace: keeps no blocks\.0\.attn\.v, which backward reads"):
        part = core.forward(params, config, **inputs, names=["logits"])
        core.backward(params, config, part, np.zeros_like(trace["logits"]))
    with pytest.raises(core.ConfigError, match="dlogits: no gradient enters"):
        core.backward(params, config, trace)
    with pytest.raises(core.ConfigError, match=r"upstream: this trace has no activation .blocks\.9"):
        core.backward(params, config, trace, upstream={"blocks.9.resid_pre": np.zeros(3)})
    with pytest.raises(core.ConfigError, match=r"upstream: the gradient of logits, \(3,\) does not fit \(2, 6, 1000\)"):
        core.backward(params, config, trace, np.zeros(3))
    objective = next_token(inputs["ids"])
    with pytest.raises(core.ConfigError, match="name: the Config has no parameter 'W_X'"):
        gradcheck(params, config, objective, "W_X", (0,), **inputs)
    with pytest.raises(core.ConfigError, match=r"where: \(64, 0\) is no index of shape \(64, 64\)"):
        gradcheck(params, config, objective, "blocks.0.attn.W_Q", (64, 0), **inputs)
    with pytest.raises(core.ConfigError, match=r"where: a direction of shape \(2,\) does not fit \(64, 64\)"):
        gradcheck(params, config, objective, "blocks.0.attn.W_Q", np.zeros(2), **inputs)
