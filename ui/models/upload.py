"""A model that a reader brings: it lives in the session, as one that was trained there does."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import FibraError, limits
from core.library import adopted
from core.presets import living_bytes
from pictures import refusals
from pictures.words import Words
from ui import presets, shell, state
from ui.live import compat
from ui.models import cards

REFUSED = "models.refused"  # session state: why the last files were not taken
ROUND = "models.round"  # how many were taken: a new box forgets the files that the one before it held
FULL = ""  # in place of a reason


def bring(words: Words) -> None:
    """A box for files, and a button that makes a model of them."""
    if cards.BROUGHT in st.session_state:
        st.rerun()  # the box is a new one, without its button: nothing else says that there is a card more
    shell.say(words("models.upload.title"), "step")
    shell.file_words(words)
    shell.say(words("models.upload.about", limit=limits.REAL_UPLOAD // 1_000_000), "about")
    most, key = {"max_upload_size": limits.REAL_UPLOAD // 1_000_000}, f"models-files-{st.session_state.get(ROUND, 0)}"
    label = words("models.upload.file")
    files = compat.call(st.file_uploader, label, accept_multiple_files=True, key=key, **most)
    if files and st.button(words("models.upload.load"), key="models-load", on_click=_load, args=(files,)):
        error = st.session_state.pop(REFUSED)
        refused = words("models.upload.refused", error=refusals.told(error, words)) if error else ""
        shell.say(refused or words("models.upload.full"), "notice")
        if error and [file.name.endswith(".safetensors") for file in files] == [True]:
            shell.say(words("models.upload.run"), "about")


def _load(files: list[Any]) -> None:
    """In a callback, as on Train: who presses the button and turns the page at once loses nothing."""
    st.session_state.pop(REFUSED, None)
    try:
        name, model = adopted({file.name: file.getvalue() for file in files})
        state.make_room()
    except FibraError as error:
        st.session_state[REFUSED] = str(error)
        return
    if living_bytes() > limits.MODELS:
        st.session_state[REFUSED] = FULL
        return
    state.keep_model(name, model)
    presets.open_preset(name)
    st.session_state[cards.CHECKED] = name
    st.session_state[cards.BROUGHT] = True
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1
