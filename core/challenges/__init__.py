"""Challenges: a Scene to be altered until the score says three stars. challenges.toml holds what each asks."""

from .challenge import (
    CHALLENGES,
    KINDS,
    TARGETS,
    Challenge,
    Score,
    build_score,
    found_stars,
    opened,
    score,
    target,
    whole,
)

__all__ = [
    "CHALLENGES",
    "KINDS",
    "TARGETS",
    "Challenge",
    "Score",
    "build_score",
    "found_stars",
    "opened",
    "score",
    "target",
    "whole",
]
