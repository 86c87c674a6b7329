"""A share of each token, as bars that begin at zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots.figure import LINE, SMALLEST, axis, base_layout, compact, label_width, literal, ticks, title

LEAST = 0.0005  # a share: of less 0.0% is written
CHARACTER = 6.6  # px: a digit of the number above a bar
ABOVE = 20  # px: that number, with what is around it
TOP = 6  # px: over all


def token_shares(
    values: np.ndarray,
    tokens: list[str],
    *,
    role: str = "@residual",
    faint: bool = False,
    value_title: str = "",
    hover: str = "{token}: {value}",
    width: int = 400,
    height: int = 200,
    alt: str = "",
) -> dict[str, Any]:
    """`values` [token], each a share of 1 and none below zero, as bars; `faint` ones show what is only supposed.

    The numbers, in percent, stand above the bars where `width` pixels leave room. `hover` may use {token} and {value};
    it and `value_title` are trusted text, `tokens` are not.
    """
    values = compact(values)
    highest = float(values.max(initial=0.0, where=np.isfinite(values)))
    highest = highest if highest >= LEAST else 1.0  # bars that all read 0.0% are none
    above = CHARACTER * len("00.0%") <= _room(tokens, width)
    bottom = labels_height(tokens, width)
    tallest = 1 - ABOVE / (height - TOP - bottom) if above else 0.95  # a ring around a bar goes around its number too
    trace = {
        "type": "bar",
        "x": np.arange(len(tokens), dtype=np.int32),
        "y": values,
        "marker": {"color": f"{role}/0.35" if faint else role, "line": {"color": role, "width": 1.5 if faint else 0}},
        "customdata": [literal(token) for token in tokens],
        "hovertemplate": hover.replace("{token}", "%{customdata}").replace("{value}", "%{y:.1%}") + "<extra></extra>",
        "cliponaxis": False,
    }
    if above:
        trace |= {"texttemplate": "%{y:.1%}", "textposition": "outside"}
    layout = base_layout(
        height=height,
        margin={"l": 58, "r": 8, "t": TOP, "b": bottom},
        bargap=0.3,
        xaxis=axis(
            **ticks(tokens, room=_room(tokens, width)),
            range=[-0.5, len(tokens) - 0.5],
            tickangle=-90 if upright(tokens, width) else 0,
        ),
        yaxis=axis(
            range=[0, highest / tallest],
            tickformat=".0%" if highest > 0.05 else ".1%",
            nticks=5,
            showgrid=True,
            gridcolor="@grid",
            title=title(value_title, "@muted", standoff=6),
        ),
        meta={"alt": alt},
    )
    return {"data": [trace], "layout": layout}


def grouped(
    shares: np.ndarray,
    tokens: list[str],
    names: list[str],
    *,
    roles: tuple[str, ...],
    value_title: str = "",
    hover: str = "{token}: {value}",
    width: int = 400,
    height: int = 240,
    alt: str = "",
) -> dict[str, Any]:
    """`shares` [series, token], each row adding up to 1, as bars side by side in the colours `roles`, with a legend.

    `hover` may use {token} and {value}; it, `value_title` and the `names` of the series are trusted text, `tokens` are
    not.
    """
    shares = np.asarray(shares, np.float32)
    shown = [literal(token) for token in tokens]
    told = hover.replace("{token}", "%{customdata}").replace("{value}", "%{y:.1%}") + "<extra></extra>"
    data = [
        {
            "type": "bar",
            "name": name,
            "x": np.arange(len(tokens), dtype=np.int32),
            "y": row,
            "marker": {"color": role},
            "customdata": shown,
            "hovertemplate": f"{name}<br>{told}",
        }
        for name, row, role in zip(names, shares, roles, strict=True)
    ]
    layout = base_layout(
        height=height,
        margin={"l": 58 if value_title else 44, "r": 8, "t": 56, "b": labels_height(tokens, width)},
        bargap=0.25,
        bargroupgap=0.05,
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top", "font": {"color": "@text"}},
        xaxis=axis(
            **ticks(tokens, room=_room(tokens, width)),
            range=[-0.5, len(tokens) - 0.5],
            tickangle=-90 if upright(tokens, width) else 0,
        ),
        yaxis=axis(
            rangemode="tozero",
            tickformat=".0%",
            nticks=5,
            showgrid=True,
            gridcolor="@grid",
            title=title(value_title, "@muted", standoff=4),
        ),
        meta={"alt": alt},
    )
    return {"data": data, "layout": layout}


def labels_height(tokens: list[str], width: int) -> int:
    """Pixels under the bars, where the tokens are written: upright where they would run into each other, if at all."""
    if _room(tokens, width) < SMALLEST * LINE:
        return 16
    return 12 + label_width(tokens) if upright(tokens, width) else 32


def upright(tokens: list[str], width: int) -> bool:
    """Whether the tokens would run into each other, written level under a picture `width` px wide."""
    return label_width(tokens) + 4 > _room(tokens, width)


def _room(tokens: list[str], width: int) -> float:
    """Pixels for a bar and its gap."""
    return (width - 70) / len(tokens)
