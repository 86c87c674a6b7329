"""Numbers that pages draw and no trace holds, by their definitions in NumPy over a run's arrays: the value, the formula
that a card shows, and what the number is said to be made of."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest

import core
from core import Scene
from core.config import ENCODER
from core.interpret import LABELS
from pictures.explained import derived
from pictures.explained.page_world import world
from pictures.explained.world import World
from pictures.words import words_of

EN = words_of("en")
Place = tuple[int, ...]
GPT = Scene(model="gpt", sentence="o gato viu o rato").override(n_layers=2, d_model=16, n_heads=2, d_mlp=16)
PATTERN = "blocks.1.attn.pattern"
SCENES = {
    "gpt": GPT,
    "heads off": GPT.turn(ablated=((0, 1), (1, 0))),
    "no stream": GPT.turn(ablated=((1, 1),), off=("residual",)),
    "norm after": GPT.override(norm_at="post"),
    "no matrices": Scene(),
    "no W_O": GPT.turn(off=("W_O",)),
    "few keys": Scene(model="alice", sentence="Alice was here"),
    "stories": Scene(model="stories", layer=1, head=2),
    "both ways": Scene(model="encoder_full", sentence="um dois um").override(n_layers=2, d_model=16),
    "two stacks": Scene(model="translator"),
}


def of(page: str, scene: Scene) -> World:
    found = world(page, scene, EN)
    assert found is not None
    return found


class Run:
    """A Scene's own run, in float64."""

    def __init__(self, scene: Scene):
        self.scene, self.run = scene, core.run(scene)
        self.n = len(self.run.tokens)

    def __getitem__(self, name: str) -> np.ndarray:
        found = self.run.trace[name] if name in self.run.trace else self.run.params[name]
        return np.asarray(found, np.float64)

    def config(self, name: str) -> core.Config:
        return self.run.config.encoder if name.startswith(ENCODER) else self.run.config

    def off(self, name: str) -> set[int]:
        """The heads that are off in the layer whose attention this is of."""
        kind = {"attn": (), "cross": ("cross",)}[name.split(".")[-2]]
        kind, layer = ("encoder",) if name.startswith(ENCODER) else kind, layer_of(name)
        return {one[1] for one in self.scene.ablated if (one[0], *one[2:]) == (layer, *kind)}

    def given(self, name: str, head: int) -> np.ndarray:
        """[key, d_model]: each key's values through the head's own rows of W_O, v being any array of that layer."""
        at, c = name.rpartition(".")[0], self.config(name)
        v = self[f"{at}.v"][head // (c.n_heads // c.kv_heads)]
        own = slice(head * c.head_width, (head + 1) * c.head_width)
        if c.projections and "W_O" not in self.scene.off:
            return v @ self[f"{at}.W_O"][own]
        out = np.zeros((len(v), c.d_model))
        out[:, own] = v
        return out

    def carried(self, name: str, head: int) -> np.ndarray:
        """[query, key]: each weight times the length of what it is a weight of (Kobayashi et al. 2020)."""
        on = head not in self.off(name)
        return self[name][head] * np.linalg.norm(self.given(name, head), axis=-1) * on


def layer_of(name: str) -> int:
    return int(re.search(r"blocks\.(\d+)", name)[1])


def probabilities(logits: np.ndarray) -> np.ndarray:
    """[..., vocab]"""
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """[pos]: ||after - before|| / ||before||"""
    return np.sqrt(((after - before) ** 2).sum(-1) / (before**2).sum(-1))


# ---------------------------------------------------------------------------------------------------- the definitions


def entropy(weights: np.ndarray) -> float:
    """In bits."""
    return -sum(x * np.log2(x) for x in weights.tolist() if x > 0)


def rolled(run: Run, name: str) -> np.ndarray:
    """[query, key]: attention rollout (Abnar & Zuidema 2020, section 3), an ablated head's share with the token."""
    start, residual = ENCODER * name.startswith(ENCODER), run.config(name).residual
    so_far = np.eye(run[name].shape[-1])
    for layer in range(layer_of(name) + 1):
        a = run[f"{start}blocks.{layer}.attn.pattern"]
        off = run.off(f"{start}blocks.{layer}.attn.pattern")
        on = [head for head in range(len(a)) if head not in off]
        step = sum((a[head] for head in on), np.zeros(a[0].shape))
        if residual:
            step = (np.eye(len(step)) + (step + len(off) * np.eye(len(step))) / len(a)) / 2
        else:
            step = step / len(on) if on else step
        so_far = step @ so_far
    return so_far


def row_of(run: Run, name: str) -> Callable[..., list]:
    """Names of all numbers along the last axis, `row_of(run, name)(*index)`."""
    return lambda *index: [(name, (*index, i)) for i in range(run[name].shape[-1])]


def look_of(run: Run, name: str, index: Place, measure: str) -> tuple:
    head, query = index
    weights = run[name][head, query]
    if measure == "entropy":
        return entropy(weights), r"H = -\sum_k A_k \log_2 A_k", row_of(run, name)(*index)
    far = sum(abs(query - key) * weight for key, weight in enumerate(weights.tolist()))
    return far, r"\sum_k \lvert q - k \rvert\, A_{q,k}", row_of(run, name)(*index)


def mean_of(measure: str) -> Callable:
    def made(run: Run, name: str, index: Place) -> tuple:
        queries = range(run[name].shape[1])
        values = [look_of(run, name, (*index, query), measure)[0] for query in queries]
        operands = [(f"{measure}.{name}", (*index, query)) for query in queries]
        return np.mean(values), r"\frac{1}{n} \sum_q x_q", operands

    return made


def rolled_of(run: Run, name: str, index: Place) -> tuple:
    (query, key), layer, below = index, layer_of(name), name.replace(f"s.{layer_of(name)}", f"s.{layer_of(name) - 1}")
    bar = r"\tfrac12 (\bar A + I)" if run.config(name).residual else r"\bar A"
    formula = rf"R_{{{layer}}} = {bar}" + (rf"\,R_{{{layer - 1}}}" if layer else "")
    on, n = [h for h in range(len(run[name])) if h not in run.off(name)], run[name].shape[-1]
    operands = [(name, (head, query, j)) for head in on for j in (range(n) if layer else [key])]
    operands += [(f"rolled.{below}", (j, key)) for j in range(n) if on or j == query] if layer else []
    return rolled(run, name)[query, key], formula, operands


def carried_of(run: Run, name: str, index: Place) -> tuple:
    head, query, key = index
    if head in run.off(name):
        return 0.0, r"\lVert \alpha f(x) \rVert = 0", []
    operands = [(name, index), (f"carries.{name.replace('pattern', 'v')}", (head, key))]
    return run.carried(name, head)[query, key], r"A_{q,k}\,\lVert f(x_k) \rVert", operands


def carries_of(run: Run, name: str, index: Place) -> tuple:
    head, key = index
    operands = [(f"given.{name}", (*index, d)) for d in range(run.config(name).d_model)]
    formula = r"\lVert f(x_k) \rVert = \sqrt{\sum_d f_d^2}"
    return np.linalg.norm(run.given(name, head)[key]), formula, operands


def given_of(run: Run, name: str, index: Place) -> tuple:
    (head, key, d), c = index, run.config(name)
    w, kv = c.head_width, head // (c.n_heads // c.kv_heads)
    value = run.given(name, head)[key, d]
    if not c.projections or "W_O" in run.scene.off:
        own = d // w == head
        return value, "f = v" if own else "f = 0", [(name, (kv, key, d - head * w))] if own else []
    operands = [one for e in range(w) for one in ((name, (kv, key, e)), (f"{name[:-1]}W_O", (head * w + e, d)))]
    return value, rf"f_{{{d}}} = \sum_e v_e\,W^O_{{e,{d}}}", operands


def part_of(run: Run, name: str, index: Place) -> tuple:
    head, query, key = index
    row = run.carried(name, head)[query]
    operands = [(f"carried.{name}", (head, query, j)) for j in range(len(row))]
    return row[key] / row.sum() if row.any() else 0.0, r"x_k / \sum_j x_j", operands


def entering(run: Run, name: str) -> list[str]:
    """What a norm is given: the stream; behind a sublayer (post) what that gave, and the stream where it is added."""
    start, norm = name.rpartition("blocks.")[0], name.split(".")[-2]
    at, c = f"{start}blocks.{layer_of(name)}.", run.config(name)
    middle = "resid_mid_cross" if c.cross else "resid_mid"
    into = {"ln1": "resid_pre", "ln_cross": "resid_mid", "ln2": middle}[norm]
    if c.norm_at != "post":
        return [at + into]
    out = {"ln1": "attn_out", "ln_cross": "cross_out", "ln2": "mlp_out"}[norm]
    return [*([at + into] if c.residual else []), at + out]


def moment(which: str, side: str) -> Callable:
    def made(run: Run, name: str, index: Place) -> tuple:
        names = entering(run, name) if side == "before" else [name]
        x = sum(run[one][index] for one in names)
        value, formula = {
            "mean": (x.mean(), r"\mu = \frac1d \sum_i x_i"),
            "variance": (((x - x.mean()) ** 2).mean(), r"\sigma^2 = \frac1d \sum_i (x_i - \mu)^2"),
        }[which]
        return value, formula, [one for name in names for one in row_of(run, name)(*index)]

    return made


def alike_of(run: Run, name: str, index: Place) -> tuple:
    x, y = (run[name][place] for place in index)
    formula = r"\cos(x, y) = \frac{\sum_i x_i\,y_i}{\lVert x \rVert \lVert y \rVert}"
    operands = [one for place in index for one in row_of(run, name)(place)]
    return x @ y / np.sqrt((x @ x) * (y @ y)), formula, operands


def followed(tokens: Sequence[str], causal: bool, pattern: str) -> tuple[list[int], list[Place]]:
    """The queries that see another token than one; of these, who looks at whom in a head that follows a pattern."""
    n = len(tokens)
    sees = [range(q + 1) if causal else range(n) for q in range(n)]
    choice = [q for q in range(n) if len(sees[q]) > 1]
    follows = {
        "previous": lambda q, k: k == q - 1,
        "first": lambda q, k: k == 0,
        "itself": lambda q, k: k == q,
        "same": lambda q, k: k != q and tokens[k] == tokens[q],
        "induction": lambda q, k: 0 <= k - 1 < q and tokens[k - 1] == tokens[q],
    }
    there = follows.get(pattern, lambda q, k: True)
    return choice, [(q, k) for q in choice for k in sees[q] if there(q, k)]


def scored(a: np.ndarray, tokens: Sequence[str], causal: bool, pattern: str) -> tuple[float, list[Place] | None]:
    """How far a head's rows [query, key] follow a pattern, and the weights that say so; None of too few queries."""
    choice, places = followed(tokens, causal, pattern)
    if len({q for q, _ in places}) < 3:
        return 0.0, None
    if pattern != "uniform":
        return sum(a[place] for place in places) / len({q for q, _ in places}), places
    seen = {q: [k for at, k in places if at == q] for q in choice}
    uneven = [sum(abs(a[q, k] - 1 / len(keys)) for k in keys) / 2 for q, keys in seen.items()]
    return 1 - max(uneven), [*np.ndindex(a.shape)]


def score(pattern: str) -> Callable:
    """By loops over the queries (core.interpret.head_scores says the sources)."""

    def made(run: Run, name: str, index: Place) -> tuple:
        c, tokens = run.config(name), run.run.tokens
        if c.cross:
            tokens = tuple(map(str, run.run.trace.ids.tolist()))
        value, places = scored(run[name][index[0]], tokens, c.causal, pattern)
        if places is None:
            return value, r"0 \quad (n < 3)", []
        formula = r"\frac{1}{n} \sum_{q,k} A_{q,k}"
        if pattern == "uniform":
            formula = r"1 - \max_q \tfrac12 \sum_k \lvert A_{q,k} - \tfrac{1}{n_q} \rvert"
        return value, formula, [(name, (*index, *place)) for place in places]

    return made


def plane_of(run: Run, name: str, index: Place) -> tuple:
    """Queries and keys, each less their mean, in the two directions in which all of them spread most."""
    (head, position, component), c = index, run.config(name)
    kv, start, which = head // (c.n_heads // c.kv_heads), name[:-1], name[-1]
    q, k = run[start + "q"][head], run[start + "k"][kv]
    own = (q if which == "q" else k) - (q if which == "q" else k).mean(0)
    whole = np.concatenate([q - q.mean(0), k - k.mean(0)])
    formula = rf"\mathrm{{PC}}_{{{component + 1}}} = \sum_i w_i\,x_i - w \cdot \bar x"
    return (
        own[position] @ direction(whole, component),
        formula,
        row_of(run, name)(kv if which == "k" else head, position),
    )


def direction(x: np.ndarray, component: int) -> np.ndarray:
    """An eigenvector of the covariance, the greatest first, its greatest number above 0; 0 where nothing spreads."""
    centred = x - x.mean(0)
    sizes, vectors = np.linalg.eigh(centred.T @ centred)
    v = vectors[:, -1 - component]
    return v * np.sign(v[np.abs(v).argmax()]) if sizes[-1 - component] > 1e-9 * sizes[-1] else 0 * v


def share_of_logits(run: Run, name: str, index: Place) -> tuple:
    formula = r"e^{x_t} / \sum_j e^{x_j}"
    return probabilities(run[name][index[0]])[index[1]], formula, row_of(run, name)(index[0])


def log_share(run: Run, name: str, index: Place) -> tuple:
    value, _, operands = share_of_logits(run, name, index)
    return np.log(value), r"\ln p_t = x_t - \ln \sum_j e^{x_j}", operands


def surprise(run: Run, name: str, index: Place) -> tuple:
    follows = int(run.run.encoding.ids[index[0] + 1])
    p = probabilities(run[name][index[0]])[follows]
    return -np.log(p), r"-\ln p", [(f"probability.{name}", (index[0], follows))]


def named(run: Run, name: str, index: Place) -> tuple:
    """1 where this is the head's one name on this text."""
    head, label = index
    scores = {one: score(one)(run, name, (head,))[0] for one in LABELS}
    best = max(LABELS[:-1], key=scores.__getitem__)
    its = best if scores[best] >= 0.5 else "uniform" if scores["uniform"] >= 0.95 else None
    formula = r"[\,s_\ell \geq s_j,\ s_\ell \geq \tfrac12\,]"
    if LABELS[label] == "uniform":
        formula = r"[\,s_\ell \geq \tfrac{19}{20},\ \max_{j \neq \ell} s_j < \tfrac12\,]"
    return float(its == LABELS[label]), formula, [(f"score_{one}.{name}", (head,)) for one in LABELS]


EVERYWHERE: dict[str, Callable] = {  # what every page can be asked for
    "entropy": lambda run, name, index: look_of(run, name, index, "entropy"),
    "distance": lambda run, name, index: look_of(run, name, index, "distance"),
    "mean_entropy": mean_of("entropy"),
    "mean_distance": mean_of("distance"),
    "rolled": rolled_of,
    "mean_length": lambda run, name, index: (
        np.sqrt((run[name] ** 2).sum(-1)).mean(),
        r"\frac{1}{n} \sum_p \lVert x_p \rVert",
        [(f"length.{name}", (p,)) for p in range(len(run[name]))],
    ),
    "carried": carried_of,
    "carries": carries_of,
    "given": given_of,
    "entering": lambda run, name, index: (
        sum(run[one][index] for one in entering(run, name)),
        "x = x' + f(x')",
        [(one, index) for one in entering(run, name)],
    ),
    **{f"{which}_{side}": moment(which, side) for which in ("mean", "variance") for side in ("before", "after")},
    "zeros": lambda run, name, index: (
        np.mean([x == 0 for x in run[name][index]]),
        r"\frac1n \sum_j [h_j = 0]",
        row_of(run, name)(*index),
    ),
    "alike": alike_of,
    **{f"score_{name}": score(name) for name in LABELS},
    "plane": plane_of,
    "probability": share_of_logits,
    "log_probability": log_share,
    "surprise": surprise,
    "named": named,
}
ONE_TEXT = ("surprise", "named")  # where two stacks have none


def names_of(run: Run, kind: str) -> Iterable[str]:
    """The arrays of this run of which there are such numbers."""
    return (name for name in run.run.trace if re.fullmatch(derived.DERIVED[kind].of, name))


def is_made_so(here: World, number: tuple[str, Place], expected: tuple, rel: float = 1e-4) -> None:
    """Its value, its formula and its operands; each of them is where it says that it is."""
    value, formula, operands = expected
    found = here.explain(number)
    assert found.value == pytest.approx(value, rel=rel, abs=2e-6), number
    assert here.value(number) == found.value == found.recomputed()
    assert found.formula == formula, number
    assert sorted((one.name, one.index) for one in found.operands) == sorted(operands), number
    for one in random.Random(str(number)).sample(found.operands, min(4, len(found.operands))):
        assert here.value((one.name, one.index)) == pytest.approx(one.value, rel=rel, abs=2e-6), (number, one)
