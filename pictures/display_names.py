"""What tokens and models are called in the reader's language; how a token is drawn, `plots.tokens` knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from core import PRESETS
from core.presets import REAL
from core.tokenizer.words import UNKNOWN
from pictures.words import Words


def named(token: str, words: Words) -> str:
    """The token itself; but the one that stands for all that a vocabulary lacks has a name in each language."""
    return words("token.unknown") if token == UNKNOWN else token


def all_named(tokens: Iterable[str], words: Words) -> list[str]:
    """The same of several tokens, as a picture's labels."""
    return [named(token, words) for token in tokens]


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
