"""What is said of a pinned Scene and the present one, held against two fresh runs."""

from __future__ import annotations

import random
from math import floor, log10

import numpy as np

from claims import (
    Fresh,
    Values,
    alike,
    any_scenes,
    claim,
    light,
    named_in,
    pinned_number,
    read,
    see,
    stages,
    way,
    written_as,
)
from claims import inside as block
from core import Scene
from core.interventions import PARTS
from pictures import compare, compare_block, compare_drift, pinned
from pictures.words import Words

STEPS = ("x", "q", "k", "v", "scores", "scores_scaled", "scores_masked", "pattern", "z")
INSIDE = ("resid_pre", "norm", "attn_out", "resid_mid", "units", "mlp_out", "resid_post")


def pairs(n: int) -> list[Scene]:
    """Scenes pinned, and then turned: by nothing, a little, to other sizes, until the numbers explode, and back."""
    draw, found = random.Random(1), []
    for scene in (s for s in any_scenes(2 * n) if s.pinned is None):
        heads = [(i, h) for i in range(scene.config.n_layers) for h in range(scene.config.n_heads)]
        turned = draw.choice(
            [
                lambda s: s,
                lambda s: s.turn(temperature=min(20.0, s.temperature * draw.choice([1.001, 2]))),
                lambda s: s.turn(sentence=" ".join(reversed(s.text.split()))),
                lambda s: s.turn(sentence="um"),
                lambda s: s.turn(seed=s.seed + 1),
                lambda s: s.turn(off=tuple(sorted({*s.off} ^ {draw.choice(PARTS)}))),
                lambda s, heads=heads: s.turn(ablated=(draw.choice(heads),)),
                lambda s: s.turn(model="encoder"),
                lambda s: s.turn(edits=((0, 1, 9.0),)),
            ]
        )
        found.append(turned(scene.pin()).turn(compared_step=draw.choice(STEPS), compared_array=draw.choice(INSIDE)))
    large = Scene(model="encoder").override(n_layers=12, d_model=64)
    exploded = [large.pin().turn(layer=11, seed=1), Scene(model="encoder").pin().override(n_layers=12, d_model=64)]
    gpt = Scene(model="gpt", compared_step="scores_masked")
    text, other = "o gato viu", "a gata viu"
    found[0] = gpt.turn(sentence=text).pin().turn(patch=("blocks.0.attn.z", (1,)), patch_source=other)
    exploded += [gpt.turn(off=("norm",)).pin().turn(off=())]
    exploded += [gpt.pin().turn(off=("mask",)), gpt.turn(ablated=((0, 0),)).pin().turn(ablated=((0, 1),))]
    return [*found[: n - 7], *exploded, exploded[0].turn(layer=5, compared_array="norm"), large.turn(layer=6).pin()]


SCENES = pairs(80)


def differences(scene: Scene, words: Words) -> list[str]:
    found = pinned.differences(scene, words)
    same = scene.computed == scene.pinned.turn(pinned=None).computed or scene == scene.pinned.pin()
    assert found or same or scene.preset.trained or scene.split != scene.pinned.split, scene
    return found


def where(fits, *builders):
    """Those builders, where the page draws them."""
    return [lambda s, w, b=b: b(s, w) if fits(s) else [] for b in builders]


def same_width(scene: Scene) -> bool:
    return pinned.alike(scene, tokens=False, width=True)


BUILDERS = (
    *(differences, compare.present_step, compare.present_heads, compare.present_light, compare_block.present),
    *where(compare.steps_alike, compare.step_difference),
    *where(lambda s: pinned.alike(s, heads=True), compare.heads_difference, compare.twin_difference),
    *where(same_width, compare_drift.present_ways),
    *where(lambda s: same_width(s) and pinned.alike(s), compare_drift.difference),
    *where(compare_block.alike, compare_block.difference),
)
OF_PINNED = (
    *(compare.pinned_step, compare.pinned_heads, compare.pinned_light, compare_block.pinned),
    *where(same_width, compare_drift.pinned_ways),
)


# --------------------------------------------------------------------------------------------------------------- knobs


def put_in(scene: Scene, f: Fresh) -> str:
    """Which head's output, from where; of these Scenes nothing else is patched."""
    en = f.words.lang == "en"
    if scene.patch is None:
        return "none" if en else "nenhum"
    assert scene.patch == ("blocks.0.attn.z", (1,))
    form = "the output of head 1 of layer 0, from “{}”" if en else "a saída da cabeça 1 da camada 0, de “{}”"
    return form.format(scene.patch_source)


