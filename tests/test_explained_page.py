"""Every number explains itself on the pages: what a cell is, the card, its way back, the link, and the form."""

from __future__ import annotations

import random
import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from support import knob, random_config, random_params, random_scenes

import core
from core import Scene, interpret, limits
from core.interpret import ANSWERS
from core.limits import TRAIL
from core.scene.fields import EXPLAINED
from core.scene.recall import Recalled
from pictures import (
    attention,
    backward,
    cause,
    compare,
    compare_backward,
    compare_block,
    compare_drift,
    continuation,
    cuts,
    drift,
    fibres,
    habits,
    heads,
    importance,
    influence,
    labels,
    memory,
    ranked,
    reading,
    stacks,
    start,
    together,
    weighed,
    worth,
)
from pictures.block import lengths, neurons, norm, position
from pictures.explained import card as cards
from pictures.explained import derived, runs
from pictures.explained.naming import families, family_of, recorded, title
from pictures.explained.page_world import world
from pictures.explained.world import EVERYWHERE, World
from pictures.generate import cache, draw, lens, loss, votes
from pictures.translate import draw as translate_draw
from pictures.translate import fibres as translate_fibres
from pictures.words import LANGUAGES, words_of
from tests.chromium import WAIT, settled
from tests.support import open_page
from ui import state

expect.set_options(timeout=WAIT)
EN = words_of("en")
PATTERN = "blocks.0.attn.pattern"
SHOWN = {  # page -> its figures whose cells are numbers of a run
    "attention": (*attention.VECTORS, *attention.MATRICES, attention.output),
    "heads": (heads.overview, heads.chosen, heads.entropies, heads.distances),
    "reading": (importance.weights, importance.carried, importance.rolled, reading.labels, reading.effects),
    "cause": (cause.stream, cause.heads, cause.opened, cause.mlps, influence.answers),
    "block": (position.positions, position.alike, neurons.units),
    "backward": (backward.by_word,),
}
DRAWN = [
    Scene(),
    Scene(model="stories", layer=1, head=2, off=("residual",)),
    Scene(model="gpt", ablated=((0, 1),), temperature=2.0, layer=1, head=3).override(d_model=16, positions="rotary"),
    Scene(model="encoder_full", sentence="um dois um", head=1, off=("softmax",)).override(n_layers=2),
    Scene(model="induction", layer=1, head=1, without_first=True, rows_renormalized=True),
]


def here(page: str, scene: Scene) -> World:
    found = world(page, scene, EN)
    assert found is not None
    return found


def values_of(figure: dict[str, Any]) -> np.ndarray:
    return np.asarray(figure["data"][0]["z"], np.float64)


@pytest.mark.parametrize("page", SHOWN)
def test_a_cell_is_the_number_that_it_shows(page: str) -> None:
    """Each cell's number, asked for by a click on it, has the value that colours it; and it is found there again."""
    asked, most = 0, 10 if page == "cause" else 40  # there each is a run
    for scene in DRAWN:
        run = here(page, scene)
        for builder in SHOWN[page]:
            made = builder(scene, EN)
            if made.numbers is None:
                continue
            z = values_of(made.figure)
            for row, column in random.Random(0).sample([*np.ndindex(z.shape)], min(z.size, most)):
                number = made.numbers.at({"x": column, "y": row})
                if number is None or (scene.without_first and np.isnan(z[row, column])):
                    assert np.isnan(z[row, column]), "between two tiles, or hidden"
                    continue
                name, index = number
                made_of, near = derived.kind_of(name)[0], {"rel": 1e-5}
                value = run.explain(number).value if made_of else run.subject[name][index]
                near |= {"abs": 1e-4} if made_of else {}  # of a difference between two runs
                assert z[row, column] == pytest.approx(value, **near) or not np.isfinite(value), (builder, number)
                at = made.numbers.place(number)
                assert (at["x0"] + 0.5, at["y0"] + 0.5) == (column, row)
                asked += 1
            assert made.numbers.place(("embed.W_E", (0, 0))) is None
            assert made.numbers.at({"x": None, "y": None}) is None and made.numbers.at({"x": -2, "y": 0}) is None
    assert asked > 30


def test_a_bar_is_its_tokens_probability() -> None:
    scene = Scene(model="stories", top_k=4, draw_temperature=0.7, tokens_written=2)
    made, run = draw.choices(scene, EN), here("generate", scene)
    drawn = continuation.looked_at(scene, continuation.text_of(scene)).distribution
    for row in range(10):
        number = made.numbers.at({"x": 0.1, "y": row})
        assert run.explain(number).value == drawn.final[number[1][0]]
        assert made.numbers.place(number)["y0"] == row - 0.5
    assert made.numbers.place(("draw.final", (499,))) is None
    logit = next(o for o in run.explain(("draw.plain", (3,))).operands if o.index[-1] == 3)
    assert logit.name == "logits" and run.has((logit.name, logit.index))
    assert run.explain((logit.name, logit.index)).value == pytest.approx(logit.value, abs=1e-4)


def test_nothing_is_lost_where_only_the_other_stack_s_heads_are_off() -> None:
    scene = Scene(model="translator", ablated=((0, 1, "encoder"),), attention_of="encoder")
    (lost,) = (one for one in families("heads", scene) if one.startswith("lost."))
    number = (lost.replace("*", "0"), (0,))
    assert here("heads", scene).has(number)
    other = scene.turn(attention_of="decoder")
    assert not any(one.startswith("lost.") for one in families("heads", other)) and not here("heads", other).has(number)


def test_every_number_of_a_translation_is_the_one_that_it_shows() -> None:
    """The map's cells, the fibres' points, the words' shares, of every kind of attention; with a word forced."""
    for kind in ("cross", "encoder", "decoder"):
        scene = Scene(model="translator", attention_of=kind, words_translated=3, words_forced=((2, 5),))
        run, board = here("translate", scene), translate_fibres.board(scene, EN)
        z = values_of(board.figure)
        for row, column in np.ndindex(z.shape):
            number = board.numbers.at({"x": column, "y": row})
            assert run.explain(number).value == pytest.approx(z[row, column], rel=1e-6)
            assert (number[0][:7] == "encoder", ".cross." in number[0]) == (kind == "encoder", kind == "cross")
            title = Read(cards.card(run, (number,), EN).html).text
            rows, columns = board.figure["layout"]["yaxis"]["ticktext"], board.figure["layout"]["xaxis"]["ticktext"]
            assert unescape(f"“{rows[row]}” → “{columns[column]}”") in title
        crossed = translate_fibres.fibres(scene, EN)
        told = crossed.figure["data"][2]
        for x, y, words in zip(told["x"], told["y"], told["hovertext"], strict=True):
            number = crossed.numbers.at({"x": float(x), "y": float(y)})
            assert f"{run.explain(number).value:.4f}" in words and crossed.numbers.place(number)["x0"] < x
        assert crossed.numbers.at({"x": 2.0, "y": 0.5}) is None is crossed.numbers.place(("logits", (0, 0)))
    bars = translate_draw.choices(scene, EN)
    number = bars.numbers.at({"x": 0.1, "y": 0})
    found = run.explain(number)
    assert found.value == pytest.approx(max(np.asarray(bars.figure["data"][0]["x"])), rel=1e-6)
    logit = found.operands[0]
    assert (logit.name, logit.index[0]) == ("logits", 2), "of the place that is looked at"
    assert run.explain((logit.name, logit.index)).value == pytest.approx(logit.value, abs=1e-4)


def test_a_point_of_a_drift_is_its_coordinates() -> None:
    for scene in (
        Scene(drift_3d=True),
        Scene(model="gpt", drift_stage=2, without_first=True),
        Scene(model="translator", drift_stage=1),
    ):
        run, made = here("drift", scene), drift.drift(scene, EN)
        data = drift._figure(scene, EN)["data"][-2:]
        assert len(made.numbers.places) == sum(len(trace["x"]) for trace in data) > 0
        for place in random.Random(0).sample(made.numbers.places, 8):
            name, (position, _) = made.numbers.at(dict(zip("xyz", place, strict=False)))
            along = [run.explain((name, (position, component))).value for component in range(len(place))]
            assert along == pytest.approx(place, rel=1e-4, abs=1e-5)
            assert (made.numbers.place((name, (position, 1))) is None) == scene.drift_3d
        assert made.numbers.at({"x": 1e9, "y": 0.0, "z": 0.0}) is None is made.numbers.place(("embed", (0, 0)))
        shares, bars = drift.basis(drift.directions(scene)).explained, drift.variance(scene, EN).numbers
        for i, share in enumerate(shares.tolist()):
            found = run.explain(bars.at({"x": i, "y": share}))
            assert found.value == pytest.approx(share, rel=1e-6)
            assert len(found.terms) == len(drift.projected(drift.directions(scene))) * int(drift.kept(scene).sum())


def test_of_points_that_coincide_no_direction_has_a_share() -> None:
    one = Scene(sentence="um")
    run = here("drift", one)
    assert not drift.basis(drift.directions(one)).explained.any(), "else the test is of nothing"
    assert [run.value(("variance.embed", (i,))) for i in range(3)] == [0, 0, 0]
    assert run.has(("scatter.embed", (0,))) and not run.has(("scatter.embed", (1,)))
    for page, scene in (("attention", one), ("drift", one.pin().turn(temperature=2.0))):
        assert not any(here(page, scene).has((f"{kind}.embed", (0,))) for kind in ("variance", "scatter"))
        assert "variance.embed" not in families(page, scene)


