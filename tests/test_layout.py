"""What stands on the screen has room there: measured in Chromium."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page

from pictures.pages import PAGES, sections
from tests.chromium import settled

pytestmark = pytest.mark.browser


def opened(page: Page) -> Page:
    page.wait_for_selector("[data-drawn], .fibra-start", state="attached")
    settled(page)
    return page


@pytest.mark.parametrize("size", [(1280, 720), (1366, 768), (1920, 1080)])
def test_the_whole_of_softmax_is_on_the_first_screen_and_can_be_read(watched, app, size):
    page = opened(watched.at(app, "/attention?lang=pt-BR", *size))
    page.wait_for_selector("[data-figure=attention-pattern] [data-drawn]")
    box = page.locator("[data-figure=attention-pattern] .fibra-figure").bounding_box()
    assert box["y"] + box["height"] <= size[1]
    numbers = page.locator("[data-figure=attention-pattern] .textpoint text")
    assert numbers.count() == 25
    assert numbers.first.bounding_box()["height"] >= size[1] / 60, "a quarter of the screen's size still shows a digit"


def test_a_switch_covers_and_moves_nothing_that_it_alters(watched, app):
    page = opened(watched.at(app, "/attention?lang=en&model=gpt", 1280, 720))
    tops = (
        "[...document.querySelectorAll('.fibra-figure')].map(figure => Math.round(figure.getBoundingClientRect().top))"
    )
    before = page.evaluate(tops)
    page.locator(".st-key-page-head button").last.click()
    switches = page.get_by_test_id("stPopoverBody")
    right = switches.bounding_box()["x"] + switches.bounding_box()["width"]
    assert right <= page.locator("[data-figure=attention-x]").bounding_box()["x"]
    switches.get_by_text("Residual connections").click()
    page.wait_for_selector(".st-key-switches-sign")
    settled(page)
    assert page.evaluate(tops) == before


def test_a_name_and_a_sentence_that_are_longer_than_their_boxes_say_so(watched, app):
    page = opened(watched.at(app, f"/attention?lang=pt-BR&model=alice&sentence={'longa+' * 60}", 1280, 720))
    fits = "box => [box.scrollWidth > box.clientWidth, getComputedStyle(box).textOverflow]"
    name = page.get_by_test_id("stSidebar").get_by_role("combobox").first
    for box in (name, page.locator(".st-key-page-head input").first):
        assert box.evaluate(fits) == [True, "ellipsis"]


def test_the_menu_s_rows_lie_below_one_another(watched, app):
    page = opened(watched.at(app, "/attention?lang=pt-BR", 1280, 720))
    rows = [link.bounding_box() for link in page.locator(".st-key-menu :is(a, h2)").all()]
    assert len(rows) == len(PAGES) + len(sections())
    assert all(one["y"] + one["height"] <= next_["y"] + 1 for one, next_ in pairwise(rows))


TWENTY = "+".join(f"palavra{i}" for i in range(20))


def test_a_hidden_menu_s_bar_covers_neither_title_nor_sentence(watched, app):
    page = opened(watched.at(app, "/attention?lang=en", 1280, 720))
    page.get_by_test_id("stSidebarHeader").hover(timeout=8000)
    page.get_by_test_id("stSidebarCollapseButton").locator("button").click(timeout=8000)
    page.wait_for_selector("[data-testid=stExpandSidebarButton]")
    page.wait_for_timeout(600)
    arrow = page.get_by_test_id("stExpandSidebarButton").bounding_box()
    text = page.evaluate(
        "(() => { const range = document.createRange();"
        " range.selectNodeContents(document.querySelector('.fibra-title'));"
        " return range.getBoundingClientRect().left })()"
    )
    assert arrow["x"] + arrow["width"] <= text
    box = page.get_by_role("textbox", name="Sentence", exact=True).bounding_box()
    hit = (
        "([x, y]) => { const hit = document.elementFromPoint(x, y);"
        " return hit.closest('[data-testid=stTextInput], [data-testid=stHeader]')?.dataset.testid"
        " ?? hit.outerHTML.slice(0, 200) }"
    )
    assert page.evaluate(hit, [box["x"] + 20, box["y"] + 4]) == "stTextInput"
    page.get_by_test_id("stExpandSidebarButton").click(timeout=5000)


def test_many_rows_in_words_are_folded_and_stay_as_the_reader_left_them(watched, app):
    page = opened(watched.at(app, f"/attention?lang=en&model=gpt&sentence={TWENTY}"))
    fold = page.locator("[data-figure=attention-cell] details")
    assert fold.get_attribute("open") is None and page.locator("[data-figure=attention-cell] .fibra-says").count() == 1
    fold.locator("summary").click()
    page.locator("[data-figure=attention-pattern]").scroll_into_view_if_needed()  # out of view it may not be drawn yet
    page.locator("[data-figure=attention-pattern] .nsewdrag").first.click()
    page.wait_for_function("location.search.includes('query')")
    settled(page)
    assert fold.get_attribute("open") is not None


# Pinned, and nothing differs so much that it would be drawn.
ALIKE = "lang=pt-BR&sentence=sim+sim&model=gpt&temperature=2&pin=1&pin.temperature=1"
LONG, ALONE = f"lang=pt-BR&model=gpt&sentence={TWENTY}", "lang=en&sentence=sim"
NARROW, WIDE = (390, 1280), (768, 1920)  # px: a phone and a laptop, a tablet and a projector
WHOLE = 6000  # px: so high that each figure is on the screen, and drawn
CROWDED = (Path(__file__).parent / "layout.js").read_text("utf-8")
SETTLES = 12  # looks, after a change of the viewport, until the figures are drawn again and the menu has slid aside


def crowded(page: Page, width: int) -> list[str]:
    """What has no room on the page at this width, once nothing changes any more."""
    page.set_viewport_size({"width": width, "height": WHOLE})
    looks: list[list[str]] = []
    while len(looks) < 2 or (len(looks) < SETTLES and (looks[-1] or looks[-2])):
        page.wait_for_timeout(200)
        page.evaluate("window.fibraFigures?.settled()")
        looks.append(page.evaluate(CROWDED))
    return looks[-1]


ROOM = {  # page: the widths at which many tokens are looked at, then one alone, or hardly any difference
    "start": (NARROW, (1280,)),
    "attention": (WIDE, NARROW),
    "heads": (NARROW, WIDE),
    "reading": (WIDE, NARROW),
    "fibres": (NARROW, (1280,)),
    "drift": (NARROW, ()),
    "block": (NARROW, (1280,)),
    "generate": ((390,), (1280,)),
    "train": (NARROW, ()),
}


@pytest.mark.parametrize("name", ROOM)
def test_no_text_is_cut_or_covered_and_no_page_scrolls_sideways(watched, app, name):
    for query, widths in zip((LONG, ALIKE if name == "fibres" else ALONE), ROOM[name], strict=True):
        if widths:  # loading flickers, and is slow when so high
            page = opened(watched.at(app, f"/{'' if name == 'start' else name}?{query}", widths[0], 844))
        for width in widths:
            assert crowded(page, width) == [], (query, width)
        watched.close()


def test_a_question_is_asked_in_view(watched, app):
    """The page opens on another Scene than the question is about, and what stands above it grows or shrinks."""
    page = opened(watched.at(app, "/reading?lang=en", 1280, 720))
    page.locator(".st-key-page-checks button").first.click()
    page.wait_for_function("location.search.includes('check=names-are-luck')")
    opened_again = page.locator(".st-key-check-panel")
    opened_again.get_by_role("button", name="Show me").wait_for()
    page.wait_for_timeout(1500)  # the way there
    box = opened_again.bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 720
