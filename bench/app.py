"""From a knob to the finished picture, in headless Chromium.

    python -m bench.app                        # every page, 20 turns each, and the first paint
    python -m bench.app --pages attention fibres --turns 40
    python -m bench.app --only pinned          # the same pages with and without something pinned beside them
    python -m bench.app --only drag            # pictures a second while a knob is dragged

A turn is an arrow key on a slider, or on a number to step; it is timed inside the page, from the keydown to the last
drawing that it causes: a live figure counts its finished drawings in `data-drawn` on its plot, and so does the strip of
the start page. The yardstick is the bare page `plain_app.py` with the same settings, turned in alternation, so that
what else the machine does weighs on both alike. There a turn ends with the first `plotly_afterplot` of the new chart
(Streamlit mounts one for every figure and often draws it twice, but the picture is there). The bytes are those of the
websocket's messages to the browser.

While a knob is dragged, to and fro at twice as many stops a second as pictures are asked for, a picture counts when it
is drawn; the knob counts them itself, and leaves out what was overtaken before.

The first paint (First Contentful Paint) stands beside that of `streamlit hello`, each visit with an empty browser
cache; so does the app's first finished picture.

The exit code is 1 when an exception is on screen, a script fails in the browser or no picture comes; speed is only
reported.
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Error, sync_playwright

from bench import DRAGGED, PAGES, PEER, PLAIN_APP, ROOT, Page, app_script, between, machine, percentile, print_table
from bench._server import Server, serve
from pictures import pages

# Without a graphics card Chromium paints and composes pages by the processor, and only WebGL is computed as if there
# were one. By --use-angle=swiftshader it would do all three so: a page that is dragged takes twice the time.
CHROMIUM_FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-swiftshader",
]
WARM_UP_TURNS = 3
DRAG_SECONDS = 5.0
PINNED_BAR = 2.2
VISITS = 6
QUIET_MS = 300
TIMEOUT_MS = 60_000

# Notes when the last turn began, and the first and last drawing since, by who reports it: `live` or `plotly`. Plotly
# marks its element before it draws, so the listener is there in time for the first drawing.
WATCH = """
window.bench = {};
const drawn = (reporter) => {
  const now = performance.now();
  bench[reporter] = { first: now, ...bench[reporter], last: now };
};
addEventListener("keydown", () => { window.bench = { began: performance.now() }; }, true);
const listening = new WeakSet();
new MutationObserver((records) => {
  for (const { attributeName, target } of records) {
    if (attributeName === "data-drawn") drawn("live");
    else if (target.classList.contains("js-plotly-plot") && !listening.has(target)) {
      listening.add(target);
      target.on("plotly_afterplot", () => drawn("plotly"));
    }
  }
}).observe(document, { subtree: true, attributeFilter: ["data-drawn", "class"] });
"""
SETTLED = """
([reporter, quiet]) => document.querySelector("[data-testid=stException]")
  || bench[reporter] && performance.now() - bench[reporter].last > quiet
  && document.querySelector(".stApp").dataset.testScriptState === "notRunning"
