"""What is private in Streamlit and Plotly, on the server's side: every touch of it, each behind a guard of its own.

Beside each stands what is done without it. All were last seen in Streamlit 1.67 and Plotly 7.1; those that 1.62 has not
say so. tests/test_internals.py takes each of them away. The browser's side is internals.js; what the sheets name of
Streamlit's elements is streamlit.css.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any
from urllib.parse import quote

import streamlit as st

from ui.live import packed
from ui.live.alone import ALONE

GONE = (ImportError, AttributeError, TypeError, RuntimeError)  # what is raised where something is not as it was


def run_context() -> Any:
    """What Streamlit knows of this run of a page: streamlit.runtime.scriptrunner. None without it."""
    try:
        from streamlit.runtime.scriptrunner import get_script_run_ctx

        return get_script_run_ctx(suppress_warning=True)
    except GONE:
        return None


def session_id() -> str:
    """The id of this run's session, where a server runs: ScriptRunContext.session_id. "" without it: then Streamlit's
    own two minutes hold (presence.py)."""
    try:
        from streamlit import runtime

        return getattr(run_context(), "session_id", "") if runtime.exists() else ""
    except GONE:
        return ""


def through_history() -> bool | None:
    """Whether Back or Forward caused this run: ScriptRunContext.is_history_navigation, which 1.62 has not. None without
    it: then state.py tells by the queries alone."""
    return getattr(run_context(), "is_history_navigation", None)


# ------------------------------------------------------------------------------------------------- which page is run


def _pages() -> Any:
    """ScriptRunContext.pages_manager; None without it."""
    return getattr(run_context(), "pages_manager", None)


def asked_page() -> str:
    """The page that the address asks for by a name that Streamlit has not looked up: PagesManager.intended_page_name.
    "" without it: then Streamlit's own box says that there is no such page."""
    manager = _pages()
    return (
        "" if getattr(manager, "intended_page_script_hash", None) else getattr(manager, "intended_page_name", "") or ""
    )


def ask_for_page(name: str) -> None:
    """Have Streamlit look for this page instead, or with "" for the first: PagesManager.set_script_intent. Nothing
    without it."""
    try:
        _pages().set_script_intent("", name)
    except GONE:
        return


def main_script() -> str:
    """The path of the app's own script: PagesManager.main_script_path. "" without it: then a page that was run alone
    stays alone, without our menu, until the next one is opened."""
    return str(getattr(_pages(), "main_script_path", "") or "")


def leave_pages_folder() -> bool:
    """Have Streamlit no longer take the folder pages/ for its older way of many pages. Whether it did so:
    PagesManager.uses_pages_directory. Without it: False, and `main_script` tells."""
    try:
        from streamlit.runtime.pages_manager import PagesManager

        if used := bool(PagesManager.uses_pages_directory):
            PagesManager.uses_pages_directory = False
        return used
    except GONE:
        return False


# -------------------------------------------------------------------------------------------------------- the server


def shorten_deep_addresses() -> None:
    """Lead an address of several levels, /a/b, to its last one, /b, where our notice tells of a page that is nowhere.

    Streamlit answers it with its own page, whose scripts are named relative to the address and are not found there:
    nothing would be shown. starlette.staticfiles.StaticFiles.get_response, on which Streamlit's files stand. Without
    it: so it stays.
    """
    try:
        from starlette.exceptions import HTTPException
        from starlette.responses import RedirectResponse
        from starlette.staticfiles import StaticFiles

        served = StaticFiles.get_response
    except GONE:
        return
    if getattr(served, "fibra", False):
        return

    async def get_response(self: Any, path: str, scope: Any) -> Any:
        try:
            return await served(self, path, scope)
        except HTTPException as error:
            levels = path.replace("\\", "/").strip("/").split("/")
            page = any(name == b"accept" and b"text/html" in value for name, value in scope.get("headers", ()))
            if error.status_code != 404 or len(levels) < 2 or "_stcore" in levels or not (page and self.html):
                raise
            query = scope.get("query_string", b"").decode("latin-1")
            up = "../" * (len(levels) - 1)
            return RedirectResponse(f"{up}{quote(levels[-1])}{query and '?'}{query}")

    get_response.fibra = True  # type: ignore[attr-defined]
    StaticFiles.get_response = get_response  # type: ignore[method-assign]


