"""A beam search as a tree: a step down a token, the best text of a step on the left, what was dropped ends there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from plots import theme
from plots.figure import axis, base_layout, literal, short

ROW = (34, 48)  # px: the least and the greatest distance between steps
TALL = 520  # px: what the steps share
EDGE = 22  # px, above and below
CROWD = 4  # columns: of more, tokens are shorter and smaller


@dataclass(frozen=True)
class Node:
    """A text that was kept: its step and rank, those of what it continues, its last token, and what is told of it."""

    at: tuple[int, int]
    parent: tuple[int, int]
    token: str
    note: str  # beside the token: its score
    hover: str
    lit: bool  # whether it is on the way to the best text
    done: bool


def beam_tree(nodes: list[Node], *, start: str, width: int, steps: int | None = None, alt: str = "") -> dict[str, Any]:
    """Nodes under a `start`, `width` columns, a row a step. Notes are trusted text; tokens and hovers are not.

    steps: how many rows there are, where that is not told by the nodes.
    """
    rows = steps if steps is not None else max((node.at[0] for node in nodes), default=1)
    row = int(np.clip(TALL // max(rows, 1), *ROW))
    layout = base_layout(
        height=2 * EDGE + rows * row,
        margin={"l": theme.GAP + 6, "r": theme.GAP, "t": EDGE, "b": EDGE},
        xaxis=axis(range=[-0.05, max(width, 1) - 0.02], showticklabels=False),
        yaxis=axis(range=[rows + 0.05, -0.05], showticklabels=False),
        shapes=[_edges(nodes, lit) for lit in (False, True) if any(node.lit == lit for node in nodes)],
        meta={"alt": alt},
    )
    return {"data": [_texts(nodes, start, width)], "layout": layout}


def _texts(nodes: list[Node], start: str, width: int) -> dict[str, Any]:
    """A dot for the start and for each text, with its last token and its note beside it."""
    crowded = width > CROWD
    letters = 8 if crowded else 14
    written = [f"<b>{literal(short(start, letters))}</b>"]
    for node in nodes:
        token = literal(short(node.token, letters))
        written.append((f"<b>{token}</b>" if node.lit else token) + f"<br>{node.note}")
    inks = ["@text", *("@text" if node.lit else "@muted" for node in nodes)]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": np.array([0, *(node.at[1] for node in nodes)], np.float32),
        "y": np.array([0, *(node.at[0] for node in nodes)], np.float32),
        "text": written,
        "textposition": "middle right",
        "textfont": {"size": theme.FONT_SIZE - (2 if crowded else 1), "color": inks},
        "marker": {
            "size": 8,
            "color": ["@key", *("@attention" if node.lit else "@muted" for node in nodes)],
            "symbol": ["circle", *("square" if node.done else "circle" for node in nodes)],
            "line": {"width": 2, "color": "@background"},
        },
        "cliponaxis": False,
        "hovertext": [literal(start), *(literal(node.hover) for node in nodes)],
        "hoverinfo": "text",
    }


def _edges(nodes: list[Node], lit: bool) -> dict[str, Any]:
    """All ways that are lit, or that are not, as one path."""
    return {
        "type": "path",
        "layer": "below",
        "path": "".join(_edge(node) for node in nodes if node.lit == lit),
        "line": {"color": "@attention/0.85" if lit else "@muted/0.45", "width": 3 if lit else 1.2},
    }


def _edge(node: Node) -> str:
    """From a text to the one that it continues."""
    (y0, x0), (y1, x1) = node.parent, node.at
    return f"M{x0} {y0}C{x0} {y0 + 0.55} {x1} {y1 - 0.55} {x1} {y1}"
