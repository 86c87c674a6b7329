"""Three doors for a first visitor, in a row over the strip: a tour of two minutes, the lessons, free play.

Whether somebody was here before, the browser alone remembers.
"""

from __future__ import annotations

from collections.abc import Callable

from pictures.words import Words
from ui.live import compat

_DOORS = compat.component_of("doors", "button", "doors", private=("guard", "wrappers"))
DOORS = ("show", "lessons", "free")
STEPS = ("enter", "cell", "number", "undo", "fibres", "end")  # of the tour; doors.js knows where each points
LABELS = ("title", "greeting", "on", "leave", "place")


def draw(words: Words, taken: Callable[[str], None]) -> None:
    """Have them shown where they are news. `taken` is called with the name of a door, one of DOORS."""
    if _DOORS is not None:
        labels = {name: words(f"doors.{name}") for name in (*DOORS, *LABELS)}
        labels |= {f"{name}_about": words(f"doors.{name}_about") for name in DOORS}
        steps = {name: words(f"doors.steps.{name}") for name in STEPS}
        _DOORS(key="doors", data={"labels": labels, "steps": steps}, on_door_change=lambda: _taken(taken))


def _taken(taken: Callable[[str], None]) -> None:
    match compat.once("doors", "door"):
        case [str(name), int(_)] if name in DOORS:
            taken(name)
