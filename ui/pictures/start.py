"""The whole model of a Scene as one strip, every picture of it made of the trace, and the sentence that says it."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

from core import PRESETS, Run, Scene
from core.interpret import residual_stages, token_norms
from core.ops.softmax import softmax
from plots import strip
from plots.strip import Part
from ui import compute
from ui.pictures.heads import magnitude
from ui.words import Words

PAGES = Path(__file__).parents[2] / "pages"
SHOWN = 4  # blocks side by side; of more, the first two and the last are shown, and the others fold
LIKELY = 5  # next tokens that are named


@lru_cache(maxsize=64)  # of about 40 kB
def html(scene: Scene, words: Words) -> str:
    """The strip."""
    run = compute.run(scene)
    groups = [
        ("in", words("start.in"), _goes_in(run, words)),
        ("happens", words("start.happens"), _happens(run, words)),
        ("out", words("start.out"), [_comes_out(run, words)]),
    ]
    return strip.strip(groups, len(run.tokens))


def fold(n_layers: int) -> tuple[list[int], list[int]]:
    """(layers that are shown, layers that fold between the last two of them)."""
    if n_layers <= SHOWN:
        return list(range(n_layers)), []
    return [0, 1, n_layers - 1], list(range(2, n_layers - 1))


# ------------------------------------------------------------------------------------------------------ what goes in


def _goes_in(run: Run, words: Words) -> list[str]:
    n, d = run.trace["embed"].shape
    embedding = _part("embed", f"{n} × {d}", run.scene, words, ("tokens", "attention"))
    top = ""
    if "pos_embed" in run.trace:
        positions = _part("positions", f"{n} × {d}", run.scene, words, ("block", "attention"))
        top = strip.vectors(positions, run.trace["pos_embed"], "vectors positions") + strip.wires("z")
    return [
        strip.column(words("start.parts.tokens"), "tokens", river=strip.tokens(run.tokens)),
        strip.column(
            words("start.parts.embed"), "embedding", top=top, river=strip.vectors(embedding, run.trace["embed"])
        ),
    ]


# ------------------------------------------------------------------------------------------------------ what happens


def _happens(run: Run, words: Words) -> list[str]:
    shown, hidden = fold(run.config.n_layers)
    norms = lengths(run)
    greatest = float(norms[np.isfinite(norms)].max(initial=0))
    columns = [_block(run, i, norms[:, _stops(i, i + 1)], greatest, words) for i in shown]
    if hidden:
        stops = norms[:, _stops(hidden[0], hidden[-1] + 1)]
        columns.insert(-1, _folded(run, hidden, stops, greatest, words))
    return columns


def lengths(run: Run) -> np.ndarray:
    """[pos, stop]: how long each token's vector is as it enters, after every attention and after every MLP."""
    names = ["blocks.0.resid_pre"]
    names += [f"blocks.{i}.{stop}" for i in range(run.config.n_layers) for stop in ("resid_mid", "resid_post")]
    return np.stack([np.linalg.norm(run.trace[name].astype(np.float64), axis=-1) for name in names], axis=-1)


def _stops(first: int, end: int) -> slice:
    return slice(2 * first, 2 * end + 1)


def _block(run: Run, i: int, norms: np.ndarray, greatest: float, words: Words) -> str:
    patterns = run.trace[f"blocks.{i}.attn.pattern"]
    looks = _part("attention", _times(patterns.shape), run.scene, words, ("attention",), layer=i)
    bottom = ""
    if run.config.d_mlp:
        post = run.trace[f"blocks.{i}.mlp.post"]
        thinks = _part("mlp", _times(post.shape), run.scene, words, ("block", "drift"), layer=i, stage=i + 1)
        bottom = strip.wires("x", "x") + strip.mlp(thinks, post)
    return strip.column(
        f"{words('axis.layer')} {i}",
        "block",
        top=strip.attention(looks, patterns) + strip.wires("q", "k", "v", "z"),
        river=_stream(run, i, norms, greatest, words),
        bottom=bottom,
    )


def _stream(run: Run, i: int, norms: np.ndarray, greatest: float, words: Words) -> str:
    shape = _times(run.trace[f"blocks.{i}.resid_pre"].shape)
    part = _part("stream", shape, run.scene, words, ("drift",), layer=i, stage=i + 1)
    return strip.stream(part, norms, greatest)


def _folded(run: Run, layers: list[int], norms: np.ndarray, greatest: float, words: Words) -> str:
    rows = []
    for i in layers:
        patterns = run.trace[f"blocks.{i}.attn.pattern"]
        part = _part("attention", _times(patterns.shape), run.scene, words, ("attention",), layer=i)
        rows.append((Part(f"{words('axis.layer')} {i}", part.shape, part.does, part.href), patterns))
    river = _stream(run, layers[0], norms, greatest, words)
    return strip.column(words("start.more", n=len(layers)), "more", top=strip.folded(rows), river=river)


