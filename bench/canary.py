"""Hostile inputs in a real browser: whether any of them sings.

    python -m bench.canary                      # 20,000 of them, most of an hour on two cores
    python -m bench.canary --inputs 500 --seed 7

They come in as a reader's do: in an address, typed as the sentence, pasted into the table, as the file of a lesson and
as the files of a model. An address carries many at once, and a paste one a cell; they are `bench.hostile`'s, of whose
doors GIFT alone is missing: no page reads it. After each deed nothing may have sung: no script of an input's ran, no
dialog opened, nothing was asked of another origin, no element has what only an input brings, no traceback is on
screen, and the page has its title. The inputs follow from the seed.

The exit code is 1 after anything of the kind. What the server's processor takes for a deed, with all that the page
computes and draws for it, is only reported.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from tempfile import TemporaryDirectory
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Dialog, Error, FilePayload, Page, TimeoutError, sync_playwright

from bench import ROOT, between, hostile, machine, percentile, print_table
from bench._server import Server, serve
from core import PRESETS, Scene
from core.scene.url import PIN
from pictures import lessons
from pictures.pages import PAGES
from pictures.words import LANGUAGES, words_of
from tests.chromium import ARGUMENTS, STILL, WAIT, WIRE, executable, go_to, settled

EN = words_of("en")
# What no page of ours has, wherever in it, the trees of components included; the canary itself, in every frame; and
# what is left of a page that broke.
SUNG = """() => {
  const found = [], links = /^(src|href|action|formaction|xlink:href)$/;
  const look = (root) => {
    for (const one of root.querySelectorAll("*")) {
      const brought = [...one.attributes].some(({ name, value }) => /^on[a-z]+$/i.test(name) || name === "srcdoc"
        || (links.test(name) && /^\\s*(javascript:|x$|http:..127.0.0.1:9.)/i.test(value)));
      if (brought) found.push(one.outerHTML.slice(0, 200));
      if (one.shadowRoot) look(one.shadowRoot);
    }
  };
  look(document);
  const sings = (frame) => { try { return frame.canary; } catch { return false; } };
  if ([window, ...Array.from({ length: frames.length }, (_, i) => frames[i])].some(sings)) found.push("the canary");
  delete window.canary;
  for (const one of document.querySelectorAll("[data-testid=stException]")) found.push(one.innerText.slice(0, 200));
  if (document.body.innerText.includes("Traceback (most recent")) found.push("a traceback");
  if (!document.querySelector("h1.fibra-title")) found.push("no title");
  return found;
}"""
HEARD = "([before, until]) => fibraWire.asked > before || performance.now() > until"
ROWS, COLUMNS = 5, 4  # of the penguins' embeddings
CELL, TRIES = 35, 8  # px, the height of a row of the table; clicks on one
UNHEARD = 2_000  # ms after which what was done is taken for nothing: what stood there already was typed again
NAMES = (
    *(name for name in Scene.__dataclass_fields__ if name not in ("model", "sentence", "lang")),
    *("n_heads", "d_model", "positions", "norm", "room", "seat", "teach", "lesson", "lesson_step", "challenge"),
)
VALUES, LONGEST = 60, 240  # in an address, and characters of each
SHIPPED = [path.read_text("utf-8") for path in sorted((ROOT / "content").rglob("lessons/*.md"))]
# Of all inputs, those that come in by each door.
SHARES = {"address": 0.92, "sentence": 0.01, "table": 0.0625, "lesson": 0.005, "upload": 0.0025}
AFRESH = 60  # deeds after which the tab is another one


class Cage:
    """A tab in which nothing may sing."""

    def __init__(self, page: Page, origin: str):
        self.page, self._origin = page, origin
        self._heard: list[str] = []
        page.set_default_timeout(WAIT)
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self._asked(request.url))
        page.on("websocket", lambda socket: self._asked(socket.url.replace("ws", "http", 1)))
        page.goto(f"{origin}/?lang=en")
        settled(page)

    def _dialog(self, dialog: Dialog) -> None:
        self._heard.append(f"dialog: {dialog.message[:100]}")
        dialog.dismiss()

    def _asked(self, url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob") and not url.startswith(f"{self._origin}/"):
            self._heard.append(f"asked: {url[:200]}")

    def sung(self) -> list[str]:
        """All that has been heard or is seen and must not be, since the last time."""
        found = [*self._heard, *self.page.evaluate(SUNG)]
        self._heard.clear()
        return found

    def at(self, path: str) -> None:
        """Lead the tab to this path, as by Back and Forward."""
        with self.answered():
            go_to(self.page, self._origin + path)

    @contextmanager
    def answered(self) -> Iterator[None]:
        """Do something, and wait until the server has heard of it and all is drawn."""
        before, now = self.page.evaluate("[fibraWire.asked, performance.now()]")
        yield
        self.page.wait_for_function(HEARD, arg=[before, now + UNHEARD], polling=25)
        settled(self.page)

    def hover(self) -> None:
        """The mouse in the middle of the first figure, which says there what it shows."""
        figures = self.page.locator("[data-drawn]")
        if figures.count() and (box := figures.first.bounding_box()):
            self.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            self.page.evaluate("new Promise(requestAnimationFrame)")
            self.page.mouse.move(0, 0)

    def on(self, name: str) -> None:
        """The tab on this page, whatever else the address says."""
        if urlsplit(self.page.url).path != f"/{name}":
            self.at(f"/{name}?lang=en")

    def press(self, key: str) -> bool:
        """Press a button by its key, where it is there, and is not taken away meanwhile."""
        button = self.page.locator(f"[class*=st-key-{key}] button")
        if not button.count() or not button.first.is_enabled():
            return False
        with self.answered(), suppress(TimeoutError):
            button.first.click(timeout=UNHEARD)
        return True


# ------------------------------------------------------------------------------------------------------------- doors


def text(chance: random.Random, most: int = 12, first: float = 0.7) -> str:
    """A text as a browser can have it; many begin with what would run, as only a beginning is shown of some."""
    given = hostile.text(chance, most).encode("utf-8", "replace").decode()
    return chance.choice(hostile.SCRIPTS) + given if chance.random() < first else given


def address(cage: Cage, chance: random.Random) -> int:
    """Many at once: the sentence, whatever has a text, and as good as every field of a Scene with a wrong value."""
    query = {name: text(chance, 3)[:LONGEST] for name in chance.sample(NAMES, VALUES - 2)}
    query |= {"sentence": text(chance)[:LONGEST], "target": text(chance)[:LONGEST]}
    given = len(query)
    if chance.random() < 0.2:
        query |= {"pin": "1"} | {PIN + name: text(chance, 3)[:LONGEST] for name in ("model", "sentence", "seed")}
        given += 3
    query |= {"model": chance.choice([*PRESETS]), "lang": chance.choice(LANGUAGES)}
    cage.at(f"/{chance.choice([*PAGES])}?{urlencode(query)}")
    return given


def sentence(cage: Cage, chance: random.Random) -> int:
    """Typed, on a page that has a sentence."""
    if chance.random() < 0.2 or not PAGES.get(urlsplit(cage.page.url).path[1:], PAGES["train"]).model:
        cage.at(f"/{chance.choice([name for name, page in PAGES.items() if page.model])}?lang=en")
    with cage.answered():
        box = cage.page.locator(".st-key-page-head input[type=text]").first
        box.fill(text(chance))
        box.press("Enter")
    return 1


def table(cage: Cage, chance: random.Random) -> int:
    """Pasted over all cells of the embeddings, of which each is refused by a notice of its own."""
    cage.at("/attention?lang=en")
    grid = cage.page.locator("[data-testid=stDataFrame]").first
    if not grid.count():
        cage.page.locator("label", has_text=EN("attention.edit")).click()
    grid.wait_for()
    settled(cage.page)
    cells = [[" ".join(text(chance, 3).split())[:LONGEST] for _ in range(COLUMNS)] for _ in range(ROWS)]
    cage.page.evaluate("(text) => navigator.clipboard.writeText(text)", "\n".join("\t".join(row) for row in cells))
    for _ in range(TRIES):  # the grid, a canvas, hears the mouse once it is drawn, and has the focus a while later
        box = grid.bounding_box()
        assert box
        cage.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 1.5 * CELL)
        cage.page.wait_for_timeout(500)
        if cell := re.fullmatch("glide-cell-([0-9]+)-0", cage.page.evaluate("document.activeElement?.id ?? ''")):
            break
    else:
        raise RuntimeError("no cell can be chosen")
    for _ in range(int(cell[1]) - 1):  # to the first column of numbers
        cage.page.keyboard.press("ArrowLeft")
    with cage.answered():
        cage.page.keyboard.press("Control+v")
    if not cage.page.locator(".fibra-notice").count():
        raise RuntimeError("nothing was pasted")
    return ROWS * COLUMNS


def lesson(cage: Cage, chance: random.Random) -> int:
    """A file: one that was mangled, or one that is as it should be and has hostile words. The latter is played."""
    cage.on("lessons")
    if chance.random() < 0.5:
        written = hostile.mangled(chance, chance.choice(SHIPPED)).encode("utf-8", "replace").decode()
    else:
        scene = Scene.from_query({"model": chance.choice([*PRESETS]), "sentence": text(chance)})[0]
        line = " ".join(text(chance).split())[:LONGEST]
        page = chance.choice([name for name, page in PAGES.items() if page.model])
        step = lessons.written(page, scene, line, " ".join(text(chance).split())[:LONGEST])
        written = f"---\ntitle: {line}\nminutes: 5\nabout: {line}\n---\n\n{step}"
    file = FilePayload(name=f"{named(chance)}.md", mimeType="text/markdown", buffer=written.encode())
    with cage.answered():
        cage.page.locator(".st-key-lesson-file input[type=file]").set_input_files(file)
    cage.press("lesson-play")
    return 1


def upload(cage: Cage, chance: random.Random) -> int:
    """The files of a model, taken or refused by name; one that was taken stands on the next page."""
    cage.at("/glossary?lang=en")  # a box for many files keeps those that it has, until its page is left
    cage.at("/models?lang=en")
    given = hostile.files(chance)
    files = [FilePayload(name=clean(name), mimeType="", buffer=given[name]) for name in given if clean(name)]
    with cage.answered():
        cage.page.locator("[class*=st-key-models-files] input[type=file]").set_input_files(files)
    if cage.press("models-load") and "real-" in cage.page.url:
        query = urlsplit(cage.page.url).query
        cage.at(f"/{chance.choice(('generate', 'attention', 'heads', 'reading'))}?{query}")
    return 1


def named(chance: random.Random) -> str:
    """A file's name, without its end."""
    return clean(text(chance, 2))[:80] or "x"


