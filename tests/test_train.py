"""Training: PyTorch's AdamW to the last digits, the same bits after a stop, and a loss that goes down."""

from __future__ import annotations

from copy import deepcopy
from itertools import islice
from math import hypot, inf, nan, pi

import numpy as np
import pytest
from support import GOLDEN, golden, tensors

import core
from core.train.loop import Batch, Checkpoints, Recipe, State, adamw, train

CONFIG = core.PRESETS["gpt"].config.replace(vocab_size=12, n_ctx=16, d_model=16, n_layers=2, d_mlp=32)
RECIPE = Recipe(steps=60, rate=1e-2, warmup=5, last_rate=0.1)


def counting(step: int) -> Batch:
    """Count on from anywhere, modulo 12; a few positions are padding."""
    rng = np.random.default_rng([7, step])
    run = (rng.integers(12, size=(8, 1)) + np.arange(11)) % 12
    return Batch(run[:, :-1], run[:, 1:], np.arange(10) < rng.integers(5, 11, size=(8, 1)))


def fresh() -> State:
    return State.start(core.init_params(CONFIG, seed=1))


def same(a: State, b: State) -> bool:
    parts = ((a.params, b.params), (a.mean, b.mean), (a.square, b.square))
    return a.step == b.step and all(
        left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)
        for left, right in parts
    )


# ----------------------------------------------------------------------------------------------------- the references


@pytest.mark.parametrize("name", ["gpt2-tiny", "llama-gqa"])
def test_ten_steps_of_adamw(name):
    """Llama's are those without transformers' roundings to float32; see golden/make_golden.py."""
    config, params = golden(name)
    ids = tensors(GOLDEN / name / "expected.safetensors")["ids"]
    reference = tensors(GOLDEN / name / "train.safetensors")
    state = State.start({key: p.astype(np.float64) for key, p in params.items()})
    steps = [*train(state, config, lambda _: Batch(ids[:-1], ids[1:]), Recipe(steps=10, decay_all=True))]
    losses = np.array([step.loss for step in steps])
    assert losses == pytest.approx(reference.get("exact_losses", reference["adamw_losses"]), rel=1e-10)
    assert losses == pytest.approx(reference["adamw_losses"], rel=1e-7)


def test_adamw_by_hand():
    state = State.start({"W_X": np.array([[2.0, -1.0]]), "b_X": np.array([3.0])})
    recipe = Recipe(rate=0.01, weight_decay=0.5, beta1=0.5, beta2=0.75, eps=1e-8, clip=inf)
    grads = {"W_X": np.array([[0.1, -4.0]]), "b_X": np.array([0.0])}
    adamw(state, grads, hypot(0.1, 4.0), recipe)
    # After one step both corrections undo the averaging: the move is rate * sign(g), after the decay.
    assert state.params["W_X"] == pytest.approx(np.array([[2 * 0.995 - 0.01, -0.995 + 0.01]]), abs=1e-8)
    assert state.params["b_X"].tolist() == [3.0]  # a bias does not decay
    assert state.mean["W_X"] == pytest.approx(np.array([[0.05, -2.0]]))
    assert state.square["W_X"] == pytest.approx(np.array([[0.0025, 4.0]]))


