"""A watched run: the same steps as without watching, wound back to the bit; and its model as one file."""

from __future__ import annotations

import json
from itertools import islice, pairwise

import numpy as np
import pytest

import core
from core import WeightsError, limits
from core.tasks import TASKS, Characters, Copy, Repeat, evaluate
from core.tokenizer.words import FixedVocabulary
from core.train.loop import Recipe, State, norms_of_parts, part_of, train
from core.train.training_run import SIZES, TrainingRun, opening, sized
from core.weights.model_file import Portable, pack, unpack
from core.weights.safetensors import write


def begun(task=None, **changes) -> TrainingRun:
    task = task or Copy()
    return TrainingRun.start(task, task.config.replace(**changes), seed=3, size=8, rate=3e-3)


def test_watching_changes_nothing():
    watched = begun()
    while watched.step < 30:
        watched.advance(0, steps=7)
    task = Copy()
    state = State.start(core.init_params(task.config, 3))
    recipe = Recipe(steps=10**9, rate=3e-3, warmup=20, weight_decay=0.01)
    alone = [*islice(train(state, task.config, lambda step: task.batch(step, 8, 3), recipe), watched.step)]
    assert watched.losses.tolist() == pytest.approx([step.loss for step in alone], rel=1e-6)
    assert all(np.array_equal(p, state.params[name]) for name, p in watched.state.params.items())


def test_a_slice_ends_at_its_steps_and_takes_one_at_least():
    run = begun()
    run.advance(0)
    assert run.step == 1
    run.advance(60, steps=4)
    assert run.step == 5 and len(run.losses) == len(run.accuracies) == 5
    assert all(len(norms) == 5 for norms in run.norms.values())


def test_a_run_is_wound_back_to_the_bit():
    run = begun()
    start = {name: p.copy() for name, p in run.state.params.items()}
    run.advance(60, steps=12)
    assert run.at(None)[0] == 12 and run.at(99)[0] == 12
    step, params = run.at(0)
    assert step == 0 and all(np.array_equal(p, start[name]) for name, p in params.items())
    assert run.at(7)[0] == 5 and run.moments == [0, 5, 10, 12]
    other = begun()
    other.advance(60, steps=5)
    assert all(np.array_equal(p, other.state.params[name]) for name, p in run.at(5)[1].items())


def test_rate_and_batch_change_on_the_way():
    run = begun()
    run.advance(60, steps=3)
    before = {name: p.copy() for name, p in run.state.params.items()}
    run.change(rate=1e-4, size=2)
    run.advance(60, steps=1)
    assert run.step == 4 and run.recipe.rate == 1e-4
    moved = max(float(np.abs(p - before[name]).max()) for name, p in run.state.params.items())
    assert 0 < moved < 1e-3


def test_copy_is_learned():
    run = TrainingRun.start(Copy(), Copy().config, 0, Copy.size, Copy.rate)
    run.advance(120, steps=100)
    run.look()
    assert run.watches[-1].accuracy >= 0.99 and run.watches[0].accuracy < 0.3
    assert run.watches[-1].loss < 0.3 < run.watches[0].loss


def test_an_induction_head_made_by_training_is_told_from_none():
    trained = core.PRESETS["induction"]
    run = TrainingRun.start(Repeat(), trained.config, 0, 8, 3e-3)
    assert run.appeared is None and run.watches[0].induction < 0.2
    run.state.params.update({name: np.array(p) for name, p in trained.learned.items()})
    run.watches.clear()
    run.look()
    assert run.watches[-1].induction > 0.9 and run.appeared is run.watches[-1] and run.appeared.head[0] == 1


@pytest.mark.parametrize(("text", "sought"), [("a" * 200, False), ("abc" * 90, False), ("o gato dorme\n" * 30, True)])
def test_of_a_text_of_few_characters_no_induction_head_is_told(text, sought):
    task = Characters(text)
    run = TrainingRun.start(task, task.config, 0, 8, task.rate)
    assert np.isnan(run.watches[0].induction) != sought, "before its first step any head looks much at what followed"
    assert run.appeared is None


def test_a_broken_run_stops_and_is_shown_as_it_last_stood():
    run = begun()
    run.advance(60, steps=5)
    kept = {name: p.copy() for name, p in run.state.params.items()}
    run.state.params["blocks.0.mlp.W_in"][:] = np.inf
    with np.errstate(all="ignore"):
        run.advance(60, steps=9)
    assert run.broken and run.step == 6
    step, params = run.at(None)
    assert step == 5 and all(np.array_equal(p, kept[name]) for name, p in params.items())
    run.advance(60, steps=9)
    assert run.step == 6 and run.moments == [0, 5]


def test_norms_by_part_make_up_the_whole():
    assert [part_of(n) for n in ("pos_embed.W_pos", "blocks.3.ln2.w", "ln_final.b", "unembed.W_U", "ln_embed.w")] == [
        *("embed", "blocks.3", "unembed", "unembed", "embed")
    ]
    rng = np.random.default_rng(0)
    grads = {name: rng.standard_normal(shape) for name, shape in core.param_shapes(Copy().config).items()}
    parts = norms_of_parts(grads)
    assert np.hypot.reduce([*parts.values()]) == pytest.approx(length(grads))
    assert parts["blocks.1"] == pytest.approx(length({n: g for n, g in grads.items() if n.startswith("blocks.1.")}))


def length(grads: dict[str, np.ndarray]) -> float:
    """Of all gradients taken as one vector."""
    return float(np.linalg.norm(np.concatenate([g.ravel() for g in grads.values()])))


