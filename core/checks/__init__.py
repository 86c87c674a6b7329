"""Questions whose answers are computed from a Scene's arrays: CHECKS by name, and `answer`.

checks.toml holds what each asks and how its answer is computed; content/ holds the words.
"""

from .check import CHECKS, KINDS, Check, answer, belief_answers, distance, is_right, values

__all__ = ["CHECKS", "KINDS", "Check", "answer", "belief_answers", "distance", "is_right", "values"]
