"""The benches' client says what the frontend says: a turn that it sends is heard."""

from __future__ import annotations

import importlib
import json
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.WidgetStates_pb2 import WidgetStates

import core
from bench import _mutation, _timed, hostile, mutants
from bench._session import _knob
from core.scene import continuation, recall, run
from pictures import habits, worth
from pictures.explained import derived, drifted
from tests.support import open_page
from ui import state
from ui.live import range as slider

BENCHES = sorted(path.stem for path in Path(hostile.__file__).parent.glob("*.py") if path.stem != "plain_app")


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_finds_what_it_asks_of_the_others(name):
    importlib.import_module(f"bench.{name}" if name != "__init__" else "bench")


@pytest.mark.parametrize("held", [False, True])
def test_a_turn_of_our_slider_is_heard(held, monkeypatch):
    session, turned = {}, []
    for module in (slider, state):
        monkeypatch.setattr(module, "st", SimpleNamespace(session_state=session))
    element = Element()

    def mounted(key: str, data: list, **_: object) -> None:
        element.bidi_component.component_name = "fibra_range"
        element.bidi_component.id, element.bidi_component.json = f"$$ID-0-{key}", json.dumps(data)

    monkeypatch.setattr(slider, "_RANGE", mounted)
    slider.show("Temperature", key="knob", texts=["1", "2", "3"], at=0, on_turn=turned.append)
    states = WidgetStates()
    _knob(element).write(2, held, states)
    (event,) = json.loads(states.widgets[0].json_trigger_value)
    session["knob"] = {event["event"]: event["value"]}
    slider._turned("knob", 3, turned.append)
    assert turned == [2]


def test_a_timed_server_says_what_each_run_took_of_the_processor(monkeypatch, capsys):
    for module, name in ((run, "forward"), (recall.Recalled, "_logits"), (continuation, "generate")):
        monkeypatch.setattr(module, name, getattr(module, name))  # put back at the end
    _timed.listen()
    scene = core.Scene(model="stories", max_new_tokens=2)
    core.run(scene)
    core.write(scene)
    log = "another line\n" + capsys.readouterr().out
    assert [line.split()[1] for line in log.splitlines()[1:]] == ["forward", "generate"]
    each = [_timed.took(log, (name,)) for name in ("forward", "generate", "logits")]
    assert each[0] > 0 and each[1] > 0 and each[2] == 0
    assert _timed.took(log, ("forward", "generate")) == pytest.approx(each[0] + each[1])


@pytest.mark.parametrize("script", hostile.SCRIPTS)
def test_hostile_words_come_in_by_the_sentence_and_the_page_s_own_links_are_none(script):
    assert hostile.sentence(script)


def test_a_changed_constant_is_changed_in_whatever_was_made_of_it() -> None:
    """And of modules that have one of the same name, in none but those that took it over."""
    for path, name, taken in (
        ("pictures/explained/drifted.py", "DRIFTED", lambda: derived.DERIVED["scatter"] is drifted.DRIFTED["scatter"]),
        ("pictures/worth.py", "WIDTH", lambda: worth.WIDTH != 390 and habits.WIDTH == 330),
    ):
        mutant = next(one for one in _mutation.mutants_of(path) if one.place[1] == name)
        was = derived.DERIVED["scatter"], worth.WIDTH

        def changed(mutant=mutant, taken=taken, was=was) -> int:
            _mutation.put(mutant)
            return int(not taken() or was == (derived.DERIVED["scatter"], worth.WIDTH))

        assert mutants.aside(changed) == 0, path
    assert not [one for one in _mutation.mutants_of("pictures/explained/kinds.py") if one.now == "(False)"], "of a zip"


class Asked:
    """What may be cached beside functions: a class, whose makings are kept."""


def test_what_was_computed_is_forgotten_of_functions_and_of_classes() -> None:
    kept = [lru_cache(Asked), lru_cache(open_page), lru_cache(json.dumps)]
    found = mutants.own_caches()
    assert [one in found for one in kept] == [True, True, False], "what is not of this house stays"
