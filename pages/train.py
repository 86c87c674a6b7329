"""Train: a run that learns while one watches, winds back and forth, and proves its gradients."""

from __future__ import annotations

import ui  # noqa: F401  first, before anything brings NumPy: it says how many threads BLAS takes

# isort: split
import streamlit as st

from core.backward import attention_backward
from core.gradcheck import Check, gradcheck
from core.limits import BATCH, SEED
from core.ops.softmax import softmax_backward
from core.query import TASK_NAMES, TRAINED_SIZES
from core.train import adamw, take_step
from ui import comparison, controls, gradients, models, shell, show, state, training
from ui.pictures import train as pictures
from ui.words import Words

RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2, 5e-2)
BATCHES = (4, 8, 16, 32, 64)
TEXTS = ("stories", "characters")  # tasks of which a sample can be read


def engine(words: Words) -> None:
    """Play, step, begin again and speed."""
    run = training.session()
    with st.container(key="train-play"):
        play, step, again, pace = st.columns([3, 2, 2, 4], gap="small", vertical_alignment="bottom")
    go = ("stop", "stop", training.play) if run.playing else ("play", "play_arrow", training.play)
    buttons = ((play, "go", *go), (step, "step", "step", "skip_next", training.one_step))
    for column, key, name, icon, act in (*buttons, (again, "again", "again", "restart_alt", training.reset)):
        with column:
            look = {"icon": f":material/{icon}:", "type": "primary" if key == "go" else "secondary", "width": "stretch"}
            st.button(words(f"train.{name}"), key=f"train-{key}", on_click=act, **look)
    with pace:
        label, names = words("train.speed"), {pace: words(f"train.pace.{pace}") for pace in training.PACES}
        controls.segments(label, "pace", [*names], run.pace, names.__getitem__, turn=training.set_pace)


def status(words: Words) -> None:
    """How far it is; and, while it plays, the slices of work."""
    run = training.session()
    if run.playing:
        training.tick(run)
        if not run.playing or training.slowness() != run.slowness:
            st.rerun()  # timers begin, change and end with a whole run
    course = run.course
    n, tokens = course.config.n_parameters(), course.tokens_a_second
    shell.say(words("train.status", step=course.step, n=n, tokens=tokens), "about")
    if run.said:
        shell.say(words(run.said), "notice")


def choices(words: Words) -> None:
    """Task, size, rate, batch and seed."""
    scene, run = state.scene(), training.session()
    rate, size = training.of(scene, run.course.task)
    with st.container(key="train-choices"):
        columns = st.columns([3, 3, 3, 2, 2], gap="medium", vertical_alignment="bottom")
    with columns[0]:
        controls.select(words("train.task"), "task", TASK_NAMES, scene.task, lambda t: words(f"train.tasks.{t}"))
    with columns[1]:
        names = {size: words(f"train.sizes.{size or 'own'}") for size in TRAINED_SIZES}
        controls.select(words("train.size"), "size", TRAINED_SIZES, scene.size, names.__getitem__)
    with columns[2]:
        controls.choice_slider(words("train.rate"), "rate", RATES, rate, text=words.short, turn=state.turn)
    with columns[3]:
        options = sorted({*BATCHES, min(size, BATCH[1])})
        controls.select(words("train.batch"), "batch", options, size, str)
    with columns[4]:
        controls.number(words("train.seed"), "run_seed", *SEED, scene.run_seed)


def run_pictures(words: Words) -> None:
    """All that a run shows, at the moment that the scrubber stands at."""
    run = training.session()
    view = training.view(run, words)
    _scrubber(view, words)
    left, right = st.columns(2, gap="medium")
    for column, name in ((left, "loss"), (right, "scores")):
        with column:
            shell.say(words(f"train.{name}"), "step")
            _picture(name, view, words, pictures.HEIGHT)
    shell.say(words("train.example"), "step")
    html, says = pictures.example(view, words)
    st.html(f"{html}<p class='fibra-says'>{says}</p>")
    if run.course.task.name in TEXTS:
        shell.say(words("train.sample"), "step")
        shell.say(training.written(view, pictures.sample), "sample")
    columns = st.columns(3, gap="medium")
    for column, name in zip(columns, ("attention", "embeddings", "norms"), strict=True):
        with column:
            shell.say(words(f"train.{name}"), "step")
            if name == "attention":
                _place(view, words)
            _picture(name, view, words, pictures.SQUARE)


def _scrubber(view: training.View, words: Words) -> None:
    scrub, overlay = st.columns([5, 2], gap="medium", vertical_alignment="bottom")
    moments = view.course.moments
    with scrub:
        label = words("train.moment")
        if view.training.playing:  # it would run away under the finger
            st.progress(1.0, words("train.now", step=view.step))
        elif len(moments) > 1:
            controls.choice_slider(label, "moment", moments, view.step, text=str, turn=training.wind)
    with overlay:
        on, former = view.training.overlay, view.training.former
        controls.switch(words("train.overlay"), "overlay", on, turn=training.lay_over, disabled=former is None)


def _place(view: training.View, words: Words) -> None:
    config = view.course.config
    for column, knob, n, chosen in zip(
        st.columns(2), ("layer", "head"), (config.n_layers, config.n_heads), view.place, strict=True
    ):
        with column:
            controls.select(words(f"axis.{knob}"), knob, range(n), chosen, str, disabled=n == 1)


def _picture(name: str, view: training.View, words: Words, height: int) -> None:
    done = training.drawn(name, getattr(pictures, name), view, words)
    show.finished(done, words, key=f"train-{name}", height=height)


scene, words = shell.open_page("train", model=False)
comparison.elsewhere(scene, words)
run = training.open_session()
run.slowness = training.slowness()
times = run.slowness if run.playing else None
engine(words)
st.fragment(run_every=times and training.TICK * times)(status)(words)
choices(words)  # a whole run at each turn: what plays may have to stop
st.fragment(run_every=times and training.DRAW * times)(run_pictures)(words)
with st.expander(words("train.check.title"), icon=":material/fact_check:"):
    st.fragment(gradients.check)(words)
with st.expander(words("train.own.title"), icon=":material/article:"):
    models.own_text(words)
with st.expander(words("train.model.title"), icon=":material/deployed_code:"):
    st.fragment(models.model)(words)
shell.close_page("train", words, take_step, adamw, attention_backward, softmax_backward, gradcheck, Check.error.fget)
