"""Questions for a course's own system: what they are, and GIFT, which Moodle, Canvas and others read.

GIFT: https://docs.moodle.org/en/GIFT_format. What a sentence holds is hostile there: ~ = # { } : and \\ are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..errors import CheckError

SPECIAL = "\\~=#{}:"  # a backslash before each; itself first
PLAIN = "[plain]"  # the text is no markup
TRUTHS = {"T": True, "TRUE": True, "F": False, "FALSE": False}


@dataclass(frozen=True)
class Question:
    """One question: of several options one is right, the first; or a number is, within a tolerance.

    reason: what is said once it is answered. tags: what it is about.
    """

    name: str
    text: str
    options: tuple[str, ...] = ()
    number: float = 0.0
    tolerance: float = 0.0
    reason: str = ""
    tags: tuple[str, ...] = ()


def gift(questions: Iterable[Question]) -> str:
    """The questions in GIFT, a blank line between them."""
    return "\n".join(map(_written, questions))


def _written(question: Question) -> str:
    if question.options:
        right, *wrong = (_option(option) for option in question.options)
        answers = "".join((f"\n  ={right}", *(f"\n  ~{one}" for one in wrong)))
    else:
        answers = f"#{question.number!r}:{question.tolerance!r}"
    reason = f"\n  ####{_escaped(question.reason)}" if question.reason else ""
    return f"::{_escaped(question.name)}::{PLAIN}{_escaped(question.text)} {{{answers}{reason}\n}}\n"


def _option(text: str) -> str:
    """An option that begins like a weight or a format says that it is neither."""
    return f"{PLAIN}{_escaped(text)}" if text.startswith(("%", "[")) else _escaped(text)


def _escaped(text: str) -> str:
    """On one line, and with nothing that GIFT would take for its own."""
    text = re.sub(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+\s*", "\n", text.strip())
    return re.sub(rf"[{re.escape(SPECIAL)}]", r"\\\g<0>", text).replace("\n", "\\n")


# ------------------------------------------------------------------------------------------------------------ reading


def read_gift(text: str) -> list[Question]:
    """Multiple choice with one right answer, true or false, and numbers with a tolerance.

    Raises: CheckError with the number of the line, for whatever else GIFT has.
    """
    return [_read(block, line) for block, line in _blocks(text)]


def _blocks(text: str) -> Iterator[tuple[str, int]]:
    """Each question as it is written, and its first line's number; comments and categories are passed over."""
    lines: list[str] = []
    for number, line in enumerate([*text.split("\n"), ""], 1):
        if line.startswith(("//", "$CATEGORY:")):
            continue
        if line.strip():
            lines.append(line)
        elif lines:
            yield "\n".join(lines), number - len(lines)
            lines = []


def _read(block: str, line: int) -> Question:
    match = re.fullmatch(
        r"(?:::(?P<name>(?:\\.|[^\\:])*)::)?(?P<text>(?:\\.|[^\\{}])*)\{(?P<answers>(?:\\.|[^\\{}])*)\}\s*", block, re.S
    )
    if not match:
        raise CheckError(f"line {line}: a question is ::name::text {{answers}}")
    answers, _, reason = match["answers"].partition("####")
    said = match["text"].strip().removeprefix(PLAIN)
    asked = Question(_plain(match["name"] or said), _plain(said), reason=_plain(reason))
    answers = answers.strip()
    if answers.upper() in TRUTHS:
        return replace(asked, options=("true", "false") if TRUTHS[answers.upper()] else ("false", "true"))
    if answers.startswith("#"):
        number, tolerance = _number(answers[1:], line)
        return replace(asked, number=number, tolerance=tolerance)
    return replace(asked, options=_options(answers, line))


def _number(answer: str, line: int) -> tuple[float, float]:
    number, _, tolerance = answer.strip().partition(":")
    try:
        return float(number), float(tolerance or 0)
    except ValueError:
        raise CheckError(f"line {line}: {answer.strip()!r} is no number:tolerance") from None


def _options(answers: str, line: int) -> tuple[str, ...]:
    """The right one first. What is said of a single option, after #, is passed over."""
    found = re.findall(r"([=~])((?:\\.|[^\\=~])*)", answers, re.S)
    right = [text for sign, text in found if sign == "="]
    wrong = [text for sign, text in found if sign == "~"]
    if len(right) != 1 or not wrong or any(text.lstrip().startswith("%") for text in wrong):
        raise CheckError(f"line {line}: only questions with one right and some wrong answers are read")
    said = (re.match(r"(?:\\.|[^\\#])*", text, re.S) for text in (*right, *wrong))
    return tuple(_plain(one[0].strip().removeprefix(PLAIN)) for one in said if one)


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text.strip(), flags=re.S)
