"""Arguments of the public face: each is what it should be, or a ConfigError names it and says what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from .errors import ConfigError
from .kinds import finite, shown


def wrong(name: str, value: Any, right: str) -> ConfigError:
    """The error to raise for an argument that is not `right`."""
    return ConfigError(f"{name}: {shown(value)} is not {right}", name)


def is_whole(value: Any) -> bool:
    """Whether this is a whole number: Python's, or NumPy's."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether this is a finite number: Python's, or NumPy's."""
    return isinstance(value, Real) and not isinstance(value, bool) and finite(value)


def whole(name: str, value: Any, low: int = 0, high: int | None = None) -> int:
    """Raises: ConfigError for what is no whole number, or outside low..high; None: there is no highest."""
    if not is_whole(value) or value < low or (high is not None and value > high):
        raise wrong(name, value, f"a whole number {f'of {low} or more' if high is None else f'in {low}..{high}'}")
    return int(value)


def number(name: str, value: Any) -> float:
    """Raises: ConfigError for what is no finite number."""
    if not is_number(value):
        raise wrong(name, value, "a finite number")
    return float(value)


def flag(name: str, value: Any) -> bool:
    """Raises: ConfigError for what is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise wrong(name, value, "True or False")
    return bool(value)


def text_of(name: str, value: Any) -> str:
    """Raises: ConfigError for what is no text."""
    if not isinstance(value, str):
        raise wrong(name, value, "a text")
    return value


def instance(name: str, value: Any, *kinds: type) -> Any:
    """Raises: ConfigError for what is no instance of these."""
    if not isinstance(value, kinds):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise wrong(name, value, f"{'an' if names[0] in 'AEIOU' else 'a'} {names}")
    return value


def mapping(name: str, value: Any, of: str) -> Mapping[Any, Any]:
    """Raises: ConfigError for what is no mapping; `of` says from what to what it should lead."""
    if not isinstance(value, Mapping):
        raise wrong(name, value, f"a mapping, {of}")
    return value


def several(name: str, value: Any, of: str) -> tuple[Any, ...]:
    """All that an iterable gives. Raises: ConfigError for what cannot be iterated over, and for a bare text."""
    right = f"several {of}: a list, a tuple or a set"
    if isinstance(value, str | bytes):
        raise wrong(name, value, right)
    try:
        return tuple(value)
    except TypeError:
        raise wrong(name, value, right) from None


def tokens_of(ids: Any, vocab_size: int) -> list[int]:
    """Ids as Python's own numbers. Raises: ConfigError for one outside a vocabulary of so many."""
    found = ids.tolist() if isinstance(ids, np.ndarray) and ids.ndim == 1 else several("ids", ids, "ids of tokens")
    for i in found:
        if not is_whole(i) or not 0 <= i < vocab_size:
            raise wrong("ids", i, f"in the vocabulary 0..{vocab_size - 1}")
    return [int(i) for i in found]


def precision(name: str, value: Any) -> type:
    """Raises: ConfigError for what is neither float32 nor float64."""
    try:
        found = np.dtype(value)
    except Exception:  # NumPy asks a stranger for its repr, which may raise anything
        found = np.dtype(object)
    if value is None or found not in (np.float32, np.float64):
        raise wrong(name, value, "float32 or float64")
    return found.type


def array(name: str, value: Any, kinds: str = "fiu") -> np.ndarray:
    """The array that a value is, not copied where it is one. kinds: NumPy's letters for what its numbers may be.

    Raises: ConfigError for what is no array of such numbers.
    """
    try:
        found = np.asarray(value)
    except (TypeError, ValueError, OverflowError, AttributeError):
        found = np.empty(0, object)  # rows of different lengths, or no array at all
    if found.dtype.kind not in kinds:
        names = {"f": "numbers", "i": "whole numbers", "b": "True or False"}
        raise wrong(name, value, f"an array of {names[kinds[0]]}")
    return found
