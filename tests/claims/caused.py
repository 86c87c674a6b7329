"""What Cause says: every number of a map against a whole run with that one patch, from the embeddings on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np

import core
from claims import Fresh, Values, any_scenes, claim, named_in, near, ran, ties
from core import Scene
from core.scene.continuation import namer
from pictures import cause
from pictures.compute import Picture
from pictures.words import Words

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
    GPT.turn(other_sentence="o gato viu o gato", ablated=tuple((i, h) for i in range(2) for h in range(4))),
    GPT.override(n_layers=1, d_model=4, n_heads=1, d_mlp=4, norm="none", residual=False).turn(
        sentence="a b", other_sentence="b a", seed=44
    ),
    GPT.override(n_layers=1, n_heads=1).turn(sentence="a b", other_sentence="a c"),
    GPT.turn(sentence="a b c d", other_sentence="a x c d", cause_word=306, cause_rival=8),
    Scene(model="stories", cut=((1, 0, 3, 1),), layer=1),
    LOUD,
    *(scene for scene in any_scenes(16, seed=4) if scene.model == "gpt"),
]
TWO = Scene(model="translator")
SCENES += [
    *(TWO.turn(cause_break=broken) for broken in (False, True)),
    TWO.turn(sentence="the small penguin sees the wave .", other_sentence="the small albatross sees the wave ."),
    TWO.turn(sentence="a foca dorme .", other_sentence="as foca dorme .", cause_word=3, temperature=2.0),
    *(TWO.turn(off=off) for off in (("cross",), ("mlp",), ("mask",))),
    TWO.turn(sentence="a foca dorme", other_sentence="a foca dorme .", ablated=((1, 0),)),
    *(Scene(model="seq2seq", seed=seed, cause_break=seed == 1) for seed in (0, 1)),
    Scene(model="seq2seq").override(init="unit", norm="none", residual=False),
    *(
        Scene(model="seq2seq", seed=seed, sentence="a b c", other_sentence="c a b").override(
            d_model=8, n_heads=2, d_mlp=4, n_layers=1
        )
        for seed in (47, 128)
    ),
]


def _of_stacks(builder: Callable) -> Callable:
    """Of a model that has no such map, nothing is said."""

    def said(scene: Scene, words: Words) -> Picture | str:
        return builder(scene, words) if builder in (cause.both, *cause.maps(scene)) else ""

    said.__name__ = builder.__name__
    return said


EVERY = (cause.both, cause.encoder, cause.crossing, cause.stream, cause.heads, cause.opened, cause.mlps)
BUILDERS = tuple(map(_of_stacks, EVERY))


class Both:
    """The two runs, and one with a patch, each by `core` alone."""

    def __init__(self, scene: Scene):
        self.pair = cause.Pair.of(scene)
        self.broken, self.whole = (ran(x) for x in (self.pair.target, self.pair.source))
        self.words, self.two = self.pair.candidates, bool(scene.whole.n_encoder_layers)
        self.read = self._read() if self.two else []
        self.traces = [self.run(one) if self.two else one.trace for one in (self.broken, self.whole)]

    def _read(self) -> list[int]:
        """What both translations begin with; of two that are alike, all but the last word."""
        wrote = []
        for one in (ran(self.pair.clean), ran(self.pair.other)):
            logits = np.nan_to_num(one.trace["logits"][-1])
            wrote.append([*one.target[1:].tolist(), int(logits.argmax())])
        n = min(map(len, wrote))
        apart = [at for at in range(n) if wrote[0][at] != wrote[1][at]]
        self.alike = wrote[0] == wrote[1]
        return [int(self.pair.clean.encoding.ids[0]), *wrote[0][: apart[0] if apart else n - 1]]

    def run(self, of: core.Run, patch: dict | None = None) -> core.Trace:
        """With an array of the other run, or of one's own."""
        own = of.trace.interventions
        change = replace(own, patch=patch or {})
        given = {"ids": np.array(self.read), "source": of.encoding.ids} if self.two else {"embeddings": of.embeddings}
        return core.forward(of.params, of.scene.whole, **given, interventions=change)

    def of(self, trace: core.Trace) -> float:
        last = trace["logits"][-1].astype(np.float64)
        return float(last[self.words[0]] - last[self.words[1]])

    @property
    def base(self) -> float:
        return self.of(self.traces[0])

    @property
    def far(self) -> float:
        return self.of(self.traces[1]) - self.base

    def moved(self, name: str, index: tuple[int, ...] = ()) -> float:
        run = self.run(self.broken, {name: (index, self.traces[1][name][index])})
        return (self.of(run) - self.base) * (1 if self.far >= 0 else -1)


both_of = lru_cache(maxsize=8)(Both)  # held against again for each value that is altered


@lru_cache(maxsize=32)
def cells(scene: Scene, which: str) -> np.ndarray:
    """Each place's effect, by a run of the whole model."""
    b, c, n = both_of(scene), cause.asked(scene).config, len(cause.Pair.of(scene).target.tokens)
    layers = range(c.n_layers)
    if which == "encoder":
        inside = range(c.n_encoder_layers)
        return np.array([[b.moved(f"encoder.blocks.{i}.resid_pre", (p,)) for p in range(n)] for i in inside])
    if which == "crossing":
        return np.array([[b.moved(f"blocks.{i}.cross.z", (h,)) for h in range(c.n_heads)] for i in layers])
    n = len(b.read) or n
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
    tokens, b = cause.Pair.of(f.scene).target.tokens, both_of(f.scene)
    if b.read and which == "stream":
        tokens = [namer(f.scene)(token) for token in b.read]
    if which in ("heads", "crossing"):
        return f.heads([place])
    if which == "mlps":
        return f"that of layer {layer}" if en else f"a da camada {layer}"
    token = named_in(tokens, other, f.words.lang)
    if which == "opened":
        return token
    return f"{token} as it enters layer {layer}" if en else f"{token} ao entrar na camada {layer}"


