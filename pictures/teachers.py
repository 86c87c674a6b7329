"""For teachers: of each lesson its recipe, what its questions answer, the likely wrong answers and what each reveals.

The same as a sheet to be printed, and a sheet of what the class believes, for before and after.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from html import escape

from core import CHECKS, Scene
from core.checks import belief_answers
from pictures import checks
from pictures.lessons import Lesson
from pictures.words import Words
from pictures.worksheet import STYLE

OPINIONS = ("agree", "disagree", "unsure")
LINES = 5  # to write on, under an open question
MORE = """.line{border-bottom:1px solid;height:1.7rem}table{width:100%;border-collapse:collapse}
th,td{border-bottom:1px solid;padding:.3rem;text-align:left;font-weight:400}td{text-align:center;width:5.5rem}"""


@dataclass(frozen=True)
class Asked:
    """A question of a lesson: its answer, computed; what is often said instead, and what whoever says so believes."""

    title: str
    question: str
    answer: str
    why: str
    wrong: tuple[str, ...]
    believed: str


@lru_cache(maxsize=64)
def asked(lesson: Lesson, words: Words, beside: Scene | None = None) -> tuple[Asked, ...]:
    """The questions of a lesson, in order, each on its own Scene, or of the model of `beside` where it can be."""
    return tuple(_asked(step.title, step.check, words, beside) for step in lesson.steps if step.check)


def _asked(title: str, name: str, words: Words, beside: Scene | None) -> Asked:
    check = CHECKS[name]
    scene = check.of(beside)
    wrong = (checks.told(check, scene, one, words) for one in belief_answers(check))
    return Asked(
        title,
        checks.question(check, scene, words),
        checks.told(check, scene, checks.answer(name, scene), words),
        words(f"checks.{name}.why"),
        tuple(dict.fromkeys(wrong)),
        words(f"checks.{name}.believed"),
    )


def recipe(lesson: Lesson, words: Words) -> str:
    """How ten minutes go by with a lesson, as Markdown."""
    return words.prose("teachers")[lesson.name.replace("-", "_")]


def answers(lesson: Lesson, words: Words, beside: Scene | None = None) -> str:
    """The questions of a lesson with all that a teacher wants to know of them, as HTML; `beside` as `asked`."""
    return f'<ol class="fibra-answers">{"".join(_entry(one, words) for one in asked(lesson, words, beside))}</ol>'


def _entry(one: Asked, words: Words) -> str:
    lines = {
        "question": f"{one.title}: {one.question}",
        "says": f"{words('teachers.answer', answer=one.answer)} {one.why}",
        "about": words("teachers.wrong", wrong=words.several(one.wrong), believed=one.believed)
        if one.wrong
        else words("teachers.believed", believed=one.believed),
    }
    said = (f'<p class="fibra-{kind}">{escape(line)}</p>' for kind, line in lines.items())
    return f"<li>{''.join(said)}</li>"


# ------------------------------------------------------------------------------------------------------------ on paper


def sheet(lesson: Lesson, words: Words, beside: Scene | None = None) -> bytes:
    """The recipe and the answers of a lesson on a sheet for the teacher's hand; `beside` as `asked`."""
    body = f"<h1>{escape(lesson.title)}</h1><p>{escape(lesson.about)}</p>{_html(recipe(lesson, words))}"
    return _page(
        lesson.title, f"{body}<h2>{escape(words('teachers.answers'))}</h2>{answers(lesson, words, beside)}", words
    )


def survey(lesson: Lesson, words: Words) -> bytes:
    """The same sheet twice, for before a lesson and after it: an open question, and what is often believed."""
    title = words("teachers.survey.title", lesson=lesson.title)
    both = "".join(f"<article>{_survey(lesson, words, when)}</article>" for when in ("before", "after"))
    return _page(title, both, words)


def _survey(lesson: Lesson, words: Words, when: str) -> str:
    heads = "".join(f"<td>{escape(words(f'teachers.survey.{opinion}'))}</td>" for opinion in OPINIONS)
    boxes = "<td>&#9744;</td>" * len(OPINIONS)
    rows = "".join(f"<tr><th>{escape(one.believed)}</th>{boxes}</tr>" for one in asked(lesson, words))
    lines = '<div class="line"></div>' * LINES
    questions = "".join(f"<h2>{escape(words(f'teachers.survey.{name}'))}</h2>{lines}" for name in ("why", "how"))
    title = f"{words('teachers.survey.title', lesson=lesson.title)} · {words(f'teachers.survey.{when}')}"
    return (
        f"<h1>{escape(title)}</h1>"
        f'<p>{escape(words("teachers.survey.mark"))} <span class="blank"></span></p>{questions}'
        f"<h2>{escape(words('teachers.survey.think'))}</h2><table><tr><th></th>{heads}</tr>{rows}</table>"
    )


def _html(text: str) -> str:
    """Our own Markdown of lines, bold and italics, as HTML."""
    bold = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(text, quote=False))
    lines = re.sub(r"\*(.+?)\*", r"<i>\1</i>", bold).splitlines()
    return "".join(f"<p>{line.removeprefix('- ')}</p>" for line in lines if line)


def _page(title: str, body: str, words: Words) -> bytes:
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}{MORE}</style>'
    html = f'<!doctype html><html lang="{words.lang}"><head>{head}</head><body>{body}</body></html>'
    return html.encode("utf-8", "replace")