@claim("compare.changed")
def knob(f: Fresh, v: Values) -> None:
    if v["knob"] == f.words("knob.patch"):
        assert (v["was"], v["now"]) == tuple(put_in(scene, f) for scene in (f.scene.pinned, f.scene))
        return
    names = ("model", "sentence", "split", "seed", "temperature", "edits", "matrices", "ablated", "cut")
    whole = tuple(vars(f.config) if hasattr(f.config, "__dict__") else f.config.__dataclass_fields__)
    (name,) = [n for n in dict.fromkeys((*names, *whole)) if f.words._labels.get(f"knob.{n}") == v["knob"]]
    for text, scene in ((v["was"], f.scene.pinned), (v["now"], f.scene)):
        value = getattr(scene if name in names else scene.whole, name)
        if name in ("edits", "matrices", "ablated", "cut"):
            assert read(text, f.words.lang) == [len(value)]
        elif name == "sentence":
            assert text == f"“{scene.text}”"
        elif isinstance(value, bool):
            assert text in ({True: ("on", "sim", "ligado", "ligada"), False: ("off", "não", "desligado")}[value])
        elif isinstance(value, int | float):
            assert abs(read(text, f.words.lang)[0] - value) < 1e-9 * abs(value) + 1e-12
        elif name not in ("model", "split"):
            assert text == value
    assert v["was"] != v["now"]


@claim("compare.as_many")
def others(f: Fresh, v: Values) -> None:
    assert any(
        v["n"] == len(new) == len(old) and new != old
        for new, old in (
            (getattr(f.scene, n), getattr(f.scene.pinned, n)) for n in ("edits", "matrices", "ablated", "cut")
        )
    )


@claim("compare.out", "compare.back")
def part(f: Fresh, v: Values) -> None:
    (name,) = [
        p
        for p in PARTS
        if f.words._labels[f"knob.{p}"] == v["part"] and (p in f.scene.off) != (p in f.scene.pinned.off)
    ]
    form = {"en": ("{} back in place", "without {}"), "pt-BR": ("{} de volta", "sem {}")}[f.words.lang]
    assert form[name in f.scene.off].format(v["part"]) in f.says


# -------------------------------------------------------------------------------------------------------------- arrays


def step(f: Fresh) -> np.ndarray:
    name = f.scene.compared_step
    if name == "x":
        return see.entering(f)
    return f.of_head(f"rot_{name}" if name in ("q", "k") and f.config.positions == "rotary" else name)


def of_block(f: Fresh) -> np.ndarray:
    name = f.scene.compared_array
    if name == "norm":
        return block.leaving(f)
    if name == "units":
        return block.hidden(f)[2].astype(np.float32).astype(np.float64)
    return f.at(name) if f.config.d_mlp or name != "mlp_out" else 0 * f.at("resid_mid")


def both(f: Fresh, of) -> tuple[np.ndarray, np.ndarray]:
    return of(f.before), of(f)


def labels(f: Fresh) -> list[str]:
    seen = [[("␣" * len(t) if t.isspace() else t) for t in tokens] for tokens in (f.before.tokens, f.tokens)]
    return [a if a == b else f"{a}→{b}" for a, b in zip(*seen, strict=True)]


def label(f: Fresh, i: int) -> str:
    return named_in(labels(f), i, f.words.lang)


def as_great(size: np.ndarray) -> list[tuple]:
    """The places of the greatest, with those that are written alike."""
    best = np.nanmax(size)
    digits = min(max(2, -floor(log10(best))), 9)

    def shown(x: float) -> str:
        return f"{x:.{digits}f}" if x < 10_000 else f"{x:.1e}"

    good = [place for place in np.ndindex(size.shape) if np.isfinite(size[place])]
    top = np.nanmax(size[np.isfinite(size)])
    return [p for p in good if shown(size[p]) == shown(best) or top - size[p] <= 1e-6 * top]


def changes(f: Fresh, of, v: Values, said) -> None:
    """The greatest change is said of a place where it is, in numbers that add up."""
    was, now = both(f, of)
    finite = np.isfinite(was) & np.isfinite(now)
    change = np.where(finite, np.where(finite, now, 0) - np.where(finite, was, 0), np.nan)
    size, lang = np.abs(change), f.words.lang
    f.alike = len(as_great(size))
    places = [p for p in np.ndindex(size.shape) if size[p] >= np.nanmax(size) * (1 - 1e-4) and said(p)]
    assert places, "elsewhere"
    place = places[0]
    assert any(
        all(pinned_number(v[name], x[p], lang, 1e-4) for name, x in (("was", was), ("now", now))) for p in places
    )
    told = [read(v[name].lstrip("+"), lang)[0] for name in ("was", "now", "change")]
    if max(map(abs, told)) < 9999:
        assert abs(told[1] - told[0] - told[2]) < 1e-8 and told[2] != 0
    assert pinned_number(v["change"].lstrip("+"), change[place], lang, 1e-3) or abs(told[2] - change[place]) < 0.0101
    assert v["change"].startswith("+") == (change[place] > 0)


