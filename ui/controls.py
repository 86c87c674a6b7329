"""Widgets fed from the Scene. Each shows one knob, and its callback turns that knob and nothing else.

A widget's own state is dropped when its page is left, and set only where it differs from the Scene: a value written
back at each run would snatch the slider from a fast hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from zlib import crc32

import streamlit as st

from ui import compat, state
from ui import range as ranges


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
    """A slider on a Scene field, over low, low + step, ... high; it follows the finger. `text` writes a value."""
    if not ranges.works():
        key, kind = _feed(knob, value), type(step)
        turned = {"on_change": _turn, "args": (knob, key, more.pop("turn", state.turn))}
        st.slider(label, kind(low), kind(high), step=step, key=key, **turned, **more)
        return
    count = round((high - low) / step) + 1
    stops = [type(step)(round(low + step * stop, 9)) for stop in range(count)]
    _follow(label, knob, stops, value, text, more.pop("turn", state.turn), **more)


def choice_slider(
    label: str, knob: str, options: Sequence[Any], value: Any, *, text: Callable[[Any], str] = str, **more: Any
) -> None:
    """A slider over some values of a field of the Config; `turn=state.turn` for one of the Scene.

    A value that came from elsewhere takes its place among the options.
    """
    options, turn = sorted({*options, value}), more.pop("turn", state.override)
    if ranges.works():
        _follow(label, knob, options, value, text, turn, **more)
        return
    key = _feed(knob, value, _labels(options, text))
    st.select_slider(label, options, format_func=text, key=key, on_change=_turn, args=(knob, key, turn), **more)


def _follow(
    label: str,
    knob: str,
    stops: list[Any],
    value: Any,
    text: Callable[[Any], str],
    turn: Callable[..., None],
    **more: Any,
) -> None:
    at = min(range(len(stops)), key=lambda stop: abs(stops[stop] - value))
    texts = [text(stop) for stop in stops]
    ranges.show(label, key=f"knob-{knob}", texts=texts, at=at, on_turn=lambda at: turn(**{knob: stops[at]}), **more)


def select(label: str, knob: str, options: Sequence[Any], value: Any, names: Callable[[Any], str], **more: Any) -> None:
    """A list of choices on a Scene field."""
    key = _feed(knob, value, _labels(options, names))
    turn = more.pop("turn", state.turn)
    st.selectbox(label, options, format_func=names, key=key, on_change=_turn, args=(knob, key, turn), **more)


def switch(label: str, knob: str, value: bool, **more: Any) -> None:
    """A switch on a yes-or-no field of the Config; `turn=state.turn` for one of the Scene."""
    key = _feed(knob, value)
    turn = more.pop("turn", state.override)
    st.toggle(label, key=key, on_change=_turn, args=(knob, key, turn), **more)


def segments(
    label: str, knob: str, options: Sequence[Any], value: Any, names: Callable[[Any], str], **more: Any
) -> None:
    """Choices side by side, one of them always chosen."""
    key = _feed(knob, value, _labels(options, names))
    turn = more.pop("turn", state.turn)
    compat.call(
        st.segmented_control,
        label,
        options,
        format_func=names,
        key=key,
        on_change=_turn,
        args=(knob, key, turn),
        required=True,
        **more,
    )


def number(label: str, knob: str, low: int, high: int, value: int, **more: Any) -> None:
    """A whole number to type or to step, on a Scene field."""
    key = _feed(knob, value)
    st.number_input(label, low, high, step=1, key=key, on_change=_turn, args=(knob, key, state.turn), **more)


def _feed(knob: str, value: Any, mark: str = "") -> str:
    return feed(f"knob-{knob}{mark}", value)


def feed(key: str, value: Any) -> str:
    """Set a widget's state where it differs from what it is fed; gives the key."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value
    return key


def _labels(options: Sequence[Any], names: Callable[[Any], str]) -> str:
    """A mark of the options' labels, for the key: the browser holds the chosen label, not its place, so a widget whose
    labels change (another language, another sentence) must be another widget."""
    return f"-{crc32(chr(0).join(map(names, options)).encode('utf-8', 'replace')):08x}"


def _turn(knob: str, key: str, turn: Callable[..., None]) -> None:
    if st.session_state[key] is not None:  # a segment clicked again is let go; the Scene keeps it chosen
        turn(**{knob: st.session_state[key]})
