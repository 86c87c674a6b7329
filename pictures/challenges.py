"""What is seen of a challenge: the pattern that is wanted, the heads without their names, and the score in words."""

from __future__ import annotations

from html import escape

from core import Scene
from core.challenges import Challenge, Score, score, target
from core.challenges.challenge import MOST, next_token
from core.scene.continuation import namer
from pictures import compute
from pictures.compute import EncodedPicture, Picture
from pictures.heads import all_tiles, with_chosen
from pictures.squares import looks_map
from pictures.stacks import patterns
from pictures.words import Words
from plots.tokens import edged

WIDE = 420  # px: of the map that is wanted
Picks = list[tuple[int, int]]


def reached(challenge: Challenge, scene: Scene, picks: Picks) -> Score:
    """How far a player is with a Scene, and with the heads that were named."""
    return score(challenge, compute.run(scene), compute.run(challenge.scene), picks)


def wanted(challenge: Challenge, scene: Scene, words: Words) -> EncodedPicture:
    """The pattern that the head is to have; the row of a word that may look anywhere stays blank."""
    tokens = list(scene.tokens)
    goal, says = target(challenge, tokens), words(f"challenges.{challenge.name}.task")
    figure = looks_map(goal, tokens, words, says, width=WIDE)
    return compute.encode(Picture(figure, says), words)


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
