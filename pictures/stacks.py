"""Models of two stacks, an encoder and a decoder: who stands in where a page shows other ones, and whose attention a
picture shows, with where that stands in the trace, who looks and who is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from core import Config, Run, Scene, forward
from core.activations import last_stream
from core.config import ENCODER
from core.interpret import vectors_put_in
from core.interventions import ELSEWHERE, Head
from core.params import Params, encoder_params
from core.scene.continuation import namer
from core.scene.fields import KINDS
from core.scene.run import patched
from core.scene.switch import as_it_opens
from core.trace import Trace
from pictures import compute, memory
from pictures.pages import PAGES

STAND_INS = {1: "stories", 2: "translator"}  # of so many stacks; both have logits
TOGETHER = 1 << 18  # weights that are copied to stand side by side: a megabyte


def count(scene: Scene) -> int:
    """How many stacks the Scene's model has: an encoder and a decoder are two."""
    return 2 if scene.whole.n_encoder_layers else 1


def shown(scene: Scene, page: str) -> Scene:
    """The Scene that `page` shows: the reader's own, or another model as it opens, looked at in the same way.

    A pinned Scene that the page cannot show is left out there too; and a patch, on a page that cannot follow one.
    """
    if page not in PAGES or not PAGES[page].model:
        return scene
    about = PAGES[page]
    return standing_in(scene if about.patched else _unpatched(scene), about.stacks)


@lru_cache(maxsize=128)  # as below
def _unpatched(scene: Scene) -> Scene:
    """Without a patch, the pinned one too."""
    if scene.pinned and scene.pinned.patch:
        scene = scene.turn(pinned=scene.pinned.unpatched)
    return scene.unpatched


@lru_cache(maxsize=128)  # a page asks for it dozens of times
def standing_in(scene: Scene, stacks: tuple[int, ...]) -> Scene:
    """The same, of a page that shows models of so many stacks."""
    if scene.pinned and count(scene.pinned) not in stacks:
        scene = scene.turn(pinned=None)
    if count(scene) in stacks:
        return scene
    return as_it_opens(scene, STAND_INS[stacks[0]], forced=scene.forced, words_forced=scene.words_forced)


# ------------------------------------------------------------------------------------------------ whose attention


@dataclass(frozen=True)
class Looks:
    """The attention that a picture shows: of the only stack, or the kind that `attention_of` asks for.

    rows, columns: the tokens that look, and those that are looked at. A row of cross-attention is named by the word
    that is written there, which is where its look belongs; a row of the decoder's own, by the token that it read.
    """

    kind: str  # one of KINDS; "": the model has one stack
    config: Config  # of the stack that looks
    prefix: str  # of its names in the trace: "encoder." or ""
    part: str  # of a block: "attn" or "cross"
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    place: tuple[int, int]  # the chosen (layer, head), inside that stack
    cell: tuple[int, int]  # the chosen (row, column), inside both sentences
    ablated: frozenset[tuple[int, int]]  # of these heads, those that are switched off

    @property
    def causal(self) -> bool:
        """Whether a row sees no later column."""
        return self.config.causal and not self.crosses

    @property
    def crosses(self) -> bool:
        """Whether who looks stands in one sentence, and who is looked at in another."""
        return self.kind == "cross"

    @property
    def seen(self) -> np.ndarray:
        """[row, column]: who may look at whom."""
        all_of_them = np.ones((len(self.rows), len(self.columns)), bool)
        return np.tril(all_of_them) if self.causal else all_of_them

    @property
    def longest(self) -> int:
        """How many tokens the longer of the two sentences has, or the only one."""
        return max(len(self.rows), len(self.columns))

    def name(self, array: str, layer: int | str | None = None) -> str:
        """The trace's name for an array of this attention, "pattern" say; of the chosen layer, unless told."""
        return f"{self.block(layer)}{self.part}.{array}"

    def head(self, place: tuple[int, int]) -> Head:
        """One of its heads, as `ablated` names it."""
        return (*place, self.kind) if self.kind in ELSEWHERE else place

    def block(self, layer: int | str | None = None) -> str:
        """What the names of a block of this stack begin with."""
        return f"{self.prefix}blocks.{self.place[0] if layer is None else layer}."

    @property
    def reads(self) -> str:
        """The trace's name for what its queries are made of; its keys and values too, unless it crosses."""
        c, at = self.config, self.block()
        if c.norm != "none" and c.norm_at == "pre":
            return at + ("ln_cross.out" if self.crosses else "ln1.out")
        return at + ("resid_mid" if self.crosses else "resid_pre")

    @property
    def looked_in(self) -> str:
        """The trace's name for what its keys and values are made of."""
        return last_stream(self.config.encoder, ENCODER) if self.crosses else self.reads


def kinds(scene: Scene) -> tuple[str, ...]:
    """The kinds of attention that a Scene's model has; of one stack, none to choose from."""
    if count(scene) == 1:
        return ()
    return tuple(kind for kind in KINDS if kind != "cross" or scene.config.cross)


@lru_cache(maxsize=128)  # as above
def looks(scene: Scene) -> Looks:
    """Whose attention the Scene shows. Where there is no cross-attention, the decoder's own stands for it."""
    if count(scene) == 1:
        tokens = scene.tokens
        place, cell = scene.place, scene.cell
        return Looks("", scene.config, "", "attn", tokens, tokens, place, cell, switched_off(scene))
    kind = scene.attention_of if scene.attention_of in kinds(scene) else "decoder"
    stack = scene.config.encoder if kind == "encoder" else scene.config
    rows = {"encoder": scene.tokens, "decoder": read(scene), "cross": written(scene)}[kind]
    columns = rows if kind == "decoder" else scene.tokens
    return Looks(
        kind,
        stack,
        ENCODER if kind == "encoder" else "",
        "cross" if kind == "cross" else "attn",
        rows,
        columns,
        (min(scene.layer, stack.n_layers - 1), min(scene.head, stack.n_heads - 1)),
        (min(scene.query, len(rows) - 1), min(scene.key, len(columns) - 1)),
        switched_off(scene, kind),
    )


