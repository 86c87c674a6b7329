"""Lessons: those that come with the project, and one of the reader's own."""

from __future__ import annotations

from html import escape

import streamlit as st

from core import Scene, answer
from core.checks import distance
from pictures import lessons
from pictures.words import Words
from ui import comparison, shell
from ui.lessons import bar
from ui.lessons.own import own


def shipped(words: Words) -> None:
    """A card for each lesson that comes with the project."""
    with st.container(key="lessons-shipped"):
        for name in lessons.NAMES:
            if lesson := lessons.find(name, words.lang):
                _card(lesson, words)


def _card(lesson: lessons.Lesson, words: Words) -> None:
    with st.container(key=f"lesson-card-{lesson.name}", border=True):
        size = words("lessons.size", minutes=lesson.minutes, steps=len(lesson.steps))
        st.html(
            f'<p class="fibra-question">{escape(lesson.title)}</p><p class="fibra-says">{escape(lesson.about)}</p>'
            f'<p class="fibra-about">{escape(size)}</p>'
        )
        st.button(words("lessons.begin"), key=f"begin-{lesson.name}", on_click=bar.go, args=(0, lesson.name))


def page(scene: Scene, words: Words) -> None:
    comparison.elsewhere(scene, words)
    shipped(words)
    own(words)


shell.Page("lessons", page, (answer, distance)).open()
