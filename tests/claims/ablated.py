"""What Reading heads says of all heads in order, and of weight, value and effect: each ablation is a run of its own."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

import core
from core import Scene
from pictures import ranked, weighed

from . import Fresh, Values, any_scenes, claim, named_in, near, read, ties, told_as
from .see import TINY, key_change, ranks_of
from .sides import HERE, Sides

BUILDERS = (ranked.ranked, weighed.weighed)
SCENES = [
    *any_scenes(18),
    Scene(model="stories", layer=1, head=2, query=6),
    Scene(model="stories", ablated=tuple((i, h) for i in range(2) for h in range(4) if (i, h) != (0, 1))),
    Scene(model="gpt", sentence="um"),
    Scene(model="induction", ablated=((0, 1), (1, 0), (1, 1)), off=("mask", "positions", "residual"), temperature=0.5),
    Scene(model="encoder", layer=11, ablated=((0, 1),)).override(n_layers=12),
    TINY.override(positions="sinusoidal", d_model=4).turn(off=("softmax",), sentence="um um dois tres"),
    *(HERE.turn(attention_of=kind, query=3) for kind in ("cross", "encoder", "decoder")),
]


def FRESH(scene: Scene) -> Fresh:
    return Sides(scene) if scene.whole.n_encoder_layers else Fresh(scene)


# ------------------------------------------------------------------------------------------------------- by ablation


def shares_of(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


def without(f: Fresh, *places: tuple[int, ...]) -> np.ndarray:
    """The probabilities of what comes last, without these heads."""
    if isinstance(f, Sides):
        where = () if f.kind == "decoder" else (f.kind,)
        off = frozenset([*f.scene.ablated, *((*place, *where) for place in places)])
        return shares_of(f.ran(ablated=off)["logits"][-1].astype(np.float64))
    return shares_of(alone(f.scene.turn(ablated={*f.scene.ablated, *places})))


@lru_cache(maxsize=512)
def alone(scene: Scene) -> np.ndarray:
    return core.run(scene, names=["logits"]).trace["logits"][-1].astype(np.float64)


def strengths(f: Fresh) -> np.ndarray:
    """[layer, head], NaN where one is off: total variation, or where nothing is predicted how far the output moves."""
    if "_strengths" not in vars(f):
        found = np.full((f.config.n_layers, f.config.n_heads), np.nan)
        before = without(f) if f.config.unembed else None
        for place in f.on:
            moved = f.without(place).mean() if before is None else np.maximum(without(f, place) - before, 0).sum()
            found[place] = moved if moved >= 1e-7 else 0  # less is rounding
        vars(f)["_strengths"] = found
    return vars(f)["_strengths"]


def read_last(f: Fresh) -> str:
    if not isinstance(f, Sides):
        return f.token(f.n - 1)
    read = Sides(f.scene.turn(attention_of="decoder")).tokens
    return named_in(read, len(read) - 1, f.words.lang)


@claim(*(f"reading.ranked.says.{how}{alike}" for how in ("prediction", "output") for alike in ("", "_alike")))
def strongest(f: Fresh, v: Values) -> None:
    values = 100 * strengths(f)
    most, n = shown_alike(values), len(f.on)
    (found,) = read(v["most"], f.words.lang)
    assert abs(found - np.nanmax(values)) <= (0.052 if np.nanmax(values) >= 0.05 else 0.06 * np.nanmax(values))
    assert v["n"] == n
    assert v["k"] == len(most) and v["heads"] == f.heads(most, the=True)
    assert ("prediction" in f.told) == f.config.unembed and ("token" not in v or v["token"] == read_last(f))
    alike = told_as(f, "any one of the", "qualquer uma das")
    assert alike == (len(most) == n > 1)


def shown_alike(values: np.ndarray) -> list[tuple]:
    """The places whose percents are written as the greatest's: those of little with a power of ten."""
    if np.nanmax(values) >= 0.05 or not np.nanmax(values):
        return ties(values, 1)
    best = f"{np.nanmax(values):.1e}"
    return [place for place in np.ndindex(values.shape) if f"{values[place]:.1e}" == best]


@claim("reading.ranked.says.likeliest")
def likeliest(f: Fresh, v: Values) -> None:
    (most,) = shown_alike(100 * strengths(f))
    before = without(f)
    after = without(f, most)[before.argmax()]
    assert abs(v["before"] - before.max()) < 1e-4 and abs(v["after"] - after) < 1e-4
    of_likeliest(f, v)


