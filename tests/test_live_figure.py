"""The live figure: what goes over the wire, what AppTest sees, and what a real browser shows."""

from __future__ import annotations

import ast
import gc
import json
import re
import struct
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

from plots import theme
from plots.figure import to_json
from tests.chromium import ROOT, serve, settled
from tests.conftest import Watched
from ui.live import compat, internals, live_figure, theme_button

DRAWN = "[data-drawn]"
PHONE = {"width": 390, "height": 800, "has_touch": True, "is_mobile": True}


# ---- On the wire


def test_the_envelope_holds_the_headers_and_then_the_figures_untouched() -> None:
    figure = to_json({"data": [{"z": np.eye(2, dtype=np.float32)}]})
    header = {"key": "k", "height": 300, "alt": "não → sim", "words": {"save_png": "Salvar"}, "clicks": True}
    data = live_figure.envelope((header, figure), ({"key": "t", "html": "<p>"}, b""), (header, b"{}"))
    (length,) = struct.unpack_from("<I", data)
    sizes = len(figure), 0, 2
    headers = (header, {"key": "t", "html": "<p>"}, header)
    assert json.loads(data[4 : 4 + length]) == [h | {"size": n} for h, n in zip(headers, sizes, strict=True)]
    assert data[4 + length :] == figure + b"{}"


def test_the_library_carries_the_palettes_the_style_and_plotlys_file() -> None:
    library = live_figure._library_js("PlotlyChart.abc.js")
    assert re.search(r'"__\w+__"', library) is None
    assert json.loads(re.search(r"PALETTES = (\{.*?\});", library)[1]) == json.loads(json.dumps(theme.PALETTES))
    assert 'CHUNK = "PlotlyChart.abc.js";' in library
    assert ".fibra-plot" in library


def test_the_installed_frontend_has_one_file_with_plotly() -> None:
    assert re.fullmatch(r"PlotlyChart\.[\w-]+\.js", internals.plotly_chunk())


def test_a_figures_own_script_is_small_for_each_message_repeats_it() -> None:
    assert len(live_figure._FIGURE_JS) < 300


# ---- Keywords of other versions


def test_call_drops_only_the_keywords_that_are_not_known() -> None:
    def old(figure: str, *, key: str = "") -> tuple[str, str]:
        return figure, key

    def any_keyword(**kwargs: int) -> dict[str, int]:
        return kwargs

    assert compat.call(old, "f", key="k", alt="a") == ("f", "k")
    assert compat.call(any_keyword, alt=1) == {"alt": 1}


def test_call_works_on_methods_and_keeps_none_of_their_objects_alive() -> None:
    class Place:
        def draw(self, *, key: str) -> str:
            return key

    place = Place()
    assert compat.call(place.draw, key="k", alt="a") == "k"
    gone = weakref.ref(place)
    del place
    gc.collect()
    assert gone() is None


# ---- In AppTest


def page(show_twice: bool = False) -> None:
    import numpy as np
    import streamlit as st

    from ui.live import live_figure, theme_button

    words = {"save_png": "PNG", "save_svg": "SVG", "turn": "turn", "flat": "flat"}
    trace = {"type": "heatmap", "z": np.eye(2), "colorscale": "@signed"}
    figure = {"data": [trace], "layout": {"font": {"color": "@text"}}}
    live_figure.prepare()
    seed = st.slider("seed", 0, 9, 0)
    live_figure.show(figure, key="one", height=300, alt=f"seed {seed}", words=words, on_click=st.write)
    live_figure.show(figure, key="two", height=300, alt="two", words=words, title="T · <two>")
    theme_button.theme("browser", {"to_dark": "Dark", "to_light": "Light"})


def unprepared() -> None:
    from ui.live import live_figure

    words = {"save_png": "PNG", "save_svg": "SVG", "turn": "turn", "flat": "flat"}
    for key in ("one", "two"):
        live_figure.show({"data": []}, key=key, height=300, alt=key, words=words)


def components(app: AppTest) -> list[str]:
    return [element.proto.component_name for element in app.get("bidi_component")]


