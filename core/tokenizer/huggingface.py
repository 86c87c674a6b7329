"""tokenizer.json, through the `tokenizers` library where it is installed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .. import limits
from ..errors import WeightsError
from ..strict_json import parse
from .bpe import readable
from .protocol import Subwords
from .words import Encoding

# GPT-2 spells each byte of a token as one letter: itself where that can be seen, else one of those from U+0100 on.
VISIBLE = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
HIDDEN = [byte for byte in range(256) if byte not in VISIBLE]
BYTES = {chr(byte): byte for byte in VISIBLE} | {chr(256 + n): byte for n, byte in enumerate(HIDDEN)}


@dataclass(frozen=True)
class Piece:
    """One token of a pretrained vocabulary: its spelling there, its id, and which characters of the text it covers."""

    token: str
    id: int
    start: int
    stop: int


@dataclass(frozen=True)
class FileTokenizer(Subwords):
    """The tokenizer that a model was trained with. Nothing is read before it is used.

    Raises, from each method: WeightsError when there is no tokenizer.json, when it cannot be read, and when the
    library is not installed; `problem` tells the first and the last beforehand.
    """

    path: Path | None
    settings: Path | None = None  # tokenizer_config.json beside it

    @cached_property
    def problem(self) -> str:
        """Why this tokenizer cannot be used; empty when it can, as far as one can tell without reading it."""
        if self.path is None:
            return "tokenizer.json: this folder has none, so ids must be given in place of text"
        try:
            import tokenizers  # noqa: F401
        except ImportError:
            return "tokenizer.json: reading it needs the library `tokenizers`: pip install tokenizers"
        return ""

    def encode(self, text: str, special: bool = True) -> Encoding[Piece]:
        """Text -> ids, tokens as a reader would write them, and the work: a Piece a token.

        special: add the tokens that the model expects around a text, such as BERT's [CLS] and [SEP]. Where a reader
        wrote "[SEP]", or "<|endoftext|>", it is text.
        """
        with _named_errors():
            encoding = self._library.encode(text, add_special_tokens=special)
        work = tuple(
            Piece(token, id, *span)
            for token, id, span in zip(encoding.tokens, encoding.ids, encoding.offsets, strict=True)
        )
        tokens = tuple(self._readable(piece.token) for piece in work)
        return Encoding(np.array(encoding.ids, np.int64), tokens, work, tuple(encoding.offsets))

    def decode(self, ids: Iterable[int]) -> str:
        """Ids -> text, without special tokens."""
        ids = [int(i) for i in ids]
        with _named_errors():
            return self._library.decode(ids)

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The token of each id, as a reader would write it."""
        size = self._library.get_vocab_size()
        return tuple(self._readable(self._library.id_to_token(id) or "") for id in range(size))

    @cached_property
    def special(self) -> frozenset[int]:
        """Ids that stand for no text."""
        return frozenset(id for id, added in self._library.get_added_tokens_decoder().items() if added.special)

    def _readable(self, token: str) -> str:
        if self._byte_level and token not in self._added and all(letter in BYTES for letter in token):
            return readable(bytes(BYTES[letter] for letter in token))
        return token

    @cached_property
    def _added(self) -> frozenset[str]:
        """Tokens that were added as they are written, beside those that the model spells in bytes."""
        return frozenset(added.content for added in self._library.get_added_tokens_decoder().values())

    @cached_property
    def _byte_level(self) -> bool:
        return "ByteLevel" in _kinds(json.loads(self._library.to_str()).get("decoder"))

    @cached_property
    def _spaces_once(self) -> bool:
        """Whether a space goes before a text only where it begins with none: LlamaTokenizer with legacy false.

        transformers 5 then passes over what tokenizer.json, often older than that switch, says of spaces.
        """
        if self.settings is None:
            return False
        if self.settings.stat().st_size > limits.WEIGHTS_HEADER:
            raise WeightsError(f"tokenizer_config.json: has more than {limits.WEIGHTS_HEADER:,} bytes")
        said = parse(self.settings.read_bytes(), "tokenizer_config.json")
        llama = said.get("tokenizer_class") in ("LlamaTokenizer", "LlamaTokenizerFast")
        return llama and said.get("legacy") is False and said.get("add_prefix_space") is not False

    @cached_property
    def _library(self) -> Any:
        if self.problem or self.path is None:
            raise WeightsError(self.problem)
        from tokenizers import Tokenizer
        from tokenizers.pre_tokenizers import Metaspace

        if self.path.stat().st_size > limits.TOKENIZER_FILE:
            raise WeightsError(f"tokenizer.json: has more than {limits.TOKENIZER_FILE:,} bytes")
        tokenizer = Tokenizer.from_file(str(self.path))
        tokenizer.no_padding()  # some files ask for both, to fill a batch; here a text is as long as it is
        tokenizer.no_truncation()
        tokenizer.encode_special_tokens = True
        if self._spaces_once:
            tokenizer.normalizer = None
            tokenizer.pre_tokenizer = Metaspace(replacement="▁", prepend_scheme="first", split=False)
        return tokenizer


def _kinds(decoder: dict[str, Any] | None) -> set[str]:
    """What a decoder does, also inside a Sequence of them."""
    if not decoder:
        return set()
    return {decoder["type"]}.union(*(_kinds(part) for part in decoder.get("decoders", ())))


@contextmanager
def _named_errors() -> Iterator[None]:
    """What the library raises, as WeightsError: it knows plain Exception, and its panics are not even that."""
    try:
        yield
    except (WeightsError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise WeightsError(f"tokenizer.json: {error}") from None