def clean(name: str) -> str:
    """A name as a browser gives it: no path, and characters that can be sent."""
    return name.replace("/", "\\").replace("\0", "").encode("utf-8", "replace").decode()


DOORS: dict[str, Callable[[Cage, random.Random], int]] = {
    one.__name__: one for one in (address, sentence, table, lesson, upload)
}


# ------------------------------------------------------------------------------------------------------------- walking


@dataclass
class Walked:
    """What came in by one door, and for each deed the seconds that it took the server's processor, and the reader."""

    inputs: int = 0
    computed: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)


def walk(tab: Callable[[], Page], server: Server, inputs: int, seed: int) -> tuple[dict[str, Walked], list[str]]:
    """Give so many inputs to the doors in turn: what came of them, and what sang, with the deed after which it did."""
    walked, faults = {name: Walked() for name in DOORS}, list[str]()
    cage: Cage | None = None
    for deed in count():
        if sum(door.inputs for door in walked.values()) >= inputs:
            break
        name = min(DOORS, key=lambda name: (walked[name].inputs + 1) / SHARES[name])
        if cage is None or deed % AFRESH == 0:
            if cage:
                cage.page.close()
            cage = Cage(tab(), server.origin)
        before, began = server.usage().cpu_seconds, time.perf_counter()
        try:
            given = DOORS[name](cage, random.Random(f"{seed}-{deed}"))
            taken = time.perf_counter() - began
            cage.hover()
            sung = cage.sung()
        except (Error, RuntimeError) as error:
            given, taken, sung = 1, time.perf_counter() - began, [f"{type(error).__name__}: {str(error)[:200]}"]
        door = walked[name]
        door.inputs += given
        door.computed.append(server.usage().cpu_seconds - before)
        door.waited.append(taken)
        if deed % AFRESH == AFRESH - 1:
            print(f"{sum(door.inputs for door in walked.values())} inputs, {len(faults)} faults", flush=True)
        if sung:
            faults += [f"{name} {seed}-{deed}: {one!r}" for one in sung]
            print(*faults[-len(sung) :], sep="\n", file=sys.stderr, flush=True)
            cage.page.close()
            cage = None
    return walked, faults


