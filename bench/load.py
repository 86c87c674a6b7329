"""A class at work: N sessions that each turn a knob every few seconds, for a bounded time, on loopback only.

    python -m bench.load                        # 60 sessions on Attention, a turn every 2 s, for 60 s
    python -m bench.load --sessions 30 --seconds 20 --every 0.1 --drag
    python -m bench.load --page fibres --sessions 30 --seconds 30 --every 1 --distinct
    python -m bench.load --mix --sessions 100   # all pages, own sentences and seeds, typing, page changes (bench.mix)
    python -m bench.load --mix --processes 2    # the app as two processes behind nginx, where that is installed
    python -m bench.load --faults --sessions 30 # the same while lines break and the server is killed (bench.faults)

One asyncio process speaks what Streamlit's frontend speaks on its websocket. It starts the servers itself, one for the
app and one for the bare page `plain_app.py` with the same settings, so there is no address to give and nothing but this
machine to reach. A turn is timed from sending the slider's value to the `script_finished` of its run. The two classes
take turns of some seconds, so that what else the machine does weighs on both alike. Memory and processor time are the
servers' own, from Linux's /proc.

The exit code is 1 when a session was shown an exception or got no answer, or a server logged a traceback; speed is only
reported.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from websockets.exceptions import WebSocketException

from bench import (
    PAGES,
    PEER,
    PLAIN_APP,
    ROOT,
    Page,
    app_script,
    between,
    machine,
    percentile,
    print_errors,
    print_table,
)
from bench._cluster import Cluster, serve_behind
from bench._server import Server, serve
from bench._session import Session

OPENINGS_A_SECOND = 10
STRETCH_SECONDS = 15


@dataclass(frozen=True)
class Lesson:
    """How a class behaves: so many sessions, for so many seconds, each with a turn `every` so many seconds. `jitter` is
    the share of that time by which a turn may come later; if `distinct`, each session has a seed of its own."""

    sessions: int
    seconds: float
    every: float
    jitter: float
    distinct: bool
    drag: bool  # all drag their knobs: a turn follows on the answer to the last, but no sooner than `every`


@dataclass
class Tally:
    """What was measured: seconds and bytes of each turn, seconds of each opening, turns for which no time was left,
    what went wrong, and the server's peak of memory in MB and its processor time during the turns."""

    seconds: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    openings: list[float] = field(default_factory=list)
    acts: dict[str, list[float]] = field(default_factory=dict)  # of a mixed crowd: the seconds of each kind of turn
    unsent: int = 0
    errors: list[str] = field(default_factory=list)
    peak_mb: float = 0.0
    cpu_seconds: float = 0.0


