"""The votes of a class, one ballot beside the other: choices as bars, numbers as a dot plot, rows as a cloud."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from plots.figure import axis, base_layout, literal, ticks, title
from plots.token_shares import labels_height, upright

ROLES = ("@residual", "@attention")  # of the first ballot and of the second
BINS = 40  # places on the scale of a dot plot: nearer votes stand on one another
GAP = 0.06  # of a figure's width, between two ballots
HEAD = 30  # px: above a panel, for its name
FOOT = 40  # px: below a dot plot, for its numbers
FEW = 12  # votes: a heap of so many, or of fewer, fills no more than its share of the height
LETTER = 7.3  # px: of an option
LINES = 3  # of an option


def choices(
    shares: np.ndarray,
    options: list[str],
    right: Sequence[int],
    names: list[str],
    *,
    mark: str = "✓ ",
    height: int = 320,
    width: int = 640,
    alt: str = "",
) -> dict[str, Any]:
    """`shares` [ballot, option] of the votes as bars, a colour for each ballot; the `right` options are marked.

    `names` are those of the ballots, and trusted; `options` may be long, and are broken into lines.
    """
    shares = np.asarray(shares, np.float64)
    at = np.arange(len(options), dtype=np.int32)
    room = width * 0.42
    lines = [_broken((mark if i in right else "") + option, room) for i, option in enumerate(options)]
    labels = ["<br>".join(map(literal, each)) for each in lines]
    labels = [f"<b>{label}</b>" if i in right else label for i, label in enumerate(labels)]
    left = max(_wide(line) for each in lines for line in each) + 16
    thick = 0.8 / len(shares)
    bars = [
        {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "x": share,
            "y": at,
            "offset": -0.4 + thick * ballot,
            "width": thick * 0.92,
            "marker": {"color": role},
            "texttemplate": "%{x:.0%}",
            "textposition": "outside",
            "textfont": {"color": "@text"},
            "cliponaxis": False,
            "hovertemplate": f"{name}: %{{x:.1%}}<extra></extra>",
        }
        for ballot, (share, name, role) in enumerate(zip(shares, names, _roles(len(shares)), strict=True))
    ]
    layout = base_layout(
        height=height,
        margin={"l": int(left), "r": 48, "t": HEAD, "b": 12},
        barmode="overlay",
        showlegend=len(shares) > 1,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        xaxis=axis(range=[0, 1.02], showticklabels=False),
        yaxis=axis(tickvals=at, ticktext=labels, range=[len(options) - 0.5, -0.5]),
        meta={"alt": alt},
    )
    return {"data": bars, "layout": layout}


def dots(
    numbers: Sequence[np.ndarray],
    truth: float,
    scale: tuple[float, float],
    names: list[str],
    *,
    truth_name: str,
    hover: str,
    whole: bool = False,
    height: int = 320,
    alt: str = "",
) -> dict[str, Any]:
    """`numbers` [ballot] of [vote], each vote a dot; those that nearly agree stand on one another. A line at `truth`.
    `whole` numbers have marks of whole ones.

    `names`, `truth_name` and `hover`, which may use {value}, are trusted text.
    """
    low, high = scale
    panels = _panels(len(numbers))
    data: list[dict[str, Any]] = []
    layout = base_layout(height=height, margin={"l": 16, "r": 16, "t": HEAD, "b": FOOT}, meta={"alt": alt}, shapes=[])
    stacks = [_stacked(np.asarray(votes, np.float64), low, high) for votes in numbers]
    highest = max((int(heap.max()) for _, heap in stacks if heap.size), default=0) + 1
    highest = max(highest, FEW)
    size = float(np.clip((height - HEAD - FOOT) / (highest + 1), 3, 14))
    for ballot, ((places, heap), role) in enumerate(zip(stacks, _roles(len(numbers)), strict=True)):
        suffix = str(ballot + 1) if ballot else ""
        data.append(
            {"type": "scatter", "mode": "markers", "x": places, "y": heap + 0.5, "name": names[ballot]}
            | {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "marker": {"color": role, "size": size}}
            | {"customdata": np.asarray(numbers[ballot], np.float64), "cliponaxis": False}
            | {"hovertemplate": hover.replace("{value}", "%{customdata:.2f}") + "<extra></extra>"}
        )
        margin = 0.03 * (high - low)
        layout[f"xaxis{suffix}"] = axis(
            domain=panels[ballot],
            range=[low - margin, high + margin],
            showgrid=True,
            gridcolor="@grid",
            **({"dtick": max(1, round((high - low) / 6))} if whole else {"nticks": 6}),
        )
        layout[f"yaxis{suffix}"] = axis(range=[0, highest + 0.5], anchor=f"x{suffix}", showticklabels=False)
        line = {"color": "@value", "width": 3}
        layout["shapes"].append(
            {"type": "line", "xref": f"x{suffix}", "yref": "paper", "x0": truth, "x1": truth, "y0": 0, "y1": 1}
            | {"line": line, "layer": "below"}
        )
    layout["annotations"] = _names(names, panels, truth_name)
    return {"data": data, "layout": layout}


def cloud(
    rows: Sequence[np.ndarray],
    truth: np.ndarray,
    tokens: list[str],
    names: list[str],
    *,
    truth_name: str,
    value_title: str = "",
    height: int = 320,
    width: int = 640,
    alt: str = "",
) -> dict[str, Any]:
    """`rows` [ballot] of [vote, key], each a faint line; over them the row that is computed, `truth` [key].

    `names`, `truth_name` and `value_title` are trusted text; `tokens` are not.
    """
    truth = np.asarray(truth, np.float64)
    panels, n = _panels(len(rows)), len(tokens)
    panel = int(width / len(rows)) - 40
    bottom = labels_height(tokens, panel)
    data: list[dict[str, Any]] = []
    layout = base_layout(height=height, margin={"l": 52, "r": 12, "t": HEAD, "b": bottom}, meta={"alt": alt})
    highest = max(float(np.max(part, initial=0.0)) for part in (*rows, truth))
    for ballot, (painted, role) in enumerate(zip(rows, _roles(len(rows)), strict=True)):
        suffix = str(ballot + 1) if ballot else ""
        painted = np.asarray(painted, np.float64).reshape(-1, n)
        where = {"type": "scatter", "xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "hoverinfo": "skip"}
        parted = np.column_stack([painted, np.full(len(painted), np.nan)])  # a gap after each vote
        faint = float(np.clip(4 / max(len(painted), 1), 0.06, 0.5))
        data.append(
            where
            | {"mode": "lines", "name": names[ballot], "x": np.tile([*range(n), np.nan], len(painted))}
            | {"y": parted.ravel(), "line": {"color": f"{role}/{faint:.2f}", "width": 2.5}}
        )
        data.append(
            where
            | {"mode": "lines+markers", "name": truth_name, "x": np.arange(n, dtype=np.int32), "y": truth}
            | {"line": {"color": "@value", "width": 3}, "marker": {"color": "@value", "size": 8}}
        )
        layout[f"xaxis{suffix}"] = axis(
            domain=panels[ballot],
            range=[-0.4, n - 0.6],
            **ticks(tokens, room=panel / n),
            tickangle=-90 if upright(tokens, panel) else 0,
        )
        named = {"title": title(value_title, "@muted", standoff=6)} if not ballot else {"showticklabels": False}
        layout[f"yaxis{suffix}"] = axis(
            range=[0, 1.06 * highest],
            anchor=f"x{suffix}",
            tickformat=".0%",
            nticks=5,
            showgrid=True,
            gridcolor="@grid",
            **named,
        )
    layout["annotations"] = _names(names, panels, truth_name)
    return {"data": data, "layout": layout}


def _roles(ballots: int) -> tuple[str, ...]:
    return ROLES[:ballots] if ballots > 1 else ROLES[1:]


def _panels(ballots: int) -> list[list[float]]:
    """The part of the width that each ballot has."""
    step = 1 / ballots
    inner = [GAP / 2 if i else 0.0 for i in range(ballots)]
    return [[i * step + inner[i], (i + 1) * step - inner[ballots - 1 - i]] for i in range(ballots)]


def _names(names: list[str], panels: list[list[float]], truth_name: str) -> list[dict[str, Any]]:
    """The ballots' names above their panels, and at the right what the line is."""
    above = {"xref": "paper", "yref": "paper", "y": 1, "yanchor": "bottom", "showarrow": False}
    roles = _roles(len(names))
    found = [
        above | {"x": panel[0], "xanchor": "left", "text": f"<b>{name}</b>", "font": {"color": role}}
        for name, panel, role in zip(names, panels, roles, strict=True)
    ]
    return [*found, above | {"x": 1, "xanchor": "right", "text": f"━ {truth_name}", "font": {"color": "@value"}}]


def _stacked(votes: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """(place on the scale, how many stand below) of each vote: nearer ones than 1 in BINS share a place."""
    step = (high - low) / BINS
    bins = np.rint((np.clip(votes, low, high) - low) / step).astype(np.int64)
    below = np.array([int((bins[:i] == at).sum()) for i, at in enumerate(bins)], np.int64)
    return low + bins * step, below


def _broken(text: str, room: float) -> list[str]:
    """A text in lines of at most `room` px, but for a word that is longer; LINES at most."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _wide(longer) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines if len(lines) <= LINES else [*lines[: LINES - 1], f"{lines[LINES - 1]}…"]


def _wide(text: str) -> float:
    """Pixels that a line takes: an estimate."""
    return LETTER * len(text)
