"""What a turn draws anew: the middle of the page, and what stands around it only where that alters."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from bench import Page
from bench._session import Session
from core import Scene
from pictures.pages import PAGES
from ui import shell, state, takeaway

AROUND = ("page_link", "markdown")  # of the menu, and of the prose; no page's middle has one
TYPED = "o pinguim nada no mar"
SHOWING = [name for name, page in PAGES.items() if page.model]
WORDED = [name for name in SHOWING if name != "translate"]  # that one reads none but its own model's words


class Watching(Session):
    """A tab that counts what each of its runs draws, by kind."""

    def __init__(self, app: str, name: str, **scene: object) -> None:
        path = "" if name == "start" else name
        self.errors: list[str] = []
        super().__init__(SimpleNamespace(origin=app), Page(path, "", "no knob", 0), self.errors)
        self._query = "&".join(f"{key}={value}" for key, value in Scene(lang="en", **scene).to_query().items())
        self.drawn: Counter[str] = Counter()

    async def _run(self, request) -> None:
        self.drawn.clear()
        await super()._run(request)

    def _read_delta(self, message) -> None:
        super()._read_delta(message)
        kind = message.delta.new_element.WhichOneof("type")
        self.drawn[str(kind)] += 1

    @property
    def around(self) -> dict[str, int]:
        """How much of what stands around the middle was drawn in the last run."""
        return {kind: self.drawn[kind] for kind in AROUND if self.drawn[kind]}


def walk(tab: Watching, steps: Callable[[Watching], Awaitable[None]]) -> None:
    async def walked() -> None:
        await tab.visit()
        assert tab.around["page_link"] == len(PAGES)
        await steps(tab)
        await tab.close()

    with ThreadPoolExecutor(1) as beside:  # this thread may have a browser's loop
        beside.submit(asyncio.run, walked()).result()
    assert not tab.errors


@pytest.mark.parametrize("name", WORDED)
def test_a_sentence_that_is_typed_draws_the_middle_of_the_page(app, name):
    async def steps(tab: Watching) -> None:
        await tab.type("knob-sentence", TYPED)
        assert tab.drawn["html"] and not tab.around
        assert TYPED.replace(" ", "+") in tab.query.replace("%20", "+")
        await tab.type("knob-sentence", " ".join(["mar"] * 99))
        assert any("99" in text and "fibra-notice" in text for text in tab.texts.values()), "what is cut is said"

    walk(Watching(app, name), steps)


@pytest.mark.parametrize(("name", "play"), [("generate", "generate-play"), ("fibres", "play")])
def test_a_timer_begins_and_ends_with_a_whole_page(app, name, play):
    async def steps(tab: Watching) -> None:
        before = set(tab.timers)
        await tab.press(play)
        assert tab.around["page_link"] == len(PAGES)
        assert set(tab.timers) > before
        await tab.type("knob-sentence", TYPED)
        assert not tab.around, "it plays on"
        await tab.press(play if name == "fibres" else "generate-stop")
        assert tab.around["page_link"] == len(PAGES)

    walk(Watching(app, name, model="gpt"), steps)


@pytest.mark.parametrize("opened", [False, True])
def test_files_on_screen_follow_the_scene(monkeypatch, opened):
    """What may be taken home stands under the middle of the page, and is called after the Scene."""
    page = shell.Page("attention", lambda scene, words: None, ())
    monkeypatch.setattr(takeaway, "st", SimpleNamespace(session_state={takeaway.OPENED: opened}))
    seen = []
    for scene in (Scene(), Scene(model="gpt"), Scene(lang="pt-BR"), Scene(projector=0)):
        monkeypatch.setattr(state, "scene", lambda scene=scene: scene)
        seen.append(page.around())
    assert len(set(seen)) == len(seen) - (not opened), "another language and the projector are another page"