@pytest.mark.parametrize("_again", [1, 2])
def test_figures_are_live_in_every_new_runtime(_again: int) -> None:
    app = AppTest.from_function(page).run()
    app.slider[0].set_value(3).run()
    assert not app.exception
    assert components(app) == ["fibra_library", *["fibra_figure"] * 2, "fibra_theme_button"]
    assert b"seed 3" in app.get("bidi_component")[1].proto.bytes
    assert not app.get("plotly_chart")


def test_a_page_that_prepared_nothing_brings_the_library_with_each_figure() -> None:
    app = AppTest.from_function(unprepared).run()
    assert not app.exception
    assert components(app) == ["fibra_library", "fibra_figure"] * 2


def test_the_environment_can_ask_for_plain_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    app = AppTest.from_function(page).run()
    app.slider[0].set_value(3).run()
    assert not app.exception
    assert components(app) == ["fibra_theme_button"]
    assert [element.proto.body for element in app.get("html")] == ['<p class="fibra-step">T <i>&lt;two&gt;</i></p>']
    chart = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert chart["layout"]["font"]["color"] == theme.PALETTES["light"]["text"]
    assert chart["data"][0]["colorscale"] == theme.PALETTES["light"]["signed"]
    assert chart["data"][0]["z"]["shape"] == "2, 2"


def test_a_session_whose_browser_has_no_plotly_gets_plain_figures() -> None:
    app = AppTest.from_function(page)
    app.session_state[live_figure._UNAVAILABLE] = True
    assert len(app.run().get("plotly_chart")) == 2


def test_without_components_nothing_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("streamlit.components.v2")
    assert live_figure._register() is None
    assert compat.component_of("theme_button") is None


def test_without_components_figures_are_plain_and_the_theme_s_button_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_figure, "_COMPONENTS", None)
    monkeypatch.setattr(theme_button, "_BUTTON", None)
    app = AppTest.from_function(page).run()
    assert not app.exception
    assert components(app) == []
    assert len(app.get("plotly_chart")) == 2


def board() -> None:
    import streamlit as st

    from ui.live import live_figure

    words = {"save_png": "PNG", "save_svg": "SVG", "turn": "turn", "flat": "flat"}
    with live_figure.together("both"):
        for key in ("one", "two"):
            live_figure.show({"data": []}, key=key, height=300, alt=key, words=words, on_click=st.write)
        st.write("a widget of Streamlit's")
        live_figure.write("<p>three</p>", key="three")


def test_figures_that_are_shown_together_are_one_message() -> None:
    app = AppTest.from_function(board).run()
    assert not app.exception
    assert components(app) == ["fibra_library", "fibra_figure"]
    data = app.get("bidi_component")[1].proto.bytes
    headers = json.loads(data[4 : 4 + int.from_bytes(data[:4], "little")])
    assert [header["key"] for header in headers] == ["one", "two", "three"]
    assert headers[2] == {"key": "three", "html": "<p>three</p>", "size": 0}


def test_without_components_what_is_shown_together_stands_one_below_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    app = AppTest.from_function(board).run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 2
    assert [element.proto.body for element in app.get("html")] == ["<p>three</p>"]


def test_a_click_goes_to_the_figure_that_was_clicked(monkeypatch: pytest.MonkeyPatch) -> None:
    click = {"figure": "two", "x": 1, "at": 5}
    session = {"board": {"click": click}}
    monkeypatch.setattr(live_figure.st, "session_state", session)
    told = []
    heard = {key: lambda click, key=key: told.append((key, click)) for key in ("one", "two")}
    live_figure._clicked("board", heard)
    live_figure._clicked("board", heard)  # the same click, told again
    assert told == [("two", {"x": 1})]
    session["board"] = {"click": click | {"figure": "gone", "at": 6}}
    live_figure._clicked("board", heard)
    assert len(told) == 1, "a figure that has left the board"


def test_what_a_component_tells_is_heard_once(monkeypatch: pytest.MonkeyPatch) -> None:
    session = {"card": {"open": ["a", 5]}}
    monkeypatch.setattr(compat.st, "session_state", session)
    assert compat.once("card", "open") == ["a", 5] and compat.once("card", "open") is None
    assert compat.once("card", "close") is None and compat.once("gone", "open") is None
    session["card"] = {"open": ["a", 6]}
    assert compat.once("card", "open") == ["a", 6] and compat.once("card", "open") is None