def test_a_point_of_a_curve_is_the_number_that_it_is_at() -> None:
    scene = Scene(model="gpt", query=2, dimension=5, layer=1)
    for stack in (scene, scene.override(gated=True, positions="rotary"), Scene(model="translator", query=1)):
        run, found = here("block", stack), [neurons.curve(stack, EN), position.wave(stack, EN)]
        assert (found[1].numbers is None) == (stack.config.positions == "rotary")
        for made in found:
            for number, place in (
                list(zip(made.numbers.numbers, made.numbers.places, strict=True))[::7] if made.numbers else ()
            ):
                assert run.subject[number[0]][number[1]] == pytest.approx(place[1], abs=1e-6)
                at = made.numbers.place(made.numbers.at({"x": place[0], "y": place[1]}))
                assert at["x0"] < place[0] < at["x1"] and at["y0"] < place[1] < at["y1"]
                low, high = made.figure["layout"]["yaxis"]["range"]
                assert at["y1"] - at["y0"] < (high - low) / 5, "one point is outlined, not the figure"
    assert position.wave(Scene(), EN).numbers is None is neurons.curve(Scene(), EN).numbers  # of what is not there


def test_a_stage_is_the_mean_length_of_its_tokens() -> None:
    for page, builder in (("heads", heads.lengths), ("block", lengths.stream), ("block", lengths.steps)):
        for scene in (Scene(model="gpt", layer=2), Scene(model="translator", attention_of="encoder"), Scene()):
            run, made = here(page, scene), builder(scene, EN)
            values = np.asarray(made.figure["data"][0]["y"])
            numbers = [made.numbers.at({"x": x, "y": y}) for x, y in enumerate(values.tolist())]
            assert [run.explain(number).value for number in numbers] == pytest.approx(values.tolist())
            assert [made.numbers.place(number)["x0"] for number in numbers] == [i - 0.5 for i in range(len(values))]


def test_a_fibre_of_the_flat_twin_is_outlined_and_between_two_texts_explained() -> None:
    for kind in ("cross", "encoder", "decoder", ""):
        scene = Scene(model="translator" if kind else "gpt", attention_of=kind or "cross", head=1)
        run, made = here("fibres", scene), fibres.twin(scene, EN)
        told = made.figure["data"][0]
        for x, y, words in list(zip(told["x"], told["y"], told["hovertext"], strict=True))[::5]:
            number = made.numbers.at({"x": float(x), "y": float(y)})
            assert (number is None) == (not kind)  # of one text the page itself hears the click, for it may cut
            if number:
                assert f"{run.explain(number).value:.4f}" in words
                assert made.numbers.place(number)["x0"] < x < made.numbers.place(number)["x1"]
        assert made.numbers.at({"x": 0.0, "y": 0.0}) is None is made.numbers.place(("logits", (0, 0)))


PINNED = [
    Scene(model="gpt", layer=1, head=2, query=3).override(d_model=16).pin().turn(temperature=3.0, ablated=((0, 1),)),
    Scene(model="stories", sentence=cause.CLEAN).pin().turn(sentence=cause.OTHER, compared_step="q", off=("norm",)),
    Scene(model="stories").pin().turn(compared_step="x", compared_array="units", off=("mlp",)),
    Scene(model="translator", attention_of="cross").pin().turn(ablated=((0, 1, "cross"),), compared_step="z"),
    Scene(compared_array="resid_post").pin().turn(edits=((1, 2, 3.0),)),
]
COMPARED = {
    "attention": (compare.pinned_step, compare.present_step, compare.step_difference),
    "heads": (compare.pinned_heads, compare.present_heads, compare.heads_difference),
    "block": (compare_block.pinned, compare_block.present, compare_block.difference),
}


@pytest.mark.parametrize("page", COMPARED)
def test_a_cell_beside_what_is_pinned_is_the_number_that_it_shows(page: str) -> None:
    """Of the pinned run, of the present one, and of the two the difference."""
    asked: list[str] = []
    for scene in PINNED:
        run = here(page, scene)
        assert run.within("pinned.logits")[0].tokens == scene.pinned.tokens
        for builder, of in zip(COMPARED[page], ("pinned.", "", "differs."), strict=True):
            if builder is compare_block.difference and not compare_block.alike(scene):
                continue
            made = builder(scene, EN)
            if made.numbers is None:
                assert page == "block" or of == "differs.", (scene, builder)
                continue
            z = values_of(made.figure)
            for row, column in random.Random(0).sample([*np.ndindex(z.shape)], min(z.size, 30)):
                number = made.numbers.at({"x": column, "y": row})
                if number is None:
                    continue
                assert number[0].startswith(of) and run.has(number)
                value = run.explain(number).value
                assert z[row, column] == pytest.approx(value, rel=1e-5, abs=1e-6) or not np.isfinite(value), number
                assert run.value(number) == pytest.approx(value, rel=1e-6, abs=1e-7) or not np.isfinite(value)
                at = made.numbers.place(number)
                assert (at["x0"] + 0.5, at["y0"] + 0.5) == (column, row)
                asked.append(of)
    assert all(asked.count(of) > 30 for of in ("pinned.", "", "differs."))


def test_the_way_back_from_a_pinned_number_stays_in_its_run() -> None:
    """To the pinned model's own weights and words, which may be another's."""
    draw = random.Random(3)
    scene = Scene(model="stories", sentence="A foca").pin().turn(model="gpt", sentence="um dois três quatro")
    for page, number in (("attention", ("pinned.logits", (1, 7))), ("heads", ("pinned.blocks.1.attn.q", (1, 1, 2)))):
        way = walked(page, scene, number, draw, "en")
        assert all(name.startswith("pinned.") for name in way) and way[-1][7:] in core.run(scene.pinned).params
    card = Read(cards.card(here("attention", scene), (("pinned.blocks.0.attn.scores_masked", (0, 0, 1)),), EN).html)
    assert "pinned: masked score" in card.text and "“A” → “foca”" in card.text
    for name in ("pinned.logits", "differs.blocks.0.attn.pattern", "pinned.pinned.logits"):
        assert not here("attention", scene.turn(pinned=None)).has((name, (0, 0)))
    assert not here("reading", scene).has(("pinned.logits", (1, 7))) and not here("attention", scene).has(
        ("differs.logits", (1, 7))
    )


def test_points_and_lines_beside_what_is_pinned_are_numbers() -> None:
    ways = (compare_drift.pinned_ways, compare_drift.present_ways, compare_drift.difference)
    for scene in (PINNED[0], PINNED[0].turn(drift_stage=1, drift_3d=True), PINNED[3], PINNED[4]):
        run = here("drift", scene)
        for builder in ways:
            made = builder(scene, EN)
            for place in random.Random(0).sample(made.numbers.places, 4):
                name, (position, _) = made.numbers.at(dict(zip("xyz", place, strict=False)))
                along = [run.explain((name, (position, i))).value for i in range(len(place))]
                assert along == pytest.approx(place, rel=1e-4, abs=1e-4), (builder, name)
    scene = Scene(model="gpt").override(n_layers=2, d_model=16)
    deeper = scene.override(n_layers=4).pin().override(n_layers=2)
    two = Scene(model="translator", loss_position=1)
    for shown, builder in (
        *((scene, backward.lengths), (two, backward.lengths)),
        *((deeper, compare_backward.lengths), (scene.pin().turn(off=("residual",)), compare_backward.lengths)),
    ):
        run, made = here("backward", shown), builder(shown, EN)
        assert len(made.figure["data"]) == len(made.numbers.numbers)
        for curve, trace in enumerate(made.figure["data"]):
            assert trace.get("hoverinfo") != "skip", "then Plotly hears no click"
            for point, y in enumerate(np.asarray(trace["y"], np.float64).tolist()):
                number = made.numbers.at({"x": point, "y": y, "curve": curve, "point": point})
                if number is None:
                    assert np.isnan(y)
                    continue
                assert run.explain(number).value == pytest.approx(y, rel=1e-5)
                assert made.numbers.place(number)["x0"] == point - 0.5
        assert made.numbers.at({"x": 0, "y": 0}) is None is made.numbers.place(("logits", (0, 0)))


def test_a_difference_of_fibres_is_two_runs_weights() -> None:
    for scene in (PINNED[0], PINNED[3]):
        run, made = here("fibres", scene), compare.twin_difference(scene, EN)
        told = made.figure["data"][0]
        for x, y, words in list(zip(told["x"], told["y"], told["hovertext"], strict=True))[::3]:
            number = made.numbers.at({"x": float(x), "y": float(y)})
            assert f"{abs(run.explain(number).value):.4f}" in words


