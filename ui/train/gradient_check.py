"""The gradient check on the Train page: one weight nudged by hand, and every parameter at once."""

from __future__ import annotations

from functools import partial
from math import isfinite

import streamlit as st

from core import Scene
from core.train.gradcheck import Check, gradcheck, gradcheck_all, next_token
from pictures.compute import encode
from pictures.train import gradient_check as errors
from pictures.train.curves import power
from pictures.train.view import View
from pictures.words import Words
from ui import controls, figure, shell, state
from ui.train import session

NUDGES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
ROWS = ("below", "above", "slope", "backprop", "error")


def check(words: Words) -> None:
    """Choose a weight, nudge it, compare both slopes; plant a bug, and see the check find it."""
    view = session.view(session.session(), words)
    shell.say(words("train.check.lead"), "about")
    name, index, nudge, bug = _choices(view, words)
    ids, targets, mask = (part[None] for part in view.row)
    objective, config = next_token(targets, mask), view.run.config
    inputs = {"ids": ids, "source": None if view.source is None else view.source[None]}
    found = gradcheck(view.params, config, objective, name, index, nudge, bug, **inputs)
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.html(_table(found, words))
        shell.say(verdict(found, words))
    with right:
        if st.button(words("train.check.all"), icon=":material/checklist:"):
            everything = gradcheck_all(view.params, config, objective, bug=bug, **inputs)
            done = encode(errors.checks(everything, words), words)
            figure.show(done, words, key="train-checks", height=errors.height(view))


def _choices(view: View, words: Words) -> tuple[str, tuple[int, ...], float, bool]:
    """Parameter, place in it, nudge and bug, as the Scene says them; of a parameter that this model lacks, W_Q."""
    scene, names = view.scene, [*view.params]
    name = scene.check_parameter if scene.check_parameter in names else Scene.check_parameter
    parameter, row, column, nudge, bug = st.columns([4, 2, 2, 3, 4], gap="medium", vertical_alignment="bottom")
    with parameter:
        controls.select(words("train.check.parameter"), "check_parameter", names, name, str)
    index = []
    for place, axis, size in zip((row, column), ("row", "column"), view.params[name].shape, strict=False):
        index.append(min(getattr(scene, f"check_{axis}"), size - 1))
        with place:
            controls.number(words(f"train.check.{axis}"), f"check_{axis}", 0, size - 1, index[-1])
    with nudge:
        label, written = words("train.check.nudge"), partial(power, words=words)
        now, turn = scene.check_nudge, state.turn
        controls.choice_slider(label, "check_nudge", NUDGES, now, text=written, turn=turn)
    with bug:
        about = words("train.check.bug_help")
        controls.switch(words("train.check.bug"), "check_bug", scene.check_bug, turn=state.turn, help=about)
    return name, tuple(index), scene.check_nudge, scene.check_bug


def _table(found: Check, words: Words) -> str:
    values = (found.loss_below, found.loss_above, found.slope, found.backprop, found.error)
    cells = []
    for row, value in zip(ROWS, values, strict=True):
        shown = power(value, words) if row == "error" else words.number(value, 12)
        cells.append(f'<tr><th scope="row">{words(f"train.check.{row}")}</th><td>{shown}</td></tr>')
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
