"""Widgets fed from the Scene. Each shows one knob, and its callback turns that knob and nothing else.

A widget is never told another value: that would snatch the slider from a fast hand, and a browser that still holds the
old value would answer with it. Where the Scene's value is not the widget's own (it came from a preset, from undo, from
a click on a map, from another page), a new widget is mounted in its place, with a key of its own; and what the browser
says late of the old one is dropped. A widget's own turns leave it where it is, so that the keyboard stays on it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import streamlit as st

from core import Config, Scene
from pictures import stacks
from pictures.words import Words
from ui import state
from ui.live import compat
from ui.live import range as ranges
from ui.said import say

MOUNTS = "fibra.mounts"  # session state: the widget that stands for each knob
GENERATIONS = 50  # keys a knob: Streamlit forgets none of them, and no answer is so many widgets late
_NOTHING = object()


@dataclass(frozen=True)
class Mount:
    """A widget that stands for a knob: where, the how manieth, what it was mounted for, with what value, under what
    mark of its options' labels."""

    knob: str
    page: str
    generation: int
    of: Hashable
    value: Any
    labels: str = ""

    @property
    def key(self) -> str:
        """The widget's key: the knob's name, its labels, and from the second widget on its number."""
        return f"{self.knob}{self.labels}" + (f"-g{self.generation}" if self.generation else "")


def feed(knob: str, value: Any, of: Hashable = (), labels: str = "") -> Mount:
    """The widget to draw, whose default is the mount's `value`. `of` is what its values mean, beside the knob's name;
    `labels` the mark of what they are called (_labels).

    It is the one that stands there already, unless that shows something else than `value`, or stood on another page.
    """
    mounts, page = st.session_state.setdefault(MOUNTS, {}), st.session_state.get(state.PAGE, "")
    mount = mounts.get(knob)
    if mount is None or mount.page != page:
        mounts[knob] = Mount(knob, page, 0, of, value, labels)
    elif (mount.of, mount.labels) != (of, labels) or st.session_state.get(mount.key, _NOTHING) != value:
        mounts[knob] = Mount(knob, page, (mount.generation + 1) % GENERATIONS, of, value, labels)
    return mounts[knob]


def draw(
    mount: Mount,
    value: Any,
    turn: Callable[[Any], None],
    widget: Callable,
    *args: Any,
    none: bool = False,
    **more: Any,
) -> None:
    """Call `widget` so that `turn` hears of what the reader does with it. none: whether None is one of the choices.

    A session may be new to a browser that still holds the widgets of one that is over: what shows something else than
    `value` at first is mounted anew.
    """
    heard = {"key": mount.key, "on_change": _heard, "args": (mount, turn, none)}
    shown = compat.call(widget, *args, **heard, **more)
    if mount.generation == 0 and shown != value:
        st.session_state[MOUNTS][mount.knob] = replace(mount, generation=1, value=value)
        st.rerun()


def several(mount: Mount, value: Any, turn: Callable[[Any], None], *args: Any, **more: Any) -> None:
    """A list of which several are chosen, without Streamlit's offer to take all of it, in English on every page."""
    draw(mount, value, turn, st.multiselect, *args, select_all=False, **more)


def _heard(mount: Mount, turn: Callable[[Any], None], none: bool = False) -> None:
    if st.session_state.get(MOUNTS, {}).get(mount.knob) != mount:
        return  # it was drawn for another Scene
    value = st.session_state.get(mount.key)
    if value is not None or none:  # a segment clicked again is let go; the Scene keeps it chosen
        turn(value)


def slider(
    label: str,
    knob: str,
    low: float,
    high: float,
    step: float,
    value: float,
    *,
    text: Callable[[Any], str] = str,
    **more,
) -> None:
    """A slider on a Scene field, over low, low + step, ... high; it follows the finger. `text` writes a value.

    With `look`, a mask's name for it, the figures follow in the browser (plots.mask)."""
    turn = _turning(knob, more.pop("turn", state.turn))
    if not ranges.works():
        kind = type(step)
        bounds = kind(low), kind(high)
        mount = feed(f"knob-{knob}", kind(value), bounds)
        more.pop("look", None)
        draw(mount, kind(value), turn, st.slider, label, *bounds, mount.value, step=step, **more)
        return
    count = round((high - low) / step) + 1
    stops = [type(step)(round(low + step * stop, 9)) for stop in range(count)]
    _follow(label, knob, stops, value, text, turn, **more)


def choice_slider(
    label: str, knob: str, options: Sequence[Any], value: Any, *, text: Callable[[Any], str] = str, **more: Any
) -> None:
    """A slider over some values of a field of the Config; `turn=state.turn` for one of the Scene.

    A value that came from elsewhere takes its place among the options. With `look`, a mask's name for it, the figures
    follow in the browser (plots.mask).
    """
    options, turn = sorted({*options, value}), _turning(knob, more.pop("turn", state.override))
    if ranges.works():
        _follow(label, knob, options, value, text, turn, **more)
        return
    more.pop("look", None)
    mount = feed(f"knob-{knob}", value, labels=_labels(options, text))
    draw(mount, value, turn, st.select_slider, label, options, mount.value, format_func=text, **more)


