"""A table of numbers that the reader edits. Pandas is imported here only: it is large and slow to import.

Without a server there is no Pandas: there each row's numbers are a line of text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from core import Notice, Scene
from core.kinds import SHOWN, cut
from core.limits import EDIT
from core.scene.fields import Edit
from pictures.words import MINUS, Words
from ui import state
from ui.live import alone

SMALL = (28, 60)  # px: the height of a line of a small table, the least width of a column
Cells = dict[int, dict[str, Any]]  # row -> column -> what was written
Take = Callable[[Cells], Sequence[Notice]]


def draw(
    key: str,
    head: str,
    rows: Sequence[str],
    numbers: np.ndarray,
    scene: Scene,
    words: Words,
    take: Take,
    small: bool = False,
) -> None:
    """numbers [row, column], each row under its name; small: as low and narrow as can be read. `take` has the edited
    cells in the Scene and returns a Notice for each that cannot be; then the table starts afresh, as it does from every
    Scene that its own edits have not made.
    """
    number, begun = _mount(key, scene, numbers, words.lang)
    mount = f"{key}-{number}"
    written = [list(map(words.number, row)) for row in begun.tolist()]  # a column of numbers has no comma
    if alone.ALONE:
        for row, (name, line) in enumerate(zip(rows, written, strict=True)):
            at = f"{mount}-{row}"
            st.text_input(name, "  ".join(line), key=at, on_change=_typed, args=(key, at, row, line, take))
        return
    import pandas as pd

    column = st.column_config.TextColumn(width=SMALL[1] if small else "small")
    columns = [str(place) for place in range(numbers.shape[1])]
    table = pd.DataFrame(written, columns=columns)
    table.insert(0, head, list(rows))
    st.data_editor(
        table,
        key=mount,
        hide_index=True,
        num_rows="fixed",
        disabled=[head],
        row_height=SMALL[0] if small else None,
        column_config=dict.fromkeys([head, *columns] if small else columns, column),
        on_change=_edited,
        args=(key, mount, words.lang, take),
    )


def _mount(key: str, scene: Scene, numbers: np.ndarray, lang: str) -> tuple[int, np.ndarray]:
    """A number that changes whenever the table must start afresh from the Scene, and the numbers that it then began
    with. What its own edits alter it shows itself: so the keyboard stays in the cell that it has reached. Away from its
    page they are forgotten."""
    shown, number, begun = st.session_state.get(_mounted(key), (None, 0, numbers))
    forgotten = begun is not numbers and f"{key}-{number}" not in st.session_state
    if shown != (scene.computed, lang) or forgotten:
        number, begun = number + 1, numbers
        st.session_state[_mounted(key)] = (scene.computed, lang), number, begun
    return number, begun


def _mounted(key: str) -> str:
    """In the session state: what the table shows, how often it began afresh, and with what numbers."""
    return f"{key}.mounted"


def _edited(key: str, mount: str, lang: str, take: Take) -> None:
    if mount not in st.session_state:
        return
    shown, *begun = st.session_state[_mounted(key)]
    current = shown == (state.scene().computed, lang)  # else it was drawn of another Scene, and begins afresh
    if _take(key, st.session_state[mount]["edited_rows"], take) and current:
        st.session_state[_mounted(key)] = (state.scene().computed, lang), *begun


def _typed(key: str, at: str, row: int, before: list[str], take: Take) -> None:
    """A line has a number for each column; one that is missing is an empty cell, more are part of the last."""
    if at not in st.session_state:
        return
    cells = st.session_state[at].split(maxsplit=len(before) - 1)
    cells += [""] * (len(before) - len(cells))
    changed = {str(i): cell for i, (cell, was) in enumerate(zip(cells, before, strict=True)) if cell.strip() != was}
    _take(key, {row: changed}, take)


def _take(key: str, cells: Cells, take: Take) -> bool:
    """Whether all that was written could be taken."""
    if bad := take(cells):
        _, *begun = st.session_state[_mounted(key)]
        st.session_state[_mounted(key)] = None, *begun  # the table starts afresh, from the last good state
        state.notify(*bad)
    return not bad


def read_edits(
    rows: Cells, before: tuple[Edit, ...], names: tuple[str, ...], comma: bool = False
) -> tuple[tuple[Edit, ...], list[Notice]]:
    """What the table's cells say over the edits so far, and a Notice for each cell that is not a number in range."""
    edits = {(row, column): value for row, column, value in before}
    bad: list[Notice] = []
    for row, cells in rows.items():
        for column, value in cells.items():
            number = read_number(value, comma) if isinstance(value, str) else value
            if _good(number):
                edits[int(row), int(column)] = float(number)
            else:
                bad.append(Notice("cell", names[int(row)], "" if value is None else cut(str(value), SHOWN), column))
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
