"""Text as it enters, from a box, an address or a file: what reads alike is spelled alike, and measured first."""

from __future__ import annotations

import re
import unicodedata

from core.graphemes import clusters

# Letters as a font draws them, which PDFs give away in place of the letters: ligatures, forms of Arabic, and full and
# half widths. (Not ², ½ or ℝ: those say something else than 2, 1/2 and R.)
_FORMS = re.compile("[\ufb00-\ufb4f\ufb50-\ufdcf\ufe70-\ufefc\uff01-\uffee]")
_LINES = re.compile("\r\n?")
_SPACES = re.compile("[\u00a0\u2007\u202f]")  # that do not break
_MARK = "\ufeff"  # of byte order
_COMPOSED = 64  # code points of a character, more than any has: sorting a hostile heap of marks takes its square


def normalized(text: str) -> str:
    """The text in one form: NFC (UAX #15), letters for their drawn forms, \\n at a line's end, plain spaces.

    Lone surrogates, which no address can carry, become question marks. Takes time in proportion to the length.
    """
    text = _LINES.sub("\n", text)
    if text.isascii():
        return text
    text = text.encode("utf-8", "replace").decode()
    text = _SPACES.sub(" ", text).replace(_MARK, "")
    text = _FORMS.sub(_letters, text)
    if max(text, default="") < "\u0300":  # nothing to compose
        return text
    return "".join(c if len(c) > _COMPOSED else unicodedata.normalize("NFC", c) for c in clusters(text))


def _letters(form: re.Match[str]) -> str:
    letters = unicodedata.normalize("NFKC", form[0])
    return form[0] if letters.startswith(" ") else letters  # a mark that was drawn on a space