# --------------------------------------------------------------------------------------------------- what comes out


def _comes_out(run: Run, words: Words) -> str:
    last = run.config.n_layers
    if "logits" in run.trace:
        part = _part("next", _times(run.trace["logits"].shape), run.scene, words, ("generate", "drift"), layer=last - 1)
        rows = [(name, share, words("start.share", share=share)) for name, share in likeliest(run)]
        return strip.column(part.name, "next", river=strip.ranking(part, rows))
    final = run.trace["ln_final.out" if run.config.final_norm else f"blocks.{last - 1}.resid_post"]
    part = _part("vectors", _times(final.shape), run.scene, words, ("drift",), stage=last)
    return strip.column(part.name, "final", river=strip.vectors(part, final))


def likeliest(run: Run) -> list[tuple[str, float]]:
    """The likeliest tokens after the last one, with their probabilities; an id that no token here has is a number."""
    logits = run.trace["logits"][-1].astype(np.float64)
    if not np.isfinite(logits).all():
        return []
    shares = softmax(logits)
    names = dict(zip(run.encoding.ids.tolist(), run.tokens, strict=True))
    best = np.argsort(-shares, kind="stable")[:LIKELY].tolist()
    return [(names.get(i, f"#{i}"), float(shares[i])) for i in best]


# ------------------------------------------------------------------------------------------------------------- cards


def cards(scene: Scene, words: Words) -> str:
    """Every story, and the reader's own sentence."""
    stories = (_card(model, scene, words) for model in PRESETS)
    own = strip.typing_card(words("start.own"), words("start.own_about"))
    return f'<nav class="cards" aria-label="{words("start.stories")}">{"".join(stories)}{own}</nav>'


def _card(model: str, scene: Scene, words: Words) -> str:
    story = Scene(model=model, seed=scene.seed, split=scene.split, lang=scene.lang)
    config = PRESETS[model].config
    sizes = (_count("layer", config.n_layers, words), _count("head", config.n_heads, words))
    about = " · ".join((*sizes, words("start.counts.width", n=config.d_model)))
    chosen = scene.model == model
    return strip.card(_address("", story), words(f"shell.stories.{model}"), about, _portrait(model), chosen=chosen)


@cache
def _portrait(model: str) -> np.ndarray:
    """[head, query, key]: what a story's first layer does with its own sentence."""
    return compute.run(Scene(model=model)).trace["blocks.0.attn.pattern"]


# ---------------------------------------------------------------------------------------------------------- in words


def says(scene: Scene, words: Words) -> str:
    """What goes in, through what, how long the vectors become, and what comes out."""
    run = compute.run(scene)
    n, config = len(run.tokens), run.config
    heads = _count("head", config.n_heads, words)
    return " ".join(
        (
            words("start.says.in_one" if n == 1 else "start.says.in", n=n, d=config.d_model),
            words("start.says.through_one" if config.n_layers == 1 else "start.says.through", **_sizes(config, heads)),
            _grown(run, words),
            _left(run, words),
        )
    )


def _sizes(config, heads: str) -> dict[str, object]:
    return {"n": config.n_layers, "heads": heads}


def _grown(run: Run, words: Words) -> str:
    norms = token_norms(residual_stages(run.trace, run.config.n_layers))
    good = np.isfinite(norms)
    values = {"start": magnitude(float(norms[0]), words), "end": magnitude(float(norms[good][-1]), words)}
    if good.all():
        return words("start.says.length", **values)
    return words("start.says.lost", **values, layer=int(good.argmin()) - 1)


def _left(run: Run, words: Words) -> str:
    config = run.config
    if "logits" not in run.trace:
        return words("start.says.vectors", d=config.d_model)
    best = likeliest(run)
    if not best:
        return words("start.says.nothing", vocab=config.vocab_size)
    (name, share), token = best[0], run.tokens[-1]
    return words("start.says.next", vocab=config.vocab_size, token=token, best=name, share=share)


def _count(what: str, n: int, words: Words) -> str:
    return words(f"start.counts.{what}_one" if n == 1 else f"start.counts.{what}", n=n)


# ------------------------------------------------------------------------------------------------------------ shared


def _part(name: str, shape: str, scene: Scene, words: Words, pages: tuple[str, ...], **view: int) -> Part:
    """A part of the strip that opens the first of `pages` that the app has, with the view turned to it."""
    href = _address(next(filter(exists, pages)), scene.turn(**view))
    return Part(words(f"start.parts.{name}"), shape, words(f"start.does.{name}"), href)


@cache
def exists(page: str) -> bool:
    """Does the app have this page?"""
    return (PAGES / f"{page}.py").is_file()


def _address(page: str, scene: Scene) -> str:
    return f"{page}?{urlencode(scene.to_query())}"


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
