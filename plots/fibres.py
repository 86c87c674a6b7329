"""Attention as fibres of light: layers from the bottom up, and a curve from each key to the query that looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from plots import theme
from plots.figure import base_layout
from plots.mask import heaviest, with_mask
from plots.planes import BREADTH, Plane, arc, curve_trace, glowing, level_arcs, level_width, written

MAX_CURVES = 500  # the strongest are drawn: they take about 60 ms to redraw, and more are not told apart
POINTS = (8, 32)  # of a curve: where there are many, and where each is looked at closely
# A line of a 3-D trace has one width, and Plotly takes long over colours that are given point by point: so there is a
# trace a head, bin of weight and layer of glow. 60 of one colour each redraw in a fifth of the time of 8 whose points
# are coloured.
TRACES = 64  # of curves at most
CROWD = 300  # curves: from here on they hide one another's shades and widest light, so there are fewer of both
EXPOSED = 22  # rows of attention that are seen as bright as they are; of more, each is dimmer
ASPECT = 1.15  # width to height that the camera frames; a narrower picture needs it further away
SCALE = 0.68  # of the scene in the camera's units


def fibres(
    patterns: np.ndarray | Sequence[np.ndarray],
    tokens: list[str],
    *,
    threshold: float = 0.05,
    focus: int | None = None,
    layers_lit: int | None = None,
    heads: list[int] | None = None,
    layer_prefix: str = "L",
    tops: Sequence[np.ndarray] | None = None,
    width: int = 640,
    height: int = 620,
    alt: str = "",
) -> dict[str, Any]:
    """`patterns` [layer, head, query, key] as a 3-D scene, dark in both themes; of a long text better layer by layer
    than in one array, which takes longer to fill than all else.

    Brightness and width are weight, colour is the head. Only weights above `threshold` are drawn, the MAX_CURVES
    strongest at most: `layout.meta` says "drawn" and "above". With `focus` (a token) the fibres that leave or reach
    it keep their colour and the rest is dim. The first `layers_lit` layers are lit, the rest dark: the flow is played
    by raising it. `heads` are the heads shown, all unless told. Clicked nodes carry their token's index in
    `customdata`, a clicked fibre the number of tokens and its place in `patterns` counted on from there. The figure has
    a mask (`plots.mask`): it holds all that another threshold, or other lit layers, would draw.

    `tops` are what `greatest_looks` finds in `patterns`, of whoever knows them.

    `width` is how many pixels the picture can count on: it decides whether the tokens' names stand upright.
    `layout.meta["aspect"]` is the width to height for which the camera is set: in a narrower picture, whoever draws it
    should step back, since Plotly's camera keeps to the height. In one narrower than `layout.meta["level"]` the names,
    the annotations called "token", should stand upright.
    """
    n_layers, (n_heads, n_tokens, _) = len(patterns), patterns[0].shape
    shown = np.zeros(n_heads, bool)
    shown[heads if heads is not None else slice(None)] = True
    tops = greatest_looks(patterns) if tops is None else tops
    shining, tops = zip(*(_shining(layer, top, shown) for layer, top in zip(patterns, tops, strict=True)), strict=True)
    places = arc(n_tokens, n_layers)
    layers = [f"{layer_prefix}{layer}" for layer in range(n_layers)]
    return woven(
        shining,
        tops,
        [Plane(places, tokens, tokens, layers)],
        places[:-1],
        places[1:],
        threshold=threshold,
        focus=focus,
        layers_lit=layers_lit,
        rows=n_layers * int(shown.sum()) * n_tokens,
        width=width,
        height=height,
        alt=alt,
    )


def greatest_looks(patterns: np.ndarray | Sequence[np.ndarray]) -> list[np.ndarray]:
    """Of each layer [head, query, key] the greatest weight that any head gives there, [query, key]: which tells where
    all heads have to be looked through. Of a long text they are read from memory, which takes longest, once less for
    each who asks it of these."""
    return [layer.max(axis=0) for layer in patterns]


def _shining(layer: np.ndarray, top: np.ndarray, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[head, query, key] and [query, key]: a layer's weights, and the greatest of all heads; 0 where a head is not
    shown, or where one is no number."""
    if not (shown.all() and np.isfinite(top).all()):
        layer = np.nan_to_num(np.where(shown[:, None, None], layer, 0))
        top = layer.max(axis=0)
    return layer.astype(np.float32, copy=False), top.astype(np.float32, copy=False)


