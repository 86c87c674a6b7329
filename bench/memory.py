"""The server's memory over time, while those come and go whom no cache can serve: RSS against what it may be.

    python -m bench.memory                             # each play for ten minutes at most, as the bars are meant
    python -m bench.memory --minutes 2                 # a look
    python -m bench.memory --minutes 240               # each play whole, as long as it takes

The plays, each on a server of its own:

seeds     900 visitors one after another on Attention, the default gpt, each with a seed of its own
largest   60 visitors with the largest gpt and 64 tokens, each with a seed
small     60,000 small Scenes through the caches alone: in a process of its own, without a browser or a server
training  100 openings of Train, size large, batch 64, each left at once
mix       2,000 visitors, each with a seed, the pages in turn, every twentieth through all of them by the menu; then 100
          openings of Train

As in bench.load, one process speaks what Streamlit's frontend speaks. A play that is cut short by --minutes says how
far it came. After each the table tells what is left two minutes after the last one has gone.

The exit code is 1 when a visitor was shown an exception or got no answer, or RSS passed the bar, or grew in the second
half of a play by more than a tenth.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from math import isnan

from websockets.exceptions import WebSocketException

from bench import LONG, ROOT, Page, between, machine, print_errors, print_table, query
from bench._server import Server, serve
from bench._session import Session
from pictures.pages import PAGES

BAR = 500  # MB of RSS
GROWTH = 1.1  # of the second half's highest RSS to the first's
AT_ONCE = 4  # visitors who are there at the same time
AFTER = 125  # seconds: two minutes after the last one has gone, and the sweep
LARGEST = (("d_mlp", 1024), ("d_model", 256), ("n_heads", 16), ("n_layers", 12))
SIXTY_FOUR = " ".join((f"{LONG} {LONG}").split()[:64])
PATIENCE = 300  # seconds: one who gave up would have the server work for nobody, and another come meanwhile
THOROUGH = 20  # one visitor in so many goes through all pages
WALK = [*PAGES]

SMALL = """
import os, sys, time
from ui import process
process.prepare()
from core import Scene
from pictures import attention, compute, memory
from pictures.words import words_of
rss = lambda: int(next(l for l in open("/proc/self/status") if l.startswith("VmRSS")).split()[1]) / 1024
words, end, n = words_of("en"), time.monotonic() + float(sys.argv[1]), 0
while True:
    if n % 1000 == 0:
        print(n, round(rss(), 1), round(memory.BUDGET.currsize / 1e6, 1), flush=True)
    if n == 60_000 or time.monotonic() > end:
        break
    scene = Scene(sentence=f"a{n} b c", temperature=1 + n % 7)
    compute.run(scene)
    if n % 4 == 0:
        compute.build(attention.pattern, scene, words)
    n += 1
