"""Every attention pattern of a model in one picture: layers down, heads across, a small map each."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np

from plots import theme
from plots.figure import axis, base_layout, label_width, title

TILE_CELLS = 6_000
"""Cells that are drawn as a heatmap of exact weights. Above, a palette PNG of the same picture: 12 x 12 heads of 32 tokens
redraw in 30 ms instead of 190, with 120 kB instead of 880 (both themes' images included)."""
FINE = 32  # tokens; of more, a pixel of the image shows the greatest of four cells, since a tile has no room for all
SHADES = 64  # of an image; a step of 1/64 of the scale is not seen
TILE = (44, 150)  # px: the least and the greatest side of a tile
WIDE = 760  # px: what the tiles of a layer share


def tiles(
    patterns: np.ndarray,
    *,
    chosen: tuple[int, int] | None = None,
    ablated: frozenset[tuple[int, int]] | set[tuple[int, int]] = frozenset(),
    layer_title: str = "",
    head_title: str = "",
    layer_prefix: str = "L",
    head_prefix: str = "H",
    hover: str = "{layer} · {head}: {value}",
    zmax: float = 1.0,
    height: int | None = None,
    alt: str = "",
) -> dict[str, Any]:
    """All `patterns` [layer, head, query, key] as tiles; `chosen` (layer, head) is outlined, `ablated` ones are crossed out.

    One trace holds every map, with gutters between: positions are cells of the whole picture, which `tile_at` turns back
    into (layer, head). `hover` may use {layer}, {head} and {value}; it is not shown above TILE_CELLS cells.
    """
    n_layers, n_heads, n_tokens, _ = patterns.shape
    step, centre = _step(n_tokens), (n_tokens - 1) / 2
    height_cells, width_cells = (n * step - _gutter(n_tokens) for n in (n_layers, n_heads))
    exact = patterns.size <= TILE_CELLS
    traces = _exact(patterns, zmax, hover, layer_prefix, head_prefix) if exact else _images(patterns, zmax)

    shapes = [_frames(patterns.shape)]
    if ablated:
        shapes += _crosses(sorted(ablated), n_tokens)
    if chosen is not None:
        shapes += _ring(*chosen, n_tokens)
    layers, heads = ([f"{p}{i}" for i in range(n)] for p, n in ((layer_prefix, n_layers), (head_prefix, n_heads)))
    side = int(np.clip(WIDE // n_heads, *TILE))
    top = theme.GAP + 24 + (26 if head_title else 0)
    layout = base_layout(
        height=height or top + theme.GAP + n_layers * side,
        margin={
            "l": theme.GAP + label_width(layers) + (34 if layer_title else 8),
            "r": theme.GAP,
            "t": top,
            "b": theme.GAP,
        },
        xaxis=axis(
            side="top",
            range=[-1.5, width_cells + 0.5],
            constrain="domain",
            title=title(head_title, "@muted"),
            tickvals=[head * step + centre for head in range(n_heads)],
            ticktext=_bold(heads, chosen and chosen[1]),
            tickangle=0,
        ),
        yaxis=axis(
            range=[height_cells + 0.5, -1.5],
            constrain="domain",
            constraintoward="top",
            scaleanchor="x",
            title=title(layer_title, "@muted"),
            tickvals=[layer * step + centre for layer in range(n_layers)],
            ticktext=_bold(layers, chosen and chosen[0]),
        ),
        shapes=shapes,
        meta={"alt": alt},
    )
    return {"data": traces, "layout": layout}


def tile_at(x: float, y: float, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The (layer, head) under a click at (x, y), `shape` being the patterns' own; None between tiles and outside."""
    n_layers, n_heads, n_tokens = shape[:3]
    step = _step(n_tokens)
    head, across = divmod(x + 0.5, step)
    layer, down = divmod(y + 0.5, step)
    inside = 0 <= layer < n_layers and 0 <= head < n_heads and across < n_tokens and down < n_tokens
    return (int(layer), int(head)) if inside else None


def _gutter(n_tokens: int) -> int:
    """Cells between tiles; an even step where pixels are of two cells, so that each tile begins on one."""
    gutter = max(1, round(n_tokens / 10))
    return gutter + (n_tokens + gutter) % 2 if n_tokens > FINE else gutter


def _step(n_tokens: int) -> int:
    """Cells from one tile to the next."""
    return n_tokens + _gutter(n_tokens)


def _tiled(values: np.ndarray, between: float) -> np.ndarray:
    """[layer, head, query, key] -> one matrix, with gutters of the value `between`."""
    n_layers, n_heads, n_tokens, _ = values.shape
    step = _step(n_tokens)
    whole = np.full((n_layers, step, n_heads, step), between, values.dtype)
    whole[:, :n_tokens, :, :n_tokens] = values.swapaxes(1, 2)
    gutter = _gutter(n_tokens)
    return whole.reshape(n_layers * step, n_heads * step)[:-gutter, :-gutter]


def _exact(patterns: np.ndarray, zmax: float, hover: str, layer_prefix: str, head_prefix: str) -> list[dict[str, Any]]:
    z = _tiled(np.asarray(patterns, np.float32), np.nan)
    step = _step(patterns.shape[2])
    place = np.empty((*z.shape, 2), np.uint8)
    place[..., 0] = np.arange(z.shape[0])[:, None] // step
    place[..., 1] = np.arange(z.shape[1]) // step
    names = {"{layer}": f"{layer_prefix}%{{customdata[0]}}", "{head}": f"{head_prefix}%{{customdata[1]}}"}
    for name, field in (names | {"{value}": "%{z:.4f}"}).items():
        hover = hover.replace(name, field)
    return [
        {
            "type": "heatmap",
            "z": z,
            "zmin": 0.0,
            "zmax": zmax,
            "colorscale": "@probability",
            "showscale": False,
            "hoverongaps": False,
            "customdata": place,
            "hovertemplate": hover + "<extra></extra>",
        }
    ]


def _images(patterns: np.ndarray, zmax: float) -> list[dict[str, Any]]:
    """An image a theme, of which the theme's own is visible. Shade 0 is the transparent gutter."""
    shades = 1 + np.rint(np.clip(np.asarray(patterns, np.float32) / zmax, 0, 1) * (SHADES - 1)).astype(np.uint8)
    whole = _tiled(shades, 0)
    image = {"type": "image", "hoverinfo": "none"}  # "skip" would take the click away too
    if patterns.shape[2] > FINE:
        whole = _halved(whole)
        image |= {"x0": 0.5, "y0": 0.5, "dx": 2, "dy": 2}
    return [
        image | {"source": _png(whole, _shade_colours(palette["probability"])), "visible": f"@{mode}"}
        for mode, palette in theme.PALETTES.items()
    ]


def _halved(cells: np.ndarray) -> np.ndarray:
    """The greatest of each 2 x 2 cells."""
    n_rows, n_columns = cells.shape
    even = np.pad(cells, ((0, n_rows % 2), (0, n_columns % 2)))
    return even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).max((1, 3))


def _shade_colours(scale: list) -> np.ndarray:
    stops = np.array([position for position, _ in scale])
    colours = np.array([theme.channels(colour) for _, colour in scale], float)
    at = np.linspace(0, 1, SHADES)
    shades = np.stack([np.interp(at, stops, channel) for channel in colours.T], axis=1)
    return np.vstack([np.zeros(3), shades]).round().astype(np.uint8)


def _png(indices: np.ndarray, palette: np.ndarray) -> str:
    """A data URI of `indices` (uint8) into `palette` [n, 3], whose first colour is transparent. PNG, ISO/IEC 15948."""
    n_rows, n_columns = indices.shape
    lines = np.zeros((n_rows, n_columns + 1), np.uint8)  # each begins with its filter: none
    lines[:, 1:] = indices
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", n_columns, n_rows, 8, 3, 0, 0, 0)),
        (b"PLTE", palette.tobytes()),
        (b"tRNS", b"\0"),
        (b"IDAT", zlib.compress(lines.tobytes(), 4)),
        (b"IEND", b""),
    ]
    chunks = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts)
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)).decode()


