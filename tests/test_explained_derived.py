"""Every number that pages draw and no trace holds: its value, its formula and its operands are those of its definition
(tests/derived_by_hand.py). What a page has not it refuses."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import core
from core import ConfigError, Scene
from core.interpret import ANSWERS, LABELS
from pictures import cause, continuation, habits
from pictures.explained import derived
from pictures.pages import PAGES
from tests.derived_by_hand import (
    EVERYWHERE,
    GPT,
    ONE_TEXT,
    PATTERN,
    SCENES,
    Run,
    change,
    direction,
    is_made_so,
    layer_of,
    names_of,
    of,
    part_of,
    probabilities,
    row_of,
    scored,
)


@pytest.mark.parametrize("named_scene", SCENES)
@pytest.mark.parametrize("kind", EVERYWHERE)
def test_a_number_is_what_its_definition_gives(kind: str, named_scene: str) -> None:
    run, here, draw = Run(SCENES[named_scene]), of("attention", SCENES[named_scene]), random.Random(kind)
    if kind in ONE_TEXT and run.config("").n_encoder_layers:
        assert not any(here.has((f"{kind}.{name}", index)) for name in names_of(run, kind) for index in ((0,), (0, 0)))
        return
    for name in names_of(run, kind):
        size = here.shape(f"{kind}.{name}")
        most = tuple(n - 1 for n in size)
        for index in {most, *draw.sample([*np.ndindex(size)], min(3, np.prod(size)))}:
            is_made_so(here, (f"{kind}.{name}", index), EVERYWHERE[kind](run, name, index))
        assert here.has((f"{kind}.{name}", most))
        for axis in range(len(size)):  # and one further there is none
            for wrong in (size[axis], -1):
                assert not here.has((f"{kind}.{name}", (*most[:axis], wrong, *most[axis + 1 :]))), (name, axis)


HIDING = Scene(model="stories", without_first=True, rows_renormalized=True, layer=1)


@pytest.mark.parametrize("scene", [HIDING, GPT.turn(without_first=True), Scene(without_first=True)])
def test_a_weight_of_a_row_that_is_divided_is_its_share_of_what_is_shown(scene: Scene) -> None:
    run, here = Run(scene), of("attention", scene)
    special = scene.preset.tokenizer.special if scene.preset.tokenizer else ()
    shown = [i for i, token in enumerate(run.run.encoding.ids.tolist()) if i > 0 and token not in special]
    for name in (PATTERN.replace("1", "0"), PATTERN)[: run.config("").n_layers]:
        for head, query, key in ((0, run.n - 1, 1), (len(run[name]) - 1, run.n - 2, run.n - 2), (0, run.n - 1, 0)):
            row = run[name][head, query]
            total = sum(row[j] for j in shown)
            operands = [(name, (head, query, key)), *((name, (head, query, j)) for j in shown if j != key)]
            formula = r"A_{q,k} / \sum_{j\ \text{shown}} A_{q,j}"
            number = (f"renormalized.{name}", (head, query, key))
            is_made_so(here, number, (row[key] / total if total else 0.0, formula, operands))
            found = here.explain(number)
            assert (found.operands[0].name, found.operands[0].index) == (name, (head, query, key))
            ones = np.ones(len(found.operands))
            assert found.rule(ones) == 1 / len(shown) and found.rule(0 * ones) == 0
    for name in LABELS:  # and a head's scores are of what is shown
        for head in range(len(run["blocks.0.attn.pattern"])):
            there = np.array(shown)
            rows = run[PATTERN.replace("1", "0")][head][there][:, there]
            sums = rows.sum(-1, keepdims=True)
            own = np.divide(rows, sums, out=np.zeros_like(rows), where=sums > 0)
            number = (f"score_{name}.blocks.0.attn.pattern", (head,))
            expected = scored(own, [run.run.tokens[i] for i in shown], run.config("").causal, name)[0]
            expected = 0.0 if name == "first" else expected
            assert here.value(number) == pytest.approx(expected, rel=1e-4, abs=1e-6), number
            operands = here.explain(number).operands
            assert all(one.name.startswith("renormalized.") and {*one.index[1:]} <= {*shown} for one in operands)


OFF = GPT.turn(ablated=((0, 1),), query=3)
WITHOUT = {"gpt": GPT.turn(query=3), "off": OFF, "stories": Scene(model="stories", query=2), "plain": Scene(query=2)}


def stream_without(scene: Scene, layer: int, head: int) -> tuple[np.ndarray, np.ndarray]:
    """The last block's output without a head, and the last position's logits (nothing, where there are none)."""
    there = Run(scene.turn(ablated={*scene.ablated, (layer, head)}))
    last = f"blocks.{there.config('').n_layers - 1}.resid_post"
    return there[last], there["logits"][-1] if there.config("").unembed else np.zeros(0)


@pytest.mark.parametrize("page", ["reading", "heads"])
@pytest.mark.parametrize("named_scene", WITHOUT)
def test_what_a_head_or_a_key_changes_is_what_a_run_without_it_says(named_scene: str, page: str) -> None:
    scene = WITHOUT[named_scene]
    run, here, draw = Run(scene), of(page, scene), random.Random(1)
    c = run.config("")
    last = f"blocks.{c.n_layers - 1}.resid_post"
    for layer in range(c.n_layers):
        head, z = draw.randrange(c.n_heads), f"blocks.{layer}.attn.z"
        off = head in run.off(z)
        stream, logits = stream_without(scene, layer, head)
        changed, start = change(run[last], stream), f"without.{layer}.{head}."
        for p in (0, run.n - 1):
            operands = [(begin + last, (p, d)) for begin in ("", start) for d in range(c.d_model)]
            expected = (changed[p], r"\lVert x' - x \rVert / \lVert x \rVert", operands)
            is_made_so(here, (f"change.{z}", (head, p)), expected)
        formula = r"\frac{100}{n} \sum_p \lVert x'_p - x_p \rVert / \lVert x_p \rVert"
        operands = [(f"change.{z}", (head, p)) for p in range(run.n)]
        is_made_so(here, (f"effect.{z}", (head,)), (100 * changed.mean(), formula, operands))
        assert (here.value((f"effect.{z}", (head,))) == 0) == off
        if c.unembed:
            moved = np.abs(probabilities(logits) - probabilities(run["logits"][-1])).sum() / 2
            places = [(run.n - 1, t) for t in range(c.vocab_size)]
            operands = [(begin + "logits", place) for begin in ("", start) for place in places]
            number = (f"variation.{z}", (head,))
            is_made_so(here, number, (moved, r"\tfrac12 \sum_t \lvert p'_t - p_t \rvert", operands), rel=1e-3)
        assert here.has((f"variation.{z}", (head,))) == c.unembed
    name, query = f"blocks.{scene.layer}.attn.pattern", scene.query
    moved = [moved_without(run, scene.layer, 0, query, key) for key in range(run.n)]
    for key in (0, query):
        start = f"left.{scene.layer}.0.{query}.{key}."
        operands = [(begin + last, (query, d)) for begin in ("", start) for d in range(c.d_model)]
        formula = r"\lVert x' - x \rVert / \lVert x \rVert"
        is_made_so(here, (f"key_effect.{name}", (0, query, key)), (moved[key], formula, operands), rel=1e-3)
        operands = [(f"key_effect.{name}", (0, query, j)) for j in range(run.n)]
        expected = (moved[key] / sum(moved), r"x_k / \sum_j x_j", operands)
        is_made_so(here, (f"effect_part.{name}", (0, query, key)), expected, rel=1e-3)
        found = here.explain((f"effect_part.{name}", (0, query, key)))
        assert found.rule(np.zeros(run.n)) == 0 and found.rule(np.arange(run.n)) == key / sum(range(run.n))
        number = (f"carried_part.{name}", (0, query, key))
        is_made_so(here, number, part_of(run, name, number[1]))
    near = here.explain((f"key_effect.{name}", (0, query, 0)))
    was = np.array([one.value for one in near.operands[: c.d_model]])
    for much, counts in ((1e-6, False), (1e-3, True)):  # what is rounding alone is nothing
        assert (near.rule(np.concatenate([was, (1 + much) * was])) != 0) == counts
    assert here.has(("lost." + last, (0,))) == bool(scene.ablated)
    if scene.ablated:
        whole = Run(scene.turn(ablated=()))
        for p in (0, run.n - 1):
            operands = [(begin + last, (p, d)) for begin in ("whole.", "") for d in range(c.d_model)]
            expected = change(whole[last], run[last])[p], r"\lVert x' - x \rVert / \lVert x \rVert", operands
            is_made_so(here, (f"lost.{last}", (p,)), expected)


def moved_without(run: Run, layer: int, head: int, query: int, key: int) -> float:
    """How far a query's last vector is from what it is where the head mixes no value of a key into its output."""
    name, c = f"blocks.{layer}.attn.z", run.config("")
    z = np.array(run[name])
    if head not in run.off(name):
        kv = head // (c.n_heads // c.kv_heads)
        z[head, query] -= run[f"blocks.{layer}.attn.pattern"][head, query, key] * run[f"blocks.{layer}.attn.v"][kv, key]
    patch = replace(run.run.trace.interventions, patch={name: z.astype(np.float32)})
    params, whole = run.run.params, run.scene.whole
    trace = core.forward(params, whole, embeddings=run.run.embeddings, interventions=patch)
    last = f"blocks.{c.n_layers - 1}.resid_post"
    return float(change(run[last], np.asarray(trace[last], np.float64))[query])


