"""The runs of training that live on this server: what they may hold together, and which must go when it is too much.

A run holds its model thrice, and checkpoints to wind back to. They have a fifth of what the server may keep
(core.limits), each an equal share; checkpoints are thinned first. If that is not enough, runs go whose readers are
gone, and then those that stand still for longest: their pages say so, and begin again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock  # sessions run side by side; nothing here starts a thread
from time import monotonic
from typing import Protocol
from weakref import WeakSet

from core import Config, limits
from core.presets import living_bytes
from core.tasks import Task
from core.train.loop import step_bytes
from core.train.training_run import TrainingRun
from pictures import heap, memory, turn

SHARE = 5  # runs have one part in so many of the budget
AT_WORK = 10.0  # seconds: a run that was looked at so lately may be at work in another thread
STOPPING = 3.0  # seconds: the same, of one whose reader is gone
STANDING = 60.0  # seconds: one that was not for so long stands still, and its reader reads or is away
EVERY = 1.0  # seconds
HEAVY = 32_000_000  # bytes: steps that take more are made by one run at a time


class Training(Protocol):
    """What a session holds of its training."""

    run: TrainingRun | None  # None: it was let go
    session: str
    touched: float  # when it was looked at last

    def held(self) -> int:
        """Bytes that it keeps alive."""

    def let_go(self) -> None:
        """Keep nothing but the knowledge that it was let go."""


_lock = Lock()
_runs: WeakSet[Training] = WeakSet()
_balanced = [0.0]  # when it was last seen to that they fit
_lost: set[str] = set()  # sessions without a connection


def touch(training: Training) -> None:
    """A run is looked at, or works."""
    training.touched = monotonic()
    with _lock:
        known = training in _runs
        _runs.add(training)
    if not known:
        balance()
    balance_at_times()


def balance_at_times() -> None:
    """`balance`, if that was not done just now."""
    if monotonic() - _balanced[0] > EVERY:
        balance()


def lose(session: str, lost: bool = True) -> None:
    """Note that a session's connection is lost, or is there again."""
    (_lost.add if lost else _lost.discard)(session)


def balance() -> None:
    """Make all runs fit; what they take, and the models that came of them, the caches leave."""
    with _lock:
        _balanced[0] = monotonic()
        living = _living()
        room = memory.BUDGET.most // SHARE
        now, let_go, kept = monotonic(), False, sum(_thinned(training, room // len(living)) for training in living)
        for training in sorted(living, key=lambda training: (training.session not in _lost, training.touched)):
            patience = STOPPING if training.session in _lost else STANDING
            if kept > room and now - training.touched > patience:
                kept -= training.held()
                training.let_go()
                let_go = True
        at_work = [_step(training.run) for training in living if training.run and now - training.touched < AT_WORK]
        memory.BUDGET.take("training", kept)
        memory.BUDGET.take("models", living_bytes())
        memory.BUDGET.take("step", max((size for size in at_work if size >= HEAVY), default=0))
    if let_go:
        heap.trim()


def started(task: Task, config: Config, seed: int, size: int, rate: float) -> TrainingRun:
    """A run that has been looked at once. Of large ones that takes thrice what they hold: one is begun at a time."""
    if _step_of(config, size) < HEAVY:
        return TrainingRun.start(task, config, seed, size, rate)
    with turn.LARGE.take():
        run = TrainingRun.start(task, config, seed, size, rate)
        heap.trim()
    return run


@contextmanager
def room_for(run: TrainingRun) -> Iterator[None]:
    """Room for steps of this run: its checkpoints have their share, and the caches leave what a step takes."""
    with _lock:
        living = len(_living())
    run.checkpoints.limit = min(limits.CHECKPOINTS, memory.BUDGET.most // SHARE // (living + 1))
    if (size := _step(run)) < HEAVY:
        yield
        return
    with turn.LARGE.take():
        memory.BUDGET.take("step", size)
        try:
            yield
        finally:
            heap.trim_at_times()


def _living() -> list[Training]:
    """The runs that were not let go; `_lock` is held."""
    return [training for training in _runs if training.run is not None]


def _thinned(training: Training, share: int) -> int:
    """Give a run its share, and say what it holds then. One at work thins its checkpoints itself, at the next one."""
    held, checkpoints = training.held(), training.run.checkpoints
    checkpoints.limit = max(0, min(limits.CHECKPOINTS, share - (held - checkpoints.nbytes)))
    if monotonic() - training.touched > AT_WORK:
        checkpoints.thin()
        held = training.held()
    return held


def _step(run: TrainingRun) -> int:
    return _step_of(run.config, run.size)


def _step_of(config: Config, size: int) -> int:
    """Bytes that a step takes while it is made."""
    return min(limits.STEP, size * step_bytes(config, config.n_ctx, config.n_ctx))
