"""Pin and compare: both on one scale, the difference cell by cell, the greatest change named; and undo of any turn."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from html import escape

import numpy as np
import plotly.graph_objects as go
import pytest

import core
from core import Scene
from core.interventions import EVERY_PART
from core.scene.fields import OVERRIDES, STEPS, is_view
from pictures import changes, compare, compare_drift, compute, pinned, stacks
from pictures.pages import PAGES
from pictures.words import words_of
from plots.figure import literal, number, to_json
from plots.mask import masked
from plots.theme import resolve
from tests.support import html, knob, open_page

LANGUAGES = ("en", "pt-BR")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_whatever_may_differ_from_what_is_pinned_has_a_name(lang: str) -> None:
    words = words_of(lang)
    computed = {"model", "sentence", "split", "seed", "temperature", "patch", *pinned.LISTS}
    assert all(words(f"knob.{name}") for name in (*computed, *OVERRIDES.kinds, *EVERY_PART))
    unnamed = {"overrides", "off", "patch_source"}  # of these each value has a name, or goes with the patch
    assert {one.name for one in fields(Scene) if not is_view(one)} == computed | unnamed


def pairs(n: int) -> list[Scene]:
    """Scenes with something pinned beside them, drawn at random."""
    draw = np.random.default_rng(7)
    found = []
    for i in range(n):
        model = ("penguins", "encoder_full", "gpt")[i % 3]
        scene = Scene(model=model, seed=int(draw.integers(99)), compared_step=STEPS[i % len(STEPS)]).pin()
        scene = scene.turn(temperature=float(draw.choice([0.3, 0.7, 2.0])), query=int(draw.integers(5)))
        if i % 2:
            scene = scene.turn(edits=((int(draw.integers(5)), int(draw.integers(4)), float(draw.normal())),))
        found.append(scene)
    return found


SCENES = pairs(27)


def heat(figure: dict) -> dict:
    go.Figure(resolve(figure, "light"))
    return next(trace for trace in figure["data"] if trace["type"] == "heatmap")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_three_maps_are_the_arrays_and_the_greatest_change_is_named(lang):
    words = words_of(lang)
    for scene in SCENES:
        was, now = compare.step(scene.before), compare.step(scene)
        maps = [
            (heat(picture.figure), picture.says)
            for picture in (
                builder(scene, words)
                for builder in (compare.pinned_step, compare.present_step, compare.step_difference)
            )
        ]
        hidden = np.isneginf(was) | np.isneginf(now)
        for (trace, _), values in zip(maps, (was, now, now - np.where(hidden, np.nan, was)), strict=True):
            shown = np.where(np.isfinite(values), values, np.nan)
            np.testing.assert_allclose(np.where(hidden, np.nan, trace["z"]), np.where(hidden, np.nan, shown), atol=1e-6)
        assert maps[0][0]["zmax"] == maps[1][0]["zmax"], "one scale for both"
        assert maps[0][0]["zmax"] == 1 or scene.compared_step != "pattern", "of all that a weight can be"
        change = np.where(hidden, 0, now - np.where(hidden, 0, was))
        says = maps[2][1]
        told(says, change, was, now, words, 2 if was.shape[0] == was.shape[1] else 1, scene.tokens)


def told(says: str, change: np.ndarray, was: np.ndarray, now: np.ndarray, words, names: int, tokens) -> None:
    """The sentence names the greatest change, as its two numbers and the difference of what is written of them."""
    best = float(np.abs(change).max())
    if best <= 1e-6 * max(np.abs(x[np.isfinite(x)]).max() for x in (was, now)):
        assert says.startswith((words("compare.nothing"), words("compare.hidden", n=2)[2:]))
        return
    place = np.unravel_index(np.argmax(np.abs(change)), change.shape)
    places = 2
    while best < 10.0**-places:
        places += 1
    texts = [number(float(x[place]), places, words.comma) for x in (was, now)]
    written = [round(float(x[place]), places) for x in (was, now)]
    difference = number(abs(written[1] - written[0]), places, words.comma)
    sign = "+" if written[1] > written[0] else "−"
    assert f"{texts[0]} → {texts[1]} ({sign}{difference})" in says, (says, was[place], now[place])
    assert all(f"“{tokens[i]}”" in says for i in place[-names:] if names == 2 or i == place[0])
    alike = sum(number(float(x), places, words.comma) == number(best, places, words.comma) for x in np.abs(change).flat)
    assert (words("compare.as_much", n=alike - 1) in says) == (alike > 1)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_greatest_change_of_all_heads(lang):
    words = words_of(lang)
    for scene in SCENES[:20]:
        was, now = (stacks.patterns(s) for s in (scene.before, scene))
        layer, head, *_ = np.unravel_index(np.argmax(np.abs(now - was)), was.shape)
        says = compare.heads_difference(scene, words).says
        told(says, now - was, was, now, words, 2, scene.tokens)
        if words("compare.nothing") not in says:
            assert [int(n) for n in re.findall(r"\d+", says)[:2]] == [layer, head]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_small_change_is_one_and_rounding_is_none(lang):
    words, was = words_of(lang), np.array([[0.25, 0.75], [0.5, 0.5]])

    def said(now: np.ndarray, was: np.ndarray = was) -> str:
        return changes.changed("compare.dimension", was, now, lambda at: {"row": "a", "column": at[1]}, words)

    nothing = words("compare.nothing")
    assert said(was) == said(was * (1 + 1e-8)) == said(1e9 * was, 1e9 * was + 1e-3) == nothing
    faint = was + np.array([[0.004, 0], [0, 0]])
    assert f"{words.number(0.25, 3)} → {words.number(0.254, 3)} (+{words.number(0.004, 3)})" in said(faint)
    assert f"({words.number(-0.004, 3)})" in said(2 * was - faint)
    assert words("compare.as_much", n=1) in said(was + np.array([[0.1, -0.1], [0, 0]]))
    assert "10" in said(1e20 * was) and "e+" not in said(1e20 * was)
    lost = words("compare.lost")
    assert said(np.full((2, 2), np.nan)) == lost and said(np.where(was > 0.6, np.inf, was)) == lost
    assert said(np.where(was > 0.6, -np.inf, was)) == words("compare.hidden", n=1)
    assert changes.ranged(was, words) == words("compare.range", low=words.number(0.25), high=words.number(0.75))
    assert changes.ranged(was * 0, words) == words("compare.range_one", value=words.number(0))
    assert changes.ranged(was * np.nan, words) == lost


def test_a_change_is_written_with_the_decimals_that_show_it():
    words = words_of("en")
    shown = {0.0: 2, 5.0: 2, 0.05: 2, 0.01: 2, 0.0099: 3, 0.004: 3, 0.001: 3, 3e-5: 5, 1e-9: 9, 1e-12: 9}
    assert {change: changes.decimals(change) for change in shown} == shown
    assert changes.written(9999.5, 2, words) == "9,999.50" and changes.written(-1e4, 2, words) == "−1.0\u00a0×\u00a010⁴"
    assert changes.told(0.25, 0.254, words) == {"was": "0.250", "now": "0.254", "change": "+0.004"}
    assert changes.told(0.256, 0.144, words) == {"was": "0.26", "now": "0.14", "change": "−0.12"}, "as it is written"
    assert changes.told(2.0, 30_000.0, words)["change"] == "+3.0\u00a0×\u00a010⁴"
    assert changes.told(1.0, 1.0, words)["change"] == words.number(0.0)


def test_a_map_of_changes_goes_to_the_greatest_and_stays_pale_where_nothing_changed():
    was, now = np.array([1.0, -3.0, np.inf, np.nan, 2.0]), np.array([1.5, -7.0, 1.0, 1.0, -np.inf])
    np.testing.assert_array_equal(changes.difference(was, now), [0.5, -4, np.nan, np.nan, np.nan])
    assert changes.largest(was, now) == 7 and changes.largest(np.array([np.nan])) == 0 and changes.reach(was, now) == 4
    assert (
        changes.reach(was[:2], was[:2] * (1 + 1e-9)) == pytest.approx(3)
        and changes.reach(0 * was[:2], 0 * was[:2]) == 1
    )
    words = words_of("en")
    assert changes.greatest(was[:2], was[:2] * (1 + 1e-9), words) is None
    assert changes.greatest(was, now, words).places == ((1,),)
    assert changes.greatest(np.zeros(3), np.array([0.5, -0.5, 0.2]), words).places == ((0,), (1,)), "whichever way"
    hidden = np.array([-np.inf, 0.0]), np.array([0.5, -np.inf])

    def named(at: tuple[int, ...]) -> dict:
        return {"row": "a", "column": at[0]}

    assert changes.changed("compare.dimension", *hidden, named, words) == words("compare.hidden", n=2)
    start, later = np.array([0.0, 5.0, 1.0]), np.array([0.1004, 5.1001, 1.0])
    told = changes.changed("compare.dimension", start, later, named, words)
    assert "0.00 → 0.10 (+0.10)" in told and words("compare.as_much", n=1) in told, "of those alike the greatest"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_ends_that_part_are_named_together(lang):
    words = words_of(lang)
    scene = Scene().pin()
    assert compare_drift.difference(scene, words).says == words("compare.nothing")
    off = scene.turn(ablated=((0, 0),))
    ends = compute.run(scene).trace["blocks.0.resid_post"]
    lengths = np.linalg.norm(ends, axis=1)
    assert scene.tokens[int(lengths.argmax())] in compare_drift.difference(off, words).says
    assert words.number(float(lengths.max())) in compare_drift.difference(off, words).says
    alike = Scene(sentence="um um").pin().turn(ablated=((0, 0),))
    length = float(np.linalg.norm(compute.run(alike.before).trace["blocks.0.resid_post"][0]))
    assert compare_drift.difference(alike, words).says == words("compare.ends_alike", length=words.number(length))


def test_other_heads_and_other_numbers_are_a_difference_too():
    words = words_of("en")
    scene = Scene(model="gpt", ablated=((0, 0),), edits=((0, 0, 1.0),)).pin()
    assert pinned.differences(scene.turn(ablated=((0, 1),)), words) == ["heads switched off: 1 other"]
    assert pinned.differences(scene.turn(edits=((0, 0, 2.0),)), words) == ["edited numbers: 1 other"]
    assert pinned.differences(scene, words) == []
    cut = scene.turn(cut=((0, 0, 1, 0),))
    assert pinned.differences(cut, words) == ["fibres cut 0 → 1"]
    assert pinned.differences(cut.pin().turn(cut=((0, 0, 2, 0),)), words) == ["fibres cut: 1 other"]


def test_the_chosen_cell_is_outlined_in_both_maps_or_the_last_of_a_shorter_text():
    words = words_of("en")
    for step in ("pattern", "scores"):
        short = Scene(model="gpt", sentence="um dois", compared_step=step).pin()
        scene = short.turn(sentence="um dois três quatro cinco", query=4, key=3)
        for builder, cell in ((compare.pinned_step, (1, 1)), (compare.present_step, (4, 3))):
            shapes = builder(scene, words).figure["layout"]["shapes"]
            places = {((shape["y0"] + shape["y1"]) / 2, (shape["x0"] + shape["x1"]) / 2) for shape in shapes}
            assert cell in places, (builder, places)
            if step == "pattern":
                assert builder(scene, words).says.startswith(f"“{('dois', 'cinco')[cell[0] == 4]}” looks")
        zmax = heat(compare.present_step(scene, words).figure)["zmax"]
        values = [np.abs(x[np.isfinite(x)]).max() for x in (compare.step(scene.before), compare.step(scene))]
        assert zmax == pytest.approx(1 if step == "pattern" else max(values))
        assert compare.step_height(scene) == 310 < compare.step_height(scene.turn(sentence=" ".join("abcdefghi")))
        long = compare.step_height(scene.turn(sentence=" ".join("abcdefghijklmnopq")))
        assert long > compare.step_height(scene.turn(sentence=" ".join("abcdefghijklmnop"))), "17 against 16"
        assert long == compare.step_height(scene.turn(sentence=" ".join("abcdefghijklmnopq")).pin().turn(sentence="a"))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_outlined_row_of_what_is_pinned_is_the_one_that_its_sentence_tells(lang):
    """Of a shorter text that is written later the last word is chosen; of the pinned one still the fourth."""
    scene = Scene(model="gpt", sentence="um dois três quatro", query=3, key=1).pin().turn(sentence="a b")
    picture = compare.pinned_step(scene, words_of(lang))
    shapes = picture.figure["layout"]["shapes"]
    places = {((shape["y0"] + shape["y1"]) / 2, (shape["x0"] + shape["x1"]) / 2) for shape in shapes}
    assert (3, 1) in places and picture.says.startswith("“quatro”")


def test_from_one_text_to_another_keys_and_values_stand_by_the_tokens_that_are_looked_at():
    words, both = words_of("en"), stacks.looks(Scene(model="translator"))
    assert both.crosses and len(both.rows) != len(both.columns)
    for step in ("q", "k", "v", "z", "scores"):
        scene = Scene(model="translator", compared_step=step).pin().turn(temperature=2.0)
        for builder in (compare.pinned_step, compare.present_step, compare.step_difference):
            rows = builder(scene, words).figure["layout"]["yaxis"]["ticktext"]
            names = [re.sub("</?b>", "", name) for name in rows]  # the chosen one is bold
            assert names == [*map(literal, both.columns if step in ("k", "v") else both.rows)]


def test_the_tiles_of_both_have_the_room_of_the_more_numerous():
    few, many = Scene(model="gpt").override(n_layers=1, n_heads=1, d_model=16), Scene(model="gpt")
    heights = [
        compare.heads_height(one.pin().turn(model="gpt", overrides=other.overrides))
        for one, other in ((few, few), (few, many), (many, few), (many, many))
    ]
    assert heights[0] == 62 + 200 and heights[1] == heights[2] == max(heights[0], heights[3])
    wide = compare.heads_height(Scene(model="gpt").override(n_layers=12, n_heads=12, d_model=96).pin())
    assert (wide - 62) % 12 == 0 and (wide - 62) // 12 * 12 <= 350 - 50, "tiles are square, with room for their names"


def test_tiles_of_differences_keep_the_sign_even_where_they_are_thinned():
    scene = Scene(model="gpt", sentence=" ".join(map(str, range(60)))).override(n_layers=8).pin().turn(temperature=3.0)
    trace = heat(compare.heads_difference(scene, words_of("en")).figure)
    z = np.asarray(trace["z"])
    assert trace["zmin"] == -trace["zmax"] and z.min() < 0 < z.max() and np.abs(z).max() == trace["zmax"]


def test_both_drifts_share_the_pinned_basis_and_frame():
    scene = Scene(model="gpt").pin().turn(temperature=4.0)
    words = words_of("en")
    builders = (compare_drift.pinned_ways, compare_drift.present_ways, compare_drift.difference)
    figures = [masked(builder(scene, words).figure) for builder in builders]
    assert len({str(figure["layout"]["xaxis"]["range"]) for figure in figures}) == 1
    ends = [np.stack([figure["data"][-1]["x"], figure["data"][-1]["y"]]) for figure in figures]
    np.testing.assert_allclose(ends[1], ends[2], atol=1e-5)
    assert np.abs(ends[0] - ends[1]).max() > 0.01
    starts = np.stack([figures[2]["data"][-2]["x"], figures[2]["data"][-2]["y"]])
    np.testing.assert_allclose(starts, ends[0], atol=1e-5)


@pytest.mark.parametrize("layers", [1, 6])
def test_a_pinned_drift_holds_every_stage_that_its_knob_has(layers):
    """Where the pinned model has fewer layers, its words stay where they ended."""
    words, scene = words_of("en"), Scene(model="gpt").override(n_layers=layers).pin().override(n_layers=4)
    for builder in (compare_drift.pinned_ways, compare_drift.present_ways, compare_drift.difference):
        stops = builder(scene, words).figure["layout"]["meta"]["mask"]["stops"]
        assert len(stops) == 5
        for stage, stop in enumerate(stops):
            there = masked(builder(scene.turn(drift_stage=stage), words).figure)["data"]
            assert to_json({"": stop["data"]}) == to_json({"": there})
        stays = builder is compare_drift.pinned_ways and layers == 1
        assert len({to_json({"": stop["data"]}) for stop in stops}) == (2 if stays else 5)


def test_what_is_walked_beside_what_is_pinned_is_as_long_as_the_longer_of_the_two():
    """200 words times stages at most, as on the page alone; a point is a number of the run that it is of."""
    words, whole = words_of("en"), Scene(model="gpt", sentence=" ".join(f"w{i}" for i in range(40)))
    more = whole.turn(sentence=whole.sentence + " x")
    cases = ((whole, whole), (whole, whole.turn(sentence="a b")), (more, more), (more, more.turn(sentence="a b")))
    for (pinned_one, scene), walks in zip((*cases, (whole, more)), (True, True, False, False, False), strict=True):
        for builder in (compare_drift.pinned_ways, compare_drift.present_ways):
            figure = builder(pinned_one.pin().turn(sentence=scene.sentence), words).figure
            assert ("mask" in figure["layout"]["meta"]) == walks
    scene = Scene(model="gpt", drift_stage=2).pin().turn(temperature=3.0)
    for builder, starts in (
        (compare_drift.pinned_ways, ("pinned.", "pinned.")),
        (compare_drift.present_ways, ("", "")),
        (compare_drift.difference, ("pinned.", "")),
    ):
        picture = builder(scene, words)
        points = masked(picture.figure)["data"][-2:]
        first = "blocks.1.resid_post" if builder is compare_drift.difference else "blocks.0.resid_pre"
        for trace, start, array in zip(points, starts, (first, "blocks.1.resid_post"), strict=True):
            for at in range(1, len(scene.tokens)):  # the first one sees itself alone, whatever the temperature
                number = picture.numbers.at({"x": float(trace["x"][at]), "y": float(trace["y"][at])})
                assert number == (f"{start}drift.{array}", (at, 0))


def test_the_lines_of_the_twin_are_what_was_gained_and_lost():
    scene = Scene().pin().turn(temperature=0.3)
    was, now = (compute.run(s).trace["blocks.0.attn.pattern"][0] for s in (scene.before, scene))
    figure = compare.twin_difference(scene, words_of("en")).figure
    go.Figure(resolve(figure, "dark"))
    curves = {"@gradient": 0, "@query": 0}
    for shape in figure["layout"]["shapes"]:
        curves[shape["line"]["color"].split("/")[0]] += shape["path"].count("M")
    assert curves == {"@gradient": np.sum(now - was > 0.01), "@query": np.sum(was - now > 0.01)}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_differs_is_told(lang):
    words = words_of(lang)
    scene = Scene().pin()
    assert pinned.differences(scene, words) == []
    scene = scene.turn(temperature=0.5, sentence="o gato viu").override(causal=True)
    told = " ".join(pinned.differences(scene, words))
    assert words.short(0.5) in told and "o gato viu" in told and words("knob.causal") in told
    assert all(words("knob.seed") not in line for line in pinned.differences(scene, words))


def test_the_pin_is_in_the_url():
    for scene in SCENES:
        again, notices = Scene.from_query(scene.to_query())
        assert again == scene and not notices
    wrong, notices = Scene.from_query({"pin": "1", "pin.seed": "many", "pin.model": "gpt", "temperature": "2"})
    assert wrong.pinned == Scene(model="gpt", temperature=2.0) and [n.field for n in notices] == ["pin.seed"]


def test_everything_set_fits_in_a_short_address():
    scene = Scene(model="gpt", temperature=0.7, ablated=((0, 1), (3, 2)), off=("mlp", "norm"), lang="pt-BR", layer=2)
    scene = scene.turn(edits=tuple((p, d, -0.125 * (d + 1)) for p in range(4) for d in range(2)))
    scene = scene.pin().turn(model="encoder_full", seed=77, temperature=1.3, off=("W_V", "residual", "softmax"))
    query = "&".join(f"{key}={value}" for key, value in scene.to_query().items())
    assert len(query) < 1500 and Scene.from_query(scene.to_query())[0] == scene


@pytest.mark.parametrize("page", [name for name, page in PAGES.items() if page.compares])
@pytest.mark.parametrize(
    "change",
    [
        {"sentence": "um"},
        {"model": "encoder"},
        {"model": "gpt"},
        {"temperature": 5.0},
        {"model": "gpt", "off": ("norm",)},
    ],
    ids=str,
)
def test_no_comparison_breaks_a_page(page, change):
    scene = Scene(lang="pt-BR").pin().turn(**change)
    at = open_page(page, scene)
    assert not at.exception
    assert words_of("pt-BR")("compare.differs").partition("{")[0] in html(at)


def test_undo_and_redo_step_through_the_turns():
    at = open_page("drift")
    first = at.session_state["fibra.scene"]
    knob(at.number_input, "knob-seed").set_value(5).run()
    knob(at.text_input, "knob-sentence").set_value("o gato viu o rato").run()
    last = at.session_state["fibra.scene"]
    at.button(key="undo").click().run()
    assert at.session_state["fibra.scene"] == first.turn(seed=5)
    at.button(key="undo").click().run()
    at.button(key="undo").click().run()  # there is nothing more to undo
    assert at.session_state["fibra.scene"] == first
    at.button(key="redo").click().run()
    at.button(key="redo").click().run()
    assert at.session_state["fibra.scene"] == last


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_compares_with_what_is_pinned_or_says_where_that_is_done(page, lang):
    words = words_of(lang)
    at = open_page(page, {"lang": lang, "pin": "1", "pin.sentence": "<b>um</b> *dois*"})
    assert not at.exception
    said = html(at)
    pages = words.several(words(f"pages.{other}") for other in PAGES if PAGES[other].compares)
    pinned = {"story": words("shell.presets.penguins"), "sentence": "<b>um</b> *dois*", "pages": pages}
    told, differs = escape(words("compare.elsewhere", **pinned)), words("compare.differs", knobs="").rstrip(". ")
    assert (told in said) != PAGES[page].compares
    assert (differs in said) == PAGES[page].compares
    at.button(key="pin").click().run()
    assert told not in html(at)


def test_a_model_that_was_trained_here_is_called_by_its_title():
    own = core.presets.find("stories")
    name, _held = core.presets.register(replace(own, title="Mine <b>"))
    words = words_of("en")
    found = pinned.differences(Scene().pin().turn(model=name), words)
    assert words("shell.presets_trained", title="Mine <b>", name=name[-4:]) in found[0]
