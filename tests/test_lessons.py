"""Lessons: the shipped ones walked to their ends, links to a step, and a lesson that a teacher brings or writes."""

from __future__ import annotations

import random
import zlib
from base64 import urlsafe_b64encode
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest
from test_journeys import settled, wait_for_query

from core import CHECKS, PRESETS, Scene, limits
from core.presets import hold
from pictures import checks as questions
from pictures import lessons
from pictures.lessons import (
    NAMES,
    OF_ANY_MODEL,
    OWN,
    LessonError,
    expanded,
    find,
    packed,
    parse,
    shortened,
    unpacked,
    written,
)
from pictures.words import CONTENT, LANGUAGES, words_of
from tests.support import fine, html, pressed, random_scenes
from ui import state
from ui.lessons import bar
from ui.lessons.own import TEXT

ROOT = Path(__file__).parents[1]
SHIPPED = [find(name, "en") for name in NAMES]
HEAD = "---\ntitle: Mine\nminutes: 5\nabout: A line.\n---\n"
STEP = "\n## First\npage: attention\nscene: model=gpt&query=2\ncheck: mask-hides-later-keys\n\nLook.\n"


def opened(**query: str) -> AppTest:
    at = AppTest.from_file(ROOT / "app.py", default_timeout=90)
    at.query_params.update({"lang": "en", **query})
    return fine(at.run())


def query(at: AppTest) -> dict[str, str]:
    return {key: value[0] if isinstance(value, list) else value for key, value in dict(at.query_params).items()}


# ------------------------------------------------------------------------------------------- those that are shipped


def test_twelve_lessons_say_the_same_in_both_languages():
    for name in NAMES:
        english, portuguese = (find(name, lang) for lang in LANGUAGES[::-1])
        for one, other in zip(english.steps, portuguese.steps, strict=True):
            assert (one.page, one.scene, one.check) == (other.page, other.scene, other.check)
            assert bool(one.says) == bool(other.says) and one.title != other.title
        assert english.minutes == portuguese.minutes in range(5, 11) and english.about != portuguese.about
    for lang in LANGUAGES:
        assert {path.stem for path in (CONTENT / lang / "lessons").glob("*.md")} == {*NAMES} and len(NAMES) == 12


def test_every_belief_is_met_in_a_lesson():
    met = {CHECKS[step.check].belief for lesson in SHIPPED for step in lesson.steps if step.check}
    assert met >= {*range(1, 33)}


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_is_walked_to_its_end(name):
    lang = LANGUAGES[NAMES.index(name) % 2]
    lesson, words = find(name, lang), words_of(lang)
    at = opened(lesson=name, lang=lang)
    pressed(at, "lesson-anew")
    for number, step in enumerate(lesson.steps):
        assert at.session_state[state.PAGE] == step.page
        assert at.session_state[state.SCENE] == lesson.scene(number).turn(lang=lang)
        assert query(at) == {"lesson": name, "lang": lang} | ({"lesson_step": str(number)} if number else {})
        assert len(f"/{step.page}?{urlencode(query(at))}") <= 90
        asked = CHECKS[step.check].scene
        assert questions.question(CHECKS[step.check], asked, words) in html(at)
        at.button(key="lesson-reveal").click()
        fine(at.run())
        assert words(f"checks.{step.check}.why") in html(at)
        pressed(at, "lesson-end" if number == len(lesson.steps) - 1 else "lesson-next")
    assert at.session_state[state.PAGE] == "lessons" and at.session_state[state.SCENE].lesson == ""
    assert not any(button.key == "lesson-next" for button in at.button)


def test_a_lesson_of_any_model_is_about_the_story_where_that_is_a_real_one_that_writes():
    one, held = OF_ANY_MODEL, hold("real-machado", replace(PRESETS["machado"]))
    at = pressed(opened(lesson=one, model="real-machado"), "lesson-anew")
    for number, step in enumerate(find(one, "en").steps):
        scene = at.session_state[state.SCENE]
        assert (scene.model, scene.check) == ("real-machado", step.check)
        assert scene == find(one, "en").scene(number, scene).turn(lang="en")
        assert query(at) == {"lesson": one, "model": "real-machado", "lang": "en"} | (
            {"lesson_step": str(number)} if number else {}
        )
        asked = CHECKS[step.check].of(scene)
        assert asked.model == scene.model and questions.question(CHECKS[step.check], asked, words_of("en")) in html(at)
        at.button(key="lesson-reveal").click()
        fine(at.run())
        assert words_of("en")("checks.elsewhere") not in html(at) and words_of("en")(
            f"checks.{step.check}.why"
        ) in html(at)
        pressed(at, "lesson-anew")
        assert at.button(key="check-commit"), "it is asked again"
        pressed(at, "lesson-end" if number == 2 else "lesson-next")
    assert held.title


