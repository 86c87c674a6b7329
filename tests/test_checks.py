"""The checks: every answer by other arithmetic, on other seeds and sentences too; and no expression escapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import core
from core import CHECKS, Interventions, Scene
from core.checks import KINDS, belief_answers, distance, is_right, values
from core.checks.arrays import Arrays
from core.checks.check import Reader, beside_scene
from core.checks.expression import evaluate
from core.checks.functions import FUNCTIONS
from core.errors import CheckError
from core.interpret import probe_induction
from core.presets import PRESETS, hold
from core.tasks import TASKS
from core.train.training_run import TrainingRun, sized
from pictures import rounds
from pictures.pages import PAGES


@cache
def trace(scene: Scene) -> core.Trace:
    return core.run(scene).trace


def exchanged(scene: Scene, number: float) -> Scene:
    return scene.turn(edits=((4, 0, number),))


def differ(a: Scene, b: Scene, name: str, axes: tuple[int, ...] = (-1,), n: int | None = None) -> np.ndarray:
    """Along what is left of the axes, whether two Scenes' arrays differ."""
    return np.array(np.abs(trace(a)[name] - trace(b)[name]).max(axes)[:n] > 1e-6)


def soft(x: np.ndarray) -> np.ndarray:
    weights = np.exp(x - x.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def penguin_row(scene: Scene, query: int) -> np.ndarray:
    """The weights of a row, from the embeddings alone: there are no matrices."""
    x = trace(scene)["embed"].astype(np.float64)
    return soft(x[query] @ x.T / 2)


def scores(scene: Scene, head: int = 0) -> np.ndarray:
    """Of the first layer, from q and k."""
    q, k = (trace(scene)[f"blocks.0.attn.{name}"][head].astype(np.float64) for name in "qk")
    return q @ k.T


def last(scene: Scene, token: int) -> np.ndarray:
    return trace(scene)[f"blocks.{scene.config.n_layers - 1}.resid_post"][token]


def without_head(scene: Scene) -> np.ndarray:
    """[layer, head]: how much the last word's stream changes where the whole model runs without a head."""
    gone = np.zeros((scene.config.n_layers, scene.config.n_heads))
    for place in np.ndindex(gone.shape):
        gone[place] = np.linalg.norm(last(scene.turn(ablated={place}), 4) - last(scene, 4)) / np.linalg.norm(
            last(scene, 4)
        )
    return gone


def without_key(scene: Scene) -> np.ndarray:
    """[key]: how long the vector is that one weight of the chosen row brings, by which its layer's stream changes."""
    (layer, head), (query, _) = scene.place, scene.cell
    a, v = (trace(scene)[f"blocks.{layer}.attn.{name}"][head] for name in ("pattern", "v"))
    W_O = core.run(scene).params[f"blocks.{layer}.attn.W_O"].reshape(scene.config.n_heads, -1, scene.config.d_model)
    return np.array([np.linalg.norm(weight * value @ W_O[head]) for weight, value in zip(a[query], v, strict=True)])


def tokens(scene: Scene) -> list[int]:
    """What is written, by a loop that reads logits and draws for itself."""
    run = core.run(scene)
    steps = core.generate(
        run.params,
        scene.whole,
        run.encoding.ids[: scene.config.n_ctx - 1],
        max_new_tokens=min(scene.max_new_tokens, scene.config.n_ctx - len(scene.tokens)),
        seed=scene.draw_seed,
        cache=False,
    )
    return [step.token for step in steps]


def growth(scene: Scene) -> float:
    """How many times as long as the vectors that enter those are that leave."""
    enters, leaves = (
        np.sqrt((trace(scene)[f"blocks.{at}"] ** 2).sum(1)).mean() for at in ("0.resid_pre", "3.resid_post")
    )
    return float(leaves / enters)


def induction_lost(scene: Scene, head: int) -> float:
    run = core.run(scene)
    whole, less = (
        probe_induction(run.params, run.config, Interventions(ablated=ablate))[1].max() for ablate in ((), ((0, head),))
    )
    return float(whole - less)


def trained(scene: Scene, rate: float) -> float:
    task = TASKS[scene.task]()
    run = TrainingRun.start(task, sized(task.config, scene.train_size), scene.train_seed, scene.batch_size, rate)
    run.advance(999, scene.train_step)
    return run.watch(run.step, run.state.params).loss


def same(x: np.ndarray, y: np.ndarray) -> bool:
    return np.allclose(x, y, atol=1e-4)


def all_named(scene: Scene) -> dict[tuple[int, int], str]:
    """The heads that give one kind of key more than half of the weight, the mean over queries with a choice."""
    found = {}
    for layer in range(4):
        for head, a in enumerate(trace(scene)[f"blocks.{layer}.attn.pattern"]):
            rows = range(1, 5)
            means = {
                "previous": np.mean([a[i, i - 1] for i in rows]),
                "first": np.mean([a[i, 0] for i in rows]),
                "itself": np.mean([a[i, i] for i in rows]),
            }
            best = max(means, key=means.__getitem__)
            if means[best] >= 0.5:
                found[layer, head] = best
    return found


def kept_names(scene: Scene) -> int:
    first, second, third = (all_named(scene.turn(seed=scene.seed + more)) for more in range(3))
    return len(first.items() & second.items() & third.items())


def favourites(scene: Scene) -> int:
    """Different likeliest tokens at three temperatures."""
    logits = trace(scene)["logits"][-1].astype(np.float64)
    return len({int(soft(logits / heat).argmax()) for heat in (0.5, 1, 2)})


TRUTHS: dict[str, Callable[[Scene], Any]] = {
    "rows-sum-to-one": lambda s: penguin_row(s, 3).sum(),
    "same-score-other-weight": lambda s: (
        "more"
        if penguin_row(s, 3)[1] > penguin_row(s, 1)[3] + 1e-3
        else "less"
        if penguin_row(s, 3)[1] < penguin_row(s, 1)[3] - 1e-3
        else "same"
    ),
    "score-of-zero": lambda s: penguin_row(s, 0),
    "row-by-hand": lambda s: penguin_row(s, 3),
    "mask-is-minus-infinity": lambda s: soft(np.where(np.tri(5, dtype=bool), scores(s) / 4, 0))[1, 2:].sum(),
    "mask-before-softmax": lambda s: (soft(scores(s) / 4) * np.tri(5))[1].sum(),
    "mask-hides-later-keys": lambda s: (0, 1),
    "scale-is-the-head-s": lambda s: 64 / 16 / 2,
    "scale-keeps-it-soft": lambda s: soft(scores(s))[4].max(),
    "two-matrices-two-roles": lambda s: "same" if same(scores(s)[3, 1], scores(s)[1, 3]) else "different",
    "values-choose-nobody": lambda s: differ(s, s.switch(W_V=False), "blocks.0.attn.pattern", ()).sum(),
    "inputs-are-no-queries": lambda s: (
        "same" if same(trace(s)["blocks.0.resid_pre"][3, :16], trace(s)["blocks.0.attn.q"][0, 3]) else "different"
    ),
    "key-and-value-differ": lambda s: (
        "same" if same(trace(s)["blocks.0.attn.k"][0, 1], trace(s)["blocks.0.attn.v"][0, 1]) else "different"
    ),
    "rotary-leaves-values": lambda s: sum(
        same(trace(s)[f"blocks.0.attn.{name}"][0, 0], trace(s)[f"blocks.0.attn.{name}"][0, 3])
        for name in ("rot_q", "rot_k", "v")
    ),
    "heads-read-all-of-x": lambda s: differ(s, s.turn(edits=()), "blocks.0.attn.pattern", (1, 2)).sum(),
    "heads-share-the-parameters": lambda s: (
        "same"
        if len({sum(p.size for p in core.init_params(c).values()) for c in (s.config, s.config.replace(n_heads=1))})
        == 1
        else "more"
    ),
    "mlp-reads-one-word": lambda s: differ(s, exchanged(s, 9), "blocks.1.resid_post", n=4).sum(),
    "names-are-luck": kept_names,
    "heads-work-together": lambda s: (
        ("head_1", "head_0") if induction_lost(s, 1) > induction_lost(s, 0) else ("head_0", "head_1")
    ),
    "weight-is-not-importance": lambda s: (3, int(without_key(s).argmax())),
    "seeing-is-not-why": lambda s: tuple(map(int, np.unravel_index(without_head(s).argmax(), (4, 4)))),
    "all-words-at-once": lambda s: differ(s, exchanged(s, 9), "blocks.1.resid_post", n=4).sum(),
    "looks-are-not-mutual": lambda s: sum(
        trace(s)[f"blocks.{i}.attn.pattern"][h, 1, 3] != 0 for i in range(4) for h in range(4)
    ),
    "no-order-without-positions": lambda s: "same" if same(last(s, 0), last(s, 3)) else "apart",
    "mask-is-a-clock": lambda s: "same" if same(last(s, 0), last(s, 3)) else "apart",
    "positions-keep-the-word": lambda s: sum(
        int(np.abs(core.run(s).params["embed.W_E"] - x).__pow__(2).sum(1).argmin()) == i
        for x, i in zip(trace(s)["blocks.0.resid_pre"], s.encoding.ids, strict=True)
    ),
    "norm-reads-one-word": lambda s: differ(s, exchanged(s, 50), "blocks.0.ln1.normalized", n=4).sum(),
    "pre-norm-lets-it-grow": lambda s: (
        ("pre", "post") if growth(s) > growth(s.override(norm_at="post")) else ("post", "pre")
    ),
    "every-place-foretells": lambda s: differ(s, exchanged(s, 9), "logits").sum(),
    "cache-keeps-keys-and-values": lambda s: sum(
        not np.allclose(a, b, atol=1e-5)
        for a, b in zip(
            trace(s)["blocks.3.ln1.out"], trace(s.turn(sentence=f"{s.text} mesmo"))["blocks.3.ln1.out"], strict=False
        )
    ),
    "temperature-keeps-the-favourite": favourites,
    "draws-write-other-texts": lambda s: len({tuple(tokens(s.turn(draw_seed=s.draw_seed + i))) for i in range(3)}),
    "writing-teaches-nothing": lambda s: sum(
        a != b for a, b in zip(tokens(s), [step.token for step in core.write(s).steps], strict=True)
    ),
    "unknown-words-are-one": lambda s: (
        "same"
        if len({core.run(s.turn(sentence=f"O pinguim viu um {w}")).encoding.ids[-1] for w in ("tatu", "robô")}) == 1
        else "different"
    ),
    "loss-starts-at-the-logarithm": lambda s: np.mean(
        [
            -np.log(soft(row.astype(np.float64))[i])
            for row, i in zip(trace(s)["logits"], s.encoding.ids[1:], strict=False)
        ]
    ),
    "nobody-wrote-the-rule": lambda s: guessed(s),
    "fibres-cross": lambda s: {2: "article", 3: "noun", 4: "adjective"}[
        max(range(9), key=lambda k: trace(s)["blocks.1.cross.q"][2, 2] @ trace(s)["blocks.1.cross.k"][2, k])
    ],
    "cross-attention-off": lambda s: (
        "same"
        if greedy(s) == greedy(s.turn(sentence="o pinguim dorme no gelo .")) != greedy(s.switch(cross=True))
        else "other"
    ),
    "first-takes-most": lambda s: len(rest_on_the_first(s)) / (s.config.n_layers * s.config.n_heads),
    "first-is-a-place": lambda s: stays(rest_on_the_first(s), rest_on_the_first(some_instead_of_the(s))),
    "first-brings-little": lambda s: value_lengths(s)[0] / value_lengths(s)[1:].mean(),
    "a-rate-too-high": lambda s: tuple(
        name for _, name in sorted((trained(s, rate), f"rate_{rate}") for rate in (0.1, 0.01, 0.001))
    ),
}


def rest_on_the_first(scene: Scene) -> set[tuple[int, int]]:
    """The heads that give the first token more than half, the mean over the rows below it."""
    return {
        (layer, head)
        for layer in range(scene.config.n_layers)
        for head, a in enumerate(trace(scene)[f"blocks.{layer}.attn.pattern"])
        if sum(row[0] for row in a[1:]) > (len(a) - 1) / 2
    }


def some_instead_of_the(scene: Scene) -> Scene:
    return scene.turn(sentence=scene.sentence.replace("The ", "Some "))


def stays(before: set[tuple[int, int]], after: set[tuple[int, int]]) -> str:
    if not before:
        return "none"
    return "leave" if len(before & after) < len(before - after) else "stay"


def value_lengths(scene: Scene) -> np.ndarray:
    """How long the values are that the first head of the layer carries, from what enters the layer."""
    run, layer = core.run(scene), scene.place[0]
    W_V, b_V = (run.params.get(f"blocks.{layer}.attn.{name}") for name in ("W_V", "b_V"))
    values = run.trace[f"blocks.{layer}.ln1.out"].astype(np.float64) @ W_V + (0 if b_V is None else b_V)
    return np.sqrt((values[:, : scene.config.head_width] ** 2).sum(1))


def greedy(scene: Scene) -> list[int]:
    """What a translator writes, all of it read again for each word."""
    ids, period = list(scene.encoding.ids[:1]), scene.preset.tokenizer.tokens.index(".")
    while ids[-1] != period and len(ids) < scene.config.n_ctx:
        change, source = Interventions(off=frozenset(scene.off)), scene.encoding.ids
        run = core.forward(scene.preset.learned, scene.whole, np.array(ids), source=source, interventions=change)
        ids.append(int(run["logits"][-1].argmax()))
    return ids


def guessed(scene: Scene) -> float:
    """The share of right guesses of a model that was only drawn."""
    task = TASKS[scene.task]()
    batch = task.batch(0, 32, scene.train_seed, held_out=True)
    logits = core.forward(core.init_params(task.config, scene.train_seed), task.config, batch.ids)["logits"]
    return float(np.mean([logits[i].argmax() == batch.targets[i] for i in zip(*np.nonzero(batch.mask), strict=True)]))


def asked() -> list[Any]:
    return [
        pytest.param(name, i, id=f"{name}-{i}")
        for name, check in CHECKS.items()
        for i in range(6 if check.varies else 1)
    ]


@pytest.mark.parametrize(("name", "i"), asked())
def test_every_answer_is_found_by_other_arithmetic(name, i):
    check = CHECKS[name]
    scene = check.variant(i)
    assert (scene == check.scene) == (i == 0) and check.asked(scene) == scene
    if check.page == "train" and i:  # a run takes a second: of other seeds only that the answer is what is taught
        assert check.kind == "number" or core.answer(check, scene)[0] == "rate_0.01"
        return
    found, truth = core.answer(check, scene), TRUTHS[name](scene)
    if check.kind in ("number", "row"):
        np.testing.assert_allclose(found, truth, atol=1e-4)
        low, high = check.scale
        assert low <= np.min(found) and np.max(found) <= high
    else:
        assert found == truth


OF_ANY = [name for name, check in CHECKS.items() if check.any_model]


@pytest.mark.parametrize("name", OF_ANY)
def test_a_question_of_any_model_is_asked_of_a_real_one_that_writes(name):
    check, shipped = CHECKS[name], PRESETS["machado"]
    config = replace(shipped.config, causal=False)  # as of a model that reads both ways, and writes nothing
    held = hold("real-writes", replace(shipped)), hold("real-reads", replace(shipped, config=config))
    written, read = (Scene(model=name, seed=3) for name in ("real-writes", "real-reads"))
    asked = check.of(written)
    assert asked == check.scene.turn(model="real-writes") == check.asked(written)
    assert asked.sentence == check.scene.sentence and asked.preset is held[0]
    assert check.of(read) == check.of(Scene(model="stories")) == check.of(None) == check.scene == check.variant(1)
    found, truth = core.answer(check, asked), TRUTHS[name](asked)
    assert found == truth if check.kind == "choose" else found == pytest.approx(truth, abs=1e-4)
    assert rounds.asked(name, rounds.varied(check, written)) == (check, asked)
    assert rounds.asked(name, rounds.varied(check, read)) == (check, check.scene)


def sinking(scene: Scene, heads: set[tuple[int, int]]) -> dict[str, np.ndarray]:
    """Patterns of which these heads give the first token most."""
    n, made = len(scene.tokens), {}
    for layer in range(scene.config.n_layers):
        a = np.full((scene.config.n_heads, n, n), 1 / n)
        for _, head in (place for place in heads if place[0] == layer):
            a[head] = np.eye(n)[0]
        made[f"blocks.{layer}.attn.pattern"] = a
    return made


def run_of(scene: Scene, trace: dict[str, np.ndarray]) -> SimpleNamespace:
    return SimpleNamespace(trace=trace, params={}, tokens=scene.tokens, config=scene.config)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ((), ((0, 0),), "none"),
        (((0, 0), (1, 2), (3, 3)), ((0, 0), (3, 3)), "stay"),
        (((0, 0), (1, 2), (3, 3)), ((0, 0), (2, 2), (2, 3)), "leave"),
        (((0, 0), (1, 2)), ((0, 0),), "stay"),
    ],
)
def test_what_heads_do_once_another_word_stands_first(before, after, told, monkeypatch):
    check = CHECKS["first-is-a-place"]
    patterns = {check.scene: sinking(check.scene, {*before})}
    beside = beside_scene(check, check.scene, "other")
    patterns[beside] = sinking(beside, {*after})
    monkeypatch.setattr("core.checks.arrays.run", lambda scene: run_of(scene, patterns[scene]))
    assert core.answer(check) == told
    share = len(before) / 16
    assert core.answer(CHECKS["first-takes-most"]) == pytest.approx(share)


