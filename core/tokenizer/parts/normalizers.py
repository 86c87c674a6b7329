"""What is done to a text before it is split: each a function from letters to letters."""

from __future__ import annotations

import base64
import binascii
import struct
import unicodedata
from collections.abc import Callable
from functools import partial

from ...errors import WeightsError
from ..graphemes import clusters
from ..wordpiece import IDEOGRAPHS
from .letters import Letters, each, formed, pattern_of, prepended, replaced, spread, text_of
from .said import SHORT, Maker, Said, made, several

GROWS = 20  # times; the longest that a letter becomes in one of Unicode's forms are 18

Normalizer = Callable[[Letters], Letters]


def normalizer_of(value: object) -> Normalizer:
    """Raises: WeightsError for a normalizer that is not implemented."""
    return (lambda letters: letters) if value is None else made(value, "normalizer", NORMALIZERS)


def _sequence(said: Said) -> Normalizer:
    steps = several(said, "normalizers", "normalizer", NORMALIZERS)

    def apply(letters: Letters) -> Letters:
        most = GROWS * (len(letters) + SHORT)
        for step in steps:
            letters = step(letters)
            if len(letters) > most:
                raise WeightsError(f"{said.at}: makes more than {most:,} letters of a short text")
        return letters

    return apply


def _form(name: str) -> Maker:
    return lambda said: partial(formed, form=name)


def _lower(c: str) -> str:
    return "".join(part.lower() for part in c)


def _unmarked(c: str) -> str:
    return "" if unicodedata.category(c) == "Mn" else c


def _strip(said: Said) -> Normalizer:
    left, right = said.flag("strip_left", True), said.flag("strip_right", True)

    def apply(letters: Letters) -> Letters:
        text = text_of(letters)
        start = len(text) - len(text.lstrip()) if left else 0
        stop = len(text.rstrip()) if right else len(text)
        return letters[start:stop] if start < stop else []

    return apply


def _replace(said: Said) -> Normalizer:
    pattern, content = pattern_of(said), said.short("content")
    return lambda letters: replaced(letters, pattern, content)


def _prepend(said: Said) -> Normalizer:
    content = said.short("prepend")
    return lambda letters: prepended(letters, content) if letters else letters


def _bert(said: Said) -> Normalizer:
    clean, ideographs = said.flag("clean_text", True), said.flag("handle_chinese_chars", True)
    lower = said.flag("lowercase", True)
    bare = said.flag("strip_accents", lower)

    def cleaned(c: str) -> str:
        if c in "\t\n\r":
            return " "
        if c == "\ufffd" or unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co"):
            return ""
        return " " if c.isspace() else c

    def apart(c: str) -> str:
        return f" {c} " if any(ord(c) in span for span in IDEOGRAPHS) else c

    def apply(letters: Letters) -> Letters:
        letters = each(letters, cleaned) if clean else letters
        letters = each(letters, apart) if ideographs else letters
        letters = each(formed(letters, "NFD"), _unmarked) if bare else letters
        return each(letters, _lower) if lower else letters

    return apply


# ---------------------------------------------------------------------------------------- SentencePiece's own table


class Charsmap:
    """A trie of byte sequences and what stands for each, as SentencePiece compiles its rules: a double array.

    Raises: WeightsError for bytes that are not this. What it leads out of its arrays finds nothing.
    """

    def __init__(self, said: Said):
        at = f"{said.at}: precompiled_charsmap"
        try:
            raw = base64.b64decode(said.text("precompiled_charsmap"), validate=True)
        except (binascii.Error, ValueError):
            raise WeightsError(f"{at}: is not in base 64") from None
        size = int.from_bytes(raw[:4], "little")
        if len(raw) < 4 or size % 4 or size > len(raw) - 4:
            raise WeightsError(f"{at}: is cut short")
        self.units = struct.unpack(f"<{size // 4}I", raw[4 : 4 + size])
        self.written = raw[4 + size :]

    def find(self, text: str) -> str | None:
        """What stands for the shortest beginning of a text that has something; None where nothing has."""
        at, units = 0, self.units
        at ^= _offset(units[0]) if units else 0
        for byte in text.encode("utf-8", "replace"):
            at ^= byte
            if byte == 0 or at >= len(units) or units[at] & (1 << 31 | 0xFF) != byte:
                return None
            leaf = units[at] >> 8 & 1
            at ^= _offset(units[at])
            if leaf and at < len(units):
                start = units[at] & ((1 << 31) - 1)
                return self.written[start : max(self.written.find(b"\0", start), start)].decode("utf-8", "replace")
        return None

    def __call__(self, letters: Letters) -> Letters:
        done: Letters = []
        at = 0
        for cluster in clusters(text_of(letters)):
            part, at = letters[at : at + len(cluster)], at + len(cluster)
            new = self.find(cluster) if len(cluster.encode("utf-8", "replace")) < 6 else None
            if new is not None:
                done += spread(new, part)
            else:
                for letter in part:
                    found = self.find(letter[0])
                    done += [letter] if found is None else spread(found, [letter])
        return done


def _offset(unit: int) -> int:
    return unit >> 10 << ((unit & 1 << 9) >> 6)


NORMALIZERS: dict[str, Maker] = {
    "Sequence": _sequence,
    **{form: _form(form) for form in ("NFC", "NFD", "NFKC", "NFKD")},
    "Lowercase": lambda said: partial(each, written=_lower),
    "StripAccents": lambda said: partial(each, written=_unmarked),
    "Strip": _strip,
    "Replace": _replace,
    "Prepend": _prepend,
    "BertNormalizer": _bert,
    "Precompiled": Charsmap,
}
