"""The Start page: every cell of its strip against the trace, its links, its fold, its sentence, and a click."""

from __future__ import annotations

import json
import re
import struct
import zlib
from base64 import b64decode
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qsl, urlparse

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

import core
from core import PRESETS, Scene, limits
from core.scene import recall
from core.tokenizer.words import UNKNOWN, FixedVocabulary
from pictures import drawing
from pictures import start as pictures
from pictures.pages import PAGES
from pictures.words import LANGUAGES, words_of
from plots import strip, thumbnail
from tests.chromium import WAIT, serve, settled
from tests.conftest import Watched
from tests.support import ONE_STACK, open_page

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:invalid value encountered")
expect.set_options(timeout=WAIT)

PAGES_FOLDER = Path(__file__).parents[1] / "pages"
HOSTILE = '<b>bold</b> $x$ **md** {0} "><script>alert(1)</script> 👩‍👩‍👧 שלום &amp; javascript:alert(1)'
LARGE = Scene(model="gpt", sentence=" ".join(f"w{i}" for i in range(32))).override(d_model=96, n_heads=12, n_layers=12)
EXPLODING = Scene(model="encoder").override(n_layers=12, d_model=256, n_heads=16, d_mlp=1024)
SCENES = {
    **{model: Scene(model=model) for model in ONE_STACK},
    "hostile": Scene(model="gpt", sentence=HOSTILE),
    "blanks": Scene(model="gpt", sentence="a b\u00a0 c", split="characters"),
    "one word": Scene(model="gpt", sentence="um"),
    "64 words": Scene(model="gpt", sentence=" ".join(f"w{i % 40}" for i in range(64))),
    "12 x 12": LARGE,
    "rotary, no MLP": Scene(model="gpt", layer=2, query=1).override(positions="rotary", d_mlp=0),
    "five layers": Scene(model="encoder_full").override(n_layers=5).turn(ablated=((3, 1),), temperature=2.0),
    "parts taken out": Scene(model="gpt", off=("mlp", "norm", "positions", "residual")),
    "trained, parts taken out": Scene(model="stories", off=("W_O", "norm", "softmax"), query=2),
    "exploding": EXPLODING,
}


class Strip(HTMLParser):
    """What the HTML holds: its links, in order, each with its kind, its pictures by their CSS name, and its texts."""

    def __init__(self, html: str):
        super().__init__()
        self.links: list[dict] = []
        self.words: list[str] = []
        self.tags: set[str] = set()
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        given = dict(attributes)
        self.tags.add(tag)
        self._open.append(given.get("class") or tag)
        if tag == "a":
            kind = given["class"].removeprefix("part ")
            self.links.append({"kind": kind, "href": given["href"], "label": given.get("aria-label"), "texts": []})
        for name, data in re.findall(r"--(\w+):url\(data:image/png;base64,([^)]+)\)", given.get("style") or ""):
            self.links[-1][name] = opacity(b64decode(data))

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if "words" in self._open:
            self.words.append(data)
        elif self.links:
            self.links[-1]["texts"].append(data)

    def of(self, kind: str) -> list[dict]:
        return [link for link in self.links if link["kind"] == kind]


