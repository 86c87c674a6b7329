"""JSON from a file that nobody vouches for."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

from . import limits
from .errors import WeightsError

HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # an escape that may stand for half of a character


def read(path: Path, most: int) -> bytes:
    """All of a file. Raises: WeightsError for one that cannot be opened, or is larger than `most` bytes; and for a
    named pipe, which would be waited for.
    """
    try:
        about = os.stat(path)
        if not stat.S_ISREG(about.st_mode) or about.st_size > most:
            raise WeightsError(f"{path.name}: must be a file of at most {most:,} bytes")
        with open(path, "rb") as file:
            return file.read(most)
    except OSError as error:
        raise WeightsError(f"{path.name}: cannot be opened: {error.strerror}") from None


def parse(data: bytes, what: str) -> dict[str, Any]:
    """The one JSON object that `data` holds; `what` names the file in messages. The caller limits len(data).

    Raises: WeightsError for anything else: other types, repeated keys, NaN, nesting deeper than the interpreter's
    stack, integers of thousands of digits, half a character (a lone surrogate); and for more lists, objects or keys
    than the largest vocabulary has tokens: of nothing else a megabyte takes so much memory.
    """
    if max(map(data.count, (b"[", b"{", b":"))) > limits.VOCABULARY:
        raise WeightsError(f"{what}: has more than {limits.VOCABULARY:,} lists, objects or keys")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
    except RecursionError:
        raise WeightsError(f"{what}: its JSON is nested too deeply") from None
    except ValueError as error:
        raise WeightsError(f"{what}: is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise WeightsError(f"{what}: must be a JSON object, not {type(value).__name__}")
    if HALF.search(data):
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise WeightsError(f"{what}: has half a character (a lone surrogate), which is no text") from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Python would keep the last of two equal keys and another reader the first: a file that means two things.
    value: dict[str, Any] = {}
    for key, item in pairs:
        if key in value:
            raise ValueError(f"the key {quoted(key)} is there twice")
        value[key] = item
    return value


def _constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def quoted(value: object) -> str:
    """A value from a file as it may stand in a message: escaped, short, and never all that is inside it."""
    if isinstance(value, (dict, list)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "…"
