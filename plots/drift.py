"""Where each word begins, where it has got to, and the way between: its drift through the layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots import theme
from plots.figure import axis, base_layout, compact, label_width, literal, short, title

SMOOTH = 10  # points of a line between two stages
CANVASES = ((560, 400), (280, 340))  # px: the inside of a picture beside another, and on a phone or of three abreast
LINE_HEIGHT = 17  # px
RADIUS = 5  # px, of a point
ROUNDING = 1e-5  # of a place: float32's, so that one word, or many at one point, is not magnified
SWEEPS = 4  # of all names, each choosing its place again
EVERYONE = 16  # tokens: up to as many, every one is named, even where names must touch
EYE = np.array([1.0, -1.5, 0.8])  # the 3-D camera
DEPTH = 1.4  # of the longest axis, in the camera's units
ASPECT = 1.55  # width to height that it frames, the axes' titles included
PLACES = {  # of a label beside its point: shift in widths and in px
    "top center": (-0.5, -8 - LINE_HEIGHT),
    "bottom center": (-0.5, 8),
    "middle right": (0.0, -LINE_HEIGHT / 2),
    "middle left": (-1.0, -LINE_HEIGHT / 2),
    "top right": (0.0, -8 - LINE_HEIGHT),
    "top left": (-1.0, -8 - LINE_HEIGHT),
    "bottom right": (0.0, 8),
    "bottom left": (-1.0, 8),
}
COLUMNS, ROWS = (  # three and three: a place of each, and the one that each place is in
    np.unique(shift, return_index=True, return_inverse=True)[1:] for shift in zip(*PLACES.values(), strict=True)
)


def drift(
    paths: np.ndarray,
    tokens: list[str],
    *,
    stage: int | None = None,
    stage_names: list[str],
    axis_titles: list[str],
    within: np.ndarray | None = None,
    first: int | None = None,
    texts: tuple[str, ...] = (),
    height: int = 480,
    alt: str = "",
) -> dict[str, Any]:
    """`paths` [stage, pos, 2 or 3] up to `stage`, the last unless told: an open point at the start, a filled one there.

    Units of length are equal on all axes, and the ranges are those of all stages, so that a slider through them moves
    nothing but the words; or those of the points `within` [..., 2 or 3], so that several pictures share them. In 3-D
    `layout.meta["aspect"]` is the width to height for which the camera is set, as in `plots.fibres`. Of two `texts`,
    the `first` tokens are of the first one; those of the other are square. `stage_names`, `axis_titles` and `texts` are
    trusted text, `tokens` are not.
    """
    paths = compact(paths)
    stage = len(paths) - 1 if stage is None else stage
    centre, reach = _frame(paths if within is None else within.reshape(-1, 1, paths.shape[2]))
    sofar = paths[: stage + 1]
    names = (stage_names[0], stage_names[stage])
    draw = _solid if paths.shape[2] == 3 else _plane
    data, layout = draw(sofar, tokens, centre, reach, names, axis_titles)
    if first is not None:
        _two_texts(data[-2:], layout, first, texts)
    meta = {"alt": alt, "aspect": ASPECT} if draw is _solid else {"alt": alt}
    return {"data": data, "layout": base_layout(height=height, meta=meta, **layout)}


def _two_texts(points: list[dict[str, Any]], layout: dict[str, Any], first: int, texts: tuple[str, ...]) -> None:
    """Make the points of all but the first tokens square, and say so beside what open and filled ones are."""
    for trace, suffix in zip(points, ("-open", ""), strict=True):
        n = len(trace["customdata"])
        trace["marker"]["symbol"] = [f"{'circle' if i < first else 'square'}{suffix}" for i in range(n)]
    legend = layout["annotations"][0]
    legend |= {"text": f"{legend['text']}<br>● {texts[0]}    ■ {texts[1]}", "align": "left"}
    layout["margin"]["t"] += LINE_HEIGHT


def _frame(paths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle of all stages and half their extent, each [axis], with air around; no axis is flat."""
    low, high = paths.min((0, 1)).astype(float), paths.max((0, 1)).astype(float)
    half = (high - low) / 2
    apart = half.max() > ROUNDING * max(1.0, np.abs([low, high]).max())
    return (low + high) / 2, np.maximum(half, 0.12 * half.max() if apart else 1.0) * 1.22


