"""Who voted for a word: each part of the stream by itself through the last norm, its scale as it was, to the logit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

import core
from claims import Fresh, Values, claim, named_in
from claims.drawn import called, reached, replayed, written
from core import Scene
from pictures.generate import votes

GPT = Scene(model="gpt", sentence="o gato viu o rato", max_new_tokens=3, draw_temperature=0.7).override(d_model=16)
SCENES = [
    Scene(model="stories", max_new_tokens=3),
    Scene(model="stories", max_new_tokens=3, tokens_written=1, sentence="o", draw_temperature=0.0),
    Scene(model="induction", max_new_tokens=2, ablated=((1, 0),)),
    GPT.turn(tokens_written=2),
    GPT.override(norm="rms", n_layers=2).turn(off=("mlp",)),
    Scene(model="stories", max_new_tokens=2, ablated=tuple((i, h) for i in range(2) for h in range(4))),
]
SCENES.append(
    GPT.override(d_model=8, n_heads=2, n_layers=1).turn(
        **dict(sentence="um", max_new_tokens=1, off=("mlp", "norm", "positions"), ablated=((0, 0), (0, 1))),
        edits=tuple((0, dimension, 0.0) for dimension in range(8)),
    )
)
BUILDERS = (votes.votes, votes.sources)
LABELS = {
    "en": {"embed": "embedding", "pos_embed": "position", "ln_final.b": "bias of the last norm"},
    "pt-BR": {"embed": "embedding", "pos_embed": "posição", "ln_final.b": "viés da última norma"},
}
OF_LAYER = {
    "en": {"head": "head {h} of layer {i}", "mlp": "MLP of layer {i}", "b_O": "bias b_O of layer {i}"},
    "pt-BR": {"head": "cabeça {h} da camada {i}", "mlp": "MLP da camada {i}", "b_O": "viés b_O da camada {i}"},
}


@dataclass
class Parts:
    names: dict[str, list[str]]  # language -> what each is called
    values: np.ndarray  # [part]
    logit: float
    by_word: np.ndarray  # [key]: what the heads bring
    tokens: list[int]


@cache
def parts_of(scene: Scene) -> Parts:
    text, at = replayed(scene), reached(scene) - 1
    params, config = core.run(scene).params, scene.config
    n, token = text.n + at, text.ids[text.n + at]
    trace = core.forward(params, scene.whole, embeddings=text.x[:n], interventions=scene.interventions)
    found: list[tuple[dict[str, str], np.ndarray]] = []
    by_word = np.zeros((n, config.d_model))

    def add(name: str, x: np.ndarray, **place: int) -> None:
        forms = {lang: OF_LAYER[lang][name].format(**place) if place else LABELS[lang][name] for lang in LABELS}
        found.append((forms, np.asarray(x, np.float64)))

    add("embed", trace["embed"][-1])
    if "pos_embed" in trace:
        add("pos_embed", trace["pos_embed"][-1])
    for i in range(config.n_layers):
        at_, W = f"blocks.{i}.", params[f"blocks.{i}.attn.W_O"].reshape(config.n_heads, -1, config.d_model)
        for h in range(config.n_heads):
            add("head", trace[at_ + "attn.z"][h, -1] @ W[h], h=h, i=i)
            off = (i, h) in scene.ablated
            for k in range(n if not off else 0):
                group = h * config.kv_heads // config.n_heads
                by_word[k] += trace[at_ + "attn.pattern"][h, -1, k] * (trace[at_ + "attn.v"][group, k] @ W[h])
        if at_ + "attn.b_O" in params:
            add("b_O", params[at_ + "attn.b_O"], i=i)
        if config.d_mlp:
            add("mlp", trace[at_ + "mlp_out"][-1], i=i)

    def read(x: np.ndarray) -> float:
        """What a part of the stream adds to the logit."""
        if config.final_norm:
            x = x - x.mean() if config.norm == "layer" else x
            x = x / trace["ln_final.scale"][-1] * params["ln_final.w"]
        W_U = params["embed.W_E"].T if config.tied_unembed else params["unembed.W_U"]
        return float(x @ W_U[:, token])

    names = {lang: [forms[lang] for forms, _ in found] for lang in LABELS}
    values = [read(x) for _, x in found]
    if config.final_norm and config.norm == "layer":
        for lang in LABELS:
            names[lang].append(LABELS[lang]["ln_final.b"])
        values.append(float(params["ln_final.b"] @ params["unembed.W_U"][:, token]))
    heads = np.array([read(x) for x in by_word])
    return Parts(names, np.array(values), float(trace["logits"][-1, token]), heads, text.ids[:n])


def close(found: float, expected: float) -> bool:
    return abs(found - expected) <= 2e-5 * max(1.0, abs(expected))


def written_alike(values: np.ndarray, best: float) -> list[int]:
    """The places whose number is written as the best is: nothing is above or below zero by nothing."""
    written = [f"{x:.2f}".replace("-0.00", "0.00") for x in (best, *values)]
    return [i for i, x in enumerate(values) if abs(x - best) <= 1e-6 or written[i + 1] == written[0]]


def ends(f: Fresh, v: Values, values: np.ndarray, names: list[str]) -> None:
    """The token, the count, and who gives most and least."""
    _, token = written(f.scene)
    assert v["token"] in {f"“{'␣' if name == ' ' else name}”" for name in called(f, token)} and v["n"] == len(values)
    if "each" in v:
        assert len(written_alike(values, values.max())) == len(values) and close(v["each"], values.max())
        return
    for name, value, sign in (("most", "high", 1), ("least", "low", -1)):
        best = sign * (sign * values).max()
        assert close(v[value], best) and v[name] == f.phrase([names[i] for i in written_alike(values, best)])


@claim("generate.says.votes", "generate.says.votes_alike")
def _(f: Fresh, v: Values) -> None:
    parts = parts_of(f.scene)
    assert close(v["total"], parts.logit) and close(parts.values.sum(), parts.logit)
    ends(f, v, parts.values, parts.names[f.words.lang])


@claim("generate.says.sources", "generate.says.sources_alike")
def _(f: Fresh, v: Values) -> None:
    parts = parts_of(f.scene)
    heads = [value for name, value in zip(parts.names["en"], parts.values, strict=True) if name.startswith("head ")]
    assert close(v["total"], sum(heads)) and close(parts.by_word.sum(), sum(heads))
    own = list(f.tokens[: replayed(f.scene).n])
    tokens = own + [next(iter(called(f, token))) for token in parts.tokens[len(own) :]]
    ends(f, v, parts.by_word, [named_in(tokens, i, f.words.lang) for i in range(len(tokens))])
