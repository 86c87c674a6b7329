"""What the switchboard says a part does, held against two fresh runs: with it and without it."""

from __future__ import annotations

import numpy as np

import core
from claims import Fresh, Values, any_scenes, claim, moved, pinned_number, poisoned, told_as
from claims.see import TINY
from core import Scene
from pictures import switch_effects
from pictures.words import Words

SCENES = [
    *any_scenes(80, seed=2),
    Scene(model="stories", sentence="a a b b", cut=((0, 3, 3, 1),)),
    Scene(model=poisoned("stories", "blocks.0.attn.W_Q"), ablated=tuple((0, head) for head in range(4))),
    TINY.override(n_heads=1, d_model=4, causal=True, positions="sinusoidal").turn(sentence="um dois tres", seed=2),
]


def happened(part: str):
    def told(scene: Scene, words: Words) -> str:
        if part not in switch_effects.offered(scene):
            return ""
        return switch_effects.happened(scene, part, words)

    told.part = part
    return told


BUILDERS = tuple(happened(part) for part in switch_effects.SENTENCES)


def runs(f: Fresh) -> tuple[Fresh, Fresh]:
    """With the part that the builder speaks of, and without it; both kept, for all its sentences."""
    made = vars(f).setdefault("_switched", {})
    part = f.at_builder.part
    if part not in made:
        # What stays in its place while the words are read in another order is not told of.
        scene = f.scene.unpatched.turn(cut=()) if part == "positions" else f.scene
        made[part] = tuple(Fresh(scene.switch(**{part: on})) for on in (True, False))
    return made[part]


def placed(f: Fresh, v: Values) -> bool:
    return (v["layer"], v["head"]) == (f.layer, f.head)


def part(f: Fresh, v: Values) -> bool:
    """Is the part that is named the one that is switched?"""
    return v["part"] == f.words(f"switches.parts.{f.at_builder.part}")


def length(x: np.ndarray) -> float:
    return float(np.mean([np.sqrt(sum(y * y for y in row)) for row in x]))


@claim("switches.happened.scale")
def scale(f: Fresh, v: Values) -> None:
    for run, told in zip(runs(f), (v["has"], v["lacks"]), strict=True):
        choice = [q for q in range(run.n) if run.seen[q].sum() > 1]
        assert abs(told - max(run.of_head("pattern")[q].max() for q in choice)) < 1e-5
    assert placed(f, v)


@claim("switches.happened.scale_alone")
def scale_alone(f: Fresh, v: Values) -> None:
    assert f.n == 1 and all(run.of_head("pattern") == [[1]] for run in runs(f))


@claim("switches.happened.mask", "switches.happened.mask_hardly", "switches.happened.mask_alone")
def mask(f: Fresh, v: Values) -> None:
    has, lacks = runs(f)
    assert f.told.endswith("alone") == (f.n == 1)
    if f.n == 1:
        return
    a = lacks.of_head("pattern")
    later = np.mean([sum(a[q, k] for k in range(q + 1, f.n)) for q in range(f.n)])
    assert placed(f, v) and f.told.endswith("hardly") == (later < 0.001)
    assert later < 0.001 or abs(v["lacks"] - later) < 1e-5
    assert not np.triu(has.of_head("pattern"), 1).any()


@claim("switches.happened.softmax")
def softmax(f: Fresh, v: Values) -> None:
    for run, told in zip(runs(f), (v["has"], v["lacks"]), strict=True):
        bits = [-sum(w * np.log2(w) for w in row if w > 0) for row in run.of_head("pattern")]
        assert abs(told - np.mean(bits)) < 1e-4
    assert placed(f, v) and abs(v["lacks"] - np.mean(np.log2(f.seen.sum(-1)))) < 1e-4  # all in sight alike


def backwards(run: Fresh) -> float:
    """By how much a word leaves otherwise when the same words are read in the other order."""
    x = run.run.trace["embed"][::-1]
    trace = core.forward(run.run.params, run.scene.whole, embeddings=x, interventions=run.scene.interventions)
    last = f"blocks.{run.config.n_layers - 1}.resid_post"
    return float(moved(run.last, trace[last].astype(np.float64)[::-1]).mean())


@claim("switches.happened.positions")
def positions(f: Fresh, v: Values) -> None:
    for run, told in zip(runs(f), (v["has"], v["lacks"]), strict=True):
        again = backwards(run)
        assert abs(told - again) < 2e-4 + 1e-3 * again


@claim("switches.happened.mask_orders")
def mask_orders(f: Fresh, v: Values) -> None:
    assert f.config.causal and runs(f)[1].config.positions == "none" and backwards(runs(f)[1]) > 0.0009
    free = Fresh(runs(f)[1].scene.switch(mask=False))
    assert backwards(free) < 1e-3


@claim("switches.happened.W_V", "switches.happened.W_O")
def projected(f: Fresh, v: Values) -> None:
    part = f.at_builder.part
    for run, told in zip(runs(f), (v["has"], v["lacks"]), strict=True):
        x = run.of_head("v") if part == "W_V" else run.at("attn_out")
        assert pinned_number(told, length(x), f.words.lang, 1e-4)
        assert part in f.says
    assert placed(f, v)


@claim("switches.happened.norm")
def norm(f: Fresh, v: Values) -> None:
    for run, told in zip(runs(f), (v["has"], v["lacks"]), strict=True):
        assert pinned_number(told, length(run.last), f.words.lang, 1e-4)


@claim("switches.happened.residual")
def residual(f: Fresh, v: Values) -> None:
    for run, told in zip(runs(f), (v["has"], v["lacks"]), strict=True):
        ways = zip(run["blocks.0.resid_pre"], run.last, strict=True)
        cosines = [a @ b / np.sqrt((a @ a) * (b @ b)) if a.any() and b.any() else 0.0 for a, b in ways]
        assert abs(told - np.mean(cosines)) < 1e-4


@claim("switches.happened.mlp")
def mlp(f: Fresh, v: Values) -> None:
    change = moved(*(run.last for run in runs(f)))
    assert abs(v["mean"] - change.mean()) < 1e-3 * change.mean() + 1e-6
    assert abs(v["most"] - change.max()) < 1e-3 * change.max() + 1e-6
    best = [i for i in range(f.n) if f"{100 * change[i]:.1f}" == f"{100 * change.max():.1f}"]
    if "tokens" in v:
        assert v["tokens"] == f.named(best) and len(best) < f.n
    else:
        assert len(best) == f.n


@claim("switches.happened.zero_with", "switches.happened.zero_without")
def zero(f: Fresh, v: Values) -> None:
    run = runs(f)[told_as(f, "Without", "Sem ")]
    assert v["token"] in [f.token(i) for i in range(f.n) if not run.last[i].any()] and part(f, v)


@claim("switches.happened.mlp_alike")
def mlp_alike(f: Fresh, v: Values) -> None:
    mlp(f, v)


@claim("switches.happened.lost_with", "switches.happened.lost_without")
def lost(f: Fresh, v: Values) -> None:
    names = ("resid_post", "attn.pattern", "attn.v")  # of a head that is off nothing comes through
    has, lacks = (
        [all(np.isfinite(run[f"blocks.{i}.{name}"]).all() for name in names) for i in range(run.config.n_layers)]
        for run in runs(f)
    )
    assert told_as(f, "Without", "Sem ") == all(has)  # where they are lost either way, it is not for want of the part
    assert v["layer"] == (lacks if all(has) else has).index(False) and part(f, v)
