"""One Scene, wherever a reader comes from: in the real browser every widget, every sentence and the address are read,
after the menu, links, Back and Forward, undo and redo, a lost session, behind a base path and embedded.

What a page must show is read from another tab, which has only the address.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlparse

import pytest
from playwright.sync_api import Page, expect

from core import Scene
from pictures.pages import PAGES
from pictures.words import words_of
from tests.chromium import WAIT, free_port, go_to, serve, settled
from tests.conftest import Readers, Watched
from tests.test_journeys import menu
from ui.attention.knobs import TEMPERATURES

pytestmark = pytest.mark.browser

EN = words_of("en")

# Every knob elsewhere than where it stands by default, but for the moment of a run, which lives in a session.
TURNED = {
    **{"model": "gpt", "sentence": "um dois três quatro", "seed": "5", "temperature": "2", "ablated": "0.1,1.0"},
    **{"off": "scale", "d_mlp": "32", "n_layers": "3", "n_heads": "8", "activation": "gelu", "edits": "0.0:1"},
    **{"layer": "1", "head": "2", "query": "1", "key": "2", "dimension": "3", "threshold": "0.2", "focus": "2"},
    **{"layers_lit": "1", "drift_stage": "2", "second_norm": "1", "drift_3d": "1", "draw_temperature": "0.5"},
    **{"top_k": "7", "top_p": "0.9", "draw_seed": "4", "max_new_tokens": "5", "forced": "5.3", "tokens_written": "3"},
    **{"target": "dois um", "task": "repeat", "train_size": "small", "learning_rate": "0.002", "batch_size": "8"},
    **{"train_seed": "3", "lang": "en", "compared_step": "scores", "compared_array": "norm"},
    **{"train_pace": "slow", "train_overlay": "0", "check_parameter": "blocks.0.attn.W_O", "check_row": "3"},
    **{"check_column": "2", "check_nudge": "0.001", "check_bug": "1"},
    **{"pin": "1", "pin.temperature": "", "pin.off": ""},
}

READ = """() => {
  const all = (root, selector) => [...root.querySelectorAll("*")].flatMap((part) => [
    ...(part.matches(selector) ? [part] : []), ...(part.shadowRoot ? all(part.shadowRoot, selector) : [])]);
  const widgets = {};
  const tell = (name, value) => { widgets[name + (name in widgets ? " again" : "")] = value; };
  for (const input of all(document.body, "input")) {
    if (!input.checkVisibility() && input.type !== "checkbox") continue;
    const name = input.getAttribute("aria-label") ?? input.closest("label")?.innerText ?? "";
    tell(name.replace(/^Selected .*?\\\\. /, ""), input.type === "checkbox" ? input.checked
      : input.type === "range" ? input.getAttribute("aria-valuetext") : input.value);
  }
  for (const chosen of all(document.body, "[data-testid=stBaseButton-segmented_controlActive]"))
    tell("chosen", chosen.innerText);
  return { title: document.querySelector("h1.fibra-title")?.innerText, widgets,
    says: all(document.body, ".fibra-says").map((said) => said.innerText.trim()) };
}"""


@pytest.fixture
def server() -> Iterator[dict[str, Any]]:
    """An app that can be stopped and started again on its port."""
    port = free_port()
    running = serve(port=port)
    held = {"address": running.__enter__()}

    def restart() -> None:
        held["running"].__exit__(None, None, None)
        held["running"] = serve(port=port)
        held["running"].__enter__()

    held |= {"running": running, "restart": restart}
    yield held
    held["running"].__exit__(None, None, None)


class Reader:
    """A tab; and another one that is asked what the address of the first must show."""

    def __init__(self, readers: Readers, address: str, stays: bool = False):
        """Of an app that `stays`, tabs are taken over that other tests have left."""
        self.address, self.stays, self.told = address, stays, {}
        self.height = 240  # of pictures nothing is read here, and what is out of view is not drawn
        self.tabs = Watched(readers)

    def at(self, path: str) -> Page:
        if self.stays:
            return self.tabs.at(self.address, path, height=self.height)
        tab = self.tabs.tab(height=self.height)
        tab.goto(self.address + path)
        return tab

    def open(self, name: str, asked: dict[str, str]) -> None:
        self.tab = self.at(f"/{name}?{urlencode(asked)}")
        self.rest(name)

    def rest(self, name: str) -> None:
        """Until the page `name` is there, and the server has nothing more to say."""
        expect(self.tab.locator("h1.fibra-title")).to_have_text(EN(f"{name}.title"), timeout=WAIT)
        _rest(self.tab)

    def check(self, name: str, scene: Scene, anew: bool = True) -> None:
        """Title, widgets, sentences and address are those of `scene`.

        The other tab is loaded anew, or comes to the address as by Back and Forward, which takes a quarter of the time.
        """
        self.rest(name)
        says_so(self.tab, scene.to_query())
        if self.tab.url not in self.told:
            if not self.told:
                self.other = self.at(self.tab.url.removeprefix(self.address))
            else:
                self.other.goto(self.tab.url) if anew else go_to(self.other, self.tab.url)
            _rest(self.other)
            self.told[self.tab.url] = self.other.evaluate(READ)
        told, found = self.told[self.tab.url], self.tab.evaluate(READ)
        deadline = time.monotonic() + 20
        parts = ["title", "widgets", "says"]
        if name == "train":  # how far its run is, the clock decides
            parts.remove("says")
        while any(found[part] != told[part] for part in parts) and time.monotonic() < deadline:
            if self.other.url == self.tab.url:  # on a busy machine a part comes later than its page, here or there
                self.told[self.tab.url] = told = self.other.evaluate(READ)
            _rest(self.tab)
            found = self.tab.evaluate(READ)
        for part in parts:
            assert found[part] == told[part], (name, scene.to_query())
        thrown = [error for error in self.tabs.errors if error.startswith("page: ")]
        assert not thrown and not self.tab.locator("[data-testid=stException]").count()

    def close(self) -> None:
        self.tabs.close()


@pytest.fixture
def reader(readers: Readers, app: str) -> Iterator[Reader]:
    reader = Reader(readers, app, stays=True)
    yield reader
    reader.close()


def says_so(tab: Page, query: dict[str, str]) -> None:
    """The address comes to be this one."""
    deadline = time.monotonic() + 20
    while (found := dict(parse_qsl(urlparse(tab.url).query, keep_blank_values=True))) != query:
        assert time.monotonic() < deadline, (query, found)
        tab.wait_for_timeout(50)


def _rest(tab: Page) -> None:
    tab.wait_for_selector("h1.fibra-title")
    settled(tab, 250)  # a component's answer may begin one run more


def press(tab: Page, name: str, key: str, times: int = 1) -> None:
    knob = tab.get_by_role("slider", name=re.compile(f"^{re.escape(name)}"))
    knob.focus()
    for _ in range(times):
        knob.press(key)
        settled(tab)


def test_the_address_of_every_knob_is_shown_by_every_knob(reader):
    scene, notices = Scene.from_query(TURNED)
    assert not notices and scene.to_query() == TURNED, "every knob is turned"
    reader.open("attention", TURNED)
    reader.check("attention", scene)
    shown = reader.tab.evaluate(READ)["widgets"]
    assert shown["Sentence"] == "um dois três quatro" and shown["Seed"] == "5" and shown["Temperature"] == "2"
    assert "1" in shown["Layer"] and "2" in shown["Head"] and shown[EN("attention.scale_switch")] is False
    walk = ["attention", *(name for name in PAGES if name != "attention")]
    for name in walk[1:]:
        menu(reader.tab, EN(f"pages.{name}")).click()
        reader.check(name, scene, anew=name == "generate")  # loaded anew: tests/test_every_scene.py opens each page so
    steps = reader.tab.evaluate("history.length")
    back = walk[-2:-6:-1]
    for name in back:
        reader.tab.go_back()
        reader.check(name, scene)
    assert reader.tab.evaluate("history.length") == steps
    reader.tab.go_forward()
    reader.check(back[-2], scene)


def test_turns_links_and_undo_leave_one_scene(reader):
    asked = {"model": "gpt", "seed": "5", "lang": "en"}
    reader.open("fibres", asked)
    tab, scene = reader.tab, Scene.from_query(asked)[0]
    press(tab, EN("fibres.lit"), "ArrowLeft", 2)  # in a fragment: the menu's links stay as they were drawn
    scene = scene.turn(layers_lit=2)
    reader.check("fibres", scene, anew=False)
    menu(tab, EN("pages.fibres")).click()  # the page's own link
    reader.check("fibres", scene, anew=False)
    menu(tab, EN("pages.drift")).click()
    reader.check("drift", scene, anew=False)
    press(tab, EN("drift.stage"), "ArrowLeft")
    scene = scene.turn(drift_stage=3)
    box = tab.get_by_role("textbox", name=EN("shell.sentence"), exact=True)
    box.fill("um dois três")
    box.press("Enter")
    scene = scene.turn(sentence="um dois três")
    reader.check("drift", scene, anew=False)
    menu(tab, EN("pages.start")).click()
    reader.check("start", scene, anew=False)
    tab.locator(".attention").nth(1).focus()
    tab.keyboard.press("Enter")
    scene = scene.turn(layer=1)
    reader.check("attention", scene, anew=False)
    for _ in range(3):  # as fast as can be
        tab.locator("[data-move=undo]").click()
    reader.check("attention", scene.turn(layer=0, sentence="", drift_stage=None), anew=False)
    for _ in range(3):
        tab.keyboard.press("Control+Shift+z")
    reader.check("attention", scene, anew=False)
    for name, shown in (("start", scene.turn(layer=0)), ("drift", scene.turn(layer=0))):
        while not (tab.url.split("?")[0].endswith("drift") if name == "drift" else "/attention" not in tab.url):
            before = tab.url
            tab.go_back()
            expect(tab).not_to_have_url(before)
            _rest(tab)
        reader.check(name, shown, anew=False)


def test_a_session_that_is_lost_loses_nothing(readers, server):
    reader = Reader(readers, server["address"])
    asked = {"model": "gpt", "seed": "5", "sentence": "um dois três", "lang": "en"}
    reader.open("attention", asked)
    tab, scene = reader.tab, Scene.from_query(asked)[0]
    assert tab.evaluate("document.documentElement.lang") == "en"
    server["restart"]()
    tab.locator("label", has_text=EN("attention.mask_switch")).click()  # the first thing after it is heard
    scene = scene.switch(mask=False)
    reader.check("attention", scene)
    server["restart"]()
    menu(tab, EN("pages.heads")).click()
    reader.check("heads", scene)
    server["restart"]()
    box = tab.get_by_role("textbox", name=EN("shell.sentence"), exact=True)
    box.fill("o gato viu")
    box.press("Enter")
    scene = scene.turn(sentence="o gato viu")
    reader.check("heads", scene)
    tab.go_back()
    scene = scene.turn(sentence="um dois três")
    reader.check("heads", scene)
    server["restart"]()
    tab.go_back()  # before the line is there again
    reader.check("attention", scene)
    reader.close()


def test_a_fast_hand_leaves_no_old_value_behind(reader):
    asked, reader.height = {"model": "gpt", "lang": "en"}, 900  # a list has the models that there is room for
    reader.open("attention", asked)
    tab = reader.tab
    tab.get_by_role("combobox", name=re.compile(EN("shell.preset"))).click()
    tab.get_by_role("option", name=EN("shell.presets.encoder_full")).click()
    tab.locator("[data-move=pin]").click()
    reader.check("attention", Scene(model="encoder_full", lang="en").pin())
    tab.locator("[data-move=reset]").click()
    tab.locator("[data-move=pin]").click()
    reader.check("attention", Scene(lang="en").pin())
    tab.locator("[data-move=undo]").click()
    tab.locator("[data-move=undo]").click()
    tab.locator("[data-move=redo]").click()
    reader.check("attention", Scene(lang="en"))


# What a knob is called, as a reader hears it.
CALLED = """input => input.getAttribute("aria-label") ?? input.closest("label")?.innerText.trim() ?? \"\""""


