"""W_Q and W_K as two small tables that the reader edits. Without a server there is no Pandas: there a row is a line."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import Scene
from pictures import compute
from pictures.words import Words
from ui import shell, state
from ui.attention.embeddings import read_edits
from ui.live import alone

MATRICES = ("Q", "K")
MOUNTED = "grids.mounted"  # session state: what the tables were drawn of, and how often they began afresh
ROW = "x"  # the column of the rows' numbers: entries of what the matrix multiplies
Cells = dict[int, dict[str, Any]]  # row -> column -> what was written


def editor(scene: Scene, words: Words) -> None:
    """A row an entry of the embedding, a column an entry of the query or the key."""
    params, mount = compute.params(scene), _mount(scene)
    for matrix, column in zip(MATRICES, st.columns(2, gap="medium"), strict=True):
        written = [list(map(words.number, row)) for row in params[f"blocks.0.attn.W_{matrix}"].tolist()]
        with column:
            shell.say(words(f"challenges.grids.{matrix}"), "step")
            (_lines if alone.ALONE else _table)(matrix, written, f"grid-{matrix}-{mount}", words)
    shell.notices(words, "cell")


def _table(matrix: str, written: list[list[str]], key: str, words: Words) -> None:
    import pandas as pd

    names = [str(d) for d in range(len(written))]
    table = pd.DataFrame(written, columns=names)
    table.insert(0, ROW, names)
    st.data_editor(
        table,
        key=key,
        hide_index=True,
        num_rows="fixed",
        disabled=[ROW],
        column_config=dict.fromkeys(names, st.column_config.TextColumn(width="small")),
        on_change=_edited,
        args=(key, matrix, words.comma),
    )


def _lines(matrix: str, written: list[list[str]], key: str, words: Words) -> None:
    for row, numbers in enumerate(written):
        line = f"{key}-{row}"
        st.text_input(str(row), "  ".join(numbers), key=line, on_change=_typed, args=(line, row, matrix, words.comma))


def _mount(scene: Scene) -> int:
    """A number that changes whenever the tables must start afresh from the Scene."""
    shown, number = st.session_state.get(MOUNTED, (None, 0))
    if shown != scene.computed:
        number += 1
        st.session_state[MOUNTED] = scene.computed, number
    return number


def _edited(key: str, matrix: str, comma: bool) -> None:
    if key in st.session_state:
        take(matrix, st.session_state[key]["edited_rows"], comma)


def _typed(key: str, row: int, matrix: str, comma: bool) -> None:
    cells = st.session_state[key].split()
    width = state.scene().grid
    take(matrix, {row: {str(d): cell for d, cell in enumerate((cells + [""] * width)[:width])}}, comma)


def take(matrix: str, cells: Cells, comma: bool) -> None:
    """Have these cells in the Scene; one that is no number is named, and the last good state stays."""
    scene = state.scene()
    before = tuple(row[1:] for row in scene.matrices if row[0] == matrix)
    edits, bad = read_edits(cells, before, tuple(f"W_{matrix} {row}" for row in range(scene.grid)), comma)
    others = {row for row in scene.matrices if row[0] != matrix}
    state.turn(matrices=tuple(sorted(others | {(matrix, *edit) for edit in edits})))
    if bad:
        st.session_state[MOUNTED] = None, st.session_state[MOUNTED][1]
        state.notify(*bad)
