"""Sessions that train on the Train page: their tokens a second, what they cost the rest of a class, and their memory.

    python -m bench.train_page                       # 20 sessions train, 20 move knobs on Attention, for 30 s each
    python -m bench.train_page --trainers 1 --pupils 0 --seconds 600
    python -m bench.train_page --leave               # also: what those who left give back to the next class

First one session trains alone, in the sizes of bench.train (4 layers, 4 heads, d 128, 64 tokens, batch 12), beside the
same steps in a plain loop. Then a class moves knobs on Attention, alone and while others train. As in bench.load, one
process speaks what Streamlit's frontend speaks, to a server of its own on loopback; it keeps the timers of `run_every`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import time

from bench import PAGES, ROOT, Page, between, machine, percentile, print_errors, print_table
from bench._server import Server, serve
from bench._session import Session
from bench.load import Classroom, Lesson
from bench.timing import on_threads

BENCH = Page("train", "task=characters&train_size=large&batch_size=12", "knob-learning_rate", 0.0)
COPY = Page("train", "", "knob-learning_rate", 0.0)
ROWS, TOKENS = 12, 64
WARMING, SETTLING = 10, 6  # seconds
FORGOTTEN = 125  # seconds: a session that was closed may come back for two minutes
STATUS = re.compile(r"(?:Step|Passo) ([\d.,]+)")


class Trainer:
    """A session that plays on the Train page."""

    def __init__(self, server: Server, page: Page, errors: list[str]):
        self._session = Session(server, page, errors)

    async def open(self) -> None:
        """Load the page and press play."""
        await self._session.open()
        await self._session.press("train-go")

    @property
    def step(self) -> int:
        """The step that the page names."""
        found = (STATUS.search(text) for text in self._session.texts.values() if "token" in text)
        return max(int(match[1].replace(",", "").replace(".", "")) for match in found if match)

    async def play(self, seconds: float) -> None:
        """Keep the page's timers for so long."""
        end = time.perf_counter() + seconds
        due = dict.fromkeys(self._session.timers, 0.0)
        while due and time.perf_counter() < end:
            fragment = min(due, key=due.__getitem__)
            await asyncio.sleep(max(0.0, due[fragment] - time.perf_counter()))
            due[fragment] = time.perf_counter() + self._session.timers.get(fragment, seconds)
            await self._session.tick(fragment)

    async def close(self) -> None:
        await self._session.close()


async def page_speed(server: Server, seconds: float, errors: list[str]) -> float:
    """Tokens a second of one session that trains alone."""
    trainer = Trainer(server, BENCH, errors)
    await trainer.open()
    await trainer.play(2)
    start, before = time.perf_counter(), trainer.step
    await trainer.play(seconds)
    speed = (trainer.step - before) * ROWS * TOKENS / (time.perf_counter() - start)
    await trainer.close()
    return speed


def plain_speed(seconds: float) -> float:
    """Tokens a second of the same steps in a plain loop."""
    from bench.train import CONFIG, RECIPE
    from core import State, init_params
    from core.tasks import Characters
    from core.tasks.stories import text
    from core.train.loop import train

    task = Characters(text())
    config = CONFIG.replace(vocab_size=task.config.vocab_size)
    steps = train(State.start(init_params(config)), config, lambda step: task.batch(step, ROWS), RECIPE)
    next(steps)
    start, taken = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        next(steps)
        taken += 1
    return taken * ROWS * TOKENS / (time.perf_counter() - start)


