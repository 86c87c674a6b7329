"""What is said of a guess: each value against the arrays of a run of its own."""

from __future__ import annotations

import random
from itertools import combinations
from typing import Any

import numpy as np

from claims import Fresh, Values, claim, near
from core import CHECKS, Scene
from pictures import checks as pictures
from pictures.words import Words

# Checks whose truth is one look into the trace, a few of each kind; tests/test_checks.py has the truth of them all.
TRUTHS = {
    "rows-sum-to-one": lambda f: row(f, 3).sum(),
    "scale-is-the-head-s": lambda f: (f.scene.config.d_model / f.scene.config.n_heads) ** 0.5,
    "score-of-zero": lambda f: row(f, 0),
    "row-by-hand": lambda f: row(f, 3),
    "two-matrices-two-roles": lambda f: 1,
    "key-and-value-differ": lambda f: 1,
    "mask-hides-later-keys": lambda f: 1 - np.tri(len(f.scene.tokens)),
    "pre-norm-lets-it-grow": lambda f: np.array([2.0, 1.0]),
    "seeing-is-not-why": lambda f: without_each(f),
    "a-rate-too-high": lambda f: np.array([2.0, 3.0, 1.0]),
}
PLACES = ("cell", "head")  # kinds whose answer is where the greatest number stands
SCENES = [CHECKS[name].variant(i).turn(check=name, dimension=i) for name in TRUTHS for i in range(8)]


def row(f: Fresh, query: int) -> np.ndarray:
    x = f["blocks.0.attn.scores"][0, query] / 2
    return np.exp(x) / np.exp(x).sum()


def without_each(f: Fresh) -> np.ndarray:
    """[layer, head]: how far the chosen word's output moves when each is off alone."""
    layers, heads = range(f.config.n_layers), range(f.config.n_heads)
    return np.array([[f.without((i, h))[f.query] for h in heads] for i in layers])


def guessed(scene: Scene) -> Any:
    """A guess that depends on the Scene alone: now the right one, now none, now any, now one that is near."""
    check, draw = CHECKS[scene.check], random.Random(scene.to_query().__repr__())
    right = pictures.answer(check.name, check.asked(scene))
    n = len(scene.tokens)
    some = {
        "number": lambda: round(draw.choice([draw.uniform(*check.scale), right + 0.9 * check.tolerance]), 2),
        "choose": lambda: draw.choice(check.options),
        "order": lambda: draw.choice(pictures.orders(check)),
        "cell": lambda: (draw.randrange(n), draw.randrange(n)),
        "head": lambda: (draw.randrange(scene.config.n_layers), draw.randrange(scene.config.n_heads)),
        "row": lambda: [1 / n] * n,
    }
    return draw.choice([right, None, some[check.kind](), some[check.kind]()])


def judged(scene: Scene, words: Words) -> str:
    check = CHECKS[scene.check]
    return pictures.verdict(check, check.asked(scene), guessed(scene), words)


BUILDERS = [judged]


def truth(f: Fresh) -> Any:
    return TRUTHS[f.scene.check](f)


def said(f: Fresh, found: Any) -> str:
    """An answer as it is written: each kind in one line of its own."""
    check = CHECKS[f.scene.check]
    if check.kind == "number":
        return f.words.number(found, 2)
    if check.kind == "choose":
        return f.words(f"checks.{check.name}.options.{found}")
    if check.kind == "order":
        first, *others = (f.words(f"checks.{check.name}.options.{one}") for one in found)
        if len(others) == 1:
            return first
        second, third = others
        return f.words("checks.then", first=first, rest=f.words("checks.then", first=second, rest=third))
    if check.kind == "row":
        return "  ".join(f.words.number(weight) for weight in found)
    if check.kind == "head":
        return {"en": "layer {}, head {}", "pt-BR": "camada {}, cabeça {}"}[f.words.lang].format(*found)
    names = [f.words("quoted", token=f.scene.tokens[at]) for at in found]
    return f.words("checks.cell", query=names[0], key=names[1])


def right(f: Fresh) -> Any:
    """The answer that TRUTHS gives."""
    check, found = CHECKS[f.scene.check], truth(f)
    if check.kind == "choose":
        return check.options[found]
    if check.kind == "order":
        return tuple(check.options[i] for i in np.argsort(-found))
    return np.unravel_index(found.argmax(), found.shape) if check.kind in PLACES else found


def off(f: Fresh) -> float:
    check, guess, found = CHECKS[f.scene.check], guessed(f.scene), truth(f)
    if check.kind == "row":
        return float(np.maximum(found - guess, 0).sum())
    if check.kind == "number":
        return abs(guess - found)
    if check.kind in PLACES:
        return float(found.max() - found[guess])
    return float(guess != right(f))


@claim("checks.says.right")
def is_right(f: Fresh, v: Values) -> None:
    assert is_near(f) and v["truth"] == said(f, guessed(f.scene))


def is_near(f: Fresh) -> bool:
    return off(f) <= CHECKS[f.scene.check].tolerance + 1e-6


@claim("checks.says.shown", "checks.says.row_shown")
def shown(f: Fresh, v: Values) -> None:
    of_row = CHECKS[f.scene.check].kind == "row"  # a row is drawn, and not written out
    assert guessed(f.scene) is None and f.told.endswith("row_shown") == of_row
    assert of_row or v["truth"] == said(f, right(f))


@claim("checks.says.near", "checks.says.number")
def number(f: Fresh, v: Values) -> None:
    assert v["guess"] == said(f, guessed(f.scene)) != v["truth"] == said(f, right(f))
    assert v["distance"] == said(f, off(f)) and f.told.endswith("near") == is_near(f)


@claim("checks.says.choose")
def choice(f: Fresh, v: Values) -> None:
    assert v["guess"] == said(f, guessed(f.scene)) != v["truth"] == said(f, right(f))


@claim("checks.says.order")
def order(f: Fresh, v: Values) -> None:
    choice(f, v)
    placed = dict(zip(CHECKS[f.scene.check].options, truth(f), strict=True))
    assert v["pairs"] == sum(placed[one] < placed[other] for one, other in combinations(guessed(f.scene), 2))


@claim("checks.says.place")
def place(f: Fresh, v: Values) -> None:
    choice(f, v)
    found = truth(f)
    assert near(v["had"], found[guessed(f.scene)]) and near(v["most"], found.max()) and v["had"] < v["most"]


@claim("checks.says.row", "checks.says.row_near")
def painted(f: Fresh, v: Values) -> None:
    np.testing.assert_allclose(v["share"], off(f), atol=1e-4)
    assert f.told.endswith("near") == is_near(f)


@claim("checks.then", "checks.cell", "checks.place")
def parts(f: Fresh, v: Values) -> None:
    """Names of answers: `said` writes them once more, in the sentences that hold them."""
