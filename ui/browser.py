"""Controls that act in the browser and tell the server nothing: the theme, and the link to what is on the screen."""

from __future__ import annotations

from ui import compat

_BUTTONS = compat.component_of("browser")


def buttons(key: str, words: dict[str, str]) -> None:
    """A button that switches between the light and the dark theme, and one that copies the page's address.

    `words` are their labels: to_dark, to_light; copy, copied.
    """
    if _BUTTONS is not None:  # without them there is Streamlit's own menu, and the browser's address bar
        _BUTTONS(key=key, data=words)
