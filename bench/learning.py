"""From play to what was to be learned, on the Train page in headless Chromium.

    python -m bench.learning

A reader opens the page in English and presses play; it is timed until the page says that 99 % of the held-out answers
are right, or that an induction head has appeared. Nothing else is turned: these are the runs that a class sees first.
"""

from __future__ import annotations

import re
import shutil
import sys
import time

from playwright.sync_api import Browser, sync_playwright

from bench import ROOT, machine, print_table
from bench._server import Server, serve
from bench.app import CHROMIUM_FLAGS

# task, what the page says, and the bar in seconds
LESSONS = {
    "copy at 99 %": ("copy", r"(99\.\d|100\.0)% of the held-out answers are right", 20),
    "the induction head": ("repeat", "The induction head appeared by step", 180),
}
PATIENCE = 300_000  # ms
PACES = ("steady", "full")  # the page opens on the first


def seconds_until(task: str, sentence: str, pace: str, server: Server, browser: Browser) -> float:
    """Open the page, press play; the seconds until it says the sentence."""
    with browser.new_context(locale="en-US", viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{server.origin}/train?task={task}&lang=en")
        page.locator("[data-figure=train-loss] [data-drawn]").wait_for()
        page.locator(f"[class*='st-key-knob-train_pace'] button:has-text('{pace}')").click()
        began = time.perf_counter()
        page.locator(".st-key-train-go button").click()
        page.get_by_text(re.compile(sentence)).first.wait_for()
        return time.perf_counter() - began


def main() -> int:
    """Time each lesson at each pace, and print a table."""
    print(machine(), flush=True)
    rows = []
    with sync_playwright() as playwright, serve("run", str(ROOT / "app.py"), folder=ROOT) as server:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        for what, (task, sentence, bar) in LESSONS.items():
            times = [seconds_until(task, sentence, pace, server, browser) for pace in PACES]
            rows.append([what, *(f"{seconds:.1f}" for seconds in times), f"{bar}"])
        browser.close()
        problems = server.tracebacks()
    print_table(["seconds from play to", *PACES, "bar, at most"], rows)
    for problem in problems:
        print(problem, file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
