"""Translate: the grammar read backwards, a Scene translated, the fibres and the tree, and who stands in for whom."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from playwright.sync_api import expect

import core
from core import ConfigError, Scene, SceneError
from core.presets import register
from core.scene.translation import room, search, translate
from core.tasks import Translation, pair
from core.tasks.bilingual import ENGLISH, PORTUGUESE
from core.tasks.parse import parse
from core.tasks.translation import goes_into
from core.train.training_run import TrainingRun
from core.weights.model_file import pack, unpack
from pictures import compute, stacks, takeaway
from pictures.pages import PAGES
from pictures.train import curves, snapshot
from pictures.train.view import View
from pictures.translate import draw, fibres
from pictures.translate import search as searches
from pictures.translate import text as texts
from pictures.words import LANGUAGES, words_of
from plots import next_token, theme
from plots.crossing import LEAST, crossing
from tests.chromium import settled
from tests.support import html, knob, open_page
from ui.state import SCENE
from ui.train import files
from ui.train.session import Training

HERE = Scene(model="translator")
BACK = "yesterday the white seals saw the boat ."
BUILDERS = (fibres.fibres, fibres.board, fibres.heads, draw.choices, draw.beams)
SCENES = {
    "opens": HERE,
    "third word": HERE.turn(words_translated=3),
    "forced": HERE.turn(words_forced=((2, 300),), beam_width=8),
    "encoder": HERE.turn(attention_of="encoder", sentence=BACK),
    "decoder": HERE.turn(attention_of="decoder", words_translated=4),
    "without": HERE.switch(cross=False),
    "unknown": HERE.turn(sentence="<b>x</b> $y$ שלום"),
    "one word": HERE.turn(sentence="."),
    "untrained": Scene(model="seq2seq", sentence="um dois"),
}


# ---------------------------------------------------------------------------------------------------------- the grammar


def test_the_grammar_reads_what_it_writes():
    for number in range(40):
        told = pair(number, held_out=number % 2 == 0)
        for language in (PORTUGUESE, ENGLISH):
            assert parse(told.words(language), language) == told


@pytest.mark.parametrize(
    "sentence",
    ["as focas voam no céu .", "as foca dorme no mar .", "focas", "", "as focas dormem na neve . .", "o " * 40],
)
def test_it_knows_what_it_would_not_write(sentence):
    assert parse(tuple(sentence.split()), PORTUGUESE) is None


def test_a_sentence_says_which_way_it_goes():
    tokenizer = Translation().tokenizer
    for text, sign in (("as focas dormem", "<en>"), ("The seals sleep .", "<pt>"), ("xyz", "<en>"), ("a", "<en>")):
        encoding = tokenizer.encode(text)
        assert encoding.tokens[0] == sign and encoding.tokens == tokenizer.split(text) == (sign, *text.split())
        assert encoding.ids[0] in tokenizer.special and encoding.spans[0] == (0, 0)
    assert goes_into(["dorme", "the", "the"]) == PORTUGUESE
    assert Scene(model="translator", sentence="as focas").tokens == ("<en>", "as", "focas")


# ------------------------------------------------------------------------------------------------------------ the Scene


def test_a_scene_is_translated_as_generate_would():
    text = translate(HERE.turn(words_forced=((3, 300), (40, 1))))
    ids, preset = HERE.encoding.ids, HERE.preset
    steps = [*core.generate(preset.learned, preset.config, ids[:1], 9, 0, source=ids, forced={3: 300})]
    assert [step.token for step in text.steps] == [step.token for step in steps[: len(text.steps)]]
    assert text.steps[-1].token == preset.tokenizer.tokens.index(".") and text.steps[2].forced
    own = core.forward(preset.learned, preset.config, text.target, source=ids)
    assert all(np.array_equal(own[name], text.trace[name]) for name in own)
    assert text.trace["blocks.0.cross.pattern"].shape == (4, len(text.steps), len(ids))


def test_a_run_has_both_stacks():
    run, text = core.run(HERE.turn(words_forced=((1, 5),)).computed), translate(HERE)
    assert np.array_equal(run.target, text.target) and {*run.trace} == {*text.trace}
    lost = (
        Scene(model="seq2seq", sentence="um")
        .override(init="unit", d_mlp=256, n_layers=12)
        .switch(residual=False, norm=False, cross=False)
    )
    assert len(core.run(lost).target) == 1 and texts.translated(lost) is None
    assert room(HERE) == 23 and room(Scene(model="seq2seq")) == 13


def test_what_a_scene_of_two_stacks_refuses():
    with pytest.raises(SceneError, match=r"^edits"):
        Scene(model="translator", edits=((0, 0, 1.0),))
    with pytest.raises(ConfigError, match=r"^n_encoder_layers"):
        translate(Scene())
    with pytest.raises(ConfigError, match=r"^n_encoder_layers"):
        search(Scene(model="gpt"))
    assert Scene(edits=((0, 0, 1.0),)).turn(model="translator").edits == ()
    assert HERE.turn(words_forced=((1, 5),)).turn(sentence="as focas").words_forced == ()
    assert HERE.switch(cross=False).off == ("cross",) == HERE.switch(cross=False).missing
    assert Scene(off=("cross",)).off == ()


def test_what_a_reader_takes_along_names_each_language():
    rows = takeaway.table("translate", HERE, words_of("en")).decode("utf-8-sig").splitlines()
    of = {name: [row.split(",")[4] for row in rows if row.startswith(name + ",")] for name in core.run(HERE).trace}
    assert of["blocks.0.cross.pattern"][:4] == ["<en>", "yesterday", "the", "white"]
    assert of["encoder.blocks.1.attn.pattern"][:4] == ["<en>", "ontem", "as", "focas"]
    forced = HERE.turn(words_forced=((1, 5),))
    with np.load(io.BytesIO(takeaway.trace("translate", forced))) as file:
        assert np.array_equal(file["logits"], translate(forced).trace["logits"]) and file["target"][1] == 5


# --------------------------------------------------------------------------------------------------------- the pictures


@pytest.mark.parametrize("name", SCENES)
def test_pictures_hold_the_trace(name):
    scene = SCENES[name]
    text = translate(scene)
    for builder in BUILDERS:
        for lang in LANGUAGES:
            picture = builder(scene, words_of(lang))
            assert picture.says and picture.figure["layout"]["meta"]["alt"] == picture.says
        go.Figure(theme.resolve(picture.figure, "dark"))
    layer, head = texts.place(scene, text)
    drawn = fibres.board(scene, words_of("en")).figure["data"][0]["z"]
    at = {"cross": "blocks.{}.cross", "encoder": "encoder.blocks.{}.attn", "decoder": "blocks.{}.attn"}
    pattern = f"{at[scene.attention_of].format(layer)}.pattern"
    if pattern in text.trace:
        assert np.array_equal(drawn, text.trace[pattern][head][: drawn.shape[0], : drawn.shape[1]])
    else:
        assert np.isnan(drawn).all()


def test_the_sharpest_head_shows_where_words_change_places():
    text = translate(HERE)
    layer, head = texts.place(HERE, text)
    assert text.trace[f"blocks.{layer}.cross.pattern"][head].argmax(-1).tolist() == [1, 2, 4, 3, 5, 6, 7, 8]
    assert texts.place(HERE.turn(cross_layer=0), text)[0] == 0 and texts.place(HERE.turn(cross_head=9), text)[1] == 3
    known = texts.truth(HERE, text)
    assert known.crossing == (2, 3) and known.stems[2] == {4} and known.own == tuple(BACK.split())
    assert fibres.heads(HERE, words_of("en")).figure["data"][0]["z"][layer, head] == 1
    boxes = [
        shape for shape in fibres.board(HERE, words_of("en")).figure["layout"]["shapes"] if shape["type"] == "rect"
    ]
    around = {tuple(box[side] for side in ("y0", "y1", "x0", "x1")) for box in boxes if box["line"] == fibres.OUTLINE}
    assert around == {(t - 0.5, t + 0.5, s - 0.5, s + 0.5) for t, places in known.stems.items() for s in places}
    wrong = HERE.turn(words_forced=((3, 300),))
    assert 2 not in texts.truth(wrong, translate(wrong)).stems
    bare = HERE.turn(sentence="as focas")
    assert texts.truth(bare, translate(bare)) is None


def test_what_has_changed_places_is_told_from_its_own_word_on():
    written, words = BACK.split(), words_of("en")
    for n in range(1, 9):
        crossed = [f"“{written[place]}”" for place in (2, 3) if place < n]
        told = words("translate.says.crossed", tokens=words.several(crossed)) if crossed else ""
        says = fibres.fibres(HERE.turn(words_translated=n), words).says
        assert says.endswith(told) and ("places" in says) == bool(crossed), n


def test_a_head_that_is_asked_for_is_of_the_stack_that_is_looked_at():
    scene = Scene(model="seq2seq", sentence="um dois").override(n_layers=3).turn(cross_layer=9, cross_head=9)
    text = translate(scene)
    assert text.config.n_encoder_layers < text.config.n_layers == 3
    for kind, n in (("encoder", text.config.n_encoder_layers), ("decoder", 3), ("cross", 3)):
        assert texts.place(scene.turn(attention_of=kind), text) == (n - 1, text.config.n_heads - 1)


def test_fibres_are_as_strong_as_they_say():
    weights = np.array([[0.9, 0.1, 0.0], [0.0, LEAST / 2, 1 - LEAST / 2]])
    figure = crossing(weights, list("abc"), list("de"), truth=[(1, 2)], focus=1, places=4, marked=frozenset({0}))
    *fibres_, axes = figure["layout"]["shapes"][1:], figure["layout"]
    widths = {shape["path"].count("M"): shape["line"]["width"] for shape in fibres_[0]}
    assert len(fibres_[0]) == 3 and max(widths.values()) > 4 and figure["layout"]["shapes"][0]["line"]["dash"] == "dot"
    assert axes["xaxis"]["ticktext"] == ["<u>d</u>", "<b>e</b>"] and axes["xaxis"]["tickvals"] == [0.125, 0.375]
    assert len(figure["data"][2]["x"]) == 3
    go.Figure(theme.resolve(figure, "light"))


def test_below_a_word_is_underlined_that_was_put_in_and_the_last_one_lit_where_a_reader_stands():
    forced = HERE.turn(words_forced=((2, 300),))
    for kind, n, marked in (("cross", None, [1]), ("cross", 3, [1]), ("decoder", 3, []), ("encoder", None, [])):
        figure = fibres.fibres(forced.turn(attention_of=kind, words_translated=n), words_of("en")).figure
        ticks = figure["layout"]["xaxis"]["ticktext"]
        assert [i for i, text in enumerate(ticks) if "<u>" in text] == marked
        assert [i for i, text in enumerate(ticks) if "<b>" in text] == ([len(ticks) - 1] if n else [])


def test_the_tree_is_the_search():
    scene = HERE.turn(beam_width=4)
    steps, data = search(scene), draw.beams(scene, words_of("en")).figure["data"][0]
    kept = [(n, rank) for n, step in enumerate(steps, 1) for rank, b in enumerate(step.kept) if len(b.tokens) == n]
    assert [*zip(data["y"][1:].tolist(), data["x"][1:].tolist(), strict=True)] == kept
    assert sum(text.startswith("<b>") for text in data["text"]) == 1 + len(steps[-1].kept[0].tokens)
    assert draw.tree_height(scene) == draw.beams(scene, words_of("en")).figure["layout"]["height"]
    best = [scene.preset.tokenizer.tokens[id] for id in steps[-1].kept[0].tokens]
    assert f"“{' '.join(best)}”" in draw.beams(scene, words_of("en")).says


def test_a_text_stands_in_the_tree_at_its_last_word():
    steps = search(HERE.turn(sentence=".", beam_width=4))
    for n, step in enumerate(steps, 1):
        for rank, beam in enumerate(step.kept):
            ended = len(beam.tokens) < n
            assert searches.text_at(steps, n, rank) == (None if ended else beam.tokens)
            assert ended or searches.place_of(steps, beam) == (n, rank)
    assert any(len(beam.tokens) < len(steps) for beam in steps[-1].kept)
    assert searches.text_at(steps, 0, 0) == () and searches.place_of(steps, None) == (0, 0)
    assert all(searches.text_at(steps, *at) is None for at in ((0, 1), (1, 4), (len(steps) + 1, 0)))


def test_the_bar_of_a_word_that_was_put_in_has_a_colour_of_its_own():
    for n, forced in ((1, False), (2, True), (3, False)):
        figure = draw.choices(SCENES["forced"].turn(words_translated=n), words_of("en")).figure
        assert ("@gradient" in str(figure["data"])) == forced and figure["layout"]["showlegend"] is False
    bars = len(figure["data"][0]["y"])
    assert draw.height(SCENES["forced"]) - next_token.ABOVE >= next_token.ROW * bars > 0, "each has its room"


# ------------------------------------------------------------------------------------------------------- who stands in


def test_a_page_shows_a_model_that_it_can_show():
    for page in PAGES:
        shown = stacks.shown(HERE, page)
        if PAGES[page].model:
            assert stacks.count(shown) in PAGES[page].stacks
        else:
            assert shown is HERE
    assert stacks.shown(Scene(), "translate").model == "translator"
    pinned = Scene(pinned=HERE.computed)
    assert stacks.shown(pinned, "generate").pinned is None and stacks.shown(pinned, "generate").model == "penguins"
    looked = HERE.turn(layer=1, lang="en", forced=((2, 3),))
    assert (stacks.shown(looked, "generate").layer, stacks.shown(looked, "generate").lang) == (1, "en")
    assert compute.run(stacks.shown(Scene(model="seq2seq"), "generate")).tokens


def listed(at, knob_name: str):
    """The list of this knob, whatever its options are called."""
    return next(box for box in at.selectbox if box.key.startswith(f"knob-{knob_name}-"))


def test_on_another_page_a_look_is_the_reader_s_and_a_turn_is_of_what_is_shown(monkeypatch):
    """As on a page that shows models of one stack alone."""
    monkeypatch.setitem(PAGES, "block", replace(PAGES["block"], stacks=(1,)))
    at = open_page("block", {"model": "translator", "lang": "en"})
    said = html(at)
    assert not at.exception and "has two stacks" in said and "Small-world stories" in said
    listed(at, "layer").set_value(1).run()
    assert at.session_state[SCENE].model == "translator" and at.session_state[SCENE].layer == 1
    knob(at.toggle, "knob-residual").set_value(False).run()
    assert at.session_state[SCENE].model == "stories" and at.session_state[SCENE].off == ("residual",)
    assert not at.exception


def test_a_reader_walks_forces_and_turns_round():
    at, text = open_page("translate", {"lang": "en"}), translate(HERE)
    assert not at.exception
    at.button(key="translate-play").click().run()
    assert at.session_state[SCENE].words_translated >= 1
    at.button(key="translate-stop").click().run()
    knob(at.slider, "knob-words_translated").set_value(1).run()
    at.button(key="translate-step").click().run()
    assert at.session_state[SCENE].words_translated == 2 and at.session_state[SCENE].model == "penguins"
    listed(at, "words_forced").set_value(int(text.steps[1].distribution.order[3])).run()
    assert len(at.session_state[SCENE].words_forced) == 1
    at.button(key="translate-undo").click().run()
    at.button(key="translate-turn_round").click().run()
    scene = at.session_state[SCENE]
    assert (scene.model, scene.sentence, scene.tokens[0]) == ("translator", BACK, "<pt>")
    listed(at, "cross_place").set_value((0, 1)).run()
    assert (at.session_state[SCENE].cross_layer, at.session_state[SCENE].cross_head) == (0, 1)
    knob(at.toggle, "knob-cross").set_value(False).run()
    assert at.session_state[SCENE].off == ("cross",) and not at.exception


def test_a_word_that_is_written_as_unknown_is_read_back_as_one():
    """Its token's own name, <unknown>, is three tokens, and English in each language."""
    at = open_page("translate", {"lang": "pt-BR", "model": "translator", "sentence": "o gato azul comeu peixe"})
    written = translate(at.session_state[SCENE]).steps
    unknown = HERE.preset.tokenizer.tokens.index("<unknown>")
    hidden = [step.token == unknown for step in written]
    assert any(hidden) and not all(hidden)
    at.button(key="translate-turn_round").click().run()
    scene = at.session_state[SCENE]
    assert [token == "…" for token in scene.tokens[1:]] == hidden and "<unknown>" not in scene.sentence
    assert [id == unknown for id in scene.encoding.ids[1:]] == hidden and not at.exception


