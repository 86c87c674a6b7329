"""What is said of a check: the question, the answers in words, and how far a guess is from what is computed."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from itertools import permutations
from typing import Any

import numpy as np

from core import CHECKS, Scene
from core.checks import Check, distance, is_right, values
from core.checks import answer as core_answer
from pictures.extremes import token_name
from pictures.words import Words


@lru_cache(maxsize=256)
def truth(name: str, scene: Scene) -> np.ndarray:
    """What the expression of the check `name` gives on the Scene that is asked about; see core.checks.values."""
    return values(CHECKS[name], scene)


@lru_cache(maxsize=256)
def answer(name: str, scene: Scene) -> Any:
    """The computed answer; see core.answer."""
    return core_answer(CHECKS[name], scene)


def question(check: Check, scene: Scene, words: Words) -> str:
    """The question about `scene`, with the names of its words."""
    query, key = (token_name(scene.tokens, at, words) for at in scene.cell)
    layer, head = scene.place
    return words(f"checks.{check.name}.question", query=query, key=key, n=len(scene.tokens), layer=layer, head=head)


def option(check: Check, name: str, words: Words) -> str:
    """What an option is called."""
    return words(f"checks.{check.name}.options.{name}")


def orders(check: Check) -> list[tuple[str, ...]]:
    """All orders in which the options can stand."""
    return [*permutations(check.options)]


def whole(check: Check) -> bool:
    """Whether a number is counted in whole ones."""
    return check.tolerance == 0 or check.tolerance == 0.5


def told(check: Check, scene: Scene, found: Any, words: Words) -> str:
    """An answer in words: no more than was asked for. Of two things in order the first, of one word's row the key."""
    match check.kind:
        case "number":
            return words.number(found, 0 if whole(check) else 2)
        case "choose":
            return option(check, found, words)
        case "order":
            if len(found) == 2:
                return option(check, found[0], words)
            *before, said = (option(check, name, words) for name in found)
            for first in reversed(before):
                said = words("checks.then", first=first, rest=said)
            return said
        case "cell":
            query, key = (token_name(scene.tokens, at, words) for at in found)
            return key if truth(check.name, scene).ndim == 1 else words("checks.cell", query=query, key=key)
        case "head":
            return words("checks.place", layer=found[0], head=found[1])
    return "  ".join(words.number(weight) for weight in found)


def verdict(check: Check, scene: Scene, guess: Any, words: Words) -> str:
    """The guess beside what is computed: whether it is right, and else how far it is off. None: nobody guessed."""
    computed = truth(check.name, scene)
    right = told(check, scene, answer(check.name, scene), words)
    if guess is None:
        return words("checks.says.row_shown") if check.kind == "row" else words("checks.says.shown", truth=right)
    off, fine = distance(check, guess, computed), is_right(check, guess, computed)
    if check.kind == "row":
        return words(f"checks.says.row{'_near' if fine else ''}", share=off)
    said = told(check, scene, guess, words)
    if fine and (said == right or check.kind in ("cell", "head", "order")):
        return words("checks.says.right", truth=said)
    if check.kind == "number":
        by = told(check, scene, off, words)
        return words(f"checks.says.{'near' if fine else 'number'}", guess=said, truth=right, distance=by)
    if check.kind == "choose" or len(check.options) == 2:
        return words("checks.says.choose", guess=said, truth=right)
    if check.kind == "order":
        return words("checks.says.order", guess=said, truth=right, pairs=int(off))
    most = float(computed.max())
    return words("checks.says.place", guess=said, truth=right, had=most - off, most=most)


def bars(check: Check, scene: Scene, guess: Any, words: Words) -> list[tuple[str, float | None, float, str]]:
    """(name, guess, what is computed, the same in words) for each bar of a number, or of a row: shares of the scale."""
    computed = truth(check.name, scene)
    if check.kind == "number":
        low, high = check.scale
        part = [None if x is None else min(max((x - low) / (high - low), 0.0), 1.0) for x in (guess, float(computed))]
        return [("", part[0], part[1] or 0.0, told(check, scene, float(computed), words))]
    names = [token_name(scene.tokens, i, words) for i in range(len(computed))]
    guesses = [None] * len(names) if guess is None else [float(share) for share in guess]
    return [(*bar, words.number(bar[-1])) for bar in zip(names, guesses, computed.tolist(), strict=True)]


def scale(check: Check, scene: Scene, guess: Any, words: Words) -> str:
    """Guess and truth on one scale, as HTML: bars of a number or a row, a map of a cell or a head; else ""."""
    if check.kind in ("number", "row"):
        rows = "".join(_bar(*bar) for bar in bars(check, scene, guess, words))
    elif check.kind in ("cell", "head"):
        rows = _map(check, scene, guess)
    else:
        return ""
    yours = f'<i class="yours"></i>{escape(words("checks.yours"))} ' if guess is not None else ""
    legend = f'<p class="legend">{yours}<i class="computed"></i>{escape(words("checks.computed"))}</p>'
    return f'<div class="fibra-scale" aria-hidden="true">{rows}{legend}</div>'


def _bar(name: str, guess: float | None, computed: float, said: str) -> str:
    mark = "" if guess is None else f'<i class="yours" style="left:{guess:.1%}"></i>'
    track = f'<span class="track"><i class="computed" style="width:{computed:.1%}"></i>{mark}</span>'
    named = f'<div class="bar"><span>{escape(name)}</span>' if name else '<div class="bar unnamed">'
    return f"{named}{track}<b>{escape(said)}</b></div>"


def _map(check: Check, scene: Scene, guess: Any) -> str:
    """The values as a map, the greatest darkest; what was guessed and what is meant are outlined."""
    computed = np.atleast_2d(truth(check.name, scene))
    shades = computed / max(float(computed.max()), 1e-12)
    marks = {"yours": guess, "computed": answer(check.name, scene)}
    if len(computed) == 1:  # one query's row
        marks = {kind: place and (0, place[1]) for kind, place in marks.items()}
    cells = []
    for at in np.ndindex(computed.shape):
        kinds = " ".join(kind for kind, place in marks.items() if place == at)
        cells.append(f'<i class="{kinds}" style="--shade:{shades[at]:.0%}"></i>')
    return f'<div class="map" style="--columns:{computed.shape[1]}">{"".join(cells)}</div>'
