"""What a Scene's model is called: its story, or the title that a trained one brings."""

from __future__ import annotations

from core import PRESETS, Preset
from ui.words import Words


def called(model: str, preset: Preset, words: Words) -> str:
    """The name of `model`, whose description is `preset`; two runs of one title are told apart."""
    if model in PRESETS:
        return words(f"shell.stories.{model}")
    return words("shell.stories_trained", title=preset.title, name=model[-4:])
