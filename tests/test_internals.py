"""What is private in Streamlit and Plotly may be renamed any day: then the app goes on without it.

Each test takes one thing away, as a newer release would, and finds the fallback. All of it stands in two files.
"""

from __future__ import annotations

import asyncio
import builtins
import copy
import gzip
import importlib
import re
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import plotly.graph_objects  # noqa: F401  before its inside is renamed
import pytest
from playwright.sync_api import Page
from streamlit.testing.v1 import AppTest

from tests.chromium import settled
from tests.support import open_page
from ui.live import internals, live_figure, packed
from ui.state import SCENE

ROOT = Path(__file__).parents[1]
SOURCES = [path for folder in ("ui", "pages", "pictures") for path in sorted((ROOT / folder).rglob("*.*"))]


def awaited(run: Coroutine[Any, Any, Any]) -> Any:
    """What comes of it; in a thread of its own, for in this one Playwright's loop may run."""
    with ThreadPoolExecutor(1) as elsewhere:
        return elsewhere.submit(asyncio.run, run).result()


# ---- Where it may be touched

TOUCHES = {
    ".py": r"streamlit\.runtime|^\s*from streamlit[. ]|^\s*import streamlit\.|basedatatypes|PagesManager|\bst\._"
    r"|script_run_ctx|starlette",
    ".js": r"_fullLayout|\._scene|glplot\.(?:add|objects|update|onrender|camera|redraw|pixelRatio)"
    r"|drawAnnotations|updateFx|PlotSchema|static/js|__react|data-test|dataset\.test|stActiveTheme|\.st[A-Z]\w+",
}


@pytest.mark.parametrize("suffix", TOUCHES)
def test_what_is_private_is_touched_in_one_file_a_side(suffix):
    for path in (path for path in SOURCES if path.suffix == suffix):
        lines = path.read_text("utf-8").splitlines()
        code = "\n".join(line for line in lines if not line.lstrip().startswith(("#", "//")))
        found = re.findall(f"(?m){TOUCHES[suffix]}", code)
        assert bool(found) == (path.stem == "internals"), (path.name, found)


# ---- On the server


def attention(**environment: str) -> AppTest:
    return open_page("attention", {"lang": "en", **environment})


