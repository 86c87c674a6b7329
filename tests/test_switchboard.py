"""The switchboard: what each sentence says against arrays computed here, and what its switches do to a page."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from support import random_scenes, written

import core
from core import Interventions, Scene
from core.interventions import PARTS
from pictures import switch_effects
from pictures.pages import PAGES
from pictures.words import LANGUAGES, words_of
from plots.tokens import edged
from tests.support import html, knob, open_page
from ui.state import SCENE

SCENES = random_scenes(36, 5)


def run_of(scene: Scene, part: str, on: bool) -> core.Trace:
    """The same weights and embeddings through a Config made by hand, and the parts that no Config can say."""
    turned = scene.switch(**{part: on})
    run = core.run(turned)
    off = frozenset({"softmax", "W_V", "W_O"} & {*turned.off})
    change = Interventions(scene.temperature, frozenset(scene.ablated), off)
    return core.forward(run.params, turned.config, embeddings=run.embeddings, interventions=change)


def backwards(scene: Scene, part: str, on: bool) -> float:
    turned = scene.switch(**{part: on})
    run, last = core.run(turned), f"blocks.{turned.config.n_layers - 1}.resid_post"
    other = core.forward(
        run.params, turned.config, embeddings=run.embeddings[::-1], interventions=turned.interventions
    )[last][::-1].astype(float)
    y = run.trace[last].astype(float)
    sizes = np.linalg.norm(y, axis=1)
    return float(np.mean(np.linalg.norm(other - y, axis=1) / np.where(sizes == 0, np.inf, sizes)))


@cache  # the same in both languages
def expected(scene: Scene, part: str) -> list[float]:
    """The numbers that the sentence of a part must hold, its layer and head apart."""
    has, lacks = (run_of(scene, part, on) for on in (True, False))
    (layer, head), c = scene.place, scene.config
    last = f"blocks.{c.n_layers - 1}.resid_post"
    a, b = (t[f"blocks.{layer}.attn.pattern"][head].astype(float) for t in (has, lacks))
    lengths = [np.linalg.norm(t[last].astype(float), axis=1).mean() for t in (has, lacks)]
    if part == "scale":
        first = 1 if c.causal else 0  # under a mask the first word has no choice
        return [a[first:].max(), b[first:].max()] if len(a) > 1 else [1]
    if part == "mask":
        return [100 * sum(b[q, k] for q in range(len(b)) for k in range(q + 1, len(b))) / len(b)]
    if part == "softmax":
        with np.errstate(divide="ignore", invalid="ignore"):
            return [float(-np.nansum(np.where(x > 0, x * np.log2(x), 0), -1).mean()) for x in (a, b)]
    if part == "positions":
        return [100 * backwards(scene, part, True), 100 * backwards(scene, part, False)]
    if part == "W_V":
        shared = head * c.kv_heads // c.n_heads  # heads may share their values
        return [np.linalg.norm(t[f"blocks.{layer}.attn.v"][shared].astype(float), axis=1).mean() for t in (has, lacks)]
    if part == "W_O":
        return [np.linalg.norm(t[f"blocks.{layer}.attn_out"].astype(float), axis=1).mean() for t in (has, lacks)]
    if part == "residual":
        pairs = [(t["blocks.0.resid_pre"].astype(float), t[last].astype(float)) for t in (has, lacks)]
        return [
            float(np.mean([x @ y / (np.sqrt(x @ x) * np.sqrt(y @ y) or np.inf) for x, y in zip(*p, strict=True)]))
            for p in pairs
        ]
    if part == "norm":
        return lengths
    change = np.linalg.norm(has[last].astype(float) - lacks[last], axis=1) / np.linalg.norm(
        has[last].astype(float), axis=1
    )
    return [100 * change.mean(), 100 * change.max()]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("part", PARTS)
def test_every_sentence_is_true_of_its_arrays(part, lang):
    told = 0
    for scene in SCENES:
        if part not in switch_effects.offered(scene):
            continue
        says = switch_effects.happened(scene, part, words_of(lang))
        place = (
            [*scene.place] if part in ("scale", "mask", "softmax", "W_V") else [scene.place[0]] if part == "W_O" else []
        )
        numbers = written(re.sub(r" \(posi\w+ \d+\)", "", says))  # which of the repeated ones is no measure
        for value in place if part != "scale" or len(scene.tokens) > 1 else ():
            numbers.remove(value)
        if part == "mlp" and len(numbers) > 1:  # tokens may hold numbers, but none here does
            assert edged(scene.tokens[int(np.argmax(_changes(scene)))]) in says
        wanted = expected(scene, part)
        if part == "mlp" and len(numbers) == 1:  # every token changes as much
            wanted = wanted[1:]
        assert len(numbers) == len(wanted), says
        for number, value in zip(numbers, wanted, strict=True):
            assert number == pytest.approx(
                value, abs=0.051 if part in ("mask", "positions", "mlp") else 0.0051, rel=0.05
            ), says
        told += 1
    assert told >= 20


def _changes(scene: Scene) -> np.ndarray:
    last = f"blocks.{scene.config.n_layers - 1}.resid_post"
    has, lacks = (run_of(scene, "mlp", on)[last].astype(float) for on in (True, False))
    return np.linalg.norm(has - lacks, axis=1) / np.linalg.norm(has, axis=1)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_where_numbers_explode_the_sentence_says_in_which_layer(lang):
    scene = Scene(model="encoder").override(n_layers=12, d_model=256, n_heads=16, d_mlp=1024)
    stays = [np.isfinite(core.run(scene).trace[f"blocks.{i}.resid_post"]).all() for i in range(12)]
    for part in switch_effects.offered(scene):
        says = switch_effects.happened(scene, part, words_of(lang))
        assert "float32" in says, (part, says)
        if part == "norm":
            assert stays.index(False) in written(says)


def test_without_positions_and_mask_order_is_nothing():
    scene = Scene(model="encoder_full")
    assert written(switch_effects.happened(scene, "positions", words_of("en")))[1] == 0
    says = switch_effects.happened(Scene(model="gpt"), "positions", words_of("en"))
    assert written(says)[1] > 1 and words_of("en")("switches.happened.mask_orders") in says


def test_all_that_was_moved_is_told():
    scene = Scene(model="gpt", off=("mlp", "norm"))
    assert switch_effects.changed(scene) == ("norm", "mlp")
    assert switch_effects.changed(Scene().switch(mask=True)) == ("mask",)
    assert "W_V" not in switch_effects.offered(Scene()) and "mlp" not in switch_effects.offered(Scene())


# -------------------------------------------------------------------------------------------------------- on a page


def page(name: str = "block", **query: str) -> AppTest:
    return open_page(name, query, switches=True)  # the button's box is open


@pytest.mark.parametrize("name", ["block", "fibres"])
def test_a_list_of_choices_offers_nothing_in_english(name):
    lists = page(name, model="gpt").multiselect
    assert lists and not any(getattr(choices.proto, "select_all", 0) for choices in lists)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_switch_turns_the_scene_and_the_sign_puts_all_back(lang):
    words = words_of(lang)
    at = page(model="gpt", lang=lang)
    assert not at.exception and words("switches.restore") not in [b.label for b in at.button]
    knob(at.toggle, "switch-norm").set_value(False).run()
    knob(at.multiselect, "switch-heads").set_value([(0, 1), (2, 3)]).run()
    knob(at.select_slider, "switch-temperature").set_value(0.5).run()
    assert not at.exception
    scene = at.session_state[SCENE]
    assert (scene.off, scene.ablated, scene.temperature) == (("norm",), ((0, 1), (2, 3)), 0.5)
    assert words(
        "switches.sign", names=words.several([words("switches.names.norm"), words("switches.heads_off", n=2)])
    ) in html(at)
    assert switch_effects.happened(scene, "norm", words) in html(at)
    at.button(key="switches-restore").click().run()
    assert not at.exception and at.session_state[SCENE] == Scene(model="gpt", lang=lang)
    assert 'class="fibra-notice"' not in html(at)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_lives_without_any_pair_of_parts(name):
    pairs = [("W_O", "norm"), ("mlp", "positions"), ("residual", "softmax")]
    for model, off in zip(["gpt", "encoder_full", "gpt"], pairs, strict=True):
        at = page(name, model=model, off=",".join(off), lang="en")
        assert not at.exception, (model, off, at.exception)


def test_closed_the_board_computes_nothing(monkeypatch):
    monkeypatch.setattr(switch_effects, "happened", lambda *_: pytest.fail("nobody asked"))
    at = open_page("block", {"off": "softmax"})
    assert not at.exception and not [t for t in at.toggle if t.key.startswith("switch-")]
