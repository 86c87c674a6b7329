"""What leaves the screen: printed pages and saved pictures; and what takes a picture away from it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from pictures.words import words_of
from tests.chromium import settled
from tests.conftest import Watched

PT = words_of("pt-BR")
A4 = {"width": 703, "height": 1000}  # px, between margins of 12 mm
SPREAD = """() => [...document.querySelectorAll('.fibra-figure')].map((figure) => {
  const box = (node) => {
    const {left, top, right, bottom} = node.getBoundingClientRect();
    return [left, top, right, bottom];
  };
  const svg = figure.querySelector('.main-svg');
  const names = [...figure.querySelectorAll('text')].filter((text) => text.textContent.trim());
  const {figure: key} = figure.parentElement.dataset;
  return {key, box: box(figure), svg: svg && box(svg), names: names.map(box)};
})"""
NO_WEBGL = """HTMLCanvasElement.prototype.getContext = ((get) => function (kind, ...how) {
  return /webgl/.test(kind) ? null : get.call(this, kind, ...how);
})(HTMLCanvasElement.prototype.getContext)"""
# The names in a scene, by what is written and the how manieth it is: the middle of each.
NAMES = """(key) => {
  const plot = document.querySelector(`[data-figure=${key}] .fibra-plot`);
  const {left, top} = plot.getBoundingClientRect();
  const found = {};
  for (const text of plot.querySelectorAll('.annotation-text')) {
    const box = text.getBoundingClientRect();
    let name = text.textContent;
    while (found[name]) name += ' again';
    found[name] = [(box.left + box.right) / 2 - left, (box.top + box.bottom) / 2 - top];
  }
  return found;
}"""
UNPAINTED = "gl-fbo: Framebuffer unsupported"
SCENE = "document.querySelector('[data-figure=fibres] .fibra-plot')._fullLayout.scene._scene"


def apart(one: list[float], other: list[float]) -> bool:
    return one[2] <= other[0] + 1 or other[2] <= one[0] + 1 or one[3] <= other[1] + 1 or other[3] <= one[1] + 1


@pytest.mark.browser
def test_on_paper_nothing_stands_that_can_only_be_pressed_and_a_title_goes_with_its_picture(
    watched: Watched, app: str
) -> None:
    """A label stood without its buttons, and a page held nothing but a box to write in; titles ended a page."""
    tab = watched.tab(1280, 720)
    for page, hidden, kept in (
        ("train", ".stButtonGroup", ".st-key-train-place"),
        ("lessons", ".stTextArea", None),
        ("attention", ".st-key-takeaway", "[class*=st-key-attention-steps-] > [class*=st-key-knob-causal]"),
    ):
        tab.goto(f"{app}/{page}?lang=pt-BR")
        tab.wait_for_selector("h1.fibra-title")
        settled(tab)
        tab.emulate_media(media="print")
        parts = tab.locator(f".stMain {hidden}")
        assert parts.count(), page
        assert not any(part.is_visible() for part in parts.all()), page
        if kept:
            styles = "nodes => nodes.map(node => getComputedStyle(node).breakAfter)"
            assert tab.locator(kept).evaluate_all(styles) == ["avoid"], page
        tab.emulate_media(media="screen")


# What is painted as a background, and what is then gone with it: of each the part that is full of colour.
FULL = {
    "": (".strip .attention .ink", ".strip .stream .ink", ".strip .embedding .shape", ".card[aria-current] .ink"),
    "generate": (".fibra-loop .bars i", ".fibra-loop .slices i.chosen"),
    "fibres": ("[data-variant=segmented_control][data-selected=true]",),
    "attention": ("label[data-selected=true] > div:not([data-testid])",),
}


@pytest.mark.browser
@pytest.mark.parametrize("page", FULL)
def test_where_colours_are_forced_what_is_painted_as_a_background_is_there(
    page: str, watched: Watched, app: str
) -> None:
    """Windows' high contrast took Start's whole strip away, the bars of Generate, and from every switch its switch."""
    tab = watched.at(app, f"/{page}", 1280, 720)
    tab.emulate_media(forced_colors="active")
    tab.wait_for_selector(FULL[page][0])
    ground = _most(tab.screenshot(clip={"x": 0, "y": 0, "width": 8, "height": 8}))
    for part in FULL[page]:
        assert _most(tab.locator(part).first.screenshot()) != ground, part
    tab.emulate_media(forced_colors="none")


def _most(picture: bytes) -> object:
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    return max(image.getcolors(image.width * image.height) or [])[1]


@pytest.mark.browser
def test_attention_fills_three_sheets_and_a_pattern_is_not_cut_in_two(watched: Watched, app: str) -> None:
    """The output filled a line of the third, and what was left, a line of terms or nothing, stood on a fourth."""
    tab = watched.at(app, "/attention", 1280, 720)
    for query in ("lang=pt-BR", "lang=en", "model=gpt&lang=pt-BR"):
        tab.goto(f"{app}/attention?{query}")
        tab.wait_for_selector("[data-drawn]")
        settled(tab)
        assert len(re.findall(rb"/Type /Page\b", tab.pdf(format="A4"))) == 3, query
    tab.goto(f"{app}/attention?model=gpt&sentence={'+'.join('abcdefghijklmno')}")
    tab.wait_for_selector("[data-drawn]")
    settled(tab)
    tab.emulate_media(media="print")
    begins = "(step) => getComputedStyle(step).breakBefore"
    assert tab.locator("[data-figure=attention-pattern] .fibra-step").evaluate(begins) == "page"
    tab.emulate_media(media="screen")


@pytest.mark.browser
@pytest.mark.parametrize("page", ["attention?model=gpt", "block?model=gpt", "drift?model=gpt&drift_3d=1"])
def test_on_paper_every_picture_is_whole_in_its_place_and_dark_on_white(page: str, watched: Watched, app: str) -> None:
    tab = watched.at(app, f"/{page}", 1280, 720, color_scheme="dark")
    tab.wait_for_selector("[data-drawn]")
    tab.wait_for_timeout(500)
    tab.pdf(format="A4")
    drawn = tab.evaluate("[...document.querySelectorAll('.fibra-plot')].map((plot) => 'drawn' in plot.dataset)")
    assert len(drawn) > 1 and all(drawn), "those too that were not scrolled to"
    tab.emulate_media(media="print")
    tab.set_viewport_size(A4)
    tab.wait_for_timeout(500)
    figures = tab.evaluate(SPREAD)
    for figure in figures:
        left, top, right, bottom = figure["box"]
        assert left >= 0 and right <= A4["width"] and right - left > 90 and bottom - top > 40, figure["key"]
        assert figure["svg"] == pytest.approx(figure["box"], abs=2), "as large as its place"
        assert all(name[0] > left - 3 and name[2] < right + 3 for name in figure["names"]), figure["key"]
    for i, figure in enumerate(figures):
        assert all(apart(figure["box"], other["box"]) for other in figures[:i]), figure["key"]
    said = "getComputedStyle(document.querySelector('.fibra-says:not([hidden])')).color"
    assert tab.evaluate(said) == "rgb(27, 30, 40)"
    assert tab.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor") == "rgb(255, 255, 255)"
    ink = "document.querySelector('.fibra-plot').layout.font.color"
    assert tab.evaluate(ink) == "#1b1e28"
    tab.emulate_media(media="screen")
    tab.wait_for_function(f"{ink} === '#e9ebf3'")


@pytest.mark.browser
def test_a_lost_webgl_context_is_made_anew_and_seen_as_it_was(watched: Watched, app: str) -> None:
    tab = watched.tab()
    tab.goto(f"{app}/fibres?model=gpt")
    tab.wait_for_selector("[data-figure=fibres] [data-drawn]")
    tab.wait_for_timeout(500)
    seen = "Object.values(" + SCENE + ".getCamera().eye)"
    camera = "{eye: {x: 1, y: -1.5, z: 1}, center: {x: 0, y: 0, z: 0}, up: {x: 0, y: 0, z: 1}"
    camera += ", projection: {type: 'perspective'}}"
    tab.evaluate(f"{SCENE}.setViewport({{...{SCENE}.fullSceneLayout, camera: {camera}}})")
    turned = tab.evaluate(seen)
    assert turned == pytest.approx([1, -1.5, 1], abs=1e-3)
    tab.evaluate("window.old = " + SCENE + ".glplot.gl")
    tab.evaluate("old.getExtension('WEBGL_lose_context').loseContext()")
    tab.wait_for_function(f"{SCENE}?.glplot && {SCENE}.glplot.gl !== old && !{SCENE}.glplot.gl.isContextLost()")
    tab.wait_for_timeout(300)
    assert tab.evaluate(seen) == pytest.approx(turned, abs=1e-3)
    assert bright(tab) > 500
    before = tab.get_attribute("[data-figure=fibres] .fibra-plot", "data-drawn")
    tab.locator(".st-key-fibres-main input[type=range]").first.press("ArrowRight")
    drawn = "document.querySelector('[data-figure=fibres] .fibra-plot').dataset.drawn"
    tab.wait_for_function(f"{drawn} > {before}")
    assert tab.evaluate(seen) == pytest.approx(turned, abs=1e-3)
    # Plotly throws where it paints if its context went in the middle of a frame; nothing else may have gone wrong.
    watched.errors = [error for error in watched.errors if error not in ("page: t", f"page: {UNPAINTED}")]


@pytest.mark.browser
def test_graphics_that_go_in_the_midst_of_a_frame_take_no_name_with_them(watched: Watched, app: str) -> None:
    """Plotly has asked whether they are there, and then their size is 0: every name stays where it was."""
    tab = watched.tab()
    tab.goto(f"{app}/fibres?model=gpt")
    before = names(tab, "fibres")
    after = tab.evaluate(f"""() => {{
      const {{glplot}} = {SCENE};
      glplot.gl.getExtension('WEBGL_lose_context').loseContext();
      glplot.cameraParams.projection.fill(glplot.gl.drawingBufferWidth / glplot.gl.drawingBufferHeight);
      glplot.onrender();
      return ({NAMES})('fibres');
    }}""")
    assert after == before and len(before) > 8
    tab.wait_for_function(f"{SCENE}?.glplot && !{SCENE}.glplot.gl.isContextLost()")
    settled(tab)


@pytest.mark.browser
def test_without_webgl_a_scene_lies_flat_where_its_camera_saw_it_and_it_is_said(watched: Watched, app: str) -> None:
    tab = watched.tab(locale="pt-BR")
    tab.goto(f"{app}/drift?drift_3d=1")
    with_webgl = names(tab, "drift")
    assert not tab.locator(".fibra-flat:visible").count()
    tab = watched.again()
    tab.add_init_script(NO_WEBGL)
    tab.goto(f"{app}/drift?drift_3d=1")
    without = names(tab, "drift")
    for name, place in with_webgl.items():
        assert without[name] == pytest.approx(place, abs=2), f"{name}: where Plotly's camera sees it, in px"
    tab.locator(".st-key-menu").get_by_role("link", name=PT("pages.fibres"), exact=True).click()
    assert tab.locator("[data-figure=fibres] .fibra-flat").inner_text() == PT("figure.flat")
    lines = "document.querySelectorAll('[data-figure=fibres] .js-line').length"
    tab.wait_for_function(f"{lines} > 12")
    tab.locator(".st-key-fibres-main input[type=range]").first.press("End")
    tab.wait_for_function(f"{lines} === 12")  # two arcs, and five beads on each: no weight is above 1


def names(tab: Page, key: str) -> dict[str, list[float]]:
    tab.wait_for_selector(f"[data-figure={key}] [data-drawn]")
    settled(tab)
    return tab.evaluate(NAMES, key)


def bright(tab: Page) -> int:
    """Pixels of the scene in which there is light."""
    return tab.evaluate(f"""() => {{
      const {{gl, canvas}} = {SCENE}.glplot;
      {SCENE}.glplot.redraw();
      const copy = Object.assign(document.createElement('canvas'), {{width: canvas.width, height: canvas.height}});
      const pen = copy.getContext('2d');
      pen.drawImage(canvas, 0, 0);
      const {{data}} = pen.getImageData(0, 0, copy.width, copy.height);
      let count = 0;
      for (let i = 0; i < data.length; i += 4) count += data[i] + data[i + 1] + data[i + 2] > 300;
      return count;
    }}""")


@pytest.mark.browser
def test_a_saved_picture_has_the_letters_of_the_screen(watched: Watched, app: str) -> None:
    tab = watched.at(app, "/attention?model=gpt")
    place = "[data-figure=attention-pattern]"
    tab.wait_for_selector(f"{place} [data-drawn]")
    widths = """(root) => [...root.querySelectorAll('text')].filter((text) => text.textContent.trim())
      .map((text) => [text.textContent, text.getComputedTextLength()]).sort()"""
    on_screen = tab.eval_on_selector(place, widths)
    tab.hover(f"{place} .fibra-plot", position={"x": 30, "y": 30})
    files = {}
    for kind in ("svg", "png"):
        with tab.expect_download() as download:
            tab.locator(place).get_by_role("button", name=re.compile(kind, re.I)).click()
        files[kind] = Path(download.value.path()).read_bytes()
    svg = files["svg"].decode()
    assert len(re.findall(r"@font-face.*?url\(.?data:font/woff2;base64,", svg)) == 1
    alone = watched.again()  # a page that has no such font
    alone.set_content(f"<body>{svg}</body>")
    alone.evaluate("document.fonts.load('13px \"Source Sans\"').then(() => document.fonts.ready)")
    in_file = alone.eval_on_selector("svg", widths)
    assert [text for text, _ in in_file] == [text for text, _ in on_screen]
    assert [width for _, width in in_file] == pytest.approx([width for _, width in on_screen], abs=0.6)
    # The same picture, painted by a page that knows the font, has the same ink.
    import base64

    ink = """async ([png, svg]) => {
      const read = async (src) => {
        const image = Object.assign(new Image(), {src});
        await image.decode();
        const canvas = Object.assign(document.createElement('canvas'), {width: 400, height: 400});
        const pen = canvas.getContext('2d');
        pen.drawImage(image, 0, 0, 400, 400);
        return pen.getImageData(0, 0, 400, 400).data;
      };
      const [one, other] = [await read(png), await read(svg)];
      return one.reduce((sum, value, i) => sum + Math.abs(value - other[i]), 0) / one.length;
    }"""
    png, picture = (base64.b64encode(files[kind]).decode() for kind in ("png", "svg"))
    bare = base64.b64encode(re.sub(r"<style>.*?</style>", "", svg, flags=re.S).encode()).decode()
    same, other = (
        alone.evaluate(ink, [f"data:image/png;base64,{png}", f"data:image/svg+xml;base64,{text}"])
        for text in (picture, bare)
    )
    assert same < 0.8 * other, "in another font there would be another picture"


@pytest.mark.browser
def test_a_swipe_that_begins_on_a_slider_scrolls_the_page_and_turns_nothing(watched: Watched, app: str) -> None:
    tab = watched.at(app, "/drift?model=gpt", 390, 600, has_touch=True, is_mobile=True)
    tab.wait_for_selector("[data-drawn]")
    knob = tab.locator(".st-key-drift-way input[type=range]").first
    touch = tab.context.new_cdp_session(tab)

    def swipe(dx: float, dy: float) -> None:
        box = knob.bounding_box()
        x, y = box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for step in range(1, 11):
            point = {"x": x + dx * step / 10, "y": y + dy * step / 10}
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
            tab.wait_for_timeout(16)
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        tab.wait_for_timeout(700)

    top = "document.querySelector('[data-testid=stMain]').scrollTop"
    before, address = knob.input_value(), tab.url
    swipe(3, -150)
    assert tab.evaluate(top) > 50
    assert knob.input_value() == before and tab.url == address
    swipe(0.35 * knob.bounding_box()["width"], 2)
    assert knob.input_value() not in (before, "1"), "along it, the finger turns it"
    tab.wait_for_url("**drift_stage=*")


@pytest.mark.browser
def test_on_a_phone_a_scene_is_no_higher_than_it_shows_and_its_names_stand_clear(watched: Watched, app: str) -> None:
    asked = "/fibres?sentence=eu+vi+o+sol+e+a+lua+no+mar+de+fim+sul"
    tab = watched.at(app, asked, 390, 844, has_touch=True, is_mobile=True)
    tab.wait_for_selector('[data-figure="fibres"] [data-drawn]')
    root = tab.locator('[data-figure="fibres"] .fibra-figure').bounding_box()
    assert root["height"] < 1.4 * root["width"]
    names = """() => document.querySelector('[data-figure="fibres"] .fibra-plot')
        .layout.scene.annotations.filter(({ name }) => name === "token").map(({ textangle }) => textangle)"""
    assert tab.evaluate(names) == [-90] * 24


@pytest.mark.browser
def test_a_scene_that_is_given_another_place_is_seen_whole_there_and_turned_as_it_was(watched: Watched, app: str):
    """A phone that is held upright, a window that is made narrow."""
    looks = """() => { const { eye } = document.querySelector("[data-figure=fibres] .js-plotly-plot")
      ._fullLayout.scene._scene.getCamera(); return [eye.x, eye.y, eye.z]; }"""

    fits = """() => { const plot = document.querySelector("[data-figure=fibres] .js-plotly-plot");
      return Math.abs(plot._fullLayout.width - plot.offsetWidth) < 1; }"""

    def eye(width: int, height: int) -> np.ndarray:
        tab.set_viewport_size({"width": width, "height": height})
        tab.wait_for_function(fits)
        settled(tab, 400)
        return np.array(tab.evaluate(looks))

    tab = watched.tab(390, 844)  # no other test's: the scene stays turned
    tab.goto(f"{app}/fibres?model=gpt&sentence=eu+vi+o+sol+e+a+lua+no+mar+de+fim+sul")
    tab.wait_for_selector("[data-figure=fibres] [data-drawn]")
    upright, level = eye(390, 844), eye(1200, 800)
    assert np.linalg.norm(upright) > 1.2 * np.linalg.norm(level), "opened upright, it stands further off"
    np.testing.assert_allclose(eye(390, 844), upright, rtol=1e-4)
    np.testing.assert_allclose(eye(1200, 800), level, rtol=1e-4)
    box = tab.locator("[data-figure=fibres] .js-plotly-plot").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.wait_for_timeout(600)  # half a second after a drawing Plotly's camera sets itself upright, and hears no hand
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 90, y, steps=5)
    tab.mouse.up()
    tab.mouse.move(0, 0)
    turned = eye(1200, 800)
    angles = """() => document.querySelector('[data-figure="fibres"] .fibra-plot')
        .layout.scene.annotations.filter(({ name }) => name === "token").map(({ textangle }) => textangle ?? 0)"""
    lying = tab.evaluate(angles)
    assert np.abs(turned - level).max() > 0.1
    ratio = eye(390, 844) / turned
    np.testing.assert_allclose(ratio, np.linalg.norm(upright) / np.linalg.norm(level), rtol=1e-3)
    assert {*tab.evaluate(angles)} == {-90} and {*lying} == {0}, "long names stand where they have no room to lie"
    eye(1200, 800)
    assert tab.evaluate(angles) == lying