def _figures(door: Walked) -> list[str]:
    times = [1000 * percentile(seconds, at) for seconds in (door.computed, door.waited) for at in (50, 100)]
    return [f"{door.inputs}", f"{len(door.computed)}", *(f"{time:.0f}" for time in times)]


def main() -> int:
    """Walk, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=between(1, 1_000_000, int), default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(machine(), flush=True)
    with (
        sync_playwright() as playwright,
        serve("run", str(ROOT / "app.py"), folder=ROOT) as server,
        TemporaryDirectory() as profile,
    ):
        browser = playwright.chromium.launch_persistent_context(profile, executable_path=executable(), args=ARGUMENTS)
        browser.add_init_script(WIRE + STILL)
        browser.grant_permissions(["clipboard-read", "clipboard-write"])
        walked, faults = walk(browser.new_page, server, asked.inputs, asked.seed)
        browser.close()
        logged = [f"in the server's log: {line}" for line in server.tracebacks()]
        print(*logged, sep="\n", file=sys.stderr)
        faults += logged
    header = ("door", "inputs", "deeds", "server's ms, median", "slowest", "reader's ms, median", "slowest")
    print_table(header, [[name, *_figures(door)] for name, door in walked.items() if door.inputs])
    print(f"{len(faults)} faults. Bar: none")
    return int(bool(faults))


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(main())
