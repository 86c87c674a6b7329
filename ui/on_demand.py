"""Work that comes after a page's other pictures: in slices, while other readers move their knobs.

What takes little comes with the page; what takes about a second begins by itself; for more there is a button.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from time import monotonic
from typing import Any

import streamlit as st

from core import limits
from pictures.words import Words
from ui import scheduler, shell

ASKED = "fibra.asked"  # session state: of each work, by its name, what was asked for last


@dataclass(frozen=True)
class Work:
    """name: under it stand its words `ask`, `about` and `doing`. do: one part; what it finds is kept elsewhere.

    parts: of what is shown the arguments of `do`, all that it depends on. cost: the multiplications that takes; none
    known, and it is always asked for. known: whether a part has been done and is kept. most: up to what cost nobody
    need ask.
    """

    name: str
    do: Callable[..., Any]
    parts: Callable[[Any], Sequence[Any]]
    cost: Callable[[Any], float] | None
    known: Callable[..., bool]
    most: Callable[[], float] = lambda: limits.ABLATIONS

    def unasked(self, shown: Any) -> bool:
        """Whether it begins by itself."""
        return self.cost is not None and self.cost(shown) <= self.most()

    def soon(self, shown: Any) -> bool:
        """Whether that is before the page's other pictures have been missed."""
        return self.cost is not None and self.cost(shown) <= min(limits.SOON, self.most())


@dataclass(eq=False)
class Asked:
    """What a session has asked for, or what began by itself; and how many of its parts are done. drawn: whether its
    page has been drawn, before which nothing of it is done."""

    parts: Sequence[Any]
    done: int = 0
    drawn: bool = True


def ready(work: Work, shown: Any, title: str, words: Words, place: str = "") -> bool:
    """Whether all parts are done, or come with the page; else under the title there stands a button that begins, or how
    far it is. Another knob turned, and it has not been asked for. place: the key of a container for what stands there.
    """
    if is_ready(work, shown):
        return True
    with st.container(key=place) if place else nullcontext():
        _ask(work, shown, title, words)
    return False


def _ask(work: Work, shown: Any, title: str, words: Words) -> None:
    asked, parts = _all().get(work.name), work.parts(shown)
    if work.unasked(shown) and (asked is None or asked.parts != parts):
        asked = _all()[work.name] = Asked(parts)
    shell.say(title.partition(" · ")[0], "step")
    if asked is None or asked.parts != parts:
        shell.say(words(f"{work.name}.about", n=len(parts)), "about")
        label = words(f"{work.name}.ask", n=len(parts))
        st.button(label, key=f"ask-{work.name}", on_click=_begin, args=(work, parts))
    else:
        asked.drawn = not work.unasked(shown)  # what nobody pressed a button for waits for the page's other pictures
        st.fragment(_slice, run_every=scheduler.TICK)(work, asked, words)


def is_ready(work: Work, shown: Any) -> bool:
    """Whether the parts come with the page, or all are done."""
    if work.soon(shown):
        return True
    asked, parts = _all().get(work.name), work.parts(shown)
    if asked is not None and asked.done == len(asked.parts) and asked.parts == parts:
        return True
    return all(work.known(*part) for part in parts)


def _all() -> dict[str, Asked]:
    found: dict[str, Asked] = st.session_state.setdefault(ASKED, {})
    return found


def _begin(work: Work, parts: Sequence[Any]) -> None:
    _all()[work.name] = Asked(parts)


def _slice(work: Work, asked: Asked, words: Words) -> None:
    """As many parts as a slice has room for, at least one where it is this session's turn; then how far it is."""
    if not asked.drawn:
        asked.drawn = True
        _draw(work, asked, words)
        return
    with scheduler.turn(asked) as mine:
        until = monotonic() + scheduler.SLICE
        while mine and asked.done < len(asked.parts):
            work.do(*asked.parts[asked.done])
            asked.done += 1
            if monotonic() > until:
                break
    if asked.done == len(asked.parts):
        st.rerun()
    _draw(work, asked, words)


def _draw(work: Work, asked: Asked, words: Words) -> None:
    n = len(asked.parts)
    st.progress(asked.done / n, text=words(f"{work.name}.doing", done=asked.done, n=n))
