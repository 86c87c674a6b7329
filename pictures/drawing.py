"""One stack of a model as a strip: what Start shows of its trace and, in mirror, Backward of its gradient."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from html import escape, unescape
from math import ceil
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np

from core import Config, Run, Scene
from core.activations import last_stream
from core.config import ENCODER
from core.interpret import token_lengths
from core.ops.softmax import softmax
from core.scene.recall import Recalled
from core.trace import Trace
from pictures import compute, memory, stacks
from pictures.display_names import all_named
from pictures.extremes import token_name
from pictures.lessons import shortened
from pictures.pages import PAGES
from pictures.words import Words
from plots import strip
from plots.strip import Part

SHOWN = 4  # blocks side by side; of more, the first two and the last are shown, and the others fold
ROWS = 10  # of folded layers at most
LIKELY = 5  # next tokens that are named


@dataclass(frozen=True)
class Stack:
    """The only stack of a model, or one of its two: its trace (or other arrays of those shapes) by the names of a model
    that it is alone, its tokens, and how its names begin in the whole; kind: whose attention it is, of two."""

    trace: Mapping[str, np.ndarray]
    config: Config
    tokens: tuple[str, ...]
    prefix: str = ""
    kind: str = ""


def stacks_of(scene: Scene) -> list[Stack]:
    """The stacks of a model, the one that reads the sentence first."""
    run = compute.run(scene)
    if run.trace.source is None:
        return [Stack(run.trace, run.config, run.tokens)]
    encoder = Stack(run.trace.source, run.config.encoder, run.tokens, ENCODER, "encoder")
    return [encoder, Stack(run.trace, run.config, stacks.read(scene), "", "decoder")]


def fold(n_layers: int) -> tuple[list[int], list[int]]:
    """(layers that are shown, layers that fold between the last two of them)."""
    if n_layers <= SHOWN:
        return list(range(n_layers)), []
    return [0, 1, n_layers - 1], list(range(2, n_layers - 1))


@dataclass(frozen=True)
class Drawing:
    """A Scene, what was computed from it, the stack that is drawn, and the words to say it in."""

    scene: Scene
    run: Run
    stack: Stack
    words: Words

    # -------------------------------------------------------------------------------------------------- what goes in

    def goes_in(self) -> list[str]:
        trace, words = self.stack.trace, self.words
        embed = trace["embed"]
        embedding = self._part("embed", "tokens", "attention", array="embed")
        top = ""
        if "pos_embed" in trace:
            positions = self._part("positions", "block", "attention", array="pos_embed")
            top = strip.vectors(positions, trace["pos_embed"], f"+ {positions.name}") + strip.wires("p")
        river = strip.shape(str(len(embed))) + strip.vectors(embedding, embed)
        return [
            strip.column(
                words("start.parts.tokens"), "tokens", river=strip.tokens(all_named(self.stack.tokens, words))
            ),
            strip.column(embedding.name, "embedding", top=top, river=river),
        ]

    # -------------------------------------------------------------------------------------------------- what happens

    def happens(self) -> list[str]:
        shown, hidden = fold(self.stack.config.n_layers)
        columns = [self._block(i) for i in shown]
        if hidden:
            columns.insert(-1, self._folded(hidden))
        return columns

    def _block(self, i: int) -> str:
        below = strip.wires("x", "x") + self._mlp(i, strip.mlp) if self.stack.config.d_mlp else ""
        top = self._attention(i, strip.attention) + strip.wires("q", "k", "v", "z")
        if self.stack.config.cross:  # its keys and values come from above, where the encoder stands
            across = self._attention(i, strip.attention, part="cross")
            ways = strip.wires("k_down", "v_down"), strip.wires("q", "z")
            top = strip.looks(f"{ways[0]}{across}{ways[1]}") + strip.looks(top)
        return strip.column(
            self._layer(i),
            "block",
            top=top,
            river=self._stream(i, i + 1),
            bottom=below,
            place=i,
        )

    def _folded(self, layers: list[int]) -> str:
        drawn = layers[:: ceil(len(layers) / ROWS)]  # of very many, every second or third
        return strip.column(
            self.words("start.more", n=len(layers)),
            "more",
            top=strip.folded(self._attention(i, strip.attention_row, i) for i in drawn),
            river=self._stream(layers[0], layers[-1] + 1),
            bottom=self._mlps(drawn),
            place=len(fold(self.stack.config.n_layers)[0]) - 1,
        )

    def _attention(self, i: int, draw: Callable[..., str], *number: int, part: str = "attn") -> str:
        array, crosses = f"blocks.{i}.{part}.pattern", part == "cross"
        patterns = self.stack.trace[array]
        kind = {"attention_of": "cross" if crosses else self.stack.kind} if self.stack.kind else {}
        name = "cross" if crosses else "attention"
        shown = self._part(name, "attention", at=i, array=array, layer=i, **kind)
        gone = stacks.switched_off(self.scene, "cross" if crosses else self.stack.kind)
        if off := sorted(head for layer, head in gone if layer == i):
            heads = self.words("start.off", n=len(off), heads=self.words.several(map(str, off)))
            shown = replace(shown, does=f"{heads} {shown.does}")
        return draw(shown, *number, patterns, off, self._greatest(f"{part}.pattern"))

    def _mlp(self, i: int, draw: Callable[..., str], *number: int) -> str:
        array = f"blocks.{i}.mlp.post"
        kind = {"attention_of": self.stack.kind} if self.stack.kind else {}
        part = self._part("mlp", "block", "drift", at=i, array=array, layer=i, drift_stage=i + 1, **kind)
        if draw is strip.bare:
            return draw(part)
        return draw(part, *number, self.stack.trace[array], self._greatest("mlp.post"))

    def _mlps(self, drawn: list[int]) -> str:
        """Of folded layers: a row each, or one link where it takes most of the run once more to draw them."""
        trace, array = self.stack.trace, f"blocks.{drawn[0]}.mlp.post"
        if not self.stack.config.d_mlp:
            return ""
        if isinstance(trace, Recalled) and not trace.at_hand(array):
            return self._mlp(drawn[0], strip.bare)
        return strip.folded(self._mlp(i, strip.mlp_row, i) for i in drawn)

    def _greatest(self, of_block: str) -> float | None:
        """Up to which number every layer's thumbnail of an array goes; None: each to what it holds itself."""
        return None

    def _stream(self, first: int, end: int) -> str:
        """The residual stream from the entrance of one layer to that of another."""
        norms = self._lengths
        greatest = float(norms[np.isfinite(norms)].max(initial=0))
        a_layer = norms.shape[1] // self.stack.config.n_layers
        norms = norms[:, first * a_layer : end * a_layer + 1]
        if not self.stack.config.residual:  # nothing runs past attention and MLP: all of it goes through them
            norms = np.insert(norms, range(1, norms.shape[1]), 0, axis=1)
        array = f"blocks.{first}.resid_pre"
        part = self._part("stream", "drift", at=first, array=array, layer=first, drift_stage=end)
        return strip.stream(part, self._along(norms), greatest)

    @cached_property
    def _lengths(self) -> np.ndarray:
        return lengths(self.stack)

    def _along(self, norms: np.ndarray) -> np.ndarray:
        """[pos, stop]: lengths in the order in which they are drawn, from left to right."""
        return norms

    def _layer(self, i: int) -> str:
        return f"{self.words('axis.layer')} {i}"

    # ------------------------------------------------------------------------------------------------ what comes out

    def comes_out(self) -> str:
        stack, words = self.stack, self.words
        final, view = final_vectors(stack), {"drift_stage": stack.config.n_layers}
        if "logits" not in stack.trace:
            name = "memory" if stack.prefix else "vectors"
            part = self._part(name, "drift", array=last_stream(stack.config), **view)
            return strip.column(part.name, "final", river=strip.shape(part.shape) + strip.vectors(part, final))
        page = "translate" if stack.kind else "generate"
        part = self._part("next", page, "drift", array="logits", **view)
        rows = [(name, share, words("start.share_short", share=share)) for name, share in likeliest(self.scene)]
        after = strip.note(words("start.after", token=token_name(stack.tokens, len(stack.tokens) - 1, words)))
        river = strip.shape(times(final.shape)) + strip.ranking(part, rows)
        return strip.column(part.name, "next", top=after, river=river)

    # -------------------------------------------------------------------------------------------------------- shared

    def _part(self, name: str, *pages: str, array: str, at: int | None = None, **view: Any) -> Part:
        """A part of the strip, of layer `at`: it opens the first of `pages` that the app has, its `view` turned."""
        called, does = self.words(f"start.parts.{name}"), self.words(f"start.does.{name}")
        href = f"{next(page for page in pages if page in PAGES)}?{urlencode(view)}"  # `linked` says the rest
        layer = "" if at is None else self._layer(at)
        return Part(called, times(self._shape(array)), does, href, layer, self.stack.prefix + array)

    def _shape(self, array: str) -> tuple[int, ...]:
        trace = self.stack.trace
        return trace.shape(array) if isinstance(trace, Trace) else trace[array].shape


