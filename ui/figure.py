"""Put a picture on the page: the live figure, and under it the sentence that was computed from the same array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core import Scene
from pictures import compute
from pictures.words import Words
from ui import explanation, state
from ui.live import live_figure


def picture(
    builder: compute.Builder,
    scene: Scene,
    words: Words,
    *,
    key: str,
    height: int,
    title: str = "",
    on_click: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Draw what `builder` makes of the Scene, `height` pixels high; the sentence is its text alternative too."""
    done = compute.build(builder, scene, words)
    show(done, words, key=key, height=height, title=title, on_click=on_click)


def show(
    done: compute.EncodedPicture,
    words: Words,
    *,
    key: str,
    height: int,
    title: str = "",
    on_click: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Draw a picture that is ready to be sent."""
    labels = {name: words(f"figure.{name}") for name in live_figure.WORDS}
    numbers, explained = done.numbers, state.scene().explained
    if numbers is not None:
        on_click = explanation.heard(numbers, on_click)
    outline = numbers.place(explained[-1]) if numbers and explained else None
    more = {"words": labels, "on_click": on_click, "caption": True, "title": title, "outline": outline}
    live_figure.show(done.json, key=key, height=height, alt=done.says, **more)