async def beside(server: Server, trainers: int, pupils: int, seconds: float, errors: list[str]) -> list[list[str]]:
    """Rows of a table: a class's turns alone, before and after, and between them while others train; and what those
    take and how far they come. The class is at its turns before the clock starts: first turns draw what others find
    drawn, and would make it look slow alone."""
    every = 2.0
    lasting = seconds + every  # the last turns come late
    classroom = Classroom(server, PAGES["attention"], Lesson(pupils, seconds, every, 0.5, False, False))
    await classroom.open()
    await classroom.teach(int(WARMING / every))
    half, whole = int(seconds / 2 / every), int(seconds / every)
    before = server.usage()
    alone = await taught(classroom, half)
    at_rest = server.usage()
    players = [Trainer(server, COPY.seeded(seat), errors) for seat in range(trainers)]
    for player in players:
        await player.open()
    playing = asyncio.gather(*(player.play(SETTLING + lasting) for player in players))
    await asyncio.sleep(SETTLING)  # their timers find their pace
    begun, steps = server.usage(), sum(player.step for player in players)
    times = await taught(classroom, whole)
    await playing
    ended, steps = server.usage(), sum(player.step for player in players) - steps
    for player in players:
        await player.close()
    alone += await taught(classroom, half)
    await classroom.close()
    errors += classroom.tally.errors
    rest, work = 2 * (at_rest.cpu_seconds - before.cpu_seconds), ended.cpu_seconds - begun.cpu_seconds
    memory = (ended.peak_mb - at_rest.peak_mb) / trainers
    return [
        ["alone", *_in_ms(alone), f"{rest / lasting:.2f}", "", ""],
        [
            f"beside {trainers} that train",
            *_in_ms(times),
            *(f"{work / lasting:.2f}", f"{memory:.1f}", f"{steps / lasting:.0f}"),
        ],
    ]


async def taught(classroom: Classroom, turns: int) -> list[float]:
    """The seconds of each of so many turns a pupil."""
    done = len(classroom.tally.seconds)
    await classroom.teach(turns)
    return classroom.tally.seconds[done:]


def _in_ms(times: list[float]) -> list[str]:
    return [f"{1000 * percentile(times, p):.0f}" for p in (50, 95, 100)]


async def leaving(server: Server, trainers: int, seconds: float, errors: list[str]) -> list[str]:
    """The server's peak memory in MB before a class trains, with it, and with the next one: the cells of a row."""
    peaks = [server.usage().peak_mb]
    for _ in range(2):
        players = [Trainer(server, COPY.seeded(seat), errors) for seat in range(trainers)]
        for player in players:
            await player.open()
        await asyncio.gather(*(player.play(seconds) for player in players))
        peaks.append(server.usage().peak_mb)
        for player in players:
            await player.close()
        await asyncio.sleep(FORGOTTEN)
        visitor = Session(server, PAGES["attention"], errors)  # Streamlit forgets when the next one leaves
        await visitor.open()
        await visitor.close()
    return [f"{peak:.0f}" for peak in peaks]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainers", type=between(1, 60, int), default=20)
    parser.add_argument("--pupils", type=between(0, 60, int), default=20)
    parser.add_argument("--seconds", type=between(5, 900, float), default=30.0)
    parser.add_argument("--leave", action="store_true", help="five minutes more")
    arguments = parser.parse_args()
    on_threads(1, "bench.train_page")
    print(machine(), flush=True)
    errors: list[str] = []
    alone = min(arguments.seconds, 20.0)
    with serve("run", str(ROOT / "app.py"), folder=ROOT) as server:
        speeds = [(asyncio.run(page_speed(server, alone / 2, errors)), plain_speed(alone / 2)) for _ in range(2)]
        page, plain = (sum(part) / len(part) for part in zip(*speeds, strict=True))
        print_table(
            ["tokens a second, page", "plain loop", "share"], [[f"{page:.0f}", f"{plain:.0f}", f"{page / plain:.2f}"]]
        )
        work = beside(server, arguments.trainers, arguments.pupils, arguments.seconds, errors)
        header = ["knobs on Attention", "p50 ms", "p95 ms", "max ms", "cores", "MB a run", "steps a second"]
        print_table(header, asyncio.run(work))
        errors += server.tracebacks()
    if arguments.leave:
        with serve("run", str(ROOT / "app.py"), folder=ROOT) as server:
            cells = asyncio.run(leaving(server, arguments.trainers, arguments.seconds, errors))
            print_table(["peak MB before", f"while {arguments.trainers} train", "while the next class trains"], [cells])
            errors += server.tracebacks()
    print("Bars: 0.70 of the plain loop; p95 at most 3 x without training; 150 MB a session")
    return print_errors(errors)


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(main())
