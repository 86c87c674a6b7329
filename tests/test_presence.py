"""A session that is over is closed and swept up within two minutes; one that comes back keeps all."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace

import pytest

from ui.live import presence
from ui.live.presence import Presence
from ui.train import run_memory


class Loop:
    """A server's loop whose time is told."""

    def __init__(self) -> None:
        self.now, self.timers = 0.0, []

    def call_later(self, seconds, work, *args):
        timer = SimpleNamespace(at=self.now + seconds, work=lambda: work(*args), gone=False)
        timer.cancel = lambda: setattr(timer, "gone", True)
        self.timers.append(timer)
        return timer

    def call_soon_threadsafe(self, work, *args):
        work(*args)

    def until(self, now: float) -> None:
        while due := sorted((t for t in self.timers if t.at <= now and not t.gone), key=lambda t: t.at):
            self.now = due[0].at
            self.timers.remove(due[0])
            due[0].work()
        self.now = now


class Held:
    """What only a closed session holds: a circle, as Streamlit's sessions are."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def server(monkeypatch):
    loop, there, closed = Loop(), set(), []
    fake = SimpleNamespace(
        _get_async_objs=lambda: SimpleNamespace(eventloop=loop),
        is_active_session=there.__contains__,
        close_session=closed.append,
    )
    monkeypatch.setattr("streamlit.runtime.get_instance", lambda: fake)
    monkeypatch.setattr(presence, "_left", {})
    monkeypatch.setattr(presence, "_swept", [])
    yield SimpleNamespace(loop=loop, there=there, closed=closed)
    gc.unfreeze()


def test_a_session_that_is_over_is_swept_up_within_two_minutes(server):
    gc.disable()
    try:
        held = weakref.ref(Held())
        presence._leave(Presence("one"))
        assert "one" in run_memory._lost
        server.loop.until(60)
        assert not server.closed and held() is not None
        server.loop.until(119)
        assert server.closed == ["one"] and held() is None and "one" not in run_memory._lost
    finally:
        gc.enable()


def test_one_that_comes_back_keeps_all(server):
    presence._leave(Presence("one"))
    server.loop.until(90)
    presence._back("one")
    server.loop.until(300)
    assert not server.closed and "one" not in run_memory._lost
    presence._leave(Presence("one"))  # and its time begins anew
    server.loop.until(390)
    assert not server.closed
    server.loop.until(420)
    assert server.closed == ["one"]


def test_one_that_is_connected_is_never_closed(server):
    presence._leave(Presence("one"))
    server.there.add("one")  # connected, and no page of it has run yet
    server.loop.until(300)
    assert not server.closed


def test_without_streamlits_inside_its_own_two_minutes_hold(monkeypatch):
    monkeypatch.setattr("streamlit.runtime.get_instance", lambda: SimpleNamespace())
    presence._leave(Presence("one"))
    presence._close("one")
    presence._back("one")
    assert "one" not in presence._left
