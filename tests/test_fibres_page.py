"""The Fibres page: its two pictures and their sentences against the trace, its knobs, and the light that rises."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest
from support import random_scenes

import core
from core import Scene
from pictures import cuts, left_out, lighting
from pictures import fibres as pictures
from pictures.words import words_of
from plots import theme
from plots.fibres import MAX_CURVES
from plots.mask import masked
from tests.support import ONE_STACK, knob, labelled, open_page

LANGUAGES = ("en", "pt-BR")
HOSTILE = "<b>bold</b> $x$ **md** {0} @query 👩‍👩‍👧 שלום"
MANY = " ".join(f"w{i % 40}" for i in range(64))
LARGEST = Scene(model="gpt", sentence=MANY, threshold=0.0).override(n_heads=12, d_model=144, n_layers=12)
SCENES = {
    "penguins": Scene(),
    "focus": Scene(focus=3),
    "dark": Scene(model="gpt", layers_lit=0),
    "half lit": Scene(model="gpt", layers_lit=2, focus=4, layer=1, head=2),
    "nothing above": Scene(threshold=1.0),
    "everything": Scene(model="encoder", threshold=0.0),
    "one word": Scene(model="gpt", sentence="um", focus=0),
    "focus beyond the sentence": Scene(focus=40),
    "lit beyond the model": Scene(layers_lit=9),
    "heads off": Scene(model="gpt", ablated=((0, 0), (2, 3))),
    "overflow": Scene(model="encoder", layer=11).override(n_layers=12, d_model=256, n_heads=16, d_mlp=1024),
    "hostile": Scene(model="gpt", sentence=HOSTILE, focus=0),
    "largest": LARGEST,
}


def patterns_of(scene: Scene) -> np.ndarray:
    """[layer, head, query, key], straight from a trace."""
    run = core.run(scene)
    return np.stack([run.trace[f"blocks.{i}.attn.pattern"] for i in range(scene.config.n_layers)])


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_pictures_are_figures_in_both_themes(scene: Scene, lang: str) -> None:
    for builder in (pictures.light, pictures.twin):
        picture = builder(scene, words_of(lang))
        assert picture.says and "nan" not in picture.says.split()
        for mode in theme.PALETTES:
            go.Figure(theme.resolve(masked(picture.figure), mode))


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.2, 0.3, 0.9])
@pytest.mark.parametrize("model", ONE_STACK)
def test_every_weight_above_the_threshold_is_a_fibre(model: str, threshold: float) -> None:
    scene = Scene(model=model, threshold=threshold, layers_lit=1)
    above = int((patterns_of(scene)[:1] > threshold).sum())
    picture = pictures.light(scene, words_of("en"))
    meta = picture.figure["layout"]["meta"]
    assert (meta["drawn"], meta["above"]) == (min(above, MAX_CURVES), above)
    assert (f"All {above} weights above {threshold:.2f}" in picture.says) == (above > 1)


@pytest.mark.parametrize(
    "scene", [Scene(), Scene(model="gpt", focus=2), Scene(model="gpt", threshold=0.3, layers_lit=3)], ids=str
)
def test_what_is_drawn_is_what_is_counted(scene: Scene) -> None:
    """A curve may be drawn several times, as core and as glow; each weight is one curve."""
    a, words = patterns_of(scene), words_of("en")
    above = int((a[: pictures.lit(scene)] > scene.threshold).sum())
    assert len(curves(masked(pictures.light(scene, words).figure))) == above
    layer, head = scene.place
    paths = "".join(shape["path"] for shape in masked(pictures.twin(scene, words).figure)["layout"]["shapes"])
    assert paths.count("M") == int((a[layer, head] > scene.threshold).sum())


def curves(figure: dict) -> set[bytes]:
    """The different curves of a scene: those lines that climb a whole level."""
    found = set()
    for trace in figure["data"]:
        if trace["mode"] == "lines":
            places = np.stack([trace[axis] for axis in "xyz"], axis=1)
            parts = np.split(places, np.flatnonzero(np.isnan(places[:, 0])) + 1)
            found |= {part.tobytes() for part in parts if len(part) and np.ptp(part[:-1, 2]) > 0.1}
    return found


def test_how_many_are_drawn_of_how_many_is_said() -> None:
    words, scene = words_of("en"), Scene(model="gpt", threshold=0.25)
    many = f"{MAX_CURVES:,}"
    for above, told in {
        0: "No weight is above 0.25.",
        1: "One weight is above 0.25.",
        2: "All 2 weights above 0.25 are drawn.",
        MAX_CURVES: f"All {many} weights above 0.25 are drawn.",
        MAX_CURVES + 1: f"Of {MAX_CURVES + 1:,} weights above 0.25, the {many} strongest are drawn.",
    }.items():
        assert lighting.counted(above, scene, words) == told
    n = len(scene.tokens)
    assert [lighting.focus(scene.turn(focus=at)) for at in (None, 0, n - 1, n)] == [None, 0, n - 1, None]
    assert [lighting.lit(scene.turn(layers_lit=lit)) for lit in (None, 0, 3, 4, 5)] == [4, 0, 3, 4, 4]
    assert lighting.layers(Scene(model="translator")) == 4 == lighting.lit(Scene(model="translator", layers_lit=9))
    off = scene.turn(ablated=((1, 0), (1, 3), (2, 1)))
    alone = [(place, lighting.of_head(off, place)) for place in np.ndindex(4, 4)]
    assert {place for place, a in alone if not a.any()} == {*off.ablated}, "nothing of another head is lost"
    assert np.array_equal(np.stack([a for _, a in alone]).reshape(4, 4, n, n), lighting.patterns(off))


def test_only_the_strongest_of_many_are_drawn_and_it_is_said() -> None:
    above = int((patterns_of(LARGEST) > 0).sum())
    picture = pictures.light(LARGEST, words_of("en"))
    assert picture.figure["layout"]["meta"]["drawn"] == MAX_CURVES
    assert f"Of {above:,} weights above 0.00, the {MAX_CURVES} strongest are drawn." in picture.says


def test_strongest_of_the_penguins() -> None:
    assert "The strongest: “joelho” looks at itself (0.34)." in pictures.light(Scene(), words_of("en")).says
    assert "O mais forte: “joelho” olha para si (0,34)." in pictures.light(Scene(), words_of("pt-BR")).says
    focused = pictures.light(Scene(focus=1), words_of("en")).says
    assert "“pinguins” looks most at itself, “tem” and “joelho” (0.24)." in focused


def test_strongest_of_a_causal_model_is_not_the_first_word() -> None:
    """The first word has only itself to look at: a weight of 1 that says nothing."""
    scene = Scene(model="gpt")
    a = patterns_of(scene)[:, :, 1:]
    layer, head, query, _ = np.unravel_index(np.argmax(a), a.shape)
    says = pictures.light(scene, words_of("en")).says
    assert f"“{scene.tokens[query + 1]}” looks at" in says
    assert f"({a.max():.2f}, layer {layer}, head {head})" in says


def test_heads_that_are_off_give_no_light() -> None:
    scene = Scene(ablated=((0, 0),), threshold=0.0)
    picture = pictures.light(scene, words_of("en"))
    assert picture.figure["layout"]["meta"]["above"] == 0
    assert picture.says == "The only head of the layers lit is switched off: it gives no light."
    some = Scene(model="gpt", ablated=tuple((0, head) for head in range(4)))
    assert "Heads switched off give no light: 4." in pictures.light(some, words_of("en")).says
    assert "All 4 heads of the layers lit" in pictures.light(some.turn(layers_lit=1), words_of("en")).says


def test_all_heads_of_two_stacks_that_are_lit_are_off_or_not() -> None:
    """Four heads a layer: the encoder's two layers light up first, then the decoder's, each of two attentions."""
    scene, words = Scene(model="seq2seq").override(n_layers=3), words_of("en")
    places = [(layer, head) for layer in range(3) for head in range(4)]
    off = [*places, *((*at, "cross") for at in places), *((*at, "encoder") for at in places if at[0] < 2)]
    for lit, n in enumerate((0, 4, 8, 16, 24, 32)):
        for gone, unlit in ((off, lit > 0), ([at for at in off if at != (0, 1, "encoder")], False)):
            says = pictures.light(scene.turn(ablated=tuple(gone), layers_lit=lit), words).says
            assert (words("fibres.says.unlit", n=n) in says) == unlit, (lit, says)


def test_a_pattern_of_which_a_row_is_lost_is_said_to_be(monkeypatch) -> None:
    a = np.full((5, 5), 0.2)
    a[3] = np.nan
    monkeypatch.setattr(pictures, "each_layer", lambda scene: [a[None]])
    assert pictures._says_twin(Scene(), a, words_of("en")) == words_of("en")("fibres.says.broken", layer=0)


def test_layers_that_overflow_are_named() -> None:
    scene = SCENES["overflow"]
    broken = np.isnan(patterns_of(scene)).any((1, 2, 3))
    assert f"From layer {np.argmax(broken)} on" in pictures.light(scene, words_of("en")).says


def page(scene: Scene) -> AppTest:
    return open_page("fibres", scene)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", SCENES)
def test_page_runs(name: str, lang: str) -> None:
    at = page(SCENES[name].turn(lang=lang))
    assert not at.exception


def test_knobs_turn_the_scene() -> None:
    at = page(Scene(model="gpt", lang="en"))
    labelled(at.select_slider, "fibres.threshold").set_value(0.25).run()
    knob(at.slider, "knob-layers_lit").set_value(3).run()
    labelled(at.selectbox, "axis.layer").set_value(2).run()
    labelled(at.selectbox, "axis.head").set_value(1).run()
    labelled(at.selectbox, "fibres.focus").set_value(4).run()
    assert not at.exception
    scene = at.session_state["fibra.scene"]
    assert (scene.threshold, scene.layers_lit, scene.layer, scene.head, scene.focus) == (0.25, 3, 2, 1, 4)
    labelled(at.selectbox, "fibres.focus").set_value(-1).run()
    assert at.session_state["fibra.scene"].focus is None


def test_lit_is_clipped_when_the_model_shrinks() -> None:
    at = page(Scene(model="gpt", layers_lit=3))
    at.session_state["fibra.scene"] = Scene(layers_lit=3)
    at.run()
    assert not at.exception
    assert knob(at.slider, "knob-layers_lit").value == 1


def test_the_light_rises_layer_by_layer_and_ends_by_itself() -> None:
    at = page(Scene(model="gpt"))
    at.button(key="play").click().run()
    assert at.session_state["fibra.scene"].layers_lit == 0
    seen = []
    while "fibres.due" in at.session_state:
        at.session_state["fibres.due"] = 0.0  # the moment has come
        at.run()
        assert not at.exception
        seen.append(at.session_state["fibra.scene"].layers_lit)
    assert seen == [1, 2, 3, None]


def test_another_knob_does_not_hurry_the_light_and_stop_leaves_it() -> None:
    at = page(Scene(model="gpt", lang="en"))
    at.button(key="play").click().run()
    labelled(at.select_slider, "fibres.threshold").set_value(0.2).run()
    assert at.session_state["fibra.scene"].layers_lit == 0
    at.button(key="play").click().run()
    assert "fibres.due" not in at.session_state
    assert at.session_state["fibra.scene"].layers_lit == 0


TOLD = (
    *(Scene(sentence=" ".join(["um"] * n)) for n in (2, 3)),
    *(Scene(focus=2), Scene(model="gpt", sentence="um dois"), Scene(model="gpt", sentence="um dois", focus=0)),
    # Each weight is a tenth, and so is the threshold.
    Scene(model="gpt", sentence=" ".join(["um"] * 10), off=("mask", "softmax")),
)


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
@pytest.mark.parametrize("scene", [*random_scenes(24, 31), *TOLD], ids=str)
def test_the_sentences_say_what_the_weights_are(scene: Scene, lang: str) -> None:
    """Whoever looks strongest, with all that are written alike; and from where to where the drawn weights run."""
    words, run = words_of(lang), core.run(scene)
    a = np.stack([run.trace[f"blocks.{i}.attn.pattern"].astype(float) for i in range(scene.config.n_layers)])
    for place in scene.ablated:
        a[place] = 0
    says, tokens, n = pictures.light(scene, words).says, scene.tokens, len(scene.tokens)
    rows = [scene.focus] if scene.focus is not None else range(scene.config.causal and n > 1, n)
    best = max(float(a[:, :, row].max()) for row in rows)
    alike = [
        (layer, head, row)
        for layer, head, row, key in np.ndindex(a.shape)
        if row in rows and words.number(a[layer, head, row, key]) == words.number(best)
    ]
    seen = [(row, key) for row in rows for key in range(n) if key <= row or not scene.config.causal]
    every = len(alike) == a.shape[0] * a.shape[1] * len(seen) and (len(alike) > 1 or len(seen) == 1)
    if best:
        assert f"({words.number(best)}" in says
        assert every or any(f"“{tokens[row]}”" in says for _, _, row in alike)
    others = sum(at != alike[0] for at in alike)  # who looks at several so is told with all of them
    assert (words("fibres.says.as_strong", n=others) in says) == (others > 0 and best > 0 and not every)
    twin, mine = pictures.twin(scene, words).says, a[scene.place]
    if scene.focus is None and scene.place not in scene.ablated:
        above = [x for x in mine.flat if x > np.float32(scene.threshold)]  # what stands on it is not above it
        ends = {"low": min(above), "high": max(above)} if above else {"high": mine.max()}
        one = len(above) > 1 and words.number(min(above)) == words.number(max(above))
        key = "counted_alike" if one else "counted" if above else "few"
        layer, head = scene.place
        about = {"layer": layer, "head": head, "above": len(above), "cells": mine.size, "threshold": scene.threshold}
        assert twin.startswith(words(f"fibres.says.{key}", **about, **{"low": 0, **ends}))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_hidden_is_not_counted_among_the_weights(lang: str) -> None:
    """Of nine that were shown, 25 were said to be there."""
    words, scene = words_of(lang), Scene(model="induction", layer=1, head=1, without_first=True)
    a = core.run(scene).trace["blocks.1.attn.pattern"][1][1:, 1:].astype(float)
    above = a[a > scene.threshold]
    about = {"layer": 1, "head": 1, "above": len(above), "cells": a.size, "threshold": scene.threshold}
    told = words("fibres.says.counted", **about, low=above.min(), high=above.max())
    assert pictures.twin(scene, words).says == told + left_out.told_of_looks(scene, words, "weights")


def test_a_line_of_a_later_layer_is_a_fibre_of_that_layer():
    """A click on it cuts that one: each line carries its fibre's place among those of all layers."""
    scene = Scene(model="gpt", layer=2, head=1)
    data = pictures.twin(scene, words_of("en")).figure["data"]
    codes = [int(code) for trace in data for code in trace.get("customdata", ())]
    edges = {edge for code in codes if (edge := cuts.edge_at({"customdata": code}, scene))}
    a = core.run(scene).trace["blocks.2.attn.pattern"][1]
    assert edges == {(2, 1, *place) for place in np.ndindex(a.shape) if a[place] > 0}


def test_the_flat_picture_has_room_for_each_of_its_tokens():
    short, long = Scene(model="gpt", sentence="a b"), Scene(model="gpt", sentence=" ".join("abcdefgh" * 6))
    assert len(long.tokens) == 48 and pictures.twin_height(long) > pictures.twin_height(short)
    assert pictures.twin_height(long) >= 10 * 48, "a line of text is as high"
    cut = short.turn(cut=((1, 2, 1, 0),))
    high, flat = (
        [build(one, words_of("en")).figure["layout"]["height"] for one in (short, long, cut)]
        for build in (pictures.light, pictures.twin)
    )
    assert flat[0] == high[0] == high[2] and flat[1] > high[1], "side by side, if it is not too long for that"
    assert 100 < flat[2] <= high[2] - 200, "what the answer loses stands above it"
    alone = pictures.light(Scene(model="gpt", sentence="um"), words_of("en")).says
    assert "“um” sees only itself (1.00)" in alone, "the first word is another where it is the only one"
