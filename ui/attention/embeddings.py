"""The embeddings as a table that the reader edits. Pandas is imported here only: it is large and slow to import.

Without a server there is no Pandas: there each token's numbers are a line of text.
"""

from __future__ import annotations

import math
import re
from functools import partial
from typing import Any

import streamlit as st

from core import Notice, Scene
from core.limits import EDIT
from core.scene.fields import Edit
from core.scene.run import Run
from pictures import compute
from pictures.attention import input_name
from pictures.extremes import token_name
from pictures.words import MINUS, Words
from plots.tokens import visible
from ui import controls, shell, state
from ui.live import alone

COORDINATES = tuple(step / 10 for step in range(-30, 31))  # a hand-made embedding's numbers lie well inside
EDITOR, MOUNTED = "embeddings", "embeddings.mounted"


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


def editor(scene: Scene, words: Words) -> None:
    """A row a token, a column a dimension. A cell that is not a number is named, and the last good state stays."""
    run, key = compute.run(scene), f"{EDITOR}-{_mount(scene)}"
    written = [list(map(words.number, row)) for row in run.embeddings.tolist()]  # a column of numbers has no comma
    (_lines if alone.ALONE else _table)(run, written, key, words)
    shell.notices(words, "cell")
    if scene.edits:
        st.button(words("attention.undo_edits"), key="undo-edits", on_click=lambda: state.turn(edits=()))


def _table(run: Run, written: list[list[str]], key: str, words: Words) -> None:
    import pandas as pd

    scene = run.scene
    table = pd.DataFrame(written, columns=[str(d) for d in range(run.config.d_model)])
    token = words("attention.token", split="token" if scene.preset.tokenizer else scene.split)
    table.insert(0, token, list(map(visible, run.tokens)))
    number = st.column_config.TextColumn(width="small")
    st.data_editor(
        table,
        key=key,
        hide_index=True,
        num_rows="fixed",
        disabled=[token],
        column_config={name: number for name in table.columns[1:]},
        on_change=_edited,
        args=(key, run.tokens, words.comma),
    )


def _lines(run: Run, written: list[list[str]], key: str, words: Words) -> None:
    for row, (token, numbers) in enumerate(zip(run.tokens, written, strict=True)):
        line, asked = f"{key}-{row}", (row, numbers, run.tokens, words.comma)
        st.text_input(visible(token), "  ".join(numbers), key=line, on_change=_typed, args=(line, *asked))


def _typed(key: str, row: int, numbers: list[str], tokens: tuple[str, ...], comma: bool) -> None:
    """A line has a number for each dimension; one that is missing is an empty cell, more are part of the last."""
    if tokens != state.scene().tokens or key not in st.session_state:
        return
    cells = st.session_state[key].split(maxsplit=len(numbers) - 1)
    cells += [""] * (len(numbers) - len(cells))
    changed = {str(d): cell for d, (cell, was) in enumerate(zip(cells, numbers, strict=True)) if cell.strip() != was}
    _take({row: changed}, tokens, comma)


def _mount(scene: Scene) -> int:
    """A number that changes whenever the table must start afresh from the Scene."""
    shown, number = st.session_state.get(MOUNTED, (None, 0))
    now = scene.computed
    if shown != now:
        number += 1
        st.session_state[MOUNTED] = now, number
    return number


def _edited(key: str, tokens: tuple[str, ...], comma: bool) -> None:
    if tokens != state.scene().tokens or key not in st.session_state:
        return  # the table was drawn for another Scene
    _take(st.session_state[key]["edited_rows"], tokens, comma)


def _take(rows: dict[int, dict[str, Any]], tokens: tuple[str, ...], comma: bool) -> None:
    edits, bad = read_edits(rows, state.scene().edits, tokens, comma)
    state.turn(edits=edits)
    if bad:
        _, number = st.session_state[MOUNTED]
        st.session_state[MOUNTED] = None, number  # the table starts afresh, from the last good state
        state.notify(*bad)


def read_edits(
    rows: dict[int, dict[str, Any]], before: tuple[Edit, ...], tokens: tuple[str, ...], comma: bool = False
) -> tuple[tuple[Edit, ...], list[Notice]]:
    """What the table's cells say over the edits so far, and a Notice for each cell that is not a number in range."""
    edits = {(position, dimension): value for position, dimension, value in before}
    bad: list[Notice] = []
    for row, cells in rows.items():
        for column, value in cells.items():
            number = read_number(value, comma) if isinstance(value, str) else value
            if _good(number):
                edits[int(row), int(column)] = float(number)
            else:
                bad.append(Notice("cell", tokens[int(row)], "" if value is None else str(value), column))
    return tuple((*cell, value) for cell, value in sorted(edits.items())), bad


def read_number(text: str, comma: bool) -> float | None:
    """A number as a reader writes it: with a decimal point, or where that is the custom a comma; None if it is none."""
    text = text.strip().replace(MINUS, "-")
    point, thousands = (",", ".") if comma and "," in text else (".", ",")
    if re.fullmatch(rf"[+-]?\d{{1,3}}([{thousands}]\d{{3}})+([{point}]\d*)?", text) and point in text:
        text = text.replace(thousands, "")
    try:
        return float(text.replace(point, "."))
    except ValueError:
        return None


def _good(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and EDIT[0] <= value <= EDIT[1]
