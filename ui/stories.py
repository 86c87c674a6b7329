"""The stories: what a Scene's model is called, and how a reader comes from one to another."""

from __future__ import annotations

from core import PRESETS, Notice, Preset, Scene
from core.sentence import fit_sentence
from ui import state
from ui.words import Words

AS_IT_OPENS = {"overrides": (), "edits": (), "ablated": (), "off": (), "temperature": 1.0}


def called(model: str, preset: Preset, words: Words) -> str:
    """The name of `model`, whose description is `preset`; two runs of one title are told apart."""
    if model in PRESETS:
        return words(f"shell.stories.{model}")
    return words("shell.stories_trained", title=preset.title, name=model[-4:])


def told(scene: Scene, model: str) -> tuple[Scene, Notice | None]:
    """The story `model` as it opens, looked at as `scene` is; of the reader's own sentence, and what was cut of it."""
    sentence, cut = fit_sentence(scene.sentence, scene.split, model)
    story = scene.turn(model=model, sentence=sentence, **AS_IT_OPENS)
    return (story.turn(sentence="") if sentence == story.preset.sentence else story), cut


def tell(model: str) -> None:
    """Go to a story: by the list, by a card, by a button."""
    story, cut = told(state.scene(), model)
    state.show(story)
    if cut:
        state.notify(cut)