def test_a_run_is_watched_at_the_same_steps_however_it_is_sliced():
    slow, fast = (begun(d_model=4, n_heads=1, d_mlp=4, n_layers=1) for _ in range(2))
    for _ in range(70):
        slow.advance(0)
    fast.advance(60, steps=70)
    assert [watch.step for watch in slow.watches] == [*range(0, 71, 5)]
    assert slow.watches == fast.watches and slow.losses == fast.losses


def test_a_long_run_has_hundreds_of_watches_not_thousands():
    run = begun(d_model=4, n_heads=1, d_mlp=4, n_layers=1)
    run.advance(600, steps=1500)
    steps = [watch.step for watch in run.watches]
    assert steps[99:102] == [495, 500, 505] and len(steps) < 250 and steps[-1] > 1480
    assert all(after >= 1.01 * before for before, after in pairwise(steps))


def test_a_watch_is_of_the_step_it_names():
    run = begun()
    run.advance(60, steps=7)
    now = run.watch(7, run.state.params)
    loss, accuracy = evaluate(run.state.params, run.config, run.task.batch(0, 32, 3, held_out=True))
    assert (now.step, now.loss, now.accuracy) == (7, loss, accuracy) and run.watches[-1].step == 5
    assert run.watch(5, run.state.params) is run.watches[-1]


@pytest.mark.parametrize("size", ["", *SIZES])
def test_a_page_opens_on_a_step_that_follows_from_the_run_alone(size):
    for task in (Copy(), Repeat()):
        config = sized(task.config, size)
        assert 0 <= opening(config, 64) <= opening(config, 4) <= 20
    assert opening(Copy().config, Copy.size) == 20 and opening(sized(Repeat().config, "large"), 64) == 1


def test_memory_is_bounded():
    """What a run keeps of its past, however long it is: as long a run, taken apart by hand."""
    run = TrainingRun.start(Repeat(), sized(Repeat().config, "large"), 0, 4, 1e-3)
    for step in range(0, 4000):
        run.checkpoints.offer(step, run.state.params)
    assert run.checkpoints.nbytes <= limits.CHECKPOINTS and run.nbytes < 50e6
    assert len(run.checkpoints.kept) > 10


@pytest.mark.parametrize("size", ["", *SIZES])
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_task_has_every_size(task, size):
    config = sized(task().config, size)
    assert bool(config.d_mlp) == bool(task().config.d_mlp)
    assert not size or (config.d_model, config.n_layers) == (SIZES[size]["d_model"], SIZES[size]["n_layers"])


# ------------------------------------------------------------------------------------------------------- one file


def portable() -> Portable:
    run = begun()
    run.advance(60, steps=2)
    vocabulary = FixedVocabulary(run.task.vocabulary)
    return Portable(run.config, dict(run.state.params), vocabulary, "copy", "A B | A")


def test_a_model_comes_back_as_it_went():
    model = portable()
    back = unpack(pack(model))
    assert (back.config, back.tokenizer, back.task, back.sentence) == (
        *(model.config, model.tokenizer),
        *(model.task, model.sentence),
    )
    assert back.params.keys() == model.params.keys()
    assert all(np.array_equal(p, model.params[name]) for name, p in back.params.items())
    assert pack(back) == pack(model)


def changed(tmp_path, **about: str | None) -> bytes:
    """The file with some of its metadata replaced; None takes it away."""
    model = portable()
    metadata = {
        "config": json.dumps({"model_type": "fibra"} | {k: v for k, v in vars(model.config).items()}),
        **{"vocabulary": json.dumps(model.tokenizer.tokens), "split": "words", "task": "copy", "sentence": "A"},
    } | about
    write(tmp_path / "x", model.params, {name: value for name, value in metadata.items() if value is not None})
    return (tmp_path / "x").read_bytes()


def config_with(**changes) -> str:
    return json.dumps({"model_type": "fibra"} | vars(Copy().config) | changes)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"config": None}, "config is missing"),
        ({"sentence": ""}, "sentence"),
        ({"sentence": "A " * 17}, "sentence"),
        ({"split": "lines"}, "split"),
        ({"vocabulary": "[1, 2]"}, "vocabulary"),
        ({"vocabulary": '["A", "A"]'}, "vocabulary"),
        ({"vocabulary": "[" * 10000}, "vocabulary"),
        ({"config": "[]"}, "config"),
        ({"config": config_with(d_model=64)}, "shape"),
        ({"config": config_with(causal=False)}, "causal"),
        ({"config": config_with(d_model=100000, n_heads=1)}, "parameters exceed"),
        ({"config": config_with(soft_cap=3)}, "soft_cap"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_files_that_are_not_ours_are_refused_by_name(tmp_path, about, said):
    with pytest.raises(WeightsError, match=said):
        unpack(changed(tmp_path, **about))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04" + b"0" * 99, b"\x80\x04pickle", b"0" * 1000])
def test_other_files_are_refused(data):
    with pytest.raises(WeightsError):
        unpack(data)


def test_a_file_cut_short_too_long_or_not_finite_is_refused(tmp_path):
    whole = pack(portable())
    with pytest.raises(WeightsError):
        unpack(whole[:-4])
    with pytest.raises(WeightsError, match="at most"):
        unpack(bytes(limits.UPLOAD + 1))
    model = portable()
    model.params["ln_final.w"] = np.full_like(model.params["ln_final.w"], np.nan)
    with pytest.raises(WeightsError, match=r"ln_final\.w"):
        pack(model) and unpack(pack(model))