def taken_from(f: Fresh) -> str:
    """The run that the patches are taken from, as the bars of both name it."""
    named = {"en": ("clean run", "other run"), "pt-BR": ("execução limpa", "outra execução")}
    return named[f.words.lang][f.scene.cause_break]


def chosen_head(f: Fresh) -> str:
    text = f.heads([cause.asked(f.scene).place], the=True)
    return text[:1].upper() + text[1:]


@claim("cause.says.both", "cause.says.both_read", "cause.says.both_begin")
def _(f: Fresh, v: Values) -> None:
    pair, b = cause.Pair.of(f.scene), both_of(f.scene)
    name = words_named(pair.clean, f)
    assert v["first"] == pair.clean.text and v["second"] == pair.other.text
    assert [v["word"], v["rival"]] == [name(token) for token in b.words]
    assert v.get("read", "") == " ".join(map(name, b.read[1:]))
    assert f.told.endswith("both") != b.two and f.told.endswith("both_begin") == (b.two and not b.read[1:])
    clean, other = b.traces if pair.breaks else reversed(b.traces)
    values = [b.of(trace) for trace in (clean, other)]
    size = np.abs(b.traces[0]["logits"][-1]).max()
    assert close(v["clean"], values[0], size) and close(v["other"], values[1], size)
    assert close(v["gap"], abs(values[0] - values[1]), size)
    if pair.clean.text != cause.CLEAN and f.scene.cause_word is None:
        last = clean["logits"][-1]
        assert last[b.words[0]] == last.max()
    assert b.words[0] != b.words[1] or f.scene.cause_word == f.scene.cause_rival


def words_named(scene: Scene, f: Fresh) -> Callable[[int], str]:
    """What an id is called; the one that stands for all that are not known has a name in each language."""
    name, unknown = namer(scene), {"en": "<unknown>", "pt-BR": "<desconhecido>"}[f.words.lang]
    return lambda token: unknown if name(token) == "<unknown>" else name(token)


@claim("cause.says.alike")
def _(f: Fresh, v: Values) -> None:
    assert both_of(f.scene).alike


@claim("cause.says.no_cross")
def _(f: Fresh, v: Values) -> None:
    assert f.scene.whole.n_encoder_layers and "cross" in f.scene.off


TWO_MAPS = ("encoder", "crossing", "stream", "heads", "mlps")


def map_told(f: Fresh) -> str:
    """Which map a sentence speaks of: the one that it stands beside, and one of two stacks where there are two."""
    *_, stacks, which = f.told.removesuffix("_none").split(".")
    assert which == f.at_builder.__name__ and (stacks == "two") == both_of(f.scene).two
    return which


@claim(
    *("cause.says.stream", "cause.says.heads", "cause.says.opened", "cause.says.mlps"),
    *(f"cause.says.two.{which}" for which in TWO_MAPS),
)
def _(f: Fresh, v: Values) -> None:
    which = map_told(f)
    found, gap = cells(f.scene, which), abs(both_of(f.scene).far)
    size = np.abs(both_of(f.scene).traces[0]["logits"][-1]).max()
    assert close(v["moved"], found.max(), size) and close(v["gap"], gap, size) and v["moved"] > 0
    best = ties(found)
    assert len(best) < found.size
    names = [name_of(f, which, place) for place in best]
    assert v["places"] == f.phrase(names), (v["places"], names)
    assert ("at" not in v) or v["at"] == chosen_head(f)
    assert v["run"] == taken_from(f)


@claim(
    *(f"cause.says.{which}_none" for which in ("stream", "heads", "mlps", "opened")),
    *(f"cause.says.two.{which}_none" for which in TWO_MAPS),
)
def _(f: Fresh, v: Values) -> None:
    assert cells(f.scene, map_told(f)).max() < 0.006
    assert ("at" not in v) or v["at"] == chosen_head(f)
    assert v["run"] == taken_from(f)


@claim("cause.says.everywhere")
def _(f: Fresh, v: Values) -> None:
    found, b = cells(f.scene, f.at_builder.__name__), both_of(f.scene)
    size = np.abs(b.traces[0]["logits"][-1]).max()
    assert close(v["moved"], found.max(), size) and close(v["gap"], abs(b.far), size)
    assert v["n"] == found.size == len(ties(found)) and v["run"] == taken_from(f)


@claim("cause.says.same")
def _(f: Fresh, v: Values) -> None:
    far, found = abs(both_of(f.scene).far), cells(f.scene, f.at_builder.__name__)
    assert far < 0.006 and abs(v["gap"] - far) < 0.006
    assert np.abs(found).max() < 0.006, "what moves the answer is there to be carried over"


@claim("cause.says.same_moved")
def _(f: Fresh, v: Values) -> None:
    which, b = f.at_builder.__name__, both_of(f.scene)
    found, far = np.abs(cells(f.scene, which)), abs(b.far)
    size = np.abs(b.traces[0]["logits"][-1]).max()
    assert far < 0.006 and abs(v["gap"] - far) < 0.006
    assert close(v["moved"], found.max(), size) and v["moved"] > 0.004
    names = [name_of(f, which, place) for place in ties(found)]
    assert v["places"] == f.phrase(names), (v["places"], names)


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
    patched = [b.of(trace) for trace in b.traces]
    lost = not np.isfinite(patched).all()
    which = f.at_builder.__name__
    assert lost or (which != "both" and not np.isfinite(cells(f.scene, which)).all())