# ---- In a browser


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of the small app. Streamlit's menu is on, unlike in Fibra: it switches the theme too."""
    with serve("tests/apps/live_app.py", PYTHONPATH=str(ROOT), STREAMLIT_CLIENT_TOOLBAR_MODE="auto") as address:
        yield address


@pytest.fixture
def tab(watched: Watched, request: pytest.FixtureRequest) -> Page:
    return watched.tab(**getattr(request, "param", {"width": 1280, "height": 1000}))


@pytest.fixture
def shared(in_turn: Page, url: str) -> Page:
    """The first page's three figures, in a tab that was not loaded for this test alone."""
    if in_turn.url.startswith(url):
        in_turn.set_viewport_size({"width": 1280, "height": 1000})
        in_turn.get_by_role("link", name="First").click()
        settled(in_turn)  # or the figures of the page before are still there, about to go
        in_turn.locator(".fibra-figure").first.scroll_into_view_if_needed()
        in_turn.wait_for_selector(plot("scene"))
    else:
        in_turn.set_viewport_size({"width": 1280, "height": 1000})
        open_first(in_turn, url)
    return in_turn


def plot(key: str) -> str:
    return f"[data-figure={key}] {DRAWN}"


def open_first(tab: Page, url: str) -> None:
    """The first page with its three figures drawn; only those in sight are, so each is scrolled to."""
    tab.goto(url)
    for key in ("scene", "points", "heatmap"):
        tab.locator(f"[data-figure={key}] .fibra-plot").scroll_into_view_if_needed()
        tab.wait_for_selector(plot(key))
    settled(tab, 300)


def drawn(tab: Page, key: str) -> int:
    return int(tab.get_attribute(plot(key), "data-drawn"))


def turn_the_knob(tab: Page, redrawn: str) -> None:
    before = drawn(tab, redrawn)
    tab.get_by_role("slider").focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_function(f"document.querySelector('{plot(redrawn)}').dataset.drawn > {before}")


def clicks(tab: Page, count: int) -> list:
    """All the clicks that Python has been told of, once there are `count`."""
    read = "[data-testid=stCode]"
    tab.wait_for_function(f"document.querySelector('{read}').innerText.split('customdata').length > {count}")
    settled(tab, 400)
    return ast.literal_eval(tab.inner_text(read))


def centre(tab: Page, key: str) -> tuple[float, float]:
    box = tab.locator(plot(key)).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def camera(tab: Page) -> list[float]:
    scene = f"document.querySelector('{plot('scene')}')._fullLayout.scene._scene"
    return tab.evaluate(f"Object.values({scene}.getCamera().eye)")


def ink(tab: Page, key: str) -> str:
    return tab.evaluate(f"document.querySelector('{plot(key)}').layout.font.color")


def wait_for_ink(tab: Page, key: str, mode: str) -> None:
    colour = theme.PALETTES[mode]["text"]
    tab.wait_for_function(f"document.querySelector('{plot(key)}').layout.font.color === '{colour}'")


@pytest.mark.browser
def test_a_knob_redraws_in_place_and_keeps_camera_and_zoom(tab: Page, url: str) -> None:
    open_first(tab, url)
    tab.evaluate(f"window.before = document.querySelector('{plot('scene')}')")
    x, y = centre(tab, "scene")
    tab.mouse.move(x + 80, y + 60)
    tab.mouse.down()
    tab.mouse.move(x + 160, y + 20, steps=5)
    tab.mouse.up()
    x, y = centre(tab, "heatmap")
    tab.mouse.move(x - 60, y - 60)
    tab.mouse.down()
    tab.mouse.move(x + 60, y + 60, steps=5)
    tab.mouse.up()
    tab.wait_for_timeout(1000)
    zoom = f"document.querySelector('{plot('heatmap')}')._fullLayout.xaxis.range"
    turned, zoomed = camera(tab), tab.evaluate(zoom)
    assert turned != pytest.approx([1.25, 1.25, 1.25], abs=0.05)
    assert zoomed != [-0.5, 4.5]
    turn_the_knob(tab, "scene")
    assert camera(tab) == pytest.approx(turned, abs=1e-6)
    assert tab.evaluate(zoom) == zoomed
    assert tab.evaluate(f"window.before === document.querySelector('{plot('scene')}')")
    assert tab.get_attribute(plot("heatmap"), "aria-label") == "heatmap 2"
    assert tab.get_attribute(plot("heatmap"), "role") == "img"
    assert drawn(tab, "points") == 1, "its figure did not change"


