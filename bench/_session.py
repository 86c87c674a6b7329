"""A browser tab without a browser: what Streamlit's frontend says on its websocket, and what it remembers.

It speaks in the installed package's own messages (BackMsg out, ForwardMsg in), to a server on loopback.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass
from itertools import count

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.Slider_pb2 import Slider
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from websockets.asyncio.client import ClientConnection, connect

from bench import Page
from bench._server import Answers

ANSWER_SECONDS = 30
NUMBER = count()
NUMBERS = 100  # of those that may be typed, as many are tried


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
    run by themselves, with their seconds; `buttons` and `lines`, where text is typed, are (id, fragment) by key;
    `texts` is the HTML by its place. `received` counts bytes; what the app shows as an exception goes to `errors`. An
    answer is waited for `patience` seconds.
    """

    def __init__(self, server: Answers, page: Page, errors: list[str], patience: float = ANSWER_SECONDS) -> None:
        self.stops: list[float] | list[str] = []
        self.value: float | str = ""
        self.received = 0
        self.timers: dict[str, float] = {}
        self.buttons: dict[str, tuple[str, str]] = {}
        self.lines: dict[str, tuple[str, str]] = {}
        self.texts: dict[str, str] = {}
        self._errors = errors
        self._patience = patience
        self._knob: Knob | None = None
        self._origin = server.origin
        self._cookie = f"fibra={next(NUMBER)}"  # by which nginx leads a reader to the same process (deploy/nginx.conf)
        self._page = page
        self._socket: ClientConnection | None = None
        self._query = page.query
        self._page_hash = ""
        self._fragment = ""
        self._cache = MessageCache()
        self._max_age = 0

    async def open(self) -> None:
        """Load the page and find its knob. Raises LookupError where the knob isn't there."""
        await self.visit()
        if self._knob is None:
            raise LookupError(f"/{self._page.path} shows no slider with key={self._page.knob!r}")

    async def visit(self) -> None:
        """Load the page."""
        address = f"{self._origin.replace('http', 'ws', 1)}/_stcore/stream"
        protocols = ["streamlit", "PLACEHOLDER_AUTH_TOKEN"]
        # No proxy: nothing may leave this machine. No limit on size: a page's first pictures may be large.
        options = {"proxy": None, "max_size": None, "open_timeout": ANSWER_SECONDS}
        options["additional_headers"] = {"Cookie": self._cookie}
        self._socket = await connect(address, origin=self._origin, subprotocols=protocols, **options)
        await self._run(BackMsg())

    async def go(self, page: Page) -> None:
        """Go on to another page, as by a link of the menu: the address holds the Scene."""
        self._page, self._query, self._page_hash, self._knob = page, page.query, "", None
        self.timers, self.buttons, self.lines, self.texts = {}, {}, {}, {}
        self.stops = []
        await self._run(BackMsg())

    async def turn(self, value: float | str, held: bool = False) -> None:
        """Send the knob's new value, as the frontend does on its release or while it is `held`, and wait for the end of
        the run."""
        self.value = value
        request = BackMsg()
        request.rerun_script.fragment_id = self._fragment
        self._knob.write(value, held, request.rerun_script.widget_states)
        await self._run(request)

    async def press(self, key: str) -> None:
        """Click a button, and wait for the end of the run."""
        request = BackMsg()
        button, request.rerun_script.fragment_id = self.buttons[key]
        request.rerun_script.widget_states.widgets.add(id=button).trigger_value = True
        await self._run(request)

    async def type(self, key: str, text: str) -> None:
        """Type a line and press Enter, and wait for the end of the run."""
        request = BackMsg()
        line, request.rerun_script.fragment_id = self.lines[key]
        request.rerun_script.widget_states.widgets.add(id=line).string_value = text
        await self._run(request)

    async def tick(self, fragment: str) -> None:
        """Let a fragment run by itself, as its timer does."""
        request = BackMsg()
        request.rerun_script.fragment_id, request.rerun_script.is_auto_rerun = fragment, True
        await self._run(request)

    @property
    def query(self) -> str:
        """What the address says."""
        return self._query

    async def send(self, data: bytes) -> None:
        """Send anything, and wait for no answer."""
        await self._socket.send(data)

    async def drop(self) -> None:
        """Lose the line without a word."""
        if self._socket:
            self._socket.transport.abort()

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
        async with asyncio.timeout(self._patience):
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
            self.buttons[_key(element.button.id)] = element.button.id, message.delta.fragment_id
        elif kind == "text_input":
            self.lines[_line_key(element.text_input.id)] = element.text_input.id, message.delta.fragment_id
        elif kind == "html":
            self.texts[str(message.metadata.delta_path)] = element.html.body
        elif (knob := _knob(element)) and self._page.has_knob(knob.id):
            if self._knob is None or knob.id != self._knob.id:
                self.stops, self.value = knob.stops, knob.value
            self._knob, self._fragment = knob, message.delta.fragment_id


def _key(element_id: str) -> str:
    """The widget's key: Streamlit's ids are `$$ID-hash-key`."""
    return element_id.split("-", 2)[-1]


def _line_key(element_id: str) -> str:
    """The same without the number of its mount (ui.controls)."""
    return re.sub(r"-g\d+$", "", _key(element_id))


@dataclass(frozen=True)
class Knob:
    """A slider of either kind, a number, or a list: what the frontend may send (`stops`), and where it stands."""

    id: str
    stops: list[float] | list[str]
    value: float | str
    follows: bool  # ours, which follows the finger
    whole: bool = False  # a whole number
    listed: bool = False  # a list to choose from
    drawn: int = 0  # of ours: the number of its drawing, for which a turn is meant

    def write(self, value: float | str, held: bool, states: WidgetStates) -> None:
        """Put a turn to `value` among what a request says of the widgets, as the frontend does."""
        if self.whole:
            states.widgets.add(id=self.id).int_value = int(value)
        elif self.listed:
            states.widgets.add(id=self.id).string_value = str(value)
        elif self.follows:
            turn = {"at": value, "n": time.time_ns(), "held": held, "grip": int(held), "drawn": self.drawn}
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
    if kind == "number_input":
        number = element.number_input
        low, value = int(number.min), int(number.value if number.set_value else number.default)
        return Knob(number.id, list(range(low, low + NUMBERS)), value, False, whole=True)
    if kind == "selectbox":
        box = element.selectbox
        value = box.raw_value if box.set_value else box.options[box.default]
        return Knob(box.id, list(box.options), value, False, listed=True)
    if kind == "bidi_component" and element.bidi_component.component_name == "fibra_range":
        (data,) = json.loads(element.bidi_component.json)
        return Knob(element.bidi_component.id, list(range(len(data["texts"]))), data["at"], True, drawn=data["drawn"])
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
