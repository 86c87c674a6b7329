"""What Reading heads says of many sentences: each is run alone here, and each head named by other arithmetic."""

from __future__ import annotations

import numpy as np

import core
from core import Scene
from pictures import habits

from . import Fresh, Values, claim, near, poisoned, ties

BUILDERS = (habits.held, habits.ranged)
PLACES = ("previous", "first", "itself", "same", "induction")
NAMES = {
    "en": ["previous", "first", "itself", "same again", "induction", "uniform"],
    "pt-BR": ["anterior", "primeira", "ela mesma", "repetida", "indução", "uniforme"],
}
SCENES = [
    Scene(model="stories", layer=0, head=2),
    Scene(model="induction", layer=1, head=0),
    Scene(model="alice", layer=0, head=1, without_first=True, ablated=((0, 0),)),
    Scene(model="stories", off=("softmax",)),
    Scene(model="machado", layer=1, head=1, off=("softmax",)),
    Scene(model=poisoned("stories", "blocks.0.attn.W_Q")),
    Scene(model="stories", temperature=0.05, layer=1).override(init="unit"),
    Scene(model="stories", sentence="A foca perto do pinguim", layer=1, head=1).turn(
        patch=("blocks.1.resid_pre", (2,)), patch_source="As focas perto do pinguim"
    ),
]


def followed(a: np.ndarray, tokens: list[str], left_out: bool) -> list[float]:
    """The score of each name, NaN where fewer than three words could follow it: with loops over words."""
    n = len(tokens)
    of: dict[str, list[float]] = {name: [] for name in PLACES}
    uneven = []
    for q in range(n):
        if q == 0:
            continue
        same = [k for k in range(q) if tokens[k] == tokens[q]]
        keys = {"previous": [q - 1], "first": [0], "itself": [q], "same": same, "induction": [k + 1 for k in same]}
        for name, those in keys.items():
            if those:
                of[name].append(sum(a[q, k] for k in those))
        uneven.append(sum(abs(a[q, k] - 1 / (q + 1)) for k in range(q + 1)) / 2)
    found = [float(np.mean(of[name])) if len(of[name]) >= 3 else np.nan for name in PLACES]
    found[1] = np.nan if left_out else found[1]
    return [*found, 1 - max(uneven) if n > 3 else np.nan]


def scored(f: Fresh) -> np.ndarray:
    """[sentence, name, layer, head]."""
    if "_scored" not in vars(f):
        rows, preset = [], f.scene.preset
        for text in habits.texts(f.scene):
            encoding = preset.tokenizer.encode(text)
            trace = core.forward(f.run.params, f.config, encoding.ids, interventions=f.scene.interventions)
            a = np.array([trace[f"blocks.{i}.attn.pattern"] for i in range(f.config.n_layers)], np.float64)
            tokens, out = [*encoding.tokens], f.scene.without_first
            if out:
                text_only = [i for i, id in enumerate(encoding.ids) if i and int(id) not in preset.tokenizer.special]
                a = a[..., text_only, :][..., text_only]
                tokens, a = [tokens[i] for i in text_only], a / a.sum(-1, keepdims=True)
            rows.append([[followed(head, tokens, out) for head in layer] for layer in a])
        vars(f)["_scored"] = np.moveaxis(np.array(rows), -1, 1)
    return vars(f)["_scored"]


def named(f: Fresh) -> np.ndarray:
    """[sentence, name, layer, head]: which is a head's one name."""
    x = np.nan_to_num(scored(f))
    best = x[:, :5].argmax(1)
    one = (np.arange(6)[:, None, None] == best[:, None]) & (x >= 0.5)
    one[:, 5] = ~one.any(1) & (x[:, 5] >= 0.95)
    return one


def shares(f: Fresh) -> list[tuple[int, int, int]]:
    """Of each head: on how many sentences it has its most frequent name, how many could tell, and which name it is."""
    told, held = np.isfinite(scored(f)).all((2, 3)).sum(0), named(f).sum(0)
    found = []
    for place in np.ndindex(held.shape[1:]):
        own = held[(slice(None), *place)]
        means = [0 if np.isnan(x).all() else np.nanmean(x) for x in scored(f)[(..., *place)].T]
        most = max(range(6), key=lambda i: (own[i], means[i]))
        found.append((int(own[most]), int(told[most]), most))
    return found


@claim("reading.over.says.held")
def held(f: Fresh, v: Values) -> None:
    found = shares(f)
    assert v["n"] == 16 and v["heads"] == len(found)
    assert v["always"] == sum(0 < own == told for own, told, _ in found)
    assert v["never"] == sum(own == 0 for own, *_ in found)
    assert v["some"] == sum(0 < own < told for own, told, _ in found)


@claim("reading.over.says.named", "reading.over.says.named_alike")
def of_one(f: Fresh, v: Values) -> None:
    own, told, name = shares(f)[f.layer * f.config.n_heads + f.head]
    x = scored(f)[:, name, f.layer, f.head]
    assert v["place"].lower() == f.heads([(f.layer, f.head)]) and v["name"] == NAMES[f.words.lang][name]
    assert (v["held"], v["told"]) == (own, told) and own
    alike = f"{np.nanmin(x):.2f}" == f"{np.nanmax(x):.2f}"
    assert f.told.endswith("named_alike") == alike
    assert near(v["mean"], np.nanmean(x)) and near(v["low"], np.nanmin(x)) and near(v["high"], np.nanmax(x))


@claim("reading.over.says.nameless")
def of_none(f: Fresh, v: Values) -> None:
    own, *_ = shares(f)[f.layer * f.config.n_heads + f.head]
    means = np.array([np.nan if np.isnan(x).all() else np.nanmean(x) for x in scored(f)[..., f.layer, f.head].T])
    assert own == 0 and v["n"] == 16 and v["place"].lower() == f.heads([(f.layer, f.head)])
    assert near(v["mean"], np.nanmax(means))
    assert v["names"] == f.phrase([f"“{NAMES[f.words.lang][i]}”" for (i,) in ties(means)])


@claim("reading.over.says.lost")
def lost(f: Fresh, v: Values) -> None:
    assert v["n"] == sum(np.isnan(one).all() for one in scored(f))


@claim("reading.over.says.unpatched")
def bare(f: Fresh, v: Values) -> None:
    """`scored` runs no patch, and all that is said is held against it."""
    assert f.scene.patch and f.run.trace.interventions.patch


@claim("reading.over.says.left_out")
def left_out(f: Fresh, v: Values) -> None:
    assert f.scene.without_first
