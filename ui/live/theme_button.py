"""A control that acts in the browser and tells the server nothing: the theme."""

from __future__ import annotations

from ui.live import compat

_BUTTON = compat.component_of("theme_button", "button", "theme_button", private=("guard", "theme"))


def theme(key: str, words: dict[str, str]) -> None:
    """A button that switches between the light and the dark theme. `words` are its labels: to_dark, to_light."""
    if _BUTTON is not None:  # without it there is Streamlit's own menu
        _BUTTON(key=key, data=words)