def _follow(
    label: str,
    knob: str,
    stops: list[Any],
    value: Any,
    text: Callable[[Any], str],
    turn: Callable[[Any], None],
    look: str = "",
    **more: Any,
) -> None:
    at = min(range(len(stops)), key=lambda stop: abs(stops[stop] - value))
    texts = [text(stop) for stop in stops]
    more |= {"look": look, "values": stops} if look else {}
    ranges.show(label, key=f"knob-{knob}", texts=texts, at=at, on_turn=lambda at: turn(stops[at]), **more)


def select(
    label: str,
    knob: str,
    options: Sequence[Any],
    value: Any,
    names: Callable[[Any], str],
    *,
    of: Hashable = (),
    **more: Any,
) -> None:
    """A list of choices on a Scene field."""
    mount = feed(f"knob-{knob}", value, of, _labels(options, names))
    turn = _turning(knob, more.pop("turn", state.turn))
    look = {"format_func": names, "none": None in options, **more}
    draw(mount, value, turn, st.selectbox, label, options, _place(options, mount.value), placeholder="", **look)


def head(config: Config, place: tuple[int, int], words: Words) -> None:
    """The layer and the head that are shown, each in a list."""
    for knob, n, chosen in zip(("layer", "head"), (config.n_layers, config.n_heads), place, strict=True):
        select(words(f"axis.{knob}"), knob, range(n), chosen, str, disabled=n == 1)


def choose_head(click: dict[str, Any]) -> None:
    """The head whose cell was clicked, on a map of all heads with a row for each layer."""
    state.turn(layer=round(float(click["y"])), head=round(float(click["x"])))


def switch(label: str, knob: str, value: bool, *, of: Hashable = (), **more: Any) -> None:
    """A switch on a yes-or-no field of the Config; `turn=state.turn` for one of the Scene."""
    mount, turn = feed(f"knob-{knob}", value, of), _turning(knob, more.pop("turn", state.override))
    draw(mount, value, turn, st.toggle, label, mount.value, **more)


def without_first(scene: Scene, words: Words) -> None:
    """A switch that leaves the first token out of the pictures: offered where a model has learned to look there."""
    if scene.preset.trained or scene.without_first:
        about = words("shell.without_first_help")
        switch(words("shell.without_first"), "without_first", scene.without_first, turn=state.turn, help=about)


def hidden_on_maps(scene: Scene, words: Words) -> None:
    """The same for maps of who looks at whom, beside a switch that has what is left of each row add up to 1."""
    if stacks.kinds(scene) or scene.pinned:  # of two stacks no token is hidden, and what is compared is whole
        return
    with st.container(key="hidden-on-maps", horizontal=True, vertical_alignment="center"):
        without_first(scene, words)
        if scene.without_first:
            label, about = words("shell.rows_renormalized"), words("shell.rows_renormalized_help")
            switch(label, "rows_renormalized", scene.rows_renormalized, turn=state.turn, help=about)


def attention_of(scene: Scene, words: Words) -> None:
    """Whose attention is shown, in a model of two stacks; and, of each kind, who looks at whom."""
    if kinds := stacks.kinds(scene):
        kind = stacks.looks(scene).kind
        with st.container(key="attention-of", horizontal=True, vertical_alignment="center"):
            segments(
                words("stacks.kind"),
                "attention_of",
                kinds,
                kind,
                lambda kind: words(f"translate.kinds.{kind}"),
                label_visibility="collapsed",
            )
            about = "silent" if kind == "cross" and not stacks.writes(scene) else kind
            say(words(f"stacks.about.{about}"), "about")


def segments(
    label: str, knob: str, options: Sequence[Any], value: Any, names: Callable[[Any], str], **more: Any
) -> None:
    """Choices side by side, one of them always chosen."""
    mount = feed(f"knob-{knob}", value, labels=_labels(options, names))
    turn = _turning(knob, more.pop("turn", state.turn))
    look = {"default": mount.value, "format_func": names, "required": True}
    draw(mount, value, turn, st.segmented_control, label, options, **look, **more)


def number(label: str, knob: str, low: int, high: int, value: int, **more: Any) -> None:
    """A whole number to type or to step, on a Scene field."""
    mount, turn = feed(f"knob-{knob}", value, (low, high)), _turning(knob, more.pop("turn", state.turn))
    draw(mount, value, turn, st.number_input, label, low, high, mount.value, step=1, **more)


def text(label: str, knob: str, value: str, turn: Callable[[str], None], **more: Any) -> None:
    """A line of text to type; `turn` is called with it."""
    mount = feed(f"knob-{knob}", value)
    draw(mount, value, turn, st.text_input, label, mount.value, **more)


def _turning(knob: str, turn: Callable[..., None]) -> Callable[[Any], None]:
    """`turn` as a function of the knob's value alone."""
    return lambda value: turn(**{knob: value})


def _place(options: Sequence[Any], value: Any) -> int | None:
    return next((place for place, option in enumerate(options) if option == value), None)


def _labels(options: Sequence[Any], names: Callable[[Any], str]) -> str:
    """A mark of the options' labels, for the key: the browser holds the chosen label, not its place, so a widget whose
    labels change (another language, another sentence) must be another widget."""
    return f"-{crc32(chr(0).join(map(names, options)).encode('utf-8', 'replace')):08x}"
