"""The gradient check on the Train page: one weight nudged by hand, and every parameter at once."""

from __future__ import annotations

from functools import partial
from math import isfinite

import streamlit as st

from core.train.gradcheck import Check
from pictures.compute import Picture
from pictures.train import gradient_check as errors
from pictures.train.curves import power
from pictures.train.view import View
from pictures.words import Words
from ui import controls, explanation, figure, shell, state
from ui.live import live_figure
from ui.train import explained, session

NUDGES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
ROWS = ("below", "above", "slope", "backprop", "error")


def check(words: Words) -> None:
    """Choose a weight, nudge it, compare both slopes; plant a bug, and see the check find it."""
    explained.TWO.in_step(whole=False)
    view = session.view(session.session(), words)
    shell.say(words("train.check.lead"), "about")
    _choices(view, words)
    found = errors.of(view)
    left, right = st.columns([2, 3], gap="large")
    with left:
        hears = {"on_click": explanation.follow, "addressed": explanation.addressed}
        live_figure.write(_table(found, words), key="train-check", **hears)
        shell.say(verdict(found, words))
    with right:
        asked = st.button(words("train.check.all"), icon=":material/checklist:")
        if asked or session.is_drawn("checks", view, words):
            done = session.drawn("checks", _everything, view, words, view.scene.check_bug)
            figure.show(done, words, key="train-checks", height=errors.height(view))
    explained.draw_checked(view, words)


def _everything(view: View, words: Words) -> Picture:
    return errors.checks(errors.everything(view), words)


def _choices(view: View, words: Words) -> None:
    """Parameter, place in it, nudge and bug."""
    scene, (name, index) = view.scene, errors.chosen(view)
    parameter, row, column, nudge, bug = st.columns([4, 2, 2, 3, 4], gap="medium", vertical_alignment="bottom")
    with parameter:
        controls.select(words("train.check.parameter"), "check_parameter", [*view.params], name, str)
    places = zip((row, column), ("row", "column"), view.params[name].shape, index, strict=False)
    for place, axis, size, at in places:
        with place:
            controls.number(words(f"train.check.{axis}"), f"check_{axis}", 0, size - 1, at)
    with nudge:
        label, written = words("train.check.nudge"), partial(power, words=words)
        now, turn = scene.check_nudge, state.turn
        controls.choice_slider(label, "check_nudge", NUDGES, now, text=written, turn=turn)
    with bug:
        about = words("train.check.bug_help")
        controls.switch(words("train.check.bug"), "check_bug", scene.check_bug, turn=state.turn, help=about)


def _table(found: Check, words: Words) -> str:
    values = (found.loss_below, found.loss_above, found.slope, found.backprop, found.error)
    cells = []
    for row, value in zip(ROWS, values, strict=True):
        shown, way = power(value, words) if row == "error" else words.number(value, 12), f"check_{row}.logits:0"
        link = f'<a href="?explained={way}" data-way="{way}">{shown}</a>'
        cells.append(f'<tr><th scope="row">{words(f"train.check.{row}")}</th><td>{link}</td></tr>')
    return f'<table class="fibra-check">{"".join(cells)}</table>'


def verdict(found: Check, words: Words) -> str:
    """What the two slopes say of each other."""
    if not isfinite(found.error):
        return words("train.check.lost")
    if found.slope == 0 and found.backprop == 0:
        return words("train.check.zero")
    if found.agrees and found.coarse:
        return words("train.check.coarse", apart=power(found.resolution, words))
    kind = "agree" if found.agrees else "differ"
    return words(f"train.check.{kind}", error=power(found.error, words))
