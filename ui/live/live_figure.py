"""The live figure: every figure of the app is drawn through `show`, by one small component around Plotly.react.

It redraws in place (camera and zoom stay), reports clicks, takes its colours from the theme in the browser, carries its
text alternative and can be saved. Figures that are shown `together` stand on one board: one message and one element of
Streamlit's, for each of those costs every turn some time. Each message to the browser repeats the component's script;
so a board's script only hands over to a library, and the library is sent once a page by `prepare`.

`st.plotly_chart` is the fallback: where components.v2 is missing, where the browser could not get Plotly (it says so by
the trigger "unavailable", and that holds for the session), or where FIBRA_PLAIN_FIGURES=1 asks for it.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import streamlit as st

from plots import theme
from plots.figure import to_json
from plots.mask import plain
from ui.live import compat, internals

CAPTION = "fibra-says"  # the style class of a sentence that was computed from the same array as the figure
WORDS = ("save_png", "save_svg", "turn", "flat")  # the labels that `words` must hold
Click = dict[str, Any]


@dataclass(frozen=True)
class _Item:
    """What stands on a board: a figure, or HTML in its header."""

    header: dict[str, Any]
    figure: bytes = b""
    on_click: Callable[[Click], None] | None = None


_BOARD: ContextVar[list[_Item] | None] = ContextVar("board", default=None)  # what is being shown together
_PREPARED = "live_figure.prepared"
_UNAVAILABLE = "live_figure.unavailable"

# A figure may arrive before the library: then it waits in an array.
_FIGURE_JS = """export default (component) => {
  (window.fibraFigures ??= []).push(component);
  return () => window.fibraFigures.release?.(component.parentElement);
};"""


# One scope: any of them names what another one has.
_SCRIPTS = ("live_figure", "text", "fitting", "paint", "clicks", "mask", "sketch", "flat", "heard", "paper")


def _library_js(chunk: str) -> str:
    private = ("guard", "plotly", "wrappers")
    values = {"PALETTES": theme.PALETTES, "RING": theme.RING, "CHUNK": chunk}
    return compat.script(*_SCRIPTS, private=private, **values, CSS=compat.sheet("live_figure", "print"))


def _register() -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """The components (library, figure), or None where they cannot run."""
    chunk = internals.plotly_chunk()
    if chunk is None or not hasattr(st.components, "v2"):
        return None
    component = partial(compat.component, isolate_styles=False)  # Plotly's own style sheet is in the page
    return component("fibra_library", js=_library_js(chunk)), component("fibra_figure", js=_FIGURE_JS)


_COMPONENTS = _register()


def prepare() -> None:
    """Send the library. Once in every full run, before anything slow: the browser fetches Plotly meanwhile."""
    if _live():
        _COMPONENTS[0](key="fibra-library")
        st.session_state[_PREPARED] = True


@contextmanager
def together(key: str) -> Iterator[None]:
    """Draw the figures and texts that are shown inside as one element, after the widgets inside.

    In the browser each stands in a `div` with its key as `data-figure`, and to the layout these divs are the
    surrounding container's own children (internals.js), so that it may place them among its widgets.
    """
    items: list[_Item] = []
    token = _BOARD.set(items)
    try:
        yield
    finally:
        _BOARD.reset(token)
    if items:
        _mount(f"board-{key}", items)


def show(
    figure: bytes | dict[str, Any],
    *,
    key: str,
    height: int,
    alt: str,
    words: dict[str, str],
    on_click: Callable[[Click], None] | None = None,
    caption: bool = False,
    title: str = "",
    outline: dict[str, Any] | None = None,
) -> None:
    """Draw a figure, `height` pixels high and as wide as its place.

    `figure` is what `plots.figure.to_json` gives, or the dict that it takes. `alt` is its text alternative, and with
    `caption` the text under it too; `title` is the text above it, as `heading` writes it. Both are shown literally.
    `words` are the labels of its buttons (`WORDS`). `on_click` is called once a click, before the rerun that the click
    causes, with {"x", "y", "z", "curve", "point", "customdata"}: `z` is a cell's value, or the depth in 3-D; `curve` is
    the number of the trace and `point` the place in it, [row, column] in a heatmap. `outline`: a rectangle in the
    figure's coordinates that a ring is drawn around; another one alters no byte of the figure.
    """
    encoded = figure if isinstance(figure, bytes) else to_json(figure)
    if not _live():
        if title:
            st.html(heading(title))
        _show_plain(_ringed(plain(encoded), outline), key, height, alt, on_click)
        if caption:
            st.html(saying(alt))
        return
    header = {"key": key, "height": height, "title": title, "alt": alt, "words": words}
    header |= {"clicks": on_click is not None, "caption": caption} | ({"outline": outline} if outline else {})
    _put(_Item(header, encoded, on_click))


def write(
    html: str,
    *,
    key: str,
    on_click: Callable[[Click], None] | None = None,
    addressed: Callable[[str], str] = lambda html: html,
) -> None:
    """HTML of ours, in which all that readers typed is escaped, among the figures of a board.

    `on_click` is called for a click on one of its links, with {"way"}: what its `data-way` says. `addressed` gives the
    HTML with links that say all of the address, as the browser completes them where a component runs.
    """
    if _live():
        _put(_Item({"key": key, "html": html}, on_click=on_click))
    else:
        st.html(addressed(html))


def heading(text: str) -> str:
    """The HTML of a title; what follows a " · " is quieter."""
    name, _, rest = text.partition(" · ")
    return f'<p class="fibra-step">{escape(name)} <i>{escape(rest)}</i></p>'


def saying(text: str) -> str:
    """The HTML of a sentence that was computed from the same array as a figure."""
    return f'<p class="{CAPTION}">{escape(text)}</p>'


def envelope(*items: tuple[dict[str, Any], bytes]) -> bytes:
    """Four bytes of length (little-endian), a JSON list of headers of that length, then the figures as they are.

    To each header the `size` of its figure in bytes is added.
    """
    headers = [header | {"size": len(figure)} for header, figure in items]
    head = json.dumps(headers, ensure_ascii=False, separators=(",", ":")).encode()
    return b"".join((struct.pack("<I", len(head)), head, *(figure for _, figure in items)))


def _put(item: _Item) -> None:
    """On the board, or on one of its own."""
    board = _BOARD.get()
    if board is None:
        _mount(item.header["key"], [item])
    else:
        board.append(item)


def _mount(key: str, items: list[_Item]) -> None:
    library, component = _COMPONENTS
    if _PREPARED not in st.session_state:
        library(key=f"{key}-library")
    heard = {item.header["key"]: item.on_click for item in items if item.on_click}
    callbacks = {"on_click_change": partial(_clicked, key, heard)} if heard else {}
    data = envelope(*((item.header, item.figure) for item in items))
    component(key=key, data=data, on_unavailable_change=_unavailable, **callbacks)


def _live() -> bool:
    forced = os.environ.get("FIBRA_PLAIN_FIGURES") == "1"
    return _COMPONENTS is not None and not forced and _UNAVAILABLE not in st.session_state


def _unavailable() -> None:
    st.session_state[_UNAVAILABLE] = True


def _clicked(key: str, heard: dict[str, Callable[[Click], None]]) -> None:
    click = compat.once(key, "click")  # None also of a board that is gone
    if click and (on_click := heard.get(click["figure"])):  # a figure that has left the board may still be clicked
        on_click({name: value for name, value in click.items() if name not in ("figure", "at")})


def _ringed(figure: dict[str, Any], outline: dict[str, Any] | None) -> dict[str, Any]:
    """The figure with a ring around a rectangle of it, as paint.js draws it."""
    if outline:
        shapes = figure["layout"].setdefault("shapes", [])
        shapes += [{"type": "rect", **outline, "line": line} for line in theme.RING]
    return figure


def _show_plain(
    figure: dict[str, Any], key: str, height: int, alt: str, on_click: Callable[[Click], None] | None
) -> None:
    mode = st.context.theme.type or "light"
    plain_key = f"{key}-plain"  # the component's value must not be read as a selection
    compat.call(
        st.plotly_chart,
        internals.unvalidated(theme.resolve(figure, mode)),
        width="stretch",
        height=height,
        theme=None,
        key=plain_key,
        on_select=partial(_selected, plain_key, on_click) if on_click else "ignore",
        selection_mode="points",
        config={"displayModeBar": False, "scrollZoom": False},
        alt=alt,
    )


def _selected(plain_key: str, on_click: Callable[[Click], None]) -> None:
    for point in st.session_state[plain_key]["selection"]["points"][:1]:
        names = {"curve": "curve_number", "point": "point_number"}
        on_click({name: point.get(names.get(name, name)) for name in ("x", "y", "z", "curve", "point", "customdata")})
