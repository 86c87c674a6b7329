"""For teachers: of each lesson a recipe of ten minutes, its answers, and what the wrong ones reveal."""

from __future__ import annotations

from functools import partial
from html import escape

import streamlit as st

from core import Scene, checks
from pictures import lessons
from pictures import teachers as pictures
from pictures.words import Words
from ui import comparison, shell, state
from ui.lessons import bar
from ui.live import projector


@st.fragment
def recipes(words: Words) -> None:
    """The lesson that is chosen: how it goes, what it asks, and its sheets."""
    found = {name: lesson for name in lessons.NAMES if (lesson := lessons.find(name, words.lang))}
    with st.container(key="teachers-choice"):
        titles = {name: lesson.title for name, lesson in found.items()}
        label, key = words("teachers.lesson"), "teachers-lesson"
        name = st.selectbox(label, [*found], format_func=titles.__getitem__, key=key, placeholder="")
        _offers(found[name], words)
    with st.container(key="teachers-lesson-page"):
        st.html(f'<div class="fibra-printed">{escape(found[name].title)}</div>')
        st.markdown(pictures.recipe(found[name], words))
        shell.say(words("teachers.answers"), "step")
        st.html(pictures.answers(found[name], words, _model()))


def _offers(lesson: lessons.Lesson, words: Words) -> None:
    """The ways into a lesson, and what can be printed of it."""
    with st.container(key="teachers-offers", horizontal=True):
        started = st.button(words("lessons.begin"), key="teachers-begin", on_click=bar.go, args=(0, lesson.name))
        projected = st.button(words("teachers.project"), key="teachers-project", on_click=_project, args=(lesson.name,))
        sheet = partial(pictures.sheet, beside=_model())
        for name, make in {"lesson": sheet, "survey": pictures.survey}.items():
            st.download_button(
                words(f"teachers.{name}_sheet"),
                partial(make, lesson, words),
                f"fibra-{lesson.name}-{name}.html",
                key=f"teachers-file-{name}",
                on_click="ignore",
            )
    if started or projected:  # the whole page follows
        st.rerun()


def _model() -> Scene:
    """The story alone, of all that the Scene says."""
    return Scene(model=state.scene().model)


def _project(name: str) -> None:
    projector.begin()
    bar.go(0, name)


def page(scene: Scene, words: Words) -> None:
    comparison.elsewhere(scene, words)
    recipes(words)
    prose = words.prose("teachers")
    left, right = st.columns(2, gap="large")
    for place, part in ((left, "before"), (right, "around")):
        with place:
            shell.say(words(f"teachers.{part}"), "step")
            st.markdown(prose[part])


shell.Page("teachers", page, (checks.belief_answers,)).open()