def test_a_fibre_of_the_lights_beside_what_is_pinned_and_of_two_texts_is_a_weight() -> None:
    """Which one was clicked is told by its place; of the page's own run of one text the page hears it itself."""
    pinned = Scene(model="gpt", sentence="a b c").pin().turn(sentence="a b c d", temperature=2.0)
    two = Scene(model="translator").pin().turn(ablated=((0, 1, "cross"),))
    cases = [(pinned, compare.pinned_light, "pinned."), (two, compare.pinned_light, "pinned.")]
    for scene, builder, begins in (*cases, (two, compare.present_light, ""), (two.turn(pinned=None), fibres.light, "")):
        run, made, kinds = here("fibres", scene), builder(scene, EN), set()
        mask = made.figure["layout"]["meta"]["mask"]
        for code, weight in list(zip(mask["edges"].tolist(), mask["weight"].tolist(), strict=True))[::7]:
            number = made.numbers.at({"customdata": code})
            assert number[0].startswith(begins) and run.value(number) == pytest.approx(weight, rel=1e-5)
            kinds.add(number[0].removeprefix("pinned.").partition("blocks")[0] + number[0].split(".")[-2])
        assert kinds == ({"attn"} if scene is pinned else {"attn", "cross", "encoder.attn"})
        assert made.numbers.at({"customdata": 0}) is None is made.numbers.at({"customdata": None})
        assert made.numbers.place(number) is None
    assert compare.present_light(pinned, EN).numbers is None is fibres.light(Scene(), EN).numbers
    edges = compare.present_light(pinned, EN).figure["layout"]["meta"]["mask"]["edges"]
    assert cuts.edge_at({"customdata": int(edges[0])}, pinned) is not None


def test_what_leaving_a_key_out_changes_is_explained() -> None:
    """The bars of importance, shares each of their row, and every point of the plane beside them."""
    for scene in (
        *(Scene(model="stories", layer=0, head=1, query=4), Scene(query=3), Scene(model="gpt", ablated=((1, 2),))),
        Scene(model="gpt", layer=1, head=2, query=3, ablated=((1, 2),)).override(n_layers=2, norm_at="post"),
        Scene(model="encoder_full", sentence="um dois um", head=1, query=2).override(n_layers=2),
    ):
        run, made, points = here("reading", scene), importance.importance(scene, EN), weighed.weighed(scene, EN)
        for curve, trace in enumerate(made.figure["data"]):
            for key, y in enumerate(np.asarray(trace["y"], np.float64).tolist()):
                number = made.numbers.at({"x": key, "y": y, "curve": curve, "point": key})
                assert run.explain(number).value == pytest.approx(y, rel=1e-3, abs=1e-4), (scene, number)
                assert made.numbers.place(number)["x0"] == key - 0.5
        for curve, trace in enumerate(points.figure["data"]):
            assert trace.get("hoverinfo") != "skip", "then Plotly hears no click"
            for point, (x, y) in list(enumerate(zip(trace["x"], trace["y"], strict=True)))[::3]:
                number = points.numbers.at({"x": float(x), "y": float(y), "curve": curve, "point": point})
                at, found = points.numbers.place(number), run.explain(number)
                assert found.value == pytest.approx(y, rel=1e-4, abs=1e-6) and at["y0"] < y < at["y1"]
                weight = run.value((number[0].removeprefix("carried."), number[1]))
                assert weight == pytest.approx(x, rel=1e-6) and at["x0"] < x < at["x1"]
        assert points.numbers.at({"x": 0, "y": 0}) is None is points.numbers.place(("logits", (0, 0)))
    left_out = here("reading", Scene(model="stories", layer=0, head=1, query=4)).explain(
        ("left.0.1.4.2.blocks.0.attn.z", (1, 4, 3))
    )
    assert left_out.recomputed() == pytest.approx(left_out.value, rel=1e-4) and len(left_out.terms) == 7


TWO_STACKS = (
    {"layer": 0, "head": 1, "query": 3},
    {"layer": 1, "head": 2, "query": 2, "ablated": ((0, 1, "encoder"), (1, 0), (1, 2, "cross"))},
    {
        **{"layer": 1, "head": 1, "query": 2, "sentence": "o pinguim viu a onda ."},
        **{"patch": ("blocks.0.cross.z", (1,)), "patch_source": "a foca viu a onda ."},
    },
)


@pytest.mark.parametrize("kind", ["cross", "encoder", "decoder"])
@pytest.mark.parametrize("place", TWO_STACKS, ids=["whole", "off", "patched"])
def test_of_two_stacks_every_number_of_reading_heads_is_explained(kind: str, place: dict[str, Any]) -> None:
    """Maps, bars and points; to the weights and the values of that stack, and into the runs without a head or a key."""
    scene, draw = Scene(model="translator", attention_of=kind, **place), random.Random(3)
    run, made, points = here("reading", scene), importance.importance(scene, EN), weighed.weighed(scene, EN)
    board, asked = importance.carried(scene, EN), families("reading", scene)
    maps = [board, importance.weights(scene, EN), reading.effects(scene, EN)]
    maps += [] if kind == "cross" else [importance.rolled(scene, EN), reading.labels(scene, EN)]
    for one in maps:
        z = values_of(one.figure)
        for row, column in draw.sample([*np.ndindex(z.shape)], min(z.size, 12)):
            number = one.numbers.at({"x": column, "y": row})
            found = run.explain(number)
            assert found.value == pytest.approx(z[row, column], rel=1e-4, abs=1e-4), number
            assert family_of(number[0])[0] in asked and title(number, run, EN)
    bars = [(ranked.ranked(scene, EN), "x"), *([] if kind == "cross" else [(reading.scores(scene, EN), "y")])]
    for one, axis in bars:
        for i, value in enumerate(np.asarray(one.figure["data"][0][axis], np.float64).tolist()):
            number = one.numbers.at({"x": value, "y": i} if axis == "x" else {"x": i, "y": value})
            percent = 100 if number[0].startswith("effect") else 1
            assert run.explain(number).value == pytest.approx(percent * value, rel=1e-3, abs=1e-4), number
            assert family_of(number[0])[0] in asked
    for curve, trace in enumerate(made.figure["data"]):
        for key, y in enumerate(np.asarray(trace["y"], np.float64).tolist()):
            number = made.numbers.at({"x": key, "y": y, "curve": curve, "point": key})
            assert run.explain(number).value == pytest.approx(y, rel=1e-3, abs=1e-4)
    for curve, trace in enumerate(points.figure["data"]):
        for point, (x, y) in list(enumerate(zip(trace["x"], trace["y"], strict=True)))[::4]:
            number = points.numbers.at({"x": float(x), "y": float(y), "curve": curve, "point": point})
            assert run.explain(number).value == pytest.approx(y, rel=1e-4, abs=1e-6)
    plane = together.together(scene, EN)
    for number, (x, _) in zip(plane.numbers.numbers, plane.numbers.places, strict=True):
        assert run.explain(number).value == pytest.approx(x, rel=1e-4, abs=1e-5) and family_of(number[0])[0] in asked
    name, at = board.numbers.at({"x": 1, "y": 1})
    starts = [
        (f"{made_of}.{name.removeprefix('carried.')}", at) for made_of in ("carried", "key_effect", "effect_part")
    ]
    for first in (*starts, bars[0][0].numbers.numbers[0]):
        explained_by_what_explains(run, first, draw)
        assert walked("reading", scene, first, draw, "en")


def test_the_score_of_an_induction_probe_is_the_mean_over_its_sequences_runs() -> None:
    """Of every head, also of one that earns no name by it; down to the weights on each sequence."""
    draw = random.Random(4)
    two = Scene(model="translator", ablated=((0, 1, "encoder"), (1, 0)))
    cases = [(Scene(model="induction"), ""), (Scene(model="stories", cut=((0, 0, 2, 1),), temperature=2.0), "")]
    for scene, begins in (
        *cases,
        (two.turn(attention_of="encoder"), "encoder."),
        (two.turn(attention_of="decoder"), ""),
    ):
        run, probed = here("reading", scene), labels.probe_of(scene)
        for layer, head in np.ndindex(probed.shape):
            number = (f"probe.{begins}blocks.{layer}.attn.pattern", (head,))
            found = run.explain(number)
            assert found.value == pytest.approx(probed[layer, head], rel=1e-4, abs=1e-7)
            assert len(found.terms) == len(interpret.probe_sequences(scene.config)) and "probe" in title(
                number, run, EN
            )
        explained_by_what_explains(run, number, draw)
        assert walked("reading", scene, number, draw, "pt-BR")
        assert family_of(number[0])[0] in families("reading", scene) and not here("attention", scene).has(number)
        kind = "sequence_encoder" if begins else "sequence"
        first = interpret.probe_sequences(scene.config)[0]
        tokens = run.tokens_of(f"{kind}.0.{begins}blocks.0.attn.pattern", "key")
        assert tokens == tuple(map(run.called, first.tolist()))
    assert not run.has(("sequence.99.logits", (0, 0))) and not here("reading", cases[0][0]).has(
        ("sequence_encoder.0.logits", (0, 0))
    )
    made = reading.labels(Scene(model="induction"), EN)
    assert any(one[0].startswith("probe.") for row in made.numbers.numbers for one in row)


def explained_by_what_explains(run: World, number: tuple[str, tuple[int, ...]], draw: random.Random) -> None:
    """Whatever an operand is said to be, its own explanation says too, for a while."""
    left, tried = [run.explain(number)], 0
    while left and tried < 16:
        found = left.pop()
        assert found.recomputed() == pytest.approx(found.value, rel=1e-4, abs=1e-5), (number, found.name)
        for one in draw.sample(found.operands, min(3, len(found.operands))):
            if one.name not in EVERYWHERE:
                left.append(run.explain((one.name, one.index)))
                assert left[-1].value == pytest.approx(one.value, rel=1e-4, abs=1e-5), (number, one)
                tried += 1