def _smooth(sofar: np.ndarray) -> np.ndarray:
    """[stage, pos, axis] -> [pos, point, axis]: a curve through the stages that leaves the box of no two of them.

    Each coordinate by itself is a monotone cubic (Fritsch & Butland 1984): where it turns, the curve stands still, so
    that nothing seems to overshoot its stage and run back.
    """
    start, end = sofar[:-1].astype(np.float64), sofar[1:].astype(np.float64)  # where numbers explode, a product fits
    steps = end - start
    before, after = steps[:-1], steps[1:]
    same = before * after > 0
    means = np.divide(2 * before * after, before + after, out=np.zeros_like(before), where=same)
    slopes = np.concatenate([steps[:1], means, steps[-1:]])
    t = np.linspace(0, 1, SMOOTH, endpoint=False, dtype=np.float32)[:, None, None, None]
    leaving, arriving = slopes[:-1], slopes[1:]
    turn = 3 * t**2 - 2 * t**3
    points = start * (1 - turn) + end * turn + leaving * (t**3 - 2 * t**2 + t) + arriving * (t**3 - t**2)
    joined = points.swapaxes(0, 1).reshape(-1, *sofar.shape[1:])
    return compact(np.concatenate([joined, sofar[-1:]]).swapaxes(0, 1))


def _lines(sofar: np.ndarray, kind: str) -> list[dict[str, Any]]:
    """The ways, one trace a colour, NaN between. Opaque in 3-D: there Plotly adds up what is not (`theme.light`)."""
    curves = _smooth(sofar)
    width, alpha = (4, "") if kind == "scatter3d" else (2.5, "/0.6") if len(curves) <= EVERYONE else (1.5, "/0.45")
    traces = []
    for colour in range(min(theme.HEADS, len(curves))):
        mine = curves[colour :: theme.HEADS]
        joined = np.full((mine.shape[0], mine.shape[1] + 1, mine.shape[2]), np.nan, mine.dtype)
        joined[:, :-1] = mine
        line = {"width": width, "color": theme.head(colour) + alpha}
        way = _points(kind, joined.reshape(-1, mine.shape[2]))
        traces.append(way | {"mode": "lines", "line": line, "hoverinfo": "skip"})
    return traces


def _points(kind: str, places: np.ndarray) -> dict[str, Any]:
    return {"type": kind} | {name: np.ascontiguousarray(column) for name, column in zip("xyz", places.T, strict=False)}


def _told(tokens: list[str], stage_name: str) -> dict[str, Any]:
    words = [f"<b>{literal(token)}</b><br>{stage_name}" for token in tokens]
    return {"hovertext": words, "hoverinfo": "text", "customdata": np.arange(len(tokens), dtype=np.int32)}


