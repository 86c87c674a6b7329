"""The largest model, page by page: how long a turn takes the server, its processor time and its bytes; and what another
reader's knob on Attention feels of it.

    python -m bench.largest                    # 12 layers, 16 heads, d 256, 64 tokens: each page, 5 turns
    python -m bench.largest --turns 3 --pages heads fibres

One reader turns the seed of the largest model, so that nothing comes from a cache, as fast as the server answers.
Meanwhile another turns the temperature of a small model on Attention, twice a second. As in bench.load, this process
speaks what Streamlit's frontend speaks; the processor time is the server's own, the other reader's turns included.

The exit code is 1 when a reader was shown an exception or got no answer; speed is only reported.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from contextlib import suppress

from bench import LONG, PAGES, ROOT, Page, app_script, between, machine, percentile, print_errors, print_table, query
from bench._server import Server, serve
from bench._session import Session

LARGEST = (("d_mlp", 1024), ("d_model", 256), ("n_heads", 16), ("n_layers", 12))
SIXTY_FOUR = " ".join(f"{LONG} {LONG}".split()[:64])
PATHS = ("", "attention", "heads", "reading", "fibres", "drift", "block", "generate")
PATIENCE = 120  # seconds: on a busy machine the largest takes a while
BESIDE = 0.5  # seconds between two turns of the other reader
HEADER = ("page", "median ms", "max ms", "CPU s a turn", "kB a turn", "another's knob p50 ms", "p95 ms")


async def measure(path: str, turns: int, server: Server, errors: list[str]) -> list[str]:
    """One page; the cells of its row."""
    seconds: list[float] = []
    sizes: list[int] = []
    beside: list[float] = []
    other = Session(server, PAGES["attention"], errors, PATIENCE)
    await other.open()
    alone = asyncio.create_task(_turn(other, beside))
    large = Session(server, _page(path, 1), errors, PATIENCE)
    await large.visit()
    before = server.usage().cpu_seconds
    for seed in range(2, turns + 2):
        began, received = time.perf_counter(), large.received
        await large.go(_page(path, seed))
        seconds.append(time.perf_counter() - began)
        sizes.append(large.received - received)
    spent = server.usage().cpu_seconds - before
    alone.cancel()
    with suppress(asyncio.CancelledError):
        await alone
    await large.close()
    await other.close()
    times = [f"{1000 * percentile(seconds, percent):.0f}" for percent in (50, 100)]
    felt = [f"{1000 * percentile(beside, percent):.0f}" for percent in (50, 95)]
    return [path or "start", *times, f"{spent / turns:.2f}", f"{percentile(sizes, 50) / 1000:.0f}", *felt]


def _page(path: str, seed: int) -> Page:
    scene = query(model="gpt", sentence=SIXTY_FOUR, overrides=LARGEST, seed=seed, threshold=0.02)
    return Page(path, scene, "knob-seed", 0.0)


async def _turn(other: Session, beside: list[float]) -> None:
    """Turn a small model's temperature for as long as the large one is looked at."""
    chance = random.Random(0)
    while True:
        began = time.perf_counter()
        await other.turn(chance.choice([stop for stop in other.stops if stop != other.value]))
        beside.append(time.perf_counter() - began)
        await asyncio.sleep(max(0.0, began + BESIDE - time.perf_counter()))


def main() -> int:
    """Measure page by page, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", nargs="*", choices=[path or "start" for path in PATHS], default=[])
    parser.add_argument("--turns", type=between(1, 50, int), default=5)
    parser.add_argument("--app", type=app_script, default=ROOT / "app.py", help="another checkout's app.py")
    arguments = parser.parse_args()
    print(machine(), flush=True)
    rows, errors = [], []
    with serve("run", str(arguments.app), folder=arguments.app.parent) as server:
        for path in PATHS:
            if not arguments.pages or (path or "start") in arguments.pages:
                rows.append(asyncio.run(measure(path, arguments.turns, server, errors)))
                print(" ".join(rows[-1]), file=sys.stderr, flush=True)
        errors += [f"in the server's log: {line}" for line in server.tracebacks()]
    print_table(HEADER, rows)
    print("Bars: no turn above 1.5 s or 1.5 MB; another's knob on Attention p95 250 ms")
    return print_errors(errors)


if __name__ == "__main__":
    sys.exit(main())
