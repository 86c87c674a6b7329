"""The browser's part in keeping the Scene: one step of its history for each of the reader's, a call when it finds its
server again, the document's language, and a menu that is out of the way on a phone."""

from __future__ import annotations

from ui import compat
from ui.words import Words

_SESSION = compat.component_of("session")


def keep(words: Words) -> None:
    """Once in every full run."""
    if _SESSION is not None:
        _SESSION(key="session", data={"lang": words.lang}, on_woke_change=_run)


def _run() -> None:
    """Nothing: that it is called means that this session runs, on the Scene of the browser's address."""
