"""Inside a block: every figure and every sentence against arrays computed here, and the page's own knobs."""

from __future__ import annotations

from math import pi

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest
from support import random_scenes, written

import core
from core import Scene
from core.interpret import sine_wave
from core.ops.positions import rotary_angles, sinusoidal
from core.scene.fields import INSIDE
from pictures import compare_block as compare
from pictures.block import frame, lengths, neurons, norm, position
from pictures.block.inside import inside
from pictures.words import LANGUAGES, words_of
from plots import theme
from plots.figure import to_json
from plots.tokens import edged
from tests.support import html, knob, labelled, open_page
from ui.state import SCENE

EXPLODING = Scene(model="encoder", layer=11).override(n_layers=12, d_model=256, n_heads=16, d_mlp=1024)
EDGES = [
    Scene(),
    Scene(model="gpt", sentence="um"),
    Scene(model="gpt", second_norm=True, off=("norm",)),
    Scene(model="encoder_full", layer=1, second_norm=True),
    Scene(model="gpt").override(positions="rotary"),
    Scene(model="gpt").override(norm="rms", gated=True, activation="silu"),
    Scene(model="gpt", sentence=" ".join(f"w{i % 40}" for i in range(64))),
    EXPLODING,
]
SCENES = random_scenes(24, 7)
BUILDERS = (
    *(position.positions, position.wave, position.alike, norm.moments, norm.features, neurons.units),
    *(neurons.curve, neurons.zeros, lengths.stream, lengths.steps),
)
both = pytest.mark.parametrize("lang", LANGUAGES)


@both
@pytest.mark.parametrize("scene", EDGES, ids=range(len(EDGES)))
def test_pictures_are_figures_in_both_themes(scene, lang):
    for builder in BUILDERS:
        picture = builder(scene, words_of(lang))
        assert picture.says and "nan" not in picture.says.lower() and "{" not in picture.says
        for mode in theme.PALETTES:
            go.Figure(theme.resolve(picture.figure, mode))


def holds(text: str, *values: float, abs_: float = 0.0051, rel: float = 1e-9) -> bool:
    """Every one of these numbers stands in the text, as rounded there; large ones as powers of ten."""
    found = written(text)
    return all(any(x == pytest.approx(v, abs=abs_, rel=rel if abs(v) < 9999 else 0.051) for x in found) for v in values)


# ----------------------------------------------------------------------------------------------------- positions


def table_of(scene: Scene) -> np.ndarray:
    """What is added, or would be: learned rows are parameters, the others the sine table."""
    n, learned = len(scene.tokens), scene.whole.positions == "learned"
    return core.run(scene).params["pos_embed.W_pos"][:n] if learned else sinusoidal(n, scene.config.d_model)