@pytest.mark.browser
def test_payloads_that_come_fast_end_with_the_newest(shared: Page) -> None:
    tab = shared
    tab.get_by_role("slider").focus()
    tab.keyboard.press("Home")
    heard = "document.querySelector('body > .fibra-heard[role=status]')"
    note = f"window.said = []; new MutationObserver(() => said.push({heard}.textContent))"
    tab.evaluate(f"{note}.observe({heard}, {{childList: true}})")
    for _ in range(10):
        tab.keyboard.press("ArrowRight")
    tab.wait_for_selector(".fibra-plot[aria-label='heatmap 10']")
    settled(tab, 500)
    newest = np.random.default_rng(10).random((5, 5), np.float32)
    shown = tab.evaluate(f"Array.from(document.querySelector('{plot('heatmap')}').calcdata[0][0].z[0])")
    assert shown == pytest.approx(newest[0].tolist())
    tab.wait_for_function("said.includes('heatmap 10')")
    assert tab.evaluate("said.length") < 10, (
        "the topmost, said to who listens when the picture stands still, not at each step"
    )


@pytest.mark.browser
def test_a_board_keeps_its_order_and_lets_go_of_what_left_it(shared: Page) -> None:
    tab = shared
    order = "[...document.querySelectorAll('.st-key-board-flat .fibra-place')].map((place) => place.dataset.figure)"
    assert tab.evaluate(order) == ["heatmap", "seed", "points"]
    tab.get_by_role("slider").focus()
    tab.keyboard.press("End")
    tab.wait_for_selector("[data-figure=seed] em:text('50')")
    assert tab.evaluate(order) == ["heatmap", "seed"]
    tab.keyboard.press("ArrowLeft")
    tab.wait_for_selector(plot("points"))
    assert tab.evaluate(order) == ["heatmap", "seed", "points"]


@pytest.mark.browser
def test_plotly_finds_in_a_trace_the_arrays_that_it_found_before(shared: Page) -> None:
    tab = shared
    found = {
        key: set(tab.evaluate(f"document.querySelector('{plot(key)}')._fullData[0]._arrayAttrs"))
        for key in ("heatmap", "points", "scene")
    }
    assert found == {
        "heatmap": {"z", "customdata"},
        "points": {"x", "y", "customdata", "marker.color"},
        "scene": {"x", "y", "z"},
    }


@pytest.mark.browser
def test_every_click_is_reported_once(tab: Page, url: str) -> None:
    open_first(tab, url)
    x, y = centre(tab, "heatmap")
    cell = {"x": 2, "y": 2, "z": pytest.approx(np.random.default_rng(1).random((5, 5), np.float32)[2, 2])}
    cell |= {"curve": 0, "point": [2, 2], "customdata": 12}
    for count in (1, 2):
        tab.mouse.click(x, y)
        assert clicks(tab, count) == [["heatmap", cell]] * count
        tab.wait_for_timeout(600)  # or Plotly takes the second for a double click
    box = tab.locator(f"{plot('points')} .points path").nth(1).bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    point = {"x": 1, "y": 1, "z": None, "curve": 0, "point": 1, "customdata": "<b>"}
    assert clicks(tab, 3)[2] == ["points", point]
    for count in (4, 5):
        tab.mouse.click(*centre(tab, "scene"))
        figure, click = clicks(tab, count)[-1]
        assert (figure, click["x"], click["y"], click["z"]) == ("scene", 1, 1, 1)
    assert len(clicks(tab, 5)) == 5


@pytest.mark.browser
def test_a_drag_in_3d_is_no_click(shared: Page) -> None:
    tab = shared
    x, y = centre(tab, "scene")
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 60, y + 30, steps=4)
    tab.mouse.up()
    tab.wait_for_timeout(1000)
    assert clicks(tab, 0) == []