def test_of_two_stacks_heads_and_keys_are_left_out_where_they_look() -> None:
    scene = Scene(model="translator", attention_of="encoder", layer=0, head=1, query=2)
    here, run = of("heads", scene), Run(scene)
    number = ("reached.encoder.blocks.0.attn.z", (1, 2))
    there = core.forward(
        run.run.params,
        scene.whole,
        run.run.target,
        source=run.run.encoding.ids,
        interventions=core.Interventions(ablated=frozenset({(0, 1, "encoder")})),
    )
    c = run.config("")
    last = f"blocks.{c.n_layers - 1}.resid_post"
    operands = [(begin + last, (2, d)) for begin in ("", "without_encoder.0.1.") for d in range(c.d_model)]
    value = change(run[last], np.asarray(there[last], np.float64))[2]
    is_made_so(here, number, (value, r"\lVert x' - x \rVert / \lVert x \rVert", operands), rel=1e-3)
    inside = f"encoder.blocks.{c.n_encoder_layers - 1}.resid_post"
    value = change(run[inside], np.asarray(there[inside], np.float64))
    begins = ("", "without_encoder.0.1.")
    operands = [(begin + inside, (3, d)) for begin in begins for d in range(c.encoder.d_model)]
    expected = (value[3], r"\lVert x' - x \rVert / \lVert x \rVert", operands)
    is_made_so(here, ("change.encoder.blocks.0.attn.z", (1, 3)), expected, rel=1e-3)
    operands = [("change.encoder.blocks.0.attn.z", (1, p)) for p in range(len(value))]
    formula = r"\frac{100}{n} \sum_p \lVert x'_p - x_p \rVert / \lVert x_p \rVert"
    is_made_so(here, ("effect.encoder.blocks.0.attn.z", (1,)), (100 * value.mean(), formula, operands), rel=1e-3)
    assert not here.has(("variation.encoder.blocks.0.attn.z", (1,))), "an encoder foretells no token"


