"""What all derived numbers have in common: which arrays they are of, their axes, and how one is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from core.explain.explanation import Made

if TYPE_CHECKING:
    from pictures.explained.world import World

Place = tuple[int, ...]
Rule = Callable[["World", str, Place], Made]
OWN = r"blocks\.\d+\.attn\."  # of the attention inside one text
COMPONENT = "component"  # an axis: the directions in which Drift, or a head's plane, is drawn


class Derived(NamedTuple):
    """One kind of number: of which arrays (a regular expression), its axes, its shape, and what one is made of."""

    of: str
    axes: tuple[str, ...]
    shape: Callable[[World, str], Place]
    made: Rule


def layer_of(name: str) -> int:
    return int(name.removeprefix("encoder.").split(".")[1])
