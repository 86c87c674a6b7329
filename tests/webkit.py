"""Real WebKit, what an iPhone draws with: Debian's WebKitGTK, spoken to in WebDriver (https://www.w3.org/TR/webdriver2).

Its window needs a screen, which Xvfb stands for. To the journeys it is as `tests.firefox.Firefox` is.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chromium import free_port
from tests.firefox import DEEP, KEYS, READY, STARTS, WAIT

NEEDED = ("WebKitWebDriver", "Xvfb")
SCREEN = "1600x1000x24"
# Written by MiniBrowser for each thing that a page says: CONSOLE, who says it, how grave it is, and what.
SAID = re.compile(r"CONSOLE \S+ ERROR (.*)")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # how WebDriver names a reference to one


class Webkit:
    """One tab."""

    def __init__(self, driver: str, log: Path):
        self._driver, self._log, self._read = driver, log, 0
        arguments = ["--automation", "--enable-write-console-messages-to-stdout=true"]
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": {"args": arguments}}}
        self._session = f"/session/{self._ask('POST', '/session', capabilities=wanted)['sessionId']}"
        self._ask("POST", f"{self._session}/timeouts", script=1000 * WAIT, pageLoad=1000 * WAIT)

    def _ask(self, method: str, path: str, **params: Any) -> Any:
        data = json.dumps(params).encode() if method == "POST" else None
        request = urllib.request.Request(self._driver + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=WAIT) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{path}: {error.read().decode('utf-8', 'replace')[:500]}") from None

    @property
    def errors(self) -> list[str]:
        """What pages wrote to their console as errors since these were last cleared."""
        said = SAID.findall(self._log.read_text("utf-8", "replace")[self._read :])
        # As in Firefox, and where a file of Streamlit's is asked for below the page's own address.
        return [one for one in said if "_stcore" not in one and "404 (Not Found)" not in one]

    def clear(self) -> None:
        """Forget those errors."""
        self._read = len(self._log.read_text("utf-8", "replace"))

    def resize(self, width: int, height: int) -> None:
        """The window so that the page is as wide and high as this: from about 450 px on."""
        rectangle = self._ask("GET", f"{self._session}/window/rect")
        frame = [rectangle[side] - self.run(f"inner{side.title()}") for side in ("width", "height")]
        self._ask("POST", f"{self._session}/window/rect", width=width + frame[0], height=height + frame[1])
        self.until(f"innerWidth === {width} && innerHeight === {height}")

    def go(self, address: str) -> None:
        """Open an address, and wait until it is drawn."""
        self._ask("POST", f"{self._session}/url", url=address)
        self.settle()

    def back(self) -> None:
        self._ask("POST", f"{self._session}/back")

    def run(self, script: str) -> Any:
        """What an expression gives, once that is there."""
        waited = "const done = arguments[arguments.length - 1];"
        told = f"{waited} Promise.resolve(eval({json.dumps(script)})).then(done, (error) => done(String(error)))"
        return self._ask("POST", f"{self._session}/execute/async", script=told, args=[])

    def until(self, script: str) -> None:
        """Wait for an expression to be true. Raises TimeoutError naming it."""
        deadline = time.monotonic() + WAIT
        while not self.run(f"Boolean({script})"):
            if time.monotonic() > deadline:
                raise TimeoutError(script)
            time.sleep(0.1)

    def settle(self) -> None:
        self.until(READY)
        self.run(f"{DEEP}, true")
        self.run("window.fibraFigures?.settled?.().then(() => true)")

    def press(self, key: str) -> None:
        """A key, to what has the focus."""
        strokes = [{"type": kind, "value": KEYS.get(key, key)} for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keyboard", "actions": strokes})

    def write(self, text: str) -> None:
        for letter in text:
            self.press(letter)

    def click(self, selector: str) -> None:
        """A click with the mouse in the middle of an element, which is scrolled to."""
        at = f"deep({json.dumps(selector)})"
        self.run(f"{at}.scrollIntoView({{block: 'center'}})")
        box = f"{at}.getBoundingClientRect()"
        x, y = (self.run(f"Math.round({box}.{a} + {box}.{b} / 2)") for a, b in (("x", "width"), ("y", "height")))
        move = {"type": "pointerMove", "x": x, "y": y}
        button = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        self._act({"type": "pointer", "id": "mouse", "actions": [move, *button]})

    def _act(self, source: dict[str, Any]) -> None:
        self._ask("POST", f"{self._session}/actions", actions=[source])

    def shot(self) -> str:
        """What is on screen, as a PNG in base64."""
        return self._ask("GET", f"{self._session}/screenshot")


@contextmanager
def started(folder: Path) -> Iterator[Webkit]:
    """WebKit on a screen of its own. Without it the test is skipped."""
    if not all(map(shutil.which, NEEDED)):
        pytest.skip("WebKitGTK's driver, or Xvfb, is not installed")
    log, screen, port = folder / "log", folder / "screen", free_port()
    with log.open("wb") as out, screen.open("w+b") as number:
        shown = subprocess.Popen(
            ["Xvfb", "-displayfd", str(number.fileno()), "-screen", "0", SCREEN, "-nolisten", "tcp"],
            pass_fds=[number.fileno()],
            stdout=out,
            stderr=out,
        )
        driver = None
        try:
            display = _until(lambda: screen.read_text().strip(), "Xvfb")
            own = {"DISPLAY": f":{display}", "HOME": str(folder), "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}
            driver = subprocess.Popen(
                ["WebKitWebDriver", f"--port={port}"], env=os.environ | own, stdout=out, stderr=out
            )
            address = f"http://127.0.0.1:{port}"
            _until(lambda: _answers(f"{address}/status"), "WebKitWebDriver")
            yield Webkit(address, log)
        finally:
            for process in filter(None, (driver, shown)):
                process.terminate()
                process.wait(20)


def _until(there: Any, what: str) -> Any:
    deadline = time.monotonic() + STARTS
    while not (found := there()):
        assert time.monotonic() < deadline, f"{what} did not start"
        time.sleep(0.1)
    return found


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2):
            return True
    except OSError:
        return False
