"""What Cause says: every number of a map against a whole run with that one patch, from the embeddings on."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

import core
from claims import Fresh, Values, any_scenes, claim, named_in, near, ran, ties
from core import Interventions, Scene
from core.scene.continuation import namer
from pictures import cause

GPT = Scene(model="gpt", sentence="o gato viu o rato").override(n_layers=2, d_model=16, d_mlp=16)
LOUD = Scene(model="gpt").override(init="unit", norm="none", residual=False, n_layers=12, d_mlp=64)
SCENES = [
    Scene(),
    *(Scene(model="stories", layer=1, head=head, cause_break=broken) for head in (0, 1) for broken in (False, True)),
    Scene(model="stories", cause_word=7, cause_rival=3, layer=1),
    Scene(model="stories", sentence="o gato dorme", other_sentence="a gata dorme", ablated=((1, 0),)),
    Scene(model="stories", other_sentence="a b"),
    Scene(model="stories", off=("mlp", "residual")),
    Scene(model="stories", off=("softmax",)),
    Scene(model="induction", other_sentence="pi ka tu le mo pi ka tu le le"),
    *(GPT.turn(seed=seed, cause_break=seed % 2 == 1, layer=seed) for seed in range(3)),
    GPT.turn(sentence="um"),
    GPT.turn(other_sentence="o rato viu o gato", temperature=0.5, split="characters"),
    GPT.turn(cause_word=5, cause_rival=900),
    LOUD,
    *(scene for scene in any_scenes(16, seed=4) if scene.model == "gpt"),
]
BUILDERS = (cause.both, cause.stream, cause.heads, cause.opened, cause.mlps)


class Both:
    """The two runs, and one with a patch, each by `core` alone."""

    def __init__(self, scene: Scene):
        self.pair = cause.Pair.of(scene)
        self.broken, self.whole = (ran(x) for x in (self.pair.target, self.pair.source))
        self.words = self.pair.candidates

    def of(self, trace: core.Trace) -> float:
        last = trace["logits"][-1].astype(np.float64)
        return float(last[self.words[0]] - last[self.words[1]])

    @property
    def base(self) -> float:
        return self.of(self.broken.trace)

    @property
    def far(self) -> float:
        return self.of(self.whole.trace) - self.base

    def moved(self, name: str, index: tuple[int, ...] = ()) -> float:
        own = self.broken.trace.interventions
        patch = {name: (index, self.whole.trace[name][index])}
        change = Interventions(own.temperature, own.ablated, own.off, patch)
        run = core.forward(
            self.broken.params, self.broken.config, embeddings=self.broken.embeddings, interventions=change
        )
        return (self.of(run) - self.base) * (1 if self.far >= 0 else -1)


both_of = lru_cache(maxsize=8)(Both)  # held against again for each value that is altered


@lru_cache(maxsize=32)
def cells(scene: Scene, which: str) -> np.ndarray:
    """Each place's effect, by a run of the whole model."""
    b, c, n = both_of(scene), cause.asked(scene).config, len(cause.Pair.of(scene).target.tokens)
    layers = range(c.n_layers)
    if which == "stream":
        return np.array([[b.moved(f"blocks.{i}.resid_pre", (p,)) for p in range(n)] for i in layers])
    if which == "heads":
        return np.array([[b.moved(f"blocks.{i}.attn.z", (h,)) for h in range(c.n_heads)] for i in layers])
    if which == "mlps":
        return np.array([[b.moved(f"blocks.{i}.mlp_out")] for i in layers])
    layer, head = cause.asked(scene).place
    return np.array([[b.moved(f"blocks.{layer}.attn.z", (head, p)) for p in range(n)]])


def close(found: float, expected: float, size: float) -> bool:
    """Logits are differences of large numbers where they are large."""
    return near(found, expected) or abs(found - expected) <= 1e-5 * size


def name_of(f: Fresh, which: str, place: tuple[int, ...]) -> str:
    en, (layer, other) = f.words.lang == "en", place
    tokens = cause.Pair.of(f.scene).target.tokens
    if which == "heads":
        return f.heads([place])
    if which == "mlps":
        return f"that of layer {layer}" if en else f"a da camada {layer}"
    token = named_in(tokens, other, f.words.lang)
    if which == "opened":
        return token
    return f"{token} as it enters layer {layer}" if en else f"{token} ao entrar na camada {layer}"


def chosen_head(f: Fresh) -> str:
    text = f.heads([cause.asked(f.scene).place], the=True)
    return text[:1].upper() + text[1:]


@claim("cause.says.both")
def _(f: Fresh, v: Values) -> None:
    pair, b = cause.Pair.of(f.scene), both_of(f.scene)
    name = namer(pair.clean)
    assert v["first"] == pair.clean.text and v["second"] == pair.other.text
    assert [v["word"], v["rival"]] == [name(token) for token in b.words]
    values = [b.of(ran(scene).trace) for scene in (pair.clean, pair.other)]
    size = np.abs(b.broken.trace["logits"][-1]).max()
    assert close(v["clean"], values[0], size) and close(v["other"], values[1], size)
    assert close(v["gap"], abs(values[0] - values[1]), size)
    last = [ran(scene).trace["logits"][-1].astype(np.float64) for scene in (pair.clean, pair.other)]
    if pair.clean.text != cause.CLEAN and f.scene.cause_word is None:
        assert last[0][b.words[0]] == last[0].max()
    assert b.words[0] != b.words[1] or f.scene.cause_word == f.scene.cause_rival


@claim("cause.says.stream", "cause.says.heads", "cause.says.opened", "cause.says.mlps")
def _(f: Fresh, v: Values) -> None:
    which = f.at_builder.__name__
    found, gap = cells(f.scene, which), abs(both_of(f.scene).far)
    size = np.abs(both_of(f.scene).broken.trace["logits"][-1]).max()
    assert close(v["moved"], found.max(), size) and close(v["gap"], gap, size) and v["moved"] > 0
    best = ties(found)
    names = [name_of(f, which, place) for place in best]
    assert v["places"] == f.phrase(names), (v["places"], names)
    assert ("at" not in v) or v["at"] == chosen_head(f)


@claim("cause.says.stream_none", "cause.says.heads_none", "cause.says.mlps_none", "cause.says.opened_none")
def _(f: Fresh, v: Values) -> None:
    assert cells(f.scene, f.at_builder.__name__).max() < 0.006
    assert ("at" not in v) or v["at"] == chosen_head(f)


@claim("cause.says.same")
def _(f: Fresh, v: Values) -> None:
    assert abs(both_of(f.scene).far) < 0.006


@claim("cause.says.lengths")
def _(f: Fresh, v: Values) -> None:
    pair = cause.Pair.of(f.scene)
    assert (v["n"], v["m"]) == (len(pair.clean.tokens), len(pair.other.tokens)) and v["n"] != v["m"]


@claim("cause.says.no_mlp")
def _(f: Fresh, v: Values) -> None:
    assert not cause.asked(f.scene).config.d_mlp


@claim("cause.says.lost")
def _(f: Fresh, v: Values) -> None:
    b = both_of(f.scene)
    patched = [b.of(run.trace) for run in (b.broken, b.whole)]
    lost = not np.isfinite(patched).all()
    which = f.at_builder.__name__
    assert lost or (which != "both" and not np.isfinite(cells(f.scene, which)).all())
