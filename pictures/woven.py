"""Which number a fibre of a 3-D scene shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.config import ENCODER
from core.scene.fields import Numbered
from pictures.numbers import Rectangle


@dataclass(frozen=True)
class Woven:
    """Fibres of a 3-D scene (plots/fibres.py), a weight each; which one was clicked is told by its place in
    [layer, n_heads, n_tokens, n_tokens], counted from n_tokens on.

    start: what the names begin with of the run whose weights they are. n_encoder, n_source: of two stacks
    (plots/facing.py), how many of the layers, and of the tokens, are the encoder's.
    """

    n_heads: int
    n_tokens: int
    start: str = ""
    n_encoder: int = 0
    n_source: int = 0

    def at(self, click: Mapping[str, Any]) -> Numbered | None:
        code = click.get("customdata")
        place = -1 if code is None else int(code) - self.n_tokens
        if place < 0:  # a token, or nothing
            return None
        rest, key = divmod(place, self.n_tokens)
        rest, query = divmod(rest, self.n_tokens)
        layer, head = divmod(rest, self.n_heads)
        if layer < self.n_encoder:
            return f"{self.start}{ENCODER}blocks.{layer}.attn.pattern", (head, query, key)
        crosses = key < self.n_source
        name = f"{self.start}blocks.{layer - self.n_encoder}.{'cross' if crosses else 'attn'}.pattern"
        return name, (head, query - self.n_source, key - (0 if crosses else self.n_source))

    def place(self, number: Numbered) -> Rectangle | None:
        """Nothing is outlined in a scene that turns."""
        return None
