"""Work that a page is asked for by a button: done in slices, while other readers move their knobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import streamlit as st

from pictures.words import Words
from ui import scheduler, shell

ASKED = "fibra.asked"  # session state: of each work, by its name, what was asked for last


@dataclass(frozen=True)
class Work:
    """name: under it stand its words `ask`, `about` and `doing`. do: one part; what it finds is kept elsewhere.

    parts: of what is shown the arguments of `do`, all that it depends on. unasked: whether that is done so soon that a
    page need not be asked to.
    """

    name: str
    do: Callable[..., Any]
    parts: Callable[[Any], Sequence[Any]]
    unasked: Callable[[Any], bool]


@dataclass(eq=False)
class Asked:
    """What a session has asked for, and how many of its parts are done."""

    parts: Sequence[Any]
    done: int = 0


def ready(work: Work, shown: Any, title: str, words: Words) -> bool:
    """Whether all parts are done, or need not be asked for; else under the title there stands a button that begins, or
    how far it is. Another knob turned, and it has not been asked for.
    """
    if is_ready(work, shown):
        return True
    asked, parts = _all().get(work.name), work.parts(shown)
    shell.say(title.partition(" · ")[0], "step")
    if asked is None or asked.parts != parts:
        shell.say(words(f"{work.name}.about", n=len(parts)), "about")
        label = words(f"{work.name}.ask", n=len(parts))
        st.button(label, key=f"ask-{work.name}", on_click=_begin, args=(work, parts))
    else:
        st.fragment(_slice, run_every=scheduler.TICK)(work, asked, words)
    return False


def is_ready(work: Work, shown: Any) -> bool:
    """Whether the parts need not be asked for, or were, and all are done."""
    asked = _all().get(work.name)
    if work.unasked(shown):
        return True
    return asked is not None and asked.done == len(asked.parts) and asked.parts == work.parts(shown)


def _all() -> dict[str, Asked]:
    found: dict[str, Asked] = st.session_state.setdefault(ASKED, {})
    return found


def _begin(work: Work, parts: Sequence[Any]) -> None:
    _all()[work.name] = Asked(parts)


def _slice(work: Work, asked: Asked, words: Words) -> None:
    """As many parts as a slice has room for, at least one where it is this session's turn; then how far it is."""
    with scheduler.turn(asked) as mine:
        until = monotonic() + scheduler.SLICE
        while mine and asked.done < len(asked.parts):
            work.do(*asked.parts[asked.done])
            asked.done += 1
            if monotonic() > until:
                break
    if asked.done == len(asked.parts):
        st.rerun()
    n = len(asked.parts)
    st.progress(asked.done / n, text=words(f"{work.name}.doing", done=asked.done, n=n))
