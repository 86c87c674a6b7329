"""Challenges: build a head, cut the fewest, find the one; a live score from the arrays, and a solution afterwards."""

from __future__ import annotations

from core import Scene, challenges
from core.challenges import build_score, found_stars, target
from core.challenges.challenge import MOST, cut_stars
from pictures.words import Words
from ui import comparison, shell
from ui.challenges import asked, play
from ui.live import bests


def offered(chosen: str, words: Words) -> None:
    """A card for each challenge, by kind."""
    groups = [
        {
            "title": words(f"challenges.kinds.{kind}"),
            "cards": [
                {"name": name, "title": words(f"challenges.{name}.title")}
                for name, one in challenges.CHALLENGES.items()
                if one.kind == kind
            ],
        }
        for kind in challenges.KINDS
    ]
    said = {"stars": words("challenges.best", most=MOST, n="{n}"), "none": words("challenges.none")}
    said |= {"all": words("challenges.all"), "next": words("challenges.next", title="{title}")}
    bests.cards(groups, chosen, said, asked.begin)


def page(scene: Scene, words: Words) -> None:
    comparison.elsewhere(scene, words)
    offered(scene.challenge, words)
    if scene.challenge:
        play.play(words)


shell.Page("challenges", page, (build_score, target, cut_stars, found_stars)).open()
