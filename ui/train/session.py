"""The training run on screen: what it is, when it goes on, and what becomes of it.

A slice of work is taken in a fragment's run, when the page is open and the run plays: a tab that is closed, or turned
to another page, costs nothing. A run follows from its address: what was let go, or lived in a session that is over, is
repeated up to the step that the address names.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import fields, replace
from functools import lru_cache
from math import inf, log

import streamlit as st

from core import Scene, limits
from core.scene.fields import TASK_NAMES, TRAINED_PACES
from core.tasks import SOURCED, TASKS, Characters, Task
from core.tasks.stories import text
from core.train.training_run import TrainingRun, opening, sized
from pictures.compute import EncodedPicture, Picture, encode
from pictures.train.view import View
from pictures.words import Words
from ui import scheduler, state
from ui.live import presence
from ui.train import kept_runs, run_memory
from ui.train.kept_runs import KNOBS, RUN, Training, key_of

Builder = Callable[[View, Words], Picture]
PACES = dict(zip(TRAINED_PACES, (1, 5, 10**9), strict=True))  # steps a slice, at most
FIRST = 0.4  # seconds of work on a run that is repeated, before the page is seen

GROWN = 1.1  # times the steps at the last sample of text
UNSAID = {knob.name: knob.default for knob in fields(Scene) if knob.name in KNOBS}


def open_session() -> Training:
    """This session's training as its page opens: what runs already, or what the address says."""
    training: Training | None = st.session_state.get(RUN)
    if training is not None and st.session_state[state.ENTERED]:
        if all(getattr(state.scene(), knob) == value for knob, value in UNSAID.items()):
            state.follow(**training.knobs)  # other pages may show Scenes that say nothing of this run
        if training.playing and training.until is None and training.run:
            _stop(training)
            training.tell("waited", step=training.run.step)
    training = session()
    training.session = presence.here()
    return training


def session() -> Training:
    """This session's training, of what the Scene says: gone on with, brought back, or begun."""
    if (corpus := state.scene().corpus) and corpus not in kept_runs.texts():
        state.follow(corpus="", train_step=None, train_played=0)
    scene, training = state.scene(), st.session_state.get(RUN)
    if training is None or training.key != key_of(scene):
        training = _turned_to(scene, training)
        if corpus != scene.corpus:
            training.tell("text_gone")
    elif training.run is None:
        training = _repeat(scene, training)
    else:
        run_memory.touch(training)
    _heed(scene, training)
    training.knobs = {knob: getattr(state.scene(), knob) for knob in KNOBS}
    state.follow(train_played=training.reached)
    return training


def _turned_to(scene: Scene, former: Training | None) -> Training:
    if former is not None and former.run:
        _rest(former)
    if (training := kept_runs.kept().get(key_of(scene))) is None:
        training = _begun(scene)
        if former is not None:
            if former.run and former.key[0] == scene.task and former.key[3] == training.key[3]:
                training.former = former.run.history  # another task's losses would say nothing about this one's
            if training.said in ("", "train.says.opened"):
                training.tell("new_run")
    elif training.run is None:
        return _repeat(scene, training)
    else:
        training.playing = training.until is not None
        training.tell("back", step=training.run.step)
    kept_runs.keep(training)
    st.session_state[RUN] = training
    return training


def _repeat(scene: Scene, gone: Training) -> Training:
    """The run that was let go, once more."""
    training = _begun(replace(scene, train_played=gone.reached))
    training.former = gone.former
    kept_runs.keep(training)
    st.session_state[RUN] = training
    return training


def _begun(scene: Scene) -> Training:
    """A new run, at the step that the Scene names, or on the way there."""
    training = Training(key_of(scene), _new_run(scene))
    run, named = training.run, max(scene.train_step or 0, scene.train_played)
    if scene.train_played < 0 or not kept_runs.repeatable(run, named):
        training.tell("changed" if scene.train_played < 0 else "too_far", step=abs(scene.train_played) or named)
        state.follow(train_step=None, train_played=0)
        named = 0
    elif named:
        run.checkpoints.named = scene.train_step
        training.played, training.stood = scene.train_played > 0, named
    first = 0 if scene.train_attempt else opening(run.config, run.size)
    if first:
        _advance(run, inf, first)
    if named > run.step:
        _advance(run, FIRST, named - run.step)
        training.until, training.playing = named, True
        _arrive(training)
    elif not training.said and scene.train_attempt:
        training.tell("again")
    elif not training.said and run.step:
        training.tell("opened", step=run.step)
    return training


def _new_run(scene: Scene) -> TrainingRun:
    task = task_of(scene.task, kept_runs.texts().get(scene.corpus, ""))
    rate, size = of(scene, task)
    return run_memory.started(task, sized(task.config, scene.train_size), scene.train_seed, size, rate)


def _heed(scene: Scene, training: Training) -> None:
    """Let the run have the Scene's learning rate and batch."""
    run = training.run
    rate, size = of(scene, run.task)
    if (rate, size) == (run.recipe.rate, run.size):
        return
    if run.step and not training.played:  # its first steps are the page's own: taken as a link would take them
        fresh = _begun(scene)
        for part in ("run", "until", "playing", "stood", "said", "about", "drawn", "sample", "world", "card"):
            setattr(training, part, getattr(fresh, part))
        return
    with training.stepping:
        run.change(rate, size)
    if run.step:
        training.mixed, training.until = True, None
        training.tell("goes_on")


