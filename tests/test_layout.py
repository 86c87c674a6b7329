"""What stands on the screen has room there: measured in Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def opened(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("[data-drawn]")
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


@pytest.mark.parametrize("size", [(1280, 720), (1366, 768), (1440, 900)])
def test_the_whole_of_softmax_is_on_the_first_screen_and_can_be_read(watched, app, size):
    page = watched.tab(*size)
    opened(page, f"{app}/attention?lang=pt-BR")
    page.wait_for_selector("[data-figure=attention-pattern] [data-drawn]")
    box = page.locator("[data-figure=attention-pattern] .fibra-figure").bounding_box()
    assert box["y"] + box["height"] <= size[1]
    numbers = page.locator("[data-figure=attention-pattern] .textpoint text")
    assert numbers.count() == 25
    assert numbers.first.bounding_box()["height"] >= size[1] / 60, "a quarter of the screen's size still shows a digit"


def test_a_switch_covers_and_moves_nothing_that_it_alters(watched, app):
    page = watched.tab(1280, 720)
    opened(page, f"{app}/attention?lang=en&model=gpt")
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
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    assert page.evaluate(tops) == before