@pytest.mark.parametrize("kind", ["cross", "encoder", "decoder"])
@pytest.mark.parametrize("place", TWO_STACKS, ids=["whole", "off", "patched"])
def test_of_two_stacks_what_heads_are_worth_is_explained(kind: str, place: dict[str, Any]) -> None:
    """Each bar of Heads, of the words that are written; an encoder's head reaches them through the decoder."""
    scene, draw = Scene(model="translator", attention_of=kind, **place), random.Random(3)
    run, made = here("heads", scene), worth.effect(scene, EN)
    for i, y in enumerate(np.asarray(made.figure["data"][0]["y"], np.float64).tolist()):
        number = made.numbers.at({"x": i, "y": y})
        assert run.explain(number).value == pytest.approx(y, rel=1e-3, abs=1e-5), number
        assert run.tokens_of(number[0], "pos") == stacks.written(scene)
    assert family_of(number[0])[0] in families("heads", scene)
    explained_by_what_explains(run, number, draw)
    assert walked("heads", scene, number, draw, "pt-BR")


PATCHES = (
    *(("blocks.0.attn.z", (1,)), ("blocks.0.attn.z", (1, 3)), ("blocks.1.attn.z", (2,)), ("blocks.1.resid_pre", (3,))),
    *(("blocks.0.resid_pre", ()), ("blocks.0.mlp_out", ()), ("blocks.1.resid_pre", ())),
)


@pytest.mark.parametrize("patch", PATCHES, ids=str)
def test_reading_heads_explains_a_patched_run(patch: tuple[str, tuple[int, ...]]) -> None:
    """What was put in stays as it is, and comes from no word: the figures say so, and so do the cards."""
    whole = Scene(model="stories", sentence=cause.CLEAN)
    for place in ({"layer": 0, "head": 1, "query": 3}, {"layer": 1, "head": 2, "query": 4}):
        scene = whole.turn(patch=patch, patch_source=cause.OTHER, **place)
        run, made = here("reading", scene), importance.importance(scene, EN)
        for builder in (importance.carried, importance.rolled, reading.effects, reading.labels):
            found = builder(scene, EN)
            z = values_of(found.figure)
            for row, column in random.Random(0).sample([*np.ndindex(z.shape)], min(z.size, 12)):
                number = found.numbers.at({"x": column, "y": row})
                if number:
                    value = run.explain(number).value
                    assert value == pytest.approx(z[row, column], rel=1e-4, abs=1e-4), number
        bars = ranked.ranked(scene, EN)
        for row, x in enumerate(np.asarray(bars.figure["data"][0]["x"], np.float64).tolist()):
            assert run.explain(bars.numbers.at({"x": x, "y": row})).value == pytest.approx(x, rel=1e-3, abs=1e-5)
        for curve, trace in enumerate(made.figure["data"]):
            for key, y in enumerate(np.asarray(trace["y"], np.float64).tolist()):
                number = made.numbers.at({"x": key, "y": y, "curve": curve, "point": key})
                assert run.explain(number).value == pytest.approx(y, rel=1e-3, abs=1e-4), number
        layer, head, query = scene.layer, scene.head, scene.query
        draw, z = random.Random(1), f"blocks.{layer}.attn.z"
        for begins in (f"without.{layer}.{head}.", f"left.{layer}.{head}.{query}.1."):
            there = run.within(begins + "logits")[0]
            for name in (z, f"blocks.{layer}.attn_out", "blocks.1.resid_post", "blocks.0.mlp_out"):
                for index in [*draw.sample([*np.ndindex(there.shape(name))], 6), *[(head, query, 0)] * (name == z)]:
                    found, value = run.explain((begins + name, index)), float(there.subject[name][index])
                    assert found.value == value and found.recomputed() == pytest.approx(value, rel=1e-4, abs=1e-5)
        says = importance.carried(scene, EN).says
        assert ("was put in" in says) == (patch[0] == z and head == patch[1][0] and patch[1][1:] in ((), (query,)))
        assert not any(one.patch for one in habits.parts(scene))


def test_what_leaving_a_key_out_changes_is_explained_by_what_the_page_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """No run is made to see whether there is such a number, and of a long text no run is kept whole."""
    scene = Scene(model="encoder_full", sentence=" ".join(f"w{i}" for i in range(20)), query=3).override(n_layers=2)
    number, left_out = ("effect_part.blocks.0.attn.pattern", (0, 3, 7)), ("left.0.0.3.7.blocks.1.resid_post", (3, 5))
    found, value = importance.effects_of(scene), here("reading", scene).value(left_out)
    monkeypatch.setattr(runs, "left_out", lambda *_: pytest.fail("another run"))
    run = here("reading", scene)
    assert run.has(number) and not here("attention", scene).has(number)
    monkeypatch.setattr(importance, "key_effects", lambda *_: pytest.fail("measured again"))
    assert run.explain(number).value == pytest.approx(found[7] / found.sum())
    monkeypatch.undo()
    monkeypatch.setattr(limits, "TRACE", 0)
    runs._left_out.cache.clear()
    run = here("reading", scene)
    assert isinstance(run.within(left_out[0])[0].subject.trace, Recalled)
    assert run.value(left_out) == pytest.approx(value, rel=1e-4)
    changed = run.explain(("left.0.0.3.7.blocks.0.attn.z", (0, 3, 1)))
    assert changed.recomputed() == pytest.approx(changed.value, rel=1e-4) and len(changed.terms) == 19


def test_of_a_long_text_no_run_that_cause_leads_to_is_kept_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(model="gpt", sentence="a b c d", other_sentence="a b e d")
    numbers = (
        *(("put_stream.1.2.logits", (3, 5)), ("put_head.1.1.blocks.2.attn.z", (0, 3, 1))),
        *(("put_mlp.1.0.blocks.3.resid_post", (2, 4)), ("put_word.1.0.2.blocks.1.attn_out", (2, 1))),
        *(("way.2.grad.embed", (3, 1)), ("blank.1.logits", (3, 2)), ("blank.1.blocks.2.mlp.post", (0, 0))),
    )
    whole = [here("cause", scene).value(number) for number in numbers]
    monkeypatch.setattr(limits, "TRACE", 0)
    memory.BUDGET.clear()
    run = here("cause", scene)
    for number, value in zip(numbers, whole, strict=True):
        assert isinstance(run.within(number[0])[0].subject.trace, Recalled)
        assert run.value(number) == pytest.approx(value, rel=1e-4, abs=1e-6)
    memory.BUDGET.clear()


def test_a_number_of_a_text_that_was_longer_is_outlined_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    shorter, name = Scene(model="gpt", sentence="a b"), "carried.blocks.0.attn.pattern"
    points = weighed.weighed(shorter, EN).numbers
    assert points.place((name, (0, 1, 0))) and points.place((name, (0, 0, 1))) is None, (
        "what the mask hides is no point"
    )
    assert points.place((name, (0, 4, 0))) is None is points.place((name, (0, 0, 4)))
    at = open_page("reading", Scene(model="gpt", explained=((name, (0, 4, 3)),)))
    at.session_state[state.SCENE] = at.session_state[state.SCENE].turn(sentence="a b")
    assert not at.run().exception and at.session_state[state.SCENE].explained


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_bars_of_mean_lengths_open_a_card(lang: str) -> None:
    words, scene = words_of(lang), Scene(model="gpt")
    made = lengths.steps(scene, words)
    for row in range(len(made.figure["data"][0]["y"])):
        number = made.numbers.at({"x": row, "y": 1.0})
        card = cards.card(here("block", scene), (number,), words)
        assert words("explain.derived.mean_length") in card.html


def test_of_numbers_that_have_exploded_no_card_breaks_and_none_says_nothing() -> None:
    scene = Scene(model="gpt", layer=11).override(n_layers=12, residual=False, norm="none", init="unit")
    run = here("reading", scene)
    for name, place in (("plane.blocks.11.attn.q", (2, 1, 1)), ("effect_part.blocks.9.attn.pattern", (1, 3, 1))):
        assert np.isnan(run.value((name, place))) and "not a number" in cards.card(run, ((name, place),), EN).says


def test_the_choice_of_arrays_judges_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands on a page that plays, and what is judged takes the logits of all tokens."""
    monkeypatch.setattr(loss, "judged", lambda _: pytest.fail("judged"))
    for sentence, there in (("A foca", True), ("A", False)):
        assert ("judged.surprise.logits" in families("generate", Scene(model="stories", sentence=sentence))) == there


def test_a_bar_of_what_a_cut_costs_is_a_number_of_its_run() -> None:
    """The answer's probability with no fibre cut and with those; or how far each output moved."""
    gpt, cut = Scene(model="gpt"), ((0, 0, 3, 1), (1, 2, 4, 4))
    for scene in (gpt.turn(cut=cut), gpt, Scene(cut=((0, 0, 3, 1),)), Scene(model="stories", cut=cut[:1])):
        run, made = here("fibres", scene), cuts.lost(scene, EN)
        if made.numbers is None:
            assert not scene.cut
            continue
        for row, x in enumerate(np.asarray(made.figure["data"][0]["x"], np.float64).tolist()):
            number = made.numbers.at({"x": x, "y": row})
            assert run.explain(number).value == pytest.approx(x, rel=1e-4, abs=1e-6), (scene, number)
        assert run.has(("uncut.logits", (0, 0))) == (bool(scene.cut) and scene.config.unembed)
        assert made.figure["data"][0].get("hoverinfo") != "skip", "then Plotly hears no click"


