"""Every attention pattern of a model in one picture: layers down, heads across, a small map each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

import numpy as np

from plots import theme
from plots.figure import axis, base_layout, label_width, literal, short, title
from plots.tile_places import WIDE, coarseness, grid, is_exact, spot_of, step_of, tile_of

TOGETHER = 1 << 18  # weights that are made bytes at once: a megabyte
TILE = (44, 150)  # px: the least and the greatest side of a tile
BYTE = 255
ASIDE = 0.05  # cells from a tile's middle to its tick: Plotly's hover calls a cell at a tick by the tick's name


def tiles(
    patterns: np.ndarray | Sequence[np.ndarray],
    *,
    chosen: tuple[int, int] | None = None,
    ablated: frozenset[tuple[int, int]] | set[tuple[int, int]] = frozenset(),
    layer_title: str = "",
    head_title: str = "",
    layer_prefix: str = "L",
    head_prefix: str = "H",
    hover: str = "{layer} · {head}: {value}",
    hover_tile: str = "{layer} · {head}",
    tokens: list[str] | None = None,
    keys: list[str] | None = None,
    looks: list[list[str]] | None = None,
    zmax: float = 1.0,
    signed: bool = False,
    filled: tuple[int, ...] = (),
    height: int | None = None,
    alt: str = "",
) -> dict[str, Any]:
    """All `patterns` [layer, head, query, key] as tiles; `chosen` (layer, head) is outlined, `ablated` are crossed out.
    Layers lie one below the other; of more than ROWS they may go on beside the first ones, at its top.

    One trace holds every map, with gutters between: positions are cells of the whole picture, which `tile_at` turns
    back into (layer, head). With `signed` they are differences of patterns, coloured from -zmax to zmax. `hover` may
    use {layer}, {head}, {value} and, of `tokens`, {query} and {key} (of `keys`, where these are others); above
    TILE_CELLS cells `hover_tile`, with {layer} and {head} alone, stands in for it. Either is followed by what the head
    `looks` [layer][head] at, a line of trusted text or "". filled: the rows and columns of a tile that have cells, from
    its first ones on, where not all have; frames, crosses and the outline go around these.
    """
    n_layers, n_heads, *_ = shape = len(patterns), *patterns[0].shape
    exact = is_exact(shape)
    places = {"layer": f"{layer_prefix}%{{customdata[0]}}", "head": f"{head_prefix}%{{customdata[1]}}"}
    lines = [[line and f"<br>{line}" for line in row] for row in looks or [[""] * n_heads] * n_layers]
    if exact:
        cell = {"query": "%{y}", "key": "%{x}", "value": "%{z:.4f}"}
        data = [_exact(np.asarray(patterns), hover.format(**places, **cell), lines)]
    else:
        data = [_thumbs(patterns, shape, zmax, signed), _targets(shape, hover_tile.format(**places), lines)]
    data[0] |= _scaled(zmax, signed, exact)

    shapes = [_frames(_corners(place, shape, filled) for place in np.ndindex(*shape[:2]))]
    if ablated:
        shapes += _crosses([_corners(place, shape, filled) for place in sorted(ablated)])
    n_rows, n_columns = grid(shape)
    layers = [" · ".join(f"{layer_prefix}{layer}" for layer in range(row, n_layers, n_rows)) for row in range(n_rows)]
    columns = [column for column in range(n_columns) if tile_of(0, column, shape)]
    heads = [f"{head_prefix}{column % (n_heads + 1)}" for column in columns]
    side = int(np.clip(WIDE // n_columns, *TILE))
    top = theme.GAP + 24 + (26 if head_title else 0)
    layout = base_layout(
        height=height or top + theme.GAP + n_rows * side,
        margin={
            "l": theme.GAP + label_width(layers) + (34 if layer_title else 8),
            "r": theme.GAP,
            "t": top,
            "b": theme.GAP,
        },
        xaxis=axis(
            side="top",
            range=[-1.5, _cells(n_columns, shape) + 0.5],
            constrain="domain",
            title=title(head_title, "@muted"),
            tickvals=_ticks(columns, shape),
            ticktext=heads,
            tickangle=0,
            **_named((keys or tokens) if exact else None, n_columns, step_of(shape)),
        ),
        yaxis=axis(
            range=[_cells(n_rows, shape) + 0.5, -1.5],
            constrain="domain",
            constraintoward="top",
            scaleanchor="x",
            title=title(layer_title, "@muted"),
            tickvals=_ticks(range(n_rows), shape),
            ticktext=layers,
            **_named(tokens if exact else None, n_rows, step_of(shape)),
        ),
        shapes=shapes,
        meta={"alt": alt},
    )
    figure = {"data": data, "layout": layout}
    return figure if chosen is None else outlined(figure, chosen, shape, filled)


def outlined(
    figure: dict[str, Any], chosen: tuple[int, int], shape: tuple[int, ...], filled: tuple[int, ...] = ()
) -> dict[str, Any]:
    """What `tiles` drew of such a `shape` and `filled`, with the tile `chosen` (layer, head) outlined: a figure beside
    the given one, whose arrays it shares."""
    layout, (row, column) = figure["layout"], spot_of(*chosen, shape)
    ring = _ring(_corners(chosen, shape, filled))
    x, y = layout["xaxis"], layout["yaxis"]
    place = x["tickvals"].index(*_ticks([column], shape))
    named = {
        "xaxis": x | {"ticktext": _bold(x["ticktext"], place)},
        "yaxis": y | {"ticktext": _bold(y["ticktext"], row)},
    }
    return figure | {"layout": layout | named | {"shapes": layout["shapes"] + ring}}


def _cells(n: int, shape: tuple[int, ...]) -> int:
    """How many cells n tiles in a line take, with the gutters between them."""
    return n * step_of(shape) - (step_of(shape) - shape[2])


def _ticks(places: Iterable[int], shape: tuple[int, ...]) -> list[float]:
    """Where the names of the tiles at these places of a line stand."""
    return [place * step_of(shape) + (shape[2] - 1) / 2 + ASIDE for place in places]


def _laid(values: np.ndarray, empty: Any) -> np.ndarray:
    """[layer, head, ...] -> [row, column, ...] of the grid, `empty` where no tile stands."""
    (n_layers, n_heads), (n_rows, n_columns) = values.shape[:2], grid(values.shape)
    if (n_layers, n_heads) == (n_rows, n_columns):
        return values
    whole = np.full((n_rows, n_columns, *values.shape[2:]), empty, values.dtype)
    for fold, start in enumerate(range(0, n_layers, n_rows)):
        part, left = values[start : start + n_rows], fold * (n_heads + 1)
        whole[: len(part), left : left + n_heads] = part
    return whole


def _tiled(values: np.ndarray, between: float) -> np.ndarray:
    """[layer, head, query, key] -> one matrix, with gutters of the value `between`."""
    step, n_tokens = step_of(values.shape), values.shape[2]
    values = _laid(values, between)
    n_rows, n_columns = values.shape[:2]
    whole = np.full((n_rows, step, n_columns, step), between, values.dtype)
    whole[:, :n_tokens, :, :n_tokens] = values.swapaxes(1, 2)
    end = n_tokens - step
    return whole.reshape(n_rows * step, n_columns * step)[:end, :end]


def _exact(patterns: np.ndarray, hover: str, lines: list[list[str]]) -> dict[str, Any]:
    z = _tiled(np.asarray(patterns, np.float32), np.nan)
    down, across = (np.arange(side) // step_of(patterns.shape) for side in z.shape)
    cells = np.ix_(down, across)
    named = {"text": _laid(np.array(lines, object), "")[cells].tolist()} if any(map(any, lines)) else {}
    return named | {
        "type": "heatmap",
        "z": z,
        "showscale": False,
        "hoverongaps": False,
        "customdata": _places(patterns.shape)[cells],
        "hovertemplate": f"{hover}{'%{text}' if named else ''}<extra></extra>",
    }


def _targets(shape: tuple[int, ...], hover: str, lines: list[list[str]]) -> dict[str, Any]:
    """A cell a tile, unseen, for the pointer: 144 lines to tell instead of one for each of 46,000 cells."""
    step, centre = step_of(shape), (shape[2] - 1) / 2
    there = _laid(np.zeros(shape[:2], np.uint8), 1)
    return {
        "type": "heatmap",
        "z": np.where(there, np.float32(np.nan), np.float32(0)) if there.any() else there,
        "hoverongaps": False,
        **{"x0": centre, "dx": step, "y0": centre, "dy": step},
        "opacity": 0,
        "showscale": False,
        "customdata": _places(shape),
        "text": _laid(np.array(lines, object), "").tolist(),
        "hovertemplate": f"{hover}%{{text}}<extra></extra>",
    }


def _named(tokens: list[str] | None, n_tiles: int, step: int) -> dict[str, Any]:
    """Axis settings that have the hover call each cell of a line of tiles by its token."""
    names = [literal(short(token)) for token in tokens or ()]
    return {"labelalias": {str(tile * step + i): name for tile in range(n_tiles) for i, name in enumerate(names)}}


def _places(shape: tuple[int, ...]) -> np.ndarray:
    """[row, column, 2]: the layer and the head of each tile of the grid."""
    return _laid(np.moveaxis(np.indices(shape[:2], np.uint8), 0, -1), 0)


def _thumbs(
    patterns: np.ndarray | Sequence[np.ndarray], shape: tuple[int, ...], zmax: float, signed: bool
) -> dict[str, Any]:
    """The same picture in bytes, as fine as THUMB_CELLS allow. A gutter is a zero, which is nearly the background."""
    factor, (n_rows, n_columns) = coarseness(shape), grid(shape)
    side, step = -(-shape[2] // factor), step_of(shape) // factor
    z = np.zeros((n_rows * step, n_columns * step), np.int8 if signed else np.uint8)
    together = max(1, TOGETHER // prod(shape[1:]))  # of a long text all at once would take several times what they are
    for first in range(0, shape[0], together):
        some = patterns[first : first + together]
        shares = np.asarray(some[0][None] if len(some) == 1 else some, np.float32)  # of one no copy is made
        if not signed:  # the greatest of some is so too as a byte: the fewer are left to be made one
            shares = _pooled(shares, factor, np.fmax)
        shares = np.clip(shares / zmax, -1, 1)
        cells = np.where(np.isnan(shares), 0, shares) * (BYTE // 2 if signed else BYTE)
        cells = np.rint(cells).astype(np.int16)
        if signed:
            cells = _pooled(cells, factor, _greater)
        for layer, heads in enumerate(cells, first):
            row, column = spot_of(layer, 0, shape)
            place = z[row * step : row * step + side, column * step : (column + len(heads)) * step]
            place.reshape(side, len(heads), step)[..., :side] = heads.swapaxes(0, 1)
    end = side - step or None
    return {
        "type": "heatmap",
        "z": z[:end, :end],
        "x0": (factor - 1) / 2,
        "dx": factor,
        "y0": (factor - 1) / 2,
        "dy": factor,
        "showscale": False,
        "hoverinfo": "skip",  # its targets lie above it
    }


def _scaled(zmax: float, signed: bool, exact: bool) -> dict[str, Any]:
    most = zmax if exact else BYTE // 2 if signed else BYTE
    return {"colorscale": "@signed" if signed else "@probability", "zmin": -most if signed else 0, "zmax": most}


def _pooled(cells: np.ndarray, factor: int, greater: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """[..., query, key]: the greatest of each factor x factor cells (a power of two).

    First of rows, which lie side by side in memory: with one of NumPy's own functions all at once. Then of pairs of
    the few that are left: a reduction over such short axes takes NumPy ten times as long.
    """
    if any(side % factor for side in cells.shape[-2:]):
        cells = np.pad(cells, [(0, 0)] * (cells.ndim - 2) + [(0, -side % factor) for side in cells.shape[-2:]])
    halvings = factor.bit_length() - 1
    if isinstance(greater, np.ufunc):
        *many, rows, columns = cells.shape
        cells = greater.reduce(cells.reshape(*many, rows // factor, factor, columns), axis=-2)
    else:
        for _ in range(halvings):
            cells = greater(cells[..., ::2, :], cells[..., 1::2, :])
    for _ in range(halvings):
        cells = greater(cells[..., ::2], cells[..., 1::2])
    return cells


def _greater(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The greater magnitude, with its sign; of two, the positive one."""
    return np.where(a + b >= 0, np.maximum(a, b), np.minimum(a, b))


