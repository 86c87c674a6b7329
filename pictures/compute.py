"""What was computed, kept for all sessions: a class moves the same knobs, so most turns were made before.

Weights, traces and finished figures; `memory` has the budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import core
from core import Scene, limits
from core.params import draw_of
from core.scene.recall import kept_bytes
from core.scene.run import edit_matrices
from pictures import memory
from pictures.numbers import Numbers
from pictures.words import Words
from plots.figure import to_json


@dataclass(frozen=True)
class Picture:
    """A figure, and the sentence computed from the same array that says what it shows."""

    figure: dict[str, Any]
    says: str
    numbers: Numbers | None = None  # which number of the run stands where


@dataclass(frozen=True)
class EncodedPicture:
    """A picture ready to be sent."""

    json: bytes
    says: str
    numbers: Numbers | None = None


Builder = Callable[[Scene, Words], Picture]
VIEW = frozenset(field.name for field in fields(Scene) if field.metadata.get("view"))
_READS: dict[Builder, tuple[str, ...]] = {}


def picture(*view: str) -> Callable[[Builder], Builder]:
    """Declare a builder, and which of the Scene's view fields it reads beside what is computed.

    Its finished pictures are kept by those: a knob that is not among them leaves them as they are.
    """
    if unknown := {*view} - VIEW:
        raise ValueError(f"{', '.join(sorted(unknown))}: no view field of a Scene")

    def declare(builder: Builder) -> Builder:
        _READS[builder] = view
        return builder

    return declare


def reads(builder: Builder) -> tuple[str, ...]:
    """The view fields that a builder has declared."""
    return _READS[builder]


def builders() -> tuple[Builder, ...]:
    """All that have declared what they read."""
    return tuple(_READS)


def looked_at(scene: Scene, view: Iterable[str]) -> Scene:
    """What `scene` computes, looked at as by default but for these fields."""
    return scene.computed.turn(**{name: getattr(scene, name) for name in view})


def is_large(scene: Scene) -> bool:
    """Whether its weights and its trace take so much that they are computed, and drawn, one Scene at a time."""
    return scene.whole.n_parameters() > limits.LARGE or bool(scene.pinned and is_large(scene.pinned))


@memory.kept(lambda config, seed: (*draw_of(config), seed))  # the Config's other choices share it
def _drawn(config: core.Config, seed: int) -> core.Params:
    return core.init_params(config, seed)


def params(scene: Scene) -> core.Params:
    """The weights of a Scene: its trained model's own, which the model itself keeps, or drawn."""
    preset = scene.preset
    memory.leave_to_real_models()
    if preset.trained:
        return preset.params(scene.whole, scene.seed)
    return edit_matrices(scene, _drawn(scene.whole, scene.seed))


@memory.kept(lambda scene, *_: (scene.computed,), large=lambda scene, *_: is_large(scene))
def run(scene: Scene, block: int | None = None, drawn: tuple[str, ...] = ()) -> core.Run:
    """core.run, remembered: only what is computed counts, not how it is looked at.

    Its weights are not kept with it: they are looked for where weights are kept, or drawn again, when asked for.
    block: the one that the page draws, of which all may be kept where it is computed first, or what is `drawn` of it.
    """
    if is_large(scene):
        memory.BUDGET.make_way(kept_bytes(scene.config, len(scene.tokens)))
    weights = partial(params, scene.computed)
    return core.run(scene.computed, params(scene), weights=weights, block=block, drawn=drawn)


@memory.kept(
    lambda builder, scene, words: (
        *(memory.number(builder), scene.computed, words.lang),
        *(getattr(scene, name) for name in reads(builder)),
    ),
    large=lambda _, scene, __: is_large(scene),
)
def build(builder: Builder, scene: Scene, words: Words) -> EncodedPicture:
    """The picture that `builder` makes of a Scene, as bytes to send, remembered.

    It is given no more of the Scene than the picture is kept by.
    """
    return encode(builder(looked_at(scene, reads(builder)), words), words)


def encode(picture: Picture, words: Words) -> EncodedPicture:
    """A picture as bytes to send, its numbers as the language writes them."""
    if words.comma:
        picture.figure["layout"]["separators"] = ",."
    # A copy, to be kept: orjson leaves as much free behind what it wrote as it took for it.
    return EncodedPicture(bytes(memoryview(to_json(picture.figure))), picture.says, picture.numbers)