def turn_by_hand(tab: Page, knob: str, kind: str) -> None:
    """Turn the knob of this accessible name: to another place than where it stands."""
    found = tab.locator("[data-testid=stMain]").get_by_role(kind, name=knob, exact=True).first
    if kind == "slider":
        at_the_end = found.evaluate("input => +input.value === +input.max")
        found.press("ArrowLeft" if at_the_end else "ArrowRight")
    elif kind == "combobox":
        found.evaluate("input => input.scrollIntoView({ block: 'nearest' })")
        settled(tab, 600)  # what is drawn as it comes into view moves the list, and a list that is moved closes
        found.click()
        tab.locator("[role=option]:not([aria-selected=true])").first.click()
    else:
        tab.locator("[data-testid=stMain] label", has_text=re.compile(f"^{re.escape(knob)}$")).first.click()
    _rest(tab)


# Each page and the one that is looked at next: the walk over all of them, from an address, is a test of its own.
NEXT = {"attention": "drift", "heads": "attention", "reading": "generate", "fibres": "block", "drift": "heads"}
NEXT |= {"block": "start", "generate": "fibres"}


@pytest.mark.parametrize("name", NEXT)
def test_every_knob_of_a_page_turned_by_hand_is_shown_there_and_elsewhere(reader, name):
    reader.open(name, {"model": "gpt", "sentence": "um dois três", "lang": "en"})
    tab, turned = reader.tab, []
    for kind in ("slider", "checkbox", "combobox"):
        for part in tab.locator("[data-testid=stMain]").get_by_role(kind).all():
            if part.is_enabled() and (knob := part.evaluate(CALLED)):
                turned.append((knob, kind))
    assert turned or name == "block"
    before = tab.url
    for knob, kind in dict.fromkeys(turned):
        if tab.locator("[data-testid=stMain]").get_by_role(kind, name=knob, exact=True).count():
            turn_by_hand(tab, knob, kind)
    address = before
    while address != tab.url:  # what was turned last may be told later
        address = tab.url
        tab.wait_for_timeout(500)
        _rest(tab)
    assert not turned or tab.url != before
    scene, notices = Scene.from_query(dict(parse_qsl(urlparse(tab.url).query, keep_blank_values=True)))
    assert not notices
    reader.check(name, scene)
    menu(tab, EN(f"pages.{NEXT[name]}")).click()
    reader.check(NEXT[name], scene, anew=False)


