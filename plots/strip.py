"""The whole model as one strip of HTML, read from left to right: what goes in, what happens, what comes out.

Every picture in it is ink (plots/thumbnail.py) made of an array; ui/live/strip.css places and tints them, for a wide
page and for a phone. What opens a page is a link, so that a browser without scripts can follow it too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from plots import thumbnail
from plots.tokens import short, visible

RIVER = (116, 160)  # px: the height of the residual stream, which the lanes of all tokens share, by how many they are
LANE = 34.0  # px: the greatest height of a lane, of more than three tokens
LABEL = 11.5  # px: the lane of a token with a name; a river grows for its names, up to NAMED of them: all, or none
NAMED = 24
ROUND = (0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0)  # a lane's ink from side to side
FLAT = (0.4, 1.0)  # the same for a lane of a few pixels
TILE_SIDE = 96  # cells that the tiles of a row share
COLUMNS = 64  # cells across of a map of vectors
FOLDED_ROWS = 4  # cells down of a folded one
ONE_ROW = 5  # cards that have room side by side


@dataclass(frozen=True)
class Part:
    """What a part of the strip is called, the shape of its array, what it does, the address that it opens, the layer
    that it belongs to, as written, and its array's name in the trace."""

    name: str
    shape: str
    does: str
    href: str
    layer: str = ""
    array: str = ""


def lane_height(n_tokens: int) -> float:
    """Pixels of one token's lane."""
    least, most = RIVER
    named = LABEL if n_tokens <= NAMED else 0
    return max(least / n_tokens, min(most / n_tokens, LANE), named)


def strip(
    groups: Iterable[tuple[str, str, Sequence[str]]],
    n_tokens: int,
    *,
    plain: bool,
    crossing: bool = False,
    mirror: bool = False,
) -> str:
    """The groups (kind, heading, columns) side by side; `plain`: nothing stands below the residual stream; `crossing`:
    two attentions stand above it; `mirror`: what runs through it is the gradient, from the end back."""
    sections = (
        f'<section class="{kind}" style="--columns:{len(columns)}"><h2>{escape(heading)}</h2>'
        f'<div class="columns">{"".join(columns)}</div></section>'
        for kind, heading, columns in groups
    )
    river = f"--river:{lane_height(n_tokens) * n_tokens / 16:.4g}rem"
    own = {"plain": plain, "crossing": crossing, "mirror": mirror}
    kinds = "".join(f" {kind}" for kind, is_so in own.items() if is_so)
    return f'<div class="strip{kinds}" style="{river}">{"".join(sections)}</div>'


def column(name: str, kind: str, *, top: str = "", river: str = "", bottom: str = "", place: int = 0) -> str:
    """One stage: its name, what stands above the residual stream, the stream itself, and what stands below.

    `place` among its like tells when it is drawn: they follow one another.
    """
    parts = (("top", top), ("river", river), ("bottom", bottom))
    inner = "".join(f'<div class="{where}">{content}</div>' for where, content in parts)
    return f'<div class="column {kind}" style="--place:{place}"><h3>{escape(name)}</h3>{inner}</div>'


# ------------------------------------------------------------------------------------------------------ what goes in


def tokens(names: Sequence[str]) -> str:
    """Every token at its own lane; too many are only there to be read aloud."""
    spans = (f"<span>{_literal(name)}</span>" for name in names)
    lanes = "unseen" if len(names) > NAMED else "low" if lane_height(len(names)) < 15 else "high"
    return f'<div class="words" data-lanes="{lanes}">{"".join(spans)}</div>'


def vectors(part: Part, values: np.ndarray, caption: str = "") -> str:
    """Signed numbers [pos, d_model], a row a token, under a caption of their own where the column's is another."""
    above = f'<span class="caption"><b>{escape(caption)}</b></span>' if caption else ""
    return _link(part, "vectors", f"{above}{_signed(values, len(values))}")


# ------------------------------------------------------------------------------------------------------ what happens


