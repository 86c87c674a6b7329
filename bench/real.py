"""Real models on a server: how long until the first picture of one that was just chosen, and what its readers take.

    python -m bench.real FOLDER                 # every model below it, a Hugging Face folder or a GGUF file
    python -m bench.real FOLDER --page heads --readers 30

Each model has a server of its own, which has shown *stories* and the penguins and nothing else. A reader who has a page
open there chooses the model in the sidebar; the time is that of headless Chromium, from the key until all pictures of
the page are the new model's. On another server, which has not seen the model either, its address is opened in a new
tab: until the first picture, beside the same of *stories* just before, for most of that is the tab's own beginning.
Then readers come, one after another, each with a sentence of its own; they go
through the pages and stay. Of the server's memory counts what it takes beside the model's file, which is mapped, and
which all readers share. The peak is that of any moment.

The exit code is 1 when an exception is on screen or no picture comes; speed and memory are only reported.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, Error, sync_playwright
from websockets.exceptions import WebSocketException

from bench import ROOT, Page, between, machine, print_errors, print_table
from bench._server import Server, serve
from bench._session import Session
from bench.app import CHROMIUM_FLAGS, LIVE, Tab
from core.library import Library
from core.weights.card import Card

WALK = ("start", "attention", "heads", "reading", "fibres", "drift", "block", "generate")
TEXT = "the old keeper of the lighthouse walked along the shore and counted the ships that passed before noon"
PATIENCE = 120  # seconds
HEADER = ("model", "chosen s", "new tab: stories s", "the model s", "file MB", "RSS: one", "readers", "peak")
HEADER += ("readers - file", "peak - file")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


def choose(server: Server, card: Card, path: str) -> float:
    """Seconds from the choice of a model that nobody has opened, in a tab that shows *stories*, to its last picture."""
    with chromium() as browser, Tab(browser, server, Page(path, "model=stories", "", 0.0), LIVE) as tab:
        tab.first_picture()
        seconds = tab.choose("knob-model", card.title) / 1000
        if card.name not in tab.query:
            raise RuntimeError(f"was not chosen; the address says {tab.query}")
        return seconds


def open_tabs(server: Server, card: Card, path: str) -> list[float]:
    """Seconds from the address to the first finished picture: of the penguins on Start, which opens the server; of
    *stories* on a page, and there of a model that nobody has opened."""
    start = Page("", "", "", 0.0)
    pages = [start, *(Page(path, urlencode({"model": model}), "", 0.0) for model in ("stories", card.name))]
    times = []
    with chromium() as browser:
        for page in pages:
            with Tab(browser, server, page, LIVE) as tab:
                times.append(tab.first_picture() / 1000)
    return times


async def read(server: Server, card: Card, readers: int, errors: list[str]) -> float:
    """Readers come one after another and stay, each through the pages with a sentence of its own; MB of the server's
    memory while all are there."""

    def page(name: str, reader: int) -> Page:
        sentence = " ".join(TEXT.split()[reader % 4 :][: 6 + reader])
        return Page(name, urlencode({"model": card.name, "sentence": sentence}), "", 0.0)

    there: list[Session] = []
    try:
        for reader in range(readers):
            there.append(Session(server, page(WALK[0], reader), errors, PATIENCE))
            await there[-1].visit()
            for name in WALK[1:]:
                await there[-1].go(page(name, reader))
    except (TimeoutError, OSError, WebSocketException) as error:
        errors.append(f"{type(error).__name__}: {error}")
    resident = server.resident_mb()
    for session in there:
        await session.close()
    return resident


def measure(card: Card, arguments: argparse.Namespace, errors: list[str]) -> list[str]:
    """The cells of a model's row, on servers of its own."""
    with serve("run", str(ROOT / "app.py"), folder=ROOT) as server:
        _, stories, opened = open_tabs(server, card, arguments.page)
    with serve("run", str(ROOT / "app.py"), folder=ROOT) as server:
        chosen = choose(server, card, arguments.page)
        one = server.resident_mb()
        many = asyncio.run(read(server, card, arguments.readers, errors))
        peak = server.usage().peak_mb
        errors += [f"in the server's log: {line}" for line in server.tracebacks()]
    size = card.size / 1e6
    numbers = (size, one, many, peak, many - size, peak - size)
    return [card.title, f"{chosen:.1f}", f"{stories:.1f}", f"{opened:.1f}", *(f"{number:.0f}" for number in numbers)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the models lie below it")
    parser.add_argument("--page", default="attention", help="where the model is chosen")
    parser.add_argument("--readers", type=between(1, 100, int), default=10)
    return parser.parse_args()


def main() -> int:
    """Measure every model below a folder, and print a table of them."""
    arguments = _arguments()
    os.environ["FIBRA_MODELS"] = str(arguments.folder.resolve())
    cards = [card for card in Library(arguments.folder).cards() if not card.problem]
    rows, errors = [], [] if cards else [f"{arguments.folder}: no model lies there that can be read"]
    print(machine(), flush=True)
    for card in cards:
        try:
            rows.append(measure(card, arguments, errors))
        except (RuntimeError, Error) as error:
            errors.append(f"{card.title}: {str(error).splitlines()[0]}")
    print_table(HEADER, rows)
    return print_errors(errors)


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(main())
