"""What a checker of accessibility finds on the pages: axe-core, in real Chromium, in both themes.

Of WCAG 2.1 A and AA nothing serious or critical, contrast among it. One tab walks through all pages, every other one in
Portuguese; what does not depend on the theme is asked once a page. The colours in figures tests/test_plots.py holds.
"""

from __future__ import annotations

import hashlib
from zipfile import ZipFile

import pytest
from packages import fetched
from playwright.sync_api import Page, expect

from pictures.pages import PAGES
from pictures.words import LANGUAGES, words_of
from tests.chromium import WAIT, go_to, settled

pytestmark = pytest.mark.browser

CARRIER, FILE = "axe-playwright-python==0.1.8", "axe_playwright_python/axe.min.js"  # axe-core 4.12.1, MPL-2.0
SUM = "84494fec757e4710dc751c8d7a636e457f4532f08f85c86dc9070133fbff53bc"
RUN = """async ([rules, left]) => {
  const where = { include: [["html"]], exclude: left.map((one) => [one]) };
  const { violations } = await axe.run(where, { runOnly: rules, resultTypes: ["violations"], preload: false });
  return violations
    .filter((found) => ["serious", "critical"].includes(found.impact))
    .flatMap((found) => found.nodes.map((node) => [found.id, node.target.join(" "), node.failureSummary, node.html]));
}"""
ALL, CONTRAST = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], ["color-contrast"]
DRAWING, SIDEBAR = ".js-plotly-plot", "[data-testid=stSidebar]"
QUERIES = {
    "start": "model=gpt",
    "attention": "model=gpt&off=scale&pin=1&pin.off=",
    "generate": "model=stories&forced=9.16&step=3",
    "backward": "model=stories",
}
BOARD = "attention"  # where the switchboard is open


@pytest.fixture(scope="module")
def axe(tmp_path_factory) -> str:
    """The script, as its package brings it."""
    folder = tmp_path_factory.mktemp("axe")
    with ZipFile(fetched(CARRIER, folder)) as wheel:
        script = wheel.read(FILE)
    assert hashlib.sha256(script).hexdigest() == SUM
    return script.decode("utf-8")


def opened(tab: Page, app: str, name: str, lang: str) -> None:
    address = f"{app}/{'' if name == 'start' else name}?lang={lang}&{QUERIES.get(name, '')}"
    go_to(tab, address) if tab.url.startswith(app) else tab.goto(address)
    expect(tab.locator("h1.fibra-title")).to_have_text(words_of(lang)(f"{name}.title"), timeout=WAIT)
    if name == BOARD:
        tab.get_by_role("button", name=words_of(lang)("switches.title")).click()
        tab.get_by_test_id("stPopoverBody").wait_for()
    settled(tab)


def test_no_page_has_a_serious_finding(watched, app, axe):
    tab = watched.tab(1280, 720)
    found = []
    for number, name in enumerate(PAGES):
        opened(tab, app, name, LANGUAGES[number % 2])
        if not number:
            tab.evaluate(axe)
        left = [DRAWING, SIDEBAR] if number > 1 else [DRAWING]  # the sidebar is the same on all pages
        found += [(name, *each) for each in tab.evaluate(RUN, [ALL, left])]
        theme = tab.locator(".st-key-browser button")
        theme.dispatch_event("click") if name == BOARD else theme.click()  # it lies under the board; else it is hovered
        settled(tab, 300)
        found += [(name, "the other theme", *each) for each in tab.evaluate(RUN, [CONTRAST, left])]
    assert not found, "\n".join(map(str, found))