@pytest.mark.browser
def test_the_theme_switches_without_a_reload_and_holds_on_every_page(tab: Page, url: str) -> None:
    open_first(tab, url)
    light, dark = theme.PALETTES["light"]["text"], theme.PALETTES["dark"]["text"]
    assert ink(tab, "heatmap") == light
    tab.evaluate("window.alive = true")
    tab.locator(".st-key-browser button", has_text="Dark").click()
    tab.wait_for_selector(".st-key-browser button:has-text('Light')")
    wait_for_ink(tab, "heatmap", "dark")
    assert tab.evaluate("window.alive")
    assert drawn(tab, "heatmap") == 2
    tab.get_by_role("link", name="Second").click()
    tab.wait_for_selector(plot("second"))
    assert ink(tab, "second") == dark
    tab.reload()
    tab.wait_for_selector(plot("second"))
    assert ink(tab, "second") == dark
    tab.locator(".st-key-browser button").focus()
    tab.keyboard.press("Enter")
    wait_for_ink(tab, "second", "light")
    tab.goto(url)
    tab.wait_for_selector(plot("heatmap"))
    assert ink(tab, "heatmap") == light


@pytest.mark.browser
def test_streamlits_own_menu_recolours_the_figures_too(tab: Page, url: str) -> None:
    open_first(tab, url)
    tab.get_by_test_id("stMainMenu").get_by_role("button").or_(tab.get_by_test_id("stMainMenuButton")).first.click()
    tab.get_by_test_id("stMainMenuItem-theme-Dark").click()
    wait_for_ink(tab, "heatmap", "dark")


@pytest.mark.browser
def test_only_colours_are_read_as_colours(shared: Page) -> None:
    tab = shared
    palette = theme.PALETTES["light"]
    colours = tab.evaluate(f"document.querySelector('{plot('points')}').data[0].marker.color")
    red, green, blue = theme.channels(palette["key"])
    assert colours == [palette["query"], f"rgba({red}, {green}, {blue}, 0.5)", palette["value"]]
    assert tab.locator(plot("points")).get_by_text("@query").count() == 1


@pytest.mark.browser
def test_pages_can_be_changed_and_changed_back(shared: Page) -> None:
    tab = shared
    for name, key in [("Second", "second"), ("First", "scene")] * 3:
        tab.get_by_role("link", name=name).click()
        tab.wait_for_selector(plot(key))
    turn_the_knob(tab, "scene")


@pytest.mark.browser
def test_the_title_stands_above_its_figure_and_is_shown_literally(shared: Page) -> None:
    tab = shared
    assert tab.locator(".fibra-step:visible").count() == 0, "these have none"
    tab.get_by_role("link", name="Second").click()
    tab.wait_for_selector(plot("second"))
    title, figure = tab.locator(".fibra-step:visible"), tab.locator("[data-figure=second] .fibra-figure")
    assert title.inner_text() == "<b>Map</b> seven"
    assert title.bounding_box()["y"] + title.bounding_box()["height"] <= figure.bounding_box()["y"]


