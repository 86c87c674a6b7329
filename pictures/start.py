"""The whole model of a Scene as one strip, every picture of it made of the trace, and the sentence that says it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import urlencode

import numpy as np

from core import PRESETS, Config, Run, Scene
from core.config import ENCODER
from core.interpret import residual_stages, token_norms
from core.model import forward
from core.ops.softmax import softmax
from core.presets import PORTRAIT, SHIPPED
from core.scene.fields import Numbered
from core.scene.switch import with_model
from core.trace import last_stream
from pictures import compute, memory, stacks
from pictures.extremes import some, token_name
from pictures.heads import magnitude
from pictures.lessons import shortened
from pictures.pages import PAGES
from pictures.words import Words
from plots import strip
from plots.strip import Part
from plots.tokens import edged

SHOWN = 4  # blocks side by side; of more, the first two and the last are shown, and the others fold
LIKELY = 5  # next tokens that are named


@memory.kept(lambda scene, words: (scene, words.lang), large=lambda scene, _: compute.is_large(scene))
def html(scene: Scene, words: Words) -> str:
    """The strip."""
    return "".join(_strip(Drawing(scene, compute.run(scene), stack, words)) for stack in stacks_of(scene))


def _strip(of: Drawing) -> str:
    """The strip of one stack."""
    headings = HEADINGS[of.stack.prefix if of.run.target is not None else None]
    columns = (of.goes_in(), of.happens(), [of.comes_out()])
    groups = [
        (kind, of.words(f"start.{heading}"), parts)
        for kind, heading, parts in zip(("in", "happens", "out"), headings, columns, strict=True)
    ]
    config = of.stack.config
    return strip.strip(groups, len(of.stack.tokens), plain=not config.d_mlp, crossing=config.cross)


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


HEADINGS = {  # of what goes in, what happens and what comes out: of one stack, of an encoder and of its decoder
    None: ("in", "happens", "out"),
    ENCODER: ("in", "encoder_happens", "encoder_out"),
    "": ("decoder_in", "decoder_happens", "out"),
}


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
        embedding = self._part("embed", embed, "tokens", "attention", array="embed")
        top = ""
        if "pos_embed" in trace:
            positions = self._part("positions", trace["pos_embed"], "block", "attention", array="pos_embed")
            top = strip.vectors(positions, trace["pos_embed"], f"+ {positions.name}") + strip.wires("p")
        river = strip.shape(str(len(embed))) + strip.vectors(embedding, embed)
        return [
            strip.column(words("start.parts.tokens"), "tokens", river=strip.tokens(self.stack.tokens)),
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
        mlps = layers if self.stack.config.d_mlp else []
        return strip.column(
            self.words("start.more", n=len(layers)),
            "more",
            top=strip.folded(self._attention(i, strip.attention_row, i) for i in layers),
            river=self._stream(layers[0], layers[-1] + 1),
            bottom=strip.folded(self._mlp(i, strip.mlp_row, i) for i in mlps),
            place=len(fold(self.stack.config.n_layers)[0]) - 1,
        )

    def _attention(self, i: int, draw: Callable[..., str], *number: int, part: str = "attn") -> str:
        array, crosses = f"blocks.{i}.{part}.pattern", part == "cross"
        patterns = self.stack.trace[array]
        kind = {"attention_of": "cross" if crosses else self.stack.kind} if self.stack.kind else {}
        name = "cross" if crosses else "attention"
        shown = self._part(name, patterns, "attention", at=i, array=array, layer=i, **kind)
        own = () if crosses or self.stack.prefix else self.scene.ablated  # heads of a decoder's own attention
        if off := [head for layer, head in own if layer == i]:
            heads = self.words("start.off", n=len(off), heads=self.words.several(map(str, off)))
            shown = replace(shown, does=f"{heads} {shown.does}")
        return draw(shown, *number, patterns, off, self._greatest(f"{part}.pattern"))

    def _mlp(self, i: int, draw: Callable[..., str], *number: int) -> str:
        array = f"blocks.{i}.mlp.post"
        values = self.stack.trace[array]
        kind = {"attention_of": self.stack.kind} if self.stack.kind else {}
        part = self._part("mlp", values, "block", "drift", at=i, array=array, layer=i, drift_stage=i + 1, **kind)
        return draw(part, *number, values, self._greatest("mlp.post"))

    def _greatest(self, of_block: str) -> float | None:
        """Up to which number every layer's thumbnail of an array goes; None: each to what it holds itself."""
        return None

    def _stream(self, first: int, end: int) -> str:
        """The residual stream from the entrance of one layer to that of another."""
        norms = lengths(self.stack)
        greatest = float(norms[np.isfinite(norms)].max(initial=0))
        a_layer = norms.shape[1] // self.stack.config.n_layers
        norms = norms[:, first * a_layer : end * a_layer + 1]
        if not self.stack.config.residual:  # nothing runs past attention and MLP: all of it goes through them
            norms = np.insert(norms, range(1, norms.shape[1]), 0, axis=1)
        array = f"blocks.{first}.resid_pre"
        entering = self.stack.trace[array]
        part = self._part("stream", entering, "drift", at=first, array=array, layer=first, drift_stage=end)
        return strip.stream(part, self._along(norms), greatest)

    def _along(self, norms: np.ndarray) -> np.ndarray:
        """[pos, stop]: lengths in the order in which they are drawn, from left to right."""
        return norms

    def _layer(self, i: int) -> str:
        return f"{self.words('axis.layer')} {i}"

    # ------------------------------------------------------------------------------------------------ what comes out

    def comes_out(self) -> str:
        run, stack, words = self.run, self.stack, self.words
        final, view = final_vectors(stack), {"drift_stage": stack.config.n_layers}
        if "logits" not in stack.trace:
            name = "memory" if stack.prefix else "vectors"
            part = self._part(name, final, "drift", array=last_stream(stack.config), **view)
            return strip.column(part.name, "final", river=strip.shape(part.shape) + strip.vectors(part, final))
        page = "translate" if stack.kind else "generate"
        part = self._part("next", stack.trace["logits"], page, "drift", array="logits", **view)
        rows = [(name, share, words("start.share_short", share=share)) for name, share in likeliest(run)]
        after = strip.note(words("start.after", token=token_name(stack.tokens, len(stack.tokens) - 1, words)))
        river = strip.shape(_times(final.shape)) + strip.ranking(part, rows)
        return strip.column(part.name, "next", top=after, river=river)

    # -------------------------------------------------------------------------------------------------------- shared

    def _part(self, name: str, values: np.ndarray, *pages: str, array: str, at: int | None = None, **view: Any) -> Part:
        """A part of the strip, of layer `at`: it opens the first of `pages` that the app has, its `view` turned."""
        called, does = self.words(f"start.parts.{name}"), self.words(f"start.does.{name}")
        href = _address(next(page for page in pages if page in PAGES), self.scene, **view)
        layer = "" if at is None else self._layer(at)
        return Part(called, _times(values.shape), does, href, layer, self.stack.prefix + array)


