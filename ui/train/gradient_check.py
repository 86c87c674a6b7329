"""The gradient check on the Train page: one weight nudged by hand, and every parameter at once."""

from __future__ import annotations

from math import isfinite

import streamlit as st

from core.train.gradcheck import Check, gradcheck, gradcheck_all, next_token
from pictures import train as pictures
from pictures.compute import finish
from pictures.training_view import View
from pictures.words import Words
from ui import figure, shell
from ui.train import session

NUDGES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
ROWS = ("below", "above", "slope", "backprop", "error")


def check(words: Words) -> None:
    """Choose a weight, nudge it, compare both slopes; plant a bug, and see the check find it."""
    view = session.view(session.session(), words)
    shell.say(words("train.check.lead"), "about")
    name, index, nudge, bug = _choices(view, words)
    ids, targets, mask = (part[None] for part in view.row)
    objective, config = next_token(targets, mask), view.course.config
    found = gradcheck(view.params, config, objective, name, index, nudge, bug, ids=ids)
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.html(_table(found, words))
        shell.say(verdict(found, words))
    with right:
        if st.button(words("train.check.all"), icon=":material/checklist:"):
            everything = gradcheck_all(view.params, config, objective, bug=bug, ids=ids)
            done = finish(pictures.checks(everything, words), words)
            figure.finished(done, words, key="train-checks", height=pictures.checks_height(view))


def _choices(view: View, words: Words) -> tuple[str, tuple[int, ...], float, bool]:
    columns = st.columns([4, 2, 2, 3, 4], gap="medium", vertical_alignment="bottom")
    names = [*view.params]
    with columns[0]:
        key = f"check-name-{view.course.config.n_layers}-{len(names)}"  # another model has other parameters
        name = st.selectbox(words("train.check.parameter"), names, index=_first(names), key=key)
    shape = view.params[name].shape
    index = []
    for column, axis, size in zip(columns[1:3], ("row", "column"), shape, strict=False):
        with column:
            label = words(f"train.check.{axis}")
            index.append(st.number_input(label, 0, size - 1, 0, key=f"check-{axis}-{name}-{size}"))
    with columns[3]:
        nudge = st.select_slider(words("train.check.nudge"), NUDGES, 1e-5, lambda e: pictures.power(e, words))
    with columns[4]:
        bug = st.toggle(words("train.check.bug"), help=words("train.check.bug_help"))
    return name, tuple(int(i) for i in index), nudge, bug


def _first(names: list[str]) -> int:
    return names.index("blocks.0.attn.W_Q")


def _table(found: Check, words: Words) -> str:
    values = (found.loss_below, found.loss_above, found.slope, found.backprop, found.error)
    cells = []
    for row, value in zip(ROWS, values, strict=True):
        shown = pictures.power(value, words) if row == "error" else words.number(value, 12)
        cells.append(f'<tr><th scope="row">{words(f"train.check.{row}")}</th><td>{shown}</td></tr>')
    return f'<table class="fibra-check">{"".join(cells)}</table>'


def verdict(found: Check, words: Words) -> str:
    """What the two slopes say of each other."""
    if not isfinite(found.error):
        return words("train.check.lost")
    if found.slope == 0 and found.backprop == 0:
        return words("train.check.zero")
    if found.agrees and found.coarse:
        return words("train.check.coarse", apart=pictures.power(found.resolution, words))
    kind = "agree" if found.agrees else "differ"
    return words(f"train.check.{kind}", error=pictures.power(found.error, words))
