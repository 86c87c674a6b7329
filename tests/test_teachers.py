"""For teachers: what the page and the sheets say of a lesson is what its checks compute, in both languages."""

from __future__ import annotations

from html import escape, unescape

import pytest

from core import CHECKS
from core.checks import belief_answers
from pictures import checks, lessons, teachers
from pictures.words import LANGUAGES, words_of
from tests.support import open_page
from ui.state import SCENE

CHEAP = ("rows", "the-mask", "heads-together")  # the others' answers are those of test_checks, told alike


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_lesson_has_a_recipe_that_takes_ten_minutes(lang):
    words = words_of(lang)
    for name in lessons.NAMES:
        lesson = lessons.find(name, lang)
        lines = teachers.recipe(lesson, words).splitlines()
        assert lines[0].startswith("- **0 ") and "10 min.**" in lines[-1], name
        ends = [line.split("**")[1].removesuffix(" min.").replace(" to ", " a ").split(" a ") for line in lines]
        assert [begin for begin, _ in ends[1:]] == [end for _, end in ends[:-1]], "no minute is lost, none used twice"
        assert lesson.minutes <= 10


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", CHEAP)
def test_right_and_wrong_answers_are_computed(lang, name):
    words, lesson = words_of(lang), lessons.find(name, lang)
    steps = [step for step in lesson.steps if step.check]
    found = teachers.asked(lesson, words)
    assert len(found) == len(steps)
    for step, one in zip(steps, found, strict=True):
        check = CHECKS[step.check]
        told = {checks.told(check, check.scene, wrong, words) for wrong in belief_answers(check)}
        assert one.answer == checks.told(check, check.scene, checks.answer(check.name, check.scene), words)
        assert {*one.wrong} == told and one.answer not in told
    sheet = teachers.sheet(lesson, words).decode()
    for one in found:
        assert escape(one.question) in sheet and escape(one.believed) in sheet and one.answer in unescape(sheet)
    assert "*" not in sheet and "<b>" in sheet and "<i>" in teachers.sheet(lessons.find("rows", lang), words).decode()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_before_and_after_are_the_same_sheet_and_tell_nothing(lang):
    words, lesson = words_of(lang), lessons.find("rows", lang)
    html = teachers.survey(lesson, words).decode()
    before, after = (html.split("<article>")[i].split("</article>")[0] for i in (1, 2))
    mark = (words("teachers.survey.before"), words("teachers.survey.after"))
    assert before.replace(f"· {mark[0]}", "") == after.replace(f"· {mark[1]}", "") and before != after
    for one in teachers.asked(lesson, words):
        assert escape(one.believed) in before and escape(one.why) not in before


def test_a_lesson_begins_from_here_before_a_class():
    at = open_page("teachers", {"lang": "pt-BR"})
    assert not at.exception
    at.selectbox(key="teachers-lesson").set_value("heads-together").run()
    shown = " ".join(element.value for element in at.get("html") if hasattr(element, "value"))
    assert escape(lessons.find("heads-together", "pt-BR").steps[0].title) in shown
    at.button(key="teachers-project").click().run()
    scene = at.session_state[SCENE]
    assert (scene.lesson, scene.lesson_step, scene.projector, scene.lang) == ("heads-together", 0, 0, "pt-BR")
