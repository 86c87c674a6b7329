"""What Generate says of a draw, held against the softmax of a fresh run over the same text."""

from __future__ import annotations

from functools import cache

import numpy as np

import core
from claims import Fresh, Values, claim
from claims.inside import shares
from core import Scene
from ui.pictures.generate import draw

WRITER = Scene(model="stories", new=4)
SCENES = [
    *(WRITER.turn(heat=heat, draw=seed) for heat in (0.0, 0.5, 1.0, 2.0) for seed in (0, 1)),
    *(WRITER.turn(top_k=k, top_p=p, step=2) for k in (None, 1, 5) for p in (0.3, 0.9)),
    WRITER.turn(sentence="o", step=1),
    Scene(model="gpt", new=2, heat=0.7),
    Scene(model="gpt", new=1, top_k=3),
]
BUILDERS = (draw.choices,)


@cache
def written(scene: Scene) -> tuple[np.ndarray, int]:
    """The logits of the last step that is looked at, by a run over the whole text at once, and the token taken."""
    steps = core.write(scene).steps
    steps = steps[: scene.step or len(steps)]
    ids = [*core.run(scene).encoding.ids.tolist(), *(step.token for step in steps[:-1])]
    run = core.run(scene)
    logits = core.forward(run.params, run.config, np.array(ids), interventions=scene.interventions)["logits"]
    return logits[-1].astype(np.float64), steps[-1].token


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def kept(f: Fresh) -> np.ndarray:
    """[vocab]: what top-k and top-p leave, in no order but likelihood."""
    logits, _ = written(f.scene)
    order = np.argsort(-logits, kind="stable")[: f.scene.top_k or len(logits)]
    p = softmax(logits / f.scene.heat)[order]
    inside = [i for i in range(len(order)) if p[:i].sum() < (f.scene.top_p or 1) * p.sum() - 1e-12]
    mask = np.zeros(len(logits), bool)
    mask[order[inside]] = True
    return mask


@claim("generate.says.drawn", "generate.says.greedy", "generate.says.greedy_tie")
def drawn(f: Fresh, v: Values) -> None:
    logits, token = written(f.scene)
    p = softmax(logits)
    assert shares(v["own"], p[token], f) and v["rank"] == 1 + sum(x > p[token] * (1 + 1e-5) for x in p)
    if f.scene.heat == 0:
        assert v["rank"] == 1 and ("likeliest" in f.says or "provável" in f.says or "prováveis" in f.says)
    else:
        tempered = softmax(logits / f.scene.heat) * kept(f)
        assert shares(v["drawn"], tempered[token] / tempered.sum(), f)


@claim("generate.says.cut")
def cut(f: Fresh, v: Values) -> None:
    left = softmax(written(f.scene)[0] / f.scene.heat)[kept(f)]
    assert (v["kept"], v["size"]) == (len(left), len(written(f.scene)[0])) and shares(v["left"], left.sum(), f)


@claim("generate.says.rest")
def rest(f: Fresh, v: Values) -> None:
    logits, token = written(f.scene)
    p = np.eye(len(logits))[logits.argmax()] if f.scene.heat == 0 else softmax(logits / f.scene.heat)
    bars = np.argsort(-logits, kind="stable")[:10].tolist()
    bars = bars if token in bars else [*bars[:-1], token]
    assert v["n"] == len(logits) - len(bars) and shares(v["share"], max(round(1 - p[bars].sum(), 7), 0), f)


@claim("generate.unnamed")
def unnamed(f: Fresh, v: Values) -> None:
    assert 0 <= v["id"] < f.config.vocab_size
