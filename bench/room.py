"""A class round at full size: one teacher, many pupils, one room, on loopback only.

    python -m bench.room                        # 300 pupils, two votes
    python -m bench.room --pupils 60 --spread 5
    FIBRA_ROOMS=redis://127.0.0.1:6379 python -m bench.room   # the same where the room is shared

Every screen looks at the room by itself, as its fragment's timer says. In each vote the pupils move their sliders and
vote within --spread seconds. Measured are a pupil's own answer (from the click to the end of its run) and the way of a
vote to the teacher's screen (from the click to the first look whose count holds it). The bars are those of the round:
1.5 s and 300 ms, p95. Like every bench it fails on errors only.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from websockets.exceptions import WebSocketException

from bench import ROOT, Page, between, machine, percentile, print_errors, print_table
from bench._server import Server, serve
from bench._session import Session

OPENINGS_A_SECOND = 10
SEEN = re.compile(r'<p class="fibra-count"[^>]*>(\d[\d.,]*) vot')  # "12 votos", "12 votes"
PATIENCE = 10.0  # seconds for the last vote to be seen
LOST = (LookupError, TimeoutError, OSError, WebSocketException)


@dataclass
class Tally:
    """What was measured, in seconds; and what went wrong."""

    answers: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Screen:
    """A session that looks by itself as often as its page asks for; what else it does comes between two looks."""

    def __init__(self, server: Server, page: Page, tally: Tally):
        self.session, self.tally = Session(server, page, tally.errors), tally
        self._one = asyncio.Lock()

    async def look(self, looked: Callable[[], None]) -> None:
        """Look until cancelled; `looked` is called after each."""
        await asyncio.sleep(random.random())
        while True:
            began = time.perf_counter()
            async with self._one:
                (fragment, seconds), *_ = self.session.timers.items()
                await self.session.tick(fragment)
            self.tally.looks.append(time.perf_counter() - began)
            looked()
            await asyncio.sleep(max(0.0, began + seconds - time.perf_counter()))

    async def act(self, deed: Callable[[], Awaitable[None]]) -> float:
        """Do something; how long it took, the wait for a look that is under way not left out."""
        began = time.perf_counter()
        async with self._one:
            await deed()
        return time.perf_counter() - began


class Round:
    """One room, its teacher and its pupils; `tally` is what was measured."""

    def __init__(self, server: Server, pupils: int, spread: float):
        self.tally = Tally()
        self._server, self._spread = server, spread
        self._teacher = Screen(server, Page("round", "lang=pt-BR", "", 0), self.tally)
        self._pupils = pupils
        self._cast: list[float] = []  # when each vote of this ballot was sent
        self._shown = 0  # votes that the teacher's screen counts

    async def play(self) -> None:
        """Open the room, let all come in, vote twice, reveal."""
        teacher = self._teacher.session
        await teacher.visit()
        await teacher.press("round-begin")
        room = re.search("room=([A-Z]+)", teacher._query)[1]
        page = Page("round", f"lang=pt-BR&room={room}", "guess-rows-sum-to-one", 0)
        pupils = [Screen(self._server, page, self.tally) for _ in range(self._pupils)]
        timers = [asyncio.create_task(self._watched(self._teacher, self._counted))]
        try:
            await asyncio.gather(*(self._enter(i, pupil, timers) for i, pupil in enumerate(pupils)))
            await self._teacher.act(lambda: teacher.press("round-ask"))
            for opens in ("round-vote", "round-again"):
                await self._vote(opens, pupils)
            await self._teacher.act(lambda: teacher.press("round-reveal"))
            await asyncio.sleep(9)
        finally:
            for timer in timers:
                timer.cancel()
            await asyncio.gather(*timers, return_exceptions=True)
            await asyncio.gather(*(screen.session.close() for screen in (self._teacher, *pupils)))
        self.tally.errors += [f"in the server's log: {line}" for line in self._server.tracebacks()]

    async def _enter(self, seat: int, pupil: Screen, timers: list[asyncio.Task]) -> None:
        await asyncio.sleep(seat / OPENINGS_A_SECOND)
        await pupil.session.visit()
        timers.append(asyncio.create_task(self._watched(pupil, lambda: None)))

    async def _watched(self, screen: Screen, looked: Callable[[], None]) -> None:
        try:
            await screen.look(looked)
        except LOST as error:
            self.tally.errors.append(f"{type(error).__name__}: {error}")

    async def _vote(self, opens: str, pupils: list[Screen]) -> None:
        await self._teacher.act(lambda: self._teacher.session.press(opens))
        self._cast, self._shown = [], 0
        await asyncio.sleep(9)  # every screen has followed
        await asyncio.gather(*map(self._ballot, pupils))
        deadline = time.perf_counter() + PATIENCE
        while self._shown < len(self._cast) and time.perf_counter() < deadline:
            await asyncio.sleep(0.05)
        if self._shown < len(pupils):
            self.tally.errors.append(f"the teacher's screen counts {self._shown} of {len(pupils)} votes")
        await self._teacher.act(lambda: self._teacher.session.press("round-close"))

    async def _ballot(self, pupil: Screen) -> None:
        await asyncio.sleep(random.random() * self._spread)
        try:
            await pupil.act(lambda: pupil.session.turn(random.choice(pupil.session.stops)))
            self._cast.append(time.perf_counter())
            self.tally.answers.append(await pupil.act(lambda: pupil.session.press("round-vote")))
        except (*LOST, KeyError, AttributeError) as error:
            self.tally.errors.append(f"no vote: {type(error).__name__}: {error}")

    def _counted(self) -> None:
        """The teacher's screen was drawn: votes that it counts for the first time have arrived."""
        found = [SEEN.search(text) for text in self._teacher.session.texts.values()]
        shown = max((int(re.sub(r"\D", "", each[1])) for each in found if each), default=0)
        now = time.perf_counter()
        self.tally.seen += [now - sent for sent in self._cast[self._shown : shown]]
        self._shown = max(self._shown, shown)


def _row(name: str, seconds: list[float]) -> list[str]:
    return [name, f"{len(seconds)}", *(f"{1000 * percentile(seconds, percent):.0f}" for percent in (50, 95, 100))]


def main() -> int:
    """Play one round, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pupils", type=between(1, 400, int), default=300)
    parser.add_argument("--spread", type=between(1, 120, float), default=30.0, help="seconds in which all vote")
    arguments = parser.parse_args()
    print(machine(), flush=True)
    with serve("run", "app.py", folder=ROOT) as server:
        before = time.perf_counter()
        played = Round(server, arguments.pupils, arguments.spread)
        asyncio.run(played.play())
        usage, took = server.usage(), time.perf_counter() - before
    tally = played.tally
    rows = {"a pupil's own answer": tally.answers, "a vote to the teacher's screen": tally.seen, "a look": tally.looks}
    print_table(("", "n", "p50 ms", "p95 ms", "max ms"), [_row(*row) for row in rows.items()])
    print(f"{usage.cpu_seconds:.0f} s of CPU in {took:.0f} s, peak {usage.peak_mb:.0f} MB, {len(tally.errors)} errors")
    print("Bars, without an error, for 300 pupils: own answer p95 300 ms; to the teacher's screen p95 1500 ms")
    return print_errors(tally.errors)


if __name__ == "__main__":
    sys.exit(main())
