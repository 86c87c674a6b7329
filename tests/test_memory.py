"""What is kept is weighed with all that it keeps alive, all of it under one budget; what is over is let go."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from threading import Barrier, Thread
from types import SimpleNamespace

import numpy as np
import pytest

import core
from core import Scene, limits
from core.scene.recall import kept_bytes
from core.tasks import TASKS, Copy, Stories
from core.train.loop import Batch, Checkpoints, State, step_bytes, take_step
from core.train.training_run import TrainingRun, sized
from pictures import ablation, attention, compute, continuation, drift, heads, heap, labels, memory, start
from pictures.generate import cache
from pictures.memory import BUDGET, weigh
from pictures.words import words_of
from ui.train import run_memory

WORDS = words_of("en")
LONG = " ".join(f"w{i}" for i in range(60))
LARGEST = {"d_model": 256, "n_heads": 16, "n_layers": 12, "d_mlp": 1024}
_seeds = count(1)


def scenes(kind: str) -> Iterator[Scene]:
    """Scenes that nothing is kept of."""
    for i in _seeds:
        some = Scene(model="gpt", seed=i % 10_000)
        yield {
            "small": Scene(temperature=1 + i / 10_000),
            "words": Scene(sentence=f"a{i} b{i} c d e f g h"),
            "gpt": some,
            "deep": some.override(n_layers=7 + i % 2, positions="rotary"),
            "long": some.turn(sentence=LONG),
            "largest": some.turn(sentence=LONG).override(**LARGEST),
            "trained": Scene(model="stories", temperature=1 + i / 10_000),
            "pinned": some.pin().turn(temperature=2.0, query=2),
        }[kind]


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """Neither on the shelves nor by runs of training, which other tests of this process may have left."""
    BUDGET.clear()
    for part in ("training", "step"):
        BUDGET.take(part, 0)
    yield
    BUDGET.clear()


def told_and_seen(work: Callable[[Scene], object], kind: str, n: int) -> tuple[int, int]:
    """Bytes that the shelves say they keep of `n` Scenes, and those that tracemalloc has seen come."""
    coming = scenes(kind)
    for _ in range(2):  # tables, code, and what else is made but once
        work(next(coming))
    BUDGET.clear()
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(n):
            work(next(coming))
        gc.collect()
        return BUDGET.currsize, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


SHELVES = {
    "params": compute.params,
    "run": compute.run,
    "figure": lambda scene: compute.build(attention.pattern, scene, WORDS),
    "heads": lambda scene: compute.build(heads.overview, scene, WORDS),
    "strip": lambda scene: start.html(scene, WORDS),
    "scores": labels.scores_of,
    "effects": ablation.of_all,
    "basis": drift.basis,
    "written": lambda scene: [step.probability for step in continuation.written(continuation.writer(scene)).steps],
    "both ways": lambda scene: cache.check(scene, WORDS),
}
KINDS = {"small": 15, "words": 15, "gpt": 5, "deep": 4, "long": 4, "trained": 8, "pinned": 5}
FEW = [("strip", "small"), ("heads", "gpt"), ("scores", "long"), ("effects", "trained"), ("basis", "pinned")]
FEW += [("written", "gpt"), ("written", "trained"), ("written", "long"), ("both ways", "trained"), ("params", "gpt")]
CASES = [*((shelf, kind) for shelf in ("run", "figure") for kind in KINDS), *FEW, ("run", "largest")]


@pytest.mark.parametrize(("shelf", "kind"), CASES)
def test_what_is_kept_is_weighed(shelf, kind):
    told, seen = told_and_seen(SHELVES[shelf], kind, KINDS.get(kind, 1))
    assert told == pytest.approx(seen, rel=0.2)


def test_what_a_text_computes_later_is_weighed_too():
    scene = continuation.writer(next(scenes("gpt")).turn(draw_temperature=0.0, target=""))
    text, before = continuation.written(scene), BUDGET.currsize
    grown = sum(step.distribution.final.nbytes + step.distribution.plain.nbytes for step in text.steps)
    for _ in range(8):
        continuation.written(scene)
    assert grown and BUDGET.currsize >= before + grown
    light = core.write(continuation.knobs(scene))
    assert weigh(text) - grown < weigh(light) - light.steps[0].trace["logits"].nbytes, "of the traces nothing is kept"


def test_what_is_known_of_a_text_is_weighed_once_it_is_written(monkeypatch):
    """Keys, values and logits come after the shelf has it: ten readers of SmolLM2 kept 100 MB that nobody counted."""
    monkeypatch.setattr(limits, "LARGE", 1)
    scene = Scene(model="stories", max_new_tokens=3)
    for turned in (scene, scene.turn(draw_seed=3, max_new_tokens=20), scene.turn(sentence="a foca", max_new_tokens=9)):
        continuation.written(turned)
        known, others = continuation._known(turned.computed), (turned.sentence != scene.sentence)
        kept = weigh(known) + memory.ENTRY + others * (weigh(continuation._known(scene.computed)) + memory.ENTRY)
        assert continuation._known.cache.currsize == kept
    continuation._known.cache.clear()
    continuation._stages.cache.clear()
    continuation.stages(scene, continuation.text_of(scene))
    assert continuation._known.cache.currsize == weigh(continuation._known(scene.computed)) + memory.ENTRY


def test_views_count_with_what_they_look_at_and_each_thing_once():
    whole = np.zeros(100_000)
    assert weigh(whole[:3]) == pytest.approx(whole.nbytes, rel=0.01)
    assert weigh([whole, whole[:3], whole[3:]], whole) == pytest.approx(whole.nbytes, rel=0.01)
    assert weigh({"a": b"0" * 1000}, ("x" * 1000,)) == pytest.approx(2000, rel=0.5)
    assert weigh(Scene, np, weigh, None, WORDS) == 0
    assert weigh(np.array(["x" * 5000, None], object)) > 5000


# ------------------------------------------------------------------------------------------------------ the budget


def test_a_kept_run_holds_no_weights_and_finds_the_right_ones():
    scene = next(scenes("gpt"))
    run = compute.run(scene)
    assert weigh(run) < weigh(core.init_params(scene.whole)) / 2
    BUDGET.clear()
    expected = core.init_params(scene.whole, scene.seed)
    assert all(np.array_equal(run.params[name], array) for name, array in expected.items())


def test_all_shelves_together_stay_under_the_budget(monkeypatch):
    monkeypatch.setattr(BUDGET, "most", 6_000_000)
    monkeypatch.setattr(BUDGET, "_taken", {"other": 1_000_000})  # and not what other tests still hold
    for kind in (*KINDS, *KINDS):
        scene = next(scenes(kind))
        compute.build(attention.pattern, scene, WORDS)
        labels.scores_of(scene)
        assert 0 < BUDGET.currsize <= 5_000_000
        assert BUDGET.currsize == sum(shelf.currsize for shelf in BUDGET.shelves)
    assert compute.build.cache.currsize < compute.run.cache.currsize
    BUDGET.take("test", 4_900_000)  # what others take, the shelves leave
    assert BUDGET.currsize <= 100_000
    compute.run(next(scenes("gpt")))  # too large to be kept, and made all the same
    assert BUDGET.currsize <= 100_000


def test_what_was_asked_for_last_stays(monkeypatch):
    several = [next(scenes("gpt")) for _ in range(6)]
    monkeypatch.setattr(BUDGET, "most", BUDGET.taken + 6_000_000)  # four of them
    for scene in several:
        compute.run(scene)
        compute.run(several[0])
    missed = compute.run.cache.misses
    compute.run(several[0])
    compute.run(several[-1])
    assert compute.run.cache.misses == missed
    compute.run(several[1])
    assert compute.run.cache.misses == missed + 1


def test_what_makes_little_room_is_let_go_last():
    """What a model does on any text takes a kilobyte and long to compute: each sentence of 256 tokens displaced it."""
    budget = memory.Budget(1_000_000)
    shelf = budget.shelf("values")
    for name, size in ((b"probe", 10), (b"run", 500_000), (b"picture", 20_000), (b"other run", 600_000)):
        budget.put(name, np.zeros(size, np.uint8), shelf)
    assert [budget.get(name) is not None for name in (b"probe", b"run", b"picture", b"other run")] == [1, 0, 1, 1]
    budget.put(b"larger", np.zeros(999_000, np.uint8), shelf)
    assert budget.get(b"larger") and budget.get(b"probe") is None and budget.currsize <= 1_000_000
    budget.take("training", 1_000_000)
    assert not budget.currsize and not len(shelf)


def test_no_more_is_let_go_than_makes_room():
    each = weigh(np.zeros(5_000, np.uint8)) + memory.ENTRY
    for wanted, left in ((1, 2), (each, 2), (each + 1, 1), (2 * each, 1)):
        budget = memory.Budget(3 * each)
        for name in (b"one", b"two", b"three"):
            budget.put(name, np.zeros(5_000, np.uint8), budget.shelf("values"))
        budget.take("training", wanted)
        assert budget.currsize == left * each


def test_what_is_free_is_given_back_at_times_and_not_again_just_now(monkeypatch):
    now, done = [1000.0], []
    monkeypatch.setattr(heap, "_trimmed", [0.0])
    monkeypatch.setattr(heap, "monotonic", lambda: now[0])
    monkeypatch.setattr(heap, "_call", lambda *about: done.append(now[0]))
    for at in (1000.0, 1001.0, 1004.9, 1005.1, 1010.0, 1010.2):
        now[0] = at
        heap.trim_at_times()
    assert done == [1000.0, 1005.1, 1010.2]


def test_the_little_is_less_than_a_two_hundredth_of_the_room_that_is_wanted():
    for wanted, stays in ((199, False), (200.2, True)):  # times as much as the little has
        budget = memory.Budget(10**9)
        shelf = budget.shelf("values")
        budget.put(b"little", np.zeros(5_000, np.uint8), shelf)
        little = budget.currsize
        for name in (b"run", b"picture"):
            budget.put(name, np.zeros(2_000_000, np.uint8), shelf)
        budget.take("training", int(budget.most - budget.currsize + wanted * little))
        assert [budget.get(name) is not None for name in (b"little", b"run", b"picture")] == [stays, False, True]


def test_a_class_computes_a_turn_once():
    scene, together, got = next(scenes("long")), Barrier(8), []

    def pupil() -> None:
        together.wait()
        got.append(compute.run(scene))

    missed = compute.run.cache.misses
    pupils = [Thread(target=pupil) for _ in range(8)]
    for thread in pupils:
        thread.start()
    for thread in pupils:
        thread.join()
    assert compute.run.cache.misses == missed + 1 and all(run is got[0] for run in got)
    assert not BUDGET._making


def test_scenes_that_look_alike_but_are_not_share_nothing():
    alike = [
        Scene(sentence="a b"),
        Scene(sentence="a b c"),
        Scene(sentence="b a"),
        Scene(sentence="a b", split="words"),
    ]
    alike += [Scene(sentence="a b", temperature=2.0), Scene(sentence="a b", edits=((0, 0, 1.0),)), Scene(model="gpt")]
    done = [compute.build(attention.pattern, scene, words_of(lang)) for scene in alike for lang in ("en", "pt-BR")]
    fresh = [
        compute.encode(attention.pattern(scene, words_of(lang)), words_of(lang))
        for scene in alike
        for lang in ("en", "pt-BR")
    ]
    assert done == fresh
    assert compute.build(attention.scores, alike[0], WORDS) != done[0]


def test_the_deployer_chooses(monkeypatch):
    for said, megabytes in (("", 300), ("120", 120), ("5", 32), ("-7", 300), ("many", 300), ("1e9", 300), ("²", 300)):
        monkeypatch.setenv("FIBRA_CACHE_MB", said)
        assert limits._megabytes("FIBRA_CACHE_MB", 300, 32) == megabytes * 1_000_000
    assert limits.CACHE_OTHER < limits.CACHE


def test_tables_that_are_not_weighed_are_small():
    """What core's own functions keep, for the worst that pages ask of them: the budget leaves as much."""
    from core.ops import attention as ops
    from core.ops import positions, rows

    tracemalloc.start()
    try:
        for i in range(70):
            positions.sinusoidal(limits.TOKENS - i % 9, limits.D_MODEL[1] - i)
            positions.rotary_angles(limits.TOKENS, 256, 1e4 + i)
            ops.causal_mask(limits.TOKENS - i % 60, limits.TOKENS)
            rows._column(64 * 64 - i, 1.0, np.dtype(np.float32))
            rows._starts((19, 4, 64 - i % 60), 64 + i)
        for i in range(1500):
            Stories().batch(0, 1) if i == 0 else core.tasks.stories._spelled("pt-BR", i, False)
        assert tracemalloc.get_traced_memory()[0] < limits.CACHE_OTHER / 2
    finally:
        tracemalloc.stop()
    spelled = core.tasks.stories._spelled.cache_info()
    each = sys.getsizeof(core.tasks.stories._spelled("pt-BR", 3, False)) + memory.ENTRY
    assert spelled.maxsize * each < limits.CACHE_OTHER / 2


