"""Backward: the gradient of the loss on its way back to the embeddings, what holds it, and one step against it."""

from __future__ import annotations

from urllib.parse import parse_qsl

import streamlit as st

from core import Scene, backward, cross_entropy
from core.backward import block_backward
from core.ops.softmax import softmax_backward
from core.scene.fields import EXPLAINED
from pictures import backward as pictures
from pictures import compare_backward as compare
from pictures import compute, descent, loss_choice, mirror, stacks
from pictures.lessons import expanded
from pictures.words import Words
from ui import comparison, controls, explanation, figure, presets, shell, state, switchboard
from ui.backward import knobs
from ui.live import live_figure, strip


@st.fragment
def way_back(words: Words) -> None:
    scene = state.scene()
    switchboard.in_step(scene)
    with st.container(key="backward-knobs"):
        knobs.draw(scene, words)
    if scene.pinned:
        comparison.differs(scene, words)
    with st.container():  # also where there is no gradient: what follows keeps its place
        _strip(scene, words)
    _maps(scene, words)
    if lines := descent.step(scene, words):
        shell.say(words("backward.steps.step"), "step")
        rate = descent.RATE if scene.learning_rate is None else scene.learning_rate
        controls.choice_slider(
            words("backward.rate"), "learning_rate", descent.RATES, rate, text=words.short, turn=state.turn
        )
        for line in lines:
            shell.say(line)
    explanation.draw("backward", words)


def _strip(scene: Scene, words: Words) -> None:
    """Every stage's gradient, from the loss back to the embeddings."""
    if html := mirror.html(scene.turn(explained=()), words):
        strip.show(f"{mirror.lit(scene)}{html}", key="backward-strip", follow=_open, number=_explain)
        shell.say(mirror.says(scene, words))


def _maps(scene: Scene, words: Words) -> None:
    """How long the gradient is at every stage, and word by word: of two stacks, in each. Where there is none it is said
    once, and no map stands empty."""
    if pictures.followed(scene) is None:
        shell.say(compute.build(pictures.lengths, scene, words).says)
        return
    shown = {"lengths": compare.lengths if scene.pinned else pictures.lengths, "by_word": pictures.by_word}
    if stacks.count(loss_choice.asked(scene)) > 1:
        shown = {"lengths": shown["lengths"], "by_written_word": pictures.by_word}
        shown |= {"by_source_word": pictures.by_source_word}
    with st.container(key=f"backward-maps-{len(shown)}"), live_figure.together("backward"):
        for name, builder in shown.items():
            title = words(f"backward.steps.{name}")
            figure.picture(builder, scene, words, key=f"backward-{name}", height=pictures.HEIGHT, title=title)


def _open(address: str, head: int | None) -> None:
    """A part as a link: it explains the strongest number of its gradient."""
    query = expanded(dict(parse_qsl(address.partition("?")[2], keep_blank_values=True)))
    state.turn(explained=EXPLAINED.read(query["explained"]))


def _explain(array: str, head: int | None, x: float, y: float) -> None:
    """A click on a thumbnail: the number there."""
    if number := mirror.number_at(state.scene(), array, head, x, y):
        state.turn(explained=(number,))


def page(scene: Scene, words: Words) -> None:
    why = "backward.too_large" if loss_choice.too_large(scene) else "shell.stand_in"
    presets.stand_in(scene, loss_choice.asked(scene), words, why)
    presets.beginning(scene, loss_choice.asked(scene), words)
    way_back(words)


shell.Page(
    "backward", page, (cross_entropy, backward, block_backward, softmax_backward), reads=loss_choice.asked
).open()
