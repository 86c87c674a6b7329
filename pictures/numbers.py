"""Which number of a run stands where in a figure: how a click finds it, and where it is outlined.

A Picture says so by one of these, so that no page asks what a cell of its is. A number is (name, index), as
`core.explain` takes it; a place is a rectangle in the figure's own coordinates.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, overload

import numpy as np

from core.scene.fields import Numbered
from plots.bipartite import told_at
from plots.tile_places import cell_at, place_of

ROW, COLUMN = "row", "column"
SAME_POINT = 1e-4  # how far a click on a point may be from it: a float32 is sent
POINT = (0.012, 0.03)  # half the width and height of a point's outline, in a plane from 0 to 1
STROKE = 0.01  # of a row's reach: half the width of a stroke's outline
Rectangle = dict[str, Any]  # x0, x1, y0, y1; and xref or yref "paper", where it goes from side to side


class Numbers(Protocol):
    """The numbers of a figure."""

    def at(self, click: Mapping[str, Any]) -> Numbered | None:
        """The number under a click; None where there is none."""

    def place(self, number: Numbered) -> Rectangle | None:
        """Where this number stands; None where it is not shown."""


@dataclass(frozen=True)
class Along(Sequence[Numbered]):
    """The numbers of an array at these `places` of its last axis; `before` is the rest of their index.

    A real model's block has some thousand on screen: as tuples they took longer to be kept than to be drawn.
    """

    name: str
    before: tuple[int, ...]
    places: array[int]

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, at: int) -> Numbered: ...

    @overload
    def __getitem__(self, at: slice) -> Along: ...

    def __getitem__(self, at: int | slice) -> Numbered | Along:
        if isinstance(at, slice):
            return replace(self, places=self.places[at])
        return self.name, (*self.before, self.places[at])


def along(name: str, before: tuple[int, ...], places: np.ndarray) -> Along:
    """The numbers of an array whose index ends with these places [number]."""
    return Along(name, before, array("q", places.tolist()))


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
    """Bars that lie, one a number, from the first row down; or, upright, what stands in columns from the left on.
    None: a bar that is no number of the run."""

    numbers: tuple[Numbered | None, ...]
    upright: bool = False

    def at(self, click: Mapping[str, Any]) -> Numbered | None:
        found = _whole(click)
        place = -1 if found is None else found[self.upright]
        return self.numbers[place] if 0 <= place < len(self.numbers) else None

    def place(self, number: Numbered) -> Rectangle | None:
        if number not in self.numbers:
            return None
        place, across = self.numbers.index(number), "y" if self.upright else "x"
        whole = {f"{across}ref": "paper", f"{across}0": 0, f"{across}1": 1}
        return (_cell(0, place) if self.upright else _cell(place, 0)) | whole


@dataclass(frozen=True)
class Lines:
    """What stands in columns, several numbers in one: [trace][point], as the figure's traces are drawn; None: a point
    that is no number of the run."""

    numbers: tuple[Sequence[Numbered | None], ...]

    def at(self, click: Mapping[str, Any]) -> Numbered | None:
        trace, point = click.get("curve"), click.get("point")
        if not (isinstance(trace, int) and isinstance(point, int) and 0 <= trace < len(self.numbers)):
            return None
        return self.numbers[trace][point] if 0 <= point < len(self.numbers[trace]) else None

    def place(self, number: Numbered) -> Rectangle | None:
        found = next((row.index(number) for row in self.numbers if number in row), None)
        return None if found is None else _cell(0, found) | {"yref": "paper", "y0": 0, "y1": 1}


@dataclass(frozen=True)
class Steps(Lines):
    """The same along an axis that counts, on which a number's column is at the last place of its index.

    half: half the width of a column's outline.
    """

    half: float

    def place(self, number: Numbered) -> Rectangle | None:
        if not any(number in row for row in self.numbers):
            return None
        at = number[1][-1]
        return {"x0": at - self.half, "x1": at + self.half, "yref": "paper", "y0": 0, "y1": 1}


@dataclass(frozen=True)
class Strokes(Lines):
    """Rows of strokes (plots/rugs.py), each row a trace with axes of its own; values: where each stroke stands."""

    values: tuple[Sequence[float], ...]

    def place(self, number: Numbered) -> Rectangle | None:
        for i, (row, values) in enumerate(zip(self.numbers, self.values, strict=True)):
            if number in row:
                at, half = values[row.index(number)], STROKE * (max(values) - min(values))
                axis = "" if i == 0 else str(i + 1)
                return {"xref": f"x{axis}", "x0": at - half, "x1": at + half, "yref": f"y{axis}", "y0": -1, "y1": 1}
        return None


@dataclass(frozen=True)
class Each:
    """A map whose cells are numbers of no one array: [row][column]; None: one that is no number of the run."""

    numbers: tuple[tuple[Numbered | None, ...], ...]

    def at(self, click: Mapping[str, Any]) -> Numbered | None:
        row, column = _whole(click) or (-1, -1)
        inside = 0 <= row < len(self.numbers) and 0 <= column < len(self.numbers[row])
        return self.numbers[row][column] if inside else None

    def place(self, number: Numbered) -> Rectangle | None:
        places = ((i, row.index(number)) for i, row in enumerate(self.numbers) if number in row)
        found = next(places, None)
        return found and _cell(*found)


@dataclass(frozen=True)
class Points:
    """Points of a plane or of a scene, a number each: the one that stands nearest to a click.

    half: half the width and height of a point's outline, which only a plane has. coordinate: whether a point stands
    for all numbers along the last axis of its index, its coordinates; a click means the first.
    """

    numbers: Sequence[Numbered]
    places: Sequence[Sequence[float]] | np.ndarray  # [point][axis]
    half: tuple[float, float] = POINT
    coordinate: bool = False

    def at(self, click: Mapping[str, Any]) -> Numbered | None:
        places = np.asarray(self.places).tolist()
        axes = "xyz"[: len(places[0]) if places else 0]
        where = [x for axis in axes if isinstance(x := click.get(axis), int | float)]
        if len(where) < len(axes):
            return None
        away = [(sum(abs(x - y) for x, y in zip(where, own, strict=True)), i) for i, own in enumerate(places)]
        nearest, i = min(away, default=(1.0, 0))
        return self.numbers[i] if nearest < SAME_POINT else None

    def place(self, number: Numbered) -> Rectangle | None:
        name, index = number
        number = (name, (*index[:-1], 0)) if self.coordinate else number
        if number not in self.numbers or len(self.places[0]) > 2:
            return None
        (x, y), (right, up) = map(float, self.places[self.numbers.index(number)]), self.half
        return {"x0": x - right, "x1": x + right, "y0": y - up, "y1": y + up}


@dataclass(frozen=True)
class Pairs:
    """Points of a plane (plots/weighed.py), each a pair of tokens: where a head's number of it stands is told by two
    arrays [query, key]. First those of all `others` [query, key], and then those of the chosen query, which sees the
    keys `seen` [key].

    half: half the width and height of a point's outline.
    """

    name: str
    head: int
    across: np.ndarray
    up: np.ndarray
    others: np.ndarray
    query: int
    seen: np.ndarray
    half: tuple[float, ...]

    def at(self, click: Mapping[str, Any]) -> Numbered | None:
        trace, point = click.get("curve"), click.get("point")
        if not isinstance(point, int) or trace not in (0, 1) or point < 0:
            return None
        places = np.argwhere(self.others) if trace == 0 else self._own()
        if point >= len(places):
            return None
        query, key = places[point].tolist()
        return self.name, (self.head, query, key)

    def _own(self) -> np.ndarray:
        """[key, 2]: the pairs of the chosen query."""
        keys = np.flatnonzero(self.seen)
        return np.stack([np.full(len(keys), self.query), keys], axis=1)

    def place(self, number: Numbered) -> Rectangle | None:
        name, index = number
        if name != self.name or len(index) != 3 or index[0] != self.head:
            return None
        _, query, key = index
        rows, columns = self.others.shape
        if query >= rows or key >= columns:  # of a text that was longer
            return None
        if not (self.seen[key] if query == self.query else self.others[query, key]):
            return None
        x, y = float(self.across[query, key]), float(self.up[query, key])
        return {"x0": x - self.half[0], "x1": x + self.half[0], "y0": y - self.half[1], "y1": y + self.half[1]}


@dataclass(frozen=True)
class Curves:
    """The curves of one head's pattern [query, key] between two columns (plots/bipartite.py), at the points that tell
    their weights. heard: whether a click explains one; else the page hears it by itself."""

    name: str
    head: int
    shape: tuple[int, int]
    heard: bool

    def at(self, click: Mapping[str, Any]) -> Numbered | None:
        x, y = click.get("x"), click.get("y")
        if not (self.heard and isinstance(x, int | float) and isinstance(y, int | float)):
            return None
        across, down = told_at(*np.indices(self.shape))
        away = np.abs(down - y) + abs(across - x)
        query, key = divmod(int(away.argmin()), self.shape[1])
        return (self.name, (self.head, query, key)) if away[query, key] < SAME_POINT else None

    def place(self, number: Numbered) -> Rectangle | None:
        name, index = number
        if name != self.name or len(index) != 3 or index[0] != self.head:
            return None
        x, down = told_at(np.array(index[1]), np.array(index[2]))
        return {"x0": x - 0.03, "x1": x + 0.03, "y0": float(down) - 0.2, "y1": float(down) + 0.2}


def cells(name: str | Sequence[str], index: tuple[int | str, ...], size: tuple[int, ...]) -> Cells:
    """Cells of an array of this name; of several, a row each."""
    return Cells((name,) if isinstance(name, str) else tuple(name), index, (size[0], size[1]))


def of_run(start: str, numbers: Cells) -> Cells:
    """The same cells of another run, whose names begin so."""
    return replace(numbers, names=tuple(start + name for name in numbers.names))


def by_layer(name: str, size: tuple[int, ...]) -> Cells:
    """Cells [layer, place] of an array of every layer, in whose name {} stands for the layer."""
    return cells([name.format(layer) for layer in range(size[0])], (COLUMN,), size)


def points(numbers: Iterable[Numbered], x: np.ndarray, y: np.ndarray, half: tuple[float, float]) -> Points:
    """Points at x and y [point], as float32 is sent."""
    places = np.stack([np.asarray(axis, np.float32) for axis in (x, y)], axis=-1).astype(np.float64)
    return Points(numbers if isinstance(numbers, Along) else tuple(numbers), places, half)


def standing(numbers: Iterable[Along], values: Iterable[np.ndarray]) -> Strokes:
    """Strokes of these numbers, a row each, at these values [stroke]."""
    return Strokes(tuple(numbers), tuple(array("d", row.tolist()) for row in values))


def _whole(click: Mapping[str, Any]) -> tuple[int, int] | None:
    """(row, column) of a click, on axes that count."""
    x, y = click.get("x"), click.get("y")
    return (round(y), round(x)) if isinstance(x, int | float) and isinstance(y, int | float) else None


def _cell(row: int, column: int) -> Rectangle:
    return {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
