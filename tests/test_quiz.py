"""Checks as questions for a course's own system: the answers are the computed ones, and no sentence is markup there."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core
from core import CHECKS
from core.checks import belief_answers, is_right
from core.errors import CheckError
from core.export import Question, gift, moodle_xml, read_gift
from pictures import checks, quiz
from pictures.words import LANGUAGES, words_of

HOSTILE = "~ = # { } : < > & \\ \\n -> #### %50% // [html] ::a:: \" ' ]]> é"
TEXT = st.text(st.sampled_from([*HOSTILE, "\n", "n", "\u2028", "\u202e"]), min_size=1, max_size=30)
PAGES = sorted({check.page for check in CHECKS.values() if check.kind != "row"} - {"train"})


def test_gift_gives_every_hostile_token_back():
    asked = [
        Question(
            HOSTILE, f"{HOSTILE}\nmore", tuple(f"{one}{HOSTILE}" for one in ("", "%9% ", "[", "=", "~")), reason=HOSTILE
        ),
        Question("n", HOSTILE, number=-0.125, tolerance=0.01, reason=HOSTILE),
    ]
    assert read_gift(gift(asked)) == asked


@settings(max_examples=60)
@given(TEXT, st.lists(TEXT, min_size=2, max_size=4, unique=True))
def test_gift_survives_a_round_trip(text, options):
    def one(text: str) -> str:  # as a line, or lines, without space around them
        return "\n".join(part.strip() for part in text.splitlines() if part.strip()) or "x"

    asked = Question(one(text), one(text), tuple(map(one, options)), reason=one(text))
    assert read_gift(gift([asked, asked])) == [asked, asked]


def number_of(question: Question) -> int:
    """The variant that it asks of, as its name says."""
    return int(question.name.rpartition(" (")[2].removesuffix(")")) - 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_page_s_questions_have_the_computed_answers(lang):
    words = words_of(lang)
    for page in PAGES[:: 1 if lang == "en" else 3]:
        asked = quiz.questions(page, words, "https://fibra.example")
        numbers = Counter(question.tags[2] for question in asked)
        assert len({question.name for question in asked}) == len(asked), "each has a name of its own"
        assert all(n == len({CHECKS[name].variant(i) for i in range(quiz.VARIANTS)}) for name, n in numbers.items())
        assert quiz.asks(page) and asked and read_gift(gift(asked)) == [replace(q, tags=()) for q in asked]
        for question in asked:
            name = question.tags[2]
            check, scene = CHECKS[name], CHECKS[name].variant(number_of(question))
            assert checks.question(check, scene, words).startswith(question.name.rpartition(" (")[0].rstrip("…"))
            assert len(question.name) < 80 and name not in question.name, "a name that the file's reader can read"
            right = core.answer(check, scene)
            assert f"https://fibra.example/{page}?" in question.text and question.reason
            if check.kind == "number":
                assert is_right(check, question.number, checks.truth(name, scene)) or check.tolerance == 0
                assert abs(question.number - right) <= max(question.tolerance, 1e-9)
                assert question.tolerance == pytest.approx(check.tolerance or 1e-5 * abs(right)), name
            else:
                assert question.options[0] == checks.told(check, scene, right, words)
                assert len({*question.options}) == len(question.options) >= 2, question


def test_a_choice_offers_all_there_are_or_four_and_says_of_what_it_asks():
    """The right one first, of places and orders three wrong ones at most, none of them right too."""
    words, kinds = words_of("en"), Counter()
    for page in PAGES:
        for question in quiz.questions(page, words, "https://fibra.example/"):
            check = CHECKS[question.tags[2]]
            kinds[check.kind] += 1
            assert question.tags[:2] == ("fibra", page) and len(question.tags) == 3 + bool(check.belief)
            assert not check.belief or question.tags[3] == f"belief-{check.belief}"
            assert f"https://fibra.example/{page}?" in question.text, "one slash between them"
            scene = check.variant(number_of(question))
            if check.kind == "choose":
                told = [checks.told(check, scene, option, words) for option in check.options]
                assert {*question.options} == {*told}
            elif check.kind != "number":
                assert 2 <= len(question.options) <= 4
                truth = checks.truth(check.name, scene)
                wrong = [one for one in quiz._options(check, scene)[1:] if is_right(check, one, truth)]
                of_a_row = check.kind == "cell" and truth.ndim == 1
                assert not of_a_row or {one[0] for one in quiz._options(check, scene)} == {scene.cell[0]}
                assert not wrong, (check.name, wrong)
    assert len(kinds) >= 4 and not any(
        "?" in question.text.split("\n")[-1] and "http" in question.text for question in quiz.questions(PAGES[0], words)
    )
    assert not quiz.asks("teachers")


def test_an_answer_says_what_was_asked_for():
    """Which word: a word, and not who looks at whom. Which of two more: that one, and not both in order."""
    words, seen = words_of("pt-BR"), {}
    for page in PAGES:
        seen |= {question.tags[2]: {*question.options} for question in quiz.questions(page, words)}
    assert seen["weight-is-not-importance"] == {"“As”", "“focas”", "“do”", "“perto”"}
    assert seen["pre-norm-lets-it-grow"] == {"norma antes", "norma depois"}
    assert seen["heads-work-together"] == {"cabeça 0", "cabeça 1"}
    assert all(" olhando para " in option for option in seen["mask-hides-later-keys"])


def test_the_wrong_places_are_a_misconception_s_and_then_those_that_look_likeliest():
    """As many as make four; of a cell the greatest others, in their order, but those that are right too."""
    cells = 0
    for check in CHECKS.values():
        if check.kind not in ("cell", "head") or check.page not in PAGES:
            continue
        for number in range(quiz.VARIANTS):
            scene = check.variant(number)
            right, *wrong = quiz._options(check, scene)
            truth = checks.truth(check.name, scene)
            believed = [one for one in dict.fromkeys(belief_answers(check, scene)) if one != right]
            believed = [one for one in believed if not is_right(check, one, truth)]
            led = wrong[: len(believed)]
            assert right == core.answer(check, scene) and led == believed[: len(led)]
            rest = [truth[one[1:] if truth.ndim == 1 else one] for one in wrong[len(led) :]]
            assert rest == sorted(rest, reverse=True), (check.name, rest)
            others = [
                place
                for place in np.ndindex(truth.shape)
                if not is_right(check, one := (scene.cell[0], *place) if truth.ndim == 1 else place, truth)
                and one not in led
            ]
            assert len(wrong) == min(3, len(led) + len(others)), check.name
            for place in others:
                if ((scene.cell[0], *place) if truth.ndim == 1 else place) not in wrong:
                    assert not rest or truth[place] <= rest[-1], (check.name, place)
            cells += bool(rest)
    assert cells >= 5


def test_a_check_that_varies_is_asked_three_times_and_listed_by_64_characters_at_most():
    lengths, times = set(), Counter()
    for page in PAGES:
        for question in quiz.questions(page, words_of("pt-BR")):
            lengths.add(len(question.name.rpartition(" (")[0]))
            times[question.tags[2]] += 1
    assert max(lengths) == 64 and {*times.values()} <= {1, 2, 3} and 3 in times.values()
    assert all(times[name] == 1 for name in times if not CHECKS[name].varies)


def test_a_variant_is_each_check_once():
    words = words_of("en")
    for page in PAGES:
        for number in range(quiz.VARIANTS):
            asked = {question.name: question for question in quiz.variant(page, words, number)}
            every = {question.name: question for question in quiz.questions(page, words)}
            names = [check.name for check in CHECKS.values() if check.page == page and check.kind != "row"]
            assert [question.tags[2] for question in asked.values()] == names
            assert {number_of(question) for question in asked.values()} == {number}
            assert all(asked[name] == every[name] for name in asked.keys() & every.keys())


def test_moodle_s_xml_has_what_its_format_asks_for():
    """A category, then the questions, each field in its place: https://docs.moodle.org/en/Moodle_XML_format."""
    asked = [
        Question("a", f"{HOSTILE}\n\x00second", ("<b>right</b>", "wrong"), reason="why", tags=("fibra",)),
        Question("b", "how much?", number=0.25, tolerance=0.01),
    ]
    quiz_node = ElementTree.fromstring(moodle_xml(asked, "Fibra/a"))
    folder, choice, number = quiz_node
    assert quiz_node.tag == "quiz" and folder.get("type") == "category"
    assert folder.findtext("category/text") == "$course$/Fibra//a"
    assert choice.get("type") == "multichoice" and number.get("type") == "numerical"
    text = choice.findtext("questiontext/text")
    assert choice.find("questiontext").get("format") == "html"
    assert text.startswith("<p>~ = # { } : &lt; &gt; &amp;") and "<p>\ufffdsecond</p>" in text
    assert [(answer.get("fraction"), answer.findtext("text")) for answer in choice.findall("answer")] == [
        ("100", "<p>&lt;b&gt;right&lt;/b&gt;</p>"),
        ("0", "<p>wrong</p>"),
    ]
    assert choice.findtext("single") == "true" and choice.findtext("generalfeedback/text") == "<p>why</p>"
    assert [tag.text for tag in choice.findall("tags/tag/text")] == ["fibra"]
    (answer,) = number.findall("answer")
    assert (answer.findtext("text"), answer.findtext("tolerance"), answer.get("fraction")) == ("0.25", "0.01", "100")


def test_true_false_and_numbers_are_read_and_comments_passed_over():
    text = "// mine\n$CATEGORY: x\n\n::q::Is it? {T}\n\nHow many? {#3:0.5####because}\n"
    yes, many = read_gift(text)
    assert yes == Question("q", "Is it?", ("true", "false"))
    assert (many.name, many.number, many.tolerance, many.reason) == ("How many?", 3, 0.5, "because")


@pytest.mark.parametrize(
    "text",
    [
        "no answers",
        "x {=a =b}",
        "x {=a -> b =c -> d}",
        "x {}",
        "x {~%50%a ~%50%b =c}",
        "x {#3..4}",
        "x {#three}",
        "x {=a ~b} after {=c}",
    ],
)
def test_what_is_not_read_is_refused_by_its_line(text):
    with pytest.raises(CheckError, match=r"^line 3: "):
        read_gift(f"a {{T}}\n\n{text}\n\nb {{F}}")
