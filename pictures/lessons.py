"""Lessons: Markdown files with front matter, each a list of steps; written by us, or by a teacher.

    ---
    title: What the mask hides
    minutes: 6
    about: Where the future is hidden.
    ---

    ## A triangle
    page: attention
    scene: model=gpt&query=2
    check: mask-hides-later-keys

    One instruction, at most.

A step has a title, then fields, a line each; then, after an empty line, what it says. A step with a check is on the
check's page and Scene unless it says otherwise. All of it is text: none of it is ever read as markup.
"""

from __future__ import annotations

import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode

from core import CHECKS, Scene
from core.challenges import opened, whole
from core.limits import LESSON_CHARACTERS, LESSON_LINE, LESSON_LINK, LESSON_SAYS, LESSON_STEPS
from pictures.pages import PAGES
from pictures.words import CONTENT, LANGUAGES

NAMES = (  # of the shipped ones, in the order in which they are offered
    *("rows", "the-mask", "the-clock", "three-roles", "the-scale"),
    *("heads-together", "the-block", "other-text", "the-rate", "the-cause", "two-languages", "the-first-token"),
)
OF_ANY_MODEL = "the-first-token"  # the one whose questions can be asked of a real model
OWN = "own"  # the name of the one that a reader brought or wrote
TEXT = "lesson_text"  # in an address: that lesson itself, packed
# What of a step's Scene is no Scene of the step's own.
KEPT = ("lesson", "lesson_step", "lang", "check", "challenge", "projector")


@dataclass(frozen=True)
class Step:
    """What is seen on which page, what is asked, and what is said."""

    title: str
    page: str
    scene: Scene
    check: str = ""
    says: str = ""


@dataclass(frozen=True)
class Lesson:
    name: str
    title: str
    minutes: int
    about: str
    steps: tuple[Step, ...]

    def scene(self, number: int, beside: Scene | None = None) -> Scene:
        """The Scene of a step, which says whose it is; of a number beyond the last one, the last.

        A question that can be asked of any model is asked of that of `beside`.
        """
        number = min(number, len(self.steps) - 1)
        step = self.steps[number]
        shown = step.scene
        if step.check and CHECKS[step.check].any_model:
            shown = shown.turn(model=CHECKS[step.check].of(beside).model)
        return shown.turn(check=step.check, lesson=self.name, lesson_step=number)


class LessonError(ValueError):
    """A lesson that cannot be read. `line` counts from 1; `code` says what is wrong, `lessons.wrong.CODE` in words."""

    def __init__(self, code: str, line: int, value: str = ""):
        super().__init__(f"line {line}: {code} {value!r}")
        self.code, self.line, self.value = code, line, value[:40]


def find(name: str, lang: str) -> Lesson | None:
    """A shipped lesson in a language; None where there is none of that name."""
    return _shipped(name, lang if lang in LANGUAGES else "en") if name in NAMES else None


@lru_cache
def _shipped(name: str, lang: str) -> Lesson:
    return parse((CONTENT / lang / "lessons" / f"{name}.md").read_text("utf-8"), name)


# ------------------------------------------------------------------------------------------------------ the address


def expanded(query: dict[str, str]) -> dict[str, str]:
    """The whole query that a link to a step, or to a challenge, stands for: its Scene, and over it what else the link
    says."""
    lesson = _told(query)
    number = query.get("lesson_step", "0")
    if lesson is None or not re.fullmatch("[0-9]{1,2}", number):
        return opened(query)
    found = lesson.scene(int(number)).to_query() | query
    return opened({name: text for name, text in found.items() if text})


def shortened(query: dict[str, str]) -> dict[str, str]:
    """The same as short as `expanded` can bring it back: lesson and step, and what the reader has turned."""
    query, lesson = whole(query), _told(query)
    if lesson is None:
        return query
    step = lesson.scene(int(query.get("lesson_step", "0"))).to_query()
    turned = {name: query.get(name, "") for name in (*step, *query) if step.get(name) != query.get(name)}
    kept = {name: query[name] for name in ("lesson", "lesson_step") if name in query}
    return kept | turned


def _told(query: dict[str, str]) -> Lesson | None:
    """The lesson that a query names, or holds."""
    name = query.get("lesson", "")
    return linked(query.get(TEXT, "")) if name == OWN else find(name, "en")


def packed(text: str) -> str:
    """A lesson's text for an address: zlib's stream (RFC 1950) in the base64 of addresses (RFC 4648); "" where that
    would be too long for one.
    """
    found = urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")
    return found if len(found) <= LESSON_LINK else ""


def unpacked(link: str) -> str:
    """The text that was `packed`; "" where this is no such thing, or holds more than a lesson may."""
    if not re.fullmatch(f"[A-Za-z0-9_-]{{1,{LESSON_LINK}}}", link):
        return ""
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(urlsafe_b64decode(link + "=" * (-len(link) % 4)), 4 * LESSON_CHARACTERS)
        whole = stream.eof and not stream.unused_data  # a few bytes can stand for gigabytes: no more is unpacked
        text = found.decode() if whole else ""
    except (ValueError, zlib.error):
        return ""
    return text if len(text) <= LESSON_CHARACTERS else ""