"""


@dataclass
class Play:
    """RSS in MB along the way, by how far it came, and two minutes after the end; its peak at any moment; what the
    caches count at the end, where that is known; and what went wrong."""

    name: str
    visits: int
    budget: float
    along: list[float] = field(default_factory=list)
    after: float = float("nan")
    peak: float = 0.0
    counted: float = float("nan")
    done: int = 0
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)

    @property
    def halves(self) -> tuple[float, float]:
        """The highest RSS of the first half and of the second."""
        middle = max(1, len(self.along) // 2)
        return max(self.along[:middle], default=0.0), max(self.along[middle:], default=0.0)

    @property
    def kept(self) -> bool:
        first, second = self.halves
        return max(self.peak, first, second) <= BAR and second <= GROWTH * first

    def row(self) -> list[str]:
        marks = [self.along[round(i * (len(self.along) - 1) / 5)] for i in range(6)] if self.along else []
        first, second = self.halves
        numbers = (self.seconds, *marks, first, second, self.peak, self.after, self.budget)
        return [self.name, f"{self.done:,} of {self.visits:,}", *(f"{number:.0f}" for number in numbers)]


HEADER = ("play", "visits", "s", "RSS 0 %", "20 %", "40 %", "60 %", "80 %", "100 %")
HEADER += ("1st half", "2nd half", "peak", "after", "budget MB")


async def play(server: Server, result: Play, visits: AsyncIterator[None]) -> None:
    """Let visitors come, and note the server's memory after each."""
    began = time.perf_counter()
    result.along.append(server.resident_mb())
    async for _ in visits:
        result.done += 1
        result.along.append(server.resident_mb())
        if result.done % max(1, result.visits // 20) == 0:
            print(f"{result.name}: {result.done} of {result.visits}, {result.along[-1]:.0f} MB", flush=True)
    result.seconds = time.perf_counter() - began
    await asyncio.sleep(AFTER)
    result.after, result.peak = server.resident_mb(), server.usage().peak_mb
    result.errors += [f"in the server's log: {line}" for line in server.tracebacks()]


async def crowd(server: Server, n: int, pages: Callable[[int], list[Page]], end: float, errors: list[str]):
    """`n` visitors, AT_ONCE at a time, each over its own pages and then gone; one after another as they leave."""
    left = asyncio.Queue()
    coming = iter(range(n))

    async def visit(seat: int) -> None:
        first, *more = pages(seat)
        session = Session(server, first, errors, PATIENCE)
        try:
            await session.visit()
            for page in more:
                await session.go(page)
        except (TimeoutError, OSError, WebSocketException) as error:
            errors.append(f"{type(error).__name__}: {error} ({first.path}?{first.query})")
        finally:
            await session.close()

    async def seats() -> None:
        for seat in coming:
            if time.perf_counter() > end:
                return
            await visit(seat)
            left.put_nowait(seat)

    workers = asyncio.gather(*(seats() for _ in range(AT_ONCE)))
    while not workers.done() or not left.empty():
        try:
            await asyncio.wait_for(left.get(), 1.0)
            yield
        except TimeoutError:
            continue
    await workers


def at(path: str, **scene) -> Page:
    return Page(path, query(**scene), "", 0.0)


def trained(seat: int) -> list[Page]:
    return [Page("train", f"task=stories&train_size=large&batch_size=64&train_seed={seat}", "", 0.0)]


async def mixed(server: Server, n: int, end: float, errors: list[str]):
    def walk(seat: int) -> list[Page]:
        paths = WALK if seat % THOROUGH == 0 else (WALK[seat % len(WALK)],)
        return [at(path, model="gpt", seed=seat) for path in paths]

    async for _ in crowd(server, n, walk, end, errors):
        yield
    async for _ in crowd(server, 100, trained, end + 300, errors):
        yield


def visits(name: str, server: Server, n: int, end: float, errors: list[str]) -> AsyncIterator[None]:
    if name == "mix":
        return mixed(server, n, end, errors)
    pages = {
        "seeds": lambda seat: [at("attention", model="gpt", seed=seat)],
        "largest": lambda seat: [at("attention", model="gpt", seed=seat, sentence=SIXTY_FOUR, overrides=LARGEST)],
        "training": trained,
    }[name]
    return crowd(server, n, pages, end, errors)


def small(minutes: float, budget: float) -> Play:
    """The caches alone, in a process of its own."""
    result, began = Play("small", 60_000, budget), time.perf_counter()
    command = [sys.executable, "-c", SMALL, str(60 * minutes)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            done, rss, counted = map(float, line.split())
            result.along.append(rss)
            result.done, result.after, result.counted = int(done), rss, counted
            result.peak = max(result.peak, rss)
    result.errors += [f"exit code {process.returncode}"] if process.returncode else []
    result.seconds = time.perf_counter() - began
    return result


PLAYS = {"seeds": 900, "largest": 60, "small": 60_000, "training": 100, "mix": 2_000}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plays", nargs="+", choices=PLAYS, default=[*PLAYS])
    parser.add_argument("--minutes", type=between(0.1, 240, float), default=10.0, help="of each play, at most")
    parser.add_argument("--visits", type=between(1, 100_000, int), help="instead of a play's own number")
    arguments = parser.parse_args()
    from core.limits import CACHE

    print(machine(), flush=True)
    results, budget = [], CACHE / 1e6
    for name in arguments.plays:
        if name == "small":
            results.append(small(arguments.minutes, budget))
        else:
            result = Play(name, (arguments.visits or PLAYS[name]) + (100 if name == "mix" else 0), budget)
            with serve("run", str(ROOT / "app.py"), folder=ROOT) as server:
                end = time.perf_counter() + 60 * arguments.minutes
                n = arguments.visits or PLAYS[name]
                asyncio.run(play(server, result, visits(name, server, n, end, result.errors)))
            results.append(result)
        print_table(HEADER, [results[-1].row()])
    print_table(HEADER, [result.row() for result in results])
    for result in results:
        if not isnan(result.counted):
            grown = result.along[-1] - result.along[0]
            print(f"{result.name}: RSS grew by {grown:.0f} MB, of which the caches count {result.counted:.0f}")
    print(f"Bars: RSS at most {BAR} MB, and in the second half of a play at most {GROWTH:g} times as much as before")
    errors = [f"{result.name}: {error}" for result in results for error in result.errors]
    return int(bool(print_errors(errors)) or not all(result.kept for result in results))


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(main())
