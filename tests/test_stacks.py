"""Whose attention a picture shows, where a model has two stacks: its arrays, who looks and who is looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from support import html, open_page

from core import Scene
from core.scene.translation import translate
from pictures import (
    attention,
    chosen_cell,
    compare,
    compute,
    extremes,
    fibres,
    heads,
    labels,
    lighting,
    models,
    stacks,
    start,
    takeaway,
)
from pictures.explained import naming
from pictures.explained.page_world import world
from pictures.pages import PAGES
from pictures.translate import text as texts
from pictures.words import words_of
from plots import theme
from plots.facing import facing
from plots.tokens import literal
from ui.state import SCENE

ROOT = Path(__file__).parent.parent
HERE = Scene(model="translator", layer=9, head=9, query=64, key=64)


def test_looks_of_one_stack_are_its_own():
    scene = Scene(model="gpt", layer=1, ablated=((0, 1),))
    found = stacks.looks(scene)
    assert stacks.kinds(scene) == () and not found.kind and not found.crosses and found.causal
    assert found.rows == found.columns == scene.tokens and (found.place, found.cell) == (scene.place, scene.cell)
    assert found.name("pattern") == "blocks.1.attn.pattern" and found.reads == found.looked_in == "blocks.1.ln1.out"
    assert stacks.looks(scene.turn(attention_of="encoder")) == found and found.ablated == {(0, 1)}
    for norm, at, reads in (("layer", "post", "resid_pre"), ("none", "pre", "resid_pre"), ("rms", "pre", "ln1.out")):
        assert stacks.looks(scene.override(norm=norm, norm_at=at)).reads == f"blocks.1.{reads}"


def test_a_stack_s_own_trace_has_the_names_of_a_model_that_it_is_alone():
    for kind, prefix in (("encoder", "encoder."), ("decoder", ""), ("cross", "")):
        scene = Scene(model="translator", attention_of=kind)
        own, whole = stacks.own_trace(scene), compute.run(scene).trace
        for name in ("blocks.0.resid_pre", "blocks.1.attn.pattern", "blocks.1.resid_post"):
            assert np.array_equal(own[name], whole[prefix + name]), (kind, name)
    one = Scene(model="gpt", sentence="a b")
    assert np.array_equal(stacks.own_trace(one)["embed"], compute.run(one).trace["embed"])
    for page in ("lessons", "teachers", "of-nobody"):
        assert stacks.shown(HERE, page) is HERE, "a page without a model has none to leave"


@pytest.mark.parametrize("kind", ["encoder", "decoder", "cross"])
@pytest.mark.parametrize("model", ["translator", "seq2seq"])
def test_looks_of_two_stacks_stand_in_the_trace(model, kind):
    scene = HERE.turn(model=model, attention_of=kind)
    found, run = stacks.looks(scene), compute.run(scene)
    size = (found.config.n_layers, found.config.n_heads, len(found.rows), len(found.columns))
    assert stacks.patterns(scene).shape == size and found.kind == kind
    assert np.array_equal(stacks.patterns(scene)[-1], run.trace[found.name("pattern")])
    assert run.trace[found.name("k")].shape[-2] == len(found.columns)
    assert len(run.trace[found.reads]) == len(found.rows) and len(run.trace[found.looked_in]) == len(found.columns)
    assert found.place == (1, 3) and found.cell == (len(found.rows) - 1, len(found.columns) - 1)
    assert found.causal == (kind == "decoder")


def test_rows_of_cross_attention_are_what_is_written_there():
    for scene in (HERE, HERE.turn(sentence="<pt> yesterday the white seals see the boat ."), Scene(model="seq2seq")):
        text = texts.translated(scene)
        assert stacks.looks(scene).rows == tuple(texts.written(scene, text, words_of("en")))
        assert stacks.read(scene)[1:] == stacks.written(scene)[:-1]


def test_without_cross_attention_the_decoder_s_own_is_shown():
    scene = HERE.switch(cross=False)
    assert stacks.kinds(scene) == ("encoder", "decoder") and stacks.looks(scene).kind == "decoder"
    assert translate(scene).steps


def test_where_nothing_is_written_the_row_is_what_was_read():
    lost = Scene(model="seq2seq", sentence="um").override(init="unit", d_mlp=256, n_layers=12)
    lost = lost.switch(residual=False, norm=False, cross=False)
    assert stacks.written(lost) == stacks.read(lost) == ("um",) and texts.translated(lost) is None


@pytest.mark.parametrize("kind", ["encoder", "decoder", "cross"])
def test_a_head_is_off_in_its_own_attention_alone(kind):
    where = () if kind == "decoder" else (kind,)
    scene = HERE.turn(ablated=((0, 1, *where),), attention_of=kind)
    assert Scene.from_query(scene.to_query()) == (scene, ())
    trace = compute.run(scene).trace
    at = {"encoder": "encoder.blocks.0.attn.z", "decoder": "blocks.0.attn.z", "cross": "blocks.0.cross.z"}
    assert [name for name, z in at.items() if not trace[z][1].any()] == [kind]
    shown = {other: stacks.looks(scene.turn(attention_of=other)).ablated for other in at}
    assert shown == dict.fromkeys(at, frozenset()) | {kind: {(0, 1)}}
    assert start.html(scene, EN).count(EN("start.off", n=1, heads="1")) == 2, "in the label, and in the tip"
    assert stacks.every_head(scene).count((0, 1, *where)) == 1 and len(stacks.every_head(scene)) == 24


def test_heads_of_cross_attention_stay_off_while_all_of_it_is():
    scene = HERE.turn(ablated=((0, 1, "cross"), (1, 0, "encoder")))
    assert scene.switch(cross=False).switch(cross=True) == scene and translate(scene.switch(cross=False)).steps
    assert scene.turn(model="gpt").ablated == () and scene.restored().ablated == ()
    apart = scene.switch(cross=False).turn(attention_of="decoder")
    assert apart.interventions.ablated == {(1, 0, "encoder")} and labels.probe_of(apart).shape == (2, 4)


# ----------------------------------------------------------------------------------------------------------- Attention

EN = words_of("en")


@pytest.mark.parametrize("kind", ["encoder", "decoder", "cross"])
def test_every_map_of_attention_is_the_trace_s(kind):
    scene = Scene(model="translator", attention_of=kind, layer=1, head=2, query=4, key=2)
    found, trace = stacks.looks(scene), compute.run(scene).trace
    at = {"encoder": "encoder.blocks.1.attn.", "decoder": "blocks.1.attn.", "cross": "blocks.1.cross."}[kind]
    names = {"q": attention.queries, "k": attention.keys, "v": attention.values, "scores": attention.scores}
    for name, builder in (names | {"pattern": attention.pattern, "z": attention.output}).items():
        picture = builder(scene, EN)
        values = trace[at + name][2]
        assert np.array_equal(picture.figure["data"][0]["z"], values)
        number = picture.numbers.at({"x": 1, "y": 3})
        assert trace[number[0]][number[1]] == values[3, 1]
    line = chosen_cell.cell(scene, EN)[-1]
    assert line.value == pytest.approx(trace[at + "pattern"][2, 4, 2]) and len(line.terms) == len(found.columns)
    query, key = extremes.choice(found.rows, 4, EN), extremes.choice(found.columns, 2, EN)
    assert f">{query}</b> → " in chosen_cell.html(scene, EN) and f">{key}</b>" in chosen_cell.html(scene, EN)


def test_an_explained_number_of_either_text_is_named_by_its_tokens():
    here = world("attention", Scene(model="translator"), EN)
    titles = {
        ("encoder.blocks.0.attn.pattern", (0, 8, 1)): "“.” → “ontem”",
        ("blocks.0.cross.pattern", (0, 7, 3)): "“.” → “focas”",  # as its row on the map
        ("blocks.0.cross.k", (0, 8, 1)): "“.”",
        ("blocks.0.attn.q", (0, 1, 1)): "“yesterday”",
        ("position", (8,)): "position 8",
    }
    assert all(says in naming.title(number, here, EN) for number, says in titles.items())


def test_what_is_pinned_is_compared_with_the_same_kind_alone():
    scene = Scene(model="translator", temperature=2.0).pin().turn(temperature=1.0, compared_step="k")
    assert compare.steps_alike(scene) and compare.step_difference(scene, EN).says
    assert not compare.steps_alike(scene.switch(cross=False))


def test_attention_is_taken_along_as_it_is_shown():
    rows = takeaway.table("attention", Scene(model="translator"), EN).decode("utf-8-sig").splitlines()
    assert {"encoder.ln_final.out", "blocks.0.ln_cross.out", "blocks.0.cross.k"} < {row.split(",")[0] for row in rows}


def test_a_reader_chooses_whose_attention_is_shown():
    at = open_page("attention", {"model": "translator", "lang": "en", "query": "64"})
    choice = next(w for w in at.button_group if w.key.startswith("knob-attention_of"))
    assert not at.exception and choice.value == "cross"
    choice.set_value("encoder").run()
    assert not at.exception and at.session_state[SCENE].attention_of == "encoder"
    assert "before a word is written" in html(at)


def test_cards_count_the_layers_of_both_stacks():
    assert "2 + 2 layers · 4 heads" in start.cards(Scene(), EN)
    rows = dict(models.rows_of_shipped("translator", EN))
    assert (rows["layers"], rows["heads"]) == ("2 (encoder) + 2 (decoder)", "4")
    uneven = Scene(model="translator").config.replace(n_encoder_heads=2, n_encoder_layers=1)
    assert dict(models.sizes(uneven, EN))["heads"] == "2 (encoder) + 4 (decoder)"


def test_a_blank_cell_of_a_tile_is_no_number():
    """A map of 8 words by 9 stands in a square tile."""
    picture = heads.overview(Scene(model="translator"), EN)
    assert picture.numbers.at({"x": 8, "y": 7}) == ("blocks.0.cross.pattern", (0, 7, 8))
    assert picture.numbers.at({"x": 8, "y": 8}) is None
    off = heads.overview(Scene(model="translator", ablated=((0, 0, "cross"),)), EN).figure["layout"]["shapes"]
    assert "M-0.5 -0.5H8.5V7.5H-0.5Z" in off[0]["path"], "its frame goes around the cells that it has"
    assert off[2]["path"] == "M-0.5 -0.5L8.5 7.5M-0.5 7.5L8.5 -0.5", "and so does its cross"


# -------------------------------------------------------------------------------------------------------------- Fibres


def test_facing_planes_hold_every_weight_of_the_three_kinds():
    scene = Scene(model="translator", threshold=0.3)
    kinds = {kind: stacks.patterns(scene.turn(attention_of=kind)) for kind in stacks.kinds(scene)}
    figure = fibres.light(scene, EN).figure
    above = {kind: int((a > 0.3).sum()) for kind, a in kinds.items()}
    assert figure["layout"]["meta"]["above"] == sum(above.values())
    mask = figure["layout"]["meta"]["mask"]
    assert (mask["weight"][mask["layer"] < 2] > 0.3).sum() == above["encoder"]
    lit = fibres.light(scene.turn(layers_lit=2), EN)
    assert lit.figure["layout"]["meta"]["above"] == above["encoder"] and "2 of 4 layers are lit" in lit.says
    names = [note["text"] for note in figure["layout"]["scene"]["annotations"] if note.get("name") == "token"]
    assert [name for name in names if name] == [
        literal(t) for t in (*scene.tokens, *stacks.read(scene), *stacks.written(scene))
    ]
    go.Figure(theme.resolve(figure, "dark"))


def test_a_curve_across_rises_from_the_encoder_s_highest_level_to_the_word():
    cross = np.zeros((1, 1, 2, 3), np.float32)
    cross[0, 0, 1, 2] = 1
    none = np.zeros((1, 1, 3, 3)), np.zeros((1, 1, 2, 2))
    figure = facing(*none, cross, list("abc"), list("xy"), list("yz"), focus=4)
    line = next(trace for trace in figure["data"] if "curves" in trace.get("meta", {}) and "like" not in trace["meta"])
    ends = np.array([[line[axis][i] for axis in "xyz"] for i in (0, -2)])
    halos = [trace for trace in figure["data"] if trace.get("customdata") is not None]
    assert halos[1]["customdata"].tolist() == [3, 4, 3, 4]
    (source, target) = ([np.array([halo[axis][i] for axis in "xyz"]) for i in range(len(halo["x"]))] for halo in halos)
    assert np.allclose(ends, [source[5], target[3]])


def test_in_the_flat_picture_either_text_has_its_focus():
    scene = Scene(model="translator", focus=12)
    assert lighting.focuses(scene) == (3, None) and lighting.focuses(scene.turn(focus=4)) == (None, 4)
    assert lighting.focuses(scene.turn(attention_of="decoder")) == (3, 3)
    assert (
        lighting.focuses(scene.turn(attention_of="encoder", focus=4)) == (4, 4)
        and lighting.focus(scene.turn(focus=17)) is None
    )
    left, right = (
        next(t for t in fibres.twin(scene, EN).figure["data"] if t.get("marker", {}).get("color") == role)
        for role in ("@query", "@key")
    )
    assert left["customdata"].tolist() == [*range(9, 17)] and right["customdata"].tolist() == [*range(9)]


@pytest.mark.parametrize("page", [name for name, about in PAGES.items() if about.model])
def test_a_page_shows_the_reader_s_own_model_but_for_what_it_cannot_be_of(page):
    """A text is continued by one stack, and translated by two; all other pages show either."""
    for scene, other in ((Scene(model="gpt", layer=1), "translate"), (Scene(model="translator", layer=1), "generate")):
        shown = stacks.shown(scene, page)
        assert (shown == scene) == (page != other), (page, scene.model)
        assert stacks.count(shown) == (2 if page == "translate" else 1 if page == "generate" else stacks.count(scene))
        assert PAGES[page].compares == ("comparison.differs(" in (ROOT / f"pages/{page}.py").read_text("utf-8"))
