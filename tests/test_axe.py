"""What a checker of accessibility finds on the pages: axe-core, in real Chromium, in both themes.

Of WCAG 2.1 A and AA nothing serious or critical, contrast among it. One tab walks through all pages, every other one in
Portuguese; what does not depend on the theme is asked once a page. The colours in figures tests/test_plots.py holds.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from pictures.pages import PAGES
from pictures.words import LANGUAGES, words_of
from tests import axe
from tests.axe import CONTRAST, DRAWING
from tests.chromium import WAIT, go_to, settled

pytestmark = pytest.mark.browser

SIDEBAR = "[data-testid=stSidebar]"
QUERIES = {
    "start": "model=gpt",
    "attention": "model=gpt&off=scale&pin=1&pin.off=",
    "generate": "model=stories&forced=9.16&step=3",
    "backward": "model=stories",
}
BOARD = "attention"  # where the switchboard is open


def opened(tab: Page, app: str, name: str, lang: str) -> None:
    address = f"{app}/{'' if name == 'start' else name}?lang={lang}&{QUERIES.get(name, '')}"
    go_to(tab, address) if tab.url.startswith(app) else tab.goto(address)
    expect(tab.locator("h1.fibra-title")).to_have_text(words_of(lang)(f"{name}.title"), timeout=WAIT)
    if name == BOARD:
        tab.get_by_role("button", name=words_of(lang)("switches.title")).click()
        tab.get_by_test_id("stPopoverBody").wait_for()
    settled(tab)


def test_no_page_has_a_serious_finding(watched, app, tmp_path):
    tab, source = watched.tab(1280, 720), axe.script(tmp_path)
    found = []
    for number, name in enumerate(PAGES):
        opened(tab, app, name, LANGUAGES[number % 2])
        left = (DRAWING, SIDEBAR) if number > 1 else (DRAWING,)  # the sidebar is the same on all pages
        found += [(name, *each) for each in axe.findings(tab, source, left=left)]
        theme = tab.locator(".st-key-browser button")
        theme.dispatch_event("click") if name == BOARD else theme.click()  # it lies under the board; else it is hovered
        settled(tab, 300)
        found += [(name, "the other theme", *each) for each in axe.findings(tab, source, CONTRAST, left=left)]
    assert not found, "\n".join(map(str, found))
