"""How a text is split into pieces that no token crosses: each a function from a piece's letters to smaller pieces."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ...errors import WeightsError
from ...strict_json import quoted
from .letters import Letters, pattern_of, prepended, ranges_of, text_of
from .said import Maker, Said, made, several

Splitter = Callable[[Letters], list[Letters]]
SPACE = "▁"

# GPT-2's pattern (Radford et al. 2019; its encoder.py). {L} and {N} stand for Unicode's letters and numbers.
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?[{L}]+| ?[{N}]+| ?[^\s{L}{N}]+|\s+(?!\S)|\s+"

# GPT-2 spells each byte of a token as one letter: itself where that can be seen, else one of those from U+0100 on.
VISIBLE = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
HIDDEN = [byte for byte in range(256) if byte not in VISIBLE]
BYTES = {chr(byte): byte for byte in VISIBLE} | {chr(256 + n): byte for n, byte in enumerate(HIDDEN)}
LETTERS = {byte: letter for letter, byte in BYTES.items()}


def splitter_of(value: object) -> Splitter:
    """Raises: WeightsError for a pre-tokenizer that is not implemented."""
    split: Splitter = (lambda letters: [letters]) if value is None else made(value, "pre_tokenizer", SPLITTERS)
    return lambda letters: [piece for piece in split(letters) if piece]


def _sequence(said: Said) -> Splitter:
    steps = several(said, "pretokenizers", "pre_tokenizer", SPLITTERS)

    def apply(letters: Letters) -> list[Letters]:
        pieces = [letters]
        for step in steps:
            pieces = [smaller for piece in pieces if piece for smaller in step(piece)]
        return pieces

    return apply


def parts(letters: Letters, pattern: re.Pattern[str], behavior: str, invert: bool = False) -> list[Letters]:
    """The letters cut where the pattern finds something, which stands alone, is lost, or joins a neighbour."""
    found: list[tuple[int, int, bool]] = []
    at = 0
    for match in pattern.finditer(text_of(letters)):
        if match.end() > match.start():
            found += [(at, match.start(), False)] if match.start() > at else []
            found.append((match.start(), match.end(), True))
            at = match.end()
    found += [(at, len(letters), False)] if at < len(letters) else []
    return [letters[start:stop] for start, stop in _joined(found, behavior, invert)]


def _joined(found: list[tuple[int, int, bool]], behavior: str, invert: bool) -> Iterator[tuple[int, int]]:
    spans: list[tuple[int, int, bool]] = []
    for start, stop, hit in found:
        hit = hit != invert
        if behavior == "Removed" and hit:
            continue
        joins = spans and (
            (behavior == "MergedWithPrevious" and hit and not spans[-1][2])
            or (behavior == "MergedWithNext" and not hit and spans[-1][2])
            or (behavior == "Contiguous" and hit == spans[-1][2])
        )
        if joins:
            kept = hit if behavior != "MergedWithNext" else False
            spans[-1] = (spans[-1][0], stop, kept)
        else:
            spans.append((start, stop, hit))
    return ((start, stop) for start, stop, _ in spans)


BEHAVIORS = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")


def _behavior(said: Said) -> str:
    behavior = said.text("behavior", "Isolated")
    if behavior not in BEHAVIORS:
        raise WeightsError(f"{said.at}: behavior: {quoted(behavior)} is not one of {', '.join(BEHAVIORS)}")
    return behavior


def _split(said: Said) -> Splitter:
    pattern, behavior, invert = pattern_of(said), _behavior(said), said.flag("invert", False)
    return lambda letters: parts(letters, pattern, behavior, invert)


def _punctuation(said: Said) -> Splitter:
    behavior = _behavior(said)
    return lambda letters: parts(letters, re.compile(f"[{_signs()}]"), behavior)


def _signs() -> str:
    """What ASCII has of signs, though $ or + are no punctuation elsewhere, and Unicode's punctuation."""
    ascii_signs = "".join(re.escape(chr(i)) for i in range(33, 127) if not chr(i).isalnum())
    return ascii_signs + ranges_of("P")


def _digits(said: Said) -> Splitter:
    # A letter that the library takes for a digit has a number of its own, as ½ has.
    behavior = "Isolated" if said.flag("individual_digits", False) else "Contiguous"
    return lambda letters: parts(letters, re.compile(f"[{ranges_of('N')}]"), behavior)


def _words(said: Said) -> Splitter:
    # What Unicode calls alphabetic, with marks, digits, joints and what joins (UTS #18, annex C): not Python's \w.
    of_words = "".join(map(ranges_of, ("L", "M", "Nd", "Nl", "Pc"))) + "\u200c\u200dⒶ-ⓩ🄰-🅉🅐-🅩🅰-🆉"
    pattern = f"[{of_words}]+|[^{of_words}\\s]+"
    return lambda letters: parts(letters, re.compile(pattern), "Removed", invert=True)


def _by_spaces(said: Said) -> Splitter:
    return lambda letters: parts(letters, re.compile(r"\s"), "Removed")


def _bert(said: Said) -> Splitter:
    def apply(letters: Letters) -> list[Letters]:
        signs = re.compile(f"[{_signs()}]")
        return [
            part for word in parts(letters, re.compile(r"\s"), "Removed") for part in parts(word, signs, "Isolated")
        ]

    return apply


def _byte_level(said: Said) -> Splitter:
    prefix, split = said.flag("add_prefix_space", True), said.flag("use_regex", True)

    def apply(letters: Letters) -> list[Letters]:
        if prefix and letters and letters[0][0] != " ":
            letters = prepended(letters, " ")
        pattern = re.compile(GPT2.format(L=ranges_of("L"), N=ranges_of("N")))
        pieces = parts(letters, pattern, "Isolated") if split else [letters]
        return [
            [(LETTERS[byte], start, stop) for c, start, stop in piece for byte in c.encode("utf-8", "replace")]
            for piece in pieces
        ]

    return apply


def _metaspace(said: Said) -> Splitter:
    sign, split = said.short("replacement", SPACE), said.flag("split", True)
    when = said.text("prepend_scheme", "always" if said.flag("add_prefix_space", True) else "never")
    said.refuse("str_rep", sign)
    if when not in ("always", "first", "never"):
        raise WeightsError(f"{said.at}: prepend_scheme: {quoted(when)} is not one of always, first, never")

    def apply(letters: Letters) -> list[Letters]:
        letters = [(sign if c == " " else c, start, stop) for c, start, stop in letters]
        if when == "always" or (when == "first" and letters and letters[0][1] == 0):
            letters = letters if letters and letters[0][0] == sign else prepended(letters, sign)
        return parts(letters, re.compile(re.escape(sign)), "MergedWithNext") if split else [letters]

    return apply


SPLITTERS: dict[str, Maker] = {
    "Sequence": _sequence,
    "Split": _split,
    "ByteLevel": _byte_level,
    "Metaspace": _metaspace,
    "BertPreTokenizer": _bert,
    "Whitespace": _words,
    "WhitespaceSplit": _by_spaces,
    "Digits": _digits,
    "Punctuation": _punctuation,
}
