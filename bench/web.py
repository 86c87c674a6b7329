"""The app without a server: what a first visit fetches, how long it takes, and what a turn and the tab cost.

    python -m bench.web                  # dist/web, as `make web` builds it
    python -m bench.web --folder /tmp/web --turns 40

A visit is timed from the navigation to the first finished picture: the first with an empty cache, the later ones in the
same browser without a network. What a first visit fetches until then is counted as a host sends it, gzipped. A knob's
turns alternate with those of the app that a server runs, as in bench.app. The tab's memory is its process's own share
(PSS) after the turns. All of it is compute: on a busy machine only the ratio means something.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

from playwright.sync_api import Browser, sync_playwright

from bench import ROOT, Page, between, machine, percentile, print_table
from bench._server import serve
from bench.app import LIVE, WARM_UP_TURNS, Tab
from deploy.web.serve import hosted
from tests.chromium import ARGUMENTS, executable

GPT = Page("attention", "model=gpt&lang=en", "knob-seed", 2.0)
PATIENCE = 240_000  # ms
VISITS = 3  # later ones
FIGURES = ("of the app without a server", "here", "bar, at most")


def visits(browser: Browser, origin: str, folder: Path) -> list[list[str]]:
    """A first visit and later ones: rows of FIGURES."""
    fetched: set[str] = set()
    with browser.new_context(locale="en", viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: fetched.add(urlsplit(request.url).path[1:]))

        def seconds(visit: str) -> float:
            began = time.perf_counter()
            page.goto(f"{origin}/{GPT.path}?{GPT.query}") if visit == "first" else page.reload()
            page.wait_for_selector("[data-drawn]")
            return time.perf_counter() - began

        first = seconds("first")
        files = [folder / name for name in fetched if (folder / name).is_file()] + [folder / "404.html"]
        size = sum(len(gzip.compress(file.read_bytes())) for file in files)
        page.wait_for_function("window.fibraKept === 'kept'")
        context.set_offline(True)
        later = [seconds("later") for _ in range(VISITS)]
    return [
        ["MB of a first visit, gzipped", f"{size / 1e6:.1f}", "18"],
        ["seconds of a first visit", f"{first:.1f}", "15"],
        ["seconds of a later one, offline", f"{percentile(later, 50):.1f}", "10"],
    ]


def turns(browser: Browser, origin: str, number: int) -> list[list[str]]:
    """Turns of a knob, in alternation with a server's, and the tab's memory: rows of FIGURES."""
    with serve("run", str(ROOT / "app.py"), folder=ROOT) as app:
        here = SimpleNamespace(origin=origin)
        with Tab(browser, here, GPT, LIVE) as alone, Tab(browser, app, GPT, LIVE) as served:  # type: ignore[arg-type]
            times: dict[Tab, list[float]] = {alone: [], served: []}
            for tab in times:
                tab.first_picture()
            for turn in range(WARM_UP_TURNS + number):
                for tab, taken in times.items():
                    ms = tab.turn()
                    if turn >= WARM_UP_TURNS:
                        taken.append(ms)
            memory = max(map(share_mb, renderers(browser)))
    ours, theirs = (percentile(taken, 50) for taken in times.values())
    return [
        ["ms of a turn", f"{ours:.0f}", ""],
        ["x a served one's", f"{ours / theirs:.2f}", f"{GPT.bar}"],
        [f"MB of the tab, after {WARM_UP_TURNS + number} turns", f"{memory:.0f}", "700"],
    ]


def renderers(browser: Browser) -> list[int]:
    """The processes of the browser's tabs."""
    told = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    return [process["id"] for process in told["processInfo"] if process["type"] == "renderer"]


def share_mb(pid: int) -> float:
    """The memory of a process, of what it shares with others its share."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / "dist" / "web")
    parser.add_argument("--turns", type=between(5, 300, int), default=20)
    asked = parser.parse_args()
    if not (asked.folder / "sw.js").is_file():
        parser.error(f"{asked.folder} is not built: make web")
    print(machine(), flush=True)
    with sync_playwright() as playwright, hosted(asked.folder) as origin:
        browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        print_table(FIGURES, visits(browser, origin, asked.folder))
        print_table(FIGURES, turns(browser, origin, asked.turns))
        browser.close()
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(main())