def switched_off(scene: Scene, kind: str = "") -> frozenset[tuple[int, int]]:
    """(layer, head) of the heads of one kind of attention that are off."""
    where = [kind] if kind in ELSEWHERE else []
    return frozenset((layer, head) for layer, head, *elsewhere in scene.ablated if elsewhere == where)


def every_head(scene: Scene) -> list[Head]:
    """All heads of a model, of each kind that it has, as `ablated` names them."""
    shown = (looks(scene.turn(attention_of=kind)) for kind in kinds(scene) or (scene.attention_of,))
    return [one.head((i, h)) for one in shown for i, h in np.ndindex(one.config.n_layers, one.config.n_heads)]


def patterns(scene: Scene) -> np.ndarray:
    """[layer, head, row, column]: that attention in all its layers."""
    return np.stack([*each_layer(scene)])


def each_layer(scene: Scene) -> Iterator[np.ndarray]:
    """[head, row, column] of one layer after the other: of a long text all at once take 71 MB in SmolLM2."""
    found, trace = looks(scene), compute.run(scene).trace
    return (trace[found.name("pattern", layer)] for layer in range(found.config.n_layers))


def some_layers(scene: Scene) -> Iterator[np.ndarray]:
    """[layer, head, row, column] of some layers after the other: of as many as TOGETHER allows, or of one; what is
    computed of all of these at once takes a third of the time of one by one."""
    found, layers = looks(scene), each_layer(scene)
    together = max(1, TOGETHER // (found.config.n_heads * len(found.rows) * len(found.columns)))
    while some := [*islice(layers, together)]:
        yield some[0][None] if len(some) == 1 else np.stack(some)


@memory.kept(lambda scene: (scene.computed, scene.attention_of), large=compute.is_large)
def lost(scene: Scene) -> np.ndarray:
    """[layer]: in which layers some weight of that attention is no number any more."""
    return np.array([not np.isfinite(layer).all() for layer in each_layer(scene)])


def keep_block(scene: Scene, drawn: tuple[str, ...]) -> None:
    """For a page that draws the chosen block: where nobody has run the Scene yet, all of that block is kept; of a long
    text what is drawn of it, names or patterns."""
    compute.run(scene, looks(scene).place[0], drawn)


def own_trace(scene: Scene) -> Trace:
    """The trace of the stack that is shown, by the names of a model that it is alone."""
    whole = compute.run(scene).trace
    if looks(scene).kind != "encoder":
        return whole
    assert whole.source is not None, "an encoder has written there"
    return whole.source


def head_put_in(scene: Scene) -> np.ndarray:
    """[row]: where a patch has put the output of the chosen head."""
    found = looks(scene)
    layer, head = found.place
    return vectors_put_in(own_trace(scene), f"blocks.{layer}.{found.part}.z")[head]


def asked(scene: Scene) -> tuple[Params, Config, Trace, str]:
    """Whose attention it is, as `core.interpret` asks about it: weights, Config, trace, and the attention's kind there.
    An encoder is a model of its own."""
    run, found = compute.run(scene), looks(scene)
    if found.kind != "encoder":
        return run.params, run.config, run.trace, found.part
    return encoder_params(run.params), run.config.encoder, own_trace(scene), found.part


def without(scene: Scene, heads: Iterable[tuple[int, int]], names: Iterable[str] | None = None) -> Trace:
    """These arrays, or all, of a model of two stacks when of the attention that is shown exactly these heads are off;
    what the decoder reads stays. A patch is taken from a run without them too, as it is in a Scene without them."""
    run, found = compute.run(scene), looks(scene)
    others = {*scene.ablated} - {*map(found.head, found.ablated)}
    change = patched(scene.turn(ablated=others.union(map(found.head, heads))), run.params, run.target)
    return forward(run.params, scene.whole, **given(run), interventions=change, names=names and tuple(names))


def given(run: Run) -> dict[str, Any]:
    """What a run reads, as `core.forward` takes it."""
    if run.target is None:
        return {"embeddings": run.embeddings}
    return {"ids": run.target, "source": run.encoding.ids}


def read(scene: Scene) -> tuple[str, ...]:
    """The tokens that the decoder read, of a model of two stacks."""
    name = namer(scene)
    return tuple(name(int(token)) for token in _target(scene))


def written(scene: Scene) -> tuple[str, ...]:
    """What it wrote at each of them: the next one, and at last the likeliest.

    Where the numbers explode nothing is written; there stands what it read.
    """
    if not writes(scene):
        return read(scene)
    return (*read(scene)[1:], namer(scene)(int(_last_logits(scene).argmax())))


def writes(scene: Scene) -> bool:
    """Whether a model of two stacks writes anything: where its numbers explode it does not."""
    return bool(np.isfinite(_last_logits(scene)).all())


def _last_logits(scene: Scene) -> np.ndarray:
    """[vocab]: of what comes after the last token that it read."""
    return compute.run(scene).trace.row("logits", -1)


def _target(scene: Scene) -> np.ndarray:
    """[pos] int64: the ids of those."""
    target = compute.run(scene).target
    assert target is not None, "a model of two stacks reads one"
    return target
