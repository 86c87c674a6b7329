"""The Scene of this session: kept under its own key, written to the URL at every turn, read from it at the start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from time import monotonic
from typing import Any

import streamlit as st

from core import Notice, Preset, Scene, limits
from core.limits import MODELS_KEPT, UNDO
from core.presets import find, living, living_bytes
from core.scene.fields import is_view
from core.scene.scene import ADDRESS
from pictures import lessons, stacks
from pictures.words import LANGUAGES, Words, words_of
from ui import address

SCENE, PAGE, NOTICES = "fibra.scene", "fibra.page", "fibra.notices"
BEFORE = "fibra.before"  # the page that was seen before this one
MODEL = "fibra.model"  # the models on screen: a trained one lives as long as a session holds it
MODELS = "fibra.models"  # those that were trained or loaded in this session, by name
ADDRESSED = "fibra.addressed"  # whether this run shows what its address said, and the session did not know
ENTERED = "fibra.entered"  # whether this run is the first one on its page
MOVE = "fibra.move"  # what the turns of one move have in common, while one is made
PAST, FUTURE, TURNED = "fibra.past", "fibra.future", "fibra.turned"
NOW = "fibra.now"  # the Scene of this moment, for what is made outside the session's own thread
READING = ("lang", "projector")  # fields that say how a reader reads, whatever it is: no turn alters them
ONE_MOVE = 1.0  # seconds: turns of the same knob that follow one another more closely are undone together


@dataclass
class Now:
    """A session's Scene, as it is whenever it is read."""

    scene: Scene


def open_scene(page: str) -> Scene:
    """The Scene to show on `page`: this session's own, or the address's where that is news."""
    said = st.query_params.to_dict()
    moved = st.session_state.get(PAGE) != page
    if moved:
        st.session_state[BEFORE] = st.session_state.get(PAGE, "")
    st.session_state[PAGE], st.session_state[ENTERED] = page, moved
    st.session_state[ADDRESSED] = SCENE not in st.session_state or address.is_news(said, moved)
    if st.session_state[ADDRESSED]:
        _keep(*Scene.from_query(lessons.expanded(said)))
        address.take(said)
    _tidy()
    address.write(query(), said)
    return scene()


def go_on() -> None:
    """The middle of the page is drawn again by itself: the reader has turned something, and nobody an address."""
    st.session_state[ENTERED] = st.session_state[ADDRESSED] = False
    _tidy()


def _tidy() -> None:
    """Hold no model that isn't needed, and show none that isn't there: a real one's file may be taken away."""
    if find(own().model) is None:
        _keep(own())
    make_room()


def addressed() -> bool:
    """Whether what is on screen in this run came from the address."""
    return st.session_state[ADDRESSED]


def own() -> Scene:
    """This session's Scene."""
    return st.session_state[SCENE]


def scene() -> Scene:
    """This session's Scene as its page shows it, where another model may stand in (pictures.stacks).

    The sentence, and how it is looked at, are the session's own; what is turned of all else is of what is shown.
    """
    return stacks.shown(own(), st.session_state.get(PAGE, ""))


def whole() -> Scene:
    """What a knob turns: the Scene that the page shows, with the patch and the pin that it leaves out."""
    return own() if own().model == scene().model else scene()


def _turned_by(changes: dict[str, Any]) -> Scene:
    looks = (is_view(field) or field.name in ("sentence", "split") for field in fields(Scene) if field.name in changes)
    return (own() if all(looks) else whole()).turn(**changes)


def now() -> Now:
    """What always knows this session's Scene, also where there is no session: in a thread that makes a file."""
    found: Now = st.session_state.setdefault(NOW, Now(scene()))
    found.scene = scene()
    return found


def reading() -> dict[str, Any]:
    """How this session reads, with which another Scene is shown too: before a class, that one's whole page first."""
    return {"lang": scene().lang, "projector": None if scene().projector is None else 0}


def turn(**changes: Any) -> None:
    """Turn some of the Scene's knobs. In a widget's callback, so that the run after it shows the new Scene."""
    show_turned(_turned_by(changes))


def override(**values: int | bool | str) -> None:
    """Override some of the Config's fields."""
    show_turned(whole().override(**values))


def switch(**parts: bool) -> None:
    """Put some parts of the model in place, or take them out."""
    show_turned(whole().switch(**parts))


def show_turned(new: Scene) -> None:
    """Show what was turned; of a patch that no longer fits it is said that it is gone, beside what else is."""
    gone = own().patch and not new.patch
    show(new)
    if gone:
        notify(Notice("unpatched", "patch", "", ""), *notices())


def show(new: Scene) -> None:
    """Make `new` this session's Scene; the one before can be brought back."""
    old = own()
    if new != old:
        _remember(old, new)
    _put(new)