def test_clipping():
    grads = {"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])}
    for largest, share in ((10.0, 1.0), (1.0, 0.2), (inf, 1.0)):
        state = State.start({"a": np.zeros(2), "b": np.zeros((1, 1))})
        adamw(state, {name: g.copy() for name, g in grads.items()}, 5.0, Recipe(clip=largest))
        assert state.mean["a"] == pytest.approx(0.1 * share * grads["a"], rel=1e-6)
        assert state.square["b"] == pytest.approx(0.05 * (share * grads["b"]) ** 2, rel=1e-6)


def test_the_rate_rises_in_a_line_and_falls_in_a_cosine():
    recipe = Recipe(steps=110, rate=1.0, warmup=10, last_rate=0.2)
    assert [recipe.rate_at(i) for i in range(10)] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert recipe.rate_at(10) == 1.0 and recipe.rate_at(60) == pytest.approx(0.6)
    assert recipe.rate_at(35) == pytest.approx(0.2 + 0.8 * 0.5 * (1 + np.cos(pi / 4)))
    assert recipe.rate_at(110) == recipe.rate_at(500) == pytest.approx(0.2)
    assert {Recipe(steps=10).rate_at(i) for i in range(10)} == {3e-3}


# ------------------------------------------------------------------------------------------------------------ a run


def test_it_learns():
    state = fresh()
    steps = [*train(state, CONFIG, counting, RECIPE)]
    assert [step.number for step in steps] == [*range(1, 61)] and state.step == 60
    assert steps[0].loss == pytest.approx(np.log(12), abs=0.2)
    assert steps[-1].loss < 0.1 and steps[-1].accuracy > 0.97
    assert all(step.grad_norm > 0 for step in steps)
    assert [step.rate for step in steps] == [RECIPE.rate_at(i) for i in range(60)]


def test_it_learns_by_squared_error():
    state = fresh()
    recipe = Recipe(steps=80, rate=1e-2, loss="squared_error")
    steps = [*train(state, CONFIG, counting, recipe)]
    assert steps[-1].loss < 0.2 * steps[0].loss and steps[-1].accuracy > 0.9


def test_the_same_run_twice():
    a, b = fresh(), fresh()
    assert [*train(a, CONFIG, counting, RECIPE)] == [*train(b, CONFIG, counting, RECIPE)] and same(a, b)


@pytest.mark.parametrize("stop", [1, 7, 59, 60])
def test_stopped_kept_and_resumed_to_the_bit(stop):
    whole = fresh()
    steps = [*train(whole, CONFIG, counting, RECIPE)]
    state = fresh()
    before = [*islice(train(state, CONFIG, counting, RECIPE), stop)]
    assert state.step == stop
    kept = deepcopy(state)
    after = [*train(deepcopy(kept), CONFIG, counting, RECIPE)]
    assert before + after == steps
    assert [*train(kept, CONFIG, counting, RECIPE)] == after and same(kept, whole)


def test_starting_copies_the_parameters():
    params = core.init_params(CONFIG, seed=1)
    before = {name: p.copy() for name, p in params.items()}
    next(train(State.start(params), CONFIG, counting, RECIPE))
    assert all(np.array_equal(params[name], before[name]) for name in params)


def test_padding_does_not_teach():
    def spoilt(step: int) -> Batch:
        batch = counting(step)
        targets = np.where(batch.mask, batch.targets, 0)
        return Batch(batch.ids, targets, batch.mask)

    a, b = fresh(), fresh()
    recipe = Recipe(steps=3)
    assert [*train(a, CONFIG, counting, recipe)] == [*train(b, CONFIG, spoilt, recipe)] and same(a, b)


# -------------------------------------------------------------------------------------------------------- checkpoints


def test_checkpoints_stay_within_their_limit_and_evenly_spaced():
    params = {"W": np.zeros(1000, np.float32)}
    kept = Checkpoints(limit=20_000)
    for step in range(101):
        params["W"][:] = step
        kept.offer(step, params)
        assert kept.nbytes <= 20_000 and 0 in kept.kept
        assert {b - a for a, b in zip(kept.kept, [*kept.kept][1:], strict=False)} <= {kept.every}
    assert [*kept.kept] == [0, 32, 64, 96]
    assert kept.at(70)[0] == 64 and (kept.at(70)[1]["W"] == 64).all()
    assert kept.at(10**6)[0] == 96


def test_the_first_checkpoint_is_always_kept():
    kept = Checkpoints(limit=1)
    for step in range(10):
        kept.offer(step, {"W": np.zeros(100)})
    assert [*kept.kept] == [0]


def test_a_checkpoint_that_is_not_there_is_named():
    with pytest.raises(core.ConfigError, match="step: no checkpoint is kept at or before 3"):
        Checkpoints().at(3)


# ------------------------------------------------------------------------------------------------------ bad arguments


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(steps=0), "steps: 0 is not a whole number of 1 or more"),
        (dict(warmup=-1), "warmup: -1 is not a whole number of 0 or more"),
        (dict(steps=1.5), "steps: 1.5 is not a whole number"),
        (dict(rate=-1.0), "rate: -1.0 is not a number in 0..inf"),
        (dict(rate=nan), "rate: nan is not a number"),
        (dict(rate=inf), "rate: inf is not a number"),
        (dict(last_rate=1.5), "last_rate: 1.5 is not a number in 0..1"),
        (dict(beta1=1.0), "beta1: 1.0 is not below 1"),
        (dict(beta2=1.5), "beta2: 1.5 is not a number in 0..1"),
        (dict(eps=0.0), "eps: 0.0 is not above 0"),
        (dict(clip=nan), "clip: nan is not a number"),
        (dict(loss="hinge"), "loss: 'hinge' is not one of cross_entropy, squared_error"),
    ],
)
def test_a_bad_recipe_is_refused_by_name(changes, message):
    with pytest.raises(core.ConfigError) as error:
        Recipe(**changes)
    assert message in str(error.value) and error.value.fields == (next(iter(changes)),)


def test_a_model_without_logits_is_refused():
    with pytest.raises(core.ConfigError, match="unembed: is False, and training needs logits"):
        next(train(fresh(), core.PRESETS["encoder"].config, counting, RECIPE))
