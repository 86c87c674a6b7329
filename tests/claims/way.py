"""What Drift says of the way of every token, held against the stages of a fresh run."""

from __future__ import annotations

import numpy as np

from claims import (
    Fresh,
    Values,
    alike,
    any_scenes,
    brought,
    claim,
    pinned_number,
    poisoned,
    read,
    stages,
    told_as,
    without_a_word,
)
from core import Scene
from pictures import drift, drift_said

GAIN = {"ln_embed.w": np.full(64, 1.5, np.float32), "ln_embed.b": np.full(64, 0.5, np.float32)}
NORMED = brought("stories", {"embed_norm": True}, GAIN)
SCENES = [
    *any_scenes(200),
    Scene(sentence="Os pinguins não", drift_stage=0),
    Scene(sentence="Os gatos não tem gatos", edits=((4, 0, 1.0),)),
    *(Scene(model=poisoned("stories", "blocks.0.attn.W_Q"), drift_stage=stage) for stage in (None, 0)),
    Scene(model=without_a_word("stories", "near"), sentence="the penguins are near the"),
    *(Scene(model=NORMED, drift_stage=0, off=off) for off in ((), ("positions",))),
]
BUILDERS = (drift.drift, drift.variance, drift_said.rows)


def now(f: Fresh) -> int:
    """The stage that is looked at."""
    asked = f.config.n_layers if f.scene.drift_stage is None else f.scene.drift_stage
    return min(asked, f.config.n_layers, len(stages(f)) - 1)


def length(a: np.ndarray, b: np.ndarray) -> float:
    """Between two points; nothing where it is rounding."""
    long, size = (float(np.sqrt(sum(float(x) ** 2 for x in y))) for y in (a - b, np.maximum(np.abs(a), np.abs(b))))
    return long if long > 1e-6 * size else 0.0


def ways(f: Fresh) -> np.ndarray:
    """[pos]: from the start to the stage that is looked at."""
    first, here = stages(f)[0], stages(f)[now(f)]
    return np.array([length(a, b) for a, b in zip(first, here, strict=True)])


def from_end(f: Fresh, i: int) -> np.ndarray:
    """[pos]: from the end of one token to every start."""
    return np.array([length(start, stages(f)[now(f)][i]) for start in stages(f)[0]])


def from_start(f: Fresh, i: int) -> np.ndarray:
    return np.array([length(start, stages(f)[0][i]) for start in stages(f)[0]])


def between(f: Fresh, stage: int) -> np.ndarray:
    """[pos, pos]: all distances of one stage, each pair once; nan elsewhere."""
    x = stages(f)[stage]
    found = np.full((f.n, f.n), np.nan)
    for i, j in zip(*np.triu_indices(f.n, 1), strict=True):
        found[i, j] = length(x[i], x[j])
    return found


def apart(f: Fresh, stage: int) -> float:
    return float(np.nanmean(between(f, stage))) if f.n > 1 else 0.0


def who(f: Fresh, name: str) -> int:
    """The place of a token by its name in a sentence."""
    (place,) = [i for i in range(f.n) if f.token(i) == name]
    return place


def starts(f: Fresh, places: list[int], own: int) -> str:
    form, mine = {"en": ("the start of {}", "its own start"), "pt-BR": ("do começo de {}", "do próprio começo")}[
        f.words.lang
    ]
    return f.phrase([mine if i == own else form.format(f.token(i)) for i in places])


# --------------------------------------------------------------------------------------------------------- small parts


@claim("drift.after")
def after(f: Fresh, v: Values) -> None:
    assert 1 <= v["n"] < len(stages(f))


@claim("drift.of", "drift.pair")
def names(f: Fresh, v: Values) -> None:
    assert {*v.values()} <= {f.token(i) for i in range(f.n)}


@claim("drift.axis", "drift.axis_short")
def axis(f: Fresh, v: Values) -> None:
    bases = [f, f.before] if f.scene.pinned else [f]  # beside a pinned Scene both are drawn in its basis
    assert any(abs(v["share"] - 100 * spread(g)[v["i"] - 1]) < 0.02 for g in bases)


def spread(f: Fresh) -> np.ndarray:
    """The share of the variance along each direction: eigenvalues of the covariance, or of the Gram matrix."""
    x = stages(f).reshape(-1, f.config.d_model)
    size = np.abs(x).max() or 1.0
    x = x / size
    x = x - x.mean(0)
    found = np.sort(np.linalg.eigvalsh(x @ x.T if len(x) < x.shape[1] else x.T @ x))[::-1].clip(0)
    found = np.append(found, [0, 0, 0])
    whole = found.sum()
    return found / whole if whole > 1e-10 else 0 * found