def test_a_bar_of_the_loss_is_the_surprise_at_its_token() -> None:
    for scene in (Scene(model="stories", target="vai ."), Scene(model="alice"), Scene(model="stories", lang="en")):
        scene = continuation.writer(scene)
        run, made = here("generate", scene), loss.losses(scene, EN)
        for row, y in enumerate(np.asarray(made.figure["data"][0]["y"], np.float64).tolist()):
            number = made.numbers.at({"x": row, "y": 0.1})
            found = run.explain(number)
            assert found.value == pytest.approx(y, rel=1e-4, abs=1e-6) and made.numbers.place(number)["x0"] == row - 0.5
        assert "judged.surprise.logits" in families("generate", scene)
        share = run.explain((found.operands[0].name, found.operands[0].index))
        assert -np.log(share.value) == pytest.approx(found.value) and cards.chosen(share)[0].index == share.index
        logit = share.operands[0]
        assert run.value((logit.name, logit.index)) == pytest.approx(logit.value)
        assert run.explain((logit.name, logit.index)).recomputed() == pytest.approx(logit.value, abs=1e-3)
    assert not here("attention", scene).has(number) and not run.has(("pinned.logits", (0, 0)))


def test_a_norms_moments_its_strokes_and_the_zeros_are_numbers() -> None:
    gpt = Scene(model="gpt", layer=1, query=2)
    for scene in (
        *(gpt, gpt.override(norm_at="post"), gpt.override(norm="rms"), gpt.turn(second_norm=True), Scene()),
        gpt.override(norm_at="post").turn(off=("residual",), second_norm=True),
        *(Scene(model="translator", attention_of=kind, layer=1) for kind in ("encoder", "cross", "decoder")),
        Scene(model="stories", layer=1, second_norm=True),
    ):
        run, table = here("block", scene), norm.moments(scene, EN)
        strokes, bars = norm.features(scene, EN), neurons.zeros(scene, EN)
        if scene == Scene():
            assert table.numbers is None is strokes.numbers and bars.numbers is None
            continue
        z = values_of(table.figure)
        for row, column in np.ndindex(z.shape):
            number = table.numbers.at({"x": column, "y": row})
            assert run.explain(number).value == pytest.approx(z[row, column], rel=1e-4, abs=1e-5), (scene, number)
            assert table.numbers.place(number)["x0"] == column - 0.5
        for curve, trace in enumerate(strokes.figure["data"]):
            for point, x in list(enumerate(trace["x"].tolist()))[::7]:
                number = strokes.numbers.at({"x": x, "y": 0, "curve": curve, "point": point})
                assert run.value(number) == pytest.approx(x, rel=1e-5, abs=1e-6), (scene, number)
                at = strokes.numbers.place(number)
                assert at["x0"] < x < at["x1"] and at["xref"] == trace["xaxis"]
        assert strokes.numbers.place(("logits", (0, 0))) is None
        for row, y in enumerate(np.asarray(bars.figure["data"][0]["y"]).tolist()):
            number = bars.numbers.at({"x": row, "y": y})
            assert run.explain(number).value == pytest.approx(y, abs=1e-6)


def test_how_heads_look_from_word_to_word_and_the_texts_of_a_search_are_numbers() -> None:
    scene = Scene(model="translator", words_translated=5)
    kinds = set()
    for shown in (
        *(scene.turn(attention_of=kind) for kind in ("cross", "encoder", "decoder")),
        *(scene.turn(words_translated=None), scene.turn(sentence="seals seals"), Scene(model="seq2seq")),
    ):
        run, made = here("translate", shown), translate_fibres.heads(shown, EN)
        z = values_of(made.figure)
        for row, column in np.ndindex(z.shape):
            number = made.numbers.at({"x": column, "y": row})
            assert run.explain(number).value == pytest.approx(z[row, column], rel=1e-6), number
            assert made.numbers.place(number)["x0"] == column - 0.5
        kinds.add(number[0].partition(".")[0])
    assert kinds == {"aligned", "sharp"} and translate_fibres.heads(scene.turn(off=("cross",)), EN).numbers is None
    assert "aligned.blocks.*.cross.pattern" in families("translate", scene)
    assert "aligned.blocks.*.cross.pattern" not in families("translate", Scene(model="seq2seq"))
    for shown in (scene.turn(sentence="seals seals", beam_width=8), Scene(model="seq2seq", beam_width=3)):
        run, made, steps = here("translate", shown), translate_draw.beams(shown, EN), translate_draw.search(shown)
        told = made.figure["data"][0]
        for x, y, text in list(zip(told["x"].tolist(), told["y"].tolist(), told["text"], strict=True))[1:]:
            number = made.numbers.at({"x": x, "y": y})
            found, beam = run.explain(number), steps[int(y) - 1].kept[int(x)]
            assert found.value == pytest.approx(beam.score, rel=1e-6) and EN.number(found.value) in text
            at = made.numbers.place(number)
            assert at["x0"] < x < at["x1"] and at["y0"] < y < at["y1"]
            for one in found.operands:
                below = run.explain((one.name, one.index))
                assert below.value == pytest.approx(one.value, rel=1e-5, abs=1e-7), one
            title = Read(cards.card(run, ((found.operands[-1].name, found.operands[-1].index),), EN).html).text
            assert "text of the search: " in title and f"“{run.called(beam.tokens[-1])}”" in title
        assert made.numbers.at({"x": 0.0, "y": 0.0}) is None
        ended = [(n, i) for n, step in enumerate(steps, 1) for i, b in enumerate(step.kept) if len(b.tokens) < n]
        assert bool(ended) == (shown.beam_width == 8)
        for place in ended:
            same = run.explain(("beam.logits", place))
            assert same.operands[0].index < place and same.value == run.value(("beam.logits", same.operands[0].index))
            assert not run.has((f"kept.{place[0]}.{place[1]}.logits", (0, 0)))
        for name in ("kept.99.0.logits", "kept.0.1.logits", "kept.1.0.beam.logits"):
            assert not run.has((name, (0, 0)))
    assert not here("attention", scene).has(("beam.logits", (1, 0)))


@pytest.mark.parametrize(
    "scene",
    [
        *(Scene(model="stories", layer=1, head=2), Scene(model="induction", layer=1)),
        *(Scene(model="stories", layer=1, head=1, without_first=True), Scene(model="induction", without_first=True)),
    ],
)
def test_what_a_head_does_over_many_sentences_is_explained_sentence_by_sentence(scene: Scene) -> None:
    run, map_, made = here("reading", scene), habits.held(scene, EN), habits.ranged(scene, EN)
    z, (found, _) = values_of(map_.figure), habits.over(scene)
    for row, column in np.ndindex(z.shape):
        number = map_.numbers.at({"x": column, "y": row})
        assert (number is None) == (z[row, column] == 0), "of a head without a name"
        if number:
            assert run.explain(number).value == pytest.approx(z[row, column], rel=1e-6)
            assert map_.numbers.place(number)["y0"] == row - 0.5
    ends, means, behind = made.figure["data"]
    assert not any(trace["hoverinfo"] == "skip" for trace in (ends, behind)), "then Plotly hears no click"
    drawn = [(x, y) for one in (ends, means) for x, y in zip(one["x"].tolist(), one["y"].tolist(), strict=True)]
    for x, y in drawn:
        number = made.numbers.at({"x": x, "y": y})
        assert (number is None) == np.isnan(x)
        if number:
            assert run.explain(number).value == pytest.approx(x, rel=1e-5, abs=1e-6), number
            at = made.numbers.place(number)
            assert at["x0"] < x < at["x1"] and at["y0"] < y < at["y1"]
    for label, (x, text) in enumerate(zip(behind["x"].tolist(), behind["text"], strict=True)):
        held, told = map(int, text.split("/"))
        number = made.numbers.at({"x": x, "y": label})
        assert (number is None) == (told == 0)
        if number:
            share = run.explain(number)
            assert share.value == pytest.approx(held / told) and len(share.terms) == told
            for one in share.operands[:2]:  # each leads to that sentence's own run
                below = run.explain((one.name, one.index))
                assert below.value == one.value and len(below.operands) == len(interpret.LABELS)
                scores = [run.explain((score.name, score.index)).value for score in below.operands]
                assert scores == pytest.approx([score.value for score in below.operands], abs=1e-6)
    assert found.told.any() and not here("attention", scene).has(number or ("held." + PATTERN, (0, 0)))
    for name in ("told.16.logits", "told.3.told.3.logits"):
        assert not run.has((name, (0, 0)))
    assert not here("reading", Scene(model="gpt")).has((f"held.{PATTERN}", (0, 0))), "which learned nothing"
    title = Read(cards.card(run, ((f"told.3.named.{PATTERN}", (0, 4)),), words_of("pt-BR")).html).text
    assert "frase 4: " in title and "“indução”" in title


BARS = (
    ("drift", drift.variance, "y"),
    *(("reading", reading.scores, "y"), ("reading", ranked.ranked, "x"), ("heads", worth.effect, "y")),
    *(("generate", votes.votes, "x"), ("generate", votes.sources, "x"), ("cause", cause.both, "x")),
)