def _plane(
    sofar: np.ndarray,
    tokens: list[str],
    centre: np.ndarray,
    reach: np.ndarray,
    names: tuple[str, str],
    axis_titles: list[str],
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Traces and layout in 2-D."""
    colours = [theme.head(i) for i in range(len(tokens))]
    ring = {"symbol": "circle-open", "size": 10, "color": colours, "line": {"width": 2}}
    start = _points("scatter", sofar[0]) | _told(tokens, names[0]) | {"mode": "markers", "marker": ring}
    end = _points("scatter", sofar[-1]) | _told(tokens, names[1])
    scales = [min(width / (2 * reach[0]), height / (2 * reach[1])) * np.array([1, -1]) for width, height in CANVASES]
    labels, positions = _place_labels([(sofar - centre) * scale for scale in scales], tokens)
    end |= {
        "mode": "markers+text",
        "marker": {"size": 11, "color": colours, "line": {"width": 1.5, "color": "@background"}},
        "text": labels,
        "textposition": positions,
        "textfont": {"size": theme.FONT_SIZE + 1},
        "cliponaxis": False,
    }
    grid = {
        "showgrid": True,
        "gridcolor": "@grid/0.6",
        "zeroline": True,
        "zerolinecolor": "@grid",
        "zerolinewidth": 1.5,
    }
    grid |= {"nticks": 7, "tickfont": {"color": "@muted", "size": theme.FONT_SIZE - 2}}
    axes = [
        axis(range=[float(c - r), float(c + r)], title=title(words, "@muted"), **grid)
        for c, r, words in zip(centre, reach, axis_titles, strict=True)
    ]
    layout = {
        "margin": {"l": 58, "r": theme.GAP, "t": 40, "b": 48},
        "xaxis": axes[0],
        "yaxis": axes[1] | {"scaleanchor": "x"},
        "annotations": [_legend(names)],
    }
    return [*_lines(sofar, "scatter"), start, end], layout


def _solid(
    sofar: np.ndarray,
    tokens: list[str],
    centre: np.ndarray,
    reach: np.ndarray,
    names: tuple[str, str],
    axis_titles: list[str],
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Traces and layout in 3-D."""
    colours = [theme.head(i) for i in range(len(tokens))]
    start = _points("scatter3d", sofar[0]) | _told(tokens, names[0])
    start |= {"mode": "markers", "marker": {"symbol": "circle-open", "size": 5, "color": colours}}
    end = _points("scatter3d", sofar[-1]) | _told(tokens, names[1])
    end |= {"mode": "markers", "marker": {"size": 5, "color": colours, "line": {"width": 0}}}
    quiet: dict[str, Any] = {"showbackground": False, "showspikes": False, "showticklabels": False, "nticks": 5}
    quiet |= {"gridcolor": "@grid", "zerolinecolor": "@muted/0.6"}
    small = {"color": "@muted", "size": theme.FONT_SIZE - 1}
    axes = {
        f"{name}axis": quiet | {"range": [float(c - r), float(c + r)], "title": {"text": words, "font": small}}
        for name, c, r, words in zip("xyz", centre, reach, axis_titles, strict=True)
    }
    seen = [_seen(sofar - centre, reach, min(height, width / ASPECT)) for width, height in CANVASES]
    labels, positions = _place_labels(seen, tokens)
    note = {"showarrow": False, "font": {"color": "@text", "size": theme.FONT_SIZE + 1}}
    notes = [
        note | {"x": x, "y": y, "z": z, "text": label} | _anchored(position)
        for (x, y, z), label, position in zip(sofar[-1].tolist(), labels, positions, strict=True)
        if label
    ]
    scene = axes | {
        "bgcolor": "rgba(0,0,0,0)",
        "aspectmode": "manual",
        "aspectratio": dict(zip("xyz", (DEPTH * reach / reach.max()).tolist(), strict=True)),
        "camera": {"eye": dict(zip("xyz", EYE.tolist(), strict=True)), "center": {"x": 0, "y": 0, "z": -0.16}},
        "dragmode": "turntable",
        "annotations": notes,
    }
    layout = {"margin": {"l": 0, "r": 0, "t": 32, "b": 0}, "scene": scene, "annotations": [_legend(names)]}
    return [*_lines(sofar, "scatter3d"), start, end], layout


def _seen(places: np.ndarray, reach: np.ndarray, height: float) -> np.ndarray:
    """[..., xyz] -> [..., 2]: px right and down from the middle of a scene `height` px high, nearly as the camera
    first sees them: in parallel."""
    right = np.cross(-EYE, (0, 0, 1))
    down = np.cross(-EYE, right)
    sight = np.stack([right / np.linalg.norm(right), down / np.linalg.norm(down)], axis=1)
    px = height / (2 * np.linalg.norm(EYE) * np.tan(np.pi / 8))  # Plotly's camera opens by 45 degrees
    return places @ sight * (DEPTH / (2 * reach.max()) * px)


def _anchored(position: str) -> dict[str, Any]:
    """A position of PLACES, as a 3-D note says it."""
    side = {"left": ("right", -9), "right": ("left", 9), "center": ("center", 0)}
    level = {"top": ("bottom", 5), "bottom": ("top", -5), "middle": ("middle", 0)}
    vertical, horizontal = position.split()
    (xanchor, xshift), (yanchor, yshift) = side[horizontal], level[vertical]
    return {"xanchor": xanchor, "xshift": xshift, "yanchor": yanchor, "yshift": yshift}


def _legend(names: tuple[str, str]) -> dict[str, Any]:
    return {
        "text": f"● {names[1]}" if names[0] == names[1] else f"○ {names[0]}    ● {names[1]}",
        "showarrow": False,
        "font": {"color": "@muted"},
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
        "yshift": 8,
    }


def _place_labels(canvases: list[np.ndarray], tokens: list[str]) -> tuple[list[str], list[str]]:
    """A text and a position for each token's name, such that names cover neither each other nor a point or a line.

    Each of `canvases` [stage, pos, 2] is the drift in px, right and down from the middle of one of CANVASES: a name
    has one position in all of them. In reading order each takes the place that covers least of other names, then of
    points and lines, the earlier of PLACES in a tie; then all choose again, knowing the others, until none moves. Of
    more than EVERYONE tokens, a name that would cover another or a point is left to the hover.
    """
    crowd = len(tokens) > EVERYONE  # then lines are everywhere, and only points are kept clear
    widths = np.array([label_width([token], theme.FONT_SIZE + 1) + 6 for token in tokens])
    boxes = np.stack([_boxes(sofar[-1], widths) for sofar in canvases])  # [canvas, pos, place, side]
    cost = np.stack([_in_the_way(b, sofar, crowd) for b, sofar in zip(boxes, canvases, strict=True)]).sum(0)
    cut = np.zeros(cost.shape)  # what a margin would cut, as what another name would cover: neither can be read
    for near, (width, _) in zip(boxes, CANVASES, strict=True):
        cut += np.clip(np.maximum(-near[..., 0], near[..., 2]) - width / 2, 0, None) * LINE_HEIGHT
    shown = _free(boxes, cut + cost == 0) if crowd else _chosen(boxes, cut, cost)
    labels = [literal(short(token)) if i in shown else "" for i, token in enumerate(tokens)]
    return labels, [list(PLACES)[shown.get(i, 0)] for i in range(len(tokens))]


def _chosen(boxes: np.ndarray, cut: np.ndarray, cost: np.ndarray) -> dict[int, int]:
    """Each token's place among its `boxes` [canvas, pos, place, side]: where the least of names is lost, those that a
    margin would `cut` [pos, place] among them, and then where points and lines `cost` [pos, place] least."""
    shown: dict[int, int] = {}
    for _ in range(SWEEPS):
        before = dict(shown)
        for i in range(len(cost)):
            shown.pop(i, None)
            others = boxes[:, list(shown), list(shown.values())]
            lost = cut[i] + np.sum([_overlap(a, b) for a, b in zip(boxes[:, i], others, strict=True)], axis=0)
            shown[i] = int(np.lexsort((cost[i], lost))[0])  # whole, and apart from other names, first
        if shown == before:
            break
    return shown


def _free(boxes: np.ndarray, free: np.ndarray) -> dict[int, int]:
    """The same of a crowd: in turn each token that has a box which is `free` [pos, place] and covers none so far."""
    free, shown = free.copy(), {}
    for i in range(len(free)):
        if not free[i].any():
            continue
        shown[i] = place = int(free[i].argmax())
        left, top, right, bottom = np.moveaxis(boxes, 3, 0)
        own_left, own_top, own_right, own_bottom = boxes[:, i, place].T[:, :, None, None]
        apart = (left >= own_right) | (right <= own_left) | (top >= own_bottom) | (bottom <= own_top)
        free &= apart.all(0)
    return shown


def _boxes(points: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """[pos, place, left top right bottom] of the names, in px, at each of PLACES."""
    across, down = np.array(list(PLACES.values())).T
    left = points[:, :1] + across * widths[:, None] + 16 * (across + 0.5)
    top = points[:, 1:] + down
    return np.stack([left, top, left + widths[:, None], top + LINE_HEIGHT], axis=2)


def _in_the_way(boxes: np.ndarray, sofar: np.ndarray, crowd: bool) -> np.ndarray:
    """[pos, place]: what the points, and unless in a `crowd` the lines, under a box cost; most, a word's point."""
    left, right = boxes[:, COLUMNS[0]][..., (0, 2)].transpose(2, 0, 1)[..., None]
    top, bottom = boxes[:, ROWS[0]][..., (1, 3)].transpose(2, 0, 1)[..., None]
    cost = np.zeros(boxes.shape[:2])
    lines, air = (sofar[:0], RADIUS) if crowd else (_smooth(sofar), 0)
    for dots, weight in ((lines, 40), (sofar[0], 40), (sofar[-1], 400)):
        x, y = dots.reshape(-1, 2).T[:, None, None]
        beside = ((x > left - air) & (x < right + air)).astype(np.float32)  # [pos, column, dot]
        level = ((y > top - air) & (y < bottom + air)).astype(np.float32)  # [pos, row, dot]
        cost += weight * (beside @ level.swapaxes(1, 2))[:, COLUMNS[1], ROWS[1]]
    return cost


def _overlap(candidates: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """[candidate]: the area in px² that each shares with all boxes."""
    low = np.maximum(candidates[:, None, :2], boxes[None, :, :2])
    high = np.minimum(candidates[:, None, 2:], boxes[None, :, 2:])
    return np.clip(high - low, 0, None).prod(2).sum(1)