class Classroom:
    """The sessions of a lesson on one page of one server; `tally` is what was measured."""

    def __init__(self, server: Server | Cluster, page: Page, lesson: Lesson) -> None:
        self.tally = Tally()
        self._server = server
        self._lesson = lesson
        self._pupils = [
            Session(server, page.seeded(seat + 1) if lesson.distinct else page, self.tally.errors)
            for seat in range(lesson.sessions)
        ]
        self._chances = [random.Random(seat) for seat in range(lesson.sessions)]
        self._present = set(range(lesson.sessions))

    async def open(self) -> None:
        """Open the page in all sessions, one after the other."""
        await self._each(self._open)

    async def teach(self, turns: int) -> None:
        """Let all sessions turn their knobs so many times."""
        before = self._server.usage()
        turn = self._drag if self._lesson.drag else self._turn_repeatedly
        await self._each(lambda seat: turn(seat, turns))
        after = self._server.usage()
        self.tally.peak_mb = after.peak_mb
        self.tally.cpu_seconds += after.cpu_seconds - before.cpu_seconds

    async def close(self) -> None:
        """Close all sessions and look into the server's log."""
        await asyncio.gather(*(pupil.close() for pupil in self._pupils))
        self.tally.errors += [f"in the server's log: {line}" for line in self._server.tracebacks()]

    async def _each(self, work: Callable[[int], Awaitable[None]]) -> None:
        """Do the same in all sessions at once. Why one breaks off is noted, and it is left out from then on."""

        async def attempt(seat: int) -> None:
            try:
                await work(seat)
            except (LookupError, TimeoutError, OSError, WebSocketException) as error:
                self.tally.errors.append(f"{type(error).__name__}: {error}")
                self._present.discard(seat)

        await asyncio.gather(*map(attempt, sorted(self._present)))

    async def _open(self, seat: int) -> None:
        await self._spaced(seat)
        began = time.perf_counter()
        await self._pupils[seat].open()
        self.tally.openings.append(time.perf_counter() - began)

    async def _spaced(self, seat: int) -> None:
        await asyncio.sleep(seat / OPENINGS_A_SECOND)

    async def _act(self, seat: int) -> None:
        """What a session does at each of its moments: turn its knob."""
        pupil = self._pupils[seat]
        await pupil.turn(self._chances[seat].choice([stop for stop in pupil.stops if stop != pupil.value]))

    async def _drag(self, seat: int, turns: int) -> None:
        """Move the knob stop by stop, to and fro, as a finger that holds it: nothing is sent before the answer came."""
        pupil, every = self._pupils[seat], self._lesson.every
        there_and_back = [*pupil.stops, *pupil.stops[-2:0:-1]]
        at, deadline = seat, time.perf_counter() + turns * every
        while (began := time.perf_counter()) < deadline:
            at, received = at + 1, pupil.received
            await pupil.turn(there_and_back[at % len(there_and_back)], held=True)
            self.tally.seconds.append(time.perf_counter() - began)
            self.tally.sizes.append(pupil.received - received)
            await asyncio.sleep(began + every - time.perf_counter())

    async def _turn_repeatedly(self, seat: int, turns: int) -> None:
        """Turn the knob at moments that are fixed beforehand. One that passes while an answer is still awaited is made
        up for right after it, and that wait counts: a slow server can't hide by being asked less often."""
        pupil, chance, lesson = self._pupils[seat], self._chances[seat], self._lesson
        start, phase = time.perf_counter(), chance.random()
        moments = [start + lesson.every * (turn + phase + lesson.jitter * chance.random()) for turn in range(turns)]
        for turn, moment in enumerate(moments):
            late = time.perf_counter() > moment
            if late and time.perf_counter() > start + lesson.every * (turns + 1):
                self.tally.unsent += turns - turn
                return
            await asyncio.sleep(moment - time.perf_counter())
            began, received = moment if late else time.perf_counter(), pupil.received
            await self._act(seat)
            self.tally.seconds.append(time.perf_counter() - began)
            self.tally.sizes.append(pupil.received - received)


async def measure(classrooms: Iterable[Classroom], lesson: Lesson) -> None:
    """Teach the lesson in all classrooms, in alternating stretches."""
    turns = int(lesson.seconds / lesson.every)
    stretch = max(5, int(STRETCH_SECONDS / lesson.every))
    try:
        for classroom in classrooms:
            await classroom.open()
        for taught in range(0, turns, stretch):
            for classroom in classrooms:
                await classroom.teach(min(stretch, turns - taught))
    finally:
        for classroom in classrooms:
            await classroom.close()


HEADER = ("page", "sessions", "turns", "p50 ms", "p95 ms", "max ms", "errors", "unsent")
HEADER += ("kB a turn", "peak MB", "CPU s", "p95 ms to open")


