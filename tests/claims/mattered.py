"""What Cause says of whose gradient it was: every answer by whole runs alone, without a backward pass, in float64."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

import core
from claims import Fresh, Values, claim, named_in, near, ran, ties, told_as
from core import Scene
from core.interpret.influence import BENT, NODES
from core.scene.continuation import namer
from pictures import cause, influence

STORIES = Scene(model="stories", sentence="the penguins are near the")
SCENES = [
    Scene(),
    STORIES,
    STORIES.turn(ablated=((1, 2),), temperature=0.5),
    Scene(model="stories", sentence="o", cause_word=7),
    Scene(model="stories", off=("softmax",)),
    Scene(model="stories", ablated=tuple((i, h) for i in range(2) for h in range(4))),
    Scene(model="gpt", sentence="o gato viu").override(n_layers=1, d_model=16, d_mlp=16, norm="none"),
    Scene(model="gpt").override(init="unit", norm="none", residual=False, n_layers=12, d_mlp=64),
    Scene(model="gpt").override(n_layers=6, d_model=128),
    Scene(model="induction", sentence="pi ka", off=("norm",)),
    Scene(model="gpt", sentence="um dois", seed=9).override(d_model=8, d_mlp=4, init="unit", positions="rotary"),
]
BUILDERS = (influence.answers,)
NAMES = {  # in both languages
    "en": ["attention weight", "value-weighted weight", "ablation", "length of the gradient", "gradient × input"],
    "pt-BR": ["peso de atenção", "peso × valor", "ablação", "tamanho do gradiente", "gradiente × entrada"],
}
NAMES["en"].append("integrated gradients")
NAMES["pt-BR"].append("gradientes integrados")


@lru_cache(maxsize=16)
def answers(scene: Scene) -> tuple[np.ndarray, float]:
    """The six answers [answer, pos], and what the logit gained from embeddings of zeros."""
    pair = cause.Pair.of(scene)
    run, token = ran(pair.clean), pair.candidates[0]
    params = {name: np.asarray(x, np.float64) for name, x in run.params.items()}
    change, x = pair.clean.interventions, run.embeddings.astype(np.float64)
    n, width = x.shape

    def logit(many: np.ndarray) -> np.ndarray:
        trace = core.forward(params, run.config, embeddings=many, interventions=change, names=["logits"])
        return trace["logits"][..., -1, token]

    def slopes(at: np.ndarray, along: np.ndarray, step: float) -> np.ndarray:
        return (logit(at + step * along) - logit(at - step * along)) / (2 * step)

    own = np.eye(n)[..., None] * x
    u, share = np.polynomial.legendre.leggauss(NODES)
    u, share = (u + 1) / 2, share / 2
    steps = zip(u**BENT, share * BENT * u ** (BENT - 1), strict=True)
    integrated = sum(counts * slopes(at * x, own, 1e-4 * at) for at, counts in steps)
    length = np.linalg.norm(slopes(x, np.eye(n * width).reshape(-1, n, width), 1e-5).reshape(n, width), axis=1)
    weight, carried, c = np.zeros(n), np.zeros(n), run.config
    for i in range(c.n_layers):
        for h in {*range(c.n_heads)} - {head for layer, head in pair.clean.ablated if layer == i}:
            a, v = (run.trace[f"blocks.{i}.attn.{name}"][h].astype(np.float64) for name in ("pattern", "v"))
            out = v @ params[f"blocks.{i}.attn.W_O"][h * c.head_width : (h + 1) * c.head_width]
            weight += a[-1]
            carried += a[-1] * np.sqrt((out**2).sum(1))
    gone = logit(x) - np.array([logit(x * (np.arange(n) != p)[:, None]) for p in range(n)])
    rows = [weight, carried, gone, length, slopes(x, own, 1e-5), integrated]
    return np.array(rows), float(logit(x) - logit(0 * x))


def named(f: Fresh) -> dict[str, list[str]]:
    """The words that answers name, and the answers that name them."""
    tokens, lang, found = cause.Pair.of(f.scene).clean.tokens, f.words.lang, {}
    for answer, row in zip(NAMES[lang], np.abs(answers(f.scene)[0]), strict=True):
        best = ties(row / (row.sum() or 1))
        every = "every word alike" if lang == "en" else "todas as palavras por igual"
        which = every if len(best) == len(tokens) else f.phrase([named_in(tokens, p, lang) for (p,) in best])
        found.setdefault(which, []).append(answer)
    return found


@claim("cause.says.agree", "cause.says.disagree")
def _(f: Fresh, v: Values) -> None:
    pair, found = cause.Pair.of(f.scene), named(f)
    assert v["word"] == namer(pair.clean)(pair.candidates[0]) and len(pair.clean.tokens) > 1
    if "most" in v:
        assert [v["most"]] == [*found]
    else:
        joint = {"en": " and ", "pt-BR": " e "}[f.words.lang]
        by = [joint.join(filter(None, (", ".join(one[:-1]), one[-1]))) for one in found.values()]
        assert v["parts"] == "; ".join(f"{most} ({who})" for most, who in zip(found, by, strict=True)), found
        assert len(found) > 1


@claim("cause.named")
def _(f: Fresh, v: Values) -> None:
    assert v["most"] in named(f)  # by whom: the sentence that quotes it


@claim("cause.says.one_word")
def _(f: Fresh, v: Values) -> None:
    assert len(cause.Pair.of(f.scene).clean.tokens) == 1


@claim("cause.says.complete", "cause.says.incomplete")
def _(f: Fresh, v: Values) -> None:
    rows, gain = answers(f.scene)
    total = float(rows[-1].sum())
    assert near(v["total"], total, 1e-3) and near(v["gain"], gain, 1e-3)
    held = abs(total - gain) < max(0.01 * abs(gain), 0.005)
    assert held == told_as(f, r"\(completeness\)", r"\(completude\)")
    assert v["apart"] == f.words.scaled(abs(v["total"] - v["gain"]), 2, small=0.01)


@claim("cause.says.no_way_back")
def _(f: Fresh, v: Values) -> None:
    assert {"softmax", "W_V", "W_O"} & {*cause.asked(f.scene).off}


@claim("cause.says.too_large")
def _(f: Fresh, v: Values) -> None:
    assert cause.asked(f.scene).whole.n_parameters() > core.limits.LARGE
