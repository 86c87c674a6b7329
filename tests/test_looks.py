"""Knobs of the look are turned in the browser: the picture follows the finger, and the server hears of it once, when it
is let go. What the browser draws is what the server would have drawn."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from playwright.sync_api import Page

from core import Scene
from pictures import compare_drift, drift, fibres
from pictures.words import words_of
from plots.mask import masked

pytestmark = pytest.mark.browser

EN = words_of("en")
SCENE = Scene(model="gpt", sentence="o pinguim anda devagar porque tem joelho", lang="en", focus=2)
DRAWN = "() => [...document.querySelectorAll('[data-drawn]')].map(({ dataset }) => +dataset.drawn)"
# Of each figure: the curves that stand in it, by their traces' names, or by the paths of its shapes.
CURVES = """() => Object.fromEntries([...document.querySelectorAll('.fibra-plot')].map((plot) => [
  plot.closest('[data-figure]').dataset.figure,
  {
    traces: plot.data.filter(({ meta, x }) => meta?.curves && x.some?.(Number.isFinite)).map(({ uid, x, y, z }) => ({
      uid: uid ?? null,
      places: [x, y, z].filter(Boolean).map((axis) => [...axis].map((v) => (Number.isNaN(v) ? null : v))),
    })),
    paths: (plot.layout.shapes ?? []).map(({ path }) => path),
    tops: plot.data.filter(({ uid }) => /^halo/.test(uid)).map(({ marker }) => marker.color),
  },
]))"""
# How many places the graphics were given of each line of curves.
GIVEN = """() => {
  const { traces } = document.querySelector("[data-figure=fibres] .fibra-plot")._fullLayout.scene._scene;
  const lines = Object.values(traces).filter(({ data, linePlot }) => data._input.meta?.curves && linePlot?.vertexCount);
  return Object.fromEntries(lines.map(({ data, linePlot }) => [data.uid, linePlot.points.length]));
}"""

WAY = """(key) => document.querySelector(`[data-figure=${key}] .fibra-plot`)._fullData.map(({ x, y, z }) => [x, y, z]
  .filter(Boolean).map((axis) => [...axis].map((v) => (Number.isNaN(v) ? null : v))))"""


def opened(page: Page, app: str, name: str, scene: Scene, figures: int = 2) -> list[int]:
    """A page, drawn; the list of messages to the server grows from now on."""
    sent: list[int] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda payload: sent.append(len(payload))))
    page.goto(f"{app}/{name}?{urlencode(scene.to_query())}")
    rest(page)
    page.wait_for_function(f"({DRAWN})().length === {figures}")
    return sent


def rest(page: Page) -> None:
    """Until the server has nothing more to say, and all is drawn."""
    page.wait_for_function("document.querySelector('.stApp')?.dataset.testScriptState === 'notRunning'")
    page.wait_for_function("async () => (await window.fibraFigures?.settled?.(), true)")
    page.wait_for_timeout(300)


def grip(page: Page, knob: str) -> tuple[Any, dict[str, float]]:
    """Take a slider's thumb; the slider, and where it is."""
    slider = page.locator(f".st-key-knob-{knob}").get_by_role("slider")
    box = slider.bounding_box()
    at = float(slider.evaluate("(knob) => knob.value / knob.max"))
    page.mouse.move(box["x"] + 8 + at * (box["width"] - 16), box["y"] + box["height"] / 2)
    page.mouse.down()
    return slider, box


def drawn(scene: Scene) -> dict[str, Any]:
    """What the server draws, as CURVES tells it."""
    told = {}
    for name, builder in (("fibres", fibres.light), ("fibres-twin", fibres.twin)):
        whole = builder(scene, EN).figure
        parted = {trace.get("uid") for trace in whole["data"] if "curves" in trace.get("meta", {})}
        figure = masked(whole)
        told[name] = {
            "traces": [
                {"uid": t.get("uid"), "places": [_listed(t[axis]) for axis in "xyz" if axis in t]}
                for t in figure["data"]
                if t.get("uid") in parted and (t.get("uid") or (t["type"] == "scatter" and "text" not in t))
            ],
            "paths": [shape["path"] for shape in figure["layout"].get("shapes", [])],
            "tops": [t["marker"]["color"] for t in figure["data"] if re.match("halo", t.get("uid", ""))],
        }
    return told


