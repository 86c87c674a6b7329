"""Draws the strip of the whole model and tells which of its links was followed.

It is HTML made by plots/strip.py, in a small component that turns clicks into messages. Where no component can run, the
same HTML stands on the page, and its links load the address that they name.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import streamlit as st

from plots import theme
from ui.live import compat

_HERE = Path(__file__).parent
_SIGNED = (1, -2)  # stops of the diverging scale, next to its ends: one colour a sign, as ink

Follow = Callable[[str, int | None], None]
Hear = Callable[[str, int | None, float, float], None]


@cache
def css() -> str:
    """The strip's style sheet, with the two colours of signed numbers for both themes."""
    light, dark = (theme.PALETTES[mode]["signed"] for mode in ("light", "dark"))
    names = zip(("negative", "positive"), _SIGNED, strict=True)
    colours = "".join(f"--fibra-{name}:light-dark({light[stop][1]},{dark[stop][1]});" for name, stop in names)
    return f":root{{{colours}}}{(_HERE / 'strip.css').read_text('utf-8')}"


_STRIP = compat.component_of("strip", isolated=False, css=css())


def show(html: str, *, key: str, follow: Follow, number: Hear | None = None) -> None:
    """Draw it. `follow` is called with a link's address, and with the head whose tile was clicked or None.

    number: where numbers are explained, what hears instead of a thumbnail's array, the head, and the shares of its
    width and height where it was met.
    """
    if _STRIP is None or os.environ.get("FIBRA_PLAIN_FIGURES") == "1":
        st.html(f'<style>{css()}</style><div class="fibra-start">{html}</div>')
    else:
        heard = {"on_open_change": partial(_followed, key, follow)}
        heard |= {"on_number_change": partial(_numbered, key, number)} if number else {}
        _STRIP(key=key, data={"html": html, "explains": number is not None}, **heard)


def _numbered(key: str, hear: Hear) -> None:
    if click := compat.once(key, "number"):
        hear(click["array"], click["head"], float(click["x"]), float(click["y"]))


def _followed(key: str, follow: Follow) -> None:
    if click := compat.once(key, "open"):
        follow(click["href"], click["head"])