def test_a_lesson_goes_back_anew_and_is_left():
    at = pressed(opened(lesson="rows", lesson_step="1"), "lesson-anew")
    assert not at.button(key="lesson-back").disabled
    pressed(at, "check-show")
    state_of = at.session_state[state.SCENE]
    at.session_state[state.SCENE] = state_of.turn(temperature=2.0)
    fine(at.run())
    assert query(at) == {"lesson": "rows", "lesson_step": "1", "lang": "en", "temperature": "2"}
    pressed(at, "lesson-anew")
    assert at.session_state[state.SCENE] == state_of and at.button(key="check-commit")
    pressed(at, "lesson-back")
    assert at.session_state[state.SCENE].lesson_step == 0 and at.button(key="lesson-back").disabled
    pressed(at, "lesson-leave")
    assert at.session_state[state.SCENE] == find("rows", "en").steps[0].scene.turn(lang="en")


def test_a_lesson_that_there_is_not_is_said():
    for name in ("of-nobody", OWN):  # the own one lived in another session
        at = opened(lesson=name, lesson_step="3")
        assert at.session_state[state.SCENE] == Scene(lang="en")
        said = words_of("en")("notice.lesson_gone", field="", value="", right="") if name == OWN else name
        assert said in html(at)


# ------------------------------------------------------------------------------------------------------------- links


def test_a_link_says_lesson_and_step_and_what_was_turned():
    draw = random.Random(0)
    for scene in random_scenes(20, seed=1):
        lesson = draw.choice(SHIPPED)
        told = scene.turn(lesson=lesson.name, lesson_step=draw.randrange(len(lesson.steps))).to_query()
        assert expanded(shortened(told)) == told
    lesson = SHIPPED[1]
    turned = lesson.scene(2).turn(query=3, lang="pt-BR")
    assert shortened(turned.to_query()) == {"lesson": "the-mask", "lesson_step": "2", "query": "", "lang": "pt-BR"}
    assert expanded({"lesson": "the-mask", "lesson_step": "99"}) == lesson.scene(2).to_query() | {"lesson_step": "99"}
    for strange in ({"lesson": "x"}, {"lesson": "rows", "lesson_step": "-1"}, {"lesson_step": "1"}, {"seed": "3"}):
        assert expanded(strange) == strange


# ------------------------------------------------------------------------------------------- a lesson of one's own


def test_a_file_is_read():
    lesson = parse("\ufeff" + HEAD + STEP + "\n## Second\ncheck: a-rate-too-high\n\n<b>One</b>\n*two*\n\nthree\n")
    assert (lesson.title, lesson.minutes, lesson.about, lesson.name) == ("Mine", 5, "A line.", OWN)
    first, second = lesson.steps
    assert first.scene == Scene(model="gpt", query=2) and (first.page, first.says) == ("attention", "Look.")
    assert second.page == "train" and second.scene == CHECKS["a-rate-too-high"].scene
    assert second.says == "<b>One</b> *two* three"
    assert lesson.scene(9) == second.scene.turn(lesson=OWN, lesson_step=1, check=second.check)


WRONG = {
    "": ("head", 1),
    "# My lesson\n": ("head", 1),
    "---\ntitle: x\n": ("head", 2),
    "---\n---\n" + STEP: ("title", 1),
    "---\nminutes: 5\n---\n" + STEP: ("title", 1),
    "---\ntitle: x\nminutes: soon\n---\n" + STEP: ("minutes", 3),
    "---\ntitle: x\nauthor: y\n---\n" + STEP: ("field", 3),
    "---\ntitle: x\ntitle: y\n---\n" + STEP: ("field", 3),
    HEAD: ("empty", 5),
    HEAD + "hello\n" + STEP: ("stray", 6),
    HEAD + "## \npage: start\n": ("title", 6),
    HEAD + "## A\nLook at this.\n": ("field", 7),
    HEAD + "## A\npage: nowhere\n": ("page", 7),
    HEAD + "## A\npage: lessons\n": ("page", 7),
    HEAD + "## A\n\nNo page.\n": ("page", 6),
    HEAD + "## A\ncheck: of-nobody\n": ("check", 7),
    HEAD + "## A\npage: start\nscene: model=gpt-17\n": ("scene", 8),
    HEAD + "## A\npage: attention\nscene: model=gpt\ncheck: row-by-hand\n": ("apart", 8),
    HEAD + "## A\npage: start\n\n" + "x" * (limits.LESSON_SAYS + 1): ("says", 9),
    HEAD + "## A\npage: start\n" * (limits.LESSON_STEPS + 1): ("steps", 6 + 2 * limits.LESSON_STEPS),
    "x" * (limits.LESSON_CHARACTERS + 1): ("long", 1),
}


