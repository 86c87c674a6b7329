"""The myth cards: what each one claims holds in the very Scene that it shows, and its button sets that Scene."""

from __future__ import annotations

import numpy as np
import pytest

import core
from core import Scene
from core.interpret import key_effects
from core.tasks import TASKS, evaluate
from pictures.pages import PAGES
from pictures.words import LANGUAGES, words_of
from tests.support import open_page
from ui.myths import MYTHS
from ui.state import SCENE

SHOWN = {myth.name: myth.shows for myth in MYTHS}


def trace_of(name: str, **changes) -> core.Trace:
    return core.run(SHOWN[name].turn(**changes)).trace


def test_all_words_enter_at_once():
    before, after = (trace_of("one_by_one", edits=edits) for edits in ((), ((4, 0, 9.0),)))
    last = "blocks.1.resid_post"
    assert np.array_equal(before["embed"][0], after["embed"][0])
    assert np.abs(before[last][0] - after[last][0]).max() > 1e-3


def test_rows_and_columns():
    trace, (query, key) = trace_of("rows_columns"), SHOWN["rows_columns"].cell
    scores, a = trace["blocks.0.attn.scores"][0], trace["blocks.0.attn.pattern"][0]
    assert [SHOWN["rows_columns"].tokens[i] for i in (query, key)] == ["tem", "pinguins"]
    assert scores[query, key] == scores[key, query] and a[query, key] < a[key, query] - 0.01
    assert np.allclose(a.sum(1), 1) and not np.allclose(a.sum(0), 1, atol=0.01)


def test_inputs_are_not_yet_q_k_v():
    run = core.run(SHOWN["inputs"])
    x, at = run.trace["blocks.0.resid_pre"], "blocks.0.attn."
    made = {name: np.concatenate([*run.trace[at + name]], axis=-1) for name in "qkv"}
    for name, y in made.items():
        assert np.allclose(y, x @ run.params[f"{at}W_{name.upper()}"], atol=1e-4)
        assert np.abs(y - x).max() > 0.5
        assert all(np.abs(y - other).max() > 0.5 for label, other in made.items() if label != name)


def test_key_and_value_differ():
    k, v = (trace_of("key_value")[f"blocks.0.attn.{name}"] for name in "kv")
    assert np.abs(k - v).max() > 0.5


def test_scaling_is_by_the_head_s_width():
    trace, c = trace_of("scaling"), SHOWN["scaling"].config
    assert (c.n_heads, c.d_model, c.head_width) == (16, 64, 4)
    assert np.allclose(trace["blocks.0.attn.scores"] / trace["blocks.0.attn.scores_scaled"], 2, rtol=1e-4)


def test_a_head_sees_all_of_x():
    scene = SHOWN["slice"]
    ((position, dimension, _),) = scene.edits
    assert scene.tokens[position] == "tem" and dimension // scene.config.head_width == scene.config.n_heads - 1
    edited, plain = trace_of("slice"), trace_of("slice", edits=())
    assert np.argwhere(edited["embed"] != plain["embed"]).tolist() == [[position, dimension]]
    name = "blocks.0.attn.pattern"
    assert (np.abs(edited[name] - plain[name]).max((1, 2)) > 0.01).all()


def test_weight_is_not_importance():
    scene = SHOWN["importance"]
    run, (layer, head), query = core.run(scene), scene.place, scene.cell[0]
    weights = run.trace[f"blocks.{layer}.attn.pattern"][head, query]
    lost = key_effects(run.params, run.config, run.trace, layer, head, query)
    assert weights.argmax() != lost.argmax() and lost.max() > 1.1 * lost[weights.argmax()]


def test_looks_are_not_mutual():
    for pattern in (trace_of("mutual")[f"blocks.{i}.attn.pattern"] for i in range(4)):
        later = np.tril_indices(5, -1)
        assert (pattern[:, *later] > 0).all() and not pattern[:, later[1], later[0]].any()