def test_an_address_that_is_no_page_lands_on_the_first_one_and_says_so(watched):
    with serve() as address:  # its first visitor: Streamlit has a way of its own for that one
        addresses = (("nada", "pt-BR", "nada"), ("a/n%C3%A3o%20h%C3%A1", "en", "não há"), ("start", "en", ""))
        for path, lang, asked in addresses:
            tab = watched.tab(locale="en")
            tab.goto(f"{address}/{path}?model=gpt&seed=5&lang={lang}")
            expect(tab.locator("h1.fibra-title")).to_have_text(words_of(lang)("start.title"), timeout=WAIT)
            _rest(tab)
            says_so(tab, {"model": "gpt", "seed": "5", "lang": lang})
            assert urlparse(tab.url).path == "/"
            notice = words_of(lang)("notice.nowhere", value=asked, right=words_of(lang)("pages.start"))
            assert tab.locator(".fibra-notice").all_inner_texts() == [notice] * bool(asked)
            expect(tab.get_by_role("dialog")).to_have_count(0)
            menu(tab, words_of(lang)("pages.drift")).click()
            expect(tab.locator("h1.fibra-title")).to_have_text(words_of(lang)("drift.title"), timeout=WAIT)
            tab.close()


def test_two_tabs_turned_in_alternation_stay_two(reader):
    asked = [{"model": "gpt", "seed": "5", "lang": "en"}, {"sentence": "um dois", "lang": "pt-BR"}]
    scenes = [Scene.from_query(query)[0] for query in asked]
    reader.open("attention", asked[0])
    first, second = reader.tab, reader.tabs.again()
    second.goto(f"{reader.address}/attention?{urlencode(asked[1])}")
    _rest(second)
    for beat in range(4):
        for which, tab in enumerate((first, second)):
            knob = tab.get_by_role("slider", name=re.compile("^Temperatur"))
            knob.press("ArrowRight" if which else "ArrowLeft")
            _rest(tab)
            at = TEMPERATURES.index(scenes[which].temperature) + (1 if which else -1)
            scenes[which] = scenes[which].turn(temperature=TEMPERATURES[at])
            says_so(tab, scenes[which].to_query())
        if beat == 1:
            second.reload()
            _rest(second)
    for tab, scene in zip((first, second), scenes, strict=True):
        says_so(tab, scene.to_query())
        assert tab.locator("[data-testid=stException]").count() == 0
    assert second.get_by_role("textbox").first.input_value() == "um dois"


def test_behind_a_path_the_scene_is_kept(readers):
    with serve(base="/turma/fibra") as address:
        there_and_back(readers, address, {})


def test_embedded_the_scene_is_kept(readers, app):
    there_and_back(readers, app, {"embed": "true"})


def there_and_back(readers: Readers, address: str, embedded: dict[str, str]) -> None:
    reader, asked = Reader(readers, address), {"model": "gpt", "seed": "5", "lang": "en"}
    reader.open("drift", asked | embedded)
    tab = reader.tab
    tab.evaluate("document.querySelector('.st-key-menu a[href*=fibres]').click()")  # embedded, the menu is folded
    reader.rest("fibres")
    says_so(tab, asked | embedded)
    assert tab.url.startswith(f"{address}/fibres?")
    tab.go_back()
    reader.rest("drift")
    says_so(tab, asked | embedded)
    shown = tab.evaluate(READ)["widgets"]
    assert shown["Sentence"] == Scene().text
    reader.close()
