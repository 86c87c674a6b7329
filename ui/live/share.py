"""The sheet by which the screen is shared, laid over the page by the browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ui.live import compat

_SHEET = compat.component_of("share", "button", "share")


def sheet(data: dict[str, Any], closed: Callable[[], None], project: Callable[[], None]) -> None:
    """Open it on `data`: address, short, qr (an SVG), note, labels, projector_help, and the number of this opening.

    `project` is called where the reader goes before a class from here.
    """
    if _SHEET is not None:
        _SHEET(key=f"share-{data['number']}", data=data, on_close_change=closed, on_project_change=project)