def hide(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Have these modules missing for our file alone: Streamlit and Plotly need them."""
    real = builtins.__import__

    def imported(name, names=None, inside=None, fromlist=(), level=0):
        wanted = {name, *(f"{name}.{part}" for part in fromlist or ())}
        if names and names.get("__name__") == internals.__name__ and wanted & {*modules}:
            raise ImportError(name)
        return real(name, names, inside, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", imported)


GONE = {
    "the run's context": lambda m: hide(m, "streamlit.runtime.scriptrunner"),
    "its fields": lambda m: m.setattr(internals, "run_context", SimpleNamespace),
    "the pages' manager": lambda m: hide(m, "streamlit.runtime.pages_manager"),
    "its flag": lambda m: m.delattr("streamlit.runtime.pages_manager.PagesManager.uses_pages_directory"),
    "the runtime": lambda m: hide(m, "streamlit.runtime"),
    "its methods": lambda m: m.setattr("streamlit.runtime.Runtime._get_async_objs", None),
    "components": lambda m: m.setattr(live_figure, "_COMPONENTS", None),
}


@pytest.mark.parametrize("take", GONE.values(), ids=GONE.keys())
def test_the_app_is_up_without(monkeypatch, take):
    take(monkeypatch)
    at = attention(temperature="2")
    assert not at.exception, at.exception[0].value
    assert at.session_state[SCENE].temperature == 2 and at.get("html")
    assert internals.through_history() in (None, False) and isinstance(internals.asked_page(), str)
    assert isinstance(internals.main_script(), str) and isinstance(internals.leave_pages_folder(), bool)
    assert internals.loop() is None and internals.sessions() is None, "no server runs"
    internals.ask_for_page("attention")
    internals.close_session("nobody's")


def test_without_plotly_s_base_class_the_plain_charts_are_drawn(monkeypatch):
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    with_it = len(attention().get("plotly_chart"))
    hide(monkeypatch, "plotly.basedatatypes")
    assert internals.unvalidated({"data": []}) == {"data": []}
    at = attention()
    assert not at.exception and len(at.get("plotly_chart")) == with_it > 5


def test_without_the_chunk_there_is_none(monkeypatch, tmp_path):
    monkeypatch.setattr(internals.st, "__file__", str(tmp_path / "__init__.py"))
    assert internals.plotly_chunk() is None and live_figure._register() is None


FRONTEND = Path(internals.st.__file__).parent / "static"


def sent(path: str, method: str = "GET", query: bytes = b"", **asked: str) -> tuple[int, dict[str, str], list[bytes]]:
    """The status, the headers and the parts of the body with which the server answers one who asks with headers."""
    from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_handler

    files = create_streamlit_static_handler(str(FRONTEND), "")
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in asked.items()]
    scope = {"type": "http", "method": method, "path": f"/{path}", "query_string": query, "headers": headers}
    scope |= {"root_path": "", "asgi": {"spec_version": "2.4"}}
    messages: list[dict] = []

    async def send(message: dict) -> None:
        messages.append(message)

    awaited(files(scope, None, send))
    told = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
    return messages[0]["status"], told, [message["body"] for message in messages[1:]]


def heard(path: str, accept: str = "text/html,*/*", query: bytes = b"") -> tuple[int, dict[str, str]]:
    """The status and the headers with which the server answers an address."""
    return sent(path, query=query, accept=accept)[:2]


def answer(path: str, accept: str = "text/html,*/*", query: bytes = b"") -> tuple[int, str]:
    """The status with which the server answers an address, and where it leads."""
    status, headers = heard(path, accept, query)
    return status, headers.get("location", "")


def test_an_address_of_several_levels_leads_to_its_last(monkeypatch):
    """Streamlit's page finds its scripts only from an address of one level."""
    pytest.importorskip("streamlit.web.server.starlette.starlette_static_routes")
    files = pytest.importorskip("starlette.staticfiles").StaticFiles
    monkeypatch.setattr(files, "get_response", files.get_response)  # put back afterwards
    internals.shorten_deep_addresses()
    assert answer("a/b") == (307, "../b") and answer("x/y/é", query=b"lang=en&seed=2") == (
        307,
        "../../%C3%A9?lang=en&seed=2",
    )
    assert answer("b") == (200, "") and answer("favicon.png") == (200, "")
    assert answer("a/static/js/gone.js", "*/*") == (200, ""), "what no reader asks for stays Streamlit's"


def test_a_page_says_where_plotly_lies_and_nothing_else_does(monkeypatch):
    pytest.importorskip("streamlit.web.server.starlette.starlette_static_routes")
    files = pytest.importorskip("starlette.staticfiles").StaticFiles
    monkeypatch.setattr(files, "__call__", files.__call__)  # put back afterwards
    internals.send_plotly_early()
    for page in ("", "attention", "index.html"):
        status, headers = heard(page)
        place = re.match(r"<\./(static/js/PlotlyChart\.[^>]+\.js)>; rel=modulepreload;", headers["link"])
        assert status == 200 and (FRONTEND / place[1]).is_file(), page
        assert headers["link"].count("PlotlyChart") == 1
    assert "link" not in heard("favicon.png")[1] and "link" not in heard(place[1], "*/*")[1]


@pytest.fixture
def packing(monkeypatch):
    """A script of the frontend and what is in it, where the server packs."""
    pytest.importorskip("streamlit.web.server.starlette.starlette_static_routes")
    files = pytest.importorskip("starlette.staticfiles").StaticFiles
    monkeypatch.setattr(files, "get_response", files.get_response)  # put back afterwards
    monkeypatch.setattr(packed, "_kept", {})
    for _ in range(2):  # the second time nothing more is put around it
        internals.shorten_deep_addresses()
        internals.send_frontend_packed()
    script = FRONTEND / "static" / "js" / internals.plotly_chunk()
    return script.relative_to(FRONTEND).as_posix(), script.read_bytes()


def test_the_frontend_is_sent_packed_to_those_who_can_unpack_it(packing):
    script, content = packing
    for _ in range(2):  # the second time as it was kept
        status, headers, parts = sent(script, accept_encoding="gzip, deflate, br, zstd")
        body = b"".join(parts)
        assert status == 200 and gzip.decompress(body) == content and len(body) < len(content) / 3
        assert headers["content-encoding"] == "gzip" and headers["vary"] == "Accept-Encoding"
        assert int(headers["content-length"]) == len(body) and "immutable" in headers["cache-control"]
        assert "javascript" in headers["content-type"]
        assert max(map(len, parts)) <= packed.CHUNK, "a slow reader's packet waits in memory"
    sheet = next((FRONTEND / "static" / "css").glob("index.*.css"))
    for said in ("gzip", "br;q=1.0, GZIP ;q=0.8"):
        _, headers, parts = sent(sheet.relative_to(FRONTEND).as_posix(), accept_encoding=said)
        assert gzip.decompress(b"".join(parts)) == sheet.read_bytes()


def test_who_cannot_unpack_or_wants_a_part_is_sent_the_file_as_it_is(packing):
    script, content = packing
    for said in ("", "identity", "br, gzip;q=0", "gzip; q=0.000, *", "gzipped"):
        status, headers, parts = sent(script, **({"accept_encoding": said} if said else {}))
        assert status == 200 and b"".join(parts) == content and "content-encoding" not in headers
        assert headers["vary"] == "Accept-Encoding", "or a cache between gives it to others"
    status, headers, parts = sent(script, accept_encoding="gzip", range="bytes=10-19")
    assert status == 206 and b"".join(parts) == content[10:20] and "content-encoding" not in headers
    status, headers, parts = sent(script, "HEAD", accept_encoding="gzip")
    assert status == 200 and b"".join(parts) == b"" and int(headers["content-length"]) == len(content)


def test_who_has_the_packed_file_is_told_that_it_is_as_it_was(packing):
    script, _ = packing
    _, headers, _ = sent(script, accept_encoding="gzip")
    assert headers["etag"].startswith("W/"), "not byte for byte the file's"
    status, _, parts = sent(script, accept_encoding="gzip", if_none_match=headers["etag"])
    assert status == 304 and b"".join(parts) == b""


def test_what_is_no_script_or_sheet_is_not_packed(packing):
    for path in ("favicon.png", "index.html", "attention", "static/js/gone.js"):
        _, headers, _ = sent(path, accept="text/html,*/*", accept_encoding="gzip")
        assert "content-encoding" not in headers and "vary" not in headers, path
    small = next(path for path in (FRONTEND / "static" / "js").glob("*.js") if path.stat().st_size < packed.LEAST)
    assert "content-encoding" not in sent(small.relative_to(FRONTEND).as_posix(), accept_encoding="gzip")[1]


def test_other_files_of_an_app_are_not_packed(packing, tmp_path):
    from starlette.staticfiles import StaticFiles

    (tmp_path / "own.js").write_text("1;" * packed.LEAST)
    headers = [(b"accept-encoding", b"gzip")]
    scope = {"type": "http", "method": "GET", "path": "/own.js", "headers": headers, "root_path": ""}
    response = awaited(StaticFiles(directory=tmp_path).get_response("own.js", scope))
    assert "content-encoding" not in response.headers and not packed._kept


def test_a_file_that_a_class_asks_for_at_once_is_packed_once(monkeypatch, tmp_path):
    (tmp_path / "script.js").write_bytes(b"let x = 1;" * 100_000)
    monkeypatch.setattr(packed, "_kept", {})
    done = []
    compress = gzip.compress
    monkeypatch.setattr(packed.gzip, "compress", lambda *given, **how: done.append(1) or compress(*given, **how))
    with ThreadPoolExecutor(8) as class_:
        sent_ = {*class_.map(packed.pack, [tmp_path / "script.js"] * 32)}
    assert len(done) == 1 == len(sent_)


def test_without_starlette_addresses_stay_nothing_is_packed_and_plotly_comes_later(monkeypatch):
    hide(monkeypatch, "starlette.staticfiles")
    internals.shorten_deep_addresses()
    internals.send_frontend_packed()
    internals.send_plotly_early()


TOLD = {
    "nothing": {},
    "nothing now": {"events": None},
    "a click": {"events": [{"event": "click", "value": 3}]},
    "two at once": {"events": [{"event": "click", "value": 3}, {"event": "turn", "value": {"at": 1}}]},
}


@pytest.mark.parametrize("base", [{}, {"open": True}], ids=str)
@pytest.mark.parametrize("told", TOLD.values(), ids=TOLD.keys())
def test_what_a_component_told_reads_as_streamlit_gives_it(monkeypatch, told, base):
    main = pytest.importorskip("streamlit.components.v2.bidi_component.main")
    streamlits = importlib.import_module("streamlit.components.v2.presentation").make_bidi_component_presenter
    monkeypatch.setattr(main, "make_bidi_component_presenter", streamlits)
    internals.lighten_states()
    assert main.make_bidi_component_presenter is not streamlits
    states = WStates()
    states.update(told)
    states.widget_metadata = {"events": SimpleNamespace(value_type="json_trigger_value")}
    state = SimpleNamespace(_new_widget_state=states)
    ours, theirs = (
        make("events", "id", {"open"})(base, state) for make in (main.make_bidi_component_presenter, streamlits)
    )
    assert ours == theirs == base | {one["event"]: one["value"] for one in told.get("events") or ()}


class WStates(dict):
    """What Streamlit keeps of a session's widgets, as far as a component's value is read from it."""


def test_a_component_s_state_is_left_to_streamlit_where_it_is_kept_elsewhere(monkeypatch):
    main = pytest.importorskip("streamlit.components.v2.bidi_component.main")
    asked = []
    monkeypatch.setattr(
        main, "make_bidi_component_presenter", lambda *_: lambda base, _: asked.append(base) or "theirs"
    )
    internals.lighten_states()
    assert main.make_bidi_component_presenter("events")({"open": True}, SimpleNamespace()) == "theirs" and asked
    monkeypatch.delattr(main, "make_bidi_component_presenter")
    internals.lighten_states()


def test_a_turn_of_a_page_that_was_left_is_not_run(monkeypatch):
    session = pytest.importorskip("streamlit.runtime.app_session").AppSession
    runner = pytest.importorskip("streamlit.runtime.scriptrunner").ScriptRunner
    asked, ran = [], []
    monkeypatch.setattr(session, "request_rerun", lambda _, state: asked.append(state))
    monkeypatch.setattr(runner, "_run_script", lambda _, data: ran.append(data))
    internals.leave_left_pages()
    here = SimpleNamespace(_pages_manager=SimpleNamespace())

    def ask(page: str, fragment: str = "") -> bool:
        session.request_rerun(here, state := SimpleNamespace(page_script_hash=page, fragment_id=fragment))
        return any(heard is state for heard in asked)

    def run(page: str, *fragments: str) -> bool:
        runner._run_script(here, data := SimpleNamespace(page_script_hash=page, fragment_id_queue=[*fragments]))
        return any(run is data for run in ran)

    assert ask("") and ask("one", "turned") and run("one", "turned"), "nobody has said yet which page it is"
    assert ask("one") and ask("one", "turned") and run("one", "turned")
    assert ask("two") and not ask("one", "turned") and not run("one", "turned")
    assert ask("two", "turned") and run("two") and run("two", "turned")
    monkeypatch.setattr(internals, "_pages", lambda: here._pages_manager)
    monkeypatch.setattr(internals, "run_context", lambda: SimpleNamespace(page_script_hash="three"))
    internals.page_opened()  # where st.switch_page led, which no link asked for
    assert ask("three", "turned") and not run("two", "turned")
    session.request_rerun(here, None)
    assert asked[-1] is None, "the server may ask by itself"
    monkeypatch.delattr(session, "request_rerun")
    internals.leave_left_pages()


def test_where_a_run_is_awaited_so_is_one_that_comes_to_nothing(monkeypatch):
    """As in a browser without a server, whose ScriptRunner is another one."""
    session = pytest.importorskip("streamlit.runtime.app_session").AppSession
    runner = pytest.importorskip("streamlit.runtime.scriptrunner").ScriptRunner
    ran = []

    async def run(_: Any, data: Any) -> str:
        ran.append(data)
        return "run"

    monkeypatch.setattr(session, "request_rerun", lambda *_: "requested")
    monkeypatch.setattr(runner, "_run_script", run)
    internals.leave_left_pages()
    here = SimpleNamespace(_pages_manager=SimpleNamespace())
    assert session.request_rerun(here, SimpleNamespace(page_script_hash="two", fragment_id="")) == "requested"
    of_two, of_one = (SimpleNamespace(page_script_hash=page, fragment_id_queue=["turned"]) for page in ("two", "one"))
    assert awaited(runner._run_script(here, of_two)) == "run" and ran == [of_two]
    assert awaited(runner._run_script(here, of_one)) is None and ran == [of_two]


SECTIONS = ("theme", "theme.light", "theme.dark", "theme.sidebar", "theme.light.sidebar", "theme.dark.sidebar")


def themed(write: Callable[..., None]) -> bytes:
    """The theme of a run's first message, as `write` writes it section by section."""
    proto = pytest.importorskip("streamlit.proto.NewSession_pb2")
    message = proto.NewSession()
    for section in SECTIONS:
        part = message.custom_theme
        for name in section.split(".")[1:]:
            part = getattr(part, name)
        write(part, section)
    return message.SerializeToString(deterministic=True)


def test_the_theme_is_what_streamlit_writes_and_another_once_its_file_is(monkeypatch):
    session = pytest.importorskip("streamlit.runtime.app_session")
    from streamlit import config

    streamlits = getattr(session._populate_theme_msg, "fibra", session._populate_theme_msg)  # a page may have run
    monkeypatch.setattr(session, "_populate_theme_msg", streamlits)
    internals.keep_theme()
    ours = session._populate_theme_msg
    assert ours is not streamlits
    first = themed(streamlits)
    assert [themed(ours), themed(ours)] == [first, first]
    theirs = config.get_config_options()
    other = copy.deepcopy(theirs)
    other["theme.primaryColor"].set_value("#123456", "a file")
    monkeypatch.setattr(config, "_config_options", other)
    assert b"#123456" in themed(ours) and themed(ours) == themed(streamlits) != first
    monkeypatch.delattr(session, "_populate_theme_msg")
    internals.keep_theme()


# ---- In the browser. Where Streamlit's or Plotly's own code would trip over it too, a thing is hidden from ours alone.

PLOTLY = """
let plotly;
const set = (made) => (plotly = RENAMED(made));
Object.defineProperty(window, "Plotly", { configurable: true, get: () => plotly, set });
"""
# What a drawing leaves behind is not as it was, for as long as the library looks at it.
HIDDEN = """(made) => {
  window.ears = 0;
  const { react } = made;
  const library = { ...made };
  library.react = async (plot, ...rest) => {
    await react(plot, ...rest);
    if (!plot.counted) {
      const { on } = plot;
      plot.counted = true;
      plot.on = (kind, heard) => {
        if (kind === "plotly_click" && plot.closest("[data-figure=fibres]")) window.ears += 1;
        return on.call(plot, kind, heard);
      };
    }
    HIDE
  };
  return library;
}"""
SCENES = """
for (const name of Object.keys(plot._fullLayout).filter((name) => name.startsWith("scene"))) {
  const scene = plot._fullLayout[name]._scene;
  const real = scene.glplot;
  scene.glplot = Object.create(real, { PART: { value: undefined } }); // a frame of Plotly's own may come in between
  setTimeout(() => (scene.glplot = real));
}
"""
CAMERAS = """
for (const name of Object.keys(plot._fullLayout).filter((name) => name.startsWith("scene"))) {
  const scene = plot._fullLayout[name]._scene;
  scene.updateFx = undefined;
  setTimeout(() => delete scene.updateFx);
}
"""
# What belongs to a scene all the time is hidden from the one function that asks for it.
ASKED = """
for (const name of Object.keys(plot._fullLayout).filter((name) => name.startsWith("scene"))) {
  const scene = plot._fullLayout[name]._scene;
  let { PART: real } = scene;
  const get = () => (new Error().stack.includes("WHO") ? undefined : real);
  Object.defineProperty(scene, "PART", { configurable: true, get, set: (given) => (real = given) });
}
"""
TRACES = ASKED.replace("PART", "traces").replace("WHO", "setTraces")
NAMES = ASKED.replace("PART", "drawAnnotations").replace("WHO", "keepNames")
LAYOUT = """
const real = plot._fullLayout;
plot._fullLayout = undefined;
setTimeout(() => (plot._fullLayout = real));
"""
FRAMES = """
window.asked = 0;
const { requestAnimationFrame } = window;
window.requestAnimationFrame = (frame) => (window.asked += 1, requestAnimationFrame(frame));
"""
DOZING = """async () => {
  const before = window.asked;
  await new Promise((done) => setTimeout(done, 500));
  return window.asked - before < 5;
}"""
TURNED = """async () => {
  const plot = document.querySelector("[data-figure=fibres] .js-plotly-plot");
  const canvas = plot.querySelector("canvas");
  const eye = () => plot._fullLayout.scene._scene.getCamera().eye.x;
  const move = (clientX, buttons) =>
    canvas.dispatchEvent(new MouseEvent("mousemove", { clientX, clientY: 300, buttons, bubbles: true }));
  const { drawn } = plot.dataset;
  while (plot.dataset.drawn === drawn) await new Promise((done) => setTimeout(done));
  const before = eye();
  move(400, 0);
  for (const x of [400, 440, 480]) move(x, 1);
  return [before, eye()];
}"""
STIRRED = """(canvas) => {
  const before = window.asked;
  canvas.dispatchEvent(new PointerEvent("pointermove", { bubbles: true }));
  return window.asked - before;
}"""
STATES = """
const { setAttribute } = Element.prototype;
Element.prototype.setAttribute = function (name, value) {
  if (/^data-test-/.test(name)) name = name.replace("-test-", "-other-");
  return setAttribute.call(this, name, value);
};
"""
APP = """
const { setAttribute } = Element.prototype;
const renamed = (value) => String(value).replace(/\\bstApp\\b/g, "stOther");
Element.prototype.setAttribute = function (name, value) {
  return setAttribute.call(this, name, /^(class|data-testid)$/.test(name) ? renamed(value) : value);
};
const { set, get } = Object.getOwnPropertyDescriptor(Element.prototype, "className");
Object.defineProperty(Element.prototype, "className", { get, set(value) { set.call(this, renamed(value)); } });
"""
THEME = """
const { keys } = Object;
Object.keys = (of) => keys(of).filter((key) => !key.startsWith("__reactContainer$"));
const { getItem } = Storage.prototype;
Storage.prototype.getItem = function (key) { return key.startsWith("stActiveTheme") ? null : getItem.call(this, key); };
"""
SEALED = """
const { insertRule } = CSSStyleSheet.prototype;
Object.defineProperty(CSSStyleSheet.prototype, "insertRule", { value: insertRule, writable: false });
"""
UNDER = """() => {
  const all = [...document.styleSheets].flatMap(({ cssRules }) => [...cssRules]);
  return all.filter(({ selectorText }) => /segmented_control.*:has|:has.*segmented_control/.test(selectorText)).length;
}"""
WRAPPED = """
new MutationObserver(() => {
  for (const component of document.querySelectorAll(".stBidiComponent:not([wrapped])")) {
    if (!component.firstElementChild) continue;
    component.setAttribute("wrapped", "");
    const wrapper = document.createElement("div");
    component.insertBefore(wrapper, component.firstElementChild);
    wrapper.append(component.children[1]);
  }
}).observe(document, { childList: true, subtree: true });
"""
PLACES = """() => Object.fromEntries([...document.querySelectorAll(".fibra-figure")].map((figure) => {
  const { x, y, width } = figure.getBoundingClientRect();
  return [figure.closest(".fibra-place").dataset.figure, [x, y, width].map(Math.round)];
}))"""
ALL_DRAWN = """(n) => {
  const plots = [...document.querySelectorAll(".fibra-plot")];
  return plots.length >= n && plots.every((plot) => plot.dataset.drawn);
}"""


def opened(watched, address: str, renamed: str = "", figures: int = 9) -> Page:
    """A tab high enough for all figures, with all of them drawn."""
    page = watched.tab(1440, 2400)
    page.add_init_script(renamed)
    page.goto(address)
    page.wait_for_function(ALL_DRAWN, arg=figures)
    return page


@pytest.mark.browser
@pytest.mark.parametrize(
    "renamed",
    [
        "(made) => { const { PlotSchema, ...rest } = made; return rest; }",
        "(made) => { const { crawl, ...schema } = made.PlotSchema; return { ...made, PlotSchema: schema }; }",
        HIDDEN.replace("HIDE", LAYOUT),
    ],
    ids=["schema", "schema's walk", "drawn layout"],
)
def test_figures_are_drawn_without_plotly_s(watched, app, renamed):
    page = opened(watched, f"{app}/attention?lang=en", PLOTLY.replace("RENAMED", f"({renamed})"))
    assert not page.locator(".stPlotlyChart").count()


@pytest.mark.browser
@pytest.mark.parametrize(
    "hide",
    [*(SCENES.replace("PART", part) for part in ("add", "onrender", "camera")), CAMERAS, TRACES, NAMES],
    ids=["pool", "frame", "loop", "camera", "traces", "names"],
)
def test_without_a_scene_s_inside_it_is_drawn_again_and_again_and_hears_once(watched, app, hide):
    script = PLOTLY.replace("RENAMED", f"({HIDDEN.replace('HIDE', hide)})")
    page = opened(watched, f"{app}/fibres?lang=en&model=gpt", script, figures=2)
    plot = page.locator("[data-figure=fibres] .fibra-plot")
    slider = page.locator("[class*=st-key-knob-threshold] input[type=range]")
    for turn in (2, 3):
        slider.press("ArrowRight")
        page.wait_for_function(f"document.querySelector('[data-figure=fibres] .fibra-plot').dataset.drawn >= {turn}")
    assert int(plot.get_attribute("data-drawn")) >= 3 and page.evaluate("window.ears") == 1


@pytest.mark.browser
def test_a_scene_that_stands_is_looked_at_now_and_then_and_one_that_a_pointer_is_at_in_each_frame(watched, app):
    page = opened(watched, f"{app}/fibres?lang=en&model=gpt", FRAMES, figures=2)
    settled(page)
    for _ in range(5):  # what comes late on a busy machine, a font or a width, stirs it once more
        page.wait_for_function(DOZING)
        stood, began = page.evaluate("[window.asked, performance.now()]")
        page.wait_for_timeout(2000)
        asked, ended = page.evaluate("[window.asked, performance.now()]")
        if (frames := (asked - stood) / (ended - began) * 1000) <= 6:
            break
    assert 1 <= frames <= 6, "each quarter of a second"
    canvas = page.locator("[data-figure=fibres] .fibra-plot canvas").first
    assert canvas.evaluate(STIRRED) == 1, "at once"
    page.wait_for_function("before => window.asked > before + 12", arg=asked, timeout=1500)
    page.wait_for_function(DOZING)


@pytest.mark.browser
def test_a_scene_hears_the_hand_that_turns_it_while_its_light_rises(watched, app):
    page = opened(watched, f"{app}/fibres?lang=en&model=gpt", figures=2)
    settled(page)
    page.get_by_role("button", name="Play").first.click()
    before, after = page.evaluate(TURNED)
    assert abs(after - before) > 0.1, "right after a drawing"


@pytest.mark.browser
def test_without_a_scene_s_camera_a_scene_given_other_places_goes_no_further_off_each_time(watched, app):
    page = opened(watched, f"{app}/fibres?lang=en&model=gpt", figures=2)
    plot = "document.querySelector('[data-figure=fibres] .fibra-plot')"
    page.evaluate(f"{plot}._fullLayout.scene._scene.getCamera = undefined")
    eye = f"{plot}.layout.scene.camera.eye.y"
    stood = []
    for width in (1200, 600) * 3:
        page.set_viewport_size({"width": width, "height": 900})
        settled(page, 400)
        stood.append(page.evaluate(eye))
    assert stood == pytest.approx(stood[:2] * 3) and abs(stood[1]) > abs(stood[0])


@pytest.mark.browser
@pytest.mark.parametrize("renamed", [STATES, APP, SEALED], ids=["its states", "the app's element", "its styles"])
def test_sliders_turn_without(watched, app, renamed):
    page = opened(watched, f"{app}/attention?lang=en", renamed)
    slider = page.locator("[class*=st-key-knob-temperature] input[type=range]")
    for _ in range(3):
        before = page.url
        slider.press("ArrowRight")
        page.wait_for_function("before => location.href !== before", arg=before)
    assert not page.locator("[data-testid=stMain]").evaluate("main => main.inert")


@pytest.mark.browser
def test_without_a_way_to_switch_the_theme_the_page_is_loaded_anew_once_a_choice(watched, app):
    page = watched.tab(color_scheme="light")
    page.add_init_script(THEME)
    loads = []
    page.on("load", lambda: loads.append(page.url))
    page.goto(f"{app}/attention?lang=en")
    page.locator(".st-key-browser button").click()
    page.wait_for_function("sessionStorage['fibra-theme-tried'] === 'dark' && localStorage['fibra-theme'] === ''")
    page.locator(".st-key-browser button").wait_for()
    page.wait_for_timeout(1500)
    assert len(loads) == 2
    page.goto(f"{app}/heads?lang=en")
    page.locator(".st-key-browser button").wait_for()
    page.wait_for_timeout(1500)
    assert len(loads) == 3, "what did not help is not tried again"


@pytest.mark.browser
def test_no_style_of_a_segmented_control_looks_through_the_page_at_each_element_that_comes(watched, app):
    page = opened(watched, f"{app}/cause?lang=en", figures=3)
    controls = page.locator("button[data-variant=segmented_control]")
    controls.nth(1).wait_for()
    assert page.evaluate(UNDER) == 0
    page.locator(".st-key-browser button").click()  # the other theme brings its own styles
    page.wait_for_timeout(500)
    assert controls.count() >= 2 and page.evaluate(UNDER) == 0
    sealed = opened(watched, f"{app}/cause?lang=en", SEALED, figures=3)
    sealed.locator("button[data-variant=segmented_control]").nth(1).wait_for()
    assert sealed.evaluate(UNDER) > 0, "it sees those that are left"


@pytest.mark.browser
def test_one_wrapper_more_around_a_component_moves_nothing(watched, app):
    places = [opened(watched, f"{app}/attention?lang=en", renamed).evaluate(PLACES) for renamed in ("", WRAPPED)]
    assert places[0] == places[1]
    tops = {places[1][f"attention-{step}"][1] for step in ("x", "q", "k", "v")}
    assert len(tops) == 1, "four in a line"
