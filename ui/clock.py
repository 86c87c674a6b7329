"""A text that is written step by step before the reader: the clock that plays it, and the buttons that walk."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic
from typing import Any

import streamlit as st

from core import Scene
from pictures.words import Words
from ui import state

PACE = 0.8  # seconds a step


@dataclass(frozen=True)
class Clock:
    """A page's own. One play is undone as one move, however slowly the server beats.

    field: of the Scene, how many steps are shown. text: what is written now, with its `steps`; None where its numbers
    explode. reached: how many of its steps a Scene shows.
    """

    page: str
    field: str
    text: Callable[[], Any]
    reached: Callable[[Scene, Any], int]

    @property
    def playing(self) -> str:
        """Session state: when the last step was taken; absent while it stands still."""
        return f"{self.page}.playing"

    @property
    def began(self) -> str:
        """Session state: when it was set off."""
        return f"{self.page}.began"

    def runs(self) -> bool:
        """Whether it plays."""
        return self.playing in st.session_state

    def enter(self) -> None:
        """The page opens: what played when it was left stands where it stood, and does not play by itself."""
        if st.session_state[state.ENTERED]:
            self.stop()

    def play(self, draw: Callable[[Words], None], words: Words) -> None:
        """`draw` as a fragment: while it plays, again and again by itself."""
        running = self.runs()

        def beat() -> None:
            if self.runs() != running:  # only the whole page sets or stops the clock
                st.rerun()
            if running:
                self._tick()
            draw(words)

        st.fragment(beat, run_every=PACE if running else None)()

    def _tick(self) -> None:
        """One step further, if it is time: a click between two beats runs this too."""
        if monotonic() - st.session_state[self.playing] < PACE / 2:
            return
        text = self.text()
        if text is None:  # a turn made the numbers explode
            self.stop()
            st.rerun()
        now = self.reached(state.scene(), text) + 1
        st.session_state[self.playing] = monotonic()
        if now <= len(text.steps):
            with self._one_play():
                state.turn(**{self.field: now})
        if now >= len(text.steps):
            self.stop()
            st.rerun()

    def go(self, step: int) -> None:
        """To this step, and stand there."""
        self.stop()
        state.turn(**{self.field: step})

    def stop(self) -> None:
        """Stand still."""
        st.session_state.pop(self.playing, None)

    def buttons(self, now: int, n: int, words: Words) -> None:
        """Back, and play or stop: `now` of `n` steps are shown."""
        self.offer("back", "skip_previous", words, self.go, now - 1, disabled=now == 1)
        if self.runs():
            self.offer("stop", "stop", words, self.stop, type="primary")
        else:
            self.offer("play", "play_arrow", words, self._play, 1 if now == n else now, type="primary")

    def offer(self, name: str, icon: str, words: Words, on_click: Callable[..., None], *args: int, **more) -> bool:
        """A button of the walk, called as content/ says under the page's name. Whether it was just pressed."""
        label, icon = words(f"{self.page}.{name}"), f":material/{icon}:"
        look = {"icon": icon, "width": "stretch"}
        return st.button(label, key=f"{self.page}-{name}", on_click=on_click, args=args, **look, **more)

    def _play(self, start: int) -> None:
        st.session_state[self.playing] = st.session_state[self.began] = monotonic()
        with self._one_play():
            state.turn(**{self.field: start})

    def _one_play(self) -> AbstractContextManager[None]:
        return state.one_move((self.playing, st.session_state[self.began]))
