"""What tokens and models are called in the reader's language; how a token is drawn, `plots.tokens` knows."""

from __future__ import annotations

from typing import Protocol

from core import PRESETS
from core.presets import REAL
from core.tokenizer.words import UNKNOWN
from pictures.words import Words


def named(token: str, words: Words) -> str:
    """The token itself; but the one that stands for all that a vocabulary lacks has a name in each language."""
    return words("token.unknown") if token == UNKNOWN else token


class Titled(Protocol):
    """A Preset, or the card of a real model."""

    @property
    def title(self) -> str: ...


def called(model: str, about: Titled, words: Words) -> str:
    """The name of `model`; two runs of one title are told apart."""
    if model in PRESETS:
        return words(f"shell.presets.{model}")
    if model.startswith(REAL):
        return about.title
    return words("shell.presets_trained", title=about.title, name=model[-4:])
