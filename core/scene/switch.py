"""From one model to another: what of a Scene goes along, and what is the new model's own."""

from __future__ import annotations

from .notice import Notice
from .scene import Scene
from .sentence import fit_sentence

AS_IT_OPENS = {"overrides": (), "edits": (), "ablated": (), "off": (), "temperature": 1.0}


def with_model(scene: Scene, model: str) -> tuple[Scene, Notice | None]:
    """`model` as it opens, looked at as `scene` is, with the reader's own sentence; and what was cut of that."""
    sentence, cut = fit_sentence(scene.sentence, scene.split, model)
    opened = scene.turn(model=model, sentence=sentence, **AS_IT_OPENS)
    return (opened.turn(sentence="") if sentence == opened.preset.sentence else opened), cut
