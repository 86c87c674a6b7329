"""What Generate says of a whole text: its lens, its ledger, both ways of writing it, its loss; also where it explodes.

All of it is held against runs over the whole text at once, counts by formula, and softmax as NumPy writes it.
"""

from __future__ import annotations

import numpy as np

import core
from claims import Fresh, Values, claim, drawn, pinned_number, read, ties, told_as
from claims.drawn import WRITER, called, reached, replayed, softmax
from claims.inside import shares
from core import Scene, limits
from pictures import continuation
from pictures.compute import Picture
from pictures.generate import cache, draw, lens, loss
from pictures.words import Words

GPT = Scene(model="gpt", max_new_tokens=3)
LOUD = GPT.override(init="unit", norm="none", residual=True, n_layers=2, d_model=16, d_mlp=16)
BROKEN = GPT.override(init="unit", norm="none", residual=False, n_layers=12, d_model=64, d_mlp=64)
FULL = GPT.turn(sentence=" ".join(f"w{i % 40}" for i in range(64)))
SCENES = [
    *(
        WRITER.turn(max_new_tokens=6, tokens_written=step, draw_temperature=heat)
        for step in (1, 2, None)
        for heat in (0.0, 1.0)
    ),
    WRITER.turn(forced=((9, 17), (10, 3)), tokens_written=2),
    WRITER.turn(forced=((9, 17),), tokens_written=1, top_k=1),
    WRITER.turn(forced=((9, 17),), tokens_written=1, draw_temperature=0.0, top_p=0.5),
    WRITER.turn(forced=((9, 17), (10, 5000), (40, 2))),
    WRITER.turn(sentence="a foca xyz dorme", target="no gelo.", max_new_tokens=2),
    WRITER.turn(sentence="o", max_new_tokens=1),
    WRITER.turn(sentence="o", target="gato", max_new_tokens=2),
    WRITER.turn(off=("mlp",), ablated=((0, 1),), max_new_tokens=2),
    *(Scene(model="induction", max_new_tokens=new, tokens_written=step) for new, step in ((4, None), (4, 1))),
    *(Scene(model="induction", max_new_tokens=2, sentence="ba be bi bo", target=target) for target in ("", "ba be")),
    *(GPT.turn(seed=seed, draw_temperature=0.0, tokens_written=3) for seed in range(4)),
    GPT.turn(off=("mask",)),
    GPT.turn(off=("mask",), sentence="um", max_new_tokens=1),
    GPT.turn(off=("residual",)),
    GPT.turn(off=("mlp",), ablated=tuple((i, h) for i in range(4) for h in range(4))),
    GPT.turn(off=("W_O", "W_V", "norm"), edits=((0, 3, 5.0),)),
    GPT.turn(off=("positions",), sentence="um um um", temperature=3.0),
    GPT.turn(sentence="um dois", split="characters", target="x"),
    *(GPT.turn(sentence="um", max_new_tokens=1).override(n_layers=n) for n in (1, 2)),
    GPT.override(n_layers=1, d_model=16, d_mlp=0, n_heads=2),
    *(
        Scene(model="gpt", sentence="o gato viu o rato", seed=seed).override(n_layers=6, d_model=16)
        for seed in range(3)
    ),
    *(LOUD.turn(seed=seed) for seed in range(3)),
    LOUD.override(n_layers=4, d_model=64).turn(target="um dois"),
    GPT.override(n_layers=6, d_model=128).turn(sentence="um", max_new_tokens=2),  # a million parameters
    BROKEN,
    BROKEN.override(n_layers=5, d_model=32),
    BROKEN.turn(sentence="um", max_new_tokens=1),
    *(FULL.turn(target=target) for target in ("", "mais")),
]


def broken_or(builder):
    """What the page says where there is nothing to look at, else the picture."""

    def built(scene: Scene, words: Words) -> Picture | str:
        return words("generate.broken") if continuation.written(scene) is None else builder(scene, words)

    return built


@broken_or
def read_early(scene: Scene, words: Words) -> Picture | str:
    return lens.lens(scene, words) if lens.readable(scene) else words("generate.lens.none")


@broken_or
def both_ways(scene: Scene, words: Words) -> str:
    return cache.check(scene, words) if scene.config.causal else ""


def judged(scene: Scene, words: Words) -> Picture | str:
    return loss.losses(scene, words) if loss.judged(scene) else loss.nothing(scene, words)


BUILDERS = (broken_or(draw.choices), read_early, broken_or(cache.ledger), both_ways, judged)
assert drawn  # the draw's own sentences are of that module


@claim("generate.broken")
def broken(f: Fresh, v: Values) -> None:
    assert replayed(f.scene).broken


# ------------------------------------------------------------------------------------------------------------ the lens