@claim("compare.dimension")
def dimension(f: Fresh, v: Values) -> None:
    changes(f, step, v, lambda p: v["row"] == label(f, p[0]) and v["column"] == p[1])


@claim("compare.cell")
def cell(f: Fresh, v: Values) -> None:
    twin = f.at_builder is BUILDERS[7]
    of = (lambda g: light.given(g)[f.layer, f.head]) if twin else step
    changes(f, of, v, lambda p: (v["row"], v["column"]) == (label(f, p[0]), label(f, p[1])))


@claim("compare.head")
def head(f: Fresh, v: Values) -> None:
    def said(p: tuple) -> bool:
        return (v["layer"], v["head"], v["row"], v["column"]) == (*p[:2], label(f, p[2]), label(f, p[3]))

    changes(f, lambda g: g.patterns, v, said)


@claim("block.says.change")
def number(f: Fresh, v: Values) -> None:
    unit = {"en": "hidden unit", "pt-BR": "unidade oculta"}
    dimension = {"en": "dimension", "pt-BR": "dimensão"}
    assert v["axis"] == (unit if f.scene.compared_array == "units" else dimension)[f.words.lang]
    changes(f, of_block, v, lambda p: v["token"] == label(f, p[0]) and v["column"] == p[1])


@claim("compare.as_much")
def as_much(f: Fresh, v: Values) -> None:
    assert v["n"] == f.alike - 1 > 0


def compared(f: Fresh) -> tuple[np.ndarray, np.ndarray]:
    """The two arrays of the builder that speaks."""
    i = [b is f.at_builder for b in BUILDERS].index(True)
    return both(f, {5: step, 6: lambda g: g.patterns, 7: lambda g: light.given(g)[f.layer, f.head], 10: of_block}[i])


@claim("compare.hidden", "compare.nothing", "compare.lost")
def kept(f: Fresh, v: Values) -> None:
    if f.at_builder is BUILDERS[9]:
        assert not lengths(f).any() and f.told == "compare.nothing"
        return
    if f.at_builder not in BUILDERS[5:]:  # the range of one of them
        assert not np.isfinite(of_block(f) if f.at_builder in (BUILDERS[4], OF_PINNED[3]) else step(f)).any()
        assert f.told == "compare.lost"
        return
    was, now = compared(f)
    lost = any((np.isnan(x) | np.isposinf(x)).any() for x in (was, now))
    hidden = int((np.isneginf(was) ^ np.isneginf(now)).sum())
    assert f.told == f"compare.{'lost' if lost else 'hidden' if hidden else 'nothing'}"
    if hidden and not lost:
        assert v["n"] == hidden
    elif not lost:
        good = np.isfinite(was)
        assert np.abs(now[good] - was[good]).max() <= 2e-6 * np.abs(was[good]).max()


@claim("compare.range", "compare.range_one")
def ranged(f: Fresh, v: Values) -> None:
    x = of_block(f) if f.at_builder in (BUILDERS[4], OF_PINNED[3]) else step(f)
    x = x[np.isfinite(x)]
    low, high = (v["low"], v["high"]) if "low" in v else (v["value"], v["value"])
    assert written_as(low, x.min(), f.words.lang) and written_as(high, x.max(), f.words.lang)
    assert ("low" in v) == (low != high)


@claim("compare.lines")
def lines(f: Fresh, v: Values) -> None:
    was, now = both(f, lambda g: light.given(g)[f.layer, f.head])
    change = np.nan_to_num(now - was)
    assert v["least"] == 0.01
    for n, side in ((v["more"], change), (v["less"], -change)):
        assert (side > v["least"] + 1e-6).sum() <= n <= (side > v["least"] - 1e-6).sum()


@claim("block.says.brings_nothing")
def brings_nothing(f: Fresh, v: Values) -> None:
    assert not of_block(f).any() and f.config.d_mlp == 0


# --------------------------------------------------------------------------------------------------------------- drift


def lengths(f: Fresh) -> np.ndarray:
    """[pos]: from where each token ended to where it ends."""
    ends = [stages(g)[way.now(g)] for g in (f.before, f)]
    return np.array([way.length(a, b) for a, b in zip(*ends, strict=True)])


@claim("compare.end", "compare.ends_alike")
def ends(f: Fresh, v: Values) -> None:
    best = [i for (i,) in alike(lengths(f))]
    assert pinned_number(v["length"], lengths(f).max(), f.words.lang) and lengths(f).any()
    assert f.told.endswith("_alike") == (len(best) == f.n > 1)
    if "tokens" in v:
        assert v["n"] == len(best) and v["tokens"] == f.phrase([label(f, i) for i in best])
