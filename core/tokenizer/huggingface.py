"""tokenizer.json: the vocabulary that a model was trained with, and all that is done to a text before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import arguments, limits
from ..errors import WeightsError
from ..strict_json import parse, quoted, read
from .bpe import readable
from .parts.decoders import Decoder, bytes_of, decoder_of, kinds_of
from .parts.letters import Letters, letters_of, text_of
from .parts.models import Model, is_id, model_of
from .parts.normalizers import Normalizer, normalizer_of
from .parts.said import FILE, STEPS, Said, check_short, made, several
from .parts.splitters import BYTES, SPACE, Splitter, splitter_of
from .protocol import Subwords
from .words import Encoding

SPACES_ONCE = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "first", "split": False}


@dataclass(frozen=True)
class Piece:
    """One token of a pretrained vocabulary: its spelling there, its id, and which characters of the text it covers."""

    token: str
    id: int
    start: int
    stop: int


@dataclass(frozen=True)
class Added:
    """A token that is taken out of a text as it is written, before anything else is done to it, or after."""

    content: str
    id: int
    special: bool  # stands for no text: a reader who writes it means the text
    normalized: bool


@dataclass(frozen=True)
class Stages:
    """What the file says, in the order in which it is done."""

    added: tuple[Added, ...]
    normalize: Normalizer
    split: Splitter
    model: Model
    before: tuple[int, ...]
    after: tuple[int, ...]
    decode: Decoder
    byte_level: bool
    sign: str  # of a space, in the tokens


@dataclass(frozen=True)
class FileTokenizer(Subwords):
    """The tokenizer that a model was trained with. Nothing is read before it is used.

    Raises, from each method: WeightsError when there is no tokenizer.json, of which `problem` tells beforehand; when it
    is damaged, or has a part that is not implemented.
    """

    path: Path | None
    settings: Path | None = None  # tokenizer_config.json beside it

    @property
    def problem(self) -> str:
        """Why this tokenizer cannot be used; empty when it can, as far as one can tell without reading it."""
        return "" if self.path else "tokenizer.json: this folder has none, so ids must be given in place of text"

    def encode(self, text: str, special: bool = True) -> Encoding[Piece]:
        """Text -> ids, tokens as a reader would write them, and the work: a Piece a token.

        special: add the tokens that the model expects around a text, such as BERT's [CLS] and [SEP]. Where a reader
        wrote "[SEP]", or "<|endoftext|>", it is text.
        """
        work = list(self._pieces(arguments.text_of("text", text)))
        if special:
            work[:0] = [Piece(self._spelled[id], id, 0, 0) for id in self._stages.before]
            work += [Piece(self._spelled[id], id, len(text), len(text)) for id in self._stages.after]
        ids = np.array([piece.id for piece in work], np.int64)
        spans = tuple((piece.start, piece.stop) for piece in work)
        return Encoding(ids, tuple(self._readable(piece.token) for piece in work), tuple(work), spans)

    def decode(self, ids: Iterable[int]) -> str:
        """Ids -> text, without special tokens, and without ids that have no token.

        Raises: ConfigError for what is no id.
        """
        ids = arguments.tokens_of(ids, limits.VOCABULARY)
        return "".join(
            self._stages.decode([self._spelled[id] for id in ids if id in self._spelled and id not in self.special])
        )

    def outside(self, text: str) -> dict[str, str]:
        """What of a text is unknown, as it was written."""
        unknown = self._stages.model.unknown
        return {text[piece.start : piece.stop]: piece.token for piece in self._pieces(text) if piece.token == unknown}

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The token of each id, as a reader would write it."""
        return tuple(self._readable(self._spelled.get(id, "")) for id in range(max(self._spelled, default=-1) + 1))

    @cached_property
    def special(self) -> frozenset[int]:
        """Ids that stand for no text."""
        return frozenset(added.id for added in self._stages.added if added.special)

    # ---------------------------------------------------------------------------------------------------- on the way

    def _pieces(self, text: str) -> Iterator[Piece]:
        for raw in _taken_out(letters_of(text), self._as_written):
            if isinstance(raw, Piece):
                yield raw
                continue
            for part in _taken_out(self._stages.normalize(raw), self._as_normal):
                if isinstance(part, Piece):
                    yield part
                else:
                    yield from self._of_model(part)

    def _of_model(self, letters: Letters) -> Iterator[Piece]:
        model = self._stages.model
        for piece in self._stages.split(letters):
            at = 0
            for token, n in model.tokens(text_of(piece)):
                if token not in model.ids:
                    raise WeightsError(f"{FILE}: the vocabulary has no token {quoted(token)}")
                covered = piece[at : at + n] or piece[at : at + 1]  # a byte that is not the last of its letter
                yield Piece(token, model.ids[token], covered[0][1], covered[-1][2])
                at += n

    @cached_property
    def _as_written(self) -> Marks:
        """The added tokens that are taken out of a text as it is."""
        return marks_of({one.content: one for one in self._stages.added if not one.special and not one.normalized})

    @cached_property
    def _as_normal(self) -> Marks:
        """Those that are taken out once it is normalized, as they then are."""
        late = [one for one in self._stages.added if not one.special and one.normalized]
        return marks_of({text_of(self._stages.normalize(letters_of(one.content))): one for one in late})

    def _readable(self, token: str) -> str:
        if token in self._added:
            return token
        if self._stages.byte_level and all(letter in BYTES for letter in token):
            return readable(bytes_of(token))
        return token.replace(self._stages.sign, " ") if self._stages.sign else token

    @cached_property
    def _added(self) -> frozenset[str]:
        return frozenset(one.content for one in self._stages.added)

    @cached_property
    def _spelled(self) -> dict[int, str]:
        """Id -> token, as it is spelled in the file."""
        ids = self._stages.model.ids | {one.content: one.id for one in self._stages.added}
        return {id: token for token, id in ids.items()}

    # ------------------------------------------------------------------------------------------------------ the file

    @cached_property
    def _stages(self) -> Stages:
        if self.path is None:
            raise WeightsError(self.problem)
        said = _read(self.path, limits.TOKENIZER_FILE)
        if self._spaces_once:  # transformers 5 then passes over what the file, often older, says of spaces
            said |= {"normalizer": None, "pre_tokenizer": SPACES_ONCE}
        for name in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
            check_short(said.get(name), name)
        model = model_of(said.get("model"))
        added = _added_tokens(Said(said, FILE).get("added_tokens", list, []))
        before, after = around(said.get("post_processor"), model.ids | {one.content: one.id for one in added})
        decode, kinds = decoder_of(said.get("decoder")), kinds_of(said.get("decoder"))
        return Stages(
            added,
            normalizer_of(said.get("normalizer")),
            splitter_of(said.get("pre_tokenizer")),
            model,
            before,
            after,
            decode,
            "ByteLevel" in kinds,
            SPACE if kinds & {"Metaspace", "Replace"} else "",
        )

    @cached_property
    def _spaces_once(self) -> bool:
        """Whether a space goes before a text only where it begins with none: LlamaTokenizer with legacy false."""
        if self.settings is None:
            return False
        said = _read(self.settings, limits.WEIGHTS_HEADER)
        llama = said.get("tokenizer_class") in ("LlamaTokenizer", "LlamaTokenizerFast")
        return llama and said.get("legacy") is False and said.get("add_prefix_space") is not False


