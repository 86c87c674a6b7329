"""The Heads page: every map is the trace's own, every sentence is true of it, and only sizes that fit are offered."""

from __future__ import annotations

import re

import numpy as np
import plotly.graph_objects as go
import pytest
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from core import PRESETS, ConfigError, Scene, limits, run
from core.generate.loop import multiplications
from core.interpret import (
    LABELS,
    attention_distance,
    entropy,
    head_label,
    head_scores,
    relative_change,
    residual_stages,
    token_norms,
)
from core.kinds import Whole
from core.scene.fields import OVERRIDES
from pictures import ablation, attention, importance, labels, squares, stacks, worth
from pictures import heads as pictures
from pictures.extremes import magnitude
from pictures.words import LANGUAGES, words_of
from plots import theme
from plots.figure import literal
from plots.tile_places import TILE_CELLS, tile_at
from tests.chromium import settled
from tests.conftest import Watched
from tests.support import ONE_STACK, fine, html, knob, labelled, open_page, pressed, slices_done
from ui import on_demand, sizes
from ui.state import SCENE

HOSTILE = "<b>bold</b> $x$ **md** {0} @query 👩‍👩‍👧 שלום"
MANY = " ".join(f"w{i % 40}" for i in range(64))
SCENES = {name: Scene(model=name) for name in ONE_STACK} | {
    "penguins, two heads": Scene(head=1).override(n_heads=2),
    "penguins, switched off": Scene(ablated=((0, 0),)),
    "encoder": Scene(model="encoder", layer=1, head=2),
    "encoder_full": Scene(model="encoder_full", ablated=((0, 1),)),
    "gpt": Scene(model="gpt", layer=3, head=1, ablated=((0, 0), (1, 2), (2, 2), (3, 3))),
    "rotary": Scene(model="gpt").override(positions="rotary", d_model=2, n_heads=1),
    "one word": Scene(model="gpt", sentence="um"),
    "hostile": Scene(model="gpt", sentence=HOSTILE, ablated=((0, 0), (3, 1))),
    "overflow": Scene(model="encoder", layer=11).override(n_layers=12, d_model=256, n_heads=16, d_mlp=1024),
    "zeros": Scene(edits=tuple((p, d, 0.0) for p in range(5) for d in range(4))),
    "largest": Scene(model="gpt", sentence=MANY, layer=7, head=15).override(n_heads=16, d_model=256, n_layers=12),
}
BUILDERS = (
    *(pictures.overview, pictures.chosen, pictures.entropies),
    *(pictures.distances, worth.effect, pictures.lengths),
)
every_scene = pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
every_language = pytest.mark.parametrize("lang", LANGUAGES)


def trace_patterns(scene: Scene) -> np.ndarray:
    """[layer, head, query, key], straight from a fresh run."""
    trace = run(scene).trace
    return np.stack([trace[f"blocks.{i}.attn.pattern"] for i in range(scene.config.n_layers)])


def drawn(figure: dict) -> go.Figure:
    """The figure as Plotly validates it."""
    return go.Figure(theme.resolve(figure, "light"))


def numbers(text: str) -> list[float]:
    """The decimal numbers of a sentence, percentages included."""
    return [float(n.replace(",", ".").replace("−", "-")) for n in re.findall(r"−?\d+[.,]\d+", text)]


# ------------------------------------------------------------------------------------------------------- pictures


@every_language
@every_scene
def test_pictures_are_figures_in_both_themes_and_say_something(scene: Scene, lang: str) -> None:
    for builder in BUILDERS:
        picture = builder(scene, words_of(lang))
        assert picture.says == picture.figure["layout"]["meta"]["alt"]
        assert picture.says and not {"nan", "inf", "nan%", "inf%"} & set(re.split(r"[ ,.;:()]+", picture.says))
        for mode in theme.PALETTES:
            go.Figure(theme.resolve(picture.figure, mode))


