"""The training run of a session: what it is, when it goes on, and what becomes of it.

It lives in the session's state, and is gone with it. A slice of work is taken in a fragment's run, when the page is
open and the run plays: a tab that is closed, or turned to another page, costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import log
from typing import Any

import numpy as np
import streamlit as st

from core import Preset, Scene, Trace, forward, limits
from core.course import Course, sized
from core.params import Params
from core.presets import register
from core.query import TASK_NAMES
from core.tasks import TASKS, Characters, Task
from core.tasks.stories import text
from core.tokenizer import FixedVocabulary
from core.weights.portable import Portable
from ui import crowd, presence, runs, state
from ui.compute import Finished, Picture, finish
from ui.words import Words

TRAINING = "fibra.training"
PACES = {"slow": 1, "steady": 5, "full": 10**9}  # steps a slice, at most
FIRST, STEPS = 0.4, 45  # seconds of work, or steps, before the page is seen: it opens on a loss that begins to fall

GROWN = 1.1  # times the steps at the last sample of text
EXAMPLES = 8  # held-out rows among which one in the reader's language is looked for


@dataclass
class Training:
    """A session's run, the one before it, and how it plays."""

    course: Course | None  # None: it was let go
    key: tuple
    knobs: dict[str, Any]  # of the Scene, for when other pages have turned to another
    former: Course | None = None
    playing: bool = False
    played: bool = False  # by the reader: something would be lost
    pace: str = "steady"
    overlay: bool = True
    slowness: int = 1  # of its timers
    said: str = ""  # the label of what there is to say about the last change
    corpus: str = ""  # a text of the reader's own; "": ours
    drawn: dict[str, tuple[tuple, Finished]] = field(default_factory=dict)
    sample: tuple[tuple, str] = ((), "")
    session: str = ""
    touched: float = 0.0  # when it was looked at last

    def held(self) -> int:
        """Bytes that it keeps alive."""
        courses = [course for course in (self.course, self.former) if course]
        pictures = sum(len(done.json) for _, done in self.drawn.values())
        return sum(course.nbytes for course in courses) + pictures + 8 * len(self.corpus)

    def let_go(self) -> None:
        """Keep nothing but what it was: too many train at once, and this one's reader is away."""
        self.course = self.former = None
        self.drawn, self.sample, self.playing = {}, ((), ""), False


def open_session() -> Training:
    """This session's training as its page opens: what runs already, or what the address says."""
    training: Training | None = st.session_state.get(TRAINING)
    if training is None:
        lost = state.scene().played or state.scene().moment is not None  # an address from a session that is over
        state.follow(moment=None, played=False)
        st.session_state[TRAINING] = training = _trained(state.scene(), "")
        training.said = "train.says.gone" if lost else ""
    elif training.course is None:
        training = _anew(training)
    elif st.session_state[state.ENTERED]:  # other pages may have shown Scenes that say nothing of this run
        state.follow(**training.knobs, moment=None)
    training.session = presence.here()
    runs.touch(training)
    return training


def _anew(training: Training) -> Training:
    """A run that was let go, begun again; its page says so."""
    state.follow(moment=None)
    st.session_state[TRAINING] = fresh = _trained(state.scene(), training.corpus)
    fresh.pace, fresh.said = training.pace, "train.says.let_go"
    return fresh


def _mine() -> Training:
    """This session's run, for what a button does with it."""
    training = st.session_state[TRAINING]
    training = _anew(training) if training.course is None else training
    runs.touch(training)
    return training


def session() -> Training:
    """This session's training, of what the Scene says: gone on with, or begun anew where it must be."""
    scene, training = state.scene(), _mine()
    if training.key != _key(scene, training.corpus):
        fresh = _trained(scene, training.corpus)
        fresh.former, fresh.pace, fresh.said = training.course.retire(), training.pace, "train.says.new_run"
        st.session_state[TRAINING] = training = fresh
        state.follow(moment=None)
    state.follow(played=training.played)  # so that a reload, whose session is another, can say what is lost
    rate, size = of(scene, training.course.task)
    if (rate, size) != (training.course.recipe.rate, training.course.size):
        training.course.change(rate, size)
        training.knobs |= {"rate": scene.rate, "batch": scene.batch}
        training.said = "train.says.goes_on"
    return training


def _trained(scene: Scene, corpus: str) -> Training:
    knobs = {name: getattr(scene, name) for name in ("task", "size", "run_seed", "rate", "batch")}
    return Training(_begin(scene, corpus), _key(scene, corpus), knobs, corpus=corpus)


def _key(scene: Scene, corpus: str) -> tuple:
    """What makes another run: all but the learning rate and the batch."""
    return scene.task, scene.size, scene.run_seed, corpus if scene.task == Characters.name else ""


def of(scene: Scene, task: Task) -> tuple[float, int]:
    """The learning rate and the rows a batch: the Scene's, or the task's own."""
    return scene.rate or task.rate, scene.batch or task.size


def _begin(scene: Scene, corpus: str) -> Course:
    task = task_of(scene.task, corpus)
    rate, size = of(scene, task)
    course = Course.start(task, sized(task.config, scene.size), scene.run_seed, size, rate)
    with runs.room_for(course):
        course.advance(FIRST, STEPS)
        course.look()
    return course


def task_of(name: str, corpus: str = "") -> Task:
    """The task of this name; Characters, of a text of the reader's own or of ours."""
    return Characters(corpus) if corpus and name == Characters.name else _ours(name)