def woven(
    shining: np.ndarray | Sequence[np.ndarray],
    tops: Sequence[np.ndarray],
    planes: list[Plane],
    starts: np.ndarray,
    ends: np.ndarray,
    *,
    threshold: float,
    focus: int | None,
    layers_lit: int | None,
    rows: int,
    width: int,
    height: int,
    alt: str,
) -> dict[str, Any]:
    """`shining` [layer, head, query, key], the weights of all tokens of the planes, one after another, as `fibres`;
    `tops` [layer, query, key], their `greatest_looks`.

    starts [layer, key, xyz], ends [layer, query, xyz]: where a curve begins, and where it ends. rows: how many rows of
    attention shine.
    """
    n_layers, (n_heads, n_tokens, _) = len(shining), shining[0].shape
    lit_layers = n_layers if layers_lit is None else layers_lit
    edges, weight = _candidates(shining, tops, focus)
    layer, head, query, key = np.unravel_index(edges, (n_layers, *shining[0].shape))
    curves = _curves(starts[layer, key], ends[layer, query], _fan(head, n_heads))
    data = [level_arcs(plane.places, number) for number, plane in enumerate(planes)]
    touched = _touches(focus, query, key)
    if not touched.all():
        data.append(curve_trace("dim", curves, 1.0, theme.light(theme.SCENE["dim"], 0.6), np.flatnonzero(~touched)))
    data += _glow(curves, weight, head, np.flatnonzero(touched), rows)
    nodes: list[dict[str, Any]] = []
    dark: dict[str, list[str]] = {}
    labels: list[dict[str, Any]] = []
    room = BREADTH * min(width, ASPECT * height)
    for number, plane in enumerate(planes):
        own, waiting = glowing(plane, focus, f"-{number}" if number else "")
        nodes, dark, labels = nodes + own, dark | waiting, labels + written(plane, focus, room)
    layout = base_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        paper_bgcolor=theme.SCENE["background"],
        scene=_scene(max(float(plane.places[..., 2].max()) for plane in planes), labels),
        meta={"alt": alt, "aspect": ASPECT, "level": max(level_width(plane.below) for plane in planes)},
    )
    mask = {
        "at": {"threshold": threshold, "lit": lit_layers},
        "turns": ["threshold", "lit"],
        "weight": weight,
        "layer": layer.astype(np.uint8),
        "layers": n_layers,
        "most": MAX_CURVES,
        "dark": dark,
    }
    for line in data:
        if "curves" in line.get("meta", {}):
            line["hoverinfo"] = "none"  # found under the pointer, and silent
    mask["edges"] = (n_tokens + edges).astype(np.int32)
    return with_mask({"data": [*data, *nodes], "layout": layout}, mask, shining[:lit_layers])


