"""The strip of Start in mirror: from the loss back to the embeddings, every picture of it the gradient of its stage.

The gradients are those that core.backward gives; a part opens the number of its array that is farthest from zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import numpy as np

from core import Scene
from core.activations import last_stream
from core.explain.subject import GRAD, LENGTH
from core.scene.fields import EXPLAINED, Numbered
from pictures import backward, compute, drawing, loss_choice, memory
from pictures.backward import Way
from pictures.changes import largest
from pictures.display_names import all_named
from pictures.extremes import Extreme, greatest, least, some
from pictures.lessons import shortened
from pictures.words import Words
from plots import strip
from plots.strip import Part


@memory.kept(lambda scene, words: (scene, words.lang), large=lambda scene, _: compute.is_large(scene))
def html(scene: Scene, words: Words) -> str:
    """The strip; "" where there is no gradient to follow."""
    found = backward.followed(scene)
    if found is None:
        return ""
    asked = loss_choice.asked(scene)
    run = compute.run(asked)
    address = scene.turn(explained=()).to_query()
    # As on Start the encoder stands above: what its decoder gives back for keys and values rises to it.
    return "".join(_strip(Mirror(asked, run, way.stack, words, address)) for way in reversed(found.ways))


def _strip(of: Mirror) -> str:
    """The strip of one stack."""
    stack = of.stack
    headings = (of.words(f"backward.{heading}") for heading in HEADINGS[stack.kind])
    columns = (of.goes_in(), of.happens(), [of.comes_out()])
    groups = list(zip(("in", "happens", "out"), headings, columns, strict=True))
    config = stack.config
    return strip.strip(groups, len(stack.tokens), plain=not config.d_mlp, crossing=config.cross, mirror=True)


HEADINGS = {  # of where the gradient begins, goes and ends: in the only stack, or in one of two
    "": ("loss_in", "going", "arrives"),
    "encoder": ("crossing_in", "going_encoder", "arrives"),
    "decoder": ("loss_in", "going_decoder", "arrives"),
}


@dataclass(frozen=True)
class Mirror(drawing.Drawing):
    """Start's strip with a gradient for each array, what is computed last first; `address`: of the page, as a query."""

    address: dict[str, str]

    def goes_in(self) -> list[str]:
        """The tokens, and the gradient that enters: at the logits, or at what a decoder looks at."""
        name, array = "logits", "logits"
        if self.stack.kind == "encoder":
            name, array = "memory", last_stream(self.stack.config)
        entering = self.stack.trace[array]
        part = self._part(name, array=array)
        if name == "memory":  # as it stands above a narrow column
            part = replace(part, name=self.words("backward.memory"))
        tokens = strip.tokens(all_named(self.stack.tokens, self.words))
        return [
            strip.column(self.words("start.parts.tokens"), "tokens", river=tokens),
            strip.column(part.name, "embedding", river=strip.vectors(part, entering)),
        ]

    def happens(self) -> list[str]:
        """The last layer comes first."""
        return super().happens()[::-1]

    def comes_out(self) -> str:
        """What is left for the embeddings, and for the positions that were added to them."""
        grads, top = self.stack.trace, ""
        part = self._part("embed", array="embed")
        if "pos_embed" in grads:
            positions = self._part("positions", array="pos_embed")
            top = strip.vectors(positions, grads["pos_embed"], positions.name) + strip.wires("p")
        river = strip.shape(part.shape) + strip.vectors(part, grads["embed"])
        return strip.column(part.name, "final", top=top, river=river)

    def _along(self, norms: np.ndarray) -> np.ndarray:
        return norms[:, ::-1]

    def _greatest(self, of_block: str) -> float | None:
        """One scale for all layers: a gradient that fades is seen to fade."""
        return self._scales[of_block]

    @cached_property
    def _scales(self) -> dict[str, float]:
        """How far the gradients of all layers go, by the array of a block that is drawn."""
        c = self.stack.config
        drawn = ["attn.pattern", *(["cross.pattern"] if c.cross else []), *(["mlp.post"] if c.d_mlp else [])]
        return {name: largest(*(self.stack.trace[f"blocks.{i}.{name}"] for i in range(c.n_layers))) for name in drawn}

    def _part(self, name: str, *pages: str, array: str, at: int | None = None, **view: Any) -> Part:
        """A part, which explains the strongest number of its array on this page."""
        values = self.stack.trace[array]
        array = self.stack.prefix + array
        called, does = self.words(f"start.parts.{name}"), self.words(f"backward.does.{name}")
        query = self.address | {"explained": EXPLAINED.write((strongest(array, values),))}
        href = f"backward?{urlencode(shortened(query))}"
        layer = "" if at is None else self._layer(at)
        return Part(called, drawing.times(values.shape), does, href, layer, GRAD + array)


# ------------------------------------------------------------------------------------------------------ its numbers


def strongest(array: str, values: np.ndarray) -> Numbered:
    """The number of a stage's gradient that is farthest from zero; of the stream the longest vector."""
    if _is_stream(array):
        return LENGTH + GRAD + array, (int(np.linalg.norm(values.astype(np.float64), axis=-1).argmax()),)
    place = np.unravel_index(np.abs(values).argmax(), values.shape)
    return GRAD + array, tuple(int(at) for at in place)


def number_at(scene: Scene, array: str, head: int | None, x: float, y: float) -> Numbered | None:
    """The number of a thumbnail at (x, y), shares of its width and height; of the stream the length of a token's."""
    found, name = backward.followed(scene), array.removeprefix(GRAD)
    if found is None or name not in found.grads:
        return None
    place = drawing.place_at(found.grads[name].shape, head, x, y)
    if place is None:
        return None
    return (LENGTH + array, place[:1]) if _is_stream(name) else (array, place)


def _is_stream(array: str) -> bool:
    return array.endswith(".resid_pre")


def lit(scene: Scene) -> str:
    """A style that lights every part on the way to the gradient that is explained; "" where none is."""
    config = loss_choice.asked(scene).config
    bare = (name.removeprefix(LENGTH) for name, _ in scene.explained)
    grads = (name.removeprefix(GRAD) for name in bare if name.startswith(GRAD))
    return drawing.lighting(GRAD + drawing.part_of(name, config) for name in grads)


# ---------------------------------------------------------------------------------------------------------- in words


def says(scene: Scene, words: Words) -> str:
    """At which stage the gradient is longest, and how much of it reaches the embeddings, in every stack; "" where there
    is none."""
    found = backward.followed(scene)
    return " ".join(backward.of_stack(way, _says(way, words), words) for way in (found.ways if found else ()))


def _says(way: Way, words: Words) -> str:
    lengths = way.whole
    arriving = float(lengths[0])

    def written(length: float) -> str:
        return words.scaled(length, 4, small=0.001)

    best = greatest(lengths, written)
    length = written(best.value)
    if best.everywhere:
        return words("backward.says.even", length=length) if best.value else words("backward.says.none")
    told = {"places": _stages(best, words), "length": length}
    if 0 in best.indices:
        low = least(lengths, written)
        return words("backward.says.longest_last", **told, shortest=_stages(low, words), least=written(low.value))
    share = words.scaled(100 * arriving / best.value)
    return words("backward.says.longest", **told, share=share, arriving=written(arriving))


def _stages(found: Extreme, words: Words) -> str:
    """The stages in the order in which they are gone through: "behind layer 1 and at the embeddings"."""
    behind, last = "backward.places.behind", words("backward.places.embeddings")
    return some([words(behind, layer=i - 1) if i else last for i in found.indices[::-1]], words)
