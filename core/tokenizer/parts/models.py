"""How a piece becomes tokens, by BPE, WordPiece, Unigram or as whole words; and how many letters each takes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import lru_cache

from ... import limits
from ...errors import WeightsError
from ...strict_json import quoted
from ..bpe import by_rank
from .said import FILE, Maker, Said, made

Taken = tuple[str, int]  # a token, and how many of the piece's letters it is made of
KEPT, SHORT = 1024, 32  # pieces whose tokens are kept, and letters of one: a few megabytes, where a text is one piece


class Model(ABC):
    """ids: token -> id. unknown: the token of what the vocabulary cannot write, or None."""

    ids: dict[str, int]
    unknown: str | None = None

    def __init__(self) -> None:
        self._known = lru_cache(maxsize=KEPT)(lambda piece: tuple(self._tokens(piece)))

    def tokens(self, piece: str) -> tuple[Taken, ...]:
        """Raises: WeightsError for a piece that cannot be written."""
        return self._known(piece) if len(piece) <= SHORT else tuple(self._tokens(piece))

    @abstractmethod
    def _tokens(self, piece: str) -> Iterator[Taken]: ...

    def _lost(self, letters: str) -> str:
        if self.unknown is None:
            raise WeightsError(f"{FILE}: the vocabulary has no token for {letters!r}")
        return self.unknown

    def _in_bytes(self, letters: str) -> list[Taken] | None:
        """Letters in tokens such as <0xC3>, the last of which takes them; None where one is missing."""
        tokens = [f"<0x{byte:02X}>" for byte in letters.encode("utf-8", "replace")]
        if not all(token in self.ids for token in tokens):
            return None
        return [(token, len(letters) * (i == len(tokens) - 1)) for i, token in enumerate(tokens)]


class BPE(Model):
    """Sennrich et al. 2016: always the earliest learned of the merges that apply."""

    def __init__(self, said: Said):
        super().__init__()
        self.ids, self.unknown = _vocabulary(said), said.text("unk_token") or None
        for name in ("dropout", "continuing_subword_prefix"):
            said.refuse(name, "")
        self._suffix = said.short("end_of_word_suffix")
        self._fuses, self._falls = said.flag("fuse_unk", False), said.flag("byte_fallback", False)
        self._whole = said.flag("ignore_merges", False)
        pairs = [_pair(merge, said) for merge in said.get("merges", list, [])]
        self._ranks = {pair: rank for rank, pair in reversed(list(enumerate(pairs)))}

    def _tokens(self, piece: str) -> Iterator[Taken]:
        if self._whole and piece in self.ids:
            yield piece, len(piece)
            return
        symbols = self._first(piece)
        left = iter(symbols)
        for token in by_rank([symbol for symbol, _ in symbols], self._ranks):
            written = letters = 0
            while written < len(token):
                symbol, n = next(left)
                written, letters = written + len(symbol), letters + n
            yield token, letters

    def _first(self, piece: str) -> list[Taken]:
        """The symbols to begin with: letters, bytes, or the unknown; and how many letters each takes."""
        symbols: list[Taken] = []
        for i, c in enumerate(piece):
            symbol = c + self._suffix * (i == len(piece) - 1)
            written = self._in_bytes(symbol) if self._falls and symbol not in self.ids else None
            if symbol in self.ids:
                symbols.append((symbol, 1))
            elif written is not None:
                symbols += written
            elif self._fuses and symbols and symbols[-1][0] == self.unknown:
                symbols[-1] = (symbols[-1][0], symbols[-1][1] + 1)
            else:
                symbols.append((self._lost(c), 1))
        return symbols


class WordPiece(Model):
    """Devlin et al. 2018: the longest piece that fits; a word of which some rest fits nothing is unknown whole."""

    def __init__(self, said: Said):
        super().__init__()
        self.ids, self.unknown = _vocabulary(said), said.text("unk_token", "[UNK]")
        self._inside = said.short("continuing_subword_prefix", "##")
        self._most = said.whole("max_input_chars_per_word", 100)

    def _tokens(self, piece: str) -> Iterator[Taken]:
        found: list[Taken] = []
        at = 0
        while at < len(piece):
            inside = self._inside if at else ""
            ends = range(len(piece), at, -1) if len(piece) <= self._most else ()
            stop = next((stop for stop in ends if inside + piece[at:stop] in self.ids), None)
            if stop is None:
                found = [(self._lost(piece), len(piece))]
                break
            found.append((inside + piece[at:stop], stop - at))
            at = stop
        yield from found


class Unigram(Model):
    """Kudo 2018, "Subword Regularization", section 3.2: of all ways to cut a piece, the likeliest (Viterbi)."""

    PENALTY = 10.0  # of an unknown letter, below the least likely token

    def __init__(self, said: Said):
        super().__init__()
        pieces = said.get("vocab", list, [])
        self._scores: dict[str, float] = {}
        for entry in pieces:
            right = isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str)
            # Whole numbers are compared as they are: those past 1e308 have no float.
            if not right or type(entry[1]) not in (int, float) or not abs(entry[1]) <= 1e300:
                raise WeightsError(f"{said.at}: vocab: {quoted(entry)} is not a token and its score")
            self._scores[entry[0]] = float(entry[1])
        self.ids = {entry[0]: id for id, entry in enumerate(pieces)}
        unknown = said.get("unk_id", int, None)
        if unknown is not None and not 0 <= unknown < len(pieces):
            raise WeightsError(f"{said.at}: unk_id: {quoted(unknown)} is no token's id")
        self.unknown = None if unknown is None else pieces[unknown][0]
        self._falls = said.flag("byte_fallback", False)
        self._longest = max(map(len, self._scores), default=0)
        self._least = min(self._scores.values(), default=0.0) - self.PENALTY

    def _tokens(self, piece: str) -> Iterator[Taken]:
        # Of each place: its score, where its token begins, and whether that is known.
        best: list[tuple[float, int, bool]] = [(0.0, 0, True)]
        best += [(-math.inf, 0, True)] * len(piece)
        for start in range(len(piece)):
            for stop in range(start + 1, min(start + self._longest, len(piece)) + 1):
                score = self._scores.get(piece[start:stop])
                if score is not None and best[start][0] + score > best[stop][0]:
                    best[stop] = (best[start][0] + score, start, True)
            if piece[start] not in self._scores and best[start][0] + self._least > best[start + 1][0]:
                best[start + 1] = (best[start][0] + self._least, start, False)
        cuts: list[tuple[int, int, bool]] = []
        stop = len(piece)
        while stop:
            _, start, known = best[stop]
            cuts.append((start, stop, known))
            stop = start
        yield from self._written(piece, cuts[::-1])

    def _written(self, piece: str, cuts: list[tuple[int, int, bool]]) -> Iterator[Taken]:
        """Neighbours that are unknown are one token, or are written in bytes."""
        lost = ""
        for start, stop, known in [*cuts, (0, 0, True)]:
            if known and lost:
                yield from (self._in_bytes(lost) if self._falls else None) or [(self._lost(lost), len(lost))]
                lost = ""
            if not known:
                lost += piece[start:stop]
            elif stop:
                yield piece[start:stop], stop - start


class Whole(Model):
    """A word as it is, or the unknown."""

    def __init__(self, said: Said):
        super().__init__()
        self.ids, self.unknown = _vocabulary(said), said.get("unk_token", str, None)

    def _tokens(self, piece: str) -> Iterator[Taken]:
        yield (piece if piece in self.ids else self._lost(piece)), len(piece)


def _vocabulary(said: Said) -> dict[str, int]:
    ids = said.get("vocab", dict, {})
    for token, id in ids.items():
        if not is_id(id):
            raise WeightsError(
                f"{said.at}: vocab: {quoted(token)}: {quoted(id)} is no id in 0..{limits.VOCABULARY - 1:,}"
            )
    return dict(ids)


def is_id(value: object) -> bool:
    """Whether this can be a token's id: a list of all tokens is made, up to the largest."""
    return type(value) is int and 0 <= value < limits.VOCABULARY


def _pair(merge: object, said: Said) -> tuple[str, str]:
    parts = merge.split(" ") if isinstance(merge, str) else merge
    if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, str) for part in parts):
        raise WeightsError(f"{said.at}: merges: {quoted(merge)} is not two tokens")
    return parts[0], parts[1]


MODELS: dict[str, Maker] = {"BPE": BPE, "WordPiece": WordPiece, "Unigram": Unigram, "WordLevel": Whole}


def model_of(value: object) -> Model:
    """Raises: WeightsError for a model that is not implemented, or is damaged."""
    if isinstance(value, dict) and "type" not in value:  # older files leave it out
        kind = "Unigram" if "unk_id" in value else "BPE" if "merges" in value else "WordPiece"
        value = {"type": kind} | value
    model: Model = made(value, "model", MODELS)
    return model
