"""Real models turned: what a knob of the look, and one that recomputes, cost the server on every page.

    python -m bench.real_turns FOLDER                       # every model below it, beside *stories*
    python -m bench.real_turns FOLDER --tokens 256 --pages heads reading --only llama

A reader goes through the pages with a text of so many tokens. On each the knob of the look is turned, every time to
where it has not been: a head, a word, a layer, a step. Start has none: there the address names another head. Then other
sentences of as many tokens are typed, which recomputes all. Of both the table has the server's processor time, which
other work on the machine alters least, the seconds until the run is over, and the kilobytes that it sent.

*stories* is asked the same with as many tokens, or with the most that leave it room to write. Of a turn of the look
counts how many times as long as there it takes; of a sentence what it takes beside `forward`, in times of a sentence
there. What `forward` takes the server itself says of each run (bench/_timed.py). Start says what comes next: there the
last row of the logits, which no page keeps of a long text, counts with it. For Generate it is `generate`.

The exit code is 1 when an exception is on screen or no answer comes; speed is only reported.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
from collections.abc import Coroutine
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import fmean
from urllib.parse import urlencode

from websockets.exceptions import WebSocketException

from bench import ROOT, Page, between, machine, print_errors, print_table
from bench._server import Server, serve
from bench._session import Session
from bench._timed import took
from bench.timing import on_threads
from core import PRESETS, Scene, limits
from core.library import Library, loaded
from core.tokenizer.protocol import Tokenizer
from core.weights.card import Card

LOOKS: dict[str, str] = {
    **{"start": "", "attention": "knob-query", "heads": "knob-head", "reading": "knob-head", "fibres": "knob-head"},
    **{"drift": "knob-drift_stage", "block": "knob-query", "generate": "knob-tokens_written"},
}
WORDS = "the old keeper of the lighthouse walked along the shore and counted ships that passed before noon"
PEER = "stories"
PEER_WORDS = "as focas perto do pinguim estão cansadas e o pinguim pequeno vê o mar"
NEW = Scene().max_new_tokens
PATIENCE = 300  # seconds
LOOK = ("look: CPU s", "s", "kB", "x stories")
HEADER = ("model", "page", *LOOK, "recomputes: CPU s", "s", "kB", "of it forward", "less forward, x stories")
FORWARD = {"start": ("forward", "logits"), "generate": ("generate",)}  # what counts as such; else the first alone


@dataclass(frozen=True)
class Model:
    """One that is turned: what it is called, its name in an address, its tokenizer, the words that its texts are drawn
    from, and the most tokens that it reads."""

    title: str
    name: str
    tokenizer: Tokenizer
    words: str
    most: int
    writes: bool  # whether it is shown on Generate

    def text(self, tokens: int, seed: int) -> str:
        """A text of as many tokens, or a few less: another one for every seed."""
        tokens, found, chance = min(tokens, self.most), "", random.Random(seed)
        words = chance.choices(self.words.split(), k=tokens)
        for n in range(1, tokens + 1):
            text = " ".join(words[:n])
            if len(self.tokenizer.encode(text).tokens) > tokens:
                break
            found = text
        return found


@dataclass(frozen=True)
class Cost:
    """What a turn took: the server's processor, the reader's wait, what was sent, and the processor's part in
    `forward`."""

    cpu: float
    seconds: float
    kilobytes: float
    forward: float

    @property
    def cells(self) -> list[str]:
        """As the table has it."""
        return [f"{self.cpu:.3f}", f"{self.seconds:.2f}", f"{self.kilobytes:.0f}"]


def real(card: Card) -> Model:
    """A model of the folder."""
    found = loaded(card.path)
    most = min(found.config.n_ctx, limits.LONG)
    return Model(card.title, card.name, found.tokenizer, WORDS, most, found.config.causal)


def peer() -> Model:
    """The toy that is turned beside them."""
    preset = PRESETS[PEER]
    assert preset.tokenizer is not None
    most = min(preset.config.n_ctx, limits.TOKENS) - NEW
    return Model(PEER, PEER, preset.tokenizer, PEER_WORDS, most, True)


def room(path: str, tokens: int) -> int:
    """So many tokens, or as many as leave room to write where a page does that."""
    return min(tokens, limits.LONG - NEW) if path == "generate" else tokens


async def cost(server: Server, session: Session, turn: Coroutine[None, None, None], path: str) -> Cost:
    """Take a turn; what it took."""
    logged, received = len(server.written()), session.received
    cpu, began = server.usage().cpu_seconds, time.perf_counter()
    await turn
    seconds = time.perf_counter() - began
    cpu = server.usage().cpu_seconds - cpu
    forward = took(server.written()[logged:], FORWARD.get(path, ("forward",)))
    return Cost(cpu, seconds, (session.received - received) / 1000, forward)


def mean(costs: list[Cost]) -> Cost:
    """Of several turns."""
    return Cost(*(fmean(part) for part in zip(*map(astuple, costs), strict=True)))


async def turned(
    server: Server, model: Model, path: str, tokens: int, turns: int, errors: list[str]
) -> tuple[Cost, Cost]:
    """A page opened, once on another text, for what is read only once; then what the look and a new text take."""

    def text(turn: int) -> str:  # no other page has asked for it
        return model.text(room(path, tokens), 100 * [*LOOKS].index(path) + turn)

    def page(turn: int, **look: int) -> Page:
        query = {"model": model.name, "sentence": text(turn), **look}
        return Page(path, urlencode(query), LOOKS[path] or "-", 0.0)

    session = Session(server, page(turns + 1), errors, PATIENCE)
    await session.visit()
    await session.go(page(0))
    if LOOKS[path]:
        stops = [stop for stop in session.stops if stop != session.value]
        looks = [session.turn(stop) for stop in stops[: turns + 1]]  # where it has been, the picture is kept
    else:
        looks = [session.go(page(0, head=head)) for head in range(1, turns + 2)]
    await looks[0]  # a page reads some things at the first turn alone
    look = [await cost(server, session, turn, path) for turn in looks[1:]]
    texts = [session.type("knob-sentence", text(turn)) for turn in range(1, turns + 1)]
    new = [await cost(server, session, turn, path) for turn in texts]
    await session.close()
    return mean(look), mean(new)


def table(server: Server, models: list[Model], arguments: argparse.Namespace, errors: list[str]) -> list[list[str]]:
    """The rows of all pages, each with the toy first and the others right after it: a machine is not as fast at every
    time."""
    rows = []
    for path in arguments.pages:
        usual = None
        for model in models:
            if path == "generate" and not model.writes:
                continue
            try:
                look, new = asyncio.run(turned(server, model, path, arguments.tokens, arguments.turns, errors))
            except (TimeoutError, OSError, WebSocketException, LookupError) as error:
                errors.append(f"{model.title}, {path}: {type(error).__name__}: {error}")
                continue
            usual = usual or (look, new)
            # Of the toy, which is the measure, all counts: its own `forward` is not worth the name.
            rest = new.cpu if model.name == PEER else new.cpu - new.forward
            times = f"{look.cpu / usual[0].cpu:.2f}", f"{rest / usual[1].cpu:.2f}"
            rows.append([model.title, path, *look.cells, times[0], *new.cells, f"{new.forward:.3f}", times[1]])
    return rows


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the models lie below it")
    parser.add_argument("--only", default="", help="a part of the name of those that are turned")
    parser.add_argument("--pages", nargs="*", choices=LOOKS, default=list(LOOKS))
    parser.add_argument("--tokens", type=between(2, limits.LONG, int), default=24)
    parser.add_argument("--turns", type=between(1, 8, int), default=4)
    return parser.parse_args()


def main() -> int:
    """Turn every model below a folder, and print a table of what it took."""
    arguments = _arguments()
    os.environ["FIBRA_MODELS"] = str(arguments.folder.resolve())
    cards = [card for card in Library(arguments.folder).cards() if not card.problem and arguments.only in card.name]
    errors = [] if cards else [f"{arguments.folder}: no such model lies there that can be read"]
    print(machine(), flush=True)
    models = [peer(), *map(real, cards)]
    for model in models:
        text = model.text(arguments.tokens, 0)
        print(f"{model.title}: {len(model.tokenizer.encode(text).tokens)} tokens", flush=True)
    with serve("run", str(ROOT / "app.py"), folder=ROOT, module="bench._timed") as server:
        rows = table(server, models, arguments, errors)
        errors += [f"in the server's log: {line}" for line in server.tracebacks()]
    print_table(HEADER, rows)
    return print_errors(errors)


if __name__ == "__main__":
    on_threads(1, "bench.real_turns")
    sys.exit(main())
