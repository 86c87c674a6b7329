"""Real Firefox, spoken to in WebDriver BiDi (https://w3c.github.io/webdriver-bidi), which it has built in.

Playwright drives Debian's Firefox too, but asks it for what that does not know yet; so here is the little that the
journeys need.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.tab import STARTS, WAIT, Tab, begun

NAMES = ("firefox-esr", "firefox")


class Firefox(Tab):
    """One tab. `errors` is what the page wrote to its console as errors."""

    def __init__(self, socket: ClientConnection):
        self._socket, self._number = socket, 0
        self.errors: list[str] = []
        self._ask("session.new", capabilities={})
        self._ask("session.subscribe", events=["log.entryAdded"])
        self._tab = self._ask("browsingContext.getTree")["contexts"][0]["context"]

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            said = json.loads(self._socket.recv(WAIT))
            if said.get("method") == "log.entryAdded":
                self._heard(said["params"])
            elif said.get("id") == self._number:
                if said["type"] == "error":
                    raise RuntimeError(f"{method}: {said['error']}: {said['message']}")
                return said["result"]

    def _heard(self, entry: dict[str, Any]) -> None:
        # Opened on a page's own address, Streamlit first looks for its server below that page, and finds none there.
        if entry["level"] == "error" and "_stcore" not in str(entry.get("text")):
            self.errors.append(str(entry.get("text")))

    def clear(self) -> None:
        """Forget those errors."""
        self.errors.clear()

    def resize(self, width: int, height: int) -> None:
        self._ask("browsingContext.setViewport", context=self._tab, viewport={"width": width, "height": height})

    def go(self, address: str) -> None:
        """Open an address, and wait until it is drawn."""
        self._ask("browsingContext.navigate", context=self._tab, url=address, wait="complete")
        self.settle()

    def back(self) -> None:
        self._ask("browsingContext.traverseHistory", context=self._tab, delta=-1)

    def run(self, script: str) -> Any:
        """What an expression gives: a number, a text, a truth, or None."""
        told = {"context": self._tab}
        found = self._ask("script.evaluate", expression=script, target=told, awaitPromise=True, userActivation=True)
        if found["type"] == "exception":
            raise RuntimeError(found["exceptionDetails"]["text"])
        return found["result"].get("value")

    def _act(self, source: dict[str, Any]) -> None:
        self._ask("input.performActions", context=self._tab, actions=[source])


@contextmanager
def started(profile: Path) -> Iterator[Firefox]:
    """Firefox without a window, with a profile of its own. Without Firefox the test is skipped."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("Firefox is not installed")
    command = [program, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(profile)]
    with (profile / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:

        def listening() -> re.Match[str] | None:
            assert process.poll() is None, "Firefox did not start"
            return re.search(r"BiDi listening on (ws://\S+)", (profile / "log").read_text("utf-8", "replace"))

        found = begun(listening, "Firefox")
        with connect(f"{found[1]}/session", proxy=None, max_size=None, open_timeout=STARTS) as socket:
            yield Firefox(socket)
    finally:
        process.terminate()
        process.wait(20)
