"""What each layer would say: a map whose cells are written with tokens."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np

from plots import theme
from plots.figure import literal, short
from plots.heatmap import heatmap

CHARACTER = 6.8  # px: a letter in a cell
NAMES = 130  # px: what the rows' names and the margins take
FEW, MANY = 4, 12  # letters: of a cell that has no room for so few, words may have so many across its neighbours
WIDE = 1e6  # px: more than any cell has


Label = tuple[float, int, str, str, float, float]  # column, row, what is written, its ink, and from and to which width


def lens(
    shares: np.ndarray,
    words: list[list[str]],
    right: np.ndarray,
    rows: list[str],
    columns: list[str],
    *,
    row_title: str = "",
    column_title: str = "",
    hover: str = "{row}, {column}: {value}",
    width: int = 560,
    height: int | None = None,
    alt: str = "",
) -> dict[str, Any]:
    """`shares` [row, column], of 1, as colour; `words` [row][column] in the cells, bold where `right` [row, column].

    Only what cells have room for is written (`_labels`); how wide they are, the browser knows (ui/live/fitting.js,
    meta.words), and until then `width` says.
    `rows` are tokens, untrusted like `words`; `columns`, titles and `hover` are trusted, which may use {word} too.
    """
    cell = (width - NAMES) / len(columns)
    room = int(cell / CHARACTER)
    room = room if room >= FEW else MANY
    figure = heatmap(
        shares,
        rows,
        columns,
        row_title=row_title,
        column_title=column_title,
        column_role="@residual",
        scale="probability",
        numbers=False,
        colorbar=False,
        square=False,
        hover=hover.replace("{word}", "%{{text}}"),
        width=width,
        height=height,
        alt=alt,
    )
    figure["data"][0]["text"] = [[literal(word) for word in row] for row in words]
    dark = shares > theme.INK_TURNS["probability"]
    every = [label for row in range(len(rows)) for label in _labels(row, words[row], room, right[row], dark[row])]
    x, y, text, color, least, most = ([*part] for part in zip(*every, strict=True))
    every_word = {"columns": len(columns), "x": x, "y": y, "text": text, "color": color, "least": least, "most": most}
    fit = [i for i in range(len(every)) if least[i] <= cell < most[i]]
    figure["data"].append(
        {
            "type": "scatter",
            "mode": "text",
            "x": np.array([x[i] for i in fit], np.float32),
            "y": np.array([y[i] for i in fit], np.int32),
            "text": [text[i] for i in fit],
            "textfont": {"color": [color[i] for i in fit], "size": 12},
            "hoverinfo": "skip",
            "meta": {"words": every_word},
        }
    )
    return figure


def _labels(row: int, words: list[str], room: int, right: np.ndarray, dark: np.ndarray) -> Iterator[Label]:
    """What may stand in a row's cells: each word in its own; where that is too narrow once across all neighbours that
    say the same; and where these are too narrow too, the word's beginning."""
    start = 0
    for (word, so), cells in groupby(zip(words, right.tolist(), strict=True)):
        n = len([*cells])
        whole, cut = short(word, room), short(word, FEW)
        needs, across = CHARACTER * len(whole), CHARACTER * len(whole) / n
        ink = ["@background" if on else "@chosen" for on in dark[start : start + n].tolist()]
        for i in range(n):
            yield start + i, row, _written(whole, so), ink[i], needs, WIDE
            if cut != whole:
                yield start + i, row, _written(cut, so), ink[i], CHARACTER * FEW, across
        if n > 1:
            yield start + (n - 1) / 2, row, _written(whole, so), ink[n // 2], across, needs
        start += n


def _written(word: str, right: bool) -> str:
    return f"<b>{literal(word)}</b>" if right else literal(word)
