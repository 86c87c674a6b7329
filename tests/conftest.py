"""What all tests share: hypothesis' settings, a served app, and a watched browser."""

from __future__ import annotations

import gc
import os
import re
import shutil
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from playwright.sync_api import (
    BrowserContext,
    BrowserType,
    ConsoleMessage,
    Error,
    Frame,
    Page,
    Request,
    ViewportSize,
    sync_playwright,
)

from tests import quick, workers
from tests.chromium import ARGUMENTS, STILL, WAIT, WIRE, executable, go_to, serve, settled

# No deadline: a shared machine stalls now and then, and how fast the code is, bench/ measures. The same examples every
# time, so that a failure is of the change at hand; `--hypothesis-profile=wild` looks further.
settings.register_profile("fibra", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("wild", deadline=None, max_examples=1000)
settings.load_profile("fibra")

# AppTest can't run a component: there Streamlit's own sliders stand in. The served app has the real ones.
os.environ["FIBRA_PLAIN_SLIDERS"] = "1"
quick.share()


def pytest_collection_finish() -> None:
    """Eight thousand tests and all that they import stay to the end: the collector need not go through them again."""
    gc.collect()
    gc.freeze()


pytest_collection_modifyitems = workers.longest_first
pytest_xdist_make_scheduler = workers.scheduler


@pytest.fixture(scope="session")
def app() -> Iterator[str]:
    """The address of the app, served for the whole test run."""
    with serve() as address:
        yield address


class Readers:
    """Readers to be borrowed, one after the other the same: tabs of headless Chromium.

    Each keeps what it has fetched and compiled of Streamlit and Plotly, and forgets all that an app has told it. What
    was compiled Chromium keeps only in a profile on the disk, and it is half of what opening a page takes. So each
    reader has a profile, and a browser: a copy of one that has seen this app.
    """

    def __init__(self, chromium: BrowserType, profiles: Path, app: str):
        self._chromium, self._profiles, self._app = chromium, profiles, app
        self._homes: list[BrowserContext] = []
        self._free: dict[str, list[BrowserContext]] = {}
        self._kinds: dict[BrowserContext, str] = {}

    def _at_home(self, **options: Any) -> BrowserContext:
        """A reader with a profile."""
        profile = self._profiles / str(len(self._homes))
        shutil.copytree(self._lived_in, profile, symlinks=True)
        home = self._launched(profile, **options)
        self._homes.append(home)
        return home

    def _launched(self, profile: Path, **options: Any) -> BrowserContext:
        home = self._chromium.launch_persistent_context(
            profile, executable_path=executable(), args=ARGUMENTS, **options
        )
        home.pages[0].close()
        home.add_init_script(WIRE + STILL)
        return home

    @cached_property
    def _lived_in(self) -> Path:
        """A profile that has seen a page twice: what comes a second time is kept compiled."""
        profile = self._profiles / "lived_in"
        home = self._launched(profile)
        for _ in range(2):
            tab = home.new_page()
            tab.set_default_timeout(WAIT)
            tab.goto(f"{self._app}/attention")
            tab.wait_for_selector("h1.fibra-title")
            settled(tab)
            tab.evaluate("localStorage.clear(), sessionStorage.clear()")
            tab.close()
        home.clear_cookies()
        home.close()
        return profile

    def close(self) -> None:
        for home in self._homes:
            home.close()

    def borrow(self, at: str = "", **options: Any) -> BrowserContext:
        """A reader with these options of a context, whom nobody else has now: one with a tab `at` this app, if any.

        To load Streamlit and Plotly takes a tab three times as long as to go from one page of the app to another.
        """
        kind = repr(sorted(options.items()))
        free = self._free.setdefault(kind, [])
        free.sort(key=lambda context: bool(context.pages) and bool(at) and context.pages[0].url.startswith(at))
        if free and (at or not free[0].pages):
            return free.pop() if at else free.pop(0)
        context = self._at_home(**options)
        self._kinds[context] = kind
        return context

    def give_back(self, context: BrowserContext, left: Page | None = None) -> None:
        """Of its tabs only `left` stays open, for the next one to go on from."""
        for page in context.pages:
            if page.url.startswith("http"):
                page.evaluate("localStorage.clear(), sessionStorage.clear()")
            if page is not left:
                page.close()
        context.clear_cookies()
        context.clear_permissions()
        self._free.setdefault(self._kinds[context], []).append(context)


@pytest.fixture(scope="session")
def readers(app: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readers]:
    with sync_playwright() as playwright:
        readers = Readers(playwright.chromium, tmp_path_factory.mktemp("profiles"), app)
        yield readers
        readers.close()


# Pages that go on by themselves in a tab that nobody looks at. And that whose run a session keeps, and comes back to
# where an address says nothing of a run.
BUSY = re.compile(r"/(generate|translate|round|challenges|lessons)\b")
KEPT = re.compile(r"/train\b")


class Watched:
    """Opens tabs, and remembers whatever went wrong in any of them."""

    def __init__(self, readers: Readers):
        self._readers = readers
        self._contexts: list[BrowserContext] = []
        self._led: list[Page] = []
        self._marked: set[Page] = set()
        self._size: ViewportSize = {"width": 1440, "height": 900}
        self.errors: list[str] = []

    def tab(self, width: int = 1440, height: int = 900, **options: Any) -> Page:
        """A tab of a new reader."""
        self._contexts.append(self._readers.borrow(**options))
        self._size = {"width": width, "height": height}
        return self.again()

    def at(self, app: str, path: str, width: int = 1440, height: int = 900, **options: Any) -> Page:
        """A tab on this path of the app; maybe one that another test has left there, led on as by Back and Forward.

        For tests of what a page shows and does, not of how it is opened first; nor for what stays in a tab.
        """
        context = self._readers.borrow(at=app, **options)
        self._contexts.append(context)
        self._size = {"width": width, "height": height}
        page = self.again() if not context.pages else self._heard_from(context.pages[0])
        self._led.append(page)
        if page.url.startswith(app) and page.url != app + path:
            page.mouse.move(0, 0)
            if page.get_by_test_id("stPopoverBody").count():  # it would lie over the next page too
                page.keyboard.press("Escape")
            asked = page.evaluate("fibraWire.asked")
            go_to(page, app + path)
            page.wait_for_function("(before) => fibraWire.asked > before", arg=asked)
            settled(page)
        else:
            page.goto(app + path)
        return page

    @property
    def open(self) -> list[Page]:
        return [page for context in self._contexts for page in context.pages]

    def again(self) -> Page:
        """One more tab of the same reader."""
        return self._heard_from(self._contexts[-1].new_page())

    def _heard_from(self, page: Page) -> Page:
        page.set_viewport_size(self._size)
        page.set_default_timeout(WAIT)
        for event, hear in self._ears:
            page.on(event, hear)
        return page

    @property
    def _ears(self) -> list[tuple[Any, Any]]:
        heard = [("console", self._heard), ("pageerror", self._thrown), ("requestfailed", self._failed)]
        return [*heard, ("framenavigated", self._been)]

    def _been(self, frame: Frame) -> None:
        if KEPT.search(frame.url):
            self._marked.add(frame.page)

    def _thrown(self, error: Error) -> None:
        self.errors.append(f"page: {error}")

    def _failed(self, request: Request) -> None:
        if "://127." not in request.url:  # what a closed page no longer waits for is no failure
            self.errors.append(f"request: {request.url}")

    def _heard(self, message: ConsoleMessage) -> None:
        # Opened on a page's own address, Streamlit first looks for its server below that page, and finds none there.
        searching = message.location["url"].endswith(("/_stcore/health", "/_stcore/host-config"))
        said = message.text.startswith("The page that you have requested does not seem to exist")  # as our notice says
        if message.type == "error" and not searching and not said:
            self.errors.append(f"console: {message.text}")

    def close(self) -> None:
        for context in self._contexts:
            for page in context.pages:
                traces = page.locator("[data-testid=stException]")
                self.errors += [f"traceback: {traces.nth(i).inner_text()[:300]}" for i in range(traces.count())]
            left = next((page for page in self._led if page.context is context and not page.is_closed()), None)
            if left and (self.errors or BUSY.search(left.url) or left in self._marked):
                left = None
            for event, hear in self._ears if left else []:
                left.remove_listener(event, hear)
            self._readers.give_back(context, left)
        self._contexts, self._led, self._marked = [], [], set()


@pytest.fixture
def watched(readers: Readers) -> Iterator[Watched]:
    """Tabs whose console errors, failed requests and tracebacks on screen fail the test."""
    tabs = Watched(readers)
    yield tabs
    tabs.close()
    assert not tabs.errors, tabs.errors


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if report.skipped and item.get_closest_marker("browser") and os.environ.get("FIBRA_REQUIRE_BROWSER"):
        report.outcome, report.longrepr = "failed", f"skipped: {report.longrepr}"
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="module")
def _in_turn(readers: Readers) -> Iterator[Watched]:
    tabs = Watched(readers)
    yield tabs
    tabs.close()
    assert not tabs.errors, tabs.errors


@pytest.fixture
def in_turn(_in_turn: Watched, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A watched tab that the tests of a module have in turn, as it was left; after one that failed, a new one."""
    tab = _in_turn.open[0] if _in_turn.open else _in_turn.tab()
    yield tab
    errors, _in_turn.errors = _in_turn.errors, []
    if errors or request.node.stash.get(FAILED, False):
        _in_turn.close()
    assert not errors, errors
