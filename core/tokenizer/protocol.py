"""What every tokenizer can do, whatever it takes for a token: pages and Scenes know no more of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Protocol

from .words import Encoding


class Tokenizer(Protocol):
    """Text to ids and back.

    A token need not be a piece of the text: WordPiece writes small letters, and a byte is no character. Which
    characters each covers is in `Encoding.spans`.
    """

    @property
    def by(self) -> str:
        """What a token is: "words" (spaces tell nothing), "characters", or "pieces" of a text as it is."""

    @property
    def tokens(self) -> Sequence[str]:
        """The token of each id, as a reader would write it."""

    @property
    def special(self) -> frozenset[int]:
        """Ids that stand for no text, such as the one that begins it."""

    def split(self, text: str) -> tuple[str, ...]:
        """The tokens of a text: those of `encode`."""

    def encode(self, text: str) -> Encoding[Any]:
        """Text -> ids, with all that the model expects around it."""

    def outside(self, text: str) -> dict[str, str]:
        """What of a text the vocabulary does not have, as it was written, and the token that each is read as."""

    def decode(self, ids: Iterable[int]) -> str:
        """Ids -> text."""


class Subwords(ABC):
    """What all tokenizers have in common whose tokens are parts of words."""

    by: ClassVar[str] = "pieces"

    @abstractmethod
    def encode(self, text: str) -> Encoding[Any]:
        """Text -> ids."""

    def split(self, text: str) -> tuple[str, ...]:
        """The tokens of a text."""
        return self.encode(text).tokens

    def outside(self, text: str) -> dict[str, str]:
        """Nothing: bytes write any text."""
        return {}
