"""Two sentences, one above the other, and between them who looks at whom: where words change places, fibres cross."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots import theme
from plots.figure import axis, base_layout, literal, number, short, title

LEAST = 0.03  # of a row's weight: what is less is not drawn
BINS = 8  # of weight: each is one path
BEND = 0.45  # of the height: how far a fibre leaves its word level
DIM = 0.3  # of its opacity: what a fibre keeps while another word is looked at
DOT = 9  # px: of a word's own


def crossing(
    weights: np.ndarray,
    above: list[str],
    below: list[str],
    *,
    colour: str = "@attention",
    truth: list[tuple[int, int]] | None = None,
    focus: int | None = None,
    marked: frozenset[int] = frozenset(),
    places: int | None = None,
    titles: tuple[str, str] = ("", ""),
    hover: str = "{query} → {key}: {value}",
    comma: bool = False,
    height: int = 300,
    alt: str = "",
) -> dict[str, Any]:
    """`weights` [below, above] as fibres from each word below, who looks, to the words above, who are looked at.

    A fibre's opacity and width are its weight. `truth`: pairs (below, above) that belong together, as thin dotted
    outlines. `focus`: a word below whose fibres keep their colour. `marked` words below are underlined. `places`: for
    how many words there is room below, where some are still to come. The words' dots tell their place in `customdata`:
    the first trace has those above. Titles and `hover`, which may use {query}, {key} and {value}, are trusted text.
    """
    n_below, n_above = weights.shape
    top, bottom = _across(n_above, n_above), _across(n_below, places or n_below)
    query, key = np.nonzero(weights > LEAST)
    weight = weights[query, key]
    lit = np.ones(len(query), bool) if focus is None else query == focus
    shapes = _outlines(truth or [], top, bottom)
    for b in range(BINS):
        level = (b + 0.5) / BINS
        in_bin = np.minimum((np.sqrt(weight) * BINS).astype(int), BINS - 1) == b
        for bright in (False, True):
            mine = in_bin & (lit == bright)
            if mine.any():
                opacity = (0.08 + 0.87 * level) * (1 if bright else DIM)
                line = {"color": f"{colour}/{opacity:.2f}", "width": round(0.8 + 5.2 * level**2, 2)}
                shapes.append(_path(bottom[query[mine]], top[key[mine]], line))
    names = [[literal(word) for word in words] for words in (above, below)]
    told = [
        hover.format(query=names[1][q], key=names[0][k], value=number(w, 4, comma))
        for q, k, w in zip(query.tolist(), key.tolist(), weight.tolist(), strict=True)
    ]
    data = [
        _dots(top, 1.0, names[0], "@key"),
        _dots(bottom, 0.0, names[1], "@query"),
        _told(bottom[query], top[key], told),
    ]
    layout = base_layout(
        height=height,
        margin={"l": 14, "r": 14, "t": 50, "b": 50},
        xaxis=_words(below, bottom, "bottom", title(titles[1], "@query", standoff=4), focus, marked),
        xaxis2=_words(above, top, "top", title(titles[0], "@key", standoff=4), None, frozenset()) | {"overlaying": "x"},
        yaxis=axis(range=[-0.04, 1.04], showticklabels=False),
        shapes=shapes,
        meta={"alt": alt},
    )
    return {"data": data, "layout": layout}


def told_at(weights: np.ndarray, places: int | None = None) -> list[tuple[tuple[int, int], tuple[float, float]]]:
    """Where the weight of each fibre of `crossing` is told: its (below, above), and the point in the plane."""
    n_below, n_above = weights.shape
    query, key = np.nonzero(weights > LEAST)
    x, y = _up(_across(n_below, places or n_below)[query], _across(n_above, n_above)[key])
    pairs = zip(query.tolist(), key.tolist(), strict=True)
    return [(pair, (at, y)) for pair, at in zip(pairs, x.tolist(), strict=True)]


def _across(n: int, places: int) -> np.ndarray:
    """Where n words stand, of `places` that share the width: [n] in 0..1."""
    return (np.arange(n, dtype=np.float64) + 0.5) / max(places, n, 1)


def _path(bottom: np.ndarray, top: np.ndarray, line: dict[str, Any]) -> dict[str, Any]:
    """Fibres [n] of one look as one path: one element to draw, whatever their number."""
    pairs = zip(bottom.tolist(), top.tolist(), strict=True)
    path = "".join(f"M{b:.4f} 0C{b:.4f} {BEND} {t:.4f} {1 - BEND} {t:.4f} 1" for b, t in pairs)
    return {"type": "path", "layer": "below", "path": path, "line": line}


def _outlines(truth: list[tuple[int, int]], top: np.ndarray, bottom: np.ndarray) -> list[dict[str, Any]]:
    if not truth:
        return []
    b, t = (np.array(side) for side in zip(*truth, strict=True))
    return [_path(bottom[b], top[t], {"color": "@text/0.75", "width": 1, "dash": "dot"})]


def _dots(x: np.ndarray, y: float, names: list[str], role: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": x.astype(np.float32),
        "y": np.full(len(x), y, np.float32),
        "xaxis": "x2" if y else "x",
        "marker": {"size": DOT, "color": role, "line": {"width": 2, "color": "@background"}},
        "cliponaxis": False,
        "customdata": np.arange(len(x), dtype=np.int32),
        "hovertext": names,
        "hoverinfo": "text",
    }


def _told(bottom: np.ndarray, top: np.ndarray, words: list[str]) -> dict[str, Any]:
    """Unseen points a third of the way up each fibre, which tell its weight when they are pointed at."""
    x, y = _up(bottom, top)
    return {
        "type": "scatter",
        "mode": "markers",
        "x": x.astype(np.float32),
        "y": np.full(len(words), y, np.float32),
        "marker": {"size": 10, "opacity": 0},
        "hovertext": words,
        "hoverinfo": "text",
    }


def _up(bottom: np.ndarray, top: np.ndarray) -> tuple[np.ndarray, float]:
    """A third of the way up fibres [n]: where across [n], and how high."""
    t = 1 / 3
    near = (1 - t) ** 3 + 3 * (1 - t) ** 2 * t
    up = 3 * (1 - t) ** 2 * t * BEND + 3 * (1 - t) * t**2 * (1 - BEND) + t**3
    return near * bottom + (1 - near) * top, up


def _words(
    words: list[str], at: np.ndarray, side: str, named: dict[str, Any], chosen: int | None, marked: frozenset[int]
) -> dict[str, Any]:
    """The axis that writes a sentence. Where a screen is narrow Plotly turns the words, and makes room for them."""
    texts = [literal(short(word)) for word in words]
    texts = [f"<u>{text}</u>" if i in marked else text for i, text in enumerate(texts)]
    texts = [f"<b>{text}</b>" if i == chosen else text for i, text in enumerate(texts)]
    ticks = {"tickvals": at.tolist(), "ticktext": texts, "side": side, "automargin": True}
    return axis(range=[0, 1], title=named, tickfont={"size": theme.FONT_SIZE + 1}, **ticks)
