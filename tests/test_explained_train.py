"""Every number of Train explains itself: its curves, maps, points, its example and its gradient check."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from test_explained_page import Read

import core
from core import Scene, limits
from core.limits import TRAIL
from core.scene.fields import EXPLAINED
from core.train.batch import Batch
from core.train.gradcheck import random_directions
from core.train.loop import step_bytes
from pictures.explained import card as cards
from pictures.explained import naming, training
from pictures.explained.naming import index_at
from pictures.explained.runs import parted
from pictures.explained.world import EVERYWHERE, World
from pictures.train import curves, gradient_check, snapshot
from pictures.train.view import View
from pictures.words import LANGUAGES, words_of
from tests.chromium import WAIT, settled, unfold
from tests.derived_by_hand import is_made_so, probabilities
from tests.support import open_page
from tests.test_train_page import run_of, view_of
from ui import state
from ui.train.kept_runs import RUN

expect.set_options(timeout=WAIT)
EN = words_of("en")
TASKS = ("copy", "repeat", "translate")
WEIGHT = {"check_parameter": "blocks.1.attn.W_K", "check_row": 2, "check_column": 5}


def seen(task: str, **looks: Any) -> tuple[View, World]:
    """A run of twelve steps, another one laid under it."""
    view = view_of(run_of(task), run_of(task, steps=9, seed=1), train_overlay=True, **looks)
    return view, training.world(view, EN)


@pytest.mark.parametrize("task", TASKS)
def test_a_point_of_a_curve_is_the_number_that_it_is_at(task: str) -> None:
    view, run = seen(task)
    names = set()
    for builder in (curves.loss, curves.scores, curves.norms):
        made = builder(view, EN)
        assert len(made.numbers.numbers) == len(made.figure["data"])
        for curve, trace in enumerate(made.figure["data"]):
            assert trace.get("hoverinfo") != "skip", "then Plotly hears no click"
            for point, (x, y) in enumerate(zip(trace["x"].tolist(), trace["y"].tolist(), strict=True)):
                number = made.numbers.at({"x": x, "y": y, "curve": curve, "point": point})
                assert run.has(number) and run.explain(number).value == pytest.approx(y, rel=1e-4, abs=1e-6), number
                at = made.numbers.place(number)
                assert at["x0"] < x < at["x1"] and number[1] == (x,)
                names.add(number[0].partition(".")[2] if number[0].startswith("former.") else number[0])
        assert made.numbers.at({"x": 0, "y": 0}) is None is made.numbers.place(("logits", (0, 0)))
    kinds = {name.partition(".")[0] for name in names}
    assert kinds == {"loss_mean", "loss_unseen", "accuracy", "norm_mean"} | (
        {"induction"} if task != "translate" else set()
    )
    assert all(name in training.families(view) for name in names)


def test_a_loss_is_the_mean_over_its_batch_where_the_weights_are_kept_and_else_what_was_noted() -> None:
    view, run = seen("copy")
    (kept, gone) = (10, 7)
    assert kept in view.run.checkpoints.kept and gone not in view.run.checkpoints.kept
    found = run.explain(("loss_taken.logits", (kept,)))
    batch = view.run.task.batch(kept, view.run.size, view.run.seed)
    assert len(found.terms) == int(batch.mask.sum()) and found.recomputed() == pytest.approx(view.run.losses[kept])
    noted = run.explain(("loss_taken.logits", (gone,)))
    assert noted.kind == "record" and noted.value == view.run.losses[gone] and not noted.terms and noted.is_leaf
    between = run.explain(("loss_unseen.logits", (gone,)))
    watched = max(watch.step for watch in view.run.watches if watch.step <= gone)
    assert [(one.name, one.index) for one in between.operands] == [("loss_unseen.logits", (watched,))]
    view.run.size += 1  # as if the rows had been turned on the way: another batch was taken
    other = training.world(view, EN)
    assert other.explain(("loss_taken.logits", (kept,))).kind == "record"
    assert not other.has((f"taken.{kept}.logits", (0, 0, 0)))
    assert run.explain(("former.loss_taken.logits", (3,))).kind == "record" and not run.has(
        ("former.loss_taken.logits", (9,))
    )
    for wrong in ("taken.7.logits", "at.7.embed.W_E", "nudged.999.logits", "kept.0.0.logits", "norm_mean.blocks.9"):
        assert not run.has((wrong, (0, 0))) and not run.has((wrong, (0,)))


def test_a_batch_is_explained_while_it_takes_no_more_than_a_step_may(monkeypatch) -> None:
    view, _ = seen("translate")
    batch, c = view.run.task.batch(10, view.run.size, view.run.seed), view.run.config
    most = len(batch.ids) * step_bytes(c, batch.ids.shape[-1], batch.source.shape[-1])
    for allowed, there in ((most, True), (most - 1, False)):
        monkeypatch.setattr(limits, "STEP", allowed)
        assert training.world(view, EN).has(("taken.10.logits", (0, 0, 0))) == there


def test_a_cell_of_a_batch_is_named_by_the_tokens_of_its_row() -> None:
    view, run = seen("copy")
    ids, called = view.run.task.batch(10, view.run.size, view.run.seed).ids, view.run.task.vocabulary
    for row in range(len(ids)):
        told = naming.title(("taken.10.mask", (row, 3, 2)), run, EN)
        query, key = (called[token] for token in ids[row, [3, 2]])
        assert re.search(f"“{query}”.* → .*“{key}”", told), told


@pytest.mark.parametrize("task", TASKS)
def test_cells_points_and_the_example_are_numbers(task: str) -> None:
    view, run = seen(task, layer=1, head=1)
    made = snapshot.attention(view, EN)
    z = np.asarray(made.figure["data"][0]["z"], np.float64)
    for row, column in random.Random(0).sample([*np.ndindex(z.shape)], 20):
        number = made.numbers.at({"x": column, "y": row})
        assert run.explain(number).value == pytest.approx(z[row, column], rel=1e-5)
    ways = snapshot.embeddings(view, EN)
    for trace, start in zip(ways.figure["data"][-2:], ("at.0.", ""), strict=True):
        for x, y in zip(trace["x"].tolist(), trace["y"].tolist(), strict=True):
            name, (token, _) = ways.numbers.at({"x": x, "y": y})
            assert name == f"{start}learned.embed.W_E"
            assert [run.explain((name, (token, i))).value for i in (0, 1)] == pytest.approx((x, y), rel=1e-4, abs=1e-5)
    html, _ = snapshot.example(view, EN)
    links = re.findall('data-way="([^"]*)"', html)
    assert len(links) == int(view.row[2].sum())
    shares = [float(share) for share in re.findall(r"--share: ([\d.]+)", html)]
    for way, share in zip(links, shares, strict=True):
        assert run.explain(EXPLAINED.read(way)[0]).value == pytest.approx(share, abs=6e-4)


@pytest.mark.parametrize("bug", [False, True])
@pytest.mark.parametrize("task", ["repeat", "translate"])
def test_both_slopes_of_the_gradient_check_are_explained(task: str, bug: bool) -> None:
    """Of one weight, and of every parameter along its direction; with a mistake planted, by how much it is off."""
    view, run = seen(task, check_bug=bug, check_nudge=1e-4, **WEIGHT)
    found = gradient_check.of(view)
    shown = {"below": found.loss_below, "above": found.loss_above, "slope": found.slope, "error": found.error}
    for name, value in (shown | {"backprop": found.backprop}).items():
        number = (f"check_{name}.logits", (0,))
        explained = run.explain(number)
        assert explained.value == pytest.approx(value, rel=1e-9, abs=1e-12), name
        assert explained.recomputed() == pytest.approx(explained.value, rel=1e-9)
        assert number[0] in training.families(view)
    one = run.explain(("check_backprop.logits", (0,)))
    assert (len(one.terms), "bug" in one.formula) == ((2, True) if bug and found.error > 1e-4 else (1, False))
    every = gradient_check.everything(view)
    bars = gradient_check.checks(every, EN).numbers
    for row, check in enumerate(every):
        number = bars.at({"x": -7.0, "y": row})
        assert run.explain(number).value == pytest.approx(check.error, rel=1e-6, abs=1e-15)
        assert bars.place(number)["y0"] == row - 0.5
        right = run.explain((f"check_backprop.{check.name}", (0,)))
        assert right.value == pytest.approx(check.backprop, rel=1e-9, abs=1e-15)
        for operand in right.operands[:2]:
            assert run.explain((operand.name, operand.index)).value == pytest.approx(operand.value, abs=1e-12)
    assert any("bug" in run.explain((f"check_backprop.{check.name}", (0,))).formula for check in every) == bug


COST = r"-\frac1n \sum_i \ln p_i"
HIT = r"[\,\arg\max_j x_j = t\,]"


def places_of(batch: Batch) -> list[tuple[int, ...]]:
    """[row, pos] of the tokens that are asked for."""
    return [*map(tuple, np.argwhere(batch.mask).tolist())]


@pytest.mark.parametrize("task", TASKS)
def test_a_number_of_a_run_is_what_its_definition_gives(task: str) -> None:
    """By the weights of a step that are kept, run here once more."""
    view, here = seen(task)
    run, config = view.run, view.run.config
    losses, smooth = run.losses, max(1, round(curves.SMOOTH * len(run.losses)))
    for step in (0, 1, 5, 11):
        own = range(max(0, step + 1 - smooth), step + 1)
        operands = [("loss_taken.logits", (s,)) for s in own]
        expected = np.mean([losses[s] for s in own]), r"\frac1n \sum_s L_s", operands
        is_made_so(here, ("loss_mean.logits", (step,)), expected)
        for part in ("embed", "blocks.1", "unembed"):
            norms = run.norms[part]
            operands = [(f"norm_taken.{part}", (s,)) for s in own]
            expected = np.mean([norms[s] for s in own]), r"\frac1n \sum_s \lVert g_s \rVert", operands
            is_made_so(here, (f"norm_mean.{part}", (step,)), expected)
            assert here.value((f"norm_taken.{part}", (step,))) == pytest.approx(norms[step], rel=1e-4)
    assert here.shape("loss_mean.logits") == here.shape("loss_taken.logits") == (12,)
    assert here.shape("norm_taken.embed") == (12,) and here.shape("loss_unseen.logits") == (13,)
    kept = 10
    params = run.checkpoints.kept[kept]
    for what, batch in (("taken", run.task.batch(kept, run.size, run.seed)), ("unseen", run.held_out)):
        step = (
            kept if what == "taken" else max(watch.step for watch in run.watches if watch.step in run.checkpoints.kept)
        )
        there, at = run.checkpoints.kept[step], places_of(batch)
        trace = core.forward(there, config, **batch.inputs)
        p = probabilities(np.asarray(trace["logits"], np.float64))
        costs = {place: -np.log(p[(*place, batch.targets[place])]) for place in at}
        hits = {place: float(trace["logits"][place].argmax() == batch.targets[place]) for place in at}
        start = f"{what}.{step}."
        for place in (at[0], at[-1]):
            operands = [(f"{start}logits", (*place, token)) for token in range(config.vocab_size)]
            number = (f"{start}cost.logits", place)
            is_made_so(here, number, (costs[place], r"-\ln p_t = \ln \sum_j e^{x_j} - x_t", operands))
            is_made_so(here, (f"{start}hit.logits", place), (hits[place], HIT, operands))
            found = here.explain((f"{start}hit.logits", place))
            x = np.zeros(config.vocab_size)
            x[batch.targets[place]] = 1
            assert found.rule(x) == 1 and found.rule(-x) == 0
        loss = np.mean([*costs.values()]), f"L = {COST}", [(f"{start}cost.logits", place) for place in at]
        is_made_so(here, ("loss_taken.logits" if what == "taken" else "loss_unseen.logits", (step,)), loss)
        if what == "unseen":
            operands = [(f"{start}hit.logits", place) for place in at]
            formula = rf"\frac1n \sum_i {HIT}"
            is_made_so(here, ("accuracy.logits", (step,)), (np.mean([*hits.values()]), formula, operands))
    batch = run.task.batch(kept, run.size, run.seed)
    trace = core.forward(params, config, **batch.inputs)
    grads = core.backward(params, config, trace, core.cross_entropy(trace["logits"], batch.targets, batch.mask)[1])
    for part, ends in (("embed", ("embed.", "pos_embed.", "ln_embed.")), ("unembed", ("ln_final.", "unembed."))):
        own = [name for name in params if name.startswith(ends)]
        value = np.sqrt(sum((np.asarray(grads[name], np.float64) ** 2).sum() for name in own))
        operands = [(f"taken.{kept}.whole_grad.{name}", (0,)) for name in own]
        formula = r"\lVert g \rVert = \sqrt{\sum_w \lVert g_w \rVert^2}"
        is_made_so(here, (f"norm_taken.{part}", (kept,)), (value, formula, operands))
    for name in ("embed.W_E", "ln_final.w"):
        gradient, begins = np.asarray(grads[name], np.float64), f"taken.{kept}."
        value = np.sqrt((gradient**2).sum())
        operands = [
            (f"{begins}{'length.' if gradient.ndim > 1 else ''}grad.{name}", (i,)) for i in range(len(gradient))
        ]
        formula = r"\lVert g_w \rVert = \sqrt{\sum_i g_i^2}"
        is_made_so(here, (f"{begins}whole_grad.{name}", (0,)), (value, formula, operands))
    if task == "translate":
        assert not here.has(("induction.logits", (0,))), "no induction head is looked for"
        return
    step = max(watch.step for watch in run.watches if watch.step in run.checkpoints.kept)
    watch = next(one for one in run.watches if one.step == step)
    layer, head = watch.head
    name = f"blocks.{layer}.attn.pattern"
    pattern = np.asarray(core.forward(run.checkpoints.kept[step], config, run.probe)[name], np.float64)[:, head]
    follows = {  # a key is an earlier token that stood after the query's own
        (row, query): [k for k in range(1, query) if ids[k - 1] == ids[query]]
        for row, ids in enumerate(run.probe.tolist())
        for query in range(len(ids))
    }
    follows = {place: keys for place, keys in follows.items() if keys}
    weights = {(row, query): pattern[row, query, keys].sum() for (row, query), keys in follows.items()}
    start = f"probed.{step}."
    operands = [(f"{start}follows.{name}", (row, head, query)) for row, query in follows]
    formula = r"\frac1n \sum_q \sum_{k\ \text{follows}} A_{q,k}"
    is_made_so(here, ("induction.logits", (step,)), (np.mean([*weights.values()]), formula, operands))
    for (row, query), keys in [*follows.items()][:: max(1, len(follows) // 3)]:
        operands = [(f"{start}{name}", (row, head, query, key)) for key in keys]
        expected = weights[row, query], r"\sum_{k\ \text{follows}} A_{q,k}", operands
        is_made_so(here, (f"{start}follows.{name}", (row, head, query)), expected)
    assert here.value((f"{start}follows.{name}", (0, head, 0))) == 0, "before it there is nothing"


@pytest.mark.parametrize("bug", [False, True])
def test_a_slope_of_the_check_is_made_of_two_losses_and_their_distance(bug: bool) -> None:
    view, here = seen("repeat", check_bug=bug, check_nudge=1e-4, **WEIGHT)
    (ids, targets, mask), config = view.row, view.run.config
    exact = {name: np.asarray(value, np.float64) for name, value in view.params.items()}
    name, index = WEIGHT["check_parameter"], (WEIGHT["check_row"], WEIGHT["check_column"])

    def loss(params: dict[str, np.ndarray]) -> float:
        p = probabilities(core.forward(params, config, ids)["logits"])
        return float(np.mean([-np.log(p[i, targets[i]]) for i in np.flatnonzero(mask)]))

    directions = random_directions(view.params)
    every = {check.name: check for check in gradient_check.everything(view)}
    for of, parameter, direction, step in (
        ("logits", name, np.zeros_like(exact[name]), 1e-4),
        *((own, own, directions[own], every[own].step) for own in ("blocks.0.attn.W_O", "ln_final.w", "embed.W_E")),
    ):
        if of == "logits":
            direction[index] = 1
        sides = [loss(exact | {parameter: exact[parameter] + sign * step * direction}) for sign in (-1, 1)]
        nudged = r"\varepsilon" if of == "logits" else r"\varepsilon v"
        first = 2 * ["logits", *exact].index(of)
        asked = np.flatnonzero(mask).tolist()
        for side, (label, sign) in enumerate((("check_below", "-"), ("check_above", "+"))):
            operands = [(f"nudged.{first + side}.cost.logits", (at,)) for at in asked]
            expected = sides[side], f"L(w {sign} {nudged}) = {COST}", operands
            is_made_so(here, (f"{label}.{of}", (0,)), expected, rel=1e-9)
        three = [(f"check_{label}.{of}", (0,)) for label in ("below", "above", "nudge")]
        slope = (sides[1] - sides[0]) / (2 * step)
        formula = rf"s = \frac{{L(w + {nudged}) - L(w - {nudged})}}{{2\,\varepsilon}}"
        is_made_so(here, (f"check_slope.{of}", (0,)), (slope, formula, three), rel=1e-5)
        spacing = np.spacing(max(abs(sides[0]), abs(sides[1]), 1.0))
        formula = r"r = 8\,\mathrm{ulp}(\max(\lvert L \rvert, 1)) / \varepsilon"
        is_made_so(here, (f"check_resolution.{of}", (0,)), (8 * spacing / step, formula, three))
        made = here.explain((f"check_resolution.{of}", (0,)))
        assert made.rule(np.array([-9.0, 3.0, 0.5])) == 16 * np.spacing(9.0)
        assert made.rule(np.array([0.1, -0.2, 0.25])) == 32 * np.spacing(1.0)
        assert here.value((f"check_nudge.{of}", (0,))) == step
        error = here.explain((f"check_error.{of}", (0,)))
        assert [(one.name, one.index) for one in error.operands] == [
            (f"check_{label}.{of}", (0,)) for label in ("slope", "backprop", "resolution")
        ]
        assert error.formula == r"\frac{\lvert s - g \rvert}{\max(\lvert s \rvert, \lvert g \rvert) + r / 10^{-4}}"
        for s, g, r in ((3.0, -5.0, 0.0), (-5.0, 3.0, 1e-4), (2.0, 2.5, 1e-4)):
            expected = abs(s - g) / (max(abs(s), abs(g)) + r / 1e-4)
            assert error.rule(np.array([s, g, r])) == pytest.approx(expected)
        assert error.rule(np.array([1e-3, -2e-3, 2e-3])) == 0, "neither can be told from zero"
        gradient = here.subject["grad." + parameter] if of == "logits" else None
        right = here.explain((f"check_backprop.{of}", (0,)))
        assert ("bug" in right.formula) == bool(right.terms and not right.terms[-1].operands)
        followed = sum(term.value for term in right.terms if term.operands)
        assert followed == pytest.approx(slope, rel=1e-3, abs=1e-6), "without the mistake it is the slope"
        begins = r"g = \partial L / \partial w" if of == "logits" else r"g = \sum_i v_i\,\partial L / \partial w_i"
        assert right.formula.startswith(begins) and (bug or right.formula == begins)
        names = {one.name for one in right.operands}
        if of == "logits":
            assert names == {f"exact.grad.{name}"} and right.operands[0].index == index
            assert right.operands[0].value == pytest.approx(gradient[index], rel=1e-3, abs=1e-6)
        elif direction.ndim == 1:
            assert names == {f"exact.grad.{of}"} and len(right.operands) == len(direction)
        else:
            assert names == {f"along.{of}"} and len(right.operands) == len(direction)
            rows = here.explain((f"along.{of}", (1,)))
            own = [(f"exact.grad.{of}", (1, j)) for j in range(direction.shape[1])]
            assert [(one.name, one.index) for one in rows.operands] == own
            assert [term.factor for term in rows.terms] == direction[1].tolist()
            assert rows.formula == r"\sum_j v_{i,j}\,\partial L / \partial w_{i,j}"
            assert here.shape(f"along.{of}") == (len(direction),)
    assert not here.has(("check_slope.of.nobody", (0,)))


def test_a_batch_that_takes_more_than_a_step_may_is_read_by_no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    for much, kind in ((1.0, "sum"), (1e-9, "record")):
        monkeypatch.setattr(training.limits, "STEP", training.limits.STEP * much)
        assert seen("copy")[1].explain(("loss_taken.logits", (10,))).kind == kind


def test_of_a_number_by_step_the_one_is_offered_at_which_the_reader_stands() -> None:
    _, run = seen("copy")
    for step, at in ((None, 11), (3, 3), (99, 11)):
        assert index_at("loss_mean.logits", run, Scene(train_step=step)) == (at,)
    assert index_at("blocks.0.attn.pattern", run, Scene(head=1, query=3, key=2)) == (1, 3, 2)


STARTS = (
    *(
        "loss_mean.logits:12",
        "loss_unseen.logits:12",
        "accuracy.logits:12",
        "induction.logits:12",
        "norm_mean.blocks.1:10",
    ),
    *(
        "norm_taken.embed:10",
        "check_error.logits:0",
        "check_backprop.blocks.0.attn.W_O:0",
        "at.0.learned.embed.W_E:3.1",
    ),
    *(
        "loss_taken.logits:5",
        "taken.10.grad.blocks.0.attn.W_Q:1.2",
        "taken.5.blocks.1.attn.pattern:2.0.3.1",
        "cost.logits:3",
    ),
)


@pytest.mark.parametrize("task", TASKS)
def test_from_every_number_links_lead_back_and_each_is_what_it_was_said_to_be(task: str) -> None:
    draw = random.Random(2)
    _, run = seen(task)
    for i, start in enumerate(STARTS):
        number = EXPLAINED.read(start.replace("loss_mean.logits:12", "loss_mean.logits:11"))[0]
        if not run.has(number):
            assert task == "translate" and "induction" in start, start
            continue
        way, words = (number,), words_of(LANGUAGES[i % 2])
        for _ in range(90):
            found, card = run.explain(way[-1]), cards.card(run, way, words)
            assert found.recomputed() == pytest.approx(found.value, rel=1e-4, abs=1e-5), way[-1]
            assert card.says and "{" not in card.says and card.formula
            on = [one for one in found.operands if parted(one.name)[1] not in EVERYWHERE]
            if not on:
                break
            one = draw.choice(on)
            assert run.has((one.name, one.index)), (way, one)
            assert run.value((one.name, one.index)) == pytest.approx(one.value, rel=1e-3, abs=1e-5), (way, one)
            assert EXPLAINED.takes(((one.name, one.index),)), one
            way = (*way, (one.name, one.index))[-TRAIL:]
        else:
            raise AssertionError(way)
        assert found.is_leaf or not found.operands or {parted(one.name)[1] for one in found.operands} & {*EVERYWHERE}, (
            way
        )


def test_a_batch_s_rows_have_their_own_tokens() -> None:
    view, run = seen("copy")
    batch = view.run.task.batch(10, view.run.size, view.run.seed)
    for row in (0, 3):
        tokens = run.tokens_of("taken.10.blocks.0.attn.pattern", "key", row)
        assert tokens == view.run.task.read(batch.ids[row])
    title = Read(cards.card(run, (("taken.10.blocks.0.attn.pattern", (3, 0, 4, 2)),), EN).html).text
    assert "batch of step 10: attention weight · layer 0, row 4, head 0" in title
    shown = cards.of(run, (("taken.10.blocks.0.attn.pattern", (3, 0, 4, 2)),), EN)
    assert [axis for axis, _, _ in shown.axes] == ["row", "head", "query", "key"] and "Row of the batch" in shown.places


# --------------------------------------------------------------------------------------------------------- the page


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_link_opens_a_number_of_a_run_and_a_wrong_one_is_refused(lang: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    for number in ("loss_unseen.logits:20", "check_slope.logits:0", "check_slope.logits:0,nudged.0.logits:8.2"):
        at = open_page("train", {"lang": lang, "explained": number})
        assert not at.exception and len(at.latex) == 1, number
        assert at.session_state[state.SCENE].explained == EXPLAINED.read(number)
        assert at.session_state[RUN].world is not None and at.session_state[RUN].card is not None
    at = open_page("train", {"lang": lang, "explained": "loss_unseen.logits:999"})
    assert not at.exception and not at.latex and at.session_state[state.SCENE].explained == ()
    assert any("explained" in block.value for block in at.get("html"))


def test_the_card_is_of_the_moment_and_is_let_go_with_its_run() -> None:
    at = open_page("train", Scene(lang="en", explained=(("blocks.0.attn.pattern", (0, 3, 1)),)))
    training_of = at.session_state[RUN]
    now = training_of.card[1].card.says
    at.session_state[state.SCENE] = replace(at.session_state[state.SCENE], train_step=0)
    at.run()
    assert not at.exception and training_of.card[1].card.says != now
    held = training_of.held()
    assert training_of.world[1].explain(("loss_unseen.logits", (0,))).terms
    assert training_of.held() > held, "what is read again counts, and the last alone is kept"
    most = training_of.held()
    assert training_of.world[1].explain(("loss_unseen.logits", (20,))).terms and training_of.held() == most
    training_of.let_go()
    assert training_of.world is None is training_of.card


@pytest.mark.browser
def test_a_click_on_a_curve_and_on_the_check_opens_a_card(watched, app) -> None:
    page: Page = watched.at(app, "/train?lang=en")
    settled(page)
    card = page.locator(".fibra-explained")
    box = page.locator("[data-figure=train-loss] .plotly .nsewdrag").first
    box.scroll_into_view_if_needed()
    at = box.bounding_box()
    page.mouse.click(at["x"] + at["width"] * 0.5, at["y"] + at["height"] * 0.2)
    expect(card.locator("[aria-current]")).to_have_text(re.compile("(loss|averaged) · step 10$"))
    expect(page.locator("[data-figure=train-loss] .shapelayer path")).to_have_count(
        3
    )  # where the run stands, and a ring of two
    settled(page)
    page.locator(".fibra-example a").first.click()
    expect(card.locator("[aria-current]")).to_have_text(re.compile("^probability"))
    settled(page)
    unfold(page.locator("[data-testid=stExpander] summary").first)
    page.locator(".fibra-check a").nth(2).click()
    expect(card.locator("[aria-current]")).to_have_text("slope of the loss")
    expect(card).to_have_count(1)
    settled(page)
    card.locator("table a").first.click()
    expect(card.locator("[aria-current]")).to_have_text("loss at w − ε")
    assert "check_slope" in page.url