"""
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


@dataclass(frozen=True)
class Signal:
    """How a page tells that its picture is finished: who reports drawings, and whether the `first` or `last` counts."""

    reporter: str
    which: str


LIVE = Signal("live", "last")
PLOTLY = Signal("plotly", "first")


class Tab:
    """A page in a browser window of its own, with an empty cache. `received` counts the bytes of websocket messages."""

    def __init__(self, browser: Browser, server: Server, page: Page, signal: Signal) -> None:
        self.received = 0
        self._signal = signal
        self._heading = ""
        self._errors: list[str] = []
        self._tab = browser.new_page(locale="pt-BR", viewport={"width": 1280, "height": 900})
        self._tab.set_default_timeout(TIMEOUT_MS)
        self._tab.add_init_script(WATCH)
        self._tab.on("pageerror", lambda error: self._errors.append(str(error)))
        self._tab.on("websocket", lambda socket: socket.on("framereceived", self._count))
        self._tab.goto(f"{server.origin}/{page.path}?{page.query}", wait_until="commit")
        knob = self._tab.locator(page.knob_selector)
        self._knob = knob.get_by_role("slider").or_(knob.get_by_role("spinbutton"))

    def __enter__(self) -> Tab:
        return self

    def __exit__(self, *_: object) -> None:
        self._tab.close()

    def first_paint(self) -> float:
        """Milliseconds from the navigation to the First Contentful Paint."""
        self._tab.wait_for_function(FIRST_PAINT, polling=100)
        return self._tab.evaluate(FIRST_PAINT)

    def first_picture(self) -> float:
        """Milliseconds from the navigation to the first finished picture; returns when the page has settled."""
        self._settle()
        return self._tab.evaluate("(reporter) => bench[reporter].first", self._signal.reporter)

    def turn(self) -> float:
        """Move the knob by one stop; milliseconds from the key to the finished picture."""
        self._tab.bring_to_front()
        self._knob.focus()
        self._tab.keyboard.press(self._next_key())
        self._settle()
        return self._tab.evaluate("({ reporter, which }) => bench[reporter][which] - bench.began", vars(self._signal))

    def choose(self, knob: str, option: str) -> float:
        """Choose an option of a list by the keyboard; milliseconds from the key to the last finished picture."""
        self._tab.bring_to_front()
        self._tab.locator(f"[class*='st-key-{knob}'] input").fill(option)
        self._tab.get_by_role("option").first.wait_for()
        self._tab.keyboard.press("Enter")
        self._settle()
        return self._tab.evaluate("(reporter) => bench[reporter].last - bench.began", self._signal.reporter)

    @property
    def query(self) -> str:
        """What the address says."""
        return urlsplit(self._tab.url).query

    def drag(self, seconds: float, hand: float) -> float:
        """Hold the knob and move it to and fro for so long, past `hand` stops a second; the pictures a second that
        follow. The thumb is painted at each stop, and painting weighs without a GPU."""
        box = self._knob.bounding_box()
        left, width, middle = box["x"] + 8, box["width"] - 16, box["y"] + box["height"] / 2
        mouse, pictures = self._tab.mouse, "(knob) => +(knob.dataset.pictures ?? 0)"
        speed = math.pi * hand / self._knob.evaluate("(knob) => +knob.max")  # radians a second
        mouse.move(left + width / 2, middle)
        mouse.down()
        before, start = self._knob.evaluate(pictures), time.perf_counter()
        while (passed := time.perf_counter() - start) < seconds:
            mouse.move(left + width * (0.5 + 0.5 * math.sin(passed * speed)), middle)
        drawn = self._knob.evaluate(pictures) - before
        mouse.up()
        self._settle()
        return drawn / passed

    def _next_key(self) -> str:
        """To the farther end of the slider first, then to and fro: no picture comes again before it must."""
        kind, low, value, high = self._knob.evaluate("(knob) => [knob.type, +knob.min, +knob.value, +knob.max]")
        if kind == "number":
            return "ArrowUp"
        if value in (low, high) or not self._heading:
            self._heading = "ArrowRight" if high - value > value - low else "ArrowLeft"
        return self._heading

    def _settle(self) -> None:
        """Wait for the last drawing. Raises RuntimeError on an exception on screen or in one of the page's scripts."""
        self._tab.wait_for_function(SETTLED, arg=[self._signal.reporter, QUIET_MS], polling=50)
        shown = self._tab.get_by_test_id("stException").all_inner_texts()
        if shown or self._errors:
            raise RuntimeError("; ".join(text.partition("\n")[0] for text in shown + self._errors))

    def _count(self, payload: str | bytes) -> None:
        self.received += len(payload)


def compare(page: Page, turns: int, app: Server, peer: Server, browser: Browser) -> list[str]:
    """Turn the page's knob and the bare page's in alternation; the cells of TURNS after the page's name."""
    times, bare = [], []
    with Tab(browser, app, page, LIVE) as ours, Tab(browser, peer, PEER, PLOTLY) as theirs:
        ours.first_picture()
        theirs.first_picture()
        for _ in range(WARM_UP_TURNS):
            theirs.turn()
            ours.turn()
        received = ours.received
        for _ in range(turns):
            bare.append(theirs.turn())
            times.append(ours.turn())
        kilobytes = (ours.received - received) / turns / 1000
    numbers = [percentile(measured, percent) for measured in (times, bare) for percent in (50, 95)]
    ratios = [numbers[0] / numbers[2], numbers[1] / numbers[3]]
    return [*(f"{number:.0f}" for number in numbers), *(f"{r:.2f}" for r in ratios), f"{page.bar}", f"{kilobytes:.1f}"]


