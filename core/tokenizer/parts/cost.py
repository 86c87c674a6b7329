"""How much work a pattern from a file may make: `re` tries one way after another, and a few signs can ask for 2^n.

`(a|a)*b` takes minutes on thirty letters and years on fifty; the patterns that published tokenizers cut with go over a
run of letters once, and back. So it is counted beforehand in how many ways a pattern can go on from one place before it
fails, as if each run had LONGEST letters, and one with more than WAYS is refused.
"""

from __future__ import annotations

import re._constants as sign  # type: ignore[import-not-found]
import re._parser as grammar  # type: ignore[import-not-found]  # what `re` compiles: our own reading might differ
from typing import Any

LONGEST = 1_000  # letters of a run: more than a sentence has
WAYS = 100 * LONGEST  # one run, and choices before and after it: on a sentence a third of a second at worst

REPEATS = (sign.MAX_REPEAT, sign.MIN_REPEAT, sign.POSSESSIVE_REPEAT)
ONE = (sign.LITERAL, sign.NOT_LITERAL, sign.ANY, sign.IN, sign.AT)  # a letter, or a place
LOOKS = (sign.ASSERT, sign.ASSERT_NOT)


def too_many_ways(pattern: str) -> bool:
    """Whether a pattern asks for more work than WAYS, or has a part that none needs, such as a back reference.

    Raises: re.error for what is no pattern.
    """
    return _ways(list(grammar.parse(pattern)), last=True) > WAYS


def _ways(parts: list[Any], last: bool = False) -> int:
    """Of a sequence of parts: the product of theirs. last: nothing of the pattern comes after them.

    What may be left out at the end never fails, so that nothing before it is tried again for its sake; and a run of
    letters at the end fails at once or not at all.
    """
    ways = extra = 1
    parts = list(parts)
    while last and parts and parts[-1][0] in REPEATS and parts[-1][1][0] == 0:
        extra += _of_part(*parts.pop())
    if last and parts and parts[-1][0] in REPEATS and _is_one(parts[-1][1][2]):
        parts.pop()
    for i, (kind, about) in enumerate(parts):
        # No number of thousands of digits.
        ways = min(ways * _of_part(kind, about, last and i == len(parts) - 1), WAYS + 1)
    return ways + extra


def _is_one(inner: Any) -> bool:
    return len(inner) == 1 and inner[0][0] in ONE


def _of_part(kind: Any, about: Any, last: bool = False) -> int:
    if kind in ONE:
        return 1
    if kind in REPEATS:
        least, most, inner = about
        if most > 1 and not _is_one(inner):
            return WAYS + 1  # a choice that is made again and again: 2^n
        each = 1 if _is_one(inner) else _ways(inner)
        return each * (min(most, LONGEST) - min(least, LONGEST) + 1)
    if kind is sign.BRANCH:
        return sum(_ways(branch, last) for branch in about[1])
    if kind is sign.SUBPATTERN:
        return _ways(about[-1], last)
    if kind in LOOKS:
        return _ways(about[1])
    return _ways(about) if kind is sign.ATOMIC_GROUP else WAYS + 1