def _candidates(
    shining: np.ndarray | Sequence[np.ndarray], tops: Sequence[np.ndarray], focus: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """All curves that some threshold, or some number of lit layers, draws: their places in [layer, head, query, key],
    as one number each, and their weights; those that touch the token in focus first, and then the heaviest.

    A layer at a time, with the MAX_CURVES heaviest of the layers before.
    """
    _, *sides = shining[0].shape
    touches = None if focus is None else _touches(focus, *np.indices(sides)).ravel()  # [query, key]; None: all do
    kinds = [None] if touches is None else [side for side in (touches, ~touches) if side.any()]
    places, weights, found = np.empty(0, int), np.empty(0, np.float32), []  # the heaviest of the layers so far
    for layer, (heads, top) in enumerate(zip(shining, tops, strict=True)):
        own, first = heads.ravel(), layer * heads.size
        here = np.concatenate([_heaviest(heads, top, side, weights[_on(side, places)]) for side in kinds])
        here.sort()
        places, weights = np.concatenate([places, first + here]), np.concatenate([weights, own[here]])
        order = _order(touches, places, weights)
        led = np.concatenate([order[_on(side, places[order])][:MAX_CURVES] for side in kinds])
        places, weights = places[led], weights[led]
        new = places >= first  # of those before all that ever led are found
        found.append((places[new], weights[new]))
    every, all_weights = (np.concatenate(side) for side in zip(*found, strict=True))
    order = _order(touches, every, all_weights)
    return every[order], all_weights[order]


def _heaviest(heads: np.ndarray, top: np.ndarray, side: np.ndarray | None, led: np.ndarray) -> np.ndarray:
    """The places in a layer's weights [head, query, key] of the MAX_CURVES heaviest on this side [query x key], None:
    of all, and of those that weigh the same; of them those alone that may come before the curves which lead there so
    far, whose weights are `led`. top: [query, key], their greatest."""
    floor = led.min() if len(led) == MAX_CURVES else 0
    looks = np.flatnonzero(top > floor)
    looks = looks[_on(side, looks)]
    looks = looks[heaviest(top.ravel()[looks], MAX_CURVES)]  # in each some head gives that much: no less is needed
    weights = heads.reshape(len(heads), -1)[:, looks]
    head, at = np.nonzero(weights > floor)
    return (head * top.size + looks[at])[heaviest(weights[head, at], MAX_CURVES)]


def _on(side: np.ndarray | None, places: np.ndarray) -> np.ndarray | slice:
    """Which of these places are on this side [query x key]; None: all."""
    return slice(None) if side is None else side[places % side.size]


def _order(touches: np.ndarray | None, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The order in which curves are drawn while there is room. touches: [query x key] as places count them."""
    if touches is None:
        return np.argsort(-weights, kind="stable")
    return np.lexsort((-weights, ~touches[places % touches.size]))


def _touches(focus: int | None, query: np.ndarray, key: np.ndarray) -> np.ndarray:
    return np.ones(query.shape, bool) if focus is None else (query == focus) | (key == focus)


def _fan(head: np.ndarray, n_heads: int) -> np.ndarray:
    """[curve, xyz]: how far a curve's belly leans aside, so that heads with the same ends are seen apart."""
    angle = 2 * np.pi * head / n_heads
    radius = 0.0 if n_heads == 1 else 0.045
    return radius * np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=1)


def _curves(start: np.ndarray, end: np.ndarray, lean: np.ndarray) -> np.ndarray:
    """[curve, point, xyz]: cubic Bezier curves, upright at both ends; the long ones lean back, which gives depth."""
    rise = np.zeros_like(start)
    rise[:, 2] = 0.42 * (end - start)[:, 2]
    lean = lean.copy()
    lean[:, 1] += 0.14 * np.linalg.norm((end - start)[:, :2], axis=1)
    t = np.linspace(0, 1, int(np.clip(3000 // max(len(start), 1), *POINTS)))
    t -= 0.4 * np.sin(2 * np.pi * t) / (2 * np.pi)  # closer at both ends, where they bend: 8 are as smooth as 11 evenly
    basis = np.stack([(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3], axis=1)  # [point, control]
    controls = np.stack([start, start + rise + lean, end - rise + lean, end])  # [control, curve, xyz]
    points = basis @ controls.reshape(4, -1)  # [point, curve and xyz]
    return points.reshape(len(t), -1, 3).swapaxes(0, 1).astype(np.float32, order="C")


def _like(line: dict[str, Any], name: str, width: float, colour: str) -> dict[str, Any]:
    """The same curves with another look: their places are not sent twice."""
    look = {"uid": name, "line": {"width": width, "color": colour}, "meta": line["meta"] | {"like": line["uid"]}}
    return {part: value for part, value in line.items() if part not in "xyz"} | look


def _glow(
    curves: np.ndarray, weight: np.ndarray, head: np.ndarray, touched: np.ndarray, rows: int
) -> list[dict[str, Any]]:
    """The lit curves: for each head and bin of weight a bright core, and around it wider, fainter light.

    A weight shines alike at every threshold; the more `rows` of attention there are, the shorter the exposure.
    """
    heads = head[touched]
    present = np.unique(heads)
    crowd = len(touched) > CROWD
    n_bins = int(np.clip(TRACES // (2.6 * max(1, len(present))), 2, 3 if crowd else 7))
    brightness = weight[touched] ** 0.6  # the eye's own compression, nearly: 0.1 -> 0.25, 0.5 -> 0.66
    exposure = float(np.clip((EXPOSED / rows) ** 0.25, 0.7, 1.5))
    bins = np.minimum((brightness * n_bins).astype(int), n_bins - 1)
    traces = []
    for h in present:
        colour = theme.SCENE["heads"][h % theme.HEADS]
        for b in range(n_bins):
            mine = touched[(heads == h) & (bins == b)]
            if not len(mine):
                continue
            level = (b + 0.5) / n_bins
            core = (0.9 + 2.3 * level) * exposure
            shine = theme.light(colour, (0.2 + 0.95 * level) * exposure, 0.55 * level**2)
            name = f"{h}-{b}"
            bright = curve_trace(name, curves, core, shine, mine)
            traces.append(bright)
            if level * exposure > 0.2:
                faint = theme.light(colour, 0.22 * level * exposure**2)
                traces.append(_like(bright, f"{name}-glow", 3.6 * core, faint))
            if level * exposure > 0.5 and len(present) <= 12 and not crowd:
                traces.append(_like(bright, f"{name}-haze", 8 * core, theme.light(colour, 0.06 * exposure)))
    return traces


# Of an axis that is merely not visible Plotly lays out the ticks all the same, and compiles their shaders anew whenever
# the curves reach elsewhere: a third of each picture while the threshold is dragged.
UNSEEN = {
    **dict.fromkeys(("showgrid", "zeroline", "showline", "showspikes", "showbackground", "showticklabels"), False),
    "ticks": "",
    "title": {"text": ""},
    "tickvals": [],
}


def _scene(highest: float, labels: list[dict[str, Any]]) -> dict[str, Any]:
    top = highest + 0.02
    ranges = {"x": (-1.06, 1.06), "y": (-0.75, 0.55), "z": (-top, top)}
    return {
        "bgcolor": theme.SCENE["background"],
        **{f"{name}axis": {**UNSEEN, "range": list(bounds)} for name, bounds in ranges.items()},
        "aspectmode": "manual",
        "aspectratio": {name: SCALE * (high - low) for name, (low, high) in ranges.items()},
        "camera": {"eye": {"x": 0.28, "y": -2.05, "z": 0.5}, "center": {"x": 0, "y": 0, "z": 0}},
        "dragmode": "turntable",
        "annotations": labels,
    }
