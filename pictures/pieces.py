"""What the marks at the edge of a token mean, where a sentence has such tokens."""

from __future__ import annotations

from core import Scene
from core.tokenizer.wordpiece import INSIDE
from pictures.words import Words
from plots.tokens import SPACE, shown


def marks(scene: Scene, words: Words) -> str:
    """A sentence for each mark that is seen; "" where none is, or where a token is a whole word or a character."""
    tokenizer = scene.preset.tokenizer
    if tokenizer is None or tokenizer.by != "pieces":
        return ""
    inside = next((token for token in scene.tokens if token.startswith(INSIDE) and token != INSIDE), "")
    blank = next((token for token in scene.tokens if token.startswith(" ") and token.strip()), "")
    said = [words("shell.inside", token=shown(inside))] if inside else []
    return " ".join(said + ([words("shell.blank", sign=SPACE, token=shown(blank))] if blank else []))
