"""What a reader takes for one character: letters with their marks, joined emoji, flags and syllables, each whole.

Unicode's extended grapheme clusters (UAX #29, revision 45, rules GB3 to GB13), with the standard library alone. Their
properties follow from the general categories that `unicodedata` knows, but for a few lists, which are written here.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

ZWJ = "\u200d"


def _class(*ranges: str) -> re.Pattern[str]:
    """Single characters out of these: "09" is from 0 to 9."""
    return re.compile(f"[{''.join(r if len(r) == 1 else f'{r[0]}-{r[1]}' for r in ranges)}]")


# Spacing marks (Mc) that join what stands before them as if they had no width: halves of vowels, and lengths.
_EXTENDING = set(
    "\u09be\u09d7\u0b3e\u0b57\u0bbe\u0bd7\u0cc2\u0cd5\u0cd6\u0d3e\u0d57\u0dcf\u0ddf\u1b35\u302e\u302f"
    "\U0001133e\U00011357\U000114b0\U000114bd\U000115af\U00011930\U0001d165"
    "\U0001d16e\U0001d16f\U0001d170\U0001d171\U0001d172"
)
# Spacing marks that stand alone: Myanmar's, Khmer's and Tai's vowels that a reader selects one by one.
_ALONE = _class(
    "\u102b", "\u102c", "\u1038", "\u1062\u1064", "\u1067\u106d", "\u1083", "\u1087\u108c", "\u108f", "\u109a\u109c",
    "\u1a61", "\u1a63", "\u1a64", "\uaa7b", "\uaa7d", "\U00011720", "\U00011721",
)  # fmt: skip
# Signs before a number or a letter that belong to it.
_PREPENDED = _class(
    "\u0600\u0605", "\u06dd", "\u070f", "\u0890\u0891", "\u08e2", "\u0d4e", "\U000110bd", "\U000110cd",
    "\U000111c2\U000111c3", "\U0001193f", "\U00011941", "\U00011a84\U00011a89", "\U00011d46",
    "\U00011f02",
)  # fmt: skip
_TAGS = _class("\U000e0020\U000e007f")
_SKIN_TONES = _class("\U0001f3fb\U0001f3ff")
_REGIONAL = _class("\U0001f1e6\U0001f1ff")
# Extended_Pictographic (emoji-data.txt): what a joiner joins.
_PICTURES = _class(
    "\u00a9", "\u00ae", "\u203c", "\u2049", "\u2122", "\u2139", "\u2194\u2199", "\u21a9\u21aa", "\u231a\u231b",
    "\u2328", "\u2388", "\u23cf", "\u23e9\u23f3", "\u23f8\u23fa", "\u24c2", "\u25aa\u25ab", "\u25b6", "\u25c0",
    "\u25fb\u25fe", "\u2600\u2605", "\u2607\u2612", "\u2614\u2685", "\u2690\u2705", "\u2708\u2712", "\u2714",
    "\u2716", "\u271d", "\u2721", "\u2728", "\u2733\u2734", "\u2744", "\u2747", "\u274c", "\u274e", "\u2753\u2755",
    "\u2757", "\u2763\u2767", "\u2795\u2797", "\u27a1", "\u27b0", "\u27bf", "\u2934\u2935", "\u2b05\u2b07",
    "\u2b1b\u2b1c", "\u2b50", "\u2b55", "\u3030", "\u303d", "\u3297", "\u3299", "\U0001f000\U0001f0ff",
    "\U0001f10d\U0001f10f", "\U0001f12f", "\U0001f16c\U0001f171", "\U0001f17e\U0001f17f", "\U0001f18e",
    "\U0001f191\U0001f19a", "\U0001f1ad\U0001f1e5", "\U0001f201\U0001f20f", "\U0001f21a", "\U0001f22f",
    "\U0001f232\U0001f23a", "\U0001f23c\U0001f23f", "\U0001f249\U0001f3fa", "\U0001f400\U0001f53d",
    "\U0001f546\U0001f64f", "\U0001f680\U0001f6ff", "\U0001f774\U0001f77f", "\U0001f7d5\U0001f7ff",
    "\U0001f80c\U0001f80f", "\U0001f848\U0001f84f", "\U0001f85a\U0001f85f", "\U0001f888\U0001f88f",
    "\U0001f8ae\U0001f8ff", "\U0001f90c\U0001f93a", "\U0001f93c\U0001f945", "\U0001f947\U0001faff",
    "\U0001fc00\U0001fffd",
)  # fmt: skip
# Scripts of India whose consonants a virama binds into one sign.
_VIRAMAS = set("\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d")
_CONSONANTS = _class(
    "\u0915\u0939", "\u0958\u095f", "\u0978\u097f", "\u0995\u09a8", "\u09aa\u09b0", "\u09b2", "\u09b6\u09b9",
    "\u09dc\u09dd", "\u09df", "\u09f0\u09f1", "\u0a95\u0aa8", "\u0aaa\u0ab0", "\u0ab2\u0ab3", "\u0ab5\u0ab9",
    "\u0af9", "\u0b15\u0b28", "\u0b2a\u0b30", "\u0b32\u0b33", "\u0b35\u0b39", "\u0b5c\u0b5d", "\u0b5f", "\u0b71",
    "\u0c15\u0c28", "\u0c2a\u0c39", "\u0c58\u0c5a", "\u0d15\u0d3a",
)  # fmt: skip


@lru_cache(maxsize=4096)
def _kind(c: str) -> str:
    """Grapheme_Cluster_Break, with what the other rules ask about: P for pictures, C for bound consonants, I viramas.

    The others: N controls, E extends, Z joins, S spacing mark, B prepended, R regional, L V T X Y of Hangul (X is LV,
    Y is LVT), O any other.
    """
    if c == ZWJ:
        return "Z"
    if c in _VIRAMAS:
        return "I"
    category = unicodedata.category(c)
    if _SKIN_TONES.match(c) or _TAGS.match(c) or c in "\u200c\uff9e\uff9f" or c in _EXTENDING:
        return "E"
    if _PREPENDED.match(c):
        return "B"
    if category in ("Mn", "Me"):
        return "E"
    if category == "Mc" or c in "\u0e33\u0eb3":
        return "O" if _ALONE.match(c) else "S"
    if category in ("Cc", "Cf", "Cs", "Zl", "Zp") or _IGNORED.match(c):
        return "N"
    if _CONSONANTS.match(c):
        return "C"
    if _REGIONAL.match(c):
        return "R"
    return _hangul(ord(c)) or ("P" if _PICTURES.match(c) else "O")


_IGNORED = _class("\ufff0\ufff8", "\U000e0000\U000e0fff")  # unassigned, and to be ignored where they stand


def _hangul(code: int) -> str:
    if 0xAC00 <= code <= 0xD7A3:
        return "Y" if (code - 0xAC00) % 28 else "X"
    if 0x1100 <= code <= 0x115F or 0xA960 <= code <= 0xA97C:
        return "L"
    if 0x1160 <= code <= 0x11A7 or 0xD7B0 <= code <= 0xD7C6:
        return "V"
    return "T" if 0x11A8 <= code <= 0x11FF or 0xD7CB <= code <= 0xD7FB else ""


# One cluster, written over the kinds of its characters: any control alone; else what is prepended, the core, and what
# extends it. The core is a flag, a Hangul syllable, pictures that are joined, consonants that are bound, or any one.
_CLUSTER = re.compile("N|B*(?:RR|L*(?:V+|XV*|Y)T*|L+|T+|P(?:[EI]*ZP)*|C(?:[EZ]*I[EIZ]*C)*|[^N])[EISZ]*")


def clusters(text: str) -> tuple[str, ...]:
    """The characters of a text, in order; together they are the text. Takes time in proportion to its length."""
    if text.isascii():
        return tuple(text) if "\r\n" not in text else tuple(re.findall(r"\r\n|.", text, re.DOTALL))
    kinds = "".join(map(_kind, text))
    found: list[str] = []
    for cluster in _CLUSTER.finditer(kinds):  # one begins where another ends: any character is at least one alone
        characters = text[cluster.start() : cluster.end()]
        if characters == "\n" and found and found[-1] == "\r":
            found[-1] = "\r\n"
        else:
            found.append(characters)
    return tuple(found)