# ------------------------------------------------------------------------------------------------- what is in it


def lengths(run: Run | Stack) -> np.ndarray:
    """[pos, stop]: how long each token's vector is as it enters, after every attention, after the crossing where there
    is one, and after every MLP."""
    c = run.config
    stops = ["resid_mid"] if c.d_mlp or c.cross else []
    stops += ["resid_mid_cross"] if c.d_mlp and c.cross else []
    stops += ["resid_post"]
    names = ["blocks.0.resid_pre", *(f"blocks.{i}.{stop}" for i in range(run.config.n_layers) for stop in stops)]
    return np.stack([np.linalg.norm(run.trace[name].astype(np.float64), axis=-1) for name in names], axis=-1)


def final_vectors(run: Run | Stack) -> np.ndarray:
    """[pos, d_model]: what leaves the last layer, after the final norm where there is one."""
    return run.trace[last_stream(run.config)]


# ----------------------------------------------------------------------------------------------- numbers of the strip


def number_at(scene: Scene, array: str, head: int | None, x: float, y: float) -> Numbered | None:
    """The number of a thumbnail at (x, y), shares of its width and height; of all heads', of one head's tile."""
    trace = compute.run(scene).trace
    place = place_at(trace[array].shape, head, x, y) if array in trace else None
    return None if place is None else (array, place)


def place_at(shape: tuple[int, ...], head: int | None, x: float, y: float) -> tuple[int, ...] | None:
    """The same place in an array of this shape; None outside of it."""
    if not (0 <= x < 1 and 0 <= y < 1):
        return None
    place = tuple(int(share * n) for share, n in zip((y, x), shape[-2:], strict=True))
    if len(shape) == 2:
        return place
    return None if head is None or head >= shape[0] else (head, *place)


def lit(scene: Scene) -> str:
    """A style that lights every part of the strip on the way to the number that is explained; "" where none is."""
    return lighting(part_of(name, scene.config) for name, _ in scene.explained)


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


def likeliest(run: Run) -> list[tuple[str, float]]:
    """The likeliest tokens after the last one, with their probabilities.

    In an open vocabulary an id that no token of the sentence has is only a number.
    """
    logits = run.trace["logits"][-1].astype(np.float64)
    if not np.isfinite(logits).all():
        return []
    shares = softmax(logits)
    tokenizer = run.scene.preset.tokenizer
    vocabulary = enumerate(tokenizer.tokens) if tokenizer else zip(run.encoding.ids.tolist(), run.tokens, strict=True)
    names = dict(vocabulary)
    best = np.argsort(-shares, kind="stable")[:LIKELY].tolist()
    return [(names.get(i, f"#{i}"), float(shares[i])) for i in best]