def early(f: Fresh) -> np.ndarray:
    """[stage, pos, vocab]: what each stage would say, of all that was read."""
    text, c, params = replayed(f.scene), f.config, f.run.params
    x = text.x[: text.n + reached(f.scene) - 1]
    trace = core.forward(params, f.scene.whole, embeddings=x, interventions=f.scene.interventions)
    names = ["blocks.0.resid_pre", *(f"blocks.{i}.resid_post" for i in range(c.n_layers))]
    stages = np.array([trace[name] for name in names]).astype(np.float64)
    if c.final_norm:
        stages = stages - (stages.mean(-1, keepdims=True) if c.norm == "layer" else 0)
        stages = stages / np.sqrt((stages**2).mean(-1, keepdims=True) + c.norm_eps) * params["ln_final.w"]
        stages = stages + params.get("ln_final.b", 0)
    unembedding = params["embed.W_E"].T if c.tied_unembed else params["unembed.W_U"]
    logits = stages @ unembedding + params.get("unembed.b_U", 0)
    assert np.allclose(logits[-1], trace["logits"], rtol=1e-3, atol=1e-3 + 1e-4 * np.abs(logits[-1]).max())
    return logits


@claim("generate.says.lens_start", "generate.says.lens_layer", "generate.says.lens_last")
def stands(f: Fresh, v: Values) -> None:
    logits, text = early(f)[:, -1], replayed(f.scene)
    said = [row.argmax() == logits[-1].argmax() for row in logits]
    assert v["token"] in called(f, int(logits[-1].argmax()))
    last_read = text.n + reached(f.scene) - 2
    assert v["after"] in ({f.tokens[last_read]} if last_read < text.n else called(f, text.ids[last_read]))
    assert shares(v["share"], softmax(logits[-1]).max(), f) and v["last"] == f.config.n_layers - 1
    assert f.told.endswith("last") == (not said[-2])
    if told_as(f, "what enters", "o que entra"):
        assert all(said)
    elif told_as(f, "from layer", "a partir da"):
        assert all(said[v["layer"] + 1 :]) and not said[v["layer"]]
    else:
        assert not said[-2]
    assert told_as(f, "Bold", "negrito") == came(f)


def came(f: Fresh) -> bool:
    text = replayed(f.scene)
    guesses = early(f).argmax(-1)
    following = text.ids[1 : guesses.shape[1] + 1]
    return bool((guesses == following)[:, -12:].any())


@claim("generate.says.lens_bold")
def bold(f: Fresh, v: Values) -> None:
    assert came(f)


@claim("generate.lens.none")
def unreadable(f: Fresh, v: Values) -> None:
    assert not f.config.residual


# ---------------------------------------------------------------------------------------------------------- the ledger


def products(f: Fresh, n: int, keys: int) -> int:
    """Multiplications of n new positions that look at so many keys: of every weight matrix, of Q K^T and of A V."""
    c, total = f.config, 0
    for name, p in f.run.params.items():
        _, _, part = name.rpartition(".")
        used = (".attn." in name and c.projections and part not in f.scene.off) or (".mlp." in name and c.d_mlp > 0)
        total += p.size * n if name.startswith("blocks.") and part.startswith("W_") and used else 0
    width = c.d_model // c.n_heads if c.d_head is None else c.d_head
    looks = c.n_layers * c.n_heads * n * keys * width
    return total + 2 * looks + n * c.d_model * c.vocab_size


def spent(f: Fresh, step: int) -> tuple[int, int]:
    """What this step, from 1, takes: with a cache where there can be one, and without."""
    n = replayed(f.scene).n + step - 1
    new = n if step == 1 or not f.config.causal else 1
    return products(f, new, n), products(f, n, n)


def amount(text: str, expected: int, f: Fresh) -> bool:
    millions = text.partition(" ")[2] != ""
    return pinned_number(text.partition(" ")[0], expected / 1e6 if millions else expected, f.words.lang)


@claim("generate.says.ledger", "generate.says.ledger_first", "generate.says.no_cache")
def ledger(f: Fresh, v: Values) -> None:
    step, n = reached(f.scene), replayed(f.scene).n + reached(f.scene) - 1
    with_it, without = spent(f, step)
    assert (
        v["step"] == step
        and amount(v["spent"], with_it, f)
        and v.get("layers", f.config.n_layers) == (f.config.n_layers)
    )
    if "positions" in v:
        assert v["positions"] == n and changes(f, n)
    elif "new" in v:
        assert step == 1 and v["new"] == n and with_it == without and f.config.causal
    else:
        assert v["reused"] == n - 1 and amount(v["plain"], without, f) and with_it < without
        assert pinned_number(v["times"], without / with_it, f.words.lang) and read(v["times"], f.words.lang) > [1.0]


def changes(f: Fresh, n: int) -> bool:
    """Does the last of n tokens change what the earlier ones have become?"""
    x, last = replayed(f.scene).x[:n], f"blocks.{f.config.n_layers - 1}.resid_post"
    both = (x, x[:-1]) if n > 1 else (x, x)
    a, b = (
        core.forward(f.run.params, f.scene.whole, embeddings=y, interventions=f.scene.interventions)[last] for y in both
    )
    return n == 1 or not np.allclose(a[:-1], b, rtol=1e-3, atol=1e-3)


