"""What whoever deploys Fibra is told: a line for each error, without what readers typed; and how the server stands."""

from __future__ import annotations

import json
import logging

import pytest
from streamlit.testing.v1 import AppTest

from core import Scene, limits
from pictures.compute import run
from pictures.memory import BUDGET
from pictures.words import LANGUAGES, words_of
from ui import log, status
from ui.round.store import Memory

SECRET = "my own secret"


def fails() -> None:
    import streamlit as st

    from core import ConfigError, Scene
    from ui import log, state

    log.listen()
    log.listen()
    pinned = Scene(sentence="my own secret")
    st.session_state[state.SCENE] = Scene(model="gpt", other_sentence="my own secret", seed=7, pinned=pinned)
    st.session_state[state.PAGE] = "attention"
    try:
        Scene(seed=-1)
    except Exception as error:
        raise ConfigError("my own secret") from error


@pytest.mark.parametrize("allowed", [False, True])
def test_an_error_is_one_line_that_says_what_was_asked_and_nothing_that_was_typed(monkeypatch, caplog, allowed):
    monkeypatch.setenv(log.ALLOWED, str(int(allowed)))
    with caplog.at_level(logging.ERROR, logger="fibra"):
        AppTest.from_function(fails).run()
    (record,) = [record for record in caplog.records if record.name == "fibra"]
    told = json.loads(record.getMessage())
    assert told["error"] == "ConfigError" and told["page"] == "attention" and told["at"].endswith("+00:00")
    assert told["asked"]["model"] == "gpt" and told["asked"]["seed"] == "7"
    assert (SECRET in record.getMessage()) is allowed
    if not allowed:
        assert told["asked"]["other_sentence"] == told["asked"]["pinned"]["sentence"] == f"{len(SECRET)} characters"


def test_where_names_the_innermost_line_of_ours():
    with pytest.raises(Exception) as caught:
        Scene(seed=-1)
    assert log.where(caught.value).startswith("core/")
    assert log.where(ValueError()) == ""


def test_every_text_of_a_scene_is_personal():
    assert {"sentence", "target", "other_sentence"} <= {*log.PERSONAL}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_how_the_server_stands_is_what_it_keeps(monkeypatch, lang):
    words, store = words_of(lang), Memory()
    store.begin()
    monkeypatch.setattr(status, "rooms", lambda: store)
    BUDGET.clear()
    run(Scene(seed=5))
    rows = dict(status.rows(words))
    assert rows[words("status.rooms")] == words("status.of", now=1, most=limits.ROOMS)
    kept = [shelf for shelf in BUDGET.shelves if shelf.entries]
    assert kept and all(shelf.name in rows for shelf in kept)
    assert "numpy" in rows[words("status.versions")]


def test_it_stands_there_only_where_it_was_asked_for(monkeypatch):
    seen = []
    monkeypatch.setattr(status.st, "expander", lambda *_, **__: seen.append(1) or status.st.container())
    monkeypatch.delenv(status.ASKED, raising=False)
    status.offer(words_of("en"))
    assert not seen
    monkeypatch.setenv(status.ASKED, "1")
    status.offer(words_of("en"))
    assert seen