@pytest.mark.parametrize(("page", "builder", "axis"), BARS, ids=[builder.__name__ for _, builder, _ in BARS])
def test_a_bar_is_the_number_that_it_is_as_long_as(page: str, builder: Any, axis: str) -> None:
    quiet = Scene(model="stories", ablated=tuple(np.ndindex(2, 4)))
    for scene in (*DRAWN, quiet):
        scene = continuation.writer(scene) if page == "generate" else scene
        if page == "generate" and votes.refused(scene):
            continue
        made, run = builder(scene, EN), here(page, scene)
        if made.numbers is None:
            assert scene.without_first or scene is quiet, "of the words that are left; and of heads there is none"
            continue
        lengths = np.asarray(made.figure["data"][0][axis], np.float64)
        upright = axis == "y"
        assert made.figure["data"][0].get("hoverinfo") != "skip", "then Plotly hears no click"
        for place, number in enumerate(made.numbers.numbers):
            click = {"x": place, "y": 0.1} if upright else {"x": 0.1, "y": place}
            assert made.numbers.at(click) == number
            if number is None:
                assert page == "generate" and place == len(lengths) - 2, "the others together"
                continue
            share = 100 if number[0].startswith("effect") else 1
            assert "the loss" not in cards.card(run, (number,), EN).says, "that is said of gradients"
            value = run.explain(number).value
            assert value == pytest.approx(share * lengths[place], rel=1e-4, abs=1e-5), (scene, number)
            assert made.numbers.place(number)["x0" if upright else "y0"] == place - 0.5
        assert made.numbers.at({"x": -3, "y": -3}) is None


def test_a_row_of_the_ledger_is_what_its_step_multiplied() -> None:
    for scene in (Scene(model="alice", off=("W_O",)), Scene(model="stories", tokens_written=3), Scene()):
        scene = continuation.writer(scene)
        made, run = cache.ledger(scene, EN), here("generate", scene)
        spent = made.figure["data"][2]
        for step, n in zip(spent["y"].tolist(), spent["x"].tolist(), strict=True):
            number = made.numbers.at({"x": n, "y": step})
            assert run.explain(number).value == n and made.numbers.place(number)["y0"] == step - 0.5
        assert made.numbers.at({"x": 1.0, "y": 0}) is None and run.explain(("spent.logits", (0,))).value == 0
        says = cards.card(run, (number,), EN).says
        assert f"step {step} is {n:,.0f}, the sum of 4 terms" in says, "counts are written whole"
        parts = [run.explain((one.name, one.index)) for one in run.explain(number).operands]
        assert len(parts) == 4 and sum(part.value for part in parts) == n and all(part.formula for part in parts)


def test_a_cell_of_the_lens_and_a_point_of_the_plane_are_numbers() -> None:
    scene = Scene(model="stories", layer=1, head=2, tokens_written=2)
    made, run = lens.lens(scene, EN), here("generate", scene)
    z = values_of(made.figure)
    for row, column in np.ndindex(z.shape):
        number = made.numbers.at({"x": column, "y": row})
        assert run.explain(number).value == pytest.approx(z[row, column], rel=1e-4)
        assert made.numbers.place(number)["x0"] == column - 0.5
    assert made.numbers.at({"x": 9, "y": 0}) is None is made.numbers.place(("logits", (0, 0)))
    for shown in (scene, Scene(model="alice", layer=2, head=3)):
        made, run = together.together(shown, EN), here("reading", shown)
        assert len(made.numbers.numbers) == 2 * len(shown.tokens)
        for (name, (*at, first)), place in zip(made.numbers.numbers, made.numbers.places, strict=True):
            own = [run.explain((name, (*at, first + i))).value for i in range(2)]
            assert own == pytest.approx(place, rel=1e-4, abs=1e-5)
            found, _ = made.numbers.at(dict(zip("xy", place, strict=True)))
            assert (".rot_" in found) == (shown.model == "alice")


MADE = {
    "block": (
        *("mean_before.blocks.1.ln1.out:2", "variance_after.blocks.0.ln2.out:1", "zeros.blocks.1.mlp.post:3"),
        *("variance_before.blocks.1.ln2.out:0", "alike.pos_embed:1.3"),
    ),
    "backward": ("overall.grad.blocks.1.resid_pre:0", "overall.grad.embed:0"),
    "drift": ("variance.embed:1", "away.blocks.1.resid_post:3"),
    "heads": ("mean_entropy.blocks.0.attn.pattern:1", "mean_distance.blocks.1.attn.pattern:2"),
    "reading": (
        *("carried.blocks.1.attn.pattern:1.3.2", "rolled.blocks.1.attn.pattern:3.1"),
        *("effect.blocks.0.attn.z:1", "without.0.1.blocks.1.attn.q:1.2.3", "variation.blocks.1.attn.z:0"),
        *("key_effect.blocks.0.attn.pattern:1.4.2", "effect_part.blocks.0.attn.pattern:1.4.2"),
        *("left.0.1.4.2.blocks.0.attn.z:1.4.3", "carried_part.blocks.0.attn.pattern:1.4.2"),
        *("held.blocks.1.attn.pattern:1.0", "score_most.blocks.0.attn.pattern:2.1"),
        *("score_previous.blocks.1.attn.pattern:2", "plane.blocks.1.attn.k:2.3.1"),
    ),
    "translate": ("aligned.blocks.1.cross.pattern:1", "sharp.encoder.blocks.0.attn.pattern:0", "beam.logits:3.1"),
    "generate": (
        *("vote.blocks.0.mlp_out:7", "vote_head.blocks.1.attn.z:2.9", "brought.logits:2.9"),
        *("lens.blocks.0.resid_post:3.9", "judged.surprise.logits:2"),
    ),
    "cause": (
        *("moved_stream.blocks.1.resid_pre:1", "moved_head.blocks.1.attn.z:1", "moved_word.blocks.0.attn.z:2.4"),
        *(f"share_{name}.embed:2" for name in ANSWERS),
        *("moved_mlp.blocks.1.mlp_out:0", "put_word.1.1.2.blocks.1.attn.z:1.2.5", "other.logits:4.3"),
    ),
}


OF_TWO = (
    "moved_encoder.encoder.blocks.1.resid_pre:3",
    "moved_cross.blocks.1.cross.z:0",
    "moved_mlp.blocks.0.mlp_out:0",
)


@pytest.mark.parametrize("page", MADE)
def test_what_a_derived_number_is_made_of_is_the_run_s(page: str) -> None:
    """Whatever an operand is said to be, its own explanation says too, into other runs as well; to the weights."""
    cases = [(Scene(model="stories"), MADE[page])]
    if page == "translate":
        cases = [(Scene(model="translator"), MADE[page])]
    if page == "cause":
        cases += [(Scene(model="stories", cause_break=True), MADE[page]), (Scene(model="translator"), OF_TWO)]
    for scene, texts in cases:
        draw, run = random.Random(2), here(page, scene)
        for text in texts:
            (number,) = EXPLAINED.read(text)
            assert walked(page, scene, number, draw, "en")
            left, tried = [run.explain(number)], 0
            while left and tried < 16:
                found = left.pop()
                assert found.recomputed() == pytest.approx(found.value, rel=1e-5, abs=1e-5), (text, found.name)
                operands = [one for one in found.operands if one.name not in EVERYWHERE]
                for one in draw.sample(operands, min(3, len(operands))):
                    below = run.explain((one.name, one.index))
                    assert below.value == pytest.approx(one.value, rel=1e-4, abs=1e-5), (text, one)
                    left.append(below)
                    tried += 1


def test_a_run_or_a_number_that_a_page_has_not_is_none() -> None:
    for page in ("cause", "reading", "attention"):
        run = here(page, Scene(model="stories"))
        for name in (
            *("moved_head.blocks.9.attn.z", "put_head.9.1.gap.logits", "without.9.0.logits", "put_x.1.1.logits"),
            *("other.moved_stream.blocks.0.resid_pre", "other.other.logits", "put_head.1.logits", "entropy.logits"),
            *("drift.blocks.0.resid_pre", "without.0.0.effect.blocks.0.attn.z"),
        ):
            assert not any(run.has((name, index)) for index in ((0,), (0, 0))), (page, name)


def test_what_can_be_asked_for_is_what_a_forward_records() -> None:
    for seed in range(40):
        config = random_config(random.Random(seed))
        trace = core.forward(random_params(config, seed), config, np.arange(4))
        assert {family_of(name)[0] for name in trace} == {name.format(i="*") for name in recorded(config)}
    found = families("translate", Scene(model="seq2seq"))
    trace = core.run(Scene(model="seq2seq")).trace
    made = {"beam.logits", "sharp.blocks.*.cross.pattern", "sharp.blocks.*.attn.pattern"}
    made |= {"draw.plain", "sharp.encoder.blocks.*.attn.pattern"}
    assert {family_of(name)[0] for name in trace} | made == {*found}
    assert "grad.logits" in families("backward", Scene(model="gpt")) and "draw.plain" in families("generate", Scene())


class Read(HTMLParser):
    """A card's links, by their texts, and all of its text."""

    def __init__(self, html: str):
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.tags: set[str] = set()
        self.text = ""
        self._way: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.add(tag)
        self._way = dict(attrs)["data-way"] if tag == "a" else self._way

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._way is not None:
            self.links.append((data, self._way))

    def handle_endtag(self, tag: str) -> None:
        self._way = None if tag == "a" else self._way


