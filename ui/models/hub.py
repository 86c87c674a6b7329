"""A model by its name on the Hub: looked up, its size and revision shown, and fetched once that is confirmed."""

from __future__ import annotations

import streamlit as st

from core import WeightsError
from core.library import LIBRARY
from core.weights.hub import Offer
from pictures import models as pictures
from pictures import refusals
from pictures.words import Words
from ui import shell
from ui.models import fetch

FOUND = "models.hub"  # session state: the Offers of the repository that was looked up, or why there are none


def bring(words: Words) -> None:
    """Nothing at all, unless the deployer allows it."""
    if not fetch.allowed():
        return
    shell.say(words("models.hub.title"), "step")
    if LIBRARY.root is None:
        shell.say(words("models.hub.nowhere", variable="FIBRA_MODELS"), "about")
        return
    shell.say(words("models.hub.about"), "about")
    with st.form("models-hub", border=False):
        name = st.text_input(words("models.hub.name"), placeholder="HuggingFaceTB/SmolLM2-135M-Instruct", max_chars=200)
        if st.form_submit_button(words("models.hub.look")):
            st.session_state[FOUND] = _looked_up(name.strip())
    found = st.session_state.get(FOUND, ())
    if isinstance(found, str):
        shell.say(words("models.hub.refused", error=refusals.told(found, words)), "notice")
    elif found:
        _offered(found, words)


def _looked_up(name: str) -> tuple[Offer, ...] | str:
    try:
        return fetch.look(name)
    except WeightsError as error:
        return str(error)


def _offered(found: tuple[Offer, ...], words: Words) -> None:
    """What would be fetched, and the button that confirms it."""
    offer = found[0]
    if len(found) > 1:
        told = [words("models.hub.choice", title=one.title, n=one.size / 1e6) for one in found]
        label = words("models.hub.which")
        offer = found[
            st.selectbox(label, range(len(found)), format_func=told.__getitem__, key="models-hub-file", placeholder="")
        ]
    st.html(pictures.table(pictures.rows_of_offer(offer, words)))
    if st.button(words("models.hub.fetch", n=offer.size / 1e6), key="models-hub-fetch", type="primary"):
        _fetched(offer, words)


def _fetched(offer: Offer, words: Words) -> None:
    """In the page's own run: who leaves the page cuts it short, and goes on where it stopped."""
    bar, shown = st.progress(0.0), [-1]

    def told(done: int) -> None:
        if (percent := 100 * done // offer.size) != shown[-1]:
            shown.append(percent)
            bar.progress(min(percent, 100), words("models.hub.progress", done=done / 1e6, n=offer.size / 1e6))

    try:
        fetch.fetch(offer, LIBRARY.root, told)
    except WeightsError as error:
        shell.say(words("models.hub.refused", error=refusals.told(str(error), words)), "notice")
        return
    del st.session_state[FOUND]
    st.rerun()