def test_every_belief_has_a_check_and_every_check_a_truth():
    assert TRUTHS.keys() == CHECKS.keys()
    assert {check.belief for check in CHECKS.values()} >= {*range(1, 33)}
    assert {check.kind for check in CHECKS.values()} == {*KINDS}
    assert {check.page for check in CHECKS.values()} <= {*PAGES}


def test_a_reader_who_believes_otherwise_is_wrong_on_the_check_s_own_scene():
    for check in CHECKS.values():
        truth, wrong = values(check), belief_answers(check)
        assert bool(wrong) == bool(check.wrong) and not any(is_right(check, one, truth) for one in wrong), check.name
        assert is_right(check, core.answer(check), truth)


def test_a_check_of_a_scene_that_lacks_what_it_reads_is_refused():
    with pytest.raises(CheckError, match="has no array"):
        core.answer(CHECKS["every-place-foretells"], Scene())
    with pytest.raises(core.FibraError, match="check: 'x' is not a Check"):
        core.answer("x")


def test_distances():
    row, head, number = (CHECKS[name] for name in ("row-by-hand", "seeing-is-not-why", "rows-sum-to-one"))
    assert distance(row, [1, 0, 0, 0], np.array([0.25, 0.25, 0.25, 0.25])) == 0.75
    assert distance(number, 0.5, np.array(1.0)) == 0.5
    assert distance(head, (0, 1), np.array([[0.1, 0.3], [0.5, 0.2]])) == pytest.approx(0.2)
    order = CHECKS["a-rate-too-high"]
    assert distance(order, order.options, np.array([3.0, 1.0, 2.0])) == 1
    assert is_right(order, order.options[::-1], np.array([2.0, 2.0, 2.0])), "equals may stand in any order"
    cell = CHECKS["mask-hides-later-keys"]
    hidden = values(cell)
    assert [is_right(cell, place, hidden) for place in ((0, 1), (3, 4), (4, 3), (2, 2))] == [True, True, False, False]


