"""A class at work: N sessions that each turn a knob every few seconds, for a bounded time, on loopback only.

    python -m bench.load                        # 60 sessions on Attention, a turn every 2 s, for 60 s
    python -m bench.load --sessions 30 --seconds 20 --every 0.1 --drag
    python -m bench.load --page fibres --sessions 30 --seconds 30 --every 1 --distinct

One asyncio process speaks what Streamlit's frontend speaks on its websocket, in the installed package's own messages
(BackMsg out, ForwardMsg in). It starts the servers itself, one for the app and one for the bare page `plain_app.py`
with the same settings, so there is no address to give and nothing but this machine to reach. A turn is timed from
sending the slider's value to the `script_finished` of its run. The two classes take turns of some seconds, so that what
else the machine does weighs on both alike. Memory and processor time are the servers' own, from Linux's /proc.

The exit code is 1 when a session was shown an exception or got no answer, or a server logged a traceback; speed is only
reported.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.Slider_pb2 import Slider
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from bench import PAGES, PEER, PLAIN_APP, ROOT, Page, app_script, between, machine, percentile, print_table
from bench._server import Server, serve

OPENINGS_A_SECOND = 10
ANSWER_SECONDS = 30
STRETCH_SECONDS = 15


class MessageCache:
    """The frontend's store of large messages. The server sends a message's hash in its place once a request has named
    that hash as held; the frontend forgets what several runs in a row haven't used."""

    def __init__(self) -> None:
        self._messages: dict[str, ForwardMsg] = {}
        self._last_use: dict[str, int] = {}
        self._runs = 0

    @property
    def hashes(self) -> list[str]:
        """The hashes of the messages held."""
        return list(self._messages)

    def resolve(self, message: ForwardMsg) -> ForwardMsg:
        """The message itself, kept if it is cacheable, or the one that it refers to."""
        key = message.ref_hash or message.hash
        if message.metadata.cacheable:
            self._messages.setdefault(key, message)
        if key in self._messages:
            self._last_use[key] = self._runs
        return self._messages[key] if message.ref_hash else message

    def end_run(self, fragments: list[str], max_age: int) -> None:
        """Count a finished run and forget what is older than `max_age` runs; a fragment's run ages its own only."""
        self._runs += 1
        for key, message in list(self._messages.items()):
            concerned = not fragments or message.delta.fragment_id in fragments
            if concerned and self._runs - self._last_use[key] > max_age:
                del self._messages[key], self._last_use[key]


