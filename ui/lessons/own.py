"""A lesson of the reader's own: brought as a file, pasted, or written here step by step. It lives in the session, and
as far as one can hold it in the page's address.
"""

from __future__ import annotations

from html import escape

import streamlit as st

from core import CHECKS, Scene
from core.limits import LESSON_CHARACTERS
from pictures import checks, lessons
from pictures.lessons import LessonError
from pictures.pages import PAGES
from pictures.words import Words
from ui import address, controls, shell, state
from ui.lessons import bar

TEXT = "fibra.lesson.text"  # session state: the lesson as it is written
SEEN = "fibra.lesson.seen"  # session state: the last file that was read, so that it is read once
ROWS = 320  # px


@st.fragment
def own(words: Words) -> None:
    """A box for a file, the text, what there is to read in it, and a step of what is seen."""
    shell.say(words("lessons.own.title"), "step")
    shell.say(words("lessons.own.about"), "about")
    _file(words)
    text = _text()
    mount = controls.feed("lesson-text", text)
    label, look = words("lessons.own.text"), {"height": ROWS, "max_chars": LESSON_CHARACTERS}
    controls.draw(mount, text, keep, st.text_area, label, mount.value, **look)
    if text.strip():
        _preview(text, words)
    with st.expander(words("lessons.own.make"), icon=":material/add:"):
        _make(words)


def keep(text: str) -> None:
    """The lesson as it is written now."""
    st.session_state[TEXT], st.session_state[address.DRAFT] = text, lessons.packed(text) if text.strip() else ""
    state.write_url()


def _text() -> str:
    """What is written so far; in a session that begins, what its address holds."""
    text: str = st.session_state.get(TEXT) or lessons.unpacked(st.session_state.get(address.DRAFT, ""))
    st.session_state[TEXT] = text
    return text


def _file(words: Words) -> None:
    shell.file_words(words)
    file = st.file_uploader(words("lessons.own.file"), type=["md", "txt"], key="lesson-file", max_upload_size=1)
    if file is None or st.session_state.get(SEEN) == file.file_id:
        return
    try:
        text = file.getvalue().decode("utf-8-sig")
    except UnicodeDecodeError:
        shell.say(words("lessons.wrong.encoding"), "notice")
        return
    st.session_state[SEEN] = file.file_id
    keep(text)


def _preview(text: str, words: Words) -> None:
    """The steps as they are read, or the line at which nothing could be read; the file, and the way into it."""
    try:
        lesson = lessons.parse(text)
    except LessonError as error:
        said = words(f"lessons.wrong.{error.code}", value=error.value)
        shell.say(words("lessons.wrong.at", line=error.line, said=said), "notice")
    else:
        rows = [
            words("lessons.own.row", number=i, title=step.title, page=words(f"pages.{step.page}"))
            for i, step in enumerate(lesson.steps, 1)
        ]
        st.html(f'<p class="fibra-says"><b>{escape(lesson.title)}</b></p>{shell.listing(rows)}')
        shell.say(words("lessons.own.link" if st.session_state[address.DRAFT] else "lessons.own.no_link"), "about")
        if st.button(words("lessons.own.play"), key="lesson-play", on_click=_play, args=(lesson,), type="primary"):
            st.rerun()
    st.download_button(words("lessons.own.download"), text, "fibra.md", "text/markdown", key="lesson-download")


def _play(lesson: lessons.Lesson) -> None:
    st.session_state[bar.OWN], st.session_state[address.LESSON] = lesson, st.session_state[address.DRAFT]
    bar.go(0, lessons.OWN)


def _make(words: Words) -> None:
    """What was on the screen before this page, as a step: its page, and what is said and asked there."""
    pages = [name for name, page in PAGES.items() if page.section not in ("class", "models")]
    last = st.session_state.get(state.BEFORE, pages[0])
    at = pages.index(last) if last in pages else 0
    page = st.selectbox(
        words("lessons.own.page"), pages, at, lambda name: words(f"pages.{name}"), key="lesson-page", placeholder=""
    )
    title = st.text_input(words("lessons.own.step_title"), key="lesson-title", max_chars=120)
    says = st.text_input(words("lessons.own.says"), key="lesson-says", max_chars=400)
    scene = state.scene()
    fitting = ["", *(name for name, check in CHECKS.items() if check.asked(scene).computed == scene.computed)]
    label = words("lessons.own.check")
    check = st.selectbox(
        label, fitting, format_func=lambda name: _asked(name, scene, words), key="lesson-check", placeholder=""
    )
    given = (page, title, says, check or "")
    st.button(words("lessons.own.add"), key="lesson-add", on_click=_add, args=given, disabled=not title.strip())


def _asked(name: str, scene: Scene, words: Words) -> str:
    if not name:
        return words("lessons.own.no_check")
    return checks.question(CHECKS[name], CHECKS[name].asked(scene), words)


def _add(page: str, title: str, says: str, check: str) -> None:
    words, text = state.words(), _text().rstrip()
    head = text or f"---\ntitle: {words('lessons.own.untitled')}\nminutes: 5\n---"
    keep(f"{head}\n\n{lessons.written(page, state.scene(), title, says, check)}")
