"""What Fibres says of the weights that are drawn, held against the patterns of a fresh run."""

from __future__ import annotations

import numpy as np

import core
from claims import Fresh, Values, any_scenes, claim, moved, near, ran, ties, told_as, without_a_word
from core import Scene
from core.scene.continuation import namer
from pictures import cuts, fibres

STORIES = Scene(model="stories", sentence="the penguins are near the")
DIMMED = [
    Scene(cut=((0, 0, 3, 1), (0, 0, 4, 4))),
    Scene(cut=((0, 0, 2, 2),), temperature=0.05),
    STORIES.turn(cut=((1, 2, 4, 1),), layer=1, head=2),
    STORIES.turn(cut=tuple((i, h, 4, k) for i in range(2) for h in range(4) for k in range(4))),
    Scene(model="gpt", cut=((0, 0, 1, 0),), focus=1),
    Scene(ablated=((0, 0),)),
    STORIES.turn(ablated=tuple((0, head) for head in range(4)), layers_lit=1),
    Scene(layers_lit=0),
    Scene(model=without_a_word("stories", "near"), sentence="the penguins are near the"),
    *(Scene(off=("softmax",), focus=focus) for focus in (None, 1)),
    *(Scene(model="gpt", off=("softmax",), sentence="um dois", focus=focus) for focus in (None, 0, 1)),
    Scene(sentence="um"),
    Scene(cut=((0, 0, 4, 0),), temperature=0.05),
]
# Those with fibres that are cut among every tenth, whose values are altered.
SCENES = [
    scene for i, scene in enumerate(any_scenes(185)) for scene in (*DIMMED[i // 9 : i // 9 + (i % 9 == 0)], scene)
]
BUILDERS = (fibres.light, fibres.twin, cuts.lost)


def given(f: Fresh) -> np.ndarray:
    """[layer, head, query, key]: a head that is off gives no light."""
    a = f.patterns.copy()
    for place in np.ndindex(a.shape[:2]):
        a[place] *= place in f.on
    return a


def lit(f: Fresh) -> np.ndarray:
    return given(f)[: f.scene.layers_lit]  # None: all


def focus(f: Fresh) -> int | None:
    return f.focused()


def above(a: np.ndarray, f: Fresh, n: int) -> bool:
    """So many weights of a are above the threshold; what stands on it in float32, as a tenth does, is not, and beside
    it other arithmetic may find another side."""
    least = f.scene.threshold
    near = (a > least * (1 - 1e-6)) & (a.astype(np.float32) != np.float32(least))
    return int((a > least * (1 + 1e-6)).sum()) <= n <= int(near.sum())


@claim("fibres.says.lit")
def layers(f: Fresh, v: Values) -> None:
    assert v["lit"] == len(lit(f)) < v["n"] == f.config.n_layers


@claim("fibres.says.dark")
def dark(f: Fresh, v: Values) -> None:
    assert not len(lit(f))


@claim("fibres.says.none", "fibres.says.one", "fibres.says.all", "fibres.says.some")
def counted(f: Fresh, v: Values) -> None:
    assert above(lit(f), f, v["above"]) and v["threshold"] == f.scene.threshold
    assert told_as(f, "No weight", "Nenhum peso") == (v["above"] == 0)
    assert told_as(f, "One weight", "Um só peso") == (v["above"] == 1)
    assert told_as(f, "Of ", "De ") == (v["drawn"] < v["above"]) and v["drawn"] == min(v["above"], 500)


def looked_through(f: Fresh) -> tuple[bool, np.ndarray]:
    """Whether the first is left out, for it has no choice; and whose looks are compared [query]."""
    chosen = focus(f)
    bound = f.config.causal and f.n > 1 and chosen is None
    return bound, np.array([q == chosen if chosen is not None else not bound or q > 0 for q in range(f.n)])


def all_alike(f: Fresh) -> bool:
    """Is each of their looks, of all heads lit, written as the others are?"""
    _, rows = looked_through(f)
    sight = f.seen & rows[:, None]
    each = lit(f)[:, :, sight]
    return bool(np.isfinite(each).all() and len(ties(each)) == each.size and (each.size > 1 or sight.sum() == 1))


@claim(*(f"fibres.says.{how}" for how in ("alike", "alike_but", "focus_alike", "only")))
def alike(f: Fresh, v: Values) -> None:
    (bound, rows), a = looked_through(f), lit(f)
    sight = f.seen & rows[:, None]
    assert all_alike(f) and near(v["weight"], np.nanmax(a[:, :, sight]))
    assert (v["n"], v["heads"]) == (int(np.isfinite(a[:, :, sight]).sum()), a.shape[0] * a.shape[1])
    how = "only" if sight.sum() == 1 else "alike_but" if bound else "alike" if focus(f) is None else "focus_alike"
    assert f.told == f"fibres.says.{how}" and v["first"] == f.token(focus(f) or 0)


@claim("fibres.says.strongest", "fibres.says.strongest_but", "fibres.says.focus")
def strongest(f: Fresh, v: Values) -> None:
    a, chosen = lit(f), focus(f)
    bound, rows = looked_through(f)
    assert not all_alike(f)
    best = ties(a, 2, where=np.broadcast_to(rows[:, None], a.shape))
    first = best[0][:3]
    layer, head, query = first
    assert near(v["weight"], max(a[place] for place in best))
    assert v["query"] == f.token(query)
    assert v["keys"] == f.named([p[3] for p in best if p[:3] == first], itself=query)
    form = {"en": ", layer {}, head {}", "pt-BR": ", camada {}, cabeça {}"}[f.words.lang]
    assert v["where"] == ("" if a.shape[:2] == (1, 1) else form.format(layer, head))
    assert bound == told_as(f, "only look at itself", "só pode olhar para si")
    assert f.told.endswith("focus") == (chosen is not None)  # of one token it is not the strongest of all
    if bound:
        assert v["first"] == f.token(0) and not f.seen[0, 1:].any()
    f.looks = sum(place[:3] != first for place in best)  # each pair of who looks and who is looked at is one


@claim("fibres.says.where")
def where(f: Fresh, v: Values) -> None:
    assert v["layer"] < len(lit(f)) and v["head"] < f.config.n_heads


@claim("fibres.says.as_strong")
def as_strong(f: Fresh, v: Values) -> None:
    assert v["n"] == f.looks > 0


@claim("fibres.says.ablated")
def ablated(f: Fresh, v: Values) -> None:
    assert v["n"] == f.config.n_layers * f.config.n_heads - len(f.on) > 0


@claim("fibres.says.unlit")
def unlit(f: Fresh, v: Values) -> None:
    shown = [(layer, head) for layer in range(len(lit(f))) for head in range(f.config.n_heads)]
    assert v["n"] == len(shown) > 0 and not {*shown} & {*f.on}


@claim("fibres.says.broken")
def broken(f: Fresh, v: Values) -> None:
    assert [np.isfinite(x).all() for x in f.patterns[: v["layer"] + 1]] == [True] * v["layer"] + [False]


# ------------------------------------------------------------------------------------------------------------- the twin


@claim("fibres.says.off")
def off(f: Fresh, v: Values) -> None:
    assert (v["layer"], v["head"]) == (f.layer, f.head) and not f.place_is_on()


@claim("fibres.says.place")
def place(f: Fresh, v: Values) -> None:
    assert (v["layer"], v["head"]) == (f.layer, f.head) and f.place_is_on() and focus(f) is not None
    assert f.says.split(": ", 1)[1].startswith(f.token(focus(f)))


@claim("fibres.says.counted", "fibres.says.counted_alike", "fibres.says.few")
def of_one_head(f: Fresh, v: Values) -> None:
    a = f.of_head("pattern")
    assert (v["layer"], v["head"]) == (f.layer, f.head) and v["cells"] == a.size and above(a, f, v["above"])
    assert near(v["high"], a.max()) and v["threshold"] == f.scene.threshold and f.place_is_on()
    assert told_as(f, "no weight", "nenhum peso") == (v["above"] == 0)
    if v["above"]:
        least = np.sort(a.ravel())[-v["above"]]
        assert near(v["low"], least)
        alike = v["above"] > 1 and f"{least:.2f}" == f"{a.max():.2f}"
        assert f.told.endswith("counted_alike") == alike or abs(100 * least % 1 - 0.5) < 1e-3


@claim("fibres.says.drawn")
def most_are_drawn(f: Fresh, v: Values) -> None:
    assert (f.of_head("pattern") > f.scene.threshold).sum() > v["drawn"] == 160


# ------------------------------------------------------------------------------------------- what the answer loses


def uncut(f: Fresh) -> core.Run:
    return ran(f.scene.turn(cut=()))


def answers(f: Fresh) -> list[np.ndarray]:
    """[vocab]: how likely each token is next, in the whole run and in the one with its fibres cut."""
    logits = [run.trace["logits"][-1].astype(np.float64) for run in (uncut(f), ran(f.scene))]
    return [np.exp(x - x.max()) / np.exp(x - x.max()).sum() for x in logits]


@claim("cut.says.none", "cut.says.same", "cut.says.changed")
def kept(f: Fresh, v: Values) -> None:
    before, after = answers(f)
    answer, now = int(before.argmax()), int(after.argmax())
    name = namer(f.scene)
    assert v["word"] == name(answer) and near(v["before"], before[answer])
    assert f.told.endswith("none") == (not f.scene.cut) and f.told.endswith("changed") == (now != answer)
    if f.scene.cut:
        assert v["n"] == len(f.scene.cut) and near(v["after"], after[answer])
    if now != answer:
        assert v["other"] == name(now) and near(v["share"], after[now])


@claim("cut.says.none_moved", "cut.says.still", "cut.says.moved")
def outputs(f: Fresh, v: Values) -> None:
    last = f"blocks.{f.config.n_layers - 1}.resid_post"
    share = moved(*(run.trace[last].astype(np.float64) for run in (uncut(f), ran(f.scene))))
    assert not f.config.unembed and v.get("n", 0) == len(f.scene.cut)
    still = bool(f.scene.cut) and f"{100 * share.max():.1f}" == "0.0"
    assert f.told.endswith("none_moved") == (not f.scene.cut) and f.told.endswith("still") == still
    if f.scene.cut and not still:
        best = [place for (place,) in ties(100 * share, 1)]
        assert near(v["share"], share.max()) and v["tokens"] == f.named(best)


@claim("cut.says.lost")
def gone(f: Fresh, v: Values) -> None:
    whole = uncut(f).trace
    assert not all(np.isfinite(run.trace[name]).all() for run in (uncut(f), ran(f.scene)) for name in whole)
