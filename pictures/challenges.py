"""What is seen of a challenge: the pattern that is wanted, the heads without their names, and the score in words."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from core import Scene
from core.challenges import Challenge, Score, score, target
from core.challenges.challenge import MOST, next_token
from core.scene.continuation import namer
from pictures import compute
from pictures.attention import matrix
from pictures.compute import EncodedPicture, Picture
from pictures.extremes import token_name
from pictures.heads import all_tiles, with_chosen
from pictures.stacks import patterns
from pictures.words import Words, capital
from plots.tokens import edged

Picks = list[tuple[int, int]]


def reached(challenge: Challenge, scene: Scene, picks: Picks) -> Score:
    """How far a player is with a Scene, and with the heads that were named."""
    return score(challenge, compute.run(scene), compute.run(challenge.scene), picks)


def wanted(challenge: Challenge, scene: Scene, words: Words) -> EncodedPicture:
    """The pattern that the head is to have; the row of a word that may look anywhere stays blank."""
    goal = target(challenge, scene.tokens)
    says = asked(goal, scene.tokens, words)
    return compute.encode(Picture(matrix(scene, goal, words, says, scale="probability"), says), words)


def asked(goal: np.ndarray, tokens: tuple[str, ...], words: Words) -> str:
    """A pattern that is wanted, in words: whom each token is to look at, those that look alike together."""
    n = len(tokens)
    alike: dict[tuple[int, ...] | None, list[int]] = {}
    if np.array_equal(goal, np.eye(n)):
        return words("challenges.goal.itself")
    for row in range(n):
        whom = tuple(np.flatnonzero(goal[row]).tolist()) if np.isfinite(goal[row]).all() else None
        alike.setdefault(whom, []).append(row)
    told = []
    for whom, rows in alike.items():
        who, many = (words("challenges.goal.every"), 1) if len(rows) == n else (_names(rows, tokens, words), len(rows))
        key = "free" if whom is None else "all" if len(whom) == n else "alone" if len(whom) == 1 else "shared"
        told.append(words(f"challenges.goal.{key}", who=who, n=many, whom=_names(whom or (), tokens, words)))
    return capital("; ".join(told)) + "."


def _names(places: Sequence[int], tokens: tuple[str, ...], words: Words) -> str:
    return words.several(token_name(tokens, place, words) for place in places) if places else ""


def heads(scene: Scene, words: Words) -> EncodedPicture:
    """All heads, without the names of what they do: those are to be found."""
    says = words("challenges.heads_about")
    figure = with_chosen(all_tiles(scene, patterns(scene), words, says), scene)
    return compute.encode(Picture(figure, says), words)


def told(challenge: Challenge, scene: Scene, found: Score, words: Words) -> str:
    """The score in words."""
    if challenge.kind == "build":
        return words("challenges.built", share=found.value)
    if challenge.kind == "find":
        return words("challenges.found" if found.stars else "challenges.sought", n=int(found.value))
    before, now = (compute.run(one) for one in (challenge.scene, scene))
    name = namer(scene)
    asked = {"before": edged(name(next_token(before))), "now": edged(name(next_token(now)))}
    key = {"cut": ("uncut", "cut"), "sever": ("unsevered", "severed")}[challenge.kind][bool(found.stars)]
    return words(f"challenges.{key}", n=int(found.value), **asked)


def stars(n: int, words: Words) -> str:
    """So many stars, as HTML; what is heard is their number."""
    drawn = "★" * n + "☆" * (MOST - n)
    said = escape(words("challenges.stars", n=n, most=MOST))
    return f'<span class="fibra-stars" role="img" aria-label="{said}">{drawn}</span>'
