"""The class round: rooms, in memory and in a real Redis, with their bounds, ages, votes and keys; what the votes look
like; and the screens of a teacher and of pupils who play a round."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from html import unescape
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from bench import Page
from bench.room import Screen, Tally
from core import CHECKS
from core.checks import is_right
from core.limits import ROOM_GUESS, ROOM_SECONDS, ROOM_TEACHER, ROOM_THERE
from pictures import checks as questions
from pictures import lessons, rounds
from pictures.words import LANGUAGES, words_of
from plots import theme
from tests import axe
from tests.chromium import WAIT, free_port, settled
from tests.support import PAGES, fine, html, open_page, pressed
from ui import share, state, takeaway
from ui.live import alone
from ui.round import room as rooms
from ui.round import seat as seats
from ui.round import store, teacher
from ui.round.room import BALLOTS, LENGTH, LETTERS, Room, RoomError
from ui.round.store import Memory, Store


class Clock:
    """Told what time it is."""

    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


class Server:
    """A Redis of the test's own on loopback, which writes nothing to the disk."""

    def __init__(self, folder: Path):
        self.port, self._folder = free_port(), folder
        self.address = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        from redis import Redis, RedisError

        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL)
        self.client = Redis.from_url(self.address)
        for _ in range(100):
            try:
                self.client.ping()
                return
            except RedisError:
                time.sleep(0.05)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