@claim("reading.ranked.says.beside")
def beside(f: Fresh, v: Values) -> None:
    assert all(" · " in text for text in f.picture.figure["data"][0]["text"])
    of_likeliest(f, v)


def of_likeliest(f: Fresh, v: Values) -> None:
    before = without(f)
    known = f.scene.preset.tokenizer
    if known and v["word"][1:-1] in known.tokens:
        assert [*known.tokens].index(v["word"][1:-1]) == before.argmax()
    else:
        names = dict(zip(f.run.encoding.ids.tolist(), f.run.encoding.tokens, strict=True))
        unnamed = f.words("generate.unnamed", id=int(before.argmax()))
        assert v["word"] == f.words("quoted", token=names.get(int(before.argmax()), unnamed))


@claim("reading.ranked.says.listed")
def listed(f: Fresh, v: Values) -> None:
    assert v["shown"] == 12 < v["n"] == len(f.on) and len(f.picture.figure["data"][0]["x"]) == 12


@claim("reading.ranked.says.off")
def all_off(f: Fresh, v: Values) -> None:
    assert not f.on


@claim("reading.ranked.says.zero")
def zero(f: Fresh, v: Values) -> None:
    assert not f.config.unembed and not np.abs(f.last).sum(-1).all()


@claim("reading.ranked.says.lost")
def lost(f: Fresh, v: Values) -> None:
    assert not np.isfinite(f.last).all() or not np.isfinite([strengths(f)[place] for place in f.on]).all()


def whose(kind: str) -> None:
    @claim(f"reading.ranked.says.of_{kind}")
    def of_kind(f: Sides, v: Values) -> None:
        assert f.kind == kind


for kind in ("encoder", "decoder", "cross"):
    whose(kind)


# -------------------------------------------------------------------------------------- weight against value, effect


def measures(f: Fresh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[query, key], [query, key] and [key]: the chosen head's weights, what each carries, and what it is worth."""
    if "_measures" not in vars(f):
        values, a = f.of_head("v"), f.of_head("pattern")
        if f.config.projections and "W_O" not in f.scene.off:
            width = values.shape[1]
            values = values @ f.run.params[f"{f.attention(f.layer)}W_O"][f.head * width : (f.head + 1) * width]
        carried = a * np.sqrt((values**2).sum(-1)) * ((f.layer, f.head) in f.on)
        vars(f)["_measures"] = a, carried, key_change(f) if carried.any() else np.zeros(a.shape[1])
    return vars(f)["_measures"]


def correlations(x: np.ndarray, y: np.ndarray) -> list[float]:
    """Of the ranks, by how many digits two numbers may be alike."""
    found = []
    for digits in (3, 4, 5):
        shares = [np.round(values / (values.max() or 1.0), digits) for values in (x, y)]
        with np.errstate(all="ignore"):
            found.append(float(np.corrcoef(*map(ranks_of, shares))[0, 1]))
    return found


def agrees(value: float, x: np.ndarray, y: np.ndarray) -> bool:
    return any(near(value, r) or abs(value - r) < 0.004 for r in correlations(x, y))


@claim("reading.weighed.says.pairs", "reading.weighed.says.alike")
def of_pairs(f: Fresh, v: Values) -> None:
    a, carried, _ = measures(f)
    assert v["n"] == int(f.seen.sum()) >= 3
    none = told_as(f, "^[^.]*no order", "^[^.]*não há ordem")
    if none:
        assert any(np.isnan(correlations(a[f.seen], carried[f.seen])))
    else:
        assert agrees(v["r"], a[f.seen], carried[f.seen])


@claim("reading.weighed.says.effect", "reading.weighed.says.effect_alike")
def of_effects(f: Fresh, v: Values) -> None:
    (a, carried, effect), own = measures(f), f.seen[f.query]
    effect = effect.round(6)
    assert v["query"] == f.token(f.query) and v["n"] == int(own.sum()) >= 3
    by = [(a[f.query, own], effect[own]), (carried[f.query, own], effect[own])]
    if f.told.endswith("effect"):
        assert agrees(v["weight"], *by[0]) and agrees(v["carried"], *by[1])
    else:
        assert any(np.isnan(r) for pair in by for r in correlations(*pair))


@claim("reading.weighed.says.few")
def too_few(f: Fresh, v: Values) -> None:
    assert v["n"] == int(f.seen.sum()) < 3


@claim("reading.weighed.says.lost")
def missing(f: Fresh, v: Values) -> None:
    exploded = not np.isfinite(f.last).all() or np.abs(f.of_head("v")).max() > 1e30
    assert exploded or not np.isfinite(f.patterns).all() or not f.last[f.query].any()
