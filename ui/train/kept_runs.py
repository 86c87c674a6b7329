"""The training runs of a session: the one on screen, and the last few before it, each where it stood.

They live in the session's state, and are gone with it. Where all sessions' runs are too much (ui.train.run_memory),
some are let go of which nothing was looked at lately; such a run is repeated when its reader comes back to it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from threading import Lock  # between a slice that is on its way and the run of the page that came after it
from typing import Any

import streamlit as st

from core import Scene, limits
from core.tasks import Characters
from core.train.training_run import History, TrainingRun, work
from pictures.compute import EncodedPicture
from pictures.explained.card import Shown
from pictures.explained.world import World
from ui.train import run_memory

RUN, RUNS, TEXTS = "fibra.training", "fibra.runs", "fibra.texts"
# Of the Scene: what runs, and at which step it is looked at.
KNOBS = ("task", "train_size", "train_seed", "corpus", "train_attempt", "learning_rate", "batch_size", "train_step")
# How it is driven and looked at.
LOOKS = ("train_pace", "train_overlay", "check_parameter", "check_row", "check_column", "check_nudge", "check_bug")

Key = tuple[str, str, int, str, int]


@dataclass(eq=False)
class Training:
    """One run, how it plays, and what was drawn of it.

    run: None where the run was let go; `reached` says up to which step it is then repeated.
    """

    key: Key
    run: TrainingRun | None
    former: History | None = None  # of the run before it on the same task
    until: int | None = None  # it plays by itself up to this step, as its address says
    playing: bool = False
    played: bool = False  # by a reader: something would be lost
    mixed: bool = False  # its rate or batch changed on the way: nothing but this object can show it
    stood: int = 0  # the step where it last stood still
    slowness: int = 1  # of its timers
    said: str = ""  # the label of what there is to say about the last change
    about: dict[str, Any] = field(default_factory=dict)  # what that label is filled with
    knobs: dict[str, Any] = field(default_factory=dict)  # of the Scene, as it last was with this run
    drawn: dict[str, tuple[tuple, EncodedPicture]] = field(default_factory=dict)
    sample: tuple[tuple, str] = ((), "")
    world: tuple[tuple, World] | None = None  # what can be explained, by all that it depends on
    card: tuple[tuple, Shown | None] | None = None  # what is explained
    session: str = ""
    touched: float = 0.0  # when it was looked at last
    stepping: Lock = field(default_factory=Lock)  # held while steps are taken: Streamlit does not wait for a slice

    def tell(self, label: str = "", **about: Any) -> None:
        """What there is to say until the next change."""
        self.said, self.about = label and f"train.says.{label}", about

    @property
    def reached(self) -> int:
        """As an address says it: the step to which it was played, 0 if never, below zero if it cannot be repeated."""
        return (-1 if self.mixed else 1) * max(1, self.stood) if self.played else 0

    def held(self) -> int:
        """Bytes that it keeps alive."""
        former = len(self.former.losses) * 4 + 200 * len(self.former.watches) if self.former else 0
        pictures = sum(len(done.json) for _, done in self.drawn.values())
        explained = getattr(self.world[1].taught.reading, "nbytes", 0) if self.world and self.world[1].taught else 0
        return (self.run.nbytes if self.run else 0) + former + pictures + explained

    def let_go(self) -> None:
        """Keep nothing but what it was: too many train at once, and this one's reader is away."""
        self.run, self.playing = None, False
        self.drawn, self.sample, self.world, self.card = {}, ((), ""), None, None


def key_of(scene: Scene) -> Key:
    """What makes another run: all but the learning rate and the batch."""
    corpus = scene.corpus if scene.task == Characters.name else ""
    return scene.task, scene.train_size, scene.train_seed, corpus, scene.train_attempt


def kept() -> dict[Key, Training]:
    """This session's runs, the one that was looked at longest ago first."""
    return st.session_state.setdefault(RUNS, {})


def latest(scene: Scene) -> Training | None:
    """The last run of what `scene` trains, whichever attempt it was."""
    same = [training for key, training in kept().items() if key[:-1] == key_of(scene)[:-1]]
    return same[-1] if same else None


def keep(training: Training) -> None:
    """Make `training` this session's last one; the oldest go where there are too many."""
    held = kept()
    held.pop(training.key, None)
    held[training.key] = training
    for key in [*held][: -limits.RUNS]:
        del held[key]
    run_memory.touch(training)


def repeatable(run: TrainingRun, steps: int) -> bool:
    """Whether so many steps are few enough to be taken unasked."""
    most, multiplications = limits.REPEATED
    return steps <= most and steps * work(run.config, run.size) <= multiplications


# ----------------------------------------------------------------------------------------- texts of the reader's own


def texts() -> dict[str, str]:
    """The texts that this session trained on, by name, the oldest first."""
    return st.session_state.setdefault(TEXTS, {})


def keep_text(text: str) -> str:
    """Keep a text for this session; gives its name."""
    name = "text-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    held = texts()
    held.pop(name, None)
    held[name] = text
    for old in [*held][: -limits.TEXTS]:
        del held[old]
    return name