def _row(name: str, tally: Tally) -> list[str]:
    return [
        name,
        f"{len(tally.openings)}",
        f"{len(tally.seconds)}",
        *(f"{1000 * percentile(tally.seconds, percent):.0f}" for percent in (50, 95, 100)),
        f"{len(tally.errors)}",
        f"{tally.unsent}",
        f"{percentile(tally.sizes, 50) / 1000:.1f}",
        f"{tally.peak_mb:.0f}",
        f"{tally.cpu_seconds:.1f}",
        f"{1000 * percentile(tally.openings, 95):.0f}",
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sliding = [name for name in PAGES if name != "start"]  # there the knob is a number to step
    parser.add_argument("--page", choices=sliding, default="attention")
    parser.add_argument("--sessions", type=between(1, 400, int), default=60)
    parser.add_argument("--seconds", type=between(1, 3600, float), default=60.0, help="how long the knobs are turned")
    parser.add_argument("--every", type=between(0.1, 60, float), default=2.0, help="seconds from turn to turn")
    parser.add_argument("--jitter", type=between(0, 1, float), default=0.5, help="share of --every a turn may be late")
    parser.add_argument("--drag", action="store_true", help="knobs are held and dragged, a turn --every 0.1 s at most")
    parser.add_argument("--mix", action="store_true", help="all pages, own sentences and seeds, typing, page changes")
    parser.add_argument("--faults", action="store_true", help="a mix under faults; no bare page stands beside it")
    parser.add_argument("--processes", type=between(1, 8, int), default=1, help="of the app; several: behind nginx")
    parser.add_argument("--distinct", action="store_true", help="no two sessions share pictures: no cache helps")
    parser.add_argument("--app", type=app_script, default=ROOT / "app.py", help="another checkout's app.py")
    arguments = parser.parse_args()
    if arguments.faults and arguments.processes > 1:
        parser.error("--faults kills the only server")
    return arguments


def main() -> int:
    """Measure the bare page and the app, and print both with their ratio."""
    arguments = _arguments()
    from bench.faults import Storm  # they build on what is here
    from bench.mix import Crowd

    if arguments.faults:
        return _under_faults(arguments, Storm)
    page, app = "mix" if arguments.mix else arguments.page, arguments.app
    print(machine(), flush=True)
    lesson = _lesson(arguments)
    with (
        serve("run", str(PLAIN_APP), folder=app.parent) as bare,
        serve_behind(arguments.processes, "run", str(app), folder=app.parent) as server,
    ):
        own = Crowd(server, lesson) if arguments.mix else Classroom(server, PAGES[page], lesson)
        classrooms = {"bare page": Classroom(bare, PEER, lesson), page: own}
        asyncio.run(measure(classrooms.values(), lesson))
    tallies = {name: classroom.tally for name, classroom in classrooms.items()}
    print_table(HEADER, [_row(name, tally) for name, tally in tallies.items()])
    ratios = [percentile(tallies[page].seconds, p) / percentile(tallies["bare page"].seconds, p) for p in (50, 95)]
    print(f"{page} / bare page: p50 {ratios[0]:.2f}, p95 {ratios[1]:.2f}")
    _print_acts(tallies[page])
    print("Bars of a mix, without an error: p95 150 ms and 400 MB for 60 sessions, p95 250 ms for 100")
    print("Bars on Attention: p95 150 ms and 400 MB for 60, 300 ms and 600 MB for 300; p95 500 ms for 30 that drag")
    return print_errors([f"{name}: {error}" for name, tally in tallies.items() for error in tally.errors])


def _under_faults(arguments: argparse.Namespace, storm: type) -> int:
    """The app alone, in one lesson after a third of which its server is killed."""
    print(machine(), flush=True)
    with serve("run", str(arguments.app), folder=arguments.app.parent) as server:
        crowd = storm(server, _lesson(arguments))

        async def lesson() -> None:
            try:
                await crowd.open()
                await crowd.teach(int(arguments.seconds / arguments.every))
            finally:
                await crowd.close()

        asyncio.run(lesson())
    print_table(HEADER, [_row("faults", crowd.tally)])
    _print_acts(crowd.tally)
    for life, resident in zip(("until it was killed", "from then on"), crowd.lives, strict=True):
        highest = [max(part) for part in np.array_split(resident, 4) if part.size]
        print(f"highest MB of each quarter of the time {life}: " + ", ".join(f"{mb:.0f}" for mb in highest))
    print(f"lines of the log about lines that broke: {crowd.expected}")
    print("Bars: every session on its Scene, back within 10 s, no exception on screen; memory flat within a tenth")
    return print_errors(crowd.tally.errors)


def _lesson(given: argparse.Namespace) -> Lesson:
    return Lesson(given.sessions, given.seconds, given.every, given.jitter, given.distinct, given.drag)


def _print_acts(tally: Tally) -> None:
    for act, seconds in tally.acts.items():
        times = ", ".join(f"p{percent} {1000 * percentile(seconds, percent):.0f} ms" for percent in (50, 95, 100))
        print(f"{act}: {len(seconds)} x, {times}")


if __name__ == "__main__":
    sys.exit(main())
