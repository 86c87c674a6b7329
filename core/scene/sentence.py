"""A text as a Scene holds it: cut to the limits, as the model at hand splits it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from .. import limits
from ..errors import SceneError
from ..presets import REAL, Preset, find
from ..tokenizer.graphemes import clusters
from ..tokenizer.text import normalized
from ..tokenizer.words import SPLITTERS, Encoding, OpenVocabulary, Span, spans_in
from .notice import Notice


def fit_sentence(
    text: str, split: str = "words", model: str = "penguins", tokens: int = limits.LONG
) -> tuple[str, Notice | None]:
    """The text cut to the limits, at a token's end where possible, and a Notice if anything was cut.

    It comes back in one form (core.tokenizer.text), words single-spaced. Of a text longer than limits.TYPED only so
    much is looked at, and its Notice counts characters, as that of a single token does. tokens: no more than so many.
    Raises: SceneError for a model that does not exist.
    """
    _preset(model)
    fitted = _fitted_typed if len(text) <= limits.LONG_CHARACTERS else _fitted_pasted
    return fitted(text[: limits.TYPED], len(text), split, model, tokens)


def _fitted(text: str, whole: int, split: str, model: str, tokens: int) -> tuple[str, Notice | None]:
    text, preset = normalized(text), _preset(model)
    tokenizer, (most, characters) = preset.tokenizer, room(model)
    most = min(most, tokens)
    by = tokenizer.by if tokenizer else split
    text = " ".join(text.split()) if by == "words" else text if text.strip() else ""
    # Cutting into pieces may take the square of a text's length, and more than the limit is left out anyhow.
    tried = text[: _whole(text, characters)] if by == "pieces" else text
    spans = _spans(tried, model, split)
    n, fitted = len(spans), tried
    while (reach := _reach(fitted, spans, most, characters)) < len(fitted):
        fitted = fitted[:reach].rstrip() if by == "words" else fitted[:reach]
        spans = _spans(fitted, model, split)  # a shorter text may have other pieces
    if fitted != text:  # a heap of marks too large to be composed may now be small enough
        fitted = normalized(fitted)
    if fitted == text and whole <= limits.TYPED:
        return text, None
    if n == 1 or whole > limits.TYPED or len(tried) < len(text):
        return fitted, Notice("long", "sentence", str(max(whole, len(text))), str(len(fitted)))
    return fitted, Notice("cut", "sentence", str(n), str(len(_spans(fitted, model, split))))


# A turn makes several Scenes of one sentence, and Start fits each reader's to every model. A model's name never means
# another one.
_fitted_typed = lru_cache(maxsize=1024)(_fitted)
_fitted_pasted = lru_cache(maxsize=4)(_fitted)  # of up to 400 kB each


@lru_cache(maxsize=128)
def encoded(text: str, model: str) -> Encoding:
    """The ids and tokens of a text, by the model's own tokenizer. Raises: SceneError for a model that does not exist,
    or has none."""
    if (tokenizer := _preset(model).tokenizer) is None:
        raise SceneError(f"model: {model!r} has no tokenizer", "model")
    return tokenizer.encode(text)


@lru_cache(maxsize=128)
def outside(text: str, model: str) -> Mapping[str, str]:
    """What of a text the model's tokenizer does not know, and what stands for it. Raises: as `encoded`."""
    if (tokenizer := _preset(model).tokenizer) is None:
        raise SceneError(f"model: {model!r} has no tokenizer", "model")
    return MappingProxyType(tokenizer.outside(text))


@lru_cache(maxsize=64)
def encoded_openly(text: str, split: str, size: int) -> Encoding:
    """The same in an open vocabulary of this size."""
    return OpenVocabulary(size, SPLITTERS[split]).encode(text)


def room(model: str) -> tuple[int, int]:
    """How many tokens, and how many characters, a sentence may have: of a real model more. Raises: as above."""
    n_ctx = _preset(model).config.n_ctx
    if model.startswith(REAL):
        return min(limits.LONG, n_ctx), limits.LONG_CHARACTERS
    return min(limits.TOKENS, n_ctx), limits.SENTENCE_CHARACTERS


def _preset(model: str) -> Preset:
    if (preset := find(model)) is None:
        raise SceneError(f"model: there is no {model!r}, or no longer", "model")
    return preset


def _spans(text: str, model: str, split: str) -> tuple[Span, ...]:
    """Which characters of the text each of its tokens covers."""
    if (tokenizer := _preset(model).tokenizer) is None:
        return spans_in(text, SPLITTERS[split](text))
    # Mostly it is cut nowhere, and a Scene's sentence next; what is far too long for that is not to be kept.
    return (encoded(text, model) if len(text) <= limits.LONG_CHARACTERS else tokenizer.encode(text)).spans


def fit_target(text: str) -> str:
    """A continuation in one form (core.tokenizer.text), on one line, cut to its limit at a character's end."""
    line = _one_line(text)
    return normalized(line[: _whole(line, limits.TARGET_CHARACTERS)]).rstrip()


def target_cut(text: str) -> Notice | None:
    """What `fit_target` cuts, if anything."""
    length, fitted = max(len(_one_line(text)), len(text) if len(text) > limits.TYPED else 0), len(fit_target(text))
    return None if fitted == length else Notice("long_target", "target", str(length), str(fitted))


def _one_line(text: str) -> str:
    return " ".join(normalized(text[: limits.TYPED]).split())


def _reach(text: str, spans: tuple[Span, ...], most: int, characters: int) -> int:
    """How many of the text's characters its first `most` tokens take, at most so many; at least part of the first."""
    after = sum(start == len(text) for start, _ in spans)  # what the model expects behind a text
    end = spans[most - after][0] if len(spans) > most else len(text)
    if end <= characters:
        return end
    stops = (stop for _, stop in spans if stop <= min(end, characters))
    return max(stops, default=0) or _whole(text, characters)


def _whole(text: str, most: int) -> int:
    """How much of the text's beginning `most` code points hold, no character parted; a part of one that is longer."""
    if len(text) <= most:
        return len(text)
    *before, last = clusters(text[: most + 1])
    return len("".join(before) or last[:most])
