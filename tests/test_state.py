"""Any sequence of a reader's moves leaves one Scene: in the session, in the address, and in every widget.

The browser is a small model here: its history, the page that it shows, and the widgets that it holds, some of them of a
Scene that is over. tests/test_one_scene.py does the same with the real one.
"""

from __future__ import annotations

import gc
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import settings
from hypothesis import strategies as given
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core import PRESETS, Scene, limits
from core.presets import register
from ui import address, controls, presets, state

PAGES = ("attention", "heads", "fibres")
KNOBS = {
    "seed": [0, 1, 5],
    "temperature": [1.0, 2.0, 0.5],
    "query": [0, 2, 3],
    "sentence": ["", "um dois três", "o gato viu o rato"],
    "drift_3d": [False, True],
    "threshold": [0.1, 0.3],
    "lang": ["", "en", "pt-BR"],
}
MODELS = ["penguins", "gpt", "encoder", "stories"]


class Browser:
    """What a browser remembers: its history, where it is in it, and what its widgets show."""

    def __init__(self, page: str, query: dict[str, str]):
        self.history, self.at = [(page, query)], 0
        self.acted = False  # as in session.js: one deed is one step
        self.through_history = False
        self.shown: dict[str, tuple[controls.Mount, object]] = {}
        self.links: list[dict[str, str]] = []  # what the menu's links carried, as they were drawn, the newest last

    @property
    def address(self) -> tuple[str, dict[str, str]]:
        return self.history[self.at]

    def go(self, page: str, query: dict[str, str]) -> None:
        if (page, query) == self.address:
            return
        if self.acted:
            self.history[self.at + 1 :] = [(page, query)]
            self.at += 1
        else:
            self.history[self.at] = page, query
        self.acted = False

    # what ui.state asks of st.query_params
    def to_dict(self) -> dict[str, str]:
        return dict(self.address[1])

    def from_dict(self, query: dict[str, str]) -> None:
        self.go(self.address[0], dict(query))


