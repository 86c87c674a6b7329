"""The Scene of this session: kept under its own key, written to the URL at every turn, read from it at the start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from time import monotonic
from typing import Any

import streamlit as st

from core import Notice, Preset, Scene
from core.limits import MODELS_KEPT, UNDO
from core.presets import find
from core.query import wrong
from ui.words import LANGUAGES, Words, words_of

SCENE, WRITTEN, PAGE, NOTICES = "fibra.scene", "fibra.written", "fibra.page", "fibra.notices"
MODEL = "fibra.model"  # the models on screen: a trained one lives as long as a session holds it
MODELS = "fibra.models"  # those that were trained or loaded in this session, by name
ENTERED = "fibra.entered"  # whether this run is the first one on its page
HELD = "fibra.held"  # whether a knob is held, and its turns leave the address alone
PAST, FUTURE, TURNED = "fibra.past", "fibra.future", "fibra.turned"
ONE_MOVE = 1.0  # seconds: turns of the same knob that follow one another more closely are undone together


def open_scene(page: str) -> Scene:
    """The Scene to show on `page`: this session's own, or the URL's where the URL is news.

    Streamlit empties the query when the reader changes page; on the same page, a query that we did not write comes
    from the reader: a link, the Back button, or an edited address.
    """
    query = st.query_params.to_dict()
    moved = st.session_state.get(PAGE) != page
    st.session_state[PAGE], st.session_state[ENTERED] = page, moved
    if SCENE not in st.session_state or (not moved and query != st.session_state[WRITTEN]):
        scene, notices = Scene.from_query(query)
        _keep(scene, notices)
    write_url()
    return st.session_state[SCENE]


def scene() -> Scene:
    """This session's Scene."""
    return st.session_state[SCENE]


def turn(**changes: Any) -> None:
    """Turn some of the Scene's knobs. In a widget's callback, so that the run after it shows the new Scene."""
    show(scene().turn(**changes))


def override(**values: int | bool | str) -> None:
    """Override some of the Config's fields."""
    show(scene().override(**values))


def switch(**parts: bool) -> None:
    """Put some parts of the model in place, or take them out."""
    show(scene().switch(**parts))


def show(new: Scene) -> None:
    """Make `new` this session's Scene; the one before can be brought back."""
    old = scene()
    if new != old:
        _remember(old, new)
    _put(new)


def follow(**changes: Any) -> None:
    """Turn knobs that follow from something else: no move of the reader's own, to be undone."""
    if (new := scene().turn(**changes)) != scene():
        _put(new)


def pin() -> None:
    """Keep what is computed now, to compare with; or let go what was kept."""
    show(scene().pin() if scene().pinned is None else scene().turn(pinned=None))


def undo() -> None:
    """Bring back the Scene before the last turn."""
    _step(PAST, FUTURE)


def redo() -> None:
    """Turn again what was undone last."""
    _step(FUTURE, PAST)


def _step(source: str, other: str) -> None:
    if scenes := st.session_state.get(source):
        st.session_state.setdefault(other, []).append(scene())
        st.session_state.pop(TURNED, None)
        _put(scenes.pop())


def _remember(old: Scene, new: Scene) -> None:
    knobs = {field.name for field in fields(Scene) if getattr(old, field.name) != getattr(new, field.name)}
    last_knobs, when = st.session_state.get(TURNED, (set(), 0.0))
    st.session_state[TURNED] = knobs, monotonic()
    st.session_state[FUTURE] = []
    if knobs != last_knobs or monotonic() - when > ONE_MOVE:
        st.session_state[PAST] = [*st.session_state.get(PAST, ()), old][-UNDO:]


def _put(new: Scene) -> None:
    _keep(new)
    write_url()


def _keep(new: Scene, found: tuple[Notice, ...] = ()) -> None:
    if find(new.model) is None:  # it lived in a session that is over, and this Scene is from before
        found = (wrong("model", new.model, "gone"),)
        new = Scene(lang=new.lang)
    if new.pinned and find(new.pinned.model) is None:
        found = (wrong("model", new.pinned.model, "gone"),)
        new = new.turn(pinned=None)
    models = [find(scene.model) for scene in (new, new.pinned) if scene]
    st.session_state[SCENE], st.session_state[MODEL], st.session_state[NOTICES] = new, models, found


def keep_model(name: str, model: Preset) -> None:
    """Hold a trained model for this session: the last few of them."""
    kept = models() | {name: model}
    st.session_state[MODELS] = dict([*kept.items()][-MODELS_KEPT:])


def models() -> dict[str, Preset]:
    """The models that were trained or loaded in this session, by name, the oldest first."""
    return st.session_state.get(MODELS, {})


@contextmanager
def address_kept() -> Iterator[None]:
    """Leave the address as it is: more of the same turn follows, as while a slider is dragged."""
    st.session_state[HELD] = True
    try:
        yield
    finally:
        del st.session_state[HELD]


def write_url() -> None:
    """The address always says what is on screen, once a knob is let go."""
    if HELD in st.session_state:
        return
    there = st.query_params.to_dict()
    wanted = {key: value for key, value in there.items() if key.startswith("embed")} | scene().to_query()
    if there != wanted:
        st.query_params.from_dict(wanted)
    st.session_state[WRITTEN] = wanted


def notices() -> tuple[Notice, ...]:
    """What was wrong with the query that this Scene came from; or with what the reader typed."""
    return st.session_state.get(NOTICES, ())


def notify(*new: Notice) -> None:
    """Say these until the next turn."""
    st.session_state[NOTICES] = new


def words() -> Words:
    """The words of this session's language: the Scene's, else the browser's, else English."""
    lang = scene().lang if SCENE in st.session_state else Scene.from_query(st.query_params.to_dict())[0].lang
    if not lang:
        lang = "pt-BR" if (st.context.locale or "").lower().startswith("pt") else "en"
    return words_of(lang if lang in LANGUAGES else "en")