def of(scene: Scene, task: Task) -> tuple[float, int]:
    """The learning rate and the rows a batch: the Scene's, or the task's own."""
    return scene.learning_rate or task.rate, scene.batch_size or task.size


def task_of(name: str, corpus: str = "") -> Task:
    """The task of this name; Characters, of a text of the reader's own or of ours."""
    return Characters(corpus) if corpus and name == Characters.name else _ours(name)


@lru_cache(maxsize=len(TASK_NAMES))
def _ours(name: str) -> Task:
    return Characters(text()) if name == Characters.name else (TASKS | SOURCED)[name]()


# -------------------------------------------------------------------------------------------------------- playing


def tick(training: Training, pace: str = Scene.train_pace) -> None:
    """One slice of a run that plays, if it is its turn: else the next tick comes soon."""
    run, most = training.run, PACES[pace]
    if training.until is not None:
        most = training.until - run.step
    with scheduler.turn(training) as mine, training.stepping:
        if mine and training.playing:
            _advance(run, scheduler.SLICE, most)
    _arrive(training)


def _advance(run: TrainingRun, seconds: float, steps: int) -> None:
    with run_memory.room_for(run):
        run.advance(seconds, steps)


def _arrive(training: Training) -> None:
    """Stop a run that is broken, or that was repeated as far as its address says."""
    run, until = training.run, training.until
    if run.broken:
        training.tell("broken")
    elif until is None or not training.playing or run.step < until:
        return
    else:
        training.tell("repeated", step=run.step)
    training.playing, training.until, training.stood = False, None, run.step


def _rest(training: Training) -> None:
    """Let a run wait: one that is repeated goes on when its reader comes back to it."""
    with training.stepping:
        if training.until is None:
            training.stood = training.run.step
        training.playing = False


def _stop(training: Training) -> None:
    """Stand still, at the step that a slice on its way has come to."""
    with training.stepping:
        training.playing, training.until, training.stood = False, None, training.run.step


def play() -> None:
    """Go on. (Not "the other than now": what is pressed twice, or late, would do the opposite of what it says.)"""
    _play(True)


def stop() -> None:
    """Stand still."""
    _play(False)


def _play(on: bool) -> None:
    training = session()
    _stop(training)
    training.playing, training.played = on, True
    training.tell()
    state.follow(train_step=None)


def one_step() -> None:
    """Take one step, and stop."""
    training = session()
    training.played = True
    _stop(training)
    _advance(training.run, 0, 1)
    training.tell("broken" if training.run.broken else "")
    _stop(training)
    state.follow(train_step=None)


def reset() -> None:
    """Begin again, on step 0. What ran so far can be laid under it, and undo brings it back."""
    training = session()
    if training.run.step:
        attempts = [key[-1] for key in kept_runs.kept() if key[:-1] == training.key[:-1]]
        state.turn(train_attempt=min(max(attempts) + 1, limits.SEED[1]), train_step=None, train_played=0)


def choose(**knobs: str | int) -> None:
    """Train something else: the run of it that this session has, where it stood, or a new one."""
    scene = state.scene().turn(**knobs, train_attempt=0, train_step=None, train_played=0)
    if (training := kept_runs.latest(scene)) is not None:
        scene = scene.turn(**training.knobs)
    state.show(scene)


def wind(train_step: int) -> None:
    """Wind all pictures to a step; the last one is now."""
    state.turn(train_step=None if train_step >= session().run.step else train_step)


def read(corpus: str) -> None:
    """Train on a text of the reader's own. Raises: ConfigError where it is too short or too long."""
    Characters(corpus)
    choose(task=Characters.name, corpus=kept_runs.keep_text(corpus))


# ----------------------------------------------------------------------------------------------- what is looked at


def view(training: Training, words: Words) -> View:
    """The run at the Scene's moment, for a reader of this language."""
    scene, run = state.scene(), training.run
    return View(training, run, scene, *run.at(scene.train_step), words.lang)


def drawn(name: str, builder: Builder, view: View, words: Words, *more: Hashable) -> EncodedPicture:
    """The picture that `builder` makes of the view, kept while nothing that it depends on has changed.

    more: on what it depends besides the view.
    """
    stamp = (*view.stamp, words.lang, *more)
    kept = view.training.drawn.get(name)
    if kept is None or kept[0] != stamp:
        kept = view.training.drawn[name] = stamp, encode(builder(view, words), words)
    return kept[1]


def is_drawn(name: str, view: View, words: Words) -> bool:
    """Whether a picture that was asked for is of this view: else it is asked for anew."""
    stamp, kept = (*view.stamp, words.lang), view.training.drawn.get(name)
    return kept is not None and kept[0][: len(stamp)] == stamp


def written(view: View, write: Callable[[View], str]) -> str:
    """What `write` makes of the view; while a run plays, anew only when it has gone on by a tenth: it takes a while."""
    step = int(log(view.step + 1, GROWN)) if view.training.playing else view.step
    stamp = id(view.run), view.training.playing, step
    if view.training.sample[0] != stamp:
        view.training.sample = stamp, write(view)
    return view.training.sample[1]
