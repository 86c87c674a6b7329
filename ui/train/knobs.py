"""What a run is driven by: its buttons, the knobs of what is trained, and the scrubber that winds it back."""

from __future__ import annotations

import streamlit as st

from core.limits import BATCH, SEED
from core.scene.fields import TASK_NAMES, TRAINED_SIZES
from core.tasks import Characters
from pictures.train.view import View
from pictures.words import Words
from ui import controls, shell, state
from ui.train import kept_runs, session

RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2, 5e-2)
BATCHES = (4, 8, 16, 32, 64)
BEGINS = 24  # characters of a text by which it is told from others


def buttons(words: Words) -> None:
    """Play, step, begin again and speed."""
    training = session.session()
    go = ("stop", "stop", session.stop) if training.playing else ("play", "play_arrow", session.play)
    two = (("step", "step", "skip_next", session.one_step), ("again", "again", "restart_alt", session.reset))
    with st.container(key="train-play"):
        for key, name, icon, act in (("go", *go), *two):
            look = {"icon": f":material/{icon}:", "type": "primary" if key == "go" else "secondary", "width": "stretch"}
            st.button(words(f"train.{name}"), key=f"train-{key}", on_click=act, **look)
        label, names = words("train.speed"), {pace: words(f"train.pace.{pace}") for pace in session.PACES}
        controls.segments(label, "train_pace", [*names], state.scene().train_pace, names.__getitem__)


def choices(words: Words) -> None:
    """Task, size, rate, batch and seed."""
    scene, training = state.scene(), session.session()
    rate, size = session.of(scene, training.run.task)
    with st.container(key="train-choices"):
        _task(scene.task, scene.corpus, words)
        names = {size: words(f"train.sizes.{size or 'own'}") for size in TRAINED_SIZES}
        label = words("train.size")
        controls.select(label, "train_size", TRAINED_SIZES, scene.train_size, names.__getitem__, turn=session.choose)
        controls.choice_slider(words("train.rate"), "learning_rate", RATES, rate, text=words.short, turn=state.turn)
        options = sorted({*BATCHES, min(size, BATCH[1])})
        controls.select(words("train.batch"), "batch_size", options, size, str)
        controls.number(words("train.seed"), "train_seed", *SEED, scene.train_seed, turn=session.choose)
    with st.container(key="train-about"):
        shell.say(words(f"train.about.{scene.task}"), "about")


def _task(task: str, corpus: str, words: Words) -> None:
    """The tasks, and the texts that this session trained on."""
    own = [f"{Characters.name}/{name}" for name in kept_runs.texts()]

    def called(option: str) -> str:
        name, _, text = option.partition("/")
        if not text:
            return words(f"train.tasks.{name}")
        return words("train.tasks.own", begins=" ".join(kept_runs.texts()[text][:BEGINS].split()))

    def turn(task: str) -> None:
        name, _, text = task.partition("/")
        session.choose(task=name, corpus=text)

    chosen = f"{task}/{corpus}" if task == Characters.name and corpus else task
    controls.select(words("train.task"), "task", [*TASK_NAMES, *own], chosen, called, turn=turn)


def scrubber(view: View, words: Words) -> None:
    """The moment that all pictures stand at; and whether the run before is drawn under this one."""
    moments = view.run.moments
    with st.container(key="train-scrub"):
        if (until := view.training.until) is not None:
            share = min(view.step / until, 1.0)
            st.progress(share, words("train.repeating", step=view.step, until=until))
        elif view.training.playing:  # it would run away under the finger
            st.progress(1.0, words("train.now", step=view.step))
        elif len(moments) > 1:
            label = words("train.moment")
            controls.choice_slider(label, "train_step", moments, view.step, text=str, turn=session.wind)
        on, alone = view.scene.train_overlay, view.training.former is None
        controls.switch(words("train.overlay"), "train_overlay", on, turn=state.turn, disabled=alone)


def place(view: View, words: Words) -> None:
    """The layer and the head whose attention is drawn."""
    with st.container(key="train-place"):
        controls.head(view.run.config, view.place, words)
