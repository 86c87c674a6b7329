"""The question that is asked: it covers what would give it away, takes a guess, and shows both on one scale."""

from __future__ import annotations

import json
from dataclasses import replace
from html import escape
from typing import Any

import streamlit as st

from core import CHECKS, Notice, Scene
from core.checks import Check
from pictures import checks as pictures
from pictures.words import Words
from ui import state
from ui.checks import guess as guesses
from ui.live import compat
from ui.said import say

GUESSES = "fibra.guesses"  # session state: (check, Scene that is asked about) -> the guess; None: "show me"
DRAWN = "fibra.check.drawn"  # the Scene that this run began with
TIMES = "fibra.check.times"  # how often a question was asked in this session
MOVE = "fibra.check.move"  # whether the page is to be moved to the question
COVER = (
    "visibility:visible;position:absolute;inset:0;display:grid;place-items:center;text-align:center;"
    "padding:0.5rem;border-radius:0.5rem;color:var(--fibra-muted);"
    "background:repeating-linear-gradient(45deg,var(--fibra-surface) 0 12px,transparent 0 24px)"
)
TO_QUESTION = """<script>{ // {times}: of the same text nothing would run again
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
document.querySelector(".st-key-check-panel")?.scrollIntoView({ block: "center", behavior: still ? "auto" : "smooth" });
}</script>"""


def known(scene: Scene) -> Scene:
    """The Scene without a question that there is not, which is then said."""
    if scene.check and scene.check not in CHECKS:
        state.let_go(Notice("default", "check", scene.check, "rows-sum-to-one, …"), check="")
    return state.scene()


def draw(scene: Scene, words: Words) -> None:
    """The question of this Scene, where it has one; its place is kept."""
    st.session_state[DRAWN] = scene
    with st.container(key="check-panel"):
        if scene.check:
            _panel(words)
    if st.session_state.pop(MOVE, False):
        script = TO_QUESTION.replace("{times}", str(st.session_state[TIMES]))
        compat.call(st.html, script, unsafe_allow_javascript=True)


def covered(scene: Scene) -> bool:
    """Whether a question is asked that has no answer yet, and is asked of what is on screen."""
    if not scene.check:
        return False
    asked = CHECKS[scene.check].asked(scene)
    return asked.computed == scene.computed and (scene.check, asked) not in st.session_state.get(GUESSES, {})


def ask(name: str) -> None:
    """Ask a question on its own Scene, in the reader's language, and beside what the reader has pinned."""
    check, scene = CHECKS[name], state.scene()
    forget(name)
    state.show(replace(check.of(scene), pinned=scene.pinned, check=name, **state.reading()))
    st.session_state[TIMES], st.session_state[MOVE] = st.session_state.get(TIMES, 0) + 1, True


def forget(name: str) -> None:
    """Ask this question on its own Scene as if it had not been answered yet; "" is none."""
    if name:
        st.session_state.get(GUESSES, {}).pop((name, CHECKS[name].of(state.scene())), None)


def reveal(name: str) -> None:
    """Show the answer to this question as it is asked now, to one who guesses nothing."""
    _commit(CHECKS[name], CHECKS[name].asked(state.scene()), None)


@st.fragment
def _panel(words: Words) -> None:
    scene = state.scene()
    if scene != st.session_state[DRAWN]:
        st.rerun()
    check = CHECKS[scene.check]
    asked = check.asked(scene)
    told, place, is_covered = st.session_state.get(GUESSES, {}), (check.name, asked), covered(scene)
    text = f'<p class="fibra-question">{escape(pictures.question(check, asked, words))}</p>'
    st.html(text + (_cover(check, words) if is_covered else ""))
    if asked.computed != scene.computed:
        say(words("checks.elsewhere"), "about")
        st.button(words("checks.back"), key="check-back", on_click=_back, args=(check, asked))
        return
    if not is_covered:
        _reveal(check, asked, told[place], words)
    else:
        made = guesses.widgets(check, asked, words)
        with st.container(key="check-buttons", horizontal=True):
            commit = {"disabled": made is None, "type": "primary", "on_click": _commit}
            st.button(words("checks.commit"), key="check-commit", args=(check, asked, made), **commit)
            st.button(words("checks.show"), key="check-show", on_click=_commit, args=(check, asked, None))
            _close(scene, words)


def _reveal(check: Check, asked: Scene, guess: Any, words: Words) -> None:
    believed = words(f"checks.{check.name}.believed")
    st.html(
        f'<p class="fibra-verdict" role="status">{escape(pictures.verdict(check, asked, guess, words))}</p>'
        f"{pictures.scale(check, asked, guess, words)}"
        f'<p class="fibra-says">{escape(words(f"checks.{check.name}.why"))}</p>'
        f'<p class="fibra-about">{escape(words("checks.believed"))} {escape(believed)}</p>'
    )
    with st.container(key="check-buttons", horizontal=True):
        if check.varies:
            st.button(words("checks.again"), key="check-again", on_click=_again, args=(check, asked))
        _close(state.scene(), words)


def _close(scene: Scene, words: Words) -> None:
    if not scene.lesson:  # a lesson's bar leads on
        st.button(words("checks.close"), key="check-close", on_click=state.turn, kwargs={"check": ""})


def _commit(check: Check, asked: Scene, guess: Any) -> None:
    st.session_state.setdefault(GUESSES, {})[check.name, asked] = guess


def _back(check: Check, asked: Scene) -> None:
    scene = state.scene()
    kept = {name: getattr(scene, name) for name in ("pinned", "lesson", "lesson_step")}
    state.show(replace(asked, check=check.name, **kept, **state.reading()))


def _again(check: Check, asked: Scene) -> None:
    """The next question of this kind, which was not answered yet."""
    variants = (check.variant(number) for number in range(1, 100))
    told = st.session_state.get(GUESSES, {})
    fresh = next((one for one in variants if (check.name, one) not in told), check.variant(1))
    st.session_state.get(GUESSES, {}).pop((check.name, fresh), None)
    _back(check, fresh)


def _cover(check: Check, words: Words) -> str:
    """A style that hides the figures which would give the answer away, from eyes and from screen readers.

    Their names stay, without what is said beside them; of words without a figure nothing stays, for a title inside them
    would stand in the void. Where a plain chart stands in for a figure, it is hidden too.
    """
    if not check.covers:
        return ""
    figures = ",".join(f'[data-figure="{key}"]' for key in check.covers)
    words_alone = f":is({figures}):not(:has(>.fibra-figure))"
    plain = ",".join(f".st-key-{key}-plain" for key in check.covers)
    said = json.dumps(words("checks.covered"), ensure_ascii=False)
    return (
        f"<style>:is({figures})>:not(.fibra-step),:is({figures})>.fibra-step i,{plain}{{visibility:hidden!important}}"
        f"{words_alone}>.fibra-step{{visibility:hidden!important}}"
        f":is({figures})>.fibra-figure,{words_alone}{{position:relative}}"
        f":is({figures})>.fibra-figure::before,{words_alone}::before{{content:{said};{COVER}}}</style>"
    )
