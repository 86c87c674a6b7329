"""Backward's strip: every picture is the gradient that core.backward gives, its links and clicks are numbers of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qs

import numpy as np
import pytest
from playwright.sync_api import expect
from support import html, open_page
from test_start_page import Strip, as_ink, crossed, greatest_of, same, tile

import core
from core import Scene
from core.scene.fields import EXPLAINED
from pictures import backward, drawing, loss_choice, mirror
from pictures.explained.page_world import world
from pictures.words import LANGUAGES, words_of
from plots import thumbnail
from tests.chromium import WAIT, settled

expect.set_options(timeout=WAIT)
EN = words_of("en")
GPT = Scene(model="gpt", sentence="o gato viu o rato")
SCENES = {
    "stand-in": Scene(),
    "one token's loss": Scene(model="stories", loss_position=1),
    "folded, bare": GPT.override(n_layers=7, residual=False, norm="none").turn(ablated=((0, 1), (3, 3), (6, 2))),
    "rotary, no MLP": GPT.override(positions="rotary", d_mlp=0, n_heads=2),
}
TWO = Scene(model="translator", loss_position=3, loss_token=40, ablated=((0, 1, "cross"), (1, 2, "encoder")))


def gradients(scene: Scene) -> Mapping[str, np.ndarray]:
    """By every activation: p - y goes in at the logits."""
    scene = loss_choice.asked(scene)
    run = core.run(scene)
    x, ids = run.trace["logits"].astype(np.float64), run.encoding.ids
    dlogits = np.exp(x) / np.exp(x).sum(-1, keepdims=True)
    dlogits[np.arange(len(ids) - 1), ids[1:]] -= 1
    at = scene.loss_position
    counts = np.arange(len(ids)) < len(ids) - 1 if at is None else np.arange(len(ids)) == at
    dlogits = (dlogits * counts[:, None] / counts.sum()).astype(np.float32)
    return core.backward(run.params, run.config, run.trace, dlogits, activations=True)


def signed(link: Mapping, values: np.ndarray, greatest: float) -> None:
    """Both inks are of these numbers."""
    for side, sign in (("positive", 1), ("negative", -1)):
        same(link[side], as_ink(greatest_of(sign * values.astype(float), link[side].shape), greatest))


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_every_thumbnail_is_its_stage_s_gradient(scene: Scene) -> None:
    grads, config = gradients(scene), loss_choice.asked(scene).config
    html, layers = Strip(mirror.html(scene, EN)), range(config.n_layers)
    shown, hidden = drawing.fold(config.n_layers)
    most = {
        part: max(np.abs(grads[f"blocks.{i}.{part}"]).max() for i in layers)
        for part in ("attn.pattern", "mlp.post")[: 1 + bool(config.d_mlp)]
    }
    arrays = ["logits", *["pos_embed"] * (config.positions == "sinusoidal" or "pos_embed" in grads), "embed"]
    for name, link in zip(arrays, html.of("vectors"), strict=True):
        signed(link, grads[name], np.abs(grads[name]).max())
    for i, link in zip(shown[::-1] if config.d_mlp else [], html.of("mlp"), strict=True):
        signed(link, grads[f"blocks.{i}.mlp.post"], most["mlp.post"])
    columns = thumbnail.grid(config.n_heads)[1]
    for i, link in zip(shown[::-1], html.of("attention"), strict=True):
        for head, values in enumerate(grads[f"blocks.{i}.attn.pattern"].astype(float)):
            for side, sign, paper in (("positive", 1, thumbnail.PAPER), ("negative", -1, 0.0)):
                got = tile(link[side], head, len(values), columns)
                off = sign > 0 and (i, head) in scene.ablated
                same(*crossed(got, as_ink(greatest_of(sign * values, got.shape), most["attn.pattern"], paper), off))
    assert len(html.of("layer")) == len(hidden) * len(most)


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_lanes_are_as_strong_as_the_gradient_is_long_from_the_last_layer_on(scene: Scene) -> None:
    grads, config = gradients(scene), loss_choice.asked(scene).config
    stops = ["resid_mid", "resid_post"] if config.d_mlp else ["resid_post"]
    names = ["blocks.0.resid_pre", *(f"blocks.{i}.{stop}" for i in range(config.n_layers) for stop in stops)]
    norms = np.stack([np.linalg.norm(grads[name].astype(float), axis=-1) for name in names[::-1]], -1)
    links = Strip(mirror.html(scene, EN)).of("stream")
    at = 0
    for link in links:
        lanes = link["ink"].reshape(len(norms), -1, link["ink"].shape[1])
        middle = lanes[:, lanes.shape[1] // 2]
        middle = middle if config.residual else middle[:, ::2]
        same(middle, as_ink(norms[:, at : at + middle.shape[1]], norms.max(), 0.12))
        at += middle.shape[1] - 1
    assert at == len(names) - 1


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_a_part_opens_its_strongest_number_and_a_click_the_one_under_it(scene: Scene) -> None:
    html, here = mirror.html(scene, EN), world("backward", scene, EN)
    assert here is not None
    for link in Strip(html).links:
        page, _, query = link["href"].partition("?")
        ((name, index),) = EXPLAINED.read(parse_qs(query)["explained"][0])
        values = np.abs(here.subject[name])
        assert page == "backward" and here.has((name, index)) and values[index] == values.max()
        assert link["label"].count(":") == 1 or link["label"].endswith(".")
    arrays = re.findall(r'data-array="([^"]*)"', html)
    assert mirror.number_at(scene, "grad.blocks.0.attn.pattern", 1, 0.0, 0.99) == (
        "grad.blocks.0.attn.pattern",
        (1, len(here.tokens) - 1, 0),
    )
    assert mirror.number_at(scene, "grad.blocks.0.resid_pre", None, 0.9, 0.0) == (
        "length.grad.blocks.0.resid_pre",
        (0,),
    )
    assert mirror.number_at(scene, "grad.of.nobody", None, 0.9, 0.0) is None
    assert mirror.number_at(scene, "grad.embed", None, 1.0, 0.0) is None
    way = (("grad.embed", (0, 0)), ("grad.blocks.0.attn.W_V", (0, 0)), ("length.grad.blocks.0.resid_post", (0,)))
    lit = re.findall(r'data-array="([^"]*)"', mirror.lit(scene.turn(explained=(*way, ("embed", (0, 0))))))
    assert lit == ["grad.blocks.0.attn.pattern", "grad.blocks.0.resid_pre", "grad.embed"] and {*lit} <= {*arrays}
    assert not mirror.lit(scene)


def test_two_stacks_are_two_strips_and_the_gradient_crosses_between_them() -> None:
    """As on Start the encoder stands above. Each thumbnail is of core's gradient, and explains a number of it."""
    run, here = core.run(TWO), world("backward", TWO, EN)
    trace = core.forward(run.params, run.config, run.target, source=run.encoding.ids, interventions=TWO.interventions)
    x = trace["logits"].astype(np.float64)
    dlogits = np.where(np.arange(len(x))[:, None] == 3, np.exp(x) / np.exp(x).sum(-1, keepdims=True), 0)
    dlogits[3, 40] -= 1
    grads = core.backward(run.params, run.config, trace, dlogits.astype(np.float32), activations=True)
    html = mirror.html(TWO, EN)
    above, below = (Strip(part) for part in re.split('(?=<div class="strip crossing mirror")', html))
    signed(above.of("vectors")[0], grads["encoder.ln_final.out"], np.abs(grads["encoder.ln_final.out"]).max())
    signed(below.of("vectors")[0], grads["logits"], np.abs(grads["logits"]).max())
    most = max(np.abs(grads[f"blocks.{i}.cross.pattern"]).max() for i in range(2))
    (across, own), values = below.of("attention")[2:], grads["blocks.0.cross.pattern"].astype(float)
    assert "cross-attention" in across["label"] and "Head switched off" in across["label"] not in own["label"]
    for side, sign, paper in (("positive", 1, thumbnail.PAPER), ("negative", -1, 0.0)):
        got = across[side][: values.shape[1], : values.shape[2]]
        same(got, as_ink(greatest_of(sign * values[0], got.shape), most, paper))
    for link in [*above.links, *below.links]:
        (number,) = EXPLAINED.read(parse_qs(link["href"].partition("?")[2])["explained"][0])
        assert ("grad.encoder." in number[0]) == (link in above.links)
        bare = number[0].removeprefix("length.").removeprefix("grad.")
        expected = np.linalg.norm(grads[bare], axis=-1) if number[0].startswith("length.") else grads[bare]
        found = here.explain(number)
        assert found.value == pytest.approx(expected[number[1]], rel=1e-4, abs=1e-7)
        assert found.recomputed() == pytest.approx(found.value, rel=1e-4, abs=1e-7)
    assert mirror.number_at(TWO, "grad.encoder.embed", None, 0.0, 0.99)[1] == (8, 0)
    picture = backward.by_source_word(TWO, EN)
    (name, index) = picture.numbers.at({"x": 3, "y": 0})
    assert (name, index) == ("length.grad.encoder.blocks.1.resid_post", (3,))
    assert here.explain((name, index)).value == pytest.approx(picture.figure["data"][0]["z"][0][3], rel=1e-4)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_strip_stands_on_the_page_where_there_is_a_gradient(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    words = words_of(lang)
    for scene in (GPT.turn(lang=lang), GPT.turn(lang=lang, sentence="um"), GPT.turn(lang=lang, off=("softmax",))):
        at = open_page("backward", scene)
        sent = html(at)
        assert not at.exception and ('class="strip mirror"' in sent) == (len(scene.tokens) > 1 and not scene.off)
        assert bool(mirror.html(scene, words)) == bool(mirror.says(scene, words)) == ("mirror" in sent)


def test_no_gradient_at_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    found = backward.back(GPT)
    assert found is not None
    (way,) = found.ways
    none = replace(way.stack, trace={name: 0 * array for name, array in found.grads.items()})
    nothing = replace(found, ways=(replace(way, stack=none, lengths=0 * way.lengths),))
    monkeypatch.setattr(backward, "back", lambda scene: nothing)
    assert mirror.says(GPT, EN) == EN("backward.says.none")


@pytest.mark.browser
def test_a_click_on_the_strip_explains_its_gradient(watched, app) -> None:
    page = watched.at(app, "/backward?lang=en&model=gpt")
    strip = page.locator(".strip.mirror")
    strip.wait_for()
    settled(page)
    assert page.locator(".strip.mirror h3").all_text_contents()[2:4] == ["Layer 3", "Layer 2"]
    tiles = strip.locator(".attention .signed").first
    box = tiles.bounding_box()
    page.mouse.click(box["x"] + 0.97 * box["width"], box["y"] + 0.97 * box["height"])
    card = page.locator(".fibra-explained")
    expect(card.locator("[aria-current]")).to_have_text(re.compile("^gradient by: attention weight · layer 3, head 3"))
    strip.locator(".stream").last.press("Enter")
    expect(card.locator("[aria-current]")).to_have_text(re.compile("layer 0, “"))
    assert page.url.count("explained=length.grad.blocks.0.resid_pre") == 1


# Whether all of these names that are visible stand beside one another, on a phone's screen.
SIDE_BY_SIDE = """(names) => {
  const isSeen = (name) => name.checkVisibility({ visibilityProperty: true });
  const seen = [...document.querySelectorAll(names)].filter(isSeen);
  const edges = seen.map((name) => name.getBoundingClientRect()).sort((one, other) => one.left - other.left);
  const apart = edges.every(({ left, width }, i) => width && (!i || left > edges[i - 1].right));
  return edges.length > 3 && apart && edges.at(-1).right <= innerWidth;
}"""


@pytest.mark.browser
def test_a_phone_names_the_stages_of_a_deep_model_side_by_side(watched, app) -> None:
    page = watched.at(app, "/backward?lang=en&model=gpt&n_layers=12", 390, 844)
    names = page.locator("[data-figure=backward-lengths] .xtick text:visible")
    page.locator("[data-figure=backward-lengths]").scroll_into_view_if_needed()  # it is drawn when it comes near
    expect(names.last).to_have_text("embeddings")
    page.wait_for_function(SIDE_BY_SIDE, arg="[data-figure=backward-lengths] .xtick text")  # it may be drawn once more
