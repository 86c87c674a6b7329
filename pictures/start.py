"""The whole model of a Scene as one strip, every picture of it made of the trace, and the sentence that says it."""

from __future__ import annotations

import json
from functools import cache

import numpy as np

from core import PRESETS, Run, Scene
from core.config import ENCODER
from core.interpret import each_stage, token_norms
from core.model import forward
from core.presets import PORTRAIT, SHIPPED
from core.scene.fields import Numbered
from core.scene.switch import with_model
from pictures import compute, memory, stacks
from pictures.drawing import (
    Drawing,
    address,
    final_vectors,
    lighting,
    likeliest,
    linked,
    part_of,
    place_at,
    stacks_of,
    times,
)
from pictures.extremes import magnitude, some, token_name
from pictures.words import Words
from plots import strip
from plots.tokens import edged


def html(scene: Scene, words: Words) -> str:
    """The strip."""
    return linked(drawn(scene, words), scene)


# However the reader looks at it, it is the same strip: only what its links say is another.
@memory.kept(lambda scene, words: (scene.computed, words.lang), large=lambda scene, _: compute.is_large(scene))
def drawn(scene: Scene, words: Words) -> str:
    """The same, its links still to be written."""
    scene = scene.computed
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


HEADINGS = {  # of what goes in, what happens and what comes out: of one stack, of an encoder and of its decoder
    None: ("in", "happens", "out"),
    ENCODER: ("in", "encoder_happens", "encoder_out"),
    "": ("decoder_in", "decoder_happens", "out"),
}


# ----------------------------------------------------------------------------------------------- numbers of the strip


def number_at(scene: Scene, array: str, head: int | None, x: float, y: float) -> Numbered | None:
    """The number of a thumbnail at (x, y), shares of its width and height; of all heads', of one head's tile."""
    trace = compute.run(scene).trace
    place = place_at(trace.shape(array), head, x, y) if array in trace else None
    return None if place is None else (array, place)


def lit(scene: Scene) -> str:
    """A style that lights every part of the strip on the way to the number that is explained; "" where none is."""
    return lighting(part_of(name, scene.config) for name, _ in scene.explained)


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
    return strip.card(address("", opened), title, about, _portrait(model), chosen=chosen)


@cache
def _portrait(model: str) -> str:
    return strip.portrait(portrayed(model))


def portrayed(model: str) -> np.ndarray:
    """[head, query, key]: what a preset's first layer does with its own sentence.

    Of a trained one it is kept as a small file (models/build.py): nobody's first visit loads every model's weights.
    """
    kept = SHIPPED / model / PORTRAIT
    if kept.is_file():
        return np.array(json.loads(kept.read_text("utf-8")), np.float32)
    return compute.run(Scene(model=model)).trace[PRESETS[model].portrayed]


# ---------------------------------------------------------------------------------------------------------- in words


@memory.kept(lambda scene, words: (scene.computed, words.lang), large=lambda scene, _: compute.is_large(scene))
def says(scene: Scene, words: Words) -> str:
    """What goes in, through what, how long the vectors become, and what comes out."""
    run = compute.run(scene)
    n, config = len(run.tokens), run.config
    if run.target is not None:
        return f"{_says_both(run, len(run.target), words)} {_left(run, stacks.read(scene), words)}"
    heads = _count("head", config.n_heads, words)
    goes_in = words("start.says.in", n=n, d=config.d_model)
    through = words("start.says.through", n=config.n_layers, heads=heads)
    sentences = [goes_in, through, _grown(run, words), _left(run, run.tokens, words)]
    if not config.unembed and not scene.preset.by_hand and config.n_ctx >= BATCH[1]:
        going, coming = batch_shapes(scene)
        sentences.append(words("start.says.batch", going=times(going), coming=times(coming)))
    return " ".join(sentences)


BATCH = (2, 10)  # sequences, ids of each


@memory.kept(lambda scene: (scene.model, scene.config), large=compute.is_large)  # whatever the sentence is
def batch_shapes(scene: Scene) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes of a batch of ids, and of what the model makes of it: it is run on them."""
    config, last = scene.config, f"blocks.{scene.config.n_layers - 1}.resid_post"
    ids = np.arange(BATCH[0] * BATCH[1]).reshape(BATCH) % config.vocab_size
    trace = forward(compute.params(scene), config, ids, interventions=scene.interventions, names=[last])
    return ids.shape, trace[last].shape


def _grown(run: Run, words: Words) -> str:
    norms = token_norms(each_stage(run.trace, run.config.n_layers))
    good = np.isfinite(norms)
    if not good.any():
        return words("start.says.unmeasured")
    values = {"start": magnitude(float(norms[0]), words), "end": magnitude(float(norms[good][-1]), words)}
    if good.all():
        return words("start.says.length", **values)
    return words("start.says.lost", **values, layer=int(good.argmin()) - 1)


def _says_both(run: Run, written: int, words: Words) -> str:
    """What goes through which stack, and whether the second one looks at what the first has made of it."""
    config = run.config
    about = {"n": len(run.tokens), "layers": config.n_encoder_layers, "own": config.n_layers, "written": written}
    return words("start.says.two" if config.cross else "start.says.two_apart", **about)


def _left(run: Run, tokens: tuple[str, ...], words: Words) -> str:
    config = run.config
    if "logits" not in run.trace:
        good = np.isfinite(final_vectors(run)).all()
        return words("start.says.vectors" if good else "start.says.no_vectors", d=config.d_model)
    best = likeliest(run.scene)
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