# -------------------------------------------------------------------------------------------------- runs of training


@dataclass(eq=False)
class Held:
    """A session's run, as far as others are concerned."""

    run: TrainingRun | None
    session: str = ""
    touched: float = 0.0

    def held(self) -> int:
        return self.run.nbytes if self.run else 0

    def let_go(self) -> None:
        self.run = None


def trained(session: str = "", seed: int = 0) -> Held:
    """A run that has taken three steps."""
    run = TrainingRun.start(Copy(), sized(Copy().config, "small"), seed, 4, 3e-3)
    run.checkpoints.every = 1
    run.advance(60, steps=3)
    return Held(run, session)


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(run_memory, "monotonic", lambda: now[0])
    monkeypatch.setattr(run_memory, "_runs", type(run_memory._runs)())
    yield now
    BUDGET.take("training", 0)
    BUDGET.take("step", 0)


def test_what_runs_hold_the_caches_leave(clock):
    training = trained()
    run_memory.touch(training)
    held = weigh(
        training.run.state.params, training.run.state.mean, training.run.state.square, training.run.checkpoints
    )
    assert BUDGET._taken["training"] == training.held() == pytest.approx(held, rel=0.2)
    del training
    gc.collect()
    run_memory.balance()
    assert BUDGET._taken["training"] == 0