@lru_cache(maxsize=len(TASK_NAMES))
def _ours(name: str) -> Task:
    return Characters(text()) if name == Characters.name else TASKS[name]()


# -------------------------------------------------------------------------------------------------------- playing


def tick(training: Training) -> None:
    """One slice of a run that plays, if it is its turn: else the next tick comes soon."""
    with crowd.turn(training) as mine:
        if mine:
            with runs.room_for(training.course):
                training.course.advance(crowd.SLICE, PACES[training.pace])
    if training.course.broken:
        training.playing, training.said = False, "train.says.broken"


def play() -> None:
    """Go on, or stop."""
    training = _mine()
    training.playing, training.played, training.said = not training.playing, True, ""
    state.follow(moment=None)


def one_step() -> None:
    """Take one step, and stop."""
    training = _mine()
    training.playing, training.played, training.said = False, True, ""
    with runs.room_for(training.course):
        training.course.advance(0, steps=1)
        training.course.look()
    state.follow(moment=None)


def reset() -> None:
    """Begin again; the run so far can be laid over."""
    training = _mine()
    training.former, training.playing, training.played = training.course.retire(), False, False
    training.said = "train.says.again"
    training.course = _begin(state.scene(), training.corpus)
    state.follow(moment=None)


def set_pace(pace: str) -> None:
    """How many steps a slice may take."""
    st.session_state[TRAINING].pace = pace


def lay_over(overlay: bool) -> None:
    """Draw the former run, or leave it out."""
    st.session_state[TRAINING].overlay = overlay


def wind(moment: int) -> None:
    """Wind all pictures to a step; the last one is now."""
    state.turn(moment=None if moment >= _mine().course.step else moment)


def read(corpus: str) -> None:
    """Train on a text of the reader's own. Raises: ConfigError where it is too short or too long."""
    Characters(corpus)
    st.session_state[TRAINING].corpus = corpus
    state.turn(task=Characters.name, moment=None)


# ----------------------------------------------------------------------------------------------- what is looked at


@dataclass
class View:
    """A run at one moment, as pictures need it."""

    training: Training
    scene: Scene
    step: int
    params: Params
    lang: str = "en"

    @property
    def course(self) -> Course:
        return self.training.course

    @property
    def former(self) -> Course | None:
        return self.training.former if self.training.overlay else None

    @property
    def stamp(self) -> tuple:
        """All that the pictures depend on: equal stamps, equal pictures."""
        former = self.former
        return (id(self.course), self.course.step, len(self.course.watches), self.step, *self.place, id(former))

    @property
    def place(self) -> tuple[int, int]:
        """The chosen layer and head, inside the model."""
        config = self.course.config
        return min(self.scene.layer, config.n_layers - 1), min(self.scene.head, config.n_heads - 1)

    @cached_property
    def row(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """ids, targets and mask [pos] of the example, which is never trained on; of a text, its beginning."""
        ids, targets, mask = self.course.task.batch(0, EXAMPLES, held_out=True)
        mask = np.ones_like(ids, bool) if mask is None else mask
        spoken = (i for i, row in enumerate(ids) if self.course.task.speaks(row, self.lang))
        chosen = next(spoken, 0)
        n = limits.SHOWN if mask.all() else ids.shape[1]
        return ids[chosen, :n], targets[chosen, :n], mask[chosen, :n]

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        return self.course.task.read(self.row[0])

    @cached_property
    def trace(self) -> Trace:
        return forward(self.params, self.course.config, self.row[0])


def view(training: Training, words: Words) -> View:
    """The run at the Scene's moment, for a reader of this language."""
    scene = state.scene()
    return View(training, scene, *training.course.at(scene.moment), words.lang)


def drawn(name: str, builder: Callable[[View, Words], Picture], view: View, words: Words) -> Finished:
    """The picture that `builder` makes of the view, kept while nothing that it depends on has changed."""
    stamp = (*view.stamp, words.lang)
    kept = view.training.drawn.get(name)
    if kept is None or kept[0] != stamp:
        kept = view.training.drawn[name] = stamp, finish(builder(view, words), words)
    return kept[1]


def written(view: View, write: Callable[[View], str]) -> str:
    """What `write` makes of the view; while a run plays, anew only when it has gone on by a tenth: it takes a while."""
    step = int(log(view.step + 1, GROWN)) if view.training.playing else view.step
    stamp = id(view.course), view.training.playing, step
    if view.training.sample[0] != stamp:
        view.training.sample = stamp, write(view)
    return view.training.sample[1]


# --------------------------------------------------------------------------------------------- a model like others


def portable(view: View) -> Portable:
    """The model at this moment, as it goes into a file."""
    task = view.course.task
    tokenizer = FixedVocabulary(task.vocabulary, "words" if task.joint else "characters")
    params = {name: np.array(p) for name, p in view.params.items()}
    return Portable(view.course.config, params, tokenizer, task.name, opening(view))


def opening(view: View) -> str:
    """The example's beginning, as a sentence to open the model with."""
    return view.course.task.joint.join(view.tokens[: limits.SHOWN]).strip() or view.course.task.vocabulary[-1]


def use(model: Portable) -> str:
    """Make a model one that every page of this session can show; gives its name."""
    about = {"tokenizer": model.tokenizer, "source": lambda: model.params, "task": model.task}
    preset = Preset(model.task, model.config, model.sentence, **about)
    name, held = register(preset)
    state.keep_model(name, held)
    return name