@claim("generate.says.check", "generate.says.check_as_much", "generate.says.check_at_once")
def same(f: Fresh, v: Values) -> None:
    text, n = replayed(f.scene), v["n"]
    steps, plain = core.write(f.scene, cache=True).steps[:n], np.array(text.logits[:n])
    apart = np.abs(np.array([step.distribution.logits for step in steps]).astype(np.float64) - plain).max()
    tokens = sum(step.token == token for step, token in zip(steps, text.ids[text.n : text.n + n], strict=True))
    costs = np.array([spent(f, step) for step in range(1, len(steps) + 1)]).sum(0)
    assert (v["same"], v["n"]) == (tokens, len(plain)) and pinned_number(v["size"], np.abs(plain).max(), f.words.lang)
    assert pinned_number(v["apart"], apart, f.words.lang)
    large = sum(p.size for p in f.run.params.values()) > limits.LARGE and f.config.causal
    as_much = f"{costs[1] / costs[0]:.1f}" == "1.0"
    assert f.told.endswith("at_once") == large and f.told.endswith("as_much") == (as_much and not large)
    assert large or told_as(f, "as many", "as mesmas") <= as_much
    if not as_much:
        assert pinned_number(v["saved"], costs[1] / costs[0], f.words.lang) and costs[1] > costs[0]


# ------------------------------------------------------------------------------------------------------------ the loss


def whole(f: Fresh) -> Fresh:
    """The sentence with its continuation."""
    if not f.scene.target:
        return f
    by_words = f.scene.preset.tokenizer is not None or f.scene.split == "words"
    return Fresh(f.scene.turn(sentence=f.scene.text + (" " if by_words else "") + f.scene.target))


def asked_from(f: Fresh) -> int:
    """The first place that is judged: what stood there before is foretold from its second time on."""
    if f.scene.target:
        return f.n
    again = [i + 1 for i in range(f.n) if f.tokens[i] in f.tokens[:i]] if f.scene.model == "induction" else [1]
    return again[0] if again and again[0] < f.n else 1


def surprises(f: Fresh) -> np.ndarray:
    text, first = whole(f), asked_from(f)
    logits = text["logits"][first - 1 : -1]
    high = logits.max(-1, keepdims=True)
    sizes = np.log(np.exp(logits - high).sum(-1)) + high[:, 0]
    return sizes - logits[np.arange(len(logits)), text.run.encoding.ids[first:]]


@claim("generate.says.loss_near", "generate.says.loss_below", "generate.says.loss_above")
def wrong(f: Fresh, v: Values) -> None:
    gap = np.log(f.config.vocab_size) - surprises(f).mean()
    assert v["n"] == f.config.vocab_size and pinned_number(v["gap"], abs(gap), f.words.lang, 1e-4)
    found = [told_as(f, "less", "a menos"), told_as(f, "more", "a mais")]
    assert found == ([False, False] if abs(gap) < 0.2 else [gap > 0, gap < 0])
    assert told_as(f, "asks this model for no", "não pede a este") == is_unasked(f)


@claim("generate.says.loss_continued")
def continued(f: Fresh, v: Values) -> None:
    assert f.scene.target and v["place"] == f.n


@claim("generate.says.loss_from", "generate.says.loss_unasked")
def asked(f: Fresh, v: Values) -> None:
    """Of what a reader goes on with, training may ask for all that stands before it."""
    assert f.told.endswith("unasked") == is_unasked(f) and not f.scene.target
    assert is_unasked(f) or v["place"] == asked_from(f) > 1


def is_unasked(f: Fresh) -> bool:
    """Whether a text is none that training asks for: one without a token that comes again, of a model that repeats."""
    return f.scene.model == "induction" and not f.scene.target and len({*f.tokens}) == f.n


@claim("generate.says.loss_worst", "generate.says.loss_only", "generate.says.loss_alike")
def worst(f: Fresh, v: Values) -> None:
    each, text, first = surprises(f), whole(f), asked_from(f)
    text.words = f.words
    most = ties(each, None if each.max() >= 1e6 else 2)
    assert pinned_number(v["surprise"], each.max(), f.words.lang, 1e-4)
    assert f.told.endswith("only") == (len(each) == 1) and f.told.endswith("alike") == (len(most) == len(each) > 1)
    if len(each) == 1:
        assert v["token"] == text.tokens[first]
    elif len(most) < len(each):
        assert (v["tokens"], v["n"]) == (text.named(first + i for (i,) in most), len(most))


@claim("generate.loss.mean_line", "generate.loss.ceiling_line")
def line(f: Fresh, v: Values) -> None:
    size = f.config.vocab_size
    assert v.get("n", size) == size
    assert pinned_number(v["value"], np.log(size) if "n" in v else surprises(f).mean(), f.words.lang, 1e-4)


@claim("generate.loss.exploded")
def exploded(f: Fresh, v: Values) -> None:
    assert not np.isfinite(whole(f)["logits"][asked_from(f) - 1 : -1]).all(), "they have not"


@claim("generate.loss.full")
def full(f: Fresh, v: Values) -> None:
    assert f.scene.target and f.n == f.config.n_ctx


@claim("generate.loss.none")
def too_short(f: Fresh, v: Values) -> None:
    assert f.n == 1 and not f.scene.target
