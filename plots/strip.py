"""The whole model as one strip of HTML, read from left to right: what goes in, what happens, what comes out.

Every picture in it is ink (plots/ink.py) made of an array; ui/strip.css places and tints them, for a wide page and for a
phone. What opens a page is a link, so that a browser without scripts can follow it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from plots import ink
from plots.figure import short

RIVER = 160  # px: the height of the residual stream, which the lanes of all tokens share
LANE = (2.5, 34.0)  # px: the least and the greatest height of a lane
LABEL = 14  # px: a lane's label; where lanes are lower, some go without
LANE_CELLS = 6  # rows of a lane's picture, the last one empty, where lanes are high enough to stand apart
TILE_SIDE = 96  # cells that the tiles of a row share
COLUMNS = 64  # cells across of a map of vectors


@dataclass(frozen=True)
class Part:
    """What a part of the strip is called, the shape of its array, what it does, and the address that it opens."""

    name: str
    shape: str
    does: str
    href: str


def lane_height(n_tokens: int) -> float:
    """Pixels of one token's lane."""
    return float(np.clip(RIVER / n_tokens, *LANE))


def strip(groups: Iterable[tuple[str, str, Sequence[str]]], n_tokens: int) -> str:
    """The groups (kind, heading, columns) side by side."""
    sections = (
        f'<section class="{kind}"><h2>{escape(heading)}</h2><div class="columns">{"".join(columns)}</div></section>'
        for kind, heading, columns in groups
    )
    return f'<div class="strip" style="--river:{lane_height(n_tokens) * n_tokens:.0f}px">{"".join(sections)}</div>'


def column(name: str, kind: str, *, top: str = "", river: str = "", bottom: str = "") -> str:
    """One stage: its name, what stands above the residual stream, the stream itself, and what stands below."""
    places = (("top", top), ("river", river), ("bottom", bottom))
    inner = "".join(f'<div class="{place}">{content}</div>' for place, content in places)
    return f'<div class="column {kind}"><h3>{escape(name)}</h3>{inner}</div>'


# ------------------------------------------------------------------------------------------------------ what goes in