@pytest.fixture(scope="module")
def redis(tmp_path_factory) -> Iterator[Server]:
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    server = Server(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(params=["memory", "redis"])
def kept(request) -> tuple[Store, Clock]:
    """Rooms of each kind, none open yet."""
    clock = Clock()
    if request.param == "memory":
        return Memory(clock), clock
    from ui.round.shared import Shared

    server = request.getfixturevalue("redis")
    server.client.flushall()
    return Shared(server.address, clock), clock


def refused(code: str):
    return pytest.raises(RoomError, match=f"^{code}$")


def test_a_round_of_two_votes(kept):
    store, clock = kept
    code, key = store.begin()
    assert len(code) == LENGTH and {*code} <= {*LETTERS} and not {*"IOQLUE01"} & {*LETTERS}
    assert store.sit(code, "ana") == store.sit(code, "ana") and store.sit(code, "bia").guesses == ("", "")
    with refused("closed"):
        store.guess(code, "ana", 1, "2")
    store.do(code, key, rooms.ask("rows-sum-to-one", "the cat"))
    asked = store.sit(code, "ana").room
    assert (asked.step, asked.check, asked.varied, asked.phase) == (1, "rows-sum-to-one", "the cat", "asked")
    store.do(code, key, rooms.vote)
    store.guess(code, "ana", 1, "0.5")
    store.guess(code, "ana", 1, "0.75")
    store.guess(code, "bia", 1, "1")
    with refused("closed"):
        store.guess(code, "bia", 2, "1")
    desk = store.desk(code, key)
    assert (desk.there, desk.voted, desk.room.phase) == (2, (2, 0), "open")
    assert [sorted(votes) for votes in store.votes(code, key)] == [["0.75", "1"], []], "one vote a seat, the last"
    store.do(code, key, rooms.close)
    with refused("closed"):
        store.guess(code, "ana", 1, "1")
    store.do(code, key, rooms.vote)
    store.guess(code, "ana", 2, "1")
    assert store.sit(code, "ana").guesses == ("0.75", "1") and store.sit(code, "bia").guesses == ("1", "")
    store.do(code, key, rooms.reveal)
    assert store.sit(code, "bia").room.phase == "revealed"
    with refused("closed"):
        store.guess(code, "bia", 2, "1")
    clock.now += ROOM_THERE + 1
    store.sit(code, "bia")
    assert store.desk(code, key).there == 1, "who is not heard of is not there"
    assert store.sit(code, "ana").guesses == ("0.75", "1"), "who comes back finds the votes"
    store.do(code, key, rooms.ask("score-of-zero"))
    assert store.votes(code, key) == ([], []) and store.sit(code, "ana").guesses == ("", "")
    store.end(code, key)
    for gone in (lambda: store.sit(code, "ana"), lambda: store.desk(code, key), lambda: store.guess(code, "a", 1, "1")):
        with refused("gone"):
            gone()


def test_only_the_key_teaches(kept):
    store, _ = kept
    (code, key), (_, other) = store.begin(), store.begin()
    for wrong in ("", other, key[:-1], key + "x", "\ud800"):
        for deed in (store.desk, store.end, store.votes, lambda code, wrong: store.do(code, wrong, rooms.vote)):
            with refused("key"):
                deed(code, wrong)
    assert store.desk(code, key).room == Room(code)


def test_a_room_ends_with_its_age_or_with_its_teacher(kept):
    store, clock = kept
    (left, _), (old, key) = store.begin(), store.begin()
    begun = clock.now
    clock.now += ROOM_TEACHER - 1
    store.desk(old, key)
    assert store.sit(left, "ana").room.code == left
    clock.now += 2
    with refused("gone"):
        store.sit(left, "ana")
    while clock.now < begun + ROOM_SECONDS - ROOM_TEACHER:
        clock.now += ROOM_TEACHER - 3
        store.desk(old, key)
    clock.now = begun + ROOM_SECONDS
    store.desk(old, key)
    clock.now += 1
    with refused("gone"):
        store.desk(old, key)
    with refused("gone"):
        store.guess(old, "ana", 1, "1")


def test_rooms_and_voters_are_bounded(kept, monkeypatch):
    kind, clock = kept
    module = __import__(type(kind).__module__, fromlist=["ROOMS"])
    monkeypatch.setattr(module, "ROOMS", 2)
    monkeypatch.setattr(module, "ROOM_VOTERS", 3)
    (code, key), _ = kind.begin(), kind.begin()
    with refused("rooms"):
        kind.begin()
    assert kind.count() == 2
    kind.do(code, key, rooms.ask("rows-sum-to-one"))
    kind.do(code, key, rooms.vote)
    for seat in "abc":
        kind.sit(code, seat)
        kind.guess(code, seat, 1, "1")
    with refused("full"):
        kind.sit(code, "d")
    with refused("full"):
        kind.guess(code, "d", 1, "1")
    clock.now += ROOM_THERE + 1
    kind.sit(code, "a")
    kind.sit(code, "d")
    assert kind.desk(code, key).there == 2, "a seat that nobody sits on is another's"
    with refused("full"):
        kind.guess(code, "d", 1, "1")
    for text in ("", "x" * (ROOM_GUESS + 1)):
        with refused("guess"):
            kind.guess(code, "a", 1, text)
    clock.now += ROOM_TEACHER + 1
    kind.begin()


DEEDS = {"ask": rooms.ask("rows-sum-to-one")} | {
    deed.__name__: deed for deed in (rooms.vote, rooms.close, rooms.unvote, rooms.reveal)
}
ACTS = st.one_of(
    st.sampled_from([*DEEDS]),
    st.tuples(st.sampled_from("abcde"), st.sampled_from(BALLOTS), st.sampled_from(["1", "0", ""])),
)


@given(st.lists(ACTS, max_size=30))
def test_whatever_is_done_in_whatever_order_each_seat_has_one_vote_of_an_open_ballot(acts):
    kept = Memory(Clock())
    code, key = kept.begin()
    told: dict[tuple[int, int, str], str] = {}  # (step, ballot, seat) -> the last vote that was taken
    for act in acts:
        before = kept.desk(code, key).room
        if isinstance(act, str):
            kept.do(code, key, DEEDS[act])
            after = kept.desk(code, key).room
            assert after.step - before.step == (act == "ask") and after.ballot - before.ballot in (
                0,
                1,
                -before.ballot,
                -(act == "unvote"),
            )
            assert after.ballot in (0, *BALLOTS) and not (after.open and after.revealed)
            continue
        seat, ballot, text = act
        try:
            kept.guess(code, seat, ballot, text)
        except RoomError as error:
            assert error.code == ("guess" if before.taking == ballot else "closed")
            assert error.code == "closed" or not text
        else:
            assert before.taking == ballot and text
            told[before.step, ballot, seat] = text
    step = kept.desk(code, key).room.step
    for ballot, votes in zip(BALLOTS, kept.votes(code, key), strict=True):
        assert Counter(votes) == Counter(text for (of, b, _), text in told.items() if (of, b) == (step, ballot))


def test_two_processes_see_one_room_and_redis_may_come_and_go(redis, monkeypatch):
    from ui.round import shared

    monkeypatch.setattr(shared, "REST", 0.2)
    redis.client.flushall()
    ours, theirs = shared.Shared(redis.address), shared.Shared(redis.address)
    code, key = ours.begin()
    theirs.do(code, key, rooms.ask("rows-sum-to-one"))
    theirs.do(code, key, rooms.vote)
    ours.guess(code, "ana", 1, "1")
    assert theirs.votes(code, key) == (["1"], []) and theirs.sit(code, "ana").guesses == ("1", "")
    assert all(0 < redis.client.ttl(name) <= ROOM_SECONDS for name in redis.client.scan_iter("fibra:room:*"))
    redis.kill()
    began = time.monotonic()
    for call in (ours.begin, lambda: ours.sit(code, "ana"), lambda: ours.desk(code, key)):
        with refused("away"):
            call()
    assert time.monotonic() - began < 2 * shared.PATIENCE, "only the first one waits"
    redis.start()
    time.sleep(shared.REST)
    for each in (ours, theirs):
        with refused("gone"):  # it kept nothing
            each.sit(code, "ana")
    code, key = ours.begin()
    assert theirs.desk(code, key).room == Room(code), "what was away a moment ago is asked again"


def test_where_rooms_are_kept_is_the_deployer_s_word(monkeypatch, redis):
    from ui.round.shared import Shared

    try:
        for address, kind in (("", Memory), (redis.address, Shared)):
            monkeypatch.setenv(store.VARIABLE, address)
            store.rooms.cache_clear()
            assert isinstance(store.rooms(), kind) and store.rooms() is store.rooms()
        monkeypatch.setenv(store.VARIABLE, "http://x")
        store.rooms.cache_clear()
        with refused("away"):
            store.rooms()
    finally:
        monkeypatch.undo()
        store.rooms.cache_clear()


# ------------------------------------------------------------------------------------------------ votes as pictures

GUESSES = {  # a check of each kind, with three guesses
    "rows-sum-to-one": [0.5, 1.0, 2],
    "same-score-other-weight": ["more", "same", "more"],
    "score-of-zero": [[0.2] * 5, [1.0, 0, 0, 0, 0], [0.29, 0.18, 0.18, 0.17, 0.18]],
    "mask-hides-later-keys": [(0, 1), (0, 4), (3, 1)],
    "seeing-is-not-why": [(0, 0), (1, 2), (0, 0)],
    "pre-norm-lets-it-grow": [tuple(CHECKS["pre-norm-lets-it-grow"].options)] * 3,
}


@pytest.mark.parametrize("name", GUESSES)
def test_a_vote_comes_back_from_its_text_and_nothing_else_does(name):
    check = CHECKS[name]
    for guess in GUESSES[name]:
        text = rounds.to_text(check, guess)
        assert len(text) <= ROOM_GUESS
        back = rounds.from_text(check, check.scene, text)
        assert back == pytest.approx(guess) if check.kind in ("row", "number") else back == guess
    hostile = ["", "x", "null", "true", "[]", "{}", "NaN", "1e999", '"<b>hi</b>"', "[1,2,3]", '["a"]', "[" * 5000, "-1"]
    hostile += [
        '[100, "a", 0, 0, 0]',
        "[true, false]",
        "[0, 99]",
        "[-1, 0]",
        "[100, 100, 0, 0, 0]",
        "[120, -20, 0, 0, 0]",
        "[1.5, 0]",
    ]
    hostile += ["9" * 400, f"[{'9' * 400}, 0, 0, 0, 0]"]  # no float holds them
    for text in hostile:
        assert rounds.from_text(check, check.scene, text) is None, text


def test_a_row_s_percents_may_miss_a_hundred_by_what_rounding_does():
    check = CHECKS["score-of-zero"]  # of five words: half of one each
    for first, taken in ((97, False), (98, True), (102, True), (103, False)):
        found = rounds.from_text(check, check.scene, f"[{first}, 0, 0, 0, 0]")
        assert found == ([first / 100, 0, 0, 0, 0] if taken else None)


def test_kinds_are_all_tried():
    assert {CHECKS[name].kind for name in GUESSES} == {check.kind for check in CHECKS.values()}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", GUESSES)
def test_both_votes_stand_side_by_side(name, lang):
    check, words = CHECKS[name], words_of(lang)
    asked, first = check.scene, GUESSES[name]
    second = [questions.answer(name, asked)] * 4
    picture = rounds.picture(check, asked, [first, second], words)
    go.Figure(theme.resolve(picture.figure, "light"))
    right = sum(is_right(check, guess, questions.truth(name, asked)) for guess in first)
    assert str(right) in picture.says and "(100%)" in picture.says
    data = picture.figure["data"]
    if check.kind == "number":
        assert [sorted(trace["customdata"]) for trace in data] == [sorted(first), second]
        assert {shape["x0"] for shape in picture.figure["layout"]["shapes"]} == {second[0]}
    elif check.kind == "row":
        painted = [np.reshape(trace["y"], (-1, 6))[:, :-1] for trace in data[::2]]
        np.testing.assert_allclose(painted[0], first)
        np.testing.assert_allclose(painted[1], second)
        for trace in data[1::2]:
            np.testing.assert_allclose(trace["y"], questions.truth(name, asked))
    else:
        found = rounds.answers(check, asked, [first, second])
        counts = [[votes.count(one) / len(votes) for one in found] for votes in (first, second)]
        np.testing.assert_allclose([trace["x"] for trace in data], counts)
        labels = picture.figure["layout"]["yaxis"]["ticktext"]
        marked = [one for one, label in zip(found, labels, strict=True) if "✓" in label]
        assert marked and all(is_right(check, one, questions.truth(name, asked)) for one in marked)
    alone_and_empty = [rounds.picture(check, asked, ballots, words) for ballots in ([first], [[], []], [first, []])]
    for other in alone_and_empty:
        go.Figure(theme.resolve(other.figure, "dark"))
    assert alone_and_empty[1].says == words("round.says.nobody")
    assert alone_and_empty[2].says == alone_and_empty[0].says != alone_and_empty[1].says


def test_six_answers_are_drawn_at_most_and_what_is_right_is_one_of_them():
    check = CHECKS["mask-hides-later-keys"]
    scene, right = check.scene, questions.answer("mask-hides-later-keys", check.scene)
    wrong = [at for at in np.ndindex(4, 4) if not is_right(check, at, questions.truth(check.name, scene))][:9]
    ballot = [at for n, at in enumerate(wrong, 1) for _ in range(n)]  # the last has the most votes
    assert rounds.answers(check, scene, [ballot, []]) == [*wrong[:-6:-1], right]
    assert rounds.answers(check, scene, [ballot, [right] * 6]) == [*wrong[:-5:-1], right]
    np.testing.assert_allclose(rounds.shares(wrong[:2], [wrong[:1], [], wrong[:4]]), [[1, 0], [0, 0], [0.25, 0.25]])


def test_votes_that_nearly_agree_stand_on_one_another():
    check = CHECKS["rows-sum-to-one"]
    (trace,) = rounds.picture(check, check.scene, [[1.0, 1.001, 0.0, 1.0]], words_of("en")).figure["data"]
    assert sorted(zip(trace["x"], trace["y"], strict=True)) == [(0, 0.5), (1, 0.5), (1, 1.5), (1, 2.5)]


def test_a_question_is_named_by_its_check_and_what_it_varies():
    for name, check in CHECKS.items():
        assert rounds.asked(name, "") == (check, check.scene)
        for variant in (0, 1, 3):
            asked = check.variant(variant)
            assert rounds.asked(name, rounds.varied(check, asked)) == (check, asked)
    assert rounds.asked("no-such-check", "") is None
    assert rounds.asked("rows-sum-to-one", "a sentence of one's own") == (
        CHECKS["rows-sum-to-one"],
        CHECKS["rows-sum-to-one"].scene,
    )


def test_every_lesson_s_questions_can_be_asked():
    words = words_of("en")
    for name in lessons.NAMES:
        found = teacher.questions(name, words)
        assert found and {check for check, _ in found} == {
            step.check for step in lessons.find(name, "en").steps if step.check
        }
    assert [check for check, _ in teacher.questions("", words)] == [*CHECKS]


# ---------------------------------------------------------------------------------------------------- the screens


@pytest.fixture
def here(monkeypatch) -> Memory:
    """The rooms of this test."""
    found = Memory()
    monkeypatch.setattr(store, "rooms", lambda: found)
    return found


def keys(at: AppTest) -> set[str]:
    return {button.key for button in at.button}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_teacher_and_a_pupil_play_a_round(lang, here):
    words = words_of(lang)
    desk = pressed(fine(open_page("round", {"lang": lang})), "round-begin")
    room, key = (desk.query_params[name] for name in ("room", "teach"))
    assert room in html(desk) and key not in html(desk)
    pupil = fine(open_page("round", {"lang": lang}))
    pupil.text_input(key="round-code").set_value(f" {room.lower()} ").run()
    assert pupil.query_params["room"] == room and words("round.pupil.waiting") in html(pupil)
    own = pupil.query_params["seat"]
    desk.selectbox(key=f"round-lesson-{lang}").select("the-mask").run()
    asked = desk.selectbox(key=f"round-pick-the-mask-{lang}").value
    pressed(desk, "round-ask")
    check, scene = rounds.asked(*asked)
    question = questions.question(check, scene, words)
    assert question.split("“")[0] in html(desk) and desk.selectbox(key=f"round-pick-the-mask-{lang}").value != asked
    assert words("round.pupil.asked") in html(fine(pupil.run())) and "round-vote" not in keys(pupil)
    here.do(room, key, rooms.ask("same-score-other-weight"))
    check = CHECKS["same-score-other-weight"]
    fine(desk.run())
    for deed, chosen in (("vote", "same"), ("again", "more")):
        pressed(desk, f"round-{deed}")
        fine(pupil.run())
        pupil.radio[0].set_value(chosen).run()
        pressed(pupil, "round-vote")
        fine(pupil.run())
        assert words("round.counted", guess=questions.option(check, chosen, words)) in html(pupil)
        pressed(desk, "round-close")
        phase = "talk" if deed == "vote" else "last"  # after the last vote nobody is sent to talk before another one
        assert words(f"round.teacher.{phase}") in html(desk) and words(f"round.pupil.{phase}") in html(
            fine(pupil.run())
        )
    assert here.votes(room, key) == (['"same"'], ['"more"'])
    assert "round-again" not in keys(desk) and words(f"checks.{check.name}.why") not in html(pupil)
    pressed(desk, "round-reveal")
    assert words(f"checks.{check.name}.why") in html(desk)
    fine(pupil.run())
    assert words(f"checks.{check.name}.why") in html(pupil)
    assert words("round.first_vote", guess=questions.option(check, "same", words)) in html(pupil)
    back = fine(open_page("round", {"room": room, "seat": own, "lang": lang}))
    assert words(f"checks.{check.name}.why") in html(back), "who comes back sits on the same seat"
    pressed(desk, "round-end")
    assert "room" not in desk.query_params and "round-begin" in keys(desk)
    assert (
        words("round.wrong.gone") in html(fine(pupil.run()))
        and "room" not in pressed(pupil, "round-leave").query_params
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_vote_without_votes_sends_nobody_to_talk(here, lang):
    """The class was to find somebody who voted otherwise; and after the reveal there was no vote "yet"."""
    words = words_of(lang)
    room, key = here.begin()
    here.do(room, key, rooms.ask("same-score-other-weight"))
    desk = fine(open_page("round", {"room": room, "teach": key, "lang": lang}))
    pupil = fine(open_page("round", {"room": room, "seat": "anaanaan", "lang": lang}))
    for _ in range(2):
        pressed(desk, "round-vote")
        assert words("round.voted", n=0, open=True) in html(desk)
        pressed(desk, "round-close")
        assert words("round.teacher.unvoted") in html(desk) and words("round.teacher.talk") not in html(desk)
        assert words("round.pupil.asked") in html(fine(pupil.run())) and here.desk(room, key).room.ballot == 0
    pressed(desk, "round-vote")
    here.guess(room, "anaanaan", 1, '"same"')
    pressed(desk, "round-close")
    assert words("round.teacher.talk") in html(desk) and words("round.pupil.talk") in html(fine(pupil.run()))
    pressed(desk, "round-again")
    pressed(desk, "round-close")
    assert words("round.teacher.unvoted") in html(desk) and words("round.voted", n=1, open=False) in html(desk)
    pressed(desk, "round-reveal")
    page = html(fine(desk.run()))
    assert words("round.teacher.revealed") in page and words("round.voted", n=0, open=True) not in page
    here.do(room, key, rooms.ask("same-score-other-weight"))
    here.do(room, key, rooms.vote), here.do(room, key, rooms.reveal)  # out of turn, from another screen
    page = html(fine(desk.run()))
    assert words("round.voted", n=0, open=False) in page and words("round.voted", n=0, open=True) not in page


def test_a_vote_that_comes_while_one_without_votes_is_closed_is_not_lost(here):
    room, key = here.begin()
    here.do(room, key, rooms.ask("rows-sum-to-one")), here.do(room, key, rooms.vote)
    here.guess(room, "anaanaan", 1, "1")
    here.do(room, key, rooms.unvote), here.do(room, key, rooms.unvote)
    assert here.desk(room, key).room.phase == "asked"
    here.do(room, key, rooms.vote)
    assert here.sit(room, "anaanaan").guesses[0] == "1" and here.desk(room, key).voted == (1, 0)


def test_a_room_that_is_gone_shows_no_way_in(here, monkeypatch):
    """It went on showing its code, and its QR code, beside the notice that it is gone."""
    room, key = here.begin()
    monkeypatch.setattr(takeaway, "home", lambda _: "https://school.example")
    desk = fine(open_page("round", {"room": room, "teach": key, "lang": "en"}))
    assert room in html(desk) and 'class="fibra-qr"' in html(desk)
    with monkeypatch.context() as patch:
        patch.setattr(type(here), "desk", lambda *_: (_ for _ in ()).throw(rooms.RoomError("away")))
        away = fine(open_page("round", {"room": room, "teach": key, "lang": "en"}))
        assert words_of("en")("round.wrong.away") in html(away) and 'class="fibra-qr"' in html(away), "it may come back"
    here.end(room, key)
    for screen in (desk.run(), away.run(), open_page("round", {"room": room, "teach": key, "lang": "en"})):
        assert words_of("en")("round.wrong.gone") in html(fine(screen))
        assert 'class="fibra-qr"' not in html(screen) and 'class="fibra-code"' not in html(screen)
    assert "room" not in pressed(desk, "round-leave").query_params


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.name)
def test_who_comes_back_finds_the_widgets_as_the_vote_that_counts(here, check, lang):
    """A reload put a slider back to its beginning: whoever pressed the button then voted that."""
    room, key = here.begin()
    here.do(room, key, rooms.ask(check.name)), here.do(room, key, rooms.vote)
    n, config = len(check.scene.tokens), check.scene.config
    cast = {
        "number": check.scale and check.scale[1],
        "row": [0.01] * (n - 1) + [1 - 0.01 * (n - 1)],
        "cell": (n - 1, n - 2) if questions.truth(check.name, check.scene).ndim == 2 else (check.scene.cell[0], n - 2),
        "head": (config.n_layers - 1, config.n_heads - 1),
        "order": tuple(check.options[::-1]),
        "choose": check.options and check.options[-1],
    }[check.kind]
    here.sit(room, "anaanaan")
    here.guess(room, "anaanaan", 1, rounds.to_text(check, cast))
    for ballot in (1, 2):
        pupil = fine(open_page("round", {"room": room, "seat": "anaanaan", "lang": lang}))
        pressed(pupil, "round-vote")
        again = here.sit(room, "anaanaan").guesses[ballot - 1]
        assert again and json.loads(again) == json.loads(rounds.to_text(check, cast))
        here.do(room, key, rooms.close), here.do(room, key, rooms.vote)


def test_a_page_says_what_the_room_is_at_and_follows_its_next_question(here):
    room, key = here.begin()
    here.do(room, key, rooms.ask("rows-sum-to-one"))
    at = AppTest.from_file(PAGES.parent / "app.py", default_timeout=90)
    at.query_params.update({"lang": "en", "room": room})
    fine(at.run())
    words = words_of("en")
    assert words("round.pupil.asked") in html(at) and {*at.query_params} == {"lang", "room", "seat"}
    here.do(room, key, rooms.vote)
    assert words("round.pupil.open") in html(fine(at.run()))
    assert at.session_state[state.PAGE] == "start", "a vote that opens calls nobody away"
    for told in ("talk", "last"):
        here.do(room, key, rooms.close)
        assert words(f"round.pupil.{told}") in html(fine(at.run()))
        here.do(room, key, rooms.vote)
    here.do(room, key, rooms.ask("score-of-zero"))
    fine(at.run())
    assert at.session_state[state.PAGE] == "round"
    question = questions.question(CHECKS["score-of-zero"], CHECKS["score-of-zero"].scene, words)
    assert question.split("“")[0] in html(at)
    pressed(at, "round-look")
    assert at.session_state[state.PAGE] == "attention" and at.session_state[state.SCENE].check == "score-of-zero"
    pressed(at, "round-back")
    assert at.session_state[state.PAGE] == "round" and not at.session_state[state.SCENE].check


def test_who_types_the_code_and_presses_the_button_is_one_pupil(here):
    room, key = here.begin()
    at = fine(open_page("round", {"lang": "en"}))
    at.text_input(key="round-code").set_value(room)  # the box is left for the button: both say the code at once
    pressed(at, "round-join")
    assert at.query_params["room"] == room and here.desk(room, key).there == 1


def test_a_wrong_code_a_wrong_key_and_a_room_that_is_full_are_said(here, monkeypatch):
    words = words_of("en")
    room, _ = here.begin()
    at = fine(open_page("round", {"lang": "en"}))
    nowhere = "BBBB" if room != "BBBB" else "CCCC"
    for typed, wrong in (("AEIO", "code"), ("BCD", "code"), ("<b>x", "code"), (nowhere, "gone")):
        at.text_input(key="round-code").set_value(typed).run()
        said = words("round.wrong.gone") if wrong == "gone" else words("round.wrong.code", letters=" ".join(LETTERS))
        assert said in html(fine(at)) and typed not in html(at) and "room" not in at.query_params
    desk = fine(open_page("round", {"lang": "en", "room": room, "teach": "A" * 16}))
    assert words("round.wrong.key") in html(desk) and "round-ask" not in keys(desk)
    monkeypatch.setattr(store, "ROOM_VOTERS", 0)
    assert words("round.wrong.full") in html(fine(open_page("round", {"lang": "en", "room": room})))
    monkeypatch.setattr(store, "ROOMS", 0)
    at = pressed(fine(open_page("round", {"lang": "en"})), "round-begin")
    assert words("round.wrong.rooms") in html(at)


def test_where_the_rooms_are_away_the_round_says_so_and_pages_go_on(monkeypatch):
    def away():
        raise RoomError("away")

    monkeypatch.setattr(store, "rooms", away)
    words = words_of("en")
    for sits in ({"seat": "a" * 8}, {"teach": "a" * 16}):
        for page in ("round", "drift"):
            at = fine(open_page(page, {"lang": "en", "room": "BCDF", **sits}))
            assert words("round.wrong.away") in html(at) and at.query_params["room"] == "BCDF"
    assert words("round.wrong.away") in html(pressed(fine(open_page("round", {"lang": "en"})), "round-begin"))


def test_without_a_server_a_round_is_said_to_need_one(monkeypatch):
    monkeypatch.setattr(alone, "ALONE", True)
    monkeypatch.setattr(seats, "ALONE", True)
    at = fine(open_page("round", {"lang": "en", "room": "BCDF"}))
    assert words_of("en")("round.alone") in html(at) and not keys(at) & {"round-begin", "round-join"}
    assert "seat" not in at.query_params


def test_hundreds_look_at_a_room_more_seldom_than_a_class():
    paces = [seats.pace(taken) for taken in range(1, 301)]
    assert paces[:12] == [1.0] * 12 and paces == sorted(paces) and paces[-1] < ROOM_THERE / 2
    assert sum(1 / pace for pace in paces) < 65


def test_a_shared_address_has_no_key_and_no_seat():
    shared = share.at_a_desk
    assert shared("http://x/round?lang=en&room=BCDF&teach=abc") == "http://x/round?lang=en&room=BCDF"
    assert shared("http://x/drift?seat=abc") == "http://x/drift" and shared("http://x/y?a=1#b") == "http://x/y?a=1#b"
    assert shared("http://x/y?teacher=1&seats=2") == "http://x/y?teacher=1&seats=2"


# ---------------------------------------------------------------------------------------------------- in a browser


class Others:
    """Pupils without a browser: what theirs would say on its line. Each is a session of the server's own, and looks at
    the room by itself.
    """

    def __init__(self, app: str, room: str, n: int):
        self._tally = Tally()
        page = Page("round", f"lang=en&room={room}", "guess-rows-sum-to-one", 0)
        self._all = [Screen(SimpleNamespace(origin=app), page, self._tally) for _ in range(n)]
        self._loop = asyncio.new_event_loop()  # of a thread's own: Playwright's runs in this one
        self._looks: list[asyncio.Task[None]] = []
        Thread(target=self._loop.run_forever, daemon=True).start()

    def _do(self, deed: Callable[[Screen], Coroutine[Any, Any, Any]]) -> None:
        async def together() -> None:
            await asyncio.gather(*map(deed, self._all))

        asyncio.run_coroutine_threadsafe(together(), self._loop).result(WAIT / 1000)

    def come(self) -> None:
        async def comes(pupil: Screen) -> None:
            await pupil.session.visit()
            self._looks.append(asyncio.create_task(pupil.look(lambda: None)))

        self._do(comes)

    def vote(self) -> None:
        """Each moves its slider to a place of its own, and votes."""

        async def votes(pupil: Screen) -> None:
            session = pupil.session
            await pupil.act(lambda: session.tick(next(iter(session.timers))))
            await pupil.act(lambda: session.turn(session.stops[self._all.index(pupil)]))
            await pupil.act(lambda: session.press("round-vote"))

        self._do(votes)

    def see(self, text: str) -> None:
        """What all their screens show now."""

        async def sees(pupil: Screen) -> None:
            await pupil.act(lambda: pupil.session.tick(next(iter(pupil.session.timers))))
            assert text in " ".join(map(unescape, pupil.session.texts.values()))

        self._do(sees)

    def leave(self) -> None:
        async def leaves(pupil: Screen) -> None:
            for look in self._looks:
                look.cancel()
            await pupil.session.close()

        self._do(leaves)
        self._loop.call_soon_threadsafe(self._loop.stop)
        assert not self._tally.errors


@pytest.mark.browser
def test_ten_pupils_play_a_round_of_two_votes_and_one_loses_the_line(watched, app, tmp_path):
    checker, found = axe.script(tmp_path), []
    words, why = words_of("en"), words_of("en")("checks.rows-sum-to-one.why")
    desk = watched.tab(1280, 720)
    desk.goto(f"{app}/round?lang=en")
    desk.locator(".st-key-round-begin button").click()
    desk.locator("img.fibra-qr").wait_for()
    link = desk.locator("img.fibra-qr").get_attribute("alt")
    others = Others(app, re.search("room=([A-Z]{4})", link)[1], 8)
    class_ = [watched.tab(390, 844) for _ in range(2)]
    for pupil in class_:
        pupil.goto(f"{link}&lang=en")
        pupil.get_by_text(words("round.pupil.waiting")).wait_for()
    others.come()
    desk.get_by_text(words("round.there", n=10)).wait_for()
    desk.locator(".st-key-round-ask button").click()
    for ballot, opens in ((1, "vote"), (2, "again")):
        desk.locator(f".st-key-round-{opens} button").click()
        for number, pupil in enumerate(class_):
            vote = pupil.locator(".st-key-round-vote button")
            vote.wait_for()
            slider = pupil.locator(".st-key-round-seat input[type=range]")
            slider.focus()
            for _ in range(number + 1):
                slider.press("ArrowRight")
            settled(pupil)
            vote.click()
            expect(vote).to_have_text(words("round.change"), timeout=WAIT)
            if (ballot, number) == (1, 1):  # a phone that goes to sleep, and wakes up with nothing but its address
                pupil.goto("about:blank")
        others.vote()
        desk.get_by_text(words("round.voted", n=10, open=True), exact=True).wait_for()
        for screen in (desk, class_[0]) if ballot == 1 else ():  # while it is open
            found += axe.findings(screen, checker)
        desk.locator(".st-key-round-close button").click()
        if ballot == 1:
            class_[1].go_back()
            class_[1].get_by_text(words("round.counted", guess="0.04")).wait_for()
    desk.locator(".st-key-round-reveal button").click()
    desk.locator("[data-figure=round-votes] svg.main-svg").first.wait_for()
    desk.get_by_text(words("round.ballots.2", n=10)).wait_for()
    for pupil in class_:
        pupil.get_by_text(why).wait_for()
        assert pupil.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for screen in (desk, class_[0]):  # revealed
        found += axe.findings(screen, checker)
    assert not found, "\n".join(map(str, found))
    others.see(why)
    others.leave()
    desk.locator(".st-key-round-end button").click()
    class_[0].get_by_text(words("round.wrong.gone")).wait_for()
