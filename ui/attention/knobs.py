"""What a reader can turn on the Attention page: the place in the model, the switches, the chosen cell."""

from __future__ import annotations

from html import escape

import streamlit as st

from core import Scene
from pictures import chosen_cell, stacks
from pictures.attention import LENGTHS
from pictures.extremes import choices
from pictures.rows_told import rows_read
from pictures.words import Words, capital
from ui import controls, shell, state
from ui.live import live_figure
from ui.live.live_figure import Click

TEMPERATURES = (  # about even steps of its logarithm
    *(0.05, 0.06, 0.07, 0.08, 0.1, 0.12, 0.14, 0.17, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    *(1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 14.0, 17.0, 20.0),
)
EDITING = "edit-embeddings"


def place(scene: Scene, words: Words) -> None:
    """The layer and the head, where there is a choice."""
    found = stacks.looks(scene)
    layers, heads = range(found.config.n_layers), range(found.config.n_heads)
    layer, head = found.place
    if len(layers) == len(heads) == 1:
        return
    with st.container(key="attention-place"):
        for knob, options, chosen in (("layer", layers, layer), ("head", heads, head)):
            label = words(f"axis.{knob}")
            names = [f"{capital(label)} {option}" for option in options]
            more = {"disabled": len(options) == 1, "label_visibility": "collapsed"}
            controls.select(label, knob, options, chosen, names.__getitem__, **more)


def scale(scene: Scene, words: Words) -> None:
    """Whether the scores are divided by the root of the head's width."""
    controls.switch(words("attention.scale_switch"), "scale", scene.config.scale)


def mask(scene: Scene, words: Words) -> None:
    """Whether the future is hidden: in a model of two stacks from the decoder's own attention alone."""
    kind = stacks.looks(scene).kind
    elsewhere = {"disabled": True, "help": words("attention.mask_elsewhere")} if kind in ("encoder", "cross") else {}
    controls.switch(
        words("attention.mask_switch"), "causal", scene.config.causal and not elsewhere, of=kind, **elsewhere
    )


def temperature(scene: Scene, words: Words) -> None:
    """What the scores are divided by before the softmax."""
    label, now = words("attention.temperature"), scene.temperature
    controls.choice_slider(label, "temperature", TEMPERATURES, now, text=words.short, turn=state.turn)


def query(scene: Scene, words: Words) -> None:
    """The chosen cell's query, for those who cannot click."""
    found = stacks.looks(scene)
    _choose(found.rows, words, "query", found.cell[0])


def key(scene: Scene, words: Words) -> None:
    """The chosen cell's key."""
    found = stacks.looks(scene)
    _choose(found.columns, words, "key", found.cell[1])


def _choose(tokens: tuple[str, ...], words: Words, knob: str, chosen: int) -> None:
    label, places = words(f"attention.{knob}"), range(len(tokens))
    names = [f"{label}: {name}" for name in choices(tokens, words)]
    controls.select(label, knob, places, chosen, names.__getitem__, label_visibility="collapsed")


def edit(_: Scene, words: Words) -> None:
    """Whether the table of embeddings is open."""
    st.toggle(words("attention.edit"), key=EDITING, help=words("attention.table_help"))


def choose_cell(click: Click) -> None:
    """A click on a map of queries and keys."""
    row, column = click["point"]
    state.turn(query=row, key=column)


def choose_number(click: Click) -> None:
    """A click on one of X's numbers."""
    row, column = click["point"]
    state.turn(query=row, dimension=column)


def choose_query(click: Click) -> None:
    """A click on a map whose rows are words."""
    state.turn(query=click["point"][0])


def choose_key(click: Click) -> None:
    """A click on a map whose rows are words that are looked at."""
    state.turn(key=click["point"][0])


def cell(scene: Scene, words: Words) -> str:
    """The HTML of the chosen cell's arithmetic, and under it the matrix in words: every row, or of many the chosen one,
    the others folded."""
    chosen = stacks.looks(scene).cell[0]
    rows = rows_read(scene, words)
    told, title = chosen_cell.html(scene, words), words("attention.rows")
    if len(rows) <= LENGTHS["few"]:
        return f"{told}{live_figure.heading(title)}{shell.listing(rows, chosen)}"
    fold = f"<details><summary>{escape(title)}</summary>{shell.listing(rows, chosen)}</details>"
    return f"{told}{live_figure.saying(rows[chosen])}{fold}"