# ------------------------------------------------------------------------------------------------------------- cards


def cards(scene: Scene, words: Words) -> str:
    """Every preset, and the reader's own sentence."""
    presets = (_card(model, scene, words) for model in PRESETS)
    own = strip.typing_card(words("start.own"), words("start.own_about"))
    return strip.cards(words("start.presets"), [*presets, own])


def _card(model: str, scene: Scene, words: Words) -> str:
    opened, _ = with_model(scene, model)
    config = PRESETS[model].config
    both = {"encoder": config.n_encoder_layers, "decoder": config.n_layers}
    layers = words("start.counts.both", **both) if both["encoder"] else _count("layer", config.n_layers, words)
    about = f"{layers} · {_count('head', config.n_heads, words)}"
    title, chosen = words(f"shell.presets.{model}"), scene.model == model
    return strip.card(_address("", opened), title, about, _portrait(model), chosen=chosen)


@cache
def _portrait(model: str) -> np.ndarray:
    """[head, query, key]: what a preset's first layer does with its own sentence.

    Of a trained one it is kept as a small file (models/build.py): nobody's first visit loads every model's weights.
    """
    kept = SHIPPED / model / PORTRAIT
    if kept.is_file():
        return np.array(json.loads(kept.read_text("utf-8")), np.float32)
    return compute.run(Scene(model=model)).trace[PRESETS[model].portrayed]


# ---------------------------------------------------------------------------------------------------------- in words


def says(scene: Scene, words: Words) -> str:
    """What goes in, through what, how long the vectors become, and what comes out."""
    run = compute.run(scene)
    n, config = len(run.tokens), run.config
    if run.target is not None:
        return f"{_says_both(run, words)} {_left(run, stacks.read(scene), words)}"
    heads = _count("head", config.n_heads, words)
    goes_in = words("start.says.in", n=n, d=config.d_model)
    through = words("start.says.through", n=config.n_layers, heads=heads)
    sentences = [goes_in, through, _grown(run, words), _left(run, run.tokens, words)]
    if not config.unembed and not scene.preset.by_hand:
        going, coming = batch_shapes(scene)
        sentences.append(words("start.says.batch", going=_times(going), coming=_times(coming)))
    return " ".join(sentences)


BATCH = (2, 10)  # sequences, ids of each


def batch_shapes(scene: Scene) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes of a batch of ids, and of what the model makes of it: it is run on them."""
    config, last = scene.config, f"blocks.{scene.config.n_layers - 1}.resid_post"
    ids = np.arange(BATCH[0] * BATCH[1]).reshape(BATCH) % config.vocab_size
    trace = forward(compute.params(scene), config, ids, interventions=scene.interventions, names=[last])
    return ids.shape, trace[last].shape


def _grown(run: Run, words: Words) -> str:
    norms = token_norms(residual_stages(run.trace, run.config.n_layers))
    good = np.isfinite(norms)
    values = {"start": magnitude(float(norms[0]), words), "end": magnitude(float(norms[good][-1]), words)}
    if good.all():
        return words("start.says.length", **values)
    return words("start.says.lost", **values, layer=int(good.argmin()) - 1)


def _says_both(run: Run, words: Words) -> str:
    """What goes through which stack, and whether the second one looks at what the first has made of it."""
    config, n, written = run.config, len(run.tokens), 0 if run.target is None else len(run.target)
    about = {"n": n, "layers": config.n_encoder_layers, "own": config.n_layers, "written": written}
    return words("start.says.two" if config.cross else "start.says.two_apart", **about)


def _left(run: Run, tokens: tuple[str, ...], words: Words) -> str:
    config = run.config
    if "logits" not in run.trace:
        good = np.isfinite(final_vectors(run)).all()
        return words("start.says.vectors" if good else "start.says.no_vectors", d=config.d_model)
    best = likeliest(run)
    if not best:
        return words("start.says.nothing", vocab=config.vocab_size)
    share, token = best[0][1], token_name(tokens, len(tokens) - 1, words)
    alike = [name for name, other in best if share - other <= 1e-6 * share]
    if len(alike) == len(best):  # there may be more than are named
        return words("start.says.next_alike", vocab=config.vocab_size, token=token, share=share)
    names = some([words("quoted", token=edged(name)) for name in alike], words)
    return words("start.says.next", vocab=config.vocab_size, token=token, best=names, share=share, n=len(alike))


def _count(what: str, n: int, words: Words) -> str:
    return words(f"start.counts.{what}", n=n)


# ------------------------------------------------------------------------------------------------------------ shared


def _address(page: str, scene: Scene, **view: Any) -> str:
    return f"{page}?{urlencode(shortened(scene.to_query() | {name: str(at) for name, at in view.items()}))}"


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
