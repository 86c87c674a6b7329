"""What goes into a run and what comes out of it: a text of one's own, and a model that every page can show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from core import ConfigError, Preset, Scene, WeightsError, limits
from core.errors import TextError
from core.presets import living_bytes, register
from core.tasks.text import LEAST
from core.tasks.translation import SourceVocabulary
from core.tokenizer.text import ENCODINGS, decoded
from core.tokenizer.words import UNKNOWN, FixedVocabulary
from core.weights.model_file import Portable, pack, unpack
from pictures import refusals
from pictures.train.view import View
from pictures.words import Words
from ui import shell, state
from ui.live import compat
from ui.train import kept_runs, session

SAMPLE = 40  # characters on each side of the first that the encoding decides about
# Session state: the model that the last button made the story of every page, and what that is; or why it could not.
USED, REFUSED = "fibra.used", "fibra.refused"


def own_text(words: Words) -> None:
    """A text, pasted or from a file, to learn characters from."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        pasted = st.text_area(words("train.own.paste"), height=140, max_chars=limits.CORPUS)
    with right:
        file = compat.call(st.file_uploader, words("train.own.file"), type=["txt"], max_upload_size=1)
    shell.say(words("train.own.about", limit=limits.CORPUS // 1000), "about")
    text = _from_file(file.getvalue(), words) if file else pasted
    _button(words("train.own.go"), session.read, text, words, "train.own.refused", type="primary", disabled=not text)


def _from_file(data: bytes, words: Words) -> str:
    """The text of a file; "" where it has none. What is not Unicode is read as the reader says, and shown so."""
    try:
        return decoded(data)
    except TextError as error:
        shell.say(_why(error, words), "notice")
        if error.code != "encoding":
            return ""
    names = {encoding: words(f"train.own.encodings.{encoding}") for encoding in ENCODINGS}
    encoding = st.selectbox(words("train.own.encoding"), ENCODINGS, format_func=names.__getitem__, placeholder="")
    try:
        text = decoded(data, encoding)
    except TextError:
        shell.say(words("train.own.not_this", encoding=names[encoding]), "notice")
        return ""
    first = next((i for i, c in enumerate(text) if not c.isascii()), 0)
    shell.say(words("train.own.reads", sample=" ".join(text[max(0, first - SAMPLE) : first + SAMPLE].split())), "about")
    return text


def _why(error: Exception, words: Words) -> str:
    """Why a text or a file was refused, in the reader's language where that is known."""
    if isinstance(error, TextError):
        return words(f"train.own.why.{error.code}", limit=limits.CORPUS // 1000, least=LEAST)
    return refusals.told(str(error), words)


def model(words: Words) -> None:
    """Show the model on every page, keep it as a file, or bring one back."""
    view = session.view(session.session(), words)
    use, keep, bring = st.columns(3, gap="large")
    with use:
        shell.say(words("train.model.use_about", step=view.step), "about")
        _button(words("train.model.use"), _use, words, words, icon=":material/visibility:", width="stretch")
        _used("used", words)
    with keep:
        shell.say(words("train.model.keep_about"), "about")
        if st.button(words("train.model.prepare"), icon=":material/inventory_2:", width="stretch"):
            data, name = pack(portable(view)), f"fibra-{view.run.task.name}-{view.step}.safetensors"
            st.download_button(words("train.model.keep"), data, name, on_click="ignore", width="stretch")
    with bring:
        label = words("train.model.bring", limit=limits.UPLOAD >> 20)
        file = compat.call(st.file_uploader, label, type=["safetensors"], max_upload_size=limits.UPLOAD >> 20)
        if file:
            _button(words("train.model.load"), _load, file, words, "train.model.refused", width="stretch")
        _used("brought", words)


def _used(how: str, words: Words) -> None:
    """Under what made it so: which model is the story of every page; the run may have gone on since."""
    name, done, about = st.session_state.get(USED, ("", "", {}))
    if done == how and name == state.scene().model:
        about = {what: words(f"train.tasks.{value}") if what == "task" else value for what, value in about.items()}
        shell.say(words(f"train.model.{how}", **about))
        st.page_link("pages/attention.py", label=words("pages.attention"))


def _button(label: str, act: Callable[[Any], None], what: Any, words: Words, refused: str = "", **look: Any) -> None:
    """A button that does `act(what)`, and then the whole page anew; or says `refused` with the reason.

    It acts in a callback: those run at the start of the next run, whatever page that is of. A reader who presses it and
    turns the page at once would lose what stands after a button.
    """
    if st.button(label, on_click=_do, args=(act, what), **look):
        if REFUSED not in st.session_state:
            st.rerun()
        error = st.session_state.pop(REFUSED)
        full = isinstance(error, Full)
        shell.say(words("train.model.full") if full else words(refused, error=_why(error, words)), "notice")


def _do(act: Callable[[Any], None], what: Any) -> None:
    st.session_state.pop(REFUSED, None)
    try:
        act(what)
    except (ConfigError, WeightsError) as error:
        st.session_state[REFUSED] = error.with_traceback(None)


def _use(words: Words) -> None:
    """The model as it stands now: while it plays, that is further than where the button was drawn."""
    view = session.view(session.session(), words)
    _show(portable(view), "used", task=view.run.task.name, step=view.step)


def _load(file: Any) -> None:
    _show(unpack(file.getvalue()), "brought", file=file.name)


def _show(model: Portable, how: str, **about: str | int) -> None:
    name = use(model)
    scene = state.scene()
    kept = (*kept_runs.KNOBS, *kept_runs.LOOKS, "train_played", "lang", "pinned")
    state.show(Scene(model=name, **{field: getattr(scene, field) for field in kept}))
    st.session_state[USED] = name, how, about


# --------------------------------------------------------------------------------------------- a model like others


def portable(view: View) -> Portable:
    """The model at this moment, as it goes into a file."""
    task = view.run.task
    tokenizer = FixedVocabulary(task.vocabulary, "words" if task.joint else "characters")
    if view.source is not None:
        tokenizer = SourceVocabulary(task.vocabulary)
    params = {name: np.array(p) for name, p in view.params.items()}
    return Portable(view.run.config, params, tokenizer, task.name, opening(view))


def opening(view: View) -> str:
    """The example's beginning, as a sentence to open the model with."""
    tokens = view.tokens if view.source is None else view.run.task.read(view.source[1:])
    known = [token for token in tokens[: limits.SHOWN] if token != UNKNOWN]  # in a sentence it would be text
    return view.run.task.joint.join(known).strip() or view.run.task.vocabulary[-1]


class Full(ConfigError):
    """All sessions together hold as many models as fit."""


def use(model: Portable) -> str:
    """Make a model one that every page of this session can show; gives its name. Raises: Full."""
    about = {"tokenizer": model.tokenizer, "source": lambda: model.params, "task": model.task}
    preset = Preset(model.task, model.config, model.sentence, **about)
    name, held = register(preset)
    state.make_room()
    if living_bytes() > limits.MODELS:
        raise Full(f"model: more than {limits.MODELS >> 20} MB of models are held on this server")
    state.keep_model(name, held)
    return name
