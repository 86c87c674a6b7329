"""From one model to another: what of a Scene goes along, and what is the new model's own."""

from __future__ import annotations

from typing import Any

from .. import limits
from ..presets import REAL
from .notice import Notice
from .scene import Scene
from .sentence import fit_sentence

AS_IT_OPENS: dict[str, Any] = {
    **dict.fromkeys(("overrides", "edits", "matrices", "ablated", "cut", "off"), ()),
    **{"temperature": 1.0, "patch": None},
}


def with_model(scene: Scene, model: str) -> tuple[Scene, Notice | None]:
    """`model` as it opens, looked at as `scene` is, with the reader's own sentence; and what was cut of that."""
    opened, (_, cut) = as_it_opens(scene, model), fit_sentence(scene.sentence, scene.split, model)
    return (opened.turn(sentence="") if opened.sentence == opened.preset.sentence else opened), cut


def beginning(scene: Scene, tokens: int = limits.FOLLOWED) -> Scene:
    """The Scene itself; of a real model's long sentence, its beginning of at most so many tokens."""
    if not scene.model.startswith(REAL) or len(scene.tokens) <= tokens:
        return scene
    return scene.turn(sentence=fit_sentence(scene.text, scene.split, scene.model, tokens)[0])


def as_it_opens(scene: Scene, model: str, **kept: Any) -> Scene:
    """`model` as it opens, looked at as `scene` is, with of the reader's sentence what fits, and with the fields `kept`
    that do not follow from them."""
    sentence = fit_sentence(scene.sentence, scene.split, model)[0]
    return scene.turn(model=model, sentence=sentence, **kept, **AS_IT_OPENS)
