"""What Generate says of a draw, held against the softmax of a fresh run over the same text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

import core
from claims import Fresh, Values, claim, told_as
from claims.inside import shares
from core import Scene
from core.tokenizer.words import UNKNOWN
from pictures.generate import draw

WRITER = Scene(model="stories", max_new_tokens=4)
EVERY_HEAD = tuple((layer, head) for layer in range(4) for head in range(4))
SCENES = [
    *(WRITER.turn(draw_temperature=heat, draw_seed=seed) for heat in (0.0, 0.5, 1.0, 2.0) for seed in (0, 1)),
    *(WRITER.turn(top_k=k, top_p=p, tokens_written=2) for k in (None, 1, 5) for p in (0.3, 0.9)),
    WRITER.turn(sentence="o", tokens_written=1),
    Scene(model="gpt", max_new_tokens=2, draw_temperature=0.7),
    Scene(model="gpt", max_new_tokens=1, top_k=3),
    Scene(model="gpt", max_new_tokens=1, draw_temperature=0.0, off=("mlp", "residual"), ablated=EVERY_HEAD),
]
BUILDERS = (draw.choices,)


@dataclass
class Text:
    """A text written by runs over all of it at once, a token at a time, with a draw of its own."""

    n: int  # tokens of the context
    x: np.ndarray  # [pos, d_model]: what enters, of all tokens
    ids: list[int]
    logits: list[np.ndarray]  # a step; the last ones alone may be lost, and then nothing is written from them

    @property
    def broken(self) -> bool:
        return not np.isfinite(self.logits[-1]).all()


@cache
def replayed(scene: Scene) -> Text:
    run = core.run(scene)
    n = max(1, min(len(scene.tokens), scene.config.n_ctx - 1))
    text, forced = Text(n, run.embeddings[:n], run.encoding.ids[:n].tolist(), []), dict(scene.forced)
    for place in range(n, min(n + scene.max_new_tokens, scene.config.n_ctx)):
        with np.errstate(all="ignore"):
            trace = core.forward(run.params, scene.whole, embeddings=text.x, interventions=scene.interventions)
        text.logits.append(trace["logits"][-1].astype(np.float64))
        if text.broken:
            break
        token = forced.get(place, scene.config.vocab_size)
        if token >= scene.config.vocab_size:  # none that it has
            token = taken(scene, text.logits[-1], place)
        text.ids.append(token)
        text.x = np.concatenate([text.x, run.params["embed.W_E"][[token]]])
    return text


def taken(scene: Scene, logits: np.ndarray, place: int) -> int:
    """The token on whose share the chance falls, the likeliest lying first."""
    order, p = np.argsort(-logits, kind="stable"), in_draw(scene, logits)
    chance = np.random.default_rng([scene.draw_seed, place]).random()
    ends = [p[order[: i + 1]].sum() for i in range(len(order))]
    return int(order[next(i for i, end in enumerate(ends) if chance < end or end > 1 - 1e-12)])


def reached(scene: Scene) -> int:
    """How many new tokens are looked at."""
    written = len(replayed(scene).logits)
    return min(scene.tokens_written or written, written)


def written(scene: Scene) -> tuple[np.ndarray, int]:
    """The logits of the last step that is looked at, and the token taken."""
    text, at = replayed(scene), reached(scene) - 1
    return text.logits[at], text.ids[text.n + at]


def called(f: Fresh, token: int) -> set[str]:
    """What an id may be called: as it stands in the sentence, or as the model has it."""
    names = {f.tokens[i] for i, own in enumerate(f.run.encoding.ids.tolist()) if own == token}
    if tokenizer := f.scene.preset.tokenizer:
        names.add(tokenizer.tokens[token])
    return {f.words("token.unknown") if name == UNKNOWN else name for name in names} or {f"#{token}"}


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def tempered(scene: Scene, logits: np.ndarray) -> np.ndarray:
    return (
        np.eye(len(logits))[logits.argmax()]
        if scene.draw_temperature == 0
        else softmax(logits / scene.draw_temperature)
    )


def stay(scene: Scene, logits: np.ndarray) -> np.ndarray:
    """[vocab]: what top-k and top-p leave, in no order but likelihood."""
    order = np.argsort(-logits, kind="stable")[: scene.top_k or len(logits)]
    p = tempered(scene, logits)[order]
    inside = [i for i in range(len(order)) if p[:i].sum() < (scene.top_p or 1) * p.sum() - 1e-12]
    mask = np.zeros(len(logits), bool)
    mask[order[inside if scene.top_p not in (None, 1) else slice(None)]] = True
    return mask


def in_draw(scene: Scene, logits: np.ndarray) -> np.ndarray:
    """[vocab]: what is drawn from."""
    p = tempered(scene, logits) * stay(scene, logits)
    return p / p.sum()


def ranked(rank: int, p: np.ndarray, token: int) -> bool:
    """Is this its place, but for rounding among those as likely?"""
    return bool(1 + (p > p[token] * (1 + 1e-5)).sum() <= rank <= (p > p[token] * (1 - 1e-5)).sum())


@claim("generate.says.drawn", "generate.says.greedy", "generate.says.greedy_tie", "generate.says.forced")
def drawn(f: Fresh, v: Values) -> None:
    logits, token = written(f.scene)
    p = softmax(logits)
    assert v["token"] in {f"“{'␣' if name == ' ' else name}”" for name in called(f, token)}
    assert shares(v["own"], p[token], f) and ranked(v["rank"], p, token)
    place = replayed(f.scene).n + reached(f.scene) - 1
    forced, n = (place, token) in f.scene.forced, int((p >= p.max() * (1 - 1e-6)).sum())
    undrawn = f.scene.draw_temperature == 0 and not forced
    assert told_as(f, "You put", "Você pôs") == forced
    assert told_as(f, "there is no draw", "não há sorteio") == undrawn and f.told.endswith("tie") == (undrawn and n > 1)
    if undrawn:
        assert (v["rank"], v["n"]) == (1, n)
    else:
        assert shares(v["drawn"], in_draw(f.scene, logits)[token], f)


@claim("generate.says.cut")
def cut(f: Fresh, v: Values) -> None:
    logits, _ = written(f.scene)
    left = tempered(f.scene, logits)[stay(f.scene, logits)]
    assert (v["kept"], v["size"]) == (len(left), len(logits)) and shares(v["left"], left.sum(), f)


@claim("generate.says.rest")
def rest(f: Fresh, v: Values) -> None:
    logits, token = written(f.scene)
    p = tempered(f.scene, logits)
    bars = np.argsort(-logits, kind="stable")[:10].tolist()
    bars = bars if token in bars else [*bars[:-1], token]
    assert v["n"] == len(logits) - len(bars) and shares(v["share"], max(round(1 - p[bars].sum(), 7), 0), f)
    assert v["tempered"] == (f.scene.draw_temperature != 1)


@claim("generate.unnamed")
def unnamed(f: Fresh, v: Values) -> None:
    assert 0 <= v["id"] < f.config.vocab_size