def test_checkpoints_are_thinned_and_then_those_go_who_are_away(clock, monkeypatch):
    several = [trained(session=str(i), seed=i) for i in range(4)]
    one, kept = several[0].held(), several[0].run.checkpoints.nbytes

    def room(size: float) -> None:
        monkeypatch.setattr(BUDGET, "most", int(run_memory.SHARE * size))

    room(4 * (one - kept / 2))
    for training in several:
        run_memory.touch(training)
        clock[0] += 1
    assert all(len(training.run.checkpoints.kept) == 4 for training in several)  # each may be at work
    clock[0] += run_memory.AT_WORK + 1
    run_memory.balance()
    assert all(1 <= len(training.run.checkpoints.kept) <= 2 for training in several)
    bare = one - kept * 3 / 4  # one checkpoint is always kept
    room(3.5 * bare)
    run_memory.lose("2")
    run_memory.balance()
    assert [training.run is None for training in several] == [False, False, True, False]  # its reader was gone
    run_memory.lose("2", False)
    room(2.5 * bare)
    run_memory.balance()
    assert sum(training.run is None for training in several) == 1  # the others' readers may only read
    clock[0] += run_memory.STANDING
    run_memory.touch(several[0])
    run_memory.balance()
    assert [training.run is None for training in several] == [False, True, True, False]  # who stood still for longest


