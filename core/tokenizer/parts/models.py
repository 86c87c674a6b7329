"""How a piece becomes tokens, by BPE, WordPiece, Unigram or as whole words; and how many letters each takes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import pairwise

from ...errors import WeightsError
from ...strict_json import quoted
from .said import FILE, Maker, Said, made

Taken = tuple[str, int]  # a token, and how many of the piece's letters it is made of
WORDS_KEPT = 4096  # pieces whose tokens are remembered


class Model(ABC):
    """ids: token -> id. unknown: the token of what the vocabulary cannot write, or None."""

    ids: dict[str, int]
    unknown: str | None = None

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Taken, ...]] = {}

    def tokens(self, piece: str) -> tuple[Taken, ...]:
        """Raises: WeightsError for a piece that cannot be written."""
        if piece not in self._kept:
            if len(self._kept) == WORDS_KEPT:
                self._kept.clear()
            self._kept[piece] = tuple(self._tokens(piece))
        return self._kept[piece]

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
        self.ids, self.unknown = _vocabulary(said), said.get("unk_token", str, None)
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
        symbols, lengths = self._first(piece)
        found = self._merged(symbols)
        at = 0
        for token, n in found:
            yield token, sum(lengths[at : at + n])
            at += n

    def _first(self, piece: str) -> tuple[list[str], list[int]]:
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
        return [symbol for symbol, _ in symbols], [n for _, n in symbols]

    def _merged(self, symbols: list[str]) -> list[Taken]:
        """Tokens, and how many symbols each is made of."""
        parts: list[tuple[str, ...]] = [(symbol,) for symbol in symbols]
        while True:
            pairs = pairwise("".join(part) for part in parts)
            pair = min(pairs, key=lambda pair: self._ranks.get(pair, len(self._ranks)), default=None)
            if pair is None or pair not in self._ranks:
                return [("".join(part), len(part)) for part in parts]
            parts = _joined(parts, pair)


def _joined(parts: list[tuple[str, ...]], pair: tuple[str, str]) -> list[tuple[str, ...]]:
    """The pair as one wherever it stands, from left to right."""
    done: list[tuple[str, ...]] = []
    free = False  # may the last of `done` still be the left half of a pair?
    for part in parts:
        if free and "".join(part) == pair[1] and "".join(done[-1]) == pair[0]:
            done[-1] += part
            free = False
        else:
            done.append(part)
            free = True
    return done


class WordPiece(Model):
    """Devlin et al. 2018: the longest piece that fits; a word of which some rest fits nothing is unknown whole."""

    def __init__(self, said: Said):
        super().__init__()
        self.ids, self.unknown = _vocabulary(said), said.text("unk_token", "[UNK]")
        self._inside, self._most = (
            said.short("continuing_subword_prefix", "##"),
            said.whole("max_input_chars_per_word", 100),
        )

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
            if not right or type(entry[1]) not in (int, float) or not math.isfinite(entry[1]):
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
        best: list[tuple[float, int, bool]] = [
            (0.0, 0, True)
        ]  # of each place: its score, where its token begins, known?
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
        if type(id) is not int or id < 0:
            raise WeightsError(f"{said.at}: vocab: {quoted(token)}: {quoted(id)} is no id")
    return dict(ids)


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