@claim("drift.says.variance", "drift.says.point")
def variance(f: Fresh, v: Values) -> None:
    assert v["d"] == f.config.d_model and abs(v["share"] - 100 * spread(f)[: 3 if f.scene.drift_3d else 2].sum()) < 0.02
    assert told_as(f, "coincide", "coincidem") == (not spread(f).any())


# --------------------------------------------------------------------------------------------------------- who went far


@claim("drift.says.still_normed", "drift.says.still_positions_normed")
def still_normed(f: Fresh, v: Values) -> None:
    x = f["embed"] + (f["pos_embed"] if "pos_embed" in f.run.trace else 0)
    assert now(f) == 0 and ("pos_embed" in f.run.trace) == f.told.endswith("positions_normed")
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + f.config.norm_eps)
    start = x * f.run.params["ln_embed.w"] + f.run.params["ln_embed.b"]
    assert f.config.norm == "layer" and np.allclose(stages(f)[0], start, atol=1e-4)


@claim("drift.says.still", "drift.says.still_positions")
def still(f: Fresh, v: Values) -> None:
    assert now(f) == 0 and f.scene.drift_stage == 0 and not f.config.embed_norm
    if told_as(f, "position added", "somado"):
        x = stages(f)[0] - f["embed"]
        assert x.any() and "pos_embed" in f.run.trace and np.allclose(x, f["pos_embed"], atol=1e-5)
    else:
        assert np.array_equal(stages(f)[0], f["embed"])


def far(f: Fresh, v: Values) -> np.ndarray:
    assert read(v["after"], f.words.lang) == [now(f)] and now(f) > 0
    if "length" in v:
        assert pinned_number(v["length"], ways(f).max(), f.words.lang)
    return ways(f)


@claim("drift.says.unmoved")
def unmoved(f: Fresh, v: Values) -> None:
    assert not far(f, v).any()


@claim("drift.says.alone")
def alone(f: Fresh, v: Values) -> None:
    assert len(far(f, v)) == 1 and v["token"] == f.token(0)


@claim("drift.says.all_as_far")
def all_as_far(f: Fresh, v: Values) -> None:
    assert len(alike(far(f, v))) == f.n > 1


@claim("drift.says.furthest")
def furthest(f: Fresh, v: Values) -> None:
    best = [i for (i,) in alike(far(f, v))]
    assert v["n"] == len(best) < f.n and v["tokens"] == f.named(best)


def ending(f: Fresh) -> tuple[int, np.ndarray, np.ndarray, list[int]]:
    """The one that went furthest: which, how far from every start, and how far it was, and the nearest of them."""
    ((i,),) = alike(ways(f))
    return i, from_end(f, i), from_start(f, i), [j for (j,) in alike(from_end(f, i), -1)]


@claim("drift.says.ends", "drift.says.ends_nearer", "drift.says.ends_several")
def ends(f: Fresh, v: Values) -> None:
    i, here, before, nearest = ending(f)
    assert v["starts"] == starts(f, nearest, i) and pinned_number(v["now"], here.min(), f.words.lang)
    assert nearest != [i] and len(nearest) < f.n
    assert f.told.endswith("_several") == ("was" not in v)
    if "was" not in v:
        assert i in nearest or len(alike(before[nearest])) < len(nearest)
        return
    assert all(pinned_number(v["was"], before[j], f.words.lang) for j in nearest) and i not in nearest
    gain = before - here
    others = [gain[j] for j in range(f.n) if j not in nearest]
    assert f.told.endswith("_nearer") == (min(gain[nearest]) > max(0, *others))


@claim("drift.says.ends_own")
def ends_own(f: Fresh, v: Values) -> None:
    i, here, _, nearest = ending(f)
    assert nearest == [i] and all(here[i] < here[j] for j in range(f.n) if j != i)


@claim("drift.says.ends_everywhere")
def ends_everywhere(f: Fresh, v: Values) -> None:
    _, here, _, nearest = ending(f)
    assert len(nearest) == f.n and pinned_number(v["now"], here.min(), f.words.lang)


# --------------------------------------------------------------------------------------------------------- all together


@claim("drift.says.together", "drift.says.asunder", "drift.says.as_before")
def together(f: Fresh, v: Values) -> None:
    before, here = apart(f, 0), apart(f, now(f))
    assert f.n > 1 and pinned_number(v["was"], before, f.words.lang) and pinned_number(v["now"], here, f.words.lang)
    if told_as(f, "as far apart", "tão longe"):
        assert v["was"] == v["now"]
    else:
        assert told_as(f, "draw nearer", "se aproximam") == (here < before) and here != before