def test_checkpoints_have_all_one_size():
    kept = Checkpoints(limit=10**9)
    for step in range(5):
        kept.offer(step, {"a": np.zeros(1000), "b": np.zeros(10)})
    assert kept.nbytes == sum(p.nbytes for params in kept.kept.values() for p in params.values())
    kept.limit = 20_000
    kept.thin()
    assert [*kept.kept] == [0, 4] and kept.nbytes <= 20_000


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
@pytest.mark.parametrize("name", TASKS)
def test_a_batch_in_parts_takes_the_same_step(name, loss, monkeypatch):
    task = TASKS[name]()
    recipe, batch = core.Recipe(loss=loss), task.batch(0, 12)
    states = [State.start(core.init_params(task.config)) for _ in range(2)]
    whole = take_step(states[0], task.config, batch, recipe)
    monkeypatch.setattr(limits, "STEP", 5 * step_bytes(task.config, batch.ids.shape[-1]))
    parts = [*batch.parts(5)]
    assert [len(part.ids) for part, _ in parts] == [5, 5, 2] and sum(share for _, share in parts) == pytest.approx(1)
    step = take_step(states[1], task.config, batch, recipe)
    assert (step.loss, step.accuracy, step.grad_norm) == pytest.approx(
        (whole.loss, whole.accuracy, whole.grad_norm), 1e-4
    )
    for part, norm in whole.norms.items():
        assert step.norms[part] == pytest.approx(norm, rel=1e-3)


def test_a_part_in_which_nothing_counts_is_passed_over():
    mask = np.zeros((4, 3), bool)
    mask[3, 1] = True
    parts = [*Batch(np.zeros((4, 3), int), np.zeros((4, 3), int), mask).parts(2)]
    assert [(len(part.ids), share) for part, share in parts] == [(2, 1.0)]


