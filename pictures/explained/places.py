"""The lists and fields of a card by which another number of the same array is chosen: its layer, and each axis."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from core.scene.fields import Numbered
from pictures.explained.kinds import COMPONENT, LABEL
from pictures.explained.naming import component, family_of, pattern
from pictures.words import Words

Axis = tuple[str, int, tuple[str, ...]]  # its name, its length, and what stands there where that has names


def names_of(axis: Axis, words: Words) -> tuple[str, ...]:
    """What the places along an axis are called; nothing, where they are counted alone."""
    name, size, named = axis
    if name == COMPONENT:
        return tuple(component(place) for place in range(size))
    if name == LABEL:
        return tuple(pattern(place, words) for place in range(size))
    return named


def html(number: Numbered, layers: int, axes: Iterable[Axis], words: Words) -> str:
    """A list a choice; of what is counted alone, a field. ui/live/explained.js makes a number of what they say."""
    index, (family, layer) = number[1], family_of(number[0])
    parts = []
    if layer is not None and layers > 1:
        parts.append(_list(words("axis.layer"), "layer", map(str, range(layers)), layer))
    for at, axis in enumerate(axes):
        if axis[1] == 1:
            continue
        label, named = words(f"explain.axes.{axis[0] or 'other'}"), names_of(axis, words)
        parts.append(_list(label, str(at), named, index[at]) if named else _field(label, str(at), axis[1], index[at]))
    if not parts:
        return ""
    about = f'role="group" aria-label="{escape(words("explain.place"))}"'
    now = f'data-family="{escape(family)}" data-layer="{layer}" data-index="{".".join(map(str, index))}"'
    return f'<div class="fibra-at" {about} {now}>{"".join(parts)}</div>'


def _list(label: str, axis: str, names: Iterable[str], chosen: int) -> str:
    options = "".join(
        f'<option value="{place}"{" selected" if place == chosen else ""}>{escape(name)}</option>'
        for place, name in enumerate(names)
    )
    return f'<label>{escape(label)}<select data-axis="{axis}">{options}</select></label>'


def _field(label: str, axis: str, size: int, chosen: int) -> str:
    limits = f'min="0" max="{size - 1}" value="{chosen}"'
    return f'<label>{escape(label)}<input type="number" data-axis="{axis}" {limits}></label>'