@claim("drift.says.nearest", "drift.says.nearest_start", "drift.says.nearest_same")
def nearest(f: Fresh, v: Values) -> None:
    d = between(f, now(f))
    ((i, j),) = alike(d, -1)
    assert (v["a"], v["b"]) == (f.token(i), f.token(j)) and pinned_number(v["distance"], d[i, j], f.words.lang)
    assert told_as(f, "nearest now", "próximos agora") == (now(f) > 0 and d[i, j] > 0)
    assert told_as(f, "at one point", "num ponto só") == (d[i, j] == 0)


@claim("drift.says.nearest_pairs")
def nearest_pairs(f: Fresh, v: Values) -> None:
    d = between(f, now(f))
    pairs, joint = alike(d, -1), {"en": "with", "pt-BR": "com"}[f.words.lang]
    assert 1 < len(pairs) < f.n * (f.n - 1) / 2 and pinned_number(v["distance"], np.nanmin(d), f.words.lang)
    assert v["pairs"] == f.phrase([f"{f.token(i)} {joint} {f.token(j)}" for i, j in pairs])


@claim("drift.says.any_two", "drift.says.the_two", "drift.says.one_point")
def any_two(f: Fresh, v: Values) -> None:
    d = between(f, now(f))
    assert len(alike(d, -1)) == f.n * (f.n - 1) / 2 and pinned_number(v["distance"], np.nanmin(d), f.words.lang)
    how = "one_point" if not np.nan_to_num(d).any() else "the_two" if f.n == 2 else "any_two"
    assert f.told == f"drift.says.{how}"


@claim("drift.says.spread", "drift.says.dwarfed")
def crowded(f: Fresh, v: Values) -> None:
    first, here, last = (apart(f, i) for i in (0, now(f), -1))
    later = f.told.endswith("dwarfed")
    ratio = last / here if later else here / first
    assert ratio > 20 and pinned_number(v["ratio"], ratio, f.words.lang, 1e-3)
    assert later == ("n" in v) and (not later or v["n"] == len(stages(f)) - 1 > now(f))


@claim("drift.says.none")
def none(f: Fresh, v: Values) -> None:
    assert not np.isfinite(f["blocks.0.resid_pre"]).all()


@claim("drift.says.broken", "drift.says.broken_first")
def broken(f: Fresh, v: Values) -> None:
    lost = len(stages(f)) - 1  # the layer that leaves the range
    assert lost < f.config.n_layers and now(f) == lost and not np.isfinite(f[f"blocks.{lost}.resid_post"]).all()
    assert told_as(f, "first layer", "primeira camada") == (lost == 0)


@claim("drift.says.designed", "drift.says.designed_some")
def designed(f: Fresh, v: Values) -> None:
    by_hand, preset = f.scene.preset.by_hand, f.scene.preset
    edited = {place for place, _, _ in f.scene.edits}
    drawn = [t for i, t in enumerate(f.tokens) if t not in by_hand and i not in edited]
    assert not preset.trained and {*by_hand} & {*f.tokens} and bool(drawn) == f.told.endswith("some")
    for name, x in {"chosen": [t for t in f.tokens if t in by_hand], "drawn": drawn}.items() if v else ():
        assert v[name] == f.phrase([f"“{t}”" for t in dict.fromkeys(x)])


# --------------------------------------------------------------------------------------------------------- row by row


@claim("drift.reads.unmoved", "drift.reads.alone", "drift.reads.own")
@claim("drift.reads.everywhere", "drift.reads.near", "drift.reads.near_several")
def row(f: Fresh, v: Values) -> None:
    i = who(f, v["token"])
    long, here, before = ways(f)[i], from_end(f, i), from_start(f, i)
    assert pinned_number(v["length"], long, f.words.lang)
    nearest = [j for (j,) in alike(here, -1)]
    if not long or f.n == 1:
        how = "alone" if long else "unmoved"
    elif len(nearest) == f.n:
        how = "everywhere"
    elif nearest == [i]:
        how = "own"
    else:
        how = "near" if i not in nearest and len(alike(before[nearest])) == len(nearest) else "near_several"
    assert f.told == f"drift.reads.{how}"
    if how in ("everywhere", "near", "near_several"):
        assert pinned_number(v["now"], here.min(), f.words.lang)
    if how in ("near", "near_several"):
        assert v["starts"] == starts(f, nearest, i)
    if how == "near":
        assert all(pinned_number(v["was"], before[j], f.words.lang) for j in nearest)