@pytest.mark.browser
def test_a_part_of_a_large_map_is_enlarged_with_the_names_of_its_tokens(shared: Page) -> None:
    tab = shared
    tab.get_by_role("link", name="Second").click()
    tab.locator("[data-figure=large] .fibra-plot").scroll_into_view_if_needed()
    tab.wait_for_selector(plot("large"))
    settled(tab)
    names, area = tab.locator("[data-figure=large] .ytick text"), tab.locator("[data-figure=large] .nsewdrag").first
    assert names.count() == 0
    box = area.bounding_box()
    tab.mouse.move(box["x"] + 20, box["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 60, box["y"] + 60, steps=4)
    tab.mouse.up()
    expect(names.first).to_have_text(re.compile(r"token\d+"))
    settled(tab, 400)
    area.dblclick()
    expect(names).to_have_count(0)


@pytest.mark.browser
def test_a_figure_follows_its_place(shared: Page) -> None:
    tab = shared
    tab.set_viewport_size({"width": 800, "height": 900})
    fits = "(plot) => plot._fullLayout.width === plot.offsetWidth && plot._fullLayout.height === 300"
    tab.wait_for_function(f"[...document.querySelectorAll('{DRAWN}')].every({fits})")


@pytest.mark.browser
@pytest.mark.parametrize(("key", "name"), [("heatmap", "weights"), ("scene", "scene")])
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_figure_can_be_saved(shared: Page, key: str, name: str, kind: str) -> None:
    tab = shared
    tab.hover(plot(key), position={"x": 30, "y": 30})
    with tab.expect_download() as download:
        tab.locator(f"[data-figure={key}]").get_by_role("button", name=f"Save {kind.upper()}").click()
    assert download.value.suggested_filename == f"{name}.{kind}"
    saved = Path(download.value.path()).read_bytes()
    assert saved.startswith(b"\x89PNG" if kind == "png" else b"<svg")
    if kind == "svg":
        background = "rgb(255, 255, 255)" if key == "heatmap" else "rgb(5, 6, 11)"
        assert f"fill: {background}".encode() in saved


@pytest.mark.browser
@pytest.mark.parametrize("tab", [PHONE], indirect=True)
def test_a_phone_scrolls_over_figures_turns_scenes_only_when_asked_and_taps(tab: Page, url: str) -> None:
    open_first(tab, url)
    touch = tab.context.new_cdp_session(tab)

    def finger(kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": x, "y": y} for x, y in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
        tab.wait_for_timeout(16)

    def swipe(key: str) -> float:
        """How far the page scrolls when a finger goes up 150 px over the figure."""
        tab.locator(plot(key)).scroll_into_view_if_needed()
        top = "document.querySelector('[data-testid=stMain]').scrollTop"
        x, y = centre(tab, key)
        before = tab.evaluate(top)
        finger("touchStart", (x, y))
        for step in range(1, 11):
            finger("touchMove", (x + 2 * step, y - 15 * step))
        finger("touchEnd")
        tab.wait_for_timeout(700)
        return tab.evaluate(top) - before

    untouched = camera(tab)
    assert swipe("heatmap") > 50
    assert swipe("scene") > 50
    assert camera(tab) == untouched
    turn = tab.locator("[data-figure=scene]").get_by_role("button", name="Turn")
    turn.tap()
    assert swipe("scene") == 0
    assert camera(tab) != untouched
    turn.tap()
    turned = camera(tab)
    assert swipe("scene") > 50
    assert camera(tab) == turned
    tab.locator(plot("heatmap")).scroll_into_view_if_needed()
    tab.touchscreen.tap(*centre(tab, "heatmap"))
    assert clicks(tab, 1)[0][1]["point"] == [2, 2]


@pytest.mark.browser
def test_the_wheel_scrolls_the_page_over_a_scene(shared: Page) -> None:
    tab = shared
    tab.hover(plot("scene"), position={"x": 30, "y": 30})
    tab.mouse.wheel(0, 100)
    tab.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop > 0")


@pytest.mark.browser
def test_where_plotlys_file_shares_no_plotly_the_session_falls_back_to_plain_charts(tab: Page, url: str) -> None:
    tab.add_init_script("Object.defineProperty(window, 'Plotly', { get() {}, set() {} })")
    tab.goto(url)
    tab.wait_for_function("document.querySelectorAll('.stPlotlyChart .main-svg').length > 0")
    tab.wait_for_function("document.querySelectorAll('.fibra-figure').length === 0")


@pytest.mark.browser
def test_without_plotlys_file_the_session_falls_back_to_plain_charts(tab: Page, url: str, watched: Watched) -> None:
    tab.route("**/PlotlyChart.*.js", lambda route: route.abort(), times=1)
    tab.goto(url)
    tab.wait_for_function("document.querySelectorAll('.stPlotlyChart .main-svg').length > 0")
    tab.wait_for_function("document.querySelectorAll('.fibra-figure').length === 0")
    tab.get_by_role("link", name="Second").click()
    tab.wait_for_selector(".st-key-second-plain .main-svg")
    assert len(watched.errors) == 1, "the request that was refused"
    watched.errors.clear()
