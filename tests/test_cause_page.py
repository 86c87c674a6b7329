"""Cause: the example whose answer is known, the maps as figures, the knobs. The sentences: claims/caused.py."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest
from support import fine, html, knob, open_page, pressed, slices_done

from core import Scene, limits
from core.generate.loop import multiplications
from core.interpret import Influence
from pictures import cause, compute, continuation, influence, pair
from pictures.explained.page_world import world
from pictures.pair import Pair, exchanged
from pictures.words import LANGUAGES, words_of
from plots import theme
from plots.differences import differences
from ui.state import SCENE

PAGE = Path(__file__).parents[1] / "pages" / "cause.py"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_pictures_are_figures_in_both_themes(lang):
    two = Scene(model="translator"), Scene(model="translator", off=("cross",)), Scene(model="seq2seq", sentence="um")
    for scene in (Scene(), Scene(model="gpt"), Scene(model="stories", other_sentence="um"), Scene(off=("mlp",)), *two):
        for builder in (cause.both, *cause.maps(scene)):
            picture = builder(scene, words_of(lang))
            assert picture.says and "{" not in picture.says
            for mode in theme.PALETTES:
                go.Figure(theme.resolve(picture.figure, mode))


def test_the_second_layer_s_heads_carry_the_number_and_the_first_layer_s_none():
    for broken in (False, True):
        pair = cause.Pair.of(Scene(cause_break=broken))
        assert (pair.clean.text, pair.other.text) == (cause.CLEAN, cause.OTHER)
        tokens = pair.clean.preset.tokenizer.tokens
        assert [tokens[word] for word in pair.candidates] == ["estão", "está"]
        share = pair.moved("heads", range(2)) / abs(pair.gap)
        assert np.abs(share[0]).max() < 0.05 and share[1].max() > 0.5
        by_word = pair.moved("words", [1], 0)[0] / abs(pair.gap)
        assert by_word[-1] > 0.5 and np.abs(by_word[:-1]).max() < 0.05  # at the word that is asked
    values = cause.stream(Scene(), words_of("en")).figure["data"][0]["z"]
    assert np.allclose(values, cause.Pair.of(Scene()).moved("stream", range(2)), atol=1e-4)


def test_the_noun_alone_carries_a_translation_over_through_the_last_cross_attention():
    for broken in (False, True):
        pair = cause.Pair.of(Scene(model="translator", cause_break=broken))
        tokens = pair.clean.preset.tokenizer.tokens
        assert [tokens[word] for word in pair.candidates] == ["seals", "orcas"] and pair.tokens[-1] == "white"
        encoder = pair.moved("encoder", range(2)) / abs(pair.gap)
        noun = pair.clean.tokens.index("focas")
        assert np.allclose(encoder[0], np.arange(9) == noun, atol=1e-3) and encoder[1, noun] > 0.9
        cross = pair.moved("cross", range(2)) / abs(pair.gap)
        assert cross[1].max() > 0.3 and np.abs(cross[0]).max() < 0.1
        assert np.abs(pair.moved("heads", range(2)) / pair.gap).max() < 0.05


@pytest.mark.parametrize("sentence", ["um", "um um um um um um"])
def test_where_the_runs_are_alike_rounding_is_pale(sentence):
    scene = Scene(model="translator", sentence=sentence)
    for builder in cause.maps(scene):
        cells = builder(scene, words_of("pt-BR")).figure["data"][0]
        assert np.abs(cells["z"]).max() < 0.01 * cells["zmax"]
    far = cause.heads(Scene(), words_of("en")).figure["data"][0]
    assert far["zmax"] == pytest.approx(abs(cause.Pair.of(Scene()).gap))


def test_a_word_of_the_chosen_head_is_named_in_both_runs():
    assert "foca/focas" in cause.opened(Scene(), words_of("en")).figure["layout"]["xaxis"]["ticktext"]


def test_a_map_s_columns_are_called_what_they_are():
    """Tokens of one stack and of the encoder; of the decoder, what was read."""
    words = words_of("en")
    for scene, builder, key in (
        (Scene(), cause.stream, "token"),
        (Scene(model="translator"), cause.encoder, "token"),
        (Scene(model="translator"), cause.stream, "read"),
    ):
        title = builder(scene, words).figure["layout"]["xaxis"]["title"]["text"]
        assert words(f"cause.{key}") in title, (scene.model, key)


def test_a_logit_that_is_lost_has_a_bar_without_a_number(monkeypatch):
    monkeypatch.setattr(Pair, "of_scene", lambda pair, scene: 1.5 if scene is pair.clean else np.nan)
    picture = cause.both(Scene(), words_of("en"))
    assert picture.figure["data"][0]["text"] == [words_of("en").number(1.5), ""]
    assert picture.says == words_of("en")("cause.says.lost")
    monkeypatch.setattr(Pair, "of_scene", lambda pair, scene: 0.0)
    reach = cause.both(Scene(), words_of("en")).figure["layout"]["xaxis"]["range"]
    assert reach == [-0.01, 0.01], "what is written as zero has no bar"


@pytest.mark.parametrize(
    ("values", "gap", "key"),
    [
        ([[0.5, 0.1]], np.nan, "lost"),
        ([[0.5, np.nan]], 1.0, "lost"),
        ([[np.nan, np.nan]], 1.0, "lost"),
        ([[0.004, -0.003]], 0.004, "same"),
        ([[0.1, -0.5]], 0.004, "same_moved"),
        ([[0.5, 0.1]], 0.006, "stream"),
        ([[0.5, 0.1]], -2.0, "stream"),
        ([[0.004, -3.0]], 2.0, "stream_none"),
        ([[0.006, -3.0]], 2.0, "stream"),
    ],
)
def test_what_is_said_where_a_number_is_lost_or_written_as_zero(values, gap, key):
    words, runs = words_of("en"), SimpleNamespace(gap=gap, breaks=False, two=False)
    says = cause._says(words, "stream", np.array(values), runs, lambda layer, place: f"{layer}, {place}")
    expected = {"run": words("cause.clean_run")}
    if key == "same_moved":
        expected |= {"places": "0, 1", "moved": 0.5, "gap": gap}
    if key == "stream":
        expected |= {"places": "0, 0", "moved": values[0][0], "gap": abs(gap)}
    if key == "same":
        expected |= {"gap": gap}
    assert says == words(f"cause.says.{key}", **expected)


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
def test_what_lies_between_two_runs_is_said_and_not_that_they_are_alike(lang):
    """Beside bars of 0.01 and 0.00 stood that both were the same to two decimals."""
    words, runs = words_of(lang), SimpleNamespace(gap=0.001, breaks=False, two=False)
    says = cause._says(words, "stream", np.zeros((1, 2)), runs, lambda layer, place: "")
    assert words.number(0.0) in says and not re.search("same|mesma|alike", says)


def test_bars_stand_on_both_sides_of_zero():
    bars = differences(np.array([2.0, -1.0, np.inf]), ["a", "<b>", "c"], ["2", "−1", ""])["data"][0]
    assert bars["x"].tolist()[:2] == [2.0, -1.0] and np.isfinite(bars["x"]).all()
    assert bars["marker"]["color"] == ["@residual", "@gradient", "@residual"]


def test_the_knobs(monkeypatch):
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    at = AppTest.from_file(str(PAGE), default_timeout=60)
    at.query_params["lang"] = "en"
    at.query_params["cause_word"], at.query_params["cause_rival"], at.query_params["top_k"] = "99999", "222", "many"
    at.run()
    assert not at.exception
    here = at.session_state[SCENE]
    assert (here.cause_word, here.cause_rival) == (None, 222), "a token that the model has not"
    assert "cause_word = “99999” (it takes 0..417)" in html(at) and "top_k = “many”" in html(at)
    other = knob(at.text_input, "knob-other_sentence")
    assert other.value == cause.OTHER
    other.set_value("Os pinguins perto do urso").run()
    assert at.session_state[SCENE].other_sentence == "Os pinguins perto do urso" and not at.exception
    knob(at.text_input, "knob-other_sentence").set_value("um urso").run()
    assert not at.exception
    unlike, en = cause.heads(at.session_state[SCENE], words_of("en")).says, words_of("en")
    assert "5 tokens against 2" in unlike and html(at).count(unlike) == 1
    assert en("patch.choose") not in html(at)  # there is no cell


@pytest.mark.parametrize("model", ["stories", "translator"])
def test_a_large_model_is_patched_when_asked_for(monkeypatch, model):
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    monkeypatch.setattr(limits, "PATCHES_UNASKED", 1)
    scene, words = Scene(model=model, lang="en"), words_of("en")
    maps = [each(scene, words).says for each in cause.maps(scene)]
    pair.patched.cache.clear()
    at = fine(open_page("cause", scene))
    assert cause.both(scene, words).says in html(at) and not any(says in html(at) for says in maps)
    pressed(at, "ask-cause.patched")
    assert all(says in html(at) for says in maps)


@pytest.mark.parametrize("model", ["stories", "translator"])
def test_a_model_that_takes_a_while_is_patched_in_slices_by_itself(monkeypatch, model):
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    scene, words = Scene(model=model, lang="en"), words_of("en")
    maps = [each(scene, words).says for each in cause.maps(scene)]
    pair.patched.cache.clear()
    monkeypatch.setattr(limits, "SOON", 0)
    at = fine(open_page("cause", scene))
    assert cause.both(scene, words).says in html(at) and not any(says in html(at) for says in maps)
    assert not any(button.key == "ask-cause.patched" for button in at.button)
    slices_done(at, "cause.patched", pair.patched)
    assert all(says in html(at) for says in maps)
    assert all(says in html(fine(open_page("cause", scene))) for says in maps), "whoever comes next waits for nothing"


def test_all_that_the_maps_show_is_a_part_that_was_asked_for(monkeypatch):
    """Or a page would go on computing after the last slice."""
    for scene in (Scene(model="stories", seed=1), Scene(model="translator"), Scene(model="gpt", off=("mlp",))):
        found = cause.Pair.of(scene)
        tried = Mock(return_value=np.zeros(1))
        monkeypatch.setattr(pair, "patched", tried)
        for each in cause.maps(scene):
            if each is not cause.opened:
                each(scene, words_of("en"))
        monkeypatch.undo()
        assert {each.args for each in tried.call_args_list} == {*found.parts}


@pytest.mark.parametrize(
    "model, sentence", [("machado", "não disse que a casa era"), ("alice", "she said to the king and")]
)
def test_of_parts_of_words_another_sentence_has_a_likely_word_in_the_place_of_one(model: str, sentence: str) -> None:
    """Of the same form and as many tokens, so that the two can be patched; where there is none, as of whole words."""
    pair = Pair.of(Scene(model=model, sentence=sentence))
    one, other = pair.clean, pair.other
    assert pair.alike
    differs = [at for at, pair_of in enumerate(zip(one.tokens, other.tokens, strict=True)) if len({*pair_of}) > 1]
    if not exchanged(one.computed):
        assert sorted(other.text) == sorted(one.text)
        return
    (at,) = differs
    was, now = one.tokens[at], other.tokens[at]
    assert at and was[0] == " " == now[0] and now[1:].isalpha() and now[1:].istitle() == was[1:].istitle()
    row = compute.run(one).trace["logits"][at - 1]
    assert int((row > row[other.encoding.ids[at]]).sum()) < 100 and now.strip() not in one.text
    behind = int(compute.run(other).trace["logits"][at].argmax())
    assert not continuation.namer(one)(behind)[:1].isalpha(), "it is a word, and not how one begins"
    assert exchanged(Scene(model=model, sentence="a").computed) == ""


def test_the_candidates_are_the_chosen_ones_as_far_as_the_model_has_them():
    scene = Scene(model="stories", sentence="o gato viu")
    likely = Pair.of(scene).likely(Pair.of(scene).clean)
    logits = compute.run(Pair.of(scene).clean).trace["logits"][-1].astype(float)
    assert likely == sorted(range(len(logits)), key=lambda token: -logits[token])[:10]
    size = scene.config.vocab_size
    for word, rival in ((7, 9), (0, size - 1), (size - 1, None), (None, 0)):
        first, second = Pair.of(scene.turn(cause_word=word, cause_rival=rival)).candidates
        assert first == (likely[0] if word is None else word) and (rival is None or second == rival) and first != second
    own = Pair.of(scene).candidates
    few = Scene(model="gpt", sentence="a b", cause_word=size - 1)  # another model's token
    assert few.config.vocab_size > size or Pair.of(few).candidates == Pair.of(few.turn(cause_word=None)).candidates
    assert own[0] == likely[0] and own[1] != own[0]


def test_what_the_patches_cost_is_half_a_run_for_each_cell_of_the_two_maps():
    for scene in (Scene(), Scene(model="gpt", sentence="a b c"), Scene(model="stories", sentence="o gato")):
        found = Pair.of(scene)
        layers, n = range(found.clean.config.n_layers), len(found.clean.tokens)
        cells = sum(np.shape(found.moved(what, layers))[1] for what in ("stream", "heads")) * len(layers)
        one = multiplications(found.clean.config, n, n)
        assert found.cost == pytest.approx(cells * one / 2)
        assert pair.affordable(found.clean.config) >= n and found.cost <= limits.PATCHES


def test_five_tokens_are_patched_however_large_a_model_is(monkeypatch):
    monkeypatch.setattr(limits, "PATCHES", 0)
    assert pair.affordable(Scene().config) == 5


@pytest.mark.parametrize(
    "token, word, alike",
    [
        *((" cat", " dog", True), (" cat", " king", True), (" Anna", " Bob", True), (" ab", " dog", False)),
        *((" abc", " of", True), ("cats", " dog", False), (" c4t", " dog", False), (" Cat", " dog", False)),
        *((" cat", " Dog", False), (" cat", " cat", False), (" CAT", " CAT", False), (" cat,", " dog", False)),
    ],
)
def test_a_token_takes_the_place_of_a_word_of_its_form(token, word, alike):
    assert pair._alike(token, word) == alike


def test_a_word_that_is_exchanged_is_whole():
    """It begins with a space, and what follows begins another one, or is no letter."""
    texts = ("The", " cat", " walk", "ed", ",", " far", "-", " c4t", " on")
    assert [pair._is_word(texts, at) for at in range(len(texts))] == [
        *(False, True, False, False, False, True, False, False, True)
    ]


def test_colours_reach_as_far_as_the_runs_are_apart_where_that_is_to_be_seen():
    values = np.array([[0.5, -2.5, np.nan, np.inf]])
    assert [cause._reach(gap, values) for gap in (3.0, 0.006)] == [3.0, 0.006]
    assert [cause._reach(gap, values) for gap in (0.0, 0.004, np.nan, np.inf)] == [2.5] * 4
    assert cause._reach(0.0, values / 10) == 1.0 == cause._reach(0.0, np.full((1, 1), np.nan))
    rows = [cause.height(Scene(model="gpt").override(n_layers=n)) for n in (1, 4, 8, 12)]
    assert rows[0] < rows[1] < rows[2] == rows[3] and rows[2] - rows[1] >= 4 * 20


@pytest.mark.parametrize(
    ("model", "text", "other"),
    [
        ("machado", "Olá 🐧 São Paulo", "ulolá 🐧 São Paulo"),
        ("machado", "日本語", "語本語"),
        ("stories", "o gato <b> 🐧", "🐧 gato <b> 🐧"),
        ("gpt", "a b a", "a a a"),
        ("machado", "x", "x"),
    ],
)
def test_the_other_sentence_is_of_the_words_that_were_typed_and_as_long(model: str, text: str, other: str) -> None:
    """A character that no vocabulary has is a token, and its name ten: the page began with nothing to compare."""
    pair = Pair.of(Scene(model=model, sentence=text))
    assert pair.other.text == other and pair.alike


def test_integrated_gradients_add_up_where_they_miss_no_more_than_a_hundredth_of_what_was_gained():
    words = words_of("en")
    for gain, missed, held in ((100.0, 0.9, True), (-100.0, 0.9, True), (100.0, 1.1, False), (0.01, 0.004, True)):
        found = Influence({"integrated": np.array([gain, -missed])}, gain)
        assert ("nothing is missing" in influence._complete(found, words)) == held


def test_of_a_translation_the_word_before_its_period_stands_in_for_the_first():
    for sentence, other in (("the penguin saw the boat .", "boat penguin saw the boat ."), ("a seal", "seal seal")):
        assert Pair.of(Scene(model="translator", sentence=sentence)).other.text == other


def test_what_two_stacks_write_next_is_the_likeliest_word():
    scene = Scene(model="translator")
    run = world("cause", scene, words_of("en"))
    likeliest = scene.preset.tokenizer.tokens[run.subject.trace["logits"][-1].argmax()]
    assert run.written[:-1] == run.read[1:] and run.written[-1] == likeliest