def send_frontend_packed() -> None:
    """Send the scripts and sheets of Streamlit's frontend packed, by the same StaticFiles.get_response. Without it, or
    without the file that a response is of: they are sent as they are."""
    try:
        from starlette.concurrency import run_in_threadpool
        from starlette.datastructures import Headers
        from starlette.responses import FileResponse, StreamingResponse
        from starlette.staticfiles import StaticFiles

        served = StaticFiles.get_response
    except GONE:
        return
    if getattr(served, "packs", False):
        return

    @wraps(served)  # what is marked of the one inside stays marked
    async def get_response(self: Any, path: str, scope: Any) -> Any:
        response = await served(self, path, scope)
        file = isinstance(response, FileResponse) and self.html and response.status_code == 200 and response.path
        if not file or not packed.packs(file, int(response.headers.get("content-length", 0))):
            return response
        if scope["method"] != "GET" or not packed.unpacks(Headers(scope=scope)):
            response.headers["vary"] = "Accept-Encoding"
            return response
        content = packed.kept(file) or await run_in_threadpool(packed.pack, file)
        return StreamingResponse(packed.parts(content), headers=packed.headers(response.headers, content))

    get_response.packs = True  # type: ignore[attr-defined]
    StaticFiles.get_response = get_response  # type: ignore[method-assign]


def send_plotly_early() -> None:
    """Have the browser fetch Plotly with the page, and not when a figure asks for it: by a header of the page's HTML.

    starlette.staticfiles.StaticFiles.__call__, on which Streamlit's files stand. Without it: Plotly is fetched later.
    """
    try:
        from starlette.staticfiles import StaticFiles

        called = StaticFiles.__call__
    except GONE:
        return
    chunk = plotly_chunk()
    if not chunk or getattr(called, "fibra", False):
        return
    link = b"link", f"<./static/js/{chunk}>; rel=modulepreload; fetchpriority=low".encode()

    async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
        async def tell(message: Any) -> None:
            headers = message.get("headers", ())
            if any(name == b"content-type" and value.startswith(b"text/html") for name, value in headers):
                message = {**message, "headers": [*headers, link]}
            await send(message)

        await called(self, scope, receive, tell)

    call.fibra = True  # type: ignore[attr-defined]
    StaticFiles.__call__ = call  # type: ignore[method-assign]


def on_error(tell: Callable[[BaseException], None]) -> None:
    """Call `tell` with each exception that a page raised, once, in that page's run: the logger streamlit.error_util,
    which writes its traceback. Without it nobody is told, and the traceback is all that the log has."""

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                if record.exc_info and record.exc_info[1] is not None:
                    tell(record.exc_info[1])
            except Exception:
                self.handleError(record)

    logger = logging.getLogger("streamlit.error_util")
    if not any(type(ear).__name__ == "Ear" for ear in logger.handlers):
        logger.addHandler(Ear())


def sessions() -> int | None:
    """How many readers are connected: Runtime._session_mgr.num_active_sessions. None without it: then nobody says."""
    try:
        from streamlit import runtime

        return int(runtime.get_instance()._session_mgr.num_active_sessions())
    except GONE:
        return None


def loop() -> Any:
    """The server's loop: Runtime._get_async_objs().eventloop. None without it."""
    try:
        from streamlit import runtime

        return runtime.get_instance()._get_async_objs().eventloop
    except GONE:
        return None


def complete_runtime() -> None:
    """Give the browser build what components.v2 looks for: Runtime.exists and .instance, which it keeps beside the
    class (stlite 1.9, of Streamlit 1.62). Nothing where they are."""
    try:
        from streamlit import runtime

        if not hasattr(runtime.Runtime, "exists"):
            runtime.Runtime.exists = staticmethod(runtime.exists)
            runtime.Runtime.instance = staticmethod(runtime.get_instance)
    except GONE:
        return


def leave_left_pages() -> None:
    """Let a turn of a page that the reader has left come to nothing.

    Who turns a knob while the next page is on its way asks for that page first and then for a fragment of the old one.
    Streamlit ran it, told the browser of a change of page, and of the fragment's elements alone: they found no place
    there, and the browser was left with an empty screen. AppSession.request_rerun, ScriptRunner._run_script. Without
    either: so it stays.
    """
    try:
        from streamlit.runtime.app_session import AppSession
        from streamlit.runtime.scriptrunner import ScriptRunner

        request, run = AppSession.request_rerun, ScriptRunner._run_script
    except GONE:
        return
    if getattr(request, "fibra", False):
        return

    def requested(self: Any, state: Any) -> Any:
        manager = getattr(self, "_pages_manager", None)
        page, fragment = getattr(state, "page_script_hash", ""), getattr(state, "fragment_id", "")
        if not fragment:
            _open(manager, page)
        elif _left(manager, page):
            return None
        return request(self, state)

    async def nothing() -> None:
        pass

    def ran(self: Any, data: Any) -> Any:
        fragments, page = getattr(data, "fragment_id_queue", ()), getattr(data, "page_script_hash", "")
        if fragments and _left(getattr(self, "_pages_manager", None), page):
            return nothing() if iscoroutinefunction(run) else None  # without a server a run is awaited
        return run(self, data)

    requested.fibra = True  # type: ignore[attr-defined]
    AppSession.request_rerun = requested  # type: ignore[method-assign]
    ScriptRunner._run_script = ran  # type: ignore[method-assign]


