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
ASKED = "fibra.asked"  # the figure of the card that was clicked now
TO_FIGURE = """<script>
{ // {times}: of the same text nothing would run again, and outside a block no name can be declared twice
const [AIR, LOOKS, BETWEEN] = [16, 16, 150]; // px, and ms between looks: the new Scene's figures come one after another
const page = document.querySelector("[data-testid=stMain]");
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

// The page's top where the figure and what stands with it are whole there; else as far down as they are, or begin.
const goal = () => {
  const parts = [...document.querySelectorAll('[data-figure="{figure}"] > *')];
  const boxes = parts.map((part) => part.getBoundingClientRect()).filter(({ height }) => height);
  if (!boxes.length) return 0;
  const from = page.getBoundingClientRect().top - page.scrollTop;
  const begins = Math.min(...boxes.map(({ top }) => top)) - from - AIR;
  const ends = Math.max(...boxes.map(({ bottom }) => bottom)) - from + AIR;
  return Math.max(0, Math.round(Math.min(begins, ends - page.clientHeight)));
};

const go = (looks, before) => {
  const top = goal();
  if (top !== before) page.scrollTo({ top, behavior: still ? "auto" : "smooth" });
  if (looks) setTimeout(go, BETWEEN, looks - 1, top);
};
go(LOOKS);
}
</script>"""


@dataclass(frozen=True)
class Myth:
    """`name` finds the words in content/; `shows` is the Scene in which the claim is seen on `page`, in `figure`."""

    page: str
    name: str
    figure: str
    shows: Scene


MYTHS = (
    Myth("start", "one_by_one", "start-strip", Scene(model="encoder_full")),
    Myth("attention", "rows_columns", "attention-pattern", Scene(query=3, key=1)),
    Myth("attention", "inputs", "attention-v", Scene(model="encoder_full", query=3, key=1)),
    Myth("attention", "key_value", "attention-v", Scene(model="gpt", query=3, key=1)),
    Myth("attention", "scaling", "attention-scaled", Scene(model="gpt").override(n_heads=16)),
    Myth("heads", "slice", "heads-all", Scene(model="encoder_full", edits=((3, 63, 9.0),))),
    Myth("reading", "importance", "reading-importance", Scene(model="gpt", layer=3, head=0, query=1, key=1)),
    Myth("fibres", "mutual", "fibres", Scene(model="gpt", focus=1, threshold=0.05)),
    Myth("drift", "order", "drift", Scene(model="encoder_full", sentence="o pinguim vê o peixe", off=("positions",))),
    Myth("block", "norm", "block-moments", Scene(model="gpt", query=3)),
    Myth("generate", "planned", "generate-choices", Scene(model="stories", draw_seed=1, tokens_written=1)),
    Myth("train", "told", "train-loss", Scene(task="repeat")),
)


def cards(page: str, words: Words) -> None:
    """The page's myths side by side, each with a button that sets the Scene which shows the truth."""
    here = [myth for myth in MYTHS if myth.page == page]
    if here:
        with st.container(key="page-myths"):
            st.html("".join(_card(myth, words) for myth in here) + _areas(here))
            for myth in here:
                st.button(words("myths.see"), key=f"myth-{myth.name}", on_click=show, args=(myth,))
    if figure := st.session_state.pop(ASKED, ""):
        script = TO_FIGURE.replace("{figure}", figure).replace("{times}", str(st.session_state[SHOWN]))
        compat.call(st.html, script, unsafe_allow_javascript=True)


def _areas(myths: list[Myth]) -> str:
    """The cards' places by name, side by side and below one another: a card and its button share one (myths.css)."""
    row, stack = " ".join(myth.name for myth in myths), " ".join(f"'{myth.name}'" for myth in myths)
    buttons = "".join(f".st-key-page-myths>.st-key-myth-{myth.name}{{grid-area:{myth.name}}}" for myth in myths)
    return f"<style>.st-key-page-myths{{--row:'{row}';--stack:{stack}}}{buttons}</style>"


def _card(myth: Myth, words: Words) -> str:
    believed, true = (escape(words(f"myths.{myth.name}.{part}")) for part in ("myth", "fact"))
    labels = [escape(words(f"myths.{part}")) for part in ("myth", "fact")]
    return (
        f'<section class="fibra-card" style="grid-area:{myth.name}">'
        f'<p class="fibra-myth"><b>{labels[0]}</b> {believed}</p>'
        f'<p class="fibra-says"><b>{labels[1]}</b> {true}</p></section>'
    )


def show(myth: Myth) -> None:
    """Set the Scene that shows it, in the reader's language, and beside what the reader has pinned."""
    scene = state.scene()
    state.show(replace(myth.shows, lang=scene.lang, pinned=scene.pinned))
    st.session_state[SHOWN], st.session_state[ASKED] = st.session_state.get(SHOWN, 0) + 1, myth.figure
