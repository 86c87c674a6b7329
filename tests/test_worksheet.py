"""A worksheet asks what is computed, tells nothing that it asks for, and has its key on another sheet."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest

from core import CHECKS, Scene
from pictures import chosen_cell, quiz, worksheet
from pictures.words import LANGUAGES, words_of


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_blank_is_told_in_the_key_alone(lang):
    words, scene = words_of(lang), Scene(model="gpt", query=3, key=1, lang=lang)
    html = worksheet.worksheet("attention", scene, words, 1).decode()
    task, key = html.split('<article class="key">')
    for blank, cell in enumerate(worksheet._cells(scene, 0), 1):
        lines = chosen_cell.cell(cell, words)
        faded = worksheet._steps(cell, words, blank)
        assert faded in task and worksheet._steps(cell, words, 0) in key
        assert faded.count('class="blank"') == blank
        told = re.sub(r"<[^>]+>", " ", faded)
        assert all(line.result in told for line in lines[:-blank])
        assert lines[-1].result not in told
        assert (lines[-1].numbers in faded) is (blank == 1), "what follows from a blank would tell it"
    for question in quiz.variant("attention", words, 0):
        right = question.options[0] if question.options else words.short(question.number)
        assert right in unescape(key) and question.reason in unescape(key) and question.reason not in unescape(task)


def test_arithmetic_is_announced_where_there_is_some():
    words = words_of("en")
    title = f"<h2>{words('worksheet.by_hand')}</h2>"
    asked = [worksheet.worksheet(page, Scene(), words, 2).decode() for page in ("attention", "start", "heads")]
    assert [html.count(title) for html in asked] == [4, 4, 0], "on each sheet and in each key"
    assert ['class="steps"' in html for html in asked] == [True, True, False]


def test_each_pupil_can_have_another_sheet():
    words = words_of("en")
    html = worksheet.worksheet("heads", Scene(), words, 3).decode()
    tasks = re.findall(r"<article>(.*?)</article>", html, re.S)
    assert len({*tasks}) == len(tasks) == 3 and html.count('<article class="key">') == 3


@pytest.mark.parametrize("lang", LANGUAGES)
def test_paper_says_where_the_numbers_are_that_a_question_is_about(lang):
    """Two questions with the same sentence may be about two models."""
    words, home = words_of(lang), "https://x.org/fibra"
    html = worksheet.worksheet("attention", Scene(), words, 2, home, lambda link: f"<svg>{len(link)}</svg>").decode()
    for number, task in enumerate(re.findall(r"<article>(.*?)</article>", html, re.S)):
        asked = re.findall(r"<svg>(\d+)</svg>.*?<p class=\"at\"><a href=\"([^\"]+)\">([^<]+)</a>", task)
        links = [unescape(link) for _, link, _ in asked]
        assert [unescape(told) for _, _, told in asked] == links and [int(n) for n, *_ in asked] == [*map(len, links)]
        checks = [check for check in CHECKS.values() if check.page == "attention" and check.kind != "row"]
        assert all(link.startswith(f"{home}/attention?") for link in links)
        assert [Scene.from_query(dict(parse_qsl(urlsplit(link).query)))[0] for link in links] == [
            check.variant(number).turn(lang=lang) for check in checks
        ]


def test_the_sheets_of_a_class_ask_for_every_cell_that_its_row_sees():
    for scene, seen in ((Scene(model="gpt", sentence="o gato viu o rato", query=3), 4), (Scene(query=1), 5)):
        asked = [[cell.key for cell in worksheet._cells(scene, number)] for number in range(seen)]
        assert all(len({*keys}) == 3 for keys in asked)
        assert asked[0] == [(scene.key + i) % seen for i in range(3)], "the chosen one, and those after it"
        assert {key for keys in asked for key in keys} == {*range(seen)}
    first = Scene(model="gpt", query=0)
    assert [cell.key for cell in worksheet._cells(first, 0)] == [0], "it sees itself alone"


def test_without_an_address_of_the_app_none_is_told():
    html = worksheet.worksheet("heads", Scene(), words_of("en"), 1).decode()
    assert "<a " not in html and "<svg" not in html


def test_no_token_is_markup():
    html = worksheet.worksheet("attention", Scene(sentence="<script>x <b> & tem", key=0), words_of("pt-BR"), 1).decode()
    assert "<script" not in html and "<b> &" not in html and "&lt;script&gt;x" in html
