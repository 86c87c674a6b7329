"""A mixed crowd under fire: connections that break, half a message, a flood, and a server that is killed in the middle.

`bench.load --faults` runs it. Whoever loses the line comes back by the address, as a browser does, and must be on the
Scene that the address says. How long that took is an act of its own, "back".
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from urllib.parse import parse_qsl

from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import WebSocketException

from bench._server import Server
from bench._session import Session
from bench.load import Lesson
from bench.mix import Crowd, Reader
from core import Scene

LOST = (OSError, WebSocketException, TimeoutError)
PAUSE = 1.5  # seconds between two deeds
BACK_WITHIN = 10.0  # seconds from the loss of a line, or of the server, to the Scene
FLOOD = 100  # requests at once
SAMPLED = 10.0  # seconds from one look at the server's memory to the next
# What Streamlit logs of its own: that half a message cannot be read, and that whom it answers has just hung up.
EXPECTED = (
    "google.protobuf.message.DecodeError",
    'Cannot call "send" once a close message has been sent',
    'WebSocket is not connected. Need to call "accept" first',
)


class Storm(Crowd):
    """A crowd, and one who breaks things meanwhile; `tally.acts` counts what was broken."""

    def __init__(self, server: Server, lesson: Lesson) -> None:
        super().__init__(server, lesson)
        self._chance = random.Random(0)
        self._deeds = {"drop": self._drop, "half a message": self._half, "flood": self._flood}
        self.lives: list[list[float]] = [[]]  # of each server, until it was killed, its MB every SAMPLED seconds
        self.expected = 0  # lines of the log that are left out of the errors

    async def teach(self, turns: int) -> None:
        """Let all turn their knobs while things break; the server is killed once, after a third of the lesson."""
        beside = [self._trouble(turns * self._lesson.every), self._watch()]
        tasks = [asyncio.create_task(work) for work in beside]
        try:
            await super().teach(turns)
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
        for seat in sorted(self._present):
            await self._check(seat)

    async def close(self) -> None:
        """Close all sessions, and look into the log: what is EXPECTED is only counted."""
        await super().close()
        errors = [error for error in self.tally.errors if not any(known in error for known in EXPECTED)]
        self.expected = len(self.tally.errors) - len(errors)
        self.tally.errors = errors

    async def _watch(self) -> None:
        while True:
            with suppress(OSError):  # it has just been killed
                self.lives[-1].append(self._server.resident_mb())
            await asyncio.sleep(SAMPLED)

    async def _act(self, seat: int) -> None:
        try:
            await super()._act(seat)
        except LOST:
            await self._come_back(seat)

    async def _come_back(self, seat: int) -> None:
        """Connect until somebody answers, on the address as it stands."""
        pupil, began = self._pupils[seat], time.perf_counter()
        while True:
            try:
                await pupil.visit()
                break
            except LOST:
                if time.perf_counter() - began > BACK_WITHIN:
                    raise
                await asyncio.sleep(0.2)
        self._note("back", time.perf_counter() - began)
        self._readers[seat].sentence = _scene(pupil).sentence  # what was being typed may or may not have arrived

    async def _check(self, seat: int) -> None:
        """A session ends on the Scene that its address says: after one more visit to it, the address is the same."""
        pupil, reader = self._pupils[seat], self._readers[seat]
        before = _scene(pupil)
        try:
            await pupil.visit()
        except LOST:
            await self._come_back(seat)
        if _scene(pupil) != before or before.model != reader.model or not _said(before, reader):
            self.tally.errors.append(f"/{reader.at}: not on its Scene: {pupil.query}")

    async def _trouble(self, seconds: float) -> None:
        """Something every PAUSE seconds."""
        began = time.perf_counter()
        while True:
            await asyncio.sleep(PAUSE)
            if len(self.lives) == 1 and time.perf_counter() - began > seconds / 3:
                await self._kill()
                continue
            deed = self._chance.choice([*self._deeds])
            at = time.perf_counter()
            try:
                await self._deeds[deed]()
            except LOST as error:
                self.tally.errors.append(f"{deed}: {type(error).__name__}: {error}")
            self._note(deed, time.perf_counter() - at)

    async def _drop(self) -> None:
        """Someone's line breaks."""
        await self._pupils[self._chance.choice(sorted(self._present))].drop()

    async def _half(self) -> None:
        """A stranger sends half of what a tab sends, and goes; the server may hang up first."""
        stranger = Session(self._server, self._readers[0].page(), self.tally.errors)
        await stranger.visit()
        whole = BackMsg()
        whole.rerun_script.query_string = "model=gpt&sentence=" + "a+" * 40
        data = whole.SerializeToString()
        with suppress(*LOST):
            await stranger.send(data[: len(data) // 2])
        await stranger.close()

    async def _flood(self) -> None:
        """A stranger asks again and again without waiting for an answer, and goes."""
        stranger = Session(self._server, self._readers[0].page(), self.tally.errors)
        await stranger.visit()
        for seed in range(FLOOD):
            request = BackMsg()
            request.rerun_script.query_string = f"model=gpt&seed={seed}"
            await stranger.send(request.SerializeToString())
        await stranger.close()

    async def _kill(self) -> None:
        """The server dies without a word, and another starts in its place."""
        at = time.perf_counter()
        self.lives.append([])
        await asyncio.to_thread(self._server.kill_and_restart)
        self._note("restart", time.perf_counter() - at)


def _scene(pupil: Session) -> Scene:
    """What the address says."""
    return Scene.from_query(dict(parse_qsl(pupil.query)))[0]


def _said(scene: Scene, reader: Reader) -> bool:
    return scene.sentence in (reader.sentence, "")  # the preset's own is left out
