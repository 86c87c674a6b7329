"""The share sheet: its code can be read from the wall and says the link; the browser copies, enlarges and saves."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest
from streamlit.testing.v1 import AppTest

from core import limits
from core.limits import QR_EASY, QR_LONGEST
from pictures.words import LANGUAGES, words_of
from tests.chromium import settled
from ui import share, state
from ui.lessons import bar

ROOT = Path(__file__).parents[1]
ADDRESS = "https://fibra-aula.example.org"  # 30 characters
LESSON = "/" + "a" * 60 + "?lesson=m&step=" + "9" * 14  # a path and query of 90, the longest that a step may have


def test_a_lesson_s_code_is_small_enough_for_the_back_row():
    assert len(ADDRESS) == 30 and len(LESSON) == 90
    assert share.modules(ADDRESS + LESSON) <= 41
    sizes = [share.modules(ADDRESS + "/" + "x" * n) for n in (10, 119, 270, 1200)]
    assert sizes == sorted(sizes) and sizes[-1] > 100


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_long_link_is_said_to_be_hard_to_read(lang):
    words = words_of(lang)
    easy, hard, none = ("https://x.org/" + "é" * n for n in (20, 200, QR_LONGEST))
    hard += "x" * (QR_EASY - len(hard) + 1)
    assert share.note(easy, words) == words("share.scan")
    assert str(share.modules(hard)) in share.note(hard, words) and str(QR_EASY + 1) in share.note(hard, words)
    assert share.code(none) == "" and share.modules(none) == 0
    assert share.note(none, words) == words("share.no_code", limit=QR_LONGEST)


def test_a_link_is_never_cut(monkeypatch):
    """Two long texts beside one another take more than a code holds: the link is whole, and the sheet says so."""
    held = {state.PAGE: "drift"}
    monkeypatch.setattr(share.st, "session_state", held)
    text = "Os pinguins não têm joelho, e a foca também não. " * 30
    long = f"{ADDRESS}/drift?{urlencode({'sentence': text, 'pin.sentence': text, 'seed': 3})}"
    assert len(long) > QR_LONGEST
    share.open_sheet(f"{long}&projector=2")
    assert held[share.SHEET] == (1, "drift", long)
    share.open_sheet("x" * (limits.ADDRESS + 1))
    assert held[share.SHEET] == (1, "drift", long), "no browser has such a one"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_address_that_opens_on_this_computer_alone_is_said_to(lang):
    words = words_of(lang)
    for own in ("http://localhost:8501/heads?seed=2", "http://127.0.0.1:8501", "http://[::1]:8501/"):
        assert share.here_only(own) and share.note(own, words) == words("share.here_only")
    for other in ("http://192.168.0.7:8501/round", "https://x.org/localhost", ""):
        assert not share.here_only(other)


def test_the_code_is_drawn_on_white_and_holds_no_markup_of_the_address():
    drawn = share.code('https://x.org/?a=<script>"&')
    assert drawn.startswith("<svg") and 'fill="#fff"' in drawn and "script" not in drawn


def test_the_sheet_opens_on_its_page_and_closes_with_it(monkeypatch):
    seen = []
    monkeypatch.setattr(share.share, "sheet", lambda data, *calls: seen.append(data))
    monkeypatch.setattr(bar, "_short", lambda scene: ADDRESS + LESSON)
    at = AppTest.from_file(ROOT / "pages" / "drift.py", default_timeout=60)
    at.query_params.update({"lesson": "the-clock", "lesson_step": "1"})
    at.run()
    assert not seen
    at.session_state[share.SHEET] = (1, "drift", ADDRESS + "/drift?seed=3")
    at.run()
    (data,) = seen
    assert data["address"].endswith("seed=3") and data["qr"] == share.code(ADDRESS + LESSON)
    assert json.dumps(data) and {*share.LABELS, "projector"} == {*data["labels"]}
    at.session_state[share.SHEET] = (1, "heads", ADDRESS)
    at.run()
    assert len(seen) == 1, "of another page, from where the reader came back"


@pytest.mark.browser
def test_the_screen_is_shared(watched, app):
    """Link and frame are copied, over plain http too; the code fills the screen and lets go; a picture is saved."""
    tab = watched.tab(width=1280, height=900)
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto(f"{app}/drift?seed=3&lang=en")
    settled(tab)
    tab.locator(".st-key-moves [data-move=share]").focus()
    tab.keyboard.press("Enter")
    sheet = tab.get_by_role("dialog", name="Share")
    sheet.wait_for()
    sheet.locator("[data-copy=link]").click()
    tab.wait_for_function("navigator.clipboard.readText().then((text) => text.includes('seed=3'))")
    assert tab.evaluate("navigator.clipboard.readText()") == f"{app}/drift?seed=3&lang=en"
    tab.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true})")
    sheet.locator("[data-copy=frame]").click()  # as over plain http, where there is none
    tab.evaluate("delete navigator.clipboard")
    frame = tab.evaluate("navigator.clipboard.readText()")
    assert "embed=true&amp;embed_options=light_theme" in frame and "lang=en" in frame

    code = sheet.get_by_role("button", name="QR code")
    code.click()
    assert code.locator("svg").bounding_box()["height"] > 800
    tab.keyboard.press("Escape")
    assert sheet.is_visible() and code.locator("svg").bounding_box()["height"] < 300

    with tab.expect_download() as saved:
        sheet.locator("[data-picture=svg]").click()
    assert saved.value.suggested_filename.endswith(".svg")
    sheet.locator("[data-picture=clipboard]").click()
    kinds = "navigator.clipboard.read().then(([item]) => item.types.includes('image/png'))"
    tab.wait_for_function(kinds)
    tab.keyboard.press("Escape")
    sheet.wait_for(state="hidden")
    settled(tab)