def test_without_positions_order_is_lost():
    scene = SHOWN["order"]
    a, b = (i for i, token in enumerate(scene.tokens) if token == "o")
    for layer in range(scene.config.n_layers):
        same, apart = (core.run(s).trace[f"blocks.{layer}.resid_post"] for s in (scene, scene.switch(positions=True)))
        assert np.allclose(same[a], same[b], atol=1e-5) and np.abs(apart[a] - apart[b]).max() > 0.1


def test_a_norm_sees_one_word_at_a_time():
    before, after = (trace_of("norm", edits=edits)["blocks.0.ln1.out"] for edits in ((), ((4, 0, 50.0),)))
    assert np.array_equal(before[:4], after[:4]) and not np.allclose(before[4], after[4])
    assert not np.allclose(before[0], before[1], atol=0.5), "nor does it make words alike"


def test_a_draw_decides_what_is_written():
    scene = SHOWN["planned"]
    shown, other = (core.write(s) for s in (scene, scene.turn(draw_seed=0)))
    np.testing.assert_array_equal(shown.steps[0].distribution.plain, other.steps[0].distribution.plain)
    assert shown.steps[0].token != other.steps[0].token


def test_a_model_begins_by_guessing():
    task = TASKS[SHOWN["told"].task]()
    loss, _ = evaluate(core.init_params(task.config, seed=0), task.config, task.batch(0, 32, held_out=True))
    assert abs(loss - np.log(len(task.vocabulary))) < 0.02


def test_every_myth_is_tested_and_stands_on_a_page():
    assert len(SHOWN) == len(MYTHS) == 12
    assert {myth.page for myth in MYTHS} <= {*PAGES}
    assert all(myth.shows.lang == "" for myth in MYTHS)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("page", sorted({myth.page for myth in MYTHS}))
def test_each_card_shows_its_scene(page, lang):
    at = open_page(page, {"lang": lang})
    body = "".join(element.proto.body for element in at.get("html"))
    for myth in MYTHS:
        assert (words_of(lang)(f"myths.{myth.name}.fact") in body) == (myth.page == page)
        if myth.page == page:
            at.button(key=f"myth-{myth.name}").click().run()
            assert not at.exception and at.session_state[SCENE] == myth.shows.turn(lang=lang)
    assert at.session_state[SCENE] != Scene(lang=lang)


@pytest.mark.parametrize("page", sorted({myth.page for myth in MYTHS}))
def test_a_card_keeps_what_is_pinned(page):
    at = open_page(page, {"lang": "en", "temperature": "2"})
    at.button(key="pin").click().run()
    kept = at.session_state[SCENE].pinned
    assert kept and kept.temperature == 2
    myth = next(myth for myth in MYTHS if myth.page == page)
    at.button(key=f"myth-{myth.name}").click().run()
    assert not at.exception
    assert at.session_state[SCENE] == myth.shows.turn(lang="en", pinned=kept)


def test_a_mask_tells_equal_words_apart_without_positions():
    """What the card on order says of it, and the switchboard's sentence."""
    scene = Scene(model="gpt", sentence="o pinguim vê o peixe", off=("positions",))
    masked, plain = (core.run(s).trace["blocks.3.resid_post"] for s in (scene, scene.switch(mask=False)))
    assert np.linalg.norm(masked[0] - masked[3]) > 1 and np.allclose(plain[0], plain[3], atol=1e-4)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_card_speaks_of_a_scene_that_is_not_set(lang):
    """Before "Show it" another preset may stand above it: what a card claims of a picture, it claims of that button."""
    words = words_of(lang)
    for myth in MYTHS:
        fact = words(f"myths.{myth.name}.fact").lower()
        shown = {
            "en": (" here ", "this encoder", "this model"),
            "pt-BR": (" aqui ", "aqui,", "neste encoder", "neste modelo"),
        }
        assert not any(word in f" {fact}" for word in shown[lang]), fact
        assert "“show it”" in fact or "“mostrar”" in fact or words("myths.see").lower() not in fact
    assert words("myths.see") == {"en": "Show it", "pt-BR": "Mostrar"}[lang]
