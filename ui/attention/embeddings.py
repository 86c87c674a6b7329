"""The embeddings, altered by the reader: one number on a slider, or all of them in a table."""

from __future__ import annotations

import math
from functools import partial

import streamlit as st

from core import Notice, Scene
from pictures import compute
from pictures.extremes import token_name
from pictures.one_head import input_name
from pictures.words import Words
from plots.tokens import visible
from ui import controls, shell, state, table

COORDINATES = tuple(step / 10 for step in range(-30, 31))  # a hand-made embedding's numbers lie well inside


def coordinate(scene: Scene, words: Words) -> None:
    """One number of one embedding on a slider: of the token that looks, in the chosen dimension.

    Where positions, norms or layers stand between it and the X on screen, it says what they have made of it.
    """
    position, dimension = scene.cell[0], min(scene.dimension, scene.config.d_model - 1)
    run = compute.run(scene)
    value, here = (float(x[position, dimension]) for x in (run.embeddings, run.trace[input_name(scene)]))
    label = words(
        "attention.coordinate" if here == value or not math.isfinite(here) else "attention.coordinate_before",
        token=token_name(scene.tokens, position, words),
        dimension=dimension,
        here=here,
    )
    turn = partial(_move, position, dimension)
    controls.choice_slider(label, "coordinate", COORDINATES, value, text=words.number, turn=turn)


def _move(position: int, dimension: int, coordinate: float) -> None:
    edits = {edit[:2]: edit[2] for edit in state.scene().edits} | {(position, dimension): coordinate}
    state.turn(edits=tuple((*cell, value) for cell, value in sorted(edits.items())))


def editor(scene: Scene, words: Words, small: bool = False) -> None:
    """A row a token, a column a dimension. A cell that is not a number is named, and the last good state stays.

    small: as `table.draw` says.
    """
    run = compute.run(scene)
    head = words("attention.token", split="token" if scene.preset.tokenizer else scene.split)
    take = partial(_take, run.tokens, words.comma)
    table.draw("embeddings", head, list(map(visible, run.tokens)), run.embeddings, scene, words, take, small)
    shell.notices(words, "cell")
    if scene.edits:
        st.button(words("attention.undo_edits"), key="undo-edits", on_click=lambda: state.turn(edits=()))


def _take(tokens: tuple[str, ...], comma: bool, cells: table.Cells) -> list[Notice]:
    scene = state.scene()
    if tokens != scene.tokens:
        return []  # the table was drawn for another Scene
    edits, bad = table.read_edits(cells, scene.edits, tokens, comma)
    state.turn(edits=edits)
    return bad
