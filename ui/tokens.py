"""What a token is called in the reader's language; how it is drawn, `plots.tokens` knows."""

from __future__ import annotations

from core.tokenizer import UNKNOWN
from ui.words import Words


def named(token: str, words: Words) -> str:
    """The token itself; but the one that stands for all that a vocabulary lacks has a name in each language."""
    return words("token.unknown") if token == UNKNOWN else token
