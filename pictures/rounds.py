"""What a class voted: its picture, the sentence that counts it, and a vote as the text that a room keeps."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from core import CHECKS, Scene
from core.checks import Check, is_right
from core.kinds import finite
from pictures import checks
from pictures.compute import Picture
from pictures.words import Words
from plots import votes

MOST = 6  # different answers that are drawn: those that most voted for, and what is right
HEIGHT = 330  # px
PERCENT = 100
Ballots = Sequence[Sequence[Any]]  # guesses, by ballot


def asked(name: str, varied: str) -> tuple[Check, Scene] | None:
    """The check of this name, and the Scene that it is asked about; None where there is no such check.

    varied: the text of the field in which the check's questions differ, as links write it; "" leaves it as it is.
    """
    if name not in CHECKS:
        return None
    check = CHECKS[name]
    if not varied:
        return check, check.scene
    scene, _ = Scene.from_query(check.scene.to_query() | {check.differs_in: varied})
    return check, check.asked(scene)


def varied(check: Check, scene: Scene) -> str:
    """What `asked` needs to know besides the check's name, for the question that is asked in `scene`."""
    return check.asked(scene).to_query().get(check.differs_in, "")


# ------------------------------------------------------------------------------------------------ a vote as a text


def to_text(check: Check, guess: Any) -> str:
    """A guess as a room keeps it; of a row whole percents."""
    return json.dumps([round(PERCENT * share) for share in guess] if check.kind == "row" else guess)


def from_text(check: Check, scene: Scene, text: str) -> Any:
    """The guess that a room kept; None for what is no guess at this question.

    Whoever else can write where rooms are kept can put nothing on a screen but answers that the question has.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    n, config = len(scene.tokens), scene.config
    match check.kind:
        case "number":
            low, high = check.scale
            return found if _is_number(found) and low <= found <= high else None
        case "choose":
            return found if found in check.options else None
        case "row":
            painted = isinstance(found, list) and len(found) == n and all(map(_is_number, found))
            return [share / PERCENT for share in found] if painted and _whole(found) else None
    if not isinstance(found, list):
        return None
    if check.kind == "order":
        return tuple(found) if sorted(map(str, found)) == sorted(check.options) else None
    sizes = (n, n) if check.kind == "cell" else (config.n_layers, config.n_heads)
    place = len(found) == 2 and all(type(at) is int and 0 <= at < size for at, size in zip(found, sizes, strict=True))
    return tuple(found) if place else None


def _is_number(found: Any) -> bool:
    return type(found) in (int, float) and finite(found)


def _whole(shares: list[float]) -> bool:
    """Whether percents are those of one row, but for what rounding does."""
    return min(shares) >= 0 and abs(sum(shares) - PERCENT) <= len(shares) / 2


# ----------------------------------------------------------------------------------------------------- the picture


def picture(check: Check, scene: Scene, ballots: Ballots, words: Words) -> Picture:
    """The votes of each ballot, beside what is computed."""
    names = [words(f"round.ballots.{i}", n=len(ballot)) for i, ballot in enumerate(ballots, 1)]
    said = says(check, scene, ballots, words)
    computed = checks.truth(check.name, scene)
    look: dict[str, Any] = {"height": HEIGHT, "alt": said}
    line: dict[str, Any] = look | {"truth_name": words("checks.computed")}
    if check.kind == "number":
        numbers = [np.asarray(ballot, np.float64) for ballot in ballots]
        line |= {"hover": words("round.hover"), "whole": checks.whole(check)}
        figure = votes.dots(numbers, float(computed), check.scale, names, **line)
    elif check.kind == "row":
        rows = [np.asarray(ballot, np.float64).reshape(-1, len(computed)) for ballot in ballots]
        figure = votes.cloud(rows, computed, list(scene.tokens), names, value_title=words("round.weight"), **line)
    else:
        found = answers(check, scene, ballots)
        right = [i for i, one in enumerate(found) if is_right(check, one, computed)]
        options = [checks.told(check, scene, one, words) for one in found]
        figure = votes.choices(shares(found, ballots), options, right, names, **look)
    return Picture(figure, said)


def answers(check: Check, scene: Scene, ballots: Ballots) -> list[Any]:
    """The answers that are drawn: all options; of orders and places those that most voted for, and the right one."""
    if check.kind == "choose":
        return [*check.options]
    counted = Counter(guess for ballot in ballots for guess in ballot)
    found = [guess for guess, _ in counted.most_common(MOST - 1)]
    right = checks.answer(check.name, scene)
    return found if any(is_right(check, one, checks.truth(check.name, scene)) for one in found) else [*found, right]


def shares(found: Sequence[Any], ballots: Ballots) -> np.ndarray:
    """[ballot, answer]: the share of a ballot's votes that each answer has; 0 where nobody voted."""
    counted = np.array([[sum(guess == one for guess in ballot) for one in found] for ballot in ballots], np.float64)
    return counted / np.maximum([[len(ballot)] for ballot in ballots], 1)


def says(check: Check, scene: Scene, ballots: Ballots, words: Words) -> str:
    """How many were right: of a number or a row, near enough."""
    computed = checks.truth(check.name, scene)
    cast = [len(ballot) for ballot in ballots]
    right = [sum(is_right(check, guess, computed) for guess in ballot) for ballot in ballots]
    if not any(cast):
        return words("round.says.nobody")
    told = [{"right": r, "n": n, "share": r / n} for r, n in zip(right, cast, strict=True) if n]
    first = words("round.says.votes", **told[0])
    return first if len(told) == 1 else words("round.says.both", first=first, **told[1])
