"""The teacher's screen: the room's code, how many are there and have voted, the question, and both votes."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from core import CHECKS, Scene
from core.checks import Check
from pictures import checks, compute, lessons, rounds
from pictures.words import Words
from ui import figure, shell, state, takeaway
from ui.checks import panel
from ui.lessons import bar
from ui.round import room as deeds
from ui.round import seat, store
from ui.round.room import Deed, Room, RoomError
from ui.share import here_only, image

SHOWN = "fibra.round.shown"  # session state: the room as the question's part shows it; None: as one that is away
WAY = "fibra.round.way"  # session state: whether the page shows the way in
UNVOTED = "fibra.round.unvoted"  # session state: the room in which nobody voted when its vote was closed
Question = tuple[str, str]  # a check's name, and what it varies: pictures.rounds.asked


def draw(words: Words) -> None:
    """On the left how to come in, and who has, unless the room is gone; on the right the question."""
    st.session_state[WAY] = None
    with st.container(key="round-desk"):
        way, question = st.container(key="round-way"), st.container(key="round-question")
    with question:
        _question(words)
    with way:
        if st.session_state[WAY] is False:
            return
        st.session_state[WAY] = True
        _way(words)
        st.fragment(_counts, run_every=seat.DESK)(words)


def _way(words: Words) -> None:
    """The code, and a link to the room for cameras. The key is in neither."""
    home = takeaway.home("round")
    link = f"{home}/round?room={seat.code()}"
    drawn = f'<img class="fibra-qr" alt="{escape(link)}" src="{escape(image(link))}">' if home else ""
    st.html(
        f'<p class="fibra-code">{escape(seat.code())}</p>{drawn}'
        f'<p class="fibra-about">{escape(words("round.scan", address=f"{home}/round"))}</p>'
    )
    if here_only(home):
        shell.say(words("share.here_only"), "notice")


def _counts(words: Words) -> None:
    """How many are there, and how many voted. What another tab of the teacher's has done brings the page anew."""
    try:
        desk = store.rooms().desk(seat.code(), seat.key())
    except RoomError as error:
        # The question's part says what is wrong; and of a room that is gone nobody needs the way in.
        if st.session_state.get(SHOWN) is not None or error.code != "away":
            st.rerun()
        return
    if desk.room != st.session_state.get(SHOWN):
        st.rerun()
    counts = [words("round.there", n=desk.there)]
    if desk.room.ballot:
        counts.append(words("round.voted", n=desk.voted[desk.room.ballot - 1], open=desk.room.open))
    st.html("".join(f'<p class="fibra-count" role="status">{escape(count)}</p>' for count in counts))


@st.fragment
def _question(words: Words) -> None:
    st.session_state[SHOWN] = None
    try:
        room = store.rooms().desk(seat.code(), seat.key()).room
        st.session_state[SHOWN] = room
        found = seat.question(room)
        if found:
            _asked(room, *found, words)
        else:
            shell.say(words("round.teacher.waiting"))
    except RoomError as error:
        shown, st.session_state[WAY] = st.session_state[WAY], error.code == "away"
        if shown and not st.session_state[WAY]:
            st.rerun()  # this part alone is drawn anew, and the code of a room that is gone stands beside it
        seat.refused(error, words)
        return
    seat.wrong(words)
    _pick(words)
    if st.button(words("round.end"), key="round-end", on_click=seat.tried, args=(_end,)):
        st.rerun()


def _asked(room: Room, check: Check, asked: Scene, words: Words) -> None:
    """The question, where the class is with it, and what the teacher can do next."""
    told = words(f"round.teacher.{'unvoted' if room == st.session_state.get(UNVOTED) else room.phase}")
    options = [checks.option(check, name, words) for name in check.options] if check.kind in ("choose", "order") else []
    listed = "".join(f"<li>{escape(option)}</li>" for option in options)
    st.html(
        f'<p class="fibra-question fibra-asked">{escape(checks.question(check, asked, words))}</p>'
        f'<ul class="fibra-options">{listed}</ul><p class="fibra-says" role="status">{escape(told)}</p>'
    )
    if room.phase == "revealed":
        _results(room, check, asked, words)
    with st.container(key="round-buttons", horizontal=True):
        for name, done in _next(room):
            look = {"type": "secondary" if name == "reveal" and room.phase != "last" else "primary"}
            st.button(words(f"round.{name}"), key=f"round-{name}", on_click=seat.tried, args=done, **look)
        seat.look_button(check, asked, words)


