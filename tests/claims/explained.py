"""What an explanation says: the number, by a run of its own, and its terms, each by the definition of its array."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

import core
from claims import Fresh, Values, claim, named_in, pinned_number
from claims.back import Way
from core import Scene
from pictures.explained import card as cards
from pictures.explained.page_world import world
from pictures.pair import Pair
from pictures.words import Words

GPT = Scene(model="gpt", sentence="o gato viu o rato").override(n_layers=2, d_model=16, d_mlp=16)
GATO = int(GPT.encoding.ids[1])
AT = {
    "blocks.1.attn.scores": (1, 3, 2),
    "blocks.0.attn.pattern": (0, 3, 1),
    "blocks.1.attn.z": (2, 4, 1),
    "blocks.0.attn.q": (0, 2, 3),
    "blocks.0.resid_mid": (2, 5),
    "blocks.1.resid_pre": (2, 5),
    "blocks.1.mlp_out": (1, 3),
    "blocks.0.mlp.post": (4, 2),
    "logits": (4, GATO),
    "embed.W_E": (3, 2),
    "ln_final.scale": (1, 0),
    "length.blocks.1.resid_pre": (3,),
    "grad.embed": (1, 3),
}
SHOWN = 6


def _of(page: str, scene: Scene, words: Words) -> str:
    """The sentence of the card that a page opens; "" where it has none."""
    run = world(page, scene, words)
    if run is None or not scene.explained or not run.has(scene.explained[-1]):
        return ""
    return cards.sentence(run.explain(scene.explained[-1]), run, words)


def seen(scene: Scene, words: Words) -> str:
    return _of("attention", scene, words)


def graded(scene: Scene, words: Words) -> str:
    """On Backward, where only a gradient is another number than elsewhere."""
    grad = scene.explained[-1][0].startswith("grad.") and scene.model != "stories"
    return _of("backward", scene, words) if grad else ""


SCENES = [
    *(GPT.turn(explained=((name, index),)) for name, index in AT.items()),
    *(replace(GPT, explained=(("blocks.1.attn.z", (2, 4, 1)),), ablated=off) for off in ((), ((1, 2),))),
    GPT.turn(explained=(("embed", (1, 2)),), edits=((1, 2, 3.5),)),
    GPT.turn(explained=(("blocks.0.attn.scores_masked", (0, 1, 3)),)),
    GPT.turn(explained=(("grad.logits", (4, GATO)),), loss_position=1),
    GPT.turn(explained=(("grad.blocks.1.resid_post", (1, 2)),), loss_position=1),
    GPT.turn(explained=(("grad.blocks.1.attn.pattern", (2, 3, 1)),), ablated=((1, 2),)),
    Scene(explained=(("embed", (3, 1)),)),
    Scene(explained=(("blocks.0.attn.q", (0, 3, 1)),)),
    Scene(explained=(("blocks.0.attn.pattern", (0, 0, 0)),)),
    Scene(model="stories", explained=(("blocks.1.attn.pattern", (0, 1, 0)),)),
]
PATCHED = {"patch": ("blocks.0.mlp_out", (2,)), "patch_source": "o rato viu o gato"}
SCENES += [GPT.turn(explained=(("blocks.0.mlp_out", (2, 3)),), **PATCHED)]


def entered(scene: Scene, words: Words) -> str:
    """On Cause, whose gradients begin at a logit."""
    return _of("cause", scene, words) if scene.explained[-1][0] == "grad.logits" and scene.model == "stories" else ""


CAUSED = Scene(model="stories")
SCENES += [CAUSED.turn(explained=(("grad.logits", (4, token)),)) for token in Pair.of(CAUSED).candidates]
BUILDERS = (seen, graded, entered)
LABELS = {"en": {"layer": "layer {}", "head": "head {}"}, "pt-BR": {"layer": "camada {}", "head": "cabeça {}"}}


class Asked:
    """The number that a Scene asks for, its value and its terms by the definitions."""

    def __init__(self, f: Fresh):
        self.f, (self.name, self.index) = f, f.scene.explained[-1]
        self.at = self.name[: self.name.index(".", 7) + 1] if self.name.startswith("blocks.") else ""

    def array(self, name: str) -> np.ndarray:
        if name.startswith("length."):
            return np.sqrt((self.array(name.removeprefix("length.")) ** 2).sum(-1))
        if name.startswith("grad."):
            return Way(self.f.scene).grads[name.removeprefix("grad.")].astype(np.float64)
        found = self.f.run.trace[name] if name in self.f.run.trace else self.f.run.params[name]
        return np.asarray(found, np.float64)

    @property
    def value(self) -> float:
        return float(self.array(self.name)[self.index])

    def terms(self) -> np.ndarray:
        """What is added up to it."""
        i, of = self.index, self.array
        own = {
            "scores": lambda: of(self.at + "attn.q")[i[0], i[1]] * of(self.at + "attn.k")[i[0], i[2]],
            "z": lambda: of(self.at + "attn.pattern")[i[0], i[1]] * of(self.at + "attn.v")[i[0], :, i[2]],
            "q": lambda: self._product("ln1.out", i[1], "attn.W_Q", i[0] * self.f.config.head_width + i[2], "attn.b_Q"),
            "resid_mid": lambda: [of(self.at + name)[i] for name in ("resid_pre", "attn_out")],
            "mlp_out": lambda: self._product("mlp.post", i[0], "mlp.W_out", i[1], "mlp.b_out"),
            "logits": lambda: of("ln_final.out")[i[0]] * of("unembed.W_U")[:, i[1]],
            "scores_masked": lambda: [of(self.at + "attn.scores_scaled")[i], -np.inf],
        }
        if self.name == "grad.embed":  # of what the first block is given, it is the whole
            return np.array([of("grad.blocks.0.resid_pre")[i]])
        if self.name.startswith("grad."):
            return self._through_norm()
        return np.array(own[self.name.rpartition(".")[2]]())

    def _through_norm(self) -> np.ndarray:
        """Back through the last norm: by each normalized number, and by what they were divided by (Ba et al. 2016)."""
        (row, column), d = self.index, self.f.config.d_model
        x, scale = self.array("ln_final.normalized")[row], self.array("ln_final.scale")[row, 0]
        grads = self.array("grad.ln_final.normalized")[row]
        by_each = grads * ((np.arange(d) == column) - 1 / d) / scale
        return np.append(by_each, -(grads * x).sum() / scale * x[column] / d)

    def _product(self, given: str, row: int, matrix: str, column: int, bias: str) -> np.ndarray:
        made = self.array(self.at + given)[row] * self.array(self.at + matrix)[:, column]
        known = self.at + bias in self.f.run.params
        return np.append(made, self.array(self.at + bias)[column]) if known else made

    def places(self, name: str, index: tuple[int, ...]) -> list[str]:
        """What must stand in the title: every place of it by name."""
        lang, tokens = self.f.words.lang, self.f.tokens
        bare = name.removeprefix("length.").removeprefix("grad.")
        if name in self.f.run.params:
            return [f"[{', '.join(map(str, index))}]"]
        axes = core.NAMES[re.sub(r"^blocks\.\d", "blocks.{i}", bare)].axes
        parts = [LABELS[lang]["layer"].format(bare.split(".")[1])] if bare.startswith("blocks.") else []
        for axis, at in zip(axes, index, strict=False):
            if axis in ("pos", "query", "key"):
                parts.append(named_in(tokens, at, lang))
            elif axis == "head":
                parts.append(LABELS[lang]["head"].format(at))
            elif axis == "vocab":
                parts.append({GATO: "“gato”"}[at])
            elif axis.startswith("d_"):
                parts.append(f" {at}")
        return parts


def holds(f: Fresh, text: str, expected: float) -> bool:
    if not np.isfinite(expected):
        return text == "−∞" and expected < 0
    return pinned_number(text, expected, f.words.lang, rel=1e-4)


def named(f: Fresh, title: str, name: str, index: tuple[int, ...]) -> bool:
    """Whether a title has all places of a number, in order."""
    start = 0
    for part in Asked(f).places(name, index):
        start = title.find(part, start)
        if start < 0:
            return False
        start += len(part)
    if start != len(title):
        return False
    bare = name.removeprefix("length.").removeprefix("grad.")
    label = f.words(f"explain.names.{cards_label(bare)}") if bare in f.run.trace else name
    tail = title.split(" · ")[0].lower()
    return tail.endswith(label.lower()) or (bare not in f.run.trace and label in title)


def cards_label(name: str) -> str:
    rest = name.split(".", 2)[2] if name.startswith("blocks.") else name
    return "ln." + rest.split(".")[1] if rest.startswith("ln") else rest


def told(f: Fresh, v: Values) -> Asked:
    """Title and value, which every sentence has."""
    asked = Asked(f)
    assert named(f, v["title"], asked.name, asked.index), v["title"]
    assert holds(f, v["value"], asked.value)
    return asked


def of_size(terms: np.ndarray) -> np.ndarray:
    return terms[np.argsort(-np.abs(terms), kind="stable")]


@claim("explain.says.sum", "explain.says.sum_rest")
def _(f: Fresh, v: Values) -> None:
    terms = of_size(told(f, v).terms())
    assert v["n"] == len(terms)
    assert f.told.endswith("rest") == (len(terms) > SHOWN)
    if len(terms) > SHOWN:
        assert v["others"] == len(terms) - SHOWN and holds(f, v["rest"], float(terms[SHOWN:].sum()))
    found = v["terms"].replace(" and ", "; ").replace(" e ", "; ").split("; ")
    written = [one for part in found for one in part.split(", ")]
    assert len(written) == min(len(terms), SHOWN)
    assert all(holds(f, text, float(term)) for text, term in zip(written, terms, strict=False)), written


@claim("explain.says.same")
def _(f: Fresh, v: Values) -> None:
    asked = told(f, v)
    others = {
        "blocks.1.resid_pre": ("blocks.0.resid_post", asked.index),
        "blocks.0.attn.q": ("blocks.0.resid_pre", (asked.index[-2], asked.index[-1])),
        "grad.embed": ("grad.blocks.0.resid_pre", asked.index),
    }
    name, index = others[asked.name]
    assert named(f, v["other"], name, index) and asked.array(name)[index] == asked.value


@claim("explain.says.function")
def _(f: Fresh, v: Values) -> None:
    asked = told(f, v)
    n = {
        "pattern": f.n,
        "post": 1,
        "scale": f.config.d_model,
        "resid_pre": f.config.d_model,
        "logits": f.config.vocab_size,
    }[asked.name.rpartition(".")[2]]
    assert v["n"] == n


@claim("explain.says.nothing")
def _(f: Fresh, v: Values) -> None:
    assert told(f, v).value == 0


@claim("explain.says.parameter")
def _(f: Fresh, v: Values) -> None:
    assert told(f, v).name in f.run.params


@claim("explain.says.token")
def _(f: Fresh, v: Values) -> None:
    asked = told(f, v)
    assert asked.name == "embed" and f.scene.preset.by_hand[f.tokens[asked.index[0]]][asked.index[1]] == asked.value


@claim("explain.says.edit")
def _(f: Fresh, v: Values) -> None:
    asked = told(f, v)
    edited = (*asked.index, asked.value) in f.scene.edits
    assert edited or (asked.name == "blocks.1.attn.z" and (1, asked.index[0]) in f.scene.ablated and asked.value == 0)


@claim("explain.says.patch")
def _(f: Fresh, v: Values) -> None:
    asked, put = told(f, v), f.scene.patch
    there = core.run(f.scene.turn(patch=None, sentence=f.scene.patch_source)).trace
    assert asked.name == put[0] and asked.index[: len(put[1])] == put[1]
    assert there[put[0]][asked.index] == asked.value


@claim("explain.says.loss")
def _(f: Fresh, v: Values) -> None:
    pair, (_, (position, token)) = Pair.of(f.scene), f.scene.explained[-1]
    name = {"en": "Gradient by: logit", "pt-BR": "Gradiente por: logit"}[f.words.lang]
    word = pair.clean.preset.tokenizer.tokens[token]
    assert v["title"] == f"{name} · “{pair.clean.tokens[position]}”, “{word}”"
    is_asked = position == len(pair.clean.tokens) - 1 and token == pair.candidates[0]
    assert v["value"] == ("1" if is_asked else "0")