def _bold(labels: list[str], chosen: int) -> list[str]:
    return [f"<b>{label}</b>" if i == chosen else label for i, label in enumerate(labels)]


def _corners(
    place: tuple[int, ...], shape: tuple[int, ...], filled: tuple[int, ...]
) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of the cells that are `filled`, or of all, in the tile (layer, head)."""
    (layer, head), (down, across) = place, filled or shape[2:]
    row, column = spot_of(layer, head, shape)
    left, top = column * step_of(shape) - 0.5, row * step_of(shape) - 0.5
    return left, top, left + across, top + down


def _box(corners: tuple[float, float, float, float]) -> str:
    left, top, right, bottom = corners
    return f"M{left} {top}H{right}V{bottom}H{left}Z"


def _frames(corners: Iterable[tuple[float, float, float, float]]) -> dict[str, Any]:
    """A thin frame around every tile, all in one path: a tile of zeros is seen as a tile."""
    path = "".join(map(_box, corners))
    return {"type": "path", "path": path, "line": {"color": "@grid", "width": 1}}


def _crosses(corners: list[tuple[float, float, float, float]]) -> list[dict[str, Any]]:
    """The ablated tiles faded, and a cross through each."""
    strokes = "".join(f"M{x0} {y0}L{x1} {y1}M{x0} {y1}L{x1} {y0}" for x0, y0, x1, y1 in corners)
    return [
        {"type": "path", "path": "".join(map(_box, corners)), "fillcolor": "@background/0.8", "line": {"width": 0}},
        {"type": "path", "path": strokes, "line": {"color": "@muted", "width": 1.5}},
    ]


def _ring(corners: tuple[float, float, float, float]) -> list[dict[str, Any]]:
    left, top, right, bottom = corners
    rect = {"type": "rect", "x0": left, "x1": right, "y0": top, "y1": bottom}
    return [rect | {"line": {"color": "@background", "width": 6}}, rect | {"line": {"color": "@chosen", "width": 3}}]
