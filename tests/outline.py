"""A figure, or a page's HTML, as a few readable lines: what is kept of it in tests/outlines, and what differs from it.

A line is a place in it and what stands there. Many numbers are written as how many, from where to where, and `turned`:
their mean, each times a number of its place, so that it is another one where two change places. Of a number that was
measured the last of four digits may differ, as another BLAS has it; in a text, where it has fewer, by one; a whole one
may not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from math import floor, log10
from typing import Any
from zlib import crc32

import numpy as np

from core.scene.fields import Numbered
from pictures.compute import Picture
from pictures.explained.card import Shown
from plots.figure import axis, base_layout

Outline = dict[str, str]
FEW = 4  # values, or parts, that are written each
LONG = 60  # characters of a text that are written
NUMBER = re.compile(r"[-−]?\d+(?:[.,]\d+)*(?:e[+-]\d+)?")
ALIKE, MEASURED = 1.5, 5.5  # in the last place: of few decimals, and of three and more
NOTHING = 1e-6  # what is smaller is written as 0
# What a knob shows in the browser of what is here already; and a mark of all the numbers, to the last bit.
MASK = ("layout.meta.mask.stops", "layout.meta.mask.of")
SETTLED = (  # what `plots` gives every figure of a kind
    *("title.font.size", "title.standoff", ".tickmode", ".constrain", ".constraintoward", ".hoverongaps", ".showscale"),
    *(".outlinewidth", ".nticks", ".orientation", ".yanchor", ".xpad", ".ypad", ".ticks", ".xgap", ".ygap"),
    *(".hoverinfo", "shapes.type", "tickfont.color", "tickfont.size"),
)
TINY = re.compile(r"[-−]?[\d.,]+\s×\s10⁻[⁵-⁹]")  # what is left of equal sums is another number on each machine


# ------------------------------------------------------------------------------------------------- what is written down


def of_picture(made: Picture) -> Outline:
    """What is not as in every figure, and the numbers that some clicks find. (The sentence below it has its claims.)"""
    lines = {place: said for place, said in _flat("", made.figure) if _own(place, said)}
    if made.figure["layout"].get("meta", {}).get("alt") == made.says:
        lines.pop("layout.meta.alt")
    found = {f"click {i}": _clicked(made, click) for i, click in enumerate(clicks(made.figure))}
    return lines | {place: said for place, said in found.items() if said}


def _own(place: str, said: str) -> bool:
    """Whether this is not so in every figure, and on every axis."""
    name = place.rpartition(".")[2]
    if place.startswith(MASK) or place.endswith(SETTLED):
        return False
    return COMMON.get(place) != said and not ("axis" in place and AXIS.get(name) == said)


def clicks(figure: dict[str, Any]) -> list[dict[str, Any]]:
    """On a cell or a point at the beginning, and on one at the end, of the first traces."""
    found = []
    for curve, trace in enumerate(figure["data"][:FEW]):
        if trace.get("hoverinfo") == "skip":
            continue
        z = np.asarray(trace["z"]) if "z" in trace else np.zeros(0)
        if z.ndim == 2 and z.size:
            rows, columns = z.shape
            found += [{"y": y, "x": x} for y, x in ((rows // 2, 0), (rows - 1, columns - 1))]
            continue
        n = min((len(trace[axis]) for axis in "xyz" if axis in trace), default=0)
        for point in sorted({0, n - 1} & {*range(n)}):
            along = {axis: _plain(trace[axis][point]) for axis in "xyz" if axis in trace}
            found.append({**along, "curve": curve, "point": point})
    return found


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def asked(made: Picture) -> Iterator[Numbered]:
    """The numbers that those clicks find."""
    if made.numbers is not None:
        yield from filter(None, map(made.numbers.at, clicks(made.figure)))


def _clicked(made: Picture, click: dict[str, Any]) -> str:
    number = made.numbers.at(click) if made.numbers else None
    if number is None:
        return ""
    place = made.numbers.place(number) if made.numbers else None
    at = " ".join(f"{side:.4g}" if isinstance(side, float) else str(side) for side in (place or {}).values())
    return f"{number[0]} {', '.join(map(str, number[1]))} at {at}"


def _flat(place: str, node: Any) -> Iterator[tuple[str, str]]:
    """The lines of a part of a figure; alike parts side by side, as shapes are, give one line for each of their
    properties."""
    if isinstance(node, dict):
        for name, value in node.items():
            value = [*value.items()] if name == "labelalias" else value
            yield from _flat(f"{place}.{name}".lstrip("."), value)
    elif isinstance(node, list | tuple) and node and all(isinstance(part, dict) for part in node):
        parts = [dict(_flat("", part)) for part in node]
        for name in dict.fromkeys(name for part in parts for name in part):
            having = [i for i, part in enumerate(parts) if name in part]
            if len(having) == 1:
                yield f"{place}.{having[0]}.{name}", parts[having[0]][name]
            else:
                yield f"{place}.{name}", _texts([part.get(name, "-") for part in parts])
    else:
        yield place, _said(node)


def _said(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return _numbers(value) if value.dtype.kind in "biuf" else _said(value.tolist())
    if isinstance(value, list | tuple):
        leaves = [*_leaves(value)]
        if leaves and all(isinstance(one, int | float | np.number) for one in leaves):
            return _numbers(np.array(leaves if isinstance(value[0], list | tuple | np.ndarray) else value))
        return _texts([_said(one) for one in _leaves(value)])
    if isinstance(value, float | np.floating):
        return written(float(value), abs(float(value)))
    said = str(_plain(value))
    if said.startswith("data:"):
        return said.partition(",")[0]
    return said if len(said) <= 3 * LONG else _texts(["", said])


def _leaves(value: Any) -> Iterator[Any]:
    for one in value:
        if isinstance(one, list | tuple | np.ndarray):
            yield from _leaves(one)
        else:
            yield one


def written(value: float, scale: float) -> str:
    """With four digits of what is as large as `scale`."""
    if not np.isfinite(value) or scale < NOTHING:
        return "0" if np.isfinite(value) else str(value)
    at = floor(log10(scale))
    if -4 <= at <= 4:
        return f"{value:.{max(3 - at, 1)}f}"
    return f"{value / 10**at:.3f}e{at:+}"


def _numbers(values: np.ndarray) -> str:
    """Many numbers; those that are none are counted."""
    shape, x = "×".join(map(str, values.shape)), values.astype(np.float64).ravel()
    good = x[np.isfinite(x)]
    lost = f", {x.size - good.size} lost" if good.size < x.size else ""
    if not good.size:
        return f"{shape}{lost}"
    if np.array_equal(values, np.arange(x.size)):
        return f"{x.size} from 0 on"
    scale = float(np.abs(good).max())
    if x.size <= FEW:
        return f"{shape}: {', '.join(written(one, scale) for one in x.tolist())}"
    turned = float(good @ np.cos(np.flatnonzero(np.isfinite(x)) + 1.0)) / good.size
    low, high, turned = (written(one, scale) for one in (good.min(), good.max(), turned))
    return f"{shape} from {low} to {high}, turned {turned}{lost}"


def _texts(texts: Sequence[str]) -> str:
    """Many texts: the first, the last, a mark of their letters, and the numbers in them."""
    if not texts:
        return "none"
    if len(texts) == 1:
        return texts[0]
    if len({*texts}) == 1:
        return f"{len(texts)} × {texts[0]}"
    if len(texts) <= FEW and sum(map(len, texts)) <= 3 * LONG:
        return " | ".join(texts)
    joined = "\n".join(texts)
    found = [_read(one)[0] for one in NUMBER.findall(joined)]
    numbers = f"; {_numbers(np.array(found, float))}" if found else ""
    mark = f"{crc32(NUMBER.sub('#', joined).encode()):x}"
    letters = re.sub("[0-9]", lambda digit: "ghijklmnop"[int(digit[0])], mark)  # no number
    return f"{len(texts)}: {texts[0][:LONG]} | … | {texts[-1][:LONG]}; {letters}{numbers}"


COMMON, AXIS = dict(_flat("layout", base_layout())), dict(_flat("", axis()))


class _Html(HTMLParser):
    """How often each kind of tag stands there, and all that is written."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: dict[str, list[str]] = {}
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.setdefault(f"{tag} {named.pop('class', '') or ''}".strip(), []).append(
            " ".join(f"{name}={(value or '').partition('base64,')[0]}" for name, value in named.items())
        )

    def handle_data(self, data: str) -> None:
        self.text += [data.strip()] if data.strip() else []


