"""A line in the server's log for each error that a page raised: what it was, where, and what had been asked.

One JSON object a line, for whatever reads logs; Streamlit writes the traceback beside it. What a reader typed is a
reader's own: of a text only its length is told, and of an exception no message, which may repeat one. FIBRA_LOG_TEXT=1
is the deployer's word that both may be written.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import streamlit as st

from core import Scene
from core.kinds import Text
from core.scene.fields import kinds
from ui import state
from ui.live import internals

ALLOWED = "FIBRA_LOG_TEXT"
ROOT = Path(__file__).parents[1]
PERSONAL = tuple(name for name, kind in kinds(Scene).items() if isinstance(kind, Text))
_log = logging.getLogger("fibra")


def listen() -> None:
    """From now on each error of a page is told."""
    internals.on_error(lambda error: _log.error(line(error)))


def line(error: BaseException) -> str:
    """The error and the Scene of this session, as one line."""
    asked = st.session_state.get(state.SCENE)
    told: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "error": type(error).__name__,
        "where": where(error),
        "page": st.session_state.get(state.PAGE, ""),
        "asked": said(asked) if isinstance(asked, Scene) else {},
    }
    if _allowed():
        told["message"] = str(error)
    return json.dumps(told, ensure_ascii=False)


def where(error: BaseException) -> str:
    """The innermost line of ours that was running: "core/model.py:120 forward"; "" where it was none."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    ours = (frame for frame in frames if Path(frame.filename).is_relative_to(ROOT) and ".venv" not in frame.filename)
    for frame in ours:
        return f"{Path(frame.filename).relative_to(ROOT).as_posix()}:{frame.lineno} {frame.name}"
    return ""


def said(scene: Scene) -> dict[str, Any]:
    """A Scene as its address has it, texts as their lengths where they may not be told."""
    query: dict[str, Any] = scene.own_query()
    if not _allowed():
        query |= {name: f"{len(query[name])} characters" for name in PERSONAL if name in query}
    return query | ({"pinned": said(scene.pinned)} if scene.pinned else {})


def _allowed() -> bool:
    return os.environ.get(ALLOWED) == "1"
