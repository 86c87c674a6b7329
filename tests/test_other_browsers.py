"""The main journeys in Firefox and in WebKit: every page is drawn, also on a phone's width; a knob turns, Back, the
language; and scenes, where there is no WebGL too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pictures.pages import PAGES
from pictures.words import words_of
from tests import firefox, webkit
from tests.tab import Tab

STARTED = {"firefox": firefox.started, "webkit": webkit.started}
PT, EN = words_of("pt-BR"), words_of("en")
TITLE = "document.querySelector('h1.fibra-title')?.textContent"
FLAT = "document.querySelector('[data-figure=fibres] .fibra-flat')"
LAPTOP, PHONE = (1440, 900), (450, 844)  # WebKitGTK's window is no narrower


@pytest.fixture(scope="module", params=[pytest.param(name, marks=getattr(pytest.mark, name)) for name in STARTED])
def browser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with STARTED[request.param](tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def tab(browser: Tab) -> Iterator[Tab]:
    browser.resize(*LAPTOP)
    browser.clear()
    yield browser
    assert not browser.run("document.querySelectorAll('[data-testid=stException]').length")
    assert not browser.errors, browser.errors


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_drawn(tab: Tab, app: str, page: str) -> None:
    tab.go(f"{app}/{page}?lang=pt-BR")
    assert tab.run(TITLE) == PT(f"{page}.title")
    tab.until("document.documentElement.lang === 'pt-BR'")
    for size in (LAPTOP, PHONE):
        tab.resize(*size)
        tab.settle()
        assert tab.run("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out sideways"


def test_a_knob_turns_a_sentence_is_typed_and_back_takes_it_back(tab: Tab, app: str) -> None:
    tab.go(f"{app}/attention?lang=en")
    drawn = "Number(document.querySelector('[data-figure=attention-pattern] .fibra-plot')?.dataset.drawn)"
    tab.until(f"{drawn} > 0")
    before = tab.run(drawn)
    slider = "deep('input[type=range]', document.querySelector('[class*=st-key-knob-temperature]'))"
    tab.until(slider)
    tab.run(f"{slider}.focus()")
    tab.press("ArrowRight")
    tab.until(f"{drawn} > {before} && location.search.includes('temperature=')")
    tab.until("document.querySelector('body > .fibra-heard[role=status]').textContent.includes('looks most at')")
    tab.click(".st-key-page-head input[type=text]")
    tab.run("deep('.st-key-page-head input[type=text]').select()")
    tab.write("a cat sat")
    tab.press("Enter")
    tab.until("location.search.includes('a+cat+sat') || location.search.includes('a%20cat%20sat')")
    tab.settle()
    tab.click(".st-key-menu a[href*=heads]")
    tab.until(f"{TITLE} === {EN('heads.title')!r}")
    tab.settle()
    tab.back()
    tab.until(f"{TITLE} === {EN('attention.title')!r} && location.search.includes('temperature=')")
    tab.settle()


def test_a_scene_is_painted_or_lies_flat_and_says_so(tab: Tab, app: str) -> None:
    tab.go(f"{app}/fibres?lang=en")
    tab.until("document.querySelector('[data-figure=fibres] .fibra-plot')?.dataset.drawn")
    painted = tab.run("Boolean(document.createElement('canvas').getContext('webgl'))")
    assert tab.run(f"{FLAT}.hidden") is painted
    if not painted:
        assert tab.run(f"{FLAT}.textContent") == EN("figure.flat")
        assert tab.run("document.querySelectorAll('[data-figure=fibres] .js-line').length") > 5


def test_what_a_page_says_as_an_error_is_heard(tab: Tab, app: str) -> None:
    """Or the other tests could not fail of it."""
    tab.go(f"{app}/glossary?lang=en")
    tab.run("console.error('a fault of the test'), true")
    tab.until("true")
    assert any("a fault of the test" in error for error in tab.errors)
    tab.clear()