CUT = GPT.turn(cut=((0, 0, 3, 1), (1, 1, 4, 2)))


def test_what_a_cut_costs_is_how_far_it_moves_a_vector() -> None:
    run, whole, here = Run(CUT), Run(CUT.turn(cut=())), of("fibres", CUT)
    for name in ("blocks.1.resid_post", "blocks.0.resid_post", "ln_final.out"):
        for p in (3, 4):
            operands = [(begin + name, (p, d)) for begin in ("", "uncut.") for d in range(16)]
            value = np.linalg.norm(whole[name][p] - run[name][p]) / np.linalg.norm(whole[name][p])
            formula = r"\lVert x' - x \rVert / \lVert x \rVert"
            is_made_so(here, (f"cut.{name}", (p,)), (value, formula, operands))
    assert not of("fibres", GPT).has(("cut.blocks.1.resid_post", (3,)))


@pytest.mark.parametrize("scene", [GPT, GPT.turn(without_first=True), Scene(), Scene(model="translator")])
def test_a_point_of_a_drift_is_along_an_eigenvector_of_all_vectors(scene: Scene) -> None:
    run, here = Run(scene), of("drift", scene)
    c, two = run.config(""), run.config("").n_encoder_layers
    parts = [("encoder.", c.n_encoder_layers), ("", c.n_layers)] if two else [("", c.n_layers)]
    deepest, first = max(n for _, n in parts), int(scene.without_first)
    vectors = []
    for stage in range(deepest + 1):
        for start, n in parts:
            name = f"{start}blocks.0.resid_pre" if not stage else f"{start}blocks.{min(stage, n) - 1}.resid_post"
            vectors += [(name, p) for p in range(first, len(run[name]))]
    x = np.stack([run[name][p] for name, p in vectors])
    centred, total = x - x.mean(0), ((x - x.mean(0)) ** 2).sum()
    for component in range(3):
        w = direction(x, component)
        formula = rf"\mathrm{{PC}}_{{{component + 1}}} = \sum_i w_i\,x_i - w \cdot \bar x"
        for (name, p), own in list(zip(vectors, centred, strict=True))[:: max(1, len(x) // 4)]:
            operands = row_of(run, name)(p)
            is_made_so(here, (f"drift.{name}", (p, component)), (own @ w, formula, operands), rel=1e-3)
            found = here.explain((f"drift.{name}", (p, component)))
            assert [t.factor for t in found.terms if t.operands] == pytest.approx(w.tolist(), abs=1e-4)
        share = ((centred @ w) ** 2).sum() / total
        formula = r"\sum_x \mathrm{PC}_i(x)^2 / \sum_x \lVert x - \bar x \rVert^2"
        operands = [*{(f"drift.{name}", (p, component)) for name, p in vectors}, ("scatter.embed", (0,))]
        is_made_so(here, ("variance.embed", (component,)), (share, formula, operands))
    for name, p in vectors[:: max(1, len(x) // 4)]:
        away = ((run[name][p] - x.mean(0)) ** 2).sum()
        formula = r"\lVert x - \bar x \rVert^2 = \sum_d (x_d - \bar x_d)^2"
        is_made_so(here, (f"away.{name}", (p,)), (away, formula, row_of(run, name)(p)))
    operands = [*{(f"away.{name}", (p,)) for name, p in vectors}]
    is_made_so(here, ("scatter.embed", (0,)), (total, r"\sum_x \lVert x - \bar x \rVert^2", operands))
    size = here.shape("drift.blocks.0.resid_pre")
    assert size == (len(run["blocks.0.resid_pre"]), 3) and here.shape("away.blocks.0.resid_pre") == size[:1]
    assert here.shape("variance.embed") == (3,) and here.shape("scatter.embed") == (1,)


@pytest.mark.parametrize("breaks", [False, True])
@pytest.mark.parametrize("back", [False, True])
def test_a_patch_moves_the_difference_towards_the_other_run(breaks: bool, back: bool) -> None:
    """back: the candidates the other way round, so that the difference falls where it rose."""
    scene = Scene(model="stories", sentence=cause.CLEAN, other_sentence=cause.OTHER, cause_break=breaks)
    word, rival = cause.Pair.of(scene).candidates[:: -1 if back else 1]
    scene = scene.turn(cause_word=word, cause_rival=rival)
    here = of("cause", scene)
    clean, other = (Run(Scene(model="stories", sentence=text)) for text in (cause.CLEAN, cause.OTHER))
    target, source = (clean, other) if breaks else (other, clean)
    start = "" if breaks else "other."

    def gap(logits: np.ndarray) -> float:
        return float(logits[-1, word]) - float(logits[-1, rival])

    rises = gap(source["logits"]) >= gap(target["logits"])
    n = clean.n - 1
    formula = "x_a - x_b"
    is_made_so(
        here, ("gap.logits", (0,)), (gap(clean["logits"]), formula, [("logits", (n, word)), ("logits", (n, rival))])
    )
    of_other = here.explain(("other.gap.logits", (0,)))
    assert of_other.value == pytest.approx(gap(other["logits"]), rel=1e-4)
    for what, name, place in (
        *(("stream", "blocks.1.resid_pre", (1,)), ("head", "blocks.0.attn.z", (2,)), ("mlp", "blocks.1.mlp_out", (0,))),
        *(("word", "blocks.1.attn.z", (1, 3)), ("stream", "blocks.0.resid_pre", (4,))),
    ):
        index = () if what == "mlp" else place
        change = core.Interventions(patch={name: (index, np.asarray(source.run.trace[name])[index])})
        run = target.run
        there = core.forward(run.params, run.scene.whole, embeddings=run.embeddings, interventions=change)
        moved = gap(np.asarray(there["logits"], np.float64)) - gap(target["logits"])
        put = f"put_{what}.{layer_of(name)}.{'.'.join(map(str, place))}."
        formula = r"\Delta_{\text{patch}} - \Delta" if rises else r"\Delta - \Delta_{\text{patch}}"
        operands = [(f"{put}gap.logits", (0,)), (f"{start}gap.logits", (0,))]
        is_made_so(here, (f"moved_{what}.{name}", place), (moved if rises else -moved, formula, operands), rel=1e-3)
        own = here.explain((put + name, (*index, *(0,) * (np.ndim(run.trace[name]) - len(index)))))
        taken = "other." if breaks else ""
        assert own.formula == r"\text{patch}" and [one.name for one in own.operands] == [taken + name]


@pytest.mark.parametrize("scene", [GPT, OFF, Scene(model="stories", sentence="As focas perto")])
def test_what_a_word_did_is_what_each_of_six_answers_says(scene: Scene) -> None:
    here, run = of("cause", scene), Run(scene)
    c, token, last = run.config(""), cause.Pair.of(scene).candidates[0], run.n - 1
    x, params = (
        np.asarray(run.run.embeddings, np.float64),
        {k: np.asarray(v, np.float64) for k, v in run.run.params.items()},
    )

    def logit(embeddings: np.ndarray) -> float:
        given = {"embeddings": embeddings, "interventions": scene.interventions}
        return float(core.forward(params, scene.whole, **given)["logits"][-1, token])

    def slope(at: np.ndarray, word: int, dimensions: Iterable[int] = range(c.d_model)) -> np.ndarray:
        """[d_model]: the logit's gradient by one word's embedding, by central differences."""
        found, step = [], 1e-4
        for d in dimensions:
            moved = np.zeros_like(at)
            moved[word, d] = step
            found.append((logit(at + moved) - logit(at - moved)) / (2 * step))
        return np.array(found)

    on = [
        (layer, head) for layer in range(c.n_layers) for head in range(c.n_heads) if (layer, head) not in scene.ablated
    ]
    names, of_all = [f"blocks.{layer}.attn.pattern" for layer in range(c.n_layers)], c.n_layers * c.n_heads
    mean = r"\frac{1}{LH} \sum_{l,h} x^{l,h}_{q,w}"
    for word in (1, last):
        without = np.array(x)
        without[word] = 0
        gradient = slope(x, word)
        looks = [(names[layer], (head, last, word)) for layer, head in on]
        own = {
            "weight": (sum(run[name][place] for name, place in looks) / of_all, mean, looks),
            "carried": (
                sum(run.carried(name, place[0])[place[1:]] for name, place in looks) / of_all,
                mean,
                [(f"carried.{name}", place) for name, place in looks],
            ),
            "ablation": (
                logit(x) - logit(without),
                r"x_t - x_t^{-w}",
                [("logits", (last, token)), (f"blank.{word}.logits", (last, token))],
            ),
            "length": (
                np.linalg.norm(gradient),
                r"\lVert g_w \rVert",
                [("length.grad.embed", (word,))],
            ),
            "times_input": (
                gradient @ x[word],
                r"\sum_d g_{w,d}\,x_{w,d}",
                [(name, (word, d)) for d in range(c.d_model) for name in ("grad.embed", "embed")],
            ),
        }
        for name, expected in own.items():
            is_made_so(here, (f"answer_{name}.embed", (word,)), expected, rel=2e-3)
        operands = [(name, (word, d)) for d in range(c.d_model) for name in ("slope.embed", "embed")]
        found = here.explain(("answer_integrated.embed", (word,)))
        assert sorted((one.name, one.index) for one in found.operands) == sorted(operands)
        assert found.formula == r"\sum_d \bar g_{w,d}\,x_{w,d}"
        inner = here.explain(("slope.embed", (word, 1)))
        assert inner.formula == r"\bar g = \int_0^1 g(\alpha x)\,d\alpha" and inner.terms
        assert sum(term.factor for term in inner.terms) == pytest.approx(1)
        assert [t.operands[0].name for t in inner.terms] == [f"way.{k}.grad.embed" for k in range(len(inner.terms))]
        for k in (0, len(inner.terms) // 2):
            factor = here.explain((f"way.{k}.embed", (word, 1))).terms[0].factor
            near = {"rel": 1e-2, "abs": 1e-4}
            assert inner.terms[k].operands[0].value == pytest.approx(slope(factor * x, word, [1])[0], **near)
    scaled = replace(here, subject=replace(here.subject, config=here.subject.config.replace(embed_scale=True)))
    length, plain = (one.explain(("answer_length.embed", (1,))) for one in (scaled, here))
    assert length.formula == r"\sqrt{d}\,\lVert g_w \rVert"
    assert length.value == pytest.approx(np.sqrt(c.d_model) * plain.value), "of an embedding that is scaled first"
    gained = sum(here.value(("answer_integrated.embed", (word,))) for word in range(run.n))
    assert gained == pytest.approx(logit(x) - logit(0 * x), rel=1e-2, abs=5e-3), "the axiom of completeness"
    for name in ANSWERS:
        answers = [here.value((f"answer_{name}.embed", (word,))) for word in range(run.n)]
        operands = [(f"answer_{name}.embed", (word,)) for word in range(run.n)]
        expected = answers[1] / sum(map(abs, answers)), r"a_w / \sum_j \lvert a_j \rvert", operands
        is_made_so(here, (f"share_{name}.embed", (1,)), expected)


WRITERS = [
    Scene(model="stories", tokens_written=2),
    GPT.turn(tokens_written=2, ablated=((0, 1),)),
    GPT.override(norm="rms").turn(tokens_written=1),
    Scene(model="alice", sentence="Alice was", tokens_written=2),
    GPT.turn(off=("W_O", "norm"), tokens_written=1),
]


@pytest.mark.parametrize("scene", WRITERS)
def test_votes_add_up_to_the_logit_and_what_heads_brought_to_theirs(scene: Scene) -> None:
    here, draw = of("generate", scene), random.Random(1)
    s, c = here.subject, here.subject.config
    t, last = {name: np.asarray(s.trace[name], np.float64) for name in s.trace}, len(here.tokens) - 1
    params = {name: np.asarray(value, np.float64) for name, value in s.params.items()}
    W_U = params["embed.W_E"].T if c.tied_unembed else params["unembed.W_U"]
    on = {layer: [h for h in range(c.n_heads) if (layer, h) not in scene.ablated] for layer in range(c.n_layers)}
    for token in draw.sample(range(c.vocab_size), 2):
        read = W_U[:, token] * params["ln_final.w"] if c.final_norm else W_U[:, token]
        if c.final_norm:  # held at what it was: the mean taken from each, and divided
            read = (read - read.mean() * (c.norm == "layer")) / t["ln_final.scale"][last, 0]
        total, brought = 0.0, np.zeros(last + 1)
        written = ["embed", *(["pos_embed"] if c.positions in ("learned", "sinusoidal") else [])]
        written += [f"blocks.{i}.mlp_out" for i in range(c.n_layers) if c.d_mlp]
        written += [f"blocks.{i}.attn.b_O" for i in range(c.n_layers) if c.out_bias and "W_O" not in scene.off]
        written += [name for name in ("ln_final.b", "unembed.b_U") if name in params and c.final_norm]
        for name in written:
            number = (f"vote.{name}", (token,))
            x = t[name][last] if name in t else params[name]
            if name == "unembed.b_U":
                expected = x[token], "b_t", [(name, (token,))]
            else:
                places = [(name, (last, d) if name in t else (d,)) for d in range(c.d_model)]
                by = W_U[:, token] if name == "ln_final.b" else read
                expected = x @ by, r"\sum_d r_d\,x_d", places
            is_made_so(here, number, expected, rel=1e-3)
            total += expected[0]
        for layer in range(c.n_layers):
            at = f"blocks.{layer}.attn."
            for head in range(c.n_heads):
                own = slice(head * c.head_width, (head + 1) * c.head_width)
                back = read[own] if "W_O" in scene.off or not c.projections else params[at + "W_O"][own] @ read
                z = t[at + "z"][head, last]
                places = [(at + "z", (head, last, e)) for e in range(c.head_width)]
                is_made_so(
                    here, (f"vote_head.{at}z", (head, token)), (z @ back, r"\sum_e \rho_e\,z_e", places), rel=1e-3
                )
                total += z @ back
                if head in on[layer]:
                    brought += t[at + "pattern"][head, last] * (t[at + "v"][head // (c.n_heads // c.kv_heads)] @ back)
        assert total == pytest.approx(t["logits"][last, token], rel=1e-3, abs=1e-4), "they add up"
        formula = r"\sum_{l,h} A^{l,h}_{q,k}\,(\rho^{l,h} \cdot v^{l,h}_k)"
        for key in (0, last):
            looks = [(f"blocks.{layer}.attn.pattern", (head, last, key)) for layer in on for head in on[layer]]
            is_made_so(here, ("brought.logits", (key, token)), (brought[key], formula, looks), rel=1e-3)
        for stage in ("blocks.0.resid_pre", f"blocks.{c.n_layers - 1}.resid_post", "blocks.0.resid_post"):
            x = t[stage][1]
            if c.final_norm:
                x = x - x.mean() * (c.norm == "layer")
                x = x / np.sqrt((x**2).mean() + c.norm_eps) * params["ln_final.w"] + params.get("ln_final.b", 0)
            p = probabilities(x @ W_U + params.get("unembed.b_U", 0))[token]
            places = [(stage, (1, d)) for d in range(c.d_model)]
            is_made_so(here, (f"lens.{stage}", (1, token)), (p, r"\mathrm{softmax}(\mathrm{norm}(x)\,W_U)_t", places))
    sizes = {"brought.logits": (last + 1, c.vocab_size), "vote_head.blocks.0.attn.z": (c.n_heads, c.vocab_size)}
    sizes |= {"vote.embed": (c.vocab_size,), "lens.blocks.0.resid_pre": (last + 1, c.vocab_size)}
    assert all(here.shape(name) == size for name, size in sizes.items())
    assert not here.has(("vote.blocks.9.mlp_out", (0,)))
    silent = of("generate", scene.turn(ablated=tuple(np.ndindex(c.n_layers, c.n_heads))))
    assert silent.value(("brought.logits", (0, 1))) == 0


@pytest.mark.parametrize("scene", [WRITERS[0], GPT.turn(off=("W_O",)), GPT.override(gated=True), WRITERS[3]])
def test_a_step_s_multiplications_are_those_of_its_matrices(scene: Scene) -> None:
    """Of each weight matrix its size, for every position that the step reads anew; and two a pair of positions."""
    here = of("generate", scene)
    c, params, works = here.subject.config, here.subject.params, here.works
    assert here.shape("spent.logits") == (1 + len(works),)
    own = {
        "projections": r"W_[QKVO]$",
        "mlp": r"W_(in|out|gate)$",
    }
    formulas = {
        "projections": r"n\,L\,(d\,d_Q + d\,d_K + d\,d_V + d_O\,d)",
        "attention": r"n\,L \cdot 2\,d_Q\,n_k",
        "mlp": rf"n\,L \cdot {2 + c.gated}\,d\,d_\text{{mlp}}",
        "unembed": r"n\,d\,V",
    }
    for step in range(len(works) + 1):
        new, until = (len(works[step - 1].new), works[step - 1].new.stop) if step else (0, 0)
        sizes = {
            part: new
            * sum(w.size for name, w in params.items() if re.search(ends, name) and name[-3:] not in scene.off)
            for part, ends in own.items()
        }
        sizes["attention"] = new * until * 2 * c.n_layers * c.n_heads * c.head_width
        sizes["unembed"] = new * c.d_model * c.vocab_size
        for part, size in sizes.items():
            is_made_so(here, (f"spent_{part}.logits", (step,)), (size, formulas[part], []), rel=1e-12)
        operands = [(f"spent_{part}.logits", (step,)) for part in sizes] if step else []
        formula = r"\sum_\text{parts} n_\text{part}" if step else "0"
        is_made_so(here, ("spent.logits", (step,)), (sum(sizes.values()), formula, operands), rel=1e-12)


def test_a_judged_text_is_as_surprising_as_its_tokens_shares() -> None:
    scene = continuation.writer(Scene(model="stories", target="vai ."))
    here = of("generate", scene).within("judged.logits")[0]
    logits, ids = np.asarray(here.subject["logits"], np.float64), here.subject.ids
    assert here.shape("surprise.logits") == (len(ids) - 1,) and len(ids) == len(here.tokens)
    for place in range(len(ids) - 1):
        p = probabilities(logits[place])[ids[place + 1]]
        operands = [("probability.logits", (place, int(ids[place + 1])))]
        is_made_so(here, ("surprise.logits", (place,)), (-np.log(p), r"-\ln p", operands))


@pytest.mark.parametrize("words", [3, None])
def test_how_heads_look_from_word_to_word_is_what_their_rows_say(words: int | None) -> None:
    scene = Scene(model="translator", words_translated=words)
    here = of("translate", scene)
    s, spoken = here.subject, here.spoken
    n = len(here.written) if words is None else words
    assert spoken.written == n and {*spoken.stems} <= {*range(n)} and spoken.stems
    for layer in range(2):
        for head in (0, 3):
            name = f"blocks.{layer}.cross.pattern"
            a = np.asarray(s.trace[name], np.float64)[head]
            hits = []
            for word, stems in spoken.stems.items():
                hits.append(float(int(a[word].argmax()) in stems))
                expected = (
                    hits[-1],
                    r"[\,\arg\max_k A_{q,k} \in S_q\,]",
                    [(name, (head, word, k)) for k in range(a.shape[1])],
                )
                is_made_so(here, (f"finds.{name}", (head, word)), expected)
            operands = [(f"finds.{name}", (head, word)) for word in spoken.stems]
            formula = r"\frac1n \sum_q [\,\arg\max_k A_{q,k} \in S_q\,]"
            is_made_so(here, (f"aligned.{name}", (head,)), (np.mean(hits), formula, operands))
            unknown = next((w for w in range(len(a)) if w not in spoken.stems), None)
            assert unknown is None or here.value((f"finds.{name}", (head, unknown))) == 0
            for of_kind in (name, f"blocks.{layer}.attn.pattern", f"encoder.blocks.{layer}.attn.pattern"):
                a = np.asarray(s.trace[of_kind], np.float64)[head]
                rows = len(a) if of_kind.startswith("encoder") else n
                operands = [(f"sharpest.{of_kind}", (head, q)) for q in range(rows)]
                value = np.mean([max(a[q]) for q in range(rows)])
                is_made_so(here, (f"sharp.{of_kind}", (head,)), (value, r"\frac1n \sum_q \max_k A_{q,k}", operands))
                operands = [(of_kind, (head, 1, k)) for k in range(a.shape[1])]
                is_made_so(here, (f"sharpest.{of_kind}", (head, 1)), (max(a[1]), r"\max_k A_{q,k}", operands))
                assert here.shape(f"sharp.{of_kind}") == (len(s.trace[of_kind]),)
                assert here.shape(f"sharpest.{of_kind}") == s.trace[of_kind].shape[:2]
    assert here.shape("aligned.blocks.0.cross.pattern") == here.shape("finds.blocks.0.cross.pattern")[:1]
    assert here.shape("finds.blocks.0.cross.pattern") == s.trace["blocks.0.cross.pattern"].shape[:2]


def test_a_text_of_the_search_is_as_likely_as_its_words_each_after_those_before() -> None:
    scene = Scene(model="translator", sentence="seals seals", beam_width=8)
    here = of("translate", scene)
    steps, ids = here.spoken.search(), core.run(scene).encoding.ids
    run, ended = core.run(scene), 0

    @cache
    def said(tokens: tuple[int, ...]) -> np.ndarray:
        """[pos, vocab]: the logarithm of each token's probability behind this text."""
        trace = core.forward(run.params, scene.whole, np.array([int(ids[0]), *tokens]), source=ids)
        return np.log(probabilities(np.asarray(trace["logits"], np.float64)))

    assert here.shape("beam.logits") == (1 + len(steps), max(len(step.kept) for step in steps))
    assert here.value(("beam.logits", (0, 0))) == 0 and not here.explain(("beam.logits", (0, 0))).operands
    for n, step in enumerate(steps, 1):
        for rank, beam in enumerate(step.kept):
            logs = said(beam.tokens[:-1])
            score = sum(row[token] for row, token in zip(logs, beam.tokens, strict=True))
            found = here.explain(("beam.logits", (n, rank)))
            assert found.value == pytest.approx(score, rel=1e-4) and found.value == found.recomputed()
            assert found.formula == (r"s(y_{<n}) + \ln p(y_n)" if len(beam.tokens) == n else "s")
            ended += len(beam.tokens) < n
            if len(beam.tokens) < n:
                (same,) = found.operands
                before = steps[same.index[0] - 1].kept[same.index[1]]
                assert same.name == "beam.logits" and before.tokens == beam.tokens and same.index[0] == len(beam.tokens)
                continue
            word = found.operands[-1]
            assert word.index == (n - 1, beam.tokens[-1]) and word.value == pytest.approx(
                logs[-1][beam.tokens[-1]], rel=1e-4
            )
            if n == 1:
                assert word.name == "kept.0.0.log_probability.logits" and len(found.operands) == 1
                continue
            below, _ = found.operands
            assert below.name == "beam.logits" and below.index[0] == n - 1
            assert steps[n - 2].kept[below.index[1]].tokens == beam.tokens[:-1]
            assert word.name == f"kept.{n - 1}.{below.index[1]}.log_probability.logits"
        for rank in range(len(step.kept), here.shape("beam.logits")[1]):
            assert here.value(("beam.logits", (n, rank))) == 0
    assert ended


def test_the_length_of_a_gradient_over_all_words_is_that_of_all_its_numbers() -> None:
    for scene in (GPT, Scene(model="translator")):
        here = of("backward", scene)
        for name in ("embed", "blocks.0.resid_pre", "blocks.1.resid_mid", "blocks.1.resid_post"):
            grads = np.asarray(here.subject.grads[name], np.float64)
            operands = [(f"length.grad.{name}", (p,)) for p in range(len(grads))]
            formula = r"\lVert G \rVert = \sqrt{\sum_p \lVert g_p \rVert^2}"
            is_made_so(here, (f"overall.grad.{name}", (0,)), (np.sqrt((grads**2).sum()), formula, operands))
            assert here.shape(f"overall.grad.{name}") == (1,)


def test_a_difference_is_the_present_number_less_the_pinned_one() -> None:
    scene = GPT.turn(temperature=2.0).pin().turn(temperature=1.0)
    run, was, here = Run(scene.turn(pinned=None)), Run(scene.pinned), of("attention", scene)
    for name, index in (("blocks.1.attn.pattern", (1, 3, 2)), ("logits", (4, 7)), ("blocks.0.resid_post", (4, 1))):
        expected = run[name][index] - was[name][index], "x - x'", [(name, index), (f"pinned.{name}", index)]
        is_made_so(here, (f"differs.{name}", index), expected)
        assert here.shape(f"differs.{name}") == run[name].shape and here.axes(f"differs.{name}") == here.axes(name)
    longer = here.within("pinned.logits")[0].shape("logits")
    assert longer == run["logits"].shape
    other = of("attention", GPT.turn(sentence="a b c").pin().turn(sentence="a b c d"))
    assert not other.has(("differs.logits", (0, 0))) and other.has(("differs.blocks.0.attn.W_Q", (0, 0)))


@pytest.mark.parametrize("scene", [Scene(model="stories", layer=1), HIDING])
def test_what_a_head_does_over_sentences_is_told_of_each(scene: Scene) -> None:
    here = of("reading", scene)
    found, pattern = habits.parts(scene), "blocks.1.attn.pattern"
    causal = scene.config.causal
    rows = []
    for one in found:
        run = Run(one)
        shown = [i for i in range(run.n) if i or not scene.without_first]
        special = one.preset.tokenizer.special
        shown = [i for i in shown if not scene.without_first or int(run.run.encoding.ids[i]) not in special]
        tokens = [run.run.tokens[i] for i in shown]
        each = []
        for head in run[pattern]:
            a = head[np.ix_(shown, shown)]
            sums = a.sum(-1, keepdims=True)
            a = a if len(shown) == run.n else np.divide(a, sums, out=np.zeros_like(a), where=sums > 0)
            scores = np.array([scored(a, tokens, causal, name)[0] for name in LABELS])
            can = [scored(a, tokens, causal, name)[1] is not None for name in LABELS]
            each.append(np.where(can, scores, np.nan))
        rows.append(each)
    scores = np.array(rows)  # [sentence, head, label]
    if scene.without_first:
        scores[..., LABELS.index("first")] = np.nan
    for head in range(scores.shape[1]):
        for label in range(len(LABELS)):
            can = np.flatnonzero(np.isfinite(scores[:, 0, label])).tolist()
            own = scores[can, head, label]
            names = {
                "score_mean": (own.mean() if can else np.nan, r"\frac1n \sum_s x_s"),
                "score_least": (own.min(initial=np.inf), r"\min_s x_s"),
                "score_most": (own.max(initial=-np.inf), r"\max_s x_s"),
            }
            for kind, (value, formula) in names.items():
                made = here.explain((f"{kind}.{pattern}", (head, label)))
                if not can:
                    assert np.isnan(made.value) and made.formula == "0 / 0" and not made.operands
                    continue
                operands = [(f"told.{i}.score_{LABELS[label]}.{pattern}", (head,)) for i in can]
                assert made.value == pytest.approx(value, rel=1e-4, abs=1e-6) and made.formula == formula
                assert [(one.name, one.index) for one in made.operands] == operands
            held = here.explain((f"held.{pattern}", (head, label)))
            assert held.formula == (r"\frac1n \sum_s [\,\ell_s = \ell\,]" if can else "0 / 0")
            assert [one.name for one in held.operands] == [f"told.{i}.named.{pattern}" for i in can]
            its = [named_by(np.nan_to_num(scores[i, head])) == LABELS[label] for i in can]
            assert held.value == pytest.approx(np.mean(its)) if can else np.isnan(held.value)


def named_by(scores: np.ndarray) -> str | None:
    best = int(scores[:-1].argmax())
    return LABELS[best] if scores[best] >= 0.5 else "uniform" if scores[-1] >= 0.95 else None


ALONE = {  # pages -> the kinds of numbers that they alone have
    ("attention", "heads", "reading"): ("renormalized",),
    ("heads", "reading"): ("carried_part", "key_effect", "effect_part", "change", "effect", "variation"),
    ("drift",): ("drift", "away", "variance", "scatter"),
    ("reading",): ("held", "score_mean", "score_least", "score_most"),
    ("cause",): (
        *("gap", "moved_stream", "moved_head", "moved_word", "moved_mlp", "slope"),
        *(f"{kind}_{name}" for kind in ("share", "answer") for name in ANSWERS),
    ),
    ("generate",): ("vote", "vote_head", "brought", "spent", "spent_mlp"),
    ("translate",): ("aligned", "finds", "sharp", "sharpest", "beam"),
    (): ("reached", "moved_cross", "moved_encoder", "lost", "cut", "akin", "meant", "differs"),
}
SHOWN_ALONE = ("start", "attention", "heads", "reading", "fibres", "drift", "block", "generate", "cause")


def test_a_page_has_the_numbers_that_it_draws_and_no_other_page_s() -> None:
    scene = Scene(model="stories")
    for page in (name for name in PAGES if name in (*SHOWN_ALONE, "translate")):
        here = of(page, scene)
        for pages, kind in ((pages, kind) for pages, kinds in ALONE.items() for kind in kinds):
            names = [*here.subject.trace, "sentences"]
            names = [one for one in names if re.fullmatch(derived.DERIVED[kind].of, one)]
            size = len(derived.DERIVED[kind].axes)
            there = any(here.has((f"{kind}.{name}", (0,) * size)) for name in names)
            assert there == (page in pages), (page, kind)
    for kind in ("lost", "cut"):
        name = "blocks.1.resid_post"
        for page, changed in (("heads", {"ablated": ((0, 1),)}), ("fibres", {"cut": ((0, 0, 2, 1),)})):
            expected = (kind, page) in (("lost", "heads"), ("cut", "fibres"))
            assert of(page, scene.turn(**changed)).has((f"{kind}.{name}", (0,))) == expected
    with pytest.raises(ConfigError, match="entropy of an array that has it"):
        of("attention", scene).explain(("entropy.logits", (0, 0)))
    with pytest.raises(ConfigError, match="a place in entropy"):
        of("attention", scene).explain(("entropy.blocks.0.attn.pattern", (0, 99)))


@pytest.mark.parametrize("scene", [GPT, OFF, Scene(model="induction")])
def test_a_head_is_probed_by_the_mean_over_sequences_that_repeat(scene: Scene) -> None:
    """Each in a run of its own: the mean weight on all that followed the query's token before (Olsson et al. 2022)."""
    here, run = of("reading", scene), Run(scene)
    sequences = [list(ids) for ids in core.interpret.probe_sequences(run.config(""))]
    name, found = "blocks.1.attn.pattern", []
    for k, ids in enumerate(sequences):
        trace = core.forward(run.run.params, scene.whole, np.array(ids), interventions=scene.interventions)
        a = np.asarray(trace[name], np.float64)[1]
        follows = [(q, k) for q in range(len(ids)) for k in range(1, q) if ids[k - 1] == ids[q]]
        queries = len({q for q, _ in follows})
        found.append(sum(a[place] for place in follows) / queries)
        operands = [(f"sequence.{k}.{name}", (1, *place)) for place in follows]
        formula = r"\frac1n \sum_{q,\ k\ \text{follows}} A_{q,k}"
        is_made_so(here, (f"sequence.{k}.induced.{name}", (1,)), (found[-1], formula, operands))
    operands = [(f"sequence.{k}.induced.{name}", (1,)) for k in range(len(sequences))]
    expected = np.mean(found), r"\frac1n \sum_s \mathrm{induction}_s", operands
    is_made_so(here, (f"probe.{name}", (1,)), expected)
    assert not here.has((f"sequence.{len(sequences)}.{name}", (0, 0, 0)))
    assert not here.has(("sequence_encoder.0.logits", (0, 0))), "it has one stack"
    assert here.shape(f"probe.{name}") == run[name].shape[:1] and not of("attention", scene).has(
        (f"probe.{name}", (1,))
    )