@pytest.mark.parametrize("name", [*ONE_STACK, "hostile"])
def test_tiles_are_the_trace(name: str) -> None:
    scene = SCENES[name]
    a = trace_patterns(scene)
    assert a.size <= TILE_CELLS
    z = np.asarray(drawn(pictures.overview(scene, words_of("en")).figure).data[0].z)
    n_layers, n_heads, n, _ = a.shape
    found = np.full(a.shape, np.nan, np.float32)
    for row, column in np.ndindex(z.shape):
        if place := tile_at(column, row, a.shape):
            step_y, step_x = ((side + 1) // m for side, m in zip(z.shape, (n_layers, n_heads), strict=True))
            found[(*place, row - place[0] * step_y, column - place[1] * step_x)] = z[row, column]
    assert np.array_equal(found, a.astype(np.float32))
    assert n == len(scene.tokens)


@every_language
@pytest.mark.parametrize("name", ["penguins", "penguins, two heads", "encoder", "gpt", "hostile"])
def test_the_enlarged_head_is_the_trace(name: str, lang: str) -> None:
    scene = SCENES[name]
    a = trace_patterns(scene)[scene.place]
    picture = pictures.chosen(scene, words_of(lang))
    assert np.array_equal(drawn(picture.figure).data[0].z, a.astype(np.float32))
    bits, most, far = numbers(picture.says)[:3]
    assert bits == pytest.approx(entropy(a).mean(), abs=0.006)
    assert far == pytest.approx(attention_distance(a).mean(), abs=0.006)
    seen = [q + 1 if scene.config.causal else len(a) for q in range(len(a))]
    assert most == pytest.approx(np.log2(seen).mean(), abs=0.006)


@every_language
@pytest.mark.parametrize("scene", [*SCENES.values(), Scene(model="induction", layer=1)], ids=[*SCENES, "induction"])
def test_each_tile_and_the_enlarged_head_tell_the_pattern_with_a_name(scene: Scene, lang: str) -> None:
    words, fresh = words_of(lang), run(scene)
    scores = head_scores(trace_patterns(scene), fresh.tokens, scene.config.causal)
    told = pictures.overview(scene, words).figure["data"][-1]
    lines = {}
    for places, texts in zip(
        told["customdata"], told.get("text", np.full(told["customdata"].shape[:2], "")), strict=True
    ):
        lines |= {tuple(place): text for place, text in zip(places.tolist(), texts, strict=True)}
    assert lines.keys() >= set(np.ndindex(scores["first"].shape))
    for place in np.ndindex(scores["first"].shape):
        mine = {name: float(np.nan_to_num(scores[name][place])) for name in LABELS}
        label = head_label(mine)
        about = {"score": mine.get(label, 0), "apart": 1 - mine.get(label, 0)}
        expected = (
            words(f"heads.looks.{label}", **about, unit="token" if scene.preset.trained else "word") if label else ""
        )
        assert lines.get(place, "") == (expected and f"<br>{expected}")
        if place == scene.place:
            sentence = words("heads.says.looks", looks=expected)
            assert (sentence in pictures.chosen(scene, words).says) == bool(label)


def test_the_shipped_induction_head_is_told_by_its_tile() -> None:
    says = pictures.chosen(Scene(model="induction", layer=1, head=_induction_head()), words_of("en")).says
    assert "looks at what followed the same token before" in says


def _induction_head() -> int:
    scene = Scene(model="induction")
    scores = head_scores(trace_patterns(scene), run(scene).tokens, causal=True)
    return int(scores["induction"][1].argmax())


def test_a_head_that_is_off_says_so_and_is_crossed_out() -> None:
    words = words_of("en")
    off, on = SCENES["penguins, switched off"], SCENES["penguins"]
    assert words("heads.says.chosen_off") in pictures.chosen(off, words).says
    assert words("heads.says.chosen_off") not in pictures.chosen(on, words).says
    shapes = [len(pictures.overview(scene, words).figure["layout"]["shapes"]) for scene in (off, on)]
    assert shapes[0] > shapes[1]


@every_language
@pytest.mark.parametrize("name", ONE_STACK)
@pytest.mark.parametrize(("builder", "measure"), [("entropies", entropy), ("distances", attention_distance)])
def test_measures_are_the_means_of_the_rows(name: str, builder: str, measure, lang: str) -> None:
    scene = SCENES[name]
    expected = measure(trace_patterns(scene)).mean(-1)
    picture = getattr(pictures, builder)(scene, words_of(lang))
    assert np.allclose(drawn(picture.figure).data[0].z, expected, atol=1e-6)
    said = numbers(picture.says)
    if expected.size == 1:
        assert said[0] == pytest.approx(expected.item(), abs=0.006)
        return
    assert said[:2] == pytest.approx([expected.min(), expected.max()], abs=0.006)
    least, greatest = (np.unravel_index(i, expected.shape) for i in (expected.argmin(), expected.argmax()))
    places = [words_of(lang)("heads.place", layer=layer, head=head) for layer, head in (least, greatest)]
    assert picture.says.index(places[0]) < picture.says.index(places[1])


def test_a_row_that_sees_all_alike_is_the_scale_s_end() -> None:
    for scene in (SCENES["encoder"], SCENES["gpt"]):
        n = len(scene.tokens)
        alike = np.tril(np.ones((n, n))) if scene.config.causal else np.ones((n, n))
        alike /= alike.sum(-1, keepdims=True)
        bits = drawn(pictures.entropies(scene, words_of("en")).figure).data[0].zmax
        assert bits == pytest.approx(entropy(alike).mean())
        assert numbers(pictures.distances(scene, words_of("en")).says)[-1] == pytest.approx(
            attention_distance(alike).mean(), abs=0.006
        )


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_scale_of_distances_ends_at_the_furthest_head_or_where_all_is_seen_alike(n: int) -> None:
    for model in ("encoder", "gpt"):
        scene = Scene(model=model, sentence=" ".join(f"w{i}" for i in range(n)), temperature=0.05)
        seen = np.tril(np.ones((n, n))) if scene.config.causal else np.ones((n, n))
        mean = np.mean([[row @ np.abs(np.arange(n) - i) / row.sum()] for i, row in enumerate(seen)])
        far = attention_distance(trace_patterns(scene)).mean(-1).max()
        scale = drawn(pictures.distances(scene, words_of("en")).figure).data[0].zmax
        assert scale == pytest.approx(max(mean, far) or 1.0), "of one token a scale is as good as another"


def test_heads_that_are_still_numbers_are_compared_where_later_layers_are_lost() -> None:
    for lang in LANGUAGES:
        words, lost = words_of(lang), np.isnan(trace_patterns(SCENES["overflow"])).any((1, 2, 3))
        for builder in (pictures.entropies, pictures.distances):
            says = builder(SCENES["overflow"], words).says
            assert lost.argmax() > 0 and words("heads.says.lost", layer=int(lost.argmax())) in says
            assert len(numbers(says)) >= 3, "the least, the greatest and the scale"


@every_language
def test_a_hand_over_a_map_of_heads_reads_which_and_how_much(lang: str) -> None:
    words = words_of(lang)
    for builder in (pictures.entropies, pictures.distances):
        template = drawn(builder(SCENES["gpt"], words).figure).data[0].hovertemplate.removesuffix("<extra></extra>")
        named = words("heads.place").replace("{layer}", "%{y}").replace("{head}", "%{x}")
        assert template == f"{named}: %{{z:.4f}}"


@every_language
def test_of_a_map_that_is_an_image_it_is_said_how_a_part_is_enlarged(
    lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, scene = words_of(lang), Scene(model="gpt", sentence="a b c d e f g", seed=91)
    for rows, is_said in ((7, False), (6, True)):
        monkeypatch.setattr(squares, "LARGE", rows)
        for builder in (pictures.chosen, attention.pattern):
            assert (words("figure.enlarge") in builder(scene, words).says) == is_said


def test_tiles_are_square_and_as_large_as_there_is_room() -> None:
    """62 pixels stand above and below them, 70 beside; with the chosen head's map, long words and longer texts."""
    for layers, heads in ((1, 1), (1, 16), (4, 4), (2, 12), (12, 2)):
        scene = Scene(model="gpt").override(n_layers=layers, n_heads=heads, d_model=96)
        height = pictures.overview_height(scene)
        side, left = divmod(height - 62, layers)
        assert left == 0 and drawn(pictures.overview(scene, words_of("en")).figure).layout.height == height
        fits = [side <= 240 and heads * side <= 530 and layers * side <= 560 for side in (side, side + 1)]
        assert fits == [True, False], (layers, heads, side)
    many = [Scene(model="gpt", sentence=" ".join(["um"] * n)) for n in (2, 8, 9, 16, 17)]
    heights = [pictures.chosen_height(scene) for scene in many]
    assert heights[0] == heights[1] < heights[2] == heights[3] < heights[4]
    long = [Scene(model="gpt", sentence=f"{word} e {word}") for word in ("um", "inconstitucional")]
    assert pictures.chosen_height(long[0]) + 50 < pictures.chosen_height(long[1])
    few, some = (pictures.measures_height(Scene(model="gpt").override(n_layers=n)) for n in (1, 12))
    assert few >= 76 + 24 and some >= 76 + 12 * 15, "a line of text is as high"


# --------------------------------------------------------------------------------------------- heads switched off


@every_language
@pytest.mark.parametrize("name", ["encoder", "encoder_full", "gpt", "hostile"])
def test_the_effect_is_the_relative_change_of_the_last_output(name: str, lang: str) -> None:
    scene = SCENES[name]
    last = f"blocks.{scene.config.n_layers - 1}.resid_post"
    before = run(scene.turn(ablated=())).trace[last].astype(np.float64)
    after = run(scene.turn(ablated=scene.ablated or (scene.place,))).trace[last].astype(np.float64)
    change = np.linalg.norm(after - before, axis=1) / np.linalg.norm(before, axis=1)
    picture = worth.effect(scene, words_of(lang))
    assert np.allclose(drawn(picture.figure).data[0].y, change, rtol=1e-5)
    assert numbers(picture.says) == pytest.approx(
        [round(100 * x, 1) for x in (change.mean(), change.max(), change.min())], abs=0.06
    )
    assert f"“{scene.tokens[change.argmax()]}”" in picture.says and f"“{scene.tokens[change.argmin()]}”" in picture.says


def test_of_a_large_model_the_run_without_a_head_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    scene = Scene(model="gpt", layer=2, lang="en")
    assert worth.cost(scene) <= limits.ABLATIONS and worth.parts(scene.turn(ablated=((0, 0),))) == worth.parts(
        scene.turn(ablated=((0, 0),), layer=1)
    )
    monkeypatch.setattr(limits, "ABLATIONS", 0)
    says = worth.effect(scene, words_of("en")).says
    worth._without.cache.clear()
    at = fine(open_page("heads", scene))
    assert says not in html(at) and says in html(pressed(at, "ask-heads.without"))
    assert says in html(fine(open_page("heads", scene))), "what somebody has asked for is shown to whoever comes"
    moved = fine(open_page("heads", scene.turn(layer=3)))
    assert moved.button(key="ask-heads.without")


def test_weights_that_are_stored_in_few_bits_are_widened_once_for_all_runs(monkeypatch) -> None:
    scene = Scene(model="stories")
    n, before = scene.whole.n_parameters(), [one.cost(scene) for one in (worth, ablation)]
    monkeypatch.setattr(ablation, "Stored", np.ndarray)  # as if these were
    assert worth.cost(scene) == before[0] + 50 * n, "two layers of two"
    assert ablation.cost(scene) == before[1] + 50 * n, "a head of two layers stands behind half of them"


def test_what_is_computed_again_costs_the_layers_above() -> None:
    """Of the chosen head those from its own on, of those that are off all; up to the stream, without the logits."""
    scene = Scene(model="gpt", sentence="um dois três")
    c, n = scene.config, len(scene.tokens)
    whole = worth.cost(scene)
    assert whole == multiplications(c, n, n) - n * c.d_model * c.vocab_size > 0
    assert [worth.cost(scene.turn(layer=i)) for i in range(4)] == [whole * (4 - i) / 4 for i in range(4)]
    assert {worth.cost(scene.turn(ablated=((3, 0),), layer=i)) for i in range(4)} == {whole}
    assert ablation.cost(scene) == whole * c.n_layers * c.n_heads / 2, "a head stands in the middle on average"
    for query in range(n):
        asked = scene.turn(query=query, layer=1)
        assert importance.cost(asked) == pytest.approx(whole * 2 / 4 * (query + 1) / n), "one row, behind its layer"
    both = Scene(model="encoder_full", sentence="um dois três", layer=0)
    assert importance.cost(both) == pytest.approx(worth.cost(both) * (1 - 1 / both.config.n_layers) * 3)


@pytest.mark.parametrize("scene", [Scene(model="gpt", layer=2), Scene(model="gpt", ablated=((0, 1),))])
def test_a_run_that_takes_a_while_follows_the_other_pictures_by_itself(scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    scene = scene.turn(lang="en")
    says = worth.effect(scene, words_of("en")).says
    for shelf in (worth._without, worth._last):
        shelf.cache.clear()
    monkeypatch.setattr(limits, "SOON", 0)
    assert 0 < worth.cost(scene) <= limits.ABLATIONS and not worth.known(scene)
    at = fine(open_page("heads", scene))
    assert says not in html(at) and not any(button.key == "ask-heads.without" for button in at.button)
    assert not worth.known(scene), "the page is drawn first"
    assert says not in html(fine(at.run())) and not worth.known(scene), "another knob waits for nothing either"
    assert says in html(slices_done(at, "heads.without", worth.outputs)) and worth.known(scene)


def test_a_run_that_another_reader_has_made_just_now_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    scene, asked = Scene(model="gpt", layer=2, lang="en"), iter([False])
    monkeypatch.setattr(on_demand, "is_ready", lambda work, shown: next(asked, True))
    at = fine(open_page("heads", scene))
    assert next(asked, None) is None and worth.effect(scene, words_of("en")).says in html(at)


def test_one_head_is_the_only_one_and_several_may_be_alike() -> None:
    words, gpt = words_of("en"), Scene(model="gpt", sentence="um")  # one word has nothing else to look at
    for n, told in ((1, "The only head"), (4, "All 16 heads")):
        scene = gpt.override(n_layers=n, n_heads=n)
        assert all(one(scene, words).says.startswith(told) for one in (pictures.entropies, pictures.distances))


def test_of_the_strongest_looks_four_are_named_and_of_more_the_first() -> None:
    scene, words = Scene(), words_of("en")
    for n in (1, 4, 5):
        a = np.full((1, 1, 5, 5), 0.1)
        places = [(query, key) for query in range(5) for key in range(5) if query != key][:n]
        for query, key in places:
            a[0, 0, query, key] = 0.6
        says = pictures.strongest(scene, a, words)
        named = [says.count(f"“{scene.tokens[query]}” at “{scene.tokens[key]}”") for query, key in places]
        assert named == ([1] * n if n < 5 else [1, 0, 0, 0, 0]), says


def test_without_its_only_head_nothing_is_left_of_the_penguins() -> None:
    words = words_of("en")
    on, off = worth.effect(SCENES["penguins"], words), worth.effect(SCENES["penguins, switched off"], words)
    assert on.says == words("heads.says.would_nothing", heads="head 0 of layer 0")
    assert off.says == words("heads.says.off_nothing", heads="head 0 of layer 0")
    for picture in (on, off):
        assert drawn(picture.figure).data[0].y.tolist() == [1.0] * 5


def test_many_heads_are_counted_and_few_are_named() -> None:
    words = words_of("pt-BR")
    many = SCENES["gpt"].turn(ablated={*SCENES["gpt"].ablated, (1, 1)})
    assert worth.effect(many, words).says.startswith("Sem 5 cabeças, a saída muda")
    two = "Sem a cabeça 0 da camada 0 e a cabeça 1 da camada 3, a saída muda"
    assert worth.effect(SCENES["hostile"], words).says.startswith(two)


def test_of_two_stacks_it_is_said_whose_heads_are_off_and_of_one_word_which() -> None:
    words, off = words_of("en"), tuple((i, h, "cross") for i in range(2) for h in range(4))
    says = worth.effect(Scene(model="translator", sentence="um", ablated=off), words).says
    assert says.startswith("Without 8 heads of cross-attention, the output") and "every token" not in says


def test_what_cannot_be_compared_is_not_compared() -> None:
    words = words_of("en")
    assert worth.effect(SCENES["overflow"], words).says == words("heads.says.change_lost")
    assert np.isnan(drawn(worth.effect(SCENES["overflow"], words).figure).data[0].y).all()
    assert np.isfinite(relative_change(np.zeros((2, 3)), np.zeros((2, 3)))).all()


# --------------------------------------------------------------------------------------------------- what grows


@every_language
@pytest.mark.parametrize("name", ONE_STACK)
def test_lengths_are_the_tokens_mean_norms(name: str, lang: str) -> None:
    scene, words = SCENES[name], words_of(lang)
    n = scene.config.n_layers
    norms = token_norms(residual_stages(run(scene).trace, n))
    picture = pictures.lengths(scene, words)
    line = drawn(picture.figure)
    assert np.allclose(line.data[0].y, norms)
    assert list(line.data[0].text) == [literal(magnitude(x, words)) for x in norms.tolist()]
    for number in (norms[0], norms[-1], norms[-1] / norms[0]):
        assert magnitude(float(number), words) in picture.says
    assert str(n) in picture.says or n == 1


def test_the_encoder_explodes_and_is_mended_one_switch_at_a_time() -> None:
    words = words_of("en")
    scene, factors = Scene(model="encoder"), []
    for switch in ({}, {"init": "scaled"}, {"residual": True}, {"norm": "layer", "norm_at": "post"}):
        scene = scene.override(**switch)
        figure = pictures.lengths(scene, words).figure
        y = figure["data"][0]["y"]
        factors.append(y[-1] / y[0])
        assert (figure["layout"]["yaxis"].get("type") == "log") == (factors[-1] > 50)
    assert factors[0] > 1e6 and 0.05 < factors[1] < 2 and 1 < factors[2] < 4
    assert y[1:] == pytest.approx(8, abs=0.01)  # sqrt(64)


def test_the_layer_where_float32_ends_is_named() -> None:
    scene, words = SCENES["overflow"], words_of("en")
    norms = token_norms(residual_stages(run(scene).trace, 12))
    layer = int(np.isfinite(norms).argmin()) - 1
    says = pictures.lengths(scene, words).says
    assert f"in layer {layer}" in says and "3.4\u00a0×\u00a010³⁸" in says
    lost = np.isnan(trace_patterns(scene)).any((1, 2, 3)).argmax()
    assert f"From layer {lost} on" in pictures.overview(scene, words).says


@pytest.mark.parametrize(
    ("x", "english", "portuguese"),
    [
        (0.0, "0.00", "0,00"),
        (12.345, "12.35", "12,35"),
        (9999.4, "9,999.40", "9.999,40"),
        (123456.0, "1.2\u00a0×\u00a010⁵", "1,2\u00a0×\u00a010⁵"),
        (9.96e9, "1.0\u00a0×\u00a010¹⁰", "1,0\u00a0×\u00a010¹⁰"),
        (0.00123, "1.2\u00a0×\u00a010⁻³", "1,2\u00a0×\u00a010⁻³"),
    ],
)
def test_magnitudes(x: float, english: str, portuguese: str) -> None:
    assert magnitude(x, words_of("en")) == english
    assert magnitude(x, words_of("pt-BR")) == portuguese


# ------------------------------------------------------------------------------------------------- sizes that fit


def fits(scene: Scene, size: str, value: int) -> bool:
    try:
        return scene.override(**{size: value}).config is not None
    except ConfigError:
        return False


@pytest.mark.parametrize("name", [*(n for n in ONE_STACK if not PRESETS[n].trained), "rotary", "overflow"])
def test_every_size_that_is_offered_fits_and_every_fitting_number_of_heads_is_offered(name: str) -> None:
    scene = SCENES[name]
    offered = sizes.offered(scene.config)
    ranges = {size: OVERRIDES.kinds[size] for size in offered}
    assert set(offered) == {name for name, kind in OVERRIDES.kinds.items() if isinstance(kind, Whole)}
    for size, values in offered.items():
        assert getattr(scene.config, size) in values and list(values) == sorted(set(values))
        assert all(ranges[size].takes(value) and fits(scene, size, value) for value in values)
    heads, layers, hidden = ranges["n_heads"], ranges["n_layers"], ranges["d_mlp"]
    assert offered["n_heads"] == tuple(n for n in range(heads.low, heads.high + 1) if fits(scene, "n_heads", n))
    assert offered["n_layers"] == tuple(range(layers.low, layers.high + 1))
    assert (offered["d_mlp"][0], offered["d_mlp"][-1]) == (hidden.low, hidden.high)


@pytest.mark.parametrize("positions", ["none", "rotary"])
def test_no_reader_is_stuck(positions: str) -> None:
    """From the encoder, turning only what is offered reaches every number of heads and both ends of the width."""
    config = Scene(model="encoder").config.replace(positions=positions)
    reached, new = set(), {(64, 4)}
    while new:
        reached |= new
        step = set()
        for d_model, n_heads in new:
            offered = sizes.offered(config.replace(d_model=d_model, n_heads=n_heads))
            step |= {(width, n_heads) for width in offered["d_model"]} | {(d_model, n) for n in offered["n_heads"]}
        new = step - reached
    assert {n for _, n in reached} == set(range(1, 17))
    assert min(reached)[0] == 2 and max(reached)[0] == 256


# ---------------------------------------------------------------------------------------------------------- page


def page(scene: Scene) -> AppTest:
    return open_page("heads", scene)


@every_language
@every_scene
def test_page_runs(scene: Scene, lang: str) -> None:
    at = page(scene.turn(lang=lang))
    assert not at.exception


@every_language
def test_knobs_turn_the_scene(lang: str) -> None:
    at = page(Scene(model="encoder", lang=lang))
    for size, value in {"d_model": 96, "n_heads": 12, "n_layers": 3, "d_mlp": 256}.items():
        labelled(at.select_slider, f"heads.{size}", lang).set_value(value).run()
    labelled(at.slider, "heads.seed", lang).set_value(7).run()
    labelled(at.selectbox, "axis.layer", lang).set_value(2).run()
    labelled(at.selectbox, "axis.head", lang).set_value(11).run()
    knob(at.toggle, "knob-off").set_value(True).run()
    assert not at.exception
    scene = at.session_state[SCENE]
    sizes_now = {name: getattr(scene.config, name) for name in ("d_model", "n_heads", "n_layers", "d_mlp")}
    assert sizes_now == {"d_model": 96, "n_heads": 12, "n_layers": 3, "d_mlp": 256}
    assert (scene.seed, scene.place, scene.ablated) == (7, (2, 11), ((2, 11),))
    assert not at.number_input, "the page's own seed stands in for the sidebar's"
    labelled(at.selectbox, "axis.head", lang).set_value(0).run()
    assert knob(at.toggle, "knob-off").value is False, "the switch is the chosen head's"
    at.button(key="all-on").click().run()
    assert at.session_state[SCENE].ablated == () and not at.exception


def test_a_head_is_switched_on_again_by_the_same_switch() -> None:
    at = page(Scene(model="encoder", layer=1, ablated=((0, 1), (1, 0))))
    assert knob(at.toggle, "knob-off").value is True
    knob(at.toggle, "knob-off").set_value(False).run()
    assert at.session_state[SCENE].ablated == ((0, 1),)


def test_a_head_of_two_stacks_is_switched_off_where_it_is_shown() -> None:
    """The switch, and the bars of what its head is worth, are of the attention that is shown."""
    at = page(Scene(model="translator", layer=1, head=2, ablated=((1, 2), (1, 2, "encoder"))))
    assert knob(at.toggle, "knob-off").value is False
    knob(at.toggle, "knob-off").set_value(True).run()
    assert not at.exception
    assert at.session_state[SCENE].ablated == ((1, 2), (1, 2, "cross"), (1, 2, "encoder"))


@pytest.mark.parametrize("model", [name for name in ONE_STACK if not PRESETS[name].trained])
def test_the_three_switches_mend_and_break_and_leave_no_trace(model: str) -> None:
    at = page(Scene(model=model))
    before = at.session_state[SCENE]
    for field, on in (("init", "scaled"), ("residual", True), ("norm", "layer")):
        own = knob(at.toggle, f"knob-{field}").value
        knob(at.toggle, f"knob-{field}").set_value(not own).run()
        assert not at.exception
        assert (getattr(at.session_state[SCENE].config, field) == on) is not own
        knob(at.toggle, f"knob-{field}").set_value(own).run()
        assert at.session_state[SCENE] == before


@pytest.mark.browser
@pytest.mark.parametrize(("query", "key", "told"), [(3, 1, "“tem” looks at “pinguins”: 0.1903"), (2, 2, "“não”")])
def test_a_cell_of_a_tile_tells_its_head_who_looks_at_whom_and_how_much(
    watched: Watched, app: str, query: int, key: int, told: str
) -> None:
    page = watched.at(app, "/heads?lang=en")
    page.wait_for_selector("[data-drawn]")
    settled(page)  # what comes after the first picture may still move it
    x, y = page.locator("[data-drawn]").first.evaluate(
        """(plot, [query, key]) => {
            const { xaxis, yaxis } = plot._fullLayout, { x, y } = plot.getBoundingClientRect();
            return [x + xaxis._offset + xaxis.d2p(key), y + yaxis._offset + yaxis.d2p(query)];
        }""",
        [query, key],
    )
    page.mouse.move(x, y)
    hover = page.locator(".hovertext")
    expect(hover).to_contain_text("head 0 of layer 0")
    expect(hover).to_contain_text(told)


@pytest.mark.parametrize("together", [1, 2 * 4 * 6 * 6, 1 << 18])
def test_layers_that_are_looked_at_together_give_what_each_gives_alone(together, monkeypatch):
    """One by one, two and then the last one, and all."""
    monkeypatch.setattr(stacks, "TOGETHER", together)
    scene = Scene(model="gpt", sentence="a b c a b c").override(n_layers=3, n_heads=4, d_model=16)
    layers = [run(scene).trace[f"blocks.{i}.attn.pattern"] for i in range(3)]
    some = [*stacks.some_layers(scene)]
    assert [len(a) for a in some] == {1: [1, 1, 1], 288: [2, 1], 1 << 18: [3]}[together]
    assert np.array_equal(np.concatenate(some), np.stack(layers))
    labels._scores.cache.clear()
    pictures._means_of_rows.cache.clear()
    for name, found in labels.scores_of(scene).items():
        expected = [head_scores(a, scene.tokens, causal=True)[name] for a in layers]
        assert np.allclose(found, expected, rtol=1e-6), name
    bits, far = pictures._means_of_rows(scene)
    assert np.allclose(bits, [entropy(a).mean(-1) for a in layers])
    assert np.allclose(far, [attention_distance(a).mean(-1) for a in layers])


def test_an_output_of_which_something_was_there_is_not_said_to_have_been_nothing_already(monkeypatch):
    words, scene = words_of("en"), Scene(model="gpt", ablated=((0, 0),), sentence="um dois")
    some, nothing = np.array([[0.0, 1.0], [2.0, 0.0]]), np.zeros((2, 2))
    told = []
    for before, after in ((some, nothing), (nothing, nothing), (some, some)):
        monkeypatch.setattr(worth, "outputs", lambda scene, pair=(before, after): pair)
        told.append(worth.effect(scene, words).says)
    assert len({*told}) == 3
