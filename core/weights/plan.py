"""What a model family's name map is written with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..config import Config
from .transforms import Transform, same, turned


@dataclass(frozen=True)
class Plan:
    """What to load, and as what.

    The left-hand sides of `body` and `head` are transformers' names, "{i}" being the number of a block. A whole model
    has `prefix` in front of its body's names; a body that was saved alone has none.
    """

    config: Config
    body: Mapping[str, Transform]
    prefix: str = ""
    head: Mapping[str, Transform] = field(default_factory=dict)  # read if there are logits that are not tied
    unused: tuple[str, ...] = ()  # of the body: masks kept as tensors, and layers after the last hidden state
    renamed: tuple[tuple[str, str], ...] = ()  # (old, new): endings and beginnings of names in older files
    bias: Mapping[str, Transform] = field(default_factory=dict)  # read if there are logits, beside any prefix
    copies: tuple[str, ...] = ()  # of the body: the embedding table once more; one of them may stand in its place
    window: int | None = None  # attention reaches so many tokens back: refused unless n_ctx is no longer


def linear(theirs: str, ours: str, bias: bool, matrix: Callable[[str], Transform] = turned) -> dict[str, Transform]:
    """`theirs`.weight and .bias of block {i} -> `ours`, with W and b in place of its asterisk."""
    names = {theirs + ".weight": matrix("blocks.{i}." + ours.replace("*", "W"))}
    return names | ({theirs + ".bias": same("blocks.{i}." + ours.replace("*", "b"))} if bias else {})


def norm(theirs: str, ours: str) -> dict[str, Transform]:
    """A LayerNorm's weight and bias."""
    return {theirs + ".weight": same(ours + ".w"), theirs + ".bias": same(ours + ".b")}


def three(ours: str) -> tuple[str, ...]:
    """Q, K and V of block {i}, in place of the asterisk in `ours`."""
    return tuple("blocks.{i}." + ours.replace("*", letter) for letter in "QKV")
