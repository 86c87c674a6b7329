"""W_Q and W_K as two small tables that the reader edits."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core import Notice, Scene
from pictures import compute
from pictures.words import Words
from ui import shell, state, table

MATRICES = ("Q", "K")
ROW = "x"  # the column of the rows' numbers: entries of what the matrix multiplies


def editor(scene: Scene, words: Words) -> None:
    """A row an entry of the embedding, a column an entry of the query or the key."""
    params, rows = compute.params(scene), [str(row) for row in range(scene.grid)]
    with st.container(key="challenge-matrices"):
        for matrix in MATRICES:
            with st.container(key=f"challenge-matrix-{matrix}"):
                shell.say(words(f"challenges.grids.{matrix}"), "step")
                numbers, take = params[f"blocks.0.attn.W_{matrix}"], partial(_take, matrix, words.comma)
                table.draw(f"grid-{matrix}", ROW, rows, numbers, scene, words, take, small=True)
    shell.notices(words, "cell")


def _take(matrix: str, comma: bool, cells: table.Cells) -> list[Notice]:
    scene = state.scene()
    before = tuple(row[1:] for row in scene.matrices if row[0] == matrix)
    names = tuple(f"W_{matrix} {row}" for row in range(scene.grid))
    edits, bad = table.read_edits(cells, before, names, comma)
    others = {row for row in scene.matrices if row[0] != matrix}
    state.turn(matrices=tuple(sorted(others | {(matrix, *edit) for edit in edits})))
    return bad
