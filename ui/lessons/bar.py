"""The lesson that is walked: on top of every page what its step says, and the way on and back."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from urllib.parse import urlencode

import streamlit as st

from core import Notice, Scene
from pictures import lessons
from pictures.lessons import Lesson
from pictures.words import Words
from ui import address, share, state
from ui.checks import panel

OWN = "fibra.lesson.own"  # session state: the lesson that the reader brought or wrote
GO = "fibra.lesson.page"  # session state: the page that a step of the way asked for


def find(name: str, words: Words) -> Lesson | None:
    """A shipped lesson in the reader's language, or the reader's own; None where there is none of that name."""
    if name != lessons.OWN:
        return lessons.find(name, words.lang)
    return lessons.linked(st.session_state.get(address.LESSON, "")) or st.session_state.get(OWN)


def open_asked(page: str) -> None:
    """Go to the page of the step that was asked for, if it is not this one."""
    asked = st.session_state.pop(GO, page)
    if asked != page:
        st.switch_page(f"pages/{asked}.py", query_params=state.query())


def known(scene: Scene, words: Words) -> Scene:
    """The Scene without a lesson that there is not, or not any more, which is then said."""
    if scene.lesson and find(scene.lesson, words) is None:
        code = "lesson_gone" if scene.lesson == lessons.OWN else "default"
        wrong = Notice(code, "lesson", scene.lesson, ", ".join(lessons.NAMES))
        state.let_go(wrong, lesson="", lesson_step=0)
    return state.scene()


def draw(scene: Scene, words: Words) -> None:
    """The bar, where a lesson is walked; its place is kept."""
    lesson = find(scene.lesson, words)
    st.session_state[share.SHORT] = _short(scene) if lesson else ""
    with st.container(key="lesson-bar"):
        if lesson is None:
            return
        number, last = place(lesson, scene), len(lesson.steps) - 1
        step = lesson.steps[number]
        told = words("lessons.place", title=lesson.title, number=number + 1, steps=last + 1)
        lines = {"about": told, "step": step.title, "says": step.says}
        st.html("".join(f'<p class="fibra-{kind}">{escape(line)}</p>' for kind, line in lines.items() if line))
        with st.container(key="lesson-way", horizontal=True):
            way = {"on_click": go, "type": "primary"}
            st.button(words("lessons.back"), key="lesson-back", on_click=go, args=(number - 1,), disabled=number == 0)
            if number < last:
                st.button(words("lessons.next"), key="lesson-next", args=(number + 1,), **way)
            else:
                st.button(words("lessons.end"), key="lesson-end", on_click=leave, args=("lessons",), type="primary")
            if step.check:
                st.button(words("lessons.reveal"), key="lesson-reveal", on_click=panel.reveal, args=(step.check,))
            st.button(words("lessons.anew"), key="lesson-anew", on_click=go, args=(number,))
            if number < last:
                st.button(words("lessons.leave"), key="lesson-leave", on_click=leave)


def place(lesson: Lesson, scene: Scene) -> int:
    """The step that a Scene is at, from 0."""
    return min(scene.lesson_step, len(lesson.steps) - 1)


def go(number: int, name: str = "") -> None:
    """To a step of the lesson that is walked, or of the one of this name: its Scene, on its page."""
    scene, words = state.scene(), state.words()
    lesson = find(name or scene.lesson, words)
    if lesson is None:  # the session that had it is over
        return
    step = lesson.steps[min(number, len(lesson.steps) - 1)]
    panel.forget(step.check)
    state.show(replace(lesson.scene(number, scene), **state.reading()))
    st.session_state[GO] = step.page


def leave(page: str = "") -> None:
    """No lesson is walked any more; what is on screen stays, without the question."""
    state.turn(lesson="", lesson_step=0, check="")
    if page:
        st.session_state[GO] = page


def _short(scene: Scene) -> str:
    """The link to the step as it opens; "" where nobody says where the app is, or no link holds the lesson."""
    base = str(getattr(st.context, "url", None) or "").partition("?")[0]
    held = address.lesson_held(scene, st.session_state[state.PAGE])
    if not base or (scene.lesson == lessons.OWN and not held):
        return ""
    return f"{base}?{urlencode({'lesson': scene.lesson, 'lesson_step': scene.lesson_step} | held)}"
