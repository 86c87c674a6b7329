"""The gradient's way back as it was pinned beside the present one: on one axis, and how much of each arrives."""

from __future__ import annotations

from core import Scene
from pictures import backward, pinned
from pictures.backward import Back
from pictures.compute import Picture, picture
from pictures.explained.runs import PINNED
from pictures.words import Words


@picture("pinned", "loss_position", "loss_token")
def lengths(scene: Scene, words: Words) -> Picture:
    """How long the gradient is at each stage of both; without a present one there is nothing to set beside."""
    now, was = backward.followed(scene), backward.followed(pinned.before(scene))
    if now is None:
        return backward.lengths(scene, words)
    says = f"{backward.said(now, words)} {_beside(was, now, words) if was else words('backward.says.no_pinned')}"
    names = (words("compare.present"), words("compare.pinned"))
    figure = backward.line(now, says, words, was.whole if was else None, names)
    both = (was, now) if was else (now,)
    numbers = backward.points_of([one.ways[0] for one in both], (PINNED, "") if was else ("",))
    return Picture(figure, says, numbers)


def _beside(was: Back, now: Back, words: Words) -> str:
    if 0 in (was.whole[-1], now.whole[-1]):
        return words("backward.says.no_share")
    shares = (words.scaled(float(one.whole[0] / one.whole[-1])) for one in (was, now))
    says = words("backward.says.beside", **dict(zip(("was", "now"), shares, strict=True)))
    return backward.of_stack(max((now.ways[0], was.ways[0]), key=lambda way: way.stack.kind), says, words)