@pytest.mark.browser
def test_a_head_and_a_word_are_clicked(in_turn, app):
    in_turn.goto(f"{app}/translate?lang=en&model=translator")
    settled(in_turn)
    in_turn.get_by_role("button", name="Back", exact=True).click()
    expect(in_turn).to_have_url(re.compile("words_translated=7"))
    settled(in_turn)
    in_turn.get_by_role("button", name="Translate it back").click()
    expect(in_turn).to_have_url(re.compile("sentence=.*yesterday"))
    # All of the page follows: the sentence at its head, and the search, which stand in other fragments.
    expect(in_turn.get_by_role("textbox", name="Sentence", exact=True)).to_have_value(
        re.compile("^yesterday the white")
    )
    told = in_turn.locator(".fibra-says", has_text="Of the 3 texts kept at the end")
    expect(told).to_contain_text("“ontem as focas brancas viram o barco .”")


@pytest.mark.browser
def test_a_text_of_the_tree_is_explained_in_the_other_fragment(watched, app):
    tab = watched.at(app, "/translate?lang=en&model=translator")
    tab.locator("[data-figure=translate-tree] .fibra-plot").scroll_into_view_if_needed()
    settled(tab)
    box = tab.locator("[data-figure=translate-tree] .scatterlayer .point").nth(4).bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    card = tab.locator(".fibra-explained [aria-current]")
    expect(card).to_have_text("ln of a text’s probability in the search · step 2, text 0")
    expect(tab).to_have_url(re.compile("explained=beam.logits"))