def page_opened() -> None:
    """This run's page is the one that the reader is on: also where no link asked for it, but st.switch_page."""
    _open(_pages(), getattr(run_context(), "page_script_hash", ""))


def _open(manager: Any, page: str) -> None:
    if manager is not None and page:
        manager.fibra_page = page


def _left(manager: Any, page: str) -> bool:
    """Whether the session's newest page is another one."""
    return bool(page) and getattr(manager, "fibra_page", page) != page


def lighten_states() -> None:
    """Give what a component has told as it was told, where nothing was told just now.

    Streamlit makes a class for each reading of it, so that a page may write to it, which ours do not; and each list to
    choose from has it read all that the session holds. components.v2.bidi_component.main.make_bidi_component_presenter.
    Without it: so it stays, and a turn takes longer.
    """
    try:
        from streamlit.components.v2.bidi_component import main

        made = main.make_bidi_component_presenter
    except GONE:
        return
    if getattr(made, "fibra", False):
        return

    def make(aggregator_id: str, *about: Any, **more: Any) -> Any:
        present = made(aggregator_id, *about, **more)

        def presented(base: Any, session_state: Any) -> Any:
            try:
                told = session_state._new_widget_state[aggregator_id]
            except KeyError:
                return base
            except GONE:
                told = base
            return base if told is None else present(base, session_state)

        return presented

    make.fibra = True  # type: ignore[attr-defined]
    main.make_bidi_component_presenter = make


def keep_theme() -> None:
    """Write the theme, with which every run's first message begins, once for all runs.

    It follows from the configuration alone, and Streamlit goes through all options of that six times a run: a
    fifteenth of what a turn on Attention takes. runtime.app_session._populate_theme_msg. Without it: so it stays.
    """
    try:
        from streamlit import config
        from streamlit.runtime import app_session

        write = app_session._populate_theme_msg
    except GONE:
        return
    if getattr(write, "fibra", False):
        return
    kept: dict[str, Any] = {}
    read: Any = None  # the configuration of which they are: another one, once a file of it was changed

    def written(message: Any, section: str = "theme") -> None:
        nonlocal read
        if read is not (now := config.get_config_options()):
            kept.clear()
            read = now
        if section not in kept:
            kept[section] = type(message)()
            write(kept[section], section)
        if kept[section].ByteSize():  # else it would be said to be there, and empty
            message.MergeFrom(kept[section])

    written.fibra = write  # type: ignore[attr-defined]
    app_session._populate_theme_msg = written


def close_session(session: str) -> None:
    """Close a session that has no connection: Runtime.is_active_session, close_session. Without them Streamlit does so
    later."""
    try:
        from streamlit import runtime

        server = runtime.get_instance()
        if not server.is_active_session(session):
            server.close_session(session)
    except GONE:
        return


# ----------------------------------------------------------------------------------------------------------- figures


def plotly_chunk() -> str | None:
    """The file of the installed frontend that carries Plotly: static/static/js/PlotlyChart.*.js. None without it: then
    st.plotly_chart draws every figure. Without a server the page around the app knows it (deploy/web/index.html)."""
    if ALONE:
        return ""
    scripts = Path(st.__file__).parent / "static" / "static" / "js"
    return next((path.name for path in scripts.glob("PlotlyChart.*.js")), None)


def unvalidated(figure: dict[str, Any]) -> Any:
    """A figure for st.plotly_chart, which asks only for its `to_dict`, so that no property is validated: a subclass of
    plotly.basedatatypes.BaseFigure. Without it: the dict, which is validated, and slow."""
    try:
        from plotly.basedatatypes import BaseFigure
    except ImportError:
        return figure

    class Raw(BaseFigure):
        def __init__(self) -> None:
            """Nothing of what a figure of Plotly's own is made of."""

        def to_dict(self) -> dict[str, Any]:
            return figure

    return Raw()
