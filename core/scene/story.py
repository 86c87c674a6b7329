"""From one story to another: what of a Scene goes along, and what is the new story's own."""

from __future__ import annotations

from .notice import Notice
from .scene import Scene
from .sentence import fit_sentence

AS_IT_OPENS = {"overrides": (), "edits": (), "ablated": (), "off": (), "temperature": 1.0}


def told(scene: Scene, model: str) -> tuple[Scene, Notice | None]:
    """The story `model` as it opens, looked at as `scene` is; of the reader's own sentence, and what was cut of it."""
    sentence, cut = fit_sentence(scene.sentence, scene.split, model)
    story = scene.turn(model=model, sentence=sentence, **AS_IT_OPENS)
    return (story.turn(sentence="") if sentence == story.preset.sentence else story), cut
