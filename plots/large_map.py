"""A map of many rows: an image, of which a part is enlarged by dragging; what is no probability comes as bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots.figure import literal, number, short

LARGE = 64  # rows: a map of more is an image, of which a part can be enlarged
STEPS = 127  # of colour on either side of zero, where a large map sends a byte a cell
ROOMY = 300  # px: the least height of a large map that keeps room for the names of a part that is enlarged

Named = tuple[list[str] | None, int | None]  # what the places on an axis are called, and the chosen one


def let_enlarge(layout: dict[str, Any], rows: Named, columns: Named, n_columns: int, enlarged: bool) -> None:
    """Have a part of a large map enlarged by dragging. enlarged: its names are written then, of which `layout.meta` has
    all."""
    layout["dragmode"] = "zoom"
    for name, n, (names, _) in (("xaxis", n_columns, columns), ("yaxis", len(rows[0] or ()), rows)):
        layout[name] |= _enlarging(n, names)
    if enlarged:
        named = {"xaxis": columns, "yaxis": rows}
        layout["meta"]["names"] = {
            name: {"all": _literals(names or []), "chosen": at} for name, (names, at) in named.items()
        }


def _enlarging(n: int, names: list[str] | None) -> dict[str, Any]:
    """Settings of an axis with n places, of which a part can be enlarged; the hover calls each place by its name."""
    known = {str(place): name for place, name in enumerate(_literals(names or []))}
    free = {"fixedrange": False, "minallowed": -0.5, "maxallowed": n - 0.5}
    return free | ({"labelalias": known} if known else {})


def _literals(names: list[str]) -> list[str]:
    return [literal(short(name)) for name in names]


def without_value(template: str) -> str:
    """The hover of a cell whose number is told by a click alone."""
    return template.replace(": {value}", "").replace("{value}", "")


def bytes_of(values: np.ndarray, scaled: dict[str, Any], bar: dict[str, Any], comma: bool) -> dict[str, Any]:
    """A byte a cell, and the colour bar, which says what they stand for."""
    limit, signed = scaled["zmax"], scaled["zmin"] < 0
    shares = np.nan_to_num(values / limit, nan=0.0, posinf=1.0, neginf=0.0)
    z = np.rint(np.clip(shares, -1 if signed else 0, 1) * STEPS).astype(np.int8)
    ends = [-STEPS, 0, STEPS] if signed else [0, STEPS]
    decimals = 0 if limit >= 100 else 1 if limit >= 10 else 2
    written = [number(limit * end / STEPS, decimals, comma) for end in ends]
    bar = bar | {"tickmode": "array", "tickvals": ends, "ticktext": written}
    return {"z": z, "zmin": ends[0], "zmax": STEPS, "colorbar": bar}


def covers(values: np.ndarray) -> list[dict[str, Any]]:
    """Over the cells that are masked, and over those that are nothing: a path each, of one stripe a run of cells."""
    kinds = ((np.isneginf(values), "@surface"), (np.isnan(values), "@background"))
    return [
        {"type": "path", "path": _stripes(cells), "fillcolor": colour, "line": {"width": 0}}
        for cells, colour in kinds
        if cells.any()
    ]


def _stripes(cells: np.ndarray) -> str:
    """Rectangles around the runs of True in each row."""
    edges = np.diff(np.pad(cells, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, stops = np.argwhere(edges == 1).tolist(), np.argwhere(edges == -1).tolist()
    return "".join(
        f"M{start - 0.5} {row - 0.5}H{stop - 0.5}V{row + 0.5}H{start - 0.5}Z"
        for (row, start), (_, stop) in zip(starts, stops, strict=True)
    )
