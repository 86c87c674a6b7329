"""What an open explanation costs: a page's turns with a number explained beside the same turns without, on the wire.

    python -m bench.explained                        # every page of the table, 30 turns each
    python -m bench.explained --pages heads drift --turns 60

Three tabs turn the page's knob in alternation, each with a seed of its own, so that no picture of one is another's: the
bare page, one with a number explained, and one with a number on its way explained, one level further. A turn is timed
from what the frontend sends to the end of the run: what the server does, and the sending. The bar is 1.2 times the bare
page's turn, for both. Like every bench it fails on errors only.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from dataclasses import replace

from bench import LONG, PAGES, ROOT, Page, between, machine, percentile, print_table, query
from bench._server import Server, serve
from bench._session import Session

BAR = 1.2
WARM_UP_TURNS = 3
BACKWARD = Page("backward", query(model="gpt"), "knob-learning_rate", BAR)
READING = Page("reading", query(model="gpt", sentence=LONG), "knob-threshold", BAR)
BLOCK = Page("block", query(model="gpt"), "knob-seed", BAR)
SHOWN = {  # page -> what is explained on it, and a number that it is made of
    "start": (PAGES["start"], "logits:3.5", "ln_final.out:3.7"),
    "attention": (PAGES["attention"], "blocks.0.attn.pattern:0.3.1", "blocks.0.attn.scores_masked:0.3.1"),
    "heads": (PAGES["heads"], "blocks.11.attn.pattern:3.20.4", "blocks.11.attn.scores_masked:3.20.4"),
    "reading": (READING, "rolled.blocks.1.attn.pattern:9.3", "blocks.1.attn.pattern:2.9.3"),
    "fibres": (PAGES["fibres"], "blocks.1.attn.pattern:2.9.3", "blocks.1.attn.scores_masked:2.9.3"),
    "drift": (PAGES["drift"], "drift.blocks.1.resid_post:2.0", "blocks.1.resid_post:2.3"),
    "block": (BLOCK, "blocks.0.mlp.post:2.7", "blocks.0.mlp.pre:2.7"),
    "backward": (BACKWARD, "grad.blocks.1.resid_pre:2.5", "grad.blocks.1.ln1.out:2.5"),
}


def explaining(page: Page, *way: str) -> Page:
    """The same page with these numbers on the way to the one that is explained."""
    return replace(page, query="&".join(filter(None, (page.query, f"explained={','.join(way)}"))))


async def compare(name: str, turns: int, server: Server, errors: list[str]) -> list[str]:
    """The cells of TURNS after the page's name."""
    page, number, below = SHOWN[name]
    pages = (page, explaining(page, number), explaining(page, number, below))
    sessions = [Session(server, one.seeded(100 + seed), errors) for seed, one in enumerate(pages)]
    times: list[list[float]] = [[] for _ in sessions]
    for session in sessions:
        await session.open()
    for turn in range(WARM_UP_TURNS + turns):
        for i in random.sample(range(len(sessions)), len(sessions)):
            stops = sessions[i].stops
            # Where the seed itself is turned, each tab has stops of its own; of few stops some come again.
            place = (turn + 1 + (i * len(stops) // len(sessions) if page.knob == "knob-seed" else 0)) % len(stops)
            began = time.perf_counter()
            await sessions[i].turn(stops[place])
            if turn >= WARM_UP_TURNS:
                times[i].append(1000 * (time.perf_counter() - began))
    for session, one in zip(sessions, pages, strict=True):
        if ("explained=" in one.query) != ("explained=" in session.query):
            errors.append(f"{name}: the address lost what is explained")
        await session.close()
    bare, first, second = (percentile(own, 50) for own in times)
    return [f"{bare:.0f}", f"{first:.0f}", f"{first / bare:.2f}", f"{second:.0f}", f"{second / bare:.2f}", f"{BAR}"]


TURNS = ("page", "median ms", "explained", "x", "one level more", "x", "bar")


def main() -> int:
    """Measure the pages and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", nargs="*", choices=SHOWN, default=list(SHOWN))
    parser.add_argument("--turns", type=between(5, 200, int), default=30)
    arguments = parser.parse_args()
    errors: list[str] = []
    rows = []
    print(machine(), flush=True)
    with serve("run", str(ROOT / "app.py"), folder=ROOT) as server:
        for name in arguments.pages:
            rows.append([name, *asyncio.run(compare(name, arguments.turns, server, errors))])
        errors += [f"in the server's log: {line}" for line in server.tracebacks()]
    print_table(TURNS, rows)
    for error in errors:
        print(error, file=sys.stderr)
    return int(bool(errors))


if __name__ == "__main__":
    sys.exit(main())
