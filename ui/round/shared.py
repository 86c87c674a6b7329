"""Rooms in a Redis or Valkey, which several processes share: FIBRA_ROOMS=redis://...

Of a room there are a hash (key, born, teacher, room, taking), a sorted set of its seats by when they were heard of, and
for each ballot a hash of votes by seat; `fibra:rooms` holds the rooms by when their teachers were heard of. All of it
expires by itself. What must hold at once for several keys is a script, which Redis runs whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from time import monotonic, time
from typing import Any

from core.limits import ROOM_SECONDS, ROOM_TEACHER, ROOM_THERE, ROOM_VOTERS, ROOMS
from ui.round.room import BALLOTS, Deed, Desk, Room, RoomError, Seat
from ui.round.store import digest, fitting, new_code, new_key, same

PATIENCE = 0.5  # seconds for an answer: who asked sits before a page
REST = 2.0  # seconds for which nobody asks again where none came: pages say so, and do not wait
LISTED = "fibra:rooms"

BEGIN = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[2])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 'rooms' end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'taken' end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4])
redis.call('HSET', KEYS[2], 'key', ARGV[5], 'born', ARGV[1], 'teacher', ARGV[1], 'room', ARGV[6], 'taking', 0)
redis.call('EXPIRE', KEYS[2], ARGV[7])
return ''
"""
ALIVE = """
local at = redis.call('HMGET', KEYS[1], 'born', 'teacher', 'room', 'taking')
if not at[1] or tonumber(at[1]) < tonumber(ARGV[1]) or tonumber(at[2]) < tonumber(ARGV[2]) then return {'gone'} end
"""
SIT = f"""{ALIVE}
if not redis.call('ZSCORE', KEYS[2], ARGV[3]) and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[5]) then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[6])
  if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[5]) then return {{'full'}} end
end
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[7])
local seat = {{'', at[3], redis.call('ZCARD', KEYS[2])}}
for i = 3, #KEYS do seat[i + 1] = redis.call('HGET', KEYS[i], ARGV[3]) or '' end
return seat
"""
GUESS = f"""{ALIVE}
if at[4] ~= ARGV[4] then return {{'closed'}} end
if redis.call('HEXISTS', KEYS[2], ARGV[3]) == 0 and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[6]) then
  return {{'full'}}
end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[7])
return {{''}}
"""


class Shared:
    """Rooms in the Redis at `address`. Raises: ValueError for what is no address of one; ImportError without redis."""

    def __init__(self, address: str, clock: Callable[[], float] = time):
        from redis import Redis, RedisError  # an extra: nobody else needs it

        self._broken = RedisError
        patience = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
        self._redis = Redis.from_url(address, decode_responses=True, **patience)
        self._begin, self._sit, self._guess = map(self._redis.register_script, (BEGIN, SIT, GUESS))
        self._clock, self._rests = clock, 0.0

    def begin(self) -> tuple[str, str]:
        key, now, said = new_key(), self._clock(), "taken"
        while said == "taken":
            code = new_code()
            keys, room = [LISTED, _at(code)], json.dumps(asdict(Room(code)))
            told = [now, now - ROOM_TEACHER, ROOMS, code, digest(key), room, int(ROOM_SECONDS)]
            said = self._asked(lambda keys=keys, told=told: self._begin(keys, told))
        if said:
            raise RoomError(said)
        return code, key

    def sit(self, code: str, seat: str) -> Seat:
        now = self._clock()
        keys = [_at(code), _at(code, "seen"), *(_at(code, ballot) for ballot in BALLOTS)]
        told = [*self._oldest(now), seat, now, ROOM_VOTERS, now - ROOM_THERE, int(ROOM_SECONDS)]
        wrong, *found = self._asked(lambda: self._sit(keys, told))
        if wrong:
            raise RoomError(wrong)
        room, taken, *guesses = found
        return Seat(_room(room), tuple(guesses), int(taken))

    def guess(self, code: str, seat: str, ballot: int, text: str) -> None:
        told = [*self._oldest(self._clock()), seat, ballot, fitting(ballot, text), ROOM_VOTERS, int(ROOM_SECONDS)]
        (wrong,) = self._asked(lambda: self._guess([_at(code), _at(code, ballot)], told))
        if wrong:
            raise RoomError(wrong)

    def desk(self, code: str, key: str) -> Desk:
        found, now = self._own(code, key), self._clock()
        with self._redis.pipeline() as pipe:
            pipe.hset(_at(code), "teacher", now).expire(_at(code), int(ROOM_SECONDS)).zadd(LISTED, {code: now})
            pipe.zcount(_at(code, "seen"), now - ROOM_THERE, "+inf")
            for ballot in BALLOTS:
                pipe.hlen(_at(code, ballot))
            _, _, _, there, *voted = self._asked(pipe.execute)
        return Desk(_room(found["room"]), there, tuple(voted))

    def do(self, code: str, key: str, deed: Deed) -> None:
        self._own(code, key)

        def turn(pipe: Any) -> None:
            held = pipe.hget(_at(code), "room")
            pipe.multi()
            if held is None:
                return
            before = _room(held)
            room = deed(before)
            pipe.hset(_at(code), mapping={"room": json.dumps(asdict(room)), "taking": room.taking})
            if room.step != before.step:
                pipe.delete(*(_at(code, ballot) for ballot in BALLOTS))

        self._asked(lambda: self._redis.transaction(turn, _at(code)))

    def end(self, code: str, key: str) -> None:
        self._own(code, key)
        with self._redis.pipeline() as pipe:
            pipe.zrem(LISTED, code).delete(_at(code), _at(code, "seen"), *(_at(code, ballot) for ballot in BALLOTS))
            self._asked(pipe.execute)

    def votes(self, code: str, key: str) -> tuple[list[str], ...]:
        self._own(code, key)
        with self._redis.pipeline() as pipe:
            for ballot in BALLOTS:
                pipe.hvals(_at(code, ballot))
            return tuple(self._asked(pipe.execute))

    def count(self) -> int:
        return int(self._asked(lambda: self._redis.zcount(LISTED, self._clock() - ROOM_TEACHER, "+inf")))

    def _own(self, code: str, key: str) -> dict[str, str]:
        """The room's hash, for its teacher."""
        found = self._asked(lambda: self._redis.hgetall(_at(code)))
        born, teacher = self._oldest(self._clock())
        if not found or float(found["born"]) < born or float(found["teacher"]) < teacher:
            raise RoomError("gone")
        if not same(key, found["key"]):
            raise RoomError("key")
        return found

    def _oldest(self, now: float) -> tuple[float, float]:
        """When a room that is still open may at the earliest have begun, and have seen its teacher."""
        return now - ROOM_SECONDS, now - ROOM_TEACHER

    def _asked(self, ask: Callable[[], Any]) -> Any:
        if monotonic() < self._rests:
            raise RoomError("away")
        try:
            return ask()
        except self._broken as error:
            self._rests = monotonic() + REST
            raise RoomError("away") from error


def _at(code: str, part: str | int = "") -> str:
    return f"fibra:room:{code}:{part}" if part else f"fibra:room:{code}"


def _room(text: str) -> Room:
    return Room(**json.loads(text))