# ------------------------------------------------------------------------------------------------- what is in it


def lengths(run: Run | Stack) -> np.ndarray:
    """[pos, stop]: how long each token's vector is as it enters, after every attention, after the crossing where there
    is one, and after every MLP."""
    c = run.config
    stops = ["resid_mid"] if c.d_mlp or c.cross else []
    stops += ["resid_mid_cross"] if c.d_mlp and c.cross else []
    stops += ["resid_post"]
    names = ["blocks.0.resid_pre", *(f"blocks.{i}.{stop}" for i in range(run.config.n_layers) for stop in stops)]
    return np.stack([token_lengths(run.trace[name]) for name in names], axis=-1)


def final_vectors(run: Run | Stack) -> np.ndarray:
    """[pos, d_model]: what leaves the last layer, after the final norm where there is one."""
    return run.trace[last_stream(run.config)]


# The strip draws them and the sentence says the first: of a vocabulary of 50,000 that is a millisecond each time.
@memory.kept(lambda scene: (scene.computed,), large=compute.is_large)
def likeliest(scene: Scene) -> list[tuple[str, float]]:
    """The likeliest tokens after the last one, with their probabilities.

    In an open vocabulary an id that no token of the sentence has is only a number.
    """
    run = compute.run(scene)
    logits = run.trace.row("logits", -1).astype(np.float64)
    if not np.isfinite(logits).all():
        return []
    shares = softmax(logits)
    # Of a vocabulary of 50,000 only those are put in order that may be among them.
    last = -min(LIKELY, len(shares))
    near = np.flatnonzero(shares >= np.partition(shares, last)[last])
    best = near[np.argsort(-shares[near], kind="stable")][:LIKELY].tolist()
    if tokenizer := scene.preset.tokenizer:
        known = tokenizer.tokens
        names = {i: known[i] for i in best if i < len(known)}
    else:
        names = dict(zip(run.encoding.ids.tolist(), run.tokens, strict=True))
    return [(names.get(i, f"#{i}"), float(shares[i])) for i in best]