def attention(part: Part, patterns: np.ndarray, off: Collection[int] = (), greatest: float | None = None) -> str:
    """All heads' weights [head, query, key] as tiles, those of the heads `off` crossed out; or signed numbers of that
    shape, on a scale up to `greatest`."""
    shape = thumbnail.grid(len(patterns))
    box = _tiles(patterns, shape, TILE_SIDE // shape[1], off, greatest)
    ratio = shape[1] / shape[0] * patterns.shape[2] / patterns.shape[1]
    return _link(part, "attention", f"{_caption(part)}{box}", f"--ratio:{ratio:.4g}")


def mlp(part: Part, values: np.ndarray, greatest: float | None = None) -> str:
    """Numbers [pos, d_mlp], a row a token, on a scale up to `greatest` or to their own greatest."""
    return _link(part, "mlp", f"{_signed(values, len(values), greatest)}{_caption(part)}")


def stream(part: Part, norms: np.ndarray, greatest: float) -> str:
    """The residual stream as a lane a token, as bright as its vector is long: norms [pos, stop] from left to right."""
    lanes = thumbnail.shade(norms, greatest, 0.12)
    height = lane_height(len(norms))
    profile = np.array(ROUND if height >= 8 else FLAT if height >= 4 else (1.0,))
    across = np.rint(np.kron(lanes, profile[:, None])).astype(np.uint8)
    style = f"--ink:{thumbnail.url(across)};--down:{thumbnail.url(across.T)}"
    return _link(part, "stream", f'<i class="ink" style="{style}"></i>{shape(part.shape)}')


def shape(written: str) -> str:
    """An array's shape, on the arrow that carries it."""
    return f'<em class="shape">{escape(written)}</em>'


def wires(*kinds: str) -> str:
    """The ways between the stream and a part, named by what they carry."""
    return f'<div class="wires" aria-hidden="true">{"".join(f"<i class={kind}></i>" for kind in kinds)}</div>'


def looks(inner: str) -> str:
    """One of two attentions with its wires, to be placed together."""
    return f'<div class="looks">{inner}</div>'


def folded(rows: Iterable[str]) -> str:
    """Many layers, a row each: made by `attention_row` or `mlp_row`."""
    return f'<div class="folded">{"".join(rows)}</div>'


def attention_row(
    part: Part, number: int, patterns: np.ndarray, off: Collection[int] = (), greatest: float | None = None
) -> str:
    """One layer's heads [head, query, key], side by side, as `attention` draws them."""
    n = len(patterns)
    box = _tiles(patterns, (1, n), max(4, TILE_SIDE // n), off, greatest)
    return _link(part, "layer", f"<b>{number}</b>{box}", f"--ratio:{n * patterns.shape[2] / patterns.shape[1]:.4g}")


def mlp_row(part: Part, number: int, values: np.ndarray, greatest: float | None = None) -> str:
    """One layer's numbers [pos, d_mlp], with as few lines as there is room for."""
    return _link(part, "layer", f"<b>{number}</b>{_signed(values, FOLDED_ROWS, greatest)}")


def bare(part: Part) -> str:
    """A part with nothing drawn in it: its name, and what it opens."""
    return _link(part, "bare", _caption(part))


# --------------------------------------------------------------------------------------------------- what comes out


def ranking(part: Part, rows: Sequence[tuple[str, float, str]]) -> str:
    """The likeliest next tokens: (token, probability, the same as written), each with its bar."""
    bars = (
        f'<span class="bar" style="--share:{share:.3f}"><b>{_literal(name)}</b> <small>{escape(written)}</small></span>'
        for name, share, written in rows
    )
    read = " ".join(f"{short(visible(name))} {written}" for name, _, written in rows)
    return _link(part, "ranking", " ".join(bars), read=read)


# ------------------------------------------------------------------------------------------------------------ cards


def cards(label: str, of: Iterable[str]) -> str:
    """The cards, as choices in one row, or in two."""
    every = list(of)
    columns = len(every) if len(every) <= ONE_ROW else -(-len(every) // 2)
    style = f"--columns:{columns};--last:{1 + -len(every) % columns}"  # the last card takes what is left of its row
    return f'<nav class="cards" style="{style}" aria-label="{escape(label)}">{"".join(every)}</nav>'


def portrait(patterns: np.ndarray) -> str:
    """A preset's picture: the pattern [head, query, key] that its first layer makes of its own sentence."""
    shape = thumbnail.grid(len(patterns))
    tiles = thumbnail.tiled(patterns, shape, TILE_SIDE // shape[1])
    return f'<i class="ink" style="--ink:{thumbnail.url(tiles)}"></i>'


def card(href: str, title: str, about: str, picture: str, *, chosen: bool) -> str:
    """A preset to choose, with its portrait."""
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


def _link(part: Part, kind: str, inner: str, style: str = "", read: str = "") -> str:
    """A part that opens a page. `read` is the text on it, where that is more than its name and shape."""
    name = f"{part.name} · {part.layer}" if part.layer else part.name
    place = f", {part.layer}" if part.layer else ""
    written = f"{part.name} {part.shape}{place}" + (f": {read}" if read else "")
    label = f"{written}: {part.does}"  # as it is written on it, that speech input may find it
    tip = f"<b>{escape(name)}</b> <em>{escape(part.shape)}</em><br>{escape(part.does)}"
    return (
        f'<a class="part {kind}" href="{escape(part.href)}" data-array="{escape(part.array)}" style="{style}" '
        f'aria-label="{escape(label)}">{inner}'
        f'<span class="tip" aria-hidden="true">{tip}</span></a>'
    )


def _caption(part: Part) -> str:
    return f'<span class="caption"><b>{escape(part.name)}</b> <small>{escape(part.shape)}</small></span>'


def _signed(values: np.ndarray, rows: int, greatest: float | None = None) -> str:
    return _two_inks(*thumbnail.signed_shade(values, rows, COLUMNS, greatest))


def _tiles(values: np.ndarray, shape: tuple[int, int], side: int, off: Collection[int], greatest: float | None) -> str:
    """Tiles in `shape` rows and columns; `data-grid` tells a click which one it met."""
    grid = f' data-grid="{shape[1]},{shape[0]},{len(values)}"'
    if greatest is None:
        return f'<i class="ink" style="--ink:{thumbnail.url(thumbnail.tiled(values, shape, side, off))}"{grid}></i>'
    positive = thumbnail.tiled(values, shape, side, off, greatest)
    return _two_inks(positive, thumbnail.tiled(-values, shape, side, (), greatest, paper=0), grid)


def _two_inks(positive: np.ndarray, negative: np.ndarray, more: str = "") -> str:
    style = f"--positive:{thumbnail.url(positive)};--negative:{thumbnail.url(negative)}"
    return f'<i class="signed" style="{style}"{more}></i>'


def note(text: str) -> str:
    """A few words beside a picture."""
    return f'<p class="note">{escape(text)}</p>'


def _literal(token: str) -> str:
    """A token as text, in its own direction, never nothing: a blank is written as an open box."""
    return f"<bdi>{escape(short(visible(token)))}</bdi>"
