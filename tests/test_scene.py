"""Scene: a whole screen in one small value, through the URL and back, whatever the URL says."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import scenes, values_of

import core
from core import limits
from core.scene.fields import OVERRIDES, TASK_NAMES, TRAINED_SIZES, kinds
from core.scene.scene import ADDRESS, VIEW
from core.scene.sentence import _fitted, fit_sentence
from core.scene.switch import as_it_opens
from core.tasks import SOURCED, TASKS, Characters
from core.tokenizer.text import normalized
from core.train.training_run import SIZES

Scene = core.Scene
KEYS = [*ADDRESS.texts]


# ------------------------------------------------------------------------------------------------------ there and back


@settings(max_examples=300)
@given(scenes())
def test_round_trip(scene):
    query = scene.to_query()
    assert all(isinstance(k, str) and isinstance(v, str) for k, v in query.items())
    assert Scene.from_query(query) == (scene, ())
    assert Scene.from_query(dict(parse_qsl(urlencode(query), keep_blank_values=True))) == (scene, ())


def test_the_default_is_left_out():
    assert Scene().to_query() == {}
    assert Scene.from_query({}) == (Scene(), ())
    assert replace(Scene(), model="gpt", layer=2).to_query() == {"model": "gpt", "layer": "2"}


def test_other_parameters_are_passed_over():
    assert Scene.from_query({"utm_source": "x", "embed": "true"}) == (Scene(), ())


@given(scenes())
def test_a_scene_can_be_a_key(scene):
    assert {scene: 1}[replace(scene)] == 1
    assert scene.computed == replace(scene, layer=5, query=7, drift_3d=True, lang="en").computed


@settings(max_examples=30)
@given(scenes(), scenes())
def test_a_scene_that_is_looked_at_otherwise_is_as_one_made_anew(scene, other):
    looks = {name: getattr(other, name) for name in VIEW - {"pinned"}} | {"pinned": other.computed}
    for made in (scene, scene.turn(layer=1)):
        _ = made.before, made.computed, made.missing, made.encoding  # found before, and not to be found in the copy
        turned, anew = made.turn(**looks), replace(made, **looks)
        assert turned == anew and turned.to_query() == anew.to_query()
        for follows in ("before", "computed", "missing", "config", "whole", "tokens", "cell", "place"):
            assert getattr(turned, follows) == getattr(anew, follows), follows
        assert made.pin() == replace(made, pinned=replace(made.computed))
    for name in ("query", "drift_3d", "lang", "pinned"):
        with pytest.raises(core.SceneError, match=name):
            scene.turn(**{name: object()})


@settings(max_examples=60)
@given(scenes())
def test_every_scene_runs(scene):
    run = core.run(scene)
    n = len(scene.tokens)
    assert run.embeddings.shape == (n, run.config.d_model) and run.tokens == scene.tokens
    for position, dimension, value in scene.edits:
        assert run.embeddings[position, dimension] == pytest.approx(value, rel=1e-6, abs=1e-37)
    read = n if run.target is None else len(run.target)
    assert run.trace["blocks.0.attn.pattern"].shape == (run.config.n_heads, read, read)
    assert all(0 <= i < n for i in scene.cell)
    assert scene.place[0] < run.config.n_layers and scene.place[1] < run.config.n_heads
    for layer, head, *where in scene.ablated:
        at = {"cross": "blocks.{}.cross.z", "encoder": "encoder.blocks.{}.attn.z", "": "blocks.{}.attn.z"}
        z = at["".join(where)].format(layer)
        assert not run.trace[z][head].any() if z in run.trace else "cross" in scene.off


@given(scenes())
def test_running_is_a_function_of_the_scene(scene):
    a, b = core.run(scene), core.run(scene.computed, names=["blocks.*.resid_post"])
    name = f"blocks.{a.config.n_layers - 1}.resid_post"
    assert np.array_equal(a.trace[name], b.trace[name], equal_nan=True)
    assert set(b.trace) == {name for name in a.trace if name.startswith("blocks.") and name.endswith("resid_post")}


# ---------------------------------------------------------------------------------------------------------- bad input


@settings(max_examples=500)
@given(st.dictionaries(st.sampled_from(KEYS), st.text(max_size=60)))
def test_hostile_queries_never_raise(query):
    scene, notices = Scene.from_query(query)
    assert Scene.from_query(scene.to_query()) == (scene, ())
    named = {notice.field for notice in notices}
    assert named <= set(query)
    assert all(str(notice).startswith(notice.field + ": ") and len(str(notice)) < 400 for notice in notices)


NUMBERS = [
    "-1",
    "0",
    "1e9",
    "99999999999999999999",
    "nan",
    "inf",
    "-inf",
    "1_000",
    "٣",
    "0x10",
    "1.5",
    " 2",
    "2 ",
    "+2",
]
TEXTS = [
    "",
    "x",
    "<script>alert(1)</script>",
    "\x00",
    "\ud800",
    "a" * 5000,
    "../../etc/passwd",
    "'; DROP TABLE",
    "None",
]
LISTS = [
    "1.1",
    "1.1,",
    "1.1,1.1",
    "0.0:1",
    "0.0:",
    "0.0:nan",
    "-1.0:1",
    "9.9.9:1",
    "0.0:1e400",
    "0.0:5000",
    "100.100:1",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_hostile_value_in_each_field_never_raises(key):
    for value in (*NUMBERS, *TEXTS, *LISTS):
        for others in ({}, {"model": "gpt"}, {"sentence": "a", "d_model": "16", "n_heads": "16"}):
            scene, notices = Scene.from_query({**others, key: value})
            assert Scene.from_query(scene.to_query()) == (scene, ())
            assert {notice.field for notice in notices} <= {*others, key}


@pytest.mark.parametrize(
    ("query", "notices"),
    [
        (
            {"model": "gpt9"},
            [f"model: 'gpt9' is not {', '.join(core.PRESETS)}; the default is shown"],
        ),
        ({"seed": "10000"}, ["seed: '10000' is not 0..9999; the default is shown"]),
        ({"temperature": "0"}, ["temperature: '0' is not 0.05..20.0; the default is shown"]),
        ({"model": "gpt", "d_model": "257"}, ["d_model: '257' is not 2..256; the default is shown"]),
        ({"model": "gpt", "norm": "batch"}, ["norm: 'batch' is not none, layer, rms; the default is shown"]),
        ({"causal": "yes"}, ["causal: 'yes' is not 0, 1; the default is shown"]),
        (
            {"edits": "0.0:1000.5"},
            [
                "edits: '0.0:1000.5' is not position.dimension:value, …; value -1000.0..1000.0; ≤ 512; the"
                " default is shown"
            ],
        ),
        (
            {"matrices": "Q.8.0:1"},
            [
                "matrices: 'Q.8.0:1' is not matrix.row.column:value, …; matrix K, Q; row 0..7; column 0..7; value"
                " -1000.0..1000.0; the default is shown"
            ],
        ),
        (
            {"ablated": "0.x"},
            ["ablated: '0.x' is not layer.head[.attention], …; attention cross, encoder; the default is shown"],
        ),
        ({"edits": "9.0:1"}, ["edits: '9.0:1' has no place here; the default is shown"]),
        ({"ablated": "5.0"}, ["ablated: '5.0' has no place here; the default is shown"]),
        ({"focus": "257"}, ["focus: '257' is not 0..256; the default is shown"]),
        (
            {"model": "gpt", "n_heads": "3"},
            ["n_heads: '3' does not fit the rest; the default is shown"],
        ),
        ({"sentence": "a " * 10000}, ["sentence: 10000 tokens were cut to 64"]),
    ],
)
def test_what_was_wrong_is_named(query, notices):
    assert [str(notice) for notice in Scene.from_query(query)[1]] == notices


def test_one_wrong_value_leaves_the_others_alone():
    scene, notices = Scene.from_query({"model": "gpt", "seed": "7", "layer": "x", "causal": "0"})
    assert scene == Scene(model="gpt", seed=7).override(causal=False) and len(notices) == 1


@pytest.mark.parametrize(
    "sentence",
    [
        "👩‍👩‍👧 🇧🇷 👍🏽",
        "na\u0303o te\u0302m",
        "שלום עולם",
        "<b>bold</b> <script>alert(1)</script>",
        "$x^2$ **bold** [a](http://b)",
        "a a a a",
        "​ ‮ \ufeff",
        "x" * 640,
    ],
)
@pytest.mark.parametrize("split", ["words", "characters"])
def test_any_text_is_kept_as_it_is(sentence, split):
    scene, _ = Scene.from_query({"sentence": sentence, "split": split, "model": "gpt"})
    assert scene.sentence == fit_sentence(sentence, split)[0]
    run = core.run(scene)
    assert ("" if split == "characters" else " ").join(run.tokens) == scene.sentence
    assert np.isfinite(run.trace["logits"]).all()


@pytest.mark.parametrize("blank", ["", " ", "\n\t \u2003"])
@pytest.mark.parametrize("split", ["words", "characters"])
def test_a_blank_sentence_is_the_preset_s_own(blank, split):
    scene, notices = Scene.from_query({"sentence": blank, "split": split})
    assert scene.sentence == "" and notices == ()
    assert scene.text == core.PRESETS["penguins"].sentence


@given(st.text(max_size=2000) | st.text("ab ", min_size=600, max_size=2000), st.sampled_from(["words", "characters"]))
def test_a_long_sentence_is_cut_and_said_to_be(text, split):
    fitted, notice = fit_sentence(text, split)
    assert len(fitted) <= limits.SENTENCE_CHARACTERS
    joint = "" if split == "characters" else " "
    whole = text = normalized(text)
    whole = joint.join(whole.split()) if joint else whole
    assert whole.startswith(fitted)
    assert (notice is not None) == (fitted != whole and bool(text.strip()))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (dict(model="gpt9"), "model: 'gpt9' is not one of penguins"),
        (dict(split="lines"), "split: 'lines' is not one of words, characters"),
        (dict(lang="fr"), "lang: 'fr' is not one of pt-BR, en"),
        (dict(sentence="a  b"), "sentence: must be at most 64 tokens and 640 characters"),
        (dict(sentence="a " * 64 + "a"), "sentence: must be at most 64 tokens"),
        (dict(seed=-1), "seed: -1 is not a whole number in 0..9999"),
        (dict(seed=1.0), "seed: 1.0 is not a whole number"),
        (dict(temperature=float("nan")), "temperature: nan is not a number in 0.05..20.0"),
        (dict(threshold=2), "threshold: 2 is not a number in 0..1"),
        (dict(layer=None), "layer: None is not a whole number in 0..256"),
        (dict(focus=-1), "focus: -1 is not a whole number"),
        (dict(overrides=(("vocab_size", 9),)), "'vocab_size': cannot be overridden; it is none of d_model, n_heads"),
        (dict(overrides=(("d_model", 1),)), "d_model: 1 is not a whole number in 2..256"),
        (dict(overrides=(("causal", 1),)), "causal: 1 is not a yes or no: True or False"),
        (dict(overrides=(("norm", "x"),)), "norm: 'x' is not one of none, layer, rms"),
        (dict(overrides=(("n_layers", 2), ("n_heads", 2))), "overrides: must be sorted"),
        (dict(edits=((0, 4, 1.0),)), "edits: cell 0.4 is outside 5 tokens x 4"),
        (dict(edits=((5, 0, 1.0),)), "edits: cell 5.0 is outside 5 tokens x 4"),
        (dict(edits=((0, 0, float("inf")),)), "edits: inf is not a number in -1000.0..1000.0"),
        (dict(edits=((1, 0, 1.0), (0, 0, 1.0))), "edits: must be sorted"),
        (
            dict(edits=((0, 0, 1.0), (0, 0, 2.0))),
            "edits: must be sorted, each position and dimension once, at most 512",
        ),
        (dict(ablated=((1, 0),)), "ablated: head 1.0 is outside 1 x 1"),
        (dict(ablated=((0, 0), (0, 0))), "ablated: must be sorted, each layer and head and attention once"),
        (dict(draw_temperature=-0.1), "draw_temperature: -0.1 is not a number in 0.0..3.0"),
        (dict(draw_temperature=None), "draw_temperature: None is not a number"),
        (dict(top_k=0), "top_k: 0 is not a whole number in 1..1000"),
        (dict(top_p=0.0), "top_p: 0.0 is not a number in 0.01..1.0"),
        (dict(max_new_tokens=65), "max_new_tokens: 65 is not a whole number in 1..64"),
        (dict(tokens_written=0), "tokens_written: 0 is not a whole number in 1..64"),
        (dict(forced=((6, 1), (5, 1))), "forced: must be sorted"),
        (dict(forced=((6, 1), (6, 2))), "forced: must be sorted, each position once"),
        (dict(forced=((256, 1),)), "forced: 256 is not a whole number in 0..255"),
        (dict(forced=((6, -1),)), "forced: -1 is not a whole number"),
        (dict(target="a  b"), "is not at most 160 characters, one line"),
        (dict(target="a" * 161), "is not at most 160 characters"),
    ],
)
def test_a_bad_scene_is_refused_by_name(bad, message):
    with pytest.raises(core.SceneError) as error:
        Scene(**bad)
    assert message in str(error.value)


def test_sizes_that_do_not_divide_are_refused():
    with pytest.raises(core.ConfigError, match="d_model: 10 does not divide into n_heads: 4; d_model 8 would"):
        Scene(model="gpt").override(d_model=10)


# ------------------------------------------------------------------------------------------------------------- turning


def test_an_edit_stays_with_its_word():
    scene = Scene(sentence="a b c", edits=((0, 1, 2.0), (2, 0, 3.0)))
    assert scene.turn(sentence="a b d").edits == ((0, 1, 2.0),)
    assert scene.turn(sentence="a").edits == ((0, 1, 2.0),)
    assert scene.turn(sentence="z a b").edits == ()


def test_what_no_longer_fits_is_dropped():
    scene = Scene(model="gpt", ablated=((0, 1), (3, 3)), edits=((0, 3, 1.0), (0, 60, 1.0)))
    turned = scene.override(n_layers=2, n_heads=2, d_model=8)
    assert turned.ablated == ((0, 1),) and turned.edits == ((0, 3, 1.0),)


def test_forced_tokens_stay_while_the_text_before_them_does():
    scene = Scene(model="gpt", sentence="a b", forced=((2, 7),), draw_temperature=0.5, max_new_tokens=20)
    assert scene.turn(draw_temperature=1.0, tokens_written=3, temperature=2.0).forced == ((2, 7),)
    assert scene.turn(sentence="a c").forced == () == scene.turn(model="encoder").forced
    assert scene.turn(split="characters").forced == ()
    assert scene.turn(sentence="a c", forced=((2, 8),)).forced == ((2, 8),)


def test_an_id_is_not_carried_into_another_vocabulary():
    scene = Scene(model="translator", loss_position=3, loss_token=40, cause_word=269, cause_rival=222)
    scene = scene.turn(words_forced=((1, 5),))
    assert scene.turn(sentence="as focas", temperature=2.0).cause_word == 269
    other = as_it_opens(scene, "stories")
    assert (other.loss_token, other.cause_word, other.cause_rival, other.words_forced) == (None, None, None, ())
    assert as_it_opens(scene, "stories", cause_word=3).cause_word == 3
    twin = Scene(model="seq2seq", words_forced=((1, 5),))
    assert twin.turn(model="translator", sentence=twin.text).words_forced == (), "the same words by other ids"


def test_the_preset_s_own_value_takes_an_override_away():
    scene = Scene(model="gpt").override(causal=False, n_heads=8)
    assert scene.overrides == (("n_heads", 8),) and scene.off == ("mask",)
    assert scene.override(causal=True).overrides == (("n_heads", 8),) == scene.override(d_model=64).overrides
    assert scene.override(causal=True, n_heads=4) == Scene(model="gpt")


def test_without_a_norm_there_is_none_at_the_ends():
    config = Scene(model="gpt").override(norm="none").config
    assert (config.norm, config.final_norm) == ("none", False)


def test_words_chosen_by_hand_keep_their_place():
    run = core.run(Scene(sentence="joelho tem zebra"))
    assert run.embeddings[:2].tolist() == [[0, 1, 0, 1], [0, 1, 1, 0]]
    assert run.embeddings[2].tolist() == run.params["embed.W_E"][run.encoding.ids[2]].tolist()
    wide = core.run(Scene().override(d_model=6))
    assert wide.embeddings[4].tolist() == [0, 1, 0, 1, 0, 0]


def test_the_longest_link_is_short_enough():
    words = " ".join(["ção"] * limits.TOKENS)
    link = urlencode(Scene(model="encoder_full", sentence=fit_sentence(words)[0]).to_query())
    assert len(link) < 2000


def test_a_sentence_that_fits_is_cut_into_tokens_once(monkeypatch):
    kind, cut = type(core.PRESETS["stories"].tokenizer), []
    encode = kind.encode
    monkeypatch.setattr(kind, "encode", lambda self, text: cut.append(text) or encode(self, text))
    text = "o pinguim vê a foca e o mar outra vez"
    scene = Scene(model="stories").turn(sentence=fit_sentence(text, model="stories")[0])
    assert scene.tokens and cut.count(text) == 1
    long = "o" * (limits.LONG_CHARACTERS + 1)
    for _ in range(2):  # what is far too long is kept nowhere
        _fitted(long, len(long), "words", "stories", limits.LONG)
    assert cut.count(long) == 2


def test_a_scene_is_plain_data():
    json.dumps({f.name: getattr(Scene(), f.name) for f in fields(Scene)})


# ------------------------------------------------------------------------------ each field says all about itself

OLD = {
    **{"lit": "layers_lit", "stage": "drift_stage", "solid": "drift_3d", "second": "second_norm"},
    **{"heat": "draw_temperature", "draw": "draw_seed", "new": "max_new_tokens", "step": "tokens_written"},
    **{"size": "train_size", "rate": "learning_rate", "batch": "batch_size", "run_seed": "train_seed"},
    **{"moment": "train_step", "played": "train_played", "attempt": "train_attempt"},
    **{"compared": "compared_step", "inside": "compared_array"},
}


def test_every_field_has_a_kind_and_a_place_in_the_link():
    """What is forgotten in the declaration fails here; nothing else has to be told of a new field."""
    in_links = {text.field for text in ADDRESS.texts.values()}
    for field in fields(Scene):
        kind = kinds(Scene)[field.name]
        assert kind.takes(field.default) and kind.what and kind.right
        assert (field.name in in_links) == (field.name != "pinned"), "the pinned Scene stands under `pin.`"


@pytest.mark.parametrize("name", [name for name in kinds(Scene) if name not in ("overrides", "pinned")])
@settings(max_examples=20)
@given(data=st.data())
def test_every_field_is_written_and_read_back(name, data):
    scene, kind = Scene(model="gpt", sentence="a b c"), kinds(Scene)[name]
    try:
        scene = replace(scene, **{name: data.draw(values_of(kind))})
    except core.SceneError:  # right by itself, and does not fit the others
        return
    query = scene.to_query()
    assert (name in query) == (getattr(scene, name) != getattr(Scene(), name))
    assert Scene.from_query(query) == (scene, ())


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=2)
    | st.tuples(inner) | st.tuples(inner, inner, inner) | st.just({1, 2}) | st.just(Scene()) | st.just(Scene),
)  # fmt: skip


@pytest.mark.parametrize("name", [*kinds(Scene)])
@given(value=ANYTHING)
def test_what_a_field_is_not_is_refused_by_its_name(name, value):
    for make in (lambda given: Scene(**given), lambda given: Scene(model="gpt").turn(**given)):
        try:
            scene = make({name: value})
        except core.FibraError as error:
            assert name in str(error) or name == "overrides", error
        else:
            assert hash(scene) and Scene.from_query(scene.to_query())[0] == scene


@given(st.text(max_size=20) | st.sampled_from([*kinds(Scene), *OVERRIDES.kinds]), ANYTHING)
def test_turns_of_what_is_not_there_are_refused_by_name(name, value):
    for turn in (Scene().turn, Scene().override, Scene().switch):
        try:
            turn(**{name: value})
        except core.FibraError as error:
            assert str(error)


def test_what_to_do_instead_is_said():
    with pytest.raises(core.SceneError, match=r"scale: is a field of the Config: override\(scale=...\) turns it"):
        Scene().turn(scale=False)
    with pytest.raises(core.SceneError, match="'temperature': cannot be overridden; it is none of d_model, n_heads"):
        Scene().override(temperature=2.0)
    with pytest.raises(core.SceneError, match=r"'tresh': a Scene has no such field; is it threshold\?"):
        Scene().turn(tresh=0.2)
    with pytest.raises(core.SceneError, match="off: 'skale' is not one of scale, mask"):
        Scene().switch(skale=False)


def test_old_links_still_open_and_are_written_by_the_names_of_today():
    for old, name in OLD.items():
        kind = kinds(Scene)[name]
        assert ADDRESS.texts[old].name == name and old not in kinds(Scene)
        values = [value for value in (0.05, 0.5, 1, 2, True, "z", "norm", "small") if kind.takes(value)]
        scene = Scene(**{name: values[-1]})
        text = scene.to_query()[name]
        assert scene.to_query() == {name: text}
        assert Scene.from_query({old: text}) == (scene, ()) == Scene.from_query({name: text, old: "?"})
        _, notices = Scene.from_query({old: "?"})
        assert [(n.field, n.value, n.right) for n in notices] == [(old, "?", kind.right)]
    assert {text.name for name, text in ADDRESS.texts.items() if text.name != name} == {*OLD.values()}


def test_lists_that_stand_by_themselves_are_those_of_their_rooms():
    """They are written out so that a Scene imports no training and no grammar."""
    assert (*TASKS, *SOURCED, Characters.name) == TASK_NAMES
    assert ("", *SIZES) == TRAINED_SIZES