def tokens(names: Sequence[str]) -> str:
    """Every token at its own lane."""
    every = -(-LABEL // lane_height(len(names)))
    spans = (f'<span{"" if i % every == 0 else " class=rest"}>{_literal(name)}</span>' for i, name in enumerate(names))
    return f'<div class="words">{"".join(spans)}</div>'


def vectors(part: Part, values: np.ndarray, kind: str = "vectors") -> str:
    """Signed numbers [pos, d_model], a row a token."""
    return _link(part, kind, _signed(values, len(values)))


# ------------------------------------------------------------------------------------------------------ what happens


def attention(part: Part, patterns: np.ndarray) -> str:
    """All heads' weights [head, query, key] as tiles; `data-grid` tells a click which one it met."""
    shape = ink.grid(len(patterns))
    picture = ink.url(ink.tiled(patterns, shape, TILE_SIDE // shape[1]))
    ratio = f"aspect-ratio:{shape[1]}/{shape[0]}"
    box = f'<i class="ink" style="--ink:{picture};{ratio}" data-grid="{shape[1]},{shape[0]},{len(patterns)}"></i>'
    return _link(part, "attention", f"{_caption(part)}{box}")


def mlp(part: Part, values: np.ndarray) -> str:
    """The activations [pos, d_mlp], a row a token."""
    return _link(part, "mlp", f"{_signed(values, len(values))}{_caption(part)}")


def stream(part: Part, norms: np.ndarray, greatest: float) -> str:
    """The residual stream as a lane a token, as bright as its vector is long: norms [pos, stop] from left to right."""
    lanes = ink.ink(norms, greatest, 0.12)
    apart = lane_height(len(norms)) >= LANE_CELLS
    across = np.repeat(lanes, LANE_CELLS, axis=0) if apart else lanes
    if apart:
        across[LANE_CELLS - 1 :: LANE_CELLS] = 0
    style = f"--ink:{ink.url(across)};--down:{ink.url(np.ascontiguousarray(across.T))}"
    return _link(part, "stream", f'<i class="ink" style="{style}"></i><em>{escape(part.shape)}</em>')


def wires(*kinds: str) -> str:
    """The ways between the stream and a part, named by what they carry."""
    return f'<div class="wires" aria-hidden="true">{"".join(f"<i class={kind}></i>" for kind in kinds)}</div>'


def folded(rows: Iterable[tuple[Part, np.ndarray]]) -> str:
    """Many layers, each as one row of its heads' tiles [head, query, key]."""
    return f'<div class="folded">{"".join(_row(part, patterns) for part, patterns in rows)}</div>'


def _row(part: Part, patterns: np.ndarray) -> str:
    n = len(patterns)
    picture = ink.url(ink.tiled(patterns, (1, n), max(4, TILE_SIDE // n)))
    box = f'<i class="ink" style="--ink:{picture};aspect-ratio:{n}" data-grid="{n},1,{n}"></i>'
    return _link(part, "layer", f"<b>{escape(part.name.split()[-1])}</b>{box}")


# --------------------------------------------------------------------------------------------------- what comes out


def ranking(part: Part, rows: Sequence[tuple[str, float, str]]) -> str:
    """The likeliest next tokens: (token, probability, the same as written), each with its bar."""
    most = max((share for _, share, _ in rows), default=0) or 1
    bars = (
        f'<span class="bar" style="--share:{share / most:.3f}"><b>{_literal(name)}</b><small>{escape(written)}</small>'
        "</span>"
        for name, share, written in rows
    )
    return _link(part, "ranking", "".join(bars))


# ------------------------------------------------------------------------------------------------------------ cards


def card(href: str, title: str, about: str, patterns: np.ndarray, *, chosen: bool) -> str:
    """A story to choose, with the pattern that its first layer makes of its own sentence."""
    shape = ink.grid(len(patterns))
    picture = f'<i class="ink" style="--ink:{ink.url(ink.tiled(patterns, shape, TILE_SIDE // shape[1]))}"></i>'
    current = ' aria-current="true"' if chosen else ""
    return (
        f'<a class="card" href="{escape(href)}"{current}>{picture}'
        f"<span><b>{escape(title)}</b><small>{escape(about)}</small></span></a>"
    )


def typing_card(title: str, about: str) -> str:
    """The card that leads to the sentence's own place."""
    return (
        '<button type="button" class="card" data-write><i class="pen" aria-hidden="true">✎</i>'
        f"<span><b>{escape(title)}</b><small>{escape(about)}</small></span></button>"
    )


# ------------------------------------------------------------------------------------------------------------ shared


def _link(part: Part, kind: str, inner: str) -> str:
    label = f"{part.name}, {part.shape}: {part.does}"
    tip = f"<b>{escape(part.name)}</b> <em>{escape(part.shape)}</em><br>{escape(part.does)}"
    return (
        f'<a class="part {kind}" href="{escape(part.href)}" aria-label="{escape(label)}">{inner}'
        f'<span class="tip" aria-hidden="true">{tip}</span></a>'
    )


def _caption(part: Part) -> str:
    return f'<span class="caption"><b>{escape(part.name)}</b> <small>{escape(part.shape)}</small></span>'


def _signed(values: np.ndarray, rows: int) -> str:
    positive, negative = ink.signed_ink(values, rows, COLUMNS)
    return f'<i class="signed" style="--positive:{ink.url(positive)};--negative:{ink.url(negative)}"></i>'


def _literal(token: str) -> str:
    """A token as text, in its own direction, never nothing: a blank is written as an open box."""
    return f"<bdi>{escape(short(token)) if token.strip() else '␣'}</bdi>"