def _next(room: Room) -> list[tuple[str, tuple[Any, ...]]]:
    """What comes next in a round: the names of its buttons, and what each calls with what."""
    reveal = "reveal", (_do, deeds.reveal)
    match room.phase:
        case "asked":
            return [("vote", (_do, deeds.vote)), reveal]
        case "open":
            return [("close", (_close,))]
        case "talk":
            return [("again", (_do, deeds.vote)), reveal]
        case "last":
            return [reveal]
    return []


def _results(room: Room, check: Check, asked: Scene, words: Words) -> None:
    """Each ballot beside the other, and what is computed."""
    kept = store.rooms().votes(seat.code(), seat.key())[: room.ballot]
    ballots = [[rounds.from_text(check, asked, text) for text in ballot] for ballot in kept]
    ballots = [[guess for guess in ballot if guess is not None] for ballot in ballots]
    if ballots:
        done = compute.encode(rounds.picture(check, asked, ballots, words), words)
        figure.show(done, words, key="round-votes", height=rounds.HEIGHT)
    why = words(f"checks.{check.name}.why")
    st.html(
        f'<p class="fibra-verdict">{escape(checks.verdict(check, asked, None, words))}</p>'
        f'<p class="fibra-says">{escape(why)}</p>'
    )


def _close() -> None:
    """Close the vote; one in which nobody voted leaves the class where it was before."""
    desk = store.rooms().desk(seat.code(), seat.key())
    if desk.room.open and not desk.voted[desk.room.ballot - 1]:
        _do(deeds.unvote)
        st.session_state[UNVOTED] = deeds.unvote(desk.room)
    else:
        _do(deeds.close)


def _do(deed: Deed) -> None:
    st.session_state[UNVOTED] = None
    store.rooms().do(seat.code(), seat.key(), deed)


def _end() -> None:
    store.rooms().end(seat.code(), seat.key())
    state.carry()


# -------------------------------------------------------------------------------------------- choosing a question


def questions(lesson: str, words: Words) -> list[Question]:
    """The questions of a lesson, in its order; "" has all that there are."""
    found = bar.find(lesson, words)
    if found is None:
        return [(name, "") for name in CHECKS]
    asked = [(step.check, rounds.varied(CHECKS[step.check], step.scene)) for step in found.steps if step.check]
    return [*dict.fromkeys(asked)]


def _pick(words: Words) -> None:
    """Of which lesson, and which question of it; once it is asked, the next one stands there."""
    own = [lessons.OWN] if bar.find(lessons.OWN, words) else []
    names = ["", *lessons.NAMES, *own]

    def lesson_title(name: str) -> str:
        found = bar.find(name, words)
        return found.title if found else words("round.any")

    def asks(question: Question) -> str:
        check, asked = rounds.asked(*question) or (None, None)
        return checks.question(check, asked, words) if check and asked else ""

    with st.container(key="round-pick"):
        label = words("round.lesson")
        lesson = st.selectbox(label, names, 0, lesson_title, key=f"round-lesson-{words.lang}", placeholder="") or ""
        listed, place = questions(lesson, words), f"round-pick-{lesson}-{words.lang}"
        if not listed:
            return
        chosen = st.selectbox(words("round.question"), listed, 0, asks, key=place, placeholder="")
        ask = {"on_click": _ask, "args": (chosen, listed, place)}
        st.button(words("round.ask"), key="round-ask", type="primary" if _idle() else "secondary", **ask)


def _idle() -> bool:
    """Whether asking is what comes next."""
    shown = st.session_state.get(SHOWN)
    return shown is not None and shown.phase in ("waiting", "revealed")


def _ask(chosen: Question, listed: list[Question], place: str) -> None:
    seat.tried(_do, deeds.ask(*chosen))
    panel.forget(chosen[0])
    st.session_state[place] = listed[(listed.index(chosen) + 1) % len(listed)]
