"""A matrix as a map of colour: who looks on the rows, who is looked at on the columns, read from the top left."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from plots import theme
from plots.figure import LINE, SMALLEST, axis, base_layout, compact, label_width, literal, number, short, ticks, title
from plots.large_map import LARGE, ROOMY, bytes_of, covers, let_enlarge, without_value

DIGIT, POINT = 0.51, 0.28  # of a number's size: the width of a digit or a sign, and of the point
NUMBERS = (9.5, 13)  # px: the least and the greatest size of the numbers in cells
MANY = 16  # columns: of more, numbers are a texture
APART = 3  # px: at least between neighbouring numbers
LETTER = 0.49  # of an axis title's size: the width of a letter
EDGE = 6  # px: the air on the left and on the right
ROW = (12, 46)  # px: the least and the greatest height of a row
TALL = 360  # px: what the rows share
PLAIN = [[0.0, "@surface"], [1.0, "@surface"]]


def heatmap(
    values: np.ndarray,
    rows: list[str],
    columns: list[str] | None = None,
    *,
    row_title: str = "",
    column_title: str = "",
    row_role: str = "@query",
    column_role: str = "@key",
    scale: str = "signed",
    zmax: float | None = None,
    chosen: tuple[int, int] | None = None,
    numbers: bool | None = None,
    decimals: int = 2,
    comma: bool = False,
    hover: str = "{row} → {column}: {value}",
    masked: str = "−∞",
    colorbar: bool | None = None,
    square: bool | None = None,
    width: int = 560,
    height: int | None = None,
    alt: str = "",
) -> dict[str, Any]:
    """`values` [rows, columns] as a map whose first row is on top and whose columns are named above it.

    Without `columns` they are dimensions, counted from 0. `scale` is "probability" (0 to `zmax`, 1 unless told),
    "amount" (the same in the gradient's colour), "signed" (centred on zero, to the greatest magnitude unless told)
    or "plain" (no colour: a table). Cells of -inf are masked: hatched, and written `masked`; NaN cells stay blank.
    `chosen` (row, column) is outlined. `numbers` writes each value in its cell: by default where it is legible.
    `hover` may use {row}, {column} and {value}; titles and `hover` are trusted text, `rows` and `columns` are not.
    Of more than LARGE rows the map is an image, of which a part is enlarged by dragging across it: probabilities in
    full, others as bytes, whose `hover` tells all but the {value}. Its cells of -inf and NaN are covered.
    Cells are square, unless told, where there are few and about as many columns as rows. `comma` writes the cells'
    numbers with a decimal comma. `width` is how many pixels the map can count on: it decides whether numbers fit in
    the cells, and whether the columns' labels stand upright.
    """
    values = compact(values)
    n_rows, n_columns = values.shape
    finite = values[np.isfinite(values)]
    room = _room(rows, columns, chosen, values.shape, width, height, row_title, column_title)
    if numbers is None:
        size = _number_size(finite, decimals, room.cell)
        numbers = size >= NUMBERS[0] and room.row >= NUMBERS[0] + APART and n_columns <= MANY
    if colorbar is None:
        colorbar = not numbers and scale != "plain"
    if square is None:
        square = n_columns <= min(16, 2 * n_rows)

    narrow, large = width < NARROW, n_rows > LARGE
    rough = large and scale != "probability"
    scaled, bar = _scaled(scale, zmax, finite), COLORBAR | (UNDER if narrow else BESIDE)
    told = _hover(without_value(hover) if rough else hover, rows, columns, n_columns, decimals, large)
    cells = _cells(values, scaled) | {"showscale": colorbar, "colorbar": bar} | told
    if rough:
        cells |= bytes_of(values, scaled, bar, comma)
    data = [cells, _numbers(values, scaled, scale, decimals, masked, room.cell, comma)] if numbers else [cells]
    shapes = covers(values) if rough else _hatching(np.isneginf(values))
    shapes += [] if chosen is None else _outline(*chosen)

    written = [columns[i] for i in room.columns] if columns else None
    enlarged = large and columns is not None and (height or ROOMY) >= ROOMY
    top = _top(columns if enlarged else written, room.cell, column_title)
    left, right = room.left, 64 if colorbar and not narrow else EDGE
    below = 40 if colorbar and narrow else theme.GAP
    height = height or top + theme.GAP + n_rows * int(np.clip(TALL // n_rows, *ROW))
    at_row, at_column = chosen or (None, None)
    across = _counted(n_columns, room.cell) if columns is None else _names(columns, room.columns, at_column, room.cell)
    layout = base_layout(
        height=height,
        margin={"l": left, "r": right, "t": top, "b": below},
        xaxis=axis(
            side="top",
            range=[-0.5, n_columns - 0.5],
            title=_fitted(title(column_title, column_role, standoff=6), width - left - right + 2 * min(left, right)),
            constrain="domain",
            **across,
            tickangle=-90 if _upright(written, room.cell) or enlarged else 0,
        ),
        yaxis=axis(
            range=[n_rows - 0.5, -0.5],
            title=_fitted(title(row_title, row_role, standoff=6), height - top),
            constrain="domain",
            constraintoward="top",
            **_names(rows, room.rows, at_row, (height - top - below) / n_rows),
            **({"scaleanchor": "x"} if square else {}),
        ),
        shapes=shapes,
        meta={"alt": alt},
    )
    if large:
        let_enlarge(layout, (rows, at_row), (columns, at_column), n_columns, enlarged)
    return {"data": data, "layout": layout}


NARROW = 400  # px: less than this, and the colour bar lies under the map
COLORBAR = {
    "thickness": 8,
    "outlinewidth": 0,
    "ticks": "",
    "nticks": 5,
    "tickfont": {"color": "@muted", "size": theme.FONT_SIZE - 1},
}
BESIDE = {"xpad": 12, "ypad": 0}
UNDER = {"orientation": "h", "thickness": 6, "y": 0, "yanchor": "top", "xpad": 0, "ypad": 8}


class _Room(NamedTuple):
    """What a map has room for, in px: the air at its left with the rows' names, a cell's width, a row's height; and the
    places on either axis whose names are written."""

    left: int
    cell: float
    row: float
    rows: list[int]
    columns: list[int]


def _room(
    rows: list[str],
    columns: list[str] | None,
    chosen: tuple[int, int] | None,
    shape: tuple[int, ...],
    width: int,
    height: int | None,
    row_title: str,
    column_title: str,
) -> _Room:
    (n_rows, n_columns), (at_row, at_column) = shape, chosen or (None, None)
    left = EDGE + 4 + (24 if row_title else 0)
    least = (width - left - EDGE - label_width(rows)) / n_columns  # of a cell, if all rows have their names
    row = (height - _top(columns, least, column_title) - theme.GAP) / n_rows if height else ROW[1]
    rows_shown, columns_shown = _shown(rows, at_row, row), _shown(columns or [], at_column, least)
    left += label_width([rows[i] for i in rows_shown], theme.FONT_SIZE + 1)  # the chosen one is bold
    return _Room(left, (width - left - EDGE) / n_columns, row, rows_shown, columns_shown)


def _upright(columns: list[str] | None, cell: float) -> bool:
    """Whether the columns' names would run into each other, written level. One alone meets no other."""
    return columns is not None and len(columns) > 1 and label_width(columns) + 8 > cell


def _top(columns: list[str] | None, cell: float, column_title: str) -> int:
    """Pixels above the map: the columns' names or numbers, and their title."""
    names = label_width(columns) + 6 if columns and _upright(columns, cell) else 22
    return EDGE + names + (26 if column_title else 0)


def _shown(names: list[str], chosen: int | None, room: float) -> list[int]:
    """The places on an axis whose names are written: all where each has `room` for a line, else the chosen alone."""
    if room >= SMALLEST * LINE:
        return [*range(len(names))]
    return [] if chosen is None else [chosen]


def _names(names: list[str], shown: list[int], chosen: int | None, room: float) -> dict[str, Any]:
    """Axis settings that write the names of the places `shown`."""
    if len(shown) == len(names):
        return ticks(names, chosen, max(room, SMALLEST * LINE))
    alone = [f"<b>{literal(short(names[place]))}</b>" for place in shown]
    return {"type": "linear", "tickmode": "array", "tickvals": shown, "ticktext": alone}


def _fitted(words: dict[str, Any], room: float) -> dict[str, Any]:
    """An axis title, in a smaller size where `room` px are not enough."""
    size = min(theme.TITLE_SIZE, room / (LETTER * max(len(words["text"]), 1)))
    return words | {"font": words["font"] | {"size": max(9, int(size))}}


def _number_size(finite: np.ndarray, decimals: int, cell: float) -> float:
    """The size, in px, in which the longest of the numbers fits a cell."""
    bounds = (finite.min(), finite.max()) if finite.size else (0,)
    longest = max(len(f"{bound:.{decimals}f}") for bound in bounds)
    ems = DIGIT * longest - (DIGIT - POINT if decimals else 0)
    return min((cell - APART) / ems, NUMBERS[1])


def _scaled(scale: str, zmax: float | None, finite: np.ndarray) -> dict[str, Any]:
    if scale == "plain":
        return {"colorscale": PLAIN, "zmin": 0.0, "zmax": 1.0}
    if scale in ("probability", "amount"):
        return {"colorscale": f"@{scale}", "zmin": 0.0, "zmax": float(zmax or 1.0)}
    limit = float(zmax or np.abs(finite).max(initial=0.0) or 1.0)
    return {"colorscale": "@signed", "zmin": -limit, "zmax": limit}


def _cells(values: np.ndarray, scaled: dict[str, Any]) -> dict[str, Any]:
    gap = _gap(values.shape[1])
    return {
        "type": "heatmap",
        "z": np.where(np.isneginf(values), values.dtype.type(np.nan), values),
        **scaled,
        "xgap": gap,
        "ygap": gap,
        "hoverongaps": False,
    }


def _gap(n_columns: int) -> int:
    """Pixels between cells. With none Plotly paints each cell as one pixel of a stretched image, much faster."""
    return 2 if n_columns <= 16 else 0


def _counted(n: int, cell: float) -> dict[str, Any]:
    if n <= 16:
        return {"tickformat": "d", "tickmode": "linear", "tick0": 0, "dtick": 1 if cell >= 18 else 5}
    return {"tickformat": "d", "nticks": 9 if cell * n > 300 else 5}


def _numbers(
    values: np.ndarray, scaled: dict[str, Any], scale: str, decimals: int, masked: str, cell: float, comma: bool
) -> dict[str, Any]:
    """Each value written in its cell, in an ink that the cell's colour carries; what rounds to zero recedes.

    A trace of text, since Plotly's own cell labels choose between a grey and white, which fails on the scale's middle.
    """
    rows, columns = np.nonzero(~np.isnan(values))
    shown = values[rows, columns]
    turn = theme.INK_TURNS.get(scale, np.inf) * scaled["zmax"]
    size = int(2 * np.clip(_number_size(shown[np.isfinite(shown)], decimals, cell), *NUMBERS)) / 2
    inks, words = [], []
    for value in shown.tolist():
        nothing = value == -np.inf or round(value, decimals) == 0
        inks.append("@muted" if nothing else "@background" if abs(value) > turn else "@chosen")
        words.append(masked if value == -np.inf else number(value, decimals, comma))
    return {
        "type": "scatter",
        "mode": "text",
        "x": columns.astype(np.int32),
        "y": rows.astype(np.int32),
        "text": words,
        "textfont": {"color": inks, "size": size},
        "hoverinfo": "skip",
    }


def _hover(
    template: str, rows: list[str], columns: list[str] | None, n_columns: int, decimals: int, large: bool
) -> dict[str, Any]:
    """The hover text; whole tokens travel with each cell only when an axis had to cut one, and not of a large map."""
    cut = not large and any(token != short(token) for token in (*rows, *(columns or ())))
    row, column = ("%{customdata[0]}", "%{customdata[1]}" if columns else "%{x}") if cut else ("%{y}", "%{x}")
    words = template.format(row=row, column=column, value=f"%{{z:.{decimals + 2}f}}")
    told: dict[str, Any] = {"hovertemplate": words + "<extra></extra>"}
    if cut:
        names = [literal(token) for token in columns or ()] or [""] * n_columns
        told["customdata"] = [[[literal(row), name] for name in names] for row in rows]
    return told


def _hatching(hidden: np.ndarray) -> list[dict[str, Any]]:
    """Grey under the hidden cells, a stroke across each: neighbours' strokes meet. Two paths, however many cells."""
    cells = np.argwhere(hidden).tolist()
    if not cells:
        return []
    corners = [(c - 0.5, r - 0.5, c + 0.5, r + 0.5) for r, c in cells]
    fill = "".join(f"M{x0} {y0}L{x1} {y0}L{x1} {y1}L{x0} {y1}Z" for x0, y0, x1, y1 in corners)
    strokes = "".join(f"M{x0} {y1}L{x1} {y0}" for x0, y0, x1, y1 in corners)
    path = {"type": "path", "layer": "below"}
    return [
        path | {"path": fill, "fillcolor": "@surface", "line": {"width": 0}},
        path | {"path": strokes, "line": {"color": "@grid", "width": 1}},
    ]


def _outline(row: int, column: int) -> list[dict[str, Any]]:
    """A ring that shows on any colour: the background's, and the chosen one inside it."""
    cell = {"type": "rect", "x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
    return [cell | {"line": {"color": "@background", "width": 5}}, cell | {"line": {"color": "@chosen", "width": 2.5}}]