def _bold(labels: list[str], chosen: int | None) -> list[str]:
    return [f"<b>{label}</b>" if i == chosen else label for i, label in enumerate(labels)]


def _corners(layer: int, head: int, n_tokens: int) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of a tile."""
    left, top = head * _step(n_tokens) - 0.5, layer * _step(n_tokens) - 0.5
    return left, top, left + n_tokens, top + n_tokens


def _box(corners: tuple[float, float, float, float]) -> str:
    left, top, right, bottom = corners
    return f"M{left} {top}L{right} {top}L{right} {bottom}L{left} {bottom}Z"


def _frames(shape: tuple[int, ...]) -> dict[str, Any]:
    """A thin frame around every tile, all in one path: a tile of zeros is seen as a tile."""
    places = np.ndindex(*shape[:2])
    path = "".join(_box(_corners(layer, head, shape[2])) for layer, head in places)
    return {"type": "path", "path": path, "line": {"color": "@grid", "width": 1}}


def _crosses(ablated: list[tuple[int, int]], n_tokens: int) -> list[dict[str, Any]]:
    """The ablated tiles faded, and a cross through each."""
    corners = [_corners(layer, head, n_tokens) for layer, head in ablated]
    strokes = "".join(f"M{l} {t}L{r} {b}M{l} {b}L{r} {t}" for l, t, r, b in corners)
    return [
        {"type": "path", "path": "".join(map(_box, corners)), "fillcolor": "@background/0.8", "line": {"width": 0}},
        {"type": "path", "path": strokes, "line": {"color": "@muted", "width": 1.5}},
    ]


def _ring(layer: int, head: int, n_tokens: int) -> list[dict[str, Any]]:
    left, top, right, bottom = _corners(layer, head, n_tokens)
    rect = {"type": "rect", "x0": left, "x1": right, "y0": top, "y1": bottom}
    return [rect | {"line": {"color": "@background", "width": 6}}, rect | {"line": {"color": "@chosen", "width": 3}}]