@both
def test_positions_are_what_is_added(lang):
    words, turned = words_of(lang), 0
    for scene in SCENES:
        picture, row = position.positions(scene, words), scene.cell[0]
        if scene.whole.positions == "rotary":
            cos, sin = rotary_angles(len(scene.tokens), scene.config.rotary_width, scene.config.rotary_base)
            dots = picture.figure["data"][0]
            pairs = min(cos.shape[1], 6)
            x, y = (np.reshape(dots[axis], (-1, pairs)) for axis in "xy")
            centre = np.array([(i % 3 + 0.5, -(-pairs // 3) - i // 3 - 0.45) for i in range(pairs)])
            assert np.allclose((x - centre[:, 0]) / 0.38, cos[:, :pairs], atol=1e-4)
            assert np.allclose((y - centre[:, 1]) / 0.38, sin[:, :pairs], atol=1e-4)
            assert holds(picture.says, row, row * 1.0)
            turned += 1
        else:
            P = table_of(scene)
            assert np.allclose(picture.figure["data"][0]["z"], P, atol=1e-6)
            assert holds(picture.says, *P[row, :4].tolist(), P.shape[1])
            if scene.runs("positions"):
                assert np.array_equal(P, core.run(scene).trace["pos_embed"])
        hedged = picture.says.startswith((words("block.says.positions_none"), words("block.says.positions_off")))
        assert hedged != scene.runs("positions")
    assert 0 < turned < len(SCENES)


@both
def test_the_wave_goes_through_its_points(lang):
    for scene in SCENES:
        picture, row = position.wave(scene, words_of(lang)), scene.cell[0]
        dots = picture.figure["data"][1]
        dimension, kind = position.shown_dimension(scene), position.shown_positions(scene)
        if kind == "rotary":
            width = scene.config.rotary_width
            expected = rotary_angles(len(scene.tokens), width, 1e4)[0][:, dimension // 2]
        else:
            width, expected = scene.config.d_model, table_of(scene)[:, dimension]
        assert np.allclose(dots["y"], expected, atol=1e-4)
        line = picture.figure["data"][0]
        assert np.allclose(np.interp(dots["x"], line["x"], line["y"]), dots["y"], atol=1e-4)
        assert holds(picture.says, float(expected[row]), abs_=6e-5)
        if kind != "learned":
            assert holds(picture.says, 2 * pi * 10000 ** (2 * (dimension // 2) / width), rel=1e-3)


def test_the_wave_between_words_is_the_table_s_own():
    for d in (5, 16):
        P = sinusoidal(9, d, np.float64)
        assert all(np.allclose(sine_wave(np.arange(9), i, d), P[:, i]) for i in range(d))


@both
def test_how_alike_positions_are(lang):
    for scene in SCENES:
        picture, n = position.alike(scene, words_of(lang)), len(scene.tokens)
        if scene.whole.positions == "rotary":
            cos, sin = rotary_angles(n, scene.config.rotary_width, 1e4, np.float64)
            expected = (cos @ cos.T + sin @ sin.T) / cos.shape[1]
        else:
            P = table_of(scene).astype(float)
            lengths = np.sqrt((P**2).sum(1))
            expected = P @ P.T / np.outer(lengths, lengths)
        assert np.allclose(picture.figure["data"][0]["z"], expected, atol=1e-5)
        neighbours = np.mean([expected[i, i + 1] for i in range(n - 1)])
        assert holds(picture.says, neighbours, expected[0, -1], n - 1)


def test_rotary_positions_are_as_alike_as_each_pair_s_difference_says(monkeypatch):
    """The mean of cos(a - b) itself, which takes a cosine for every two positions and pair of dimensions."""
    draw, given = position.heatmap, []
    monkeypatch.setattr(position, "heatmap", lambda close, *a, **more: given.append(close) or draw(close, *a, **more))
    scene = Scene(model="gpt", sentence=" ".join(["o"] * 64)).override(positions="rotary")
    position.alike(scene, words_of("en"))
    angles = position._angles(scene)
    assert np.allclose(given[0], np.cos(angles[:, None] - angles).mean(-1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", [2, 9, 20, 24])
def test_each_row_of_the_map_of_positions_is_named_where_a_token_has_a_row(n):
    scene = Scene(sentence=" ".join(f"palavra{i}" for i in range(n)))
    layout = position.alike(scene, words_of("pt-BR")).figure["layout"]
    assert list(layout["yaxis"]["ticktext"]) == list(scene.tokens)
    room = (layout["height"] - layout["margin"]["t"] - layout["margin"]["b"]) / n
    assert room >= layout["yaxis"].get("tickfont", {}).get("size", 8) and layout["height"] == position.alike_height(
        scene
    )


# ---------------------------------------------------------------------------------------------------------- norm


def around_the_norm(scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What enters the norm, what it makes of it and what leaves with the gain and the bias: from the residual stream
    and the parameters alone, in float64."""
    c, run = scene.config, core.run(scene)
    second, at = scene.second_norm and c.d_mlp > 0, f"blocks.{scene.place[0]}."
    stream, added = ("resid_mid", "mlp_out") if second else ("resid_pre", "attn_out")
    x = run.trace[at + stream].astype(float)
    if c.norm != "none" and c.norm_at == "post":
        x = run.trace[at + added] + (x if c.residual else 0)
    y = x - x.mean(1, keepdims=True) if c.norm != "rms" else x
    y = y / np.sqrt((y**2).mean(1, keepdims=True) + c.norm_eps)
    name = at + ("ln2" if second else "ln1")
    return x, y, y if c.norm == "none" else y * run.params[name + ".w"] + run.params.get(name + ".b", 0)


@both
def test_moments_to_four_digits(lang):
    learned = 0
    for scene in SCENES:
        picture, row = norm.moments(scene, words_of(lang)), scene.cell[0]
        before, normalized, after = around_the_norm(scene)
        expected = np.stack([f(x, axis=1) for x in (before, after) for f in (np.mean, np.var)], 1)
        cells = np.reshape([written(text)[0] for text in picture.figure["data"][-1]["text"]], (-1, 4))
        size = np.maximum(np.abs(expected), 1)
        assert (np.abs(cells - expected) / size < np.where(np.abs(expected) < 1000, 6e-5 + 1e-4, 0.06)).all()
        assert picture.figure["data"][-1]["text"][4 * row] in picture.says
        inside = (normalized[row].mean(), normalized[row].var())
        assert holds(picture.says, *inside, *expected[row], abs_=2e-4, rel=1e-4)
        trained = scene.preset.trained and scene.config.norm != "none"
        assert ("gain" in picture.says or "ganho" in picture.says) == trained
        learned += trained and abs(expected[row, 3] - inside[1]) > 0.1
        if scene.config.norm != "rms":
            assert abs(inside[0]) < 1e-4 and (trained or np.allclose(cells[:, 2], 0, atol=1e-4))
    assert learned, "what leaves a trained norm is not what the norm itself made"


@both
def test_features_before_and_after(lang):
    for scene in SCENES:
        picture, row = norm.features(scene, words_of(lang)), scene.cell[0]
        before, normalized, after = (x[row] for x in around_the_norm(scene))
        rows = (before, normalized, after) if len(picture.figure["data"]) == 3 else (before, after)
        assert len(rows) == 2 + (scene.preset.trained and scene.config.norm != "none")
        for strokes, expected in zip(picture.figure["data"], rows, strict=True):
            assert np.allclose(strokes["x"], expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
        numbers = (before.min(), before.max(), after.min(), after.max())
        assert holds(picture.says, len(before), *numbers, abs_=0.008)


# ----------------------------------------------------------------------------------------------------------- MLP


@both
def test_units_and_their_zeros(lang):
    words = words_of(lang)
    for scene in SCENES:
        trace, at, row = core.run(scene).trace, f"blocks.{scene.place[0]}.", scene.cell[0]
        real = scene.config.d_mlp > 0
        post = trace[at + "mlp.post"] if real else neurons.hidden(scene).after
        if not real and scene.config.activation == "relu":
            assert np.array_equal(post, np.maximum(trace[at + "resid_mid"], 0))
        picture = neurons.units(scene, words)
        assert np.allclose(picture.figure["data"][0]["z"], post[:, :256], rtol=1e-6)
        zero, below = 100 * np.mean(post == 0), 100 * np.mean(post < 0)
        relu = scene.config.activation == "relu" or zero > 0
        assert holds(picture.says, zero if relu else below, post.size, abs_=0.051), (zero, below)
        assert relu or not (post == 0).any()
        by_token = [100 * np.mean(tokens == 0) for tokens in post]
        assert holds(neurons.zeros(scene, words).says, max(by_token), min(by_token), abs_=0.051)
        assert np.allclose(neurons.zeros(scene, words).figure["data"][0]["y"], np.array(by_token) / 100)
        if real:
            curve, pre = neurons.curve(scene, words), trace[at + "mlp.pre"][row]
            act = trace[at + "mlp.act"][row] if scene.config.gated else post[row]  # what is gated comes after it
            assert np.allclose(curve.figure["data"][-1]["x"], pre)
            assert np.allclose(curve.figure["data"][-1]["y"], act, rtol=1e-5)
            assert holds(curve.says, len(pre), int((pre < 0).sum()), float(act.max()))
            line = curve.figure["data"][-2]
            assert np.allclose(
                np.interp(pre, line["x"], line["y"]), act, atol=0.02 * max(1, float(np.abs(act).max()))
            ), "the points lie on the curve of this model's activation"


# -------------------------------------------------------------------------------------------------------- stream


@both
def test_lengths_by_layer_and_within_one(lang):
    for scene in SCENES:
        trace, layers = core.run(scene).trace, scene.config.n_layers
        names = ["blocks.0.resid_pre", *(f"blocks.{i}.resid_post" for i in range(layers))]
        norms = [np.sqrt((trace[name].astype(float) ** 2).sum(1)).mean() for name in names]
        picture = lengths.stream(scene, words_of(lang))
        assert np.allclose(picture.figure["data"][0]["y"], norms, rtol=1e-5)
        assert holds(picture.says, norms[0], norms[-1])
        at, mlp = f"blocks.{scene.place[0]}.", scene.config.d_mlp > 0
        inside = ["resid_pre", "attn_out", *(["mlp_out"] if mlp else []), "resid_post"]
        norms = [np.sqrt((trace[at + name].astype(float) ** 2).sum(1)).mean() for name in inside]
        assert holds(lengths.steps(scene, words_of(lang)).says, scene.place[0], *norms)


@both
def test_what_has_exploded_is_said(lang):
    for builder in (norm.moments, norm.features, neurons.units, neurons.curve, lengths.steps):
        assert "float32" in builder(EXPLODING, words_of(lang)).says


def test_a_stroke_is_the_number_that_enters_the_norm_or_leaves_it():
    """What enters where the norm comes last is a sum, which no array of the trace holds; without a norm none is."""
    words, gpt, row = words_of("en"), Scene(model="gpt", layer=1, query=2), 2
    post = {"norm_at": "post"}
    for scene, names in (
        (gpt, ("blocks.1.resid_pre", "blocks.1.ln1.out")),
        (gpt.turn(second_norm=True), ("blocks.1.resid_mid", "blocks.1.ln2.out")),
        (gpt.override(**post), ("entering.blocks.1.ln1.out", "blocks.1.ln1.out")),
        (gpt.override(residual=False, **post), ("blocks.1.attn_out", "blocks.1.ln1.out")),
        (gpt.override(residual=False, **post).turn(second_norm=True), ("blocks.1.mlp_out", "blocks.1.ln2.out")),
    ):
        picture = norm.features(scene, words)
        for curve, name in enumerate(names):
            for at in (0, 5, scene.config.d_model - 1):
                assert picture.numbers.at({"curve": curve, "point": at}) == (name, (row, at)), name
        table = norm.moments(scene, words).numbers
        at = names[1]
        cells = [[table.at({"x": x, "y": y}) for x in range(4)] for y in range(len(scene.tokens))]
        assert all({index for _, index in line} == {(y,)} for y, line in enumerate(cells))
        assert all(name.endswith(at) for line in cells for name, _ in line) and len({name for name, _ in cells[0]}) == 4
    for scene in (gpt.switch(norm=False), Scene()):
        assert norm.features(scene, words).numbers is None is norm.moments(scene, words).numbers


# -------------------------------------------------------------------------------------------- room and boundaries


def text_of(n: int) -> str:
    return " ".join(f"w{i}" for i in range(n))


@pytest.mark.parametrize("n", [1, 9, 24, 25, 40])
def test_the_first_figures_of_the_columns_end_on_one_line(n):
    """As high as the rows of up to 24 tokens need; of more, the chosen one's moments alone are written."""
    scene = Scene(model="gpt", sentence=text_of(n), query=n // 2)
    heights = {build(scene, words_of("en")).figure["layout"]["height"] for build in (position.positions, norm.moments)}
    heights |= {neurons.units(scene, words_of("en")).figure["layout"]["height"], frame.height(scene)}
    (height,) = heights
    assert height >= max(250, 110 + 15 * min(n, 24)) and height <= 470 + (n <= 24)
    written_cells = norm.moments(scene, words_of("en")).figure["data"][-1]
    rows = sorted({int(y) for y in written_cells["y"]})
    assert rows == ([*range(n)] if n <= 24 else [n // 2]) and len(written_cells["text"]) == 4 * len(rows)
    assert set(map(int, written_cells["x"])) == {0, 1, 2, 3}


def test_of_very_many_units_the_first_are_drawn_and_it_is_said():
    words = words_of("en")
    for width in (256, 512):
        scene = Scene(model="gpt", sentence="um dois").override(d_mlp=width)
        picture = neurons.units(scene, words)
        assert np.shape(picture.figure["data"][0]["z"]) == (2, 256)
        assert (words("block.says.first_units", n=256) in picture.says) == (width > 256)
        assert f"{2 * width:,}" in picture.says, "all of them are counted"


def test_a_curve_goes_as_far_as_its_points_and_four_to_both_sides_of_zero():
    for scene in (Scene(model="gpt"), Scene(model="encoder", layer=1), Scene(model="gpt", sentence="um")):
        *_, line, dots = neurons.curve(scene, words_of("en")).figure["data"]
        reach = max(4.0, float(np.abs(dots["x"]).max()))
        assert (min(line["x"]), max(line["x"])) == pytest.approx((-reach, reach), rel=1e-6)
    assert reach == 4, "of small numbers"
    pre = core.run(Scene(model="encoder", layer=1)).trace["blocks.1.mlp.pre"]
    assert np.abs(pre).max() > 4, "of large ones"


def test_a_unit_its_point_and_the_zeros_of_its_token_are_numbers_where_there_is_an_mlp():
    words = words_of("en")
    for scene, name in (
        (Scene(model="gpt", layer=1, query=2), "post"),
        (Scene(model="gpt", layer=1, query=2).override(gated=True, activation="silu"), "act"),
    ):
        trace = core.run(scene).trace
        assert neurons.units(scene, words).numbers.at({"x": 7, "y": 3}) == ("blocks.1.mlp.post", (3, 7))
        zeros = neurons.zeros(scene, words).numbers
        assert zeros.at({"x": 3, "y": 0.5}) == ("zeros.blocks.1.mlp.post", (3,)) and zeros.at({"x": 5, "y": 0}) is None
        x, y = (np.asarray(trace[f"blocks.1.mlp.{of}"][2], float) for of in ("pre", name))
        picture = neurons.curve(scene, words)
        for unit in np.argsort(x)[[0, -1]].tolist():  # none stands nearer to these
            number = (f"blocks.1.mlp.{name}", (2, unit))
            assert picture.numbers.at({"x": x[unit], "y": y[unit]}) == number
            place, (low, high) = picture.numbers.place(number), picture.figure["layout"]["yaxis"]["range"]
            assert (place["x0"] + place["x1"]) / 2 == pytest.approx(x[unit], abs=1e-5)
            assert 0 < place["x1"] - place["x0"] < max(4, np.abs(x).max()) / 5
            assert 0 < place["y1"] - place["y0"] < (high - low) / 5
    none = Scene(model="gpt", off=("mlp",))
    assert {build(none, words).numbers for build in (neurons.units, neurons.curve, neurons.zeros)} == {None}


def test_a_point_of_the_wave_is_a_number_of_the_table_where_it_is_added():
    words = words_of("en")
    for scene in (
        Scene(model="gpt", dimension=3),
        Scene(model="gpt", dimension=99),
        Scene(model="stories", dimension=7),
    ):
        picture, P = position.wave(scene, words), core.run(scene).trace["pos_embed"]
        at = min(scene.dimension, P.shape[1] - 1)
        for place, value in enumerate(P[:, at].tolist()):
            assert picture.numbers.at({"x": place, "y": value}) == ("pos_embed", (place, at))
            outline = picture.numbers.place(("pos_embed", (place, at)))
            low, high = picture.figure["layout"]["yaxis"]["range"]
            assert outline["x0"] < place < outline["x1"] < outline["x0"] + 1, "of this token alone"
            assert outline["y0"] < value < outline["y1"] < outline["y0"] + (high - low) / 4
        assert (words("block.says.period", period=0).partition("0")[0] in picture.says) == (
            scene.config.positions == "sinusoidal"
        )
    without = Scene(model="gpt", off=("positions",)), Scene(), Scene(model="gpt").override(positions="rotary")
    for scene in without:
        assert position.wave(scene, words).numbers is None is position.positions(scene, words).numbers
        assert position.alike(scene, words).numbers is None
    one = Scene(model="gpt", sentence="um")
    assert position.alike(one, words).says == words("block.says.alone") != position.alike(without[0], words).says
    assert position.positions(Scene(model="gpt"), words).numbers.at({"x": 2, "y": 1}) == ("pos_embed", (1, 2))


# ------------------------------------------------------------------------------------------------------ the page


def page(scene: Scene) -> AppTest:
    return open_page("block", scene)


@both
@pytest.mark.parametrize("scene", EDGES, ids=range(len(EDGES)))
def test_page_runs(scene, lang):
    assert not page(scene.turn(lang=lang)).exception


def test_of_two_stacks_one_is_chosen_and_the_norm_of_the_crossing_is_among_the_decoder_s():
    at = page(Scene(model="seq2seq", lang="en"))
    where = labelled(at.selectbox, "block.where")
    assert where.value == "cross" and len(where.options) == 3
    where.set_value("mlp").run()
    scene = at.session_state[SCENE]
    assert (scene.second_norm, inside(scene).stack, inside(scene).norm) == (True, "decoder", "mlp")
    next(w for w in at.button_group if w.key.startswith("knob-block_stack")).set_value("encoder").run()
    scene = at.session_state[SCENE]
    assert not at.exception and inside(scene).block == "encoder.blocks.0." and inside(scene).tokens == scene.tokens


def test_knobs_turn_the_scene():
    at = page(Scene(model="gpt", lang="en"))
    words = words_of("en")
    for label, value in (
        ("block.positions_choice", "rotary"),
        ("block.where", "mlp"),
        ("block.activation_choice", "gelu"),
    ):
        labelled(at.selectbox, label).set_value(value)
        at.run()
    knob(at.toggle, "knob-residual").set_value(False).run()
    assert not at.exception
    scene = at.session_state[SCENE]
    assert (scene.config.positions, scene.second_norm, scene.config.activation) == ("rotary", True, "gelu")
    assert scene.off == ("residual",) and words("switches.sign", names=words("switches.names.residual")) in html(at)


# ------------------------------------------------------------------------------------------------------ compared


def pairs(n: int) -> list[Scene]:
    """Random Scenes beside the same with a part, the seed or the temperature turned since."""
    found = []
    for i, scene in enumerate(random_scenes(n, 23)):
        scene = scene.turn(compared_array=INSIDE[i % len(INSIDE)]).pin()
        turns = ({"seed": scene.seed + 1}, {"temperature": 0.3}, {"off": ("W_O",)}, {"off": ("norm", "scale")})
        found.append(scene.turn(**turns[i % len(turns)]))
    return found


@both
def test_compared_on_one_scale_and_the_greatest_change_named(lang):
    words, changed = words_of(lang), 0
    for scene in pairs(24):
        was, now = (compare.values(s).astype(float) for s in (scene.before, scene))
        at = f"blocks.{scene.place[0]}."
        if scene.compared_array in ("resid_pre", "attn_out", "resid_mid", "resid_post"):
            assert np.array_equal(now, core.run(scene).trace[at + scene.compared_array])
        maps = [builder(scene, words) for builder in (compare.pinned, compare.present)]
        for picture, x in zip(maps, (was, now), strict=True):
            assert np.allclose(picture.figure["data"][0]["z"], x[:, :256], rtol=1e-5, atol=1e-6)
            assert holds(picture.says, x.min(), x.max())
        assert maps[0].figure["data"][0]["zmax"] == maps[1].figure["data"][0]["zmax"]
        assert compare.alike(scene) == (was.shape == now.shape)
        if was.shape != now.shape:
            continue
        picture = compare.difference(scene, words)
        assert np.allclose(picture.figure["data"][0]["z"], (now - was)[:, :256], rtol=1e-5, atol=1e-5)
        place = np.unravel_index(np.argmax(np.abs(now - was)), was.shape)
        if abs(now[place] - was[place]) < 1e-6:
            assert picture.says == words("compare.nothing")
            continue
        changed += 1
        assert holds(picture.says, was[place], now[place], abs_=0.0052)
        assert edged(scene.tokens[place[0]]) in picture.says
    assert changed > 12


@both
def test_a_pinned_page_runs(lang):
    for scene in pairs(5):
        at = page(scene.turn(lang=lang))
        assert not at.exception
        differs = words_of(lang)("compare.differs", knobs="").rstrip(". ")
        assert differs in html(at)


HOSTILE = Scene(model="gpt", sentence="<b>bold</b> $x$ @query <i>i</i> {0}")


def test_tokens_are_never_markup():
    for builder in BUILDERS:
        figure = builder(HOSTILE, words_of("en")).figure
        shown = to_json({"data": figure["data"], "layout": figure["layout"] | {"meta": {}}})
        assert b"<b>bold" not in shown and b"$x$" not in shown and b'"@query <' not in shown


@pytest.mark.parametrize("scene", [Scene(), Scene(model="gpt"), Scene(model="stories")])
def test_likeness_is_as_dark_at_one_everywhere_and_wide_maps_have_no_numbers(scene):
    """So that two stories' positions can be compared; and what has a column a dimension has no room for numbers."""
    close = position.alike(scene, words_of("en")).figure["data"][0]
    assert (close["zmin"], close["zmax"]) == (-1.0, 1.0)
    for builder in (position.positions, neurons.units):
        (cells,) = builder(scene, words_of("en")).figure["data"]
        assert cells["type"] == "heatmap" and not cells.get("showscale")


def test_a_norm_that_changes_nothing_of_lost_numbers_has_learned_nothing() -> None:
    lost = np.array([[np.nan, 1.0], [2.0, -2.0]])
    for after, learned in ((lost, False), (lost + 1, True), (np.where(np.isnan(lost), 0.0, lost), True)):
        assert norm.Normed(lost, lost, after, real=True, given=()).learned == learned