def walked(page: str, scene: Scene, start: tuple, draw: random.Random, lang: str) -> list[str]:
    """The names on one way back, by links alone, until a card has none that leads on."""
    run, way, words = here(page, scene), (start,), words_of(lang)
    for _ in range(90):
        made = cards.card(run, way, words)
        read = Read(made.html)
        assert made.says and "{" not in made.says and made.formula
        assert read.tags <= {"nav", "ol", "li", "a", "b", "p", "table", "tr", "td", "th", "span"}
        on = [found for _, text in read.links if len(found := EXPLAINED.read(text) if text else ()) > len(way)]
        if len(way) == TRAIL:
            on = [EXPLAINED.read(text) for _, text in read.links if text and EXPLAINED.read(text)[-1] != way[-1]]
        if not on:
            return [name for name, _ in way]
        way = draw.choice(on)
    raise AssertionError(way)


def test_from_every_number_links_lead_back_to_the_word() -> None:
    draw = random.Random(1)
    for i, scene in enumerate(random_scenes(24, 3)):
        run = here("attention", scene)
        name = draw.choice([*run.subject.trace])
        way = walked("attention", scene, (name, tuple(n - 1 for n in run.shape(name))), draw, LANGUAGES[i % 2])
        last = way[-1]
        assert last in run.subject.params or last == "embed" or last.startswith(("pos", "blocks")), way
    assert walked("backward", Scene(model="gpt"), ("grad.embed", (1, 2)), draw, "en")
    for name in ("blocks.1.cross.pattern", "encoder.blocks.1.resid_post", "logits"):
        two = Scene(model=("translator", "seq2seq")[name == "logits"])
        way = walked("translate", two, (name, tuple(0 for _ in here("translate", two).shape(name))), draw, "en")
        assert way[-1] in here("translate", two).subject.params or way[-1].endswith("pos_embed"), way
    assert walked("generate", Scene(model="stories"), ("draw.final", (9,)), draw, "pt-BR")[0] == "draw.final"


def test_a_card_is_not_written_anew_for_a_knob_that_alters_no_number() -> None:
    numbers = {
        "drift": ("drift.blocks.1.resid_post", (2, 1)),
        "fibres": ("blocks.1.attn.pattern", (2, 3, 1)),
        "backward": ("grad.embed", (1, 2)),
        "block": ("blocks.1.resid_mid", (2, 3)),
    }
    changes = {"threshold": 0.4, "focus": 1, "layers_lit": 1, "cutting": True, "drift_stage": 1, "drift_3d": True}
    changes |= {"second_norm": True, "learning_rate": 0.01, "compared_step": "q", "compared_array": "units"}
    changes |= {"projector": 1}
    assert changes.keys() == {*cards.LOOKS}
    for page, number in numbers.items():
        scene = Scene(model="gpt", explained=(number,))
        for one in (scene, scene.turn(explained=()).pin().turn(temperature=2.0, explained=(number,))):
            found = cards.shown(page, one, EN)
            assert found and (misses := cards.shown.cache.misses)
            for name, value in changes.items():
                assert cards.shown.__wrapped__(page, one.turn(**{name: value}), EN) == found, (page, name)
                assert cards.shown(page, one.turn(**{name: value}), EN) is found
            assert cards.shown.cache.misses == misses
            moved = ((number[0], (*number[1][:-1], 0)),)
            for change in ({"temperature": 3.0}, {"sentence": "a b c d e"}, {"explained": moved}):
                assert cards.shown(page, one.turn(**change), EN) != found, (page, change)


def test_the_terms_of_a_card_and_the_rest_are_the_value() -> None:
    scene = Scene(model="gpt")
    found = here("attention", scene).explain(("logits", (4, 7)))
    some, rest = cards.largest(found)
    assert len(some) == cards.SHOWN and sum(t.value for t in some) + rest == pytest.approx(found.value, abs=1e-5)
    read = Read(cards.card(here("attention", scene), (("logits", (4, 7)),), EN).html)
    assert "the other 58 terms" in read.text and cards.number(rest, EN) in read.text
    scale = Read(cards.card(here("attention", scene), (("ln_final.scale", (0, 0)),), EN).html)
    assert "and 58 numbers more" in scale.text
    assert cards.number(0.0, EN) == "0" and cards.number(float("nan"), EN) == "not a number"
    assert cards.number(-np.inf, EN) == "−∞" and cards.number(12.0, EN) == "12" and cards.number(0.25, EN) == "0.2500"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_card_has_a_list_for_every_choice_of_another_number(lang: str) -> None:
    """Named by what stands there, or a field of so many; of what is one alone there is none."""
    words = words_of(lang)
    cases = {  # page, number -> what its lists and fields offer
        ("attention", ("blocks.1.attn.pattern", (2, 3, 1))): ["4 of layer", "field 3", "5 of 1", "5 of 2"],
        ("drift", ("drift.blocks.1.resid_post", (2, 1))): ["4 of layer", "5 of 0", "3 of 1"],
        ("backward", ("overall.grad.blocks.1.resid_pre", (0,))): ["4 of layer"],
        ("attention", ("blocks.0.attn.W_Q", (5, 6))): ["4 of layer", "field 63", "field 63"],
        ("attention", ("embed.W_E", (5, 6))): [f"field {core.PRESETS['gpt'].config.vocab_size - 1}", "field 63"],
    }
    for (page, number), offered in cases.items():
        shown = cards.shown(page, Scene(model="gpt", explained=(number,)), words)
        lists = re.findall(r'<select data-axis="(\w+)">(.*?)</select>', shown.places)
        fields = re.findall(r'<input type="number" data-axis="\d+" min="0" max="(\d+)" value="(\d+)">', shown.places)
        found = [f"{one.count('<option')} of {axis}" for axis, one in lists]
        assert sorted([*found, *(f"field {most}" for most, _ in fields)]) == sorted(offered), (number, shown.places)
        chosen = [re.search(r'value="(\d+)" selected', one)[1] for _, one in lists] + [now for _, now in fields]
        layer = [str(family_of(number[0])[1])] if "blocks." in number[0] else []
        assert sorted(chosen) == sorted([*layer, *(str(at) for at in number[1] if offered != ["4 of layer"])])
        assert shown.html.count(shown.places) == 1 and 'role="group"' in shown.places
    assert cards.shown("attention", Scene(model="gpt", explained=(("position", (2,)),)), words) is None
    typed = Scene(sentence="<b> & não", explained=(("blocks.0.attn.pattern", (0, 1, 0)),))
    assert "&lt;b&gt;</option>" in cards.shown("attention", typed, words).places


def test_a_card_writes_its_way_its_terms_and_what_is_unchanged() -> None:
    """Each number of the way goes back to where it was, the last four of them; factors stand where there are some."""
    scene = Scene(model="gpt")
    run = here("attention", scene)
    way = tuple(("blocks.1.resid_pre", (0, d)) for d in range(6))
    card = cards.card(run, way, EN)
    links = [EXPLAINED.read(to) for _, to in Read(card.html.partition("</nav>")[0]).links if to]
    assert links == [way[: i + 1] for i in (2, 3, 4)] and card.html.count("<li>…</li>") == 1
    assert "<li>…</li>" not in cards.card(run, way[:4], EN).html
    assert "unchanged from: residual stream leaving · layer 0, “Os”, dimension 5." in card.says
    products = cards.card(run, (("blocks.0.attn.scores", (0, 1, 1)),), EN)
    (first, *_), _ = cards.largest(run.explain(("blocks.0.attn.scores", (0, 1, 1))))
    row = re.search(r"<table><tr><td>(.*?)</td>", products.html)[1]
    assert [text for text, _ in Read(row).links] == [cards.number(one.value, EN) for one in first.operands]
    assert Read(row).text == " · ".join(cards.number(one.value, EN) for one in first.operands)
    scaled = cards.card(run, (("blocks.0.attn.scores_scaled", (0, 1, 1)),), EN)
    assert Read(re.search(r"<tr><td>(.*?)</td>", scaled.html)[1]).text.startswith("0.2500 · ")
    assert "the sum of 1 term" in scaled.says and "unchanged" not in scaled.says
    without = here("reading", Scene(model="stories"))
    assert title(("without.1.2.logits", (0, 9)), without, EN).startswith("without head 2 of layer 1: logit")
    across = here("reading", Scene(model="translator"))
    for begins, said in (
        ("without_cross.1.2.", "head 2 of cross-attention in layer 1"),
        ("without_encoder.0.3.", "encoder"),
    ):
        assert said in title((begins + "logits", (0, 9)), across, EN)


@pytest.mark.parametrize("breaks", [False, True])
@pytest.mark.parametrize("words", [(), ("cause_word", "cause_rival")])
def test_a_cell_of_cause_is_how_far_its_patch_moves_the_difference(breaks: bool, words: tuple[str, ...]) -> None:
    """Towards the other run, whichever of the two candidates leads."""
    scene = Scene(model="stories", cause_break=breaks)
    if words:  # the other way round
        scene = scene.turn(**dict(zip(words, reversed(cause.Pair.of(scene).candidates), strict=True)))
    run, pair = here("cause", scene), cause.Pair.of(scene)
    assert (pair.gap >= 0) == (bool(words) == breaks)
    for builder in (cause.stream, cause.heads):
        made = builder(scene, EN)
        z = values_of(made.figure)
        for row, column in ((1, 1), (0, 2), (1, z.shape[1] - 1)):
            number = made.numbers.at({"x": column, "y": row})
            found = run.explain(number)
            assert found.value == pytest.approx(z[row, column], rel=1e-4, abs=1e-4)
            assert {abs(term.factor) for term in found.terms} == {1.0}


