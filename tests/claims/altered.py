"""Does a claim look at every number and name that its sentence is given? Each is altered, and has to be found out; and
so has a sentence that is told in another's place.

A value is altered so that the sentence reads otherwise. Then its claim must fail; or, where the text is a part that a
longer sentence quotes ("head 2 of layer 1"), the claim of one that quotes it. A value that may be altered unnoticed is
one that no test compares with anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from claims import CLAIMS, NAMES, Fresh, Recorder, Values, hold
from plots.tokens import shown


def altered(label: str, name: str, value: Any) -> Any:
    """Another value of the same kind, near by: one more, another digit, another of the forms that a label has."""
    if isinstance(value, bool | np.bool_):
        return not value
    if isinstance(value, int | np.integer):
        return value + 1
    if isinstance(value, float | np.floating):
        return 1.02 * value + 0.02
    forms = re.findall(r"(?:^|\|)(\w+)=", label.partition(f"{{{name}:?")[2])
    if others := [form for form in forms if form != value]:
        return others[0]
    if value.startswith("“") or not re.search(r"\d", value):
        return value + "′"
    return re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), value)


def unnoticed(fresh: Fresh, words: Recorder) -> Iterator[str]:
    """What may be altered in the sentences that were heard and nobody finds it out: `key: name, was -> now`."""
    said = [(key, values) for key, values in words.said if values]
    for key, values in said:
        if key in NAMES:  # a name is a value of what has it, and altered there
            continue
        hold(fresh, key, values)  # some claims leave word for those that follow
        for name, value in values.items():
            other = values | {name: altered(words._labels[key], name, value)}
            was, now = (fresh.words(key, **v) for v in (values, other))
            if was == now or not is_said(fresh, said, was):
                continue
            if not any(refused(fresh, *sentence) for sentence in retold(said, key, other, was, now)):
                yield f"{key}: {name}, {value!r} -> {other[name]!r}"


def misplaced(fresh: Fresh, words: Recorder) -> Iterator[str]:
    """What may be told in the place of a sentence that was heard, of those with the same claim, and nobody finds it
    out: `key -> other`."""
    for key, values in words.claimed():
        holds, was = fresh.claims.get(key) or CLAIMS[key], fresh.words(key, **values)
        hold(fresh, key, values)
        if not is_said(fresh, words.said, was):
            continue
        for other in keys_of(page_of(key)):
            if other == key or (fresh.claims.get(other) or CLAIMS[other]) is not holds:
                continue
            try:
                now = fresh.words(other, **values)
            except (LookupError, TypeError, ValueError):  # it says something of what is not known here
                continue
            left = dict(vars(fresh))  # some claims leave word for those that follow
            fresh.says = fresh.says.replace(was, now)
            others = retold(words.said, other, values, was, now)
            if was != now and "{" not in now and not any(refused(fresh, *one) for one in others):
                yield f"{key} -> {other}"
            vars(fresh).clear()
            vars(fresh).update(left)


def page_of(key: str) -> str:
    return key.partition(".")[0]


@cache
def keys_of(page: str) -> tuple[str, ...]:
    return tuple(key for key in CLAIMS if page_of(key) == page)


def retold(said: list[tuple[str, Values]], key: str, other: Values, was: str, now: str) -> Iterator[tuple[str, Values]]:
    """The sentence with its altered value, and those that quote it with what they then quote."""
    yield key, other
    for quoting, values in said:
        for name, text in values.items():
            if isinstance(text, str) and was in text:
                yield quoting, values | {name: text.replace(was, now)}


def is_said(fresh: Fresh, said: list[tuple[str, Values]], text: str) -> bool:
    """Is a text part of what is said after all? A builder may ask for words and then say something else."""
    quoting = [(key, v) for key, v in said if any(isinstance(x, str) and text in x for x in v.values())]
    return text in fresh.says or shown(text) in fresh.says or any(text in fresh.words(key, **v) for key, v in quoting)


def refused(fresh: Fresh, key: str, values: Values) -> bool:
    """Is this found to be untrue?"""
    if key in NAMES:
        return False
    try:
        hold(fresh, key, values)
    except (AssertionError, LookupError, StopIteration, TypeError, ValueError):
        return True
    return False
