"""A tab of another browser than Chromium, as the journeys drive it: what is alike however a browser is spoken to."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

STARTS = 60  # seconds
WAIT = 90  # seconds, for a busy machine
KEYS = {"ArrowRight": "\ue014", "Enter": "\ue007", "End": "\ue010"}
READY = """(() => {
  const app = document.querySelector("[data-testid=stApp]")?.dataset;
  return app?.testScriptState === "notRunning" && app.testConnectionState === "CONNECTED"
    && Boolean(document.querySelector("h1.fibra-title"))
    && !document.querySelector("[data-testid=stSkeleton]") // a widget whose script is on its way
    && ![...document.querySelectorAll(".fibra-plot")].filter((plot) => {
      const {top, bottom} = plot.getBoundingClientRect();
      return bottom > 0 && top < innerHeight && !plot.dataset.drawn;
    }).length;
})()"""


# The first element of a selector, below or inside components with a tree of their own.
DEEP = """window.deep ??= (css, root = document) => root.querySelector(css)
  ?? [...root.querySelectorAll("*")].map((one) => one.shadowRoot && deep(css, one.shadowRoot)).find(Boolean)"""


def begun(there: Callable[[], Any], what: str) -> Any:
    """What `there` gives, once that is something. Fails naming what has not started."""
    deadline = time.monotonic() + STARTS
    while not (found := there()):
        assert time.monotonic() < deadline, f"{what} did not start"
        time.sleep(0.1)
    return found


class Tab(ABC):
    """`errors` is what pages wrote to their console as errors."""

    errors: list[str]

    @abstractmethod
    def clear(self) -> None:
        """Forget those errors."""

    @abstractmethod
    def resize(self, width: int, height: int) -> None:
        """The window so that the page is as wide and high as this."""

    @abstractmethod
    def go(self, address: str) -> None:
        """Open an address, and wait until it is drawn."""

    @abstractmethod
    def back(self) -> None: ...

    @abstractmethod
    def run(self, script: str) -> Any:
        """What an expression gives, once that is there: a number, a text, a truth, or None."""

    @abstractmethod
    def _act(self, source: dict[str, Any]) -> None:
        """What WebDriver calls the actions of one source: of a key, or of a pointer."""

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