def follow(**changes: Any) -> None:
    """Turn knobs that follow from something else: no move of the reader's own, to be undone."""
    if (new := _turned_by(changes)) != own():
        _put(new)


def let_go(wrong: Notice, **changes: Any) -> None:
    """Take away what the address had brought and nothing here has; and say so, beside what is said already."""
    said = notices()
    follow(**changes)
    notify(*said, wrong)


def pin() -> None:
    """Keep what is computed now, to compare with; or let go what was kept."""
    show(whole().pin() if scene().pinned is None else whole().turn(pinned=None))


def undo() -> None:
    """Bring back the Scene before the last turn."""
    _step(PAST, FUTURE)


def redo() -> None:
    """Turn again what was undone last."""
    _step(FUTURE, PAST)


def _step(source: str, other: str) -> None:
    """The other Scene, read as this one is: that is not undone."""
    if scenes := st.session_state.get(source):
        now = own()
        st.session_state.setdefault(other, []).append(now)
        st.session_state.pop(TURNED, None)
        _keep(scenes.pop())  # its model may be gone: then it is another Scene
        _keep(replace(own(), **{name: getattr(now, name) for name in READING}), notices())
        write_url()


def _remember(old: Scene, new: Scene) -> None:
    if not (knobs := _turned(old, new)):
        return
    move, (last, when) = st.session_state.get(MOVE), st.session_state.get(TURNED, (None, 0.0))
    same = last is not None and (last[0] == move if move else last[1] == knobs and monotonic() - when <= ONE_MOVE)
    st.session_state[TURNED], st.session_state[FUTURE] = ((move, knobs), monotonic()), []
    past = st.session_state.setdefault(PAST, [])
    if not same:
        st.session_state[PAST] = [*past, old][-UNDO:]
    elif past and not _turned(past[-1], new):  # there and back at once is no move
        past.pop()
        del st.session_state[TURNED]


def _turned(old: Scene, new: Scene) -> set[str]:
    """The fields in which the two differ, but for how it is read, which is no move."""
    return {f.name for f in fields(Scene) if getattr(old, f.name) != getattr(new, f.name)} - {*READING}


def _put(new: Scene) -> None:
    _keep(new)
    write_url()


def _keep(new: Scene, found: tuple[Notice, ...] = ()) -> None:
    if find(new.model) is None:  # it lived in a session that is over, and this Scene is from before
        new, more = Scene.from_query(new.own_query())
        found += more
    if new.pinned and find(new.pinned.model) is None:
        found += (ADDRESS.wrong("model", new.pinned.model, "gone"),)
        new = new.turn(pinned=None)
    models = [living(scene.model) for scene in (new, new.pinned) if scene]
    st.session_state[SCENE], st.session_state[MODEL], st.session_state[NOTICES] = new, models, found
    if NOW in st.session_state:
        st.session_state[NOW].scene = scene()


def keep_model(name: str, model: Preset) -> None:
    """Hold a trained model for this session: the last few of them, where memory allows for more than what is shown."""
    kept = models() | {name: model}
    st.session_state[MODELS] = dict([*kept.items()][-MODELS_KEPT:])


def make_room() -> None:
    """Hold no model that isn't shown, where all sessions' models together are too much."""
    if living_bytes() > limits.MODELS and MODELS in st.session_state:
        shown = [each.model for each in (own(), own().pinned) if each]
        st.session_state[MODELS] = {name: model for name, model in models().items() if name in shown}


def models() -> dict[str, Preset]:
    """The models that were trained or loaded in this session, by name, the oldest first."""
    return st.session_state.get(MODELS, {})


@contextmanager
def one_move(name: object) -> Iterator[None]:
    """All turns of this name that follow one another are undone together, however slowly they come."""
    st.session_state[MOVE] = name
    try:
        yield
    finally:
        del st.session_state[MOVE]


def query() -> dict[str, str]:
    """What the address says of this session: the Scene that is on screen, and what is carried besides."""
    return address.of(own(), st.session_state.get(PAGE, ""))


def carry(**said: str) -> None:
    """Have the address say this besides the Scene, and nothing else."""
    st.session_state[address.CARRIED] = said
    write_url()


def write_url() -> None:
    """The address always says what is on screen, once a knob is let go."""
    address.write_again(query())


def notices() -> tuple[Notice, ...]:
    """What was wrong with the query that this Scene came from; or with what the reader typed."""
    return st.session_state.get(NOTICES, ())


def notify(*new: Notice) -> None:
    """Say these until the next turn."""
    st.session_state[NOTICES] = new


def words() -> Words:
    """The words of this session's language: the Scene's, else the browser's, else English."""
    lang = own().lang if SCENE in st.session_state else Scene.from_query(st.query_params.to_dict())[0].lang
    if not lang:
        lang = "pt-BR" if (st.context.locale or "").lower().startswith("pt") else "en"
    return words_of(lang if lang in LANGUAGES else "en")
