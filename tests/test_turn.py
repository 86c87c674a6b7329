"""Large work is one reader's at a time, from the first picture of a page to its last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Barrier, Event, Thread

import pytest

from core import Scene, limits
from pictures import (
    ablation,
    alike,
    attention,
    backward,
    chosen_cell,
    compare_drift,
    compute,
    continuation,
    descent,
    drawing,
    drift,
    habits,
    heads,
    importance,
    influence,
    labels,
    memory,
    mirror,
    pair,
    rows_told,
    stacks,
    start,
    turn,
    ways,
    worth,
)
from pictures.explained import card, page_world, runs
from pictures.generate import cache, lens, loss
from pictures.loss_choice import Judged
from pictures.translate import search, text
from pictures.words import words_of

WORDS = words_of("en")
TRANSLATOR = Scene(model="translator")


@pytest.fixture(autouse=True)
def all_is_large(monkeypatch) -> Iterator[None]:
    monkeypatch.setattr(limits, "LARGE", 0)
    memory.BUDGET.clear()
    for part in ("training", "step"):
        memory.BUDGET.take(part, 0)
    yield
    memory.BUDGET.clear()


def side_by_side(work: Callable[[int], object], n: int) -> None:
    """Do it in `n` threads that begin together, and wait for all."""
    together = Barrier(n)

    def one(i: int) -> None:
        together.wait()
        work(i)

    threads = [Thread(target=one, args=(i,), daemon=True) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_pages_that_do_not_fit_together_are_made_once_each(monkeypatch):
    scenes = [Scene(model="gpt", seed=seed).override(d_model=128) for seed in range(4)]
    compute.run(scenes[0])
    compute.build(attention.pattern, scenes[0], WORDS)
    monkeypatch.setattr(memory.BUDGET, "most", memory.BUDGET.taken + int(1.5 * memory.BUDGET.currsize))  # for one alone
    memory.BUDGET.clear()

    def page(i: int) -> None:
        compute.run(scenes[i])
        for layer in range(4):
            time.sleep(0.005)  # another would come between here
            compute.build(attention.pattern, replace(scenes[i], layer=layer), WORDS)
            labels.scores_of(scenes[i])

    missed = compute.run.cache.misses
    side_by_side(page, len(scenes))
    assert compute.run.cache.misses == missed + len(scenes)


SHELVES = {
    "run": compute.run,
    "figure": lambda scene: compute.build(heads.overview, scene, WORDS),
    "what is lost": stacks.lost,
    "all heads": lambda scene: heads._all(scene, WORDS),
    "entropy and distance": heads._means_of_rows,
    "strip": lambda scene: start.html(scene, WORDS),
    "what the strip says": lambda scene: start.says(scene, WORDS),
    "a batch": start.batch_shapes,
    "likeliest": drawing.likeliest,
    "mirror": lambda scene: mirror.html(scene, WORDS),
    "scores": labels.scores_of,
    "probe": labels.probe_of,
    "effects": lambda scene: ablation.measured(scene, 0),
    "a key's effect": importance.effects_of,
    "what weights carry": importance.carried_of,
    "a head's worth": lambda scene: worth._without(scene.computed, 0, 0),
    "all heads' worth": lambda scene: worth._last(scene.computed),
    "over sentences": lambda scene: habits.over(Scene(model="induction", seed=scene.seed)),
    "a sentence": lambda scene: habits.scores(habits.parts(Scene(model="induction", seed=scene.seed))[0]),
    "a pinned walk": lambda scene: compare_drift.present_ways(replace(scene, pinned=scene), WORDS),
    "basis": drift.basis,
    "ways in it": ways.projected,
    "how far apart they begin": lambda scene: ways.Stages(scene).away(0),
    "walk": lambda scene: drift._walk(scene, WORDS),
    "written": continuation.written,
    "its stages": continuation._stages,
    "what is known of it": lambda scene: continuation._known(scene.computed),
    "what the lens has read": lambda scene: lens._known(scene.computed),
    "influence": lambda scene: influence._influence(scene, 1),
    "alike": lambda scene: alike.vectors(Scene(model="alice", seed=scene.seed)),
    "both ways": cache.both_ways,
    "judged": loss.judged,
    "way back": lambda scene: backward.of_loss(Judged(scene, None)),
    "gradients": lambda scene: backward.kept(Judged(scene, None)),
    "after a step": lambda scene: descent._after(Judged(scene, None), 0.1),
    "explained": lambda scene: page_world.world("backward", scene, WORDS),
    "context": continuation.context,
    "translated": lambda _: text.translated(TRANSLATOR),
    "searched": lambda _: search.search(TRANSLATOR),
    "a text of the search read": lambda _: search.read(TRANSLATOR.computed, ()),
    "card": lambda scene: card.shown("reading", scene.turn(explained=(("embed", (0, 0)),)), WORDS),
    "chosen cell": lambda scene: chosen_cell.html(scene, WORDS),
    "rows": lambda scene: rows_told.rows_read(scene, WORDS),
    "a key left out": lambda scene: runs.left_out(scene, "left.0.1.3.2."),
    "a patched run without a head": lambda scene: runs.emptied(scene, "without.0.1."),
    "a sequence of the probe": lambda scene: runs.probing(scene, "sequence.0."),
    "two stacks with all heads": lambda scene: runs.all_on(TRANSLATOR.turn(seed=scene.seed, ablated=((0, 1),))),
    "put": lambda scene: runs.patched(pair.Pair.of(scene), "put_head.0.1."),
    "patched": lambda scene: pair.patched(scene, scene.turn(sentence=scene.text[::-1]), (), (0, 1), "stream", 0, 0),
    "slopes": lambda scene: influence._slopes(scene, 1),
    "scaled": lambda scene: runs._scaled(scene, 1, (0.5,) * len(scene.tokens)),
    "another sentence": lambda scene: pair.exchanged(Scene(model="machado", seed=scene.seed)),
    "reading": lambda _: pair.reading(TRANSLATOR, (3,)),
}


@pytest.mark.parametrize("shelf", SHELVES)
def test_nobody_waits_for_a_turn_with_something_half_made(shelf):
    """Who has the turn may ask for just that."""
    done = Event()

    def other() -> None:
        SHELVES[shelf](Scene(model="gpt", seed=5))
        done.set()

    with turn.LARGE.take():
        Thread(target=other, daemon=True).start()
        assert not done.wait(0.3)
        assert not memory.BUDGET._making
    assert done.wait(30)


def test_every_shelf_was_tried():
    for work in SHELVES.values():
        work(Scene(model="gpt", seed=6))
    assert all(shelf.entries for shelf in memory.BUDGET.shelves)


# ------------------------------------------------------------------------------------------------------ how it ends


@pytest.fixture
def large(monkeypatch) -> turn.Turn:
    monkeypatch.setattr(turn, "LOOK", 0.01)
    return turn.Turn()


def waited(large: turn.Turn) -> float:
    """Seconds until another thread has the turn."""
    began, got = time.monotonic(), []

    def other() -> None:
        with large.take():
            got.append(time.monotonic() - began)

    thread = Thread(target=other, daemon=True)
    thread.start()
    thread.join(10)
    return got[0] if got else float("inf")


def test_a_turn_ends_with_its_work_its_thread_or_its_time(large, monkeypatch):
    monkeypatch.setattr(turn, "AWAY", 0.6)
    with large.take(), large.take():
        pass
    assert waited(large) < 0.3
    with large.take(stays=True):
        pass
    assert 0.4 < waited(large) < 2  # this thread lives, and asks for nothing more


def test_a_thread_that_has_ended_has_no_turn(large, monkeypatch):
    monkeypatch.setattr(turn, "AWAY", 60.0)

    def page(_: int) -> None:
        with large.take(stays=True):
            pass

    side_by_side(page, 1)
    monkeypatch.setattr(turn, "LOOK", 60.0)  # nobody waits for a look at what is over already
    assert waited(large) < 5


def test_only_who_has_the_turn_can_keep_it(large, monkeypatch):
    """By asking for something before its time is over; what another asks for counts for nothing."""
    now = [0.0]
    monkeypatch.setattr(turn, "monotonic", lambda: now[0])
    for asks, over in (
        (lambda: None, True),
        (large.go_on, False),
        (lambda: side_by_side(lambda _: large.go_on(), 1), True),
    ):
        now[0] = 0.0
        with large.take(stays=True):
            pass
        now[0] = 0.9 * turn.AWAY
        asks()
        now[0] = 1.1 * turn.AWAY
        assert large._is_over() == over


def test_who_stays_is_let_finish_and_is_not_let_stay_for_ever(large, monkeypatch):
    monkeypatch.setattr(turn, "AWAY", 0.3)
    monkeypatch.setattr(turn, "MOST", 1.0)
    order: list[str] = []

    def other() -> None:
        with large.take():
            order.append("other")

    thread = Thread(target=other, daemon=True)
    for step in range(20):
        with large.take(stays=True):
            order.append("mine")
        if step == 0:
            thread.start()
        time.sleep(0.1)
        large.go_on()
    thread.join(10)
    assert 3 <= order.index("other") <= 18
