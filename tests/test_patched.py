"""A Scene whose run has a part of another sentence's run in it: on every page, beside the clean one, and away again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import core
from core import Interventions, Scene, SceneError
from core.interpret import difference, relative_change
from core.scene.switch import as_it_opens
from pictures import ablation, attention, cause, compute, importance, patched, pinned, stacks, worth
from pictures.explained.page_world import world
from pictures.words import words_of
from tests.support import html, knob, open_page, pressed
from ui.state import SCENE

CLEAN, OTHER = Scene(model="stories", sentence=cause.CLEAN), Scene(model="stories", sentence=cause.OTHER)
TWO = Scene(model="translator", sentence="o pinguim viu a onda .")
CELLS = (
    *(("moved_stream.blocks.1.resid_pre", (1,)), ("moved_head.blocks.1.attn.z", (0,))),
    *(("moved_word.blocks.0.attn.z", (2, 4)), ("moved_mlp.blocks.1.mlp_out", (0,))),
)
WHAT = {"stream": "stream", "head": "heads", "word": "words", "mlp": "mlp"}


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("number", CELLS, ids=lambda number: number[0])
def test_a_cell_of_cause_opens_its_run_beside_the_clean_one(number, broken):
    scene = Scene(cause_break=broken)
    pair, (kind, index) = cause.Pair.of(scene), number
    found = patched.opened(scene, patched.part_of(number))
    assert (
        found.pinned == CLEAN.computed
        and found.model == "stories"
        and Scene.from_query(found.to_query()) == (found, ())
    )
    assert (found.unpatched.text, found.patched_from.text) == (pair.target.text, pair.source.text)
    what, _, layer = kind.removeprefix("moved_").partition(".blocks.")
    head, place = (index[0], index[1]) if what == "word" else (0, index[0])
    cell = pair.moved(WHAT[what], [int(layer[0])], head)[0][place]
    moved = difference(core.run(found).trace, pair.candidates) - pair.of_scene(pair.target)
    assert moved * np.sign(pair.gap) == pytest.approx(cell, abs=1e-4) and abs(cell) > 1e-3
    again = cause.Pair.of(found)  # Cause shows the same two runs, and the same candidates
    assert (again.target.computed, again.source.computed) == (pair.target.computed, pair.source.computed)
    assert again.candidates == pair.candidates
    assert cause.Pair.of(found.unpatched).source.text == pair.source.text


def test_of_a_scene_that_cannot_say_it_no_cell_is_opened():
    head = ("blocks.1.attn.z", (0,))
    assert patched.opened(Scene(other_sentence="um urso"), head) is None
    edited = CLEAN.turn(edits=((1, 0, 9.0),), other_sentence=cause.OTHER)  # of "focas", which the other has not
    assert patched.opened(edited, head) is None and patched.opened(edited.turn(cause_break=True), head)
    assert patched.opened(Scene(model="gpt"), head).patch == head  # whose own sentence goes without saying
    assert patched.part_of(("gap.logits", (0,))) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("encoder.blocks.1.attn.z", "encoder"), ("blocks.1.cross.z", "cross"), ("blocks.1.attn.z", "decoder")],
)
def test_a_head_of_two_stacks_is_opened_in_the_stack_that_has_it(name, kind):
    for head, query in ((1, 2), (2, 1)):
        found = patched.opened(TWO.turn(other_sentence="a foca viu a onda ."), (name, (head, query)))
        assert (found.attention_of, found.layer, found.head, found.query) == (kind, 1, head, query)


@pytest.mark.parametrize(
    "name", ["encoder.blocks.1.resid_pre", "blocks.0.cross.z", "blocks.1.resid_pre", "blocks.1.mlp_out"]
)
def test_two_stacks_are_patched_as_one_is_and_read_what_they_read(name):
    place = (1,) if not name.endswith("mlp_out") else ()
    scene = TWO.turn(patch=(name, place), patch_source="a foca viu a onda .")
    run, whole = core.run(scene), core.run(scene.unpatched)
    assert np.array_equal(run.target, whole.target)
    about = (whole.params, scene.whole, whole.target)
    there = core.forward(*about, source=scene.patched_from.encoding.ids)[name]
    change = Interventions(patch={name: (place, there[place])})
    by_hand = core.forward(*about, source=scene.encoding.ids, interventions=change)
    assert np.array_equal(run.trace["logits"], by_hand["logits"])
    assert not np.array_equal(run.trace["logits"], whole.trace["logits"])
    beside = stacks.without(scene, [(0, 0)], ["logits"])["logits"]  # a head less, and still patched
    assert not np.array_equal(beside, stacks.without(scene.unpatched, [(0, 0)], ["logits"])["logits"])


def test_a_patch_stays_while_its_tokens_and_its_place_do():
    scene = OTHER.turn(patch=("blocks.1.attn.z", (3,)), patch_source=cause.CLEAN)
    for turned in (
        scene.turn(temperature=2.0),
        scene.switch(norm=False),
        scene.turn(layer=1),
        scene.turn(ablated={(0, 1)}),
    ):
        assert (turned.patch, turned.patch_source) == (scene.patch, cause.CLEAN)
    gone = (
        scene.turn(sentence="A gata perto do pinguim"),
        as_it_opens(scene, "gpt"),
        scene.unpatched,
        scene.turn(patch=None),
    )
    assert all((turned.patch, turned.patch_source) == (None, "") for turned in gone)
    small = Scene(model="gpt", sentence="a b").turn(patch=("blocks.3.mlp_out", ()), patch_source="b a")
    assert small.override(n_layers=2).patch is None and small.switch(mlp=False).patch is None
    for patch, source in (
        *((("blocks.2.resid_pre", ()), cause.CLEAN), (("blocks.0.attn.z", (4,)), cause.CLEAN)),
        *((("blocks.0.resid_pre", (5,)), cause.CLEAN), (("blocks.0.cross.z", (0,)), cause.CLEAN)),
        *((("encoder.blocks.0.resid_pre", ()), cause.CLEAN), (("blocks.0.mlp_out", ()), "um gato")),
        *((("blocks.0.mlp_out", ()), ""), (("blocks.0.attn.pattern", ()), cause.CLEAN)),
    ):
        with pytest.raises(SceneError, match=r"^patch: "):
            OTHER.turn(patch=patch, patch_source=source)


def test_pages_say_that_a_run_is_patched_and_those_that_cannot_follow_say_why():
    words, en = words_of("pt-BR"), words_of("en")
    at = open_page("cause", Scene(model="stories", lang="pt-BR", explained=(("moved_head.blocks.1.attn.z", (0,)),)))
    assert knob(at.text_input, "knob-sentence").value == cause.CLEAN  # it opens on an example of its own
    keys = [one.key for one in at.main if getattr(one, "key", None)]
    assert keys[keys.index("explained-card") :][:3] == ["explained-card", "cause-open", "patch-open"]
    scene = pressed(at, "patch-open").session_state[SCENE]
    assert scene.patch == ("blocks.1.attn.z", (0,)) and scene.pinned == CLEAN.computed
    assert words("patch.why.cause") in html(at) and patched.says(scene, words) not in html(at)
    assert words("patch.open_now", what=patched.called(scene, words)) in html(at)
    assert words("knob.patch") in " ".join(pinned.differences(scene, words))
    at = open_page("backward", scene.turn(lang="en"))
    assert patched.says(scene, en) in html(at)
    at = open_page("reading", scene.turn(lang="en"))
    assert patched.says(scene, en) in html(at)
    at = open_page("generate", scene.turn(lang="en"))
    assert en("patch.why.generate") in html(at) and patched.says(scene, en) not in html(at)
    whole = pressed(at, "patch-out").session_state[SCENE]
    assert whole.pinned is None and whole.computed == CLEAN.computed


@pytest.mark.parametrize("broken", [False, True])
def test_a_run_that_is_closed_leaves_what_was_there_before_it_was_opened(broken):
    scene = CLEAN.turn(cause_break=broken, other_sentence=cause.OTHER)
    found = patched.opened(scene, ("blocks.1.attn.z", (0,)))
    pair, closed = cause.Pair.of(scene), patched.closed(found)
    known = {"cause_word": pair.candidates[0], "cause_rival": pair.candidates[1], "layer": 1}
    assert closed == scene.turn(**known)
    cooler = found.turn(temperature=2.0)  # turned since: the sentence is back, and is compared with what was pinned
    assert patched.closed(cooler) == scene.turn(**known, temperature=2.0, pinned=found.pinned)
    other = found.turn(pinned=Scene())  # the reader's own pin
    assert patched.closed(other) == other.unpatched
    alone = found.turn(pinned=None)
    assert patched.closed(alone) == alone.unpatched
    pinned = CLEAN.pin()  # with itself, and no patch to close
    assert patched.closed(pinned) == pinned


def test_a_patch_that_is_left_no_place_is_said_to_be_gone_and_stays_on_pages_that_leave_it_out():
    en = words_of("en")
    scene = OTHER.turn(patch=("blocks.1.resid_pre", (3,)), patch_source=cause.CLEAN, lang="en")
    at = open_page("generate", scene)
    knob(at.slider, "knob-tokens_written").set_value(2).run()
    assert (at.session_state[SCENE].patch, at.session_state[SCENE].tokens_written) == (scene.patch, 2)
    at = open_page("backward", scene)
    knob(at.toggle, "knob-norm").set_value(False).run()
    assert at.session_state[SCENE].patch == scene.patch and not at.session_state[SCENE].runs("norm")
    knob(at.text_input, "knob-sentence").set_value("um").run()
    assert at.session_state[SCENE].patch is None and en("notice.unpatched") in html(at)


@pytest.mark.parametrize(
    ("patch", "source", "code"),
    [
        ("blocks.1.resid_pre:3", "", "sourceless"),
        ("blocks.1.resid_pre:3", "ontem", "unlike"),
        ("blocks.2.resid_pre:3", "ontem", "misplaced"),
        ("blocks.1.resid", "ontem", "default"),
    ],
)
def test_a_link_s_patch_that_is_not_taken_is_told_why(patch, source, code):
    query = {"model": "stories", "patch": patch, "patch_source": source}
    scene, (notice,) = Scene.from_query(query)
    assert (scene, notice.code, notice.value) == (Scene(model="stories"), code, patch)
    assert (notice.right in str(notice)) == (code == "default")


def test_a_number_that_is_right_and_has_no_place_is_not_said_to_be_wrong():
    _, notices = Scene.from_query({"model": "stories", "ablated": "9.9", "edits": "99.0:1", "cut": "0.0.0.5"})
    assert [(notice.field, notice.code) for notice in notices] == [
        *(("edits", "misplaced"), ("ablated", "misplaced"), ("cut", "misplaced"))
    ]


@pytest.mark.parametrize("off", [(), ((1, 0, "cross"),)])
def test_without_a_patched_head_of_cross_attention_the_output_is_the_run_without_it(off):
    scene = TWO.turn(patch=("blocks.1.cross.z", (0,)), patch_source="a foca viu a onda .", layer=1, ablated=off)
    on, gone = (core.run(scene.turn(ablated=heads)).trace["blocks.1.resid_post"] for heads in ((), ((1, 0, "cross"),)))
    (bars,) = worth.effect(scene.turn(attention_of="cross"), words_of("en")).figure["data"]
    assert np.allclose(bars["y"], relative_change(on, gone), atol=1e-5) and bars["y"].min() > 0.05


@pytest.mark.parametrize("kind", ["cross", "encoder", "decoder"])
@pytest.mark.parametrize(
    "patch", [("encoder.blocks.1.resid_pre", (2,)), ("blocks.0.cross.z", (1,)), ("blocks.0.mlp_out", ())]
)
def test_reading_heads_of_two_stacks_follows_what_was_put_in(patch, kind):
    """A key that is left out changes what a run by hand says; what a patched head gives, none does."""
    for layer, head, query in ((0, 1, 2), (1, 2, 1)):
        look = {"attention_of": kind, "layer": layer, "head": head, "query": query}
        scene = TWO.turn(patch=patch, patch_source="a foca viu a onda .", **look)
        found, run, moved = stacks.looks(scene), compute.run(scene), importance.effects_of(scene)
        at, change = f"{found.prefix}blocks.{layer}.{found.part}.", run.trace.interventions
        last = f"{found.prefix}blocks.{found.config.n_layers - 1}.resid_post"
        given = (at + "z", (head,)) == patch
        assert given == (not importance.carried_of(scene)[query].any()) and not (given and moved.any())
        assert given == ("was put in" in importance.carried(scene, words_of("en")).says)
        for key in range(len(found.columns)):
            z = np.array(run.trace[at + "z"])
            if not given:
                own = run.config.kv_head_of(head)
                z[head, query] -= run.trace[at + "pattern"][head, query, key] * run.trace[at + "v"][own, key]
            without = replace(change, patch={**change.patch, at + "z": z})
            after = core.forward(run.params, scene.whole, run.target, source=run.encoding.ids, interventions=without)
            by_hand = relative_change(*(trace[last].astype(np.float64) for trace in (run.trace, after)))[query]
            assert moved[key] == pytest.approx(by_hand, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(
    "patch",
    [("blocks.0.attn.z", (1,)), ("blocks.1.resid_pre", (3,)), ("blocks.1.attn.z", (2,)), ("blocks.0.mlp_out", ())],
)
@pytest.mark.parametrize("place", [(0, 1), (0, 2), (1, 2)])
def test_without_a_head_what_was_put_in_stays_on_heads_and_on_reading_heads(patch, place):
    """What a head that is on is worth is what a run by hand says that has the same array put in, and no such head."""
    layer, head = place
    scene = OTHER.turn(patch=patch, patch_source=cause.CLEAN, layer=layer, head=head)
    run, name = compute.run(scene), f"blocks.{layer}.attn.z"
    z = np.array(run.trace[name])
    z[head] = 0
    change = run.trace.interventions
    change = replace(change, patch={**change.patch, name: z})
    after = core.forward(run.params, run.config, embeddings=run.embeddings, interventions=change)
    by_hand = relative_change(*(trace["blocks.1.resid_post"].astype(np.float64) for trace in (run.trace, after)))
    (bars,) = worth.effect(scene, words_of("en")).figure["data"]
    assert np.allclose(bars["y"], by_hand, atol=1e-5)
    assert ablation.measured(*ablation.parts(scene)[layer]).moved[head] == pytest.approx(by_hand, abs=1e-5)
    assert (by_hand.max() == 0) == (layer == 0 and patch[0] == "blocks.1.resid_pre" and not patch[1])
    about = world("heads", scene, words_of("en")), world("reading", scene, words_of("en"))
    for position, moved in enumerate(by_hand.tolist()):
        for page in about:
            assert page.explain((f"change.{name}", (head, position))).value == pytest.approx(moved, abs=1e-5)


def test_the_vector_of_a_head_that_was_put_in_is_told_as_such() -> None:
    """Whether its own weights would have given it or not; that of another head is mixed as ever."""
    words, scene = words_of("en"), Scene(model="stories", sentence=cause.CLEAN, layer=1, head=0, query=2)
    here = scene.turn(patch=("blocks.1.attn.z", (0,)), patch_source=cause.OTHER)
    z = core.run(here).trace["blocks.1.attn.z"][0, 2]
    told = attention.output(here, words).says
    assert "it was put in from the other sentence" in told
    assert f"{z[0]:.2f}".replace("-", "−") in told and np.allclose(
        z, core.run(here.patched_from).trace["blocks.1.attn.z"][0, 2]
    )
    assert "put in" not in attention.output(here.turn(head=1), words).says
    assert "put in" not in attention.output(scene, words).says
