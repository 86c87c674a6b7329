"""The code that ran, at the foot of a page: the very functions, with all that they call, folded."""

from __future__ import annotations

from functools import cache
from html import escape

import streamlit as st

from pictures.words import Words
from ui import source
from ui.live import compat
from ui.source import Code


@st.fragment
def fold(code: tuple[Code, ...], plain: tuple[Code, ...], words: Words) -> None:
    """The functions that ran, once they are asked for: a browser colours them as long as it draws the pictures."""
    box = compat.call(st.expander, words("shell.code"), icon=":material/code:", key="code", on_change="rerun")
    if getattr(box, "open", True) is False:  # where Streamlit does not say, they stand there at once
        return
    with box:
        st.markdown(_written(code, plain, words))
        if below := _called(code, words):
            st.html(below)


@cache
def _written(code: tuple[Code, ...], plain: tuple[Code, ...], words: Words) -> str:
    """The functions as Markdown, one element: one each would cost every turn some time."""
    parts = [_source(function, words) for function in code]
    if plain:
        parts = [words("shell.plain"), *(_source(function, words) for function in plain), words("shell.ran"), *parts]
    return "\n\n".join(parts)


def _source(function: Code, words: Words) -> str:
    """A function's source under its full name, and the arrays of the trace that it makes."""
    made = source.makes(function)
    says = words("shell.makes", names=", ".join(f"`{name}`" for name in made)) if made else ""
    return f":small[`{source.title(function)}` {says}]\n````python\n{source.text(function)}````\n"


@cache
def _called(code: tuple[Code, ...], words: Words) -> str:
    """What the functions call, folded, as HTML; "" where they call nothing of core."""
    found = source.called(code)
    if not found:
        return ""
    summary = escape(words("shell.called", n=len(found)))
    return f'<details class="fibra-called"><summary>{summary}</summary>{source.folded(found)}</details>'