@lru_cache(maxsize=64)
def linked(link: str) -> Lesson | None:
    """The lesson that an address holds; None where there is none to be read."""
    try:
        return parse(unpacked(link))
    except LessonError:
        return None


# -------------------------------------------------------------------------------------------------------- the file


def parse(text: str, name: str = OWN) -> Lesson:
    """The lesson that a file holds. Raises: LessonError for the first line that is not as it should be."""
    if len(text) > LESSON_CHARACTERS:
        raise LessonError("long", 1, str(LESSON_CHARACTERS))
    lines = text.removeprefix("\ufeff").splitlines()
    head, begins = _head(lines)
    starts = [at for at in range(begins, len(lines)) if lines[at].startswith("## ")]
    stray = next((at for at in range(begins, starts[0] if starts else len(lines)) if lines[at].strip()), None)
    if stray is not None:
        raise LessonError("stray", stray + 1, lines[stray])
    if not starts:
        raise LessonError("empty", max(len(lines), 1))
    if len(starts) > LESSON_STEPS:
        raise LessonError("steps", starts[LESSON_STEPS] + 1, str(LESSON_STEPS))
    ends = [*starts[1:], len(lines)]
    steps = tuple(_step(lines, start, end) for start, end in zip(starts, ends, strict=True))
    minutes = head.get("minutes", ("0", 0))
    if not re.fullmatch("[0-9]{1,3}", minutes[0]):
        raise LessonError("minutes", minutes[1], minutes[0])
    return Lesson(name, head["title"][0], int(minutes[0]), head.get("about", ("", 0))[0], steps)


def _head(lines: list[str]) -> tuple[dict[str, tuple[str, int]], int]:
    """Field -> (value, line) of the front matter, and the place of the line after it."""
    if not lines or lines[0].strip() != "---":
        raise LessonError("head", 1)
    end = next((at for at in range(1, len(lines)) if lines[at].strip() == "---"), None)
    if end is None:
        raise LessonError("head", len(lines))
    found = _fields(lines, 1, end, ("title", "minutes", "about"))
    if not found.get("title", ("",))[0]:
        raise LessonError("title", 1)
    return found, end + 1


def _fields(lines: list[str], begin: int, end: int, known: tuple[str, ...]) -> dict[str, tuple[str, int]]:
    """Field -> (value, line) of lines `name: value`."""
    found: dict[str, tuple[str, int]] = {}
    for at in range(begin, end):
        name, colon, value = lines[at].partition(":")
        name, value = name.strip(), value.strip()
        if not colon or name not in known or name in found or len(lines[at]) > LESSON_LINE:
            raise LessonError("field", at + 1, lines[at])
        found[name] = value, at + 1
    return found


def _step(lines: list[str], start: int, end: int) -> Step:
    title = lines[start].removeprefix("## ").strip()
    if not title or len(title) > LESSON_LINE:
        raise LessonError("title", start + 1, title)
    blank = next((at for at in range(start + 1, end) if not lines[at].strip()), end)
    fields = _fields(lines, start + 1, blank, ("page", "scene", "check"))
    says = " ".join(" ".join(lines[blank:end]).split())
    if len(says) > LESSON_SAYS:
        raise LessonError("says", blank + 2, str(LESSON_SAYS))
    nothing = "", start + 1
    check, line = fields.get("check", nothing)
    if check and check not in CHECKS:
        raise LessonError("check", line, check)
    page, line = fields.get("page", (CHECKS[check].page, line) if check else nothing)
    if page not in PAGES or PAGES[page].section == "class":
        raise LessonError("page", line, page)
    return Step(title, page, _scene(fields.get("scene"), check), check, says)


def _scene(field: tuple[str, int] | None, check: str) -> Scene:
    """The Scene that a step's field says; without one its check's, or the penguins."""
    if field is None:
        return CHECKS[check].scene if check else Scene()
    text, line = field
    query = dict(parse_qsl(text.removeprefix("?"), keep_blank_values=True))
    scene, notices = Scene.from_query({name: value for name, value in query.items() if name not in KEPT})
    if notices:
        raise LessonError("scene", line, f"{notices[0].field}={notices[0].value}")
    if check and CHECKS[check].asked(scene).computed != scene.computed:
        raise LessonError("apart", line, check)
    return scene


def written(page: str, scene: Scene, title: str, says: str, check: str = "") -> str:
    """A step as a lesson's file says it: the Scene as it is seen now, on `page`."""
    query = {name: text for name, text in scene.to_query().items() if name not in KEPT}
    fields = [f"page: {page}", f"scene: {urlencode(query)}"] if query else [f"page: {page}"]
    fields += [f"check: {check}"] if check else []
    body = ["", " ".join(says.split())] if says.strip() else []
    return "\n".join([f"## {' '.join(title.split())}", *fields, *body]) + "\n"
