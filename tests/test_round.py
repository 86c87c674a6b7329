"""Rooms, in memory and in a real Redis: bounds, ages, one vote a seat, keys; and what holds where Redis goes away."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.limits import ROOM_GUESS, ROOM_SECONDS, ROOM_TEACHER, ROOM_THERE
from tests.chromium import free_port
from ui.round import room as rooms
from ui.round import store
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


DEEDS = {"ask": rooms.ask("rows-sum-to-one"), "vote": rooms.vote, "close": rooms.close, "reveal": rooms.reveal}
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
            assert after.step - before.step == (act == "ask") and after.ballot - before.ballot in (0, 1, -before.ballot)
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