def of_html(html: str) -> Outline:
    """What is written in it, and a line for each kind of element with its attributes."""
    read = _Html()
    read.feed(html)
    lines = {tag: _texts(each) for tag, each in read.tags.items() if any(each)}
    return lines | {"text": " ".join(read.text)}


def of_card(shown: Shown) -> str:
    """What it is called, its array's axes, in how many layers there is one, and what its operands are called.

    Its formula and its numbers are held by other arithmetic."""
    read = _Html()
    read.feed(shown.card.html.rpartition("</p>")[2])
    below = " ".join(dict.fromkeys(text for text in read.text if re.search(r"[^\W\d]", text) and "×" not in text))
    axes = ", ".join(f"{axis} {size}" for axis, size, _ in shown.axes)
    title = shown.card.says.partition(" is ")[0]
    return f"{title} · {axes} · {shown.layers} · {below[: 3 * LONG]}"


# ----------------------------------------------------------------------------------------------------- what is compared


def _read(number: str) -> tuple[float, float]:
    """A number as it is written in either language, and how much it may differ."""
    digits, _, power = number.replace("−", "-").partition("e")
    decimals = re.search(r"[.,](\d+)$", digits)
    scale = 10.0 ** int(power or 0)
    if decimals is None:
        return float(digits) * scale, 0.0
    value = float(f"{re.sub('[.,]', '', digits[: decimals.start()])}.{decimals[1]}") * scale
    return value, (MEASURED if len(decimals[1]) > 2 else ALIKE) * scale * 10.0 ** -len(decimals[1])


def alike(one: str, other: str) -> bool:
    """Whether two lines say the same."""
    if one == other:
        return True
    if NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return False
    pairs = zip(map(_read, NUMBER.findall(one)), map(_read, NUMBER.findall(other)), strict=True)
    return all(abs(a - b) <= max(near, far) for (a, near), (b, far) in pairs)


def differences(kept: Outline, seen: Outline) -> list[str]:
    """Each line that is another one, as it was and as it is."""
    return [
        f"{place}: was {kept.get(place, 'not there')}, is {seen.get(place, 'not there')}"
        for place in dict.fromkeys((*kept, *seen))
        if not (place in kept and place in seen and alike(kept[place], seen[place]))
    ]
