"""What a knob of the look leaves of a figure's curves.

The figure holds every curve that some stop of its knobs shows, and `layout.meta["mask"]` says which of them are drawn.
The browser draws those (ui/live/mask.js), and as a finger turns a knob it draws others, without a word to the server.
`masked` does the same for whoever has no such browser.

A mask is {"at": {knob: its value}, "turns": the knobs that the browser may turn, "weight": [curve], the heaviest first,
"most": how many are drawn at most}. A curve is drawn if its weight is above at["threshold"]; with "layer" [curve], if
that is also below at["lit"]. A trace whose `meta` has "curves" is made of these, by number: each has an equal part of
its arrays and lists, and "most" of them are drawn at most. `mask["shapes"]` is such a list for each shape, whose path
begins with "M" at each curve, or None. "edges" [curve] is what a click on a
line of curves says as `customdata`. "dark" holds, by the `uid` of a trace, its markers' colours while not all
of "layers" are lit.

Where a knob's pictures share too little, the mask has "stops": for each of its values 0, 1, 2 ... the "data" and the
"layout" that it has of its own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import numpy as np

from plots.figure import json_value, to_json

PARTED = ("x", "y", "z", "hovertext", "customdata")  # of a trace: what its curves have parts of
PASSING = ("alt", "drawn", "above")  # of `layout.meta`: what is said of the picture as it is drawn


def with_mask(figure: dict[str, Any], mask: dict[str, Any], alike: Iterable[np.ndarray]) -> dict[str, Any]:
    """The figure with a mask, and in its `layout.meta` how many curves are "drawn" of those that are "above".

    `alike`, some arrays, are the weights of all curves, drawn or never, whose layers are lit.
    """
    meta = figure["layout"]["meta"]
    above = sum(int(np.count_nonzero(some > mask["at"]["threshold"])) for some in alike)
    figure["layout"]["meta"] = meta | {"drawn": int(np.count_nonzero(kept(mask))), "above": above}
    return _named(figure, mask)


def with_stops(figures: list[dict[str, Any]], knob: str, at: int, alt: str) -> dict[str, Any]:
    """One figure out of those that the knob shows at 0, 1, 2 ...; they have the same names in their layouts."""
    layouts = [figure["layout"] for figure in figures]
    own = {name for name in layouts[0] if len({to_json({"": layout[name]}) for layout in layouts}) > 1}
    stops = [
        {"data": figure["data"], "layout": {name: figure["layout"][name] for name in sorted(own)}} for figure in figures
    ]
    shared = {name: value for name, value in layouts[0].items() if name not in own}
    layout = shared | {"meta": shared["meta"] | {"alt": alt}}
    return _named({"data": [], "layout": layout}, {"at": {knob: at}, "turns": [knob], "stops": stops})


def _named(figure: dict[str, Any], mask: dict[str, Any]) -> dict[str, Any]:
    """The figure with its mask, and a name for all but where its knobs stand: "of"."""
    meta = figure["layout"]["meta"]
    still = {name: value for name, value in meta.items() if name not in PASSING}
    still["mask"] = {name: value for name, value in mask.items() if name != "at"}
    of = _digest(to_json(figure | {"layout": figure["layout"] | {"meta": still}}, _named_array))
    return figure | {"layout": figure["layout"] | {"meta": meta | {"mask": mask | {"of": of}}}}


def _named_array(value: Any) -> Any:
    """What stands for an array of numbers in that name: to write it as JSON, and to read that, takes three times as
    long."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        return json_value(value)
    return [value.dtype.str, value.shape, _digest(np.ascontiguousarray(value).data)]


def _digest(data: bytes | memoryview) -> str:
    return blake2b(data, digest_size=8).hexdigest()


def kept(mask: dict[str, Any]) -> np.ndarray:
    """[curve] of bool: those that are drawn."""
    keep = mask["weight"] > np.float32(mask["at"]["threshold"])
    if "layer" in mask:
        keep &= mask["layer"] < mask["at"]["lit"]
    return keep & (np.cumsum(keep) <= mask["most"])


def heaviest(weights: np.ndarray, most: int) -> np.ndarray | slice:
    """Which of these [n] are the heaviest, at most so many, or weigh the same as the last of them: to put all in order
    takes much longer."""
    if len(weights) <= most:
        return slice(None)
    return weights >= np.partition(weights, -most)[-most]


def masked(figure: dict[str, Any]) -> dict[str, Any]:
    """The figure as it is drawn: without a mask, and without the curves that it leaves out."""
    meta = figure["layout"].get("meta", {})
    if "mask" not in meta:
        return figure
    mask = meta["mask"]
    layout = figure["layout"] | {"meta": {name: value for name, value in meta.items() if name != "mask"}}
    if "stops" in mask:
        stop = mask["stops"][mask["at"][mask["turns"][0]]]
        return {"data": stop["data"], "layout": layout | stop["layout"]}
    keep = kept(mask)
    if "shapes" in mask:
        shapes = zip(layout["shapes"], mask["shapes"], strict=True)
        layout["shapes"] = [part for shape, curves in shapes if (part := _shape(shape, curves, keep))["path"]]
    whole = {trace.get("uid"): trace for trace in figure["data"]}
    data = [_trace(trace, whole, keep) for trace in figure["data"]]
    data = [trace for trace in data if len(trace["x"])]
    if "dark" in mask and mask["at"]["lit"] < mask["layers"]:
        data = [trace | _dark(trace, mask["dark"]) for trace in data]
    return {"data": data, "layout": layout}


def plain(encoded: bytes) -> dict[str, Any]:
    """The figure that `to_json` wrote, as Plotly draws it by itself."""
    figure = json.loads(encoded)
    if "mask" not in figure.get("layout", {}).get("meta", {}):
        return figure
    return json.loads(to_json(masked(json.loads(encoded, object_hook=_unpacked))))


def _unpacked(part: dict[str, Any]) -> Any:
    if "bdata" not in part:
        return part
    return np.frombuffer(base64.b64decode(part["bdata"]), f"<{part['dtype']}")


def _trace(trace: dict[str, Any], whole: dict[str, dict[str, Any]], keep: np.ndarray) -> dict[str, Any]:
    if "curves" not in trace.get("meta", {}):
        return trace
    about = trace["meta"]
    source = whole[about["like"]] if "like" in about else trace
    drawn = np.flatnonzero(keep[about["curves"]])[: about.get("most")]
    parts = {name: _parts(source[name], len(about["curves"]), drawn) for name in PARTED if name in source}
    return {name: value for name, value in trace.items() if name != "meta"} | parts


def _parts(values: Any, n: int, drawn: np.ndarray) -> Any:
    if isinstance(values, list):
        return [values[curve] for curve in drawn.tolist()]
    return values.reshape(n, -1)[drawn].ravel() if n else values


def _shape(shape: dict[str, Any], curves: np.ndarray | None, keep: np.ndarray) -> dict[str, Any]:
    if curves is None:
        return shape
    parts = shape["path"].split("M")[1:]
    return shape | {"path": "".join(f"M{part}" for part, curve in zip(parts, curves, strict=True) if keep[curve])}


def _dark(trace: dict[str, Any], dark: dict[str, list[str]]) -> dict[str, Any]:
    return {"marker": trace["marker"] | {"color": dark[trace["uid"]]}} if trace.get("uid") in dark else {}
