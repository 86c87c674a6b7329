"""Start: choose a preset, and see the whole Transformer as one strip from what goes in to what comes out."""

from __future__ import annotations

from urllib.parse import parse_qsl

import streamlit as st

from core import Scene, reference
from core.interpret import residual_stages, token_norms
from core.model import block, embed, forward, unembed
from pictures import start as pictures
from pictures.lessons import expanded
from pictures.pages import PAGES
from ui import comparison, presets, shell, state
from ui.start import strip

OPENING = "start.opening"  # the page that a click asked for


def follow(address: str, head: int | None) -> None:
    """A link of the strip: its address holds a Scene, and the page that it opens unless that is this one."""
    page, _, query = address.partition("?")
    scene, _ = Scene.from_query(expanded(dict(parse_qsl(query, keep_blank_values=True))))
    if not page and scene.model != state.scene().model:
        presets.open_preset(scene.model)
        return
    state.show(scene if head is None else scene.turn(head=head))
    if page in PAGES:
        st.session_state[OPENING] = page


if OPENING in st.session_state:
    st.switch_page(f"pages/{st.session_state.pop(OPENING)}.py", query_params=state.address())
scene, words = shell.open_page("start")
comparison.elsewhere(scene, words)
strip.show(f"{pictures.cards(scene, words)}{pictures.html(scene, words)}", key="start-strip", follow=follow)
shell.say(pictures.says(scene, words))
shell.close_page(
    "start",
    words,
    forward,
    embed,
    block,
    unembed,
    residual_stages,
    token_norms,
    plain=(reference.forward, reference.block),
)
