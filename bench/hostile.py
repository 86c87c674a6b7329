"""Hostile inputs, many thousands, through every door by which something comes in: what breaks, and what takes long.

    python -m bench.hostile                 # 20,000 of them, some minutes
    python -m bench.hostile --inputs 600 --seed 7

A door takes an input, or refuses it by the error that it documents; anything else is a fault, and so is markup of a
reader's that stands in what a page is sent. The inputs follow from the seed. The exit code is 1 after a fault; times,
the processor's, are reported beside the bar of 0.5 s.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import cycle

from bench import ROOT, between, machine, print_table
from core import FibraError, Scene
from core.export import Question, gift, read_gift
from core.library import adopted
from pictures import attention, chosen_cell, compute, lessons
from pictures.words import words_of
from ui.live.live_figure import saying
from ui.table import read_edits

BAR = 0.5  # seconds
SCRIPTS = (
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "<svg/onload=alert(1)>", "javascript:alert(1)"),
    *("[x](javascript:alert(1))", "![x](http://127.0.0.1:9/x)", "<style>@import 'http://127.0.0.1:9'</style>", "</p>"),
    *("<!--", "]]>", "&lt;script&gt;", "<iframe srcdoc='<script>1</script>'>", "$\\href{javascript:1}{x}$"),
    *(
        "<script>canary=1</script>",
        "<img src=x onerror=canary=1>",
        "<a href='javascript:canary=1'>x</a>",
        "{{canary=1}}",
    ),
    "<iframe srcdoc='<script>top.canary=1</script>'>",
)
ODD = (
    *("\x00", "\ud800", "\udfff", "\u202e", "\u2066", "\ufeff", "\u200d", "e\u0301", "\u0301" * 40, "👩‍👩‍👧", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
    *(
        "{0}",
        "{weight}",
        "%s",
        "%(x)s",
        "\\",
        "`",
        "**",
        "|",
        "~",
        "=",
        "#",
        "::",
        "$$",
        "\r\n",
        "\t",
        "\u2028",
        "שלום",
    ),
    *("NaN", "inf", "1e999", "-0", "9" * 400, "1" + "0" * 5000, "0x10", "1,5", "٣", "[]" * 50, "[" * 3000, "a.b.c"),
    *("os pinguins", "the cat", "../../etc/passwd", "__class__", "None", "true", "\x1b[31m", "%00", "＜script＞"),
)
GOLDEN = ROOT / "tests" / "golden"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")  # what a vocabulary must have
FOLDERS = ("gpt2-untied-tiny", "gpt_neox-tiny", "distilbert-tiny", "roberta-tiny", "mistral-tiny", "qwen2-tiny")


@dataclass
class Door:
    """Where something comes in. `give` makes an input of chance, and `take` lets it in: False where it was refused."""

    give: Callable[[random.Random], object]
    take: Callable[[object], bool]
    seconds: list[float] = field(default_factory=list)
    refused: int = 0


class Tags(HTMLParser):
    """The tags and attributes of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs)}


def text(chance: random.Random, most: int = 12) -> str:
    """Some pieces one after the other, a few of them very many times."""
    pieces = [chance.choice(chance.choice((SCRIPTS, ODD))) for _ in range(chance.randrange(most))]
    if chance.random() < 0.01:
        pieces.append(chance.choice(ODD) * chance.choice((1_000, 100_000)))
    return chance.choice(("", " ", "\n")).join(pieces)[:400_000]


def mangled(chance: random.Random, content: str) -> str:
    """A text with pieces put in, taken out, and doubled."""
    for _ in range(chance.randint(1, 4)):
        at, end = sorted(chance.randrange(len(content) + 1) for _ in range(2))
        content = chance.choice(
            (content[:at] + text(chance, 4) + content[at:], content[:at] + content[end:], content[:end] + content[at:])
        )[:200_000]
    return content


# ------------------------------------------------------------------------------------------------------------- doors


def sentence(given: str) -> bool:
    """Typed, or brought by a link: a run, a picture, a sentence under it, and its arithmetic."""
    shown(Scene.from_query({"sentence": given, "lang": "en"})[0])
    return True


def shown(scene: Scene) -> None:
    """What a page is sent of a Scene. Raises AssertionError where there is markup of a reader's in it."""
    words = words_of("en")
    picture = compute.build(attention.pattern, scene, words)
    own = re.compile(r' href="\?explained=[\w.]+:[\d.]+"')  # the links from its numbers
    html = saying(picture.says) + own.sub("", chosen_cell.html(scene, words))
    if odd := Tags(html).found & {"script", "img", "svg", "iframe", "style", "onerror", "onload", "href", "src"}:
        raise AssertionError(f"markup in the page: {odd}")
    figure = json.loads(picture.json)
    figure["layout"].pop("meta")  # the text alternative, which is no markup anywhere
    if found := re.search(r"<(script|img|svg|style|iframe|/p)", json.dumps(figure), re.IGNORECASE):
        raise AssertionError(f"{found[0]} in the figure")


def query(chance: random.Random) -> dict[str, str]:
    names = [*Scene.__dataclass_fields__, "n_heads", "d_model", "positions", "norm", "pin.model", "room", "seat"]
    return {chance.choice(names): text(chance, 3) for _ in range(chance.randint(1, 12))}


