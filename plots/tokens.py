"""A token as it is shown: whatever it is made of, it can be seen, stays itself, and moves nothing around it."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from core.tokenizer.graphemes import clusters

LABEL = 14  # characters of a token that fit beside an axis
CLUSTER = 16  # code points of one character that are drawn: more marks than any script piles up
DOTTED_CIRCLE = "◌"  # carries a mark that has no letter
BLANKS = {"\n": "⏎", "\r": "⏎", "\t": "⇥", "\u2028": "⏎", "\u2029": "⏎"}
SPACE = "␣"
FILLERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and signs, by their category, that leave their place blank

FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"
_EMBEDDINGS = re.compile("[\u202a-\u202e]")  # controls that turn the direction of all that follows
_ISOLATES = re.compile("[\u2066-\u2069]")
# All that runs from right to left is among these; which of these does, the system's tables of Unicode say.
_MAY_TURN = re.compile("[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]")
_MOVES = re.compile("|".join(some.pattern for some in (_EMBEDDINGS, _ISOLATES, _MAY_TURN)))  # most text has none
_SEEN = re.compile("[0-9A-Za-z]")
_SURROGATES = re.compile("[\ud800-\udfff]")  # half of a character: no encoder takes it

_ESCAPES = {ord(c): e for c, e in {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "@": "&#64;"}.items()}
_ESCAPES |= dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")  # control characters


def visible(token: str) -> str:
    """The token; one that cannot be seen as a sign for it: ␣ for a space, U+200B for what has no sign of its own."""
    if token.isprintable() and (_SEEN.search(token) or (token.isascii() and not token.isspace())):
        return token
    token = _SURROGATES.sub("\ufffd", token)
    if _SEEN.search(token):
        return token
    if token.isspace():
        return "".join(BLANKS.get(c, SPACE) for c in token)
    kinds = {unicodedata.category(c) for c in token}
    if token and kinds <= {"Mn", "Mc", "Me"}:
        return DOTTED_CIRCLE + token
    if kinds and all(c in FILLERS or unicodedata.category(c) in ("Cc", "Cf", "Mn", "Me", "Zs") for c in token):
        return " ".join(f"U+{ord(c):04X}" for c in token[:CLUSTER])
    return token


def edged(token: str) -> str:
    """Blanks at either end as signs: " Paris" and "Paris" are two tokens of a real vocabulary."""
    core = token.strip()
    if not core or core == token:
        return token
    start = token.index(core)
    before, after = token[:start], token[start + len(core) :]
    return "".join(BLANKS.get(c, SPACE) for c in before) + core + "".join(BLANKS.get(c, SPACE) for c in after)


def isolated(text: str) -> str:
    """A piece of text that keeps its own direction: one from right to left does not swap what stands around it.

    In the isolates of Unicode (UAX #9, section 2.4), which plain text, attributes and SVG heed as well as HTML; text
    that runs from left to right is given back as it is. Controls that would reach beyond their own token are left out.
    """
    if text.isascii() or not _MOVES.search(text):
        return text
    if _EMBEDDINGS.search(text) or not _balanced(text):
        text = _ISOLATES.sub("", _EMBEDDINGS.sub("", text))
    if any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in _MAY_TURN.findall(text)):
        return FIRST_STRONG_ISOLATE + text + POP_ISOLATE
    return text


def _balanced(text: str) -> bool:
    depth = 0
    for control in _ISOLATES.findall(text):
        depth += -1 if control == POP_ISOLATE else 1
        if depth < 0:
            return False
    return depth == 0


@lru_cache(maxsize=1024)  # a page writes the tokens of its text dozens of times
def shown(token: str) -> str:
    """A token as it stands in a sentence, an alternative text, or a choice: visible, and isolated."""
    return isolated(edged(visible(token)))


def short(text: str, n: int = LABEL) -> str:
    """At most `n` characters, the last one being an ellipsis when something was cut. None is cut in its middle."""
    if len(text) <= n:
        return text
    found = [c if len(c) <= CLUSTER else c[:CLUSTER] for c in clusters(text[: n * CLUSTER])]
    if len(found) <= n and len(text) <= n * CLUSTER:
        return "".join(found)
    return "".join(found[: n - 1]) + "…"


@lru_cache(maxsize=1024)  # as above
def literal(text: str) -> str:
    """`text` such that Plotly shows exactly that: no markup, no formula, no colour token, one line."""
    return " ".join(shown(text).translate(_ESCAPES).split()) or " "
