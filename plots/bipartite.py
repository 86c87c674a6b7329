"""The flat twin of the fibres: one layer, who looks on the left, who is looked at on the right, to be read exactly."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from plots import theme
from plots.figure import axis, base_layout, label_width, literal, number, short
from plots.mask import heaviest, with_mask
from plots.tokens import LABEL

MAX_CURVES = 160  # the strongest are drawn: more are not told apart, and 500 took 0.4 s to paint
PATHS = 48  # of curves at most: each is one drawing of many curves of one colour and opacity
ROW = (15, 44)  # px: the least and the greatest distance between tokens
TALL = 560  # px: what the tokens share
REACH = 0.42  # of the width: how far a curve leaves its token level
LETTER = 7.3  # px: of a name
TOLD = 100  # curves at most whose value is told, the strongest: each is an element of its own to draw
TOLD_AT = 0.31  # of a curve: where its value is told; at the middle, many curves meet


def bipartite(
    patterns: np.ndarray,
    tokens: list[str],
    *,
    threshold: float = 0.05,
    focus: int | None = None,
    keys: list[str] | None = None,
    key_focus: int | None = None,
    first: tuple[int, int] = (0, 0),
    heads: list[int] | None = None,
    query_title: str = "",
    key_title: str = "",
    head_prefix: str = "H",
    colours: list[str] | None = None,
    hover: str = "{query} → {key} · {head}: {value}",
    turns: bool = False,
    first_edge: int | None = None,
    decimals: int = 2,
    comma: bool = False,
    width: int = 560,
    height: int | None = None,
    alt: str = "",
) -> dict[str, Any]:
    """`patterns` [head, query, key] of one layer as curves between two columns of tokens.

    Opacity and width are weight, colour is the head. Only weights above `threshold` are drawn, the MAX_CURVES strongest
    at most: `layout.meta` says "drawn" and "above". The figure has a mask (`plots.mask`), and where the threshold
    `turns` it holds what any would draw. With `focus` (a token) the curves that leave or reach it keep their colour,
    and where one head is shown their weights stand beside the tokens. `heads` are the heads shown, all unless
    told; `colours` are theirs, where they are not to have the heads' own. Clicked tokens carry their index in
    `customdata`; with `first_edge`, the points that tell a curve's weight carry that number and the curve's place in
    `patterns` counted on from there. `hover` may use {query}, {key}, {head} and {value}; `comma` writes numbers with a
    decimal comma.
    `width` is how many pixels the picture can count on: names are cut so that the curves keep a quarter of it.
    `keys` are the tokens that are looked at, where they are not those that look; then `focus` is one of these alone,
    and `key_focus` one of those; `first`: what a click counts either from.
    """
    n_heads, n_queries, n_keys = patterns.shape
    sides = (tokens, tokens if keys is None else keys)
    focuses = (focus, focus if keys is None else key_focus)
    visible = list(range(n_heads)) if heads is None else heads
    weights = patterns if heads is None else _alone(patterns, visible)
    weights = weights.astype(np.float32, copy=False)
    curves = _curves(weights, np.float32(0 if turns else threshold), focuses)
    dim, touched = np.flatnonzero(~curves.lit), np.flatnonzero(curves.lit)
    paths = [(_path(curves.query[dim], curves.key[dim], "@muted/0.12", 1.0), dim)] if len(dim) else []
    paths += _lit_paths(curves, touched, colours)
    bright = Curves(*(part[touched] for part in curves))
    names = [[literal(token) for token in side] for side in sides]
    words = [
        hover.format(query=names[0][q], key=names[1][k], head=f"{head_prefix}{h}", value=number(w, decimals + 2, comma))
        for h, q, k, w, _ in zip(*(part.tolist() for part in bright), strict=True)
    ]
    told = _told(bright.query, bright.key, words) | {"meta": {"curves": touched.astype(np.int32), "most": TOLD}}
    if first_edge is not None:
        places = np.ravel_multi_index((bright.head, bright.query, bright.key), patterns.shape)
        told["customdata"] = (first_edge + places).astype(np.int32)

    beside: list[list[str]] = [[], []]
    if len(visible) == 1:
        beside = [[number(w, decimals, comma) for w in ws] for ws in _beside(patterns[visible[0]], *focuses)]
    around = 2 * theme.GAP + 8 + (10 + 7 * (decimals + 2) if any(beside) else 0)
    letters = int(np.clip((0.375 * width - around) // LETTER, 4, LABEL))
    labels = [[short(token, letters) for token in side] for side in sides]
    columns = [_column(x, *one) for x, one in enumerate(zip(sides, labels, focuses, beside, first, strict=True))]

    n_tokens = max(n_queries, n_keys)
    side = around + label_width([*labels[0], *labels[1]])
    top = theme.GAP + (32 if query_title or key_title else 8)
    row = int(np.clip(TALL // n_tokens, *ROW))
    layout = base_layout(
        height=height or top + theme.GAP + n_tokens * row,
        margin={"l": side, "r": side, "t": top, "b": theme.GAP},
        xaxis=axis(range=[0, 1], showticklabels=False),
        yaxis=axis(range=[n_tokens - 0.5, -0.5], showticklabels=False),
        shapes=[shape for shape, _ in paths],
        annotations=[
            _title(query_title, "@query", 0.0, "left", theme.GAP - side),
            _title(key_title, "@key", 1.0, "right", side - theme.GAP),
        ],
        meta={"alt": alt},
    )
    mask = {
        "at": {"threshold": threshold},
        "turns": ["threshold"] if turns else [],
        "weight": curves.weight,
        "most": MAX_CURVES,
        "shapes": [mine.astype(np.int32) for _, mine in paths],
    }
    return with_mask({"data": [told, *columns], "layout": layout}, mask, weights)


class Curves(NamedTuple):
    """Curves [curve] in the order in which they have room: those that touch what is in focus first, then by weight."""

    head: np.ndarray
    query: np.ndarray
    key: np.ndarray
    weight: np.ndarray
    lit: np.ndarray


def _alone(patterns: np.ndarray, heads: list[int]) -> np.ndarray:
    """The weights of these heads, and nothing of the others."""
    shown = np.zeros(len(patterns), bool)
    shown[heads] = True
    return np.where(shown[:, None, None], patterns, 0)


def _curves(weights: np.ndarray, above: np.float32, focuses: tuple[int | None, int | None]) -> Curves:
    """Those of the `weights` [head, query, key] that are above, at most MAX_CURVES of either kind."""
    head, query, key = np.nonzero(weights > above)
    weight = weights[head, query, key]
    lit = np.ones(len(weight), bool) if focuses == (None, None) else (query == focuses[0]) | (key == focuses[1])
    order = np.concatenate([_first(weight, side) for side in (lit, ~lit)])
    return Curves(head[order], query[order], key[order], weight[order], lit[order])


def _beside(pattern: np.ndarray, query: int | None, key: int | None) -> tuple[list[float], list[float]]:
    """What stands beside either column of tokens: how much each looks at the key in focus, and is looked at by the
    query."""
    return [] if key is None else pattern[:, key].tolist(), [] if query is None else pattern[query].tolist()


def _first(weight: np.ndarray, side: np.ndarray) -> np.ndarray:
    """The places of the MAX_CURVES heaviest of those on this side, in order."""
    places = np.flatnonzero(side)
    places = places[heaviest(weight[places], MAX_CURVES)]
    return places[np.argsort(-weight[places], kind="stable")][:MAX_CURVES]


def _path(query: np.ndarray, key: np.ndarray, colour: str, width: float) -> dict[str, Any]:
    """Many curves as one path: one element to draw, whatever their number."""
    pairs = zip(query.tolist(), key.tolist(), strict=True)
    curves = "".join(f"M0 {q}C{REACH} {q} {1 - REACH} {k} 1 {k}" for q, k in pairs)
    return {"type": "path", "layer": "below", "path": curves, "line": {"color": colour, "width": width}}


def _lit_paths(
    curves: Curves, touched: np.ndarray, colours: list[str] | None
) -> list[tuple[dict[str, Any], np.ndarray]]:
    """A path a head and bin of weight, the heaviest on top, and the curves that it is made of, out of `touched`."""
    head_of, present = curves.head[touched], np.unique(curves.head[touched])
    n_bins = int(np.clip(PATHS // max(len(present), 1), 3, 10))
    bins = np.minimum((np.sqrt(curves.weight[touched]) * n_bins).astype(int), n_bins - 1)
    paths = []
    for b in range(n_bins):
        level = (b + 0.5) / n_bins
        for h in present:
            mine = touched[(head_of == h) & (bins == b)]
            if len(mine):
                colour = f"{colours[h] if colours else theme.head(h)}/{0.1 + 0.85 * level:.2f}"
                paths.append((_path(curves.query[mine], curves.key[mine], colour, round(1 + 3.2 * level**2, 2)), mine))
    return paths


def _column(
    x: float, tokens: list[str], labels: list[str], focus: int | None, numbers: list[str], first: int
) -> dict[str, Any]:
    """One side's tokens: a dot each, with its name outwards, and between them its number where there are `numbers`."""
    names = [literal(label) for label in labels]
    if numbers:
        pairs = zip(names, numbers, strict=True)
        names = [f"<b>{value}</b>  {name}" if x else f"{name}  <b>{value}</b>" for name, value in pairs]
    inks = ["@text" if focus is None or i == focus else "@muted" for i in range(len(tokens))]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": np.full(len(tokens), x, np.float32),
        "y": np.arange(len(tokens), dtype=np.int32),
        "text": names,
        "textposition": "middle right" if x else "middle left",
        "textfont": {"size": theme.FONT_SIZE if len(tokens) <= 32 else theme.FONT_SIZE - 2, "color": inks},
        "marker": {"size": 7, "color": "@key" if x else "@query", "line": {"width": 2, "color": "@background"}},
        "cliponaxis": False,
        "customdata": first + np.arange(len(tokens), dtype=np.int32),
        "hovertext": [literal(token) for token in tokens],
        "hoverinfo": "text",
    }


def told_at(query: np.ndarray, key: np.ndarray) -> tuple[float, np.ndarray]:
    """Where on its curve a weight is told: x, and of each curve y."""
    t = TOLD_AT
    across = 3 * (1 - t) ** 2 * t * REACH + 3 * (1 - t) * t**2 * (1 - REACH) + t**3
    return across, query + (key - query) * t**2 * (3 - 2 * t)


def _told(query: np.ndarray, key: np.ndarray, words: list[str]) -> dict[str, Any]:
    """Unseen points on the curves, which tell the exact weight when they are pointed at."""
    across, down = told_at(query, key)
    return {
        "type": "scatter",
        "mode": "markers",
        "x": np.full(len(words), across, np.float32),
        "y": down.astype(np.float32),
        "marker": {"size": 8, "opacity": 0},
        "hovertext": words,
        "hoverinfo": "text",
    }


def _title(text: str, role: str, x: float, anchor: str, shift: int) -> dict[str, Any]:
    """A column's title, from the picture's edge inwards."""
    return {
        "text": text,
        "font": {"color": role, "size": theme.TITLE_SIZE},
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
        "x": x,
        "y": 1,
        "xanchor": anchor,
        "yanchor": "bottom",
        "xshift": shift,
        "yshift": 6,
    }
