"""Which model a page shows, where it is made for one stack of blocks and the reader's has two, or the reverse."""

from __future__ import annotations

from functools import lru_cache

from core import Scene
from core.scene.switch import as_it_opens
from pictures.pages import PAGES

STAND_INS = {1: "stories", 2: "translator"}  # of so many stacks; both have logits


def count(scene: Scene) -> int:
    """How many stacks the Scene's model has: an encoder and a decoder are two."""
    return 2 if scene.whole.n_encoder_layers else 1


def shown(scene: Scene, page: str) -> Scene:
    """The Scene that `page` shows: the reader's own, or another model as it opens, looked at in the same way.

    A pinned Scene that the page cannot show is left out there too.
    """
    if page not in PAGES or not PAGES[page].model:
        return scene
    return standing_in(scene, PAGES[page].stacks)


@lru_cache(maxsize=128)  # a page asks for it dozens of times
def standing_in(scene: Scene, stacks: tuple[int, ...]) -> Scene:
    """The same, of a page that shows models of so many stacks."""
    if scene.pinned and count(scene.pinned) not in stacks:
        scene = scene.turn(pinned=None)
    if count(scene) in stacks:
        return scene
    return as_it_opens(scene, STAND_INS[stacks[0]], forced=scene.forced, words_forced=scene.words_forced)