def test_a_step_takes_what_it_is_said_to(monkeypatch):
    task = Stories()
    config = task.config
    monkeypatch.setattr(limits, "STEP", 10 * step_bytes(config, config.n_ctx))
    run = TrainingRun.start(task, config, 0, 24, 3e-3)
    run.advance(60, steps=1)
    tracemalloc.start()
    try:
        run.advance(60, steps=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.6 * limits.STEP < peak < 1.4 * limits.STEP


def test_one_value_that_is_larger_than_the_rest_is_kept_alone_until_the_next_such_one(monkeypatch):
    budget = memory.Budget(10_000)
    shelf = budget.shelf("large")
    monkeypatch.setattr(limits, "ALONE", 100_000)
    for n in (50_000, 60_000, 200_000):
        budget.put(b"%d" % n, np.zeros(n, np.uint8), shelf)
    assert [budget.get(b"%d" % n) is not None for n in (50_000, 60_000, 200_000)] == [False, True, False]
    budget.put(b"small", np.zeros(5_000, np.uint8), shelf)
    assert budget.get(b"small") and budget.get(b"60000") and budget.currsize < 10_000
    budget.clear()
    assert budget.get(b"60000") is None


def test_what_is_alone_makes_way_for_another_such_one_and_for_nothing_else(monkeypatch):
    budget = memory.Budget(10_000)
    monkeypatch.setattr(limits, "ALONE", 100_000)
    budget.put(b"old", np.zeros(50_000, np.uint8), budget.shelf("large"))
    for size, stays in ((9_000, True), (200_000, True), (60_000, False)):
        budget.make_way(size)
        assert (budget.get(b"old") is not None) == stays


def test_two_long_texts_are_not_there_at_once(monkeypatch):
    """The run of the one before is gone when the next is computed; of a short text none has to go."""
    monkeypatch.setattr(limits, "LARGE", 1)
    monkeypatch.setattr(limits, "TRACE", 1000)
    monkeypatch.setattr(BUDGET, "most", BUDGET.taken + 100_000)
    scenes, there = [Scene(model="stories", sentence=" ".join([word] * 50)) for word in ("foca", "mar")], []
    run = core.run
    monkeypatch.setattr(core, "run", lambda *a, **k: there.append(compute.run.has(scenes[0])) or run(*a, **k))
    for scene in (scenes[0], Scene(model="stories", sentence="o mar"), scenes[1]):
        compute.run(scene)
    assert there == [False, True, False]
    assert not compute.run.has(scenes[0]) and compute.run.has(scenes[1])
    assert kept_bytes(scenes[1].config, len(scenes[1].tokens)) == pytest.approx(
        weigh(compute.run(scenes[1]).trace), rel=0.2
    )


def test_what_is_larger_than_others_leave_puts_nothing_out(monkeypatch):
    """An entry counts with 400 bytes beside its value."""
    budget = memory.Budget(10_000)
    shelf, small, large = budget.shelf("values"), np.zeros(1000, np.uint8), np.zeros(5000, np.uint8)
    monkeypatch.setattr(limits, "ALONE", 0)
    budget.take("training", 6_000)
    budget.put(b"small", small, shelf)
    budget.put(b"large", large, shelf)
    assert budget.get(b"small") and budget.get(b"large") is None
    assert budget.currsize == shelf.currsize == weigh(small) + 400
    budget.take("training", 0)
    budget.put(b"large", large, shelf)
    assert budget.get(b"small") and budget.get(b"large") and budget.currsize == weigh(small) + weigh(large) + 800


@pytest.mark.parametrize(("held", "training"), [(0.1, 0.0), (0.1, 0.2), (0.9, 0.0), (0.9, 0.2), (0.9, 0.6)])
def test_real_models_take_what_others_and_pictures_leave(monkeypatch, held, training):
    most, others = BUDGET.most, BUDGET.taken - BUDGET.has_taken("library")
    monkeypatch.setattr(memory, "LIBRARY", SimpleNamespace(held=int(held * most)))
    try:
        BUDGET.take("training", int(training * most))
        left = most - others - int(training * most) - limits.CACHE_LEAST
        for _ in range(2):  # what they had already is theirs still
            memory.leave_to_real_models()
            assert BUDGET.has_taken("library") == max(0, min(int(held * most), left))
    finally:
        BUDGET.take("training", 0)
        BUDGET.take("library", 0)


def test_a_kept_function_says_of_what_it_has_the_value():
    made = memory.kept(lambda n: (n,))(lambda n: [n])
    assert not made.has(1) and made(1) == [1] and made.has(1) and not made.has(2)
    BUDGET.shelves.remove(made.cache)
