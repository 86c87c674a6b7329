"""A text as a Scene holds it: cut to the limits, as the model at hand splits it."""

from __future__ import annotations

from .. import limits
from ..errors import SceneError
from ..presets import find
from ..tokenizer.graphemes import clusters
from ..tokenizer.text import normalized
from ..tokenizer.words import SPLITTERS
from .notice import Notice


def fit_sentence(text: str, split: str = "words", model: str = "penguins") -> tuple[str, Notice | None]:
    """The text cut to the limits, at a token's end where possible, and a Notice if anything was cut.

    It comes back in one form (core.tokenizer.text), words single-spaced. Of a text longer than limits.TYPED only so
    much is looked at, and its Notice counts characters, as that of a single token does.
    Raises: SceneError for a model that does not exist.
    """
    whole, text = len(text), normalized(text[: limits.TYPED])
    if (preset := find(model)) is None:
        raise SceneError(f"model: there is no {model!r}, or no longer", "model")
    tokenizer, most = preset.tokenizer, min(limits.TOKENS, preset.config.n_ctx)
    cut = tokenizer.split if tokenizer else SPLITTERS[split]
    by_words = tokenizer.by == "words" if tokenizer else split == "words"
    text = " ".join(text.split()) if by_words else text if text.strip() else ""
    tokens = cut(text)
    fitted = text[: _reach(text, tokens, most)].rstrip() if by_words else text[: _reach(text, tokens, most)]
    if fitted != text:  # a heap of marks too large to be composed may now be small enough
        fitted = normalized(fitted)
    if fitted == text and whole <= limits.TYPED:
        return text, None
    if len(tokens) == 1 or whole > limits.TYPED:
        return fitted, Notice("long", "sentence", str(max(whole, len(text))), str(len(fitted)))
    return fitted, Notice("cut", "sentence", str(len(tokens)), str(len(cut(fitted))))


def fit_target(text: str) -> str:
    """A continuation in one form (core.tokenizer.text), on one line, cut to its limit at a character's end."""
    return normalized(_whole_characters(_one_line(text), limits.TARGET_CHARACTERS)).rstrip()


def target_cut(text: str) -> Notice | None:
    """What `fit_target` cuts, if anything."""
    length, fitted = max(len(_one_line(text)), len(text) if len(text) > limits.TYPED else 0), len(fit_target(text))
    return None if fitted == length else Notice("long_target", "target", str(length), str(fitted))


def _one_line(text: str) -> str:
    return " ".join(normalized(text[: limits.TYPED]).split())


def _reach(text: str, tokens: tuple[str, ...], most: int) -> int:
    """How many of the text's characters its first `most` tokens take, within the limit; at least part of the first."""
    end = 0
    for token in tokens[:most]:
        stop = text.index(token, end) + len(token)
        if stop > limits.SENTENCE_CHARACTERS:
            return end or len(_whole_characters(text, limits.SENTENCE_CHARACTERS))
        end = stop
    return end


def _whole_characters(text: str, most: int) -> str:
    """As much of the text's beginning as `most` code points hold, no character parted; a part of one that is longer."""
    if len(text) <= most:
        return text
    *before, last = clusters(text[: most + 1])
    return "".join(before) or last[:most]
