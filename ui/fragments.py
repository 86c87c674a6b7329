"""Two fragments of a page kept in step: a number of the second one is outlined there, and explained in the first."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from ui import state


@dataclass(frozen=True)
class Fragments:
    """starts: what the names of the second fragment's numbers begin with."""

    page: str
    starts: tuple[str, ...]

    @property
    def explained(self) -> str:
        """Session state: the way to the number that is explained on the page."""
        return f"{self.page}.explained"

    def begin(self) -> None:
        """The whole page is drawn."""
        st.session_state[self.explained] = state.scene().explained

    def in_step(self, whole: bool) -> None:
        """Draw all again where another number is explained, if one of the second fragment begins or ends to be; whole:
        if any does, for the explanation stands in the other fragment."""
        was, now = st.session_state[self.explained], state.scene().explained
        self.begin()
        if was != now and (whole or any(name.startswith(self.starts) for name, _ in (*was[-1:], *now[-1:]))):
            st.rerun()