def _read(path: Path, most: int) -> dict[str, Any]:
    return parse(read(path, most), path.name)


def _added_tokens(values: list[Any]) -> tuple[Added, ...]:
    added = []
    for value in values:
        said = Said(value if isinstance(value, dict) else {}, f"{FILE}: added_tokens: {quoted(value)}")
        one = Added(
            said.text("content"), said.whole("id", -1), said.flag("special", False), said.flag("normalized", True)
        )
        if not one.content or not is_id(one.id):
            raise WeightsError(f"{said.at}: has no content, or no id in 0..{limits.VOCABULARY - 1:,}")
        for name in () if one.special else ("single_word", "lstrip", "rstrip"):
            said.refuse(name)
        added.append(one)
    return tuple(added)


class Marks(NamedTuple):
    """Added tokens by what they are in a text, and the lengths of that, the longest first."""

    tokens: dict[str, Added]
    lengths: tuple[int, ...]


def marks_of(tokens: dict[str, Added]) -> Marks:
    return Marks(tokens, tuple(sorted({len(written) for written in tokens if written}, reverse=True)))


def _taken_out(letters: Letters, marks: Marks) -> Iterator[Piece | Letters]:
    """The added tokens that a text holds, the longest of those that begin at one place, and what stands between."""
    text = text_of(letters)
    begin = at = 0  # of what stands between; of what is looked at
    while marks.lengths and at < len(letters):
        # One look for each length, of which there are few: a file may have a quarter of a million tokens.
        found = next((text[at : at + n] for n in marks.lengths if text[at : at + n] in marks.tokens), "")
        if not found:
            at += 1
            continue
        if at > begin:
            yield letters[begin:at]
        one, stop = marks.tokens[found], at + len(found)
        yield Piece(one.content, one.id, letters[at][1], letters[stop - 1][2])
        begin = at = stop
    if begin < len(letters):
        yield letters[begin:]


# ------------------------------------------------------------------------------------------------- around a text

Around = tuple[tuple[str, ...], tuple[str, ...]]


def around(value: object, ids: dict[str, int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The ids that go before a text and after it. Raises: WeightsError for a post-processor that is not implemented."""
    before, after = ((), ()) if value is None else made(value, "post_processor", PROCESSORS)
    if (n := len(before) + len(after)) > STEPS:
        raise WeightsError(f"{FILE}: post_processor: puts {n:,} tokens around a text; at most {STEPS} are put there")
    for token in (*before, *after):
        if token not in ids:
            raise WeightsError(f"{FILE}: post_processor: the vocabulary has no token {quoted(token)}")
    return tuple(ids[token] for token in before), tuple(ids[token] for token in after)


def _sequence(said: Said) -> Around:
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    for more in several(said, "processors", "post_processor", PROCESSORS):
        before, after = more[0] + before, after + more[1]
    return before, after


def _template(said: Said) -> Around:
    sides: tuple[list[str], list[str]] = ([], [])
    side = 0
    for item in said.get("single", list, []):
        kind, about = next(iter(item.items()), ("", {})) if isinstance(item, dict) else ("", {})
        id = about.get("id") if isinstance(about, dict) else None
        if kind == "Sequence" and side == 0:
            side = 1
        elif kind == "SpecialToken" and isinstance(id, str):
            sides[side].append(id)
        else:
            raise WeightsError(f"{said.at}: single: {quoted(item)} is not implemented")
    return tuple(sides[0]), tuple(sides[1])


def _pair(said: Said) -> Around:
    """BERT's and RoBERTa's: [token, id] before and after."""
    tokens = [said.get(name, list, ["", 0]) for name in ("cls", "sep")]
    if not all(len(token) == 2 and isinstance(token[0], str) for token in tokens):
        raise WeightsError(f"{said.at}: cls and sep are not each a token and its id")
    return (tokens[0][0],), (tokens[1][0],)


PROCESSORS = {
    "Sequence": _sequence,
    "TemplateProcessing": _template,
    "BertProcessing": _pair,
    "RobertaProcessing": _pair,
    "ByteLevel": lambda said: ((), ()),  # only where a token begins for whoever reads offsets
}
