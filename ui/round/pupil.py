"""A pupil's screen: what the class is at, a vote while one is open, and what was voted beside what is computed."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from core import Scene
from core.checks import Check
from pictures import checks, rounds
from pictures.words import Words
from ui.checks import guess
from ui.round import seat, store
from ui.round.room import RoomError, Seat


def draw(words: Words) -> None:
    """The screen, which looks at its room again and again by itself."""
    with st.container(key="round-seat"):
        try:
            taken = store.rooms().sit(seat.code(), seat.own()).taken
        except RoomError:  # the screen says so
            taken = 0
        st.fragment(_screen, run_every=seat.pace(taken))(words)


def _screen(words: Words) -> None:
    """One fragment, and few elements: a class of hundreds draws it every second or two."""
    try:
        mine = store.rooms().sit(seat.code(), seat.own())
    except RoomError as error:
        seat.refused(error, words)
        return
    st.session_state[seat.STEP] = mine.room.step
    found = seat.question(mine.room)
    st.html(_told(mine, found, words))
    seat.wrong(words)
    if found and mine.room.open:
        _vote(mine, *found, words)
    with st.container(key="round-buttons", horizontal=True):
        if found:
            seat.look_button(*found, words)
        seat.leave_button(words)


def _vote(mine: Seat, check: Check, asked: Scene, words: Words) -> None:
    ballot = mine.room.ballot
    guesses = (rounds.from_text(check, asked, text) for text in reversed(mine.guesses))
    made = guess.widgets(check, asked, words, next((one for one in guesses if one is not None), None))
    label = words("round.change" if mine.guesses[ballot - 1] else "round.guess")
    cast = {"disabled": made is None, "type": "primary", "on_click": _cast, "args": (check, ballot, made)}
    st.button(label, key="round-vote", **cast)


def _cast(check: Check, ballot: int, made: Any) -> None:
    seat.tried(store.rooms().guess, seat.code(), seat.own(), ballot, rounds.to_text(check, made))


def _told(mine: Seat, found: tuple[Check, Scene] | None, words: Words) -> str:
    """Question, state of the round, own votes; once it is revealed the answer and the reason."""
    room = mine.room
    lines = [("about", words("round.room", code=room.code))]
    if found is None:
        return _lines([*lines, ("says", words("round.pupil.waiting"))])
    check, asked = found
    lines += [("question", checks.question(check, asked, words)), ("says", words(f"round.pupil.{room.phase}"))]
    guesses = [rounds.from_text(check, asked, text) for text in mine.guesses]
    lines += _votes(check, asked, guesses, room.ballot, words)
    if room.phase != "revealed":
        return _lines(lines)
    last = next((one for one in reversed(guesses) if one is not None), None)
    lines.append(("verdict", checks.verdict(check, asked, last, words)))
    why = [("says", words(f"checks.{check.name}.why"))]
    return _lines(lines) + checks.scale(check, asked, last, words) + _lines(why)


def _votes(check: Check, asked: Scene, guesses: list[Any], ballot: int, words: Words) -> list[tuple[str, str]]:
    """What this seat voted: in the ballot that counts now, and in the first one where that is another."""
    first, second = (one if one is None else checks.told(check, asked, one, words) for one in guesses)
    if ballot < 2:
        return [("about", words("round.counted", guess=first))] if first is not None else []
    lines = [("about", words("round.first_vote", guess=first))] if first is not None else []
    return lines + ([("about", words("round.counted", guess=second))] if second is not None else [])


def _lines(lines: list[tuple[str, str]]) -> str:
    return "".join(
        f'<p class="fibra-{kind}"{" role=status" if kind == "says" else ""}>{escape(text)}</p>' for kind, text in lines
    )
