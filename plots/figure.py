"""What every figure shares: its layout, its labels made safe, and its way to the browser."""

from __future__ import annotations

import base64
import json
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np

from plots import theme
from plots.tokens import literal, short

orjson: Any = None
with suppress(ImportError):  # faster where there is one; the browser-only build has none
    import orjson


SMALLEST = 8  # px: of a name; where there is no room for that, an axis has none
LINE = 1.26  # of a name's size: the height of its line


def number(value: float, decimals: int, comma: bool = False) -> str:
    """A number as it is printed: with a true minus, no negative zero, and a decimal comma where that is the custom."""
    written = f"{value:.{decimals}f}"
    if written.startswith("-"):
        written = written.replace("-", "−" if float(written) else "")
    return written.replace(".", ",") if comma else written


def compact(values: Any) -> np.ndarray:
    """The same numbers in as few bytes as hold them: float32, or float64 where one has left its range."""
    values = np.asarray(values)
    beyond = np.isfinite(values) & (np.abs(values) > np.finfo(np.float32).max)
    return values.astype(np.float64 if beyond.any() else np.float32, copy=False)


def label_width(labels: list[str], size: int = theme.FONT_SIZE) -> int:
    """Pixels that the longest label takes when shortened, at `size` px: an estimate; wide scripts count double."""
    return max((int(_ems(label) * size) for label in labels), default=0)


@lru_cache(maxsize=4096)  # a page's pictures have the same tokens on their axes
def _ems(label: str) -> float:
    return sum(map(_em, short(label)))


def _em(character: str) -> float:
    if character < "\u0300":  # Latin
        return 0.56
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    return 0.0 if unicodedata.category(character) in ("Mn", "Me", "Cf") else 0.56


def ticks(tokens: list[str], chosen: int | None = None, room: float = np.inf) -> dict[str, Any]:
    """Axis settings that write each token at its own position 0..n-1: a word said twice has two; `chosen` is bold.

    All are written or none: where each has `room` px and that is less than a line of text, they are smaller, and where
    they would be too small, left to the hover. (The browser looks once more, ui/live/paper.js: a screen may be narrower
    than was counted on.)
    """
    labels = [literal(short(token)) for token in tokens]
    if chosen is not None:
        labels[chosen] = f"<b>{labels[chosen]}</b>"
    size = int(min(room / LINE + 0.1, theme.FONT_SIZE))
    named = {"type": "linear", "tickmode": "array", "tickvals": list(range(len(tokens))), "ticktext": labels}
    if size < SMALLEST:
        return named | {"showticklabels": False}
    return named if size == theme.FONT_SIZE else named | {"tickfont": {"size": size}}


def axis(**extra: Any) -> dict[str, Any]:
    """A bare axis: no lines, no grid, no zooming (a click chooses instead).

    It has a type, or Plotly would choose one by the looks of the data: names at positions would make it an axis of
    categories, on which whatever lies between two positions goes astray.
    """
    bare = {
        "type": "linear",
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "ticklabelstandoff": 4,
        "fixedrange": True,
    }
    # Plotly would measure every label to hide those that stick out: a third of its time a redraw. Ours fit.
    bare |= {"ticklabeloverflow": "allow"}
    return bare | ({"tickmode": "array"} if "ticktext" in extra else {}) | extra


def title(text: str, role: str = "@text", standoff: int = 8) -> dict[str, Any]:
    """An axis title in the colour of its role, `standoff` px from the labels."""
    return {"text": text, "font": {"color": role, "size": theme.TITLE_SIZE}, "standoff": standoff}


def line_name(text: str, role: str, side: str) -> dict[str, Any]:
    """A line's name above a picture, at its left or right, where no bar and no other name is in the way."""
    place = {"xref": "paper", "x": 0 if side == "left" else 1, "xanchor": side, "yref": "paper", "y": 1}
    return place | {"yanchor": "bottom", "text": text, "showarrow": False, "font": {"color": role}}


def base_layout(**extra: Any) -> dict[str, Any]:
    """The common layout: transparent paper, the page's font, a quiet hover label, nothing that traps a finger."""
    return {
        "font": {"family": theme.FONT, "size": theme.FONT_SIZE, "color": "@text"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": theme.GAP, "r": theme.GAP, "t": theme.GAP, "b": theme.GAP},
        "hoverlabel": {
            "bgcolor": "@surface",
            "bordercolor": "@muted",
            "font": {"family": theme.FONT, "size": theme.FONT_SIZE, "color": "@text"},
            "align": "left",
        },
        "hovermode": "closest",
        "dragmode": False,
        "showlegend": False,
        "uirevision": "keep",
    } | extra


def json_value(value: Any) -> Any:
    """What JSON has no form for, in one that it has: an array as Plotly's {"dtype", "bdata", "shape"}."""
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{type(value).__name__} has no place in a figure")
    if value.dtype.kind in "US":
        return value.tolist()
    if value.dtype.itemsize == 8 and value.dtype.kind in "iu":
        value = value.astype(np.int32)  # Plotly knows no 8-byte integers
    elif value.dtype.kind == "b":
        value = value.view(np.uint8)
    little = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
    encoded = {"dtype": f"{value.dtype.kind}{value.dtype.itemsize}", "bdata": base64.b64encode(little.data).decode()}
    return encoded if value.ndim == 1 else encoded | {"shape": ", ".join(map(str, value.shape))}


def to_json(figure: dict[str, Any], default: Callable[[Any], Any] = json_value) -> bytes:
    """The figure as JSON, each array as `json_value` has it: so NaN and infinities pass."""
    if orjson is not None:
        return orjson.dumps(figure, default=default)
    return json.dumps(figure, default=default, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
