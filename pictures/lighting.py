"""What of the light of Fibres is lit, and which token keeps its colour, in models of one stack and of two."""

from __future__ import annotations

from core import Scene
from pictures import stacks


def layers(scene: Scene) -> int:
    """How many layers there are to light: of two stacks first the encoder's."""
    return scene.config.n_encoder_layers + scene.config.n_layers


def lit(scene: Scene) -> int:
    """How many layers are lit, inside the model."""
    n = layers(scene)
    return n if scene.layers_lit is None else min(scene.layers_lit, n)


def tokens(scene: Scene) -> tuple[str, ...]:
    """All tokens that may be in focus: of two stacks those that the encoder reads, then those that are written."""
    return scene.tokens + (stacks.written(scene) if stacks.count(scene) > 1 else ())


def focus(scene: Scene) -> int | None:
    """The token whose fibres keep their colour, inside the sentences."""
    return scene.focus if scene.focus is not None and scene.focus < len(tokens(scene)) else None


def starts(scene: Scene) -> tuple[int, int]:
    """From which number on the focus means who looks in the flat picture, and who is looked at."""
    n, kind = len(scene.tokens), stacks.looks(scene).kind
    return {"cross": (n, 0), "decoder": (n, n)}.get(kind, (0, 0))


def focuses(scene: Scene) -> tuple[int | None, int | None]:
    """The token in focus as one that looks in the flat picture, and as one that is looked at."""
    found, chosen = stacks.looks(scene), focus(scene)
    sides = zip((found.rows, found.columns), starts(scene), strict=True)
    row, column = (
        chosen - first if chosen is not None and 0 <= chosen - first < len(side) else None for side, first in sides
    )
    return row, column
