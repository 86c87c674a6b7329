"""Real models on a server: how long until the first picture of one that was just chosen, and what its readers take.

    python -m bench.real FOLDER                 # every model below it, a Hugging Face folder or a GGUF file
    python -m bench.real FOLDER --page heads --readers 30

Each model has a server of its own, which has shown the penguins and nothing else. A reader there chooses the model; the
time is that of a new tab of headless Chromium, from the address to the first finished picture, beside the same of
*stories* on that server just before. Then readers come, one after another, each with a sentence of its own; they go
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
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Error, sync_playwright
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
HEADER = ("model", "stories s", "first picture s", "file MB", "RSS: one", "readers", "peak")
HEADER += ("readers - file", "peak - file")


def choose(server: Server, card: Card, path: str) -> list[float]:
    """Seconds from the address to the first finished picture: of the penguins on Start, which opens the server; of
    *stories* on a page, and there of a model that nobody has opened."""
    start = Page("", "", "", 0.0)
    pages = [start, *(Page(path, urlencode({"model": model}), "", 0.0) for model in ("stories", card.name))]
    times = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        for page in pages:
            with Tab(browser, server, page, LIVE) as tab:
                times.append(tab.first_picture() / 1000)
        browser.close()
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
    """The cells of a model's row, on a server of its own."""
    with serve("run", str(ROOT / "app.py"), folder=ROOT) as server:
        _, stories, chosen = choose(server, card, arguments.page)
        one = server.resident_mb()
        many = asyncio.run(read(server, card, arguments.readers, errors))
        peak = server.usage().peak_mb
        errors += [f"in the server's log: {line}" for line in server.tracebacks()]
    size = card.size / 1e6
    numbers = (size, one, many, peak, many - size, peak - size)
    return [card.title, f"{stories:.1f}", f"{chosen:.1f}", *(f"{number:.0f}" for number in numbers)]


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
