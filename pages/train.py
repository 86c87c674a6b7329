"""Train: a run that learns while one watches, winds back and forth, and proves its gradients."""

from __future__ import annotations

from html import escape

import streamlit as st

from core import Scene, backward
from core.backward import attention_backward
from core.ops.softmax import softmax_backward
from core.train.batch import Batch
from core.train.gradcheck import Check, check_slopes, next_token
from core.train.loop import adamw, take_step
from pictures.train import curves, snapshot
from pictures.words import Words
from ui import comparison, explanation, figure, scheduler, shell, state
from ui.live import live_figure
from ui.train import explained, files, gradient_check, knobs, session

TEXTS = ("stories", "translate", "characters")  # tasks of which a sample can be read


def status(words: Words) -> None:
    """How far it is; and, while it plays, the slices of work."""
    training = session.session()
    if training.playing:
        session.tick(training, state.scene().train_pace)
        if not training.playing or scheduler.slowness() != training.slowness:
            st.rerun()  # timers begin, change and end with a whole run
    run = training.run
    n, tokens = run.config.n_parameters(), run.tokens_a_second
    pace = f" · {words('train.pace_now', tokens=tokens)}" if tokens else ""  # before the first step there is none
    with st.container(key="train-status"):
        shell.say(words("train.status", step=run.step, n=n) + pace, "about")
        if training.said:
            usual = training.said == "train.says.opened"  # nothing happened that was not asked for
            shell.say(words(training.said, **training.about), "about" if usual else "notice")


def run_pictures(words: Words) -> None:
    """All that a run shows, at the moment that the scrubber stands at."""
    explained.TWO.in_step(whole=False)
    training = session.session()
    view = session.view(training, words)
    knobs.scrubber(view, words)
    with st.container(key="train-pictures"), live_figure.together("train"):
        for name, builder in {"loss": curves.loss, "scores": curves.scores}.items():
            _picture(name, builder, view, words, curves.HEIGHT)
        hears = {"on_click": explanation.follow, "addressed": explanation.addressed}
        live_figure.write(_texts(view, words), key="train-texts", **hears)
        knobs.place(view, words)
        squares = {"attention": snapshot.attention, "embeddings": snapshot.embeddings, "norms": curves.norms}
        for name, builder in squares.items():
            _picture(name, builder, view, words, curves.SQUARE)
    explained.draw(view, words)


def _texts(view: session.View, words: Words) -> str:
    """The example, and what a model of text writes, as HTML."""
    html, says = snapshot.example(view, words)
    texts = [live_figure.heading(words("train.example")), html, live_figure.saying(says)]
    if view.run.task.name in TEXTS:
        written = escape(session.written(view, snapshot.sample))
        texts += [live_figure.heading(words("train.sample")), f'<p class="fibra-sample">{written}</p>']
    return "".join(texts)


def _picture(name: str, builder: session.Builder, view: session.View, words: Words, height: int) -> None:
    done = session.drawn(name, builder, view, words)
    figure.show(done, words, key=f"train-{name}", height=height, title=curves.title(name, view, words))


def page(scene: Scene, words: Words) -> None:
    comparison.elsewhere(scene, words)
    training = session.open_session()
    explained.known(training, words)
    explained.TWO.begin()
    training.slowness = scheduler.slowness()
    times = scheduler.spread(training.slowness) if training.playing else None
    shell.file_words(words)
    with st.container(key="train-run"):
        knobs.buttons(words)
        st.fragment(run_every=times and scheduler.TICK * times)(status)(words)
        knobs.choices(words)  # a whole run at each turn: what plays may have to stop
        st.fragment(run_every=times and scheduler.DRAW * times)(run_pictures)(words)
    with st.expander(words("train.check.title"), icon=":material/fact_check:"):
        st.fragment(gradient_check.check)(words)
    with st.expander(words("train.own.title"), icon=":material/article:"):
        files.own_text(words)
    with st.expander(words("train.model.title"), icon=":material/deployed_code:"):
        st.fragment(files.model)(words)


shell.Page(
    "train",
    page,
    (
        take_step,
        Batch.inputs.fget,
        adamw,
        backward,
        attention_backward,
        softmax_backward,
        next_token,
        check_slopes,
        Check,
    ),
).open()
