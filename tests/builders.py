"""Every builder of a picture, and of which Scenes there is such a picture."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import pictures
from core import Scene
from pictures import alike, compute, continuation, habits
from pictures.generate import loss

for found in pkgutil.walk_packages(pictures.__path__, "pictures."):
    import_module(found.name)

ALL = compute.builders()
OF_TWO_STACKS = (  # pages that show such models too
    *("cause.", "attention.", "backward.", "block.", "compare_backward.", "compare_block.", "drift.", "heads."),
    *("reading.", "importance.", "together.", "ranked.", "weighed.", "worth.", "fibres.", "translate."),
    *("compare.pinned_step", "compare.present_step", "compare.step_"),
    *("compare.pinned_heads", "compare.present_heads", "compare.heads_"),
    *("compare.pinned_light", "compare.present_light", "compare.twin_"),
)
ALONE = {1: ("cause.opened",), 2: ("cause.encoder", "cause.crossing")}  # of models of so many stacks alone
WITHIN_ONE_TEXT = ("reading.labels", "reading.scores", "importance.rolled")  # of cross-attention no page asks these


def name_of(builder: compute.Builder) -> str:
    return f"{builder.__module__.removeprefix('pictures.')}.{builder.__name__}"


def shown(builder: compute.Builder, scene: Scene) -> Scene:
    """The Scene that a page draws: on Generate another model stands in where one writes nothing."""
    return continuation.writer(scene) if "generate" in builder.__module__ else scene


def draws(builder: compute.Builder, scene: Scene) -> bool:
    """Whether there is such a picture of a Scene."""
    scene = shown(builder, scene)
    name, two = name_of(builder), bool(scene.whole.n_encoder_layers)
    if name in ALONE[1 if two else 2] or ("compare" in builder.__module__ and not scene.pinned):
        return False
    if two:
        return name.startswith(OF_TWO_STACKS) and not (name in WITHIN_ONE_TEXT and scene.attention_of in ("", "cross"))
    if builder is loss.losses:
        return loss.judged(scene) is not None
    if builder is alike.alike:  # it has words of its own, which a vocabulary must have
        return scene.preset.tokenizer is not None
    if "translate" in builder.__module__:
        return False
    return scene.preset.trained or builder not in (habits.held, habits.ranged)  # asked for only of what learned