def address(given: dict[str, str]) -> bool:
    """A link. What comes of it is a Scene whose own link says the same."""
    scene, notices = Scene.from_query(lessons.expanded(given))
    again, wrong = Scene.from_query(scene.to_query())
    if again != scene or wrong:
        raise AssertionError("the Scene's own link is another Scene's")
    return not notices


def cells(chance: random.Random) -> dict[int, dict[str, object]]:
    values = (None, True, float("nan"), 10**400, -5.0, 1e308, text(chance, 2), text(chance, 2), chance.random())
    return {chance.randrange(5): {str(chance.randrange(4)): chance.choice(values)} for _ in range(6)}


def table(given: dict[int, dict[str, object]]) -> bool:
    """Cells of the table of embeddings."""
    edits, bad = read_edits(given, (), Scene().tokens, comma=True)
    Scene(edits=edits)
    return not bad


def checkpoint(chance: random.Random) -> dict[str, bytes]:
    """The files of a model as it should be, but for the words of its vocabulary."""
    folder = GOLDEN / chance.choice(FOLDERS)
    found = {name: (folder / name).read_bytes() for name in ("config.json", "model.safetensors")}
    words = [*SPECIAL, *("".join(char for char in text(chance, 3) if char.isprintable())[:60] for _ in range(200))]
    kept = [word for word in dict.fromkeys(words) if word][: json.loads(found["config.json"])["vocab_size"]]
    return found | {"vocab.txt": "\n".join(kept).encode()}


def files(chance: random.Random) -> dict[str, bytes]:
    """The files of a model; of most, some bytes are changed, or one stands under another's name."""
    found = checkpoint(chance)
    if chance.random() < 0.2:
        return found
    name = chance.choice([*found])
    content = bytearray(found[name])
    for _ in range(chance.randint(1, 6)):
        at = int(len(content) * chance.random() ** 4)
        content[at : at + chance.choice((0, 1, 8))] = chance.randbytes(chance.choice((0, 1, 1, 8)))
    other = chance.choice((name, name, name, "model.gguf", "x.pkl", "../config.json", text(chance, 2)))
    return {**{key: value for key, value in found.items() if key != name}, other: bytes(content)}


def upload(given: dict[str, bytes]) -> bool:
    """A reader's own model, which reads its own words."""
    try:
        name, model = adopted(given)
    except FibraError:
        return False
    assert model.tokenizer
    read = " ".join(given["vocab.txt"].decode("utf-8", "replace").split("\n")[len(SPECIAL) :])
    scene, _ = Scene.from_query({"model": name, "sentence": read, "lang": "en"})
    assert scene.model == name
    shown(scene)
    return True


def lesson(given: str) -> bool:
    """A teacher's own lesson."""
    try:
        whole = lessons.parse(given)
    except lessons.LessonError:
        return False
    return all(whole.scene(step).to_query() for step in range(len(whole.steps)))


def quiz(given: str) -> bool:
    """A file of questions in GIFT."""
    try:
        asked = read_gift(given)
    except FibraError:
        return False
    written = read_gift(gift(asked))  # without space at the ends of lines
    if len(written) != len(asked) or read_gift(gift(written)) != written:
        raise AssertionError("the questions are others after a round trip")
    return True


def doors() -> dict[str, Door]:
    shipped = [path.read_text("utf-8") for path in sorted((ROOT / "content").rglob("lessons/*.md"))]
    asked = gift([Question("a", "which?", ("yes", "no"), reason="so"), Question("b", "how much?", number=1.5)])
    return {
        "sentence": Door(text, sentence),
        "address": Door(query, address),
        "table": Door(cells, table),
        "upload": Door(files, upload),
        "lesson": Door(lambda chance: mangled(chance, chance.choice(shipped)), lesson),
        "GIFT": Door(lambda chance: mangled(chance, asked), quiz),
    }


def _figures(door: Door) -> list[str]:
    n, seconds = len(door.seconds), door.seconds
    return [f"{n}", f"{door.refused}", f"{1000 * sum(seconds) / n:.1f}", f"{1000 * max(seconds):.0f}"]


def main() -> int:
    """Give each door its share of the inputs, and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=between(6, 1_000_000, int), default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(machine(), flush=True)
    found, faults = doors(), []
    for number, name in zip(range(asked.inputs), cycle(found), strict=False):
        door = found[name]
        given = door.give(random.Random(f"{asked.seed}-{number}"))
        began = time.process_time()
        try:
            door.refused += not door.take(given)
        except Exception as error:
            faults.append(f"{name} {asked.seed}-{number}: {type(error).__name__}: {str(error)[:200]!r}")
        door.seconds.append(time.process_time() - began)
    rows = [[name, *_figures(door)] for name, door in found.items()]
    print_table(("door", "inputs", "refused or defaulted", "mean ms", "slowest ms"), rows)
    print(f"{len(faults)} faults. Bar: none, and the slowest {1000 * BAR:.0f} ms")
    print(*faults[:20], sep="\n", file=sys.stderr)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
