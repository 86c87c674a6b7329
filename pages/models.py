"""Models: what is loaded and what could be; one of them becomes the story of every page."""

from __future__ import annotations

import streamlit as st

from core import Scene, interpret
from core.weights import fingerprint, unwhole
from pictures import alike
from pictures import models as pictures
from pictures.words import Words
from ui import comparison, explanation, figure, shell, state
from ui.models import cards, hub, upload


def sentences(words: Words) -> None:
    """Which sentences are alike to the model that is used."""
    scene = state.scene()
    if alike.readable(scene):
        shell.say(words("models.alike.title"), "step")
        shell.say(words("models.alike.about"), "about")
        st.html(pictures.table(alike.listed(scene)))
        figure.picture(alike.alike, scene, words, key="models-alike", height=alike.height(scene))
        explanation.draw("models", words)


def page(scene: Scene, words: Words) -> None:
    comparison.elsewhere(scene, words)
    st.fragment(cards.here)(words)
    st.fragment(sentences)(words)
    hub.bring(words)
    st.fragment(upload.bring)(words)
    cards.shipped(words)


shell.Page("models", page, (fingerprint, unwhole, interpret.sentence_vectors, interpret.similarity)).open()
