"""The planes of a scene of light: where each text's tokens stand on their levels, how they glow, and their names."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from plots import theme
from plots.figure import label_width, literal, short

# Of a node: size and brightness, from its core outwards.
HALO = ((1.2, 1), (1.9, 0.2), (2.8, 0.11), (3.9, 0.06), (5.2, 0.04), (6.8, 0.025), (8.6, 0.018))
BREADTH = 0.7  # of the picture: the tokens' arc, as the camera sees it
NAMED_TWICE = 16  # tokens at most
NAME = 14  # px that a name written upright takes
SPREAD = 0.62  # radians: half of the arc on which the tokens stand
TALL = 1.9  # from the lowest level to the highest, the tokens' arc being 2 wide


@dataclass(frozen=True)
class Plane:
    """The tokens of one text: where they stand on each level, [level, token, xyz], what they are called below the
    lowest and above the highest (None: alike, and not written again), how each layer between is called; and the number
    of its first token, of all planes'.
    """

    places: np.ndarray
    below: list[str]
    above: list[str] | None
    layers: list[str]
    first: int = 0


def arc(n_tokens: int, n_layers: int) -> np.ndarray:
    """[level, token, xyz]: each level is an arc seen from inside, its ends nearer; levels are 0..n_layers."""
    angle = np.linspace(-SPREAD, SPREAD, n_tokens) if n_tokens > 1 else np.zeros(1)
    gap = min(TALL / n_layers, 1.5)
    places = np.empty((n_layers + 1, n_tokens, 3), np.float32)
    places[..., 0] = np.sin(angle) / np.sin(SPREAD)
    places[..., 1] = (np.cos(angle) - np.cos(SPREAD / 2)) / np.sin(SPREAD)
    places[..., 2] = gap * (np.arange(n_layers + 1)[:, None] - n_layers / 2)
    return places


def level_arcs(places: np.ndarray, number: int) -> dict[str, Any]:
    """The arc on which each level's tokens stand."""
    return curve_trace(f"planes-{number}" if number else "planes", places, 1.2, theme.light(theme.SCENE["plane"], 1.0))


def glowing(plane: Plane, focus: int | None, mark: str) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """A bead at each token of each level; those at the bottom and the top glow, tell their token and can be clicked.

    Beside them, by their uid, the colours of those that glow while the light has not arrived at the top.

    The widest light of a node takes the clicks, for what is drawn last is what Plotly finds under the pointer.
    """
    places, n_tokens = plane.places, plane.places.shape[1]
    small = float(np.clip(40 / n_tokens, 1.6, 4.5))
    bead = np.array([[0, 0, -0.001], [0, 0, 0.001]], np.float32) * small  # a line as long as it is wide
    beads = places.reshape(-1, 1, 3) + bead
    traces = [curve_trace(f"beads{mark}", beads, small, theme.light(theme.SCENE["node"], 0.9))]
    ends = places[[0, -1]].reshape(-1, 3)
    x, y, z = ends.T
    node = {"type": "scatter3d", "mode": "markers", "x": x, "y": y, "z": z}
    told = {
        "hoverinfo": "text",
        "hovertext": [literal(token) for token in (*plane.below, *(plane.above or plane.below))],
        "customdata": np.tile(plane.first + np.arange(n_tokens, dtype=np.int32), 2),
    }
    strength = np.full((2, n_tokens), 1.0 if focus is None else 0.35)
    strength[:, np.arange(n_tokens) + plane.first == focus] = 1.0
    waiting, dark = strength * [[1.0], [0.25]], {}
    for ring, (size, brightness) in enumerate(HALO if n_tokens <= 16 else HALO[::3]):
        colours, dark[f"halo-{ring}{mark}"] = (
            [theme.light(theme.SCENE["node"], brightness * s) for s in strengths.ravel().tolist()]
            for strengths in (strength, waiting)
        )
        marker = {"size": size * small, "color": colours, "line": {"width": 0}}
        traces.append(
            node
            | {"uid": f"halo-{ring}{mark}", "marker": marker}
            | (told if size == HALO[-1][0] else {"hoverinfo": "skip"})
        )
    return traces, dark


def written(plane: Plane, focus: int | None, room: float) -> list[dict[str, Any]]:
    """The tokens below the lowest level and, if few, above the highest, upright if many; at its left each layer's name.

    Plotly takes over a millisecond for each name; those of many are written once, below.
    """
    places = plane.places
    n_levels, n_tokens, _ = places.shape
    crowded = _crowded(plane.below, room)
    every = int(np.ceil(n_tokens * NAME / room))
    labels = []
    ends = (0, -1, plane.below), (n_levels - 1, 1, plane.above or [])
    for level, side, names in ends[: 2 if n_tokens <= NAMED_TWICE else 1]:
        for i, name in enumerate(names):
            if i % every and i + plane.first != focus:
                continue
            role = "text" if focus in (None, i + plane.first) else "muted"
            label = _note(places[level, i], literal(short(name)), role, 11 if crowded else 14)
            anchor = {"yanchor": "bottom" if side > 0 else "top", "yshift": 9 * side}
            labels.append(label | anchor | {"name": "token", "textangle": -90 if crowded else 0})
    for level, layer in enumerate(plane.layers):
        middle = (places[level, 0] + places[level + 1, 0]) / 2
        labels.append(_note(middle, layer, "muted", 11) | {"xanchor": "right", "xshift": -14})
    return labels


def _crowded(tokens: list[str], room: float) -> bool:
    """Whether some two neighbours' names would touch if written level, with `room` px from the first to the last."""
    return BREADTH * level_width(tokens) > room


def level_width(tokens: list[str]) -> float:
    """Pixels of a picture's width from which on no two neighbours' names touch, written level."""
    widths = [label_width([token]) for token in tokens]
    between = max(((left + right) / 2 + 6 for left, right in pairwise(widths)), default=0)
    return between * (len(tokens) - 1) / BREADTH


def _note(place: np.ndarray, text: str, role: str, size: int) -> dict[str, Any]:
    x, y, z = place.tolist()
    font = {"color": theme.SCENE[role], "size": size}
    return {"x": x, "y": y, "z": z, "text": text, "showarrow": False, "font": font}


def curve_trace(
    name: str, curves: np.ndarray, width: float, colour: str, mine: np.ndarray | None = None
) -> dict[str, Any]:
    """One trace for many curves [curve, point, xyz], which NaN keeps apart; `mine` are those that a mask may leave out.

    By `name` Plotly knows it again in the next drawing; by its place alone, all after a trace that is new or gone would
    be made anew, each with a shader.
    """
    if mine is not None:
        curves = curves[mine]
    joined = np.full((len(curves), curves.shape[1] + 1, 3), np.nan, np.float32)
    joined[:, :-1] = curves
    x, y, z = joined.reshape(-1, 3).T
    return {
        "type": "scatter3d",
        "uid": name,
        "mode": "lines",
        "x": x,
        "y": y,
        "z": z,
        "line": {"width": width, "color": colour},
        "hoverinfo": "skip",
    } | ({} if mine is None else {"meta": {"curves": mine.astype(np.int32)}})
