"""What the address says of a session: whether that is news, what it carries besides the Scene, when it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core import Scene
from core.challenges import CHALLENGES
from pictures import lessons
from ui.live import internals

WRITTEN = "fibra.written"  # the query that the address was given last
LINKED = "fibra.linked"  # the queries that the menu's links carried, each once, that drawn now first
LESSON = "fibra.lesson.link"  # the lesson of the reader's own that is walked, packed; "": it is too long for that
DRAFT = "fibra.lesson.draft"  # the same of the lesson that is written, on its page
CARRIED = "fibra.carried"  # what the address says besides the Scene: the room that this session sits in
PICKS = "fibra.challenges.picks"  # challenge -> the heads that were named in it, in order
TOLD = "fibra.challenges.told"  # the heads to be found that were told, until they are begun anew
SOLVED = "fibra.challenges.shown"  # whose solution was shown; stars are kept for none of these
HELD = "fibra.held"  # whether a knob is held, and its turns leave the address alone
LATE = 8  # queries: so far behind the server a reader's screen may be when a link on it is followed
CARRYING = {"room": "[A-Z]{4}", "seat": "[A-Za-z0-9_-]{8}", "teach": "[A-Za-z0-9_-]{16}"}  # ui.round: what they are


def of(scene: Scene, page: str) -> dict[str, str]:
    """The query that says what is on screen: of a lesson's step only that, and what was turned. And the room."""
    return lessons.shortened(scene.to_query() | lesson_held(scene, page)) | carried() | played(scene.challenge)


def is_news(query: dict[str, str], moved: bool) -> bool:
    """Does the address say something that this session has not said itself? moved: it is the first run on its page.

    A query that we did not write comes from the reader. But a link to a page, for a session that has lost its Scene,
    carries a query too, which a turn inside a fragment leaves as it was drawn: a session that lives knows better. What
    Back or Forward brings is the reader's word.
    """
    ours, links = st.session_state[WRITTEN], st.session_state.get(LINKED, ())
    through_history = internals.through_history()
    if through_history is None:  # Streamlit does not say, and it may be Back that brings what was drawn long ago
        return query != ours if not moved else bool(query) and query not in (ours, *links[:2])
    return through_history or ((bool(query) or not moved) and query not in (ours, *links))


def linked(query: dict[str, str]) -> dict[str, str]:
    """The same query, for links to other pages that are drawn now."""
    before = [drawn for drawn in st.session_state.get(LINKED, ()) if drawn != query]
    st.session_state[LINKED] = [query, *before][:LATE]
    return query


def take(query: dict[str, str]) -> None:
    """Take what a query says besides the Scene. Of the room that one sits in already, the own seat stays."""
    if lessons.unpacked(link := query.get(lessons.TEXT, "")):
        st.session_state[LESSON] = link
        st.session_state.setdefault(DRAFT, link)
    found = {name: query[name] for name, form in CARRYING.items() if re.fullmatch(form, query.get(name, ""))}
    if "room" in found and found["room"] != carried().get("room"):
        st.session_state[CARRIED] = found
    _take_played(query)


def carried() -> dict[str, str]:
    """What the address says besides the Scene."""
    return st.session_state.get(CARRIED, {})


def played(challenge: str) -> dict[str, str]:
    """How far a challenge is: its guesses, and whether its solution was shown. Else who comes back after a reload would
    guess for the first time."""
    picks, said = st.session_state.get(PICKS, {}).get(challenge, ()), {}
    if picks:
        said["guessed"] = ",".join(f"{layer}.{head}" for layer, head in picks)
    if challenge in st.session_state.get(SOLVED, ()):
        said["solved"] = "now" if challenge in st.session_state.get(TOLD, ()) else "before"
    return said


def _take_played(query: dict[str, str]) -> None:
    """What was guessed here stays guessed, whatever an older address says."""
    challenge = query.get("challenge", "")
    if challenge not in CHALLENGES:
        return
    config, picks = CHALLENGES[challenge].scene.config, st.session_state.setdefault(PICKS, {}).setdefault(challenge, [])
    for found in re.finditer(r"\b(\d{1,2})\.(\d{1,2})\b", query.get("guessed", "")):
        layer, head = map(int, found.groups())
        if layer < config.n_layers and head < config.n_heads and (layer, head) not in picks:
            picks.append((layer, head))
    if query.get("solved") in ("now", "before"):
        st.session_state.setdefault(SOLVED, set()).add(challenge)
    if query.get("solved") == "now":
        st.session_state.setdefault(TOLD, set()).add(challenge)


def lesson_held(scene: Scene, page: str) -> dict[str, str]:
    """The lesson of the reader's own, where it is walked or written, as far as an address can hold it."""
    walked = scene.lesson == lessons.OWN
    held = walked or page == "lessons"
    link = st.session_state.get(LESSON if walked else DRAFT, "") if held else ""
    return {lessons.TEXT: link} if link else {}


@contextmanager
def left_alone() -> Iterator[None]:
    """Leave the address as it is: more of the same turn follows, as while a slider is dragged."""
    st.session_state[HELD] = True
    try:
        yield
    finally:
        del st.session_state[HELD]


def write(wanted: dict[str, str], *shown: dict[str, str] | None) -> None:
    """Have the browser show this query, unless that is all that it shows by now, or will: written again it would be a
    step more that Back takes."""
    if HELD in st.session_state:
        return
    if any(query != wanted for query in shown):  # Streamlit keeps what it embeds by, and does not show it
        st.query_params.from_dict(wanted)
    st.session_state[WRITTEN] = wanted


def write_again(wanted: dict[str, str]) -> None:
    """The same after a turn: a quick hand may be back at what the browser said when it turned, for of what was written
    in between it did not know."""
    write(wanted, st.query_params.to_dict(), st.session_state.get(WRITTEN))
