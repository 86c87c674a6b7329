"""Before a class: the Scene says which picture is shown, and no turn or lesson takes the class back to the desk."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from test_journeys import query, settled, wait_for_query

from core import Scene
from pictures.words import LANGUAGES, words_of
from tests.support import open_page
from ui import share
from ui.state import SCENE

# On, and away in the moment before the browser tells the server what was turned.
BEAT = """{
  const every = window.setInterval;
  window.setInterval = (deed, ms) => every(ms === 400 ? (window.beat = deed) : deed, ms);
}"""
HASTE = """() => {
  const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const now = Date.now;
  press("PageDown");
  Date.now = () => now() + 400;
  press("Escape");
  window.beat();
  Date.now = now;
}"""


def test_a_link_for_others_is_for_their_desks():
    for address, left in {
        "?projector=2": "",
        "?projector=0&seed=3": "?seed=3",
        "?seed=3&projector=12": "?seed=3",
        "?a=1&projector=2&b=2": "?a=1&b=2",
        "?sentence=projector=3": "?sentence=projector=3",
        "?challenge=find-first&guessed=0.1&solved=now": "?challenge=find-first",
    }.items():
        assert share.at_a_desk(f"https://x.org/heads{address}") == f"https://x.org/heads{left}"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_begins_on_the_whole_page_and_lasts(lang):
    words = words_of(lang)
    at = open_page("drift", {"lang": lang})
    button = at.button(key="projector-open")
    assert button.label == words("projector.open") and button.help == words("projector.help")
    button.click().run()
    assert at.session_state[SCENE] == Scene(lang=lang, projector=0) and at.query_params["projector"] == "0"
    at.session_state[SCENE] = Scene(lang=lang, projector=1)
    at.button(key="ask-mask-is-a-clock").click().run()
    scene = at.session_state[SCENE]
    assert (scene.projector, scene.check) == (0, "mask-is-a-clock"), "the question stands on the page, not on a picture"


@pytest.mark.browser
def test_a_class_is_shown_picture_after_picture(watched, app):
    """By the keys of a presenter: on, back, blank and away; a link opens at a picture, which stays alive."""
    tab = watched.tab(1280, 720)
    tab.add_init_script(BEAT)
    tab.goto(f"{app}/attention?seed=3&lang=en&projector=7")
    settled(tab)
    first = tab.locator("[data-figure=attention-masked]")
    expect(first).to_have_attribute("popover", "manual")
    assert tab.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") == pytest.approx(
        1.4 * 1.95 * 7.2, rel=0.01
    )
    box = first.bounding_box()
    assert box["x"] == 0 and box["width"] == 1280 and box["height"] > 600
    expect(tab.locator(".fibra-title")).to_be_hidden()
    bar = tab.get_by_role("navigation", name="Before a class")
    expect(bar).to_contain_text("7 / 10")
    tab.keyboard.press("PageDown")
    wait_for_query(tab, seed="3", lang="en", projector="8")
    settled(tab)
    expect(first).not_to_have_attribute("popover", "manual")
    for _ in range(8):
        tab.keyboard.press("PageUp")
    expect(tab.locator(".fibra-title")).to_be_visible()
    expect(bar.get_by_role("button", name="Previous")).to_be_disabled()
    tab.keyboard.press("b")
    dark = tab.get_by_role("status").filter(has_text=words_of("en")("projector.dark"))
    expect(dark).to_be_visible()
    tab.keyboard.press("PageDown")
    expect(dark).to_be_hidden()
    expect(tab.locator(".fibra-title")).to_be_visible()
    tab.evaluate(HASTE)
    expect(bar).to_be_hidden()
    settled(tab, 1000)  # whatever is told a moment later
    expect(bar).to_be_hidden()
    assert query(tab) == {"seed": "3", "lang": "en"}
    expect(tab.locator('[data-testid="stSidebar"]')).to_be_visible()
