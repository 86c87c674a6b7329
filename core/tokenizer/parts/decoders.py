"""From tokens back to text: each a function from a list of tokens to another, whose last is joined."""

from __future__ import annotations

import re
from collections.abc import Callable

from .letters import pattern_of
from .said import Maker, Said, made, several
from .splitters import BYTES, SPACE

Decoder = Callable[[list[str]], list[str]]
# What WordPiece's decoder of the `tokenizers` library does to each token that follows another, in this order.
CLEANED = {
    **{f" {sign}": sign for sign in ".?!,"},
    " ' ": "'",
    " n't": "n't",
    " 'm": "'m",
    " do not": " don't",
    " 's": "'s",
    " 've": "'ve",
    " 're": "'re",
}
BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def decoder_of(value: object) -> Decoder:
    """Raises: WeightsError for a decoder that is not implemented."""
    decoder: Decoder = (lambda tokens: [" ".join(tokens)]) if value is None else made(value, "decoder", DECODERS)
    return decoder


def kinds_of(value: object) -> set[str]:
    """What a decoder does that `decoder_of` has read, also inside a Sequence of them."""
    if not isinstance(value, dict):
        return set()
    inside = value.get("decoders") if value["type"] == "Sequence" else ()
    return {value["type"]}.union(*map(kinds_of, inside or ()))


def bytes_of(token: str) -> bytes:
    """A token of a byte-level vocabulary, as the bytes that it spells."""
    return bytes(BYTES[letter] for letter in token) if all(letter in BYTES for letter in token) else token.encode()


def _sequence(said: Said) -> Decoder:
    steps = several(said, "decoders", "decoder", DECODERS)

    def apply(tokens: list[str]) -> list[str]:
        for step in steps:
            tokens = step(tokens)
        return tokens

    return apply


def _byte_level(said: Said) -> Decoder:
    return lambda tokens: [b"".join(map(bytes_of, tokens)).decode("utf-8", "replace")]


def _metaspace(said: Said) -> Decoder:
    sign = said.short("replacement", SPACE)
    drops = said.text("prepend_scheme", "always") != "never" and said.flag("add_prefix_space", True)
    return lambda tokens: [token.replace(sign, "" if i == 0 and drops else " ") for i, token in enumerate(tokens)]


def _word_piece(said: Said) -> Decoder:
    inside, clean = said.short("prefix", "##"), said.flag("cleanup", True)

    def apply(tokens: list[str]) -> list[str]:
        done = []
        for i, token in enumerate(tokens):
            if i:
                token = token.removeprefix(inside) if token.startswith(inside) else f" {token}"
            for awkward, right in CLEANED.items() if clean else ():
                token = token.replace(awkward, right)
            done.append(token)
        return done

    return apply


def _byte_fallback(said: Said) -> Decoder:
    def apply(tokens: list[str]) -> list[str]:
        done: list[str] = []
        run = b""
        for token in [*tokens, ""]:
            found = BYTE.fullmatch(token)
            if found:
                run += bytes([int(found[1], 16)])
                continue
            if run:
                done.append(_text(run))
                run = b""
            done.append(token)
        return done[:-1]

    return apply


def _text(run: bytes) -> str:
    try:
        return run.decode()
    except UnicodeDecodeError:
        return "\ufffd" * len(run)


def _strip(said: Said) -> Decoder:
    content, start, stop = said.text("content", " "), said.whole("start", 0), said.whole("stop", 0)

    def stripped(token: str) -> str:
        for _ in range(min(start, len(token))):
            token = token.removeprefix(content)
        for _ in range(min(stop, len(token))):
            token = token.removesuffix(content)
        return token

    return lambda tokens: [stripped(token) for token in tokens]


def _replace(said: Said) -> Decoder:
    pattern, content = pattern_of(said), said.short("content")
    return lambda tokens: [pattern.sub(lambda _: content, token) for token in tokens]


def _suffixed(said: Said) -> Decoder:
    suffix = said.short("suffix", "</w>")
    return lambda tokens: [token.replace(suffix, "" if i == len(tokens) - 1 else " ") for i, token in enumerate(tokens)]


DECODERS: dict[str, Maker] = {
    "Sequence": _sequence,
    "ByteLevel": _byte_level,
    "Metaspace": _metaspace,
    "WordPiece": _word_piece,
    "ByteFallback": _byte_fallback,
    "Fuse": lambda said: lambda tokens: ["".join(tokens)],
    "Strip": _strip,
    "Replace": _replace,
    "BPEDecoder": _suffixed,
}
