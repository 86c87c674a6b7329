"""Start's three doors: for a first visitor alone, over a strip that stands there all the same."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from test_journeys import menu, settled

from core import Scene
from pictures.words import LANGUAGES, words_of
from tests.support import open_page
from ui import state
from ui.live import doors

SCRIPT = (doors.__file__.removesuffix(".py") + ".js", "utf-8")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_tour_s_steps_have_words(lang):
    words = words_of(lang)
    with open(SCRIPT[0], encoding=SCRIPT[1]) as script:
        named = re.findall(r'^  \["(\w+)", ', script.read(), re.M)
    assert tuple(named) == doors.STEPS
    assert all(len(words(f"doors.steps.{name}")) > 40 for name in named)


def test_a_door_leads_where_it_says(monkeypatch):
    taken = []
    monkeypatch.setattr(doors, "draw", lambda words, door: taken.append(door))
    at = open_page("start", {"model": "gpt", "lang": "en"})
    assert not at.exception and len(taken) == 1
    seen = []
    monkeypatch.setattr(state, "scene", lambda: Scene(model="gpt"))
    monkeypatch.setattr("ui.presets.open_preset", seen.append)
    for door in ("show", "free"):
        taken[0](door)
    assert seen == ["penguins"], "free play leaves the Scene as it is"


@pytest.mark.browser
def test_a_first_visitor_is_shown_around_once(watched, app):
    """The tour waits until each control is used, by keyboard too; afterwards the strip stands there alone."""
    tab = watched.tab(1280, 800)
    tab.goto(app)
    settled(tab)
    words = words_of("pt-BR" if "Início" in tab.locator(".st-key-menu").inner_text() else "en")
    show = tab.locator('[data-door="show"]')
    expect(show).to_be_visible()
    expect(tab.locator(".fibra-start .strip")).to_be_visible()
    show.focus()
    tab.keyboard.press("Enter")
    tour = tab.locator(".fibra-tour")
    expect(tour).to_contain_text(words("doors.steps.enter"))
    expect(tab.locator(".fibra-tour-ring")).to_be_visible()
    tab.locator('.fibra-start a.part[data-array*="pattern"]').first.click()
    tab.wait_for_url("**/attention*")
    expect(tour).to_contain_text(words("doors.steps.cell"))
    tour.locator("[data-tour=on]").click()  # whoever wants no more of this goes on
    expect(tour).to_contain_text(words("doors.steps.number"))
    settled(tab)
    tab.locator('[class*="st-key-knob-coordinate"] input').focus()
    tab.keyboard.press("ArrowRight")
    expect(tour).to_contain_text(words("doors.steps.undo"))
    tab.locator("[data-move=undo]").click()
    expect(tour).to_contain_text(words("doors.steps.fibres"))
    menu(tab, words("pages.fibres")).click()
    expect(tour).to_contain_text(words("doors.steps.end"))
    tour.locator("[data-tour=leave]").click()
    expect(tour).to_have_count(0)
    tab.goto(app)
    settled(tab)
    expect(tab.locator(".fibra-start .strip")).to_be_visible()
    expect(show).to_be_hidden()