@pytest.mark.parametrize(
    ("text", "wrong"), WRONG.items(), ids=[f"{code}-{i}" for i, (code, _) in enumerate(WRONG.values())]
)
def test_a_malformed_file_is_refused_by_its_line(text, wrong):
    with pytest.raises(LessonError) as error:
        parse(text)
    assert (error.value.code, error.value.line) == wrong
    for lang in LANGUAGES:
        assert words_of(lang)(f"lessons.wrong.{error.value.code}", value=error.value.value)


def test_a_file_as_long_as_it_may_be_is_read():
    """To the very character, step and line; with one more it is refused."""
    step = "## A\npage: start\n"
    many = parse(HEAD + step * limits.LESSON_STEPS)
    assert len(many.steps) == limits.LESSON_STEPS and {one.scene for one in many.steps} == {Scene()}
    blank = "\n" * (limits.LESSON_CHARACTERS - len(HEAD + step))
    assert parse(HEAD + blank + step).steps == many.steps[:1]
    says, title = "x" * limits.LESSON_SAYS, "t" * limits.LESSON_LINE
    (one,) = parse(f"{HEAD}## {title}\npage: start\n\n{says}\n").steps
    assert (one.title, one.says) == (title, says)
    line = "scene: sentence=um".ljust(limits.LESSON_LINE)
    assert parse(f"{HEAD}{step}{line}\n").steps[0].scene == Scene(sentence="um")
    for wrong, code in ((f"## {title}t\npage: start\n", "title"), (f"{step}{line} \n", "field")):
        with pytest.raises(LessonError) as error:
            parse(HEAD + wrong)
        assert error.value.code == code and len(error.value.value) == 40, "as much of it as a reader needs"


def test_what_the_head_leaves_out_is_not_said_and_minutes_have_three_digits():
    bare = parse("---\ntitle: x\n---\n" + STEP)
    assert (bare.minutes, bare.about) == (0, "")
    for minutes, read in (("1", 1), ("999", 999), ("1000", None), ("", None), ("5 ", 5), ("-5", None)):
        text = f"---\ntitle: x\nminutes: {minutes}\n---\n" + STEP
        if read is None:
            with pytest.raises(LessonError, match="line 3: minutes"):
                parse(text)
        else:
            assert parse(text).minutes == read
    assert find("rows", "fr") == find("rows", "en") != find("rows", "pt-BR") and find("of-nobody", "en") is None


@given(st.text(max_size=300), st.integers(0, 12))
def test_whatever_a_file_holds_it_is_read_or_refused(text, at):
    lines = (HEAD + STEP).splitlines()
    lines.insert(min(at, len(lines)), text)
    try:
        assert parse("\n".join(lines)).steps
    except LessonError as error:
        assert error.line >= 1


def test_a_step_of_what_is_seen_reads_back_as_it_was():
    for scene in (*random_scenes(10, seed=2), Scene(), CHECKS["mask-is-a-clock"].scene):
        lesson = parse(HEAD + "\n" + written("drift", scene, " A\n title ", "Look\nhere. "))
        (step,) = lesson.steps
        assert step.scene == scene.turn(lang="", lesson="", check="") and (step.title, step.says) == (
            "A title",
            "Look here.",
        )
    both = "".join(written("start", Scene(), title, says) for title, says in (("A", "Look."), ("B", "")))
    assert [(step.title, step.says) for step in parse(HEAD + both).steps] == [("A", "Look."), ("B", "")]
    asked = written("drift", CHECKS["mask-is-a-clock"].scene, "A", "", "mask-is-a-clock")
    assert parse(HEAD + asked).steps[0].check == "mask-is-a-clock"


