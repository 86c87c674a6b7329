"""The widgets with which a reader guesses, one set for each kind of question."""

from __future__ import annotations

from functools import partial
from typing import Any
from zlib import crc32

import streamlit as st

from core import Scene
from core.checks import Check
from pictures import checks as pictures
from pictures.extremes import choices, token_name
from pictures.words import Words
from ui.live import bars

WHOLE = 100  # a row is painted in percent
STEPS = 100  # from one end of a number's scale to the other


def widgets(check: Check, asked: Scene, words: Words, before: Any = None) -> Any:
    """Draw them; the guess as they stand, or None where nothing is chosen yet.

    before: the guess that they begin with, where one was made: a reload forgets how widgets stood.
    """
    key = f"guess-{check.name}-{crc32(repr(asked).encode()):08x}-{words.lang}"
    match check.kind:
        case "number":
            return _number(check, key, words, before)
        case "row":
            return _row(asked, key, words, before)
        case "cell":
            return _cell(check, asked, key, words, before)
        case "head":
            return _head(asked, key, words, before)
    _begin(key, before)
    options = pictures.orders(check) if check.kind == "order" else list(check.options)
    return st.radio(
        words("checks.guess"),
        options,
        index=None,
        format_func=lambda found: pictures.told(check, asked, found, words),
        key=key,
        horizontal=True,
    )


def _begin(key: str, value: Any) -> None:
    """Have a widget that is new begin with a value, unless that is None."""
    if value is not None and key not in st.session_state:
        st.session_state[key] = value


def _number(check: Check, key: str, words: Words, before: float | None) -> float:
    """It begins at the low end: in the middle it might stand on the answer."""
    low, high = check.scale
    if pictures.whole(check):
        _begin(key, before if before is None else round(before))
        return st.slider(words("checks.guess"), int(low), int(high), step=1, key=key)
    steps = [round(low + (high - low) * step / STEPS, 9) for step in range(STEPS + 1)]
    _begin(key, before if before is None else min(steps, key=lambda step: abs(step - before)))
    # A plain slider writes a decimal point in every language.
    return float(st.select_slider(words("checks.guess"), steps, format_func=words.number, key=key))


def _cell(check: Check, asked: Scene, key: str, words: Words, before: tuple[int, int] | None) -> tuple[int, int] | None:
    names = choices(asked.tokens, words)
    for place, at in zip(("query", "key"), before or (), strict=False):
        _begin(f"{key}-{place}", at)
    query: int | None = asked.cell[0]
    with st.container(key="check-places", horizontal=True):
        if pictures.truth(check.name, asked).ndim == 2:
            query = _choice(words("checks.query"), names, f"{key}-query")
        looked_at = _choice(words("checks.key"), names, f"{key}-key")
    return None if query is None or looked_at is None else (query, looked_at)


def _head(asked: Scene, key: str, words: Words, before: tuple[int, int] | None) -> tuple[int, int] | None:
    sizes = {"layer": asked.config.n_layers, "head": asked.config.n_heads}
    for place, at in zip(sizes, before or (), strict=False):
        _begin(f"{key}-{place}", at)
    with st.container(key="check-places", horizontal=True):
        found = [_choice(words(f"checks.{name}"), [*map(str, range(n))], f"{key}-{name}") for name, n in sizes.items()]
    return None if None in found else (found[0], found[1])


def _choice(label: str, names: list[str], key: str) -> int | None:
    return st.selectbox(label, range(len(names)), index=None, format_func=names.__getitem__, key=key, placeholder="")


# --------------------------------------------------------------------------------------------------- painting a row


def _row(asked: Scene, key: str, words: Words, before: list[float] | None) -> list[float]:
    """A bar to be dragged and a slider for each word. Whatever one of them takes, the others give, so that together
    they are always 100.
    """
    n = len(asked.tokens)
    keys = [f"{key}-{i}" for i in range(n)]
    if keys[0] not in st.session_state:
        even = rebalanced([0] * n, 0, WHOLE // n)
        for slider, share in zip(keys, [round(WHOLE * share) for share in before] if before else even, strict=True):
            st.session_state[slider] = share
    names = [token_name(asked.tokens, i, words) for i in range(n)]
    texts = [words.written(share / WHOLE, ".0%") for share in range(WHOLE + 1)]
    bars.draw(f"{key}-bars", names, [st.session_state[slider] for slider in keys], texts, partial(_dragged, keys))
    shares = []
    with st.container(key="check-row"):
        for i, slider in enumerate(keys):
            label = words("checks.weight_of", token=names[i])
            shares.append(st.slider(label, 0, WHOLE, key=slider, on_change=_moved, args=(keys, i)))
    return [share / WHOLE for share in shares]


def _moved(keys: list[str], moved: int) -> None:
    _dragged(keys, moved, int(st.session_state[keys[moved]]))


def _dragged(keys: list[str], moved: int, value: int) -> None:
    shares = [int(st.session_state[key]) for key in keys]
    for key, share in zip(keys, rebalanced(shares, moved, value), strict=True):
        st.session_state[key] = share


def rebalanced(shares: list[int], moved: int, value: int) -> list[int]:
    """Shares that add up to WHOLE, `moved` of which is `value`; the others keep their proportions, or share alike.

    What rounding leaves goes to those that lost most by it; a row of one word has all of it.
    """
    others = [i for i in range(len(shares)) if i != moved]
    if not others:
        return [WHOLE]
    left, before = WHOLE - value, sum(shares[i] for i in others)
    exact = {i: left * shares[i] / before if before else left / len(others) for i in others}
    found = {i: int(share) for i, share in exact.items()}
    for i in sorted(others, key=lambda i: found[i] - exact[i])[: left - sum(found.values())]:
        found[i] += 1
    return [value if i == moved else found[i] for i in range(len(shares))]
