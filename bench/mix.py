"""A crowd that goes its own ways: all pages, each reader's own sentence and seed, typing, and from page to page."""

from __future__ import annotations

import random
import time
from urllib.parse import urlencode

from bench import LONG, PAGES, Page
from bench._cluster import Cluster
from bench._server import Server
from bench._session import Session
from bench.load import Classroom, Lesson
from core import Scene

ACTS = ("turn", "type", "page")
SHARES = (14, 3, 3)  # of twenty acts
MODELS = ("penguins", "gpt", "encoder", "stories")
# A knob of each page that has one; the benches' own pages are heavier than what a class looks at.
KNOBS = {page.path: page.knob for page in PAGES.values()}
KNOBS |= {"reading": "knob-seed", "block": "knob-dimension", "generate": "knob-seed"}


class Crowd(Classroom):
    """Readers who turn knobs, type sentences and change pages; `tally.acts` has the seconds of each kind of act."""

    def __init__(self, server: Server | Cluster, lesson: Lesson) -> None:
        self._readers = [Reader(seat) for seat in range(lesson.sessions)]
        super().__init__(server, self._readers[0].page(), lesson)
        self._pupils = [Session(server, reader.page(), self.tally.errors) for reader in self._readers]

    async def _open(self, seat: int) -> None:
        await self._spaced(seat)
        began = time.perf_counter()
        await self._pupils[seat].visit()
        self.tally.openings.append(time.perf_counter() - began)

    async def _act(self, seat: int) -> None:
        pupil, reader = self._pupils[seat], self._readers[seat]
        act = reader.chance.choices(ACTS, SHARES)[0]
        if act == "turn" and not pupil.stops:
            act = "page"
        began = time.perf_counter()
        if act == "turn":
            await pupil.turn(reader.chance.choice([stop for stop in pupil.stops if stop != pupil.value]))
        elif act == "type":
            reader.write()
            await pupil.type("knob-sentence", reader.sentence)
        else:
            reader.leave()
            await pupil.go(reader.page())
        self._note(act, time.perf_counter() - began)

    def _note(self, act: str, seconds: float) -> None:
        self.tally.acts.setdefault(act, []).append(seconds)


class Reader:
    """One of the crowd: where, with which preset, sentence and seed."""

    def __init__(self, seat: int) -> None:
        self.chance = random.Random(seat)
        self.model = self.chance.choice(MODELS)
        self.seed = seat + 1
        self.leave()
        self.write()

    def leave(self) -> None:
        """Choose a page."""
        self.at = self.chance.choice([*KNOBS])

    def write(self) -> None:
        """Make up a sentence of three to twelve words."""
        self.sentence = " ".join(self.chance.sample(LONG.split(), self.chance.randint(3, 12)))

    def page(self) -> Page:
        """The page as its address has it."""
        query = urlencode(Scene(model=self.model, sentence=self.sentence, seed=self.seed).to_query())
        return Page(self.at, query, KNOBS[self.at], 0.0)
