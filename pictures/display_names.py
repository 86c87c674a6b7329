"""What tokens and models are called in the reader's language; how a token is drawn, `plots.tokens` knows."""

from __future__ import annotations

from core import PRESETS, Preset
from core.tokenizer.words import UNKNOWN
from pictures.words import Words


def named(token: str, words: Words) -> str:
    """The token itself; but the one that stands for all that a vocabulary lacks has a name in each language."""
    return words("token.unknown") if token == UNKNOWN else token


def called(model: str, preset: Preset, words: Words) -> str:
    """The name of `model`, whose description is `preset`; two runs of one title are told apart."""
    if model in PRESETS:
        return words(f"shell.presets.{model}")
    return words("shell.presets_trained", title=preset.title, name=model[-4:])
