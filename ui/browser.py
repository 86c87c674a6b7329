"""Controls that act in the browser and tell the server nothing: the theme, and the link to what is on the screen."""

from __future__ import annotations

from ui import compat

_BUTTON = compat.component_of("browser")


def theme_toggle(key: str, words: dict[str, str]) -> None:
    """A button that switches between the light and the dark theme. `words`: to_dark, to_light."""
    _mount("theme", key, words)


def copy_link(key: str, words: dict[str, str]) -> None:
    """A button that copies the page's address. `words`: copy, copied."""
    _mount("link", key, words)


def _mount(kind: str, key: str, words: dict[str, str]) -> None:
    if _BUTTON is not None:  # without it there is Streamlit's own menu, and the browser's address bar
        _BUTTON(key=key, data={"kind": kind, "words": words})