def test_a_lesson_is_written_played_and_never_markup():
    at = opened()
    at.session_state[state.SCENE] = CHECKS["mask-is-a-clock"].scene.turn(lang="en", seed=4)
    fine(at.switch_page("pages/drift.py").run())
    fine(at.switch_page("pages/lessons.py").run())
    assert at.selectbox(key="lesson-page").value == "drift" and at.button(key="lesson-add").disabled
    at.text_input(key="lesson-title").set_value("<img src=x onerror=alert(1)>").run()
    at.text_input(key="lesson-says").set_value("**Look** $x$")
    at.selectbox(key="lesson-check").set_value("mask-is-a-clock").run()
    pressed(at, "lesson-add")
    assert parse(at.session_state[TEXT]).steps[0].scene.seed == 4
    pressed(at, "lesson-play")
    assert at.session_state[state.PAGE] == "drift" and at.session_state[state.SCENE].lesson == OWN
    assert "<img" not in html(at) and "&lt;img src=x" in html(at) and "**Look** $x$" in html(at)
    pressed(at, "lesson-end")
    assert at.session_state[bar.OWN].steps and at.session_state[TEXT]
    area = next(area for area in at.text_area if area.label == words_of("en")("lessons.own.text"))
    area.set_value(HEAD + "## A\npage: <b>\n").run()
    assert "Line 7" in html(at) and "<b>&lt;" not in html(at) and "“&lt;b&gt;”" in html(at)


def test_a_link_holds_a_lesson_of_one_s_own():
    text = HEAD + STEP + "\n## Outra “ação”\ncheck: a-rate-too-high\n"
    link = packed(text)
    assert unpacked(link) == text and "=" not in link
    told = parse(text).scene(0).turn(query=3).to_query() | {lessons.TEXT: link}
    assert expanded(shortened(told)) == told and {*shortened(told)} == {"lesson", "query", lessons.TEXT}
    draw = random.Random(7)
    assert packed(HEAD + STEP + "".join(chr(draw.randrange(32, 0x2FFF)) for _ in range(900))) == "", "too long"
    bomb = urlsafe_b64encode(zlib.compress(b"x" * 1_000_000, 9)).decode().rstrip("=")
    for wrong in ("", "x", link[:-9], f"{link}é", bomb, packed("\n") * 40, "A" * 5000):
        assert unpacked(wrong) == "" and lessons.linked(wrong) is None
    assert lessons.linked(packed("no lesson")) is None
    longest = "\N{PENGUIN}" * limits.LESSON_CHARACTERS  # four bytes each, in UTF-8
    assert unpacked(packed(longest)) == longest and unpacked(packed(longest + "a")) == ""


def test_a_lesson_of_one_s_own_survives_its_session_and_reaches_a_class():
    text = HEAD + STEP + "\n## Second\ncheck: a-rate-too-high\n"
    at = fine(opened().switch_page("pages/lessons.py").run())
    next(area for area in at.text_area if area.label == words_of("en")("lessons.own.text")).set_value(text).run()
    assert query(at)[lessons.TEXT] == packed(text)
    again = fine(opened(**query(at)).switch_page("pages/lessons.py").run())  # the page is reloaded
    assert again.session_state[TEXT] == text and words_of("en")("lessons.own.link") in html(again)
    pressed(again, "lesson-play")
    assert query(again) == {"lesson": OWN, "lang": "en", lessons.TEXT: packed(text)}
    pupil = opened(**query(again))
    assert pupil.session_state[state.SCENE] == parse(text).scene(0).turn(lang="en") and parse(text).title in html(pupil)
    pressed(pupil, "lesson-next")
    assert pupil.session_state[state.SCENE].lesson_step == 1 and query(pupil)[lessons.TEXT] == packed(text)
    pressed(pupil, "lesson-end")
    assert pupil.session_state[TEXT] == text


@pytest.mark.browser
def test_a_lesson_is_walked_by_keyboard(watched, app):
    page = watched.at(app, "/lessons?lang=en", 1280, 800)
    settled(page)

    def press(key: str) -> None:
        page.locator(f".st-key-{key} button").focus()
        page.keyboard.press("Enter")

    lesson = find("the-mask", "en")
    press("begin-the-mask")
    for number, (step, _) in enumerate(pairwise([*lesson.steps, None])):
        wait_for_query(page, lesson="the-mask", **({"lesson_step": str(number)} if number else {}))
        settled(page)
        expect(page.locator(".st-key-lesson-bar")).to_contain_text(step.title)
        assert f"/{step.page}?" in page.url and len(page.url.removeprefix(app)) <= 90
        press("check-show")
        expect(page.locator(".st-key-check-panel")).to_contain_text(words_of("en")(f"checks.{step.check}.why"))
        settled(page)
        press("lesson-end" if number == len(lesson.steps) - 1 else "lesson-next")
    page.wait_for_url("**/lessons*")
