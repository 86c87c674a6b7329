"""Which number of a run stands where in a figure: how a click finds it, and where it is outlined.

A Picture says so by one of these, so that no page asks what a cell of its is. A number is (name, index), as
`core.explain` takes it; a place is a rectangle in the figure's own coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from core.scene.fields import Numbered
from plots.tiles import cell_at, place_of

ROW, COLUMN = "row", "column"
SAME_POINT = 1e-4  # how far a click on a point may be from it: a float32 is sent
POINT = (0.012, 0.03)  # half the width and height of a point's outline, in a plane from 0 to 1
Rectangle = dict[str, Any]  # x0, x1, y0, y1; and xref or yref "paper", where it goes from side to side


class Numbers(Protocol):
    """The numbers of a figure."""

    def at(self, click: Mapping[str, Any]) -> Numbered | None:
        """The number under a click; None where there is none."""

    def place(self, number: Numbered) -> Rectangle | None:
        """Where this number stands; None where it is not shown."""


@dataclass(frozen=True)
class Cells:
    """A map whose cell (row, column) shows the number at `index`, in which ROW and COLUMN stand for its own.

    names: the array's, one for all rows, or one a row. size: rows and columns.
    """

    names: tuple[str, ...]
    index: tuple[int | str, ...]
    size: tuple[int, int]

    def at(self, click: Mapping[str, Any]) -> Numbered | None:
        found = _whole(click)
        if found is None or not all(0 <= place < n for place, n in zip(found, self.size, strict=True)):
            return None
        own = dict(zip((ROW, COLUMN), found, strict=True))
        index = tuple(own[part] if isinstance(part, str) else part for part in self.index)
        return self.names[found[0] if len(self.names) > 1 else 0], index

    def place(self, number: Numbered) -> Rectangle | None:
        name, index = number
        if name not in self.names or len(index) != len(self.index):
            return None
        own = {ROW: self.names.index(name)}
        for part, at in zip(self.index, index, strict=True):
            if isinstance(part, str):
                own[part] = at
            elif part != at:
                return None
        row, column = own[ROW], own.get(COLUMN, 0)
        return _cell(row, column) if row < self.size[0] and column < self.size[1] else None


@dataclass(frozen=True)
class Tiles:
    """All patterns of a model as tiles (plots/tiles.py); shape: [layer, head, query, key] of the tiles, which are
    square; name: of a layer's array; size: its queries and keys, where those fill a part of a tile alone.
    """

    shape: tuple[int, ...]
    name: str = "blocks.{}.attn.pattern"
    size: tuple[int, int] | None = None

    def at(self, click: Mapping[str, Any]) -> Numbered | None:
        found = None if _whole(click) is None else cell_at(float(click["x"]), float(click["y"]), self.shape)
        if found is None or not all(at < n for at, n in zip(found[2:], self.size or self.shape[2:], strict=True)):
            return None
        return self.name.format(found[0]), found[1:]

    def place(self, number: Numbered) -> Rectangle | None:
        name, index = number
        layer = next((i for i in range(self.shape[0]) if name == self.name.format(i)), None)
        found = None if layer is None else place_of((layer, *index), self.shape)
        return found and _cell(*found)


@dataclass(frozen=True)
class Bars:
    """Bars that lie, one a number, from the first row down."""

    numbers: tuple[Numbered, ...]

    def at(self, click: Mapping[str, Any]) -> Numbered | None:
        found = _whole(click)
        return self.numbers[found[0]] if found and 0 <= found[0] < len(self.numbers) else None

    def place(self, number: Numbered) -> Rectangle | None:
        if number not in self.numbers:
            return None
        return _cell(self.numbers.index(number), 0) | {"xref": "paper", "x0": 0, "x1": 1}


@dataclass(frozen=True)
class Points:
    """Points of a plane, a number each: the one that stands nearest to a click."""

    numbers: tuple[Numbered, ...]
    places: tuple[tuple[float, float], ...]

    def at(self, click: Mapping[str, Any]) -> Numbered | None:
        x, y = click.get("x"), click.get("y")
        if not (isinstance(x, int | float) and isinstance(y, int | float)):
            return None
        away = [(abs(x - own[0]) + abs(y - own[1]), i) for i, own in enumerate(self.places)]
        nearest, i = min(away, default=(1.0, 0))
        return self.numbers[i] if nearest < SAME_POINT else None

    def place(self, number: Numbered) -> Rectangle | None:
        if number not in self.numbers:
            return None
        x, y = self.places[self.numbers.index(number)]
        return {"x0": x - POINT[0], "x1": x + POINT[0], "y0": y - POINT[1], "y1": y + POINT[1]}


def cells(name: str | tuple[str, ...], index: tuple[int | str, ...], size: tuple[int, ...]) -> Cells:
    """Cells of an array of this name; of several, a row each."""
    return Cells((name,) if isinstance(name, str) else name, index, (size[0], size[1]))


def _whole(click: Mapping[str, Any]) -> tuple[int, int] | None:
    """(row, column) of a click, on axes that count."""
    x, y = click.get("x"), click.get("y")
    return (round(y), round(x)) if isinstance(x, int | float) and isinstance(y, int | float) else None


def _cell(row: int, column: int) -> Rectangle:
    return {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