# ------------------------------------------------------------------------------------------------------------- trained


def test_a_translator_that_is_trained_here_translates_and_is_taken_along():
    task = Translation()
    run = TrainingRun.start(task, task.config.replace(d_model=32, n_heads=2, d_mlp=64), 0, 8, 3e-3)
    run.advance(60, 12)
    batches = [task.batch(step, 8, 0) for step in range(12)]
    assert run.tokens == sum(int(b.mask.sum() + b.source_mask.sum()) for b in batches)
    assert np.isnan(run.watches[-1].induction) and run.watches[-1].loss < run.watches[0].loss
    view = View(Training((), run), run, Scene(layer=1), *run.at(None), "pt-BR")
    source = view.source
    assert task.read(source)[0] == "<en>" and len(view.row[0]) == len(view.tokens) == view.row[2].sum()
    own = core.forward(view.params, run.config, view.row[0], source=source)["blocks.1.cross.pattern"][0]
    picture = snapshot.attention(view, words_of("en"))
    assert np.array_equal(picture.figure["data"][0]["z"], own) and len(picture.figure["layout"]["shapes"]) == 8
    likeliest = [int(source[0])]
    while len(likeliest) < run.config.n_ctx and task.read(likeliest)[-1] != ".":
        logits = core.forward(view.params, run.config, np.array(likeliest), source=source)["logits"]
        likeliest.append(int(logits[-1].argmax()))
    made = " ".join(task.read(likeliest[1:])).replace(" .", ".")
    assert snapshot.sample(view) == f"aquele albatroz curioso plana no céu. → {made}"
    for builder in (curves.loss, curves.scores, curves.norms, snapshot.embeddings):
        go.Figure(theme.resolve(builder(view, words_of("pt-BR")).figure, "light"))
    again = unpack(pack(files.portable(view)))
    assert again.config == run.config and again.sentence == "aquele albatroz curioso plana no céu ."
    preset = core.Preset("x", again.config, again.sentence, tokenizer=again.tokenizer, source=lambda: again.params)
    name, held = register(preset)
    scene = Scene(model=name)
    assert scene.tokens[0] == "<en>" and stacks.shown(scene, "translate") is scene and held.trained
    assert texts.translated(scene).steps


def test_the_page_trains_a_translator():
    at = open_page("train", {"task": "translate", "train_size": "small", "batch_size": "8", "lang": "en"})
    assert not at.exception
    boards = b"".join(element.proto.bytes for element in at.get("bidi_component")).decode("utf-8", "ignore")
    assert "that small whale near the wave helps that happy seal. " in boards  # and what is made of it


def test_of_one_word_the_look_at_itself_is_named_and_of_two_that_are_alike_nothing_is():
    words, of_one = words_of("en"), Scene(model="seq2seq", sentence="um", attention_of="encoder")
    assert fibres.fibres(of_one, words).says.endswith("“um” at “um” (100.0%).")
    alike = of_one.turn(sentence="um um").switch(positions=False)
    assert "everything alike (50.0%)" in fibres.fibres(alike, words).says