class Session:
    """One browser tab: what the frontend remembers between messages.

    `stops` are the values that the page's knob takes and `value` is where it stands. `timers` are the fragments that
    run by themselves, with their seconds; `buttons` are (id, fragment) by key; `texts` is the HTML by its place.
    `received` counts bytes; what the app shows as an exception goes to `errors`.
    """

    def __init__(self, server: Server, page: Page, errors: list[str]) -> None:
        self.stops: list[float] | list[str] = []
        self.value: float | str = ""
        self.received = 0
        self.timers: dict[str, float] = {}
        self.buttons: dict[str, tuple[str, str]] = {}
        self.texts: dict[str, str] = {}
        self._errors = errors
        self._knob: Knob | None = None
        self._origin = server.origin
        self._page = page
        self._socket: ClientConnection | None = None
        self._query = page.query
        self._page_hash = ""
        self._fragment = ""
        self._cache = MessageCache()
        self._max_age = 0

    async def open(self) -> None:
        """Load the page and find its knob. Raises LookupError where the knob isn't there."""
        address = f"{self._origin.replace('http', 'ws', 1)}/_stcore/stream"
        protocols = ["streamlit", "PLACEHOLDER_AUTH_TOKEN"]
        # No proxy: nothing may leave this machine. No limit on size: a page's first pictures may be large.
        options = {"proxy": None, "max_size": None, "open_timeout": ANSWER_SECONDS}
        self._socket = await connect(address, origin=self._origin, subprotocols=protocols, **options)
        await self._run(BackMsg())
        if self._knob is None:
            raise LookupError(f"/{self._page.path} shows no slider with key={self._page.knob!r}")
        self.stops, self.value = self._knob.stops, self._knob.value

    async def turn(self, value: float | str) -> None:
        """Send the knob's new value, as the frontend does on its release, and wait for the end of the run."""
        self.value = value
        request = BackMsg()
        request.rerun_script.fragment_id = self._fragment
        self._knob.write(value, request.rerun_script.widget_states)
        await self._run(request)

    async def press(self, key: str) -> None:
        """Click a button, and wait for the end of the run."""
        request = BackMsg()
        button, request.rerun_script.fragment_id = self.buttons[key]
        request.rerun_script.widget_states.widgets.add(id=button).trigger_value = True
        await self._run(request)

    async def tick(self, fragment: str) -> None:
        """Let a fragment run by itself, as its timer does."""
        request = BackMsg()
        request.rerun_script.fragment_id, request.rerun_script.is_auto_rerun = fragment, True
        await self._run(request)

    async def close(self) -> None:
        """Close the tab."""
        if self._socket:
            await self._socket.close()

    async def _run(self, request: BackMsg) -> None:
        client = request.rerun_script
        client.query_string = self._query
        client.page_script_hash = self._page_hash
        client.page_name = "" if self._page_hash else self._page.path
        client.cached_message_hashes.extend(self._cache.hashes)
        client.context_info.url = f"{self._origin}/{self._page.path}"
        client.context_info.locale = "pt-BR"
        client.context_info.timezone = "UTC"
        client.context_info.color_scheme = "light"
        await self._socket.send(request.SerializeToString())
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._receive_run()

    async def _receive_run(self) -> None:
        started = finished = False
        while not finished:
            data = await self._socket.recv()
            self.received += len(data)
            message = self._cache.resolve(ForwardMsg.FromString(data))
            kind = message.WhichOneof("type")
            if kind == "new_session":
                started = True
                self._max_age = message.new_session.config.max_cached_message_age
                self._page_hash = message.new_session.page_script_hash
            elif kind == "navigation":
                self._page_hash = message.navigation.page_script_hash
            elif kind == "page_info_changed":
                self._query = message.page_info_changed.query_string
            elif kind == "auto_rerun":
                self.timers[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            elif kind == "delta":
                self._read_delta(message)
            elif kind == "script_finished":
                # A run that st.rerun cuts short is followed by another one.
                finished = started and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
        self._cache.end_run(list(message.metadata.run.fragment_ids), self._max_age)
        if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            self._errors.append("the page does not compile")

    def _read_delta(self, message: ForwardMsg) -> None:
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            self._errors.append(f"{element.exception.type}: {element.exception.message}")
        elif kind == "button":
            self.buttons[element.button.id.split("-", 2)[-1]] = element.button.id, message.delta.fragment_id
        elif kind == "html":
            self.texts[str(message.metadata.delta_path)] = element.html.body
        elif (knob := _knob(element)) and self._page.has_knob(knob.id):
            self._knob = knob
            self._fragment = message.delta.fragment_id


@dataclass(frozen=True)
class Knob:
    """A slider of either kind: `stops` are what the frontend may send, and `value` is where it stands."""

    id: str
    stops: list[float] | list[str]
    value: float | str
    follows: bool  # ours, which follows the finger

    def write(self, value: float | str, states: WidgetStates) -> None:
        """Put a turn to `value` among what a request says of the widgets, as the frontend does."""
        if self.follows:
            turn = {"at": value, "n": time.time_ns()}
            knob = states.widgets.add(id=f"$$STREAMLIT_INTERNAL_KEY_{self.id}__events")
            knob.json_trigger_value = json.dumps([{"event": "turn", "value": turn}])
        else:
            knob = states.widgets.add(id=self.id)
            sent = knob.string_array_value if isinstance(value, str) else knob.double_array_value
            sent.data.append(value)


def _knob(element: Element) -> Knob | None:
    """The element as a knob, if it is one."""
    kind = element.WhichOneof("type")
    if kind == "slider":
        slider = element.slider
        return Knob(slider.id, _stops(slider), _standing(slider), False)
    if kind == "bidi_component" and element.bidi_component.component_name == "fibra_range":
        data = json.loads(element.bidi_component.json)
        return Knob(element.bidi_component.id, list(range(len(data["texts"]))), data["at"], True)
    return None


def _stops(slider: Slider) -> list[float] | list[str]:
    """What the frontend may send: the options of a select_slider by their labels, or numbers."""
    if slider.type == Slider.SELECT_SLIDER:
        return list(slider.options)
    count = round((slider.max - slider.min) / slider.step) + 1
    return [round(slider.min + slider.step * stop, 10) for stop in range(count)]


def _standing(slider: Slider) -> float | str:
    if slider.type == Slider.SELECT_SLIDER:
        return slider.raw_value[0] if slider.set_value else slider.options[int(slider.default[0])]
    return (slider.value if slider.set_value else slider.default)[0]


@dataclass(frozen=True)
class Lesson:
    """How a class behaves: so many sessions, for so many seconds, each with a turn `every` so many seconds. `jitter` is
    the share of that time by which a turn may come later; if `distinct`, each session has a seed of its own."""

    sessions: int
    seconds: float
    every: float
    jitter: float
    distinct: bool
    drag: bool  # all drag their knobs: a turn follows on the answer to the last, but no sooner than `every`


@dataclass
class Tally:
    """What was measured: seconds and bytes of each turn, seconds of each opening, turns for which no time was left,
    what went wrong, and the server's peak of memory in MB and its processor time during the turns."""

    seconds: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    openings: list[float] = field(default_factory=list)
    unsent: int = 0
    errors: list[str] = field(default_factory=list)
    peak_mb: float = 0.0
    cpu_seconds: float = 0.0


class Classroom:
    """The sessions of a lesson on one page of one server; `tally` is what was measured."""

    def __init__(self, server: Server, page: Page, lesson: Lesson) -> None:
        self.tally = Tally()
        self._server = server
        self._lesson = lesson
        self._pupils = [
            Session(server, page.seeded(seat + 1) if lesson.distinct else page, self.tally.errors)
            for seat in range(lesson.sessions)
        ]
        self._chances = [random.Random(seat) for seat in range(lesson.sessions)]
        self._present = set(range(lesson.sessions))

    async def open(self) -> None:
        """Open the page in all sessions, one after the other."""
        await self._each(self._open)

    async def teach(self, turns: int) -> None:
        """Let all sessions turn their knobs so many times."""
        before = self._server.usage()
        turn = self._drag if self._lesson.drag else self._turn_repeatedly
        await self._each(lambda seat: turn(seat, turns))
        after = self._server.usage()
        self.tally.peak_mb = after.peak_mb
        self.tally.cpu_seconds += after.cpu_seconds - before.cpu_seconds

    async def close(self) -> None:
        """Close all sessions and look into the server's log."""
        await asyncio.gather(*(pupil.close() for pupil in self._pupils))
        self.tally.errors += [f"in the server's log: {line}" for line in self._server.tracebacks()]

    async def _each(self, work: Callable[[int], Awaitable[None]]) -> None:
        """Do the same in all sessions at once. Why one breaks off is noted, and it is left out from then on."""

        async def attempt(seat: int) -> None:
            try:
                await work(seat)
            except (LookupError, TimeoutError, OSError, WebSocketException) as error:
                self.tally.errors.append(f"{type(error).__name__}: {error}")
                self._present.discard(seat)

        await asyncio.gather(*map(attempt, sorted(self._present)))

    async def _open(self, seat: int) -> None:
        await asyncio.sleep(seat / OPENINGS_A_SECOND)
        began = time.perf_counter()
        await self._pupils[seat].open()
        self.tally.openings.append(time.perf_counter() - began)

    async def _drag(self, seat: int, turns: int) -> None:
        """Move the knob stop by stop, to and fro, as a finger that holds it: nothing is sent before the answer came."""
        pupil, every = self._pupils[seat], self._lesson.every
        there_and_back = [*pupil.stops, *pupil.stops[-2:0:-1]]
        at, deadline = seat, time.perf_counter() + turns * every
        while (began := time.perf_counter()) < deadline:
            at, received = at + 1, pupil.received
            await pupil.turn(there_and_back[at % len(there_and_back)])
            self.tally.seconds.append(time.perf_counter() - began)
            self.tally.sizes.append(pupil.received - received)
            await asyncio.sleep(began + every - time.perf_counter())

    async def _turn_repeatedly(self, seat: int, turns: int) -> None:
        """Turn the knob at moments that are fixed beforehand. One that passes while an answer is still awaited is made
        up for right after it, and that wait counts: a slow server can't hide by being asked less often."""
        pupil, chance, lesson = self._pupils[seat], self._chances[seat], self._lesson
        start, phase = time.perf_counter(), chance.random()
        moments = [start + lesson.every * (turn + phase + lesson.jitter * chance.random()) for turn in range(turns)]
        for turn, moment in enumerate(moments):
            late = time.perf_counter() > moment
            if late and time.perf_counter() > start + lesson.every * (turns + 1):
                self.tally.unsent += turns - turn
                return
            await asyncio.sleep(moment - time.perf_counter())
            began, received = moment if late else time.perf_counter(), pupil.received
            await pupil.turn(chance.choice([stop for stop in pupil.stops if stop != pupil.value]))
            self.tally.seconds.append(time.perf_counter() - began)
            self.tally.sizes.append(pupil.received - received)


async def measure(classrooms: Iterable[Classroom], lesson: Lesson) -> None:
    """Teach the lesson in all classrooms, in alternating stretches."""
    turns = int(lesson.seconds / lesson.every)
    stretch = max(5, int(STRETCH_SECONDS / lesson.every))
    try:
        for classroom in classrooms:
            await classroom.open()
        for taught in range(0, turns, stretch):
            for classroom in classrooms:
                await classroom.teach(min(stretch, turns - taught))
    finally:
        for classroom in classrooms:
            await classroom.close()


HEADER = ("page", "sessions", "turns", "p50 ms", "p95 ms", "max ms", "errors", "unsent")
HEADER += ("kB a turn", "peak MB", "CPU s", "p95 ms to open")


def _row(name: str, tally: Tally) -> list[str]:
    return [
        name,
        f"{len(tally.openings)}",
        f"{len(tally.seconds)}",
        *(f"{1000 * percentile(tally.seconds, percent):.0f}" for percent in (50, 95, 100)),
        f"{len(tally.errors)}",
        f"{tally.unsent}",
        f"{percentile(tally.sizes, 50) / 1000:.1f}",
        f"{tally.peak_mb:.0f}",
        f"{tally.cpu_seconds:.1f}",
        f"{1000 * percentile(tally.openings, 95):.0f}",
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sliding = [name for name in PAGES if name != "start"]  # there the knob is a number to step
    parser.add_argument("--page", choices=sliding, default="attention")
    parser.add_argument("--sessions", type=between(1, 200, int), default=60)
    parser.add_argument("--seconds", type=between(1, 300, float), default=60.0, help="how long the knobs are turned")
    parser.add_argument("--every", type=between(0.1, 60, float), default=2.0, help="seconds from turn to turn")
    parser.add_argument("--jitter", type=between(0, 1, float), default=0.5, help="share of --every a turn may be late")
    parser.add_argument("--drag", action="store_true", help="knobs are held and dragged, a turn --every 0.1 s at most")
    parser.add_argument("--distinct", action="store_true", help="no two sessions share pictures: no cache helps")
    parser.add_argument("--app", type=app_script, default=ROOT / "app.py", help="another checkout's app.py")
    return parser.parse_args()


def main() -> int:
    """Measure the bare page and the app, and print both with their ratio."""
    arguments = _arguments()
    page, app = arguments.page, arguments.app
    print(machine(), flush=True)
    lesson = Lesson(
        arguments.sessions, arguments.seconds, arguments.every, arguments.jitter, arguments.distinct, arguments.drag
    )
    with serve("run", str(PLAIN_APP), folder=app.parent) as bare, serve("run", str(app), folder=app.parent) as server:
        classrooms = {"bare page": Classroom(bare, PEER, lesson), page: Classroom(server, PAGES[page], lesson)}
        asyncio.run(measure(classrooms.values(), lesson))
    tallies = {name: classroom.tally for name, classroom in classrooms.items()}
    print_table(HEADER, [_row(name, tally) for name, tally in tallies.items()])
    ratios = [percentile(tallies[page].seconds, p) / percentile(tallies["bare page"].seconds, p) for p in (50, 95)]
    print(f"{page} / bare page: p50 {ratios[0]:.2f}, p95 {ratios[1]:.2f}")
    print("Bars on Attention, without an error: p95 150 ms and 400 MB for 60 sessions; p95 500 ms for 30 that drag")
    for name, tally in tallies.items():
        for error in sorted(set(tally.errors)):
            print(f"{name}: {tally.errors.count(error)} x {error}", file=sys.stderr)
    return int(any(tally.errors for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