def opacity(png: bytes) -> np.ndarray:
    """[row, column] of a PNG in grey and alpha without line filters; its checksums hold."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, parts = 8, {}
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length)[0] == zlib.crc32(kind + data)
        parts[kind], at = data, at + 12 + length
    width, height, *rest = struct.unpack(">2I5B", parts[b"IHDR"])
    assert rest == [8, 4, 0, 0, 0]
    lines = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, 1 + 2 * width)
    assert not lines[:, 0].any() and (lines[:, 1::2] == 255).all()
    return lines[:, 2::2]


def drawn(scene: Scene, lang: str = "en") -> Strip:
    return Strip(pictures.html(scene, words_of(lang)))


def as_ink(values: np.ndarray, greatest: float, paper: float = 0.0) -> np.ndarray:
    """The rule, written once more: the root of the share; nothing for what is no number."""
    with np.errstate(all="ignore"):
        share = np.where(values > 0, values, 0) / (greatest or 1)
        made = 255 * (paper + (1 - paper) * np.sqrt(np.minimum(share, 1)))
    return np.where(np.isfinite(values), made, 0)


def greatest_of(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The greatest of each block of cells, cell by cell."""
    out = np.full(shape, -np.inf)
    steps = [-(-n // most) for n, most in zip(values.shape, shape, strict=True)]
    for (row, column), value in np.ndenumerate(values):
        place = row // steps[0], column // steps[1]
        out[place] = np.maximum(out[place], value)
    return out


def same(got: np.ndarray, expected: np.ndarray) -> None:
    """Equal to the rounding of a byte."""
    assert got.shape == expected.shape
    np.testing.assert_allclose(got.astype(float), expected, atol=0.51)


def tile(picture: np.ndarray, head: int, n: int, columns: int) -> np.ndarray:
    """One head's cells of a tiled picture: n tokens, so many tiles in a row."""
    side = -(-n // -(-n // (strip.TILE_SIDE // columns)))
    step = side + max(1, round(side / 8))
    row, column = divmod(head, columns)
    return picture[row * step : row * step + side, column * step : column * step + side]


# ------------------------------------------------------------------------------------------ every cell is the trace's


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_tiles_are_the_patterns(scene: Scene) -> None:
    trace, html = core.run(scene).trace, drawn(scene)
    shown, hidden = drawing.fold(scene.config.n_layers)
    n, heads = len(scene.tokens), scene.config.n_heads
    columns = thumbnail.grid(heads)[1]
    assert len(html.of("attention")) == len(shown)
    for layer, link in zip(shown, html.of("attention"), strict=True):
        for head in range(heads):
            got = tile(link["ink"], head, n, columns)
            pattern = greatest_of(trace[f"blocks.{layer}.attn.pattern"][head].astype(float), got.shape)
            same(*crossed(got, as_ink(pattern, 1.0, thumbnail.PAPER), (layer, head) in scene.ablated))
    rows = [link for link in html.of("layer") if "ink" in link]
    for layer, link in zip(hidden, rows, strict=True):
        got = tile(link["ink"], heads - 1, n, heads)
        pattern = greatest_of(trace[f"blocks.{layer}.attn.pattern"][-1].astype(float), got.shape)
        same(*crossed(got, as_ink(pattern, 1.0, thumbnail.PAPER), (layer, heads - 1) in scene.ablated))


def crossed(got: np.ndarray, expected: np.ndarray, off: bool) -> tuple[np.ndarray, np.ndarray]:
    """A head that is off: a quarter of the ink, and both diagonals in full; else what was given."""
    if off:
        expected = np.rint(expected) / 4
        for i in range(len(expected)):
            expected[i, i] = expected[i, -1 - i] = 255
    return got, expected


def test_a_cross_runs_from_corner_to_corner() -> None:
    """Also of a tile that is no square, as those of cross-attention are."""
    for shape in ((3, 7), (7, 3), (4, 4)):
        ink = thumbnail.crossed(np.zeros(shape, np.uint8))
        assert ink.shape == shape and (ink[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
        assert (ink.sum(0) > 0).all() and (ink.sum(1) > 0).all() and not ink.all()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_layer_names_its_heads_that_are_off(lang: str) -> None:
    words = words_of(lang)
    scene = Scene(model="gpt").override(n_layers=8).turn(ablated=((0, 1), (0, 3), (5, 0)))
    html = pictures.html(scene, words)
    assert html.count(words("start.off", n=2, heads=words.several("13"))) == 2, "in the label, and in the tip"
    assert html.count(words("start.off", n=1, heads="0")) == 2, "of a folded layer too"
    assert words("start.off", n=2, heads="").rstrip(" .") not in pictures.html(scene.turn(ablated=()), words)
    head_1 = drawn(scene).of("attention")[0]["ink"], drawn(scene.turn(ablated=())).of("attention")[0]["ink"]
    assert (head_1[0] != head_1[1]).any()


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_maps_are_the_vectors_and_activations(scene: Scene) -> None:
    trace, html, config = core.run(scene).trace, drawn(scene), scene.config
    arrays = ["pos_embed"] * (config.positions in ("sinusoidal", "learned")) + ["embed"]
    if not config.unembed:
        arrays.append("ln_final.out" if config.final_norm else f"blocks.{config.n_layers - 1}.resid_post")
    shown = drawing.fold(config.n_layers)[0]
    pairs = list(zip(arrays, html.of("vectors"), strict=True))
    pairs += zip([f"blocks.{i}.mlp.post" for i in shown] if config.d_mlp else [], html.of("mlp"), strict=True)
    for name, link in pairs:
        values = trace[name].astype(float)
        greatest = np.abs(values[np.isfinite(values)]).max(initial=0)
        for side, sign in (("positive", 1), ("negative", -1)):
            same(link[side], as_ink(greatest_of(sign * values, link[side].shape), greatest))
            assert link[side].shape[0] == len(scene.tokens)


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_lanes_are_as_strong_as_the_vectors_are_long(scene: Scene) -> None:
    trace, config = core.run(scene).trace, scene.config
    links = drawn(scene).of("stream")
    names = ["blocks.0.resid_pre"]
    for i in range(config.n_layers):
        names += [f"blocks.{i}.resid_mid"] * bool(config.d_mlp) + [f"blocks.{i}.resid_post"]
    norms = np.sqrt(np.stack([np.sum(trace[name].astype(float) ** 2, -1) for name in names], -1))
    greatest = norms[np.isfinite(norms)].max()
    lanes = len(scene.tokens)
    shown, hidden = drawing.fold(config.n_layers)
    firsts = sorted([*shown, *hidden[:1]])
    for first, end, link in zip(firsts, [*firsts[1:], config.n_layers], links, strict=True):
        per = 2 if config.d_mlp else 1
        expected = as_ink(norms[:, first * per : end * per + 1], greatest, 0.12)
        thick = len(link["ink"]) // lanes
        middle = link["ink"].reshape(lanes, thick, -1)[:, thick // 2]
        if not config.residual:
            assert (middle[:, 1::2] <= np.rint(255 * 0.12)).all(), "nothing runs past the parts"
            middle = middle[:, ::2]
        same(middle, expected)
        assert (link["down"] == link["ink"].T).all(), "downwards on a phone"


def test_ink_leaves_out_what_is_no_number() -> None:
    assert thumbnail.shade(np.array([[np.nan, np.inf, 1.0, 0.25, -1.0]]), 1.0).tolist() == [[0, 0, 255, 128, 0]]
    assert not thumbnail.shade(np.zeros((2, 2)), 0.0).any()


# ------------------------------------------------------------------------------------------------ the fold, the links


@pytest.mark.parametrize("n_layers", range(1, 13))
def test_every_layer_is_there_once_and_in_order(n_layers: int) -> None:
    scene = Scene(model="gpt", sentence="um dois").override(n_layers=n_layers)
    shown, hidden = drawing.fold(n_layers)
    assert len(shown) + bool(hidden) <= drawing.SHOWN
    assert sorted(shown + hidden) == list(range(n_layers))
    html = drawn(scene)
    opened = [link for link in html.links if link["kind"] in ("attention", "layer") and "ink" in link]
    assert [scene_of(link["href"]).layer for link in opened] == list(range(n_layers))
    for link in html.links:
        inside = link["kind"] not in ("vectors", "ranking")
        layer = scene_of(link["href"]).layer
        assert re.findall(r", (Layer \d+):", link["label"]) == ([f"Layer {layer}"] if inside else []), link["label"]
    more = words_of("en")("start.more", n=len(hidden))
    assert (more in pictures.html(scene, words_of("en"))) == bool(hidden)


def test_for_a_folded_row_no_block_of_a_long_text_is_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, computed = Scene(model="gpt", seed=77).override(n_layers=6), []
    monkeypatch.setattr(limits, "TRACE", 0)
    block = recall.block
    monkeypatch.setattr(recall, "block", lambda *about: (computed.append(about[3]), block(*about))[1])
    links = drawn(scene).links
    assert not computed, "nor for those that are shown whole"
    assert [scene_of(link["href"]).layer for link in links if link["kind"] == "layer"] == [2, 3, 4]
    (bare,) = [link for link in links if link["kind"] == "bare"]
    assert scene_of(bare["href"]).layer == 2 and bare["href"].startswith("block?")


def test_of_very_many_layers_every_second_or_third_is_drawn() -> None:
    config = core.Config(vocab_size=9, n_ctx=4, d_model=4, n_heads=1, d_mlp=4, n_layers=30)
    trace = core.forward(core.init_params(config), config, np.array([1, 2]))
    run = core.Run(Scene(), config, dict, Scene().encoding, trace["embed"], trace)
    stack = drawing.Stack(trace, config, ("a", "b"))
    html = "".join(drawing.Drawing(Scene(), run, stack, words_of("en")).happens())
    assert "27 more layers" in html
    assert re.findall(r"<b>(\d+)</b>", html) == [*map(str, range(2, 29, 3))] * 2


def scene_of(href: str) -> Scene:
    scene, notices = Scene.from_query(dict(parse_qsl(urlparse(href).query, keep_blank_values=True)))
    assert not notices
    return scene


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_links_open_the_same_computation_on_a_page_that_exists(scene: Scene, lang: str) -> None:
    scene = scene.turn(lang=lang)
    html = drawn(scene, lang)
    layers = {"attention": 0, "mlp": 0, "stream": 0}
    for link in html.links:
        path = urlparse(link["href"]).path
        assert (PAGES_FOLDER / f"{path}.py").is_file()
        opened = scene_of(link["href"])
        assert opened.computed == scene.computed and opened.lang == lang
        assert link["label"].count(":") >= 1
        layers[link["kind"]] = opened.layer
    for link in html.of("ranking"):
        *read, _, _, _ = filter(None, map(str.strip, link["texts"]))  # the last three are the tip's
        assert " ".join(read) in " ".join(link["label"].split()), "it is called what is written on it"
    assert layers["attention"] == scene.config.n_layers - 1
    assert all(link["href"].startswith("attention?") for link in html.of("attention"))
    last = drawn(scene, lang).links[-1]
    assert scene_of(last["href"]).drift_stage == scene.config.n_layers


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_batch_is_told_of_models_that_give_vectors_and_were_not_made_by_hand(lang: str) -> None:
    words, told = words_of(lang), []
    for model in ONE_STACK:
        scene = Scene(model=model)
        last = core.run(scene).trace[f"blocks.{scene.config.n_layers - 1}.resid_post"]
        sentence = words("start.says.batch", going="2 × 10", coming=f"2 × 10 × {last.shape[-1]}")
        told += [model] if sentence in pictures.says(scene, words) else []
        strip_of = pictures.html(scene, words)
        assert ("plain" in re.findall(r'class="[^"]*strip[^"]*"', strip_of)[0]) == (scene.config.d_mlp == 0)
    assert told == [m for m in ONE_STACK if not PRESETS[m].config.unembed and m != "penguins"] != []


def test_a_story_keeps_the_reader_s_sentence_and_what_is_pinned() -> None:
    scene = Scene(sentence="um dois", seed=3, lang="en").pin()
    cards = Strip(pictures.cards(scene, words_of("en"))).of("card")
    assert len(cards) == len(PRESETS)
    for card in cards:
        opened = scene_of(card["href"])
        assert (opened.pinned, opened.seed, opened.sentence) == (scene.pinned, 3, "um dois")


def test_a_part_opens_its_own_page_once_the_app_has_it(monkeypatch) -> None:
    scene = Scene(model="gpt", seed=77)
    monkeypatch.setattr(drawing, "PAGES", {*PAGES, "tokens"})
    pictures.drawn.cache.clear()
    try:
        opened = {link["kind"]: urlparse(link["href"]).path for link in drawn(scene).links}
    finally:
        pictures.drawn.cache.clear()
    assert opened == {
        "vectors": "tokens",
        "attention": "attention",
        "stream": "drift",
        "mlp": "block",
        "ranking": "generate",
    }


def name_of(place: int, run: core.Run) -> str:
    """What an id is called: by the vocabulary, by the sentence, or by its number."""
    if run.scene.preset.tokenizer:
        return run.scene.preset.tokenizer.tokens[place]
    return {int(i): token for i, token in zip(run.encoding.ids, run.tokens, strict=True)}.get(place, f"#{place}")


@pytest.mark.parametrize("model", [model for model in ONE_STACK if PRESETS[model].config.unembed])
def test_the_likeliest_tokens_are_the_softmax_of_the_last_logits(model: str) -> None:
    run = core.run(Scene(model=model))
    logits = run.trace["logits"][-1].astype(float)
    shares = np.exp(logits) / np.exp(logits).sum()
    found = drawing.likeliest(run.scene)
    assert [share for _, share in found] == pytest.approx(sorted(shares, reverse=True)[: drawing.LIKELY])
    assert [name for name, _ in found] == [name_of(i, run) for i in np.argsort(-shares)[: drawing.LIKELY].tolist()]


# ---------------------------------------------------------------------------------------------------- what it says


def test_numbers_that_leave_float32_are_said() -> None:
    says = pictures.says(EXPLODING, words_of("en"))
    assert "float32" in says and "nan" not in says.lower()


def test_logits_that_are_no_numbers_rank_nothing() -> None:
    scene = Scene(model="gpt").override(**dict(EXPLODING.overrides), norm="none", init="unit")
    assert drawing.likeliest(scene) == []
    assert words_of("en")("start.says.nothing", vocab=1000) in pictures.says(scene, words_of("en"))
    assert pictures.html(scene, words_of("en")).count('class="bar"') == 0


# ------------------------------------------------------------------------------------------------------------ the page


def page(scene: Scene) -> AppTest:
    return open_page("start", scene)


def sent(at: AppTest) -> str:
    """The HTML on its way to the component."""
    messages = [e.proto for e in at.get("bidi_component") if e.proto.component_name == "fibra_strip"]
    return json.loads(messages[0].json)["html"]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_the_page_runs(scene: Scene, lang: str) -> None:
    at = page(scene.turn(lang=lang))
    assert not at.exception
    html = Strip(sent(at))
    chosen = re.findall(r'href="\?([^"]*)" aria-current="true"', sent(at))
    assert len(chosen) == 1 and scene_of(f"?{chosen[0].replace('&amp;', '&')}").model == scene.model
    cards = html.of("card")
    assert [scene_of(card["href"]).model for card in cards] == list(PRESETS)
    for card, model in zip(cards, PRESETS, strict=True):
        assert words_of(lang)(f"shell.presets.{model}") in card["texts"]


def test_a_click_is_in_the_cell_whose_share_of_the_thumbnail_it_is_in_and_outside_in_none() -> None:
    """Of 2 heads a tile each of 3 rows and 4 columns: the last cell ends at 1, where the thumbnail does."""
    edges = (0.0, 0.24, 0.25, 0.999)
    assert [drawing.place_at((2, 3, 4), 1, x, 0.34) for x in edges] == [(1, 1, 0), (1, 1, 0), (1, 1, 1), (1, 1, 3)]
    assert [drawing.place_at((2, 3, 4), 0, 0.5, y) for y in (0.0, 0.67, 0.999)] == [(0, 0, 2), (0, 2, 2), (0, 2, 2)]
    assert drawing.place_at((3, 4), None, 0.999, 0.999) == (2, 3)
    for x, y in ((1.0, 0.5), (0.5, 1.0), (-0.01, 0.5), (0.5, -0.01), (1.5, 0.5), (0.5, 1.5)):
        assert drawing.place_at((3, 4), None, x, y) is None is drawing.place_at((2, 3, 4), 0, x, y)
    assert drawing.place_at((2, 3, 4), 2, 0.5, 0.5) is None is drawing.place_at((2, 3, 4), None, 0.5, 0.5)


@pytest.mark.parametrize("scene", [SCENES["hostile"], SCENES["64 words"], SCENES["blanks"]], ids=str)
def test_tokens_are_shown_literally(scene: Scene) -> None:
    html = drawn(scene)
    assert html.words == [strip.short(token) if token.strip() else "␣" for token in scene.tokens]
    assert html.tags <= {"div", "section", "h2", "h3", "a", "i", "b", "small", "span", "em", "p", "bdi", "br"}


def test_without_the_component_the_same_html_stands_on_the_page(monkeypatch) -> None:
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    at = page(Scene(model="gpt", lang="en"))
    assert not at.exception and not [e for e in at.get("bidi_component") if e.proto.component_name == "fibra_strip"]
    body = next(e.proto.body for e in at.get("html") if "fibra-start" in e.proto.body and "<section" in e.proto.body)
    assert pictures.html(Scene(model="gpt", lang="en"), words_of("en")) in body


# --------------------------------------------------------------------------------------------------------- a journey


def open_start(watched: Watched, app: str, query: str = "lang=en", *size: int, **options: bool) -> Page:
    page = watched.at(app, f"/?{query}", *size, **options)
    page.wait_for_selector(".fibra-start[data-drawn]")
    settled(page)
    return page


@pytest.mark.browser
def test_choose_a_story_and_step_into_a_layer(watched, app) -> None:
    page = open_start(watched, app)
    assert page.locator(".strip").bounding_box()["y"] < 500
    says = page.locator("p.fibra-says").first.bounding_box()
    assert says["y"] + says["height"] < 900, "the sentence is on the first screen"
    page.locator(".card", has_text="A GPT from scratch").click()
    expect(page.locator(".strip .block")).to_have_count(4)
    expect(page.locator("p.fibra-says").first).to_contain_text("4 layers, each with 4 heads")
    expect(page).to_have_url(re.compile("model=gpt"))
    page.locator(".attention").nth(2).hover()
    expect(page.locator(".attention .tip").nth(2)).to_be_visible()
    box = page.locator(".attention .ink").nth(2).bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.75 * box["height"])  # the fourth head
    expect(page.locator("h1.fibra-title")).to_have_text("Attention")
    page.wait_for_function("/model=gpt.*layer=2.*head=3/.test(location.search)")
    page.wait_for_selector("[data-figure=attention-pattern] [data-drawn]")
    page.get_by_role("link", name="Start", exact=True).click()
    page.locator(".stream").nth(1).focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1.fibra-title")).to_have_text("Drift")
    page.wait_for_function("/stage=2/.test(location.search)")


@pytest.mark.browser
def test_another_model_flows_in_and_other_numbers_change_where_they_stand(watched, app) -> None:
    page = open_start(watched, app, "lang=en&model=gpt")
    strip = page.locator(".fibra-start", has=page.locator(".strip"))
    expect(strip).to_have_class("fibra-start flows")
    drawn = int(strip.get_attribute("data-drawn"))
    page.locator(".st-key-knob-seed [data-testid=stNumberInputStepUp]").click()
    page.wait_for_function(
        "drawn => document.querySelector('.fibra-start:has(.strip)').dataset.drawn > drawn", arg=drawn
    )
    expect(strip).to_have_class("fibra-start")
    page.locator(".card", has_text="The penguins").click()
    expect(page.locator(".strip .block")).to_have_count(1)
    expect(strip).to_have_class("fibra-start flows")


@pytest.mark.browser
def test_the_writing_card_leads_to_the_sentence(watched, app) -> None:
    page = open_start(watched, app)
    page.locator("[data-write]").click()
    page.keyboard.type("o gato dorme")
    page.keyboard.press("Enter")
    expect(page.locator(".words")).to_have_text("ogatodorme")


@pytest.mark.browser
def test_on_a_phone_the_strip_runs_downwards(watched, app) -> None:
    page = open_start(watched, app, "lang=pt-BR&model=gpt", 390, 844, is_mobile=True, has_touch=True)
    tops = [page.locator(".strip .block").nth(i).bounding_box() for i in range(4)]
    assert all(above["y"] + above["height"] <= below["y"] + 1 for above, below in pairwise(tops))
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    page.locator(".attention").nth(3).tap()
    expect(page.locator("h1.fibra-title")).to_have_text("Atenção")
    page.wait_for_function("/layer=3/.test(location.search)")


@pytest.mark.browser
def test_plain_html_is_drawn_and_its_links_lead_on(watched) -> None:
    with serve(FIBRA_PLAIN_FIGURES="1") as address:
        page = watched.tab()
        page.goto(f"{address}/?lang=en&model=gpt")
        mask = "e => getComputedStyle(e).maskImage.startsWith('url(')"
        assert page.locator(".fibra-start .attention .ink").first.evaluate(mask)
        page.locator(".attention").nth(1).click()
        expect(page.locator("h1.fibra-title")).to_have_text("Attention")
        expect(page).to_have_url(re.compile("layer=1"))
        page.close()  # before its server goes


def test_two_stacks_are_two_strips_and_the_crossing_is_between_them() -> None:
    """Every part is an array of the run, of the stack that it stands in; a click on a tile is a number of it."""
    scene = Scene(model="translator")
    run, html = core.run(scene), drawn(scene)
    arrays = re.findall(r'data-array="([^"]*)"', pictures.html(scene, words_of("en")))
    assert {*arrays} <= {*run.trace} and pictures.html(scene, words_of("en")).count('class="strip') == 2
    for i in range(2):
        for name in ("blocks.{}.attn.pattern", "blocks.{}.cross.pattern", "encoder.blocks.{}.attn.pattern"):
            assert name.format(i) in arrays
    kinds = [scene_of(link["href"]).attention_of for link in html.of("attention")]
    assert kinds == ["encoder"] * 2 + ["cross", "decoder"] * 2
    crossing = run.trace["blocks.1.cross.pattern"]
    assert pictures.number_at(scene, "blocks.1.cross.pattern", 2, 0.99, 0.0)[1] == (2, 0, crossing.shape[2] - 1)
    tiles = html.of("attention")[4]["ink"]
    assert tiles[: crossing.shape[1], : crossing.shape[2]] == pytest.approx(
        np.rint((0.07 + 0.93 * np.sqrt(crossing[0])) * 255), abs=1
    )
    style = pictures.lit(scene.turn(explained=(("encoder.blocks.1.mlp.pre", (0, 0)), ("blocks.0.cross.q", (0, 0, 0)))))
    assert "encoder.blocks.1.mlp.post" in style and "blocks.0.cross.pattern" in style


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_model_with_less_room_than_a_batch_is_told_of_without_one(lang: str) -> None:
    """Of one with nine places, and without logits, Start ran ten ids."""
    config = core.Config(vocab_size=5, n_ctx=9, d_model=4, n_layers=1, n_heads=1)
    known, own = FixedVocabulary(("a", "b", "c", "d", UNKNOWN)), core.init_params(config, 0)
    name, _held = core.presets.register(core.Preset("short", config, "a b", tokenizer=known, source=lambda: own))
    words = words_of(lang)
    says = pictures.says(Scene(model=name), words)
    assert words("start.says.vectors", d=4) in says and "10" not in says