def _listed(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(v) else v for v in values.tolist()]


@pytest.mark.parametrize("field", ["threshold", "layers_lit"])
def test_a_knob_of_the_look_follows_the_finger_and_tells_the_server_its_end(watched, app, field: str) -> None:
    page = watched.tab()
    sent = opened(page, app, "fibres", SCENE)
    slider, box = grip(page, field)
    before, said = len(sent), page.locator(".fibra-says").first.inner_text()
    pictures = int(slider.get_attribute("data-pictures") or 0)
    for share in np.linspace(0.9, 0.4, 12):
        page.mouse.move(box["x"] + 8 + share * (box["width"] - 16), box["y"] + box["height"] / 2)
        page.wait_for_timeout(50)
    rest(page)
    assert len(sent) == before, "the server hears nothing while the knob is held"
    assert int(slider.get_attribute("data-pictures")) > pictures
    value = json.loads(slider.get_attribute("aria-valuetext"))
    here = SCENE.turn(**{field: value})
    held, there = page.evaluate(CURVES), drawn(here)
    assert value != getattr(SCENE, field) and held["fibres"] == there["fibres"] != drawn(SCENE)["fibres"]
    assert held["fibres-twin"]["paths"] == there["fibres-twin"]["paths"], "what its points tell waits for the end"
    assert page.evaluate(GIVEN) == {trace["uid"]: len(trace["places"][0]) for trace in there["fibres"]["traces"]}
    assert page.locator(".fibra-says").first.inner_text() == said

    times = page.evaluate(DRAWN)
    page.mouse.up()
    page.wait_for_timeout(200)
    page.wait_for_function(f"new URLSearchParams(location.search).get('{field}') === '{value}'")
    rest(page)
    assert len(sent) == before + 1, "and one word of it at the end"
    assert page.locator(".fibra-says").first.inner_text() != said
    light, twin = (after - before for before, after in zip(times, page.evaluate(DRAWN), strict=True))
    assert light == 0 and twin == (field == "threshold"), "what stands there is not drawn again"
    assert page.evaluate(CURVES) == there
    page.get_by_role("button", name=EN("shell.undo")).click()
    page.wait_for_function(f"!new URLSearchParams(location.search).has('{field}')")
    rest(page)
    assert page.evaluate(CURVES) == drawn(SCENE)


WALKS = {
    "flat": ("drift", drift.drift, Scene(model="gpt", lang="en")),
    "solid": ("drift", drift.drift, Scene(model="gpt", lang="en", drift_3d=True)),
    "pinned": ("drift-present", compare_drift.present_ways, Scene(model="gpt", lang="en").pin().turn(temperature=3.0)),
}


@pytest.mark.parametrize("walk", WALKS)
def test_the_walk_through_the_layers_follows_the_finger(watched, app, walk: str) -> None:
    key, builder, scene = WALKS[walk]
    page = watched.tab()
    sent = opened(page, app, "drift", scene, figures=3 if scene.pinned else 2)
    _, box = grip(page, "drift_stage")
    before = len(sent)
    for stage in (3, 1, 2):
        page.mouse.move(box["x"] + 8 + stage / 4 * (box["width"] - 16), box["y"] + box["height"] / 2)
        rest(page)
        figure = masked(builder(scene.turn(drift_stage=stage), EN).figure)
        assert page.evaluate(WAY, key) == [[_listed(t[axis]) for axis in "xyz" if axis in t] for t in figure["data"]]
    assert len(sent) == before, "the server hears nothing while the knob is held"
    times = page.evaluate(DRAWN)
    page.mouse.up()
    page.wait_for_function("new URLSearchParams(location.search).get('drift_stage') === '2'")
    rest(page)
    assert len(sent) == before + 1 and page.evaluate(DRAWN) == times
    says = page.locator(f"[data-figure={key}] .fibra-says").inner_text()
    assert says == builder(scene.turn(drift_stage=2), EN).says