def test_what_a_reader_typed_is_no_markup() -> None:
    scene = Scene(sentence="<b>x</b> $y$ \u05d0")
    made = cards.card(here("attention", scene), ((PATTERN, (0, 0, 1)),), EN, lambda way: '?a="&b')
    assert "<b>x" not in made.html and "&lt;b&gt;x&lt;/b&gt;" in made.html and 'href="?a=&quot;&amp;b"' in made.html


# ---------------------------------------------------------------------------------------------------------- on a page


def says_of(at: Any) -> str:
    return " ".join(re.sub("<[^>]+>", " ", block.proto.body) for block in at.main if block.type == "html")


def test_a_link_opens_a_number_and_a_wrong_one_is_refused(monkeypatch) -> None:
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    at = open_page("heads", Scene(model="gpt", explained=((PATTERN, (0, 3, 1)),), lang="en"))
    assert not at.exception and len(at.latex) == 1
    for wrong in ("blocks.0.attn.pattern:0.3.9", "of.nobody:0", "x"):
        at = open_page("heads", {"model": "gpt", "lang": "en", "explained": wrong})
        assert not at.exception and not at.latex and at.session_state[state.SCENE].explained == ()
        assert any("explained" in block.value for block in at.get("html")), wrong


def test_the_form_opens_a_number_moves_and_is_undone(monkeypatch) -> None:
    """Where no component can run, places are chosen here too."""
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    at = open_page("reading", Scene(model="gpt", lang="en", query=2, layer=1, head=3))
    knob(at.selectbox, knob_key(at, "explained")).select("blocks.*.attn.scores").run()
    assert at.session_state[state.SCENE].explained == (("blocks.1.attn.scores", (3, 2, 1)),)
    knob(at.selectbox, knob_key(at, "explained_layer")).select(2).run()
    knob(at.number_input, "knob-explained_0").set_value(0).run()
    assert at.session_state[state.SCENE].explained == (("blocks.2.attn.scores", (0, 2, 1)),)
    assert not at.exception and len(at.latex) == 1
    knob(at.selectbox, knob_key(at, "explained")).select("").run()
    assert at.session_state[state.SCENE].explained == () and not at.latex


def knob_key(at: Any, name: str) -> str:
    return next(box.key for box in at.selectbox if re.match(rf"knob-{name}-[0-9a-f]{{8}}", box.key))


def test_a_question_that_is_not_answered_hides_the_card() -> None:
    check = core.CHECKS["rows-sum-to-one"].scene.turn(check="rows-sum-to-one", explained=((PATTERN, (0, 0, 0)),))
    at = open_page("attention", check)
    assert not at.exception and not at.latex


def test_a_thumbnail_of_the_strip_is_a_number_and_the_way_is_lit() -> None:
    scene = Scene(model="gpt")
    assert start.number_at(scene, PATTERN, 2, 0.3, 0.99) == (PATTERN, (2, 4, 1))
    assert start.number_at(scene, "embed", None, 0.5, 0.0) == ("embed", (0, 32))
    assert start.number_at(scene, PATTERN, None, 0.3, 0.9) is None is start.number_at(scene, "nobody", 0, 0.3, 0.9)
    assert start.number_at(scene, "embed", None, 1.0, 0.0) is None
    way = (("logits", (4, 1)), ("blocks.2.mlp_out", (4, 1)), ("blocks.1.attn.W_V", (4, 1)), ("embed.W_E", (1, 1)))
    style = start.lit(scene.turn(explained=way))
    lit = re.findall(r'data-array="([^"]*)"', style)
    assert lit == ["blocks.1.attn.pattern", "blocks.2.mlp.post", "embed", "logits"]
    assert {*lit} <= {*re.findall(r'data-array="([^"]*)"', start.html(scene, EN))} and not start.lit(scene)


# ------------------------------------------------------------------------------------------------------ in the browser


@pytest.mark.browser
def test_a_cell_opens_and_its_operands_open_and_a_link_says_the_same(watched, app) -> None:
    page: Page = watched.at(app, "/reading?lang=en&model=gpt")
    figure = page.locator("[data-figure=reading-weights] .plotly .xy").first
    figure.wait_for(state="attached")
    settled(page)
    box = page.locator("[data-figure=reading-weights] .plotly .nsewdrag").first
    box.scroll_into_view_if_needed()
    at = box.bounding_box()
    page.mouse.click(at["x"] + at["width"] * 0.1, at["y"] + at["height"] * 0.9)
    card = page.locator(".fibra-explained")
    expect(card.locator("[aria-current]")).to_have_text("attention weight · layer 0, head 0, “joelho” → “Os”")
    expect(page.locator("[data-figure=reading-weights] .shapelayer path")).to_have_count(4)  # chosen, and explained
    card.locator("table a").first.click()
    expect(card.locator("[aria-current]")).to_have_text("masked score · layer 0, head 0, “joelho” → “Os”")
    settled(page)
    other: Page = watched.tab(390, 844)
    other.goto(page.url)
    expect(other.locator(".fibra-explained [aria-current]")).to_have_text(re.compile("^masked score"))
    card.locator("nav a").first.press("Enter")
    expect(card.locator("[aria-current]")).to_have_text(re.compile("^attention weight"))
    settled(page)
    card.get_by_label("Key").focus()
    card.get_by_label("Key").select_option("joelho")  # its lists say another place, and stay under the reader's hand
    expect(card.locator("[aria-current]")).to_have_text("attention weight · layer 0, head 0, “joelho” → “joelho”")
    settled(page)
    expect(card.get_by_label("Key")).to_be_focused()
    card.get_by_label("Head").fill("99")
    card.get_by_label("Head").press("Tab")
    expect(card.locator("[aria-current]")).to_have_text("attention weight · layer 0, head 3, “joelho” → “joelho”")
    settled(page)
    card.get_by_label("Layer").select_option("2")
    expect(card.locator("[aria-current]")).to_have_text("attention weight · layer 2, head 3, “joelho” → “joelho”")
    settled(page)
    assert "explained=blocks.2.attn.pattern%3A3.4.4" in page.url
    card.press("Escape")
    expect(card).to_have_count(0)
    assert "explained" not in page.url


@pytest.mark.browser
def test_a_bar_of_no_length_opens_by_a_click_in_its_row_or_column_and_on_its_name(watched, app) -> None:
    page: Page = watched.at(app, "/reading?lang=en&model=gpt&layer=1&head=1")
    settled(page)
    card = page.locator(".fibra-explained [aria-current]")
    page.locator("[data-figure=reading-scores] .fibra-figure").scroll_into_view_if_needed()
    settled(page)
    area = page.locator("[data-figure=reading-scores] .plotly .nsewdrag").first
    at = area.bounding_box()
    same = at["x"] + at["width"] * 3.5 / 6  # no token comes again: this bar has no length
    for where, y in (("column", at["y"] + at["height"] * 0.5), ("name", at["y"] + at["height"] + 12)):
        page.mouse.click(same, y)
        expect(card, where).to_have_text("score: the same token again · layer 1, head 1")
        settled(page)
        page.locator(".fibra-explained a.close").click()
        expect(card).to_have_count(0)
        settled(page)
    page.mouse.click(at["x"] + at["width"] * 0.5 / 6, at["y"] + at["height"] * 0.95)
    expect(card).to_have_text("score: the previous token · layer 1, head 1")


APART = """(figure) => {
  const [one, card] = [figure, document.querySelector(".st-key-explained-card")].map((e) => e.getBoundingClientRect());
  return Math.max(card.left - one.right, one.left - card.right, card.top - one.bottom) >= 0 && one.top >= 0;
}"""


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_a_card_leaves_the_picture_in_sight_whose_number_it_explains(watched, app, width: int, height: int) -> None:
    page: Page = watched.tab(width, height)
    page.goto(f"{app}/attention?lang=en")
    settled(page)
    card = page.locator(".fibra-explained [aria-current]")

    def clicked(name: str) -> bool:
        figure = page.locator(f"[data-figure=attention-{name}] .fibra-figure")
        figure.scroll_into_view_if_needed()
        settled(page)
        at = figure.locator(".plotly .nsewdrag").first.bounding_box()
        before = card.inner_text() if card.count() else ""
        page.mouse.click(at["x"] + at["width"] * 0.7, at["y"] + at["height"] * 0.5)
        expect(card).to_have_count(1)
        expect(card).not_to_have_text(before)  # of the number that was clicked
        settled(page)
        return figure.evaluate(APART)

    assert clicked("pattern"), "softmax stands where a card opens"
    side = page.locator(".st-key-explained-card").get_attribute("data-side")
    page.locator(".fibra-explained table a").first.click()
    expect(card).to_have_text(re.compile("^masked score"))
    settled(page)
    assert page.locator(".st-key-explained-card").get_attribute("data-side") == side, "it stays under the reader's hand"
    assert clicked("x")
    if width > 640:
        assert side == "left" and page.locator(".st-key-explained-card").get_attribute("data-side") == "right"
        opened: Page = watched.again()  # by an address there is a card before there are figures
        opened.goto(f"{app}/attention?lang=en&explained=blocks.0.attn.pattern:0.3.1")
        expect(opened.locator("[data-figure=attention-pattern] .fibra-ringed")).to_have_count(1)
        opened.wait_for_function(f"({APART})(document.querySelector('.fibra-ringed'))")
