"""Real WebKit, what an iPhone draws with: Debian's WebKitGTK, spoken to in WebDriver (https://www.w3.org/TR/webdriver2).

Its window needs a screen, for which Xvfb stands.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chromium import free_port
from tests.tab import WAIT, Tab, begun

NEEDED = ("WebKitWebDriver", "Xvfb")
SCREEN = "1600x1000x24"
# Notes what a page says to its console as errors, and what nobody caught, from its load on: WebDriver tells of neither.
HEARD = """window.fibraErrors ??= (() => {
  const heard = [], { error } = console;
  console.error = (...said) => {
    heard.push(said.map(String).join(" "));
    error.apply(console, said);
  };
  addEventListener("error", ({ message }) => heard.push(String(message)));
  addEventListener("unhandledrejection", ({ reason }) => heard.push(String(reason)));
  return heard;
})(), true"""


class Webkit(Tab):
    """One tab."""

    def __init__(self, driver: str):
        self._driver = driver
        self._session = f"/session/{self._ask('POST', '/session', capabilities={})['sessionId']}"
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
        return json.loads(self.run("JSON.stringify(window.fibraErrors ?? [])"))

    def clear(self) -> None:
        self.run("window.fibraErrors?.splice(0), true")

    def resize(self, width: int, height: int) -> None:
        """The window so that the page is as wide and high as this: from about 450 px on."""
        rectangle = self._ask("GET", f"{self._session}/window/rect")
        frame = [rectangle[side] - self.run(f"inner{side.title()}") for side in ("width", "height")]
        self._ask("POST", f"{self._session}/window/rect", width=width + frame[0], height=height + frame[1])
        self.until(f"innerWidth === {width} && innerHeight === {height}")

    def go(self, address: str) -> None:
        """Open an address, and wait until it is drawn."""
        self._ask("POST", f"{self._session}/url", url=address)
        self.run(HEARD)
        self.settle()

    def back(self) -> None:
        self._ask("POST", f"{self._session}/back")

    def run(self, script: str) -> Any:
        """What an expression gives, once that is there."""
        waited = "const done = arguments[arguments.length - 1];"
        told = f"{waited} Promise.resolve(eval({json.dumps(script)})).then(done, (error) => done(String(error)))"
        return self._ask("POST", f"{self._session}/execute/async", script=told, args=[])

    def _act(self, source: dict[str, Any]) -> None:
        self._ask("POST", f"{self._session}/actions", actions=[source])


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
            display = begun(lambda: screen.read_text().strip(), "Xvfb")
            own = {"DISPLAY": f":{display}", "HOME": str(folder), "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}
            driver = subprocess.Popen(
                ["WebKitWebDriver", f"--port={port}"], env=os.environ | own, stdout=out, stderr=out
            )
            address = f"http://127.0.0.1:{port}"
            begun(lambda: _answers(f"{address}/status"), "WebKitWebDriver")
            yield Webkit(address)
        finally:
            for process in filter(None, (driver, shown)):
                process.terminate()
                process.wait(20)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2):
            return True
    except OSError:
        return False
