"""A text as a Scene holds it: cut to the limits, as the model at hand splits it."""

from __future__ import annotations

from core import limits
from core.errors import SceneError
from core.presets import find
from core.query import Notice
from core.tokenizer import SPLITTERS


def fit_sentence(text: str, split: str = "words", model: str = "penguins") -> tuple[str, Notice | None]:
    """The text cut to the limits, at a token's end where possible, and a Notice if anything was cut.

    Words come back single-spaced. Lone surrogates, which no URL can carry, become question marks.
    Raises: SceneError for a model that does not exist.
    """
    text = text.encode("utf-8", "replace").decode()
    if (preset := find(model)) is None:
        raise SceneError(f"model: there is no {model!r}, or no longer", "model")
    tokenizer, most = preset.tokenizer, min(limits.TOKENS, preset.config.n_ctx)
    cut = tokenizer.split if tokenizer else SPLITTERS[split]
    by_words = tokenizer.by == "words" if tokenizer else split == "words"
    text = " ".join(text.split()) if by_words else text if text.strip() else ""
    tokens = cut(text)
    fitted = text[: _reach(text, tokens, most)].rstrip() if by_words else text[: _reach(text, tokens, most)]
    if fitted == text:
        return text, None
    if len(tokens) == 1:
        return fitted, Notice("cut", "sentence", "1", f"{limits.SENTENCE_CHARACTERS} characters")
    return fitted, Notice("cut", "sentence", str(len(tokens)), str(len(cut(fitted))))


def fit_target(text: str) -> str:
    """A continuation cut to its limit, on one line; lone surrogates become question marks."""
    text = " ".join(text.encode("utf-8", "replace").decode().split())
    return text[: limits.TARGET_CHARACTERS].rstrip()


def _reach(text: str, tokens: tuple[str, ...], most: int) -> int:
    """How many of the text's characters its first `most` tokens take, within the limit; at least part of the first."""
    end = 0
    for token in tokens[:most]:
        stop = text.index(token, end) + len(token)
        if stop > limits.SENTENCE_CHARACTERS:
            return end or limits.SENTENCE_CHARACTERS
        end = stop
    return end