class Reader(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.clock = 0.0
        self.patch = pytest.MonkeyPatch()
        self.streamlit = SimpleNamespace(session_state={}, rerun=None)
        for module in (state, address, controls):
            self.patch.setattr(module, "st", self.streamlit)
        self.patch.setattr(state, "monotonic", lambda: self.clock)
        self.patch.setattr(address.internals, "through_history", lambda: self.browser.through_history)

    def teardown(self):
        self.patch.undo()

    @initialize(page=given.sampled_from(PAGES), seed=given.sampled_from([0, 5]))
    def open(self, page, seed):
        self.browser = Browser(page, {"seed": str(seed)} if seed else {})
        self.scene, self.past, self.future, self.late = Scene(seed=seed), [], [], []
        self._open()

    # ------------------------------------------------------------------------------------------- the app's side

    def _open(self):
        """A run of the whole page."""
        self.streamlit.query_params = self.browser
        state.open_scene(self.browser.address[0])
        self.browser.links.append(address.linked(state.query()))
        self._draw()
        self.browser.through_history = False

    def _draw(self):
        """A run of what holds the widgets: the page's, or a fragment's."""
        session, before, self.browser.shown = self.streamlit.session_state, self.browser.shown, {}
        for knob in KNOBS:
            mount = controls.feed(knob, getattr(state.scene(), knob))
            old = before.get(knob)
            if old is not None and old[0] == mount:
                self.browser.shown[knob] = old
                continue
            if old is not None:
                self.late.append((old[0], old[1]))
                session.pop(old[0].key, None)
            self.browser.shown[knob] = mount, mount.value
            session[mount.key] = mount.value

    def _deed(self):
        self.clock += 60
        self.browser.acted = True

    def _expect(self, new):
        if replace(new, lang=self.scene.lang) != self.scene:
            self.past, self.future = [*self.past, self.scene][-limits.UNDO :], []
        self.scene = new

    # ---------------------------------------------------------------------------------------------------- moves

    @rule(data=given.data(), knob=given.sampled_from([*KNOBS]), whole=given.booleans())
    def turn(self, data, knob, whole):
        self._deed()
        mount, _ = self.browser.shown[knob]
        value = data.draw(given.sampled_from(KNOBS[knob]))
        self.browser.shown[knob] = mount, value
        self.streamlit.session_state[mount.key] = value
        controls._heard(mount, lambda value: state.turn(**{knob: value}))
        self._expect(self.scene.turn(**{knob: value}))
        self._open() if whole else self._draw()

    @rule(data=given.data(), whole=given.booleans())
    @precondition(lambda self: self.late)
    def a_late_answer(self, data, whole):
        """A widget of a Scene that is over answers: what it says belongs to nobody."""
        mount, _ = data.draw(given.sampled_from(self.late[-3:]))
        if self.streamlit.session_state[controls.MOUNTS].get(mount.knob) == mount:
            return  # the same widget, come again
        kept = self.streamlit.session_state.get(mount.key)
        self.streamlit.session_state[mount.key] = data.draw(given.sampled_from(KNOBS[mount.knob]))
        controls._heard(mount, lambda value: state.turn(**{mount.knob: value}))
        self.streamlit.session_state.pop(mount.key)
        if kept is not None:
            self.streamlit.session_state[mount.key] = kept
        self._open() if whole else self._draw()

    @rule(stops=given.lists(given.sampled_from([0.5, 1.0, 2.0, 5.0]), min_size=2, max_size=4))
    def drag(self, stops):
        """However slowly: one move, and one address."""
        self._deed()
        before, began = self.scene, self.clock
        for number, stop in enumerate(stops):
            self.clock += 60
            with state.one_move(("temperature", began)):
                if number < len(stops) - 1:
                    with address.left_alone():
                        state.turn(temperature=stop)
                else:
                    state.turn(temperature=stop)
        if stops[-1] != before.temperature:
            self._expect(before.turn(temperature=stops[-1]))
        elif any(stop != before.temperature for stop in stops):
            self.future = []
        self._draw()

    @rule(page=given.sampled_from(PAGES), behind=given.integers(1, 4))
    def menu(self, page, behind):
        """A link, which carries the Scene that it was drawn for; on a slow line that is some runs ago."""
        self._deed()
        self.browser.go(page, dict(self.browser.links[-behind:][0]))
        self._open()

    @rule()
    def run_again(self):
        """As after st.rerun(): the same page is drawn once more."""
        self._open()

    @rule(steps=given.sampled_from([-2, -1, 1, 2]))
    def through_history(self, steps):
        there = self.browser.at + steps
        if 0 <= there < len(self.browser.history):
            self.clock += 60
            self.browser.at, self.browser.through_history, self.browser.acted = there, True, False
            self.scene, _ = Scene.from_query(self.browser.address[1])
            self._open()

    @rule(back=given.booleans())
    def undo_or_redo(self, back):
        self._deed()
        (state.undo if back else state.redo)()
        source, other = (self.past, self.future) if back else (self.future, self.past)
        if source:
            other.append(self.scene)
            self.scene = replace(source.pop(), lang=self.scene.lang)
        self._open()

    @rule(model=given.sampled_from(MODELS))
    def preset(self, model):
        self._deed()
        wanted, _ = presets.with_model(self.scene, model)
        presets.open_preset(model)
        assert wanted.text == self.scene.sentence or not self.scene.sentence or self.scene.sentence != wanted.sentence
        self._expect(wanted)
        self._open()

    @rule()
    def pin(self):
        self._deed()
        state.pin()
        self._expect(self.scene.pin() if self.scene.pinned is None else replace(self.scene, pinned=None))
        self._open()

    @rule()
    def lose_the_session(self):
        """The phone was away, the server restarted: another session, on the browser's address."""
        self.streamlit.session_state.clear()
        self.past, self.future, self.late, self.browser.shown = [], [], [], {}
        del self.browser.links[:]  # all is drawn anew
        self._open()

    # ----------------------------------------------------------------------------------------------- one Scene

    @invariant()
    def the_session_the_address_and_the_widgets_say_the_same(self):
        if not hasattr(self, "scene"):
            return
        assert state.scene() == self.scene
        assert self.browser.address[1] == self.scene.to_query()
        for knob, (mount, value) in self.browser.shown.items():
            assert value == getattr(self.scene, knob), knob
            assert self.streamlit.session_state[mount.key] == value


TestAnySequenceOfMoves = Reader.TestCase
TestAnySequenceOfMoves.settings = settings(max_examples=120, stateful_step_count=30, deadline=None)


@pytest.fixture
def session(monkeypatch):
    """ui.state in a session of its own, whose address is at hand."""
    browser = Browser("attention", {})
    fake = SimpleNamespace(session_state={}, query_params=browser)
    for module in (state, address):
        monkeypatch.setattr(module, "st", fake)
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(state, "monotonic", lambda: clock.now)
    state.open_scene("attention")
    return SimpleNamespace(browser=browser, state=fake.session_state, clock=clock)


def test_turns_of_one_knob_in_a_moment_are_one_move_and_there_and_back_is_none(session):
    for seed in (1, 2, 3):
        state.turn(seed=seed)
    state.undo()
    assert state.scene() == Scene()
    state.redo()
    assert state.scene() == Scene(seed=3)
    session.clock.now += 60
    state.turn(query=1)
    session.clock.now += 60
    state.turn(drift_3d=True)
    state.turn(drift_3d=False)
    state.undo()
    assert state.scene() == Scene(seed=3), "one undo takes back the last thing that changed"


def test_a_hand_that_was_back_before_the_browser_knew_that_it_had_left_has_its_address(session, monkeypatch):
    """With each turn the browser tells the address that it shows by then; what was written since is on its way."""
    session.browser.acted = True
    state.turn(seed=1)
    assert session.browser.address[1] == {"seed": "1"}
    monkeypatch.setattr(session.browser, "to_dict", dict)
    session.browser.acted = True
    state.undo()
    assert state.scene() == Scene() and session.browser.address[1] == {}
    written = []
    monkeypatch.setattr(session.browser, "from_dict", written.append)
    state.write_url()
    assert not written, "it is there, and is not written again"


def test_a_late_answer_of_a_list_whose_options_are_others_now_is_dropped(session, monkeypatch):
    """As while Generate plays: each step has a list of its own, and the one before still tells what it shows."""
    monkeypatch.setattr(controls, "st", SimpleNamespace(session_state=session.state))
    heard = []
    first = controls.feed("knob-forced", 3, 8, "-a")
    session.state[first.key] = 3
    second = controls.feed("knob-forced", 5, 9, "-b")
    session.state[second.key] = 7
    controls._heard(first, heard.append)
    assert heard == [] and first.key != second.key
    controls._heard(second, heard.append)
    assert heard == [7]


def test_a_model_that_is_gone_takes_nothing_else_with_it(session):
    stories_preset = PRESETS["stories"]
    name, held = register(replace(stories_preset, title="of a session", source=lambda: stories_preset.learned))
    state.show(Scene(model=name, sentence="um dois três", query=1, lang="en"))
    session.clock.now += 60
    state.turn(drift_3d=True)
    del held
    session.state.pop(state.MODEL)
    gc.collect()
    state.undo()
    assert state.scene() == Scene(sentence="um dois três", query=1, lang="en")
    assert [notice.code for notice in state.notices()] == ["gone"]


def test_a_turn_that_leaves_a_patch_no_place_says_so_beside_what_else_is_gone(session):
    stories_preset = PRESETS["stories"]
    name, held = register(replace(stories_preset, title="of a session", source=lambda: stories_preset.learned))
    small = Scene(model="gpt", sentence="a b").turn(patch=("blocks.3.mlp_out", ()), patch_source="b a")
    state.show(replace(small, pinned=Scene(model=name)))
    del held
    session.state.pop(state.MODEL)
    gc.collect()
    session.clock.now += 60
    state.turn(sentence="a b c")
    assert state.scene() == replace(small, sentence="a b c", patch=None)
    assert [notice.code for notice in state.notices()] == ["unpatched", "gone"]


def test_a_quick_reader_on_a_slow_server_does_not_lose_what_was_done_before_the_page_was_turned(session):
    """A model is loaded; the button's run and its rerun are over when the link arrives, drawn before both."""
    link = address.linked(state.query())
    state.turn(seed=7)
    for _ in range(2):
        address.linked(state.query())
    session.browser.go("heads", link)
    state.open_scene("heads")
    assert state.scene() == Scene(seed=7) and session.browser.address == ("heads", {"seed": "7"})