# ---------------------------------------------------------------------------------------------- places of the strip


def place_at(shape: tuple[int, ...], head: int | None, x: float, y: float) -> tuple[int, ...] | None:
    """The place in an array of this shape at (x, y), shares of its thumbnail's width and height; of all heads', of one
    head's tile. None outside of it."""
    if not (0 <= x < 1 and 0 <= y < 1):
        return None
    place = tuple(int(share * n) for share, n in zip((y, x), shape[-2:], strict=True))
    if len(shape) == 2:
        return place
    return None if head is None or head >= shape[0] else (head, *place)


def lighting(arrays: Iterable[str]) -> str:
    """A style that lights the parts of these arrays; "" of none."""
    parts = ",".join(f'.fibra-start [data-array="{array}"]' for array in sorted({*arrays}))
    return f"<style>{parts}{{outline:3px solid var(--fibra-gradient);outline-offset:2px}}</style>" if parts else ""


def part_of(name: str, config: Config) -> str:
    """The array of the strip's part in which another array, or a parameter, has its place."""
    if name.startswith(ENCODER) and config.n_encoder_layers:
        return ENCODER + part_of(name.removeprefix(ENCODER), config.encoder)
    if not name.startswith("blocks."):
        return {"embed.W_E": "embed", "pos_embed.W_pos": "pos_embed", "unembed.W_U": "logits"}.get(name, name)
    _, layer, part, *_ = name.split(".")
    if part.startswith(("attn", "ln1")):
        return f"blocks.{layer}.attn.pattern"
    if part.startswith(("mlp", "ln2")):
        return f"blocks.{layer}.mlp.post"
    if part.startswith(("cross", "ln_cross")):
        return f"blocks.{layer}.cross.pattern"
    hidden = fold(config.n_layers)[1]
    return f"blocks.{hidden[0] if int(layer) in hidden else layer}.resid_pre"


# ------------------------------------------------------------------------------------------------------------ shared


def address(page: str, scene: Scene, **view: Any) -> str:
    """The link to a page that shows the Scene, its `view` turned."""
    return _address(page, scene.to_query() | {name: str(at) for name, at in view.items()})


def _address(page: str, query: dict[str, str]) -> str:
    return f"{page}?{'&'.join(_written(*one) for one in shortened(query).items())}"


@lru_cache(maxsize=256)  # dozens of links say the same sentence
def _written(name: str, text: str) -> str:
    return urlencode({name: text})


def linked(html: str, scene: Scene) -> str:
    """A strip whose parts say only which page they open, and what they turn: each a link that says all of the Scene."""
    query = scene.to_query()

    def whole(found: re.Match[str]) -> str:
        page, turned = map(unescape, found.groups())
        return f'href="{escape(_address(page, query | dict(parse_qsl(turned))))}"'

    return LINK.sub(whole, html)


LINK = re.compile(r'href="([a-z]+)\?([^"]*)"')


def times(shape: tuple[int, ...]) -> str:
    """An array's shape, as it is written."""
    return " × ".join(map(str, shape))
