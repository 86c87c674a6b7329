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

from core import Scene
from core.limits import TRAIL
from core.scene.fields import EXPLAINED
from pictures.explained import card as cards
from pictures.explained import training
from pictures.explained.runs import parted
from pictures.explained.world import EVERYWHERE, World
from pictures.train import curves, gradient_check, snapshot
from pictures.train.view import View
from pictures.words import LANGUAGES, words_of
from tests.chromium import WAIT, settled
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
    page.locator("[data-testid=stExpander] summary").first.click()
    page.locator(".fibra-check a").nth(2).click()
    expect(card.locator("[aria-current]")).to_have_text("slope of the loss")
    expect(card).to_have_count(1)
    settled(page)
    card.locator("table a").first.click()
    expect(card.locator("[aria-current]")).to_have_text("loss at w − ε")
    assert "check_slope" in page.url
