"""Two small pages that the tests of the live figure drive in a browser."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from plots import heatmap as plots
from ui.live import live_figure, moves, theme_button

WORDS = {"save_png": "Save PNG", "save_svg": "Save SVG", "turn": "Turn", "flat": "flat"}
GONE = 50  # the seed at which the points leave the board
FLAT = {"showlegend": False, "margin": {"l": 40, "r": 40, "t": 20, "b": 40}}


def heatmap(seed: int) -> dict:
    weights = np.random.default_rng(seed).random((5, 5), np.float32)
    cells = np.arange(25).reshape(5, 5)
    trace = {"type": "heatmap", "z": weights, "customdata": cells, "colorscale": "@probability", "showscale": False}
    return {"data": [trace], "layout": FLAT | {"font": {"color": "@text"}, "meta": {"name": "weights"}}}


def large() -> dict:
    """A map of more tokens than have room at its sides."""
    tokens = [f"token{i}" for i in range(80)]
    return plots.heatmap(np.eye(80, dtype=np.float32), tokens, tokens, scale="probability", height=400)


def points() -> dict:
    marker = {"size": 20, "color": ["@query", "@key/0.5", "@value"]}
    trace = {"type": "scatter", "mode": "markers", "x": [0, 1, 2], "y": [0, 1, 0], "marker": marker}
    words = {"tickvals": [0, 1, 2], "ticktext": ["@query", "b", "c"]}
    return {"data": [trace | {"customdata": ["@query", "<b>", "c"]}], "layout": FLAT | {"xaxis": words}}


def scene(seed: int) -> dict:
    diagonal = np.array([0, 0.5, 1], np.float32)
    marker = {"size": 16, "color": f"@head{seed % 16}"}
    trace = {"type": "scatter3d", "mode": "markers", "x": diagonal, "y": diagonal, "z": diagonal, "marker": marker}
    return {"data": [trace], "layout": {"scene": {}, "margin": dict.fromkeys("lrtb", 0), "paper_bgcolor": "#05060b"}}


def clicked(figure: str, click: dict) -> None:
    st.session_state.setdefault("clicks", []).append([figure, click])


def draw(key: str, figure: dict, alt: str) -> None:
    live_figure.show(figure, key=key, height=300, alt=alt, words=WORDS, on_click=partial(clicked, key))


@st.fragment
def figures() -> None:
    seed = st.slider("seed", 0, 50, 1)
    with live_figure.together("flat"):
        draw("heatmap", heatmap(seed), f"heatmap {seed}")
        live_figure.write(f"<em>{seed}</em>", key="seed")
        if seed != GONE:
            draw("points", points(), "points")
    draw("scene", scene(seed), f"scene {seed}")
    st.code(repr(st.session_state.get("clicks", [])))


def first() -> None:
    figures()
    st.text("The end of the page. " * 200)


def second() -> None:
    more = {"alt": "outside of a fragment", "title": "<b>Map</b> · seven", "words": WORDS}
    live_figure.show(heatmap(7), key="second", height=300, **more)
    live_figure.show(large(), key="large", height=400, alt="a large map", words=WORDS)


page = st.navigation([st.Page(first, title="First", default=True), st.Page(second, title="Second")])
live_figure.prepare()
with st.sidebar:
    theme_button.theme("browser", {"to_dark": "Dark", "to_light": "Light"})
    labels = dict.fromkeys((*moves.ICONS, "share"), "move")
    moves.row({}, labels, dict.fromkeys(moves.ICONS, ""), pinned=False, share=st.write)
page.run()