# Counts what a drawing takes: programs that are made, the calls of Plotly's own drawing, and names that are written.
COUNTED = """() => {
  window.counted = { programs: 0, drawn: 0 };
  const { createProgram } = WebGLRenderingContext.prototype;
  WebGLRenderingContext.prototype.createProgram = function () {
    counted.programs += 1;
    return createProgram.call(this);
  };
  const { react } = Plotly;
  Plotly.react = (...given) => (counted.drawn += 1, react(...given));
  window.names = [...document.querySelectorAll("[data-figure=fibres] .annotation-text")];
}"""
MOVED = """(x) => {
  const note = document.querySelector("[data-figure=fibres] .annotation-text");
  return Math.abs(note.getBoundingClientRect().x - x) > 10;
}"""
STAND = "() => [names.length, names.every(({ isConnected }) => isConnected)]"


def names(page: Page) -> list[str]:
    return page.locator("[data-figure=fibres] .annotation-text").all_inner_texts()


def test_names_go_with_a_scene_that_is_turned(watched, app) -> None:
    page = watched.tab()
    opened(page, app, "fibres", SCENE)
    note = page.locator("[data-figure=fibres] .annotation-text").first
    before = note.bounding_box()
    box = page.locator("[data-figure=fibres] canvas").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 120, y, steps=4)
    page.mouse.up()
    page.wait_for_function(MOVED, arg=before["x"])


# Each frame comes late, as where software paints.
LATE = """
const { requestAnimationFrame } = window;
window.requestAnimationFrame = (frame) => requestAnimationFrame(() => setTimeout(frame, 40, performance.now()));
"""
FINE = """() => {
  const { width, clientWidth } = document.querySelector("[data-figure=fibres] canvas");
  return width / clientWidth;
}"""


def slow(watched: Any, app: str) -> Page:
    """Fibres where each frame comes late, a hand at its threshold for a while."""
    page = watched.tab()
    page.add_init_script(LATE)
    opened(page, app, "fibres", SCENE)
    assert page.evaluate(FINE) == pytest.approx(1.5, abs=0.01)
    slider, box = grip(page, "threshold")
    for share in (0.9, 0.1, 0.8, 0.2, 0.6) * 8:
        page.mouse.move(box["x"] + 8 + share * (box["width"] - 16), box["y"] + box["height"] / 2)
        page.wait_for_timeout(300)
        if page.evaluate(FINE) < 1.01:
            return page
    raise AssertionError((page.evaluate(FINE), slider.get_attribute("data-pictures"), slider.input_value()))


def test_a_scene_whose_curves_alone_are_others_is_given_these_alone(watched, app) -> None:
    """Where it is known by now that the graphics are slow: to be painted coarser moves names by a part of a pixel."""
    page = slow(watched, app)
    box = page.locator(".st-key-knob-threshold").get_by_role("slider").bounding_box()
    page.evaluate(COUNTED)
    for share in (0.5, 0.9, 0.3, 0.7, 0.1, 0.6):
        page.mouse.move(box["x"] + 8 + share * (box["width"] - 16), box["y"] + box["height"] / 2)
        rest(page)
    assert page.evaluate("counted") == {"programs": 0, "drawn": 0}
    assert page.evaluate(STAND) == [len(names(page)), True] and len(names(page)) > 7
    page.mouse.up()
    rest(page)
    assert page.evaluate("counted.drawn") == 1, "the twin's points"


def test_where_graphics_are_slow_a_scene_is_coarser_while_a_hand_holds_its_knob(watched, app) -> None:
    page = slow(watched, app)
    page.mouse.up()
    page.wait_for_function(f"({FINE})() > 1.49")


def test_where_graphics_are_slow_a_scene_is_coarser_while_it_is_turned(watched, app) -> None:
    page = slow(watched, app)
    page.mouse.up()
    page.wait_for_function(f"({FINE})() > 1.49")
    box = page.locator("[data-figure=fibres] canvas").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 60, box["y"] + box["height"] / 2, steps=3)
    page.wait_for_function(f"({FINE})() < 1.01")
    page.mouse.up()
    page.wait_for_function(f"({FINE})() > 1.49")


def test_a_scene_that_is_drawn_anew_while_it_is_coarser_is_fine_again_too(watched, app) -> None:
    page = slow(watched, app)
    before = page.evaluate(DRAWN)[0]
    page.locator(".st-key-browser button").evaluate("(theme) => theme.click()")  # the other one: all is drawn anew
    page.wait_for_function(f"(before) => ({DRAWN})()[0] > before", arg=before)
    page.mouse.up()
    page.wait_for_function(f"({FINE})() > 1.49")
