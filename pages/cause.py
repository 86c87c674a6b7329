"""Cause: two sentences, two candidates, and which array of the one's run brings its answer into the other's."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import Any

import streamlit as st

from core import Scene, limits
from core.interpret import difference, patched_differences, word_influence
from core.interventions import Patch
from core.scene.sentence import fit_target, target_cut
from pictures import cause as pictures
from pictures import continuation, influence, stacks
from pictures.words import Words
from plots.tokens import shown
from ui import comparison, controls, explanation, figure, on_demand, patch, presets, shell, state, switchboard
from ui.live import live_figure

PATCHES = on_demand.Work(
    *("cause.patched", pictures.patched, attrgetter("parts"), attrgetter("cost"), pictures.patched.has),
    most=lambda: limits.PATCHES_UNASKED,
)


@st.fragment
def compare(words: Words) -> None:
    """The two sentences, the candidates and the direction; the bars; the maps."""
    scene = state.scene()
    switchboard.in_step(scene)
    with st.container(key="cause-knobs"):
        _knobs(scene, words)
    shell.notices(words, "long_target")
    pair = pictures.Pair.of(scene)
    ready = on_demand.ready(PATCHES, pair, words("cause.patched.title"), words)
    with st.container(key="cause-maps"), live_figure.together("cause-maps"):
        _picture(pictures.both, scene, words, pictures.BARS)
        if not pair.two:  # those follow a gradient, or a head, within one text
            _picture(influence.answers, scene, words, influence.height(scene))
        for builder in pictures.maps(scene) if ready and pair.alike else ():
            on_click = controls.choose_head if builder is pictures.heads and not pair.two else None
            _picture(builder, scene, words, pictures.height(pair.clean), on_click)
    if not pair.alike:
        shell.say(pictures.unlike(pair, words))
    explanation.draw("cause", words, partial(patch.offer, scene, words))


def _knobs(scene: Scene, words: Words) -> None:
    pair = pictures.Pair.of(scene)
    controls.text(words("cause.other_sentence"), "other_sentence", pair.other.text, _retype)
    options, name = pictures.choices(scene), continuation.names(pair.clean, words)
    for knob, chosen in zip(("word", "rival"), pair.candidates, strict=True):
        controls.select(words(f"cause.{knob}"), f"cause_{knob}", options, chosen, lambda token: shown(name(token)))
    ways = {False: words("cause.restore"), True: words("cause.break")}
    controls.segments(words("cause.way"), "cause_break", (False, True), scene.cause_break, ways.__getitem__)


def _retype(typed: str) -> None:
    state.turn(other_sentence=fit_target(typed))
    if cut := target_cut(typed):
        state.notify(cut)


def _picture(builder: Any, scene: Scene, words: Words, height: int, on_click: Any = None) -> None:
    title = words(f"cause.{'steps_two' if stacks.count(scene) > 1 else 'steps'}.{builder.__name__}")
    figure.picture(
        builder, scene, words, key=f"cause-{builder.__name__}", height=height, title=title, on_click=on_click
    )


def page(scene: Scene, words: Words) -> None:
    comparison.elsewhere(scene, words)
    presets.stand_in(scene, pictures.asked(scene), words)
    presets.beginning(scene, pictures.asked(scene), words)
    compare(words)


shell.Page("cause", page, (patched_differences, difference, Patch, word_influence), reads=pictures.asked).open()