def compare_pinned(page: Page, turns: int, app: Server, browser: Browser) -> list[str]:
    """Turn the page's knob with and without a pin, in alternation; the cells of PINNED after the page's name."""
    pinned = replace(page, query="&".join(filter(None, (page.query, "pin=1&pin.temperature=3"))))
    times: dict[Page, list[float]] = {page: [], pinned: []}
    with Tab(browser, app, page, LIVE) as alone, Tab(browser, app, pinned, LIVE) as beside:
        tabs = {page: alone, pinned: beside}
        for tab in tabs.values():
            tab.first_picture()
        for turn in range(WARM_UP_TURNS + turns):
            for which, tab in tabs.items():
                taken = tab.turn()
                if turn >= WARM_UP_TURNS:
                    times[which].append(taken)
    usual, both = (percentile(measured, 50) for measured in times.values())
    return [f"{usual:.0f}", f"{both:.0f}", f"{both / usual:.2f}", f"{PINNED_BAR}"]


def drag(page: Page, app: Server, browser: Browser) -> list[str]:
    """Drag the page's knob; the cells of DRAGS after the page's name."""
    with Tab(browser, app, page, LIVE) as tab:
        tab.first_picture()
        tab.drag(1.0, 2 * page.bar)
        return [f"{tab.drag(DRAG_SECONDS, 2 * page.bar):.1f}", f"{page.bar}"]


def compare_first_paint(app: Server, hello: Server, browser: Browser) -> list[list[str]]:
    """Visit the app's start page and `streamlit hello` in alternation; the rows of FIRST_PAINTS."""
    start = Page("", "", "", 0.0)
    paints: dict[str, list[float]] = {"streamlit hello": [], "the app": [], "the app, its first picture": []}
    for _ in range(VISITS):
        with Tab(browser, hello, start, LIVE) as tab:
            paints["streamlit hello"].append(tab.first_paint())
        with Tab(browser, app, start, LIVE) as tab:
            paints["the app"].append(tab.first_paint())
            paints["the app, its first picture"].append(tab.first_picture())
    usual = percentile(paints["streamlit hello"], 50)
    return [
        [what, *(f"{percentile(times, percent):.0f}" for percent in (50, 95)), f"{percentile(times, 50) / usual:.2f}"]
        for what, times in paints.items()
    ]


TURNS = ("page", "median ms", "p95 ms", "bare median", "bare p95", "x median", "x p95", "bar", "kB a turn")
PINNED = ("page", "median ms", "with a pin", "x", "bar")
DRAGS = ("page", "pictures a second", "bar, at least")
FIRST_PAINTS = ("first paint", "median ms", "p95 ms", "x median")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", nargs="*", choices=PAGES, default=list(PAGES))
    parser.add_argument("--only", choices=("turns", "pinned", "drag", "paint"), help="one of the four tables")
    parser.add_argument("--turns", type=between(5, 200, int), default=20)
    parser.add_argument("--app", type=app_script, default=ROOT / "app.py", help="another checkout's app.py")
    return parser.parse_args()


@contextmanager
def _noting(what: str, problems: list[str]) -> Iterator[None]:
    """Note why a measurement breaks off, and go on with the next."""
    try:
        yield
    except (RuntimeError, Error) as error:
        problems.append(f"{what}: {str(error).splitlines()[0]}")


def main() -> int:
    """Measure the turns, the cost of a pin, dragged knobs and the first paint, and print a table of each."""
    arguments = _arguments()
    app_run, plain_run = ("run", str(arguments.app)), ("run", str(PLAIN_APP))
    folder = arguments.app.parent
    rows, problems = [], []
    print(machine(), flush=True)
    with sync_playwright() as playwright, serve(*app_run, folder=folder) as app:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        if arguments.only in (None, "turns"):
            with serve(*plain_run, folder=folder) as peer:
                for name in arguments.pages:
                    with _noting(name, problems):
                        rows.append([name, *compare(PAGES[name], arguments.turns, app, peer, browser)])
            print_table(TURNS, rows)
            print("Bars: x median at most as said, and 60 kB a turn on Attention")
        if arguments.only in (None, "pinned"):
            rows = []
            for name in (name for name in arguments.pages if pages.PAGES[name].compares):
                with _noting(f"{name}, pinned", problems):
                    rows.append([name, *compare_pinned(PAGES[name], arguments.turns, app, browser)])
            print_table(PINNED, rows)
        if arguments.only in (None, "drag"):
            rows = []
            for name in filter(DRAGGED.__contains__, arguments.pages):
                with _noting(f"{name}, dragged", problems):
                    rows.append([name, *drag(DRAGGED[name], app, browser)])
            print_table(DRAGS, rows)
        if arguments.only in (None, "paint"):
            with serve("hello", folder=folder) as hello, _noting("first paint", problems):
                print_table(FIRST_PAINTS, compare_first_paint(app, hello, browser))
            print("Bar: 1.3 x for the first paint")
        browser.close()
        problems += [f"in the server's log: {line}" for line in app.tracebacks()]
    for problem in problems:
        print(problem, file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
