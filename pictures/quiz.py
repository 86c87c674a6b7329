"""The checks of a page as questions for a course's own system: each with the answer of its own Scene, computed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlencode

import numpy as np

from core import CHECKS, Scene, export
from core.checks import Check, belief_answers, is_right
from core.export import Question
from core.kinds import cut
from pictures import checks
from pictures.words import Words

VARIANTS = 3  # questions of one check, each with another seed or sentence, to draw from
OPTIONS = 4  # of a choice among places or orders
NAME = 64  # characters of a question by which a course's system lists it


def asks(page: str) -> bool:
    """Whether a page has checks that such a system can ask."""
    return any(_fits(check, page) for check in CHECKS.values())


def _fits(check: Check, page: str) -> bool:
    return check.page == page and check.kind != "row"


def moodle(page: str, words: Words, address: str) -> bytes:
    """The questions of a page as Moodle XML."""
    category = words("takeaway.quiz.category", page=words(f"pages.{page}"))
    return export.moodle_xml(questions(page, words, address), category)


def gift(page: str, words: Words, address: str) -> bytes:
    """The same as GIFT."""
    return export.gift(questions(page, words, address)).encode("utf-8", "replace")


def questions(page: str, words: Words, address: str = "") -> list[Question]:
    """The checks of a page, as often as they vary. `address`: of the app, for a link to the Scene that is asked about.

    A row that is to be painted has no form there, and is left out.
    """
    made = []
    for check in CHECKS.values():
        if _fits(check, page):
            scenes = dict.fromkeys(check.variant(number) for number in range(VARIANTS if check.varies else 1))
            made += [_question(check, scene, number, words, address) for number, scene in enumerate(scenes)]
    return made


def variant(page: str, words: Words, number: int) -> list[Question]:
    """The checks of a page once each, in the variant of this number."""
    return [
        _question(check, check.variant(number), number, words, "") for check in CHECKS.values() if _fits(check, page)
    ]


def places(page: str, words: Words, number: int, address: str) -> list[str]:
    """Where the numbers are that those ask for, below the app's `address`; "" of each without one."""
    return [_place(check, check.variant(number), words, address) for check in CHECKS.values() if _fits(check, page)]


def _place(check: Check, scene: Scene, words: Words, address: str) -> str:
    query = scene.to_query() | {"lang": words.lang}
    return f"{address.rstrip('/')}/{check.page}?{urlencode(query)}" if address else ""


def _question(check: Check, scene: Scene, number: int, words: Words, address: str) -> Question:
    asked = checks.question(check, scene, words)
    lines = [asked, words("takeaway.quiz.sentence", sentence=scene.text)]
    if address:
        lines.append(_place(check, scene, words, address))
    told: dict[str, Any] = {
        "name": f"{cut(asked, NAME)} ({number + 1})",
        "text": "\n".join(lines),
        "reason": words(f"checks.{check.name}.why"),
        "tags": ("fibra", check.page, check.name, *((f"belief-{check.belief}",) if check.belief else ())),
    }
    if check.kind == "number":
        truth = float(checks.truth(check.name, scene))
        return Question(**told, number=float(f"{truth:.6g}"), tolerance=max(check.tolerance, 1e-5 * abs(truth)))
    options = (checks.told(check, scene, found, words) for found in _options(check, scene))
    return Question(**told, options=tuple(dict.fromkeys(options)))


def _options(check: Check, scene: Scene) -> list[Any]:
    """The right answer, then wrong ones: those of a misconception first."""
    right, truth = checks.answer(check.name, scene), checks.truth(check.name, scene)
    if check.kind == "choose":
        return [right, *(option for option in check.options if option != right)]
    wrong = (one for one in _others(check, scene, truth) if one != right and not is_right(check, one, truth))
    return [right, *islice(dict.fromkeys(wrong), OPTIONS - 1)]


def _others(check: Check, scene: Scene, truth: np.ndarray) -> Iterator[Any]:
    yield from belief_answers(check, scene)
    if check.kind == "order":
        yield from checks.orders(check)
        return
    for flat in np.argsort(-truth, axis=None, kind="stable").tolist():  # the greatest of the others look likeliest
        place = tuple(int(i) for i in np.unravel_index(flat, truth.shape))
        yield (scene.cell[0], *place) if truth.ndim == 1 else place
