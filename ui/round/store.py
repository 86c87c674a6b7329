"""Where rooms are kept: in this process, unless FIBRA_ROOMS names a Redis that several processes share."""

from __future__ import annotations

import hmac
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from secrets import choice, token_urlsafe
from threading import Lock
from time import time
from typing import Protocol

from core.limits import ROOM_GUESS, ROOM_SECONDS, ROOM_TEACHER, ROOM_THERE, ROOM_VOTERS, ROOMS
from ui.round.room import BALLOTS, LENGTH, LETTERS, Deed, Desk, Room, RoomError, Seat

VARIABLE = "FIBRA_ROOMS"


class Store(Protocol):
    """Rooms. Every call raises RoomError, whose code says what is wrong."""

    def begin(self) -> tuple[str, str]:
        """Open a room: its code, and the key that its teacher alone has. Codes: rooms, away."""

    def sit(self, code: str, seat: str) -> Seat:
        """The room as `seat` sees it, who is there from now on. Codes: gone, full, away."""

    def guess(self, code: str, seat: str, ballot: int, text: str) -> None:
        """Vote: once a seat and ballot, a later vote takes the earlier one's place. Codes: gone, closed, guess, full,
        away."""

    def desk(self, code: str, key: str) -> Desk:
        """The room as its teacher sees it, who is there from now on. Codes: gone, key, away."""

    def do(self, code: str, key: str, deed: Deed) -> None:
        """What the teacher does. Codes: gone, key, away."""

    def end(self, code: str, key: str) -> None:
        """End the room: nothing of it is kept. Codes: gone, key, away."""

    def votes(self, code: str, key: str) -> tuple[list[str], ...]:
        """All votes of each ballot, in no order, without whose they are. Codes: gone, key, away."""

    def count(self) -> int:
        """How many rooms are open. Code: away."""


def new_code() -> str:
    """Four letters, any."""
    return "".join(choice(LETTERS) for _ in range(LENGTH))


def new_key() -> str:
    """A teacher's key: 96 bits."""
    return token_urlsafe(12)


def digest(key: str) -> str:
    """What is kept of a key."""
    return sha256(key.encode("utf-8", "replace")).hexdigest()


def same(key: str, kept: str) -> bool:
    """Whether this is the key of which `kept` is the digest."""
    return hmac.compare_digest(digest(key), kept)


def fitting(ballot: int, text: str) -> str:
    """A vote's text as it may be kept. Raises RoomError("guess") for one that is too long, or of no ballot."""
    if ballot not in BALLOTS or not 0 < len(text.encode("utf-8", "replace")) <= ROOM_GUESS:
        raise RoomError("guess")
    return text


@dataclass
class _Held:
    """A room with what only the store knows. Times are the clock's; `seen` and `votes` are by seat."""

    room: Room
    key: str
    born: float
    teacher: float
    seen: dict[str, float] = field(default_factory=dict)
    votes: tuple[dict[str, str], ...] = field(default_factory=lambda: tuple({} for _ in BALLOTS))


class Memory:
    """Rooms in this process, one call at a time."""

    def __init__(self, clock: Callable[[], float] = time):
        self._clock, self._lock = clock, Lock()
        self._rooms: dict[str, _Held] = {}

    def begin(self) -> tuple[str, str]:
        with self._lock:
            self._sweep()
            if len(self._rooms) >= ROOMS:
                raise RoomError("rooms")
            code = next(code for code in iter(new_code, "") if code not in self._rooms)
            key, now = new_key(), self._clock()
            self._rooms[code] = _Held(Room(code), digest(key), now, now)
            return code, key

    def sit(self, code: str, seat: str) -> Seat:
        with self._lock:
            held, now = self._held(code), self._clock()
            if seat not in held.seen and len(held.seen) >= ROOM_VOTERS:
                held.seen = {each: at for each, at in held.seen.items() if now - at <= ROOM_THERE}
                if len(held.seen) >= ROOM_VOTERS:
                    raise RoomError("full")
            held.seen[seat] = now
            return Seat(held.room, tuple(votes.get(seat, "") for votes in held.votes), len(held.seen))

    def guess(self, code: str, seat: str, ballot: int, text: str) -> None:
        with self._lock:
            held = self._held(code)
            if held.room.taking != ballot:
                raise RoomError("closed")
            votes, text = held.votes[ballot - 1], fitting(ballot, text)
            if seat not in votes and len(votes) >= ROOM_VOTERS:
                raise RoomError("full")
            votes[seat] = text

    def desk(self, code: str, key: str) -> Desk:
        with self._lock:
            held = self._own(code, key)
            there = sum(self._clock() - at <= ROOM_THERE for at in held.seen.values())
            return Desk(held.room, there, tuple(map(len, held.votes)))

    def do(self, code: str, key: str, deed: Deed) -> None:
        with self._lock:
            held = self._own(code, key)
            before, held.room = held.room, deed(held.room)
            if held.room.step != before.step:
                held.votes = tuple({} for _ in BALLOTS)

    def end(self, code: str, key: str) -> None:
        with self._lock:
            self._own(code, key)
            del self._rooms[code]

    def votes(self, code: str, key: str) -> tuple[list[str], ...]:
        with self._lock:
            return tuple([*votes.values()] for votes in self._own(code, key).votes)

    def count(self) -> int:
        with self._lock:
            self._sweep()
            return len(self._rooms)

    def _own(self, code: str, key: str) -> _Held:
        held = self._held(code)
        if not same(key, held.key):
            raise RoomError("key")
        held.teacher = self._clock()
        return held

    def _held(self, code: str) -> _Held:
        held = self._rooms.get(code)
        if held is None or self._over(held):
            self._rooms.pop(code, None)
            raise RoomError("gone")
        return held

    def _over(self, held: _Held) -> bool:
        now = self._clock()
        return now - held.born > ROOM_SECONDS or now - held.teacher > ROOM_TEACHER

    def _sweep(self) -> None:
        self._rooms = {code: held for code, held in self._rooms.items() if not self._over(held)}


@cache
def rooms() -> Store:
    """This process's way to its rooms."""
    address = os.environ.get(VARIABLE, "")
    if not address:
        return Memory()
    from ui.round.shared import Shared  # where rooms stay in the process, nothing else is needed

    try:
        return Shared(address)
    except (ImportError, ValueError) as error:  # redis is an extra; or this is no address
        logging.getLogger(__name__).error("%s: %s", VARIABLE, error)  # without the address, which may hold a password
        raise RoomError("away") from error
