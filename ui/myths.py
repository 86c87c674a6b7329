"""The misconceptions that the pictures correct: what is believed, what is true, and the Scene that shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape

import streamlit as st

from core import Scene
from pictures.words import Words
from ui import state
from ui.live import compat

SHOWN = "fibra.myths"  # how often a card was clicked in this session
UPWARDS = "fibra.upwards"  # one was clicked now: its picture is further up
UP = """<script>
{ // {times}: of the same text nothing would run again, and outside a block no name can be declared twice
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
document.querySelector("[data-testid=stMain]").scrollTo({ top: 0, behavior: still ? "auto" : "smooth" });
}
</script>"""


@dataclass(frozen=True)
class Myth:
    """`name` finds the words in content/; `shows` is the Scene in which the claim can be seen on `page`."""

    page: str
    name: str
    shows: Scene


MYTHS = (
    Myth("start", "one_by_one", Scene(model="encoder_full")),
    Myth("attention", "rows_columns", Scene(query=3, key=1)),
    Myth("attention", "inputs", Scene(model="encoder_full", query=3, key=1)),
    Myth("attention", "key_value", Scene(model="gpt", query=3, key=1)),
    Myth("attention", "scaling", Scene(model="gpt").override(n_heads=16)),
    Myth("heads", "slice", Scene(model="encoder_full", edits=((3, 63, 9.0),))),
    Myth("reading", "importance", Scene(model="gpt", layer=3, head=0, query=1, key=1)),
    Myth("fibres", "mutual", Scene(model="gpt", focus=1, threshold=0.05)),
    Myth("drift", "order", Scene(model="encoder_full", sentence="o pinguim vê o peixe", off=("positions",))),
    Myth("block", "norm", Scene(model="gpt", query=3)),
    Myth("generate", "planned", Scene(model="stories", draw=1, step=1)),
    Myth("train", "told", Scene(task="repeat")),
)


def cards(page: str, words: Words) -> None:
    """The page's myths side by side, each with a button that sets the Scene which shows the truth."""
    here = [myth for myth in MYTHS if myth.page == page]
    if here:
        with st.container(key="page-myths"):
            st.html("".join(_card(myth, words) for myth in here))
            for myth in here:
                st.button(words("myths.see"), key=f"myth-{myth.name}", on_click=show, args=(myth,))
    if (times := st.session_state.get(SHOWN, 0)) and st.session_state.pop(UPWARDS, False):
        compat.call(st.html, UP.replace("{times}", str(times)), unsafe_allow_javascript=True)


def _card(myth: Myth, words: Words) -> str:
    believed, true = (escape(words(f"myths.{myth.name}.{part}")) for part in ("myth", "fact"))
    labels = [escape(words(f"myths.{part}")) for part in ("myth", "fact")]
    return (
        f'<section class="fibra-card"><p class="fibra-myth"><b>{labels[0]}</b> {believed}</p>'
        f'<p class="fibra-says"><b>{labels[1]}</b> {true}</p></section>'
    )


def show(myth: Myth) -> None:
    """Set the Scene that shows it, in the reader's language, and beside what the reader has pinned."""
    scene = state.scene()
    state.show(replace(myth.shows, lang=scene.lang, pinned=scene.pinned))
    st.session_state[SHOWN], st.session_state[UPWARDS] = st.session_state.get(SHOWN, 0) + 1, True