# ------------------------------------------------------------------------------------------------------- expressions


HOSTILE = [
    *("__import__('os').system('true')", "().__class__", "at.__globals__", "(lambda: 1)()", "[i for i in (1, 2)]"),
    *("at(name='embed')", "at(*(1,))", "open('x')", "1 if 1 else 2", "f'{1}'", "n := 1", "True", "None", "...", "1j"),
    *("9 ** 9", "1 << 9", "2 // 1", "5 % 2", "not 1", "1 and 2", "1 < 2 < 3", "1 in (1, 2)", "'a' * 1000000000"),
    *("(1,) * 1000000000", "'a' + 'b'", "at('embed')['x']", "at('embed')[(1, 'x')]", "1e999", "9999999999", "at(5)"),
    *(
        "sum",
        "at('embed', 'beside')",
        "at('../../etc/passwd')",
        "sum(at)",
        "1 / 0",
        "max('x')",
        "positions(1000000000)",
    ),
    *("distances(1, 2)", "{1: 2}", "{1}", "b'x'", "", "(", "1; 2", "import os", "x" * 2000, "(" * 400 + ")" * 400),
    *(
        "-" * 900 + "1",
        "1" + "+1" * 450,
        "sum(1, 2, 3)",
        "at('embed')[0, 0, 0, 0]",
        "pick(at('embed'))",
        "\0",
        "norm()",
    ),
    *("sum(positions(4000000) + at('blocks.0.ln1.scale'))", "'x'", "at('embed').T", "exp('x')", "argmax(positions(0))"),
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:40])
def test_a_hostile_expression_is_refused(text):
    check = replace(CHECKS["every-place-foretells"], beside={})
    with pytest.raises(CheckError) as error:
        core.answer(replace(check, expression=text))
    assert len(str(error.value)) < 400 and str(error.value).isprintable()


def test_what_an_expression_may_say():
    x = np.arange(12.0).reshape(3, 4)
    names, functions = {"x": x, "i": 1}, FUNCTIONS | {"at": lambda name: x}

    def told(text: str) -> Any:
        return evaluate(text, names, functions)

    assert told("sum(x[i, 1:3]) - -2 * 3") == 11 + 6
    assert told('max(at("x"), 1)[2] / 2') == 5.5
    assert told("argmin(abs(x[:, 1] - 5))") == 1 and told("pick(x[0, 0] > 1, x[2, 3] == 11)") == 1
    assert told("count((x > 3) * (x < 6))") == 2 and told("mean((1, 2, 6))") == 3
    assert told("distinct(x, x + 0, x + 1)") == 2
    np.testing.assert_allclose(told("distances(x, x)")[0], [0, 8, 16])
    np.testing.assert_allclose(told("exp(log(x[1]))"), x[1])


def test_a_scene_beside_differs_in_what_it_says():
    check = CHECKS["names-are-luck"]
    assert beside_scene(check, check.variant(3), "third") == check.scene.turn(seed=5)
    assert Reader(check, check.scene).names["n"] == 5
    assert Arrays(Scene()).read("blocks.{last}.attn.pattern") is not None
