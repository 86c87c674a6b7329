"""Arrays of a trace as a table for a spreadsheet, and as a file for NumPy."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from ..activations import axes_of
from ..config import ENCODER
from ..scene.continuation import namer
from ..scene.run import Run

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute instead of showing it


def table(run: Run, names: Sequence[str], headings: Sequence[str], comma: bool = False) -> str:
    """The arrays of these names, or patterns, as CSV: a row for each vector, under its array, layer, head, position and
    token; `headings` are the titles of these five and of the column that says what the numbers are counted by.

    comma: decimal commas, and semicolons between cells, as spreadsheets in Portuguese expect them. A token that a
    spreadsheet would take for a formula has an apostrophe before it.
    """
    chosen = [name for name in run.trace if any(fnmatchcase(name, pattern) for pattern in names)]
    rows = [row for name in chosen for row in _rows(name, run.trace[name], _tokens(name, run))]
    width = max((len(row) for row in rows), default=len(headings)) - len(headings)
    file = io.StringIO()
    writer = csv.writer(file, delimiter=";" if comma else ",", lineterminator="\r\n")
    writer.writerow([*headings, *range(width)])
    for *labels, numbers in ((*row[: len(headings)], row[len(headings) :]) for row in rows):
        written = (str(number) for number in numbers)
        writer.writerow([*labels, *((number.replace(".", ",") for number in written) if comma else written)])
    return file.getvalue()


def _rows(name: str, array: np.ndarray, tokens: Sequence[str]) -> Iterator[list]:
    parts, axes = name.removeprefix(ENCODER).split("."), axes_of(name)
    layer = parts[1] if parts[0] == "blocks" else ""
    for place in np.ndindex(array.shape[:-1]):
        *head, position = place
        labels = [name, layer, *(head or [""]), position, _harmless(tokens[position]), axes[-1]]
        yield [*labels, *array[place]]


def _tokens(name: str, run: Run) -> Sequence[str]:
    """The tokens at an array's positions: of a decoder with an encoder, those that it wrote and read.

    Its keys and values for the encoder's output stand at the source's.
    """
    if run.target is None or name.startswith(ENCODER) or name.endswith((".cross.k", ".cross.v")):
        return run.tokens
    named = namer(run.scene)
    return [named(token) for token in run.target.tolist()]


def _harmless(token: str) -> str:
    return f"'{token}" if token.startswith(FORMULA) else token


def archive(run: Run, names: Iterable[str] = ("*",)) -> bytes:
    """The arrays of these names as .npz, with the tokens and their ids, and what a decoder read.

    `numpy.load` opens it, without any pickle.
    """
    arrays: dict[str, Any] = {"tokens": np.array(run.tokens), "ids": run.encoding.ids}
    arrays |= {} if run.target is None else {"target": run.target}
    arrays |= {name: run.trace[name] for name in run.trace if any(fnmatchcase(name, pattern) for pattern in names)}
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()
